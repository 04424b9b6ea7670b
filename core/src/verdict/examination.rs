//! The checks of a verdict, one function each, in the order in which they are made. A check that finds
//! nothing to look at because an earlier one failed says so.

use super::parts::{SignedMessage, StructureFault};
use super::{Check, Expected, Outcome, Verdict};
use crate::certification::{CertificationData, CertificationKind, ErrorKind};
use crate::instant::Instant;
use crate::limits;
use crate::mime::addresses::AddressList;
use crate::mime::{Scan, words as mime_words};
use crate::smime::certificate::Certificate;
use crate::smime::verify::{SignerFacts, VerifyError, verify_detached};
use crate::smime::{chain, profile};
use crate::wording::words::{self, MessageKind};

/// Certified mail states one instant in header and data (TM-01); relays do not touch either.
const DATE_DIFFERENCE_MAX_MS: u64 = 60_000;

/// What the caller gave.
pub(super) struct Question<'a> {
    pub anchors: &'a [Vec<u8>],
    pub at: Instant,
    pub expected: &'a Expected,
}

/// A verdict under way.
pub(super) struct Examination<'a> {
    question: Question<'a>,
    scan: &'a Scan,
    checks: Vec<Check>,
    warnings: Vec<String>,
}

type Finding = Result<String, String>;

