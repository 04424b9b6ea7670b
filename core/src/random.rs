//! Randomness from the system: salts, identifiers, boundaries. A simulation asks for its thread's to follow
//! from a seed ([`Seeded`]); nothing else can.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;

use zeroize::Zeroize;

thread_local! {
    static SEED: Cell<Option<u64>> = const { Cell::new(None) };
    static DRAWN: RefCell<Drawn> = const { RefCell::new(Drawn { octets: [0; DRAWN_BYTES], left: 0 }) };
}

/// What one call to the system fetches: a message takes 200 or so, in pieces of 16 and 32.
const DRAWN_BYTES: usize = 1024;

/// Octets that the system gave and nobody has seen yet: the last `left` ones. What is handed out is wiped.
struct Drawn {
    octets: [u8; DRAWN_BYTES],
    left: usize,
}

impl Drawn {
    fn take(&mut self, into: &mut [u8]) -> Result<(), getrandom::Error> {
        if into.len() > DRAWN_BYTES {
            return getrandom::fill(into);
        }
        if self.left < into.len() {
            getrandom::fill(&mut self.octets)?;
            self.left = DRAWN_BYTES;
        }
        let start = DRAWN_BYTES - self.left;
        let taken = &mut self.octets[start..start + into.len()];
        into.copy_from_slice(taken);
        taken.zeroize();
        self.left -= into.len();
        Ok(())
    }
}

/// `N` octets that nobody can guess.
///
/// Where the system's generator fails, which Linux rules out once booted, the process stops: going on
/// without it would repeat identifiers.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut octets = [0; N];
    if let Some(seed) = SEED.get() {
        SEED.set(Some(follow(seed, &mut octets)));
    } else if DRAWN
        .with_borrow_mut(|drawn| drawn.take(&mut octets))
        .is_err()
    {
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
    fn nothing_that_was_handed_out_comes_again() {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..10 * DRAWN_BYTES {
            let drawn: [u8; 24] = bytes();
            assert_ne!(drawn, [0; 24], "wiped octets");
            assert!(seen.insert(drawn), "again");
        }
        assert_ne!(bytes::<{ 2 * DRAWN_BYTES }>(), [0; 2 * DRAWN_BYTES]);
    }

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
