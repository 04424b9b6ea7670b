//! Numbers of a key in limbs of 52 bits, the lowest first, and what Montgomery multiplication needs of a
//! modulus. Made once when a key is loaded; without branches on the numbers all the same.

/// Bits of a limb.
pub(super) const LIMB_BITS: usize = 52;
/// The bits of a limb.
pub(super) const LIMB_MASK: u64 = (1 << LIMB_BITS) - 1;

/// A number of `K` limbs.
pub(super) type Number<const K: usize> = [u64; K];

/// From octets, the highest first; what does not fit is cut.
pub(super) fn number<const K: usize>(octets: &[u8]) -> Number<K> {
    let mut limbs = [0; K];
    spread(octets, &mut limbs);
    limbs
}

/// Spreads octets, the highest first, over limbs.
pub(super) fn spread(octets: &[u8], limbs: &mut [u64]) {
    let (mut held, mut bits, mut at) = (0_u128, 0, 0);
    for octet in octets.iter().rev() {
        held |= u128::from(*octet) << bits;
        bits += 8;
        if bits >= LIMB_BITS {
            put(limbs, at, low(held));
            held >>= LIMB_BITS;
            bits -= LIMB_BITS;
            at += 1;
        }
    }
    put(limbs, at, low(held));
}

/// Gathers limbs into octets, the highest first.
pub(super) fn gather(limbs: &[u64], octets: &mut [u8]) {
    let (mut held, mut bits) = (0_u128, 0);
    let mut limbs = limbs.iter();
    for octet in octets.iter_mut().rev() {
        if bits < 8 {
            held |= u128::from(*limbs.next().unwrap_or(&0)) << bits;
            bits += LIMB_BITS;
        }
        *octet = (held & 0xff) as u8;
        held >>= 8;
        bits -= 8;
    }
}

fn put(limbs: &mut [u64], at: usize, value: u64) {
    if let Some(limb) = limbs.get_mut(at) {
        *limb = value;
    }
}

const fn low(wide: u128) -> u64 {
    (wide as u64) & LIMB_MASK
}

/// Twice `number` modulo `modulus`, both below it.
fn doubled<const K: usize>(number: &mut Number<K>, modulus: &Number<K>) {
    let mut carry = 0;
    for limb in number.iter_mut() {
        let wide = (*limb << 1) | carry;
        *limb = wide & LIMB_MASK;
        carry = wide >> LIMB_BITS;
    }
    let mut less = [0; K];
    let mut borrow = 0;
    for ((less, limb), m) in less.iter_mut().zip(&*number).zip(modulus) {
        let wide = limb.wrapping_sub(*m).wrapping_sub(borrow);
        *less = wide & LIMB_MASK;
        borrow = wide >> 63;
    }
    // All ones where nothing was to be subtracted: the top limb has room, so `carry` is never lost.
    let keep = 0_u64.wrapping_sub(borrow & !carry & 1);
    for (limb, less) in number.iter_mut().zip(&less) {
        *limb = (*limb & keep) | (less & !keep);
    }
}

/// `number` times R = 2^(52 K), modulo `modulus`.
pub(super) fn times_r<const K: usize>(number: &Number<K>, modulus: &Number<K>) -> Number<K> {
    let mut number = *number;
    for _ in 0..K * LIMB_BITS {
        doubled(&mut number, modulus);
    }
    number
}

/// Minus the inverse of an odd modulus, modulo 2^52.
pub(super) fn minus_inverse<const K: usize>(modulus: &Number<K>) -> u64 {
    let low = modulus.first().copied().unwrap_or(1);
    // Each round doubles the bits that are right: 1, 2, 4 … 64.
    let rounds = (0..6).fold(1_u64, |x, _| {
        x.wrapping_mul(2_u64.wrapping_sub(low.wrapping_mul(x)))
    });
    rounds.wrapping_neg() & LIMB_MASK
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn octets_and_limbs_are_the_same_number() {
        for length in [1, 6, 7, 13, 64, 127, 128, 256] {
            let octets: Vec<u8> = (0..length).map(|n| (n * 37 + 11) as u8).collect();
            let mut limbs = vec![0; length * 8 / LIMB_BITS + 1];
            spread(&octets, &mut limbs);
            assert!(limbs.iter().all(|limb| *limb <= LIMB_MASK));
            let mut back = vec![0; length];
            gather(&limbs, &mut back);
            assert_eq!(back, octets);
        }
    }

    #[test]
    fn constants_of_a_small_modulus_are_right() {
        let modulus: Number<2> = [1_000_003, 0];
        assert_eq!(
            minus_inverse(&modulus).wrapping_mul(1_000_003) & LIMB_MASK,
            LIMB_MASK
        );
        let r = times_r(&[1, 0], &modulus);
        let mut expected = 1_u64;
        for _ in 0..104 {
            expected = expected * 2 % 1_000_003;
        }
        assert_eq!(r, [expected, 0]);
    }
}
