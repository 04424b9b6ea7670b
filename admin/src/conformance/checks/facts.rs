//! Certification data (RFC 6109 §4.4, §2.1).

use std::collections::BTreeSet;

use ceralacca_core::mime::ContentField;
use ceralacca_core::mime::content::TransferEncoding;
use ceralacca_core::wording::annex;
use ceralacca_core::wording::words::MessageKind;

use super::{Check, client_id, mark, plain, squeezed, text};
use crate::conformance::case::Case;
use crate::conformance::letter::Letter;
use crate::conformance::observed::{Observed, Trial, Unmade};

pub(super) const ROWS: &[Check] = rows! {
    "CD-01", "The part is what others look for", "RFC 6109 §4.3.3", [], the_part;
    "CD-02", "Every file is valid against the definition", "RFC 6109 §4.4", [], valid;
    "CD-03", "The kind is one of eight, and that of the message", "RFC 6109 §4.4", [], kind;
    "CD-04", "The error is always written", "RFC 6109 §4.4", [], error;
    "CD-05", "The heading holds sender, typed recipients, replies, and the subject if there is one",
        "RFC 6109 §4.4", [], heading;
    "CD-06", "Sender and recipients are those of SMTP", "RFC 6109 §2.1",
        ["standard", "case", "wider"], smtp_paths;
    "CD-07", "Replies go to Reply-To, or to the sender", "RFC 6109 §4.4, §2.1",
        ["standard", "replies"], replies;
    "CD-08", "The subject is decoded and fit for XML", "RFC 6109 §4.4",
        ["standard", "injection"], decoded_subject;
    "CD-09", "Each kind holds its elements", "RFC 6109 §4.4", [], elements;
    "CD-10", "The issuer is the provider that made the message", "RFC 6109 §4.4", [], issuer;
    "CD-11", "The identifier is bare, the client's keeps its brackets", "RFC 6109 §4.4",
        ["standard", "no-id"], identifiers;
    "CD-12", "Receipts of later steps repeat the facts of the envelope", "RFC 6109 §3.3.2",
        ["standard", "brief", "concise", "unknown", "remote"], repeated;
    "CD-13", "Text and data state the same facts", "RFC 6109 §3.1.2 to §3.3.3", [], same_facts;
};

/// Judges every message but anomaly envelopes, which have no data.
fn each<'a>(
    observed: &'a Observed,
    case: &mut Case,
    judge: impl FnMut(&mut Case, &'a Letter) -> Result<(), Unmade>,
) -> Result<(), Unmade> {
    let has_data = |l: &&Letter| l.kind() != Some(MessageKind::AnomalyEnvelope);
    case.each(observed.made().into_iter().filter(has_data), judge)
}

fn the_part(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let [file, ..] = annex::FILES;
    each(observed, case, |case, letter| {
        let parts = letter.files(file);
        let [part] = parts.as_slice() else {
            case.of(letter, false, || {
                format!("holds {} parts called {file}", parts.len())
            });
            return Ok(());
        };
        let names = [
            letter.parameters(part, ContentField::Type).text("name"),
            letter
                .parameters(part, ContentField::Disposition)
                .text("filename"),
        ];
        let is_named = names.iter().flatten().all(|name| name == file);
        let is_typed = part.media.is("application", "xml");
        let is_base64 = part.encoding == TransferEncoding::Base64;
        case.of(letter, is_named && is_typed && is_base64, || {
            format!(
                "{}/{}, {:?}, {names:?}",
                part.media.kind, part.media.subtype, part.encoding
            )
        });
        let octets = letter.xml().unwrap_or_default();
        let xml = String::from_utf8_lossy(&octets);
        let start: String = xml.chars().take(60).collect();
        let quoted = start.replace('\'', "\"").to_uppercase();
        let has_prolog = quoted.starts_with("<?XML VERSION=\"1.0\" ENCODING=\"UTF-8\"");
        let is_plain = !xml.contains("<!DOCTYPE") && !xml.contains("xmlns");
        let is_utf8 = std::str::from_utf8(&octets).is_ok();
        case.of(letter, has_prolog && is_plain && is_utf8, || {
            format!("starts with {start:?}")
        });
        Ok(())
    })
}

