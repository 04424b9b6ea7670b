//! How people run it: the binary `ceralacca`, its command line and its control socket. The architecture
//! of a run, which thread does what and who talks to whom, is in [`appliance`].
//!
//! [`cli`] is the grammar, [`command`] a file per command; a command about a data directory goes through
//! [`reach`] to the appliance that runs, or works offline under the [`lock`]; [`desk`] turns requests
//! into orders for the owner, [`directory`] exchanges the index of providers, [`web`] tells mail
//! programs and people how to connect. [`client`] is a mail client
//! of our own, for the demo, the bench and [`conformance`], which judges any provider from outside.

pub mod appliance;
pub mod cli;
pub mod client;
pub mod command;
pub mod conformance;
pub mod control;
pub mod desk;
pub mod directory;
pub mod keys;
pub mod lock;
pub mod reach;
pub mod report;
pub mod verdict;
pub mod web;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

/// Parses the command line, does what it says, prints what came of it. Wrong usage ends here with
/// exit code 2.
pub fn run() -> ExitCode {
    run_from(std::env::args_os())
}

/// [`run`] with a command line of the caller's, the program's name first: for the bench, which is the
/// appliance and its load in one program.
pub fn run_from(line: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = cli::Arguments::parse_from(line);
    let voice = report::Voice {
        json: arguments.json,
    };
    // Before anything secret is read: every command may meet a PIN or a key (HS-09).
    let undumped = ceralacca_hsm::protected::forbid_dumps().map_err(report::Failure::refused);
    voice.finish(undumped.and_then(|()| command::run(arguments, voice)))
}
