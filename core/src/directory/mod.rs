//! The index of certified-mail providers (RFC 6109 §4.5): who they are, which domains they manage,
//! with which certificates they sign. [`ldif`] reads and [`write`](mod@write) writes its text,
//! [`Directory`] answers searches on it, [`loss`] compares a new one with the old, [`shelf`] keeps the
//! signed copies.
//!
//! An index is read for what it says: a fault of one record is a [`Remark`] and takes nothing from the
//! others; only a text that is no LDIF is refused.

mod index;
pub mod ldif;
pub mod loss;
mod record;
mod remark;
pub mod shelf;
pub mod signed;
pub mod write;

#[cfg(test)]
mod tests;

pub use index::Directory;
pub use ldif::LdifError;
pub use loss::{Hold, Losses};
pub use record::ProviderRecord;
pub use remark::{Fault, Remark};
pub use shelf::{Alarm, Current, DirectoryShelf, Held, ShelfError, ShelfOptions, Taken};
pub use signed::SignedError;
pub use write::{WriteError, compose, write};

use crate::address::{Address, AddressError, Domain};

/// The base of all records, as it is written.
pub const ROOT: &str = "o=postacert";

/// Why there is no index to search.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// The text.
    #[error(transparent)]
    Ldif(#[from] LdifError),
    /// It would make all certified mail ordinary.
    #[error("the index holds no provider")]
    Empty,
}

/// A `mailReceipt`: only the dot-atom form on both sides (DI-15).
pub fn receipt_address(text: &str) -> Result<Address, AddressError> {
    let address = Address::parse(text)?;
    if address.local_part().starts_with('"') {
        return Err(AddressError::Malformed);
    }
    Ok(address)
}

/// A provider's name or unit as it is compared (`caseIgnoreMatch`): without regard to case and to the
/// number of blanks.
pub fn folded(name: &str) -> String {
    let words: Vec<String> = name.split_whitespace().map(str::to_lowercase).collect();
    words.join(" ")
}

/// A managed domain: [`Domain`] allows the dot-atom form alone (DI-15).
fn managed_domain(text: &str) -> Result<Domain, AddressError> {
    Domain::parse(text)
}
