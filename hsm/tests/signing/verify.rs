//! Our verifier: what it accepts, and the precise words with which it refuses.

use ceralacca_core::instant::Instant;
use ceralacca_core::ports::Signature;
use ceralacca_core::rope::push_base64;
use ceralacca_core::smime::chain::{self, ChainError};
use ceralacca_core::smime::cms;
use ceralacca_core::smime::der::{self, Reader};
use ceralacca_core::smime::verify::{
    DigestAlgorithm, VerifyError, verify_detached, verify_enclosed,
};
use ceralacca_hsm::{Authority, SoftwareSigner};
use proptest::prelude::*;

use crate::parts::{CONTENT, authority, certificate_of, now, openssl, sign_one, software_key};

fn signed() -> Signature {
    let key = software_key();
    let signer = SoftwareSigner::start(key.clone(), certificate_of(&key)).unwrap();
    sign_one(&signer, CONTENT)
}

fn verify(p7s: &[u8], mut content: &[u8]) -> Result<DigestAlgorithm, VerifyError> {
    verify_detached(p7s, &mut content).map(|facts| facts.digest)
}

#[test]
fn sg_03_our_own_signature_holds_and_carries_its_chain() {
    let signature = signed();
    let p7s = cms::signed_data(&signature).unwrap();
    let mut content = CONTENT;
    let facts = verify_detached(&p7s, &mut content).unwrap();
    assert_eq!(facts.certificate, signature.by.certificate);
    assert_eq!(facts.certificates, [authority().certificate()]);
    assert_eq!(facts.digest, DigestAlgorithm::Sha256);
    let age = now().as_millis() - facts.signing_time.unwrap().as_millis();
    assert!((0..60_000).contains(&age), "{age}");
    assert_eq!(
        chain::check(
            &facts.certificate,
            &facts.certificates,
            &[authority().certificate().to_vec()],
            now()
        ),
        Ok(())
    );
}

#[test]
fn sg_03_a_template_writes_the_same_octets_for_every_signature() {
    let key = software_key();
    let signer = SoftwareSigner::start(key.clone(), certificate_of(&key)).unwrap();
    let template = cms::Template::of(&sign_one(&signer, CONTENT)).unwrap();
    for content in [CONTENT, b"more"] {
        let signature = sign_one(&signer, content);
        assert!(template.fits(&signature));
        let rest = template.rest_of(&signature).unwrap();
        let text = [template.constant(), &rest].concat();
        let mut whole = Vec::new();
        push_base64(&cms::signed_data(&signature).unwrap(), &mut whole);
        assert_eq!(
            String::from_utf8(text).unwrap(),
            String::from_utf8(whole).unwrap()
        );
    }
    let other = SoftwareSigner::start(key.clone(), certificate_of(&key)).unwrap();
    assert!(!template.fits(&sign_one(&other, CONTENT)));
}

#[test]
fn an_altered_content_is_told_with_both_digests() {
    let p7s = cms::signed_data(&signed()).unwrap();
    let error = verify(&p7s, b"altered").unwrap_err();
    let VerifyError::DigestDiffers { stated, computed } = &error else {
        panic!("{error}");
    };
    assert!(stated != computed && stated.len() == 64 && computed.len() == 64);
    assert!(error.to_string().contains(stated.as_str()));
}

#[test]
fn an_altered_attribute_or_value_is_refused() {
    let mut late = signed();
    let place = late.signed_attributes.len() - 1;
    late.signed_attributes[place] ^= 1;
    let refused = verify(&cms::signed_data(&late).unwrap(), CONTENT).unwrap_err();
    assert!(matches!(
        refused,
        VerifyError::OtherCertificate | VerifyError::ValueWrong
    ));
    let mut forged = signed();
    forged.value[10] ^= 1;
    let refused = verify(&cms::signed_data(&forged).unwrap(), CONTENT);
    assert_eq!(refused, Err(VerifyError::ValueWrong));
}

#[test]
fn a_signature_without_its_certificate_is_told() {
    let mut signature = signed();
    let whole = cms::signed_data(&signature).unwrap();
    // The same signer info beside another certificate.
    let other = Authority::create("Altra", now()).unwrap();
    let leaf = signature.by.certificate.clone();
    signature.by = std::sync::Arc::new(ceralacca_core::smime::SigningCertificate {
        certificate: other.certificate().to_vec(),
        chain: vec![],
    });
    let refused = verify(&cms::signed_data(&signature).unwrap(), CONTENT);
    assert_eq!(refused, Err(VerifyError::OtherCertificate));
    let place = whole
        .windows(leaf.len())
        .position(|found| found == leaf)
        .unwrap();
    let mut without = whole;
    // Spoil the serial number of the certificate inside, nothing else.
    without[place + 20] ^= 1;
    assert_eq!(
        verify(&without, CONTENT),
        Err(VerifyError::NoSignerCertificate)
    );
}

