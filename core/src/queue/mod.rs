//! Mail for other servers, one entry per message and recipient: what an entry is ([`DispatchRow`]), what
//! comes of it ([`DispatchOutcome`]), and when it is tried ([`Schedule`]). All of it is pure: time comes
//! in with each event, chance from a seed, so that a run can be repeated. What must survive is in the
//! rows; the schedule is made anew from them at each start.
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
//! and recipients of one destination ([`limits`](crate::limits)).

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
    /// The message.
    #[n(0)]
    pub identifier: Identifier,
    /// Which of what leaves for it: each recipient of each of its parts has one.
    #[n(1)]
    pub number: u32,
}

/// How mail must travel.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, minicbor::Encode, minicbor::Decode,
)]
#[cbor(index_only)]
pub enum DispatchClass {
    /// To domains of certified mail: STARTTLS only, straight to the host, never in clear (TE-14).
    #[n(0)]
    Certified,
    /// To the Internet: TLS where offered, DKIM, a source address of its own (TE-18, TE-19).
    #[n(1)]
    Ordinary,
}

/// What leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum Purpose {
    /// A transport envelope.
    #[n(0)]
    Envelope,
    /// A take-charge receipt.
    #[n(1)]
    TakeCharge,
    /// Any other receipt or notice.
    #[n(2)]
    Receipt,
    /// A virus-detection notice.
    #[n(3)]
    VirusDetection,
    /// Mail passed on.
    #[n(4)]
    Forward,
    /// An ordinary delivery report.
    #[n(5)]
    Report,
}

/// An entry of the queue.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct DispatchRow {
    /// Queued.
    #[n(0)]
    pub at: Instant,
    /// Given up (TE-15).
    #[n(1)]
    pub until: Instant,
    /// The octets.
    #[n(2)]
    pub content: Content,
    /// Their number.
    #[n(3)]
    pub size: u64,
    /// They hold octets above 127: `BODY=8BITMIME`, never re-encoded (SG-08).
    #[n(4)]
    pub eight_bit: bool,
    /// Reverse path; `None`: `<>`.
    #[n(5)]
    pub reverse_path: Option<Address>,
    /// Forward path.
    #[n(6)]
    pub to: Address,
    /// How it must travel.
    #[n(7)]
    pub class: DispatchClass,
    /// What it is.
    #[n(8)]
    pub purpose: Purpose,
    /// Tried so many times.
    #[n(9)]
    pub attempts: u32,
    /// Not before.
    #[n(10)]
    pub next: Instant,
    /// The last reply, made harmless by [`neutral`].
    #[n(11)]
    pub last: Option<String>,
    /// An operator holds it.
    #[n(12)]
    pub held: bool,
}

/// What came of an attempt, for the journal.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub enum DispatchOutcome {
    /// The other server answered for it.
    #[n(0)]
    Sent {
        /// Its name.
        #[n(0)]
        host: String,
        /// What it said.
        #[n(1)]
        reply: String,
        /// Version of TLS; `None`: in clear.
        #[n(2)]
        tls: Option<String>,
    },
    /// Try again.
    #[n(1)]
    Deferred {
        /// When.
        #[n(0)]
        next: Instant,
        /// Why.
        #[n(1)]
        reply: String,
    },
    /// Refused for good (ND-05, ND-08).
    #[n(2)]
    Refused {
        /// Who refused; empty when nobody could be asked.
        #[n(0)]
        host: String,
        /// Enhanced status code, `5.1.1`.
        #[n(1)]
        status: String,
        /// What was said.
        #[n(2)]
        reply: String,
    },
    /// Its time is over (TE-15).
    #[n(3)]
    Expired {
        /// The last thing that was said.
        #[n(0)]
        reply: String,
    },
}

/// An operator's order about entries; at most [`limits::QUEUE_KEYS_PER_ORDER_MAX`] in one. Keys that are
/// there no more are passed over.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub enum QueueOrder {
    /// Do not try them until released; they are still given up in time.
    #[n(0)]
    Hold(#[n(0)] Vec<DispatchKey>),
    /// Try them again as before.
    #[n(1)]
    Release(#[n(0)] Vec<DispatchKey>),
    /// Try them now, and their destinations with them: `next` becomes the present instant.
    #[n(2)]
    Retry(#[n(0)] Vec<DispatchKey>),
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
/// [`limits::DISPATCH_REPLY_BYTES_MAX`]: they end up in records, notices and terminals.
pub fn neutral(reply: &str) -> String {
    let mut clean = String::new();
    let mut blank = true;
    for c in reply.chars() {
        if clean.len() >= limits::DISPATCH_REPLY_BYTES_MAX {
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
