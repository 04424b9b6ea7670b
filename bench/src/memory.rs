//! Resident memory under many large submissions at once.

use crate::chain::Arrivals;
use crate::load::{self, Load};
use crate::provider::{Holder, Provider};
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
}

/// Submits, waits for all receipts, prints the largest resident size of the server.
pub fn run(settings: &Settings) -> Result<(), Trouble> {
    let provider = Provider::start(settings.connections + 1, Holder::Soft)?;
    let idle = provider.resident_bytes_max()?;
    let octets = settings.megabytes * 1024 * 1024;
    let connections = settings.connections;
    let load = Load {
        messages: connections,
        connections,
        recipients: 1,
        octets,
    };
    load::run(&provider, load)?;
    Arrivals::default().wait(&mut provider.link()?, connections)?;
    let busy = provider.resident_bytes_max()?;
    println!(
        "{connections} submissions of {} MB at once: resident at most {} MB ({} MB before them)",
        settings.megabytes,
        busy / 1024 / 1024,
        idle / 1024 / 1024
    );
    Ok(())
}