#[test]
fn a_p7m_holds_its_content_and_is_told_from_a_detached_signature() {
    let signature = signed();
    let p7m = cms::signed_data_enclosing(&signature, CONTENT).unwrap();
    let (content, facts) = verify_enclosed(&p7m).unwrap();
    assert_eq!(
        (content.as_slice(), facts.digest),
        (CONTENT, DigestAlgorithm::Sha256)
    );
    assert_eq!(verify(&p7m, CONTENT), Err(VerifyError::NotDetached));
    let p7s = cms::signed_data(&signature).unwrap();
    assert_eq!(verify_enclosed(&p7s), Err(VerifyError::NoContent));
}

#[test]
fn what_is_no_signature_is_refused_in_words() {
    for octets in [&b""[..], b"\x30\x00", b"hello", &[0x30; 5000]] {
        assert!(matches!(
            verify(octets, CONTENT),
            Err(VerifyError::NotCms(_))
        ));
    }
    let large = vec![0; ceralacca_core::limits::CMS_BYTES_MAX + 1];
    assert_eq!(
        verify(&large, CONTENT),
        Err(VerifyError::TooLarge(large.len()))
    );
}

/// A signature by OpenSSL with a key of its own: the other way round from the tests of our signatures.
fn by_openssl(key: &[&str], arguments: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c.txt"), CONTENT).unwrap();
    let mut make = vec![
        "req",
        "-x509",
        "-nodes",
        "-subj",
        "/CN=signer",
        "-days",
        "2",
    ];
    make.extend(key);
    make.extend(["-keyout", "k.pem", "-out", "c.pem"]);
    let made = openssl(folder.path(), &make);
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let mut sign = vec![
        "cms", "-sign", "-binary", "-in", "c.txt", "-signer", "c.pem", "-inkey", "k.pem",
        "-outform", "DER", "-out", "s.p7s",
    ];
    sign.extend(arguments);
    let made = openssl(folder.path(), &sign);
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    std::fs::read(folder.path().join("s.p7s")).unwrap()
}

#[test]
fn ip_14_each_digest_is_verified_as_openssl_signs_it() {
    let cases = [
        ("sha1", DigestAlgorithm::Sha1),
        ("sha256", DigestAlgorithm::Sha256),
        ("sha384", DigestAlgorithm::Sha384),
        ("sha512", DigestAlgorithm::Sha512),
    ];
    for (name, digest) in cases {
        let p7s = by_openssl(&["-newkey", "rsa:2048"], &["-md", name]);
        assert_eq!(verify(&p7s, CONTENT), Ok(digest), "{name}");
        assert!(verify(&p7s, b"other").is_err(), "{name}");
    }
    let md5 = by_openssl(&["-newkey", "rsa:2048"], &["-md", "md5"]);
    assert!(matches!(
        verify(&md5, CONTENT),
        Err(VerifyError::UnknownDigest(_))
    ));
}

#[test]
fn signatures_of_other_shapes_are_verified() {
    let shapes: [&[&str]; 3] = [&["-noattr"], &["-keyid"], &["-cades"]];
    for shape in shapes {
        let p7s = by_openssl(&["-newkey", "rsa:2048"], shape);
        assert_eq!(
            verify(&p7s, CONTENT),
            Ok(DigestAlgorithm::Sha256),
            "{shape:?}"
        );
        assert!(verify(&p7s, b"other").is_err(), "{shape:?}");
    }
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let p7s = by_openssl(&curve, &["-md", "sha256"]);
    assert_eq!(verify(&p7s, CONTENT), Ok(DigestAlgorithm::Sha256));
    assert!(verify(&p7s, b"other").is_err());
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"];
    let p7s = by_openssl(&curve, &["-md", "sha384"]);
    assert_eq!(verify(&p7s, CONTENT), Ok(DigestAlgorithm::Sha384));
    let pss = [
        "-md",
        "sha512",
        "-keyopt",
        "rsa_padding_mode:pss",
        "-keyopt",
        "rsa_pss_saltlen:-1",
    ];
    let p7s = by_openssl(&["-newkey", "rsa:2048"], &pss);
    assert_eq!(verify(&p7s, CONTENT), Ok(DigestAlgorithm::Sha512));
    assert!(verify(&p7s, b"other").is_err());
    // Streamed and enclosed: indefinite lengths, the content in pieces.
    let p7m = by_openssl(&["-newkey", "rsa:2048"], &["-nodetach", "-stream"]);
    assert!(p7m.starts_with(&[0x30, 0x80]));
    assert_eq!(verify_enclosed(&p7m).unwrap().0, CONTENT);
}

