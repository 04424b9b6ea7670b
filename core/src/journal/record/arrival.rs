//! Records of what other servers bring: one arrival, what it is, and what we answer.

use super::{Evidence, Filing};
use crate::address::Address;
use crate::blob::BlobRef;
use crate::certification::{CertificationKind, ErrorKind};
use crate::instant::Instant;
use crate::mailbox::Content;
use crate::message_id::Identifier;
use crate::wording::anomalies::AnomalyReason;

/// What the incoming point made of a message (IP-07 to IP-10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum ArrivalKind {
    /// A correct transport envelope.
    #[n(0)]
    Envelope,
    /// A correct receipt or notice.
    #[n(1)]
    Receipt,
    /// Signed by a provider, and malformed (IP-09).
    #[n(2)]
    Malformed,
    /// Mail that nobody certifies (IP-10).
    #[n(3)]
    Ordinary,
    /// Seen before: nothing follows (IP-18).
    #[n(4)]
    Duplicate,
}

/// Whence a message came.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Peer {
    /// Its address.
    #[n(0)]
    pub address: String,
    /// The name that it gave.
    #[n(1)]
    pub helo: String,
    /// TLS version; `None`: in clear (IP-26).
    #[n(2)]
    pub tls: Option<String>,
}

/// What the four checks rested on (IP-21).
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct SignedVerdict {
    /// Check that failed, `None`: all four passed.
    #[n(0)]
    pub failed: Option<u8>,
    /// Why, in English.
    #[n(1)]
    pub reason: Option<String>,
    /// `providerName` of the record that holds the signer's certificate.
    #[n(2)]
    pub provider: Option<String>,
    /// SHA-256 of the signer's certificate.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub certificate: Option<Vec<u8>>,
    /// `thisUpdate` of the oldest revocation list asked.
    #[n(4)]
    pub crl_at: Option<Instant>,
    /// When the index in use was fetched.
    #[n(5)]
    pub index_at: Option<Instant>,
}

/// A correct envelope of another provider.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct ForeignEnvelope {
    /// [`crate::envelope::EnvelopeFacts`] of its signed data.
    #[n(0)]
    pub facts: BlobRef,
    /// Indexes, in the forward path of the original, of those whom this transaction is for.
    #[n(1)]
    pub recipients: Vec<u16>,
    /// Where its provider reads take-charge receipts (TC-02).
    #[n(2)]
    pub mail_receipt: Option<Address>,
    /// The original sender, whom receipts go to; `None`: nobody may be answered (ND-07).
    #[n(3)]
    pub answers_to: Option<Address>,
}

/// A correct receipt or notice of another provider, as its signed data say (CD-14).
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct ForeignReceipt {
    /// Which.
    #[n(0)]
    pub kind: CertificationKind,
    /// The message that it speaks of.
    #[n(1)]
    pub about: Identifier,
    /// `consegna` or `ricezione`, those alone whose domain the signer's record manages (TO-13).
    #[n(2)]
    pub recipients: Vec<Address>,
    /// `errore`
    #[n(3)]
    pub error: ErrorKind,
    /// `errore-esteso`
    #[n(4)]
    pub extended_error: Option<String>,
    /// `X-Mittente:` of a virus detection, which must agree (VI-06).
    #[n(5)]
    pub stated_sender: Option<Address>,
}

/// What goes into an anomaly envelope, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Anomaly {
    /// Why (AN-08).
    #[n(0)]
    pub reason: AnomalyReason,
    /// Whose mailboxes it is for.
    #[n(1)]
    pub recipients: Vec<Address>,
}

/// A recipient that did not take an ordinary message which others took (MX-05).
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Declined {
    /// Who.
    #[n(0)]
    pub recipient: Address,
    /// Enhanced status code.
    #[n(1)]
    pub status: String,
    /// In English, for the report.
    #[n(2)]
    pub reason: String,
}

/// Into which folder of its mailbox something goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum Shelf {
    /// INBOX.
    #[n(0)]
    Inbox,
    /// What is set aside in the service mailbox (TC-08).
    #[n(1)]
    Aside,
}

