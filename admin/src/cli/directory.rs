//! `ceralacca directory …`.

use std::net::IpAddr;
use std::path::PathBuf;

use ceralacca_core::address::Domain;
use clap::{Args, Subcommand};

use super::parse::parse_domain;

/// `directory …`
#[derive(Debug, Clone, Subcommand)]
pub enum DirectoryCommand {
    /// Show the index in use; with a domain, who manages it (exit 0 only if somebody does).
    Show {
        /// A domain.
        #[arg(value_parser = parse_domain)]
        domain: Option<Domain>,
    },
    /// Write our own part of the index, signed (`.p7m`).
    Export {
        /// Where.
        file: PathBuf,
        /// As LDIF, not signed.
        #[arg(long)]
        ldif: bool,
    },
    /// Take an index from a file (`.p7m`), signed by whom the settings pin.
    Import {
        /// Which.
        file: PathBuf,
    },
    /// Fetch the index now.
    Fetch,
    /// Put the index that waits for confirmation in use.
    Confirm,
    /// Sign our own part anew where something has changed, and say where it is published.
    Publish,
    /// A national index for the sandbox; nothing outside it trusts it.
    Authority(IndexArguments),
}

/// `directory authority`
#[derive(Debug, Clone, Args)]
#[command(subcommand_negates_reqs = true)]
pub struct IndexArguments {
    /// Its folder: keys and certificates are made there at the first start, `*.crl` in it are served.
    #[arg(long, value_name = "FOLDER", global = true)]
    pub folder: Option<PathBuf>,
    /// Address to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub bind: IpAddr,
    /// Port of HTTPS, for the index; 0: the system picks.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port: u16,
    /// Port of HTTP, for revocation lists; 0: the system picks.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub http_port: u16,
    /// Name of the server, in the index's location; the address when left out.
    #[arg(long, value_name = "NAME", value_parser = parse_domain)]
    pub host: Option<Domain>,
    /// Where a provider publishes its own part (HTTPS); may be repeated.
    #[arg(long = "provider", value_name = "URL", required = true)]
    pub providers: Vec<String>,
    /// Who vouches for providers' signing certificates (PEM); may be repeated.
    #[arg(long = "anchors", value_name = "PEM", required = true)]
    pub anchors: Vec<PathBuf>,
    /// Who vouches for providers' HTTPS servers (PEM); as `--anchors` when left out; may be repeated.
    #[arg(long = "server-authority", value_name = "PEM")]
    pub server_authorities: Vec<PathBuf>,
    /// Seconds after which the parts are fetched again.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u32).range(1..))]
    pub every: u32,
    /// Fetch, write `index.p7m` into the folder, and end; exit 0 only if every part was taken.
    #[arg(long)]
    pub once: bool,
    /// Something else than to serve.
    #[command(subcommand)]
    pub order: Option<IndexOrder>,
}

/// `directory authority … issue-client`
#[derive(Debug, Clone, Subcommand)]
pub enum IndexOrder {
    /// A client's certificate for a provider: `NAME.pem` and `NAME.key`.
    IssueClient {
        /// Its name.
        name: String,
        /// Folder to put them into.
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
    },
}
