//! One message per rule, passing and failing.

use proptest::prelude::{ProptestConfig, prop_assert, proptest};

use super::{Examined, FormalFault, describe, distinct, examine};
use crate::address::Address;
use crate::certification::DeliveryDetail;
use crate::limits::{self, MEGABYTE};
use crate::mime::{Scan, mail_octets};
use crate::policy::Policy;

const GOOD: &str = "From: Mario Rossi <mario@pec.example>\r\nTo: anna@pec.example\r\n\
                    Cc: G: <luca@pec.example>;\r\nSubject: s\r\nDate: Sun, 22 Nov 2026 05:19:00 +0100\r\n\
                    Message-ID: <m@x>\r\n\r\nbody\r\n";

fn address(text: &str) -> Address {
    Address::parse(text).expect("an address")
}

fn examined_by(
    message: &str,
    recipients: &[&str],
    policy: &Policy,
) -> Result<Examined, FormalFault> {
    let recipients: Vec<Address> = recipients.iter().map(|text| address(text)).collect();
    let scan = Scan::of_bytes(message.as_bytes());
    let checked = examine(&scan, &address("Mario@PEC.example"), &recipients, policy)?;
    Ok(checked.into_inner())
}

fn fault(message: &str) -> Option<FormalFault> {
    examined_by(message, &["anna@pec.example"], &Policy::default()).err()
}

fn changed(from: &str, to: &str) -> Option<FormalFault> {
    assert!(GOOD.contains(from), "{from}");
    fault(&GOOD.replacen(from, to, 1))
}

fn part(kind: &str, header: &str, body: &str) -> String {
    let (fields, _) = GOOD.split_once("\r\n\r\n").expect("a blank line");
    format!(
        "{fields}\r\nContent-Type: multipart/{kind}; boundary=b\r\n\r\n--b\r\n{header}\r\n{body}\r\n--b--\r\n"
    )
}

#[test]
fn a_good_message_passes_and_says_what_it_is() {
    let examined = examined_by(
        GOOD,
        &["anna@pec.example", "LUCA@pec.example"],
        &Policy::default(),
    )
    .expect("passes");
    assert_eq!(examined.from.as_str(), "mario@pec.example");
    assert_eq!(examined.recipients.len(), 2);
    assert_eq!(examined.described.subject.as_deref(), Some("s"));
    assert_eq!(
        examined
            .described
            .client_id
            .map(|id| id.to_string())
            .as_deref(),
        Some("<m@x>")
    );
}

#[test]
fn ap_03_what_breaks_the_form_fails() {
    assert_eq!(
        changed("Subject: s\r\n", "Subject s\r\n"),
        Some(FormalFault::NotAField)
    );
    assert_eq!(
        changed("Date: Sun, 22 Nov 2026 05:19:00 +0100\r\n", ""),
        Some(FormalFault::NoDate)
    );
    assert_eq!(
        changed("Subject: s", "Subject: è"),
        Some(FormalFault::EightBitHeader)
    );
    assert_eq!(
        changed("body", &"x".repeat(999)),
        Some(FormalFault::LineTooLong)
    );
    for name in ["From", "To", "Cc", "Subject", "Date", "Message-ID"] {
        let twice = format!("{}: x\r\nSubject: s\r\n", name.to_uppercase());
        let twice = if name == "Subject" {
            twice
        } else {
            twice.replace("SUBJECT: x\r\n", "")
        };
        assert_eq!(
            changed("Subject: s\r\n", &twice),
            Some(FormalFault::RepeatedField(name))
        );
    }
}

#[test]
fn ap_03_obsolete_syntax_and_a_missing_identifier_pass() {
    assert_eq!(changed("Message-ID: <m@x>\r\n", ""), None);
    assert_eq!(changed("Subject: s", "Subject : s\r\n \r\n t"), None);
    assert_eq!(
        changed("To: anna@pec.example", "To: <@a.b:anna @ pec . example>"),
        None
    );
    assert_eq!(changed("body", "no: field\r\nat all"), None);
}

