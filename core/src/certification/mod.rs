//! Certification data (RFC 6109 §4.4): what every message of ours states, as a value; `daticert.xml`
//! is written from it and read into it. Our own logic reads the XML and never the text (CD-14).

pub mod xml;

use crate::address::Address;
use crate::instant::Instant;
use crate::message_id::{ClientMessageId, Identifier};

/// `postacert/@tipo` (CD-03).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum CertificationKind {
    /// `accettazione`
    #[n(0)]
    Acceptance,
    /// `non-accettazione`
    #[n(1)]
    NonAcceptance,
    /// `presa-in-carico`
    #[n(2)]
    TakeCharge,
    /// `avvenuta-consegna`
    #[n(3)]
    Delivery,
    /// `posta-certificata`
    #[n(4)]
    TransportEnvelope,
    /// `errore-consegna`
    #[n(5)]
    NonDelivery,
    /// `preavviso-errore-consegna`
    #[n(6)]
    Delay,
    /// `rilevazione-virus`
    #[n(7)]
    VirusDetection,
}

/// `postacert/@errore` (CD-04).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum ErrorKind {
    /// `nessuno`
    #[n(0)]
    None,
    /// `no-dest`
    #[n(1)]
    NoRecipient,
    /// `no-dominio`
    #[n(2)]
    NoDomain,
    /// `virus`
    #[n(3)]
    Virus,
    /// `altro`
    #[n(4)]
    Other,
}

/// `destinatari/@tipo` (AP-18).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum RecipientType {
    /// `certificato`, in texts `posta certificata`.
    #[n(0)]
    Certified,
    /// `esterno`, in texts `posta ordinaria`.
    #[n(1)]
    External,
}

/// `ricevuta/@tipo`: the delivery receipt that the sender asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum DeliveryDetail {
    /// `completa`, with the whole original.
    #[default]
    #[n(0)]
    Complete,
    /// `breve`, attachments replaced by their hashes.
    #[n(1)]
    Brief,
    /// `sintetica`, without the original.
    #[n(2)]
    Concise,
}

/// One `destinatari`.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Recipient {
    /// The address, from the forward path (CD-06).
    #[n(0)]
    pub address: Address,
    /// Certified or not.
    #[n(1)]
    pub kind: RecipientType,
}

/// What stays the same in every message about one original: `intestazione` and the identifiers
/// (CD-12).
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct OriginalFacts {
    /// Reverse path.
    #[n(0)]
    pub sender: Address,
    /// Forward path, each once, in order.
    #[n(1)]
    pub recipients: Vec<Recipient>,
    /// Reply-To, else the sender; several joined by `, ` (CD-07).
    #[n(2)]
    pub replies: String,
    /// Decoded subject; `None` when the field is absent.
    #[n(3)]
    pub subject: Option<String>,
    /// The PEC identifier.
    #[n(4)]
    pub identifier: Identifier,
    /// The client's `Message-ID:`.
    #[n(5)]
    pub client_id: Option<ClientMessageId>,
}

/// All that one `daticert.xml` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificationData {
    /// `@tipo`
    pub kind: CertificationKind,
    /// `@errore`
    pub error: ErrorKind,
    /// `intestazione`, `identificativo`, `msgid`.
    pub original: OriginalFacts,
    /// `gestore-emittente`: who issues this very message (CD-10).
    pub issuer: String,
    /// `data`, to the second.
    pub at: Instant,
    /// `ricevuta`
    pub receipt: Option<DeliveryDetail>,
    /// `consegna`
    pub delivery: Option<Address>,
    /// `ricezione`
    pub taken_in_charge: Vec<Address>,
    /// `errore-esteso`
    pub extended_error: Option<String>,
}

impl CertificationData {
    /// Data with no more than every kind has; the issuing step adds what its kind has besides.
    pub fn new(
        kind: CertificationKind,
        original: &OriginalFacts,
        issuer: &str,
        at: Instant,
    ) -> Self {
        Self {
            kind,
            error: ErrorKind::None,
            original: original.clone(),
            issuer: issuer.to_owned(),
            at,
            receipt: None,
            delivery: None,
            taken_in_charge: Vec::new(),
            extended_error: None,
        }
    }
}
