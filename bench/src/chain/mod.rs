//! The whole chain: submissions over kept connections until the last receipt is in a mailbox, alone or in
//! turns with another way to deliver mail.

pub mod arrivals;
mod beside;
pub mod ours;

use std::time::Duration;

use serde_json::{Value, json};

use self::ours::Ours;
use crate::load::Load;
use crate::provider::Holder;
use crate::rows::Output;
use crate::signing;
use crate::sums::{Trouble, percentile};

pub use beside::{Beside, measure};

/// What to run.
#[derive(clap::Args)]
pub struct Settings {
    /// Messages in all, or of each turn.
    #[arg(long, default_value_t = 2000)]
    messages: usize,
    /// Connections that are kept, each a sender.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Recipients of each message.
    #[arg(long, default_value_t = 1)]
    recipients: usize,
    /// Octets of each message.
    #[arg(long, default_value_t = 20_000)]
    octets: usize,
    /// What signs; with `--against` each signer that this machine has takes its turns, where none is named.
    #[arg(long, value_enum)]
    signer: Option<Holder>,
    /// Measure this beside ours, in turns; needs root.
    #[arg(long, value_enum)]
    against: Option<Other>,
    /// Turns of each with `--against`; told is what all turns took together.
    #[arg(long, default_value_t = 3, requires = "against")]
    turns: usize,
    /// What is told, and where.
    #[command(flatten)]
    output: Output,
}

/// Another way to deliver mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Other {
    /// Debian's Postfix, to a virtual maildir: it signs nothing.
    Postfix,
    /// The same with a content filter that signs each message once with `openssl cms`.
    Filter,
}

const RAW_TIME: Duration = Duration::from_secs(3);

/// Runs the chain and prints what it measured.
pub fn run(settings: &Settings) -> Result<(), Trouble> {
    let load = Load {
        messages: settings.messages,
        connections: settings.connections.clamp(1, settings.messages.max(1)),
        recipients: settings.recipients.max(1),
        octets: settings.octets,
    };
    let Some(other) = settings.against else {
        let object = alone(load, settings.signer.unwrap_or(Holder::Soft))?;
        return print(&load, &object, &settings.output);
    };
    let beside = Beside {
        other,
        load,
        other_messages: settings.messages,
        turns: settings.turns.max(1),
        signers: match settings.signer {
            Some(signer) => vec![signer],
            None => Holder::all_here(),
        },
    };
    settings.output.of(|| measure(&beside))
}

/// Ours alone, beside the raw rate of signatures.
fn alone(load: Load, signer: Holder) -> Result<Value, Trouble> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let raw = signing::raw_rate(cores, RAW_TIME)?;
    let mut ours = Ours::start(load, signer)?;
    let mut turn = ours.turn(load)?;
    let messages = load.messages as f64;
    Ok(json!({
        "signer": signer.word(),
        "messages_per_s": round(turn.messages_per_s),
        "reply_ms_p50": round(percentile(&mut turn.replies_ms, 0.50)),
        "reply_ms_p99": round(percentile(&mut turn.replies_ms, 0.99)),
        "delivered_ms_p50": round(percentile(&mut turn.delivered_ms, 0.50)),
        "delivered_ms_p99": round(percentile(&mut turn.delivered_ms, 0.99)),
        "server_cpu_us_per_message": round(turn.cpu_us),
        "signatures_per_s": round(turn.signatures * turn.messages_per_s / messages),
        "raw_signatures_per_s": round(raw),
        "signature_cpu_share": (turn.signature_share * 1000.0).round() / 1000.0,
    }))
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn print(load: &Load, object: &Value, output: &Output) -> Result<(), Trouble> {
    if output.is_json() {
        println!("{object}");
        return Ok(());
    }
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
    Ok(())
}