fn valid(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    each(observed, case, |case, letter| {
        let faults = letter.data()?.faults();
        case.of(letter, faults.is_empty(), || format!("faults: {faults:?}"));
        Ok(())
    })
}

fn kind(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    each(observed, case, |case, letter| {
        let data = letter.data()?;
        let (found, wanted) = (data.kind().unwrap_or_default(), mark(letter)?.value);
        let is_so = annex::KINDS.contains(&found) && found == wanted;
        case.of(letter, is_so, || {
            format!("{found:?} in a message marked {wanted:?}")
        });
        Ok(())
    })
}

fn error(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    each(observed, case, |case, letter| {
        let data = letter.data()?;
        let is_so = data
            .error()
            .is_some_and(|error| annex::ERRORS.contains(&error));
        case.of(letter, is_so, || format!("error: {:?}", data.error()));
        Ok(())
    })
}

fn heading(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    for trial in observed.trials.values() {
        let is_ours = |l: &&Letter| observed.made().iter().any(|made| made.name() == l.name());
        for letter in trial.letters().filter(is_ours) {
            let data = letter.data()?;
            let has_types = data.recipients().iter().all(|(_, kind)| kind.is_some());
            let is_whole = !data.sender().is_empty() && !data.recipients().is_empty();
            let has_replies = data.replies().is_some();
            case.of(letter, has_types && is_whole && has_replies, || {
                format!(
                    "sender {:?}, recipients {:?}",
                    data.sender(),
                    data.recipients()
                )
            });
            let wanted = trial.sent.scan().field("Subject").is_some();
            let has_subject = data.subject().is_some();
            case.of(letter, has_subject == wanted, || {
                format!("subject in the data: {has_subject}, in the message sent: {wanted}")
            });
        }
    }
    Ok(())
}

fn smtp_paths(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    for name in ["standard", "case", "wider"] {
        let trial = observed.trial(name)?;
        for letter in trial.letters() {
            let data = letter.data()?;
            // As given, and not in the capitals of the field.
            case.equal(
                &format!("sender in {}", letter.name()),
                data.sender(),
                &observed.cast.sender,
            );
            let found: Vec<_> = data
                .recipients()
                .iter()
                .map(|(a, _)| (*a).to_owned())
                .collect();
            case.equal(
                &format!("recipients in {}", letter.name()),
                &found,
                &trial.to,
            );
        }
    }
    Ok(())
}

fn replies(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    for letter in observed.trial("standard")?.letters() {
        let data = letter.data()?;
        case.equal(
            "replies of `standard`",
            data.replies(),
            Some(observed.cast.sender.as_str()),
        );
    }
    let wanted = format!("one@replies.example, {}", observed.cast.recipient);
    for letter in observed.trial("replies")?.letters() {
        let data = letter.data()?;
        case.equal(
            "replies of `replies`",
            data.replies(),
            Some(wanted.as_str()),
        );
    }
    Ok(())
}

fn decoded_subject(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    for letter in observed.trial("standard")?.letters() {
        let (data, wanted) = (letter.data()?, observed.trial("standard")?.sent.subject());
        case.equal(
            "subject",
            data.subject().map(squeezed),
            Some(squeezed(&wanted)),
        );
    }
    let trial = observed.trial("injection")?;
    for letter in trial.letters() {
        let data = letter.data()?;
        let found = squeezed(&plain(data.subject().unwrap_or_default()));
        let wanted = squeezed(&plain(&trial.sent.subject()));
        case.of(letter, found == wanted, || {
            format!("subject {found:?}, sent {wanted:?}")
        });
    }
    Ok(())
}

