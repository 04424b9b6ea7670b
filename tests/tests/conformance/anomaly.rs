//! Anomaly envelopes around real arrivals (RFC 6109 §3.2.2). In process (`ceralacca_tests::arrivals`).

use ceralacca_core::wording::anomalies::AnomalyReason;
use ceralacca_tests::arrivals::{Handed, STRANGER, Scene, Settings, edited, letter};
use ceralacca_tests::sealed::Sealed;

use crate::incoming::populated;

const BRUNO: &str = "bruno@beta.test";
const CARLA: &str = "carla@beta.test";

/// What a stranger's message to carla became.
fn wrapped(from: &str, octets: &[u8]) -> (Scene, Sealed) {
    let mut scene = populated(Settings::default());
    assert_eq!(scene.hand(&Handed::new(from, &[CARLA], octets)), "250");
    let anomaly = scene.beta.only(CARLA);
    (scene, anomaly)
}

fn plain() -> Vec<u8> {
    let octets = letter(
        "Qualcuno <qualcuno@internet.example>",
        &[CARLA],
        "=?UTF-8?Q?Perch=C3=A9?=",
        "Un testo.\r\n",
    );
    let more = "Received: from a.example by b.example; x\r\nReceived: from c.example\r\n by a.example; y\r\nCc:  altri@internet.example ,\r\n\taltre@internet.example\r\nSubject:";
    edited(&octets, "Subject:", more)
}

#[test]
fn an_01_marker_subject_and_date_of_arrival() {
    let (scene, anomaly) = wrapped(STRANGER, &plain());
    assert_eq!(anomaly.field("X-Trasporto"), "errore");
    assert_eq!(anomaly.get("X-Ricevuta"), None);
    assert_eq!(anomaly.subject(), "ANOMALIA MESSAGGIO: Perché");
    assert_eq!(anomaly.field("Date"), scene.now().header_date());
}

#[test]
fn an_02_trace_addresses_and_identifier_stay_as_received() {
    let octets = plain();
    let received = ceralacca_tests::message::Part::parse(&octets);
    let (_, anomaly) = wrapped(STRANGER, &octets);
    for name in ["To", "Cc", "Message-ID"] {
        assert_eq!(anomaly.message.exact(name), received.exact(name), "{name}");
    }
    let trace = anomaly.message.exact("Received");
    assert!(trace.ends_with(&received.exact("Received")), "{trace:?}");
    assert_eq!(anomaly.field("Return-Path"), format!("<{STRANGER}>"));
}

#[test]
fn an_03_it_is_from_us_on_behalf_of_whoever_wrote() {
    let (_, anomaly) = wrapped(STRANGER, &plain());
    let service = "<posta-certificata@beta.test>";
    let on_behalf = |who: &str| format!("\"Per conto di: {who}\" {service}");
    assert_eq!(anomaly.field("From"), on_behalf(STRANGER));
    assert_eq!(anomaly.field("Reply-To"), STRANGER);
    let answered = edited(
        &plain(),
        "Subject:",
        "Reply-To: <dove@internet.example>\r\nSubject:",
    );
    let (_, anomaly) = wrapped(STRANGER, &answered);
    assert_eq!(anomaly.field("Reply-To"), "<dove@internet.example>");
    let unreadable = edited(
        &plain(),
        "From: Qualcuno <qualcuno@internet.example>",
        "From: chi lo sa",
    );
    let (_, anomaly) = wrapped("busta@internet.example", &unreadable);
    assert_eq!(anomaly.field("From"), on_behalf("busta@internet.example"));
    // A name that tries to leave its quotes, or its line.
    let hostile = edited(
        &plain(),
        "Qualcuno <",
        "=?utf-8?q?x=0D=0AX-Trasporto:_posta-certificata?= <",
    );
    let (_, anomaly) = wrapped(STRANGER, &hostile);
    assert_eq!(anomaly.field("X-Trasporto"), "errore");
    assert_eq!(anomaly.field("From"), on_behalf(STRANGER));
}

#[test]
fn an_04_it_holds_a_text_and_the_whole_message_and_no_data() {
    let octets = plain();
    let (_, anomaly) = wrapped(STRANGER, &octets);
    assert_eq!(anomaly.parts.len(), 2);
    assert!(anomaly.named("daticert.xml").is_none());
    let enclosed = anomaly.named("postacert.eml").unwrap();
    assert_eq!(enclosed.media_type(), "message/rfc822");
    assert!(enclosed.body().ends_with(&octets));
}

