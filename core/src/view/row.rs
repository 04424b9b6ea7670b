//! Rows: the final values that a record puts into the views, and marks, which follow from stored octets.

use std::sync::Arc;

use crate::address::{Address, Domain};
use crate::blob::BlobRef;
use crate::certification::RecipientType;
use crate::instant::Instant;
use crate::journal::record::{
    Change, Evidence, FlagChange, GivenUp, Paths, Placement, Received, SeenMark, SentRow, Submitted,
};
use crate::mailbox::{Content, FolderId, FolderRow, MailboxId, MessageRow, Uid};
use crate::message_id::Identifier;
use crate::queue::{DispatchKey, DispatchRow};
use crate::registry::{DomainRow, ForwardTargetRow, MailboxRow, ProviderRow};
use crate::task::{TaskKey, TaskRow};

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
    /// The sender's mailbox; `None`: another provider's message, whose recipients are here.
    #[n(4)]
    pub mailbox: Option<MailboxId>,
    /// Whom receipts about another provider's message go to; `None`: nobody (ND-07).
    #[n(5)]
    pub answers_to: Option<Address>,
}

/// What is owed to one recipient of an accepted message, and how far its clocks are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct ErrandRow {
    /// In one of our own domains: stored here; all others are for the relay.
    #[n(0)]
    pub local: bool,
    /// As listed in receipt and envelope (AP-18).
    #[n(1)]
    pub kind: RecipientType,
    /// The instant of acceptance: both clocks start (TO-01).
    #[n(2)]
    pub at: Instant,
    /// When the other provider's take-charge came.
    #[n(3)]
    pub taken: Option<Instant>,
    /// The notice of twelve hours is out.
    #[n(4)]
    pub first_fired: bool,
    /// The final notice is out: no clock runs any more.
    #[n(5)]
    pub final_fired: bool,
    /// No clock runs: another provider's message has its clocks there.
    #[n(6)]
    pub is_foreign: bool,
}

impl ErrandRow {
    /// As it was accepted: nothing has come and no notice is out.
    pub fn is_fresh(&self) -> bool {
        self.taken.is_none() && !self.first_fired && !self.final_fired
    }
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
    /// It encloses octets above 127 (SG-08).
    #[n(4)]
    pub eight_bit: bool,
}

/// One change of a view. `None` removes. What is large is shared by all views and by those who write behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// The provider.
    Provider(ProviderRow),
    /// A domain.
    Domain(Domain, Option<DomainRow>),
    /// A mailbox.
    Mailbox(Arc<MailboxRow>),
    /// A line of a mailbox's history, numbered by `MailboxRow::changes`.
    History(MailboxId, u32, Change),
    /// A folder; `None` removes it with its messages.
    Folder(MailboxId, FolderId, Option<FolderRow>),
    /// A folder's UIDNEXT and highest mod-sequence.
    Counter(MailboxId, FolderId, FolderCounter),
    /// A folder's highest mod-sequence alone: flags changed or messages went.
    Modseq(MailboxId, FolderId, u64),
    /// A message placed in a folder.
    Message(MailboxId, FolderId, Arc<MessageRow>),
    /// New flags of a message that is there.
    Flags(MailboxId, FolderId, FlagChange, u64),
    /// A message of a folder removed, and kept where no client sees it: since when, and the mod-sequence of
    /// that.
    SetAside(MailboxId, FolderId, Uid, (Instant, u64)),
    /// A message gone, from its folder or from where it was kept, and the mod-sequence of that.
    Gone(MailboxId, FolderId, Uid, u64),
    /// What header search knows of a message; follows from its octets, not from a record.
    Marks(MailboxId, FolderId, Uid, super::marks::Marks),
    /// Octets used in a mailbox.
    Usage(MailboxId, u64),
    /// Of how many thresholds of the capacity the holder was warned.
    Warned(MailboxId, u8),
    /// A message taken in, to be certified.
    Submission(Identifier, Option<Arc<Submitted>>),
    /// A message accepted.
    Journey(Identifier, Option<Arc<JourneyRow>>),
    /// What is owed to a recipient.
    Errand(RecipientKey, Option<ErrandRow>),
    /// A delivery settled.
    Delivery(RecipientKey, Option<Arc<DeliveryRow>>),
    /// A receipt on its way.
    Answer(RecipientKey, Option<Arc<AnswerRow>>),
    /// A message of another server that is owed an answer.
    Arrival(Identifier, Option<Arc<Received>>),
    /// A message owed to a mailbox of ours.
    Placement(RecipientKey, Option<Arc<Placement>>),
    /// An entry of the relay's queue.
    Dispatch(DispatchKey, Option<Arc<DispatchRow>>),
    /// An entry given up, of which the sender is to be told.
    Bounce(DispatchKey, Option<Arc<GivenUp>>),
    /// A message sent in the last days.
    Sent(Identifier, Option<SentRow>),
    /// An arrival that was seen, and when.
    Seen(SeenMark, Option<Instant>),
    /// What an operator has to look into.
    Task(TaskKey, Option<Arc<TaskRow>>),
    /// A forward target that fails.
    ForwardTarget(Address, Option<ForwardTargetRow>),
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
