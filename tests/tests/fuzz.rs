//! Seeded mutation over small corpora, on the stable toolchain: nothing that comes from outside makes a
//! parser panic, loop or contradict itself. `CERALACCA_FUZZ_SECONDS` per target (2 by default),
//! `CERALACCA_SEED` to repeat.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

#[path = "fuzz/chain.rs"]
mod chain;
#[path = "fuzz/directory.rs"]
mod directory;
#[path = "fuzz/imap.rs"]
mod imap;
#[path = "fuzz/incoming.rs"]
mod incoming;
#[path = "fuzz/journal.rs"]
mod journal;
#[path = "fuzz/mail.rs"]
mod mail;
#[path = "fuzz/pop3.rs"]
mod pop3;
#[path = "fuzz/proof.rs"]
mod proof;
#[path = "fuzz/protocol.rs"]
mod protocol;

use ceralacca_tests::workspace::tests_file;

/// The files of a corpus.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = tests_file("vectors/fuzz").join(name);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}
