//! Protocols, application passwords and two-step login of a mailbox.

use ceralacca_core::address::Address;
use clap::{Subcommand, ValueEnum};

use super::super::parse::parse_address;

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
