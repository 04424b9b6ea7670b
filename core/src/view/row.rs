//! Rows: the final values that a record puts into the views.

use crate::address::{Address, Domain};
use crate::blob::BlobRef;
use crate::instant::Instant;
use crate::journal::record::{Change, Evidence, FlagChange, Paths, RecipientErrand, Submitted};
use crate::mailbox::{Content, FolderId, FolderRow, MailboxId, Uid};
use crate::message_id::Identifier;
use crate::registry::{DomainRow, MailboxRow, ProviderRow};

/// Key of what concerns one recipient of one message.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, minicbor::Encode, minicbor::Decode,
)]
pub struct RecipientKey {
    /// The message.
    #[n(0)]
    pub identifier: Identifier,
    /// Index in the forward path.
    #[n(1)]
    pub recipient: u16,
}

/// A message accepted and not yet at its legal end (home partition).
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct JourneyRow {
    /// Instant of acceptance.
    #[n(0)]
    pub at: Instant,
    /// The signed envelope.
    #[n(1)]
    pub envelope: Content,
    /// Its octets.
    #[n(2)]
    pub size: u64,
    /// [`crate::envelope::EnvelopeFacts`].
    #[n(3)]
    pub facts: BlobRef,
    /// The sender's mailbox.
    #[n(4)]
    pub mailbox: MailboxId,
}

/// What the recipient's side knows between Stored and Struck.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct DeliveryRow {
    /// Legal fields, with the instant that will be certified.
    #[n(0)]
    pub evidence: Evidence,
    /// The recipient.
    #[n(1)]
    pub address: Address,
    /// `None`: delivered; else `errore`, status and reason.
    #[n(2)]
    pub failure: Option<(crate::certification::ErrorKind, String, String)>,
    /// [`crate::envelope::EnvelopeFacts`].
    #[n(3)]
    pub facts: BlobRef,
}

/// A signed receipt on its way to the sender's side.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct AnswerRow {
    /// Whom it is for.
    #[n(0)]
    pub sender: Address,
    /// The signed receipt or notice.
    #[n(1)]
    pub receipt: Content,
    /// Its octets.
    #[n(2)]
    pub size: u64,
    /// Legal fields.
    #[n(3)]
    pub evidence: Evidence,
}

/// One change of a view. `None` removes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// The provider.
    Provider(ProviderRow),
    /// A domain.
    Domain(Domain, Option<DomainRow>),
    /// A mailbox.
    Mailbox(Box<MailboxRow>),
    /// A line of a mailbox's history, numbered by `MailboxRow::changes`.
    History(MailboxId, u32, Change),
    /// A folder; `None` removes it with its messages.
    Folder(MailboxId, FolderId, Option<FolderRow>),
    /// A folder's UIDNEXT and highest mod-sequence.
    Counter(MailboxId, FolderId, FolderCounter),
    /// A folder's highest mod-sequence alone: flags changed or messages went.
    Modseq(MailboxId, FolderId, u64),
    /// A message placed in a folder.
    Message(MailboxId, FolderId, crate::mailbox::MessageRow),
    /// New flags of a message that is there.
    Flags(MailboxId, FolderId, FlagChange, u64),
    /// A message removed.
    Gone(MailboxId, FolderId, Uid),
    /// Octets used in a mailbox.
    Usage(MailboxId, u64),
    /// A message taken in, to be certified.
    Submission(Identifier, Option<Box<Submitted>>),
    /// A message accepted.
    Journey(Identifier, Option<JourneyRow>),
    /// What is owed to a recipient.
    Errand(RecipientKey, Option<RecipientErrand>),
    /// A delivery settled.
    Delivery(RecipientKey, Option<Box<DeliveryRow>>),
    /// A receipt on its way.
    Answer(RecipientKey, Option<Box<AnswerRow>>),
}

/// A folder's counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct FolderCounter {
    /// UIDNEXT.
    #[n(0)]
    pub uid_next: Uid,
    /// HIGHESTMODSEQ.
    #[n(1)]
    pub highest_modseq: u64,
}

impl Default for FolderCounter {
    fn default() -> Self {
        Self {
            uid_next: 1,
            highest_modseq: 1,
        }
    }
}

/// Paths are part of [`Submitted`]; named here so that readers of rows find them.
pub type ForwardPath = Paths;
