//! Messages of every shape, well formed and not.

use proptest::prelude::{ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, proptest};

use super::{Scanner, limits};
use crate::mime::content::TransferEncoding;
use crate::mime::{ContentField, Part, Scan, ScanFault, Shape, Span};

fn scan(message: &str) -> Scan {
    Scan::of_bytes(message.as_bytes())
}

fn text_of(message: &str, span: Span) -> &str {
    &message[span.start as usize..span.end as usize]
}

fn bodies<'a>(message: &'a str, scan: &Scan) -> Vec<&'a str> {
    let bodies = scan.parts().iter().map(|part| text_of(message, part.body));
    bodies.collect()
}

fn outline(scan: &Scan) -> Vec<(Option<usize>, Shape)> {
    let line = |part: &Part| (part.parent, part.shape);
    scan.parts().iter().map(line).collect()
}

#[test]
fn a_plain_message_has_its_fields_and_its_body() {
    let message = "From: a@b.c\r\nSubject: one\r\n two\r\nX-Old \t: v\r\n\r\nbody\r\n";
    let scan = scan(message);
    let fields: Vec<_> = scan.fields().map(|f| (f.name, f.value)).collect();
    assert_eq!(fields[0], ("From", &b" a@b.c"[..]));
    assert_eq!(fields[1], ("Subject", &b" one\r\n two"[..]));
    assert_eq!(fields[2], ("X-Old", &b" v"[..]));
    assert_eq!(text_of(message, scan.root().body), "body\r\n");
    assert_eq!(scan.body_start(), message.len() as u64 - 6);
    assert_eq!(scan.faults(), []);
    assert_eq!((scan.root().lines, scan.longest_line()), (1, 12));
    let subject = scan.field("SUBJECT").expect("a subject");
    assert_eq!(text_of(message, subject.span).as_bytes(), subject.raw);
}

#[test]
fn messages_without_body_blank_line_or_anything_are_read() {
    for (message, fields, body) in [
        ("", 0, ""),
        ("\r\n", 0, ""),
        ("\r\nbody", 0, "body"),
        ("A: b\r\n", 1, ""),
        ("A: b", 1, ""),
        ("A: b\r\n\r\n", 1, ""),
        ("A: b\r\n\r\nx", 1, "x"),
    ] {
        let scan = scan(message);
        assert_eq!(scan.fields().count(), fields, "{message:?}");
        assert_eq!(text_of(message, scan.root().body), body, "{message:?}");
        assert_eq!(scan.faults(), [], "{message:?}");
        assert_eq!(scan.size(), message.len() as u64);
    }
}

#[test]
fn ap_03_lines_that_are_no_field_are_found() {
    for (message, is_fault) in [
        ("A: b\r\nno field\r\n\r\n", true),
        (" starts folded\r\nA: b\r\n\r\n", true),
        (": no name\r\n\r\n", true),
        ("two words: x\r\n\r\n", true),
        ("perch\u{e9}: x\r\n\r\n", true),
        ("From a@b Mon Jan 1\r\nA: b\r\n\r\n", true),
        ("no field\r\n folded\r\n\r\n", true),
        ("A: b\r\n \r\n c\r\n\r\n", false),
        ("A:\r\n\r\n", false),
        ("A: b\r\n\r\nno field\r\n", false),
    ] {
        let found = scan(message).faults().contains(&ScanFault::NotAField);
        assert_eq!(found, is_fault, "{message:?}");
    }
}

#[test]
fn ap_03_a_line_of_998_passes_and_of_999_does_not() {
    for (length, is_fault) in [(998, false), (999, true)] {
        for message in [
            format!("A: b\r\n\r\n{}\r\n", "x".repeat(length)),
            format!("A:{}\r\n\r\n", "x".repeat(length - 2)),
            format!("A: b\r\n\r\n{}", "x".repeat(length)),
        ] {
            let scan = scan(&message);
            let found = scan.faults().contains(&ScanFault::LineTooLong);
            assert_eq!(found, is_fault, "{length}");
            assert_eq!(scan.longest_line(), length as u64);
        }
    }
}

