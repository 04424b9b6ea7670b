//! How a command reaches the appliance: over its socket when it runs, else offline under the lock.

use ceralacca_core::disk::DataFolder;

use crate::appliance::Appliance;
use crate::control::{ControlError, Link, Request, operator};
use crate::lock::{Lock, LockError};
use crate::report::{Failure, Report};

/// Has a request carried out on a data directory.
pub fn ask(data: &DataFolder, request: Request) -> Result<Report, Failure> {
    match Link::open(data) {
        Ok(mut link) => link
            .ask(&request)
            .map_err(|error| Failure::Unreachable(error.to_string()))?
            .into(),
        Err(ControlError::NotRunning) => offline(data, request),
        Err(error @ ControlError::Broken(_)) => Err(Failure::Unreachable(error.to_string())),
    }
}

/// Whether the appliance runs and answers.
pub fn is_running(data: &DataFolder) -> bool {
    Link::open(data).is_ok()
}

fn offline(data: &DataFolder, request: Request) -> Result<Report, Failure> {
    let author = operator(rustix::process::geteuid());
    Appliance::open(data)?.perform(request, &author)
}

/// Takes the lock for an offline command: who holds it runs, and should have answered.
pub fn lock_offline(data: &DataFolder) -> Result<Lock, Failure> {
    Lock::take(data).map_err(|error| match error {
        LockError::Held(_) => Failure::Unreachable(format!(
            "{error}; it does not answer on its control socket yet"
        )),
        LockError::Unusable(..) => Failure::refused(error),
    })
}
