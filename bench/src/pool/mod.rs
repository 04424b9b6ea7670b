//! The pool of sessions alone: what it adds to a module. On SoftHSM in turns with a bare loop in C over the
//! same token with as many threads; on a simulated module, whose rate is known, with its latency under a
//! load that arrives whatever is answered.

mod sim;
mod token;

use serde_json::json;

use crate::rows::{Output, Row};
use crate::sums::{Trouble, median};

/// What to run.
#[derive(clap::Args)]
pub struct Settings {
    /// What the pool stands before.
    #[arg(long, value_enum, default_value_t = Module::Sim)]
    signer: Module,
    /// Beside this; SoftHSM's only.
    #[arg(long, value_enum)]
    against: Option<Other>,
    /// Seconds of each turn.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Turns of each.
    #[arg(long, default_value_t = 5)]
    turns: usize,
    /// What is told, and where.
    #[command(flatten)]
    output: Output,
}

/// A module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Module {
    /// 5 ms for each signature, 32 at a time.
    Sim,
    /// SoftHSM 2.
    Softhsm,
}

/// What the pool is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Other {
    /// A loop in C.
    C,
}

/// How much of the bare rate must be left.
const RATE_MIN: f64 = 0.97;
/// Milliseconds, at 80 % of the nominal rate.
const LATENCY_P99_MAX: f64 = 15.0;

/// Runs what the settings say.
pub fn run(settings: &Settings) -> Result<(), Trouble> {
    let (seconds, turns) = (settings.seconds, settings.turns.max(1));
    settings.output.of(|| match settings.signer {
        Module::Sim => simulated(seconds),
        Module::Softhsm => softhsm(seconds, turns, settings.against.is_some()),
    })
}

/// The rows of the simulated module.
pub fn simulated(seconds: f64) -> Result<Vec<Row>, Trouble> {
    let of = "pool --signer sim";
    let sim = sim::measure(seconds)?;
    let details = json!({
        "nominal_per_s": sim.nominal,
        "signatures_per_s": sim.rate,
        "load_per_s": sim.load,
        "latency_ms_p50": sim.p50_ms,
    });
    let ratio = sim.rate / sim.nominal;
    Ok(vec![
        Row::new(
            of,
            "pool: rate over the module's nominal rate",
            "times",
            ratio,
        )
        .at_least(RATE_MIN)
        .from(details),
        Row::new(of, "pool: latency p99 at 80 % load", "ms", sim.p99_ms).at_most(LATENCY_P99_MAX),
    ])
}

/// The row of SoftHSM.
pub fn softhsm(seconds: f64, turns: usize, beside_c: bool) -> Result<Vec<Row>, Trouble> {
    let of = "pool --signer softhsm --against c";
    let token = token::Made::new()?;
    let bare = beside_c.then(|| token.bare_loop()).transpose()?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..turns {
        ours.push(token.ours(seconds)?);
        if let Some(bare) = &bare {
            theirs.push(bare.run(&token, seconds)?);
        }
    }
    let rates = |all: &[token::Turn]| all.iter().map(token::Turn::rate).collect::<Vec<_>>();
    let cpu = |all: &[token::Turn]| all.iter().map(token::Turn::cpu_us).collect::<Vec<_>>();
    let (own, other) = (median(&mut rates(&ours)), median(&mut rates(&theirs)));
    let details = json!({
        "threads": token::threads(),
        "ours_per_s": rates(&ours),
        "ours_cpu_us": cpu(&ours),
        "other_per_s": rates(&theirs),
        "other_cpu_us": cpu(&theirs),
    });
    Ok(vec![match bare {
        Some(_) => Row::new(
            of,
            "pool: rate over a bare loop in C",
            "times",
            own / other.max(1e-9),
        )
        .at_least(RATE_MIN)
        .from(details),
        None => Row::new(of, "pool: signatures on SoftHSM", "/s", own).from(details),
    }])
}

pub use token::{INSIDE, inside};
