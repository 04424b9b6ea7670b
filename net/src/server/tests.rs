//! A server on loopback with a real state on a real folder; no certifier runs, so what was taken in can
//! be counted in the view.

use std::sync::Arc;

use ceralacca_core::address::{Address, Domain};
use ceralacca_core::disk::DataFolder;
use ceralacca_core::disk::real::RealDisk;
use ceralacca_core::journal::record::Submitted;
use ceralacca_core::login::{LoginRoom, Protocol, Protocols};
use ceralacca_core::owner::{Command, RegistryOrder};
use ceralacca_core::policy::Policy;
use ceralacca_core::ports::SystemClock;
use ceralacca_core::registry::{AccessOrder, Holder, HolderKind, MailboxState, Passwords};
use ceralacca_core::state::{Options, State};
use tempfile::TempDir;

use self::incoming::Judge;
use super::*;
use crate::testing::{self, Client, Tls};

mod imap;
mod incoming;
mod pop3;

const ROSSI: &str = "rossi@pec.example";
/// `\0rossi@pec.example\0correct horse`
const SIGN_IN: &str = "AUTH PLAIN AHJvc3NpQHBlYy5leGFtcGxlAGNvcnJlY3QgaG9yc2U=";

/// Argon2id of `correct horse`, with less memory and time than real ones so that tests may sign in often.
const HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$M7jw0GQI4Kfcxf+xPldfNRYttP89scc9XVAYAcaZ0U0";

struct House {
    state: Arc<State>,
    examiner: Arc<Judge>,
    running: Running,
    login: Arc<LoginRoom>,
    tls: Tls,
    _folder: TempDir,
}

fn order(state: &State, order: RegistryOrder) {
    let command = Command::Registry(order, "test".to_owned());
    state.ask(command).expect("the order is obeyed");
}

fn login(state: &Arc<State>) -> Arc<LoginRoom> {
    LoginRoom::new(Arc::clone(state), Passwords::spawn(1).expect("threads"))
}

fn house() -> House {
    house_on(2)
}

fn house_on(rings: usize) -> House {
    house_with(rings, Policy::default())
}

fn house_with(rings: usize, policy: Policy) -> House {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options::new(
        Arc::new(RealDisk),
        DataFolder(folder.path().to_owned()),
        Arc::new(SystemClock),
        Arc::new(|sentence| panic!("{sentence}")),
    );
    let options = Options {
        disk_reserve_bytes: 0,
        policy,
        ..options
    };
    let state = State::open(options).expect("opened");
    order(
        &state,
        RegistryOrder::SetProvider {
            name: "Example".to_owned(),
            domain: Domain::parse("pec.example").expect("valid"),
            host: "mail.pec.example".to_owned(),
        },
    );
    order(
        &state,
        RegistryOrder::AddMailbox {
            address: Address::parse(ROSSI).expect("valid"),
            holder: Holder {
                kind: HolderKind::Person,
                name: "Mario Rossi".to_owned(),
                tax_code: None,
                contacts: Vec::new(),
                documents: Vec::new(),
            },
            password: Some(HASH.to_owned()),
            quota: None,
        },
    );
    let login = login(&state);
    let tls = testing::tls();
    let examiner = Arc::<Judge>::default();
    let any = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
    // Nobody answers there, and at once.
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
    let running = serve(Server {
        state: Arc::clone(&state),
        tls: Arc::clone(&tls.server),
        login: Arc::clone(&login),
        host: "mail.pec.example".to_owned(),
        examiner: Arc::clone(&examiner) as Arc<dyn Examiner>,
        dns: Some(nowhere),
        listeners: Listeners {
            incoming: any.clone(),
            submission: any.clone(),
            submissions: any.clone(),
            imaps: any.clone(),
            pop3s: any,
        },
        rings,
    })
    .expect("serving");
    House {
        state,
        examiner,
        running,
        login,
        tls,
        _folder: folder,
    }
}

impl House {
    fn submissions(&self) -> Client {
        let mut client = Client::tls(self.running.addresses().submissions[0], &self.tls);
        assert!(client.reply().starts_with("220 mail.pec.example"));
        assert_eq!(client.ask("EHLO pc.example"), "250 HELP");
        client
    }

