//! Odd originals, all the way from the formal checks to the envelope: whatever passes leaves in 7-bit
//! lines that fit, and encloses the original octet by octet but for what may change.

use ceralacca_core::address::Address;
use ceralacca_core::blob::BlobRef;
use ceralacca_core::certification::{OriginalFacts, Recipient, RecipientType};
use ceralacca_core::envelope::{EnvelopeFacts, EnvelopeHeader, transport};
use ceralacca_core::limits;
use ceralacca_core::message_id::Identifier;
use ceralacca_core::mime::{Marks, Scan, enclose};
use ceralacca_core::point::access::{describe, examine};
use ceralacca_core::policy::Policy;
use ceralacca_core::receipt::{brief::brief, delivery};
use ceralacca_core::verdict::{Expected, examine as judge};

use super::authority::trusted;
use super::house::{Blob, address, issuer, octets, parsed, signed, step};

const RECEIVED: &str = "Received: from pc by mx.prova.test; Thu, 5 Dec 2024 00:02:09 +0100\r\n";

fn message(fields: &str, body: &str) -> String {
    let date = "Date: Thu, 5 Dec 2024 00:02:09 +0100\r\n";
    let from = "From: Mario <mario@prova.test>\r\nTo: anna@prova.test\r\n";
    format!("{from}{date}{fields}\r\n{body}")
}

/// The envelope of `original`, and what it encloses.
fn enveloped(original: &str) -> (Vec<u8>, Vec<u8>) {
    let blobs = Blob(original.as_bytes().to_vec());
    let body = BlobRef {
        segment: 0,
        offset: 0,
        length: original.len() as u64,
    };
    let scan = Scan::of(&blobs, body).unwrap();
    let (sender, recipients): (Address, Vec<Address>) = (
        address("mario@prova.test"),
        vec![address("anna@prova.test")],
    );
    let described = describe(&scan);
    let examined = examine(&scan, &sender, &recipients, &Policy::default());
    examined.unwrap_or_else(|fault| panic!("{}: {original:?}", fault.reason()));
    let identifier = Identifier::parse("c00abc@prova.test").unwrap();
    let marks = Marks {
        received: RECEIVED,
        identifier: &identifier,
        client_id: described.client_id.as_ref(),
    };
    let enclosed = enclose(&scan, body, &blobs, &marks).unwrap();
    let inherited = EnvelopeHeader {
        copied: scan.copied_fields(&["Received", "To", "Cc", "Return-Path", "Reply-To"]),
        has_reply_to: scan.field("Reply-To").is_some(),
        asked: described.detail,
    };
    let facts = EnvelopeFacts {
        original: OriginalFacts {
            replies: described.replies(&sender),
            sender,
            recipients: vec![Recipient {
                address: address("anna@prova.test"),
                kind: RecipientType::Certified,
            }],
            subject: described.subject.clone(),
            identifier,
            client_id: described.client_id.clone(),
        },
        raw_subject: described.raw_subject.clone(),
        detail: described.detail.unwrap_or_default(),
        to: described.to.iter().map(Address::key).collect(),
        cc: described.cc.iter().map(Address::key).collect(),
        enclosed: enclosed.rope.clone(),
        eight_bit: enclosed.eight_bit,
    };
    let envelope = signed(transport(&issuer(), &facts, &inherited, step()), &blobs);
    let receipt = delivery(
        &issuer(),
        &facts,
        &address("anna@prova.test"),
        &blobs,
        step(),
    );
    let receipt = signed(receipt.unwrap(), &blobs);
    let short = octets(&brief(&enclosed.rope, &blobs).unwrap(), &blobs);
    for octets in [&envelope, &receipt, &short] {
        fits(octets, original);
    }
    for message in [&envelope, &receipt] {
        let anchors = [trusted().anchor.clone()];
        let verdict = judge(message, &anchors, step().at, &Expected::default());
        assert!(verdict.is_genuine(), "{original:?} {:#?}", verdict.checks);
    }
    (envelope, octets(&enclosed.rope, &blobs))
}

fn fits(octets: &[u8], original: &str) {
    assert!(octets.is_ascii(), "{original:?}");
    let text = std::str::from_utf8(octets).unwrap();
    for line in text.split("\r\n") {
        assert!(line.len() <= limits::LINE_BYTES_MAX, "{original:?}");
        assert!(!line.contains(['\r', '\n']), "{original:?}");
    }
    assert_eq!(Scan::of_bytes(octets).faults(), [], "{original:?}");
}

