//! Cuts into the answers of another provider.

use ceralacca_admin::conformance::letter::Letter;
use ceralacca_admin::conformance::observed::Observed;
use ceralacca_core::wording::words::MessageKind::Delivery;

use super::{Cut, healthy};
use crate::surgery::{every, first, xml};

/// A run with a mailbox at another provider: the last message, its answer made by somebody else.
pub(super) fn with_remote() -> Observed {
    let mut observed = healthy().clone();
    let mut trial = observed.trials.remove("fence").expect("the last message");
    let renamed = |letter: &Letter| {
        let name = letter.name().replace("fence/", "remote/");
        Letter::new(name, letter.octets().to_vec())
    };
    trial.name = "remote";
    trial.to = vec![REMOTE.to_owned()];
    trial.remote = trial
        .recipient
        .drain(..)
        .map(|letter| renamed(&letter))
        .collect();
    trial.sender = trial.sender.iter().map(renamed).collect();
    observed.trials.insert("remote", trial);
    observed.cast.remote = Some(REMOTE.to_owned());
    let here = "From: posta-certificata@pec.test";
    first(
        &mut observed,
        "remote",
        Delivery,
        here,
        "From: posta-certificata@altra.test",
    );
    xml(
        &mut observed,
        "remote",
        Delivery,
        "Gestore di Prova",
        "Altro Gestore",
    );
    observed
}

const REMOTE: &str = "anna@altra.test";

/// Checks that look at the answers of another provider, and a cut that breaks each there.
pub(super) const CASES: &[(&str, Cut)] = &[
    ("DR-01", |o| {
        first(o, "remote", Delivery, "CONSEGNA: ", "RICEVUTA: ")
    }),
    ("DR-02", |o| {
        first(o, "remote", Delivery, "@altra.test", "@pec.test")
    }),
    ("DR-07", |o| {
        every(
            o,
            "remote",
            Delivery,
            "conformance check list",
            "conformance check lisp",
        )
    }),
    ("CD-10", |o| {
        xml(o, "remote", Delivery, "Altro Gestore", "Gestore di Prova")
    }),
    ("CD-12", |o| {
        xml(
            o,
            "remote",
            Delivery,
            "<identificativo>",
            "<identificativo>x",
        )
    }),
];
