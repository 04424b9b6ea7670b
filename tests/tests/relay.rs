//! The relay over real sockets: against scripted servers, an own name server, and Postfix.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use DispatchClass::{Certified, Ordinary};
use ceralacca_core::queue::{DispatchClass, DispatchOutcome};
use ceralacca_net::relay::{Dkim, RelaySettings};
use ceralacca_tests::outbox::{Outbox, Posted};
use ceralacca_tests::program;
use ceralacca_tests::receiver::{Receiver, self_signed};
use ceralacca_tests::zone::Zone;

#[path = "relay/postfix.rs"]
mod postfix;

const TEXT: &[u8] = b"From: rossi@pec.test\r\nSubject: uno\r\n\r\n.dot\r\nCiao\r\n";

fn posted<'a>(to: &'a [&'a str], class: DispatchClass) -> Posted<'a> {
    Posted {
        from: "rossi@pec.test",
        to,
        text: TEXT,
        class,
    }
}

/// An outbox, a name server, and a scripted server `mx.a.test` at 127.0.0.2 for the domain `a.test`.
struct Stage {
    outbox: Arc<Outbox>,
    zone: Zone,
    server: Receiver,
}

impl Stage {
    fn new(is_tls: bool) -> Self {
        let tls = is_tls.then(|| self_signed("mx.a.test"));
        Self::with(Receiver::start(SocketAddr::from(([127, 0, 0, 2], 0)), tls))
    }

    fn with(server: Receiver) -> Self {
        let zone = Zone::start();
        zone.mx("a.test", 10, "mx.a.test")
            .address_of("mx.a.test", server.address().ip());
        Self {
            outbox: Outbox::new(),
            zone,
            server,
        }
    }

    fn settings(&self) -> RelaySettings {
        self.outbox
            .settings(self.zone.address(), self.server.address().port())
    }

    fn port(&self) -> u16 {
        self.server.address().port()
    }
}

fn reply(outcome: &DispatchOutcome) -> String {
    match outcome {
        DispatchOutcome::Sent { reply, .. } => reply.clone(),
        DispatchOutcome::Deferred { reply, .. } => format!("deferred: {reply}"),
        DispatchOutcome::Refused { status, reply, .. } => format!("{status}: {reply}"),
        DispatchOutcome::Expired { reply } => format!("expired: {reply}"),
    }
}

#[test]
fn te_11_a_message_leaves_with_its_paths_and_octet_for_octet() {
    let stage = Stage::new(false);
    stage
        .outbox
        .post(&posted(&["a@a.test", "b@a.test"], Ordinary));
    let relay = stage.outbox.relay(stage.settings());
    let taken = stage.server.wait_for(1);
    assert_eq!(taken[0].text, TEXT);
    assert_eq!(taken[0].recipients, ["a@a.test", "b@a.test"]);
    assert!(
        taken[0]
            .mail
            .starts_with("MAIL FROM:<rossi@pec.test> SIZE="),
        "{}",
        taken[0].mail
    );
    let outcomes = stage.outbox.wait_for(2);
    for (_, outcome) in outcomes {
        let DispatchOutcome::Sent { host, reply, tls } = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(
            (host.as_str(), reply.as_str(), tls),
            ("mx.a.test", "250 2.0.0 taken", None)
        );
    }
    assert!(stage.outbox.waiting().is_empty());
    assert_eq!(relay.counters().sent_total.load(Ordering::Relaxed), 2);
    relay.stop();
}

#[test]
fn sg_14_a_null_reverse_path_and_an_8_bit_text_are_said_as_they_are() {
    let stage = Stage::new(false);
    let relay = stage.outbox.relay(stage.settings());
    let text = b"Subject: eight\r\n\r\nperch\xc3\xa9\r\n";
    stage.outbox.post(&Posted {
        from: "",
        text,
        ..posted(&["a@a.test"], Ordinary)
    });
    let taken = stage.server.wait_for(1);
    assert_eq!(taken[0].text, text);
    assert!(
        taken[0].mail.starts_with("MAIL FROM:<> "),
        "{}",
        taken[0].mail
    );
    assert!(
        taken[0].mail.ends_with("BODY=8BITMIME"),
        "{}",
        taken[0].mail
    );
    relay.stop();
    // A server that takes 7 bits only gets nothing (SG-08).
    let narrow = Receiver::offering(SocketAddr::from(([127, 0, 0, 2], 0)), None, &["SIZE"]);
    let stage = Stage::with(narrow);
    let _relay = stage.outbox.relay(stage.settings());
    stage.outbox.post(&Posted {
        text,
        ..posted(&["a@a.test"], Ordinary)
    });
    let outcomes = stage.outbox.wait_for(1);
    assert!(reply(&outcomes[0].1).starts_with("5.6.3: "), "{outcomes:?}");
    assert!(stage.server.taken().is_empty());
}

#[test]
fn te_14_certified_mail_leaves_under_tls_whatever_the_certificate_and_that_is_counted() {
    let stage = Stage::new(true);
    let relay = stage.outbox.relay(stage.settings());
    stage.outbox.post(&posted(&["a@a.test"], Certified));
    let taken = stage.server.wait_for(1);
    assert!(taken[0].is_tls);
    assert_eq!(taken[0].text, TEXT);
    let outcomes = stage.outbox.wait_for(1);
    assert!(
        matches!(&outcomes[0].1, DispatchOutcome::Sent { tls: Some(tls), .. } if tls == "TLSv1.3")
    );
    // Nobody has vouched for it.
    assert_eq!(
        relay
            .counters()
            .certificates_in_doubt_total
            .load(Ordering::Relaxed),
        1
    );
    relay.stop();
}

#[test]
fn te_14_a_host_without_starttls_is_tried_again_and_never_served_in_clear() {
    let stage = Stage::new(false);
    let relay = stage.outbox.relay(stage.settings());
    stage.outbox.post(&posted(&["a@a.test"], Certified));
    let outcomes = stage.outbox.wait_for(1);
    assert!(
        reply(&outcomes[0].1).contains("no STARTTLS"),
        "{outcomes:?}"
    );
    assert!(matches!(outcomes[0].1, DispatchOutcome::Deferred { .. }));
    stage.outbox.clock.forward(Duration::from_secs(120));
    let outcomes = stage.outbox.wait_for(2);
    assert!(matches!(outcomes[1].1, DispatchOutcome::Deferred { .. }));
    let dead = relay.destinations();
    assert_eq!((dead.len(), dead[0].failures), (1, 2), "{dead:?}");
    assert!(stage.server.taken().is_empty());
    relay.stop();
}

#[test]
fn te_14_a_failed_handshake_sends_ordinary_mail_in_clear_and_certified_mail_not() {
    // It is ready, it says, and then speaks no TLS.
    let address = SocketAddr::from(([127, 0, 0, 2], 0));
    let stage = Stage::with(Receiver::offering(address, None, &["STARTTLS", "SIZE"]));
    let relay = stage.outbox.relay(stage.settings());
    stage.outbox.post(&posted(&["ordinary@a.test"], Ordinary));
    let outcomes = stage.outbox.wait_for(1);
    assert!(
        matches!(outcomes[0].1, DispatchOutcome::Sent { tls: None, .. }),
        "{outcomes:?}"
    );
    stage.outbox.post(&posted(&["certified@a.test"], Certified));
    let outcomes = stage.outbox.wait_for(2);
    assert!(
        matches!(outcomes[1].1, DispatchOutcome::Deferred { .. }),
        "{outcomes:?}"
    );
    assert_eq!(stage.server.taken().len(), 1);
    relay.stop();
}

#[test]
fn te_18_each_class_leaves_from_its_own_address() {
    let stage = Stage::new(true);
    let mut settings = stage.settings();
    let at = |last| Some(IpAddr::from([127, 0, 0, last]));
    (settings.certified_source, settings.ordinary_source) = (at(21), at(22));
    let relay = stage.outbox.relay(settings);
    stage.outbox.post(&posted(&["certified@a.test"], Certified));
    stage.outbox.post(&posted(&["ordinary@a.test"], Ordinary));
    for taken in stage.server.wait_for(2) {
        let last = if taken.recipients == ["certified@a.test"] {
            21
        } else {
            22
        };
        assert_eq!(taken.peer, Ipv4Addr::new(127, 0, 0, last));
    }
    relay.stop();
}

#[test]
fn te_19_ordinary_mail_is_signed_and_certified_mail_left_as_it_is() {
    let stage = Stage::new(true);
    let key = program::run_well("openssl", &["genrsa", "2048"]);
    let mut settings = stage.settings();
    settings.dkim = Some(Arc::new(Dkim::new("s1", key.as_bytes()).expect("a key")));
    let relay = stage.outbox.relay(settings);
    stage.outbox.post(&posted(&["certified@a.test"], Certified));
    stage.outbox.post(&posted(&["ordinary@a.test"], Ordinary));
    for taken in stage.server.wait_for(2) {
        if taken.recipients == ["certified@a.test"] {
            assert_eq!(taken.text, TEXT);
        } else {
            assert!(taken.text.starts_with(b"DKIM-Signature: "));
            assert!(taken.text.ends_with(TEXT));
            let size: usize = taken.mail.rsplit('=').next().unwrap().parse().unwrap();
            assert_eq!(size, taken.text.len(), "SIZE counts the signature");
        }
    }
    relay.stop();
}

#[test]
fn what_the_dns_says_for_good_is_refused_and_what_it_cannot_say_is_deferred() {
    let stage = Stage::new(false);
    stage.zone.mx("null.test", 0, ".");
    stage.zone.txt("empty.test", "nothing else");
    stage.zone.mx("lost.test", 10, "gone.lost.test");
    stage.zone.fails("fail.test", true);
    stage
        .zone
        .address_of("alone.test", stage.server.address().ip());
    let relay = stage.outbox.relay(stage.settings());
    for (to, told) in [
        ("r@nowhere.test", "5.1.2: "),
        ("r@null.test", "5.1.10: "),
        ("r@empty.test", "5.1.2: "),
        ("r@lost.test", "5.4.4: "),
        ("r@fail.test", "deferred: the DNS does not say"),
        ("r@alone.test", "250 "),
    ] {
        let before = stage.outbox.outcomes().len();
        stage.outbox.post(&posted(&[to], Ordinary));
        let outcomes = stage.outbox.wait_for(before + 1);
        let reply = reply(&outcomes[before].1);
        assert!(reply.starts_with(told), "{to}: {reply}");
    }
    relay.stop();
}

#[test]
fn mail_goes_round_in_no_circle() {
    let stage = Stage::new(false);
    let us = SocketAddr::from(([127, 0, 0, 9], stage.port()));
    stage
        .zone
        .mx("ours.test", 10, "us.test")
        .address_of("us.test", us.ip());
    // We are its second: only the first may be asked.
    stage
        .zone
        .mx("first.test", 5, "mx.a.test")
        .mx("first.test", 10, "us.test");
    stage
        .zone
        .mx("first.test", 20, "third.test")
        .address_of("third.test", Ipv4Addr::new(127, 0, 0, 8));
    let mut settings = stage.settings();
    settings.own = vec![us];
    let relay = stage.outbox.relay(settings);
    stage.outbox.post(&posted(&["r@ours.test"], Ordinary));
    let outcomes = stage.outbox.wait_for(1);
    assert!(reply(&outcomes[0].1).starts_with("5.4.6: "), "{outcomes:?}");
    stage.outbox.post(&posted(&["r@first.test"], Ordinary));
    stage.server.wait_for(1);
    assert_eq!(stage.zone.asked("third.test"), 0);
    relay.stop();
}

#[test]
fn the_next_host_is_asked_when_the_first_is_not_there_or_will_not_talk() {
    let stage = Stage::new(false);
    let second = Receiver::start(SocketAddr::from(([127, 0, 0, 3], stage.port())), None);
    stage
        .zone
        .mx("two.test", 5, "mx.a.test")
        .mx("two.test", 10, "second.test");
    stage
        .zone
        .mx("two.test", 1, "nobody.test")
        .address_of("nobody.test", Ipv4Addr::new(127, 0, 0, 7));
    stage.zone.address_of("second.test", second.address().ip());
    stage.server.says("220", "554 5.3.2 not today");
    let relay = stage.outbox.relay(stage.settings());
    stage.outbox.post(&posted(&["r@two.test"], Ordinary));
    second.wait_for(1);
    let outcomes = stage.outbox.wait_for(1);
    assert!(matches!(&outcomes[0].1, DispatchOutcome::Sent { host, .. } if host == "second.test"));
    assert_eq!(stage.server.connections(), 1);
    relay.stop();
}

#[test]
fn each_recipient_has_its_own_outcome() {
    let stage = Stage::new(true);
    stage
        .server
        .says("RCPT TO:<no@", "550 5.1.1 no such user here");
    stage.server.says("RCPT TO:<later@", "451 4.2.0 later");
    let relay = stage.outbox.relay(stage.settings());
    let keys = stage.outbox.post(&posted(
        &["yes@a.test", "no@a.test", "later@a.test"],
        Certified,
    ));
    let outcomes = stage.outbox.wait_for(3);
    let of = |key| reply(&outcomes.iter().find(|(k, _)| k == key).unwrap().1);
    assert_eq!(of(&keys[0]), "250 2.0.0 taken");
    assert_eq!(of(&keys[1]), "5.1.1: 550 5.1.1 no such user here");
    assert!(
        of(&keys[2]).starts_with("deferred: mx.a.test said: 451"),
        "{}",
        of(&keys[2])
    );
    stage.server.behaves();
    stage.outbox.clock.forward(Duration::from_secs(90));
    let outcomes = stage.outbox.wait_for(4);
    assert_eq!(outcomes[3].0, keys[2]);
    assert_eq!(reply(&outcomes[3].1), "250 2.0.0 taken");
    relay.stop();
}

#[test]
fn te_15_what_stays_idle_is_given_up_a_day_after() {
    let stage = Stage::new(false);
    stage
        .zone
        .address_of("mx.dead.test", Ipv4Addr::new(127, 0, 0, 7))
        .mx("dead.test", 1, "mx.dead.test");
    let relay = stage.outbox.relay(stage.settings());
    stage.outbox.post(&posted(&["r@dead.test"], Ordinary));
    stage.outbox.wait_for(1);
    stage
        .outbox
        .clock
        .forward(Duration::from_secs(24 * 3600 - 60));
    let outcomes = stage.outbox.wait_for(2);
    assert!(
        matches!(outcomes[1].1, DispatchOutcome::Deferred { .. }),
        "{outcomes:?}"
    );
    stage.outbox.clock.forward(Duration::from_secs(60));
    let outcomes = stage.outbox.wait_for(3);
    assert!(
        reply(&outcomes[2].1).starts_with("expired: mx.dead.test (127.0.0.7): "),
        "{outcomes:?}"
    );
    relay.stop();
}

#[test]
fn a_lost_reply_to_the_final_dot_means_sent_again_and_never_lost() {
    let stage = Stage::new(false);
    stage.server.says_times(".", "KEEP-AND-CLOSE", 1);
    let relay = stage.outbox.relay(stage.settings());
    stage.outbox.post(&posted(&["a@a.test"], Ordinary));
    let outcomes = stage.outbox.wait_for(1);
    assert!(
        matches!(outcomes[0].1, DispatchOutcome::Deferred { .. }),
        "{outcomes:?}"
    );
    stage.outbox.clock.forward(Duration::from_secs(120));
    let outcomes = stage.outbox.wait_for(2);
    assert!(
        matches!(outcomes[1].1, DispatchOutcome::Sent { .. }),
        "{outcomes:?}"
    );
    assert_eq!(stage.server.taken().len(), 2);
    relay.stop();
}

#[test]
fn many_messages_share_few_connections() {
    let stage = Stage::new(true);
    for number in 0..300 {
        let to = format!("r{}@a.test", number % 7);
        stage.outbox.post(&posted(&[&to], Certified));
    }
    let relay = stage.outbox.relay(stage.settings());
    stage.outbox.wait_for(300);
    assert_eq!(stage.server.taken().len(), 300);
    assert!(
        stage.server.connections() <= 15,
        "{}",
        stage.server.connections()
    );
    assert!(
        stage.server.most_open() <= 5,
        "{}",
        stage.server.most_open()
    );
    relay.stop();
}

#[test]
fn a_large_message_streams_and_arrives_whole() {
    let stage = Stage::new(true);
    let mut text = b"Subject: large\r\n\r\n".to_vec();
    for number in 0..400_000 {
        text.extend_from_slice(
            format!("{}{number:060}\r\n", if number % 3 == 0 { "." } else { "" }).as_bytes(),
        );
    }
    let relay = stage.outbox.relay(stage.settings());
    stage.outbox.post(&Posted {
        text: &text,
        ..posted(&["a@a.test"], Certified)
    });
    let taken = stage.server.wait_for(1);
    assert!(
        taken[0].text == text,
        "{} octets of {}",
        taken[0].text.len(),
        text.len()
    );
    relay.stop();
}

#[test]
fn a_stop_waits_for_no_silent_server_and_the_message_stays() {
    let stage = Stage::new(false);
    stage.server.says("MAIL", "STALL");
    let relay = stage.outbox.relay(stage.settings());
    stage.outbox.post(&posted(&["a@a.test"], Ordinary));
    while stage.server.connections() == 0 {
        std::thread::yield_now();
    }
    let begun = std::time::Instant::now();
    relay.stop();
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
    let waiting = stage.outbox.waiting();
    assert_eq!(
        waiting.values().map(|row| row.attempts).collect::<Vec<_>>(),
        [0],
        "untried"
    );
    // The next run takes it up.
    stage.server.behaves();
    let relay = stage.outbox.relay(stage.settings());
    stage.server.wait_for(1);
    stage.outbox.wait_for(1);
    relay.stop();
}

#[test]
fn a_silent_name_server_defers() {
    let stage = Stage::new(false);
    stage.zone.is_silent("quiet.test", true);
    let relay = stage.outbox.relay(stage.settings());
    stage.outbox.post(&posted(&["r@quiet.test"], Ordinary));
    stage.outbox.post(&posted(&["r@a.test"], Ordinary));
    stage.server.wait_for(1);
    let outcomes = stage.outbox.wait_for(2);
    assert!(
        matches!(outcomes[1].1, DispatchOutcome::Deferred { .. }),
        "{outcomes:?}"
    );
    relay.stop();
}
