//! What the outer header says of itself against the signed data: it is under no signature, so what it
//! repeats must be the same (RFC 6109 §3, CD-14).

use super::examination::{Examination, Finding};
use crate::certification::{CertificationData, CertificationKind, ErrorKind};
use crate::instant::Instant;
use crate::mime::addresses::AddressList;
use crate::mime::words as mime_words;
use crate::wording::words::{self, MessageKind};

/// Certified mail states one instant in header and data (TM-01); relays do not touch either.
const DATE_DIFFERENCE_MAX_MS: u64 = 60_000;

impl Examination<'_> {
    pub(super) fn kind(&self) -> Result<MessageKind, String> {
        let value = |name: &'static str| -> Result<Option<String>, String> {
            let mut fields = self.scan.fields_named(name);
            let first = fields.next().map(|field| mime_words::decode(field.value));
            match fields.next() {
                Some(_) => Err(format!("the message has several \"{name}:\" fields")),
                None => Ok(first),
            }
        };
        let transport = value(words::TRANSPORT_FIELD)?;
        let receipt = value(words::RECEIPT_FIELD)?;
        let security = value(words::SECURITY_FIELD)?;
        let found = MessageKind::recognise(
            transport.as_deref(),
            receipt.as_deref(),
            security.as_deref(),
        );
        found.ok_or_else(|| match (transport, receipt) {
            (None, None) => format!(
                "the message has neither \"{}:\" nor \"{}:\", so it is no certified mail",
                words::TRANSPORT_FIELD,
                words::RECEIPT_FIELD
            ),
            (Some(_), Some(_)) => format!(
                "the message has both \"{}:\" and \"{}:\"",
                words::TRANSPORT_FIELD,
                words::RECEIPT_FIELD
            ),
            (Some(value), None) | (None, Some(value)) => {
                format!("no certified message is of the type {value:?}")
            }
        })
    }

    pub(super) fn kind_checks(
        &mut self,
        reached: bool,
        data: Option<&CertificationData>,
    ) -> Option<MessageKind> {
        let kind = self.kind();
        let finding = kind.clone().and_then(|kind| agreeing(kind, data));
        self.say("type", finding);
        match (&kind, data) {
            (Ok(kind), Some(data)) => {
                let finding = self.heading(*kind, data);
                self.say("header", finding);
            }
            (Ok(MessageKind::AnomalyEnvelope), None) if reached => {
                let sentence = "an anomaly envelope has no data to compare with";
                self.say("header", Ok(sentence.to_owned()));
            }
            _ => self.not_reached("header"),
        }
        kind.ok()
    }

    /// The kind that the outer header marks, where the signed data say the same.
    pub(super) fn agreed(&self, data: &CertificationData) -> Result<MessageKind, String> {
        let kind = self.kind()?;
        agreeing(kind, Some(data)).map(|_| kind)
    }

    /// The outer header is under no signature: what it repeats of the signed data must be the same.
    pub(super) fn heading(&self, kind: MessageKind, data: &CertificationData) -> Finding {
        let original = &data.original;
        let text = |name: &str| {
            self.scan
                .field(name)
                .map(|field| mime_words::decode(field.value))
        };
        let altered = |name: &str, outer: Option<String>, signed: &str| {
            let outer = outer.map_or("is missing".to_owned(), |text| format!("says {text:?}"));
            Err(format!(
                "\"{name}:\" is not that of the signed data: it {outer}, they say {signed:?}"
            ))
        };
        // A program that shows the other one would show what nobody certified.
        let singles = [
            "Subject",
            "Date",
            "Message-ID",
            "To",
            words::REFERENCE_FIELD,
        ];
        for name in singles {
            if self.scan.fields_named(name).count() > 1 {
                return Err(format!("the message has several \"{name}:\" fields"));
            }
        }
        let message_id = text("Message-ID");
        let identifier = format!("<{}>", original.identifier);
        if kind == MessageKind::TransportEnvelope && message_id.as_ref() != Some(&identifier) {
            return altered("Message-ID", message_id, &identifier);
        }
        let reference = text(words::REFERENCE_FIELD);
        let client_id = original.client_id.as_ref().map(|id| id.as_str());
        if reference.as_deref() != client_id {
            return altered(
                words::REFERENCE_FIELD,
                reference,
                client_id.unwrap_or_default(),
            );
        }
        let subject = text("Subject");
        let wanted = header_subject(kind, original.subject.as_deref());
        if letters(subject.as_deref().unwrap_or_default()) != letters(&wanted) {
            return altered("Subject", subject, &wanted);
        }
        if !self.is_dated(data.at) {
            return altered("Date", text("Date"), &data.at.header_date());
        }
        if !self.goes_to_sender(kind, data) {
            return altered("To", text("To"), original.sender.as_str());
        }
        if kind == MessageKind::TransportEnvelope {
            let on_behalf = format!("{}{}", words::ON_BEHALF_OF, original.sender);
            if !self.is_on_behalf_of(&on_behalf) {
                return altered("From", text("From"), &on_behalf);
            }
            if !self.replies_go_to(&original.replies) {
                return altered("Reply-To", text("Reply-To"), &original.replies);
            }
        }
        Ok("the outer header repeats the signed data".to_owned())
    }

    fn is_dated(&self, at: Instant) -> bool {
        let Some(field) = self.scan.field("Date") else {
            return false;
        };
        let text = String::from_utf8_lossy(field.value);
        mail_parser::DateTime::parse_rfc822(text.trim()).is_some_and(|date| {
            let outer = date.to_timestamp().saturating_mul(1000);
            outer.abs_diff(at.as_millis()) <= DATE_DIFFERENCE_MAX_MS
        })
    }

    fn goes_to_sender(&self, kind: MessageKind, data: &CertificationData) -> bool {
        let is_between_providers =
            matches!(kind, MessageKind::TakeCharge | MessageKind::VirusDetection);
        if kind.is_envelope() || is_between_providers {
            return true;
        }
        let to = self.scan.fields_named("To").map(|field| field.value);
        AddressList::of_fields(to).addresses == [data.original.sender.clone()]
    }
}

