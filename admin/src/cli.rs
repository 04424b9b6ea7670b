//! The command line as types: names and shapes. What each command does is in
//! [`crate::command`].

use std::net::IpAddr;
use std::path::PathBuf;

use ceralacca_core::address::{Address, Domain};
use ceralacca_firmware::ScannerSettings;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::conformance::settings::Server;
use crate::control::{KeyKind, ReceiptTypeWord};

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
    /// Mail that waits to leave for other servers.
    #[command(subcommand)]
    Queue(QueueCommand),
    /// Signing keys and their certificates.
    #[command(subcommand)]
    Hsm(HsmCommand),
    /// How much anybody may do in a minute, and when sign-ins are locked: the values in force.
    Rates,
    /// Infected messages, kept encrypted for 30 months.
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// What an operator has to look into.
    #[command(subcommand)]
    Task(TaskCommand),
    /// The index of all providers, and our own part of it.
    #[command(subcommand)]
    Directory(DirectoryCommand),
    /// A test authority; nothing outside the sandbox trusts it.
    #[command(subcommand)]
    Sandbox(SandboxCommand),
    /// Judge a certified message, offline; exit 0 only if it is genuine.
    Verify(VerifyArguments),
    /// Run the check list of RFC 6109 from outside against any provider; exit 0 only if all holds.
    Conformance(Box<ConformanceArguments>),
    /// Look at everything that must be well.
    Check,
    /// What `serve` starts for each token.
    #[command(hide = true)]
    SignerChild,
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
    /// File with the PIN of the token, or of the sealed key; mode 600.
    #[arg(long, value_name = "F", required_if_eq_any([("signer", "pkcs11"), ("signer", "vector")]))]
    pub pin_file: Option<PathBuf>,
    /// Label of the key pair on the token.
    #[arg(long, value_name = "LABEL")]
    pub key_label: Option<String>,
    /// Sessions that sign at the same time; one per core when left out.
    #[arg(long, value_name = "N")]
    pub sessions: Option<u16>,
    /// Virus scanner: `none`, `clamd:/path/of/the/socket` or `clamd:host:port` (several after a comma);
    /// there is no default.
    /// Folder of a test authority that certifies several providers (`sandbox authority create`); its
    /// certificate becomes one of `mail_authorities`.
    #[arg(long, value_name = "FOLDER")]
    pub authority: Option<PathBuf>,
    /// Virus scanner: `none` or `clamd:SOCKET`; there is no default.
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
    /// Which delivery receipt its messages ask for where the program asks for none.
    ReceiptType {
        /// Which mailbox.
        #[arg(value_parser = parse_address)]
        address: Address,
        /// Which type.
        #[arg(value_enum)]
        what: ReceiptTypeWord,
    },
    /// List messages that were removed and can still be restored: key, since when, size, folder.
    Deleted {
        /// Whose.
        #[arg(value_parser = parse_address)]
        address: Address,
    },
    /// Put removed messages back into their folders; they count in the mailbox's use again.
    Restore {
        /// Whose.
        #[arg(value_parser = parse_address)]
        address: Address,
        /// Keys, as `mailbox deleted` prints them.
        #[arg(required_unless_present = "all")]
        keys: Vec<String>,
        /// All that are listed.
        #[arg(long, conflicts_with = "keys")]
        all: bool,
    },
    /// What was changed, when and by whom.
    History {
        /// Which.
        #[arg(value_parser = parse_address)]
        address: Address,
    },
    /// Show the protocols, or switch them on and off: new sign-ins at once, open sessions at their next
    /// command.
    Protocols {
        /// Which.
        #[arg(value_parser = parse_address)]
        address: Address,
        /// SMTP submission.
        #[arg(long, value_enum, value_name = "on|off")]
        submission: Option<Switch>,
        /// IMAP.
        #[arg(long, value_enum, value_name = "on|off")]
        imap: Option<Switch>,
        /// POP3.
        #[arg(long, value_enum, value_name = "on|off")]
        pop3: Option<Switch>,
    },
    /// Passwords for one mail program each, made here and shown once.
    #[command(subcommand)]
    AppPassword(AppPasswordCommand),
    /// Two-step login for web pages; with it mail programs take only application passwords.
    #[command(subcommand)]
    TwoStep(TwoStepCommand),
    /// Forget wrong passwords, which ends all locks of the account.
    Unlock {
        /// Which.
        #[arg(value_parser = parse_address)]
        address: Address,
    },
    /// Where warnings that the mailbox is filling up go besides.
    WarnAt {
        /// Which.
        #[arg(value_parser = parse_address)]
        address: Address,
        /// An address that is not of ours.
        #[arg(value_name = "TARGET", value_parser = parse_address, required_unless_present = "nowhere")]
        target: Option<Address>,
        /// Nowhere besides.
        #[arg(long, conflicts_with = "target")]
        nowhere: bool,
    },
}

