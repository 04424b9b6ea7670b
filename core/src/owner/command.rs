//! What can be asked of the owner, and its answers.

use crate::address::{Address, Domain};
use crate::blob::BlobRef;
use crate::instant::Instant;
use crate::journal::record::{Accepted, Certified, Paths, Refused};
use crate::mailbox::{Content, FlagAction, FlagName, FolderId, MailboxId, SpecialUse, Uid};
use crate::message_id::Identifier;
use crate::proof::Durable;
use crate::registry::{Holder, MailboxState};

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
    /// The certifier: accept. The receipt's [`crate::journal::record::Filing`] is filled in by the owner.
    Accept(Box<Accepted>, Option<ReceiptContent>),
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
