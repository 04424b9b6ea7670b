//! Records of what holders do in their mailboxes.

use crate::instant::Instant;
use crate::mailbox::{Content, FolderId, FolderRow, MailboxId, Uid};

/// A message placed in a folder, with every counter that it moves, after the move.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Filing {
    /// The mailbox.
    #[n(0)]
    pub mailbox: MailboxId,
    /// The folder in it.
    #[n(1)]
    pub folder: FolderId,
    /// The message's UID; the folder's UIDNEXT becomes this plus one.
    #[n(2)]
    pub uid: Uid,
    /// The message's and the folder's highest mod-sequence.
    #[n(3)]
    pub modseq: u64,
    /// Flag bits (see [`crate::mailbox::Flags`]).
    #[n(4)]
    pub flags: u64,
    /// Where the octets are.
    #[n(5)]
    pub content: Content,
    /// Octets of the message as a client sees it (RFC822.SIZE).
    #[n(6)]
    pub size: u64,
    /// INTERNALDATE.
    #[n(7)]
    pub internal_date: Instant,
    /// Octets used in the mailbox after this.
    #[n(8)]
    pub usage: u64,
    /// When it was placed here (RFC 8514); `None`: in a record of before this was noted.
    #[n(9)]
    pub saved: Option<Instant>,
}

/// Messages put into folders by APPEND or COPY (one or many, one record each).
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Appended {
    /// The placing.
    #[n(0)]
    pub filing: Filing,
}

/// One message's flags after the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct FlagChange {
    /// Whose.
    #[n(0)]
    pub uid: Uid,
    /// All its flag bits.
    #[n(1)]
    pub flags: u64,
}

/// Flags changed.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Flagged {
    /// The mailbox.
    #[n(0)]
    pub mailbox: MailboxId,
    /// The folder.
    #[n(1)]
    pub folder: FolderId,
    /// Mod-sequence of all these messages and of the folder.
    #[n(2)]
    pub modseq: u64,
    /// At most `limits::UIDS_PER_RECORD_MAX`.
    #[n(3)]
    pub changes: Vec<FlagChange>,
}

/// Messages removed.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Expunged {
    /// The mailbox.
    #[n(0)]
    pub mailbox: MailboxId,
    /// The folder.
    #[n(1)]
    pub folder: FolderId,
    /// The folder's highest mod-sequence after this.
    #[n(2)]
    pub modseq: u64,
    /// At most `limits::UIDS_PER_RECORD_MAX`.
    #[n(3)]
    pub uids: Vec<Uid>,
    /// Octets used in the mailbox after this.
    #[n(4)]
    pub usage: u64,
    /// Since when they lie where no client sees them, to be restored (AC-13); `None`: they are gone.
    #[n(5)]
    pub kept: Option<Instant>,
}

/// Removed messages that were kept, gone after their term (AC-13).
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Purged {
    /// The mailbox.
    #[n(0)]
    pub mailbox: MailboxId,
    /// The folder that they were in.
    #[n(1)]
    pub folder: FolderId,
    /// At most `limits::UIDS_PER_RECORD_MAX`.
    #[n(2)]
    pub uids: Vec<Uid>,
}

/// A removed message that was kept is in its folder again, under a new UID (AC-13).
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Restored {
    /// The UID that it had; the mailbox and the folder are those of the placing.
    #[n(0)]
    pub uid: Uid,
    /// The placing.
    #[n(1)]
    pub filing: Filing,
    /// Who did it.
    #[n(2)]
    pub author: String,
}

/// A folder as it is now, or its end.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct FolderChanged {
    /// The mailbox.
    #[n(0)]
    pub mailbox: MailboxId,
    /// The folder.
    #[n(1)]
    pub folder: FolderId,
    /// `None`: the folder is gone, with all that is in it.
    #[n(2)]
    pub row: Option<FolderRow>,
    /// Octets used in the mailbox after this; set when the folder is removed.
    #[n(3)]
    pub usage: Option<u64>,
}

/// A holder was warned that the mailbox is filling up (AC-17), or its use fell below what he was warned
/// of. The warning and the fact that it was given are one record: neither lost nor doubled.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct QuotaWarned {
    /// Whose.
    #[n(0)]
    pub mailbox: MailboxId,
    /// When.
    #[n(1)]
    pub at: Instant,
    /// How many of the thresholds are reached now ([`crate::mailbox::quota`]).
    #[n(2)]
    pub level: u8,
    /// The warning; `None`: the use fell.
    #[n(3)]
    pub notice: Option<Filing>,
}
