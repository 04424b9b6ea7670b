//! `hsm …`: through the appliance that runs, which asks a child of its own (a module may crash or hang), else
//! offline under the lock, in this process.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ceralacca_core::disk::DataFolder;
use ceralacca_firmware::Settings;
use serde_json::json;

use crate::cli::{CeremonyCommand, HsmCommand};
use crate::control::{CeremonyRequest, HsmRequest, Request};
use crate::keys::{Keys, replace};
use crate::lock::{Lock, LockError};
use crate::reach;
use crate::report::{Failure, Report};

/// A chain of certificates.
const CHAIN_BYTES_MAX: usize = 128 * 1024;

pub(super) fn hsm(data: &DataFolder, order: HsmCommand) -> Result<Report, Failure> {
    match order {
        HsmCommand::Init { so_pin_file, token } => {
            let so_pin_file = so_pin_file.map(std::path::absolute).transpose();
            let so_pin_file = so_pin_file.map_err(Failure::refused)?;
            ask(data, HsmRequest::Init { so_pin_file, token })
        }
        HsmCommand::Keygen {
            kind,
            bits,
            label,
            token,
        } => {
            let request = HsmRequest::Keygen {
                label,
                kind,
                bits,
                token,
            };
            ask(data, request)
        }
        HsmCommand::Ceremony(order) => ceremony(data, order),
        HsmCommand::Csr { out, label, token } => {
            csr(data, HsmRequest::Csr { label, token }, out.as_deref())
        }
        HsmCommand::ImportCert {
            file,
            label,
            from,
            at_next_start,
        } => {
            let chain = read(&file)?;
            let request = HsmRequest::ImportCert {
                label,
                chain,
                from,
                at_next_start,
            };
            ask(data, request)
        }
        HsmCommand::Recall => ask(data, HsmRequest::Recall),
        HsmCommand::List { token } => ask(data, HsmRequest::List { token }),
        HsmCommand::Bench {
            seconds,
            sessions_max,
        } => bench(data, seconds, sessions_max),
        HsmCommand::Reconcile => ask(data, HsmRequest::Reconcile),
    }
}

/// Paths are the caller's, whoever carries it out.
fn ceremony(data: &DataFolder, order: CeremonyCommand) -> Result<Report, Failure> {
    let whole = |path: PathBuf| std::path::absolute(path).map_err(Failure::refused);
    match order {
        CeremonyCommand::Hold(said) => {
            let request = CeremonyRequest {
                operator: said.operator,
                custodians: said.custodians,
                quorum: said.quorum,
                witnesses: said.witnesses,
                folder: whole(said.folder)?,
                label: said.label,
                token: said.token,
                kind: said.kind,
                bits: said.bits,
                so_pin_file: said.so_pin_file.map(whole).transpose()?,
            };
            ask(data, HsmRequest::Ceremony(request))
        }
        // With the key out of reach nothing runs: the files are all that is needed.
        CeremonyCommand::Open { shares, pin_file } => {
            let settings = Settings::load(data).map_err(Failure::refused)?;
            Keys::of(data, &settings).open_pin(&shares, pin_file.as_deref())
        }
    }
}

fn ask(data: &DataFolder, request: HsmRequest) -> Result<Report, Failure> {
    reach::ask(data, Request::Hsm(request))
}

/// HS-10: alone on the tokens, or it would slow down mail and measure neither.
fn bench(data: &DataFolder, seconds: u16, sessions_max: u16) -> Result<Report, Failure> {
    let settings = Settings::load(data).map_err(Failure::refused)?;
    let lock = Lock::take(data).map_err(|error| match error {
        LockError::Held(_) => Failure::Refused(
            "the appliance runs and signs with this token: stop it, measure, and start it again"
                .to_owned(),
        ),
        LockError::Unusable(..) => Failure::refused(error),
    })?;
    let time = Duration::from_secs(seconds.into());
    let report = Keys::of(data, &settings).bench(time, sessions_max.into());
    drop(lock);
    report
}

fn csr(data: &DataFolder, request: HsmRequest, out: Option<&Path>) -> Result<Report, Failure> {
    let report = ask(data, request)?;
    match out {
        Some(file) => written(file, report.words.as_bytes()),
        None => Ok(report),
    }
}

/// Writes what would have been printed.
pub(super) fn written(file: &Path, octets: &[u8]) -> Result<Report, Failure> {
    replace(file, octets)?;
    let words = format!("written to {}", file.display());
    Ok(Report::done(words, json!({ "file": file })))
}

pub(super) fn read(file: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::Refused(format!("{}: {error}", file.display())))?;
    if text.len() > CHAIN_BYTES_MAX {
        return Err(Failure::Refused(format!(
            "{} is too large to be that",
            file.display()
        )));
    }
    Ok(text)
}
