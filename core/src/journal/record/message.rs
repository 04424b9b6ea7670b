//! Records of certified mail: the steps of one message (see the crate's picture).

use super::{Evidence, Filing, SeenMark};
use crate::address::Address;
use crate::blob::BlobRef;
use crate::certification::{ErrorKind, RecipientType};
use crate::instant::Instant;
use crate::mailbox::{Content, MailboxId};
use crate::message_id::Identifier;

/// The forward path: in the record, or in a blob when it is long.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub enum Paths {
    /// At most `limits::RECIPIENTS_IN_RECORD_MAX`.
    #[n(0)]
    Inline(#[n(0)] Vec<Address>),
    /// CBOR of a `Vec<Address>`.
    #[n(1)]
    Blob(#[n(0)] BlobRef),
}

/// Step 1, home partition. Commit point of the submission: `250` only after it.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Submitted {
    /// Minted before the checks (AP-17).
    #[n(0)]
    pub identifier: Identifier,
    /// When the final dot came.
    #[n(1)]
    pub at: Instant,
    /// The authenticated mailbox.
    #[n(2)]
    pub mailbox: MailboxId,
    /// Reverse path.
    #[n(3)]
    pub sender: Address,
    /// Forward path without repetitions (AP-23).
    #[n(4)]
    pub recipients: Paths,
    /// The message as it came, after dot removal.
    #[n(5)]
    pub body: BlobRef,
    /// The access point's own `Received:` field, with its CRLF (TE-02); stands before the body.
    #[n(6)]
    pub received: String,
    /// Of the key under which the program may repeat it (AP-28).
    #[n(7)]
    pub key: Option<SeenMark>,
}

/// What is owed to one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct RecipientErrand {
    /// Index in the forward path.
    #[n(0)]
    pub recipient: u16,
    /// `Certified` recipients in our own domains are stored here; all others are for the relay.
    #[n(1)]
    pub local: bool,
    /// As listed in receipt and envelope (AP-18).
    #[n(2)]
    pub kind: RecipientType,
}

/// Step 2, home partition: the legal moment of sending.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Accepted {
    /// Whose evidence, and when.
    #[n(0)]
    pub evidence: Evidence,
    /// The acceptance receipt in the sender's mailbox; `None` when the mailbox is gone.
    #[n(1)]
    pub receipt: Option<Filing>,
    /// The signed transport envelope.
    #[n(2)]
    pub envelope: Content,
    /// Octets of the envelope.
    #[n(3)]
    pub envelope_size: u64,
    /// [`crate::envelope::EnvelopeFacts`], what receipts are made from.
    #[n(4)]
    pub facts: BlobRef,
    /// One per recipient.
    #[n(5)]
    pub errands: Vec<RecipientErrand>,
    /// The sender's mailbox.
    #[n(6)]
    pub mailbox: MailboxId,
}

/// Step 2, home partition, the other way: nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Refused {
    /// Whose evidence, and when.
    #[n(0)]
    pub evidence: Evidence,
    /// The notice in the sender's mailbox; `None` when the mailbox is gone.
    #[n(1)]
    pub notice: Option<Filing>,
    /// Why, as in `errore-esteso`.
    #[n(2)]
    pub reason: String,
}

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub enum DeliveryOutcome {
    /// In the mailbox.
    #[n(0)]
    Delivered(#[n(0)] Filing),
    /// Not delivered.
    #[n(1)]
    Failed {
        /// `errore` of the notice (ND-03).
        #[n(0)]
        error: ErrorKind,
        /// Enhanced status code, `5.1.1` (ND-04).
        #[n(1)]
        status: String,
        /// Short reason, in Italian, for the notice.
        #[n(2)]
        reason: String,
    },
}

/// Step 3, the recipient's partition: the instant that will be certified (DP-02).
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Stored {
    /// Whose evidence, and when.
    #[n(0)]
    pub evidence: Evidence,
    /// Index in the forward path.
    #[n(1)]
    pub recipient: u16,
    /// The recipient.
    #[n(2)]
    pub address: Address,
    /// How it ended.
    #[n(3)]
    pub outcome: DeliveryOutcome,
    /// As in [`Accepted`].
    #[n(4)]
    pub facts: BlobRef,
    /// The arrival that owes the answer, where the message is another provider's: there its own identifier
    /// names nothing of ours.
    #[n(5)]
    pub arrival: Option<Identifier>,
}

/// Step 4, the recipient's partition.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Certified {
    /// Whose evidence, and when (the instant of [`Stored`]).
    #[n(0)]
    pub evidence: Evidence,
    /// Index in the forward path.
    #[n(1)]
    pub recipient: u16,
    /// The signed receipt or notice.
    #[n(2)]
    pub receipt: Content,
    /// Its octets.
    #[n(3)]
    pub size: u64,
    /// Whom it is for: the reverse path of the original.
    #[n(4)]
    pub sender: Address,
    /// It encloses octets above 127 (SG-08).
    #[cbor(n(5), default)]
    pub eight_bit: bool,
    /// As in [`Stored`].
    #[n(6)]
    pub arrival: Option<Identifier>,
}

/// Step 5, home partition.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Landed {
    /// Whose evidence, and when.
    #[n(0)]
    pub evidence: Evidence,
    /// Index in the forward path.
    #[n(1)]
    pub recipient: u16,
    /// The receipt in the sender's mailbox; `None` when the mailbox is gone (DP-09).
    #[n(2)]
    pub filing: Option<Filing>,
    /// No other recipient is open: the message has reached its legal end.
    #[n(3)]
    pub last: bool,
    /// The receipt that found no mailbox, kept with the log instead of being bounced (DP-09).
    #[n(4)]
    pub unplaced: Option<Content>,
    /// As in [`Stored`].
    #[n(5)]
    pub arrival: Option<Identifier>,
}

/// The recipient's partition: its errand was done by the other side.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Struck {
    /// The message.
    #[n(0)]
    pub identifier: Identifier,
    /// Index in the forward path.
    #[n(1)]
    pub recipient: u16,
}
