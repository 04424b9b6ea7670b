//! The acceptance receipt (RFC 6109 §3.1.4): lists every recipient with its type and never holds the
//! original (AP-19, AP-20).

use crate::certification::{CertificationData, CertificationKind, OriginalFacts};
use crate::envelope::body::{self, Content};
use crate::envelope::{Issuer, SignedDraft, Step, header};
use crate::wording::texts::Text;
use crate::wording::words::MessageKind;

/// Makes the receipt; `raw_subject` as in [`crate::envelope::EnvelopeFacts`].
pub fn acceptance(
    issuer: &Issuer,
    original: &OriginalFacts,
    raw_subject: Option<&str>,
    step: Step,
) -> SignedDraft {
    let kind = CertificationKind::Acceptance;
    let data = CertificationData::new(kind, original, &issuer.provider, step.at);
    let kind = MessageKind::Acceptance;
    let fields = header::receipt_header(kind, issuer, original, raw_subject, &step);
    let content = Content {
        text: Text::Acceptance,
        data: &data,
        enclosed: None,
    };
    let message_id = header::receipt_id(issuer, &step);
    body::draft(fields, message_id, content, issuer, &step)
}
