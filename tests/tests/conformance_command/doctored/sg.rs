//! Cuts into signatures and into the shape of all that is signed.

use ceralacca_admin::conformance::letter::Letter;
use ceralacca_admin::conformance::observed::Observed;
use ceralacca_core::wording::words::MessageKind::{Acceptance, Delivery, TransportEnvelope};
use ceralacca_hsm::authority::Deviation;

use super::{Cut, ENCLOSED, index};
use crate::resign::Seal;
use crate::surgery::{add_field, add_part, change, every, first, stray};

pub(super) const CASES: &[(&str, Cut)] = &[
    ("SG-01", |o| {
        first(
            o,
            "standard",
            Acceptance,
            "multipart/signed",
            "multipart/mixed",
        )
    }),
    ("SG-01", |o| {
        every(o, "standard", Acceptance, "smime.p7s", "firma.p7s")
    }),
    ("SG-02", |o| add_part(o, "standard", Acceptance, ENCLOSED)),
    ("SG-02", |o| {
        every(
            o,
            "standard",
            TransportEnvelope,
            "name=\"postacert.eml\"",
            "name=\"x.eml\"",
        )
    }),
    ("SG-02", |o| {
        every(
            o,
            "standard",
            Acceptance,
            "name=\"daticert.xml\"",
            "name=\"x.xml\"",
        )
    }),
    ("SG-03", |o| resigned(o, &[], false)),
    ("SG-04", |o| {
        first(
            o,
            "standard",
            Acceptance,
            "micalg=\"sha-256\"",
            "micalg=\"sha1\"",
        )
    }),
    ("SG-05", |o| {
        first(
            o,
            "standard",
            Acceptance,
            "From: posta-certificata@pec",
            "From: posta-certificata@altra",
        )
    }),
    ("SG-05", |o| {
        resigned(o, &[Deviation::OtherMailAddress], true)
    }),
    ("SG-06", |o| {
        every(o, "standard", Acceptance, "iso-8859-1", "utf-8")
    }),
    ("SG-06", |o| {
        every(o, "standard", Acceptance, "&#8364;", "&euro;")
    }),
    ("SG-07", |o| {
        every(o, "standard", Acceptance, "<p>", "<p><script>")
    }),
    ("SG-08", |o| {
        change(o, "standard", Acceptance, |l| {
            Letter::new(l.name(), [l.octets(), b"\xe9\r\n"].concat())
        })
    }),
    ("SG-09", |o| {
        index(o, |record| record.name = "Altro Gestore".to_owned())
    }),
    ("SG-09", |o| {
        resigned(o, &[Deviation::OtherProviderName], true)
    }),
    ("SG-10", |o| {
        resigned(o, &[Deviation::BasicConstraints], true)
    }),
    ("SG-10", |o| {
        resigned(o, &[Deviation::KeyUsageNotCritical], true)
    }),
    ("SG-13", |o| {
        change(o, "standard", Acceptance, with_identifier_as_own)
    }),
    ("SG-13", |o| {
        stray(o, ("standard", Acceptance), "brief", true)
    }),
    ("SG-16", |o| {
        every(o, "standard", TransportEnvelope, "Good day.", "Good dax.")
    }),
    ("SG-18", |o| {
        first(o, "standard", Acceptance, "Date: ", "X-Date: ")
    }),
    ("SG-18", |o| {
        add_field(
            o,
            "no-id",
            Acceptance,
            "X-Riferimento-Message-ID: <a@b.example>",
        )
    }),
    ("SG-19", |o| {
        add_field(o, "standard", Acceptance, "X-Priority: 1")
    }),
    ("SG-19", |o| {
        add_field(o, "replies", Delivery, "Reply-To: one@replies.example")
    }),
    ("SG-20", |o| {
        every(
            o,
            "standard",
            Acceptance,
            "Identificativo mess",
            "Numero del mess",
        )
    }),
    ("SG-20", |o| {
        every(
            o,
            "standard",
            Acceptance,
            "stato accettato dal sistema",
            "stato visto",
        )
    }),
];

/// Sets another letter's identifier as this one's own `Message-ID:`.
fn with_identifier_as_own(letter: &Letter) -> Letter {
    let text = String::from_utf8(letter.octets().to_vec()).unwrap();
    let own = letter.value("Message-ID").unwrap();
    let identifier = format!("<{}>", letter.data().unwrap().identifier());
    Letter::new(letter.name(), text.replace(&own, &identifier).into_bytes())
}

fn resigned(observed: &mut Observed, deviations: &[Deviation], chained: bool) {
    let seal = Seal::new();
    change(observed, "standard", Acceptance, |l| {
        seal.sign(l, deviations, chained)
    });
}
