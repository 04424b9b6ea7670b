//! What can be asked of the owner, and its answers.

use crate::address::{Address, Domain};
use crate::blob::BlobRef;
use crate::certification::DeliveryDetail;
use crate::instant::Instant;
use crate::journal::record::{
    Accepted, Answered, Certified, Forgotten, Paths, Placement, Received, Refused, Reported,
    TimerFired,
};
use crate::mailbox::{Content, FlagAction, FlagName, FolderId, MailboxId, SpecialUse, Uid};
use crate::message_id::Identifier;
use crate::notice::Failure;
use crate::proof::Durable;
use crate::queue::{Dispatch, DispatchKey, DispatchOutcome, QueueOrder};
use crate::registry::{AccessOrder, Holder, MailboxState, OrdinaryPolicy};
use crate::view::row::RecipientKey;

/// The header field with which a program marks a submission that it may repeat (AP-28): any text of its
/// own, for one message in one mailbox. What comes again with it within a day is answered as the first
/// was, and dropped, whatever it holds.
pub const SUBMISSION_KEY_FIELD: &str = "X-Idempotency-Key";

/// A message taken in at the submission port.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The authenticated mailbox.
    pub mailbox: MailboxId,
    /// Reverse path.
    pub sender: Address,
    /// Forward path as given; repetitions are dropped (AP-23).
    pub recipients: Vec<Address>,
    /// The body, already durable.
    pub body: Durable<BlobRef>,
    /// `from … ([address]) by … with …`: the text of the `Received:` field between its name and
    /// ` id …; date`, which the owner adds.
    pub received_from: String,
    /// The value of [`SUBMISSION_KEY_FIELD`]: within a day the mailbox's next one with the same key is this
    /// one (AP-28).
    pub key: Option<Vec<u8>>,
}

