//! The messages of RFC 6109 as they leave: built, signed with a test key, read back by an independent
//! parser, and judged by our own verdict.

#![allow(clippy::unwrap_used, clippy::panic)]

mod anomalous;
mod authority;
mod built;
mod headers;
mod house;
mod odd;
mod shelf;
mod verdicts;
