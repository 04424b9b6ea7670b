//! How a message of another server comes in: judged by the incoming point ([`crate::point::incoming`]),
//! scanned, weighed by the mailboxes' policies, and then refused or committed. Here blobs are written and
//! the scanner is asked; what a message *is* is decided there.

mod arrival;
mod envelope;
mod ordinary;
mod take;

pub use arrival::{Arrival, Spf, TakenIn};
pub(crate) use take::{Judged, answer, judge, refusal};
