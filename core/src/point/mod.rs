//! The decisions of the access point (RFC 6109 §3.1).

pub mod access;
pub mod arrival;
mod described;

pub use described::{Described, describe};