    fn signed_in(&self) -> Client {
        let mut client = self.submissions();
        assert!(client.ask(SIGN_IN).starts_with("235 2.7.0"));
        client
    }

    fn access(&self, access: AccessOrder) {
        let address = Address::parse(ROSSI).expect("valid");
        order(&self.state, RegistryOrder::Access(address, access));
    }

    fn taken_in(&self) -> Vec<Arc<Submitted>> {
        let all = |work: &ceralacca_core::view::memory::OpenWork| {
            work.submissions.values().cloned().collect()
        };
        self.state.view().with_work(all)
    }
}

fn paths(client: &mut Client) {
    assert!(
        client
            .ask("MAIL FROM:<rossi@pec.example>")
            .starts_with("250 2.1.0")
    );
    assert!(
        client
            .ask("RCPT TO:<nobody@pec.example>")
            .starts_with("250 2.1.5")
    );
}

#[test]
fn ac_01_ap_22_ap_30_who_is_told_250_finds_his_message_in_the_state() {
    let house = house();
    let mut client = house.signed_in();
    for length in [0, 3, 60_000] {
        paths(&mut client);
        assert!(client.ask("DATA").starts_with("354"));
        let text = "0123456789abcdef0123456789abcdef\r\n".repeat(length);
        let before = house.taken_in().len();
        let reply = client.ask(&format!("{text}."));
        let identifier = reply
            .strip_prefix("250 2.0.0 Ok: queued as ")
            .expect(&reply);
        let taken_in = house.taken_in();
        assert_eq!(taken_in.len(), before + 1);
        let found = taken_in
            .iter()
            .find(|s| s.identifier.as_str() == identifier);
        let body = found.expect("under its identifier").body;
        let stored = house.state.blobs().read(body, 1 << 30).expect("read");
        assert_eq!(stored, text.as_bytes());
    }
    house.running.stop();
}

#[test]
fn ac_04_the_other_port_signs_in_after_starttls_only_and_takes_chunks() {
    let house = house();
    let mut client = Client::plain(house.running.addresses().submission[0]);
    client.reply();
    assert_eq!(client.ask("EHLO pc.example"), "250 HELP");
    assert!(client.ask(SIGN_IN).starts_with("530 5.7.0"));
    assert!(client.ask("STARTTLS").starts_with("220"));
    let mut client = client.start_tls(&house.tls);
    assert_eq!(client.ask("EHLO pc.example"), "250 HELP");
    assert!(client.ask(SIGN_IN).starts_with("235"));
    paths(&mut client);
    client.send("BDAT 5\r\nab\r\n\nBDAT 3 LAST\r\nQUI");
    assert!(client.reply().starts_with("554 5.6.0"), "a bare LF");
    assert!(
        client.reply().starts_with("503 5.5.1"),
        "no transaction is left"
    );
    paths(&mut client);
    client.send("BDAT 5\r\nab\r\n\rBDAT 3 LAST\r\n\ncd");
    assert_eq!(client.reply(), "250 2.0.0 5 octets received");
    assert!(client.reply().starts_with("250 2.0.0 Ok: queued"));
    assert_eq!(house.taken_in().len(), 1);
    house.running.stop();
}

#[test]
fn ap_22_what_breaks_before_its_end_queues_nothing() {
    let house = house();
    let mut client = house.signed_in();
    paths(&mut client);
    assert!(client.ask("DATA").starts_with("354"));
    client.send(vec![b'x'; 300_000]);
    drop(client);
    // The stop waits for all connections.
    let (state, blobs) = (
        Arc::clone(&house.state),
        house.state.blobs().folder().to_owned(),
    );
    house.running.stop();
    assert!(state.view().with_work(|work| work.submissions.is_empty()));
    assert_eq!(std::fs::read_dir(blobs).expect("a folder").count(), 0);
}

