//! `kill -9` at random instants under load: 20 times here, `CERALACCA_CRASH_RUNS` times when set
//! (200 in the longer run). `CERALACCA_SEED` repeats a run's instants and damage.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use ceralacca_tests::kill::{Plan, execute};

fn runs() -> u32 {
    let given = std::env::var("CERALACCA_CRASH_RUNS").ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(20)
}

fn seed() -> u64 {
    let given = std::env::var("CERALACCA_SEED").ok();
    let seed = given.and_then(|text| text.parse().ok()).unwrap_or(2_026);
    eprintln!("CERALACCA_SEED={seed}");
    seed
}

#[test]
fn op_08_no_message_is_lost_or_doubled_whatever_happens_to_the_views() {
    execute(&Plan {
        runs: runs(),
        seed: seed(),
        damage: true,
    });
}
