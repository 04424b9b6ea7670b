//! Whom we trust: the provider index, the authorities above its certificates, and their revocation lists,
//! as the incoming point asks of them. A port: [`TrustRoom`] fills it, tests their own worlds.

mod room;

pub use room::TrustRoom;

use crate::address::{Address, Domain};
use crate::instant::Instant;
use crate::smime::verify::SignerFacts;

/// Why check 3 does not hold for a signer's certificate (RFC 6109 §2.2.2).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainTrouble {
    /// It leads to no authority of ours, or its path or dates do not hold.
    #[error("{0}")]
    Bad(String),
    /// It, or one above it, was revoked.
    #[error("{0}")]
    Revoked(String),
    /// No revocation list that is still good tells (IP-12): to be asked again later.
    #[error("{0}")]
    Unknown(String),
}

/// What the incoming point asks.
pub trait Trust: Send + Sync {
    /// There is an index to go by at all; `false`: the appliance works alone, and nobody else is certified.
    fn has_index(&self) -> bool {
        true
    }

    /// When the index in use was fetched; `None`: there is none that proves intact (DI-12).
    fn index_at(&self) -> Option<Instant>;

    /// Names of the records that hold this very certificate (IP-03); empty: none does.
    fn providers_of(&self, certificate: &[u8]) -> Vec<String>;

    /// A record that holds the certificate manages `domain` (IP-06, TO-13).
    fn manages(&self, certificate: &[u8], domain: &Domain) -> bool;

    /// Some provider manages `domain` (AP-18).
    fn is_certified(&self, domain: &Domain) -> bool;

    /// `address` is a service address of some provider (ND-07).
    fn is_service_address(&self, address: &Address) -> bool;

    /// Where the provider of the certificate reads take-charge receipts about a message of a sender in
    /// `sender`, from `from` (TC-02).
    fn receipts_for(&self, certificate: &[u8], sender: &Domain, from: &Domain) -> Option<Address>;

    /// Check 3 at `at`: the path of the signer's certificate with its revocation lists; answers the
    /// oldest `thisUpdate` that it rests on.
    fn chain(&self, signer: &SignerFacts, at: Instant) -> Result<Option<Instant>, ChainTrouble>;

    /// The policy tolerates messages of `provider` from domains that its record does not list (IP-06).
    fn is_tolerated(&self, provider: &str) -> bool;

    /// A signer leads to an authority of ours and is not in the index: the index is fetched once, and
    /// the message is to come again for a while (IP-23). `false`: that while is over.
    fn awaits_index(&self, certificate: &[u8], now: Instant) -> bool;
}
