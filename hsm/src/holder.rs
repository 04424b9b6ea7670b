//! Where keys are held, and the little that is asked there: prepare the place, make a key, show those that
//! are there, sign. The commands of [`crate::operations`] touch key files and tokens here alone, in this process
//! or in a child of their own ([`crate::child`]).

use std::path::{Path, PathBuf};

use aws_lc_rs::digest;

use crate::error::HsmError;
use crate::limits::{KEY_LABEL_BYTES_MAX, TOKEN_LABEL_BYTES_MAX};
use crate::pkcs11::Pkcs11Settings;
use crate::pkcs11::token::{PrivateKey, Token, TokenSession, away};
use crate::protected::{Pin, refused};
use crate::public_key::{KeyType, PublicKey};
use crate::software::{SOFTWARE_KEY_WORDS, SoftwareKey};
use crate::vector;

/// Extension of a software key's file; its stem is the key's label.
const KEY_FILE_EXTENSION: &str = "key";

/// Where keys are held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyHolder {
    /// Files of mode 0600 in a folder, for evaluation.
    Software {
        /// Of keys alone.
        folder: PathBuf,
    },
    /// Files sealed with a PIN in a folder, for the vector signer.
    Sealed {
        /// Of keys alone.
        folder: PathBuf,
        /// What opens them; only its owner may read it.
        pin_file: PathBuf,
    },
    /// A PKCS#11 token; `key_label` is the key that [`crate::Operations::signer`] uses.
    Token(Pkcs11Settings),
}

/// A key as its holder shows it.
#[derive(Debug, Clone)]
pub(crate) struct HeldKey {
    pub(crate) label: String,
    pub(crate) public: PublicKey,
    /// HS-01.
    pub(crate) is_software: bool,
}

impl KeyHolder {
    /// The PKCS#11 library, where there is one.
    pub(crate) fn module(&self) -> Option<String> {
        match self {
            Self::Token(settings) => Some(settings.module.display().to_string()),
            Self::Software { .. } | Self::Sealed { .. } => None,
        }
    }

    /// In words for people: `software key (evaluation only)`, `PKCS#11 token "…"`.
    pub fn words(&self) -> String {
        match self {
            Self::Software { .. } => SOFTWARE_KEY_WORDS.to_owned(),
            Self::Sealed { .. } => vector::words().to_owned(),
            Self::Token(settings) => format!("PKCS#11 token \"{}\"", settings.token),
        }
    }

    /// Prepares a place for keys. Token: a free slot's token gets its label, the SO PIN of
    /// `so_pin_file` and the user PIN of the settings. Software: the folder is made, for its owner only.
    pub(crate) fn prepare(&self, so_pin_file: Option<&Path>) -> Result<(), HsmError> {
        match self {
            Self::Software { folder } | Self::Sealed { folder, .. } => make_folder(folder),
            Self::Token(settings) => {
                check_label(&settings.token, TOKEN_LABEL_BYTES_MAX)?;
                let file = so_pin_file.ok_or_else(|| {
                    HsmError::NotPossible("a token is initialised with an SO PIN file".to_owned())
                })?;
                Token::new(settings)?.initialise(&Pin::read(file)?)
            }
        }
    }

    /// Makes a key that has no namesake.
    pub(crate) fn make(&self, label: &str, key_type: KeyType) -> Result<HeldKey, HsmError> {
        let (folder, pin_file) = match self {
            Self::Software { folder } => (folder, None),
            Self::Sealed { folder, pin_file } => (folder, Some(pin_file)),
            Self::Token(settings) => {
                return on_token(settings, true, |token, session| {
                    if !token.keys(session, Some(label))?.is_empty() {
                        return Err(HsmError::KeyExists(label.to_owned()));
                    }
                    let key = token.generate(session, label, key_type)?;
                    Ok(held(key, token.is_software()))
                });
            }
        };
        let path = key_path(folder, label);
        if path.exists() {
            return Err(HsmError::KeyExists(label.to_owned()));
        }
        let key = SoftwareKey::generate(key_type)?;
        match pin_file {
            Some(pin_file) => key.save_sealed(&path, &Pin::read(pin_file)?)?,
            None => key.save(&path)?,
        }
        Ok(in_file(label, &key))
    }

