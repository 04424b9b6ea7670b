//! The notice of a virus seen on arrival (RFC 6109 §3.2.3): one per recipient, to the service mailbox of
//! the sender's provider, which turns it into a notice for its user (VI-04, VI-05, VI-06).

use crate::address::Address;
use crate::certification::{CertificationData, CertificationKind, ErrorKind};
use crate::envelope::body::{self, Content};
use crate::envelope::{EnvelopeFacts, Issuer, SignedDraft, Step, header};
use crate::wording::texts::Text;
use crate::wording::words::MessageKind;

/// Makes the notice about `recipient`; `detection` is what the scanner calls the virus, `mail_receipt`
/// the service mailbox chosen as for take-charge (TC-02).
pub fn virus_detection(
    issuer: &Issuer,
    facts: &EnvelopeFacts,
    recipient: &Address,
    detection: &str,
    mail_receipt: &Address,
    step: Step,
) -> SignedDraft {
    let kind = CertificationKind::VirusDetection;
    let original = &facts.original;
    let mut data = CertificationData::new(kind, original, &issuer.provider, step.at);
    data.error = ErrorKind::Virus;
    data.delivery = Some(recipient.clone());
    data.extended_error = Some(detection.to_owned());
    let (kind, raw) = (MessageKind::VirusDetection, facts.raw_subject.as_deref());
    let fields = header::header_to(mail_receipt, kind, issuer, original, raw, &step);
    let content = Content {
        text: Text::VirusDetection,
        data: &data,
        enclosed: None,
    };
    let message_id = header::receipt_id(issuer, &step);
    body::draft(fields, message_id, content, issuer, &step)
}
