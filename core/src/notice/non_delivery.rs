//! The notice of non-delivery (RFC 6109 §3.3.3): one recipient could not be served (ND-01 to ND-04). For
//! a virus it is the kind of its own that §3.2.4 asks for (VI-06).

use crate::address::Address;
use crate::certification::{CertificationData, CertificationKind, ErrorKind};
use crate::envelope::{EnvelopeFacts, Issuer, SignedDraft, Step};
use crate::wording::texts::Text;
use crate::wording::words::MessageKind;

/// How a delivery failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// `errore` (ND-03).
    pub error: ErrorKind,
    /// Enhanced status code, `5.1.1`.
    pub status: String,
    /// Short reason, in Italian.
    pub reason: String,
}

/// Makes the notice.
pub fn non_delivery(
    issuer: &Issuer,
    facts: &EnvelopeFacts,
    recipient: &Address,
    failure: &Failure,
    step: Step,
) -> SignedDraft {
    let kind = CertificationKind::NonDelivery;
    let mut data = CertificationData::new(kind, &facts.original, &issuer.provider, step.at);
    data.error = failure.error;
    data.delivery = Some(recipient.clone());
    data.extended_error = Some(super::extended(issuer, &failure.status, &failure.reason));
    let (message, text) = match failure.error {
        ErrorKind::Virus => (MessageKind::VirusNonDelivery, Text::VirusNonDelivery),
        _ => (MessageKind::NonDelivery, Text::NonDelivery),
    };
    let raw_subject = facts.raw_subject.as_deref();
    super::draft((message, text), issuer, &data, raw_subject, &step)
}
