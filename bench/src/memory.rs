//! Resident memory under many large submissions at once, all processes of the server together.

use serde_json::json;

use crate::chain::arrivals::Arrivals;
use crate::load::{self, Load};
use crate::provider::{Holder, Provider};
use crate::rows::{Output, Row};
use crate::sums::Trouble;

/// What to run.
#[derive(clap::Args)]
pub struct Settings {
    /// Submissions at once.
    #[arg(long, default_value_t = 50)]
    connections: usize,
    /// Megabytes of each.
    #[arg(long, default_value_t = 30)]
    megabytes: usize,
    /// What is told, and where.
    #[command(flatten)]
    output: Output,
}

/// Above idle.
const GROWTH_MB_MAX: f64 = 64.0;

/// Runs it.
pub fn run(settings: &Settings) -> Result<(), Trouble> {
    let (connections, megabytes) = (settings.connections.max(1), settings.megabytes);
    settings.output.of(|| measure(connections, megabytes))
}

/// Submits, waits for all receipts, and tells the largest resident size beside the idle one.
pub fn measure(connections: usize, megabytes: usize) -> Result<Vec<Row>, Trouble> {
    let provider = Provider::start(connections + 1, Holder::Soft)?;
    let family = provider.family();
    family.forget_resident_max()?;
    let idle = family.resident_bytes()?;
    let load = Load {
        messages: connections,
        connections,
        recipients: 1,
        octets: megabytes * 1024 * 1024,
    };
    load::run(&provider.door()?, load, || Ok(()))?;
    Arrivals::default().wait(&mut provider.link()?, connections)?;
    let most = family.resident_bytes_max()?;
    let mb = |octets: u64| octets as f64 / (1024.0 * 1024.0);
    let what = format!("{connections} messages of {megabytes} MB at once: memory above idle");
    Ok(vec![
        Row::new("memory", what, "MB", mb(most.saturating_sub(idle)))
            .at_most(GROWTH_MB_MAX)
            .from(json!({ "idle_mb": mb(idle), "most_mb": mb(most) })),
    ])
}
