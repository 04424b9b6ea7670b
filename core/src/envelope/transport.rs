//! The transport envelope: one per accepted message, whatever the number of recipients (TE-01). It
//! inherits only `Received:`, `To:`, `Cc:`, `Return-Path:` and `Reply-To:`; no `Sender:` and no delivery
//! status option of the original goes on (TE-16, TE-17).

use super::body::{self, Content, Enclosed};
use super::header::{self, Header};
use super::{EnvelopeFacts, Issuer, SignedDraft, Step};
use crate::certification::{CertificationData, CertificationKind, DeliveryDetail};
use crate::wording::texts::Text;
use crate::wording::words::{self, MessageKind};

/// What an envelope takes from the header of the original, besides the subject.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EnvelopeHeader {
    /// The fields `Return-Path:`, `Received:` (the access point's own first), `To:`, `Cc:` and
    /// `Reply-To:` as they stand in the original, each with its CRLF, in their order.
    pub copied: Vec<u8>,
    /// The original has a `Reply-To:`, which is among `copied` (TE-03).
    pub has_reply_to: bool,
    /// The kind of receipt that the original asks for in so many words (TE-08).
    pub asked: Option<DeliveryDetail>,
}

/// Makes the envelope.
pub fn transport(
    issuer: &Issuer,
    facts: &EnvelopeFacts,
    inherited: &EnvelopeHeader,
    step: Step,
) -> SignedDraft {
    let kind = CertificationKind::TransportEnvelope;
    let mut data = CertificationData::new(kind, &facts.original, &issuer.provider, step.at);
    data.receipt = Some(facts.detail);
    let content = Content {
        text: Text::TransportEnvelope,
        data: &data,
        enclosed: Some(Enclosed {
            message: facts.enclosed.clone(),
            eight_bit: facts.eight_bit,
        }),
    };
    let message_id = facts.original.identifier.to_string();
    let header = fields(issuer, facts, inherited, &step);
    body::draft(header, message_id, content, issuer, &step)
}

fn fields(
    issuer: &Issuer,
    facts: &EnvelopeFacts,
    inherited: &EnvelopeHeader,
    step: &Step,
) -> Header {
    let kind = MessageKind::TransportEnvelope;
    let original = &facts.original;
    let mut header = Header::default();
    header.copied(&["Return-Path", "Received"], &inherited.copied);
    let (name, value) = kind.marker();
    header.field(name, value);
    header.field("Date", &step.at.header_date());
    let subject = header::subject(kind, facts.raw_subject.as_deref());
    header.field("Subject", &subject);
    let on_behalf = header::on_behalf_of(issuer, original.sender.as_str());
    header.field("From", &on_behalf);
    if !inherited.has_reply_to {
        header.field("Reply-To", original.sender.as_str());
    }
    header.copied(&["Reply-To", "To", "Cc"], &inherited.copied);
    header.field("Message-ID", &format!("<{}>", original.identifier));
    if let Some(client_id) = &original.client_id {
        header.field(words::REFERENCE_FIELD, client_id.as_str());
    }
    if let Some(detail) = inherited.asked {
        header.field(words::DETAIL_FIELD, detail.word());
    }
    header
}