#[test]
fn ap_04_from_holds_exactly_one_valid_address() {
    let from = "Mario Rossi <mario@pec.example>";
    assert_eq!(
        changed("From: Mario Rossi <mario@pec.example>\r\n", ""),
        Some(FormalFault::NoFrom)
    );
    for none in ["", "Mario Rossi", "<>", "mario@localhost", "G:;"] {
        assert_eq!(
            changed(from, none),
            Some(FormalFault::FromInvalid),
            "{none}"
        );
    }
    for several in [
        "mario@pec.example, anna@pec.example",
        "mario@pec.example, mario@pec.example",
        "Mario, Rossi <mario@pec.example>",
    ] {
        assert_eq!(
            changed(from, several),
            Some(FormalFault::FromSeveral),
            "{several}"
        );
    }
}

#[test]
fn ap_05_to_holds_a_valid_address() {
    assert_eq!(
        changed("To: anna@pec.example\r\n", ""),
        Some(FormalFault::NoTo)
    );
    assert_eq!(
        changed("To: anna@pec.example", "To: undisclosed-recipients:;"),
        Some(FormalFault::ToInvalid)
    );
    assert_eq!(
        changed("To: anna@pec.example", "To: Anna, anna@pec.example"),
        None
    );
}

#[test]
fn ap_06_the_reverse_path_is_the_from_address_whatever_the_case() {
    assert_eq!(changed("mario@pec.example", "MARIO@pec.EXAMPLE"), None);
    let fault = changed("mario@pec.example", "maria@pec.example");
    assert!(
        matches!(fault, Some(FormalFault::SenderDiffers { .. })),
        "{fault:?}"
    );
}

#[test]
fn ap_07_ap_12_one_unlisted_recipient_fails_the_whole_message() {
    let listed = ["ANNA@pec.example", "luca@PEC.example"];
    assert!(examined_by(GOOD, &listed, &Policy::default()).is_ok());
    let hidden = ["anna@pec.example", "ugo@pec.example"];
    let fault = examined_by(GOOD, &hidden, &Policy::default()).expect_err("fails");
    assert_eq!(
        fault,
        FormalFault::RecipientNotListed(address("ugo@pec.example"))
    );
    assert!(fault.reason().contains("ugo@pec.example"));
}

#[test]
fn ap_08_only_an_empty_bcc_passes() {
    for (bcc, is_fault) in [
        ("", false),
        (" \r\n ", false),
        (" a@pec.example", true),
        (" x", true),
    ] {
        let fault = changed("Subject: s\r\n", &format!("Bcc:\r\nbcc:{bcc}\r\n"));
        assert_eq!(fault == Some(FormalFault::Bcc), is_fault, "{bcc:?}");
    }
}

#[test]
fn ap_09_ap_10_ap_11_sizes_are_checked_against_the_policy() {
    let size = GOOD.len() as u64;
    let allowing = |bytes, product, recipients| Policy {
        message_bytes_max: bytes,
        message_product_max: product,
        recipients_max: recipients,
        ..Policy::default()
    };
    let two = ["anna@pec.example", "luca@pec.example"];
    let check = |policy: &Policy| examined_by(GOOD, &two, policy).err();
    assert_eq!(check(&allowing(size, 2 * size, 2)), None);
    let too_large = check(&allowing(size - 1, 2 * size, 2)).expect("fails");
    assert_eq!(
        too_large,
        FormalFault::TooLarge {
            size,
            most: size - 1
        }
    );
    let product = check(&allowing(size, 2 * size - 1, 2)).expect("fails");
    assert_eq!(
        product,
        FormalFault::ProductTooLarge {
            size,
            recipients: 2,
            most: 2 * size - 1
        }
    );
    assert!(too_large.is_size() && product.is_size());
    let many = check(&allowing(size, 2 * size, 1)).expect("fails");
    assert_eq!(
        many,
        FormalFault::TooManyRecipients {
            recipients: 2,
            most: 1
        }
    );
    assert!(!many.is_size());
}

