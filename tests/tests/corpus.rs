//! Real input: all messages of the corpus inside the `mail-parser` crate's package, submitted as they
//! are and mended for test mailboxes. Each ends in a certified delivery, in the notice that the rules
//! name, or in the SMTP refusal that they name; none is lost, and what is enclosed is what was sent.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use std::collections::BTreeMap;

use ceralacca_tests::appliance::Appliance;
use ceralacca_tests::compose::unique;
use ceralacca_tests::corpus;
use ceralacca_tests::judge;
use ceralacca_tests::mailbox::Mailbox;
use ceralacca_tests::message::Part;
use ceralacca_tests::sealed::Sealed;
use mail_parser::{MessageParser, PartType};

const FILES: usize = 107;
const REFUSED: usize = 2;

#[test]
fn as_they_are_they_end_in_a_notice_or_a_refusal() {
    let appliance = Appliance::shared();
    let (from, to) = (appliance.mailbox("corpus"), appliance.mailbox("lettore"));
    let files = corpus::all();
    assert_eq!(files.len(), FILES);
    let mut session = from.submission();
    let (mut refused, mut taken) = (Vec::new(), 0);
    for (name, octets) in &files {
        let reply = session.send(&from.address, &[&to.address], octets);
        match reply.code {
            250 => taken += 1,
            554 => refused.push(name.clone()),
            other => panic!("{name}: {other} {reply:?}"),
        }
        assert_eq!(
            reply.code == 554,
            corpus::has_forbidden_octets(octets),
            "{name}"
        );
    }
    assert_eq!(refused.len(), REFUSED, "{refused:?}");
    // The sender is in none of them: each is a formal failure, and the recipient gets nothing.
    let notices = from.wait_for(taken);
    assert!(
        notices
            .iter()
            .all(|n| n.field("X-Ricevuta") == "non-accettazione")
    );
    notices.iter().for_each(judge::dtd_accepts);
    assert!(to.messages().is_empty());
}

#[test]
fn mended_they_are_certified_or_refused_for_a_fault_that_they_have() {
    let appliance = Appliance::shared();
    let (from, to) = (appliance.mailbox("corpus"), appliance.mailbox("lettore"));
    let files = corpus::all();
    let sent = submit_all(&files, &from, &to);
    let came = from.wait_until("an end for each", |all| has_ended(all, &sent));
    let mut receipts: BTreeMap<String, Vec<Sealed>> = BTreeMap::new();
    for raw in &came {
        let receipt = Sealed::parse(raw);
        receipts
            .entry(receipt.field("X-Riferimento-Message-ID"))
            .or_default()
            .push(receipt);
    }
    let envelopes: BTreeMap<String, Sealed> = to
        .messages()
        .iter()
        .map(|raw| Sealed::parse(raw))
        .map(|e| (e.field("X-Riferimento-Message-ID"), e))
        .collect();
    let mut delivered = 0;
    for (id, (name, octets)) in &sent {
        let kinds: Vec<_> = receipts[id].iter().map(|r| r.field("X-Ricevuta")).collect();
        let faults = corpus::faults(octets);
        if kinds == ["non-accettazione"] {
            let data = receipts[id][0].data();
            assert!(
                !faults.is_empty(),
                "{name}: refused without a fault: {}",
                data.0
            );
            assert!(!envelopes.contains_key(id), "{name}: refused and delivered");
            continue;
        }
        let certain: Vec<_> = faults.iter().filter(|f| !f.ends_with("perhaps")).collect();
        assert!(certain.is_empty(), "{name}: {certain:?}, and yet {kinds:?}");
        assert_eq!(kinds, ["accettazione", "avvenuta-consegna"], "{name}");
        encloses(&envelopes[id], octets, name);
        delivered += 1;
    }
    eprintln!("{delivered} of {} certified", sent.len());
    assert!(
        delivered > FILES / 2,
        "the corpus hardly reaches the envelope: {delivered}"
    );
    let all: Vec<Sealed> = receipts
        .into_values()
        .flatten()
        .chain(envelopes.into_values())
        .collect();
    judge::all_accept(appliance, &all.iter().collect::<Vec<_>>());
}

