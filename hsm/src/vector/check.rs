//! Eight signatures of one RSA-2048 key checked at once (RSASSA-PKCS1-v1_5 with SHA-256, RFC 8017 §8.2.2): a check
//! one after another costs a tenth of what it takes to make a signature, and every one is checked (SG-16).
//!
//! Nothing here is secret. What is expected is encoded and compared whole, nothing of what comes out is
//! parsed. A signature that the lanes made is checked by other arithmetic of theirs, modulo the modulus instead
//! of its primes: to let a wrong one pass, this would have to fail in just the way that gives the digest.
#![allow(unsafe_code)]

use super::lanes::{
    Lanes, Modulus, PRODUCT_LIMBS_MAX, Product, all, below, broadcast, gather, multiplied, spread,
    squared,
};
use super::numbers::{self, Number};
use super::{LANES, encoding, is_supported};

/// Limbs of a modulus of 2,048 bits.
const LIMBS: usize = 40;
/// Octets of it.
const LENGTH: usize = 256;
/// The exponent that practically all keys have: 2^16 + 1.
const EXPONENT: [u8; 3] = [1, 0, 1];
/// Squarings before the one multiplication.
const SQUARINGS: usize = 16;

/// A public key of RSA-2048 in the form that the lanes use.
#[derive(Clone)]
pub(crate) struct VectorCheck {
    modulus: Modulus<LIMBS>,
    /// R squared: what brings a signature into Montgomery form.
    r2: Number<LIMBS>,
    /// The modulus, the highest octet first.
    octets: Vec<u8>,
}

/// A message and what is said to be its signature.
pub(crate) type Claim<'a> = (&'a [u8], &'a [u8]);

impl VectorCheck {
    /// From the two numbers of a key, octets with the highest first. `None` for keys of another length or with
    /// another exponent, and where the processor lacks the instructions.
    pub(crate) fn of(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let octets = modulus.strip_prefix(&[0]).unwrap_or(modulus);
        let is_odd = octets.last().is_some_and(|octet| octet % 2 == 1);
        let fits = octets.len() == LENGTH && octets.first()? >> 7 == 1 && is_odd;
        if !fits || exponent != EXPONENT || !is_supported() {
            return None;
        }
        let number = numbers::number::<LIMBS>(octets);
        let mut unit = [0; LIMBS];
        unit[0] = 1;
        let one = numbers::times_r(&unit, &number);
        Some(Self {
            modulus: Modulus {
                number,
                minus_inverse: numbers::minus_inverse(&number),
            },
            r2: numbers::times_r(&one, &number),
            octets: octets.to_vec(),
        })
    }

    /// Which of up to [`LANES`] claims are true; further ones are not.
    pub(crate) fn check(&self, claims: &[Claim<'_>]) -> [bool; LANES] {
        let mut values: [Vec<u8>; LANES] = std::array::from_fn(|lane| {
            let value = claims.get(lane).map_or(&[][..], |(_, value)| value);
            // Of another length, or not below the modulus: no signature, and nothing to compute.
            let fits = value.len() == LENGTH && value < &*self.octets;
            if fits {
                value.to_vec()
            } else {
                vec![0; LENGTH]
            }
        });
        // SAFETY: a check exists only where `is_supported` said so.
        unsafe { self.raise(&mut values) }
        let mut found = [false; LANES];
        for ((found, (message, value)), opened) in found.iter_mut().zip(claims).zip(&values) {
            *found = value.len() == LENGTH
                && *value < &*self.octets
                && *opened == encoding::encoded(message, LENGTH);
        }
        found
    }

    /// The public operation on each of `values`, in place.
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn raise(&self, values: &mut [Vec<u8>; LANES]) {
        let m = &self.modulus;
        let mut t: Product = [all(0); PRODUCT_LIMBS_MAX];
        let mut plain: Lanes<LIMBS> = [all(0); LIMBS];
        spread(values, &mut plain);
        let mut power = multiplied(&mut t, &plain, &broadcast(&self.r2), m);
        for _ in 0..SQUARINGS {
            power = squared(&mut t, &power, m);
        }
        // One factor is not in Montgomery form: nor is the product.
        let opened = multiplied(&mut t, &power, &plain, m);
        gather(&below(&opened, &m.number), values);
    }
}
