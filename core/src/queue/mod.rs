//! What waits to leave for other servers: one entry per message and recipient, kept as a row until it was
//! taken over, refused for good or given up. When each is tried is the relay schedule's to say; what an
//! outcome means is decided by the owner ([`crate::owner`]).

use crate::address::Address;
use crate::instant::Instant;
use crate::mailbox::Content;
use crate::message_id::Identifier;

/// One message to one recipient elsewhere.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, minicbor::Encode, minicbor::Decode,
)]
pub struct DispatchKey {
    /// The accepted message, or the arrival that made us write.
    #[n(0)]
    pub identifier: Identifier,
    /// [`Purpose::number`] of the recipient's index.
    #[n(1)]
    pub number: u32,
}

/// What the way to a recipient must be like.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, minicbor::Encode, minicbor::Decode,
)]
#[cbor(index_only)]
pub enum DispatchClass {
    /// To a certified domain: only under TLS, straight to the hosts that DNS gives (TE-14).
    #[n(0)]
    Certified,
    /// To the Internet: TLS where it is offered, a DKIM signature, an address of its own (TE-18, TE-19).
    #[n(1)]
    Ordinary,
}

/// Why we write.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, minicbor::Encode, minicbor::Decode,
)]
#[cbor(index_only)]
pub enum Purpose {
    /// A transport envelope to its recipient.
    #[n(0)]
    Envelope,
    /// A take-charge receipt to the sender's provider (TC-02).
    #[n(1)]
    TakeCharge,
    /// A delivery receipt or non-delivery notice to the original sender.
    #[n(2)]
    Receipt,
    /// A virus detection to the sender's provider (VI-04).
    #[n(3)]
    VirusDetection,
    /// Ordinary mail forwarded for a holder (MX-03).
    #[n(4)]
    Forward,
    /// A delivery report with the null reverse path (RFC 3464).
    #[n(5)]
    Report,
}

impl Purpose {
    /// The number of the entry for the recipient with this index: no two purposes share one.
    pub const fn number(self, index: u16) -> u32 {
        ((self as u32) << 16) | index as u32
    }
}

/// An entry of the queue.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct DispatchRow {
    /// Since when it waits: for an envelope, the instant of acceptance.
    #[n(0)]
    pub at: Instant,
    /// Given up then (TE-15).
    #[n(1)]
    pub until: Instant,
    /// The octets to send.
    #[n(2)]
    pub content: Content,
    /// Their number.
    #[n(3)]
    pub size: u64,
    /// Needs `BODY=8BITMIME` (SG-08).
    #[n(4)]
    pub eight_bit: bool,
    /// `None`: `<>`.
    #[n(5)]
    pub reverse_path: Option<Address>,
    /// The forward path.
    #[n(6)]
    pub to: Address,
    /// How it must travel.
    #[n(7)]
    pub class: DispatchClass,
    /// Why we write.
    #[n(8)]
    pub purpose: Purpose,
    /// Tries so far.
    #[n(9)]
    pub attempts: u32,
    /// Not to be tried before.
    #[n(10)]
    pub next: Instant,
    /// What the last try got for an answer, cut at `limits::REPLY_CHARS_KEPT_MAX`.
    #[n(11)]
    pub last: Option<String>,
    /// Set aside by an operator; not tried until released.
    #[n(12)]
    pub held: bool,
    /// Who is told when it is given up, where that is not the reverse path: the sender of what is
    /// forwarded (MX-06).
    #[n(13)]
    pub answers_to: Option<Address>,
}

impl DispatchRow {
    /// As it was put into the queue.
    pub fn is_untried(&self) -> bool {
        self.attempts == 0 && !self.held && self.next == self.at && self.last.is_none()
    }
}

/// An entry with its key.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Dispatch {
    /// Which.
    #[n(0)]
    pub key: DispatchKey,
    /// What.
    #[n(1)]
    pub row: DispatchRow,
}

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DispatchOutcome {
    /// The other server has taken it over (2xx after the final dot).
    Sent {
        /// Its name.
        host: String,
        /// What it said.
        reply: String,
        /// TLS version and suite; `None`: in clear.
        tls: Option<String>,
    },
    /// To be tried again.
    Deferred {
        /// Not before.
        next: Instant,
        /// Why.
        reply: String,
    },
    /// Refused for good.
    Refused {
        /// By whom; a name, or `dns`.
        host: String,
        /// Enhanced status code, `5.1.1`.
        status: String,
        /// What it said.
        reply: String,
    },
    /// Its time is over.
    Expired {
        /// What the last try got for an answer.
        reply: String,
    },
}

/// An operator's order about entries of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueOrder {
    /// Set aside.
    Hold(Vec<DispatchKey>),
    /// Take up again.
    Release(Vec<DispatchKey>),
    /// Try now.
    Retry(Vec<DispatchKey>),
}
