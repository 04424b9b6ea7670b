//! The ceremony at which a signing key is made (HS-08; its steps for people are in
//! `firmware-config/ceremony.md`): roles with names, a PIN that is drawn and split among custodians, and a
//! record that the new key signs. Afterwards the appliance opens the key with its PIN file as always; the
//! shares rebuild that file when the machine is lost.
//!
//! *Crash on the way: shares, and perhaps the key, without a record. That ceremony is void; the next one takes
//! another label and another folder.*

mod record;
mod share;

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use ceralacca_core::instant::Instant;
use data_encoding::HEXLOWER;

use crate::error::HsmError;
use crate::limits::{CEREMONY_NAME_BYTES_MAX, CUSTODIANS_MAX};
use crate::operations::{KeyHolder, Operations};
use crate::protected::{Pin, refused, write_secret};
use crate::public_key::KeyType;
use record::Record;
use share::Head;

pub use share::{CeremonyId, Share, ShareFault, rebuild};

/// Names of the files in the ceremony's folder.
pub const RECORD_FILE: &str = "record.txt";
/// The signature over the record, CMS in DER.
pub const SIGNATURE_FILE: &str = "record.p7s";
/// The certificate that the new key gave itself, for that signature alone.
pub const CERTIFICATE_FILE: &str = "record.pem";

/// Who is there, and what is made.
#[derive(Debug, Clone)]
pub struct Ceremony {
    /// Whose key it is.
    pub provider: String,
    /// `posta-certificata@…`
    pub service_address: String,
    /// Who types.
    pub operator: String,
    /// Who holds a share each.
    pub custodians: Vec<String>,
    /// How many of them open.
    pub quorum: u8,
    /// Who watches.
    pub witnesses: Vec<String>,
    /// The key's name.
    pub label: String,
    /// Its kind.
    pub key: KeyType,
    /// Initialise the token first, with this SO PIN.
    pub so_pin_file: Option<PathBuf>,
    /// A new folder for shares and record.
    pub folder: PathBuf,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Which ceremony.
    pub id: CeremonyId,
    /// The record, signed.
    pub record: String,
    /// The files of the custodians, in their order.
    pub shares: Vec<PathBuf>,
}

/// Why no ceremony was held, or nothing opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CeremonyError {
    /// Keys, files, tokens.
    #[error(transparent)]
    Key(#[from] HsmError),
    /// Roles.
    #[error("{0}")]
    Roles(String),
    /// Nothing opens such a key.
    #[error(
        "a software key is opened by no PIN, so there is nothing to share out: hold the ceremony with a token or a sealed key"
    )]
    NoPin,
    /// The system's generator.
    #[error("no random numbers: {0}")]
    NoRandom(String),
    /// A text that was typed in.
    #[error("{} is no good share: {fault}", .file.display())]
    Share {
        /// Which file.
        file: PathBuf,
        /// What is wrong.
        fault: ShareFault,
    },
    /// None at all.
    #[error("no share was given")]
    NoShares,
    /// The quorum is not met.
    #[error("{given} different shares are too few: {quorum} open this PIN")]
    TooFew {
        /// Different ones.
        given: usize,
        /// What is needed.
        quorum: u8,
    },
    /// Of two ceremonies.
    #[error("the shares are of two ceremonies, {0} and {1}")]
    Mixed(CeremonyId, CeremonyId),
    /// They have the same head and do not fit.
    #[error("the shares do not fit together: one of them was changed")]
    Unfit,
}

