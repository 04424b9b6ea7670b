//! `domain …`

use ceralacca_core::disk::DataFolder;

use crate::cli::DomainCommand;
use crate::control::{DomainRequest, Request};
use crate::reach;
use crate::report::{Failure, Report};

pub(super) fn domain(data: &DataFolder, order: DomainCommand) -> Result<Report, Failure> {
    let request = match order {
        DomainCommand::Add { domain } => DomainRequest::Add {
            domain: domain.to_string(),
        },
        DomainCommand::List => DomainRequest::List,
        DomainCommand::Show { domain } => DomainRequest::Show {
            domain: domain.to_string(),
        },
        DomainCommand::Remove { domain } => DomainRequest::Remove {
            domain: domain.to_string(),
        },
        DomainCommand::Suspend { domain } => DomainRequest::Suspend {
            domain: domain.to_string(),
            suspended: true,
        },
        DomainCommand::Resume { domain } => DomainRequest::Suspend {
            domain: domain.to_string(),
            suspended: false,
        },
    };
    reach::ask(data, Request::Domain(request))
}
