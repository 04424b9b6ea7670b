//! Port 25 on loopback. Who judges is a stand-in that keeps what it was handed and answers as the
//! reverse path asks, so that reply, place and thread can be seen from the wire.

use std::sync::Condvar;
use std::sync::mpsc::channel;

use ceralacca_core::blob::format::{read_blob_header, segment_name};
use ceralacca_core::intake::{Arrival, TakenIn};
use ceralacca_core::journal::Partition;
use ceralacca_core::message_id::Identifier;
use ceralacca_core::state::Place;

use super::*;

/// Keeps what arrived; `refused@` and `later@` are refused, `held@` waits until it is let go.
#[derive(Default)]
pub(super) struct Judge {
    seen: std::sync::Mutex<Vec<(Arrival, String)>>,
    arrived: Condvar,
    open: std::sync::Mutex<bool>,
    opened: Condvar,
}

impl Examiner for Judge {
    fn take_in(&self, place: Place, arrival: Arrival) -> TakenIn {
        let path = arrival.reverse_path.as_ref();
        let asks = path.map_or("", |path| path.local_part()).to_owned();
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        self.seen.lock().expect("alone").push((arrival, thread));
        self.arrived.notify_all();
        if asks == "held" {
            let open = self.open.lock().expect("alone");
            drop(self.opened.wait_while(open, |open| !*open));
        }
        drop(place);
        let refused = |code, status: &str, text: &str| TakenIn::Refused {
            code,
            status: status.to_owned(),
            text: text.to_owned(),
        };
        match &*asks {
            "refused" => refused(550, "5.7.1", "Ordinary mail is not taken"),
            "later" => refused(451, "4.3.2", "Try again"),
            "broken" => panic!("a bug"),
            _ => TakenIn::Accepted(Identifier::parse("c01@pec.example").expect("one")),
        }
    }
}

impl Judge {
    fn arrivals(&self) -> Vec<Arrival> {
        let seen = self.seen.lock().expect("alone");
        seen.iter().map(|(arrival, _)| arrival.clone()).collect()
    }

    fn wait_for_one(&self) {
        let seen = self.seen.lock().expect("alone");
        drop(self.arrived.wait_while(seen, |seen| seen.is_empty()));
    }

    fn let_go(&self) {
        *self.open.lock().expect("alone") = true;
        self.opened.notify_all();
    }
}

impl House {
    fn incoming(&self) -> Client {
        let mut client = Client::plain(self.running.addresses().incoming[0]);
        assert!(client.reply().starts_with("220 mail.pec.example"));
        assert_eq!(client.ask("EHLO mx.other.example"), "250 HELP");
        client
    }
}

fn hand_in(client: &mut Client, from: &str, to: &[&str], text: &str) -> String {
    assert!(
        client
            .ask(&format!("MAIL FROM:<{from}>"))
            .starts_with("250")
    );
    for to in to {
        assert!(client.ask(&format!("RCPT TO:<{to}>")).starts_with("250"));
    }
    let go = client.ask("DATA");
    if !go.starts_with("354") {
        return go;
    }
    client.ask(&format!("{text}."))
}

#[test]
fn ip_01_ip_26_mail_comes_in_clear_and_under_tls_and_is_handed_over_with_its_circumstances() {
    let house = house();
    let mut client = house.incoming();
    assert!(client.ask("AUTH PLAIN AA==").starts_with("502 5.5.1"));
    let to = [ROSSI, "nobody@pec.example"];
    let reply = hand_in(&mut client, "a@other.example", &to, "in clear\r\n");
    assert_eq!(reply, "250 2.0.0 Ok: queued as c01@pec.example");
    assert!(client.ask("STARTTLS").starts_with("220"));
    let mut client = client.start_tls(&house.tls);
    assert!(client.ask("MAIL FROM:<>").starts_with("503"), "EHLO first");
    assert_eq!(client.ask("EHLO mx.other.example"), "250 HELP");
    let text = "0123456789abcdef0123456789abcdef\r\n".repeat(20_000);
    let reply = hand_in(&mut client, "", &["nobody@pec.example"], &text);
    assert!(reply.starts_with("250 2.0.0"), "{reply}");
    let rossi = Address::parse(ROSSI).expect("valid");
    let home = house
        .state
        .view()
        .mailbox_of(&rossi)
        .expect("there")
        .partition;
    let arrivals = house.examiner.arrivals();
    let [first, second] = &*arrivals else {
        panic!("two arrived: {arrivals:?}")
    };
    let read = |arrival: &Arrival| {
        house
            .state
            .blobs()
            .read(*arrival.body, 1 << 30)
            .expect("read")
    };
    assert_eq!(read(first), b"in clear\r\n");
    assert_eq!(read(second), text.as_bytes());
    assert_eq!(first.tls, None);
    assert_eq!(second.tls.as_deref(), Some("TLSv1.3"));
    assert_eq!(first.recipients.len(), 2);
    assert_eq!(first.reverse_path, Address::parse("a@other.example").ok());
    assert_eq!(second.reverse_path, None);
    assert_eq!(first.peer, IpAddr::from([127, 0, 0, 1]));
    assert_eq!(first.helo, "mx.other.example");
    let by = "from mx.other.example ([127.0.0.1]) by mail.pec.example with";
    assert_eq!(first.received_from, format!("{by} ESMTP (no TLS)"));
    assert_eq!(second.received_from, format!("{by} ESMTPS (TLSv1.3)"));
    assert_eq!(home_of(&house, first), home.0);
    assert_eq!(home_of(&house, second), Partition::REGISTRY.0);
    house.running.stop();
}

