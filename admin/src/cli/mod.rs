//! The command line as types: names and shapes, a file per family of commands, named as in
//! [`crate::command`], where what they do is.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

mod conformance;
mod demo;
mod directory;
mod domain;
mod hsm;
mod init;
mod mailbox;
mod parse;
mod quarantine;
mod queue;
mod sandbox;
mod task;
mod verify;

pub use conformance::ConformanceArguments;
pub use demo::DemoArguments;
pub use directory::{DirectoryCommand, IndexArguments, IndexOrder};
pub use domain::DomainCommand;
pub use hsm::{CeremonyArguments, CeremonyCommand, HsmCommand};
pub use init::{InitArguments, SignerKind};
pub use mailbox::access::{AppPasswordCommand, ProtocolChoice, Switch, TwoStepCommand};
pub use mailbox::{HolderArguments, HolderWord, MailboxCommand, OrdinaryChoice};
pub use quarantine::QuarantineCommand;
pub use queue::{QueueArguments, QueueCommand};
pub use sandbox::{AuthorityCommand, BrokenArguments, FaultWord, SandboxCommand, SignArguments};
pub use task::TaskCommand;
pub use verify::VerifyArguments;

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