impl<'a> Examination<'a> {
    pub(super) fn new(question: Question<'a>, scan: &'a Scan) -> Self {
        Self {
            question,
            scan,
            checks: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Makes all checks.
    pub(super) fn run(mut self, message: &[u8]) -> Verdict {
        let structure = take_apart(message, self.scan);
        let signed = self.note("structure", structure);
        let signer = signed.as_ref().and_then(|signed| {
            let finding = self.signature(signed);
            self.note("signature", finding)
        });
        if signed.is_none() {
            self.not_reached("signature");
        }
        self.signer_checks(signer.as_ref());
        let data = signed.as_ref().and_then(|signed| self.data(signed));
        if signed.is_none() {
            self.not_reached("certification data");
        }
        let kind = self.kind_checks(signed.is_some(), data.as_ref());
        self.verdict(kind, data, signer)
    }

    fn verdict(
        self,
        kind: Option<MessageKind>,
        data: Option<CertificationData>,
        signer: Option<SignerFacts>,
    ) -> Verdict {
        let signed_by = signer.as_ref().and_then(|facts| {
            let certificate = Certificate::read(&facts.certificate).ok()?;
            certificate.mail_addresses().into_iter().next()
        });
        Verdict {
            checks: self.checks,
            warnings: self.warnings,
            kind,
            // What is not under a signature that holds certifies nothing.
            data: data.filter(|_| signer.is_some()),
            signer: signed_by,
            signed_at: signer.and_then(|facts| facts.signing_time),
        }
    }

    /// Adds a check and hands on what it found.
    fn note<T>(&mut self, name: &'static str, finding: Result<(T, String), String>) -> Option<T> {
        let (found, outcome, sentence) = match finding {
            Ok((found, sentence)) => (Some(found), Outcome::Passed, sentence),
            Err(sentence) => (None, Outcome::Failed, sentence),
        };
        self.checks.push(Check {
            name,
            outcome,
            sentence,
        });
        found
    }

    fn say(&mut self, name: &'static str, finding: Finding) {
        self.note(name, finding.map(|sentence| ((), sentence)));
    }

    fn not_reached(&mut self, name: &'static str) {
        self.checks.push(Check {
            name,
            outcome: Outcome::NotReached,
            sentence: "an earlier check failed".to_owned(),
        });
    }

    fn signature(&mut self, signed: &SignedMessage<'_>) -> Result<(SignerFacts, String), String> {
        let content = signed.content();
        match verify_detached(&signed.signature, &mut &*content) {
            Ok(facts) => {
                let (digest, octets) = (facts.digest.name(), content.len());
                if facts.digest.name() == "sha-1" {
                    let warning = "the signature uses SHA-1, which is weak";
                    self.warnings.push(warning.to_owned());
                }
                let sentence =
                    format!("the signature holds over the {octets} signed octets ({digest})");
                Ok((facts, sentence))
            }
            Err(VerifyError::DigestDiffers { stated, computed }) => Err(format!(
                "the signed content was altered: its {} is {computed}, but the signature names {stated}",
                digest_name(&computed)
            )),
            Err(error) => Err(format!("the signature does not hold: {error}")),
        }
    }

    fn signer_checks(&mut self, signer: Option<&SignerFacts>) {
        let Some(signer) = signer else {
            self.not_reached("chain");
            self.not_reached("certificate");
            return;
        };
        let chain = self.chain(signer);
        self.say("chain", chain);
        let certificate = self.certificate(signer);
        self.say("certificate", certificate);
    }

    fn chain(&self, signer: &SignerFacts) -> Finding {
        let Question { anchors, at, .. } = self.question;
        if anchors.is_empty() {
            return Err("no anchor was given: nothing is genuine".to_owned());
        }
        chain::check(&signer.certificate, &signer.certificates, anchors, at)
            .map(|()| {
                let at = at.rfc3339();
                format!("the signer's certificate leads to a trusted authority at {at}")
            })
            .map_err(|error| error.to_string())
    }

    fn certificate(&mut self, signer: &SignerFacts) -> Finding {
        let from = self.from()?;
        let expected = self.question.expected;
        if let Some(service) = &expected.service_address
            && !service.eq_ignore_ascii_case(&from)
        {
            return Err(format!(
                "the message is from {from}, and {service} was expected"
            ));
        }
        let provider = expected.provider.as_deref();
        let warnings = profile::check(&signer.certificate, provider, Some(&from))
            .map_err(|error| error.to_string())?;
        self.warnings.extend(warnings);
        Ok(format!(
            "the certificate is one of a provider and names {from}, as the message does"
        ))
    }

    /// The one address of `From:` (SG-05).
    fn from(&mut self) -> Result<String, String> {
        let mut fields = self.scan.fields_named("From");
        let (Some(field), None) = (fields.next(), fields.next()) else {
            return Err("the message has no \"From:\", or several".to_owned());
        };
        let list = AddressList::parse(field.value);
        let [from] = list.addresses.as_slice() else {
            return Err("\"From:\" does not hold one address".to_owned());
        };
        let from = from.to_string();
        if let Some(sender) = self.scan.field("Sender") {
            let list = AddressList::parse(sender.value);
            if !list
                .addresses
                .iter()
                .any(|a| a.as_str().eq_ignore_ascii_case(&from))
            {
                let warning = "\"Sender:\" differs from \"From:\"";
                self.warnings.push(warning.to_owned());
            }
        }
        Ok(from)
    }

    /// `None` where the data cannot be read or lack; which of the two matters to the kind is said there.
    fn data(&mut self, signed: &SignedMessage<'_>) -> Option<CertificationData> {
        let is_anomaly = self.kind() == Ok(MessageKind::AnomalyEnvelope);
        let file = words::CERTIFICATION_FILE;
        let finding = match signed.certification() {
            Ok(None) if is_anomaly => {
                self.say(
                    "certification data",
                    Ok("an anomaly envelope has none".to_owned()),
                );
                return None;
            }
            Ok(Some(_)) if is_anomaly => Err("an anomaly envelope may not hold any".to_owned()),
            Ok(None) => Err(format!("the signed content holds no {file}")),
            Ok(Some(data)) => complete(data, signed.has_enclosed()),
            Err(fault) => Err(fault.to_string()),
        };
        self.note("certification data", finding)
    }

    fn kind(&self) -> Result<MessageKind, String> {
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

    fn kind_checks(
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

    /// The outer header is under no signature: what it repeats of the signed data must be the same.
    fn heading(&self, kind: MessageKind, data: &CertificationData) -> Finding {
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

fn take_apart<'a>(
    message: &'a [u8],
    scan: &'a Scan,
) -> Result<(SignedMessage<'a>, String), String> {
    if message.len() > limits::EXAMINED_BYTES_MAX {
        return Err(StructureFault::TooLarge(message.len()).to_string());
    }
    SignedMessage::take_apart(message, scan)
        .map(|signed| {
            let sentence = "the message is multipart/signed and whole".to_owned();
            (signed, sentence)
        })
        .map_err(|fault| fault.to_string())
}

/// What each kind states besides the format's own demands (CD-09).
fn complete(
    data: CertificationData,
    has_enclosed: bool,
) -> Result<(CertificationData, String), String> {
    use CertificationKind as Kind;
    let names_recipient = matches!(
        data.kind,
        Kind::Delivery | Kind::NonDelivery | Kind::Delay | Kind::VirusDetection
    );
    let asks_receipt = matches!(data.kind, Kind::Delivery | Kind::TransportEnvelope);
    let is_good = matches!(
        data.kind,
        Kind::Acceptance | Kind::Delivery | Kind::TransportEnvelope | Kind::TakeCharge
    );
    let lacks = |name: &str| {
        Err(format!(
            "the certification data lack `{name}`, which their type needs"
        ))
    };
    if names_recipient && data.delivery.is_none() {
        return lacks(words::xml::DELIVERY);
    }
    if asks_receipt && data.receipt.is_none() {
        return lacks(words::xml::RECEIPT);
    }
    if data.kind == Kind::TakeCharge && data.taken_in_charge.is_empty() {
        return lacks(words::xml::TAKEN_IN_CHARGE);
    }
    if is_good && data.error != ErrorKind::None {
        return Err(format!(
            "the certification data are of type {} and state the error {}",
            data.kind.word(),
            data.error.word()
        ));
    }
    if data.kind == Kind::TransportEnvelope && !has_enclosed {
        return Err("the envelope encloses no message".to_owned());
    }
    let sentence = format!(
        "well formed: {} by {} at {}, identifier {}",
        data.kind.word(),
        data.issuer,
        data.at.rfc3339(),
        data.original.identifier
    );
    Ok((data, sentence))
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

fn digest_name(hex: &str) -> &'static str {
    match hex.len() {
        40 => "SHA-1",
        64 => "SHA-256",
        96 => "SHA-384",
        128 => "SHA-512",
        _ => "digest",
    }
}