fn elements(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    each(observed, case, |case, letter| {
        let data = letter.data()?;
        let kind = letter.kind();
        let has = [
            ("issuer", !data.issuer().is_empty(), true),
            ("time", data.when().is_some(), true),
            ("identifier", !data.identifier().is_empty(), true),
            (
                "receipt",
                data.receipt().is_some(),
                is_one_of(kind, &WITH_RECEIPT),
            ),
            (
                "delivery",
                !data.deliveries().is_empty(),
                is_one_of(kind, &WITH_DELIVERY),
            ),
            ("taken in charge", data.taken_in_charge() > 0, false),
            (
                "error in words",
                data.extended_error().is_some(),
                data.error() != annex::ERRORS.first().copied(),
            ),
        ];
        for (what, found, wanted) in has {
            case.of(letter, found == wanted, || {
                format!("{what}: {found}, wanted: {wanted}")
            });
        }
        Ok(())
    })
}

const WITH_RECEIPT: [MessageKind; 2] = [MessageKind::TransportEnvelope, MessageKind::Delivery];
const WITH_DELIVERY: [MessageKind; 2] = [MessageKind::Delivery, MessageKind::NonDelivery];

fn is_one_of(kind: Option<MessageKind>, kinds: &[MessageKind]) -> bool {
    kind.is_some_and(|kind| kinds.contains(&kind))
}

fn issuer(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let mut issuers = BTreeSet::new();
    each(observed, case, |case, letter| {
        let data = letter.data()?;
        case.of(letter, !data.issuer().trim().is_empty(), || {
            format!("issuer {:?}", data.issuer())
        });
        issuers.insert(data.issuer().to_owned());
        Ok(())
    })?;
    case.holds(issuers.len() == 1, || {
        format!("one provider made all: {issuers:?}")
    });
    if let Some(trial) = observed.trials.get("remote") {
        for letter in trial.of(MessageKind::Delivery) {
            let there = letter.data()?.issuer().to_owned();
            case.of(letter, !issuers.contains(&there), || {
                format!("another's issuer: {there:?}")
            });
        }
    }
    Ok(())
}

fn identifiers(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    for name in ["standard", "no-id"] {
        let trial = observed.trial(name)?;
        for letter in trial.letters() {
            let data = letter.data()?;
            let is_bare =
                data.identifier().contains('@') && !data.identifier().contains(['<', '>']);
            case.of(letter, is_bare, || {
                format!("identifier {:?}", data.identifier())
            });
            case.equal("client's", data.client_id(), client_id(trial).as_deref());
        }
    }
    Ok(())
}

fn repeated(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    for name in ["standard", "brief", "concise", "unknown", "remote"] {
        // Without a mailbox at another provider, the others show it.
        let Some(trial) = observed.trials.get(name) else {
            continue;
        };
        let first = first(trial)?.data()?;
        for letter in trial.letters() {
            let data = letter.data()?;
            let is_same = data.heading() == first.heading()
                && data.identifier() == first.identifier()
                && data.client_id() == first.client_id();
            case.of(letter, is_same, || {
                "repeats heading and identifiers".to_owned()
            });
        }
    }
    Ok(())
}

fn first(trial: &Trial) -> Result<&Letter, Unmade> {
    trial.envelope().or_else(|_| trial.acceptance())
}

fn same_facts(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    each(observed, case, |case, letter| {
        let (text, data) = (text(letter)?, letter.data()?);
        let when = data.when();
        let mut facts = vec![data.sender().to_owned(), data.identifier().to_owned()];
        facts.extend(when.into_iter().flat_map(|when| [when.day, when.time]));
        match data.deliveries().as_slice() {
            [] => facts.extend(data.recipients().iter().map(|(a, _)| (*a).to_owned())),
            about => facts.extend(about.iter().map(|a| (*a).to_owned())),
        }
        facts.push(shown_subject(data.subject().unwrap_or_default()));
        let missing: Vec<_> = facts
            .iter()
            .filter(|fact| !text.contains(fact.as_str()))
            .collect();
        case.of(letter, missing.is_empty(), || {
            format!("facts that the text lacks: {missing:?}")
        });
        Ok(())
    })
}

/// As ISO-8859-1 can show it.
fn shown_subject(subject: &str) -> String {
    let latin: String = subject
        .chars()
        .map(|c| if u32::from(c) < 0x100 { c } else { '?' })
        .collect();
    squeezed(&latin)
}
