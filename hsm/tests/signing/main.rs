//! Signatures as they leave: made by each kind of key, judged by OpenSSL and by our own verifier.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod authority;
mod ceremony;
mod elliptic;
mod parts;
mod pool;
mod profile;
mod revocation;
mod several;
mod softhsm;
mod software;
mod verify;
