//! A data directory made by `init` and worked on by the commands, offline and while it serves: holders,
//! histories, authors, the lock. No mail here: that is for the journeys.

#![allow(clippy::unwrap_used)]

use ceralacca_admin::appliance::Appliance;
use ceralacca_admin::cli::Arguments;
use ceralacca_admin::command;
use ceralacca_admin::report::{Failure, Report, Voice};
use ceralacca_core::disk::DataFolder;
use clap::Parser;
use serde_json::json;

struct Provider {
    folder: tempfile::TempDir,
}

impl Provider {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("password"), "una parola d'ordine\n").unwrap();
        let provider = Self { folder };
        provider
            .run("init --provider Prova --domain pec.test --domain altra.test --scanner none --free-ports")
            .unwrap();
        provider
    }

    fn data(&self) -> DataFolder {
        DataFolder(self.folder.path().join("data"))
    }

    fn run(&self, line: &str) -> Result<Report, Failure> {
        let password = self.folder.path().join("password");
        let line = line.replace("PASSWORD", password.to_str().unwrap());
        let data = self.data().0;
        let mut words = vec!["ceralacca", "--data", data.to_str().unwrap()];
        words.extend(line.split(' '));
        let arguments = Arguments::try_parse_from(words).unwrap();
        command::run(arguments, Voice { json: true })
    }

    fn refusal(&self, line: &str) -> String {
        self.run(line).unwrap_err().to_string()
    }
}

#[test]
fn ac_09_holder_data_and_history_are_kept_with_their_author() {
    let provider = Provider::new();
    provider
        .run("mailbox add anna@pec.test --password-file PASSWORD --holder Anna --tax-code X1")
        .unwrap();
    provider
        .run("mailbox holder anna@pec.test --holder-kind body --contact 06-1 --document CI-7")
        .unwrap();
    provider.run("mailbox suspend anna@pec.test").unwrap();
    let shown = provider.run("mailbox show anna@pec.test").unwrap().object;
    assert_eq!(
        shown["holder"],
        json!({ "kind": "body", "name": "Anna", "tax_code": "X1",
                "contacts": ["06-1"], "documents": ["CI-7"] })
    );
    assert_eq!(shown["state"], "suspended");
    let history = provider
        .run("mailbox history anna@pec.test")
        .unwrap()
        .object;
    let changes = history["history"].as_array().unwrap();
    assert_eq!(changes.len(), 3, "{history}");
    let author = format!("operator uid {}", rustix::process::geteuid().as_raw());
    assert!(
        changes.iter().all(|change| change["author"] == author),
        "{history}"
    );
    assert!(!history.to_string().contains("argon2id"), "{history}");
}

#[test]
fn ac_10_a_name_is_taken_whatever_its_case_and_needs_a_domain_of_ours() {
    let provider = Provider::new();
    provider.run("mailbox add anna@pec.test").unwrap();
    let taken = provider.refusal("mailbox add Anna@PEC.test");
    assert!(taken.contains("exists already"), "{taken}");
    provider.run("mailbox add anna@altra.test").unwrap();
    assert!(provider.run("mailbox add anna@altrove.test").is_err());
    provider.run("mailbox close anna@altra.test").unwrap();
    assert!(provider.run("mailbox add anna@altra.test").is_err());
}

#[test]
fn while_it_serves_commands_go_through_the_socket_and_a_second_owner_is_refused() {
    let provider = Provider::new();
    let serving = Appliance::open(&provider.data()).unwrap().serve().unwrap();
    provider
        .run("mailbox add anna@pec.test --quota 5000")
        .unwrap();
    let mut rows = serving.appliance().state().view().mailboxes();
    rows.retain(|row| !row.service);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows.first().unwrap().quota, 5000);
    let refused = provider.refusal("serve");
    assert!(refused.contains("one process owns"), "{refused}");
    assert!(provider.run("check").unwrap().object["running"] == json!(true));
    serving.stop();
    let listed = provider.run("mailbox list").unwrap().object;
    assert_eq!(listed["mailboxes"][0]["address"], "anna@pec.test");
}

