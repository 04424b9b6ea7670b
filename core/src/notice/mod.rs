//! Notices: bad news (RFC 6109 §3.1.2, §3.1.3, §3.1.6, §3.2.3, §3.2.4, §3.3.3). None holds the original;
//! each states its error in certification data and text alike (CD-13). Each goes to the reverse path of
//! the original (AP-21), or for a virus seen on arrival to its provider, and leaves with the service
//! address as reverse path (SG-14).

mod delay;
mod non_acceptance;
mod non_delivery;
mod virus_detection;

pub use delay::{Delay, delay};
pub use non_acceptance::{NonAcceptance, non_acceptance};
pub use non_delivery::{Failure, non_delivery};
pub use virus_detection::virus_detection;

use crate::certification::CertificationData;
use crate::envelope::body::{self, Content};
use crate::envelope::{Issuer, SignedDraft, Step, header};
use crate::wording::texts::Text;
use crate::wording::words::MessageKind;

/// Text and certification data, under the header of `kind`.
fn draft(
    (kind, text): (MessageKind, Text),
    issuer: &Issuer,
    data: &CertificationData,
    raw_subject: Option<&str>,
    step: &Step,
) -> SignedDraft {
    let fields = header::receipt_header(kind, issuer, &data.original, raw_subject, step);
    let content = Content {
        text,
        data,
        enclosed: None,
    };
    body::draft(
        fields,
        header::receipt_id(issuer, step),
        content,
        issuer,
        step,
    )
}

/// `errore-esteso` in the form that other providers' programs read (ND-04).
fn extended(issuer: &Issuer, status: &str, reason: &str) -> String {
    format!("{status} - {} - {reason}", issuer.provider)
}
