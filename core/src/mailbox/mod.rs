//! Folders, messages and flags of a mailbox, as every reader sees them.

mod decide;
mod kept;
pub mod quota;

pub use decide::{Keeping, birth_folders, decide, decide_keeping, filing_after};

use std::sync::Arc;

use crate::blob::BlobRef;
use crate::instant::Instant;

/// A mailbox, by number; its partition is in its registry row.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, minicbor::Encode, minicbor::Decode,
)]
#[cbor(transparent)]
pub struct MailboxId(#[n(0)] pub u64);

/// A folder in a mailbox, by number: names change, numbers do not.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, minicbor::Encode, minicbor::Decode,
)]
#[cbor(transparent)]
pub struct FolderId(#[n(0)] pub u32);

impl FolderId {
    /// INBOX, there from the mailbox's birth.
    pub const INBOX: Self = Self(1);
    /// Junk, there from birth too: in the service mailbox it holds what is set aside (TC-08, TC-10).
    pub const JUNK: Self = Self(5);
}

/// UID of RFC 9051 §2.3.1.1.
pub type Uid = u32;

/// What the octets of a message are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, minicbor::Encode, minicbor::Decode)]
pub enum Content {
    /// A blob that is the message.
    #[n(0)]
    Whole(#[n(0)] BlobRef),
    /// A blob that holds the stored form of a [`crate::rope::Rope`].
    #[n(1)]
    Rope(#[n(0)] BlobRef),
}

/// Special use of a folder (RFC 6154).
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum SpecialUse {
    /// `\Sent`
    #[n(0)]
    Sent,
    /// `\Drafts`
    #[n(1)]
    Drafts,
    /// `\Trash`
    #[n(2)]
    Trash,
    /// `\Junk`
    #[n(3)]
    Junk,
    /// `\Archive`
    #[n(4)]
    Archive,
}

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct FolderRow {
    /// Full name, UTF-8, `/` between levels. INBOX is `INBOX`.
    #[n(0)]
    pub name: String,
    /// UIDVALIDITY.
    #[n(1)]
    pub uid_validity: u32,
    /// In the list of LSUB / LIST (SUBSCRIBED).
    #[n(2)]
    pub subscribed: bool,
    /// RFC 6154.
    #[n(3)]
    pub special_use: Option<SpecialUse>,
    /// Custom keywords; the index plus [`Flags::FIRST_KEYWORD`] is the keyword's bit.
    #[n(4)]
    pub keywords: Vec<String>,
    /// Of INBOX alone: names that stay subscribed although their folder was removed (RFC 9051 §6.3.7).
    #[cbor(n(5), default)]
    pub subscribed_names: Vec<String>,
}

/// A message in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRow {
    /// UID.
    pub uid: Uid,
    /// Mod-sequence of the last change.
    pub modseq: u64,
    /// Flag bits.
    pub flags: Flags,
    /// Where the octets are.
    pub content: Content,
    /// RFC822.SIZE.
    pub size: u64,
    /// INTERNALDATE.
    pub internal_date: Instant,
    /// When it came into this folder, in whole seconds (RFC 8514); of old ones that is not known.
    pub saved: Option<Instant>,
}

/// A removed message that no client sees and that can be restored for a term (AC-13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// As it was in its folder.
    pub row: Arc<MessageRow>,
    /// Since when.
    pub at: Instant,
}

/// Flags of a message as bits: the system flags of RFC 9051 §2.3.2, then the folder's keywords.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(pub u64);

impl Flags {
    /// `\Seen`
    pub const SEEN: Self = Self(1);
    /// `\Answered`
    pub const ANSWERED: Self = Self(1 << 1);
    /// `\Flagged`
    pub const FLAGGED: Self = Self(1 << 2);
    /// `\Deleted`
    pub const DELETED: Self = Self(1 << 3);
    /// `\Draft`
    pub const DRAFT: Self = Self(1 << 4);
    /// The first bit of the folder's keywords.
    pub const FIRST_KEYWORD: u32 = 6;

    /// All bits of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// With the bits of `other` set.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// With the bits of `other` cleared.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The bit of the folder's keyword number `index`.
    pub const fn keyword(index: u32) -> Self {
        Self(1 << (Self::FIRST_KEYWORD + index))
    }
}

/// A flag by name, as a client writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlagName {
    /// One of the constants of [`Flags`].
    System(Flags),
    /// A keyword such as `$Forwarded`.
    Keyword(String),
}

/// What STORE does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlagAction {
    /// `FLAGS`
    Replace,
    /// `+FLAGS`
    Add,
    /// `-FLAGS`
    Remove,
}