#[test]
fn wrong_names_and_passwords_are_refused_alike_and_a_suspended_mailbox_is_told() {
    let house = house();
    let mut client = house.submissions();
    assert!(
        client
            .ask("AUTH PLAIN AHJvc3NpQHBlYy5leGFtcGxlAHdyb25nIGhvcnNl")
            .starts_with("535 5.7.8")
    );
    assert!(
        client
            .ask("AUTH PLAIN AG5vYm9keUBwZWMuZXhhbXBsZQB4")
            .starts_with("535 5.7.8")
    );
    let address = Address::parse(ROSSI).expect("valid");
    order(
        &house.state,
        RegistryOrder::SetState(address, MailboxState::Suspended),
    );
    assert!(client.ask(SIGN_IN).starts_with("525 5.7.13"));
    house.running.stop();
}

#[test]
fn ac_14_submission_switched_off_is_told_and_ends_open_sessions_at_their_next_message() {
    let house = house();
    let mut inside = house.signed_in();
    let off = Protocols::default().with(Protocol::Submission, false);
    house.access(AccessOrder::SetProtocols(off));
    paths(&mut inside);
    assert!(inside.ask("DATA").starts_with("550 5.7.13"));
    let mut client = house.submissions();
    assert!(client.ask(SIGN_IN).starts_with("525 5.7.13"));
    house.access(AccessOrder::SetProtocols(Protocols::default()));
    assert!(client.ask(SIGN_IN).starts_with("235 2.7.0"));
    paths(&mut inside);
    assert!(
        inside.ask("DATA").starts_with("354"),
        "it may stay after all"
    );
    assert!(inside.ask(".").starts_with("250"));
    house.running.stop();
}

#[test]
fn se_10_a_mailbox_has_its_rate_and_so_has_a_source() {
    let policies = [(3, 100), (100, 3)];
    for (submissions_per_minute_max, source_submissions_per_minute_max) in policies {
        let house = house_with(
            2,
            Policy {
                submissions_per_minute_max,
                source_submissions_per_minute_max,
                ..Policy::default()
            },
        );
        // Over all rings and connections together.
        for n in 0..4 {
            let mut client = house.signed_in();
            paths(&mut client);
            let reply = client.ask("DATA");
            if n < 3 {
                assert!(reply.starts_with("354"), "{reply}");
                assert!(client.ask(".").starts_with("250"));
            } else {
                assert!(reply.starts_with("450 4.7.1"), "{reply}");
            }
        }
        house.running.stop();
    }
}

#[test]
fn se_10_a_source_has_its_rate_of_sign_ins() {
    let policy = Policy {
        sign_ins_per_minute_max: 2,
        ..Policy::default()
    };
    let house = house_with(1, policy);
    drop((house.signed_in(), house.signed_in()));
    let mut client = house.submissions();
    assert!(client.ask(SIGN_IN).starts_with("454 4.7.0"));
    house.running.stop();
}

#[test]
fn a_stop_lets_the_message_under_way_end_and_says_goodbye() {
    let house = house();
    let (mut idle, mut busy) = (house.submissions(), house.signed_in());
    paths(&mut busy);
    assert!(busy.ask("DATA").starts_with("354"));
    busy.send("a\r\n");
    let state = Arc::clone(&house.state);
    let address = house.running.addresses().submissions[0];
    let stopping = std::thread::spawn(move || house.running.stop());
    assert!(idle.reply().starts_with("421 4.3.2"));
    assert!(busy.ask(".").starts_with("250 2.0.0 Ok: queued"));
    assert!(busy.reply().starts_with("421 4.3.2"));
    stopping.join().expect("stopped");
    assert_eq!(state.view().with_work(|work| work.submissions.len()), 1);
    assert!(
        std::net::TcpStream::connect(address).is_err(),
        "no listener is left"
    );
}

#[test]
fn an_address_in_use_is_named() {
    let house = house();
    let taken = house.running.addresses().imaps[0];
    let refused = serve(Server {
        state: Arc::clone(&house.state),
        examiner: Arc::<Judge>::default(),
        dns: None,
        tls: Arc::clone(&house.tls.server),
        login: login(&house.state),
        host: "mail.pec.example".to_owned(),
        listeners: Listeners {
            imaps: vec![taken],
            ..Listeners::default()
        },
        rings: 1,
    });
    let sentence = refused.err().expect("refused").to_string();
    assert!(sentence.contains(&taken.to_string()), "{sentence}");
    house.running.stop();
}
