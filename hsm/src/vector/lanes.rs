//! Arithmetic on eight numbers at once: limb `j` of all of them is vector `j`. Limbs that go in have 52 bits;
//! sums in between have up to 60. Every function needs AVX-512 F and IFMA.

#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m512i, _mm512_add_epi64, _mm512_and_si512, _mm512_andnot_si512, _mm512_madd52hi_epu64,
    _mm512_madd52lo_epu64, _mm512_or_si512, _mm512_set1_epi64, _mm512_setzero_si512,
    _mm512_srai_epi64, _mm512_srli_epi64, _mm512_sub_epi64, _mm512_xor_si512,
};

use seq_macro::seq;

use super::LANES;
use super::numbers::{self, LIMB_MASK, Number};

/// One limb of eight numbers.
pub(super) type Limb = __m512i;
/// Eight numbers.
pub(super) type Lanes<const K: usize> = [Limb; K];
/// Limbs of the longest product: RSA-4096, primes of 2048 bits.
pub(super) const PRODUCT_LIMBS_MAX: usize = 80;
/// Room for a product.
pub(super) type Product = [Limb; PRODUCT_LIMBS_MAX];

/// A modulus and its constant.
#[derive(Clone, Copy)]
pub(super) struct Modulus<const K: usize> {
    /// Odd.
    pub(super) number: Number<K>,
    /// Minus its inverse modulo 2^52.
    pub(super) minus_inverse: u64,
}

/// A scalar in every lane.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn all(scalar: u64) -> Limb {
    _mm512_set1_epi64(scalar.cast_signed())
}

/// A number in every lane.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn broadcast<const K: usize>(number: &Number<K>) -> Lanes<K> {
    let mut lanes = [_mm512_setzero_si512(); K];
    for (lane, limb) in lanes.iter_mut().zip(number) {
        *lane = all(*limb);
    }
    lanes
}

/// Carries from limb to limb; limbs may be negative. What is left over: zeros, or ones in a lane whose
/// number is negative.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn carry(limbs: &mut [Limb]) -> Limb {
    let mask = all(LIMB_MASK);
    let mut carry = _mm512_setzero_si512();
    for limb in limbs {
        let sum = _mm512_add_epi64(*limb, carry);
        carry = _mm512_srai_epi64::<52>(sum);
        *limb = _mm512_and_si512(sum, mask);
    }
    carry
}

/// All ones in each lane whose `a` and `b` are equal.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn equal(a: Limb, b: Limb) -> Limb {
    let different = _mm512_xor_si512(a, b);
    // Below 2^63: minus one is negative for zero alone.
    _mm512_srai_epi64::<63>(_mm512_sub_epi64(different, all(1)))
}

/// `a` where `mask` is ones, `b` where it is zeros.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn choose(mask: Limb, a: Limb, b: Limb) -> Limb {
    _mm512_or_si512(_mm512_and_si512(mask, a), _mm512_andnot_si512(mask, b))
}

/// The sum of two vectors.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn plus(a: Limb, b: Limb) -> Limb {
    _mm512_add_epi64(a, b)
}

/// Their difference.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn minus(a: Limb, b: Limb) -> Limb {
    _mm512_sub_epi64(a, b)
}

/// Column by column: no sum waits for another, operands stay in registers where they find room. `seq`
/// writes every column out, since only then are all indexes known to the compiler.
macro_rules! columns {
    ($product:ident, $square:ident, $k:literal, $double:literal) => {
        #[inline]
        #[target_feature(enable = "avx512f,avx512ifma")]
        fn $product(t: &mut Product, a: &Lanes<$k>, b: &Lanes<$k>) {
            let a = *a;
            seq!(C in 0..$double {
                {
                    let c: usize = C;
                    let before = c.wrapping_sub(1);
                    let (mut low, mut high) = (_mm512_setzero_si512(), _mm512_setzero_si512());
                    let mut i = if c >= $k { c - $k + 1 } else { 0 };
                    while i <= c && i < $k {
                        low = _mm512_madd52lo_epu64(low, a[i], b[c - i]);
                        i += 1;
                    }
                    let mut i = if c > $k { c - $k } else { 0 };
                    while i < c && i < $k {
                        high = _mm512_madd52hi_epu64(high, a[i], b[before - i]);
                        i += 1;
                    }
                    t[c] = _mm512_add_epi64(low, high);
                }
            });
        }

        /// Products of different limbs once, then doubled.
        #[inline]
        #[target_feature(enable = "avx512f,avx512ifma")]
        fn $square(t: &mut Product, a: &Lanes<$k>) {
            let a = *a;
            seq!(C in 0..$double {
                {
                    let c: usize = C;
                    let before = c.wrapping_sub(1);
                    let (mut low, mut high) = (_mm512_setzero_si512(), _mm512_setzero_si512());
                    let mut i = if c >= $k { c - $k + 1 } else { 0 };
                    while 2 * i < c {
                        low = _mm512_madd52lo_epu64(low, a[i], a[c - i]);
                        i += 1;
                    }
                    let mut i = if c > $k { c - $k } else { 0 };
                    while 2 * i + 1 < c {
                        high = _mm512_madd52hi_epu64(high, a[i], a[before - i]);
                        i += 1;
                    }
                    let sum = _mm512_add_epi64(low, high);
                    let sum = _mm512_add_epi64(sum, sum);
                    t[c] = if c % 2 == 0 {
                        _mm512_madd52lo_epu64(sum, a[c / 2], a[c / 2])
                    } else {
                        _mm512_madd52hi_epu64(sum, a[c / 2], a[c / 2])
                    };
                }
            });
        }
    };
}

