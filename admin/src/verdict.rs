//! A verdict in words and as an object: which message it is, each check, and what the signed
//! certification data say.

use ceralacca_core::certification::CertificationData;
use ceralacca_core::mime::words::neutralised;
use ceralacca_core::verdict::{Check, Verdict};
use ceralacca_core::wording::words::MessageKind;
use serde_json::{Value, json};

use crate::report::Report;

/// The verdict as the answer of a command.
pub fn report(verdict: &Verdict) -> Report {
    Report {
        words: words(verdict),
        object: object(verdict),
        held: verdict.is_genuine(),
    }
}

/// The English name of a message.
pub const fn kind_name(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::NonAcceptance => "non-acceptance notice",
        MessageKind::VirusNonAcceptance => "non-acceptance notice for a virus",
        MessageKind::Acceptance => "acceptance receipt",
        MessageKind::TransportEnvelope => "transport envelope",
        MessageKind::Delay => "delay notice",
        MessageKind::TakeCharge => "take-charge receipt",
        MessageKind::AnomalyEnvelope => "anomaly envelope",
        MessageKind::VirusDetection => "virus detection notice",
        MessageKind::VirusNonDelivery => "non-delivery notice for a virus",
        MessageKind::Delivery => "delivery receipt",
        MessageKind::NonDelivery => "non-delivery notice",
    }
}

fn words(verdict: &Verdict) -> String {
    let what = verdict.kind.map_or("no message of the protocol", kind_name);
    let mut words = format!(
        "{}: {what}\n",
        if verdict.is_genuine() {
            "GENUINE"
        } else {
            "NOT GENUINE"
        }
    );
    for Check {
        name,
        outcome,
        sentence,
    } in &verdict.checks
    {
        words.push_str(&format!("  {name}: {}: {sentence}\n", outcome.word()));
    }
    for warning in &verdict.warnings {
        words.push_str(&format!("  warning: {warning}\n"));
    }
    if let Some(data) = &verdict.data {
        words.push_str(&data_words(data));
    }
    words
}

fn data_words(data: &CertificationData) -> String {
    let original = &data.original;
    let recipients: Vec<&str> = original
        .recipients
        .iter()
        .map(|recipient| recipient.address.as_str())
        .collect();
    // One line each, whatever strangers wrote.
    let subject = original.subject.as_deref().map(neutralised);
    let issuer = neutralised(&data.issuer);
    format!(
        "  identifier: {}\n  issued by: {}, {}\n  from: {}\n  to: {}\n  subject: {}\n",
        original.identifier,
        issuer,
        data.at.rfc3339(),
        original.sender,
        recipients.join(", "),
        subject.as_deref().unwrap_or("(none)"),
    )
}

fn object(verdict: &Verdict) -> Value {
    let checks: Vec<Value> = verdict.checks.iter().map(check).collect();
    json!({
        "genuine": verdict.is_genuine(),
        "kind": verdict.kind.map(kind_name),
        "signer": verdict.signer,
        "signed_at": verdict.signed_at.map(|at| at.rfc3339()),
        "checks": checks,
        "warnings": verdict.warnings,
        "certification_data": verdict.data.as_ref().map(data_object),
    })
}

fn check(check: &Check) -> Value {
    json!({
        "name": check.name,
        "outcome": check.outcome.word(),
        "sentence": check.sentence,
    })
}

fn data_object(data: &CertificationData) -> Value {
    let original = &data.original;
    let recipients: Vec<Value> = original
        .recipients
        .iter()
        .map(|r| json!({ "address": r.address.as_str(), "type": r.kind.word() }))
        .collect();
    let taken: Vec<&str> = data.taken_in_charge.iter().map(|a| a.as_str()).collect();
    json!({
        "type": data.kind.word(),
        "error": data.error.word(),
        "sender": original.sender.as_str(),
        "recipients": recipients,
        "replies": original.replies,
        "subject": original.subject,
        "issuer": data.issuer,
        "at": data.at.rfc3339(),
        "identifier": original.identifier.as_str(),
        "client_message_id": original.client_id.as_ref().map(|id| id.as_str()),
        "receipt": data.receipt.map(|detail| detail.word()),
        "delivery": data.delivery.as_ref().map(|address| address.as_str()),
        "taken_in_charge": taken,
        "extended_error": data.extended_error,
    })
}
