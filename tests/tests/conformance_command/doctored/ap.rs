//! Cuts into what the access point says and makes.

use std::time::Duration;

use ceralacca_admin::conformance::letter::Letter;
use ceralacca_admin::conformance::observed::Observed;
use ceralacca_core::wording::words::MessageKind::{
    Acceptance, Delivery, NonAcceptance, NonDelivery, TransportEnvelope,
};

use super::{Cut, ENCLOSED};
use crate::surgery::{accept, add_part, change, every, first, lose, reply, stray, trial, xml};

pub(super) const CASES: &[(&str, Cut)] = &[
    ("AP-01", |o| {
        reply(o, "before-signing-in", 1, 250, "2.1.0 ok")
    }),
    ("AP-01", |o| reply(o, "before-signing-in", -1, 354, "go on")),
    ("AP-02", |o| reply(o, "reverse-paths", 1, 250, "2.1.0 ok")),
    ("AP-02", |o| reply(o, "reverse-paths", 2, 250, "2.1.0 ok")),
    ("AP-02", |o| reply(o, "reverse-paths", 3, 553, "5.7.1 no")),
    ("AP-03", |o| accept(o, "second-subject")),
    ("AP-03", |o| accept(o, "no-date")),
    ("AP-03", |o| accept(o, "raw-header")),
    ("AP-03", |o| accept(o, "long-line")),
    ("AP-03", |o| accept(o, "no-field")),
    ("AP-03", |o| lose(o, "obsolete", Acceptance)),
    ("AP-04", |o| accept(o, "no-from")),
    ("AP-04", |o| accept(o, "two-from")),
    ("AP-05", |o| accept(o, "no-to")),
    ("AP-05", |o| accept(o, "only-cc")),
    ("AP-06", |o| accept(o, "other-from")),
    ("AP-06", |o| lose(o, "case", Acceptance)),
    ("AP-07", |o| accept(o, "hidden")),
    ("AP-08", |o| accept(o, "bcc")),
    ("AP-08", |o| lose(o, "empty-bcc", Acceptance)),
    ("AP-09", |o| accept(o, "too-large")),
    ("AP-10", |o| accept(o, "product")),
    ("AP-11", |o| accept(o, "many")),
    ("AP-12", |o| {
        stray(o, ("standard", TransportEnvelope), "hidden", false)
    }),
    ("AP-13", |o| {
        stray(o, ("bcc", NonAcceptance), "hidden", true)
    }),
    ("AP-13", |o| {
        first(
            o,
            "bcc",
            NonAcceptance,
            "AVVISO DI NON ACC",
            "AVVISO DI ACC",
        )
    }),
    ("AP-14", |o| {
        xml(
            o,
            "hidden",
            NonAcceptance,
            "errore=\"altro\"",
            "errore=\"virus\"",
        )
    }),
    ("AP-14", |o| add_part(o, "bcc", NonAcceptance, ENCLOSED)),
    ("AP-14", |o| {
        every(
            o,
            "bcc",
            NonAcceptance,
            "Errore nell'acc",
            "Errore dell'acc",
        )
    }),
    ("AP-15", |o| reply(o, "size", -1, 250, "2.1.0 ok")),
    ("AP-15", |o| reply(o, "size", 0, 250, "host\nSIZE 1000")),
    ("AP-16", |o| {
        reply(o, "recipients", 500, 452, "4.5.3 enough")
    }),
    ("AP-17", |o| {
        every(o, "hidden", NonAcceptance, "Identificativo", "Numero")
    }),
    ("AP-18", |o| {
        xml(
            o,
            "external",
            Acceptance,
            "tipo=\"esterno\"",
            "tipo=\"certificato\"",
        )
    }),
    ("AP-18", |o| {
        xml(
            o,
            "case",
            Acceptance,
            "tipo=\"certificato\"",
            "tipo=\"esterno\"",
        )
    }),
    ("AP-19", |o| {
        first(o, "standard", Acceptance, "ACCETTAZIONE: ", "RICEVUTA: ")
    }),
    ("AP-19", |o| {
        first(o, "standard", Acceptance, "X-Riferimento-", "X-Altro-")
    }),
    ("AP-20", |o| {
        every(
            o,
            "standard",
            Acceptance,
            "(\"posta certificata\")",
            "(\"posta ord\")",
        )
    }),
    ("AP-20", |o| {
        xml(
            o,
            "standard",
            Acceptance,
            "errore=\"nessuno\"",
            "errore=\"altro\"",
        )
    }),
    ("AP-20", |o| add_part(o, "standard", Acceptance, ENCLOSED)),
    ("AP-21", |o| {
        first(
            o,
            "replies",
            Delivery,
            "To: ",
            "To: one@replies.example\r\nX-To: ",
        )
    }),
    ("AP-22", |o| {
        stray(o, ("standard", Acceptance), "broken", true)
    }),
    ("AP-23", |o| {
        stray(o, ("standard", Delivery), "repeated", true)
    }),
    ("AP-23", |o| {
        xml(
            o,
            "repeated",
            Acceptance,
            "<risposte>",
            "<destinatari>a@b.test</destinatari><risposte>",
        )
    }),
    ("AP-24", |o| {
        xml(
            o,
            "wider",
            TransportEnvelope,
            "<risposte>",
            "<destinatari>other@elsewhere.example</destinatari><risposte>",
        )
    }),
    ("AP-25", |o| {
        every(
            o,
            "eight-bit",
            TransportEnvelope,
            "perch=C3=A9",
            "perch=C3=A8",
        )
    }),
    ("AP-25", |o| {
        change(o, "eight-bit", TransportEnvelope, |l| {
            let text = String::from_utf8(l.octets().to_vec()).unwrap();
            Letter::new(
                l.name(),
                text.replace("perch=C3=A9", "perch\u{e9}").into_bytes(),
            )
        })
    }),
    ("AP-27", |o| {
        trial(o, "standard").answered_after = Some(Duration::from_secs(61))
    }),
    ("AP-29", |o| set_code(o, "hidden", 550)),
    ("AP-30", |o| lose(o, "unknown", NonDelivery)),
    ("AP-30", |o| set_code(o, "unknown", 550)),
    ("AP-31", |o| {
        reply(o, "characters", 0, 250, "host\n8BITMIME\nSMTPUTF8")
    }),
    ("AP-31", |o| reply(o, "characters", 0, 250, "host\nSIZE 1")),
    ("AP-31", |o| reply(o, "characters", -1, 250, "2.1.5 ok")),
];

fn set_code(observed: &mut Observed, name: &str, code: u16) {
    let reply = trial(observed, name).reply.as_mut().expect("a reply");
    reply.code = code;
}
