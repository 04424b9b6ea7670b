//! `ceralacca conformance` against our own appliance: a healthy one passes every check, each fault of
//! the broken one fails exactly the checks that it should, and no check is vacuous: a doctored message
//! shows each of them failing.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod doctored;
mod resign;
mod surgery;

use std::collections::BTreeSet;
use std::path::PathBuf;

use ceralacca_core::address::{Address, Domain};
use ceralacca_core::directory::{ProviderRecord, write};
use ceralacca_core::smime::certificate;
use ceralacca_tests::appliance::{Appliance, DOMAIN, PASSWORD, PROVIDER, SERVICE_ADDRESS};
use ceralacca_tests::program::{arg, run_well, said};

/// Two mailboxes of an appliance, and the settings that name them.
struct Subject {
    sender: String,
    recipient: String,
    settings: PathBuf,
}

impl Subject {
    fn of(appliance: &Appliance, limits: &str) -> Self {
        let [sender, recipient] =
            ["mittente", "destinatario"].map(|n| appliance.mailbox(n).address);
        let anchors = appliance.anchors();
        let index = appliance.write_beside("index.ldif", &index(appliance));
        let text = format!(
            "anchors = {anchors:?}\ntrust = {anchors:?}\ndirectory = {index:?}\n\
             [submission]\nhost = \"localhost\"\nport = {}\ntls = \"starttls\"\n\
             [imap]\nhost = \"localhost\"\nport = {}\n\
             [[mailbox]]\naddress = \"{sender}\"\npassword-file = \"password\"\n\
             [[mailbox]]\naddress = \"{recipient}\"\npassword-file = \"password\"\n\
             [external]\naddress = \"fuori@ordinaria.example\"\n\
             [limits]\npatience-s = 60\n{limits}\n",
            appliance.port(587),
            appliance.port(993),
        );
        let settings = appliance.write_beside("conformance.toml", text.as_bytes());
        Self {
            sender,
            recipient,
            settings,
        }
    }
}

/// An index with one provider: the appliance, as it says of itself.
fn index(appliance: &Appliance) -> Vec<u8> {
    write(None, &[record(appliance)]).expect("an index")
}

fn record(appliance: &Appliance) -> ProviderRecord {
    let chain = std::fs::read(appliance.data().join("keys/signing.pem")).expect("a certificate");
    let leaf = certificate::read_file(&chain).expect("PEM").remove(0);
    ProviderRecord {
        name: PROVIDER.to_owned(),
        unit: None,
        mail_receipt: Some(Address::parse(SERVICE_ADDRESS).unwrap()),
        domains: vec![Domain::parse(DOMAIN).unwrap()],
        certificates: vec![leaf],
        ldif_url: Some("https://index.pec.test/pec.p7m".to_owned()),
        description: None,
    }
}

/// What a run said, and its identifiers by verdict.
struct Run {
    object: serde_json::Value,
    code: Option<i32>,
}

impl Run {
    fn of(appliance: &Appliance, arguments: &[&str]) -> Self {
        let mut all = vec!["conformance", "--json"];
        all.extend(arguments);
        let output = appliance.command(&all);
        assert!(!said(&output).contains(PASSWORD), "a password was printed");
        let text = String::from_utf8_lossy(&output.stdout);
        let object =
            serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {}", said(&output)));
        Self {
            object,
            code: output.status.code(),
        }
    }

