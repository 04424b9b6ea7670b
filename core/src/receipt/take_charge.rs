//! The take-charge receipt (RFC 6109 §3.2.1): tells the sender's provider which recipients of one SMTP
//! transaction we answer for from now on. It goes to that provider's service mailbox, never to a user,
//! and never holds the original (TC-01, TC-03, TC-05).

use crate::address::Address;
use crate::certification::{CertificationData, CertificationKind, OriginalFacts};
use crate::envelope::body::{self, Content};
use crate::envelope::{Issuer, SignedDraft, Step, header};
use crate::wording::texts::Text;
use crate::wording::words::MessageKind;

/// Makes the receipt: `recipients` are all of the transaction in our domains, `mail_receipt` the
/// service mailbox of the sender's provider (TC-02); `raw_subject` as in
/// [`crate::envelope::EnvelopeFacts`].
pub fn take_charge(
    issuer: &Issuer,
    original: &OriginalFacts,
    raw_subject: Option<&str>,
    recipients: &[Address],
    mail_receipt: &Address,
    step: Step,
) -> SignedDraft {
    let kind = CertificationKind::TakeCharge;
    let mut data = CertificationData::new(kind, original, &issuer.provider, step.at);
    data.taken_in_charge = recipients.to_vec();
    let kind = MessageKind::TakeCharge;
    let fields = header::header_to(mail_receipt, kind, issuer, original, raw_subject, &step);
    let content = Content {
        text: Text::TakeCharge,
        data: &data,
        enclosed: None,
    };
    let message_id = header::receipt_id(issuer, &step);
    body::draft(fields, message_id, content, issuer, &step)
}