#[test]
fn an_05_the_text_has_its_title_and_the_reason() {
    let (_, anomaly) = wrapped(STRANGER, &plain());
    let text = anomaly.text();
    assert!(text.starts_with("Anomalia nel messaggio\n"), "{text}");
    let text = text.replace('\n', " ");
    let before = "Tali dati non sono stati certificati per il seguente errore:";
    let (_, after) = text.split_once(before).expect("the sentence");
    assert!(
        after.contains(&AnomalyReason::NoSignature.sentence()),
        "{text}"
    );
}

#[test]
fn an_06_paths_stay_those_received() {
    let mut scene = populated(Settings::default());
    for from in [STRANGER, ""] {
        let handed = Handed::new(from, &[CARLA], &plain());
        assert_eq!(scene.hand(&handed), "250");
        let last = Sealed::parse(&scene.beta.inbox(CARLA).pop().unwrap());
        assert_eq!(last.field("Return-Path"), format!("<{from}>"));
    }
}

#[test]
fn an_07_nothing_follows_from_it() {
    let mut scene = populated(Settings::default());
    let envelope = scene.envelope(&[BRUNO]);
    let broken = edited(
        &envelope,
        "X-Trasporto: posta-certificata",
        "X-Trasporto: errore",
    );
    assert_eq!(scene.hand_in(&[BRUNO], &broken), "250");
    assert_eq!(
        scene.hand(&Handed::new(STRANGER, &[CARLA], &plain())),
        "250"
    );
    // An anomaly envelope of another provider is itself no certified mail.
    let theirs = scene.beta.inbox(CARLA).pop().unwrap();
    let theirs = String::from_utf8(theirs)
        .unwrap()
        .replace("@beta.test\" <", "@alfa.test\" <");
    let theirs = theirs.replace("posta-certificata@beta.test", "posta-certificata@alfa.test");
    let theirs = scene.seal.seal(theirs.as_bytes());
    assert_eq!(scene.hand_in(&[BRUNO], &theirs), "250");
    assert_eq!(scene.beta.inbox(BRUNO).len(), 2);
    assert_eq!(scene.beta.queue().len(), 0);
    assert!(scene.beta.is_at_rest());
    assert_eq!(scene.beta.stepper().wakes(), None, "no clock");
}

#[test]
fn an_08_the_same_fault_gives_the_same_text() {
    let mut scene = populated(Settings::default());
    let mut reasons = Vec::new();
    for _ in 0..2 {
        let envelope = scene.envelope(&[CARLA]);
        let altered = edited(&envelope, "Un testo.", "Un  testo.");
        let broken = edited(
            &envelope,
            "X-Trasporto: posta-certificata",
            "X-Trasporto: errore",
        );
        for octets in [plain(), altered, broken] {
            assert_eq!(scene.hand_in(&[CARLA], &octets), "250");
            let last = Sealed::parse(&scene.beta.inbox(CARLA).pop().unwrap());
            let text = last.text().replace('\n', " ");
            let (_, reason) = text.split_once("per il seguente errore:").unwrap();
            reasons.push(reason.trim().split('.').next().unwrap().to_owned());
        }
    }
    assert_eq!(reasons[..3], reasons[3..]);
    assert_ne!(reasons[0], reasons[1]);
    assert_ne!(reasons[1], reasons[2]);
}

#[test]
fn an_09_it_says_whether_the_origin_was_verified() {
    let mut scene = populated(Settings::default());
    let envelope = scene.envelope(&[CARLA]);
    let cases = [
        (plain(), false),
        (
            edited(
                &plain(),
                "Subject:",
                "X-Trasporto: posta-certificata\r\nSubject:",
            ),
            false,
        ),
        (edited(&envelope, "Un testo.", "Un  testo."), false),
        (
            edited(
                &envelope,
                "X-Trasporto: posta-certificata",
                "X-Trasporto: errore",
            ),
            true,
        ),
        (scene.envelope(&[BRUNO]), true),
    ];
    for (number, (octets, is_verified)) in cases.iter().enumerate() {
        assert_eq!(scene.hand_in(&[CARLA], octets), "250");
        let last = Sealed::parse(&scene.beta.inbox(CARLA).pop().unwrap());
        let says_not = last
            .text()
            .replace('\n', " ")
            .contains("non è stata verificata");
        assert_eq!(says_not, !is_verified, "case {number}");
    }
}
