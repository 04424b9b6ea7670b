//! The delivery receipt (RFC 6109 §3.3.2): one per recipient, complete, brief or concise by what the
//! sender asked and by where the recipient stands (DR-03 to DR-06).

use super::brief::brief;
use crate::address::Address;
use crate::blob::{BlobError, BlobRead};
use crate::certification::{CertificationData, CertificationKind, DeliveryDetail};
use crate::envelope::body::{self, Content, Enclosed};
use crate::envelope::{EnvelopeFacts, Issuer, SignedDraft, Step, header};
use crate::wording::texts::Text;
use crate::wording::words::MessageKind;

/// Makes the receipt of `recipient`. Reads `blobs` only where a brief receipt needs hashes.
pub fn delivery(
    issuer: &Issuer,
    facts: &EnvelopeFacts,
    recipient: &Address,
    blobs: &dyn BlobRead,
    step: Step,
) -> Result<SignedDraft, BlobError> {
    let kind = CertificationKind::Delivery;
    let mut data = CertificationData::new(kind, &facts.original, &issuer.provider, step.at);
    data.receipt = Some(facts.detail);
    data.delivery = Some(recipient.clone());
    let detail = detail_for(facts, recipient);
    let enclosed = match detail {
        DeliveryDetail::Complete => Some(facts.enclosed.clone()),
        DeliveryDetail::Brief => Some(brief(&facts.enclosed, blobs)?),
        DeliveryDetail::Concise => None,
    };
    let content = Content {
        text: Text::Delivery(detail),
        data: &data,
        enclosed: enclosed.map(|message| Enclosed {
            message,
            eight_bit: facts.eight_bit,
        }),
    };
    let (kind, raw) = (MessageKind::Delivery, facts.raw_subject.as_deref());
    let fields = header::receipt_header(kind, issuer, &facts.original, raw, &step);
    let message_id = header::receipt_id(issuer, &step);
    Ok(body::draft(fields, message_id, content, issuer, &step))
}

/// How much of the original the receipt of `recipient` holds. Only who stands in `Cc:` and not in
/// `To:` is a copy recipient (DR-06).
pub fn detail_for(facts: &EnvelopeFacts, recipient: &Address) -> DeliveryDetail {
    let key = recipient.key();
    let is_copy = facts.cc.contains(&key) && !facts.to.contains(&key);
    if is_copy {
        DeliveryDetail::Concise
    } else {
        facts.detail
    }
}
