//! Whether it is right: the harness that the integration tests share. It starts the real program in a
//! folder and on ports of its own, speaks SMTP and IMAP to it octet by octet, takes certified messages
//! apart with code that owes nothing to the product, and calls the independent judges (`openssl`,
//! `xmllint`, Python). A program that is missing fails the test and says `run make setup`.
//!
//! - `tests/journeys.rs` real mail programs; `tests/conformance/` one test per requirement;
//!   `tests/corpus.rs` real input; `tests/crash.rs` kill -9; `tests/simulated_disk.rs` power cuts;
//!   `tests/hostile.rs` arrivals on a failing disk;
//!   `tests/simulation.rs` two providers, network, disks, tokens and clocks from one seed ([`world`]);
//!   `tests/scanner.rs` a real clamd; `tests/memory.rs`; `tests/fuzz.rs`; `tests/tidy.rs` the shape of the house.
//! - `CERALACCA_SEED` repeats a run of chance, `CERALACCA_CRASH_RUNS` (20), `CERALACCA_SEEDS` (500, from
//!   `CERALACCA_SEEDS_FROM` on) and `CERALACCA_FUZZ_SECONDS` (2 per target) make it longer, `CERALACCA_BIN` tests another binary,
//!   `CERALACCA_TEST_DIR` puts the data folders on another disk.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a harness reports what it did not expect by failing the test"
)]

pub mod appliance;
pub mod arrivals;
pub mod catalogue;
pub mod clamd;
pub mod compose;
pub mod corpus;
pub mod daticert;
pub mod federation;
pub mod imap;
pub mod inside;
pub mod journey;
pub mod judge;
pub mod kill;
pub mod mailbox;
pub mod message;
pub mod national;
pub mod outbox;
pub mod ports;
pub mod postfix;
pub mod program;
pub mod receiver;
pub mod sealed;
pub mod seed;
pub mod smtp;
pub mod token;
pub mod wire;
pub mod workspace;
pub mod world;
pub mod zone;
