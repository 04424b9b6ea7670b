//! RSA private operations on eight messages, by the Chinese remainder theorem (RFC 8017 §5.1.2, 2.b).
#![allow(unsafe_code)]

use super::LANES;
use super::lanes::{
    Lanes, Modulus, PRODUCT_LIMBS_MAX, Product, all, below, broadcast, carry, choose, equal,
    gather, minus, multiplied, plus, product, reduced, spread, squared,
};
use super::locked::{Locked, Plain};
use super::numbers::{self, Number};
use crate::error::HsmError;

/// Bits of the exponent that one multiplication serves: one window.
const WINDOW_BITS: usize = 5;
/// Powers in the table.
const POWERS: usize = 1 << WINDOW_BITS;
/// Windows of an exponent of 2,048 bits, those of RSA-4096.
const WINDOWS_MAX: usize = 2048_usize.div_ceil(WINDOW_BITS);

/// The numbers of a private key (RFC 8017 §3.2), octets with the highest first.
pub(super) struct Parts<'a> {
    pub(super) p: &'a [u8],
    pub(super) q: &'a [u8],
    pub(super) dp: &'a [u8],
    pub(super) dq: &'a [u8],
    pub(super) q_inverse: &'a [u8],
}

/// What concerns one prime.
#[repr(C)]
struct Prime<const K: usize> {
    modulus: Modulus<K>,
    /// R modulo the prime: one.
    one: Number<K>,
    /// R squared, and R cubed: what brings a message in.
    r2: Number<K>,
    r3: Number<K>,
    /// The exponent, the highest window first.
    windows: [u8; WINDOWS_MAX],
}

/// A private key of primes of `K` limbs.
#[repr(C)]
pub(super) struct CrtKey<const K: usize> {
    p: Prime<K>,
    q: Prime<K>,
    twice_p: Number<K>,
    /// The inverse of q modulo p, times R.
    q_inverse: Number<K>,
    /// Windows in use.
    windows: usize,
}

// SAFETY: integers and arrays of integers; zeros are a value.
unsafe impl<const K: usize> Plain for CrtKey<K> {}

/// Room for one worker's computation.
#[repr(C)]
pub(super) struct Workspace<const K: usize> {
    powers: [Lanes<K>; POWERS],
    product: Product,
    low: Lanes<K>,
    high: Lanes<K>,
}

// SAFETY: vectors of integers; zeros are a value.
unsafe impl<const K: usize> Plain for Workspace<K> {}

impl<const K: usize> Prime<K> {
    fn set(&mut self, prime: &[u8], exponent: &[u8], windows: usize) {
        let number = numbers::number::<K>(prime);
        let mut unit = [0; K];
        unit[0] = 1;
        self.modulus = Modulus {
            number,
            minus_inverse: numbers::minus_inverse(&number),
        };
        self.one = numbers::times_r(&unit, &number);
        self.r2 = numbers::times_r(&self.one, &number);
        self.r3 = numbers::times_r(&self.r2, &number);
        for (place, window) in self.windows.iter_mut().take(windows).enumerate() {
            let lowest = (windows - 1 - place) * WINDOW_BITS;
            *window = (0..WINDOW_BITS).fold(0, |window, bit| {
                window | (bit_of(exponent, lowest + bit) << bit)
            });
        }
    }
}

/// A bit of a number in octets, the highest first.
fn bit_of(octets: &[u8], bit: usize) -> u8 {
    let at = octets.len().checked_sub(bit / 8 + 1);
    let octet = at.and_then(|at| octets.get(at)).copied().unwrap_or(0);
    (octet >> (bit % 8)) & 1
}

impl<const K: usize> CrtKey<K> {
    /// A key whose primes have `bits` bits each, in locked memory.
    pub(super) fn load(parts: &Parts<'_>, bits: usize) -> Result<Locked<Self>, HsmError> {
        let mut key: Locked<Self> = Locked::new()?;
        let windows = bits.div_ceil(WINDOW_BITS);
        key.windows = windows;
        key.p.set(parts.p, parts.dp, windows);
        key.q.set(parts.q, parts.dq, windows);
        let p = key.p.modulus.number;
        let mut carried = 0;
        for (twice, limb) in key.twice_p.iter_mut().zip(&p) {
            let wide = (limb << 1) | carried;
            *twice = wide & numbers::LIMB_MASK;
            carried = wide >> numbers::LIMB_BITS;
        }
        key.q_inverse = numbers::times_r(&numbers::number::<K>(parts.q_inverse), &p);
        Ok(key)
    }

