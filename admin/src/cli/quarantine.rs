//! `ceralacca quarantine …`.

use std::path::PathBuf;

use clap::Subcommand;

/// `quarantine …`
#[derive(Debug, Clone, Subcommand)]
pub enum QuarantineCommand {
    /// List what is kept: name, detection, where, size; nobody's address.
    List,
    /// Show who sent a message to whom, and what was found in it; logged.
    Show {
        /// Its name, as `list` says it.
        name: String,
        /// Why you look; goes into the log.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Write a message as it was to a new file; logged. It is infected.
    Export {
        /// Its name, as `list` says it.
        name: String,
        /// The new file; only its owner may read it.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Why you take it out; goes into the log.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Remove those whose 30 months are over; logged.
    Expire,
}
