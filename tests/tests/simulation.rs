//! The deterministic simulation: worlds of two providers, network, disks, tokens, scanners and clocks, each
//! from one seed (`ceralacca_tests::world`). `CERALACCA_SEEDS` says how many, `CERALACCA_SEEDS_FROM`
//! which is the first, `CERALACCA_SEED` repeats one, `CERALACCA_TRACE` says how many lines of its story a
//! failing one tells.
#![allow(clippy::unwrap_used, clippy::panic)]

use ceralacca_tests::world::{World, mailboxes, verdict};

/// Functions that share the seeds, so that they run at the same time.
const SHARES: u64 = 4;

fn live_share(share: u64) {
    let number = |name: &str| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    let seeds: Vec<u64> = match number("CERALACCA_SEED") {
        Some(seed) => (seed % SHARES == share)
            .then_some(seed)
            .into_iter()
            .collect(),
        None => {
            let first = number("CERALACCA_SEEDS_FROM").unwrap_or(0);
            let all = first..first + number("CERALACCA_SEEDS").unwrap_or(500);
            all.filter(|seed| seed % SHARES == share).collect()
        }
    };
    let tells = std::env::var("CERALACCA_TRACE").is_ok();
    for seed in seeds {
        let world = World::live(seed);
        verdict::judge(&world);
        if tells {
            eprintln!("seed {seed}: {:?}", mailboxes::census(&world));
        }
    }
}

#[test]
fn to_12_ip_18_every_message_has_its_legal_end_once_first_share() {
    live_share(0);
}

#[test]
fn to_12_ip_18_every_message_has_its_legal_end_once_second_share() {
    live_share(1);
}

#[test]
fn to_12_ip_18_every_message_has_its_legal_end_once_third_share() {
    live_share(2);
}

#[test]
fn to_12_ip_18_every_message_has_its_legal_end_once_fourth_share() {
    live_share(3);
}

#[test]
fn a_seed_repeats_itself_to_the_octet() {
    for seed in [7, 8, 9] {
        let first = World::live(seed).digest();
        assert_eq!(first, World::live(seed).digest(), "seed {seed}");
    }
}
