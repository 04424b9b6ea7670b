//! The notice of non-acceptance (RFC 6109 §3.1.2, §3.1.3): the whole message is refused, and nobody
//! gets it (AP-12, AP-13, AP-14).

use crate::certification::{CertificationData, CertificationKind, ErrorKind, OriginalFacts};
use crate::envelope::{Issuer, SignedDraft, Step};
use crate::wording::texts::Text;
use crate::wording::words::MessageKind;

/// Why a message is not accepted; the words are `errore-esteso`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NonAcceptance {
    /// It fails a formal check: the reason, in Italian.
    Formal(String),
    /// It holds a virus: what the scanner calls it.
    Virus(String),
}

/// Makes the notice; `raw_subject` as in [`crate::envelope::EnvelopeFacts`].
pub fn non_acceptance(
    issuer: &Issuer,
    original: &OriginalFacts,
    raw_subject: Option<&str>,
    why: &NonAcceptance,
    step: Step,
) -> SignedDraft {
    let kind = CertificationKind::NonAcceptance;
    let mut data = CertificationData::new(kind, original, &issuer.provider, step.at);
    let (message, text, error, reason) = match why {
        NonAcceptance::Formal(reason) => (
            MessageKind::NonAcceptance,
            Text::NonAcceptance,
            ErrorKind::Other,
            reason,
        ),
        NonAcceptance::Virus(name) => (
            MessageKind::VirusNonAcceptance,
            Text::VirusNonAcceptance,
            ErrorKind::Virus,
            name,
        ),
    };
    data.error = error;
    data.extended_error = Some(reason.clone());
    super::draft((message, text), issuer, &data, raw_subject, &step)
}