/// The partition in the header of an arrival's blob.
fn home_of(house: &House, arrival: &Arrival) -> u8 {
    let blob = *arrival.body;
    let file = house
        .state
        .blobs()
        .folder()
        .join(segment_name(blob.segment));
    let octets = std::fs::read(file).expect("a segment");
    let at = usize::try_from(blob.offset).expect("small");
    let header = octets[at..].first_chunk().expect("a header");
    read_blob_header(header).expect("intact").0
}

#[test]
fn ip_25_dl_09_strangers_domains_are_refused_at_rcpt() {
    let house = house();
    let mut client = house.incoming();
    assert!(
        client
            .ask("MAIL FROM:<rossi@pec.example>")
            .starts_with("250")
    );
    for foreign in [
        "a@other.example",
        "rossi@sub.pec.example",
        "a%pec.example@other.example",
    ] {
        let reply = client.ask(&format!("RCPT TO:<{foreign}>"));
        assert!(reply.starts_with("550 5.7.1"), "{reply}");
    }
    assert!(client.ask("DATA").starts_with("503"));
    assert!(client.ask("RCPT TO:<postmaster>").starts_with("250"));
    assert!(client.ask("DATA").starts_with("354"));
    assert!(client.ask("x\r\n.").starts_with("250"));
    let arrivals = house.examiner.arrivals();
    let to: Vec<_> = arrivals[0].recipients.iter().map(Address::as_str).collect();
    assert_eq!(to, ["postmaster@pec.example"]);
    house.running.stop();
}

#[test]
fn mx_02_what_was_judged_is_the_reply_and_a_bug_refuses_for_now() {
    let house = house();
    let mut client = house.incoming();
    for (from, reply) in [
        (
            "refused@other.example",
            "550 5.7.1 Ordinary mail is not taken",
        ),
        ("later@other.example", "451 4.3.2 Try again"),
        (
            "broken@other.example",
            "451 4.3.2 Too much waiting work, try again later",
        ),
        (
            "good@other.example",
            "250 2.0.0 Ok: queued as c01@pec.example",
        ),
    ] {
        assert_eq!(hand_in(&mut client, from, &[ROSSI], "x\r\n"), reply);
    }
    house.running.stop();
}

#[test]
fn an_examination_that_waits_holds_up_nobody_else_on_its_ring() {
    let house = house_on(1);
    let (mut held, mut other) = (house.incoming(), house.incoming());
    let (told, answer) = channel();
    let waiting = std::thread::spawn(move || {
        told.send(hand_in(&mut held, "held@other.example", &[ROSSI], "x\r\n"))
            .expect("told");
    });
    house.examiner.wait_for_one();
    let reply = hand_in(&mut other, "a@other.example", &[ROSSI], "x\r\n");
    assert!(reply.starts_with("250"), "{reply}");
    assert!(answer.try_recv().is_err(), "the first still waits");
    house.examiner.let_go();
    assert!(answer.recv().expect("told").starts_with("250"));
    waiting.join().expect("joined");
    let seen = house.examiner.seen.lock().expect("alone");
    assert!(seen.iter().all(|(_, thread)| !thread.starts_with("ring-")));
    drop(seen);
    house.running.stop();
}

#[test]
fn se_10_one_source_hands_in_so_many_messages_a_minute_on_all_rings_together() {
    let policy = Policy {
        arrivals_per_minute_max: 3,
        ..Policy::default()
    };
    let house = house_with(2, policy);
    let mut taken = 0;
    for _ in 0..6 {
        let reply = hand_in(&mut house.incoming(), "a@other.example", &[ROSSI], "x\r\n");
        taken += usize::from(reply.starts_with("250"));
        assert!(
            reply.starts_with("250") || reply.starts_with("451 4.7.1"),
            "{reply}"
        );
    }
    // A slow machine may fill in one more every twenty seconds.
    assert!((3..6).contains(&taken), "{taken}");
    assert_eq!(house.examiner.arrivals().len(), taken);
    house.running.stop();
}

#[test]
fn ap_22_what_breaks_before_its_end_is_not_examined() {
    let house = house();
    let mut client = house.incoming();
    client.ask("MAIL FROM:<>");
    client.ask(&format!("RCPT TO:<{ROSSI}>"));
    assert!(client.ask("DATA").starts_with("354"));
    client.send(vec![b'x'; 300_000]);
    drop(client);
    let (judge, blobs) = (
        Arc::clone(&house.examiner),
        house.state.blobs().folder().to_owned(),
    );
    house.running.stop();
    assert!(judge.arrivals().is_empty());
    assert_eq!(std::fs::read_dir(blobs).expect("a folder").count(), 0);
}
