//! The files of signing certificates: PEM, the leaf first, after lines that name the key and an instant
//! (`Key: LABEL`, `At: INSTANT`), which programs that read PEM pass over. One replacement of the file changes
//! certificate and key together.

use std::path::Path;

use ceralacca_core::instant::Instant;
use ceralacca_core::smime::certificate;

use super::{CHAIN_BYTES_MAX, replace, told};
use crate::report::Failure;

const KEY: &str = "Key: ";
const AT: &str = "At: ";

/// A signing certificate with its issuers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SigningFile {
    /// Label of its key; that of the settings when `None`.
    pub(super) key: Option<String>,
    /// What the instant means depends on the file.
    pub(super) at: Option<Instant>,
    /// DER, the leaf first; at least one.
    pub(super) chain: Vec<Vec<u8>>,
}

impl SigningFile {
    /// Reads a file; `None`: there is none.
    pub(super) fn read(file: &Path) -> Result<Option<Self>, Failure> {
        use std::io::Read;
        let opened = match std::fs::File::open(file) {
            Ok(opened) => opened,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(told(file, &error)),
        };
        let mut octets = Vec::new();
        let read = opened.take(CHAIN_BYTES_MAX).read_to_end(&mut octets);
        read.map_err(|error| told(file, &error))?;
        let chain = certificate::read_file(&octets)
            .map_err(|error| Failure::Refused(format!("{}: {}", file.display(), error.0)))?;
        let text = String::from_utf8_lossy(&octets);
        let head = text.split("-----BEGIN").next().unwrap_or_default();
        let named = |name| head.lines().find_map(|line| line.strip_prefix(name));
        Ok(Some(Self {
            key: named(KEY).map(|label| label.trim().to_owned()),
            at: named(AT).and_then(|at| Instant::from_rfc3339(at.trim())),
            chain,
        }))
    }

    /// Puts it in the place of the file, durably.
    pub(super) fn write(&self, file: &Path) -> Result<(), Failure> {
        let mut text = String::new();
        if let Some(label) = &self.key {
            text.push_str(&format!("{KEY}{label}\n"));
        }
        if let Some(at) = self.at {
            text.push_str(&format!("{AT}{}\n", at.rfc3339()));
        }
        let blocks = self.chain.iter();
        text.extend(blocks.map(|der| certificate::pem("CERTIFICATE", der)));
        replace(file, text.as_bytes())
    }

    /// DER of the certificate itself.
    pub(super) fn leaf(&self) -> &[u8] {
        self.chain.first().map(Vec::as_slice).unwrap_or_default()
    }
}

/// Removes a file durably; there may be none.
pub(super) fn remove(file: &Path) -> Result<(), Failure> {
    let removed = std::fs::remove_file(file).and_then(|()| {
        let folder = file.parent().unwrap_or(Path::new("."));
        std::fs::File::open(folder)?.sync_all()
    });
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(told(file, &error)),
        _ => Ok(()),
    }
}
