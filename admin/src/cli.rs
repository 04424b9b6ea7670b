//! The command line as types: names and shapes. What each command does is in
//! [`crate::command`].

use std::net::IpAddr;
use std::path::PathBuf;

use ceralacca_core::address::{Address, Domain};
use ceralacca_firmware::ScannerSettings;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// An open certified-mail (PEC, RFC 6109) appliance.
#[derive(Debug, Parser)]
#[command(name = "ceralacca", version, about, max_term_width = 100)]
pub struct Arguments {
    /// The data directory; before or after the command.
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// One JSON object on stdout, words for people on stderr.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// A throw-away provider on loopback: certifies a message and prints each step.
    Demo(DemoArguments),
    /// Make a data directory: settings, keys, provider and domains.
    Init(InitArguments),
    /// Run the appliance.
    Serve,
    /// Mailboxes and their holders.
    #[command(subcommand)]
    Mailbox(MailboxCommand),
    /// Domains of the provider.
    #[command(subcommand)]
    Domain(DomainCommand),
    /// Signing keys and their certificates.
    #[command(subcommand)]
    Hsm(HsmCommand),
    /// Infected messages, kept encrypted for 30 months.
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// A test authority; nothing outside the sandbox trusts it.
    #[command(subcommand)]
    Sandbox(SandboxCommand),
    /// Judge a certified message, offline; exit 0 only if it is genuine.
    Verify(VerifyArguments),
    /// Look at everything that must be well.
    Check,
}

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
    /// File with the PIN, mode 600.
    #[arg(long, value_name = "F", required_if_eq("signer", "pkcs11"))]
    pub pin_file: Option<PathBuf>,
    /// Label of the key pair on the token.
    #[arg(long, value_name = "LABEL")]
    pub key_label: Option<String>,
    /// Sessions that sign at the same time; one per core when left out.
    #[arg(long, value_name = "N")]
    pub sessions: Option<u16>,
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
    /// A PKCS#11 module.
    Pkcs11,
}

/// `mailbox …`
#[derive(Debug, Clone, Subcommand)]
pub enum MailboxCommand {
    /// Make a mailbox.
    Add {
        /// Its address, in a domain of ours.
        #[arg(value_parser = parse_address)]
        address: Address,
        /// File with the password (its last line break is not part of it); `-` is stdin. Without it
        /// nobody can sign in until `mailbox passwd`.
        #[arg(long, value_name = "F")]
        password_file: Option<PathBuf>,
        /// Capacity in octets; the policy's default when left out.
        #[arg(long, value_name = "OCTETS")]
        quota: Option<u64>,
        /// Whose it is.
        #[command(flatten)]
        holder: HolderArguments,
    },
    /// List mailboxes, by address.
    List {
        /// Of this domain only.
        #[arg(long, value_name = "D", value_parser = parse_domain)]
        domain: Option<Domain>,
        /// Those after this address.
        #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
        after: Option<Address>,
        /// At most so many.
        #[arg(long, value_name = "N", default_value_t = 1000)]
        limit: usize,
        /// The provider's service mailbox too.
        #[arg(long)]
        service: bool,
    },
    /// Show a mailbox: state, holder, quota, use.
    Show {
        /// Which.
        #[arg(value_parser = parse_address)]
        address: Address,
    },
    /// Set the password.
    Passwd {
        /// Which.
        #[arg(value_parser = parse_address)]
        address: Address,
        /// File with the password; `-` is stdin.
        #[arg(long, value_name = "F")]
        password_file: PathBuf,
    },
    /// Take out of service: takes and sends nothing; what it holds stays.
    Suspend {
        /// Which.
        #[arg(value_parser = parse_address)]
        address: Address,
    },
    /// Put back into service.
    Resume {
        /// Which.
        #[arg(value_parser = parse_address)]
        address: Address,
    },
    /// Close for good; the address stays taken.
    Close {
        /// Which.
        #[arg(value_parser = parse_address)]
        address: Address,
    },
    /// Set the capacity.
    Quota {
        /// Which.
        #[arg(value_parser = parse_address)]
        address: Address,
        /// In octets.
        octets: u64,
    },
    /// What to do with ordinary mail: `reject`, `accept`, or `forward` to an ordinary address.
    Ordinary {
        /// Which.
        #[arg(value_parser = parse_address)]
        address: Address,
        /// What to do with it.
        #[arg(value_enum)]
        what: OrdinaryChoice,
        /// Where to, with `forward`; the mailbox's own address means `accept`.
        #[arg(value_name = "TARGET", value_parser = parse_address, required_if_eq("what", "forward"))]
        target: Option<Address>,
    },
    /// Show the holder, or change what is given.
    Holder {
        /// Which.
        #[arg(value_parser = parse_address)]
        address: Address,
        /// What to change.
        #[command(flatten)]
        holder: HolderArguments,
    },
    /// What was changed, when and by whom.
    History {
        /// Which.
        #[arg(value_parser = parse_address)]
        address: Address,
    },
}

/// `mailbox ordinary`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OrdinaryChoice {
    /// Refuse it; the sender is told by its server.
    Reject,
    /// Take it, in anomaly envelopes.
    Accept,
    /// Hand it on, and keep nothing.
    Forward,
}

