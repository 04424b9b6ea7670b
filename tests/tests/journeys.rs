//! Journeys with real programs: swaks and curl submit, mbsync and Python's imaplib fetch, and the judges
//! look at what came.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

#[path = "journeys/fetch.rs"]
mod fetch;
#[path = "journeys/submit.rs"]
mod submit;
#[path = "journeys/token.rs"]
mod token;
#[path = "journeys/verify.rs"]
mod verify;
