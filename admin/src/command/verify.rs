//! `verify FILE.eml`: the offline verdict on one message, exit 0 only if it is genuine (SG-17).

use std::io::Read;
use std::path::Path;

use ceralacca_core::disk::DataFolder;
use ceralacca_core::ports::{Clock, SystemClock};
use ceralacca_core::smime::certificate;
use ceralacca_core::verdict::{Expected, examine};
use ceralacca_firmware::Settings;

use crate::cli::VerifyArguments;
use crate::keys;
use crate::report::{Failure, Report};
use crate::verdict;

/// No certified message is larger.
const MESSAGE_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// A bundle of authorities.
const ANCHORS_BYTES_MAX: u64 = 16 * 1024 * 1024;

pub(super) fn verify(
    data: Option<&DataFolder>,
    arguments: &VerifyArguments,
) -> Result<Report, Failure> {
    let message = read(&arguments.file, MESSAGE_BYTES_MAX)?;
    let mut anchors = match &arguments.anchors {
        Some(file) => pem_file(file)?,
        None => Vec::new(),
    };
    let mut expected = Expected::default();
    if let Some(data) = data {
        let settings = Settings::load(data).map_err(Failure::refused)?;
        if arguments.anchors.is_none() {
            anchors = keys::anchors(data).map_err(Failure::refused)?;
        }
        expected.service_address = Some(keys::service_address(&settings));
        expected.keys = settings.policy().allowed_keys();
        expected.provider = Some(settings.provider.name);
    }
    let at = arguments.at.unwrap_or_else(|| SystemClock.now());
    Ok(verdict::report(&examine(&message, &anchors, at, &expected)))
}

fn pem_file(file: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let octets = read(file, ANCHORS_BYTES_MAX)?;
    certificate::read_file(&octets)
        .map_err(|error| Failure::Refused(format!("{}: {}", file.display(), error.0)))
}

fn read(file: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let mut octets = Vec::new();
    std::fs::File::open(file)
        .and_then(|opened| opened.take(most).read_to_end(&mut octets))
        .map_err(|error| Failure::Refused(format!("{}: {error}", file.display())))?;
    Ok(octets)
}
