//! What a full house costs: CPU of a message where a million lie stored, against one where a thousand do, in
//! turns. The million are the receipts and envelopes of real transactions: owner, certifier, journal,
//! blobs and views did all their work, only the values of their signatures are no key's.

mod fill;

use serde_json::json;

use crate::chain::ours::{Ours, Turn};
use crate::load::Load;
use crate::provider::{Holder, Made};
use crate::rows::{Output, Row};
use crate::sums::{Trouble, median};

/// What to run.
#[derive(clap::Args)]
pub struct Settings {
    /// Messages that lie stored, in all mailboxes together.
    #[arg(long, default_value_t = 1_000_000)]
    stored: usize,
    /// Against so many.
    #[arg(long, default_value_t = 1_000)]
    few: usize,
    /// Messages of each turn.
    #[arg(long, default_value_t = 2_000)]
    messages: usize,
    /// Turns of each.
    #[arg(long, default_value_t = 3)]
    turns: usize,
    /// What is told, and where.
    #[command(flatten)]
    output: Output,
}

/// More CPU than with few.
const RATIO_MAX: f64 = 1.2;
const CONNECTIONS: usize = 32;

/// Runs it.
pub fn run(settings: &Settings) -> Result<(), Trouble> {
    let counts = [settings.stored, settings.few];
    settings
        .output
        .of(|| measure(counts, settings.messages, settings.turns.max(1)))
}

/// The row.
pub fn measure(
    [many, few]: [usize; 2],
    messages: usize,
    turns: usize,
) -> Result<Vec<Row>, Trouble> {
    let load = Load {
        messages,
        connections: CONNECTIONS.min(messages.max(1)),
        recipients: 1,
        octets: 20_000,
    };
    let (mut full, full_mb, seconds) = filled(many, load)?;
    let (mut empty, empty_mb, _) = filled(few, load)?;
    let (mut with_many, mut with_few): (Vec<Turn>, Vec<Turn>) = Default::default();
    for _ in 0..turns {
        with_many.push(full.turn(load)?);
        with_few.push(empty.turn(load)?);
    }
    let cpu = |turns: &[Turn]| turns.iter().map(|t| t.cpu_us).collect::<Vec<_>>();
    let rate = |turns: &[Turn]| turns.iter().map(|t| t.messages_per_s).collect::<Vec<_>>();
    let ratio = median(&mut cpu(&with_many)) / median(&mut cpu(&with_few)).max(1e-9);
    let details = json!({
        "stored": [many, few],
        "cpu_us": [cpu(&with_many), cpu(&with_few)],
        "messages_per_s": [rate(&with_many), rate(&with_few)],
        "resident_mb": [full_mb, empty_mb],
        "filled_in_s": seconds.round(),
    });
    let what = format!("CPU of a message with {many} stored over {few}");
    Ok(vec![
        Row::new("stored", what, "times", ratio)
            .at_most(RATIO_MAX)
            .from(details),
    ])
}

/// A warm provider with so many stored messages, its megabytes, and the seconds of its filling.
fn filled(stored: usize, load: Load) -> Result<(Ours, u64, f64), Trouble> {
    let signer = match ceralacca_hsm::vector::is_supported() {
        true => Holder::Vector,
        false => Holder::Soft,
    };
    let mailboxes = load.connections + load.recipients;
    let made = Made::new(mailboxes, signer)?;
    let seconds = fill::fill(&made, mailboxes, stored)?;
    let provider = made.serve()?;
    let resident = provider.family().resident_bytes()? / (1024 * 1024);
    Ok((Ours::warm(provider, load)?, resident, seconds))
}
