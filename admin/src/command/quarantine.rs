//! `quarantine …`: through the appliance that runs, else offline under the lock; what is exported is
//! written by who opens the store, so that it travels over no socket.

use ceralacca_core::disk::DataFolder;

use crate::cli::QuarantineCommand;
use crate::control::{QuarantineRequest, Request};
use crate::reach;
use crate::report::{Failure, Report};

pub(super) fn quarantine(data: &DataFolder, order: QuarantineCommand) -> Result<Report, Failure> {
    let request = match order {
        QuarantineCommand::List => QuarantineRequest::List,
        QuarantineCommand::Show { name, reason } => QuarantineRequest::Show { name, reason },
        QuarantineCommand::Export { name, out, reason } => QuarantineRequest::Export {
            name,
            // Relative to where the operator stands now.
            out: std::path::absolute(out).map_err(Failure::refused)?,
            reason,
        },
        QuarantineCommand::Expire => QuarantineRequest::Expire,
    };
    reach::ask(data, Request::Quarantine(request))
}
