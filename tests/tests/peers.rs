//! Programs that people and their connectors use, against the appliance: what they fetch is the octets of
//! the mailbox, and openssl still accepts its signature.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

#[path = "peers/pop.rs"]
mod pop;
