//! Delivery point.

use ceralacca_tests::appliance::{Appliance, PASSWORD};
use ceralacca_tests::compose::{Draft, filler, unique};
use ceralacca_tests::journey::certify_octets;
use ceralacca_tests::mailbox::Mailbox;
use ceralacca_tests::message::Part;

use crate::{Trio, at, samples, standard, undelivered};

#[test]
fn dp_01_the_mailbox_holds_the_message_byte_for_byte() {
    let envelopes = &standard().envelopes;
    assert_eq!(envelopes[0].message.raw, envelopes[1].message.raw);
    // Nothing above what we generate: the first field is one of the envelope's own list.
    let names: Vec<_> = envelopes[0]
        .message
        .fields
        .iter()
        .map(|f| f.name.as_str())
        .collect();
    for added in ["Delivered-To", "X-Original-To", "Envelope-To", "Status"] {
        assert!(!names.contains(&added), "{names:?}");
    }
}

#[test]
fn dp_02_the_receipt_certifies_the_instant_of_storing() {
    let trio = Trio::new();
    let certified = trio.certify_simple(&trio.simple());
    let mut inbox = trio.to.inbox();
    let answer = inbox.ok("FETCH 1 (INTERNALDATE FLAGS)");
    let line = answer.lines_with("INTERNALDATE")[0].text.clone();
    let stored = line
        .split("INTERNALDATE \"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    assert_eq!(
        crate::tm::seconds_of_internal_date(stored),
        crate::tm::seconds_of(certified.delivery())
    );
    assert!(
        !line.contains("\\Seen"),
        "certified before any reading: {line}"
    );
}

#[test]
fn dp_03_receipts_and_notices_cause_none_in_return() {
    let trio = Trio::new();
    trio.certify_simple(&trio.simple());
    let missing = format!("ignoto.{}", trio.to.address);
    trio.from.send_well(
        &[&missing],
        &Draft::new(&trio.from.address, &[&missing]).bytes(),
    );
    trio.from.wait_for(4);
    trio.from
        .send_well(&[&trio.to.address], &trio.simple().bytes());
    trio.from.wait_for(6);
    trio.to.wait_for(2);
}

#[test]
fn dp_04_one_receipt_per_recipient() {
    let data: Vec<_> = standard().answers.iter().map(|m| m.data()).collect();
    assert_eq!(data.len(), 2);
    assert_ne!(data[0].one("consegna"), data[1].one("consegna"));
}

#[test]
fn dp_05_a_failed_delivery_of_an_envelope_gives_a_notice() {
    let notice = &undelivered().answers[0];
    assert_eq!(notice.field("X-Ricevuta"), "errore-consegna");
}

#[test]
fn dp_06_any_local_part_is_taken_and_an_unknown_one_ends_in_no_dest() {
    let trio = Trio::new();
    let missing = format!("\"strano nome\"@{}", ceralacca_tests::appliance::DOMAIN);
    let draft = Draft::new(&trio.from.address, &[&trio.to.address, &missing]);
    let certified = certify_octets(&trio.from, &[&trio.to], &[&missing], &draft.bytes());
    assert_eq!(certified.answers[0].data().kind(), "avvenuta-consegna");
    let data = certified.answers[1].data();
    assert_eq!(
        (data.kind().as_str(), data.error().as_str()),
        ("errore-consegna", "no-dest")
    );
}

/// A mailbox of 200 kB.
fn small_mailbox(appliance: &Appliance) -> Mailbox<'_> {
    let address = format!("piccola.{}@pec.test", unique());
    appliance.add(&address, &["--quota", "204800"]);
    Mailbox::new(appliance, &address, PASSWORD)
}

