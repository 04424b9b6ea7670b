//! `ceralacca init`.

use std::net::IpAddr;
use std::path::PathBuf;

use ceralacca_core::address::Domain;
use ceralacca_firmware::ScannerSettings;
use clap::{Args, ValueEnum};

use super::parse::parse_domain;

/// `init`
#[derive(Debug, Clone, Args)]
pub struct InitArguments {
    /// Name of the provider, as in certificates and certification data.
    #[arg(long, value_name = "NAME")]
    pub provider: String,
    /// A domain; the first is the provider's own.
    #[arg(long = "domain", value_name = "D", required = true, value_parser = parse_domain)]
    pub domains: Vec<Domain>,
    /// Name of the server; the first domain when left out.
    #[arg(long, value_name = "NAME", value_parser = parse_domain)]
    pub host: Option<Domain>,
    /// Address to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub bind: IpAddr,
    /// Every listener is N plus its usual port.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port_base: u16,
    /// The system picks free ports at each start; `serve` says which.
    #[arg(long, conflicts_with = "port_base")]
    pub free_ports: bool,
    /// The server's certificate (PEM); the evaluation authority makes one when left out.
    #[arg(long, value_name = "F", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Its key (PEM).
    #[arg(long, value_name = "F", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// A sandbox whose clock can be put ahead (`sandbox clock`).
    #[arg(long)]
    pub sandbox_clock: bool,
    /// What holds the signing key.
    #[arg(long, value_enum, default_value_t = SignerKind::Soft)]
    pub signer: SignerKind,
    /// The vendor's PKCS#11 library.
    #[arg(long, value_name = "SO", required_if_eq("signer", "pkcs11"))]
    pub module: Option<PathBuf>,
    /// Label of the token.
    #[arg(long, value_name = "LABEL", required_if_eq("signer", "pkcs11"))]
    pub token: Option<String>,
    /// File with the PIN of the token, or of the sealed key; mode 600.
    #[arg(long, value_name = "F", required_if_eq_any([("signer", "pkcs11"), ("signer", "vector")]))]
    pub pin_file: Option<PathBuf>,
    /// Label of the key pair on the token.
    #[arg(long, value_name = "LABEL")]
    pub key_label: Option<String>,
    /// Sessions that sign at the same time; one per core when left out.
    #[arg(long, value_name = "N")]
    pub sessions: Option<u16>,
    /// Folder of a test authority that certifies several providers (`sandbox authority create`); its
    /// certificate becomes one of `mail_authorities`.
    #[arg(long, value_name = "FOLDER")]
    pub authority: Option<PathBuf>,
    /// Virus scanner: `none`, `clamd:/path/of/the/socket` or `clamd:host:port` (several after a comma);
    /// there is no default.
    #[arg(long, value_name = "none|clamd:SOCKET")]
    pub scanner: ScannerSettings,
}

/// `--signer`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SignerKind {
    /// A key in software, for tests and evaluation only.
    Soft,
    /// A key in the appliance itself, sealed with a PIN, eight signatures at once; no certified HSM.
    Vector,
    /// A PKCS#11 module.
    Pkcs11,
}
