//! Records of the relay, of the answers that came back, and of the clocks that ran out.

use super::{Evidence, Filing, Placement, SeenMark};
use crate::instant::Instant;
use crate::mailbox::MailboxId;
use crate::message_id::Identifier;
use crate::notice::Delay;
use crate::queue::{Dispatch, DispatchKey, DispatchRow};
use crate::view::row::ErrandRow;

/// Entries of the queue, new or changed: final values.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Dispatched {
    /// At most `limits::DISPATCHES_PER_RECORD_MAX`.
    #[n(0)]
    pub entries: Vec<Dispatch>,
}

/// Another server has taken over what was sent (home partition).
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Relayed {
    /// Which entry.
    #[n(0)]
    pub key: DispatchKey,
    /// When.
    #[n(1)]
    pub at: Instant,
    /// By whom, what it said, and over which TLS.
    #[n(2)]
    pub host: String,
    /// What it said.
    #[n(3)]
    pub reply: String,
    /// TLS version and suite; `None`: in clear.
    #[n(4)]
    pub tls: Option<String>,
    /// The recipient has reached the end of its way: index in the forward path.
    #[n(5)]
    pub closes: Option<u16>,
    /// No other recipient is open.
    #[n(6)]
    pub last: bool,
}

/// An entry that will never arrive (home partition).
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct GivenUp {
    /// Which entry.
    #[n(0)]
    pub key: DispatchKey,
    /// As it was.
    #[n(1)]
    pub row: DispatchRow,
    /// When.
    #[n(2)]
    pub at: Instant,
    /// Who said so; `None`: nobody, its time was over.
    #[n(3)]
    pub host: Option<String>,
    /// Enhanced status code.
    #[n(4)]
    pub status: String,
    /// What was said.
    #[n(5)]
    pub reply: String,
    /// The sender is owed a delivery report (ND-08).
    #[n(6)]
    pub is_reported: bool,
    /// The recipient has reached the end of its way: index in the forward path.
    #[n(7)]
    pub closes: Option<u16>,
    /// No other recipient is open.
    #[n(8)]
    pub last: bool,
}

/// The delivery report about an entry given up was made.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Reported {
    /// The entry that was given up.
    #[n(0)]
    pub key: DispatchKey,
    /// When.
    #[n(1)]
    pub at: Instant,
    /// The report in the sender's mailbox, where the sender is ours.
    #[n(2)]
    pub placement: Option<Placement>,
}

/// The other provider has taken a message in charge (home partition, TC-06).
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct TakenInCharge {
    /// Whose evidence, and when.
    #[n(0)]
    pub evidence: Evidence,
    /// The recipients' errands as they are now.
    #[n(1)]
    pub errands: Vec<(u16, ErrandRow)>,
}

/// A time-out notice is in the sender's mailbox (home partition).
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct TimerFired {
    /// Whose evidence, and when.
    #[n(0)]
    pub evidence: Evidence,
    /// Index in the forward path.
    #[n(1)]
    pub recipient: u16,
    /// Which.
    #[n(2)]
    pub delay: Delay,
    /// How late after it was due, in milliseconds (TO-12).
    #[n(3)]
    pub late_ms: u64,
    /// The notice; `None` when the mailbox is gone.
    #[n(4)]
    pub notice: Option<Filing>,
    /// The errand as it is now; `None`: tracking stops (TO-11).
    #[n(5)]
    pub errand: Option<ErrandRow>,
    /// No other recipient is open.
    #[n(6)]
    pub last: bool,
}

/// What was kept for a term and is not needed any more.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Forgotten {
    /// Messages sent more than a week ago (MX-07).
    #[n(0)]
    pub sent: Vec<Identifier>,
    /// Marks of arrivals (IP-18).
    #[n(1)]
    pub seen: Vec<SeenMark>,
}

/// A message that a mailbox sent lately (MX-07).
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct SentRow {
    /// Whose.
    #[n(0)]
    pub mailbox: MailboxId,
    /// When it was accepted.
    #[n(1)]
    pub at: Instant,
}