#[test]
fn ap_09_ap_10_ap_11_the_loader_refuses_what_the_law_forbids() {
    let below = [
        Policy {
            message_bytes_max: 30 * MEGABYTE - 1,
            ..Policy::default()
        },
        Policy {
            message_product_max: 31_457_279,
            ..Policy::default()
        },
        Policy {
            recipients_max: 49,
            ..Policy::default()
        },
        Policy {
            notice_bytes_max: 30 * MEGABYTE - 1,
            ..Policy::default()
        },
    ];
    for policy in below {
        assert!(policy.clone().checked().is_err(), "{policy:?}");
    }
    assert!(Policy::default().checked().is_ok());
}

#[test]
fn ap_23_repeated_recipients_count_once() {
    let policy = Policy {
        recipients_max: 1,
        ..Policy::default()
    };
    let twice = ["anna@pec.example", "Anna@PEC.example"];
    let examined = examined_by(GOOD, &twice, &policy).expect("passes");
    assert_eq!(
        examined.recipients,
        distinct(&[address("anna@pec.example")])
    );
    assert_eq!(examined.recipients[0].as_str(), "anna@pec.example");
}

#[test]
fn ap_24_addresses_that_are_only_in_the_header_are_no_fault() {
    let examined = examined_by(GOOD, &["anna@pec.example"], &Policy::default()).expect("passes");
    assert_eq!(examined.recipients, [address("anna@pec.example")]);
    assert_eq!(examined.described.cc, [address("luca@pec.example")]);
}

#[test]
fn ap_25_eight_bit_content_fails_only_where_it_cannot_be_re_encoded() {
    let pass = Policy {
        eight_bit_signed_passes: true,
        ..Policy::default()
    };
    let to = ["anna@pec.example"];
    assert_eq!(fault(&part("mixed", "", "perché")), None);
    for kind in ["signed", "encrypted"] {
        let message = part(kind, "", "perché");
        assert_eq!(fault(&message), Some(FormalFault::EightBitSealed), "{kind}");
        assert!(examined_by(&message, &to, &pass).is_ok());
    }
    let attached = part(
        "signed",
        "Content-Type: message/rfc822\r\n",
        "A: b\r\n\r\nperché",
    );
    assert_eq!(fault(&attached), Some(FormalFault::EightBitSealed));
    let inner = "Content-Type: multipart/signed; boundary=c\r\n\r\n--c\r\n\r\nperché\r\n--c--";
    let forwarded = part("mixed", "Content-Type: message/rfc822\r\n", inner);
    assert_eq!(fault(&forwarded), Some(FormalFault::EightBitSealed));
    assert!(FormalFault::EightBitSealed.reason().contains("firmata"));
}

#[test]
fn sg_08_eight_bit_octets_without_another_coding_fail() {
    for (header, body, expected) in [
        (
            "Content-Transfer-Encoding: base64\r\n",
            "é",
            FormalFault::EightBitUnencodable,
        ),
        (
            "Content-Type: multipart/mixed\r\n",
            "é",
            FormalFault::EightBitUnencodable,
        ),
        ("X: é\r\n", "x", FormalFault::EightBitHeader),
    ] {
        assert_eq!(
            fault(&part("mixed", header, body)),
            Some(expected),
            "{header}"
        );
    }
    let around = part("mixed", "", "x") + "é";
    assert_eq!(fault(&around), Some(FormalFault::EightBitUnencodable));
}

#[test]
fn se_07_excess_is_a_formal_fault() {
    let deep = "Content-Type: message/rfc822\r\n\r\n".repeat(limits::MIME_DEPTH_MAX + 1);
    assert_eq!(
        fault(&part("mixed", &deep, "x")),
        Some(FormalFault::TooDeep)
    );
    let many = "x\r\n--b\r\n\r\n".repeat(limits::MIME_PARTS_MAX);
    assert_eq!(
        fault(&part("mixed", "", &many)),
        Some(FormalFault::TooManyParts)
    );
    let long = format!("X: {}\r\n", "x".repeat(900)).repeat(1200) + "Subject: s\r\n";
    assert_eq!(
        changed("Subject: s\r\n", &long),
        Some(FormalFault::HeaderTooLarge)
    );
}

