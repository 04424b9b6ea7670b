//! What the verdict says of messages that are genuine, and of those that are not.

use ceralacca_core::blob::BlobRef;
use ceralacca_core::certification::CertificationKind;
use ceralacca_core::receipt::{acceptance, delivery};
use ceralacca_core::rope::Rope;
use ceralacca_core::verdict::{Expected, Outcome, Verdict, examine};

use super::authority::{Authority, trusted};
use super::house::{
    Blob, SERVICE, address, at, blobs, envelope, facts, issuer, original, signed, step,
};

fn judged(message: &[u8]) -> Verdict {
    let anchors = [trusted().anchor.clone()];
    let expected = Expected {
        provider: Some("Prova PEC S.p.A.".to_owned()),
        service_address: Some(SERVICE.to_owned()),
    };
    examine(message, &anchors, step().at, &expected)
}

fn genuine() -> Vec<u8> {
    signed(envelope(), &blobs())
}

/// The sentence of the one check that failed.
fn fault(verdict: &Verdict) -> (&'static str, String) {
    assert!(!verdict.is_genuine());
    let mut failed = verdict
        .checks
        .iter()
        .filter(|c| c.outcome == Outcome::Failed);
    let check = failed.next().unwrap();
    (check.name, check.sentence.clone())
}

fn altered(from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(genuine()).unwrap();
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1).into_bytes()
}

#[test]
fn sg_17_envelopes_and_receipts_are_genuine() {
    let accepted = acceptance(&issuer(), &original(), Some("Saluti"), step());
    let recipient = address("anna@prova.test");
    let delivered = delivery(&issuer(), &facts(), &recipient, &blobs(), step()).unwrap();
    for draft in [envelope(), accepted, delivered] {
        let verdict = judged(&signed(draft, &blobs()));
        assert!(verdict.is_genuine(), "{:#?}", verdict.checks);
        assert_eq!(verdict.checks.len(), 7);
        assert_eq!(verdict.signer.as_deref(), Some(SERVICE));
        assert_eq!(verdict.signed_at, Some(step().at));
        let verified = verdict.into_verified().unwrap();
        assert_eq!(verified.original, original());
    }
}

#[test]
fn sg_17_any_altered_octet_of_the_content_is_told() {
    let original = altered("ciao", "Ciao");
    let (name, sentence) = fault(&judged(&original));
    assert_eq!(name, "signature");
    let digests = sentence
        .split(' ')
        .filter(|w| w.trim_end_matches(',').len() == 64);
    assert_eq!(digests.count(), 2, "{sentence}");
    assert!(sentence.starts_with("the signed content was altered: its SHA-256 is "));
    assert_eq!(judged(&original).data, None);
    assert!(judged(&original).into_verified().is_none());
}

#[test]
fn sg_17_a_cut_message_is_told_wherever_it_is_cut() {
    let message = genuine();
    let (name, sentence) = fault(&judged(&message[..message.len() - 5]));
    assert_eq!(name, "structure");
    assert!(sentence.starts_with("the message is cut: the closing boundary \"--=_"));
    for end in (0..message.len() - 4).step_by(97) {
        assert!(!judged(&message[..end]).is_genuine(), "cut at {end}");
    }
}

#[test]
fn sg_17_an_unsigned_message_is_told() {
    let plain = b"From: a@b.test\r\nSubject: x\r\n\r\nciao\r\n";
    let verdict = judged(plain);
    let (name, sentence) = fault(&verdict);
    assert_eq!(name, "structure");
    assert_eq!(sentence, "no signature: the message is text/plain");
    let of = |name| verdict.checks.iter().find(|c| c.name == name).unwrap();
    assert_eq!(of("signature").outcome, Outcome::NotReached);
    assert!(of("type").sentence.contains("no certified mail"));
    assert!(!judged(b"").is_genuine());
    let opaque = b"Content-Type: application/pkcs7-mime\r\n\r\nAAAA\r\n";
    assert!(fault(&judged(opaque)).1.contains("not detached"));
}