columns!(product_20, square_20, 20, 40);
columns!(product_30, square_30, 30, 60);
columns!(product_40, square_40, 40, 80);

/// `a` times `b`: 2 K limbs, not carried.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn product<const K: usize>(t: &mut Product, a: &Lanes<K>, b: &Lanes<K>) {
    let (a, b) = (a.as_slice(), b.as_slice());
    if let (20, Some(a), Some(b)) = (K, a.first_chunk(), b.first_chunk()) {
        product_20(t, a, b);
    } else if let (30, Some(a), Some(b)) = (K, a.first_chunk(), b.first_chunk()) {
        product_30(t, a, b);
    } else if let (40, Some(a), Some(b)) = (K, a.first_chunk(), b.first_chunk()) {
        product_40(t, a, b);
    }
}

/// `a` times itself.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn square<const K: usize>(t: &mut Product, a: &Lanes<K>) {
    let a = a.as_slice();
    if let (20, Some(a)) = (K, a.first_chunk()) {
        square_20(t, a);
    } else if let (30, Some(a)) = (K, a.first_chunk()) {
        square_30(t, a);
    } else if let (40, Some(a)) = (K, a.first_chunk()) {
        square_40(t, a);
    }
}

/// A product divided by R modulo `m` (Montgomery): below `m` plus what the product has above R times `m`.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn reduced<const K: usize>(t: &Product, m: &Modulus<K>) -> Lanes<K> {
    let zero = _mm512_setzero_si512();
    let inverse = all(m.minus_inverse);
    let mut sums = [zero; K];
    for (sum, limb) in sums.iter_mut().zip(t) {
        *sum = *limb;
    }
    for next in t.iter().skip(K).take(K) {
        let q = _mm512_madd52lo_epu64(zero, sums[0], inverse);
        for (sum, limb) in sums.iter_mut().zip(&m.number) {
            *sum = _mm512_madd52lo_epu64(*sum, all(*limb), q);
        }
        // The lowest limb is a multiple of 2^52 by now.
        let above = _mm512_srli_epi64::<52>(sums[0]);
        for j in 0..K - 1 {
            sums[j] = _mm512_madd52hi_epu64(sums[j + 1], all(m.number[j]), q);
        }
        sums[K - 1] = _mm512_madd52hi_epu64(*next, all(m.number[K - 1]), q);
        sums[0] = _mm512_add_epi64(sums[0], above);
    }
    carry(&mut sums);
    sums
}

/// `a` times `b` divided by R.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn multiplied<const K: usize>(
    t: &mut Product,
    a: &Lanes<K>,
    b: &Lanes<K>,
    m: &Modulus<K>,
) -> Lanes<K> {
    product(t, a, b);
    reduced(t, m)
}

/// `a` squared, divided by R.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn squared<const K: usize>(t: &mut Product, a: &Lanes<K>, m: &Modulus<K>) -> Lanes<K> {
    square(t, a);
    reduced(t, m)
}

/// A number below twice `modulus`, brought below it.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn below<const K: usize>(number: &Lanes<K>, modulus: &Number<K>) -> Lanes<K> {
    let mut less = *number;
    for (limb, m) in less.iter_mut().zip(modulus) {
        *limb = minus(*limb, all(*m));
    }
    let negative = carry(&mut less);
    for (limb, same) in less.iter_mut().zip(number) {
        *limb = choose(negative, *same, *limb);
    }
    less
}

/// Numbers in octets, the highest first, over the limbs of their lanes.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn spread(octets: &[Vec<u8>; LANES], limbs: &mut [Limb]) {
    let mut values = [[0_u64; LANES]; PRODUCT_LIMBS_MAX];
    let mut of_lane = [0; PRODUCT_LIMBS_MAX];
    for (lane, octets) in octets.iter().enumerate() {
        of_lane.fill(0);
        numbers::spread(octets, &mut of_lane);
        for (limb, value) in values.iter_mut().zip(&of_lane) {
            limb[lane] = *value;
        }
    }
    for (limb, values) in limbs.iter_mut().zip(values) {
        // SAFETY: both are 64 octets, and any octets are a value of either.
        *limb = unsafe { std::mem::transmute::<[u64; LANES], Limb>(values) };
    }
}

/// The way back; `octets` have the length that they keep.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn gather(limbs: &[Limb], octets: &mut [Vec<u8>; LANES]) {
    let mut values = [[0_u64; LANES]; PRODUCT_LIMBS_MAX];
    for (values, limb) in values.iter_mut().zip(limbs) {
        // SAFETY: as above.
        *values = unsafe { std::mem::transmute::<Limb, [u64; LANES]>(*limb) };
    }
    let mut of_lane = [0; PRODUCT_LIMBS_MAX];
    for (lane, octets) in octets.iter_mut().enumerate() {
        for (value, limb) in of_lane.iter_mut().zip(&values) {
            *value = limb[lane];
        }
        numbers::gather(of_lane.get(..limbs.len()).unwrap_or_default(), octets);
    }
}
