//! The virus scanner of the settings: made, and how it is in words and as a finding (VI-10).

use std::sync::Arc;

use ceralacca_core::ports::{Clock, NoScanner, ScannerHealth, SystemClock, VirusScanner};
use ceralacca_firmware::os::Finding;
use ceralacca_firmware::{ScannerSettings, Settings};
use ceralacca_net::scanner::Clamd;

use super::Appliance;

/// The scanner that the operator decided for.
pub(super) fn scanner(settings: &Settings) -> Arc<dyn VirusScanner> {
    match &settings.scanner {
        ScannerSettings::None => Arc::new(NoScanner),
        ScannerSettings::Clamd(addresses) => {
            let stale_hours_max = settings.policy().scanner_stale_hours_max;
            Arc::new(Clamd::new(addresses.clone(), stale_hours_max))
        }
    }
}

/// What is said at `init` and `serve` about the scanner, a line or two; `health` where it is known.
pub fn scanner_words(settings: &Settings, health: Option<&ScannerHealth>) -> String {
    if settings.scanner == ScannerSettings::None {
        return "virus scanner: none, no message is scanned\n".to_owned();
    }
    let mut words = format!("virus scanner: {}\n", scanner(settings).describe());
    if let ScannerSettings::Clamd(addresses) = &settings.scanner {
        let far = addresses.in_clear();
        words.extend(
            far.iter()
                .map(|far| format!("warning: {}\n", in_clear(far))),
        );
    }
    match health {
        Some(found) if !found.reachable => words.push_str(&format!(
            "warning: no virus scanner works, messages are not taken in until one does: {}\n",
            found.alarm.as_deref().unwrap_or("it does not answer")
        )),
        Some(ScannerHealth {
            alarm: Some(alarm), ..
        }) => words.push_str(&format!("warning: virus scanner: {alarm}\n")),
        _ => {}
    }
    words
}

/// SE-16: the one way on which mail may leave this machine for another host of ours.
fn in_clear(far: &str) -> String {
    format!("messages reach the virus scanner {far} in clear; lead them through a tunnel")
}

/// How it is: as the running appliance last saw it, or asked now.
pub(super) fn finding(appliance: &Appliance) -> Finding {
    let subject = "virus scanner";
    let settings = appliance.settings();
    if settings.scanner == ScannerSettings::None {
        return Finding::warning(subject, "none: no message is scanned for viruses");
    }
    let scanner = scanner(settings);
    let seen = appliance.state.scanner_health();
    let health = seen.unwrap_or_else(|| scanner.health(SystemClock.now()));
    let about = scanner.describe();
    let far = match &settings.scanner {
        ScannerSettings::Clamd(addresses) => addresses.in_clear(),
        ScannerSettings::None => Vec::new(),
    };
    match (health.reachable, health.alarm) {
        (true, None) if !far.is_empty() => Finding::warning(subject, in_clear(&far.join(", "))),
        (true, None) => Finding::good(subject, format!("{about}, {}", health.version)),
        (true, Some(alarm)) => Finding::warning(subject, format!("{about}: {alarm}")),
        (false, alarm) => Finding::bad(
            subject,
            format!(
                "{about} does not work, messages are not taken in until it does: {}",
                alarm.unwrap_or_default()
            ),
        ),
    }
}