/// Data of a holder (AC-09).
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct HolderArguments {
    /// Name and surname, or name of the body.
    #[arg(long = "holder", value_name = "NAME")]
    pub name: Option<String>,
    /// The holder is a company, association or office, not a person.
    #[arg(long = "holder-kind", value_name = "KIND", value_enum)]
    pub kind: Option<HolderWord>,
    /// Tax code or VAT number.
    #[arg(long, value_name = "CODE")]
    pub tax_code: Option<String>,
    /// A telephone number, postal or mail address; may be repeated.
    #[arg(long = "contact", value_name = "TEXT")]
    pub contacts: Vec<String>,
    /// Reference of a document that was shown; may be repeated.
    #[arg(long = "document", value_name = "TEXT")]
    pub documents: Vec<String>,
}

/// `--holder-kind`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HolderWord {
    /// A natural person.
    Person,
    /// A company, association or office.
    Body,
}

/// `domain …`
#[derive(Debug, Clone, Subcommand)]
pub enum DomainCommand {
    /// Manage a domain.
    Add {
        /// Its name.
        #[arg(value_parser = parse_domain)]
        domain: Domain,
    },
    /// List them.
    List,
    /// Give up a domain without mailboxes.
    Remove {
        /// Its name.
        #[arg(value_parser = parse_domain)]
        domain: Domain,
    },
    /// Stop its service.
    Suspend {
        /// Its name.
        #[arg(value_parser = parse_domain)]
        domain: Domain,
    },
    /// Take up its service.
    Resume {
        /// Its name.
        #[arg(value_parser = parse_domain)]
        domain: Domain,
    },
}

/// `hsm …`
#[derive(Debug, Clone, Subcommand)]
pub enum HsmCommand {
    /// Initialise a token with the label and the PIN of the settings.
    Init {
        /// File with the security officer's PIN, mode 600.
        #[arg(long, value_name = "F")]
        so_pin_file: Option<PathBuf>,
    },
    /// Make the signing key, inside the module.
    Keygen {
        /// RSA bits: 2048, 3072 or 4096.
        #[arg(long, default_value_t = 2048)]
        bits: usize,
        /// Its label; that of the settings when left out.
        #[arg(long, value_name = "LABEL")]
        label: Option<String>,
    },
    /// Print the request for the key's certificate (PEM), or write it.
    Csr {
        /// Write it here instead.
        #[arg(long, value_name = "F")]
        out: Option<PathBuf>,
        /// For the key with this label.
        #[arg(long, value_name = "LABEL")]
        label: Option<String>,
    },
    /// Take the certificate that the authority gave; refused when it breaks the profile.
    ImportCert {
        /// PEM, with the certificates of the issuers.
        file: PathBuf,
        /// For the key with this label.
        #[arg(long, value_name = "LABEL")]
        label: Option<String>,
    },
    /// List keys, with what holds them.
    List,
}

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
}

/// `sandbox authority …`
#[derive(Debug, Clone, Subcommand)]
pub enum AuthorityCommand {
    /// Make an authority in a folder: `authority.pem`, `authority.key`.
    Create {
        /// Where.
        folder: PathBuf,
        /// Its name.
        #[arg(long, default_value = "Ceralacca test authority")]
        name: String,
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
    #[arg(long, value_name = "FOLDER")]
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
    pub at: Option<ceralacca_core::instant::Instant>,
}

fn parse_span_ms(text: &str) -> Result<u64, String> {
    let span = text.split_whitespace().map(part_ms).sum::<Option<u64>>();
    span.ok_or_else(|| format!("`{text}` is no time; write 12h, 45m, 90s or 1d"))
}

/// One number with its unit.
fn part_ms(part: &str) -> Option<u64> {
    let (number, unit) = part.split_at(part.len().checked_sub(1)?);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    let number: u64 = number.parse().ok()?;
    number.checked_mul(seconds)?.checked_mul(1000)
}

fn parse_domain(text: &str) -> Result<Domain, String> {
    Domain::parse(text).map_err(|error| error.to_string())
}

fn parse_address(text: &str) -> Result<Address, String> {
    Address::parse(text).map_err(|error| error.to_string())
}

fn parse_time(text: &str) -> Result<ceralacca_core::instant::Instant, String> {
    let time: jiff::Timestamp = text
        .parse()
        .map_err(|_| "write it as 2026-11-21T10:00:00Z".to_owned())?;
    Ok(ceralacca_core::instant::Instant::from_millis(
        time.as_millisecond(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_grammar_is_sound() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn data_stands_before_or_after_the_command() {
        let before = parse("ceralacca --data /d mailbox list").unwrap();
        let after = parse("ceralacca mailbox list --data /d --json").unwrap();
        assert_eq!(before.data, Some("/d".into()));
        assert_eq!(after.data, Some("/d".into()));
        assert!(after.json && !before.json);
    }

    #[test]
    fn init_asks_for_a_decision_about_the_scanner() {
        let line = "ceralacca init --data /d --provider P --domain pec.example";
        assert!(parse(line).is_err());
        assert!(parse(&format!("{line} --scanner none")).is_ok());
        assert!(parse(&format!("{line} --scanner clamd:/run/clamd.ctl")).is_ok());
        let wrong = parse(&format!("{line} --scanner clamd:host")).unwrap_err();
        assert!(wrong.to_string().contains("has no port"), "{wrong}");
    }

    #[test]
    fn pkcs11_asks_for_module_token_and_pin_file() {
        let line =
            "ceralacca init --provider P --domain pec.example --scanner none --signer pkcs11";
        assert!(parse(line).is_err());
        let full = format!("{line} --module /m.so --token t --pin-file /p");
        assert!(parse(&full).is_ok());
    }
}
