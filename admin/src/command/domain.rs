//! `domain …`

use ceralacca_core::disk::DataFolder;

use crate::cli::DomainCommand;
use crate::control::Request;
use crate::reach;
use crate::report::{Failure, Report};

pub(super) fn domain(data: &DataFolder, order: DomainCommand) -> Result<Report, Failure> {
    let request = match order {
        DomainCommand::Add { domain } => Request::DomainAdd {
            domain: domain.to_string(),
        },
        DomainCommand::List => Request::DomainList {},
        DomainCommand::Remove { domain } => Request::DomainRemove {
            domain: domain.to_string(),
        },
        DomainCommand::Suspend { domain } => Request::DomainSuspend {
            domain: domain.to_string(),
            suspended: true,
        },
        DomainCommand::Resume { domain } => Request::DomainSuspend {
            domain: domain.to_string(),
            suspended: false,
        },
    };
    reach::ask(data, request)
}
