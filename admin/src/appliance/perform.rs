//! Requests carried out on an opened appliance, over the socket or offline: those about the registry by
//! the desk, those about keys by [`crate::keys`], the others here.

use std::sync::Arc;

use ceralacca_core::login::LoginRoom;
use ceralacca_core::ports::{Signer, SignerDescription, TokenDescription};
use serde_json::{Value, json};

use super::{Appliance, health};
use crate::control::{HsmRequest, Request};
use crate::desk::Desk;
use crate::directory::publication::Publication;
use crate::directory::refresh::Source;
use crate::directory::requests::Office;
use crate::keys::{Changeover, Keys, Workplace, dkim, marked};
use crate::report::{Failure, Report};
use crate::web::{Reach, records};

/// Steps of one answer; the cursor asks for more.
const STEPS_PER_ANSWER_MAX: usize = 20_000;

/// What only a running appliance knows.
pub(super) struct Run {
    pub(super) signer: Arc<dyn Signer>,
    pub(super) login: Arc<LoginRoom>,
    pub(super) listens: Value,
    pub(super) relay: Arc<ceralacca_net::relay::Running>,
    pub(super) publication: Arc<Publication>,
    pub(super) source: Option<Arc<Source>>,
    pub(super) reach: Arc<Reach>,
    pub(super) changeover: Option<Arc<Changeover>>,
    pub(super) place: Workplace,
}

impl Run {
    /// The index, or what waits for it, may have changed.
    fn look_at_keys(&self) {
        if let Some(changeover) = &self.changeover {
            changeover.look();
        }
    }
}

pub(super) fn perform(
    appliance: &Appliance,
    run: Option<&Run>,
    request: Request,
    author: &str,
) -> Result<Report, Failure> {
    match request {
        Request::Status => Ok(status(appliance, run)),
        Request::Check => Ok(health::report(&health::health(
            appliance,
            run.map(|run| &*run.signer),
        ))),
        Request::Steps { after } => Ok(steps(appliance, after)),
        Request::Mailbox(request) => {
            let login = run.map(|run| &*run.login);
            let desk = Desk::of(&appliance.state, author).with_login(login);
            desk.mailbox(request)
        }
        Request::Rates => Ok(rates(appliance)),
        Request::Domain(request) => {
            let record = |domain: &str| dkim::record(&appliance.data, &appliance.settings, domain);
            let offline = Reach::of(&appliance.settings);
            let reach = run.map_or(&offline, |run| &*run.reach);
            let clients = |domain: &str| records::of(domain, reach);
            Desk::of(&appliance.state, author).domain(request, record, clients)
        }
        Request::Queue(request) => {
            let states = run.map(|run| run.relay.destinations()).unwrap_or_default();
            Desk::of(&appliance.state, author).queue(request, &states)
        }
        Request::SandboxClock { advance_ms } => sandbox_clock(appliance, advance_ms),
        Request::Quarantine(request) => Desk::of(&appliance.state, author).quarantine(request),
        Request::Task(request) => Desk::of(&appliance.state, author).task(request),
        Request::Hsm(request) => {
            let place = run.map_or(&Workplace::Here, |run| &run.place);
            let keys = Keys::of(&appliance.data, &appliance.settings).at(place);
            let is_list = matches!(request, HsmRequest::List { .. });
            let report = keys.perform(request, &appliance.state);
            run.inspect(|run| run.look_at_keys());
            match run.filter(|_| is_list) {
                Some(run) => Ok(with_tokens(report, &run.signer.describe())),
                None => report,
            }
        }
        Request::Directory(request) => {
            let report = office(appliance, run).perform(request);
            run.inspect(|run| run.look_at_keys());
            report
        }
    }
}

