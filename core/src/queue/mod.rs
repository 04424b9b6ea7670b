//! Mail for other servers, one entry per message and recipient: what an entry is ([`DispatchRow`]), what
//! comes of it ([`DispatchOutcome`], whose meaning is for the [owner](crate::owner) to decide), and when it
//! is tried ([`Schedule`]). All of it is pure: time comes in with each event, chance from a seed, so that
//! a run can be repeated. What must survive is in the rows; the schedule is made anew from them at each
//! start.
//!
//! # How it schedules
//!
//! *Problem.* One dead server must not hold up another, old mail must not hold up new, and a server
//! that comes back must not be run over. *Rejected:* one queue by time of retry: 100,000 entries of one
//! dead destination stand before everybody else's, and each costs a connection to find that out.
//!
//! *Algorithm.* Entries wait by **destination**: the recipient's domain, and whether certified or
//! ordinary mail goes there. Destinations with something due stand in one of three rings: *fresh* (mail
//! never tried), *deferred*, and *probe* (the last connection failed). Free connections go to the rings
//! in turn, within a ring to the destinations in turn, and inside a destination to fresh and deferred
//! mail in turn. A destination begins with one connection, gets one more for each that served it, half
//! as many when one fails; when none is left it is **dead**: one probe with one message at a time, after
//! 1, 2, 4 … 60 minutes, and only the probe's entries are marked as tried. Probes never hold more than
//! half of all connections. An entry is tried again 1, 5, 15, 30 minutes and then an hour after each
//! failure, and given up at its `until` (TE-15), also while an operator holds it.
//!
//! *Bounds.* What is under way is a window over a backlog of any length: connections, recipients in all
//! and recipients of one destination ([`limits`]).

mod place;
mod retry;
mod schedule;
#[cfg(test)]
mod tests;

pub use schedule::{
    Action, Answer, Attempt, Bounds, Connection, DestinationState, Ending, Event, Outgoing,
    Schedule,
};

use std::fmt;

use crate::address::{Address, Domain};
use crate::instant::Instant;
use crate::limits;
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
    /// A warning about the capacity, to a holder's second address (AC-17).
    #[n(6)]
    Warning,
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

/// Where an entry goes, as the schedule sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Destination {
    /// The recipients' domain.
    pub domain: Domain,
    /// How mail must travel.
    pub class: DispatchClass,
}

impl DispatchRow {
    /// Where it goes.
    pub fn destination(&self) -> Destination {
        Destination {
            domain: self.to.domain(),
            class: self.class,
        }
    }
}

impl DispatchKey {
    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (identifier, number) = text.trim().rsplit_once('/')?;
        Some(Self {
            identifier: Identifier::parse(identifier)?,
            number: number.parse().ok()?,
        })
    }
}

impl fmt::Display for DispatchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.identifier, self.number)
    }
}

impl fmt::Display for DispatchClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certified => "certified",
            Self::Ordinary => "ordinary",
        })
    }
}

/// A foreign server's words on one line of printable ASCII, at most
/// [`limits::REPLY_CHARS_KEPT_MAX`]: they end up in records, notices and terminals.
pub fn neutral(reply: &str) -> String {
    let mut clean = String::new();
    let mut blank = true;
    for c in reply.chars() {
        if clean.len() >= limits::REPLY_CHARS_KEPT_MAX {
            break;
        }
        match c {
            ' ' | '\t' | '\r' | '\n' if blank => {}
            ' ' | '\t' | '\r' | '\n' => clean.push(' '),
            c if c.is_ascii_graphic() => clean.push(c),
            _ => clean.push('?'),
        }
        blank = clean.is_empty() || clean.ends_with(' ');
    }
    clean.truncate(clean.trim_end().len());
    clean
}
