//! The transport envelope (RFC 6109 §3.1.5).

use ceralacca_core::wording::annex;
use ceralacca_core::wording::words::MessageKind;

use super::{Check, addresses, data, same, squeezed, subject, titled};
use crate::conformance::case::Case;
use crate::conformance::letter::Letter;
use crate::conformance::observed::{Observed, Unmade};

/// A row about the envelope of the standard message, and of others.
pub(super) const ROWS: &[Check] = rows! {
    "AP-25", "Text with octets above 127 is re-encoded before it is certified", "RFC 6109 §4.3, §3.1.5",
        ["eight-bit"], re_encoded;
    "TE-01", "One envelope, whatever the number of recipients", "RFC 6109 §3.1.5",
        ["standard"], one_envelope;
    "TE-02", "Received, To, Cc and Return-Path are those of the original", "RFC 6109 §2.1.1.2, §3.1.5",
        ["standard"], copied_fields;
    "TE-03", "Reply-To is copied, or made from the sender", "RFC 6109 §2.1, §3.1.5",
        ["standard", "replies"], reply_to;
    "TE-04", "From speaks on behalf of the sender from the service address", "RFC 6109 §2.1, §3.1.5",
        ["standard", "injection"], on_behalf;
    "TE-05", "The subject has its prefix and stays decodable", "RFC 6109 §3.1.5",
        ["standard"], prefixed_subject;
    "TE-06", "Date is the instant of acceptance", "RFC 6109 §3.1.5, §4.1",
        ["standard"], acceptance_instant;
    "TE-07", "The identifier is the Message-ID of envelope and original", "RFC 6109 §2.2.1",
        ["standard", "no-id"], identifier_everywhere;
    "TE-08", "The receipt asked for is written in lower case or left out", "RFC 6109 §3.1.5, §3.3.2",
        ["standard", "brief", "concise", "other-word"], asked_receipt;
    "TE-09", "The body is text, certification data and original", "RFC 6109 §3.1.5, §4.3",
        ["standard"], body;
    "TE-10", "The original is enclosed octet by octet", "RFC 6109 §3.1.5, §4.3.2",
        ["standard", "brief"], enclosed_original;
    "TE-13", "Mail inside one provider is certified like any other", "RFC 6109 §3.4",
        ["standard"], certified_inside;
    "TE-17", "No Sender field is emitted", "RFC 6109 §2.1",
        [], no_sender;
};

fn standard(observed: &Observed) -> Result<&Letter, Unmade> {
    observed.trial("standard")?.envelope()
}

fn one_envelope(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let trial = observed.trial("standard")?;
    let envelopes = trial.of(MessageKind::TransportEnvelope);
    case.equal("envelopes in two mailboxes", envelopes.len(), 2);
    let content = |letter: &Letter| letter.signed().map(|(part, _)| letter.raw(part).to_vec());
    if let [one, other] = envelopes.as_slice() {
        case.holds(content(one) == content(other), || {
            format!(
                "{} and {} hold the same signed content",
                one.name(),
                other.name()
            )
        });
    }
    Ok(())
}

fn copied_fields(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let trial = observed.trial("standard")?;
    let envelope = trial.envelope()?;
    let original = original(envelope)?;
    for name in ["To", "Cc"] {
        let (outer, inner) = (shown(envelope, name), shown(&original, name));
        case.equal(&format!("{name} of the envelope"), &outer, &inner);
        case.equal(
            &format!("{name} of the original"),
            inner,
            shown(&trial.sent, name),
        );
    }
    for name in ["Received", "Return-Path"] {
        // Later hops may add theirs above.
        let (outer, inner) = (shown(envelope, name), shown(&original, name));
        case.holds(outer.ends_with(&inner), || {
            format!("{name}: {outer:?} ends with {inner:?}")
        });
    }
    let own = original.exact("Received").len()
        - trial
            .sent
            .exact("Received")
            .len()
            .min(original.exact("Received").len());
    case.holds(own > 0, || {
        format!("Received fields that the access point added: {own}")
    });
    Ok(())
}

fn shown(letter: &Letter, field: &str) -> Vec<String> {
    let values = letter.exact(field);
    values
        .iter()
        .map(|v| String::from_utf8_lossy(v).into_owned())
        .collect()
}

fn original(envelope: &Letter) -> Result<Letter, Unmade> {
    let original = envelope.original();
    Ok(original.ok_or_else(|| format!("{} encloses no original", envelope.name()))?)
}

fn reply_to(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let made = addresses(standard(observed)?, "Reply-To");
    case.equal(
        "Reply-To made",
        made,
        vec![observed.cast.sender.to_lowercase()],
    );
    let trial = observed.trial("replies")?;
    let (copied, sent) = (
        shown(trial.envelope()?, "Reply-To"),
        shown(&trial.sent, "Reply-To"),
    );
    case.equal("Reply-To copied", copied, sent);
    Ok(())
}

fn on_behalf(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    for name in ["standard", "injection"] {
        let envelope = observed.trial(name)?.envelope()?;
        let from = squeezed(&envelope.value("From").unwrap_or_default());
        let start = format!("\"{}{}\" <", annex::ON_BEHALF_OF, observed.cast.sender);
        let address = from
            .get(start.len()..)
            .and_then(|rest| rest.strip_suffix('>'));
        let is_service =
            address.and_then(|a| a.split('@').next()) == Some(annex::SERVICE_LOCAL_PART);
        let is_on_behalf = from.to_lowercase().starts_with(&start.to_lowercase());
        case.of(envelope, is_on_behalf && is_service, || {
            format!("From: {from}")
        });
    }
    Ok(())
}

