//! Cuts into what the checks of the incoming point go by.

use ceralacca_core::address::Domain;
use ceralacca_core::wording::words::MessageKind::{Acceptance, Delivery};

use super::{Cut, index};
use crate::resign::Seal;
use crate::surgery::{add_field, every, xml};

pub(super) const CASES: &[(&str, Cut)] = &[
    ("IP-03", |o| {
        index(o, |record| record.certificates = vec![Seal::new().anchor()])
    }),
    ("IP-06", |o| {
        index(o, |record| {
            record.domains = vec![Domain::parse("altra.test").unwrap()]
        })
    }),
    ("IP-04", |o| {
        every(o, "standard", Delivery, "Good day.", "Good dax.")
    }),
    ("IP-04", |o| o.anchors = vec![Seal::new().anchor()]),
    ("IP-04", |o| {
        o.at = o.at.plus_millis(-365 * 24 * 60 * 60 * 1000)
    }),
    ("IP-05", |o| {
        xml(
            o,
            "standard",
            Acceptance,
            "tipo=\"accettazione\"",
            "tipo=\"avvenuta-consegna\"",
        )
    }),
    ("IP-05", |o| {
        add_field(o, "standard", Acceptance, "X-Trasporto: errore")
    }),
];
