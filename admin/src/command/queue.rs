//! `queue …`

use ceralacca_core::disk::DataFolder;

use crate::cli::{QueueArguments, QueueCommand};
use crate::control::{QueueRequest, QueueWhich, QueueWord, Request};
use crate::reach;
use crate::report::{Failure, Report};

pub(super) fn queue(data: &DataFolder, command: QueueCommand) -> Result<Report, Failure> {
    let order = |order, which: QueueArguments| {
        let which = which.which()?;
        Ok(QueueRequest::Order { order, which })
    };
    let request = match command {
        QueueCommand::List { destination, limit } => QueueRequest::List {
            destination: destination.map(|domain| domain.to_string()),
            limit,
        },
        QueueCommand::Show { key } => QueueRequest::Show { key },
        QueueCommand::Retry(which) => order(QueueWord::Retry, which)?,
        QueueCommand::Hold(which) => order(QueueWord::Hold, which)?,
        QueueCommand::Release(which) => order(QueueWord::Release, which)?,
    };
    reach::ask(data, Request::Queue(request))
}

impl QueueArguments {
    fn which(self) -> Result<QueueWhich, Failure> {
        match (self.key, self.destination, self.all) {
            (Some(key), ..) => Ok(QueueWhich::Key(key)),
            (_, Some(domain), _) => Ok(QueueWhich::Destination(domain.to_string())),
            (.., true) => Ok(QueueWhich::All),
            _ => Err(Failure::Usage(
                "which entries? say a key, --destination D or --all".to_owned(),
            )),
        }
    }
}
