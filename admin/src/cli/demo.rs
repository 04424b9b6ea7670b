//! `ceralacca demo`.

use clap::Args;

/// `demo`
#[derive(Debug, Clone, Copy, Args)]
pub struct DemoArguments {
    /// End after the first message; exit 0 only if everything held.
    #[arg(long)]
    pub once: bool,
    /// Every listener is N plus its usual port; free ports when left out.
    #[arg(long, value_name = "N")]
    pub port_base: Option<u16>,
}