    /// All keys.
    pub(crate) fn keys(&self) -> Result<Vec<HeldKey>, HsmError> {
        match self {
            Self::Software { folder } | Self::Sealed { folder, .. } => {
                let labels = software_labels(folder)?;
                let read = |label: &String| Ok(in_file(label, &self.load(label)?));
                labels.iter().map(read).collect()
            }
            Self::Token(settings) => on_token(settings, false, |token, session| {
                let keys = token.keys(session, None)?.into_iter();
                Ok(keys.map(|key| held(key, token.is_software())).collect())
            }),
        }
    }

    /// The one with this label.
    pub(crate) fn key(&self, label: &str) -> Result<HeldKey, HsmError> {
        match self {
            Self::Software { .. } | Self::Sealed { .. } => Ok(in_file(label, &self.load(label)?)),
            Self::Token(settings) => on_token(settings, false, |token, session| {
                Ok(held(token.key(session, label)?, token.is_software()))
            }),
        }
    }

    /// The signature of a key over some octets.
    pub(crate) fn sign(&self, label: &str, octets: &[u8]) -> Result<Vec<u8>, HsmError> {
        match self {
            Self::Software { .. } | Self::Sealed { .. } => self.load(label)?.sign(octets),
            Self::Token(settings) => on_token(settings, false, |token, session| {
                let key = token.key(session, label)?;
                let hash = digest::digest(&digest::SHA256, octets);
                token
                    .sign_hash(session, &key, hash.as_ref())
                    .map_err(|error| away(&error))
            }),
        }
    }

    /// A key of a file.
    pub(crate) fn load(&self, label: &str) -> Result<SoftwareKey, HsmError> {
        check_label(label, KEY_LABEL_BYTES_MAX)?;
        let (folder, pin_file) = match self {
            Self::Software { folder } => (folder, None),
            Self::Sealed { folder, pin_file } => (folder, Some(pin_file)),
            Self::Token(_) => return Err(HsmError::NoKey(label.to_owned())),
        };
        let path = key_path(folder, label);
        match pin_file {
            _ if !path.exists() => Err(HsmError::NoKey(label.to_owned())),
            Some(pin_file) => SoftwareKey::load_sealed(&path, &Pin::read(pin_file)?),
            None => SoftwareKey::load(&path),
        }
    }
}

fn in_file(label: &str, key: &SoftwareKey) -> HeldKey {
    HeldKey {
        label: label.to_owned(),
        public: key.public().clone(),
        is_software: true,
    }
}

fn held(key: PrivateKey, is_software: bool) -> HeldKey {
    HeldKey {
        label: key.label,
        public: key.public,
        is_software,
    }
}

fn on_token<T>(
    settings: &Pkcs11Settings,
    read_write: bool,
    act: impl FnOnce(&Token, &TokenSession) -> Result<T, HsmError>,
) -> Result<T, HsmError> {
    let token = Token::new(settings)?;
    let session = token.renewing(|| token.open(read_write))?;
    let result = act(&token, &session);
    session.close();
    result
}

fn make_folder(folder: &Path) -> Result<(), HsmError> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| refused(folder, &error.to_string()))
}

fn key_path(folder: &Path, label: &str) -> PathBuf {
    folder.join(format!("{label}.{KEY_FILE_EXTENSION}"))
}

fn software_labels(folder: &Path) -> Result<Vec<String>, HsmError> {
    let failed = |error: std::io::Error| refused(folder, &error.to_string());
    let mut labels = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let is_key = path
            .extension()
            .is_some_and(|kind| kind == KEY_FILE_EXTENSION);
        let label = path.file_stem().and_then(|stem| stem.to_str());
        labels.extend(label.filter(|_| is_key).map(str::to_owned));
    }
    labels.sort_unstable();
    Ok(labels)
}

/// Labels become file names and are typed by people.
pub(crate) fn check_label(label: &str, bytes_max: usize) -> Result<(), HsmError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_good = !label.is_empty()
        && label.len() <= bytes_max
        && !label.starts_with('.')
        && label.chars().all(is_plain);
    if is_good {
        Ok(())
    } else {
        Err(HsmError::BadLabel(label.to_owned()))
    }
}
