//! Receipts: good news (RFC 6109 §3.1.4, §3.2.1, §3.3.2). Each goes to the reverse path of the original,
//! never to its `Reply-To:` (AP-21), or for take-charge to its provider, and leaves with the service
//! address as reverse path (SG-14).

mod acceptance;
pub mod brief;
mod delivery;
mod take_charge;

pub use acceptance::acceptance;
pub use delivery::{delivery, detail_for};
pub use take_charge::take_charge;
