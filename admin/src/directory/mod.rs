//! The index of providers as this appliance exchanges it: [`fetch`] gets files from configured hosts
//! alone (SE-15), [`refresh`] keeps the index fresh (DI-01), [`publication`] hands our own part of it
//! out (DI-08) over [`https`]. [`authority`] is a national index for the sandbox. [`requests`] answers
//! the commands.

pub mod authority;
pub mod fetch;
pub mod https;
pub mod publication;
pub mod refresh;
pub mod requests;
pub mod revocation;

use std::path::Path;

use ceralacca_core::disk::DataFolder;
use ceralacca_core::smime::certificate;
use ceralacca_firmware::Settings;

use crate::report::Failure;

/// Certificates of a PEM file of the settings.
const CERTIFICATES_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Certificates (DER) of a file; relative paths start at the data directory.
pub fn certificates(data: &DataFolder, file: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let file = data.0.join(file);
    let octets = read_file(&file, CERTIFICATES_BYTES_MAX)?;
    certificate::read_file(&octets)
        .map_err(|error| Failure::Refused(format!("{}: {}", file.display(), error.0)))
}

/// Who vouches for the signing certificates of other providers; nobody when the settings name none.
pub fn mail_authorities(data: &DataFolder, settings: &Settings) -> Result<Vec<Vec<u8>>, Failure> {
    let file = settings.directory.mail_authorities.as_deref();
    file.map_or_else(|| Ok(Vec::new()), |file| certificates(data, file))
}

/// All of a file that is at most so long.
pub fn read_file(file: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    use std::io::Read;
    let mut octets = Vec::new();
    let told = |error: std::io::Error| Failure::Refused(format!("{}: {error}", file.display()));
    let opened = std::fs::File::open(file).map_err(told)?;
    opened
        .take(most + 1)
        .read_to_end(&mut octets)
        .map_err(told)?;
    if octets.len() as u64 > most {
        return Err(Failure::Refused(format!(
            "{} has more than {most} octets",
            file.display()
        )));
    }
    Ok(octets)
}
