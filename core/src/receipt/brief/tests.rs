//! Originals of brief receipts, octet by octet.

use aws_lc_rs::digest;
use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};

use super::brief;
use crate::blob::BlobRef;
use crate::mime::{Scan, Shape, mail_octets};
use crate::rope::memory::MemoryBlobs;
use crate::rope::{Rope, Transfer};

fn brief_of(message: &[u8]) -> (Rope, BlobRef, Vec<u8>) {
    let (blobs, blob) = MemoryBlobs::of(message);
    let rope = brief(&Rope::whole(blob), &blobs).expect("reads");
    let octets = blobs.written(&rope);
    assert_eq!(octets.len() as u64, rope.len());
    (rope, blob, octets)
}

fn text(message: &str) -> String {
    String::from_utf8(brief_of(message.as_bytes()).2).expect("UTF-8")
}

fn sha1(octets: &str) -> String {
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, octets.as_bytes());
    hash.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

fn hash_part(name: &str, hashed: &str) -> String {
    format!(
        "Content-Type: text/plain; charset=us-ascii;\r\n\tname=\"{name}\"\r\n\
         Content-Disposition: attachment;\r\n\tfilename=\"{name}\"\r\n\
         Content-Transfer-Encoding: 7bit\r\n\r\n{}",
        sha1(hashed)
    )
}

fn same(message: &str) {
    let (rope, blob, _) = brief_of(message.as_bytes());
    assert_eq!(rope, Rope::whole(blob), "{message}");
}

#[test]
fn dr_10_dr_13_dr_17_named_parts_give_way_and_all_else_is_identical() {
    let header = "From: a@b.c\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\nbefore\r\n";
    let plain = "--b\r\nContent-Type: text/plain\r\n\r\ntext \r\n";
    let message = format!(
        "{header}{plain}--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment;\r\n filename=a.pdf\r\n\r\nQUJD\r\nREVG\r\n\r\n--b\r\n\
         Content-Type: text/plain; name=\"n.txt\"\r\n\r\nx\r\n--b--\r\nafter"
    );
    let expected = format!(
        "{header}{plain}--b\r\n{}\r\n--b\r\n{}\r\n--b--\r\nafter",
        hash_part("a.pdf.hash", "QUJD\r\nREVG\r\n"),
        hash_part("n.txt.hash", "x")
    );
    assert_eq!(text(&message), expected);
}

#[test]
fn dr_10_the_only_part_of_a_message_keeps_its_other_fields() {
    let message = "From: a@b.c\r\nContent-Type: application/pdf; name=a.pdf\r\nSubject: s\r\n\
                   Content-Transfer-Encoding: base64\r\n\r\nQUJD\r\n";
    let expected = format!(
        "From: a@b.c\r\nContent-Type: text/plain; charset=us-ascii;\r\n\tname=\"a.pdf.hash\"\r\n\
         Content-Disposition: attachment;\r\n\tfilename=\"a.pdf.hash\"\r\n\
         Content-Transfer-Encoding: 7bit\r\nSubject: s\r\n\r\n{}",
        sha1("QUJD\r\n")
    );
    assert_eq!(text(message), expected);
}

#[test]
fn dr_11_the_hash_is_forty_digits_in_lower_case() {
    let octets = text("Content-Type: a/b; name=x\r\n\r\nabc");
    assert!(octets.ends_with("\r\n\r\na9993e364706816aba3e25717850c26c9cd0d89d"));
}

#[test]
fn dr_12_the_new_name_is_readable() {
    for name in [
        "perch\u{e9}.pdf",
        "a \"b\" \\ c%.pdf",
        "una relazione molto lunga",
        "=?x",
        "",
    ] {
        for value in [
            format!(
                "filename*=utf-8''{}",
                name.bytes()
                    .map(|b| format!("%{b:02X}"))
                    .collect::<String>()
            ),
            format!(
                "filename=\"{}\"",
                crate::mime::words::encode(&name.repeat(7))
            ),
        ] {
            let message = format!("Content-Disposition: attachment; {value}\r\n\r\nbody");
            let before = Scan::of_bytes(message.as_bytes());
            let octets = text(&message);
            let after = Scan::of_bytes(octets.as_bytes());
            let old = before.root().name.clone().expect("a name");
            assert_eq!(after.root().name.clone(), Some(old + ".hash"), "{octets}");
            assert!(
                octets.is_ascii() && octets.lines().all(|line| line.len() <= 78),
                "{octets}"
            );
            assert_eq!(after.faults(), []);
        }
    }
}