/// Submits every mended file under a Message-ID of ours; what was taken, by that.
fn submit_all<'a>(
    files: &'a [(String, Vec<u8>)],
    from: &Mailbox<'_>,
    to: &Mailbox<'_>,
) -> BTreeMap<String, (&'a str, Vec<u8>)> {
    let mut session = from.submission();
    let (mut sent, mut refused) = (BTreeMap::new(), 0);
    for (name, octets) in files {
        let id = format!("<{}@corpus.example>", unique());
        let mended = with_message_id(&corpus::mended(octets, &from.address, &to.address), &id);
        let reply = session.send(&from.address, &[&to.address], &mended);
        if corpus::has_forbidden_octets(&mended) {
            assert_eq!(reply.code, 554, "{name}: {reply:?}");
            refused += 1;
            continue;
        }
        assert_eq!(reply.code, 250, "{name}: {reply:?}");
        sent.insert(id, (name.as_str(), mended));
    }
    assert_eq!((sent.len(), refused), (FILES - REFUSED, REFUSED));
    sent
}

/// So that receipts can be told apart: many files share a Message-ID, or have none.
fn with_message_id(message: &[u8], id: &str) -> Vec<u8> {
    let part = Part::parse(message);
    let mut out = format!("Message-ID: {id}\r\n").into_bytes();
    let mut keep = true;
    for line in part.header().split_inclusive(|b| *b == b'\n') {
        if !matches!(line.first(), Some(b' ' | b'\t')) {
            let name = line.split(|b| *b == b':').next().unwrap().trim_ascii_end();
            keep = !name.eq_ignore_ascii_case(b"message-id");
        }
        if keep {
            out.extend_from_slice(line);
        }
    }
    out.extend_from_slice(&message[part.header().len()..]);
    out
}

fn has_ended(all: &[Vec<u8>], sent: &BTreeMap<String, (&str, Vec<u8>)>) -> bool {
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    for raw in all {
        let part = Part::parse(raw);
        let weight = match part.field("X-Ricevuta").as_str() {
            "accettazione" | "avvenuta-consegna" => 1,
            _ => 2,
        };
        *ends
            .entry(part.field("X-Riferimento-Message-ID"))
            .or_default() += weight;
    }
    sent.keys().all(|id| ends.get(id) == Some(&2))
}

/// TE-10: the same octets but for `Received`, the identifier fields and the re-encoding of AP-25.
fn encloses(envelope: &Sealed, sent: &[u8], name: &str) {
    let original = envelope.original().unwrap();
    let sent_part = Part::parse(sent);
    let changed = [
        "received",
        "message-id",
        "x-riferimento-message-id",
        "content-transfer-encoding",
    ];
    let kept = |p: &Part| {
        let is_kept = |n: &str| !changed.contains(&n.to_ascii_lowercase().as_str());
        let fields = p.fields.iter().filter(|f| is_kept(&f.name));
        fields
            .map(|f| (f.name.clone(), f.value.clone()))
            .collect::<Vec<_>>()
    };
    assert!(original.raw.is_ascii(), "{name}: 8-bit octets are left");
    if sent_part.body().is_ascii() {
        assert_eq!(kept(&original), kept(&sent_part), "{name}");
        assert_eq!(original.body(), sent_part.body(), "{name}");
        return;
    }
    // Re-encoded leaves: the same parts with the same contents, as an independent reader sees them.
    let read = |raw: &[u8]| {
        let message = MessageParser::default().parse(raw).unwrap().into_owned();
        let content = |p: &mail_parser::MessagePart<'_>| match &p.body {
            PartType::Message(_) | PartType::Multipart(_) => Vec::new(),
            _ => p.contents().to_vec(),
        };
        message.parts.iter().map(content).collect::<Vec<_>>()
    };
    let (before, after) = (read(sent), read(&original.raw));
    assert_eq!(before.len(), after.len(), "{name}");
    for (one, other) in before.iter().zip(&after) {
        assert_eq!(
            String::from_utf8_lossy(one),
            String::from_utf8_lossy(other),
            "{name}"
        );
    }
}