#[test]
fn te_08_the_receipt_type_is_read_without_regard_to_case() {
    for (value, expected) in [
        ("Breve", Some(DeliveryDetail::Brief)),
        (" SINTETICA ", Some(DeliveryDetail::Concise)),
        ("completa", Some(DeliveryDetail::Complete)),
        ("complet", None),
        ("", None),
    ] {
        let message = format!("x-tiporicevuta: {value}\r\n\r\n");
        let scan = Scan::of_bytes(message.as_bytes());
        assert_eq!(describe(&scan).detail, expected, "{value}");
    }
}

#[test]
fn se_03_fields_that_only_we_may_write_are_seen() {
    let scan = Scan::of_bytes(b"x-ricevuta: accettazione\r\nX-Mittente: a\r\n\r\nX-Trasporto: b");
    assert_eq!(describe(&scan).forged_fields, ["X-Ricevuta", "X-Mittente"]);
}

#[test]
fn cd_07_replies_are_joined_and_fall_back_to_the_sender() {
    let sender = address("mario@pec.example");
    let replies = |header: &str| describe(&Scan::of_bytes(header.as_bytes())).replies(&sender);
    let two = "Reply-To: A <a@x.example>,\r\n b@x.example\r\n\r\n";
    assert_eq!(replies(two), "a@x.example, b@x.example");
    assert_eq!(replies("Reply-To: nobody\r\n\r\n"), "mario@pec.example");
    assert_eq!(replies("\r\n"), "mario@pec.example");
}

#[test]
fn se_06_subjects_hold_no_line_ends_and_cd_08_are_decoded() {
    let message = b"Subject: =?utf-8?Q?a=0D=0Ab=01?=\r\n c\r\n\r\n";
    let described = describe(&Scan::of_bytes(message));
    assert_eq!(described.subject.as_deref(), Some("a  b\u{fffd} c"));
    assert_eq!(
        described.raw_subject.as_deref(),
        Some("=?utf-8?Q?a=0D=0Ab=01?= c")
    );
    let eight_bit = describe(&Scan::of_bytes("Subject: perché\x01\r\n\r\n".as_bytes()));
    assert!(eight_bit.raw_subject.is_some_and(|raw| raw.is_ascii()));
    assert_eq!(describe(&Scan::of_bytes(b"A: b\r\n\r\n")).raw_subject, None);
}

#[test]
fn ap_14_every_reason_is_one_line_of_italian() {
    let one = address("a@pec.example");
    let all = [
        FormalFault::NotAField,
        FormalFault::RepeatedField("To"),
        FormalFault::SenderDiffers {
            sender: one.clone(),
            from: one.clone(),
        },
        FormalFault::RecipientNotListed(one),
        FormalFault::TooLarge { size: 2, most: 1 },
        FormalFault::ProductTooLarge {
            size: 1,
            recipients: 2,
            most: 1,
        },
        FormalFault::TooManyRecipients {
            recipients: 51,
            most: 50,
        },
        FormalFault::EightBitUnencodable,
    ];
    for fault in all {
        let reason = fault.reason();
        assert!(
            !reason.is_empty() && !reason.contains(['\r', '\n']),
            "{reason}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn se_06_any_octets_are_examined_and_give_harmless_texts(message in mail_octets()) {
        let scan = Scan::of_bytes(&message);
        let described = describe(&scan);
        let texts = described.subject.iter().chain(&described.raw_subject);
        prop_assert!(texts.into_iter().all(|text| !text.contains(char::is_control)));
        let sender = address("a@pec.example");
        let to = std::slice::from_ref(&sender);
        if let Err(fault) = examine(&scan, &sender, to, &Policy::default()) {
            prop_assert!(!fault.reason().contains(char::is_control));
        }
    }
}
