//! Randomness from the system: salts, identifiers, boundaries. A simulation asks for its thread's to follow
//! from a seed ([`Seeded`]); nothing else can.

use std::cell::Cell;
use std::marker::PhantomData;

thread_local! {
    static SEED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// `N` octets that nobody can guess.
///
/// Where the system's generator fails, which Linux rules out once booted, the process stops: going on
/// without it would repeat identifiers.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut octets = [0; N];
    if let Some(seed) = SEED.get() {
        SEED.set(Some(follow(seed, &mut octets)));
    } else if getrandom::fill(&mut octets).is_err() {
        std::process::abort();
    }
    octets
}

/// While it lives, [`bytes`] follows from a seed on the thread that made it, so that a run can be
/// repeated. For simulations, which keep all of an appliance on one thread ([`crate::stepper`]): what
/// serves has threads of its own, which this does not reach.
#[derive(Debug)]
pub struct Seeded(PhantomData<*const ()>);

impl Seeded {
    /// From `seed` on.
    pub fn new(seed: u64) -> Self {
        SEED.set(Some(seed));
        Self(PhantomData)
    }
}

impl Drop for Seeded {
    fn drop(&mut self) {
        SEED.set(None);
    }
}

/// SplitMix64; answers the seed for what follows.
fn follow(mut seed: u64, octets: &mut [u8]) -> u64 {
    for chunk in octets.chunks_mut(8) {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let drawn = (mixed ^ (mixed >> 31)).to_le_bytes();
        chunk.copy_from_slice(&drawn[..chunk.len()]);
    }
    seed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_itself_and_ends_with_its_guard() {
        let draw = || (bytes::<16>(), bytes::<5>());
        let guard = Seeded::new(7);
        let first = draw();
        drop(guard);
        let guard = Seeded::new(7);
        assert_eq!(first, draw());
        drop(guard);
        assert_ne!(first, draw());
    }
}
