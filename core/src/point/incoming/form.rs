//! Check 4, formal correctness (IP-05, IP-06, IP-15): the message has the form of an envelope or a
//! receipt, its outer header says what its signed data say, and it is from a domain of its signer.

use super::signed::{Certification, Message, Signed};
use crate::address::Address;
use crate::blob::BlobError;
use crate::certification::CertificationData;
use crate::mime::addresses::AddressList;
use crate::smime::verify::SignerFacts;
use crate::trust::Trust;
use crate::verdict;
use crate::wording::anomalies::AnomalyReason;
use crate::wording::words::{CERTIFICATION_FILE, MessageKind};

/// A message of the right form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formed {
    /// Which of the eleven; never an anomaly envelope, which is somebody's ordinary mail.
    pub kind: MessageKind,
    /// The signed certification data.
    pub data: Box<CertificationData>,
    /// The part that encloses a message.
    pub enclosed: Option<usize>,
    /// It is from a domain that its signer's record does not list, which the policy tolerates (IP-06).
    pub tolerated: Option<String>,
}

/// A fault of form, with words for the log.
pub(super) type Malformed = (AnomalyReason, String);

pub(super) fn check(
    message: &Message<'_>,
    signed: &Signed<'_>,
    signer: &SignerFacts,
    trust: &dyn Trust,
) -> Result<Result<Formed, Malformed>, BlobError> {
    if message.scan.faults().iter().any(|fault| fault.is_bound()) {
        let why = "it has more parts, levels or header than is read".to_owned();
        return Ok(Err((AnomalyReason::OutOfBounds, why)));
    }
    if !signed.is_whole()? {
        return Ok(malformed("it is cut, or something follows its last part"));
    }
    let data = match signed.certification()? {
        Certification::Data(data) => data,
        Certification::Missing => {
            return Ok(malformed(format!(
                "the signed content holds no {CERTIFICATION_FILE}"
            )));
        }
        Certification::Unreadable(why) => return Ok(malformed(why)),
    };
    let enclosed = signed.enclosed();
    let kind = match verdict::form(message.scan, &data, enclosed.is_some()) {
        Ok(kind) => kind,
        Err(why) => return Ok(malformed(why)),
    };
    if let Some(index) = enclosed
        && !message.scan.parts()[index].encoding.is_identity()
    {
        // RFC 2046 §5.2.1; what is decoded is not what was signed as the original.
        return Ok(malformed("the enclosed message is encoded"));
    }
    Ok(sender(message, signer, trust).map(|tolerated| Formed {
        kind,
        data,
        enclosed,
        tolerated,
    }))
}

/// IP-06: `From:` is in a domain of a record that holds the signer's certificate.
fn sender(
    message: &Message<'_>,
    signer: &SignerFacts,
    trust: &dyn Trust,
) -> Result<Option<String>, Malformed> {
    let Some(from) = from(message) else {
        let why = "\"From:\" does not hold one address".to_owned();
        return Err((AnomalyReason::Malformed, why));
    };
    let domain = from.domain();
    if trust.manages(&signer.certificate, &domain) {
        return Ok(None);
    }
    let providers = trust.providers_of(&signer.certificate);
    let why = format!("{domain} is no domain of {}", providers.join(", "));
    if providers
        .iter()
        .any(|provider| trust.is_tolerated(provider))
    {
        return Ok(Some(why));
    }
    Err((AnomalyReason::ForeignSender, why))
}

/// The one address of `From:`.
pub(super) fn from(message: &Message<'_>) -> Option<Address> {
    let mut fields = message.scan.fields_named("From");
    let (Some(field), None) = (fields.next(), fields.next()) else {
        return None;
    };
    let list = AddressList::parse(field.value);
    match list.addresses.as_slice() {
        [from] => Some(from.clone()),
        _ => None,
    }
}

fn malformed(why: impl Into<String>) -> Result<Formed, Malformed> {
    Err((AnomalyReason::Malformed, why.into()))
}
