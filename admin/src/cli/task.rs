//! `ceralacca task …`.

use clap::Subcommand;

/// `task …`
#[derive(Debug, Clone, Subcommand)]
pub enum TaskCommand {
    /// List what is open, the oldest first.
    List,
    /// Settle one; who and what was found go into the log.
    Settle {
        /// Its key, as `task list` prints it.
        key: String,
        /// What was found and done.
        #[arg(long, value_name = "TEXT")]
        note: String,
    },
}
