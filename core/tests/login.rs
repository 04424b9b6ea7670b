//! The login room over a simulated disk, with a clock that is set: one room for all protocols.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::channel;

use ceralacca_core::address::{Address, Domain};
use ceralacca_core::disk::{DataFolder, SimDisk};
use ceralacca_core::instant::Instant;
use ceralacca_core::limits;
use ceralacca_core::login::app_password::Fresh;
use ceralacca_core::login::two_step::TotpSecret;
use ceralacca_core::login::{
    Attempt, Credential, Entry, LoginRoom, Protocol, Protocols, Refusal, Source,
};
use ceralacca_core::owner::{Command, CommandError, Outcome, RegistryOrder};
use ceralacca_core::ports::Clock;
use ceralacca_core::registry::{
    AccessOrder, Holder, HolderKind, MailboxRow, MailboxState, Passwords, hash,
};
use ceralacca_core::state::{Options, State};
use zeroize::Zeroizing;

/// Argon2id of `correct horse`, with less memory and time than real ones.
const HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$M7jw0GQI4Kfcxf+xPldfNRYttP89scc9XVAYAcaZ0U0";
const RIGHT: &str = "correct horse";
const ANNA: &str = "anna@pec.test";
const HOME: &str = "192.0.2.1";
const AWAY: &str = "198.51.100.7";

#[derive(Default)]
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Instant {
        Instant::from_millis(1_800_000_000_000 + self.0.load(Ordering::Acquire))
    }
}

struct House {
    state: Arc<State>,
    clock: Arc<SetClock>,
    room: Arc<LoginRoom>,
}

impl House {
    fn new() -> Self {
        let clock = Arc::new(SetClock::default());
        let mut options = Options::new(
            Arc::new(SimDisk::new()),
            DataFolder(PathBuf::from("/data")),
            clock.clone(),
            Arc::new(|sentence: &str| panic!("{sentence}")),
        );
        options.keep_views = false;
        let state = State::open(options).unwrap();
        let room = LoginRoom::new(state.clone(), Passwords::spawn(2).unwrap());
        let house = Self { state, clock, room };
        let provider = RegistryOrder::SetProvider {
            name: "Prova".to_owned(),
            domain: Domain::parse("pec.test").unwrap(),
            host: "mail.pec.test".to_owned(),
        };
        house.order(provider).unwrap();
        for text in [ANNA, "berto@pec.test"] {
            let add = RegistryOrder::AddMailbox {
                address: Address::parse(text).unwrap(),
                holder: Holder {
                    kind: HolderKind::Person,
                    name: "Anna".to_owned(),
                    tax_code: None,
                    contacts: Vec::new(),
                    documents: Vec::new(),
                },
                password: Some(HASH.to_owned()),
                quota: None,
            };
            house.order(add).unwrap();
        }
        house
    }

    fn order(&self, order: RegistryOrder) -> Result<Outcome, CommandError> {
        self.state.ask(Command::Registry(order, "test".to_owned()))
    }

    fn access(&self, order: AccessOrder) -> Result<Outcome, CommandError> {
        self.order(RegistryOrder::Access(Address::parse(ANNA).unwrap(), order))
    }

    fn row(&self) -> Arc<MailboxRow> {
        let address = Address::parse(ANNA).unwrap();
        self.state.view().mailbox_of(&address).unwrap()
    }

    fn sign_in(
        &self,
        name: &str,
        password: &str,
        over: Protocol,
        from: &str,
    ) -> Result<Entry, Refusal> {
        let attempt = Attempt {
            name: name.to_owned(),
            password: Zeroizing::new(password.as_bytes().to_vec()),
            protocol: over,
            source: Source(from.into()),
        };
        let (told, answer) = channel();
        let reply = Box::new(move |answer| drop(told.send(answer)));
        self.room.sign_in(attempt, reply);
        answer.recv().unwrap()
    }

    fn imap(&self, password: &str) -> Result<Entry, Refusal> {
        self.sign_in(ANNA, password, Protocol::Imap, HOME)
    }

    fn refusal(&self, password: &str, over: Protocol) -> Option<Refusal> {
        self.sign_in(ANNA, password, over, HOME).err()
    }

