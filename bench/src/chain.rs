//! The whole chain: submissions over kept connections until the last receipt is in a mailbox.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use ceralacca_admin::control::{Link, Request};
use serde_json::{Value, json};

use crate::load::{self, Load};
use crate::provider::{Holder, Provider, ask};
use crate::signing;
use crate::sums::{Trouble, percentile};

/// What to run.
#[derive(clap::Args)]
pub struct Settings {
    /// Messages in all.
    #[arg(long, default_value_t = 2000)]
    messages: usize,
    /// Connections that are kept, each a sender.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Recipients of each message.
    #[arg(long, default_value_t = 1)]
    recipients: usize,
    /// Octets of each message.
    #[arg(long, default_value_t = 20_000)]
    octets: usize,
    /// What signs.
    #[arg(long, value_enum, default_value_t = Holder::Soft)]
    signer: Holder,
    /// One JSON object on the last line instead of the table.
    #[arg(long)]
    json: bool,
}

/// Without a step for so long, something is wrong.
const SILENCE_MAX: Duration = Duration::from_secs(60);
const RAW_TIME: Duration = Duration::from_secs(3);
/// Steps that a message takes before and after those of its recipients are read here.
const POLL: Duration = Duration::from_millis(100);

/// Signatures and the CPU seconds that they and their checks took.
#[derive(Clone, Copy, Default)]
struct Signing {
    count: f64,
    cpu_seconds: f64,
}

/// Runs the chain and prints what it measured.
pub fn run(settings: &Settings) -> Result<(), Trouble> {
    let load = Load {
        messages: settings.messages,
        connections: settings.connections.clamp(1, settings.messages.max(1)),
        recipients: settings.recipients.max(1),
        octets: settings.octets,
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let raw = signing::raw_rate(cores, RAW_TIME)?;
    let provider = Provider::start(load.connections + load.recipients, settings.signer)?;
    let mut link = provider.link()?;
    // One message warms connections, caches and pages of code.
    load::run(
        &provider,
        Load {
            messages: load.connections,
            ..load
        },
    )?;
    let mut arrivals = Arrivals::default();
    arrivals.wait(&mut link, load.connections * load.recipients)?;
    let mut arrivals = Arrivals {
        cursor: arrivals.cursor,
        ..Arrivals::default()
    };
    let (cpu_before, signing_before) = (provider.cpu_seconds()?, signing_of(&mut link)?);
    let begun = Instant::now();
    let done = load::run(&provider, load)?;
    arrivals.wait(&mut link, load.messages * load.recipients)?;
    let seconds = begun.elapsed().as_secs_f64();
    let cpu = provider.cpu_seconds()? - cpu_before;
    let signing = signing_of(&mut link)?;
    let count = signing.count - signing_before.count;
    let signing_cpu = signing.cpu_seconds - signing_before.cpu_seconds;
    let mut replies = done.replies_ms.clone();
    let mut delivered = arrivals.milliseconds(&done.begun_ms);
    let messages = load.messages as f64;
    let object = json!({
        "signer": settings.signer.word(),
        "messages_per_s": round(messages / seconds),
        "reply_ms_p50": round(percentile(&mut replies, 0.50)),
        "reply_ms_p99": round(percentile(&mut replies, 0.99)),
        "delivered_ms_p50": round(percentile(&mut delivered, 0.50)),
        "delivered_ms_p99": round(percentile(&mut delivered, 0.99)),
        "server_cpu_us_per_message": round(cpu * 1e6 / messages),
        "signatures_per_s": round(count / seconds),
        "raw_signatures_per_s": round(raw),
        "signature_cpu_share": (signing_cpu / cpu.max(1e-9) * 1000.0).round() / 1000.0,
    });
    if settings.json {
        println!("{object}");
    } else {
        print_table(&load, &object);
    }
    Ok(())
}

/// When each identifier's last receipt came home.
#[derive(Default)]
pub struct Arrivals {
    cursor: u64,
    landed: HashMap<String, f64>,
    recipients: HashSet<(String, u64)>,
}

impl Arrivals {
    /// Reads steps until `wanted` receipts are home.
    pub fn wait(&mut self, link: &mut Link, wanted: usize) -> Result<(), Trouble> {
        let mut last_news = Instant::now();
        while self.recipients.len() < wanted {
            let answer = ask(link, &Request::Steps { after: self.cursor })?;
            let steps = answer["steps"].as_array().cloned().unwrap_or_default();
            if steps.is_empty() {
                if last_news.elapsed() > SILENCE_MAX {
                    let home = self.recipients.len();
                    let sentence = format!("only {home} of {wanted} receipts came home");
                    return Err(Trouble::from(sentence));
                }
                std::thread::sleep(POLL);
                continue;
            }
            last_news = Instant::now();
            steps.iter().for_each(|step| self.take(step));
        }
        Ok(())
    }

    /// `[number, milliseconds, identifier, step, recipient]`
    fn take(&mut self, step: &Value) {
        self.cursor = step[0].as_u64().unwrap_or(self.cursor);
        let (Some(at), Some(identifier)) = (step[1].as_f64(), step[2].as_str()) else {
            return;
        };
        if step[3] == "Landed" {
            let recipient = step[4].as_u64().unwrap_or(0);
            self.recipients.insert((identifier.to_owned(), recipient));
            let landed = self.landed.entry(identifier.to_owned()).or_insert(at);
            *landed = landed.max(at);
        }
    }

    fn milliseconds(&self, begun: &HashMap<String, f64>) -> Vec<f64> {
        let since = |(identifier, begun): (&String, &f64)| {
            let id = identifier.trim_matches(['<', '>']);
            self.landed.get(id).map(|landed| landed - begun)
        };
        begun.iter().filter_map(since).collect()
    }
}

fn signing_of(link: &mut Link) -> Result<Signing, Trouble> {
    let status = ask(link, &Request::Status)?;
    let number = |key: &str| status["signing"][key].as_f64();
    match (number("signatures"), number("cpu_us")) {
        (Some(count), Some(cpu_us)) => Ok(Signing {
            count,
            cpu_seconds: cpu_us / 1e6,
        }),
        _ => Err(Trouble::from(format!(
            "no numbers of the signer in {status}"
        ))),
    }
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn print_table(load: &Load, object: &Value) {
    println!(
        "{} messages of {} octets, {} recipient(s), {} connections",
        load.messages, load.octets, load.recipients, load.connections
    );
    for (name, value) in object.as_object().into_iter().flatten() {
        println!("{name:<28} {value:>12}");
    }
    let rate = |key: &str| object[key].as_f64().unwrap_or(0.0);
    let ratio = rate("signatures_per_s") / rate("raw_signatures_per_s").max(1e-9);
    println!("{:<28} {:>12.3}", "signatures / raw signatures", ratio);
}