/// `on`, `off`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// `mailbox app-password …`
#[derive(Debug, Clone, Subcommand)]
pub enum AppPasswordCommand {
    /// Make one; it is shown now and never again.
    Add {
        /// Which mailbox.
        #[arg(value_parser = parse_address)]
        address: Address,
        /// What it is for: a program or a machine.
        #[arg(long, value_name = "NAME")]
        name: String,
        /// What it opens; may be repeated; all protocols when left out.
        #[arg(long = "protocol", value_enum, value_name = "PROTOCOL")]
        protocols: Vec<ProtocolChoice>,
    },
    /// List them with their last use.
    List {
        /// Which mailbox.
        #[arg(value_parser = parse_address)]
        address: Address,
    },
    /// Revoke one: its sessions end at their next command.
    Revoke {
        /// Which mailbox.
        #[arg(value_parser = parse_address)]
        address: Address,
        /// Its number.
        number: u32,
    },
}

/// `--protocol`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProtocolChoice {
    /// SMTP submission.
    Submission,
    /// IMAP.
    Imap,
    /// POP3.
    Pop3,
}

/// `mailbox two-step …`
#[derive(Debug, Clone, Subcommand)]
pub enum TwoStepCommand {
    /// Enrol a device: shows its secret. Nothing changes until `confirm`.
    Enable {
        /// Which mailbox.
        #[arg(value_parser = parse_address)]
        address: Address,
    },
    /// Put it in force with a code that the device shows; shows recovery codes, once.
    Confirm {
        /// Which mailbox.
        #[arg(value_parser = parse_address)]
        address: Address,
        /// Six digits.
        #[arg(long, value_name = "CODE")]
        code: String,
    },
    /// End it.
    Disable {
        /// Which mailbox.
        #[arg(value_parser = parse_address)]
        address: Address,
    },
    /// Whether it is in force, and how many recovery codes are left.
    Show {
        /// Which mailbox.
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
    /// Show a domain, with the record that its DNS must publish for DKIM.
    Show {
        /// Its name.
        #[arg(value_parser = parse_domain)]
        domain: Domain,
    },
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

/// `hsm …`
#[derive(Debug, Clone, Subcommand)]
pub enum HsmCommand {
    /// Initialise a token with the label and the PIN of the settings.
    Init {
        /// File with the security officer's PIN, mode 600.
        #[arg(long, value_name = "F")]
        so_pin_file: Option<PathBuf>,
        /// A token of the settings, not the first.
        #[arg(long, value_name = "LABEL")]
        token: Option<String>,
    },
    /// Make the signing key, inside the module.
    Keygen {
        /// `p256` only where the policy has `ecdsa_keys_allowed`.
        #[arg(long = "type", value_enum, default_value_t = KeyKind::Rsa)]
        kind: KeyKind,
        /// RSA bits: 2048 (when left out), 3072 or 4096.
        #[arg(long)]
        bits: Option<usize>,
        /// Its label; that of the settings when left out.
        #[arg(long, value_name = "LABEL")]
        label: Option<String>,
        /// On this token of the settings, `[signer]` or `[[signer.further]]`; on the first when left out.
        #[arg(long, value_name = "LABEL")]
        token: Option<String>,
    },
    /// Make a key among custodians and witnesses, or open its PIN with their shares; see
    /// firmware-config/ceremony.md.
    #[command(subcommand)]
    Ceremony(CeremonyCommand),
    /// Print the request for the key's certificate (PEM), or write it.
    Csr {
        /// Write it here instead.
        #[arg(long, value_name = "F")]
        out: Option<PathBuf>,
        /// For the key with this label.
        #[arg(long, value_name = "LABEL")]
        label: Option<String>,
        /// For a key on this token of the settings; on the first when left out.
        #[arg(long, value_name = "LABEL")]
        token: Option<String>,
    },
    /// Take the certificate that the authority gave; refused when it breaks the profile. Where the index of
    /// providers shows the one in use, the new one waits until the index has shown it too.
    ImportCert {
        /// PEM, with the certificates of the issuers.
        file: PathBuf,
        /// For the key with this label.
        #[arg(long, value_name = "LABEL")]
        label: Option<String>,
        /// Not to be used before, such as 2026-12-01T06:00:00+01:00.
        #[arg(long, value_name = "INSTANT")]
        from: Option<String>,
        /// Do not wait for the index: others may not know it yet.
        #[arg(long, conflicts_with = "from")]
        at_next_start: bool,
    },
    /// Take back the certificate that waits to be used.
    Recall,
    /// List keys, with what holds them, and how each token of a running appliance is.
    List {
        /// Keys on this token of the settings; on the first when left out.
        #[arg(long, value_name = "LABEL")]
        token: Option<String>,
    },
    /// Measure signatures per second and latency of the tokens by 1, 2, 4 … sessions; the appliance must not run.
    Bench {
        /// Seconds for each number of sessions.
        #[arg(long, value_name = "S", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=600))]
        seconds: u16,
        /// The most sessions.
        #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
        sessions_max: u16,
    },
    /// Compare what each key has signed with the signed messages in the log, as is done each night.
    Reconcile,
}

/// `hsm ceremony …`
#[derive(Debug, Clone, Subcommand)]
pub enum CeremonyCommand {
    /// Make the key, split its PIN among the custodians, and write the record that the key signs.
    Hold(CeremonyArguments),
    /// Rebuild the PIN file from the shares of a quorum.
    Open {
        /// File of a share, mode 600; once per share.
        #[arg(long = "share", value_name = "F", required = true)]
        shares: Vec<PathBuf>,
        /// Write the PIN here, not to the file of the settings.
        #[arg(long, value_name = "F")]
        pin_file: Option<PathBuf>,
    },
}

/// `hsm ceremony hold`
#[derive(Debug, Clone, Args)]
pub struct CeremonyArguments {
    /// Who types.
    #[arg(long, value_name = "NAME")]
    pub operator: String,
    /// Who gets a share; once per person.
    #[arg(long = "custodian", value_name = "NAME", required = true)]
    pub custodians: Vec<String>,
    /// So many shares open the key.
    #[arg(long, value_name = "M")]
    pub quorum: u8,
    /// Who watches; once per person.
    #[arg(long = "witness", value_name = "NAME", required = true)]
    pub witnesses: Vec<String>,
    /// A new folder for the shares and the record.
    #[arg(long, value_name = "F")]
    pub folder: PathBuf,
    /// The key's label; that of the settings when left out.
    #[arg(long, value_name = "LABEL")]
    pub label: Option<String>,
    /// On this token of the settings; on the first when left out.
    #[arg(long, value_name = "LABEL")]
    pub token: Option<String>,
    /// `p256` only where the policy has `ecdsa_keys_allowed`.
    #[arg(long = "type", value_enum, default_value_t = KeyKind::Rsa)]
    pub kind: KeyKind,
    /// RSA bits: 2048 (when left out), 3072 or 4096.
    #[arg(long)]
    pub bits: Option<usize>,
    /// Initialise the token first: file with the security officer's PIN, mode 600.
    #[arg(long, value_name = "F")]
    pub so_pin_file: Option<PathBuf>,
}

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

fn parse_serial(text: &str) -> Result<Vec<u8>, String> {
    let digits = text.replace(':', "").to_ascii_lowercase();
    let octets = data_encoding::HEXLOWER.decode(digits.as_bytes());
    octets.map_err(|_| format!("`{text}` is no serial number; write pairs of hexadecimal digits"))
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
