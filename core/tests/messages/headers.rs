//! No value of an original makes a line of a header or of a text (SE-06), and subjects stay readable
//! (TE-05).

use ceralacca_core::receipt::acceptance;
use proptest::prelude::*;

use super::house::{Blob, blobs, header, issuer, original, parsed, signed, step};

fn subject_of(message: &[u8]) -> String {
    let message = mail_parser::MessageParser::default()
        .parse(message)
        .unwrap();
    message.subject().unwrap_or_default().to_owned()
}

fn receipt(raw_subject: &str) -> Vec<u8> {
    let draft = acceptance(&issuer(), &original(), Some(raw_subject), step());
    let header = draft.header.clone();
    // Signing is the same whatever the subject; the header alone is looked at.
    [header, b"\r\nx\r\n".to_vec()].concat()
}

#[test]
fn te_05_encoded_words_stay_decodable_and_lines_short() {
    let words = "=?utf-8?B?w6AgYmUgw6AgYmUgw6AgYmUgw6AgYmU=?= =?iso-8859-1?Q?perch=E9?= fine";
    let message = receipt(&format!("{words} {}", "parola ".repeat(30)));
    let subject = subject_of(&message);
    let expected = "ACCETTAZIONE: à be à be à be à be perché".to_owned();
    assert!(
        subject
            .replace("beperch", "be perch")
            .starts_with(&expected),
        "{subject}"
    );
    for line in header(&message).lines() {
        assert!(line.len() <= 78, "{line}");
    }
}

#[test]
fn se_06_line_ends_in_a_subject_make_no_field() {
    for hostile in [
        "a\r\nBcc: x@y.test",
        "a\nBcc: x@y.test\n\nbody",
        "a\r\n\r\nbody",
        "\r\n",
        "a\u{0}\u{b}\u{85}b",
        "=?utf-8?Q?a=0D=0ABcc:_x?=",
    ] {
        let header = header(&receipt(hostile));
        let names: Vec<&str> = header
            .lines()
            .filter(|line| !line.starts_with(' '))
            .map(|line| line.split(':').next().unwrap())
            .collect();
        let expected = [
            "X-Ricevuta",
            "Date",
            "Subject",
            "From",
            "To",
            "Message-ID",
            "X-Riferimento-Message-ID",
        ];
        assert_eq!(names, expected, "{hostile:?}");
    }
}

#[test]
fn te_05_a_message_without_subject_gets_the_prefix_alone() {
    let header = header(&receipt(""));
    assert!(
        header.contains("\r\nSubject: ACCETTAZIONE:\r\n"),
        "{header}"
    );
}

#[test]
fn se_06_line_ends_in_a_decoded_subject_make_no_line_of_text() {
    let mut original = original();
    original.subject = Some("a\r\nIdentificativo messaggio: falso\u{2028}b\u{85}c".to_owned());
    let draft = acceptance(&issuer(), &original, None, step());
    let text = parsed(&signed(draft, &blobs())).plain;
    let starts = |line: &str| line.starts_with("Identificativo messaggio:");
    assert_eq!(text.lines().filter(|line| starts(line)).count(), 1);
}

#[test]
fn se_06_boundaries_in_the_original_do_not_end_its_part() {
    let hostile = b"Subject: x\r\n\r\n--=_0\r\n--b--\r\n\r\n".to_vec();
    let mut facts = super::house::facts();
    facts.enclosed = ceralacca_core::rope::Rope::whole(ceralacca_core::blob::BlobRef {
        segment: 0,
        offset: 0,
        length: hostile.len() as u64,
    });
    let inherited = super::house::inherited();
    let draft = ceralacca_core::envelope::transport(&issuer(), &facts, &inherited, step());
    let parsed = parsed(&signed(draft, &Blob(hostile.clone())));
    assert_eq!(parsed.enclosed, Some(hostile));
}

proptest! {
    #[test]
    fn se_06_no_subject_makes_a_line_of_its_own(subject in any::<String>()) {
        let header = receipt(&subject);
        let text = String::from_utf8(header).unwrap();
        prop_assert!(text.is_ascii());
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        prop_assert_eq!(body, "x\r\n");
        let mut fields = 0;
        for line in head.split("\r\n") {
            prop_assert!(!line.contains(['\r', '\n']) && line.len() <= 998);
            prop_assert!(!line.trim().is_empty());
            fields += usize::from(!line.starts_with(' '));
        }
        prop_assert_eq!(fields, 7);
    }

    #[test]
    fn te_05_a_plain_subject_is_kept_octet_by_octet(
        words in proptest::collection::vec("[!-~]{1,90}", 1..20)
    ) {
        let subject = words.join(" ");
        let header = header(&receipt(&subject));
        let unfolded = header.replace("\r\n ", " ");
        let line = format!("\r\nSubject: ACCETTAZIONE: {subject}\r\n");
        prop_assert!(unfolded.contains(&line), "{}", header);
    }

    #[test]
    fn te_05_long_words_never_make_a_long_line_and_what_a_line_may_hold_stays_whole(
        subject in "[!-~]{1,40} {1,70}[!-~]{900,2000}"
    ) {
        let header = header(&receipt(&subject));
        for line in header.lines() {
            prop_assert!(line.len() <= 998);
        }
        let word = subject.split(' ').next_back().unwrap();
        prop_assert!(word.len() > 989 || header.contains(word));
    }
}