#[test]
fn dp_07_an_envelope_over_the_quota_is_refused_whole_and_the_notice_says_so() {
    let trio = Trio::new();
    let small = small_mailbox(trio.from.appliance);
    let draft = Draft::new(&trio.from.address, &[&small.address]).body(filler(300_000));
    let to = [small.address.as_str()];
    let certified = certify_octets(&trio.from, &[], &to, &draft.bytes());
    let data = certified.answers[0].data();
    assert_eq!(
        (data.kind().as_str(), data.error().as_str()),
        ("errore-consegna", "altro")
    );
    assert!(
        data.one("errore-esteso").starts_with("5.2.2 - "),
        "{}",
        data.0
    );
    assert!(small.messages().is_empty());
}

#[test]
fn dp_08_receipts_reach_a_full_mailbox() {
    let trio = Trio::new();
    let small = small_mailbox(trio.from.appliance);
    // Fill it to the brim with what the holder puts there himself.
    let brim = Draft::new(&small.address, &[&small.address])
        .body(filler(204_000))
        .bytes();
    let answer = small.imap().append("INBOX", &brim);
    assert!(answer.is_ok(), "{answer:?}");
    let full = small.imap().append("INBOX", &brim);
    assert!(!full.is_ok(), "the quota is enforced on APPEND too");
    let draft =
        Draft::new(&small.address, &[&trio.to.address]).field("X-TipoRicevuta", "sintetica");
    small.send_well(&[&trio.to.address], &draft.bytes());
    // A warning of the full mailbox comes too (AC-17).
    let is_receipt = |raw: &Vec<u8>| !Part::parse(raw).all("X-Ricevuta").is_empty();
    small.wait_until("acceptance receipt", |m| m.iter().any(is_receipt));
}

#[test]
fn dp_09_a_receipt_for_a_mailbox_that_is_gone_is_not_bounced() {
    let (mut appliance, token) = crate::hs::appliance_with_token();
    let [gone, other] = ["chiusa", "altra"].map(|n| appliance.mailbox(n).address);
    token.pull_out();
    let draft = Draft::new(&gone, &[&other]);
    at(&appliance, &gone).send_well(&[&other], &draft.bytes());
    appliance.well(&["mailbox", "close", &gone]);
    token.put_back();
    // The message goes on: its envelope arrives, its receipts have nowhere to go and harm nobody.
    at(&appliance, &other).wait_for(1);
    let third = appliance.mailbox("terza").address;
    let draft = Draft::new(&other, &[&third]);
    at(&appliance, &other).send_well(&[&third], &draft.bytes());
    at(&appliance, &other).wait_for(3);
    appliance.stop();
}

#[test]
fn dp_10_a_suspended_mailbox_gives_a_notice_and_stores_nothing() {
    let trio = Trio::new();
    let appliance = trio.from.appliance;
    appliance.well(&["mailbox", "suspend", &trio.to.address]);
    let draft = trio.simple();
    let to = [trio.to.address.as_str()];
    let certified = certify_octets(&trio.from, &[], &to, &draft.bytes());
    let data = certified.answers[0].data();
    assert_eq!(
        (data.kind().as_str(), data.error().as_str()),
        ("errore-consegna", "altro")
    );
    assert!(
        data.one("errore-esteso").starts_with("5.2.1 - "),
        "{}",
        data.0
    );
    appliance.well(&["mailbox", "resume", &trio.to.address]);
    assert!(trio.to.messages().is_empty());
}

#[test]
fn dp_11_the_system_deletes_nothing() {
    let mut appliance = Appliance::start();
    let [from, to] = ["da", "a"].map(|n| appliance.mailbox(n).address);
    at(&appliance, &from).send_well(&[&to], &Draft::new(&from, &[&to]).bytes());
    at(&appliance, &from).wait_for(2);
    let before = at(&appliance, &to).wait_for(1).remove(0);
    at(&appliance, &to)
        .inbox()
        .ok("STORE 1 +FLAGS.SILENT (\\Deleted \\Seen)");
    appliance.stop();
    appliance.serve();
    let after = at(&appliance, &to).wait_for(1).remove(0);
    assert_eq!(before.message.raw, after.message.raw);
    assert!(samples().iter().all(|m| m.get("Expires").is_none()));
}
