//! The notices of time that ran out (RFC 6109 §3.1.6): the first says that delivery may still come, the
//! final one that it will not; only text and `errore-esteso` tell them apart (TO-08, TO-09, TO-10).

use crate::address::Address;
use crate::certification::{CertificationData, CertificationKind, ErrorKind};
use crate::envelope::{EnvelopeFacts, Issuer, SignedDraft, Step};
use crate::wording::failures;
use crate::wording::texts::Text;
use crate::wording::words::MessageKind;

/// Which of the two.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, minicbor::Encode, minicbor::Decode,
)]
#[cbor(index_only)]
pub enum Delay {
    /// After twelve hours without take-charge or delivery.
    #[n(0)]
    First,
    /// Before the twenty-fourth hour, without delivery.
    #[n(1)]
    Final,
}

/// Makes the notice about `recipient`.
pub fn delay(
    issuer: &Issuer,
    facts: &EnvelopeFacts,
    recipient: &Address,
    which: Delay,
    step: Step,
) -> SignedDraft {
    let kind = CertificationKind::Delay;
    let mut data = CertificationData::new(kind, &facts.original, &issuer.provider, step.at);
    let (text, (status, reason)) = match which {
        Delay::First => (Text::FirstDelay, failures::FIRST_DELAY),
        Delay::Final => (Text::FinalDelay, failures::FINAL_DELAY),
    };
    data.error = ErrorKind::Other;
    data.delivery = Some(recipient.clone());
    data.extended_error = Some(super::extended(issuer, status, reason));
    let raw_subject = facts.raw_subject.as_deref();
    super::draft(
        (MessageKind::Delay, text),
        issuer,
        &data,
        raw_subject,
        &step,
    )
}