/// How each token of a running appliance is (HS-04).
fn with_tokens(listed: Result<Report, Failure>, about: &SignerDescription) -> Report {
    // A token that is away cannot list its keys, and that is what is asked for then.
    let mut report = listed.unwrap_or_else(|failure| Report {
        words: format!("{failure}\n"),
        object: json!({}),
        held: false,
    });
    for token in &about.tokens {
        let name = marked(&token.words(), token.is_software);
        let state = match token.is_available {
            true => format!("signs, {} signatures", token.signatures),
            false => "out".to_owned(),
        };
        report.words.push_str(&format!("{name}: {state}\n"));
    }
    report.object["tokens"] = tokens(about);
    report
}

fn tokens(about: &SignerDescription) -> Value {
    let object = |token: &TokenDescription| {
        json!({
            "name": token.name,
            "software": token.is_software,
            "available": token.is_available,
            "trouble": token.trouble,
            "signatures": token.signatures,
            "process": token.process,
        })
    };
    about.tokens.iter().map(object).collect()
}

fn office<'a>(appliance: &'a Appliance, run: Option<&'a Run>) -> Office<'a> {
    Office {
        state: &appliance.state,
        data: &appliance.data,
        settings: &appliance.settings,
        publication: run.map(|run| &*run.publication),
        source: run.and_then(|run| run.source.as_deref()),
    }
}

/// OP-12.
fn sandbox_clock(appliance: &Appliance, advance_ms: u64) -> Result<Report, Failure> {
    let Some(clock) = appliance.sandbox_clock() else {
        return Err(Failure::Refused(
            "this appliance has the system's clock; only `init --sandbox-clock` makes one whose \
             clock can be put ahead"
                .to_owned(),
        ));
    };
    let ahead = clock.advance(advance_ms)?;
    let now = ceralacca_core::ports::Clock::now(clock);
    Ok(Report::done(
        format!("the sandbox's clock shows {}", now.rfc3339()),
        json!({ "ahead_ms": ahead, "now": now.rfc3339() }),
    ))
}

/// SE-10: the values in force.
fn rates(appliance: &Appliance) -> Report {
    let policy = appliance.state.policy();
    let mut words = String::new();
    let mut object = serde_json::Map::new();
    for (key, value) in policy.rates() {
        words.push_str(&format!("{key} = {value}\n"));
        object.insert(key.to_owned(), value.into());
    }
    Report::done(words, Value::Object(object))
}

fn status(appliance: &Appliance, run: Option<&Run>) -> Report {
    let status = appliance.state.status();
    let signing = run.map(|run| run.signer.describe()).map(|signer| {
        let cpu_us = u64::try_from(signer.cpu.as_micros()).unwrap_or(u64::MAX);
        json!({
            "signatures": signer.signatures,
            "cpu_us": cpu_us,
            "tokens": tokens(&signer),
        })
    });
    let object = json!({
        "running": run.is_some(),
        "pid": run.map(|_| std::process::id()),
        "listens": run.map(|run| run.listens.clone()),
        "submissions": status.submissions,
        "journeys": status.journeys,
        "errands_local": status.errands_local,
        "errands_relay": status.errands_relay,
        "deliveries": status.deliveries,
        "position": status.position.0,
        "held": status.held,
        "signing": signing,
    });
    let words = format!(
        "{} to certify, {} under way, {} for the relay",
        status.submissions, status.journeys, status.errands_relay
    );
    Report::done(words, object)
}

/// `[number, milliseconds, identifier, step, recipient]` of each, and the cursor of the next request.
fn steps(appliance: &Appliance, after: u64) -> Report {
    let steps = appliance.state.steps().since(after, STEPS_PER_ANSWER_MAX);
    let cursor = steps.last().map_or(after, |step| step.number);
    let steps: Vec<Value> = steps
        .iter()
        .map(|step| {
            let (at, identifier) = (step.at.as_millis(), step.identifier.as_str());
            json!([step.number, at, identifier, step.name, step.recipient])
        })
        .collect();
    Report::done("", json!({ "steps": steps, "cursor": cursor }))
}
