//! Seeded chance: the same seed gives the same run. `CERALACCA_SEED` chooses one.

use std::time::{Duration, Instant};

/// SplitMix64.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// From `CERALACCA_SEED`, or `default`; told on the test's output.
    pub fn from_env(default: u64) -> Self {
        let given = std::env::var("CERALACCA_SEED")
            .ok()
            .and_then(|s| s.parse().ok());
        let seed = given.unwrap_or(default);
        eprintln!("seed: CERALACCA_SEED={seed}");
        Self(seed)
    }

    /// From a number.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.draw() % bound).unwrap_or(0)
    }
}

/// Changes a few octets of `sample`: flips, cuts, doubles, splices of `other`, telling octets.
pub fn mutated(chance: &mut Chance, sample: &[u8], other: &[u8]) -> Vec<u8> {
    const TELLING: &[&[u8]] = &[
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b".",
        b"\r\n.\r\n",
        b"--",
        b"=",
        b"\"",
        b"<",
        b">",
        b"{",
        b"}",
        b"\xff",
        b"\x80",
        b";",
        b":",
        b"(",
        b")",
        b"&",
        b"]]>",
        b"<!",
        b"4294967295",
        b"-1",
        b" ",
    ];
    let mut out = sample.to_vec();
    for _ in 0..=chance.below(6) {
        let at = chance.below(out.len() + 1);
        let span = chance.below(out.len() - at + 1).min(chance.below(64) + 1);
        match chance.below(7) {
            0 if at < out.len() => out[at] ^= 1 << chance.below(8),
            1 if at < out.len() => out[at] = u8::try_from(chance.below(256)).unwrap_or(0),
            2 => drop(out.drain(at..at + span)),
            3 => {
                let copy = out[at..at + span].to_vec();
                out.splice(at..at, copy);
            }
            4 => {
                let piece = TELLING[chance.below(TELLING.len())];
                out.splice(at..at, piece.iter().copied());
            }
            5 => out.truncate(at),
            _ => {
                let from = chance.below(other.len() + 1);
                let to = (from + chance.below(64)).min(other.len());
                out.splice(at..at, other[from..to].iter().copied());
            }
        }
    }
    out
}

/// Calls `target` with mutated samples for `CERALACCA_FUZZ_SECONDS` (2 by default). A panic in the
/// target fails the test and shows the input that did it.
pub fn storm(name: &str, corpus: &[Vec<u8>], target: impl Fn(&[u8])) {
    let seconds = std::env::var("CERALACCA_FUZZ_SECONDS")
        .ok()
        .and_then(|s| s.parse().ok());
    let mut chance = Chance::from_env(0x00ce_4a1a_cca0);
    let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(2));
    assert!(!corpus.is_empty(), "{name}: an empty corpus shows nothing");
    for sample in corpus {
        target(sample);
    }
    let mut runs = 0u64;
    while Instant::now() < end {
        let sample = &corpus[chance.below(corpus.len())];
        let other = &corpus[chance.below(corpus.len())];
        let input = mutated(&mut chance, sample, other);
        let told = Told {
            name,
            input: &input,
        };
        target(&input);
        std::mem::forget(told);
        runs += 1;
    }
    eprintln!("{name}: {runs} runs");
}

struct Told<'a> {
    name: &'a str,
    input: &'a [u8],
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        eprintln!(
            "{}: this input did it: {:?}",
            self.name,
            String::from_utf8_lossy(self.input)
        );
        eprintln!("hex: {}", data_encoding::HEXLOWER.encode(self.input));
    }
}
