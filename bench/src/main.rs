//! How fast it is, measured from outside: a provider of its own in a child process, a load over SMTPS,
//! arrival read from the step times of the control socket, so that no polling weighs on the server.
//! Absolute numbers depend on the machine; the ratios to the raw signature rate of the same run do not.

mod all;
mod chain;
mod compare;
mod imap;
mod inside;
mod journal;
mod load;
mod machine;
mod memory;
mod outage;
mod pool;
mod postfix;
mod process;
mod provider;
mod recipients;
mod report;
mod rows;
mod signers;
mod signing;
mod stored;
mod token;

use std::process::ExitCode;

use ceralacca_bench::sums;
use clap::{Parser, Subcommand};

use self::sums::Trouble;

/// As in the appliance, which this program is in its child processes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Benchmarks of Ceralacca.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Every row in turn, with pass or fail against its target.
    All(all::Settings),
    /// Submit messages and wait until all receipts are in mailboxes; beside Postfix, in turns.
    Chain(chain::Settings),
    /// An IMAP server's work, beside Dovecot's in the same run.
    Imap(imap::Settings),
    /// Commits that share a sync, under many writers.
    Journal(journal::Settings),
    /// Concurrent large submissions; the largest resident size.
    Memory(memory::Settings),
    /// The token goes away under load, and comes back.
    Outage(outage::Settings),
    /// What the pool of sessions adds to a module.
    Pool(pool::Settings),
    /// What a recipient costs on disk.
    Recipients(recipients::Settings),
    /// Table and plot of files that `--out` wrote.
    Report(report::Settings),
    /// The rooms of one message by instructions, beside another build.
    Rooms(compare::Settings),
    /// The vector signer beside aws-lc-rs and OpenSSL.
    Signers(signers::Settings),
    /// What a million stored messages cost.
    Stored(stored::Settings),
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // What is under test is this same program, called as `appliance …` by `provider`, as the pool alone by
    // `pool`.
    let done = match arguments.first().map(String::as_str) {
        Some(provider::APPLIANCE) => {
            return ceralacca_admin::run_from(std::env::args_os().skip(1));
        }
        // And so are the children in which it signs.
        Some(ceralacca_admin::keys::SIGNER_CHILD) => return ceralacca_admin::run(),
        Some(pool::INSIDE) => pool::inside(&arguments[1..]),
        _ => run(&Arguments::parse().what),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            eprintln!("error: {trouble}");
            ExitCode::FAILURE
        }
    }
}

fn run(what: &What) -> Result<(), Trouble> {
    match what {
        What::All(settings) => all::run(settings),
        What::Chain(settings) => chain::run(settings),
        What::Imap(settings) => imap::run(settings),
        What::Journal(settings) => journal::run(settings),
        What::Memory(settings) => memory::run(settings),
        What::Outage(settings) => outage::run(settings),
        What::Pool(settings) => pool::run(settings),
        What::Recipients(settings) => recipients::run(settings),
        What::Report(settings) => report::run(settings),
        What::Rooms(settings) => compare::run(settings),
        What::Signers(settings) => signers::run(settings),
        What::Stored(settings) => stored::run(settings),
    }
}
