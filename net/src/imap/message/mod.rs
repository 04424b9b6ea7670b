//! Stored messages as IMAP shows them. Octets are handed out exactly as they lie in the blobs (DP-01);
//! what is told about them (envelope, structure) is read from them as a stream, in bounded memory.

pub mod addresses;
pub mod binary;
pub mod bodystructure;
pub mod cache;
pub mod envelope;
pub mod preview;
pub mod section;
pub mod store;
pub mod structure;
pub mod summaries;
pub mod text;

pub use ceralacca_core::mime::fields;
pub use store::{Octets, ReadError, Store, read_range};
pub use structure::Structure;
pub use summaries::{Summaries, Summary};
