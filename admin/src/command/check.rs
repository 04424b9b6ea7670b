//! `check`: everything that must be well; asks the appliance that runs, or looks offline.

use ceralacca_core::disk::DataFolder;

use crate::control::Request;
use crate::reach;
use crate::report::{Failure, Report};

pub(super) fn check(data: &DataFolder) -> Result<Report, Failure> {
    let runs = reach::is_running(data);
    let mut report = reach::ask(data, Request::Check)?;
    let words = if runs { "runs" } else { "does not run" };
    report.words = format!("the appliance {words}\n{}", report.words);
    report.object["running"] = runs.into();
    Ok(report)
}
