//! Real servers: what Postfix takes from us, and what we hear from it.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use ceralacca_core::queue::DispatchOutcome;
use ceralacca_tests::outbox::Outbox;
use ceralacca_tests::postfix::{Postfix, PostfixSettings};
use ceralacca_tests::zone::Zone;

use super::{Certified, Ordinary, Posted, TEXT, posted, reply};

/// A port that is free at 127.0.0.`host` now.
fn free(host: u8) -> SocketAddr {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, host], 0))).expect("a port");
    listener.local_addr().expect("an address")
}

#[test]
fn postfix_takes_certified_and_ordinary_mail_into_its_maildirs() {
    let settings = PostfixSettings {
        host: "mx.a.test",
        mailboxes: &["anna@a.test", "bruno@a.test"],
        tls: true,
        ..PostfixSettings::default()
    };
    let postfix = Postfix::start(free(4), &settings);
    let zone = Zone::start();
    zone.mx("a.test", 10, "mx.a.test")
        .address_of("mx.a.test", postfix.address().ip());
    let outbox = Outbox::new();
    let relay = outbox.relay(outbox.settings(zone.address(), postfix.address().port()));
    outbox.post(&posted(
        &["anna@a.test", "bruno@a.test", "nobody@a.test"],
        Certified,
    ));
    for _ in 0..100 {
        outbox.post(&posted(&["anna@a.test"], Ordinary));
    }
    let outcomes = outbox.wait_for(103);
    let unknown: Vec<_> = outcomes
        .iter()
        .filter(|(_, o)| !matches!(o, DispatchOutcome::Sent { .. }))
        .collect();
    assert_eq!(unknown.len(), 1, "{unknown:?}");
    assert!(
        reply(&unknown[0].1).starts_with("5.1.1: 550 5.1.1"),
        "{unknown:?}"
    );
    let is_tls =
        |outcome: &DispatchOutcome| matches!(outcome, DispatchOutcome::Sent { tls: Some(_), .. });
    assert_eq!(outcomes.iter().filter(|(_, o)| is_tls(o)).count(), 102);
    let anna = postfix.wait_for("anna@a.test", 101);
    // To the header of who is of its own house Postfix adds.
    let text = String::from_utf8_lossy(TEXT).replace("\r\n", "\n");
    let text = text.split_once("\n\n").expect("a body").1;
    assert!(
        anna.iter()
            .all(|message| message.ends_with(&format!("\n\n{text}"))),
        "{}",
        anna[0]
    );
    let bruno = postfix.wait_for("bruno@a.test", 1);
    assert!(
        bruno[0].starts_with("Return-Path: <rossi@pec.test>"),
        "{}",
        bruno[0]
    );
    relay.stop();
}

#[test]
fn a_postfix_with_few_recipients_per_message_gets_all_of_them() {
    let names: Vec<String> = (0..20).map(|n| format!("r{n}@a.test")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let settings = PostfixSettings {
        host: "mx.a.test",
        mailboxes: &names,
        more: &[
            "smtpd_recipient_limit = 3",
            "smtpd_recipient_overshoot_limit = 1000",
        ],
        ..PostfixSettings::default()
    };
    let postfix = Postfix::start(free(5), &settings);
    let zone = Zone::start();
    zone.mx("a.test", 10, "mx.a.test")
        .address_of("mx.a.test", postfix.address().ip());
    let outbox = Outbox::new();
    let relay = outbox.relay(outbox.settings(zone.address(), postfix.address().port()));
    outbox.post(&Posted {
        text: TEXT,
        ..posted(&names, Ordinary)
    });
    let outcomes = outbox.wait_for(20);
    assert!(
        outcomes
            .iter()
            .all(|(_, o)| matches!(o, DispatchOutcome::Sent { .. })),
        "{outcomes:?}"
    );
    for name in names {
        assert_eq!(postfix.wait_for(name, 1).len(), 1);
    }
    relay.stop();
}

#[test]
fn a_postfix_that_starts_late_is_found_by_the_probe() {
    let zone = Zone::start();
    let address = free(6);
    zone.mx("a.test", 10, "mx.a.test")
        .address_of("mx.a.test", address.ip());
    let outbox = Outbox::new();
    let relay = outbox.relay(outbox.settings(zone.address(), address.port()));
    for _ in 0..30 {
        outbox.post(&posted(&["anna@a.test"], Ordinary));
    }
    outbox.wait_for(1);
    assert!(relay.destinations()[0].dead_until.is_some());
    let settings = PostfixSettings {
        host: "mx.a.test",
        mailboxes: &["anna@a.test"],
        ..PostfixSettings::default()
    };
    let postfix = Postfix::start(address, &settings);
    outbox.clock.forward(Duration::from_secs(120));
    postfix.wait_for("anna@a.test", 30);
    relay.stop();
}
