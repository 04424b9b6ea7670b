//! The checks of a verdict, one function each, in the order in which they are made. A check that finds
//! nothing to look at because an earlier one failed says so.

use super::parts::{SignedMessage, StructureFault};
use super::{Check, Expected, Outcome, Verdict};
use crate::certification::{CertificationData, CertificationKind, ErrorKind};
use crate::instant::Instant;
use crate::limits;
use crate::mime::Scan;
use crate::mime::words::neutralised;
use crate::smime::certificate::Certificate;
use crate::smime::verify::SignerFacts;
use crate::wording::words::{self, MessageKind};

/// What the caller gave.
pub(super) struct Question<'a> {
    pub anchors: &'a [Vec<u8>],
    pub at: Instant,
    pub expected: &'a Expected,
}

/// A verdict under way.
pub(super) struct Examination<'a> {
    pub(super) question: Question<'a>,
    pub(super) scan: &'a Scan,
    checks: Vec<Check>,
    pub(super) warnings: Vec<String>,
}

/// What one check found, in a sentence either way.
pub(super) type Finding = Result<String, String>;

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
        if let (Some(signer), Some(data)) = (&signer, &data) {
            self.warn_of_issuer(signer, &data.issuer);
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
    pub(super) fn note<T>(
        &mut self,
        name: &'static str,
        finding: Result<(T, String), String>,
    ) -> Option<T> {
        let (found, outcome, sentence) = match finding {
            Ok((found, sentence)) => (Some(found), Outcome::Passed, sentence),
            Err(sentence) => (None, Outcome::Failed, sentence),
        };
        // What strangers wrote stands in it: no line of its own for them, no order to a terminal.
        let sentence = neutralised(&sentence);
        self.checks.push(Check {
            name,
            outcome,
            sentence,
        });
        found
    }

    pub(super) fn say(&mut self, name: &'static str, finding: Finding) {
        self.note(name, finding.map(|sentence| ((), sentence)));
    }

    pub(super) fn not_reached(&mut self, name: &'static str) {
        self.checks.push(Check {
            name,
            outcome: Outcome::NotReached,
            sentence: "an earlier check failed".to_owned(),
        });
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
pub(super) fn complete(
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
