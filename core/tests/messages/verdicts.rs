//! What the verdict says of messages that are genuine, and of those that are not.

use ceralacca_core::blob::BlobRef;
use ceralacca_core::certification::CertificationKind;
use ceralacca_core::notice::{Delay, delay, virus_detection};
use ceralacca_core::receipt::{acceptance, delivery, take_charge};
use ceralacca_core::rope::Rope;
use ceralacca_core::smime::der::{self, tag};
use ceralacca_core::verdict::{Expected, Outcome, Verdict, examine};

use super::authority::{Authority, trusted};
use super::house::{
    Blob, SERVICE, address, at, blobs, envelope, facts, issuer, octets, original, signed, step,
};

pub fn judged(message: &[u8]) -> Verdict {
    let anchors = [trusted().anchor.clone()];
    let expected = Expected {
        provider: Some("Prova PEC S.p.A.".to_owned()),
        service_address: Some(SERVICE.to_owned()),
        keys: Default::default(),
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
    let (raw, service) = (Some("Saluti"), address("ricevute@altri.test"));
    let one = [recipient.clone()];
    let (issuer, facts) = (issuer(), facts());
    let taken = take_charge(&issuer, &original(), raw, &one, &service, step());
    let infected = virus_detection(&issuer, &facts, &recipient, "Eicar", &service, step());
    let first = delay(&issuer, &facts, &recipient, Delay::First, step());
    let last = delay(&issuer, &facts, &recipient, Delay::Final, step());
    let between = [taken, infected, first, last];
    for draft in [envelope(), accepted, delivered].into_iter().chain(between) {
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
        (
            "Per conto di: mario@prova",
            "Per conto di: maria@prova",
            "header",
        ),
        ("\"Per conto di: mario@prova.test\" <", "<", "header"),
        ("Reply-To: mario@", "Reply-To: maria@", "header"),
        (
            "MIME-Version: 1.0\r\n",
            "MIME-Version: 1.0\r\nContent-Type: text/html\r\n",
            "structure",
        ),
        (
            "micalg=\"sha-256\"",
            "micalg=\"sha-256\"\r\nContent-Type: text/html",
            "structure",
        ),
        (
            "MIME-Version: 1.0\r\n",
            "MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n",
            "structure",
        ),
    ];
    for (from, to, check) in cases {
        let verdict = judged(&altered(from, to));
        assert_eq!(fault(&verdict).0, check, "{:#?}", verdict.checks);
    }
}

/// The envelope with signed attributes, and then a signature, that `alter` has changed.
fn signed_otherwise(alter: impl Fn(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let draft = envelope();
    let digest = draft.digest(&blobs()).unwrap();
    let p7s = trusted().sign_altered(&digest, step().at, &alter);
    octets(&draft.finish(&alter(p7s)), &blobs())
}

fn replaced(octets: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = octets;
    while let Some((first, after)) = rest.split_first() {
        match rest.strip_prefix(from) {
            Some(after) => {
                out.extend_from_slice(to);
                rest = after;
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out
}

#[test]
fn sg_17_a_signature_over_something_other_than_a_message_is_told() {
    assert!(judged(&signed_otherwise(|octets| octets)).is_genuine());
    // id-data becomes digestedData, in the attributes and around them.
    let data = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
    let other = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 5];
    let message = signed_otherwise(|octets| replaced(&octets, &data, &other));
    let (name, sentence) = fault(&judged(&message));
    assert_eq!(name, "signature");
    assert!(sentence.contains("not over a message"), "{sentence}");
}

#[test]
fn sg_17_an_attribute_of_two_values_is_told() {
    let twice = |octets: Vec<u8>| {
        let Ok(set) = der::Reader::new(&octets).expect(tag::SET) else {
            return octets;
        };
        let mut reader = set.reader();
        let mut attributes = Vec::new();
        while let Ok(attribute) = reader.any() {
            let mut fields = attribute.reader();
            let (id, values) = (fields.any().unwrap(), fields.any().unwrap());
            let is_digest = id.content.ends_with(&[1, 9, 4]);
            let both = der::element(tag::SET, &[values.content, values.content].concat());
            let values = if is_digest { &both } else { values.raw };
            attributes.push(der::sequence(&[id.raw, values]));
        }
        let attributes: Vec<&[u8]> = attributes.iter().map(Vec::as_slice).collect();
        der::set_of(tag::SET, &attributes)
    };
    let (name, sentence) = fault(&judged(&signed_otherwise(twice)));
    assert_eq!(name, "signature");
    assert!(sentence.contains("messageDigest"), "{sentence}");
}

#[test]
fn se_06_a_sentence_holds_no_control_character_of_the_message() {
    let message =
        b"Content-Type: multipart/signed; boundary=\"a\x1b[2J\"\r\n\r\n--a\x1b[2J\r\n\r\n";
    let verdict = judged(message);
    let controls =
        |check: &ceralacca_core::verdict::Check| check.sentence.contains(char::is_control);
    assert!(!verdict.checks.iter().any(controls), "{:?}", verdict.checks);
}

#[test]
fn sg_09_an_issuer_that_the_certificate_does_not_name_is_warned_of() {
    let mut issuer = issuer();
    issuer.provider = "Altri PEC S.p.A.".to_owned();
    let draft = acceptance(&issuer, &original(), Some("Saluti"), step());
    let verdict = judged(&signed(draft, &blobs()));
    let names = |warning: &String| warning.contains("Altri PEC S.p.A.");
    assert!(verdict.warnings.iter().any(names), "{:?}", verdict.warnings);
    assert!(judged(&genuine()).warnings.is_empty());
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