#[test]
fn sg_08_te_10_odd_originals_leave_in_seven_bit_lines_and_unchanged_inside() {
    let long_to: String = (0..50)
        .map(|n| format!(",\r\n\t\"N. {n}, (x)\" <n{n}@prova.test>"))
        .collect();
    let headers = [
        String::new(),
        "Subject:\r\n".to_owned(),
        "Subject: \r\n \r\n".to_owned(),
        format!("Subject: {}\r\n", "x".repeat(980)),
        format!(
            "Subject:\r\n {}\r\n {}\r\n",
            "y".repeat(990),
            "z ".repeat(400)
        ),
        "Subject: =?utf-8?Q?a=0D=0AX-Ricevuta:_accettazione?=\r\n".to_owned(),
        "Subject: =?utf-16?B?//8=?= =?x?Q??= =?utf-8?B?8J+Yg/CfmIM=?=\r\n".to_owned(),
        "Subject: tab\there \x01\x7f control\r\n".to_owned(),
        "Bcc: \t \r\n".to_owned(),
        "Bcc:\r\n  \r\n".to_owned(),
        "Reply-To: a@prova.test, G: b@prova.test, \"c d\"@prova.test;\r\n".to_owned(),
        "Reply-To: a@prova.test\r\nReply-To: b@prova.test\r\n".to_owned(),
        "Reply-To: none\r\n".to_owned(),
        format!("Cc: x@prova.test{long_to}\r\n"),
        format!("Message-ID: <{}@x>\r\n", "m".repeat(900)),
        format!("Message-ID:\r\n <{}>\r\n", "m".repeat(994)),
        "Message-ID: no brackets here\r\n".to_owned(),
        "Message-ID:\r\n".to_owned(),
        "X-TipoRicevuta: BREVE\r\nX-Ricevuta: accettazione\r\nSender: s@prova.test\r\n".to_owned(),
        "X-TipoRicevuta: Sintetica\r\nReturn-Path: <mario@prova.test>\r\n".to_owned(),
    ];
    for header in headers {
        let original = message(&header, "body\r\n");
        let (_, enclosed) = enveloped(&original);
        let enclosed = String::from_utf8(enclosed).unwrap();
        let is_kept = |line: &&str| !line.to_ascii_lowercase().contains("message-id:");
        let kept: Vec<&str> = original.lines().filter(is_kept).collect();
        let found: Vec<&str> = enclosed.lines().skip(1).filter(is_kept).collect();
        let ids = |line: &&&str| !line.starts_with(" <mm");
        let kept: Vec<&&str> = kept.iter().filter(ids).collect();
        let found: Vec<&&str> = found.iter().filter(ids).collect();
        assert_eq!(found, kept, "{original:?}");
    }
}

#[test]
fn ap_25_eight_bit_bodies_leave_in_seven_bit_and_say_the_same() {
    let long = "perché ".repeat(120);
    let cases = [
        ("", "perch\u{e9} no\r\n".to_owned()),
        (
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: binary\r\n",
            long,
        ),
        (
            "Content-Transfer-Encoding: 8bit\r\nContent-Type: application/x\r\n",
            "é\r\n".to_owned(),
        ),
    ];
    for (header, body) in &cases {
        let (envelope, _) = enveloped(&message(header, body));
        let enclosed = parsed(&envelope).enclosed.unwrap();
        let inner = mail_parser::MessageParser::default()
            .parse(&enclosed)
            .unwrap();
        let said = inner.parts[0].contents();
        assert_eq!(
            String::from_utf8_lossy(said).trim_end(),
            body.trim_end(),
            "{header}"
        );
    }
    let nested = "--b\r\n\r\nperché\r\n--b\r\nContent-Type: message/rfc822\r\n\
        Content-Transfer-Encoding: 8bit\r\n\r\nSubject: in\r\nContent-Transfer-Encoding: 8bit\r\n\
        Content-Type: multipart/mixed; boundary=\"=_(c):'?/+.,\"\r\n\r\n--=_(c):'?/+.,\r\n\
        Content-Transfer-Encoding: 8bit\r\n\r\ncosì\r\n--=_(c):'?/+.,--\r\n--b--\r\n";
    for encoding in ["8bit", "binary", "7bit"] {
        let header = format!(
            "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\
             Content-Transfer-Encoding: {encoding}\r\n"
        );
        let (_, enclosed) = enveloped(&message(&header, nested));
        let enclosed = String::from_utf8(enclosed).unwrap();
        assert!(
            !enclosed.contains("8bit") && !enclosed.contains("binary"),
            "{enclosed}"
        );
        assert!(enclosed.contains("perch=C3=A9") && enclosed.contains("cos=C3=AC"));
    }
}

#[test]
fn dr_10_odd_names_make_brief_originals_that_can_be_read() {
    for header in [
        "Content-Type: text/plain; name=\"\"\r\n",
        "Content-Type: application/x;\r\n name*0*=utf-8''%C3%A9; name*1=\"; boundary=z\"\r\n",
        "Content-Disposition: attachment; filename=\"a\\\"b\r\n c.txt\"\r\n",
        "Content-Disposition: attachment; filename*=utf-8''%0D%0AX-Evil%3A%20y\r\n",
        "Content-Type: application/x; name=x\r\nContent-Transfer-Encoding: base64\r\nContent-MD5: y\r\n",
    ] {
        let header = format!("X-TipoRicevuta: breve\r\n{header}");
        enveloped(&message(&header, "AAAA\r\n"));
        let part = message(
            "Content-Type: multipart/mixed; boundary=\"b b\"\r\nX-TipoRicevuta: breve\r\n",
            &format!("--b b\r\n{header}\r\nAAAA\r\n--b b\r\n{header}\r\n--b b\r\n{header}--b b--"),
        );
        enveloped(&part);
    }
}
