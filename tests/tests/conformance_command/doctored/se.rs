//! Cuts where what a sender wrote could pass for ours.

use ceralacca_core::wording::words::MessageKind::{Acceptance, Delivery, TransportEnvelope};

use super::Cut;
use crate::surgery::{add_field, every, reply, xml};

pub(super) const CASES: &[(&str, Cut)] = &[
    ("SE-03", |o| {
        add_field(
            o,
            "forged",
            Acceptance,
            "X-Mittente: another@forged.example",
        )
    }),
    ("SE-03", |o| {
        every(
            o,
            "forged",
            TransportEnvelope,
            "\r\nX-Mittente: another",
            "\r\nX-M: another",
        )
    }),
    ("SE-04", |o| reply(o, "bare-line-feed", -2, 250, "2.0.0 ok")),
    ("SE-04", |o| {
        reply(o, "bare-line-feed", -1, 500, "5.5.2 what")
    }),
    ("SE-06", |o| {
        add_field(o, "injection", Acceptance, "Bcc: x@y.example")
    }),
    ("SE-06", |o| {
        xml(o, "injection", Delivery, "</oggetto>", "</oggetto><falso/>")
    }),
    ("SE-06", |o| {
        every(
            o,
            "injection",
            Delivery,
            "Ricevuta di avv",
            "Ricevuta di avv=07",
        )
    }),
];
