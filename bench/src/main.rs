//! How fast it is, measured from outside: a provider of its own in a child process, a load over SMTPS,
//! arrival read from the step times of the control socket, so that no polling weighs on the server.
//! Absolute numbers depend on the machine; the ratios to the raw signature rate of the same run do not.

mod chain;
mod imap;
mod load;
mod memory;
mod provider;
mod signers;
mod signing;
mod sums;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Benchmarks of Ceralacca.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Submit messages and wait until all receipts are in mailboxes.
    Chain(chain::Settings),
    /// An IMAP server's work, beside Dovecot's in the same run.
    Imap(imap::Settings),
    /// Concurrent large submissions; prints the largest resident size.
    Memory(memory::Settings),
    /// The vector signer beside aws-lc-rs and OpenSSL.
    Signers(signers::Settings),
}

fn main() -> ExitCode {
    // The provider under test is this same program, called as `appliance …` by `provider`.
    match std::env::args().nth(1).as_deref() {
        Some(provider::APPLIANCE) => {
            return ceralacca_admin::run_from(std::env::args_os().skip(1));
        }
        // And so are the children in which it signs.
        Some(ceralacca_admin::keys::SIGNER_CHILD) => return ceralacca_admin::run(),
        _ => {}
    }
    let done = match Arguments::parse().what {
        What::Chain(settings) => chain::run(&settings),
        What::Imap(settings) => imap::run(&settings),
        What::Memory(settings) => memory::run(&settings),
        What::Signers(settings) => signers::run(&settings),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            eprintln!("error: {trouble}");
            ExitCode::FAILURE
        }
    }
}