    fn pass(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::AcqRel);
    }

    fn app_password(&self, name: &str, protocols: Protocols) -> Zeroizing<String> {
        let fresh = Fresh::draw();
        self.access(AccessOrder::AddAppPassword {
            name: name.to_owned(),
            mark: fresh.mark.clone(),
            hash: hash(fresh.plain.as_bytes()).unwrap(),
            protocols,
        })
        .unwrap();
        fresh.shown()
    }
}

#[test]
fn ac_05_the_full_address_in_any_case_and_the_password_open_over_every_protocol() {
    let house = House::new();
    for over in Protocol::ALL {
        let entry = house.sign_in("ANNA@pec.test", RIGHT, over, HOME).unwrap();
        assert_eq!(
            (entry.row.address.as_str(), entry.by),
            (ANNA, Credential::Password)
        );
        for (name, password) in [
            (ANNA, "wrong horse"),
            ("anna", RIGHT),
            ("", ""),
            ("nobody@pec.test", RIGHT),
        ] {
            let refused = house.sign_in(name, password, over, AWAY).err();
            assert_eq!(refused, Some(Refusal::Wrong), "{name} {password}");
        }
        house.pass(11 * 60_000);
    }
}

#[test]
fn ac_14_what_is_switched_off_is_refused_to_who_has_the_password_and_ends_who_is_in() {
    let house = House::new();
    let inside = house.imap(RIGHT).unwrap();
    let sender = house
        .sign_in(ANNA, RIGHT, Protocol::Submission, HOME)
        .unwrap();
    let off = Protocols::default().with(Protocol::Imap, false);
    house.access(AccessOrder::SetProtocols(off)).unwrap();
    assert_eq!(
        house.refusal(RIGHT, Protocol::Imap),
        Some(Refusal::SwitchedOff)
    );
    assert_eq!(house.refusal("wrong", Protocol::Imap), Some(Refusal::Wrong));
    assert_eq!(house.refusal(RIGHT, Protocol::Submission), None);
    assert_eq!(house.refusal(RIGHT, Protocol::Pop3), None);
    let view = house.state.view();
    assert!(!inside.holds(view) && sender.holds(view));
    let again = house.access(AccessOrder::SetProtocols(off)).unwrap();
    assert_eq!(again, Outcome::Already);
    house
        .access(AccessOrder::SetProtocols(Protocols::default()))
        .unwrap();
    assert_eq!(house.refusal(RIGHT, Protocol::Imap), None);
    let history = view.history(house.row().id);
    let said: Vec<_> = history.iter().map(|change| change.what.as_str()).collect();
    assert_eq!(
        said,
        [
            "added",
            "protocols: submission, pop3",
            "protocols: submission, imap, pop3"
        ]
    );
}

#[test]
fn dp_10_a_suspended_mailbox_reads_and_does_not_send() {
    let house = House::new();
    let sender = house
        .sign_in(ANNA, RIGHT, Protocol::Submission, HOME)
        .unwrap();
    let address = Address::parse(ANNA).unwrap();
    let state = |state| {
        house
            .order(RegistryOrder::SetState(address.clone(), state))
            .unwrap()
    };
    state(MailboxState::Suspended);
    assert_eq!(
        house.refusal(RIGHT, Protocol::Submission),
        Some(Refusal::NotInService)
    );
    assert!(!sender.holds(house.state.view()));
    let reader = house.imap(RIGHT).unwrap();
    state(MailboxState::Closed);
    assert_eq!(house.refusal(RIGHT, Protocol::Imap), Some(Refusal::Wrong));
    assert!(!reader.holds(house.state.view()));
}