impl Examination<'_> {
    /// TE-04: whom programs show as the sender.
    fn is_on_behalf_of(&self, wanted: &str) -> bool {
        let Some(field) = self.scan.field("From") else {
            return false;
        };
        display_name(&mime_words::decode(field.value)).eq_ignore_ascii_case(wanted)
    }

    /// TE-03, CD-07: answers may go nowhere else; an envelope without the field leads nobody astray.
    fn replies_go_to(&self, signed: &str) -> bool {
        let fields = self.scan.fields_named("Reply-To").map(|field| field.value);
        let outer = AddressList::of_fields(fields).addresses;
        let signed = AddressList::parse(signed.as_bytes()).addresses;
        outer.is_empty() || signed.is_empty() || outer == signed
    }
}

/// What stands before the angle brackets, without quotes.
fn display_name(text: &str) -> String {
    let phrase = text
        .rsplit_once('<')
        .map_or("", |(phrase, _)| phrase)
        .trim();
    let inner = phrase.strip_prefix('"').and_then(|p| p.strip_suffix('"'));
    let mut name = String::new();
    let mut escaped = false;
    for c in inner.unwrap_or(phrase).chars() {
        escaped = c == '\\' && !escaped;
        if !escaped {
            name.push(c);
        }
    }
    name
}

/// The marker of the outer header says the same as the signed data.
fn agreeing(kind: MessageKind, data: Option<&CertificationData>) -> Finding {
    let (name, value) = kind.marker();
    let Some(data) = data else {
        return match kind.certification() {
            None => Ok(format!("{name}: {value}")),
            Some(_) => Err(format!(
                "the header says {name}: {value}, and no certification data confirm it"
            )),
        };
    };
    if kind.certification() != Some(data.kind) {
        return Err(format!(
            "the header says {name}: {value}, and the signed data say {}",
            data.kind.word()
        ));
    }
    let has_both_kinds = matches!(
        data.kind,
        CertificationKind::NonAcceptance | CertificationKind::NonDelivery
    );
    if has_both_kinds && kind.is_for_virus() != (data.error == ErrorKind::Virus) {
        let (field, error) = (words::SECURITY_FIELD, data.error.word());
        return Err(format!(
            "\"{field}:\" is not that of the signed data, which state the error {error}"
        ));
    }
    Ok(format!("{name}: {value}, as the signed data say"))
}

fn header_subject(kind: MessageKind, subject: Option<&str>) -> String {
    format!("{}{}", kind.subject_prefix(), subject.unwrap_or_default())
}

/// What is left of a subject when blanks and marks are taken out: those change on the way.
fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}