#[test]
fn an_appliance_that_holds_the_lock_and_does_not_answer_is_unreachable() {
    let provider = Provider::new();
    let _opened = Appliance::open(&provider.data()).unwrap();
    let failure = provider.run("mailbox list").unwrap_err();
    assert!(matches!(failure, Failure::Unreachable(_)), "{failure}");
}

#[test]
fn init_that_fails_leaves_nothing_and_never_runs_twice() {
    let provider = Provider::new();
    let again = "init --provider Prova --domain pec.test --scanner none";
    assert!(provider.refusal(again).contains("initialised already"));
    let other = tempfile::tempdir().unwrap();
    let data = other.path().join("data");
    let line = format!(
        "ceralacca --data {} init --domain pec.test --scanner none --port-base 65000 --provider P",
        data.display()
    );
    let arguments = Arguments::try_parse_from(line.split(' ')).unwrap();
    let refused = command::run(arguments, Voice { json: true }).unwrap_err();
    assert!(refused.to_string().contains("port_base"), "{refused}");
    let left: Vec<_> = std::fs::read_dir(&data).unwrap().collect();
    assert_eq!(left.len(), 1, "only LOCK: {left:?}");
}

#[test]
fn mx_01_mx_03_mx_04_mx_08_ordinary_mail_is_what_the_mailbox_says() {
    let provider = Provider::new();
    provider.run("mailbox add anna@pec.test").unwrap();
    let shown = provider.run("mailbox show anna@pec.test").unwrap();
    assert_eq!(shown.object["ordinary"], json!({ "policy": "reject" }));
    assert!(
        shown.words.contains("ordinary mail: reject"),
        "{}",
        shown.words
    );
    let forward = "mailbox ordinary anna@pec.test forward";
    let set = provider
        .run(&format!("{forward} anna@ordinaria.test"))
        .unwrap();
    let expected = json!({ "policy": "forward", "target": "anna@ordinaria.test" });
    assert_eq!(set.object["ordinary"], expected);
    let set = provider.run(&format!("{forward} anna@pec.test")).unwrap();
    assert_eq!(set.object["ordinary"], json!({ "policy": "accept" }));
    let refused = provider.refusal("mailbox ordinary anna@pec.test reject b@pec.test");
    assert!(refused.contains("target"), "{refused}");
    let refused = provider.refusal(&format!("{forward} nobody@pec.test"));
    assert!(refused.contains("no mailbox"), "{refused}");
    let history = provider
        .run("mailbox history anna@pec.test")
        .unwrap()
        .object;
    let changes = history["history"].as_array().unwrap();
    assert_eq!(changes.len(), 3, "{history}");
    assert_eq!(changes[2]["what"], "ordinary mail: accept");
}

#[test]
fn tc_08_the_service_mailbox_is_there_hidden_and_stays_in_service() {
    let provider = Provider::new();
    let listed = provider.run("mailbox list").unwrap().object;
    assert_eq!(listed["mailboxes"], json!([]));
    let listed = provider.run("mailbox list --service").unwrap();
    let service = "posta-certificata@pec.test";
    assert_eq!(listed.object["mailboxes"][0]["address"], service);
    assert_eq!(listed.object["mailboxes"][0]["service"], json!(true));
    assert!(
        listed.words.contains("active (service)"),
        "{}",
        listed.words
    );
    for order in ["close", "suspend"] {
        let refused = provider.refusal(&format!("mailbox {order} {service}"));
        assert!(refused.contains("service mailbox"), "{refused}");
    }
    let listed = provider.run("mailbox list --service").unwrap().object;
    assert_eq!(listed["mailboxes"].as_array().unwrap().len(), 1);
}

#[test]
fn lists_are_in_pages() {
    let provider = Provider::new();
    for name in ["c", "a", "b"] {
        provider
            .run(&format!("mailbox add {name}@pec.test"))
            .unwrap();
    }
    let first = provider.run("mailbox list --limit 2").unwrap().object;
    assert_eq!(first["more"], json!(true));
    assert_eq!(first["mailboxes"][1]["address"], "b@pec.test");
    let rest = provider
        .run("mailbox list --after b@pec.test")
        .unwrap()
        .object;
    assert_eq!(rest["more"], json!(false));
    assert_eq!(rest["mailboxes"][0]["address"], "c@pec.test");
}