#[test]
fn ac_15_application_passwords_open_what_they_are_for_and_are_revoked() {
    let house = House::new();
    let phone = house.app_password("phone", Protocols::default());
    let scanner = house.app_password("scanner", Protocols::only(&[Protocol::Submission]));
    assert_ne!(phone, scanner);
    let entry = house.imap(&phone.replace('-', "")).unwrap();
    assert_eq!(entry.by, Credential::App(1));
    assert_eq!(
        house.refusal(RIGHT, Protocol::Imap),
        None,
        "the holder's own works too"
    );
    let sender = house
        .sign_in(ANNA, &scanner, Protocol::Submission, HOME)
        .unwrap();
    assert_eq!(sender.by, Credential::App(2));
    assert_eq!(
        house.refusal(&scanner, Protocol::Imap),
        Some(Refusal::NotForThis)
    );
    let berto = house.sign_in("berto@pec.test", &phone, Protocol::Imap, HOME);
    assert_eq!(berto.err(), Some(Refusal::Wrong), "another mailbox's");

    house.access(AccessOrder::RevokeAppPassword(1)).unwrap();
    assert_eq!(house.refusal(&phone, Protocol::Imap), Some(Refusal::Wrong));
    assert!(!entry.holds(house.state.view()) && sender.holds(house.state.view()));
    assert!(house.access(AccessOrder::RevokeAppPassword(1)).is_err());
    house.app_password("phone", Protocols::default());
    assert_eq!(
        house.row().access.last_app_password,
        3,
        "numbers are not used again"
    );
    let history = format!("{:?}", house.state.view().history(house.row().id));
    assert!(
        history.contains("application password 1 revoked: phone"),
        "{history}"
    );
    assert!(
        !history.contains(&**phone) && !history.contains("argon2"),
        "{history}"
    );
}

#[test]
fn ac_15_the_last_use_is_noted_once_an_hour_and_is_no_line_of_the_history() {
    let house = House::new();
    let phone = house.app_password("phone", Protocols::default());
    let used = || {
        // The owner takes commands in order: what was sent before is done when this is answered.
        house.access(AccessOrder::EndTwoStep).unwrap();
        house.row().access.app_passwords[0].used
    };
    assert_eq!(used(), None);
    let first = house.clock.now();
    for pause in [0, 1000, limits::APP_PASSWORD_USE_MS - 2000] {
        house.pass(pause);
        house.imap(&phone).unwrap();
        assert_eq!(used(), Some(first));
    }
    house.pass(1000);
    house.imap(&phone).unwrap();
    assert_eq!(used(), Some(house.clock.now()));
    assert_eq!(house.state.view().history(house.row().id).len(), 2);
}

#[test]
fn ac_15_application_passwords_are_bounded_and_named() {
    let house = House::new();
    let add = |name: &str, mark: &str| {
        house.access(AccessOrder::AddAppPassword {
            name: name.to_owned(),
            mark: mark.to_owned(),
            hash: HASH.to_owned(),
            protocols: Protocols::default(),
        })
    };
    for wrong in [
        "",
        "two\nlines",
        &"x".repeat(limits::APP_PASSWORD_NAME_CHARS_MAX + 1),
    ] {
        assert!(add(wrong, "m").is_err(), "{wrong:?}");
    }
    for n in 0..limits::APP_PASSWORDS_MAX {
        add(&format!("program {n}"), &format!("mark{n:04}")).unwrap();
    }
    assert!(matches!(
        add("one more", "mark9999"),
        Err(CommandError::Refused(_))
    ));
    house.access(AccessOrder::RevokeAppPassword(3)).unwrap();
    assert!(matches!(
        add("program 4", "mark9999"),
        Err(CommandError::Exists(_))
    ));
    assert!(matches!(
        add("another", "mark0004"),
        Err(CommandError::Refused(_))
    ));
    add("one more", "mark9999").unwrap();
}

