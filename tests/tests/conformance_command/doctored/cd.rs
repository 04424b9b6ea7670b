//! Cuts into certification data.

use ceralacca_core::wording::words::MessageKind::{
    Acceptance, Delivery, NonDelivery, TransportEnvelope,
};

use super::Cut;
use crate::surgery::{every, xml};

pub(super) const CASES: &[(&str, Cut)] = &[
    ("CD-01", |o| {
        every(o, "standard", Acceptance, "application/xml", "text/xml")
    }),
    ("CD-01", |o| {
        xml(
            o,
            "standard",
            Acceptance,
            "<postacert",
            "<!DOCTYPE x><postacert",
        )
    }),
    ("CD-01", |o| {
        xml(o, "standard", Acceptance, "UTF-8", "latin1")
    }),
    ("CD-02", |o| {
        xml(o, "standard", Acceptance, "risposte>", "risposta>")
    }),
    ("CD-02", |o| {
        xml(
            o,
            "standard",
            Delivery,
            "tipo=\"completa\"",
            "tipo=\"piena\"",
        )
    }),
    ("CD-02", |o| {
        xml(
            o,
            "standard",
            Delivery,
            "<msgid>",
            "<consegna>a@b.test</consegna><msgid>",
        )
    }),
    ("CD-03", |o| {
        xml(
            o,
            "standard",
            Acceptance,
            "tipo=\"accettazione\"",
            "tipo=\"presa-in-carico\"",
        )
    }),
    ("CD-04", |o| {
        xml(o, "standard", Acceptance, " errore=\"nessuno\"", "")
    }),
    ("CD-05", |o| {
        xml(o, "standard", Acceptance, " tipo=\"certificato\"", "")
    }),
    ("CD-05", |o| {
        xml(
            o,
            "no-subject",
            Acceptance,
            "</intestazione>",
            "<oggetto/></intestazione>",
        )
    }),
    ("CD-06", |o| {
        xml(o, "case", Acceptance, "<mittente>", "<mittente>x")
    }),
    ("CD-06", |o| {
        xml(o, "wider", Delivery, "certificato\">", "certificato\">x")
    }),
    ("CD-07", |o| {
        xml(o, "standard", Acceptance, "<risposte>", "<risposte>x")
    }),
    ("CD-07", |o| {
        xml(
            o,
            "replies",
            TransportEnvelope,
            "<risposte>one@replies.example, ",
            "<risposte>",
        )
    }),
    ("CD-08", |o| {
        xml(o, "standard", Delivery, "<oggetto>", "<oggetto>x")
    }),
    ("CD-08", |o| {
        xml(o, "injection", Acceptance, "<oggetto>uno", "<oggetto>due")
    }),
    ("CD-09", |o| {
        xml(
            o,
            "standard",
            Acceptance,
            "</dati>",
            "<consegna>a@b.test</consegna></dati>",
        )
    }),
    ("CD-09", |o| {
        xml(o, "unknown", NonDelivery, "errore-esteso>", "errore>")
    }),
    ("CD-10", |o| {
        xml(
            o,
            "standard",
            Acceptance,
            "Gestore di Prova",
            "Altro Gestore",
        )
    }),
    ("CD-11", |o| {
        xml(
            o,
            "standard",
            Acceptance,
            "<identificativo>",
            "<identificativo>&lt;",
        )
    }),
    ("CD-11", |o| {
        xml(o, "standard", Acceptance, "<msgid>&lt;", "<msgid>")
    }),
    ("CD-12", |o| {
        xml(
            o,
            "standard",
            Delivery,
            "<identificativo>",
            "<identificativo>x",
        )
    }),
    ("CD-12", |o| {
        xml(o, "unknown", NonDelivery, "<mittente>", "<mittente>x")
    }),
    ("CD-13", |o| {
        xml(
            o,
            "standard",
            Acceptance,
            "<identificativo>",
            "<identificativo>x",
        )
    }),
    ("CD-13", |o| {
        xml(o, "unknown", NonDelivery, "<consegna>", "<consegna>x")
    }),
];