/// Orders of an operator about the registry.
#[derive(Debug, Clone)]
pub enum RegistryOrder {
    /// First order of all: who runs this.
    SetProvider {
        /// `providerName`.
        name: String,
        /// The provider's own domain; added as a domain too.
        domain: Domain,
        /// The server's name.
        host: String,
    },
    /// Manage a domain.
    AddDomain(Domain),
    /// Give up a domain without mailboxes.
    RemoveDomain(Domain),
    /// Stop or take up service of a domain.
    SuspendDomain(Domain, bool),
    /// Make a mailbox, with INBOX and the usual folders.
    AddMailbox {
        /// Its address, in a domain of ours.
        address: Address,
        /// Whose it is.
        holder: Holder,
        /// Argon2id in PHC form.
        password: Option<String>,
        /// Capacity in octets; the policy's default when `None`.
        quota: Option<u64>,
    },
    /// Change the password (Argon2id in PHC form).
    SetPassword(Address, String),
    /// Suspend, take up or close.
    SetState(Address, MailboxState),
    /// Change the capacity.
    SetQuota(Address, u64),
    /// Change the holder's data.
    SetHolder(Address, Holder),
    /// What the mailbox does with ordinary mail (MX-08).
    SetOrdinary(Address, OrdinaryPolicy),
    /// How the mailbox is opened (AC-14, AC-15, AC-17).
    Access(Address, AccessOrder),
    /// Which delivery receipt messages ask for where the program asks for none (DR-21).
    SetReceiptType(Address, Option<DeliveryDetail>),
    /// Something was delivered to a forward target, or given up (MX-09).
    ForwardTried(Address, bool),
    /// A forward target is given up: holders are told by these messages, under this identifier (MX-09).
    EndForward(Address, Identifier, Vec<Placement>),
    /// Make the service mailbox of the provider's own domain, where it is not there yet.
    SettleServiceMailbox,
    /// Log that a message of the quarantine is read (VI-09).
    ReadQuarantine {
        /// The file's name.
        name: String,
        /// The message's identifier.
        identifier: String,
        /// What of it: `facts`, `content`.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// Log that a message leaves the quarantine.
    RemoveQuarantine {
        /// The file's name.
        name: String,
        /// The message's identifier.
        identifier: String,
    },
}

/// Orders of a holder, or of his program, about a mailbox.
#[derive(Debug, Clone)]
pub enum MailboxOrder {
    /// APPEND.
    Append {
        /// Into.
        folder: FolderId,
        /// Flags.
        flags: Vec<FlagName>,
        /// INTERNALDATE; now when `None`.
        internal_date: Option<Instant>,
        /// The octets, already durable.
        content: Durable<Content>,
        /// RFC822.SIZE.
        size: u64,
    },
    /// COPY, or MOVE when `remove`. Answers with pairs of old and new UID in order.
    Copy {
        /// From.
        folder: FolderId,
        /// Which; unknown ones are passed over.
        uids: Vec<Uid>,
        /// To.
        target: FolderId,
        /// MOVE.
        remove: bool,
    },
    /// STORE.
    Flag {
        /// In.
        folder: FolderId,
        /// Which; unknown ones are passed over.
        uids: Vec<Uid>,
        /// How.
        action: FlagAction,
        /// What.
        flags: Vec<FlagName>,
        /// STORE UNCHANGEDSINCE (RFC 7162): messages changed since are left alone.
        unchanged_since: Option<u64>,
    },
    /// EXPUNGE: of the named messages, those with `\Deleted`; all of them when `None`.
    Expunge {
        /// In.
        folder: FolderId,
        /// `UID EXPUNGE`.
        uids: Option<Vec<Uid>>,
    },
    /// POP3's QUIT: the named messages, whatever their flags, in one group of the journal.
    Remove {
        /// In.
        folder: FolderId,
        /// Which; unknown ones are passed over.
        uids: Vec<Uid>,
    },
    /// Put removed messages that were kept back into their folders (AC-13).
    Restore {
        /// Folder and the UID that it had; unknown ones are passed over.
        messages: Vec<(FolderId, Uid)>,
        /// Who does it.
        author: String,
    },
    /// Really remove what was kept since before this, a record at a time (AC-13).
    Purge {
        /// Not later ones.
        before: Instant,
    },
    /// CREATE.
    CreateFolder {
        /// Full name, UTF-8, `/` between levels.
        name: String,
        /// RFC 6154.
        special_use: Option<SpecialUse>,
    },
    /// RENAME, with the folders below it.
    RenameFolder {
        /// Which.
        folder: FolderId,
        /// New full name.
        name: String,
    },
    /// DELETE.
    DeleteFolder(FolderId),
    /// SUBSCRIBE, UNSUBSCRIBE.
    Subscribe(FolderId, bool),
    /// UNSUBSCRIBE of a name whose folder is gone.
    UnsubscribeName(String),
}

/// A command.
#[derive(Debug, Clone)]
pub enum Command {
    /// Take in a message; its forward path as it will be stored.
    Submit(Submission, Paths),
    /// An operator's order, with its author.
    Registry(RegistryOrder, String),
    /// A holder's order.
    Mailbox(MailboxId, MailboxOrder),
    /// The certifier: accept, with what leaves for recipients elsewhere. The receipt's
    /// [`crate::journal::record::Filing`] is filled in by the owner.
    Accept(Box<Accepted>, Option<ReceiptContent>, Vec<Dispatch>),
    /// The certifier: refuse.
    Refuse(Box<Refused>, Option<ReceiptContent>),
    /// The certifier: put the envelope into the recipient's mailbox, or settle that it cannot be.
    Store(Box<StoreOrder>),
    /// The certifier: the receipt is signed.
    Certify(Box<Certified>),
    /// Bring a certified receipt home.
    Land {
        /// The message.
        identifier: Identifier,
        /// Index in the forward path.
        recipient: u16,
    },
    /// Forget what was landed.
    Strike {
        /// The message.
        identifier: Identifier,
        /// Index in the forward path.
        recipient: u16,
    },
    /// A message of another server is taken in, with what is forwarded of it.
    Receive(Box<Received>, Vec<Dispatch>),
    /// The certifier: what an arrival owed is made, with what leaves of it.
    Answer(Box<Answered>, Vec<Dispatch>),
    /// A receipt of another provider closes or starts what it speaks of (CD-14, TO-13).
    Match(Box<MatchOrder>),
    /// Put an owed message into its mailbox.
    Place(RecipientKey),
    /// The relay: how tries ended, all of one message.
    Dispatched(Vec<(DispatchKey, DispatchOutcome)>),
    /// An operator's order about the relay's queue, all of one message.
    Queue(QueueOrder),
    /// The certifier: an envelope was refused for good by another provider's server (ND-05).
    Fail(Box<FailOrder>),
    /// The certifier: the sender of an entry given up is told (ND-08).
    Report(Box<Reported>, Vec<Dispatch>),
    /// The certifier: a time-out notice is signed; the errand after it is the owner's to say.
    FireTimer(Box<TimerFired>, Option<ReceiptContent>),
    /// Queue what is owed to a recipient outside certified mail and lies in no queue: accepted by a
    /// version that had no relay.
    Dispatch(Box<Dispatch>),
    /// The certifier: a mailbox is filling up, or has room again (AC-17).
    Warn(Box<WarnOrder>),
    /// An operator settles a task: who, and what was found.
    SettleTask(crate::task::TaskKey, String, String),
    /// Open a task that no other decision opens, in these words.
    OpenTask(crate::task::TaskKey, String),
    /// Note what the keys have signed (LG-14).
    NoteSignatures(crate::reconciliation::NoteOrder),
    /// Drop what was kept for a term.
    Forget(Box<Forgotten>),
}

/// How full a mailbox was seen to be.
#[derive(Debug, Clone)]
pub struct WarnOrder {
    /// Which.
    pub mailbox: MailboxId,
    /// Thresholds reached ([`crate::mailbox::quota`]).
    pub level: u8,
    /// The warning, already durable; `None` where the use fell.
    pub notice: Option<Durable<(Content, u64)>>,
}

/// What a receipt of another provider speaks of, found by its certification data.
#[derive(Debug, Clone)]
pub struct MatchOrder {
    /// The arrival.
    pub arrival: Identifier,
    /// Indexes of its recipients in the forward path of our message.
    pub recipients: Vec<u16>,
    /// Whose evidence; the owner sets the instant.
    pub evidence: crate::journal::record::Evidence,
    /// The virus scanner in use, in words: what missed a detected virus (VI-07).
    pub scanner: String,
}

/// A recipient that another provider's server refused.
#[derive(Debug, Clone)]
pub struct FailOrder {
    /// The entry that was given up.
    pub key: DispatchKey,
    /// Index in the forward path.
    pub recipient: u16,
    /// Who.
    pub address: Address,
    /// [`crate::envelope::EnvelopeFacts`].
    pub facts: BlobRef,
    /// How the notice calls it.
    pub failure: Failure,
    /// Whose evidence; the owner sets the instant.
    pub evidence: crate::journal::record::Evidence,
}

/// A signed message to be filed.
#[derive(Debug, Clone)]
pub struct ReceiptContent {
    /// Into this mailbox's INBOX.
    pub mailbox: MailboxId,
    /// The octets.
    pub content: Content,
    /// Their number.
    pub size: u64,
}

/// A delivery to a local recipient.
#[derive(Debug, Clone)]
pub struct StoreOrder {
    /// The message.
    pub identifier: Identifier,
    /// Index in the forward path.
    pub recipient: u16,
    /// The recipient.
    pub address: Address,
    /// The signed envelope.
    pub envelope: Content,
    /// Octets of the envelope.
    pub size: u64,
    /// [`crate::envelope::EnvelopeFacts`].
    pub facts: BlobRef,
    /// Legal fields, salt and provider; the owner sets the instant.
    pub evidence: crate::journal::record::Evidence,
}

/// What came of a command, told once it is durable and published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// It had been done before: nothing was written.
    Already,
    /// One step of it is done; ask again for the next.
    Again,
    /// The message is in, under this identifier.
    Submitted(Identifier),
    /// The mailbox was made.
    Mailbox(MailboxId),
    /// The folder was made.
    Folder(FolderId),
    /// The message was appended under this UIDVALIDITY and UID.
    Appended(u32, Uid),
    /// UIDVALIDITY of the target, and pairs of old and new UID.
    Copied(u32, Vec<(Uid, Uid)>),
    /// UIDs that were changed, and those left alone for UNCHANGEDSINCE.
    Flagged(Vec<Uid>, Vec<Uid>),
    /// UIDs that were removed.
    Expunged(Vec<Uid>),
    /// Folder and old UID of what was put back.
    Restored(Vec<(FolderId, Uid)>),
}

