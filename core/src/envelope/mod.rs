//! The transport envelope (RFC 6109 §3.1.5), the anomaly envelope (§3.2.2), and what all messages of
//! ours are built with: the draft, its header and its content.

mod anomaly;
pub(crate) mod body;
mod draft;
pub(crate) mod header;
pub(crate) mod house;
mod transport;

pub use anomaly::{AnomalyFacts, anomaly};
pub(crate) use draft::Boundary;
pub use draft::{Issuer, Seed, SignedDraft, Step};
pub use transport::{EnvelopeHeader, transport};

use crate::certification::{DeliveryDetail, OriginalFacts};
use crate::rope::Rope;

/// What later steps need to know of an envelope: taken from our own draft, or read from the signed XML
/// and the parts of another provider's envelope (CD-12). Stored as one blob.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct EnvelopeFacts {
    /// `intestazione`, `identificativo` and `msgid` of the signed XML.
    #[n(0)]
    pub original: OriginalFacts,
    /// The subject field of the original as it was written, unfolded to one line without its CRLF,
    /// RFC 2047 words kept: receipts put their prefix before it (TE-05).
    #[n(1)]
    pub raw_subject: Option<String>,
    /// The receipt asked for; `Complete` when nothing valid was asked (TE-08).
    #[n(2)]
    pub detail: DeliveryDetail,
    /// Addresses of `To:`, in lower case (DR-03).
    #[n(3)]
    pub to: Vec<String>,
    /// Addresses of `Cc:`, in lower case.
    #[n(4)]
    pub cc: Vec<String>,
    /// The content of `postacert.eml`.
    #[n(5)]
    pub enclosed: Rope,
    /// The enclosed message holds 8-bit octets that may not be re-encoded (SG-08).
    #[n(6)]
    pub eight_bit: bool,
}
