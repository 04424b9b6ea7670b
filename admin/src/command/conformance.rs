//! `conformance`: the check list run against a provider; ID, verdict and evidence of each check, also as
//! JUnit XML and as a page. Exit 0 only if no check failed and each could be made.

use std::path::{Path, PathBuf};
use std::time::Instant as Stopwatch;

use serde_json::json;

use crate::cli::ConformanceArguments;
use crate::conformance::observed::Observed;
use crate::conformance::report::{Findings, html, junit};
use crate::conformance::run::{Order, observe};
use crate::conformance::settings::{External, Limits, Mailbox, Settings};
use crate::conformance::{checks::Check, chosen, judge, scenarios_of};
use crate::report::{Failure, Report, Voice};

/// Messages larger than this are not kept: they are made of filler.
const KEPT_BYTES_MAX: usize = 1024 * 1024;

pub(super) fn conformance(
    arguments: &ConformanceArguments,
    voice: Voice,
) -> Result<Report, Failure> {
    let checks = chosen(&arguments.only)
        .map_err(|id| Failure::Usage(format!("`{id}` is not in the check list; see --list")))?;
    if arguments.list {
        return Ok(listed(&checks));
    }
    let settings = settings(arguments)?;
    let start = Stopwatch::now();
    let say = |words: &str| voice.say(words);
    let observed = observe(&Order {
        settings: &settings,
        scenarios: scenarios_of(&checks),
        say: &say,
    })?;
    if let Some(folder) = &arguments.evidence {
        keep(&observed, folder)?;
    }
    let findings = Findings {
        all: checks
            .into_iter()
            .map(|check| judge(check, &observed))
            .collect(),
        provider: format!("{}:{}", settings.submission.host, settings.submission.port),
        mailboxes: settings
            .mailboxes
            .iter()
            .map(|m| m.address.clone())
            .collect(),
        at: observed.at,
        seconds: start.elapsed().as_secs_f64(),
    };
    for (file, text) in [
        (&arguments.junit, junit as fn(&Findings) -> String),
        (&arguments.html, html),
    ] {
        if let Some(file) = file {
            write(file, text(&findings).as_bytes())?;
        }
    }
    Ok(Report {
        words: findings.words(),
        object: findings.object(),
        held: findings.is_good(),
    })
}

fn listed(checks: &[&Check]) -> Report {
    let line = |check: &&Check| format!("{}  {}  ({})\n", check.id, check.title, check.section);
    let object =
        |check: &&Check| json!({ "id": check.id, "title": check.title, "source": check.section });
    let objects: Vec<_> = checks.iter().map(object).collect();
    let words: String = checks.iter().map(line).collect();
    Report::done(words, json!({ "checks": objects }))
}

fn settings(arguments: &ConformanceArguments) -> Result<Settings, Failure> {
    let mut settings = match &arguments.config {
        Some(file) => Settings::load(file)?,
        None => from_flags(arguments)?,
    };
    if arguments.no_large {
        settings.limits.large = false;
    }
    let given = [
        (&arguments.anchors, &mut settings.anchors),
        (&arguments.trust, &mut settings.trust),
    ];
    for (flag, setting) in given {
        if let Some(path) = flag {
            setting.clone_from(path);
        }
    }
    if arguments.directory.is_some() {
        settings.directory.clone_from(&arguments.directory);
    }
    if let Some(address) = &arguments.external {
        settings.external = Some(External {
            address: address.clone(),
        });
    }
    Ok(settings)
}

fn from_flags(arguments: &ConformanceArguments) -> Result<Settings, Failure> {
    let missing = |name: &str| Failure::Usage(format!("say --config FILE, or --{name}"));
    let mailbox = |address: &Option<String>, file: &Option<PathBuf>, name: &str| {
        Ok(Mailbox {
            address: address.clone().ok_or_else(|| missing(name))?,
            user: None,
            password_file: file.clone().ok_or_else(|| missing(name))?,
        })
    };
    let a = arguments;
    Ok(Settings {
        submission: a.submission.clone().ok_or_else(|| missing("submission"))?,
        imap: a.imap.clone().ok_or_else(|| missing("imap"))?,
        mailboxes: vec![
            mailbox(&a.sender, &a.sender_password_file, "sender")?,
            mailbox(&a.recipient, &a.recipient_password_file, "recipient")?,
        ],
        remote: None,
        external: None,
        anchors: a.anchors.clone().ok_or_else(|| missing("anchors"))?,
        directory: None,
        trust: crate::conformance::settings::system_trust(),
        limits: Limits::default(),
    })
}

/// Writes each message under its name in evidence, as in `brief/sender-2.eml`.
fn keep(observed: &Observed, folder: &Path) -> Result<(), Failure> {
    for trial in observed.trials.values() {
        let letters = trial.letters().chain(std::iter::once(&trial.sent));
        for letter in letters.filter(|letter| letter.octets().len() <= KEPT_BYTES_MAX) {
            let file = folder.join(letter.name());
            let parent = file.parent().unwrap_or(folder);
            std::fs::create_dir_all(parent)
                .map_err(|error| Failure::Refused(format!("{}: {error}", parent.display())))?;
            write(&file, letter.octets())?;
        }
    }
    Ok(())
}

fn write(file: &Path, octets: &[u8]) -> Result<(), Failure> {
    std::fs::write(file, octets)
        .map_err(|error| Failure::Refused(format!("{}: {error}", file.display())))
}
