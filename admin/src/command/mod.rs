//! What each command does: a file per command, each gives a [`Report`] or a [`Failure`].

mod broken;
mod check;
mod conformance;
mod demo;
mod directory;
mod domain;
mod hsm;
mod init;
mod mailbox;
mod quarantine;
mod queue;
mod sandbox;
mod serve;
mod task;
mod verify;

use std::path::PathBuf;

use ceralacca_core::disk::DataFolder;

pub use demo::demo;
pub use init::init;

use crate::cli::{Arguments, Command};
use crate::control::Request;
use crate::reach;
use crate::report::{Failure, Report, Voice};

/// Does what the arguments say.
pub fn run(arguments: Arguments, voice: Voice) -> Result<Report, Failure> {
    let Arguments { data, command, .. } = arguments;
    let folder = data.clone();
    let data = || needed(folder.clone());
    match command {
        Command::Demo(demo_arguments) => demo(demo_arguments, voice),
        Command::Init(init_arguments) => init(&data()?, &init_arguments),
        Command::Serve => serve::serve(&data()?, voice),
        Command::Mailbox(order) => mailbox::mailbox(&data()?, order),
        Command::Domain(order) => domain::domain(&data()?, order),
        Command::Queue(order) => queue::queue(&data()?, order),
        Command::Hsm(order) => hsm::hsm(&data()?, order),
        Command::Rates => reach::ask(&data()?, Request::Rates),
        Command::Quarantine(order) => quarantine::quarantine(&data()?, order),
        Command::Task(order) => task::task(&data()?, order),
        Command::Directory(order) => {
            directory::directory(folder.map(DataFolder).as_ref(), order, voice)
        }
        Command::Sandbox(order) => sandbox::sandbox(folder.map(DataFolder).as_ref(), order, voice),
        Command::Verify(order) => verify::verify(folder.map(DataFolder).as_ref(), &order),
        Command::Conformance(order) => conformance::conformance(&order, voice),
        Command::Check => check::check(&data()?),
        Command::SignerChild => serve::signer_child(),
    }
}

fn needed(data: Option<PathBuf>) -> Result<DataFolder, Failure> {
    data.map(DataFolder)
        .ok_or_else(|| Failure::Usage("which data directory? say --data DIR".to_owned()))
}
