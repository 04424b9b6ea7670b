//! `serve`: runs the appliance until SIGTERM or SIGINT, then stops it in order.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ceralacca_core::disk::DataFolder;
use ceralacca_core::ports::{Clock, SystemClock};
use ceralacca_firmware::Settings;
use ceralacca_hsm::ChildProgram;
use serde_json::{Value, json};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::appliance::{Appliance, CANNOT_SIGN, Serving, relay_words, scanner_words};
use crate::keys::{SIGNER_CHILD, Workplace, marked};
use crate::lock::Lock;
use crate::report::{Failure, Report, Voice};

pub(super) fn serve(data: &DataFolder, voice: Voice) -> Result<Report, Failure> {
    serve_with(voice, || {
        let settings = Settings::load(data).map_err(Failure::refused)?;
        let lock = Lock::take(data).map_err(Failure::refused)?;
        let children = Workplace::Children(ChildProgram::this(&[SIGNER_CHILD]));
        Appliance::open_locked(data, settings, lock)?.serve_at(children)
    })
}

/// What `serve` starts for each token: it signs until its parent closes the socket, which is its standard
/// input. A stop of the whole service reaches it too, and must not: what is under way is signed first.
pub(super) fn signer_child() -> Result<Report, Failure> {
    let ignored = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, ignored.clone()).map_err(Failure::refused)?;
    }
    ceralacca_hsm::child::run().map_err(Failure::refused)?;
    let words = "this is started by `serve`, with a socket as its standard input";
    Err(Failure::Usage(words.to_owned()))
}

/// Starts, says what runs, and waits for the signal to stop.
pub(super) fn serve_with(
    voice: Voice,
    start: impl FnOnce() -> Result<Serving, Failure>,
) -> Result<Report, Failure> {
    // Before anything runs: a signal during the start stops it in order too.
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(Failure::refused)?;
    let serving = start()?;
    voice.say(words(&serving).trim_end());
    voice.object(&object(&serving));
    // Ends with the first signal only.
    let _ = signals.forever().next();
    voice.say("stopping");
    serving.stop();
    Ok(Report::done("stopped", Value::Null))
}

fn words(serving: &Serving) -> String {
    let appliance = serving.appliance();
    let opening = appliance.state().opening();
    let addresses = serving.addresses();
    let about = serving.signer().describe();
    let mut words = format!(
        "Ceralacca {} for {}\n",
        env!("CARGO_PKG_VERSION"),
        appliance.settings().provider.name
    );
    for (what, list) in [
        ("mail of other servers, STARTTLS", &addresses.incoming),
        ("submission, TLS", &addresses.submissions),
        ("submission, STARTTLS", &addresses.submission),
        ("IMAP, TLS", &addresses.imaps),
        ("POP3, TLS", &addresses.pop3s),
    ] {
        for address in list {
            words.push_str(&format!("listens on {address} ({what})\n"));
        }
    }
    if let Some(address) = serving.https() {
        words.push_str(&format!(
            "listens on {address} (HTTPS: /aiuto, settings for mail programs, our part of the index)\n"
        ));
    }
    for alarm in appliance.state().directory().alarms(SystemClock.now()) {
        words.push_str(&format!("warning: {alarm}\n"));
    }
    let name = marked(&about.name, about.is_software);
    words.push_str(&format!("signs with: {name}\n"));
    if !about.is_available {
        words.push_str(&format!("warning: the signer {CANNOT_SIGN}\n"));
    }
    if let Some(clock) = appliance.sandbox_clock() {
        let minutes = clock.ahead_ms() / 60_000;
        words.push_str(&format!(
            "sandbox: the clock is {minutes} minutes ahead; nothing this appliance says is true\n"
        ));
    }
    let health = appliance.state().scanner_health();
    words.push_str(&scanner_words(appliance.settings(), health.as_ref()));
    for found in opening.cut.iter().chain(&opening.rebuilt) {
        words.push_str(&format!("at start: {found}\n"));
    }
    words.push_str(&waiting(serving).unwrap_or_default());
    words
}

fn waiting(serving: &Serving) -> Option<String> {
    let status = serving.appliance().state().status();
    relay_words(status.errands_relay).map(|words| format!("recipients elsewhere: {words}"))
}

fn object(serving: &Serving) -> Value {
    let about = serving.signer().describe();
    let state = serving.appliance().state();
    json!({
        "listens": serving.listens(),
        "signer": { "name": about.name, "software": about.is_software,
                    "available": about.is_available },
        "scanner": { "name": serving.appliance().settings().scanner.to_string(),
                     "working": state.scanner_health().is_some_and(|found| found.reachable) },
        "errands_relay": state.status().errands_relay,
        "replayed": state.opening().replayed,
    })
}
