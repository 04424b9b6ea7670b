//! Transport envelopes on their way to other servers: the running appliance against scripted servers and
//! a name server of the test's own; where certified domains and a clock are needed, the relay alone.

use std::net::SocketAddr;
use std::time::Duration;

use ceralacca_core::queue::{DispatchClass, DispatchOutcome};
use ceralacca_tests::appliance::{Appliance, DOMAIN, SERVICE_ADDRESS};
use ceralacca_tests::compose::Draft;
use ceralacca_tests::judge;
use ceralacca_tests::outbox::{Outbox, Posted};
use ceralacca_tests::receiver::{Receiver, self_signed};
use ceralacca_tests::sealed::Sealed;
use ceralacca_tests::zone::Zone;

const OUTSIDE: &str = "ugo@ordinaria.test";

/// An appliance whose recipients at `ordinaria.test` are served by a scripted server.
struct Outside {
    appliance: Appliance,
    zone: Zone,
    server: Receiver,
}

impl Outside {
    fn new(more: &[&str]) -> Self {
        let server = Receiver::start(
            SocketAddr::from(([127, 0, 0, 2], 0)),
            Some(self_signed("mx.ordinaria.test")),
        );
        let zone = Zone::start();
        zone.mx("ordinaria.test", 10, "mx.ordinaria.test");
        zone.address_of("mx.ordinaria.test", server.address().ip());
        let mut appliance = Appliance::initialised(more);
        appliance.relay_to(&zone, server.address().port());
        appliance.set_relay("certified_source", "\"127.0.0.21\"");
        appliance.set_relay("ordinary_source", "\"127.0.0.22\"");
        appliance.serve();
        Self {
            appliance,
            zone,
            server,
        }
    }