#[test]
fn dr_13_the_line_end_before_a_boundary_is_not_the_body() {
    let message = "Content-Type: multipart/mixed; boundary=b\r\n\r\nbefore\r\n--b\r\n\r\none\r\n\r\n\
                   --b  \r\nContent-Type: a/b; name=n\r\n\r\ntwo\r\n--b--\r\nafter\r\n";
    let scan = scan(message);
    assert_eq!(bodies(message, &scan)[1..], ["one\r\n", "two"]);
    assert!(bodies(message, &scan)[0].ends_with("after\r\n"));
    assert_eq!(
        text_of(message, scan.parts()[2].header),
        "Content-Type: a/b; name=n\r\n\r\n"
    );
    assert_eq!(scan.parts()[2].name.as_deref(), Some("n"));
    assert_eq!(scan.parts()[1].lines, 2);
}

#[test]
fn a_boundary_that_begins_like_another_is_not_that_one() {
    let message = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
                   Content-Type: multipart/alternative; boundary=bb\r\n\r\n\
                   --bb\r\n\r\none\r\n--bb\r\n\r\ntwo\r\n--b-\r\n--bb--\r\n\r\n--b\r\n\r\nthree\r\n--b--\r\n";
    let scan = scan(message);
    let outline = outline(&scan);
    assert_eq!(
        outline,
        [
            (None, Shape::Multipart),
            (Some(0), Shape::Multipart),
            (Some(1), Shape::Leaf),
            (Some(1), Shape::Leaf),
            (Some(0), Shape::Leaf)
        ]
    );
    assert_eq!(bodies(message, &scan)[2..], ["one", "two\r\n--b-", "three"]);
    assert!(bodies(message, &scan)[1].ends_with("--bb--\r\n"));
}

#[test]
fn the_innermost_of_equal_boundaries_counts() {
    let message = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
                   Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b--\r\n\
                   --b\r\n\r\ntwo\r\n--b--\r\n";
    let scan = scan(message);
    assert_eq!(scan.parts()[2].parent, Some(1));
    assert_eq!(scan.parts()[3].parent, Some(0));
    assert_eq!(bodies(message, &scan)[2..], ["one", "two"]);
}

#[test]
fn a_multipart_that_is_never_closed_ends_where_what_holds_it_ends() {
    let message = "Content-Type: multipart/mixed; boundary=out\r\n\r\n--out\r\n\
                   Content-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\n\r\none\r\n--out\r\n\r\ntwo";
    let scan = scan(message);
    assert_eq!(
        bodies(message, &scan)[1..],
        ["--in\r\n\r\none", "one", "two"]
    );
}

#[test]
fn parts_without_blank_line_or_without_body_keep_their_borders() {
    let message = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n--b\r\nA: b; name=x\r\n--b\r\n\
                   Content-Type: a/b; name=x\r\n\r\n--b\r\n\r\n\r\n--b--";
    let scan = scan(message);
    assert_eq!(bodies(message, &scan)[1..], ["", "", "", ""]);
    let of = |part: &Part| (part.has_blank_line, part.glued);
    let marks: Vec<_> = scan.parts()[1..].iter().map(of).collect();
    assert_eq!(
        marks,
        [(false, true), (false, false), (true, true), (true, false)]
    );
    assert_eq!(text_of(message, scan.parts()[2].header), "A: b; name=x");
}

#[test]
fn an_attached_message_is_descended_into() {
    let message = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\
                   \r\nContent-Type: multipart/signed; boundary=c\r\n\r\n--c\r\n\r\nsigned\r\n--c--\r\n--b\r\n\
                   Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\n--b--";
    let scan = scan(message);
    let outline = outline(&scan);
    assert_eq!(
        outline,
        [
            (None, Shape::Multipart),
            (Some(0), Shape::Message),
            (Some(1), Shape::Multipart),
            (Some(2), Shape::Leaf),
            (Some(0), Shape::Leaf)
        ]
    );
    let sealed: Vec<bool> = scan.parts().iter().map(|part| part.sealed).collect();
    assert_eq!(sealed, [false, false, false, true, false]);
    assert_eq!(scan.parts()[1].lines, 6);
}

