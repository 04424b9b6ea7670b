//! The kinds of records: one struct each, CBOR with numbered fields. A kind never changes meaning: new
//! optional fields with defaults, or a new kind. Every value is final, so that [`crate::view::apply()`]
//! reads nothing.

mod arrival;
mod evidence;
mod house;
mod mailbox;
mod message;
mod registry;
mod relay;
mod task;

pub use arrival::{
    Anomaly, Answered, ArrivalKind, Declined, ForeignEnvelope, ForeignReceipt, Matched, Peer,
    Placed, Placement, Received, SeenMark, Shelf, SignedVerdict,
};
pub use evidence::Evidence;
pub use house::{KeyUse, QuarantineRead, QuarantineRemoved, SignaturesNoted, Started};
pub use mailbox::{
    Appended, Expunged, Filing, FlagChange, Flagged, FolderChanged, Purged, QuotaWarned, Restored,
};
pub use message::{
    Accepted, Certified, DeliveryOutcome, Landed, Paths, RecipientErrand, Refused, Stored, Struck,
    Submitted,
};
pub use registry::{
    Change, DomainChanged, ForwardTargetChanged, HolderTold, MailboxChanged, MailboxTouched,
    ProviderChanged,
};
pub use relay::{
    Dispatched, Forgotten, GivenUp, Relayed, Reported, SentRow, TakenInCharge, TimerFired,
};
pub use task::{TaskOpened, TaskSettled};

/// A record that this version does not know or cannot read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Written by a newer version: this one refuses to start.
    #[error("record kind {0} is unknown to this version")]
    UnknownKind(u16),
    /// The content does not fit the kind.
    #[error("record of kind {kind} cannot be read: {reason}")]
    Malformed {
        /// The kind's number.
        kind: u16,
        /// What the decoder says.
        reason: String,
    },
}

/// Takes octets for their number.
struct Count(usize);

impl minicbor::encode::Write for &mut Count {
    type Error = std::convert::Infallible;

    fn write_all(&mut self, octets: &[u8]) -> Result<(), Self::Error> {
        self.0 += octets.len();
        Ok(())
    }
}

macro_rules! kinds {
    ($($number:literal $name:ident $doc:literal)*) => {
        /// A fact.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Record {
            $(#[doc = $doc] $name(Box<$name>),)*
        }

        impl Record {
            /// The number that stands for the kind in the journal, for ever.
            pub fn kind(&self) -> u16 {
                match self { $(Record::$name(_) => $number,)* }
            }

            /// The kind's name.
            pub fn name(&self) -> &'static str {
                match self { $(Record::$name(_) => stringify!($name),)* }
            }

            /// The stored form of the content.
            pub fn to_bytes(&self) -> Vec<u8> {
                // Writing to a vector cannot fail.
                match self { $(Record::$name(r) => minicbor::to_vec(r).unwrap_or_default(),)* }
            }

            /// Octets of [`Record::to_bytes`], counted without writing them.
            pub fn encoded_length(&self) -> usize {
                let mut count = Count(0);
                // Counting cannot fail.
                let _ = match self { $(Record::$name(r) => minicbor::encode(r, &mut count),)* };
                count.0
            }

            /// Reads what [`Record::to_bytes`] wrote.
            pub fn from_bytes(kind: u16, bytes: &[u8]) -> Result<Self, RecordError> {
                match kind {
                    $($number => minicbor::decode(bytes)
                        .map(|r| Record::$name(Box::new(r)))
                        .map_err(|e| RecordError::Malformed { kind, reason: e.to_string() }),)*
                    other => Err(RecordError::UnknownKind(other)),
                }
            }
        }

        $(impl From<$name> for Record {
            fn from(record: $name) -> Self {
                Record::$name(Box::new(record))
            }
        })*
    };
}

kinds! {
    1 Submitted "A user's message is in; `250` follows."
    2 Accepted "Receipt in the sender's mailbox, envelope, an errand per recipient."
    3 Refused "The notice of non-acceptance is in the sender's mailbox."
    4 Stored "The envelope is in the recipient's mailbox, or it is settled that it cannot be."
    5 Certified "The delivery receipt or non-delivery notice is made; an errand to the sender."
    6 Landed "It is in the sender's mailbox."
    7 Struck "The sender's side has acted: the recipient's side forgets its errand."
    8 Received "A message of another server is in; `250` follows."
    9 Answered "What an arrival owed is made: take-charge, anomaly envelope, detections."
    10 Matched "A receipt of another provider was matched to its message."
    11 Placed "A message that needs no receipt is in a mailbox of ours."
    12 Dispatched "Entries of the relay's queue, new or changed."
    13 Relayed "Another server has taken over an entry of the queue."
    14 GivenUp "An entry of the queue will never arrive."
    15 Reported "The sender of an entry given up was told."
    16 TakenInCharge "The other provider has taken a message in charge."
    17 TimerFired "A time-out notice is in the sender's mailbox."
    18 Forgotten "What was kept for a term is dropped."
    20 Appended "A message was put into a folder by its holder."
    21 Flagged "Flags of messages changed."
    22 Expunged "Messages were removed, for good or to be restored for a term."
    23 FolderChanged "A folder was made, renamed, removed or got a keyword."
    24 Purged "Removed messages that were kept are gone."
    25 Restored "A removed message is in its folder again."
    28 QuotaWarned "The holder was warned of the mailbox's capacity, or it has room again."
    40 ProviderChanged "The provider's own record."
    41 DomainChanged "A domain was added or its state changed."
    42 MailboxChanged "A mailbox or its holder was added or changed."
    60 Started "The appliance started."
    61 QuarantineRead "An operator read what the quarantine keeps."
    62 QuarantineRemoved "A message was removed from the quarantine, its term being over."
    63 SignaturesNoted "What the keys have signed since the note before."
    43 ForwardTargetChanged "A forward target fails, or does no more."
    44 HolderTold "Plain messages of the house are owed to holders."
    46 MailboxTouched "A mailbox was used: no change by anybody."
    70 TaskOpened "An operator has to look into something."
    71 TaskSettled "An operator has looked into it."
}