    /// The private operation on each of `encoded`, in place: numbers below the modulus, as octets of its
    /// length.
    ///
    /// # Safety
    /// The processor has AVX-512 F and IFMA.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) unsafe fn apply(&self, work: &mut Workspace<K>, encoded: &mut [Vec<u8>; LANES]) {
        let t = &mut work.product;
        spread(encoded, t.get_mut(..2 * K).unwrap_or_default());
        let (low, high) = t.split_at(K);
        for (place, limb) in work.low.iter_mut().zip(low) {
            *place = *limb;
        }
        for (place, limb) in work.high.iter_mut().zip(high) {
            *place = *limb;
        }
        let mod_q = self.q.power(self.windows, work);
        let mod_p = self.p.power(self.windows, work);
        self.recombine(&mod_p, &mod_q, &mut work.product);
        gather(work.product.get(..2 * K).unwrap_or_default(), encoded);
    }

    /// Garner: q times ((mod_p − mod_q) / q modulo p), plus mod_q.
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn recombine(&self, mod_p: &Lanes<K>, mod_q: &Lanes<K>, t: &mut Product) {
        // q is below twice p: the difference stays positive, and below four times p.
        let mut difference = *mod_p;
        for ((limb, twice), other) in difference.iter_mut().zip(&self.twice_p).zip(mod_q) {
            *limb = minus(plus(*limb, all(*twice)), *other);
        }
        carry(&mut difference);
        let p = &self.p.modulus;
        let h = multiplied(t, &difference, &broadcast(&self.q_inverse), p);
        let h = below(&h, &p.number);
        product(t, &h, &broadcast(&self.q.modulus.number));
        for (sum, limb) in t.iter_mut().zip(mod_q) {
            *sum = plus(*sum, *limb);
        }
        carry(t.get_mut(..2 * K).unwrap_or_default());
    }
}

impl<const K: usize> Prime<K> {
    /// The message in `work.low` and `work.high`, to the power of the exponent: at most the prime.
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn power(&self, windows: usize, work: &mut Workspace<K>) -> Lanes<K> {
        let m = &self.modulus;
        let (powers, t) = (&mut work.powers, &mut work.product);
        // low R + high R R: the message times R.
        let mut base = multiplied(t, &work.low, &broadcast(&self.r2), m);
        let high = multiplied(t, &work.high, &broadcast(&self.r3), m);
        for (limb, high) in base.iter_mut().zip(&high) {
            *limb = plus(*limb, *high);
        }
        carry(&mut base);
        powers[0] = broadcast(&self.one);
        powers[1] = base;
        for n in 2..POWERS {
            powers[n] = match n % 2 {
                0 => squared(t, &powers[n / 2], m),
                _ => multiplied(t, &powers[n - 1], &base, m),
            };
        }
        let mut windows = self.windows.iter().take(windows);
        let mut result = chosen(powers, windows.next().copied().unwrap_or(0));
        for window in windows {
            for _ in 0..WINDOW_BITS {
                result = squared(t, &result, m);
            }
            result = multiplied(t, &result, &chosen(powers, *window), m);
        }
        // Out of Montgomery form.
        *t = [all(0); PRODUCT_LIMBS_MAX];
        for (place, limb) in t.iter_mut().zip(&result) {
            *place = *limb;
        }
        reduced(t, m)
    }
}

/// One of the powers; all are read, whichever it is.
#[target_feature(enable = "avx512f,avx512ifma")]
fn chosen<const K: usize>(powers: &[Lanes<K>; POWERS], window: u8) -> Lanes<K> {
    let wanted = all(window.into());
    let mut result = [all(0); K];
    for (number, power) in (0..).zip(powers) {
        let mask = equal(wanted, all(number));
        for (limb, of_power) in result.iter_mut().zip(power) {
            *limb = choose(mask, *of_power, *limb);
        }
    }
    result
}
