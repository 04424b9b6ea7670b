//! Cuts into transport envelopes.

use ceralacca_core::wording::words::MessageKind::{Acceptance, Delivery, TransportEnvelope};

use super::{Cut, OTHER_DATE};
use crate::surgery::{add_field, every, first, lose, stray, trial, xml};

pub(super) const CASES: &[(&str, Cut)] = &[
    ("TE-01", |o| trial(o, "standard").recipient.clear()),
    ("TE-01", |o| {
        stray(o, ("standard", TransportEnvelope), "standard", false)
    }),
    ("TE-02", |o| {
        first(
            o,
            "standard",
            TransportEnvelope,
            "Rossi,  Mario",
            "Rossi, Mario",
        )
    }),
    ("TE-02", |o| {
        first(
            o,
            "standard",
            TransportEnvelope,
            "Received: from first",
            "Received: from third",
        )
    }),
    ("TE-03", |o| {
        first(
            o,
            "standard",
            TransportEnvelope,
            "Reply-To: ",
            "Reply-To: x",
        )
    }),
    ("TE-03", |o| {
        first(
            o,
            "replies",
            TransportEnvelope,
            "Reply-To: One",
            "Reply-To: Uno",
        )
    }),
    ("TE-04", |o| {
        first(
            o,
            "standard",
            TransportEnvelope,
            "Per conto di: ",
            "Da parte di: ",
        )
    }),
    ("TE-04", |o| {
        first(
            o,
            "injection",
            TransportEnvelope,
            "<posta-certificata@",
            "<posta@",
        )
    }),
    ("TE-05", |o| {
        first(
            o,
            "standard",
            TransportEnvelope,
            "POSTA CERTIFICATA: ",
            "POSTA: ",
        )
    }),
    ("TE-06", |o| {
        first(o, "standard", TransportEnvelope, "Date: ", OTHER_DATE)
    }),
    ("TE-07", |o| {
        first(
            o,
            "standard",
            TransportEnvelope,
            "Message-ID: <",
            "Message-ID: <x",
        )
    }),
    ("TE-07", |o| {
        every(
            o,
            "no-id",
            TransportEnvelope,
            "Message-ID: <",
            "Message-ID: <x",
        )
    }),
    ("TE-08", |o| {
        first(
            o,
            "brief",
            TransportEnvelope,
            "X-TipoRicevuta: breve",
            "X-TipoRicevuta: Breve",
        )
    }),
    ("TE-08", |o| {
        add_field(
            o,
            "other-word",
            TransportEnvelope,
            "X-TipoRicevuta: complet",
        )
    }),
    ("TE-08", |o| {
        xml(
            o,
            "other-word",
            TransportEnvelope,
            "tipo=\"completa\"",
            "tipo=\"breve\"",
        )
    }),
    ("TE-09", |o| {
        every(
            o,
            "standard",
            TransportEnvelope,
            "Messaggio di posta",
            "Messaggio per posta",
        )
    }),
    ("TE-09", |o| {
        every(
            o,
            "standard",
            TransportEnvelope,
            "name=\"postacert.eml\"",
            "name=\"x.eml\"",
        )
    }),
    ("TE-10", |o| {
        every(o, "standard", TransportEnvelope, "Good day.", "Good dax.")
    }),
    ("TE-10", |o| {
        every(
            o,
            "standard",
            TransportEnvelope,
            "X-Priority: 1",
            "X-Priority: 2",
        )
    }),
    ("TE-13", |o| lose(o, "standard", Delivery)),
    ("TE-17", |o| {
        add_field(o, "standard", Acceptance, "Sender: a@pec.test")
    }),
];
