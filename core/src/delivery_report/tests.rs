//! What is written is read back, by our reader and by another; what others write is read too.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::address::{Address, Domain};
use crate::blob::{BlobError, BlobRead, BlobRef};
use crate::envelope::{Seed, Step};
use crate::instant::Instant;
use crate::limits;
use crate::mime::Scan;
use crate::rope::{Rope, RopeReader};
use mail_parser::{MessageParser, MimeHeaders};

struct Nothing;

impl BlobRead for Nothing {
    fn read_at(&self, _: BlobRef, _: u64, _: &mut [u8]) -> Result<usize, BlobError> {
        Ok(0)
    }
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn octets(rope: &Rope) -> Vec<u8> {
    let mut all = Vec::new();
    let read = RopeReader::new(rope, &Nothing).for_each_chunk(|c| all.extend_from_slice(c));
    read.unwrap();
    all
}

fn reported(message: &[u8]) -> Option<Report> {
    read(&Scan::of_bytes(message), &Rope::text(message), &Nothing).unwrap()
}

fn written(action: Action, diagnostic: &str, header: &str) -> Vec<u8> {
    let recipients = [FailedRecipient {
        address: address("ugo@ordinaria.test"),
        action,
        status: "5.1.1".to_owned(),
        remote: Some("mx.ordinaria.test".to_owned()),
        diagnostic: Some(diagnostic.to_owned()),
    }];
    octets(&write(&DeliveryReport {
        host: "mail.prova.test",
        domain: &Domain::parse("prova.test").unwrap(),
        to: &address("anna@prova.test"),
        arrived: Instant::from_millis(1_700_000_000_000),
        recipients: &recipients,
        header: header.as_bytes(),
        step: Step {
            at: Instant::from_millis(1_700_000_100_000),
            seed: Seed([7; 32]),
        },
    }))
}

const HEADER: &str = "From: anna@prova.test\r\nTo: ugo@ordinaria.test\r\nMessage-ID:\r\n <c01abc@prova.test>\r\nSubject: x\r\n";

#[test]
fn nd_08_mx_05_a_report_names_recipient_status_and_message_to_programs_and_people() {
    let refusal = "550 5.1.1 no such user";
    let message = written(Action::Failed, refusal, HEADER);
    let report = reported(&message).unwrap();
    let ugo = address("ugo@ordinaria.test");
    let failed = vec![(ugo.clone(), Action::Failed, "5.1.1".to_owned())];
    assert_eq!(report.recipients, failed);
    assert_eq!(report.refers_to(), Some("c01abc@prova.test"));
    assert_eq!(report.failed().collect::<Vec<_>>(), [&ugo]);

    let parsed = MessageParser::default().parse(&message).unwrap();
    let kind = parsed.content_type().unwrap();
    assert_eq!(kind.subtype(), Some("report"));
    assert_eq!(kind.attribute("report-type"), Some("delivery-status"));
    let from = parsed.from().unwrap().first().unwrap();
    assert_eq!(from.address(), Some("MAILER-DAEMON@prova.test"));
    assert_eq!(
        parsed.to().unwrap().first().unwrap().address(),
        Some("anna@prova.test")
    );
    let auto = parsed.header_raw("Auto-Submitted").unwrap();
    assert_eq!(auto.trim(), "auto-replied");
    let text = parsed.body_text(0).unwrap();
    assert!(text.contains("non è stato consegnato a:") && text.contains("could not be delivered"));
    assert_eq!(text.matches(refusal).count(), 2, "{text}");
    let raw = String::from_utf8(message).unwrap();
    for field in [
        "Reporting-MTA: dns; mail.prova.test\r\n",
        "Arrival-Date: Tue, 14 Nov 2023",
        "Final-Recipient: rfc822; ugo@ordinaria.test\r\nAction: failed\r\nStatus: 5.1.1\r\n",
        "Remote-MTA: dns; mx.ordinaria.test\r\n",
        "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n",
    ] {
        assert!(raw.contains(field), "{field} is not in {raw}");
    }
}

#[test]
fn nd_08_a_delay_is_told_as_such() {
    let message = written(Action::Delayed, "451 later", HEADER);
    let report = reported(&message).unwrap();
    assert_eq!(report.recipients[0].1, Action::Delayed);
    assert_eq!(report.failed().count(), 0);
    assert!(
        String::from_utf8(message)
            .unwrap()
            .contains("(delayed mail)")
    );
}

#[test]
fn se_06_what_a_remote_server_says_opens_no_line_and_no_field() {
    let hostile = "550 è\r\nAction: delivered\r\n\r\n--=_\u{85}x";
    let message = written(Action::Failed, hostile, HEADER);
    assert!(message.is_ascii());
    let report = reported(&message).unwrap();
    assert_eq!(report.recipients.len(), 1);
    assert_eq!(report.recipients[0].1, Action::Failed);
    let long = written(Action::Failed, &"x".repeat(100_000), HEADER);
    assert!(long.len() < 20_000);
}

#[test]
fn sg_08_a_returned_header_that_is_not_plain_is_encoded_and_a_long_one_cut() {
    let eight_bit = HEADER.replace("Subject: x", "Subject: perché");
    let message = written(Action::Failed, "550 no", &eight_bit);
    assert!(message.is_ascii());
    assert_eq!(
        reported(&message).unwrap().refers_to(),
        Some("c01abc@prova.test")
    );
    let line = "X: y\r\n";
    let endless = format!("{HEADER}{}", line.repeat(limits::REPORT_HEADER_BYTES_MAX));
    let message = written(Action::Failed, "550 no", &endless);
    assert!(message.len() < 2 * limits::REPORT_HEADER_BYTES_MAX);
    assert_eq!(
        reported(&message).unwrap().refers_to(),
        Some("c01abc@prova.test")
    );
}

/// A report as servers elsewhere write it.
fn foreign(status: &str, returned: &str) -> String {
    format!(
        "From: postmaster@ordinaria.test\r\nContent-Type: multipart/report;\r\n\
         \treport-type=delivery-status; boundary=\"b/1\"\r\n\r\nThis is MIME.\r\n\
         --b/1\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n\
         --b/1\r\nContent-Type: message/delivery-status\r\n\r\n{status}\r\n\
         --b/1\r\n{returned}\r\n--b/1--\r\n"
    )
}

const STATUS: &str = "Reporting-MTA: dns;mx.ordinaria.test\r\n\
Original-Envelope-Id: c02@prova.test\r\n\
\r\n\
original-recipient: RFC822;<Ugo@Ordinaria.test>\r\n\
Final-Recipient: rfc822;\r\n u1@interno.test\r\n\
ACTION: Failed\r\n\
Status: 5.2.2 (full)\r\n\
\r\n\
\r\n\
Final-Recipient: rfc822;eva@ordinaria.test\r\n\
Action: relayed\r\n\
Status: 2.0.0\r\n";

#[test]
fn mx_07_reports_of_other_servers_are_read() {
    let returned = "Content-Type: message/rfc822\r\n\r\nReceived: x\r\nMessage-Id: <c01@prova.test>\r\n\r\nMessage-ID: <no@x.test>\r\n";
    let report = reported(foreign(STATUS, returned).as_bytes()).unwrap();
    assert_eq!(report.refers_to(), Some("c01@prova.test"));
    let expected = vec![
        (
            address("ugo@ordinaria.test"),
            Action::Failed,
            "5.2.2".to_owned(),
        ),
        (
            address("eva@ordinaria.test"),
            Action::Relayed,
            "2.0.0".to_owned(),
        ),
    ];
    assert_eq!(report.recipients, expected);

    let encoded = "Content-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: base64\r\n\r\n\
        TWVzc2FnZS1JRDogPGMwM0Bwcm92YS50ZXN0Pg==";
    let report = reported(foreign(STATUS, encoded).as_bytes()).unwrap();
    assert_eq!(report.refers_to(), Some("c03@prova.test"));

    let without = "Content-Type: text/plain\r\n\r\nMessage-ID: <no@x.test>";
    let report = reported(foreign(STATUS, without).as_bytes()).unwrap();
    assert_eq!(report.refers_to(), Some("c02@prova.test"));
}

#[test]
fn mx_07_a_report_is_expected_for_seven_days() {
    let sent = Instant::from_millis(1_700_000_000_000);
    let day = 24 * 60 * 60 * 1000;
    assert!(Report::is_in_time(sent, sent.plus_millis(7 * day)));
    assert!(!Report::is_in_time(sent, sent.plus_millis(7 * day + 1)));
}

#[test]
fn mx_07_what_only_looks_like_a_report_is_none() {
    let whole = foreign(STATUS, "Content-Type: text/plain\r\n\r\n");
    for (from, to) in [
        ("multipart/report", "multipart/mixed"),
        (
            "message/delivery-status",
            "message/disposition-notification",
        ),
        ("boundary=\"b/1\"", "boundary=\"b/2\""),
    ] {
        assert_eq!(reported(whole.replace(from, to).as_bytes()), None, "{to}");
    }
    assert_eq!(reported(b""), None);
}