    /// Waits until `queue list` shows what is asked for.
    fn wait_queue(
        &self,
        what: &str,
        is_so: impl Fn(&serde_json::Value) -> bool,
    ) -> serde_json::Value {
        let end = std::time::Instant::now() + Duration::from_secs(60);
        loop {
            let queue = self.appliance.queue();
            if is_so(&queue) {
                return queue;
            }
            assert!(std::time::Instant::now() < end, "{what}: {queue}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// An ordinary report, stored as mail from outside is: no notice of certified mail (MX-07).
fn assert_is_report(raw: &[u8]) {
    let stored = Sealed::parse(raw);
    assert_eq!(stored.field("X-Trasporto"), "errore");
    assert!(stored.message.all("X-Ricevuta").is_empty());
    let text = String::from_utf8_lossy(raw);
    assert!(text.contains("multipart/report"), "{text}");
    assert!(text.contains(OUTSIDE), "{text}");
}

fn entries(queue: &serde_json::Value) -> &Vec<serde_json::Value> {
    queue["entries"].as_array().expect("entries")
}

#[test]
fn te_18_mail_to_external_recipients_leaves_from_an_address_of_its_own() {
    let outside = Outside::new(&[]);
    let from = outside.appliance.mailbox("mario");
    from.send_well(&[OUTSIDE], &Draft::new(&from.address, &[OUTSIDE]).bytes());
    let taken = outside.server.wait_for(1).remove(0);
    assert_eq!(taken.peer, std::net::IpAddr::from([127, 0, 0, 22]));
}

#[test]
fn te_19_the_envelope_to_an_external_recipient_is_signed_in_the_name_of_its_from() {
    let outside = Outside::new(&[]);
    let from = outside.appliance.mailbox("mario");
    from.send_well(&[OUTSIDE], &Draft::new(&from.address, &[OUTSIDE]).bytes());
    let taken = outside.server.wait_for(1).remove(0);
    assert!(taken.is_tls);
    assert_eq!(taken.recipients, [OUTSIDE]);
    assert!(
        taken
            .mail
            .starts_with(&format!("MAIL FROM:<{}> ", from.address)),
        "{}",
        taken.mail
    );
    let envelope = Sealed::parse(&taken.text);
    assert_eq!(envelope.field("X-Trasporto"), "posta-certificata");
    assert!(envelope.field("From").contains(SERVICE_ADDRESS));
    let signature: String = envelope
        .field("DKIM-Signature")
        .split_whitespace()
        .collect();
    assert!(signature.contains(&format!("d={DOMAIN};")), "{signature}");
    let shown = outside.appliance.json(&["domain", "show", DOMAIN]);
    let text = |key: &str| shown[key].as_str().expect("a text").to_owned();
    judge::dkim_accepts(&taken.text, &text("dkim_name"), &text("dkim_text"));
    // The certified signature is what it was.
    judge::all_accept(&outside.appliance, &[&envelope]);
    outside.wait_queue("nothing waits", |queue| entries(queue).is_empty());
}

#[test]
fn te_15_nd_08_an_idle_external_recipient_is_given_up_after_a_day_and_reported() {
    let outside = Outside::new(&["--sandbox-clock"]);
    outside.server.says("RCPT", "451 4.2.1 not now");
    let from = outside.appliance.mailbox("mario");
    from.send_well(&[OUTSIDE], &Draft::new(&from.address, &[OUTSIDE]).bytes());
    from.wait_for(1);
    let tried = |queue: &serde_json::Value| entries(queue).iter().any(|e| e["attempts"] == 1);
    let queue = outside.wait_queue("one attempt", tried);
    let last = entries(&queue)[0]["last"].as_str().expect("a reply");
    assert!(last.contains("451 4.2.1 not now"), "{last}");
    outside
        .appliance
        .well(&["sandbox", "clock", "--advance", "23h 59m"]);
    outside.wait_queue("still tried", |queue| {
        entries(queue).iter().any(|entry| entry["attempts"] == 2)
    });
    outside
        .appliance
        .well(&["sandbox", "clock", "--advance", "2m"]);
    outside.wait_queue("given up", |queue| entries(queue).is_empty());
    let all = from.wait_until("the report", |messages| messages.len() >= 2);
    assert_is_report(&all[1]);
    assert!(outside.server.taken().is_empty());
}

#[test]
fn nd_08_a_refusal_by_an_ordinary_server_is_an_ordinary_report() {
    let outside = Outside::new(&[]);
    outside.server.says("RCPT", "550 5.1.1 no such user here");
    let from = outside.appliance.mailbox("mario");
    from.send_well(&[OUTSIDE], &Draft::new(&from.address, &[OUTSIDE]).bytes());
    let all = from.wait_until("the report", |messages| messages.len() >= 2);
    assert_is_report(&all[1]);
    let text = String::from_utf8_lossy(&all[1]).into_owned();
    assert!(text.contains("5.1.1") && text.contains(OUTSIDE), "{text}");
    outside.wait_queue("nothing waits", |queue| entries(queue).is_empty());
}

#[test]
fn te_15_what_is_held_stays_and_what_is_released_or_retried_leaves() {
    let mut outside = Outside::new(&[]);
    outside.server.says("220", "421 4.3.2 not today");
    let from = outside.appliance.mailbox("mario");
    for _ in 0..3 {
        from.send_well(&[OUTSIDE], &Draft::new(&from.address, &[OUTSIDE]).bytes());
    }
    let queue = outside.wait_queue("three wait, one tried", |queue| {
        entries(queue).len() == 3 && queue["destinations"][0]["failures"] == 1
    });
    assert_eq!(queue["destinations"][0]["destination"], "ordinaria.test");
    assert_eq!(queue["destinations"][0]["class"], "ordinary");
    let key = |index: usize| {
        entries(&queue)[index]["key"]
            .as_str()
            .expect("a key")
            .to_owned()
    };
    outside.appliance.well(&["queue", "hold", &key(0)]);
    outside.server.behaves();
    // The hold is a row: it outlives the run.
    outside.appliance.stop();
    outside.appliance.serve();
    outside
        .appliance
        .well(&["queue", "retry", "--destination", "ordinaria.test"]);
    outside.server.wait_for(2);
    let left = outside.wait_queue("one held", |queue| entries(queue).len() == 1);
    assert_eq!(entries(&left)[0]["key"], key(0).as_str());
    assert_eq!(entries(&left)[0]["held"], true);
    let shown = outside.appliance.json(&["queue", "show", &key(0)]);
    assert_eq!(shown["to"], OUTSIDE);
    outside.appliance.well(&["queue", "release", "--all"]);
    outside.server.wait_for(3);
    outside.wait_queue("nothing waits", |queue| entries(queue).is_empty());
    outside.appliance.refused(&["queue", "show", &key(0)]);
    assert!(outside.zone.asked("mx.ordinaria.test") > 0);
}

#[test]
fn te_14_certified_mail_goes_straight_to_the_hosts_under_starttls_or_waits() {
    let open = Receiver::plain(2);
    let sealed = Receiver::start(
        SocketAddr::from(([127, 0, 0, 3], open.address().port())),
        Some(self_signed("another.test")),
    );
    let zone = Zone::start();
    zone.mx("pec.open.test", 10, "open.test")
        .address_of("open.test", open.address().ip());
    zone.mx("pec.sealed.test", 10, "sealed.test")
        .address_of("sealed.test", sealed.address().ip());
    // Without MX its address record counts.
    zone.address_of("pec.alone.test", sealed.address().ip());
    let outbox = Outbox::new();
    let relay = outbox.relay(outbox.settings(zone.address(), open.address().port()));
    let to = ["a@pec.open.test", "b@pec.sealed.test", "c@pec.alone.test"];
    for recipient in to {
        outbox.post(&Posted {
            from: "rossi@pec.test",
            to: &[recipient],
            text: b"Subject: uno\r\n\r\nCiao\r\n",
            class: DispatchClass::Certified,
        });
    }
    let outcomes = outbox.wait_for(3);
    let waiting = outbox.waiting();
    assert_eq!(waiting.len(), 1);
    assert!(
        waiting
            .values()
            .all(|row| row.to.as_str() == to[0] && row.attempts == 1)
    );
    assert!(open.taken().is_empty(), "nothing in clear");
    let sent = outcomes.iter().filter_map(|(_, outcome)| match outcome {
        DispatchOutcome::Sent { tls, .. } => Some(tls.as_deref()),
        _ => None,
    });
    assert_eq!(sent.collect::<Vec<_>>(), [Some("TLSv1.3"); 2]);
    assert!(sealed.taken().iter().all(|taken| taken.is_tls));
    // A certificate for another name is told, and no reason to send nothing.
    let doubts = &relay.counters().certificates_in_doubt_total;
    assert_eq!(doubts.load(std::sync::atomic::Ordering::Relaxed), 2);
    relay.stop();
}