#[test]
fn a_detached_signature_with_indefinite_lengths_is_verified() {
    let p7s = cms::signed_data(&signed()).unwrap();
    let mut outer = Reader::new(&p7s).any().unwrap().reader();
    let kind = outer.any().unwrap();
    let signed_data = outer.any().unwrap().reader().any().unwrap();
    let opened = [
        &[0x30, 0x80][..],
        kind.raw,
        &[0xa0, 0x80, 0x30, 0x80],
        signed_data.content,
        &[0; 6],
    ];
    assert_eq!(
        verify(&opened.concat(), CONTENT),
        Ok(DigestAlgorithm::Sha256)
    );
    assert!(verify(&opened[..4].concat(), CONTENT).is_err());
}

fn with_its_signer_twice(p7s: &[u8]) -> Vec<u8> {
    let mut outer = Reader::new(p7s).any().unwrap().reader();
    let kind = outer.any().unwrap().raw;
    let mut fields = outer.any().unwrap().reader().any().unwrap().reader();
    let mut parts = Vec::new();
    while !fields.is_empty() {
        parts.push(fields.any().unwrap());
    }
    let signer = parts.pop().unwrap().content;
    let signers = der::concat(der::tag::SET, &[signer, signer]);
    let mut parts: Vec<&[u8]> = parts.iter().map(|part| part.raw).collect();
    parts.push(&signers);
    let data = der::element(der::tag::context(0), &der::sequence(&parts));
    der::sequence(&[kind, &data])
}

#[test]
fn weak_keys_several_signers_and_lacking_certificates_are_told() {
    let weak = by_openssl(&["-newkey", "rsa:1024"], &[]);
    assert_eq!(verify(&weak, CONTENT), Err(VerifyError::KeyTooShort(1024)));
    let bare = by_openssl(&["-newkey", "rsa:2048"], &["-nocerts"]);
    assert_eq!(
        verify(&bare, CONTENT),
        Err(VerifyError::NoSignerCertificate)
    );
    let twice = with_its_signer_twice(&cms::signed_data(&signed()).unwrap());
    assert_eq!(verify(&twice, CONTENT), Err(VerifyError::SeveralSigners(2)));
}

#[test]
fn chains_are_refused_with_the_reason() {
    let leaf = certificate_of(&software_key()).certificate.clone();
    let anchor = vec![authority().certificate().to_vec()];
    let at = |days: i64| Instant::from_millis(now().as_millis() + days * 86_400_000);
    assert_eq!(chain::check(&leaf, &[], &anchor, now()), Ok(()));
    assert_eq!(
        chain::check(&leaf, &[], &[], now()),
        Err(ChainError::NoAnchor)
    );
    assert_eq!(
        chain::check(&leaf, &[], &anchor, at(366)),
        Err(ChainError::Expired)
    );
    assert_eq!(
        chain::check(&leaf, &[], &anchor, at(-1)),
        Err(ChainError::NotYetValid)
    );
    let other = Authority::create("Autorita di prova", now()).unwrap();
    let other = vec![other.certificate().to_vec()];
    assert!(chain::check(&leaf, &[], &other, now()).is_err());
    assert!(matches!(
        chain::check(b"x", &[], &anchor, now()),
        Err(ChainError::BadLeaf(_))
    ));
    let server = authority()
        .issue_server(
            &["mail.pec.example"],
            &[],
            software_key().public().info(),
            10,
            now(),
        )
        .unwrap();
    assert_eq!(
        chain::check(&server, &[], &anchor, now()),
        Err(ChainError::NotForMail)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_spoiled_signature_never_panics(place in any::<prop::sample::Index>(), octet in any::<u8>()) {
        static P7S: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let mut p7s = P7S.get_or_init(|| cms::signed_data(&signed()).unwrap()).clone();
        let place = place.index(p7s.len());
        p7s[place] = octet;
        let _ = verify(&p7s, CONTENT);
        p7s.truncate(place);
        prop_assert!(verify(&p7s, CONTENT).is_err());
    }

    #[test]
    fn any_octets_are_refused_without_panic(octets in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(verify(&octets, CONTENT).is_err());
    }
}
