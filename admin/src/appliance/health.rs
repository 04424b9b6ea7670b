//! Everything that must be well, looked at once: what `check` prints. Software keys are marked (HS-01),
//! certificates near their end raise an alarm (SG-12), and what waits for the relay is said aloud.

use ceralacca_core::ports::{Clock, Signer, SystemClock};
use ceralacca_core::reconciliation::KeyLine;
use ceralacca_core::smime::profile;
use ceralacca_firmware::os::{self, Finding, Health};
use serde_json::{Value, json};

use super::{Appliance, scanning};
use crate::directory;
use crate::keys::{Keys, marked};
use crate::report::Report;

/// Work that the certifier has left behind this much is worth a look.
const WAITING_WARNING: usize = 10_000;
/// What waits longer for another server is worth a look.
const RELAY_WARNING_MINUTES: i64 = 60;
/// What a signer that is away means (HS-05).
pub const CANNOT_SIGN: &str =
    "cannot sign now; messages are taken in and wait, receipts come when it is back";

/// Looks at everything; `signer` when the appliance runs.
pub fn health(appliance: &Appliance, signer: Option<&dyn Signer>) -> Vec<Finding> {
    let mut findings = vec![
        os::io_uring_allowed(),
        os::open_files(),
        os::free_disk(&appliance.data.0),
        os::clock_synchronised(),
        scanning::finding(appliance),
    ];
    findings.extend(journal(appliance));
    findings.push(views(appliance));
    findings.push(queue(appliance));
    findings.push(relay(appliance));
    findings.push(tasks(appliance));
    findings.push(key(appliance, signer));
    findings.extend(signer.map(further).unwrap_or_default());
    findings.push(certificate(appliance));
    findings.extend(signatures(appliance));
    findings.extend(directory::requests::findings(&appliance.state));
    findings
}

/// Findings as the answer of a command: held unless something is bad.
pub(super) fn report(findings: &[Finding]) -> Report {
    let words: String = findings
        .iter()
        .map(|f| format!("{:7}  {}: {}\n", f.health.as_str(), f.subject, f.sentence))
        .collect();
    let objects: Vec<Value> = findings
        .iter()
        .map(|f| {
            json!({ "subject": f.subject, "health": f.health.as_str(), "sentence": f.sentence })
        })
        .collect();
    let worst = findings.iter().map(|f| f.health).max();
    let held = worst != Some(Health::Bad);
    Report {
        words,
        object: json!({ "healthy": held, "findings": objects }),
        held,
    }
}

fn journal(appliance: &Appliance) -> Vec<Finding> {
    let opening = appliance.state.opening();
    let position = appliance.state.status().position.0;
    let mut findings = vec![Finding::good(
        "journal",
        format!(
            "verified at start, {} records replayed, committed up to {position}",
            opening.replayed
        ),
    )];
    if let Some(cut) = &opening.cut {
        findings.push(Finding::warning(
            "journal",
            format!("a torn tail was cut at start: {cut}"),
        ));
    }
    findings
}

fn views(appliance: &Appliance) -> Finding {
    let subject = "views";
    let status = appliance.state.status();
    if let Some(trouble) = status.view_trouble {
        return Finding::bad(subject, format!("{trouble}; restart to rebuild them"));
    }
    match &appliance.state.opening().rebuilt {
        Some(why) => Finding::good(subject, format!("rebuilt at start: {why}")),
        None => Finding::good(subject, "as the journal says"),
    }
}

fn queue(appliance: &Appliance) -> Finding {
    let subject = "queue";
    let status = appliance.state.status();
    let sentence = format!(
        "{} to certify, {} under way, {} deliveries to finish",
        status.submissions, status.journeys, status.deliveries
    );
    if let Some(held) = status.held.first() {
        let others = status.held.len() - 1;
        return Finding::bad(
            subject,
            format!("{sentence}; held: {held} (and {others} more)"),
        );
    }
    if status.submissions > WAITING_WARNING {
        return Finding::warning(subject, sentence);
    }
    Finding::good(subject, sentence)
}

fn relay(appliance: &Appliance) -> Finding {
    let subject = "recipients elsewhere";
    let state = &appliance.state;
    let oldest = state
        .view()
        .with_work(|work| work.dispatches.values().map(|row| row.at).min());
    let Some(oldest) = oldest else {
        return Finding::good(subject, "none waits");
    };
    let words = relay_words(state.status().errands_relay).unwrap_or_default();
    let minutes = (state.clock().now().as_millis() - oldest.as_millis()) / 60_000;
    let sentence = format!("{words}; the oldest is {minutes} minutes old");
    if minutes < RELAY_WARNING_MINUTES {
        Finding::good(subject, sentence)
    } else {
        Finding::warning(subject, sentence)
    }
}

