//! When an entry and a dead destination are tried again. Guarantees that recipients of one message stay
//! together, and that many messages deferred at once do not come back at once.

use crate::instant::Instant;
use crate::limits;
use crate::message_id::Identifier;

/// When an entry that was tried `attempts` times before this failure is tried again.
pub(super) fn next_try(seed: u64, message: &Identifier, attempts: u32, now: Instant) -> Instant {
    let steps = &limits::RELAY_RETRY_MINUTES;
    let step = usize::try_from(attempts).unwrap_or(usize::MAX);
    let minutes = steps.get(step).or(steps.last()).copied().unwrap_or(60);
    let pause = minutes * 60_000;
    let mixed = mix(seed ^ u64::from(attempts), message.as_str().as_bytes());
    now.plus_millis(jittered(pause, mixed))
}

/// When a destination whose connections failed `failures` times in a row is probed.
pub(super) fn next_probe(seed: u64, domain: &str, failures: u32, now: Instant) -> Instant {
    let doubled = 1_i64 << failures.saturating_sub(1).min(16);
    let seconds =
        (limits::RELAY_BACKOFF_SECONDS_MIN * doubled).min(limits::RELAY_BACKOFF_SECONDS_MAX);
    let mixed = mix(seed ^ u64::from(failures), domain.as_bytes());
    now.plus_millis(jittered(seconds * 1000, mixed))
}

/// `pause` and up to [`limits::RELAY_JITTER_PERCENT_MAX`] more.
fn jittered(pause: i64, mixed: u64) -> i64 {
    let most = pause / 100 * limits::RELAY_JITTER_PERCENT_MAX;
    let share = i64::try_from(mixed % 1024).unwrap_or(0);
    pause + most * share / 1024
}

/// Spreads: FNV-1a, then the finisher of SplitMix64.
fn mix(seed: u64, octets: &[u8]) -> u64 {
    let mut hash = seed ^ 0xcbf2_9ce4_8422_2325;
    for octet in octets {
        hash = (hash ^ u64::from(*octet)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
