//! What the network hands over, and what it answers to the other server.

use core::net::IpAddr;

use crate::address::Address;
use crate::blob::BlobRef;
use crate::message_id::Identifier;
use crate::proof::Durable;

/// A message that another server has handed in, before it is answered.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// As it came, after dot removal; durable already.
    pub body: Durable<BlobRef>,
    /// `None`: `<>`.
    pub reverse_path: Option<Address>,
    /// Forward path, all in domains that we manage.
    pub recipients: Vec<Address>,
    /// `from … ([address]) by … with …`: the text of the `Received:` field before ` id …; date`.
    pub received_from: String,
    /// The other server's address.
    pub peer: IpAddr,
    /// The name that it gave.
    pub helo: String,
    /// TLS version; `None`: in clear (IP-26).
    pub tls: Option<String>,
    /// What the sender's domain says of the peer (RFC 7208).
    pub spf: Spf,
}

/// Whether the peer may send for the reverse path's domain, as far as it could be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spf {
    /// It may.
    Pass,
    /// It may not: no report goes to that reverse path (MX-05).
    Fail,
    /// The domain does not say.
    None,
    /// Not asked, or no answer in time.
    #[default]
    Unknown,
}

/// The answer after the final dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TakenIn {
    /// `250`: it is ours.
    Accepted(Identifier),
    /// `4xx` or `5xx`: it is not.
    Refused {
        /// Reply code.
        code: u16,
        /// Enhanced status code.
        status: String,
        /// In English, for the other server's people.
        text: String,
    },
}

impl TakenIn {
    /// A refusal; `reply` as it goes over the wire, `451 4.7.5 …`.
    pub(super) fn refused(code: u16, status: &str, text: impl Into<String>) -> Self {
        Self::Refused {
            code,
            status: status.to_owned(),
            text: text.into(),
        }
    }
}