fn tasks(appliance: &Appliance) -> Finding {
    let subject = "tasks";
    let open = appliance.state.view().with_work(|work| work.tasks.len());
    if open == 0 {
        return Finding::good(subject, "none is open");
    }
    let words = format!("{open} to look into: `ceralacca task list` says what");
    Finding::warning(subject, words)
}

/// What is said of the relay's queue; `None` when it is empty.
pub fn relay_words(waiting: usize) -> Option<String> {
    (waiting > 0).then(|| {
        format!("{waiting} wait in the relay's queue: `ceralacca queue list` says for whom and why")
    })
}

fn key(appliance: &Appliance, signer: Option<&dyn Signer>) -> Finding {
    let subject = "signing key";
    let Some(signer) = signer else {
        return Keys::of(appliance.data(), appliance.settings()).finding();
    };
    let about = signer.describe();
    if !about.is_available {
        return Finding::bad(
            subject,
            format!("{}: {CANNOT_SIGN}", marked(&about.name, about.is_software)),
        );
    }
    if about.is_software {
        return Finding::warning(subject, marked(&about.name, true));
    }
    Finding::good(subject, about.name)
}

/// One of several tokens that is out, while others sign (HS-04).
fn further(signer: &dyn Signer) -> Vec<Finding> {
    let about = signer.describe();
    let out = about.tokens.iter().filter(|token| !token.is_available);
    let out = out.filter(|_| about.is_available);
    out.map(|token| Finding::bad("token", token.words()))
        .collect()
}

fn certificate(appliance: &Appliance) -> Finding {
    let subject = "signing certificate";
    let chain = match Keys::of(appliance.data(), appliance.settings()).certificate() {
        Ok(chain) => chain,
        Err(failure) => return Finding::bad(subject, failure.to_string()),
    };
    match profile::days_left(&chain.certificate, SystemClock.now()) {
        Ok(days) => judge_days(days),
        Err(error) => Finding::bad(subject, error.to_string()),
    }
}

/// What came of the last night's count, or of one that was asked for (LG-14).
fn signatures(appliance: &Appliance) -> Vec<Finding> {
    let subject = "signatures";
    let Some(found) = appliance.state.reconciled() else {
        let words = "not compared with the log since the start: each night, or `hsm reconcile`";
        return vec![Finding::good(subject, words)];
    };
    let at = found.at.rfc3339();
    let of = |key: &KeyLine| match key.alarm() {
        Some(alarm) => Finding::bad(subject, format!("{alarm} ({at}: {key})")),
        None => Finding::good(subject, format!("{at}: {key}")),
    };
    found.keys.iter().map(of).collect()
}

/// SG-12: alarms at 90, 30 and 7 days.
fn judge_days(days: i64) -> Finding {
    let subject = "signing certificate";
    if days < 0 {
        return Finding::bad(
            subject,
            "expired; import a new one (`hsm csr`, `hsm import-cert`)",
        );
    }
    match profile::expiry_alarm(days) {
        Some(threshold) => Finding::warning(
            subject,
            format!(
                "{days} days left, fewer than {threshold}: \
                 have it renewed (`hsm csr`, `hsm import-cert`)"
            ),
        ),
        None => Finding::good(subject, format!("{days} days left")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sg_12_alarms_are_raised_within_90_30_and_7_days() {
        assert_eq!(judge_days(91).health, Health::Good);
        for (days, threshold) in [
            (90, "90"),
            (31, "90"),
            (30, "30"),
            (8, "30"),
            (7, "7"),
            (0, "7"),
        ] {
            let finding = judge_days(days);
            assert_eq!(finding.health, Health::Warning, "{days}");
            assert!(
                finding
                    .sentence
                    .contains(&format!("fewer than {threshold}")),
                "{days}"
            );
        }
        assert_eq!(judge_days(-1).health, Health::Bad);
    }

    #[test]
    fn waiting_recipients_are_said_aloud() {
        assert_eq!(relay_words(0), None);
        assert!(relay_words(3).is_some_and(|words| words.starts_with("3 wait")));
    }

    #[test]
    fn one_bad_finding_fails_the_check() {
        let good = Finding::good("a", "b");
        assert!(report(&[good.clone(), Finding::warning("c", "d")]).held);
        let bad = report(&[good, Finding::bad("e", "f")]);
        assert!(!bad.held);
        assert_eq!(bad.object["healthy"], json!(false));
    }
}
