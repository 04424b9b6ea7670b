//! The one door for who signs in, whatever the protocol: which mailbox, with which password, over what,
//! and from where. Guarantees that one attempt costs one hash (SE-02), that wrong passwords over all
//! protocols count together (SE-01), that a switch (AC-14) and a revoked password (AC-15) count from the
//! next sign-in on, and that nothing but a right password learns more than *wrong*.
//!
//! Each protocol says a [`Refusal`] in its own words. [`attempts`] and [`two_step`] are pure.

pub mod app_password;
pub mod attempts;
mod protocols;
mod room;
pub mod two_step;

pub use protocols::{Protocol, Protocols};
pub use room::{Attempt, Credential, Entry, LoginReply, LoginRoom};

use crate::address::Address;
use crate::instant::Instant;

/// Where somebody signs in from: an address, or the network of one customer, as the rim counts them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source(pub Box<str>);

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whom an attempt is at, whether there is such a mailbox or not.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Account(Box<str>);

impl Account {
    /// By the address; all names that are none count as one.
    pub fn of(address: Option<&Address>) -> Self {
        Self(address.map(Address::key).unwrap_or_default().into())
    }
}

/// Why somebody is not let in. Only who showed the right password learns of the last three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody has this name and password, or not for mail programs: with two-step login they have
    /// passwords of their own (AC-15).
    Wrong,
    /// Too many wrong passwords came (SE-01).
    Locked {
        /// No try counts before.
        until: Instant,
    },
    /// Too much is to be checked: nothing was looked at (SE-10).
    Busy,
    /// The mailbox does not use this protocol (AC-14).
    SwitchedOff,
    /// The application password is for other protocols (AC-15).
    NotForThis,
    /// The mailbox or its domain is suspended.
    NotInService,
}
