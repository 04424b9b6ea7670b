//! What the incoming point hands over, and what it is told (RFC 6109 §3.2).

use core::net::IpAddr;

use crate::address::Address;
use crate::blob::BlobRef;
use crate::message_id::Identifier;
use crate::proof::Durable;

/// A message that came from another server, its body on disk.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The message.
    pub body: Durable<BlobRef>,
    /// `None`: the empty one.
    pub reverse_path: Option<Address>,
    /// Forward path as given.
    pub recipients: Vec<Address>,
    /// For the `Received:` field.
    pub received_from: String,
    /// The peer's address.
    pub peer: IpAddr,
    /// What it called itself, empty when that was no name.
    pub helo: String,
    /// The TLS version; `None` on a plain connection (IP-26).
    pub tls: Option<String>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TakenIn {
    /// `250`.
    Accepted(Identifier),
    /// `4xx` or `5xx`.
    Refused {
        /// Three digits.
        code: u16,
        /// As in `5.7.1`.
        status: String,
        /// One line.
        text: String,
    },
}
