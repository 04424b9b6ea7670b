//! `ceralacca conformance`.

use std::path::PathBuf;

use clap::Args;

use crate::conformance::settings::Server;

/// `conformance`
#[derive(Debug, Clone, Args)]
pub struct ConformanceArguments {
    /// Servers, mailboxes and limits (TOML); or the flags below.
    #[arg(long, value_name = "F", conflicts_with_all = ["submission", "imap", "sender", "recipient"])]
    pub config: Option<PathBuf>,
    /// Where mail is handed in.
    #[arg(long, value_name = "HOST:PORT[/starttls]", value_parser = Server::parse)]
    pub submission: Option<Server>,
    /// Where it is read, over TLS.
    #[arg(long, value_name = "HOST:PORT", value_parser = Server::parse)]
    pub imap: Option<Server>,
    /// The mailbox that sends.
    #[arg(long, value_name = "ADDRESS", requires = "sender_password_file")]
    pub sender: Option<String>,
    /// File with its password.
    #[arg(long, value_name = "F")]
    pub sender_password_file: Option<PathBuf>,
    /// The mailbox that receives, at the same provider.
    #[arg(long, value_name = "ADDRESS", requires = "recipient_password_file")]
    pub recipient: Option<String>,
    /// File with its password.
    #[arg(long, value_name = "F")]
    pub recipient_password_file: Option<PathBuf>,
    /// An address without certified mail; mail is sent to it.
    #[arg(long, value_name = "ADDRESS")]
    pub external: Option<String>,
    /// Authorities of signing certificates (PEM).
    #[arg(long, value_name = "PEM")]
    pub anchors: Option<PathBuf>,
    /// Authorities of the servers (PEM); those of the system when left out.
    #[arg(long, value_name = "PEM")]
    pub trust: Option<PathBuf>,
    /// The index of providers (LDIF).
    #[arg(long, value_name = "LDIF")]
    pub directory: Option<PathBuf>,
    /// Leave out the messages of the size limits, some 50 MB.
    #[arg(long)]
    pub no_large: bool,
    /// Make these checks only.
    #[arg(long, value_name = "ID,ID", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Print the check list and end.
    #[arg(long)]
    pub list: bool,
    /// Write a report in JUnit XML.
    #[arg(long, value_name = "F")]
    pub junit: Option<PathBuf>,
    /// Write a report as a page.
    #[arg(long, value_name = "F")]
    pub html: Option<PathBuf>,
    /// Keep all messages, sent and found, in this folder.
    #[arg(long, value_name = "DIR")]
    pub evidence: Option<PathBuf>,
}