    fn ids(&self, verdict: &str) -> BTreeSet<String> {
        let checks = self.object["checks"].as_array().expect("checks");
        let of = checks.iter().filter(|check| check["verdict"] == verdict);
        of.map(|check| check["id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// What was said of those that failed or should have.
    fn told(&self, expected: &[&str]) -> String {
        let ids = self
            .ids("fail")
            .into_iter()
            .chain(expected.iter().map(|id| (*id).to_owned()));
        ids.map(|id| format!("{id}: {}\n", self.evidence(&id)))
            .collect()
    }

    fn evidence(&self, id: &str) -> String {
        let checks = self.object["checks"].as_array().expect("checks");
        let found = checks.iter().find(|check| check["id"] == id);
        found.unwrap_or_else(|| panic!("no {id}"))["evidence"].to_string()
    }
}

fn set(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[test]
fn a_healthy_provider_passes_every_check_and_the_reports_are_readable() {
    let appliance = Appliance::start();
    let subject = Subject::of(&appliance, "");
    let [junit, html, evidence] =
        ["junit.xml", "report.html", "evidence"].map(|name| appliance.beside(name));
    let run = Run::of(
        &appliance,
        &[
            "--config",
            arg(&subject.settings),
            "--junit",
            arg(&junit),
            "--html",
            arg(&html),
            "--evidence",
            arg(&evidence),
        ],
    );
    for verdict in ["fail", "error", "not applicable"] {
        assert_eq!(run.ids(verdict), set(&[]), "{}", run.told(&[]));
    }
    assert_eq!(run.code, Some(0));
    let passed = run.ids("pass").len();
    assert!(passed >= 100, "{passed}");

    run_well("xmllint", &["--noout", arg(&junit)]);
    let count = run_well("xmllint", &["--xpath", "count(//testcase)", arg(&junit)]);
    assert_eq!(count.trim(), passed.to_string());
    let totals = run_well(
        "xmllint",
        &["--xpath", "string(//testsuite/@failures)", arg(&junit)],
    );
    assert_eq!(totals.trim(), "0");

    let page = std::fs::read_to_string(&html).unwrap();
    assert!(run.ids("pass").iter().all(|id| page.contains(id)), "{page}");
    for outside in [
        "http:", "https:", "src=", "href=", "url(", "<script", PASSWORD,
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
    let kept = evidence.join("standard/sender-1.eml");
    let kept = std::fs::read(&kept).unwrap_or_else(|e| panic!("{}: {e}", kept.display()));
    assert!(ceralacca_tests::message::find(&kept, b"X-Ricevuta: accettazione").is_some());
}

#[test]
fn some_checks_alone_with_flags_in_place_of_a_file() {
    let appliance = Appliance::shared();
    let subject = Subject::of(appliance, "");
    let [submission, imap] = [465, 993].map(|usual| format!("localhost:{}", appliance.port(usual)));
    let (anchors, password) = (appliance.anchors(), appliance.beside("password"));
    let run = Run::of(
        appliance,
        &[
            "--submission",
            &submission,
            "--imap",
            &imap,
            "--anchors",
            arg(&anchors),
            "--trust",
            arg(&anchors),
            "--sender",
            &subject.sender,
            "--sender-password-file",
            arg(&password),
            "--recipient",
            &subject.recipient,
            "--recipient-password-file",
            arg(&password),
            "--only",
            "AP-01,dr-13",
        ],
    );
    assert_eq!(run.ids("pass"), set(&["AP-01", "DR-13"]), "{}", run.object);
    assert_eq!(run.code, Some(0));
}

#[test]
fn wrong_usage_is_told_and_the_list_needs_no_provider() {
    let appliance = Appliance::shared();
    let output = appliance.command(&["conformance", "--only", "XX-99"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("XX-99"), "{}", said(&output));
    let output = appliance.command(&["conformance"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    let list = appliance.well(&["conformance", "--list"]);
    assert!(
        list.lines().count() >= 100 && list.contains("DR-13"),
        "{list}"
    );
}

/// A fault, what else its run needs, the checks that fail, and a word of the evidence of one of them.
struct Switch {
    fault: &'static str,
    more: &'static [&'static str],
    limits: &'static str,
    fails: &'static [&'static str],
    evidence: (&'static str, &'static str),
}

const NO_LARGE: &str = "large = false";

impl Switch {
    /// Runs the check list; fails unless exactly the expected checks failed.
    fn check(&self) -> Run {
        let appliance = Appliance::broken(self.fault, self.more);
        assert!(
            appliance.log().contains("BROKEN ON PURPOSE"),
            "{}",
            appliance.log()
        );
        let limits = format!("{NO_LARGE}\n{}", self.limits);
        let subject = Subject::of(&appliance, &limits);
        let run = Run::of(&appliance, &["--config", arg(&subject.settings)]);
        assert_eq!(run.ids("fail"), set(self.fails), "{}", run.told(self.fails));
        assert_eq!(
            run.ids("not applicable"),
            set(&["AP-09", "AP-10"]),
            "{}",
            run.object
        );
        assert_eq!(run.code, Some(1));
        let (id, word) = self.evidence;
        assert!(run.evidence(id).contains(word), "{}", run.evidence(id));
        run
    }

    /// As [`Self::check`], where every other check could be made and passed.
    fn check_alone(&self) {
        assert_eq!(self.check().ids("error"), set(&[]), "{}", self.fault);
    }
}

#[test]
fn a_late_receipt_fails_the_term_alone() {
    Switch {
        fault: "late-receipt",
        more: &["--late-seconds", "7"],
        limits: "acceptance-s = 5",
        fails: &["AP-27"],
        evidence: ("AP-27", "5 s are promised"),
    }
    .check_alone();
}

#[test]
fn a_wrong_hash_fails_the_checks_of_hashes_alone() {
    Switch {
        fault: "wrong-hash",
        more: &[],
        limits: "",
        fails: &["DR-11", "DR-13"],
        evidence: ("DR-13", "its octets give"),
    }
    .check_alone();
}

#[test]
fn an_altered_envelope_fails_the_checks_of_signatures_alone() {
    Switch {
        fault: "altered-envelope",
        more: &[],
        limits: "",
        fails: &["IP-04", "SG-16"],
        evidence: ("SG-16", "differs from what was signed"),
    }
    .check_alone();
}

#[test]
fn a_foreign_signer_fails_path_and_index_alone() {
    Switch {
        fault: "foreign-signer",
        more: &[],
        limits: "",
        fails: &["IP-03", "IP-04", "IP-06"],
        evidence: ("IP-04", "does not lead to a trusted authority"),
    }
    .check_alone();
}

#[test]
fn an_expired_certificate_fails_dates_and_index_alone() {
    Switch {
        fault: "expired-certificate",
        more: &[],
        limits: "",
        fails: &["IP-03", "IP-04", "IP-06"],
        evidence: ("IP-04", "had expired"),
    }
    .check_alone();
}

#[test]
fn missing_certification_data_fail_what_asks_for_them_and_the_rest_says_why_it_cannot_look() {
    let run = Switch {
        fault: "missing-daticert",
        more: &[],
        limits: "",
        fails: &[
            "AP-14", "AP-20", "CD-01", "DR-07", "DR-08", "DR-09", "DR-18", "IP-05", "ND-03",
            "SG-02", "TE-09",
        ],
        evidence: ("SG-02", "daticert.xml: 0"),
    }
    .check();
    for id in run.ids("error") {
        let why = run.evidence(&id);
        assert!(
            why.contains("holds no readable daticert.xml"),
            "{id}: {why}"
        );
    }
    // What does not look at them is judged all the same.
    for id in [
        "AP-13", "AP-19", "DR-03", "DR-10", "DR-13", "SG-16", "IP-04", "TE-04", "TE-10",
    ] {
        assert!(run.ids("pass").contains(id), "{id}: {}", run.evidence(id));
    }
}

#[test]
fn a_provider_is_never_broken_by_serve_nor_with_a_token() {
    let appliance = Appliance::initialised(&[]);
    let output = appliance.command(&["serve", "--broken", "wrong-hash"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    let token = ceralacca_tests::token::TokenFolder::new();
    let appliance = Appliance::with_token(&token);
    let why = appliance.refused(&["sandbox", "serve", "--broken", "wrong-hash"]);
    assert!(why.contains("never with a token"), "{why}");
}
