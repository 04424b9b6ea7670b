//! Formal checks of the access point, and the notice of non-acceptance (RFC 6109 §3.1.1, §3.1.2).

use ceralacca_core::wording::annex;
use ceralacca_core::wording::words::MessageKind;

use super::{Check, data, subject, text, titled};
use crate::conformance::case::Case;
use crate::conformance::observed::{Observed, Trial, Unmade};
use crate::conformance::scenario::refused_names;

/// A row about messages that must be refused, and others that must pass.
macro_rules! formal {
    ($id:literal, $title:literal, $section:literal,
     [$($refused:literal),*], [$($passing:literal),*]) => {
        Check {
            id: $id,
            title: $title,
            section: $section,
            scenarios: &[$($refused,)* $($passing),*],
            judge: |observed, case| {
                refused(observed, case, &[$($refused),*])?;
                pass(observed, case, &[$($passing),*])
            },
        }
    };
}

pub(super) const ROWS: &[Check] = &[
    formal!(
        "AP-03",
        "What breaks RFC 5322 fails, its obsolete syntax passes",
        "RFC 6109 §3.1.1",
        [
            "second-subject",
            "second-to",
            "no-date",
            "raw-header",
            "long-line",
            "no-field"
        ],
        ["obsolete", "no-id", "longest-line"]
    ),
    formal!(
        "AP-04",
        "From holds exactly one valid address",
        "RFC 6109 §3.1.1",
        ["no-from", "two-from", "bad-from"],
        []
    ),
    formal!(
        "AP-05",
        "To holds a valid address; Cc alone does not do",
        "RFC 6109 §3.1.1",
        ["no-to", "only-cc"],
        []
    ),
    formal!(
        "AP-06",
        "Reverse path and From are the same address, case aside",
        "RFC 6109 §3.1.1",
        ["other-from"],
        ["case"]
    ),
    formal!(
        "AP-07",
        "Each forward path stands in To or Cc, case aside",
        "RFC 6109 §3.1.1",
        ["hidden"],
        ["case"]
    ),
    formal!(
        "AP-08",
        "A Bcc with a value fails, an empty one passes",
        "RFC 6109 §3.1.1, §2.1",
        ["bcc"],
        ["empty-bcc"]
    ),
    formal!(
        "AP-09",
        "A message above the largest size fails",
        "RFC 6109 §3.1.1",
        ["too-large"],
        []
    ),
    formal!(
        "AP-10",
        "Size times recipients is bounded",
        "RFC 6109 §3.1.1",
        ["product"],
        []
    ),
    formal!(
        "AP-11",
        "Recipients are bounded",
        "DM 2-11-2005 art. 12",
        ["many"],
        []
    ),
    Check {
        id: "AP-12",
        title: "One failed check stops the message for every recipient",
        section: "RFC 6109 §3.1.1",
        scenarios: &[],
        judge: nobody_gets_it,
    },
    Check {
        id: "AP-13",
        title: "A formal failure makes exactly one notice of non-acceptance",
        section: "RFC 6109 §3.1.2",
        scenarios: &[],
        judge: one_notice,
    },
    Check {
        id: "AP-14",
        title: "The notice states the facts in text and XML and never holds the original",
        section: "RFC 6109 §3.1.2, §4.4",
        scenarios: &[],
        judge: notice_content,
    },
    Check {
        id: "AP-17",
        title: "A notice of non-acceptance quotes an identifier",
        section: "RFC 6109 §3.1.2, §2.2.1",
        scenarios: &[],
        judge: notice_identifier,
    },
    Check {
        id: "AP-29",
        title: "What ends in a notice of non-acceptance was answered 250",
        section: "RFC 6109 §3.1.2",
        scenarios: &[],
        judge: notice_after_250,
    },
];

/// None of these was accepted.
fn refused(observed: &Observed, case: &mut Case, names: &[&str]) -> Result<(), Unmade> {
    for name in names {
        let trial = observed.trial(name)?;
        let is_accepted = !trial.of(MessageKind::Acceptance).is_empty();
        let has_notice = !trial.of(MessageKind::NonAcceptance).is_empty();
        let code = trial.reply.as_ref().map_or(0, |reply| reply.code);
        let is_refused = has_notice || code >= 400;
        case.holds(is_refused && !is_accepted, || {
            format!("`{name}`: answered {code}, notice: {has_notice}, accepted: {is_accepted}")
        });
    }
    Ok(())
}

