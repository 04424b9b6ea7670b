//! Records of the appliance itself.

use super::Change;
use crate::instant::Instant;
use crate::reconciliation::KeyMark;

/// The appliance started; the first record of each run.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Started {
    /// When.
    #[n(0)]
    pub at: Instant,
    /// The program's version.
    #[n(1)]
    pub version: String,
    /// The epoch of this owner: one more than the last.
    #[n(2)]
    pub epoch: u64,
}

/// Somebody reads a message of the quarantine, or its facts: committed before a word is given out
/// (VI-09).
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct QuarantineRead {
    /// When, who, and what of it is read.
    #[n(0)]
    pub change: Change,
    /// The file's name.
    #[n(1)]
    pub name: String,
    /// The message's identifier.
    #[n(2)]
    pub identifier: String,
    /// Why, in the reader's words.
    #[n(3)]
    pub reason: String,
}

/// A message leaves the quarantine: committed before it is removed.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct QuarantineRemoved {
    /// When, who and why.
    #[n(0)]
    pub change: Change,
    /// The file's name.
    #[n(1)]
    pub name: String,
    /// The message's identifier.
    #[n(2)]
    pub identifier: String,
}

/// What the keys have signed since the note before, as their signers counted it (LG-14).
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct SignaturesNoted {
    /// When.
    #[n(0)]
    pub at: Instant,
    /// Each key that was used.
    #[n(1)]
    pub keys: Vec<KeyUse>,
    /// The last one of an orderly run.
    #[n(2)]
    pub closes: bool,
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct KeyUse {
    /// Which.
    #[n(0)]
    pub key: KeyMark,
    /// Signatures made.
    #[n(1)]
    pub made: u64,
    /// Over what is no message.
    #[n(2)]
    pub other: u64,
    /// Over messages that were not committed.
    #[n(3)]
    pub dropped: u64,
}

impl KeyUse {
    /// A key that was not used.
    pub const fn of(key: KeyMark) -> Self {
        Self {
            key,
            made: 0,
            other: 0,
            dropped: 0,
        }
    }
}