fn prefixed_subject(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let trial = observed.trial("standard")?;
    let envelope = trial.envelope()?;
    let prefix = annex::mark(MessageKind::TransportEnvelope).map_or("", |mark| mark.prefix);
    let raw = envelope.value("Subject").unwrap_or_default();
    case.of(envelope, raw.starts_with(prefix.trim()), || {
        format!("Subject: {raw}")
    });
    subject(case, trial, envelope)
}

fn acceptance_instant(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let trial = observed.trial("standard")?;
    let (receipt, envelope) = (trial.acceptance()?, trial.envelope()?);
    let date = |letter: &Letter| super::moments::date(letter).map(|at| at.as_millis() / 1000);
    case.equal(
        "Date of envelope and receipt",
        date(envelope)?,
        date(receipt)?,
    );
    let when = |letter: &Letter| letter.data().map(|data| data.when());
    case.equal("time in the data of both", when(envelope)?, when(receipt)?);
    Ok(())
}

fn identifier_everywhere(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    for name in ["standard", "no-id"] {
        let envelope = observed.trial(name)?.envelope()?;
        let wanted = Some(format!("<{}>", envelope.data()?.identifier()));
        let inner = original(envelope)?.value("Message-ID");
        case.equal(
            "Message-ID of the envelope",
            &envelope.value("Message-ID"),
            &wanted,
        );
        case.equal("Message-ID of the original", inner, wanted);
    }
    Ok(())
}

fn asked_receipt(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let [complete, brief, concise] = annex::DETAIL_VALUES;
    let rows = [
        ("standard", None, complete),
        ("brief", Some(brief), brief),
        ("concise", Some(concise), concise),
        ("other-word", None, complete),
    ];
    for (name, field, in_data) in rows {
        let envelope = observed.trial(name)?.envelope()?;
        let found = envelope.value(annex::DETAIL_FIELD);
        case.equal(
            &format!("{} of `{name}`", annex::DETAIL_FIELD),
            found.as_deref(),
            field,
        );
        let data = envelope.data()?;
        case.equal(
            &format!("in the data of `{name}`"),
            data.receipt(),
            Some(Some(in_data)),
        );
    }
    Ok(())
}

fn body(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let envelope = standard(observed)?;
    let mark = annex::mark(MessageKind::TransportEnvelope);
    titled(case, envelope, mark.map_or("", |mark| mark.title))?;
    case.of(envelope, envelope.enclosed().is_some(), || {
        "encloses the original".to_owned()
    });
    if let Some(data) = data(case, envelope) {
        case.equal("kind", data.kind(), mark.map(|mark| mark.value));
        case.holds(data.receipt().is_some(), || {
            "the data say which receipt".to_owned()
        });
    }
    Ok(())
}

/// Fields that the access point adds or replaces in the original.
const CHANGED: [&str; 3] = ["Received", "Message-ID", annex::REFERENCE_FIELD];

fn enclosed_original(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    for name in ["standard", "brief"] {
        let trial = observed.trial(name)?;
        let envelope = trial.envelope()?;
        let original = original(envelope)?;
        let body = |l: &Letter| l.at(l.scan().root().body).to_vec();
        case.holds(body(&original) == body(&trial.sent), || {
            format!("{}: the body is the one submitted", original.name())
        });
        let (kept, sent) = (kept(&original), kept(&trial.sent));
        let differs: Vec<_> = kept
            .iter()
            .filter(|f| !sent.contains(f))
            .chain(sent.iter().filter(|f| !kept.contains(f)))
            .collect();
        case.holds(kept == sent, || {
            format!("{}: fields that differ: {differs:?}", original.name())
        });
        let [_, file, _] = annex::FILES;
        let is_message = |l: &Letter| {
            l.files(file)
                .iter()
                .all(|p| p.media.is("message", "rfc822"))
        };
        case.of(envelope, is_message(envelope), || {
            format!("{file} is message/rfc822")
        });
    }
    Ok(())
}

fn kept(letter: &Letter) -> Vec<String> {
    let fields = letter.scan().fields();
    let kept = fields.filter(|field| !CHANGED.iter().any(|name| field.is(name)));
    kept.map(|field| String::from_utf8_lossy(field.raw).into_owned())
        .collect()
}

fn re_encoded(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let trial = observed.trial("eight-bit")?;
    let original = original(trial.envelope()?)?;
    let is_ascii = original.octets().is_ascii();
    case.of(&original, is_ascii, || format!("7-bit: {is_ascii}"));
    let text = |letter: &Letter| letter.decoded(letter.scan().root());
    let is_same = text(&original) == text(&trial.sent);
    case.of(&original, is_same, || {
        format!("decoded, it is the text submitted: {is_same}")
    });
    Ok(())
}

fn certified_inside(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let trial = observed.trial("standard")?;
    let domain = |address: &str| address.rsplit_once('@').map(|(_, d)| d.to_lowercase());
    let inside = domain(&observed.cast.sender) == domain(&observed.cast.recipient);
    for (kind, wanted) in [
        (MessageKind::Acceptance, 1),
        (MessageKind::TransportEnvelope, 2),
        (MessageKind::Delivery, 2),
    ] {
        let name = annex::mark(kind).map_or("", |mark| mark.value);
        let what = format!("{name} (one domain: {inside})");
        case.equal(&what, trial.of(kind).len(), wanted);
    }
    Ok(())
}

fn no_sender(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let sender = observed.trial("replies")?.sent.value("Sender");
    case.holds(
        sender
            .as_deref()
            .is_some_and(|s| same(s, &observed.cast.recipient)),
        || format!("a message was sent with Sender: {sender:?}"),
    );
    case.each(observed.made(), |case, letter| {
        let found = letter.values("Sender");
        case.of(letter, found.is_empty(), || format!("Sender: {found:?}"));
        Ok(())
    })
}