/// The code that a device shows.
fn code(secret: &TotpSecret, now: Instant) -> String {
    let at_step = now.as_millis() / 30_000;
    let output = std::process::Command::new("python3")
        .args(["-c", PYTHON, &secret.shown(), &at_step.to_string()])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// RFC 6238 by somebody else.
const PYTHON: &str = "
import base64, hashlib, hmac, struct, sys
key, step = base64.b32decode(sys.argv[1]), int(sys.argv[2])
tag = hmac.new(key, struct.pack('>Q', step), hashlib.sha1).digest()
at = tag[-1] & 15
print('%06d' % ((struct.unpack('>I', tag[at:at + 4])[0] & 0x7fffffff) % 1000000))
";

#[test]
fn ac_15_with_two_step_login_mail_programs_take_only_application_passwords() {
    let house = House::new();
    let secret = TotpSecret::draw();
    assert!(
        house
            .access(AccessOrder::Confirm("123456".to_owned(), Vec::new()))
            .is_err()
    );
    house.access(AccessOrder::Enrol(secret.clone())).unwrap();
    let before = house.imap(RIGHT).unwrap();
    let now = || house.clock.now();
    let wrong = code(&TotpSecret::draw(), now());
    assert!(
        house
            .access(AccessOrder::Confirm(wrong, Vec::new()))
            .is_err()
    );
    let right = code(&secret, now());
    house
        .access(AccessOrder::Confirm(right.clone(), Vec::new()))
        .unwrap();
    assert_eq!(house.refusal(RIGHT, Protocol::Imap), Some(Refusal::Wrong));
    assert!(
        !before.holds(house.state.view()),
        "who was in by the password is out"
    );
    let phone = house.app_password("phone", Protocols::default());
    assert_eq!(house.refusal(&phone, Protocol::Imap), None);

    assert!(
        house.access(AccessOrder::TakeCode(right)).is_err(),
        "used before"
    );
    house.pass(30_000);
    house
        .access(AccessOrder::TakeCode(code(&secret, now())))
        .unwrap();
    assert!(
        house
            .access(AccessOrder::Enrol(TotpSecret::draw()))
            .is_err()
    );
    house.access(AccessOrder::EndTwoStep).unwrap();
    assert_eq!(house.refusal(RIGHT, Protocol::Imap), None);
    assert!(
        house
            .access(AccessOrder::TakeCode(code(&secret, now())))
            .is_err()
    );
}

#[test]
fn ac_15_what_opens_a_mailbox_outlives_a_restart() {
    let row = {
        let house = House::new();
        house.app_password("phone", Protocols::only(&[Protocol::Imap]));
        let secret = TotpSecret::draw();
        house.access(AccessOrder::Enrol(secret.clone())).unwrap();
        let recovery = vec!["digest".to_owned()];
        let code = code(&secret, house.clock.now());
        house.access(AccessOrder::Confirm(code, recovery)).unwrap();
        let to = Address::parse("anna@ordinary.test").unwrap();
        house.access(AccessOrder::WarnAt(Some(to))).unwrap();
        assert!(
            house
                .access(AccessOrder::WarnAt(Some(
                    Address::parse("berto@pec.test").unwrap()
                )))
                .is_err()
        );
        house.row()
    };
    let octets = minicbor::to_vec(&*row).unwrap();
    let read: MailboxRow = minicbor::decode(&octets).unwrap();
    assert_eq!(read.access, row.access);
    assert!(read.access.is_two_step() && read.access.app_passwords.len() == 1);
}

#[test]
fn se_01_wrong_passwords_over_all_protocols_lock_the_pair_together() {
    let house = House::new();
    let three = Protocol::ALL.into_iter().cycle().take(10);
    for over in three {
        assert_eq!(house.refusal("wrong", over), Some(Refusal::Wrong));
    }
    for over in Protocol::ALL {
        let refused = house.refusal(RIGHT, over);
        assert!(
            matches!(refused, Some(Refusal::Locked { .. })),
            "{refused:?}"
        );
    }
    let elsewhere = house.sign_in(ANNA, RIGHT, Protocol::Imap, AWAY);
    assert!(elsewhere.is_ok(), "the holder elsewhere is let in");
    let berto = house.sign_in("berto@pec.test", RIGHT, Protocol::Imap, HOME);
    assert!(berto.is_ok(), "and so is another at the same place");
    let address = Address::parse(ANNA).unwrap();
    let locks = house.room.locks_of(&address);
    assert_eq!(locks.len(), 1);
    assert_eq!(locks[0].source, Some(Source(HOME.into())));
    house.pass(5 * 60_000 - 1);
    assert!(house.imap(RIGHT).is_err());
    house.pass(1);
    assert!(house.imap(RIGHT).is_ok());

    // Twice as long the second time, unless an operator ends it: from a stranger's place.
    for _ in 0..10 {
        house
            .sign_in(ANNA, "wrong", Protocol::Imap, "203.0.113.1")
            .unwrap_err();
    }
    assert_eq!(house.room.unlock(&address), 1);
    assert!(
        house
            .sign_in(ANNA, RIGHT, Protocol::Imap, "203.0.113.1")
            .is_ok()
    );
}

#[test]
fn se_01_an_address_that_nobody_has_is_locked_as_any_other() {
    let house = House::new();
    let nobody = |password: &str| house.sign_in("nobody@pec.test", password, Protocol::Imap, HOME);
    for _ in 0..10 {
        assert_eq!(nobody("x").err(), Some(Refusal::Wrong));
    }
    assert!(matches!(nobody("x").err(), Some(Refusal::Locked { .. })));
}
