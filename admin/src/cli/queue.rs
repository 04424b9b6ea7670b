//! `ceralacca queue …`.

use ceralacca_core::address::Domain;
use clap::{Args, Subcommand};

use super::parse::parse_domain;

/// `queue …`
#[derive(Debug, Clone, Subcommand)]
pub enum QueueCommand {
    /// A table by destination and age, then entries with age, attempts, next try and last reply, the
    /// oldest first.
    List {
        /// Of this destination only.
        #[arg(long, value_name = "D", value_parser = parse_domain)]
        destination: Option<Domain>,
        /// At most so many entries.
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
    },
    /// Show an entry.
    Show {
        /// Its key, as `queue list` prints it.
        key: String,
    },
    /// Try now, whatever the destination's troubles.
    Retry(QueueArguments),
    /// Do not try until released; what is held is still given up in time.
    Hold(QueueArguments),
    /// Try again what was held.
    Release(QueueArguments),
}

/// Entries of the queue.
#[derive(Debug, Clone, Args)]
pub struct QueueArguments {
    /// The key of one.
    pub key: Option<String>,
    /// All for this destination.
    #[arg(long, value_name = "D", value_parser = parse_domain, conflicts_with = "key")]
    pub destination: Option<Domain>,
    /// All.
    #[arg(long, conflicts_with_all = ["key", "destination"])]
    pub all: bool,
}
