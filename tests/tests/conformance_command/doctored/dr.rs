//! Cuts into delivery receipts.

use ceralacca_core::wording::words::MessageKind::Delivery;

use super::{Cut, ENCLOSED};
use crate::surgery::{add_part, every, first, lose, turn_hashes, xml};

pub(super) const CASES: &[(&str, Cut)] = &[
    ("DR-01", |o| {
        first(o, "standard", Delivery, "CONSEGNA: ", "RICEVUTA: ")
    }),
    ("DR-01", |o| {
        first(o, "brief", Delivery, "Date: ", "X-Date: ")
    }),
    ("DR-01", |o| lose(o, "standard", Delivery)),
    ("DR-02", |o| {
        first(
            o,
            "standard",
            Delivery,
            "To: ",
            "To: other@replies.example\r\nX-To: ",
        )
    }),
    ("DR-02", |o| {
        first(
            o,
            "standard",
            Delivery,
            "From: posta-cert",
            "From: posta-ord",
        )
    }),
    ("DR-03", |o| {
        every(
            o,
            "standard",
            Delivery,
            "Ricevuta di avvenuta",
            "Ricevuta breve di avvenuta",
        )
    }),
    ("DR-03", |o| {
        every(
            o,
            "standard",
            Delivery,
            "Ricevuta sintetica di",
            "Ricevuta di",
        )
    }),
    ("DR-04", |o| {
        every(o, "brief", Delivery, "Ricevuta breve di", "Ricevuta di")
    }),
    ("DR-05", |o| {
        every(
            o,
            "concise",
            Delivery,
            "Ricevuta sintetica di",
            "Ricevuta di",
        )
    }),
    ("DR-06", |o| {
        every(
            o,
            "twofold",
            Delivery,
            "Ricevuta di avv",
            "Ricevuta sintetica di avv",
        )
    }),
    ("DR-07", |o| {
        every(o, "standard", Delivery, "Good day.", "Good dax.")
    }),
    ("DR-08", |o| add_part(o, "concise", Delivery, ENCLOSED)),
    ("DR-09", |o| {
        every(o, "brief", Delivery, "Ricevuta breve di", "Ricevuta di")
    }),
    ("DR-10", |o| {
        first(
            o,
            "brief",
            Delivery,
            "text/plain; charset=us-ascii;",
            "application/pdf;",
        )
    }),
    ("DR-10", |o| {
        every(o, "brief", Delivery, "Good day.", "Good dax.")
    }),
    ("DR-11", |o| turn_hashes(o, "brief")),
    ("DR-11", |o| {
        every(o, "single", Delivery, "7bit\r\n\r\n", "7bit\r\n\r\n ")
    }),
    ("DR-12", |o| {
        every(o, "brief", Delivery, "atto.pdf.hash", "atto.hash")
    }),
    ("DR-13", |o| turn_hashes(o, "brief")),
    ("DR-13", |o| turn_hashes(o, "signed")),
    ("DR-14", |o| {
        every(o, "brief", Delivery, "message.eml.hash", "x.hash")
    }),
    ("DR-15", |o| {
        every(o, "signed", Delivery, "\r\nMIIB\r\n", "\r\nMIIC\r\n")
    }),
    ("DR-15", |o| {
        first(
            o,
            "signed",
            Delivery,
            "text/plain; charset=us-ascii;",
            "application/pdf;",
        )
    }),
    ("DR-16", |o| {
        every(o, "opaque", Delivery, "\r\nMIIB\r\n", "\r\nMIIC\r\n")
    }),
    ("DR-17", |o| {
        every(
            o,
            "brief",
            Delivery,
            "\r\nSubject: Conf",
            "\r\nSubject: conf",
        )
    }),
    ("DR-17", |o| {
        every(o, "signed", Delivery, "Good day.", "Good dax.")
    }),
    ("DR-17", |o| {
        every(
            o,
            "single",
            Delivery,
            "\r\nSubject: Conf",
            "\r\nSubject: conf",
        )
    }),
    ("DR-18", |o| {
        xml(
            o,
            "standard",
            Delivery,
            "tipo=\"completa\"",
            "tipo=\"breve\"",
        )
    }),
    ("DR-18", |o| {
        xml(o, "concise", Delivery, "<consegna>", "<consegna>x")
    }),
    ("DR-19", |o| {
        every(
            o,
            "standard",
            Delivery,
            "casella di destinazione",
            "casella",
        )
    }),
    ("DR-20", |o| {
        every(o, "single", Delivery, "Ricevuta breve di", "Ricevuta di")
    }),
];
