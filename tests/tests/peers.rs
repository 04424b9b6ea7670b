//! Programs that people and their connectors use, each from its package, against the real server: what they
//! fetch is the octets of the mailbox, a second run of those that keep copies finds nothing to do, and
//! openssl still accepts the signature.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

#[path = "peers/imap.rs"]
mod imap;
#[path = "peers/pop.rs"]
mod pop;