#[test]
fn dr_14_an_attached_message_is_replaced_whole() {
    let inner = "Subject: x\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\
                 Content-Type: a/b; name=n\r\n\r\ny\r\n--c--\r\n";
    for (encoding, named, name) in [
        ("", "", "message.eml.hash"),
        ("", "; name=m.eml", "m.eml.hash"),
        (
            "Content-Transfer-Encoding: base64\r\n",
            "",
            "message.eml.hash",
        ),
    ] {
        let message = format!(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822{named}\r\n\
             {encoding}\r\n{inner}\r\n--b--\r\n"
        );
        let expected = format!(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n{}\r\n--b--\r\n",
            hash_part(name, inner)
        );
        assert_eq!(text(&message), expected);
    }
}

#[test]
fn dr_15_only_the_first_part_of_a_signed_message_is_descended_into() {
    let signature = "--s\r\nContent-Type: application/x-pkcs7-signature; name=smime.p7s\r\n\r\nMII\r\n--s--\r\n";
    let header = "Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\
                  Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n";
    let message = format!("{header}Content-Type: a/b; name=n\r\n\r\nx\r\n--b--\r\n\r\n{signature}");
    let expected = format!(
        "{header}{}\r\n--b--\r\n\r\n{signature}",
        hash_part("n.hash", "x")
    );
    assert_eq!(text(&message), expected);
    let nested =
        format!("Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n{message}--o--\r\n");
    assert!(text(&nested).contains("smime.p7s.hash"));
}

#[test]
fn dr_16_an_opaque_smime_message_is_left_intact() {
    for kind in ["pkcs7-mime", "X-PKCS7-MIME"] {
        same(&format!(
            "Content-Type: application/{kind}; name=smime.p7m\r\n\r\nMII\r\n"
        ));
    }
    let nested = text(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
         Content-Type: application/pkcs7-mime; name=smime.p7m\r\n\r\nMII\r\n--b--",
    );
    assert!(nested.contains("smime.p7m.hash"));
}

#[test]
fn dr_17_messages_without_attachments_are_identical() {
    same("");
    same("From: a@b.c\r\n\r\nbody\r\n");
    same("Content-Type: multipart/mixed; boundary=b; name=x\r\n\r\n--b\r\n\r\ntext\r\n--b--\r\n");
    same(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: a/b; name=x\r\n--b--\r\n",
    );
}

#[test]
fn dr_13_an_empty_attachment_keeps_its_boundary_on_a_line_of_its_own() {
    let message = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
                   Content-Type: a/b; name=x\r\n\r\n--b--\r\n";
    let expected = format!(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n{}\r\n--b--\r\n",
        hash_part("x.hash", "")
    );
    assert_eq!(text(message), expected);
}

#[test]
fn dr_13_a_re_encoded_attachment_is_hashed_as_transmitted() {
    let (blobs, blob) = MemoryBlobs::of("\u{e9}\u{e9}");
    let mut enclosed = Rope::text("Content-Type: a/b; name=x\r\n\r\n");
    enclosed
        .push_encoded(&blobs, blob, 0, blob.length, Transfer::Base64)
        .expect("reads");
    enclosed.push_text("\r\n");
    let octets = blobs.written(&brief(&enclosed, &blobs).expect("reads"));
    assert!(octets.ends_with(sha1("w6nDqQ==\r\n").as_bytes()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_octets_have_a_brief_form_that_holds_no_attachment(message in mail_octets()) {
        let before = Scan::of_bytes(&message);
        let (rope, blob, octets) = brief_of(&message);
        let after = Scan::of_bytes(&octets);
        let is_hash = |name: &Option<String>| name.as_deref().is_none_or(|n| n.ends_with(".hash"));
        let is_exempt = before.root().media.is("multipart", "signed")
            || before.root().media.kind == "application";
        for part in after.parts().iter().filter(|p| p.has_blank_line && p.shape == Shape::Leaf) {
            prop_assert!(is_exempt || is_hash(&part.name), "{:?}", part.name);
        }
        if before.parts().iter().all(|p| p.name.is_none() && p.media.kind != "message") {
            prop_assert_eq!(rope, Rope::whole(blob));
        }
    }
}
