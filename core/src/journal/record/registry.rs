//! Records of partition 0.

use super::Placement;
use crate::address::{Address, Domain};
use crate::instant::Instant;
use crate::message_id::Identifier;
use crate::registry::{DomainRow, ForwardTargetRow, MailboxRow, ProviderRow};

/// Who changed what, for the history (AC-09).
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Change {
    /// When.
    #[n(0)]
    pub at: Instant,
    /// `operator uid 0`, `holder`, …
    #[n(1)]
    pub author: String,
    /// `added`, `password changed`, …; never a secret.
    #[n(2)]
    pub what: String,
}

/// The provider as it is now.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct ProviderChanged {
    /// The whole row.
    #[n(0)]
    pub row: ProviderRow,
    /// Why.
    #[n(1)]
    pub change: Change,
}

/// A domain as it is now, or its end.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct DomainChanged {
    /// Which.
    #[n(0)]
    pub domain: Domain,
    /// `None`: removed.
    #[n(1)]
    pub row: Option<DomainRow>,
    /// Why.
    #[n(2)]
    pub change: Change,
}

/// A mailbox as it is now.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct MailboxChanged {
    /// The whole row; its `changes` counter numbers this change.
    #[n(0)]
    pub row: MailboxRow,
    /// Why.
    #[n(1)]
    pub change: Change,
}

/// A mailbox's row with what is no change of it by anybody: the last use of an application password, a
/// code of a device that was taken. No line of the history.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct MailboxTouched {
    /// The whole row.
    #[n(0)]
    pub row: MailboxRow,
}

/// How a forward target fails (MX-09).
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct ForwardTargetChanged {
    /// Which.
    #[n(0)]
    pub target: Address,
    /// `None`: it does not.
    #[n(1)]
    pub row: Option<ForwardTargetRow>,
}

/// Holders are owed plain messages of the house.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct HolderTold {
    /// Minted for these messages.
    #[n(0)]
    pub identifier: Identifier,
    /// When.
    #[n(1)]
    pub at: Instant,
    /// One each.
    #[n(2)]
    pub placements: Vec<Placement>,
}
