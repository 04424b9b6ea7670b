//! Randomness from the system: salts, identifiers, boundaries.

/// `N` octets that nobody can guess.
///
/// Where the system's generator fails, which Linux rules out once booted, the process stops: going on
/// without it would repeat identifiers.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut octets = [0; N];
    if getrandom::fill(&mut octets).is_err() {
        std::process::abort();
    }
    octets
}
