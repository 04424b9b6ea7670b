//! `postacert.eml`, octet by octet.

use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};

use super::{Enclosed, Marks, Scan, enclose, is_recodable};
use crate::limits;
use crate::message_id::{ClientMessageId, Identifier};
use crate::mime::mail_octets;
use crate::rope::Piece;
use crate::rope::memory::MemoryBlobs;

const RECEIVED: &str = "Received: from x by y; z\r\n";

fn enclosed(message: &[u8], client_id: Option<&str>) -> (Enclosed, Vec<u8>) {
    let identifier = Identifier::parse("c0@pec.example").expect("an identifier");
    let client_id = client_id.and_then(ClientMessageId::from_field);
    let marks = Marks {
        received: RECEIVED,
        identifier: &identifier,
        client_id: client_id.as_ref(),
    };
    let (blobs, body) = MemoryBlobs::of(message);
    let scan = Scan::of(&blobs, body).expect("reads");
    let enclosed = enclose(&scan, body, &blobs, &marks).expect("reads");
    let octets = blobs.written(&enclosed.rope);
    assert_eq!(octets.len() as u64, enclosed.rope.len());
    (enclosed, octets)
}

fn text(message: &str, client_id: Option<&str>) -> String {
    String::from_utf8(enclosed(message.as_bytes(), client_id).1).expect("UTF-8")
}

#[test]
fn te_07_tm_07_the_identifiers_change_and_nothing_else() {
    let message = "From: a@b.c\r\nMESSAGE-ID:\r\n <client@x>\r\nX: y\r\n\r\nbody\r\n";
    assert_eq!(
        text(message, Some("<client@x>")),
        "Received: from x by y; z\r\nFrom: a@b.c\r\nMessage-ID: <c0@pec.example>\r\n\
         X-Riferimento-Message-ID: <client@x>\r\nX: y\r\n\r\nbody\r\n"
    );
}

#[test]
fn te_07_a_missing_identifier_is_added_and_names_no_reference() {
    assert_eq!(
        text("From: a@b.c\r\n\r\nbody", None),
        "Received: from x by y; z\r\nMessage-ID: <c0@pec.example>\r\nFrom: a@b.c\r\n\r\nbody"
    );
}

#[test]
fn tm_08_a_reference_set_by_the_client_is_replaced() {
    let message = "x-riferimento-message-id: <forged@x>\r\nMessage-ID: <a@x>\r\n\
                   X-Riferimento-Message-ID:\r\n <other@x>\r\nMessage-ID: <b@x>\r\n\r\n";
    assert_eq!(
        text(message, Some("<a@x>")),
        "Received: from x by y; z\r\nMessage-ID: <c0@pec.example>\r\n\
         X-Riferimento-Message-ID: <a@x>\r\n\r\n"
    );
    let without = text("X-Riferimento-Message-ID: <forged@x>\r\nA: b\r\n\r\n", None);
    assert!(!without.contains("forged"), "{without}");
}

#[test]
fn tm_07_the_longest_client_value_keeps_its_lines_in_bounds() {
    let long = format!("<{}@x>", "a".repeat(limits::MESSAGE_ID_BYTES_MAX - 2));
    let octets = text("A: b\r\n\r\n", Some(&long));
    assert!(octets.contains(&long));
    assert!(
        octets
            .lines()
            .all(|line| line.len() <= limits::LINE_BYTES_MAX)
    );
}

#[test]
fn te_10_a_seven_bit_body_stays_one_slice() {
    let message = "Message-ID: <a@x>\r\nContent-Transfer-Encoding: 8bit\r\nContent-Type: multipart/mixed; \
                   boundary=b\r\n\r\n--b\r\nX-Trasporto: forged\r\n\r\nA=E9 \r\n\r\n--b--\r\n";
    let (enclosed, octets) = enclosed(message.as_bytes(), None);
    assert_eq!(enclosed.rope.pieces().len(), 2);
    let rest = message
        .strip_prefix("Message-ID: <a@x>\r\n")
        .expect("starts so");
    assert!(octets.ends_with(rest.as_bytes()));
    assert!(!enclosed.eight_bit);
}

