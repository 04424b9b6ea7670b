//! Anomaly envelopes: what they copy, what they say, and that they hold the received message whole.

use ceralacca_core::blob::BlobRef;
use ceralacca_core::envelope::{AnomalyFacts, SignedDraft, anomaly};
use ceralacca_core::mime::Scan;
use ceralacca_core::rope::Rope;
use ceralacca_core::wording::anomalies::AnomalyReason;
use ceralacca_core::wording::words::MessageKind;
use mail_parser::{MessageParser, MimeHeaders};

use super::house::{Blob, address, field, header, issuer, signed, step};
use super::verdicts::judged;

const RECEIVED: &str = "Return-Path: <giro@ordinaria.test>\r\n\
Received: from mx.ordinaria.test (192.0.2.7)\r\n\tby mx.prova.test; Thu, 5 Dec 2024 00:02:09 +0100\r\n\
Received: from pc by mx.ordinaria.test; Thu, 5 Dec 2024 00:02:00 +0100\r\n\
X-Trasporto: posta-certificata\r\n\
From: \"U \\\"x\\\"\" <ugo@ordinaria.test>\r\n\
TO: Anna\r\n <anna@prova.test>\r\n\
Cc: carla@prova.test\r\n\
Subject: =?utf-8?Q?Citt=C3=A0?=\r\n\
Message-Id:  <u1@ordinaria.test>\r\n\
Date: Thu, 5 Dec 2024 00:01:00 +0100\r\n\
\r\n\
ciao\r\n";

fn draft(received: &str, reason: AnomalyReason) -> SignedDraft {
    let scan = Scan::of_bytes(received.as_bytes());
    let path = address("giro@ordinaria.test");
    let facts = AnomalyFacts::read(&scan, Some(&path), vec![address("anna@prova.test")]);
    let whole = Rope::whole(BlobRef {
        segment: 0,
        offset: 0,
        length: received.len() as u64,
    });
    anomaly(&issuer(), &facts, whole, reason, step())
}

fn made(received: &str, reason: AnomalyReason) -> Vec<u8> {
    signed(draft(received, reason), &Blob(received.into()))
}

#[test]
fn an_01_an_02_an_03_an_anomaly_keeps_these_fields_and_says_for_whom_it_speaks() {
    let message = made(RECEIVED, AnomalyReason::NoSignature);
    let expected = "Return-Path: <giro@ordinaria.test>\r\n\
        Received: from mx.ordinaria.test (192.0.2.7)\r\n\tby mx.prova.test; Thu, 5 Dec 2024 00:02:09 +0100\r\n\
        Received: from pc by mx.ordinaria.test; Thu, 5 Dec 2024 00:02:00 +0100\r\n\
        X-Trasporto: errore\r\n\
        Date: Thu, 05 Dec 2024 00:02:10 +0100\r\n\
        Subject: ANOMALIA MESSAGGIO: =?utf-8?Q?Citt=C3=A0?=\r\n\
        From: \"Per conto di: ugo@ordinaria.test\" <posta-certificata@prova.test>\r\n\
        Reply-To: ugo@ordinaria.test\r\n\
        TO: Anna\r\n <anna@prova.test>\r\n\
        Cc: carla@prova.test\r\n\
        Message-Id:  <u1@ordinaria.test>\r\n\
        MIME-Version: 1.0\r\n";
    let header = header(&message);
    assert!(header.starts_with(expected), "{header}");
    let draft = draft(RECEIVED, AnomalyReason::NoSignature);
    assert_eq!(draft.message_id, "u1@ordinaria.test");
}

#[test]
fn an_02_what_is_kept_of_the_message_survives_its_stored_form() {
    let eight_bit = RECEIVED
        .replace("To:", "To: perché")
        .replace("Anna", "Ànna");
    let scan = Scan::of_bytes(eight_bit.as_bytes());
    let facts = AnomalyFacts::read(&scan, None, vec![address("anna@prova.test")]);
    let stored = minicbor::to_vec(&facts).unwrap();
    assert_eq!(minicbor::decode::<AnomalyFacts>(&stored).unwrap(), facts);
    assert!(facts.eight_bit);
}

#[test]
fn an_03_replies_go_where_the_message_says_and_a_bad_sender_gives_way_to_the_reverse_path() {
    let received = RECEIVED.replace("Cc:", "Reply-To: altri@ordinaria.test\r\nCc:");
    let message = made(&received, AnomalyReason::NoSignature);
    let replies = field(&message, "Reply-To");
    assert_eq!(replies.as_deref(), Some("altri@ordinaria.test"));
    assert_eq!(header(&message).matches("Reply-To:").count(), 1);

    let received = RECEIVED.replace("<ugo@ordinaria.test>", "<ugo@>");
    let message = made(&received, AnomalyReason::NoSignature);
    let from = field(&message, "From").unwrap();
    let wanted = "\"Per conto di: giro@ordinaria.test\" <posta-certificata@prova.test>";
    assert_eq!(from, wanted);
    assert_eq!(field(&message, "Reply-To").unwrap(), "giro@ordinaria.test");
}