/// Why a command was not done. `Display` is for operators; nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// Too much waits: `451 4.3.2`, try again.
    #[error("the appliance has more waiting work than its bound; try again later")]
    Busy,
    /// The disk's reserve is reached: `451 4.3.1`.
    #[error("the disk is nearly full; make room, intake is stopped until then")]
    DiskFull,
    /// No working virus scanner: `451 4.7.1` (VI-10).
    #[error("no virus scanner works; intake is stopped until one does")]
    ScannerAway,
    /// The appliance is stopping.
    #[error("the appliance is stopping")]
    Stopping,
    /// No such mailbox, folder, domain.
    #[error("{0} does not exist")]
    NotFound(String),
    /// The name is taken.
    #[error("{0} exists already")]
    Exists(String),
    /// The mailbox has no room.
    #[error("the mailbox is full")]
    OverQuota,
    /// More messages than one order may name; fewer at a time will do.
    #[error("an order may name at most {0} messages")]
    TooMany(usize),
    /// The mailbox or domain is suspended or closed.
    #[error("{0} is not in service")]
    NotInService(String),
    /// The order makes no sense; the sentence says why and what would.
    #[error("{0}")]
    Refused(String),
}

/// Called once, on the owner's thread, after the commit and the publication, or dropped uncalled when the
/// appliance ends: it must not block.
pub type Reply = Box<dyn FnOnce(Result<Outcome, CommandError>) + Send + 'static>;