#[test]
fn ap_25_eight_bit_text_becomes_quoted_printable_and_the_rest_base64() {
    let message = "Message-ID: <a@x>\r\nContent-Type: multipart/mixed; boundary=b\r\n\
                   Content-Transfer-Encoding: 8bit\r\n\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\
                   Content-Transfer-Encoding: 8bit\r\n\r\nperché\r\n--b\r\nX: y\r\n\r\nplain\r\n--b\r\n\
                   Content-Type: application/x; name=z\r\nContent-Transfer-Encoding: binary\r\n\r\nàà\r\n--b--\r\n";
    let expected = "Received: from x by y; z\r\nMessage-ID: <c0@pec.example>\r\n\
                    Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 7bit\r\n\r\n\
                    --b\r\nContent-Type: text/html; charset=utf-8\r\n\
                    Content-Transfer-Encoding: quoted-printable\r\n\r\nperch=C3=A9\r\n--b\r\nX: y\r\n\r\nplain\r\n\
                    --b\r\nContent-Type: application/x; name=z\r\nContent-Transfer-Encoding: base64\r\n\r\n\
                    w6DDoA==\r\n--b--\r\n";
    assert_eq!(text(message, None), expected);
}

#[test]
fn ap_25_a_bare_eight_bit_message_gets_its_fields() {
    assert_eq!(
        text("Message-ID: <a@x>\r\nFrom: a@b.c\r\n\r\nperché\r\n", None),
        "Received: from x by y; z\r\nContent-Transfer-Encoding: quoted-printable\r\nMIME-Version: 1.0\r\n\
         Message-ID: <c0@pec.example>\r\nFrom: a@b.c\r\n\r\nperch=C3=A9\r\n"
    );
    let image = text("MIME-Version: 1.0\r\nContent-Type: image/x\r\n\r\né", None);
    assert!(image.ends_with("\r\n\r\nw6k=\r\n"), "{image}");
}

#[test]
fn ap_25_attached_messages_are_re_encoded_inside() {
    let message = "Message-ID: <a@x>\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
                   Message-ID: <inner@x>\r\nX-Riferimento-Message-ID: <kept@x>\r\n\r\nperché\r\n";
    let octets = text(message, None);
    assert!(
        octets.contains("Content-Transfer-Encoding: 7bit\r\n\r\n"),
        "{octets}"
    );
    assert!(octets.contains("Message-ID: <inner@x>\r\nX-Riferimento-Message-ID: <kept@x>\r\n"));
    assert!(octets.ends_with("perch=C3=A9\r\n"));
    assert!(octets.is_ascii());
}

#[test]
fn sg_08_what_is_signed_is_left_alone_and_named_eight_bit() {
    let message = "Message-ID: <a@x>\r\nContent-Transfer-Encoding: 8bit\r\n\
                   Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nperché\r\n--b--\r\n";
    let (enclosed, octets) = enclosed(message.as_bytes(), None);
    assert!(enclosed.eight_bit);
    let rest = message
        .strip_prefix("Message-ID: <a@x>\r\n")
        .expect("starts so");
    assert!(octets.ends_with(rest.as_bytes()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_octets_are_enclosed_and_keep_their_parts(message in mail_octets()) {
        let before = Scan::of_bytes(&message);
        let (enclosed, octets) = enclosed(&message, Some("<x@y>"));
        let after = Scan::of_bytes(&octets);
        prop_assert_eq!(after.size(), enclosed.rope.len());
        prop_assert_eq!(after.parts().len(), before.parts().len());
        prop_assert!(enclosed.eight_bit || !after.has_eight_bit());
        prop_assert!(after.has_eight_bit() || !enclosed.eight_bit || before.root().eight_bit_header);
        prop_assert!(!after.parts().iter().any(is_recodable));
        for (old, new) in before.parts().iter().zip(after.parts()) {
            prop_assert_eq!((old.parent, old.shape, &old.media), (new.parent, new.shape, &new.media));
            prop_assert_eq!(&old.name, &new.name);
        }
        let own = Piece::Text(RECEIVED.as_bytes().to_vec()).len();
        prop_assert!(enclosed.rope.len() > own);
    }
}