/// All of these were accepted.
fn pass(observed: &Observed, case: &mut Case, names: &[&str]) -> Result<(), Unmade> {
    for name in names {
        let trial = observed.trial(name)?;
        let is_accepted = !trial.of(MessageKind::Acceptance).is_empty();
        case.holds(is_accepted, || format!("`{name}` passes: {is_accepted}"));
    }
    Ok(())
}

fn all_refused(observed: &Observed) -> Result<Vec<&Trial>, Unmade> {
    let trials = observed.refused(&refused_names());
    if trials.is_empty() {
        return Err(Unmade::Error("no message with a fault was sent".to_owned()));
    }
    Ok(trials)
}

/// Those that ended in a notice, as they must; whether each did is said by its own check.
fn with_notice(observed: &Observed) -> Result<Vec<&Trial>, Unmade> {
    let has_notice = |trial: &&Trial| !trial.of(MessageKind::NonAcceptance).is_empty();
    let trials: Vec<_> = all_refused(observed)?
        .into_iter()
        .filter(has_notice)
        .collect();
    if trials.is_empty() {
        return Err(Unmade::Error("no notice of non-acceptance came".to_owned()));
    }
    Ok(trials)
}

fn nobody_gets_it(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    for trial in all_refused(observed)? {
        let envelopes = trial.of(MessageKind::TransportEnvelope).len();
        let others = trial.recipient.len() + trial.remote.len();
        case.holds(envelopes + others == 0, || {
            format!(
                "`{}`: {envelopes} envelopes, {others} messages at recipients",
                trial.name
            )
        });
    }
    Ok(())
}

fn one_notice(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    for trial in all_refused(observed)? {
        if trial.reply.as_ref().is_ok_and(|reply| reply.code == 250) {
            let notices = trial.of(MessageKind::NonAcceptance);
            case.equal(&format!("notices about `{}`", trial.name), notices.len(), 1);
            for notice in notices.into_iter().filter(|_| has_one_subject(trial)) {
                subject(case, trial, notice)?;
            }
        }
    }
    Ok(())
}

/// Which of two subjects a notice quotes, or what it makes of raw octets, is its own choice.
fn has_one_subject(trial: &Trial) -> bool {
    let subjects = trial.sent.exact("Subject");
    subjects.len() == 1 && subjects.iter().all(|subject| subject.is_ascii())
}

fn notice_content(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    for trial in with_notice(observed)? {
        let notice = trial.refusal()?;
        let mark = annex::mark(MessageKind::NonAcceptance);
        titled(case, notice, mark.map_or("", |mark| mark.title))?;
        let body = trial.sent.at(trial.sent.scan().root().body);
        let line = body.split(|b| *b == b'\r').next().unwrap_or_default();
        let holds_body = notice
            .octets()
            .windows(line.len().max(1))
            .any(|w| w == line);
        let is_bare = notice.enclosed().is_none() && !(holds_body && line.len() > 20);
        case.of(notice, is_bare, || "does not hold the original".to_owned());
        let text = text(notice)?;
        let Some(data) = data(case, notice) else {
            continue;
        };
        case.equal("kind", data.kind(), mark.map(|mark| mark.value));
        case.equal("error", data.error(), Some(annex::OTHER_ERROR));
        let reason = data.extended_error().unwrap_or_default().trim();
        case.of(notice, !reason.is_empty(), || {
            format!("the reason is {reason:?}")
        });
        let mut facts = vec![data.sender().to_owned(), data.identifier().to_owned()];
        facts.extend(
            data.recipients()
                .iter()
                .map(|(address, _)| (*address).to_owned()),
        );
        let missing: Vec<_> = facts
            .iter()
            .filter(|fact| !text.contains(fact.as_str()))
            .collect();
        case.of(notice, missing.is_empty(), || {
            format!("facts that its text lacks: {missing:?}")
        });
    }
    Ok(())
}

fn notice_identifier(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    for trial in with_notice(observed)? {
        let notice = trial.refusal()?;
        let data = notice.data()?;
        let line = format!("{}{}", annex::IDENTIFIER_LINE, data.identifier());
        let is_quoted = data.identifier().contains('@') && text(notice)?.contains(&line);
        case.of(notice, is_quoted, || format!("the text says {line:?}"));
    }
    Ok(())
}

fn notice_after_250(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    for trial in all_refused(observed)? {
        let code = trial.reply.as_ref().map_or(0, |reply| reply.code);
        let notices = trial.of(MessageKind::NonAcceptance).len();
        case.holds((notices > 0) == (code == 250), || {
            format!("`{}`: answered {code}, notices: {notices}", trial.name)
        });
    }
    Ok(())
}
