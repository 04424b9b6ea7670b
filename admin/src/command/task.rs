//! `task …`

use ceralacca_core::disk::DataFolder;

use crate::cli::TaskCommand;
use crate::control::{Request, TaskRequest};
use crate::reach;
use crate::report::{Failure, Report};

pub(super) fn task(data: &DataFolder, command: TaskCommand) -> Result<Report, Failure> {
    let request = match command {
        TaskCommand::List => TaskRequest::List,
        TaskCommand::Settle { key, note } => TaskRequest::Settle { key, note },
    };
    reach::ask(data, Request::Task(request))
}
