//! What a user may not bring into the provider's own words.

use ceralacca_core::wording::annex;
use ceralacca_core::wording::words::MessageKind;

use super::{Check, mark};
use crate::conformance::case::Case;
use crate::conformance::observed::{Observed, Unmade};

pub(super) const ROWS: &[Check] = &[
    Check {
        id: "SE-03",
        title: "Fields of the service in a submission never reach envelope or receipts",
        section: "RFC 6109 §3.1.5",
        scenarios: &["forged"],
        judge: forged_fields,
    },
    Check {
        id: "SE-04",
        title: "Only CRLF . CRLF ends a message, a bare line feed is refused",
        section: "our choice",
        scenarios: &["bare-line-feed"],
        judge: bare_line_feed,
    },
    Check {
        id: "SE-06",
        title: "Line ends and controls make no lines, fields or nodes",
        section: "our choice",
        scenarios: &["injection"],
        judge: injection,
    },
];

fn forged_fields(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let trial = observed.trial("forged")?;
    if trial.letters().next().is_none() {
        let code = trial.reply.as_ref().map_or(0, |reply| reply.code);
        case.holds(code >= 400, || {
            format!("the message was refused with {code}")
        });
        return Ok(());
    }
    for letter in trial.letters() {
        let mark = mark(letter)?;
        for name in annex::PROVIDER_FIELDS {
            let found = letter.values(name);
            let is_so = if name == mark.field {
                found.len() == 1 && found.iter().all(|value| value == mark.value)
            } else {
                found.is_empty()
            };
            case.of(letter, is_so, || format!("{name}: {found:?}"));
        }
    }
    if let Ok(envelope) = trial.envelope() {
        let original = envelope.original();
        for name in annex::PROVIDER_FIELDS {
            let kept = original.as_ref().map(|original| original.values(name));
            let sent = trial.sent.values(name);
            case.equal(&format!("{name} inside the original"), kept, Some(sent));
        }
    }
    Ok(())
}

fn bare_line_feed(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let exchanges = observed.dialogue("bare-line-feed")?;
    let [.., message, noop] = exchanges else {
        return Err(Unmade::Error("the dialogue was cut".to_owned()));
    };
    case.holds(message.reply.code / 100 == 5, || {
        format!("{} -> {}", message.sent, message.reply.status())
    });
    // A second answer to the message would stand here instead.
    case.holds(noop.reply.code == 250, || {
        format!("NOOP -> {}", noop.reply.status())
    });
    Ok(())
}

fn injection(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let trial = observed.trial("injection")?;
    case.holds(!trial.of(MessageKind::Acceptance).is_empty(), || {
        "it was accepted".to_owned()
    });
    case.each(trial.letters(), |case, letter| {
        for name in ["Bcc", "X-Priority"] {
            let found = letter.values(name);
            case.of(letter, found.is_empty(), || format!("{name}: {found:?}"));
        }
        let faults = letter.data()?.faults();
        case.of(letter, faults.is_empty(), || {
            format!("the data are sound: {faults:?}")
        });
        let text = letter.text().unwrap_or_default();
        let is_clean = text.chars().all(|c| c == '\n' || !c.is_control());
        let makes_lines = text
            .lines()
            .any(|line| line.starts_with("Bcc:") || line.starts_with("</"));
        case.of(letter, is_clean && !makes_lines, || {
            format!(
                "the text has no control: {is_clean}, no line of the subject's: {}",
                !makes_lines
            )
        });
        Ok(())
    })
}
