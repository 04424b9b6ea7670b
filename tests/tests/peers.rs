//! Mail programs that people use, each from its Debian package, against the real server: what they copy is
//! what the mailbox holds, a second run finds nothing to do, and a signature still verifies afterwards.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

#[path = "peers/imap.rs"]
mod imap;
