//! `ceralacca verify`.

use std::path::PathBuf;

use ceralacca_core::instant::Instant;
use clap::Args;

use super::parse::parse_time;

/// `verify`
#[derive(Debug, Clone, Args)]
pub struct VerifyArguments {
    /// The message, octet for octet.
    pub file: PathBuf,
    /// Authorities to trust (PEM); with `--data`, that provider's.
    #[arg(long, value_name = "PEM")]
    pub anchors: Option<PathBuf>,
    /// Judge the certificates at this time (RFC 3339); now when left out.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub at: Option<Instant>,
}
