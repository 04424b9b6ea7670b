//! Provider, domains, mailboxes and their holders: the rows, and the typed commands on them.

mod access;
mod decide;
mod forward;
mod ordinary;
mod passwords;

pub use access::{Access, AccessOrder};
pub use decide::Desk;
pub use forward::ForwardTargetRow;
pub(crate) use forward::{ended as ended_forwards, orders as forward_orders};
pub use passwords::{Checked, PasswordError, PasswordReply, Passwords, hash};

use crate::address::{Address, Domain};
use crate::certification::DeliveryDetail;
use crate::instant::Instant;
use crate::journal::Partition;
use crate::mailbox::MailboxId;

/// The provider that runs this appliance.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct ProviderRow {
    /// `providerName` of the index (CD-10, SG-09).
    #[n(0)]
    pub name: String,
    /// The first domain: service address and identifiers use it.
    #[n(1)]
    pub domain: Domain,
    /// Name of the server in greetings and `Received:` fields.
    #[n(2)]
    pub host: String,
}

impl ProviderRow {
    /// `posta-certificata@` the provider's own domain (SG-05).
    pub fn service_address(&self) -> String {
        format!("{}@{}", crate::wording::SERVICE_LOCAL_PART, self.domain)
    }
}

/// Local part that every domain must answer to (RFC 5321 §4.5.1).
pub const POSTMASTER: &str = "postmaster";

/// The address is the house's own in any domain of ours: service address or postmaster. What comes there
/// and is not certified is set aside for the operator (TC-08, TC-10).
pub fn is_house_address(address: &Address) -> bool {
    let local = address.local_part();
    let own = [crate::wording::SERVICE_LOCAL_PART, POSTMASTER];
    own.iter().any(|name| local.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests;

/// State of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum DomainState {
    /// Certified and served.
    #[n(0)]
    Active,
    /// Kept, not served.
    #[n(1)]
    Suspended,
}

/// A domain that we manage (`managedDomains`).
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct DomainRow {
    /// Its state.
    #[n(0)]
    pub state: DomainState,
    /// Since when it is ours.
    #[n(1)]
    pub added: Instant,
}

/// State of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum MailboxState {
    /// In service.
    #[n(0)]
    Active,
    /// Takes and sends nothing (DP-10); what it holds stays.
    #[n(1)]
    Suspended,
    /// Gone; the address stays taken.
    #[n(2)]
    Closed,
}

/// A natural person or a body (AC-09).
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum HolderKind {
    /// A natural person.
    #[n(0)]
    Person,
    /// A company, association or office.
    #[n(1)]
    Body,
}

/// Whose mailbox it is (AC-09).
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Holder {
    /// Person or body.
    #[n(0)]
    pub kind: HolderKind,
    /// Name and surname, or name of the body.
    #[n(1)]
    pub name: String,
    /// Tax code or VAT number.
    #[n(2)]
    pub tax_code: Option<String>,
    /// Telephone numbers, postal and mail addresses, in the words given.
    #[n(3)]
    pub contacts: Vec<String>,
    /// References of the documents that were shown.
    #[n(4)]
    pub documents: Vec<String>,
}

/// What a mailbox does with ordinary mail (MX-01).
#[derive(Debug, Clone, PartialEq, Eq, Default, minicbor::Encode, minicbor::Decode)]
pub enum OrdinaryPolicy {
    /// Refuse it (MX-02).
    #[default]
    #[n(0)]
    Reject,
    /// Hand it on to an ordinary address, and keep nothing (MX-03).
    #[n(1)]
    Forward(#[n(0)] Address),
    /// Take it, in anomaly envelopes (MX-04).
    #[n(2)]
    Accept,
}

impl std::fmt::Display for OrdinaryPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Reject => f.write_str("reject"),
            Self::Forward(target) => write!(f, "forward to {target}"),
            Self::Accept => f.write_str("accept"),
        }
    }
}

/// A mailbox.
#[derive(Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct MailboxRow {
    /// Its number.
    #[n(0)]
    pub id: MailboxId,
    /// The partition drawn at its birth.
    #[n(1)]
    pub partition: Partition,
    /// Its address, unique without regard to case (AC-10).
    #[n(2)]
    pub address: Address,
    /// Its holder.
    #[n(3)]
    pub holder: Holder,
    /// Argon2id in PHC form (SE-02); `None`: nobody can sign in.
    #[n(4)]
    pub password: Option<String>,
    /// Its state.
    #[n(5)]
    pub state: MailboxState,
    /// Capacity in octets (AC-06).
    #[n(6)]
    pub quota: u64,
    /// When it was made.
    #[n(7)]
    pub created: Instant,
    /// How often its row was written; numbers the history.
    #[n(8)]
    pub changes: u32,
    /// What it does with ordinary mail (MX-01); rows of older versions reject it.
    #[cbor(n(9), default)]
    pub ordinary: OrdinaryPolicy,
    /// The provider's own, for what other providers tell it (RFC 6109 §2.2.5): nobody signs in, and it
    /// stays in service.
    #[cbor(n(10), default)]
    pub service: bool,
    /// How it is opened (AC-14, AC-15).
    #[cbor(n(11), default)]
    pub access: Access,
    /// The delivery receipt that its messages ask for where its program asks for none (DR-21).
    #[cbor(n(20), default)]
    pub receipt_type: Option<DeliveryDetail>,
}

impl std::fmt::Debug for MailboxRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailboxRow")
            .field("id", &self.id)
            .field("address", &self.address)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
