//! The decisions of the access point (RFC 6109 §3.1).

pub mod access;
mod described;
pub mod forbidden;

pub use described::{Described, describe};
