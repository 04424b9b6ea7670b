//! Cuts into dates, identifiers and references.

use ceralacca_core::wording::words::MessageKind::{Acceptance, Delivery};

use super::{Cut, OTHER_DATE};
use crate::surgery::{add_field, every, first, lose, stray, trial, xml};

pub(super) const CASES: &[(&str, Cut)] = &[
    ("TM-01", |o| {
        first(o, "standard", Acceptance, "Date: ", OTHER_DATE)
    }),
    ("TM-02", |o| every(o, "standard", Acceptance, "(+0", "(-0")),
    ("TM-03", |o| {
        xml(o, "standard", Acceptance, "zona=\"+0", "zona=\"+0:")
    }),
    ("TM-03", |o| {
        xml(o, "standard", Acceptance, "<giorno>", "<giorno>0")
    }),
    ("TM-04", |o| {
        xml(o, "standard", Acceptance, "zona=\"+0", "zona=\"-0")
    }),
    ("TM-05", |o| {
        let trial = trial(o, "standard");
        trial.sent_at = trial.sent_at.plus_millis(3_600_000);
    }),
    ("TM-06", |o| {
        xml(
            o,
            "standard",
            Acceptance,
            "<identificativo>",
            "<identificativo>a b",
        )
    }),
    ("TM-06", |o| {
        lose(o, "brief", Acceptance);
        stray(o, ("standard", Acceptance), "brief", true);
        trial(o, "brief").sender.rotate_right(1);
    }),
    ("TM-07", |o| {
        first(
            o,
            "standard",
            Delivery,
            "X-Riferimento-Message-ID: <",
            "X-Riferimento-Message-ID: <x",
        )
    }),
    ("TM-07", |o| {
        add_field(
            o,
            "no-id",
            Delivery,
            "X-Riferimento-Message-ID: <a@b.example>",
        )
    }),
    ("TM-08", |o| {
        add_field(
            o,
            "reference",
            Acceptance,
            "X-Riferimento-Message-ID: <false@forged.example>",
        )
    }),
    ("TM-08", |o| {
        add_field(o, "references", Delivery, "X-Altro: <false@forged.example>")
    }),
];
