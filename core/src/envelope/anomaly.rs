//! The anomaly envelope (RFC 6109 §3.2.2): a received message that nobody certifies, whole and
//! unchanged, with the reason why. It holds no certification data and no other part (AN-04), and
//! nothing follows from it: no receipt, no notice, no timer (AN-07).

use super::body::{self, Enclosed};
use super::header::{self, Header};
use super::{Issuer, SignedDraft, Step};
use crate::address::Address;
use crate::certification::{Recipient, RecipientType};
use crate::message_id::ClientMessageId;
use crate::mime::addresses::AddressList;
use crate::mime::{Scan, words as mime_words};
use crate::rope::Rope;
use crate::wording::anomalies::AnomalyReason;
use crate::wording::texts::{Text, TextFacts};
use crate::wording::words::MessageKind;

/// AN-02: fields that stay as they were received, `Reply-To:` among them (AN-03).
const COPIED_FIELDS: [&str; 6] = [
    "Return-Path",
    "Received",
    "Reply-To",
    "To",
    "Cc",
    "Message-ID",
];

/// What an anomaly envelope says of the message in it.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct AnomalyFacts {
    /// The original sender (AN-03): the first valid address of `From:`, else the reverse path; `None`
    /// where neither can be read.
    #[n(0)]
    pub sender: Option<Address>,
    /// Mailboxes of ours that this envelope goes to; the text names them.
    #[n(1)]
    pub recipients: Vec<Address>,
    /// The subject decoded; `None` without the field.
    #[n(2)]
    pub subject: Option<String>,
    /// The subject on one line of ASCII, RFC 2047 words kept (TE-05).
    #[n(3)]
    pub raw_subject: Option<String>,
    /// `Message-ID:` as it can be read.
    #[n(4)]
    pub message_id: Option<ClientMessageId>,
    /// The fields that stay, each with its CRLF, in their order, octet by octet (AN-02).
    #[cbor(n(5), with = "minicbor::bytes")]
    pub copied: Vec<u8>,
    /// The message holds octets above 127, or more than was read of it (SG-08).
    #[n(6)]
    pub eight_bit: bool,
}

impl AnomalyFacts {
    /// Reads them from the received message, well formed or not.
    pub fn read(scan: &Scan, reverse_path: Option<&Address>, recipients: Vec<Address>) -> Self {
        let from = AddressList::of_fields(scan.fields_named("From").map(|field| field.value));
        let sender = from.addresses.into_iter().next();
        let subject = scan.field("Subject").map(|field| field.value);
        let message_id = scan.field("Message-ID").and_then(|field| {
            let value = mime_words::unfolded(field.value);
            ClientMessageId::from_field(&String::from_utf8_lossy(&value))
        });
        Self {
            sender: sender.or_else(|| reverse_path.cloned()),
            recipients,
            subject: subject.map(|value| mime_words::neutralised(&mime_words::decode(value))),
            raw_subject: subject.map(|raw| mime_words::as_header_text(raw).into_owned()),
            message_id,
            copied: scan.copied_fields(&COPIED_FIELDS),
            eight_bit: scan.has_eight_bit() || scan.faults().iter().any(|fault| fault.is_bound()),
        }
    }
}

/// Makes the envelope around `received`, all octets of which stay as they came.
pub fn anomaly(
    issuer: &Issuer,
    facts: &AnomalyFacts,
    received: Rope,
    reason: AnomalyReason,
    step: Step,
) -> SignedDraft {
    // All are mailboxes of ours.
    let recipient = |address: &Address| Recipient {
        address: address.clone(),
        kind: RecipientType::Certified,
    };
    let recipients: Vec<Recipient> = facts.recipients.iter().map(recipient).collect();
    let lines = Text::Anomaly.lines(&TextFacts {
        subject: facts.subject.as_deref(),
        sender: sender(facts),
        recipients: &recipients,
        identifier: None,
        at: step.at,
        zone_with_colon: issuer.zone_with_colon,
        recipient: None,
        reason: Some(&reason.sentence()),
    });
    let enclosed = Enclosed {
        message: received,
        eight_bit: facts.eight_bit,
    };
    let (header, message_id) = fields(issuer, facts, &step);
    body::uncertified(header, message_id, &lines, enclosed, &step)
}

/// What stands for a sender that cannot be read is empty, as a null reverse path is.
fn sender(facts: &AnomalyFacts) -> &str {
    facts.sender.as_ref().map_or("", Address::as_str)
}

fn fields(issuer: &Issuer, facts: &AnomalyFacts, step: &Step) -> (Header, String) {
    let kind = MessageKind::AnomalyEnvelope;
    let mut header = Header::default();
    header.copied(&["Return-Path", "Received"], &facts.copied);
    let (name, value) = kind.marker();
    header.field(name, value);
    header.field("Date", &step.at.header_date());
    let subject = header::subject(kind, facts.raw_subject.as_deref());
    header.field("Subject", &subject);
    header.field("From", &header::on_behalf_of(issuer, sender(facts)));
    let has_reply_to = header.copied(&["Reply-To"], &facts.copied);
    if let Some(sender) = facts.sender.as_ref().filter(|_| !has_reply_to) {
        header.field("Reply-To", sender.as_str());
    }
    header.copied(&["To", "Cc"], &facts.copied);
    let has_id = header.copied(&["Message-ID"], &facts.copied);
    let new_id = header::receipt_id(issuer, step);
    if !has_id {
        header.field("Message-ID", &format!("<{new_id}>"));
    }
    let received_id = facts.message_id.as_ref().map(|id| id.as_str());
    let received_id = received_id.map(|id| id.trim_matches(['<', '>']).to_owned());
    (header, received_id.unwrap_or(new_id))
}
