//! The decisions of the access point (RFC 6109 §3.1) and of the incoming point (§2.2.2).

pub mod access;
mod described;
pub mod forbidden;
pub mod incoming;
pub mod ordinary;

pub use described::{Described, describe};
