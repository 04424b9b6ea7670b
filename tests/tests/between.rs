//! Two providers, the national index and a name server as processes of their own on loopback: every kind of
//! message of RFC 6109 §3 is made, judged by OpenSSL and by our own verifier, and matched to its message by
//! the sender's side.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

#[path = "between/exchange.rs"]
mod exchange;