#[test]
fn an_03_with_no_sender_at_all_the_envelope_is_made_all_the_same() {
    let received = "Subject: x\r\n\r\nciao\r\n";
    let facts = AnomalyFacts::read(&Scan::of_bytes(received.as_bytes()), None, Vec::new());
    let rope = Rope::text(received);
    let draft = anomaly(&issuer(), &facts, rope, AnomalyReason::NoSignature, step());
    let id = draft.message_id.clone();
    let message = signed(draft, &Blob(Vec::new()));
    let from = field(&message, "From").unwrap();
    assert_eq!(from, "\"Per conto di: \" <posta-certificata@prova.test>");
    assert_eq!(field(&message, "Reply-To"), None);
    assert_eq!(field(&message, "Message-ID").unwrap(), format!("<{id}>"));
    assert!(judged(&message).is_genuine());
}

#[test]
fn an_04_an_05_an_anomaly_holds_a_text_and_the_whole_message_and_no_other_part() {
    let message = made(RECEIVED, AnomalyReason::NoSignature);
    let parsed = MessageParser::default().parse(&message).unwrap();
    let leaves = parsed.parts.iter().filter_map(|part| {
        let kind = part.content_type()?;
        let name = part.attachment_name().unwrap_or_default();
        Some(format!("{}/{} {name}", kind.ctype(), kind.subtype()?))
    });
    let expected = [
        "multipart/signed ",
        "multipart/mixed ",
        "multipart/alternative ",
        "text/plain ",
        "text/html ",
        "message/rfc822 postacert.eml",
        "application/pkcs7-signature smime.p7s",
    ];
    assert_eq!(leaves.collect::<Vec<_>>(), expected);
    let text = String::from_utf8(message.clone()).unwrap();
    assert_eq!(text.matches(RECEIVED).count(), 1);
    assert!(text.contains("Content-Transfer-Encoding: 7bit\r\nContent-Disposition: inline"));
    let plain = parsed.body_text(0).unwrap().replace("\r\n", "\n");
    let expected = "Anomalia nel messaggio\n\
        Il giorno 05/12/2024 alle ore 00:02:10 (+0100) è stato ricevuto\n\
        il messaggio \"Città\" proveniente da \"ugo@ordinaria.test\"\n\
        ed indirizzato a:\n\
        anna@prova.test\n\
        Tali dati non sono stati certificati per il seguente errore:\n\
        la firma digitale di un gestore di posta certificata non è presente; la provenienza del \
        messaggio non è stata verificata.\n\
        Il messaggio originale è incluso in allegato.\n";
    assert_eq!(plain, expected);
}

#[test]
fn an_08_an_09_sg_17_every_reason_makes_a_genuine_anomaly_envelope() {
    for reason in AnomalyReason::ALL {
        let verdict = judged(&made(RECEIVED, reason));
        assert!(verdict.is_genuine(), "{:#?}", verdict.checks);
        assert_eq!(verdict.kind, Some(MessageKind::AnomalyEnvelope));
        assert_eq!(verdict.data, None);
    }
}

#[test]
fn an_04_sg_08_eight_bit_octets_are_labelled_and_never_changed() {
    let received = RECEIVED.replace("ciao", "perché");
    let draft = draft(&received, AnomalyReason::NoSignature);
    assert!(draft.eight_bit);
    let message = signed(draft, &Blob(received.clone().into()));
    let text = String::from_utf8(message.clone()).unwrap();
    let labels = text.matches("Content-Transfer-Encoding: 8bit\r\n").count();
    assert_eq!((labels, text.matches(&received).count()), (3, 1));
    assert!(judged(&message).is_genuine());
}

#[test]
fn an_02_se_06_no_value_of_a_stranger_makes_a_field_or_a_line() {
    let received = "From: <ugo@ordinaria.test>\r\n\
        Subject: a\rX-Ricevuta: accettazione\nBcc: x@y.test\r\n\
        To: anna@prova.test\nX-Trasporto: posta-certificata\r\n\
        \r\nciao\r\n";
    let message = made(received, AnomalyReason::Malformed);
    let names = header(&message).replace("\r\n ", " ");
    let names: Vec<&str> = names
        .split("\r\n")
        .filter_map(|l| l.split(':').next())
        .collect();
    assert!(!names.contains(&"X-Ricevuta"), "{names:?}");
    assert_eq!(names.iter().filter(|n| **n == "X-Trasporto").count(), 1);
    assert!(
        judged(&message).is_genuine(),
        "{:#?}",
        judged(&message).checks
    );
}