#[test]
fn sg_17_without_an_anchor_nothing_is_genuine() {
    let verdict = examine(&genuine(), &[], step().at, &Expected::default());
    let (name, sentence) = fault(&verdict);
    assert_eq!(name, "chain");
    assert_eq!(sentence, "no anchor was given: nothing is genuine");
}

#[test]
fn sg_17_another_authority_and_another_time_are_told() {
    let other = Authority::new("Other", SERVICE);
    let verdict = examine(&genuine(), &[other.anchor], step().at, &Expected::default());
    assert_eq!(fault(&verdict).0, "chain");
    let anchors = [trusted().anchor.clone()];
    let late = at("2041-01-01T00:00:00Z");
    let verdict = examine(&genuine(), &anchors, late, &Expected::default());
    assert!(fault(&verdict).1.contains("expired"));
}

#[test]
fn sg_05_another_from_than_the_certificates_is_told() {
    let message = altered(
        "<posta-certificata@prova.test>",
        "<posta-certificata@altri.test>",
    );
    let anchors = [trusted().anchor.clone()];
    let verdict = examine(&message, &anchors, step().at, &Expected::default());
    assert_eq!(fault(&verdict).0, "certificate");
    let (_, sentence) = fault(&judged(&message));
    assert!(sentence.contains("posta-certificata@prova.test was expected"));
}

#[test]
fn sg_17_an_outer_header_that_contradicts_the_signed_data_is_told() {
    let cases = [
        (
            "X-Trasporto: posta-certificata",
            "X-Ricevuta: avvenuta-consegna",
            "type",
        ),
        ("X-Trasporto: posta-certificata", "X-Altro: x", "type"),
        (
            "X-Trasporto: posta-certificata",
            "X-Trasporto: errore",
            "certification data",
        ),
        (
            "X-Trasporto: posta-certificata\r\n",
            "X-Trasporto: posta-certificata\r\nX-Trasporto: posta-certificata\r\n",
            "type",
        ),
        ("Date: Thu", "Subject: Altro\r\nDate: Thu", "header"),
        ("CERTIFICATA: Saluti", "CERTIFICATA: Altro", "header"),
        ("Date: Thu, 05 Dec 2024", "Date: Thu, 06 Dec 2024", "header"),
        ("Message-ID: <c00abc@", "Message-ID: <c00abd@", "header"),
        (
            "X-Riferimento-Message-ID: <x1@",
            "X-Riferimento-Message-ID: <x2@",
            "header",
        ),
    ];
    for (from, to, check) in cases {
        let verdict = judged(&altered(from, to));
        assert_eq!(fault(&verdict).0, check, "{:#?}", verdict.checks);
    }
}

#[test]
fn sg_17_what_is_added_after_the_end_is_told_and_blank_lines_are_not() {
    let mut message = genuine();
    message.extend_from_slice(b"\r\n\r\n");
    assert!(judged(&message).is_genuine());
    message.extend_from_slice(b"x");
    assert!(fault(&judged(&message)).1.contains("was added"));
}

#[test]
fn cd_14_certification_data_inside_the_enclosed_message_are_not_taken() {
    let forged = signed(acceptance(&issuer(), &original(), None, step()), &blobs());
    let mut facts = facts();
    facts.enclosed = Rope::whole(BlobRef {
        segment: 0,
        offset: 0,
        length: forged.len() as u64,
    });
    let inherited = super::house::inherited();
    let draft = ceralacca_core::envelope::transport(&issuer(), &facts, &inherited, step());
    let verdict = judged(&signed(draft, &Blob(forged)));
    assert!(verdict.is_genuine(), "{:#?}", verdict.checks);
    let kind = verdict.data.unwrap().kind;
    assert_eq!(kind, CertificationKind::TransportEnvelope);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn sg_17_an_altered_signed_octet_is_never_genuine(at in 0_usize..4000, bit in 0_u8..8) {
        let mut message = genuine();
        let text = String::from_utf8_lossy(&message).into_owned();
        let start = text.find("Content-Type: multipart/mixed").unwrap();
        let end = text.find("Content-Type: application/pkcs7-signature").unwrap() - 60;
        let place = start + at % (end - start);
        message[place] ^= 1 << bit;
        proptest::prop_assert!(!judged(&message).is_genuine());
    }
}