#[test]
fn a_digest_holds_messages_where_nothing_else_is_said() {
    let message = "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nA: b\r\n\r\nx\r\n--b\r\n\
                   Content-Type: text/plain\r\n\r\ny\r\n--b--";
    let scan = scan(message);
    let shapes: Vec<Shape> = scan.parts().iter().map(|part| part.shape).collect();
    let leaf = Shape::Leaf;
    assert_eq!(shapes, [Shape::Multipart, Shape::Message, leaf, leaf]);
}

#[test]
fn a_multipart_without_usable_boundary_is_a_leaf() {
    for value in [
        "multipart/mixed",
        "multipart/mixed; boundary=\"  \"",
        "text/plain; boundary=b",
    ] {
        let message = format!("Content-Type: {value}\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n");
        assert_eq!(scan(&message).parts().len(), 1, "{value}");
    }
}

#[test]
fn the_first_of_repeated_content_fields_counts_and_all_are_placed() {
    let message = "Content-Transfer-Encoding: base64\r\nContent-type: a/b\r\nCONTENT-TYPE: c/d\r\n\
                   Content-Transfer-Encoding: 8bit\r\nContent-Disposition: inline;\r\n filename=\"f\"\r\n\r\n";
    let scan = scan(message);
    let root = scan.root();
    assert!(root.media.is("a", "b"));
    assert_eq!(root.encoding, TransferEncoding::Base64);
    assert_eq!(root.name.as_deref(), Some("f"));
    let texts: Vec<_> = root
        .fields_of(ContentField::Type)
        .map(|s| text_of(message, s))
        .collect();
    assert_eq!(texts, ["Content-type: a/b\r\n", "CONTENT-TYPE: c/d\r\n"]);
    assert_eq!(root.fields_of(ContentField::TransferEncoding).count(), 2);
}

#[test]
fn eight_bit_octets_are_noted_where_they_are() {
    let message = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nX: \u{e9}\r\n\r\nx\r\n--b\r\n\r\n\u{e9}\r\n\
                   --b--\r\n\u{e9}";
    let scan = scan(message);
    let of = |part: &Part| (part.eight_bit_header, part.eight_bit_body);
    let marks: Vec<_> = scan.parts().iter().map(of).collect();
    assert_eq!(marks, [(false, true), (true, false), (false, true)]);
    assert!(scan.has_eight_bit());
}

#[test]
fn se_07_depth_is_bounded() {
    for (levels, is_fault) in [
        (limits::MIME_DEPTH_MAX, false),
        (limits::MIME_DEPTH_MAX + 1, true),
    ] {
        let mut message = String::new();
        for level in 0..levels {
            message +=
                &format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n");
        }
        message += "\r\nx\r\n";
        let scan = scan(&message);
        assert_eq!(scan.faults().contains(&ScanFault::TooDeep), is_fault);
        assert!(
            scan.parts()
                .iter()
                .all(|p| p.depth <= limits::MIME_DEPTH_MAX)
        );
        let messages = "Content-Type: message/rfc822\r\n\r\n".repeat(levels);
        let found = Scan::of_bytes(messages.as_bytes());
        assert_eq!(found.faults().contains(&ScanFault::TooDeep), is_fault);
    }
}

#[test]
fn se_07_the_number_of_parts_is_bounded() {
    for (parts, is_fault) in [
        (limits::MIME_PARTS_MAX - 1, false),
        (limits::MIME_PARTS_MAX, true),
    ] {
        let message = format!(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n{}--b--\r\n",
            "--b\r\n\r\nx\r\n".repeat(parts)
        );
        let scan = scan(&message);
        assert_eq!(scan.faults().contains(&ScanFault::TooManyParts), is_fault);
        assert_eq!(scan.parts().len(), limits::MIME_PARTS_MAX);
    }
}

#[test]
fn se_07_the_signature_over_too_many_parts_is_found() {
    let inner = "--b\r\n\r\nx\r\n".repeat(2 * limits::MIME_PARTS_MAX);
    let message = format!(
        "Content-Type: multipart/signed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/mixed; \
         boundary=b\r\n\r\n{inner}--b--\r\n\r\n--a\r\nContent-Type: application/pkcs7-signature\
         \r\n\r\nsigned\r\n{}--a--\r\n",
        "--a\r\n\r\nmore\r\n".repeat(3)
    );
    let scan = scan(&message);
    assert!(scan.faults().contains(&ScanFault::TooManyParts));
    assert_eq!(scan.parts().len(), limits::MIME_PARTS_MAX + 1);
    let outer: Vec<_> = scan.children(0).collect();
    assert_eq!(outer, [1, limits::MIME_PARTS_MAX]);
    let octets = |index: usize| {
        let part = &scan.parts()[index];
        &message[part.body.start as usize..part.body.end as usize]
    };
    assert!(octets(outer[0]).ends_with("--b--\r\n"));
    assert_eq!(octets(outer[1]), "signed");
}

