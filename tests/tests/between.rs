//! Two providers, the national index and a name server as processes of their own on loopback: every kind of
//! message of RFC 6109 §3 is made, judged by OpenSSL and by our own verifier, and matched to its message by
//! the sender's side.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

#[path = "between/check_list.rs"]
mod check_list;
#[path = "between/crash.rs"]
mod crash;
#[path = "between/every_kind.rs"]
mod every_kind;
#[path = "between/exchange.rs"]
mod exchange;
#[path = "between/failures.rs"]
mod failures;
#[path = "between/ordinary.rs"]
mod ordinary;
#[path = "between/replay.rs"]
mod replay;
#[path = "between/rotation.rs"]
mod rotation;
#[path = "between/timers.rs"]
mod timers;
#[path = "between/virus.rs"]
mod virus;

use ceralacca_tests::appliance::{Appliance, PASSWORD};
use ceralacca_tests::federation::Federation;
use ceralacca_tests::judge;
use ceralacca_tests::mailbox::Mailbox;
use ceralacca_tests::sealed::Sealed;

/// The mailbox of `address`, also after `side` was started anew.
fn at<'a>(side: &'a Appliance, address: &str) -> Mailbox<'a> {
    Mailbox::new(side, address, PASSWORD)
}

/// OpenSSL, the DTD and our own verifier accept all of `messages`.
fn judged(federation: &Federation, messages: &[&Sealed]) {
    let anchors = federation.anchors();
    for (number, message) in messages.iter().enumerate() {
        let file = federation.write(&format!("judged-{number}"), message);
        judge::openssl_accepts(&file, &anchors);
        judge::dtd_accepts(message);
        let verdict = judge::own_verifier(&file, &anchors);
        assert!(
            verdict.status.success(),
            "{}: {verdict:?}",
            message.subject()
        );
    }
}

/// Has `side` try all that waits for others, until `enough`.
fn retried(federation: &Federation, side: &Appliance, what: &str, enough: impl Fn() -> bool) {
    federation.wait(what, || {
        // Refused where nothing waits any more.
        let _ = side.command(&["queue", "retry", "--all"]);
        enough()
    });
}

/// Those whose `X-Ricevuta:` or `X-Trasporto:` has this value, of the recipient that their data name.
fn about<'a>(messages: &'a [Sealed], value: &str, recipient: &str) -> Vec<&'a Sealed> {
    let names = |m: &&Sealed| m.data().get("consegna").as_deref() == Some(recipient);
    let found = messages.iter().filter(|m| m.type_field() == value);
    found.filter(names).collect()
}

/// Seconds between the `Date:` fields of two messages.
fn seconds_between(first: &Sealed, second: &Sealed) -> i64 {
    let date = |sealed: &Sealed| {
        let parser = mail_parser::MessageParser::default();
        let parsed = parser.parse_headers(&sealed.message.raw[..]).unwrap();
        parsed.date().unwrap().to_timestamp()
    };
    date(second) - date(first)
}
