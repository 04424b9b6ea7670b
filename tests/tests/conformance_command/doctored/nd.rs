//! Cuts into non-delivery notices.

use ceralacca_core::wording::words::MessageKind::NonDelivery;

use super::{Cut, ENCLOSED};
use crate::surgery::{add_part, every, first, stray, xml};

pub(super) const CASES: &[(&str, Cut)] = &[
    ("ND-01", |o| {
        first(
            o,
            "unknown",
            NonDelivery,
            "AVVISO DI MANCATA",
            "AVVISO DI AVVENUTA",
        )
    }),
    ("ND-01", |o| {
        stray(o, ("unknown", NonDelivery), "unknown", true)
    }),
    ("ND-02", |o| {
        every(
            o,
            "unknown",
            NonDelivery,
            "Avviso di mancata",
            "Avviso di avvenuta",
        )
    }),
    ("ND-02", |o| add_part(o, "unknown", NonDelivery, ENCLOSED)),
    ("ND-03", |o| {
        xml(
            o,
            "unknown",
            NonDelivery,
            "errore=\"no-dest\"",
            "errore=\"altro\"",
        )
    }),
    ("ND-03", |o| {
        xml(o, "unknown", NonDelivery, "<consegna>", "<consegna>x")
    }),
    ("ND-04", |o| xml(o, "unknown", NonDelivery, "5.1.1 - ", "")),
    ("ND-04", |o| {
        xml(
            o,
            "unknown",
            NonDelivery,
            "5.1.1 - Gestore",
            "5.1.1 - Altro",
        )
    }),
];
