//! The legal fields of an event, committed with it because they are in its record (see *Keeping*).

use crate::address::Address;
use crate::instant::Instant;
use crate::message_id::{ClientMessageId, Identifier};
use crate::reconciliation::KeyMark;

/// What the law wants logged (RFC 6109 §2.3), with a random salt, so that the leaf's hash tells
/// nothing once the fields are gone.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Evidence {
    /// Random, drawn for this event alone.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub salt: [u8; 16],
    /// The instant of the step.
    #[n(1)]
    pub at: Instant,
    /// The PEC identifier.
    #[n(2)]
    pub identifier: Identifier,
    /// The client's `Message-ID:`.
    #[n(3)]
    pub client_id: Option<ClientMessageId>,
    /// Reverse path of the original.
    #[n(4)]
    pub sender: Option<Address>,
    /// The recipients concerned; empty where the record names a blob of paths instead.
    #[n(5)]
    pub recipients: Vec<Address>,
    /// Decoded subject, cut at `limits::EVIDENCE_SUBJECT_CHARS_MAX`.
    #[n(6)]
    pub subject: Option<String>,
    /// `Message-ID:` values of the messages that this step made, without brackets.
    #[n(7)]
    pub made: Vec<String>,
    /// Name of the provider that certifies the step.
    #[n(8)]
    pub provider: String,
    /// Keys that signed what this step made: one where it signed all, else one for each of `made` (LG-14).
    #[cbor(n(9), default)]
    pub signed_by: Vec<KeyMark>,
}