/// A message owed to a mailbox of ours, and to nobody's receipt.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Placement {
    /// Numbers those of one arrival.
    #[n(0)]
    pub number: u16,
    /// Whose mailbox.
    #[n(1)]
    pub address: Address,
    /// The octets.
    #[n(2)]
    pub content: Content,
    /// Their number.
    #[n(3)]
    pub size: u64,
    /// Where.
    #[n(4)]
    pub shelf: Shelf,
}

/// A message of another server is in; `250` follows. Home partition: that of its first recipient here.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Received {
    /// Ours, minted for the arrival.
    #[n(0)]
    pub identifier: Identifier,
    /// Whose evidence: the identificativo of the signed data where they hold, else ours.
    #[n(1)]
    pub evidence: Evidence,
    /// Whence.
    #[n(2)]
    pub peer: Peer,
    /// Reverse path; `None`: `<>`.
    #[n(3)]
    pub reverse_path: Option<Address>,
    /// With our trace fields before it.
    #[n(4)]
    pub content: Content,
    /// Its octets.
    #[n(5)]
    pub size: u64,
    /// It holds octets above 127.
    #[n(6)]
    pub eight_bit: bool,
    /// What it is.
    #[n(7)]
    pub kind: ArrivalKind,
    /// What the checks of a signed message rested on.
    #[n(8)]
    pub verdict: Option<SignedVerdict>,
    /// What the scanner found.
    #[n(9)]
    pub infected: Option<String>,
    /// A correct envelope.
    #[n(10)]
    pub envelope: Option<ForeignEnvelope>,
    /// A correct receipt.
    #[n(11)]
    pub receipt: Option<ForeignReceipt>,
    /// For whom it goes into an anomaly envelope.
    #[n(12)]
    pub anomaly: Option<Anomaly>,
    /// Put into mailboxes as it is.
    #[n(13)]
    pub placements: Vec<Placement>,
    /// Recipients that did not take it, where the sender is to be told.
    #[n(14)]
    pub declined: Vec<Declined>,
    /// Where the provider of an infected message is told (VI-04), and for which recipients.
    #[n(15)]
    pub detected_for: Vec<Address>,
    /// Proofs of having seen it (IP-18).
    #[n(16)]
    pub seen: Vec<SeenMark>,
    /// An answer is owed: take-charge, anomaly envelope, detection, report or matching.
    #[n(17)]
    pub is_owed: bool,
    /// Proofs of having seen the identificativo for each recipient, whatever the content (IP-18).
    #[cbor(n(18), default)]
    pub named: Vec<SeenMark>,
}

/// SHA-256 over identificativo, recipient and digest of the signed content (IP-18).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, minicbor::Encode, minicbor::Decode,
)]
#[cbor(transparent)]
pub struct SeenMark(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

/// What an arrival owed is signed: take-charge receipt, anomaly envelope, detections, reports.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Answered {
    /// The arrival.
    #[n(0)]
    pub identifier: Identifier,
    /// Whose evidence, and when.
    #[n(1)]
    pub evidence: Evidence,
    /// Anomaly envelopes to be put into mailboxes.
    #[n(2)]
    pub placements: Vec<Placement>,
    /// Our take-charge receipt.
    #[n(3)]
    pub charge: Option<Content>,
}

/// A receipt was matched to its message, or there was none to match it to.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Matched {
    /// The arrival.
    #[n(0)]
    pub identifier: Identifier,
    /// What came of it, in English.
    #[n(1)]
    pub finding: String,
}

/// A message was put into a mailbox, or found none.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Placed {
    /// The arrival.
    #[n(0)]
    pub identifier: Identifier,
    /// Which of its placements.
    #[n(1)]
    pub number: u16,
    /// When.
    #[n(2)]
    pub at: Instant,
    /// Where; `None`: the mailbox is gone or full.
    #[n(3)]
    pub filing: Option<Filing>,
    /// What found no place, kept with the log (DP-09).
    #[n(4)]
    pub unplaced: Option<Content>,
}