#[test]
fn se_07_the_header_is_bounded() {
    let field = format!("X: {}\r\n", "x".repeat(995));
    let fields = limits::HEADER_BYTES_MAX / field.len();
    for (count, is_fault) in [(fields, false), (fields + 1, true)] {
        let scan = scan(&(field.repeat(count) + "\r\nbody"));
        let found = scan.faults().contains(&ScanFault::HeaderTooLarge);
        assert_eq!(found, is_fault, "{count}");
        assert_eq!(scan.fields().count(), fields);
    }
    let endless = scan(&format!("X: {}", "x".repeat(3 * limits::HEADER_BYTES_MAX)));
    assert!(endless.faults().contains(&ScanFault::HeaderTooLarge));
    assert_eq!(
        endless.longest_line(),
        3 + 3 * limits::HEADER_BYTES_MAX as u64
    );
}

#[test]
fn te_02_te_03_copied_fields_are_unchanged_octets_in_order() {
    let message = "Received: from x\r\n\tby y; z\r\nSender: s@b.c\r\nto: A <a@b.c>,\r\n b@b.c\r\nCC:  c@b.c\r\n\
                   Received: older\r\nReturn-Path: <>";
    let copied = scan(message).copied_fields(&["Received", "To", "Cc", "Return-Path", "Reply-To"]);
    assert_eq!(
        String::from_utf8(copied).expect("ASCII"),
        "Received: from x\r\n\tby y; z\r\nto: A <a@b.c>,\r\n b@b.c\r\nCC:  c@b.c\r\nReceived: older\r\n\
         Return-Path: <>\r\n"
    );
}

/// Octets that are dense in what the scanner looks for.
pub(crate) fn mail_octets() -> impl Strategy<Value = Vec<u8>> {
    const WORDS: [&str; 22] = [
        "\r\n",
        "\r\n\r\n",
        "\n",
        "\r",
        "--b\r\n",
        "--b--\r\n",
        "--bb\r\n",
        "--",
        "b",
        "é",
        "\u{0}",
        "Content-Type: multipart/mixed; boundary=b\r\n",
        "Content-Type: multipart/signed; boundary=bb\r\n",
        "Content-Type: message/rfc822\r\n",
        "Content-Type: application/pdf; name=\"è.pdf\"\r\n",
        "Content-Transfer-Encoding: 8bit\r\n",
        "Content-Disposition: attachment; filename=x\r\n",
        "Message-ID: <a@b>\r\n",
        "X-Riferimento-Message-ID: <x@y>\r\n",
        "Subject: s\r\n folded\r\n",
        "a line of text",
        "To: a@pec.example\r\n",
    ];
    let word = proptest::sample::select(WORDS.to_vec()).prop_map(|w| w.as_bytes().to_vec());
    let noise = proptest::collection::vec(any::<u8>(), 0..6);
    let piece = proptest::prop_oneof![8 => word, 1 => noise];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_octets_in_any_chunks_give_the_same_scan(
        message in mail_octets(),
        chunks in proptest::collection::vec(1usize..40, 1..8),
    ) {
        let whole = Scan::of_bytes(&message);
        let mut scanner = Scanner::new();
        let mut rest = message.as_slice();
        for size in chunks.iter().cycle() {
            let (chunk, after) = rest.split_at((*size).min(rest.len()));
            scanner.push(chunk);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(&scanner.finish(), &whole);
        for part in whole.parts() {
            prop_assert!(part.header.start <= part.header.end);
            prop_assert!(part.header.end == part.body.start && part.body.start <= part.body.end);
            prop_assert!(part.body.end <= whole.size());
            let holder = part.parent.map(|parent| &whole.parts()[parent]);
            prop_assert!(holder.is_none_or(|h| h.body.start <= part.header.start));
        }
    }
}
