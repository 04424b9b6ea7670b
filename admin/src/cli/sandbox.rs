//! `ceralacca sandbox …`: a test authority, a clock that can be put ahead, a provider that breaks the rules.

use std::path::PathBuf;

use ceralacca_core::address::Address;
use clap::{Args, Subcommand, ValueEnum};

use super::parse::{parse_address, parse_serial, parse_span_ms};

/// `sandbox …`
#[derive(Debug, Clone, Subcommand)]
pub enum SandboxCommand {
    /// A test authority.
    #[command(subcommand)]
    Authority(AuthorityCommand),
    /// The clock of an appliance made by `init --sandbox-clock`.
    Clock {
        /// Put it ahead, by `12h`, `45m`, `1d 30m`.
        #[arg(long, value_name = "TIME", value_parser = parse_span_ms)]
        advance: Option<u64>,
    },
    /// Run a provider that breaks the rules on purpose, for the conformance checks to be seen failing.
    Serve(BrokenArguments),
}

/// `sandbox serve`
#[derive(Debug, Clone, Args)]
pub struct BrokenArguments {
    /// What to break.
    #[arg(
        long,
        value_name = "FAULT,FAULT",
        value_enum,
        value_delimiter = ',',
        required = true
    )]
    pub broken: Vec<FaultWord>,
    /// By how many seconds `late-receipt` delays receipts.
    #[arg(long, value_name = "N", default_value_t = 90)]
    pub late_seconds: u64,
}

/// `--broken`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FaultWord {
    /// Receipts come late.
    LateReceipt,
    /// Brief receipts hold wrong hashes.
    WrongHash,
    /// One octet of each envelope is altered after signing.
    AlteredEnvelope,
    /// An authority that nobody trusts vouches for the signer.
    ForeignSigner,
    /// The signing certificate has expired.
    ExpiredCertificate,
    /// Messages hold no certification data.
    MissingDaticert,
}

/// `sandbox authority …`
#[derive(Debug, Clone, Subcommand)]
pub enum AuthorityCommand {
    /// Make an authority in a folder: `authority.pem`, `authority.key`.
    Create {
        /// Where.
        #[arg(
            required_unless_present = "folder_option",
            conflicts_with = "folder_option"
        )]
        folder: Option<PathBuf>,
        /// Where.
        #[arg(long = "folder", value_name = "FOLDER")]
        folder_option: Option<PathBuf>,
        /// Its name.
        #[arg(long, default_value = "Ceralacca test authority")]
        name: String,
        /// Where its revocation list will be published; stands in the certificates that it signs.
        #[arg(long, value_name = "URL")]
        crl_url: Option<String>,
    },
    /// Sign its revocation list anew (DER).
    Crl {
        /// Its folder.
        #[arg(long, value_name = "FOLDER")]
        folder: PathBuf,
        /// Where to write the list.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Serial number of a certificate that is revoked now, in hexadecimal; may be repeated.
        #[arg(long = "revoke", value_name = "SERIAL", value_parser = parse_serial)]
        revoked: Vec<Vec<u8>>,
        /// Days until the next list is due.
        #[arg(long, value_name = "N", default_value_t = 30)]
        days: u32,
    },
    /// Sign a request as RFC 6109 §5.5 wants; prints certificate and authority (PEM), or writes them.
    Sign(SignArguments),
}

/// `sandbox authority sign`
#[derive(Debug, Clone, Args)]
pub struct SignArguments {
    /// The request (PEM).
    pub csr: PathBuf,
    /// Folder of the authority; the evaluation authority of `--data` when left out.
    #[arg(long, visible_alias = "folder", value_name = "FOLDER")]
    pub authority: Option<PathBuf>,
    /// Name of the provider; that of `--data` when left out.
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
    /// Service address; that of `--data` when left out.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    pub service_address: Option<Address>,
    /// Days of validity.
    #[arg(long, value_name = "N", default_value_t = 365)]
    pub days: u32,
    /// Write the chain here instead.
    #[arg(long, value_name = "F")]
    pub out: Option<PathBuf>,
}
