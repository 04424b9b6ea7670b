//! Ordinary mail at the incoming point: by the policy of each mailbox, one answer for a transaction, forwards
//! and their way back. In process (`ceralacca_tests::arrivals`).

use ceralacca_core::address::{Address, Domain};
use ceralacca_core::intake::Spf;
use ceralacca_core::owner::{Command, RegistryOrder};
use ceralacca_core::policy::Policy;
use ceralacca_core::queue::Purpose;
use ceralacca_core::registry::{MailboxState, OrdinaryPolicy};
use ceralacca_tests::arrivals::{Handed, STRANGER, Scene, Settings, edited, letter, refused, sent};
use ceralacca_tests::message::{Part, find};
use ceralacca_tests::sealed::Sealed;
use ceralacca_tests::world::ports::mark_of;

use crate::charge::report_about;
use crate::incoming::populated;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const BRUNO: &str = "bruno@beta.test";
const CARLA: &str = "carla@beta.test";
const DARIO: &str = "dario@beta.test";
const TARGET: &str = "dario.casa@internet.example";

fn plain(to: &[&str]) -> Vec<u8> {
    letter(STRANGER, to, "Saluti", "Un testo.\r\n")
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

/// bruno refuses, carla accepts, dario forwards.
fn scene() -> Scene {
    let mut scene = populated(Settings::default());
    scene.beta.mailbox("dario");
    scene
        .beta
        .ordinary(DARIO, OrdinaryPolicy::Forward(address(TARGET)));
    scene
}

fn hand(scene: &mut Scene, to: &[&str]) -> String {
    scene.hand(&Handed::new(STRANGER, to, &plain(to)))
}

#[test]
fn mx_01_a_mailbox_refuses_forwards_or_accepts_and_refuses_by_default() {
    let mut scene = scene();
    assert_eq!(hand(&mut scene, &[BRUNO]), "550 5.7.1");
    assert_eq!(hand(&mut scene, &[CARLA]), "250");
    assert_eq!(hand(&mut scene, &[DARIO]), "250");
    let held = [BRUNO, CARLA, DARIO].map(|a| scene.beta.inbox(a).len());
    assert_eq!(held, [0, 1, 0]);
    assert_eq!(scene.beta.leaving(Purpose::Forward).len(), 1);
}

#[test]
fn mx_02_who_refuses_sees_nothing_and_the_server_is_told_at_the_end() {
    let mut scene = scene();
    assert_eq!(hand(&mut scene, &[BRUNO]), "550 5.7.1");
    assert_eq!(
        scene.beta.inbox(BRUNO).len() + scene.beta.aside(BRUNO).len(),
        0
    );
    assert_eq!(scene.beta.queue().len(), 0, "the other server reports");
    let fermo = scene.beta.open_mailbox("fermo");
    scene.beta.order(RegistryOrder::SetState(
        address(&fermo),
        MailboxState::Suspended,
    ));
    assert_eq!(hand(&mut scene, &[&fermo]), "550 5.2.1");
    scene.beta.order(RegistryOrder::SetState(
        address(&fermo),
        MailboxState::Closed,
    ));
    assert_eq!(hand(&mut scene, &[&fermo]), "550 5.1.1");
    scene.beta.order(RegistryOrder::SetQuota(address(CARLA), 1));
    assert_eq!(hand(&mut scene, &[CARLA]), "552 5.2.2");
    assert_eq!(hand(&mut scene, &[BRUNO, "nessuno@beta.test"]), "550 5.7.1");
    let beta = Domain::parse("beta.test").unwrap();
    scene.beta.order(RegistryOrder::SuspendDomain(beta, true));
    assert_eq!(hand(&mut scene, &[DARIO]), "550 5.2.1");
}

#[test]
fn mx_03_a_forward_goes_on_and_is_not_stored() {
    let mut scene = scene();
    assert_eq!(hand(&mut scene, &[DARIO]), "250");
    let left = scene.beta.queue();
    assert_eq!((left.len(), left[0].to.as_str()), (1, TARGET));
    assert!(scene.beta.inbox(DARIO).is_empty() && scene.beta.aside(DARIO).is_empty());
}

#[test]
fn mx_04_a_mailbox_that_forwards_to_itself_accepts() {
    let mut scene = scene();
    scene
        .beta
        .ordinary(DARIO, OrdinaryPolicy::Forward(address(DARIO)));
    assert_eq!(hand(&mut scene, &[DARIO]), "250");
    assert_eq!(scene.beta.only(DARIO).field("X-Trasporto"), "errore");
    assert_eq!(scene.beta.queue().len(), 0);
}

#[test]
fn mx_05_one_answer_for_all_and_a_report_for_those_who_refuse() {
    let mut scene = scene();
    let to = [BRUNO, CARLA, "nessuno@beta.test"];
    assert_eq!(hand(&mut scene, &to), "250");
    let report = scene.beta.queue().pop().unwrap();
    assert_eq!(
        (report.purpose, report.from.as_str(), report.to.as_str()),
        (Purpose::Report, "", STRANGER)
    );
    let text = String::from_utf8(report.octets).unwrap();
    for (who, status) in [(BRUNO, "5.7.1"), ("nessuno@beta.test", "5.1.1")] {
        let at = text.find(&format!("rfc822; {who}")).expect("the recipient");
        assert!(text[at..at + 200].contains(status), "{who}");
    }
    assert!(!text.contains(CARLA) || !text.contains(&format!("rfc822; {CARLA}")));
    scene.beta.drain();
    for (from, spf, count) in [
        ("", Spf::Pass, 0),
        (STRANGER, Spf::Fail, 0),
        (STRANGER, Spf::Pass, 1),
    ] {
        let mut handed = Handed::new(from, &to, &plain(&to));
        handed.spf = spf;
        assert_eq!(scene.hand(&handed), "250");
        assert_eq!(scene.beta.queue().len(), count, "{from} {spf:?}");
    }
}

#[test]
fn mx_06_a_forward_keeps_its_octets_leaves_rewritten_and_comes_back() {
    let mut scene = scene();
    let octets = edited(&plain(&[DARIO]), "Un testo.", ".\r\nPerch\u{e9}  \r\n.");
    assert_eq!(scene.hand(&Handed::new(STRANGER, &[DARIO], &octets)), "250");
    let forward = scene.beta.queue().remove(0);
    assert!(forward.octets.ends_with(&octets), "octet for octet");
    let head = &forward.octets[..forward.octets.len() - octets.len()];
    assert_eq!(Part::parse(head).all("Received").len(), 1);
    assert!(
        forward.from.starts_with("SRS0=") && forward.from.ends_with("@beta.test"),
        "{}",
        forward.from
    );
    scene.beta.drain();
    // A report about it goes back to the sender, from nobody.
    let report = report_about("<uno@client.example>", &forward.from);
    assert_eq!(
        scene.hand(&Handed::new("", &[&forward.from], &report)),
        "250"
    );
    let back = scene.beta.queue().remove(0);
    assert_eq!((back.from.as_str(), back.to.as_str()), ("", STRANGER));
    assert!(back.octets.ends_with(&report));
    scene.beta.drain();
    // No report, a forged one, an old one.
    assert_eq!(
        scene.hand(&Handed::new(STRANGER, &[&forward.from], &octets)),
        "550 5.7.1"
    );
    let forged = forward.from.replace("internet.example", "vittima.example");
    assert_eq!(
        scene.hand(&Handed::new("", &[&forged], &report)),
        "550 5.1.1"
    );
    scene.pass(40 * DAY_MS);
    assert_eq!(
        scene.hand(&Handed::new("", &[&forward.from], &report)),
        "550 5.1.1"
    );
    // In a loop it ends.
    let hop = "Received: from a.example by b.example; x\r\n";
    for (hops, said) in [(50, "250"), (51, "554 5.4.6")] {
        let looped = [hop.repeat(hops).as_bytes(), &octets].concat();
        assert_eq!(
            scene.hand(&Handed::new(STRANGER, &[DARIO], &looped)),
            said,
            "{hops}"
        );
    }
    // The null reverse path stays null.
    scene.beta.drain();
    assert_eq!(scene.hand(&Handed::new("", &[DARIO], &octets)), "250");
    assert_eq!(scene.beta.queue().remove(0).from, "");
}

#[test]
fn mx_07_a_report_about_a_message_of_the_mailbox_is_delivered_even_where_ordinary_mail_is_refused()
{
    let mut scene = scene();
    let original = letter(BRUNO, &["x@internet.example"], "Saluti", "Un testo.\r\n");
    let identifier = scene.beta.send(BRUNO, &["x@internet.example"], &original);
    scene.beta.settle();
    let before = scene.beta.inbox(BRUNO).len();
    let about = format!("<{identifier}>");
    let own = report_about(&about, BRUNO);
    assert_eq!(scene.hand(&Handed::new("", &[BRUNO], &own)), "250");
    let inbox = scene.beta.inbox(BRUNO);
    assert_eq!(inbox.len(), before + 1);
    let anomaly = Sealed::parse(inbox.last().unwrap());
    assert_eq!(anomaly.field("X-Trasporto"), "errore");
    assert!(anomaly.original().unwrap().raw.ends_with(&own));
    // Of another mailbox, of nobody, no report at all.
    for (octets, to) in [
        (report_about(&about, DARIO), DARIO),
        (report_about("<altro@beta.test>", BRUNO), BRUNO),
        (plain(&[BRUNO]), BRUNO),
    ] {
        let said = scene.hand(&Handed::new("", &[to], &octets));
        assert_eq!(said, if to == DARIO { "250" } else { "550 5.7.1" });
    }
    assert!(scene.beta.inbox(DARIO).is_empty());
    scene.pass(8 * DAY_MS);
    assert_eq!(
        scene.hand(&Handed::new("", &[BRUNO], &own)),
        "550 5.7.1",
        "too late"
    );
}

#[test]
fn mx_08_a_change_counts_from_the_next_message_and_is_logged() {
    let mut scene = scene();
    assert_eq!(hand(&mut scene, &[BRUNO]), "550 5.7.1");
    scene.beta.ordinary(BRUNO, OrdinaryPolicy::Accept);
    assert_eq!(hand(&mut scene, &[BRUNO]), "250");
    scene.beta.ordinary(BRUNO, OrdinaryPolicy::Reject);
    assert_eq!(hand(&mut scene, &[BRUNO]), "550 5.7.1");
    let now = scene.now();
    let view = scene.beta.stepper().view();
    let row = view.mailbox_of(&address(BRUNO)).unwrap();
    let history = view.history(row.id);
    let last: Vec<_> = history.iter().rev().take(2).collect();
    assert!(
        last.iter()
            .all(|change| change.author == "test" && change.at <= now)
    );
    assert_ne!(last[0].what, last[1].what);
}

#[test]
fn mx_09_a_forward_that_only_fails_for_seven_days_is_switched_off_and_its_holders_told() {
    let mut scene = scene();
    let forward = OrdinaryPolicy::Forward(address(TARGET));
    scene.beta.ordinary(CARLA, forward.clone());
    scene.beta.mailbox("elena");
    let policy = |scene: &mut Scene, of: &str| {
        let view = scene
            .beta
            .stepper()
            .view()
            .mailbox_of(&address(of))
            .unwrap();
        view.ordinary.clone()
    };
    let tried = |scene: &mut Scene, delivered: bool| {
        assert_eq!(hand(scene, &[DARIO]), "250");
        scene.beta.end_all(|key| match delivered {
            _ if key.number >> 16 != Purpose::Forward.number(0) >> 16 => sent(),
            true => sent(),
            false => refused(),
        });
    };
    // Three days of failures, then one that arrives: the count begins anew.
    for delivered in [false, false, true, false] {
        tried(&mut scene, delivered);
        scene.pass(3 * DAY_MS);
    }
    tried(&mut scene, false);
    scene.pass(3 * DAY_MS);
    scene.beta.crash(None);
    assert_eq!(
        policy(&mut scene, DARIO),
        forward,
        "six days are not enough"
    );
    scene.pass(2 * DAY_MS);
    assert_eq!(
        policy(&mut scene, DARIO),
        forward,
        "nothing was tried since"
    );
    tried(&mut scene, false);
    scene.pass(2 * 60 * 60 * 1000);
    for holder in [DARIO, CARLA] {
        assert_eq!(
            policy(&mut scene, holder),
            OrdinaryPolicy::Reject,
            "{holder}"
        );
        let told = scene.beta.inbox(holder);
        let told = Part::parse(told.last().unwrap());
        assert_eq!(told.get("X-Trasporto"), None);
        assert_eq!(told.field("To"), holder);
        assert_eq!(
            told.field("Subject"),
            "Inoltro della posta ordinaria disattivato"
        );
        let text = String::from_utf8_lossy(&told.decoded()).into_owned();
        assert!(text.contains(TARGET), "{text}");
    }
    assert!(scene.beta.inbox("elena@beta.test").is_empty());
    assert_eq!(hand(&mut scene, &[DARIO]), "550 5.7.1");
    // Once, whatever comes after; and who switches it on again begins anew.
    let letters = scene.beta.inbox(DARIO).len();
    scene.beta.ordinary(DARIO, forward.clone());
    tried(&mut scene, false);
    scene.beta.crash(None);
    scene.pass(DAY_MS);
    assert_eq!(policy(&mut scene, DARIO), forward);
    assert_eq!(scene.beta.inbox(DARIO).len(), letters);
    let row = scene
        .beta
        .stepper()
        .view()
        .mailbox_of(&address(DARIO))
        .unwrap();
    let history = scene.beta.stepper().view().history(row.id);
    let why = |change: &ceralacca_core::journal::record::Change| {
        change.author == "relay" && change.what.contains("failed for 7 days")
    };
    assert_eq!(history.iter().filter(|change| why(change)).count(), 1);
}

#[test]
fn mx_10_the_policy_of_the_provider_goes_before_the_holders() {
    let beta = Domain::parse("beta.test").unwrap();
    let forbids = [
        Policy {
            ordinary_accept_allowed: false,
            ..Policy::default()
        },
        Policy {
            ordinary_forward_allowed: false,
            ..Policy::default()
        },
        Policy {
            ordinary_refused_domains: vec![beta],
            ..Policy::default()
        },
    ];
    let expected = [
        ["550 5.7.1", "250"],
        ["250", "550 5.7.1"],
        ["550 5.7.1", "550 5.7.1"],
    ];
    for (policy, said) in forbids.into_iter().zip(expected) {
        let mut scene = scene();
        scene.beta.policy = policy;
        scene.beta.crash(None);
        assert_eq!([CARLA, DARIO].map(|to| hand(&mut scene, &[to])), said);
        let wanted = match said[0] {
            "250" => OrdinaryPolicy::Forward(address(TARGET)),
            _ => OrdinaryPolicy::Accept,
        };
        let order = RegistryOrder::SetOrdinary(address(BRUNO), wanted);
        let done = scene
            .beta
            .stepper()
            .ask(Command::Registry(order, "holder".to_owned()));
        assert!(done.is_err(), "{done:?}");
    }
}

#[test]
fn vi_08_a_virus_in_ordinary_mail_is_refused_and_nobody_is_told() {
    let mut scene = scene();
    let infected = edited(&plain(&[CARLA]), "Un testo.", &mark_of("beta.test"));
    for to in [
        BRUNO,
        CARLA,
        DARIO,
        "posta-certificata@beta.test",
        "nessuno@beta.test",
    ] {
        assert_eq!(
            scene.hand(&Handed::new(STRANGER, &[to], &infected)),
            "550 5.7.1",
            "{to}"
        );
    }
    assert_eq!(scene.beta.queue().len(), 0);
    for to in [CARLA, "posta-certificata@beta.test"] {
        assert_eq!(scene.beta.inbox(to).len() + scene.beta.aside(to).len(), 0);
    }
    assert!(find(&infected, mark_of("beta.test").as_bytes()).is_some());
}
