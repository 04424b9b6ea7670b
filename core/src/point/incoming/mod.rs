//! The incoming point (RFC 6109 §2.2.2): what another server brought, by four checks ([`examine()`]).
//! Bodies are read in pieces, never held whole; only the signed data count, never the text or an outer
//! field alone (CD-14, IP-13). What becomes of it is [`crate::intake`]'s.

mod examine;
mod form;
mod signed;

pub use examine::{Examined, SignedFacts, examine};
pub use form::Formed;
