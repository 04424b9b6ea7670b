//! `ceralacca mailbox …`: who has a mailbox, and what it does; who gets in is in [`access`].

use std::path::PathBuf;

use ceralacca_core::address::{Address, Domain};
use clap::{Args, Subcommand, ValueEnum};

use super::parse::{parse_address, parse_domain};
use crate::control::ReceiptTypeWord;
use access::{AppPasswordCommand, Switch, TwoStepCommand};

pub mod access;

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