impl Ceremony {
    /// Holds it. The PIN file of the settings is made, or used where it is there already.
    pub fn hold(&self, operations: &Operations, now: Instant) -> Result<Held, CeremonyError> {
        self.check_roles()?;
        let pin_file = match operations.holder() {
            KeyHolder::Software { .. } => return Err(CeremonyError::NoPin),
            KeyHolder::Sealed { pin_file, .. } => pin_file,
            KeyHolder::Token(settings) => &settings.pin_file,
        };
        operations.may_make(&self.label, self.key)?;
        let id = CeremonyId::draw()?;
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&self.folder)
            .map_err(|error| refused(&self.folder, &error.to_string()))?;
        let (pin, is_drawn) = settle_pin(pin_file)?;
        if self.so_pin_file.is_some() || !matches!(operations.holder(), KeyHolder::Token(_)) {
            operations.init(self.so_pin_file.as_deref())?;
        }
        let made = operations.keygen(&self.label, self.key)?;
        let (shares, hashes) = self.hand_out(&pin, id)?;
        let record = Record {
            ceremony: self,
            id,
            at: now,
            pin_is_drawn: is_drawn,
            made: &made,
            module: operations.holder().module(),
            public: operations.public_key(&self.label)?,
            shares: &hashes,
        };
        let text = record.text();
        record.sign(operations, &text)?;
        Ok(Held {
            id,
            record: text,
            shares,
        })
    }

    /// Writes the custodians' files; with each, the hash that the record names.
    fn hand_out(
        &self,
        pin: &Pin,
        id: CeremonyId,
    ) -> Result<(Vec<PathBuf>, Vec<String>), CeremonyError> {
        let count = self.custodians.len();
        let split = share::split(pin, id, self.quorum, count);
        let (mut files, mut hashes) = (Vec::new(), Vec::new());
        for (at, (share, custodian)) in split.iter().zip(&self.custodians).enumerate() {
            let text = share.text(&Head {
                label: &self.label,
                custodian,
                count,
            });
            let file = self.folder.join(format!("share-{}-of-{count}.txt", at + 1));
            write_secret(&file, text.as_bytes())?;
            hashes.push(HEXLOWER.encode(digest(&SHA256, text.as_bytes()).as_ref()));
            files.push(file);
        }
        Ok((files, hashes))
    }

    fn check_roles(&self) -> Result<(), CeremonyError> {
        let wrong = |words: String| Err(CeremonyError::Roles(words));
        let count = self.custodians.len();
        if !(2..=CUSTODIANS_MAX).contains(&count) {
            return wrong(format!("there must be 2 to {CUSTODIANS_MAX} custodians"));
        }
        if !(2..=count).contains(&usize::from(self.quorum)) {
            return wrong(format!(
                "the quorum must be 2 to {count}, the number of custodians"
            ));
        }
        if self.witnesses.is_empty() {
            return wrong("a ceremony has a witness".to_owned());
        }
        let all: Vec<&String> = std::iter::once(&self.operator)
            .chain(&self.custodians)
            .chain(&self.witnesses)
            .collect();
        for (at, name) in all.iter().enumerate() {
            let is_plain = !name.trim().is_empty()
                && name.len() <= CEREMONY_NAME_BYTES_MAX
                && !name.chars().any(char::is_control);
            if !is_plain {
                return wrong(format!(
                    "`{}` is no name: 1 to {CEREMONY_NAME_BYTES_MAX} octets on one line",
                    name.escape_debug()
                ));
            }
            let same = |other: &&&String| other.trim().to_lowercase() == name.trim().to_lowercase();
            if all.iter().take(at).any(|other| same(&other)) {
                return wrong(format!("{name} has two roles: each is another person's"));
            }
        }
        Ok(())
    }
}

/// The PIN of the file, which is made with a new one where it is not there. Whether it is new.
fn settle_pin(file: &Path) -> Result<(Pin, bool), CeremonyError> {
    if file.exists() {
        return Ok((Pin::read(file)?, false));
    }
    let pin = Pin::draw().map_err(CeremonyError::NoRandom)?;
    pin.write(file)?;
    Ok((pin, true))
}

/// Rebuilds the PIN of share files and writes it to a new file of mode 0600.
pub fn open(shares: &[PathBuf], pin_file: &Path) -> Result<(), CeremonyError> {
    let read: Result<Vec<Share>, CeremonyError> =
        shares.iter().map(|file| Share::read(file)).collect();
    Ok(rebuild(&read?)?.write(pin_file)?)
}
