//! What `ceralacca hsm` does with keys, the same for a token and for a software key: make one, ask for
//! its certificate, check the certificate that comes back, list, and start the signer.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest;
use ceralacca_core::ports::Signer;
use ceralacca_core::smime::SigningCertificate;
use ceralacca_core::smime::certificate::{self, Certificate};
use ceralacca_core::smime::profile::{self, AllowedKeys};

use crate::csr;
use crate::error::HsmError;
use crate::limits::{CERTIFICATE_FILE_BYTES_MAX, KEY_LABEL_BYTES_MAX, TOKEN_LABEL_BYTES_MAX};
use crate::pkcs11::token::{Token, TokenSession, away};
use crate::pkcs11::{Pkcs11Settings, Pkcs11Signer};
use crate::protected::{Pin, refused};
use crate::public_key::{KeyType, PublicKey};
use crate::software::{SOFTWARE_KEY_WORDS, SoftwareKey, SoftwareSigner};
use crate::vector::{self, VectorSigner};

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
    /// A PKCS#11 token; `key_label` is the key that [`Operations::signer`] uses.
    Token(Pkcs11Settings),
}

impl KeyHolder {
    /// The PKCS#11 library, where there is one.
    pub(crate) fn module(&self) -> Option<String> {
        match self {
            Self::Token(settings) => Some(settings.module.display().to_string()),
            Self::Software { .. } | Self::Sealed { .. } => None,
        }
    }
}

/// Signs some octets.
type Signing<'a> = dyn Fn(&[u8]) -> Result<Vec<u8>, HsmError> + 'a;

/// The commands on keys.
#[derive(Debug, Clone)]
pub struct Operations {
    holder: KeyHolder,
    keys: AllowedKeys,
}

/// A key as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyObject {
    /// Its name.
    pub label: String,
    /// `RSA private key`, `EC private key (P-256)`.
    pub kind: &'static str,
    /// Size of the modulus, or of the curve.
    pub bits: usize,
    /// One of the certificates at hand was made for it.
    pub has_certificate: bool,
    /// Held in software (HS-01).
    pub is_software: bool,
    /// Where it is, in words: `software key (evaluation only)` or `PKCS#11 token "…"`.
    pub held_by: String,
}

/// A certificate that passed for a key, ready to be stored.
#[derive(Debug, Clone)]
pub struct ImportedCertificate {
    /// Leaf and chain.
    pub certificate: SigningCertificate,
    /// The same in PEM, leaf first: what the appliance keeps.
    pub pem: String,
    /// What is allowed but should be known.
    pub warnings: Vec<String>,
}

impl Operations {
    /// On the keys of `holder`.
    pub const fn new(holder: KeyHolder) -> Self {
        let keys = AllowedKeys::Rsa;
        Self { holder, keys }
    }

    /// The kinds of key that the policy allows; RSA alone without it.
    #[must_use]
    pub const fn allowing(mut self, keys: AllowedKeys) -> Self {
        self.keys = keys;
        self
    }

    /// Prepares a place for keys. Token: a free slot's token gets its label, the SO PIN of
    /// `so_pin_file` and the user PIN of the settings. Software: the folder is made, for its owner only.
    pub fn init(&self, so_pin_file: Option<&Path>) -> Result<(), HsmError> {
        match &self.holder {
            KeyHolder::Software { folder } | KeyHolder::Sealed { folder, .. } => {
                make_folder(folder)
            }
            KeyHolder::Token(settings) => {
                check_label(&settings.token, TOKEN_LABEL_BYTES_MAX)?;
                let file = so_pin_file.ok_or_else(|| {
                    HsmError::NotPossible("a token is initialised with an SO PIN file".to_owned())
                })?;
                Token::new(settings)?.initialise(&Pin::read(file)?)
            }
        }
    }

    /// Where keys are held.
    pub const fn holder(&self) -> &KeyHolder {
        &self.holder
    }

    /// Such a key may be made, as far as label, kind and policy say.
    pub(crate) fn may_make(&self, label: &str, key_type: KeyType) -> Result<(), HsmError> {
        check_label(label, KEY_LABEL_BYTES_MAX)?;
        if let KeyType::Rsa(bits) = key_type
            && ![2048, 3072, 4096].contains(&bits)
        {
            return Err(HsmError::KeySize(bits));
        }
        self.allowed(key_type)
    }

    /// Makes a key that has no namesake; a number means RSA of so many bits.
    pub fn keygen(&self, label: &str, key: impl Into<KeyType>) -> Result<KeyObject, HsmError> {
        let key_type = key.into();
        self.may_make(label, key_type)?;
        match &self.holder {
            KeyHolder::Software { folder } | KeyHolder::Sealed { folder, .. } => {
                let path = key_path(folder, label);
                if path.exists() {
                    return Err(HsmError::KeyExists(label.to_owned()));
                }
                let key = SoftwareKey::generate(key_type)?;
                match &self.holder {
                    KeyHolder::Sealed { pin_file, .. } => {
                        key.save_sealed(&path, &Pin::read(pin_file)?)?;
                    }
                    _ => key.save(&path)?,
                }
                Ok(self.object(label, key.public(), &[], true))
            }
            KeyHolder::Token(settings) => self.on_token(settings, true, |token, session| {
                if !token.keys(session, Some(label))?.is_empty() {
                    return Err(HsmError::KeyExists(label.to_owned()));
                }
                let key = token.generate(session, label, key_type)?;
                Ok(self.object(label, &key.public, &[], token.is_software()))
            }),
        }
    }

    /// A certificate request in PEM, signed by the key.
    pub fn csr(
        &self,
        label: &str,
        provider_name: &str,
        service_address: &str,
    ) -> Result<String, HsmError> {
        self.with_key(label, |public, sign| {
            csr::request(public, provider_name, service_address, sign)
        })
    }

    /// The signature of a key over some octets, for what is no mail.
    pub(crate) fn sign(&self, label: &str, octets: &[u8]) -> Result<Vec<u8>, HsmError> {
        self.with_key(label, |_, sign| sign(octets))
    }

    /// Acts with a key that the policy allows, and with what signs by it.
    fn with_key<T>(
        &self,
        label: &str,
        act: impl FnOnce(&PublicKey, &Signing<'_>) -> Result<T, HsmError>,
    ) -> Result<T, HsmError> {
        match &self.holder {
            KeyHolder::Software { .. } | KeyHolder::Sealed { .. } => {
                let key = self.load(label)?;
                self.allowed(key.public().key_type())?;
                act(key.public(), &|octets| key.sign(octets))
            }
            KeyHolder::Token(settings) => self.on_token(settings, false, |token, session| {
                let key = token.key(session, label)?;
                self.allowed(key.public.key_type())?;
                act(&key.public, &|octets| {
                    let hash = digest::digest(&digest::SHA256, octets);
                    token
                        .sign_hash(session, &key, hash.as_ref())
                        .map_err(|error| away(&error))
                })
            }),
        }
    }

    /// Checks a certificate file (PEM or DER; leaf and chain in any order) for the key with `label`:
    /// made for that key, and following the profile of RFC 6109 §5.5 (SG-11).
    pub fn import_certificate(
        &self,
        label: &str,
        file: &[u8],
        provider_name: &str,
        service_address: &str,
    ) -> Result<ImportedCertificate, HsmError> {
        if file.len() > CERTIFICATE_FILE_BYTES_MAX {
            return Err(HsmError::Request(
                "the certificate file is too large".to_owned(),
            ));
        }
        let public = self.public_key(label)?;
        let (leaf, mut rest): (Vec<_>, Vec<_>) = certificate::read_file(file)?
            .into_iter()
            .partition(|der| is_for(der, &public));
        let leaf = leaf.into_iter().next().ok_or(HsmError::OtherKey)?;
        let warnings =
            profile::check_for(&leaf, Some(provider_name), Some(service_address), self.keys)?;
        let chain = chain_of(&leaf, &mut rest)?;
        let all = std::iter::once(&leaf).chain(&chain);
        let pem = all
            .map(|der| certificate::pem("CERTIFICATE", der))
            .collect();
        Ok(ImportedCertificate {
            certificate: SigningCertificate {
                certificate: leaf,
                chain,
            },
            pem,
            warnings,
        })
    }

    /// The keys; `certificates` are those at hand, in DER.
    pub fn list(&self, certificates: &[Vec<u8>]) -> Result<Vec<KeyObject>, HsmError> {
        match &self.holder {
            KeyHolder::Software { folder } | KeyHolder::Sealed { folder, .. } => {
                software_labels(folder)?
                    .iter()
                    .map(|label| {
                        let key = self.load(label)?;
                        Ok(self.object(label, key.public(), certificates, true))
                    })
                    .collect()
            }
            KeyHolder::Token(settings) => self.on_token(settings, false, |token, session| {
                let keys = token.keys(session, None)?;
                let is_software = token.is_software();
                let show = |key: &crate::pkcs11::token::PrivateKey| {
                    self.object(&key.label, &key.public, certificates, is_software)
                };
                Ok(keys.iter().map(show).collect())
            }),
        }
    }

    /// The public half of a key.
    pub fn public_key(&self, label: &str) -> Result<PublicKey, HsmError> {
        match &self.holder {
            KeyHolder::Software { .. } | KeyHolder::Sealed { .. } => {
                Ok(self.load(label)?.public().clone())
            }
            KeyHolder::Token(settings) => self.on_token(settings, false, |token, session| {
                Ok(token.key(session, label)?.public)
            }),
        }
    }

    /// Starts the signer with the key `label`.
    pub fn signer(
        &self,
        label: &str,
        certificate: Arc<SigningCertificate>,
    ) -> Result<Arc<dyn Signer>, HsmError> {
        self.allowed(PublicKey::from_certificate(&certificate.certificate)?.key_type())?;
        Ok(match &self.holder {
            KeyHolder::Software { .. } => {
                let key = Arc::new(self.load(label)?);
                Arc::new(SoftwareSigner::start(key, certificate)?)
            }
            KeyHolder::Sealed { .. } => {
                let key = Arc::new(self.load(label)?);
                Arc::new(VectorSigner::start(key, certificate)?)
            }
            KeyHolder::Token(settings) => {
                let settings = Pkcs11Settings {
                    key_label: label.to_owned(),
                    ..settings.clone()
                };
                Arc::new(Pkcs11Signer::start(&settings, certificate)?)
            }
        })
    }

    /// The policy lets such a key sign.
    fn allowed(&self, key: KeyType) -> Result<(), HsmError> {
        match (key, self.keys) {
            (KeyType::P256, AllowedKeys::Rsa) => Err(HsmError::CurveNotAllowed),
            _ => Ok(()),
        }
    }

    /// A key of a file.
    pub(crate) fn load(&self, label: &str) -> Result<SoftwareKey, HsmError> {
        check_label(label, KEY_LABEL_BYTES_MAX)?;
        let (folder, pin_file) = match &self.holder {
            KeyHolder::Software { folder } => (folder, None),
            KeyHolder::Sealed { folder, pin_file } => (folder, Some(pin_file)),
            KeyHolder::Token(_) => return Err(HsmError::NoKey(label.to_owned())),
        };
        let path = key_path(folder, label);
        match pin_file {
            _ if !path.exists() => Err(HsmError::NoKey(label.to_owned())),
            Some(pin_file) => SoftwareKey::load_sealed(&path, &Pin::read(pin_file)?),
            None => SoftwareKey::load(&path),
        }
    }

    fn on_token<T>(
        &self,
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

    fn object(
        &self,
        label: &str,
        public: &PublicKey,
        certificates: &[Vec<u8>],
        is_software: bool,
    ) -> KeyObject {
        KeyObject {
            label: label.to_owned(),
            kind: public.key_type().words(),
            bits: public.bits(),
            has_certificate: certificates.iter().any(|der| is_for(der, public)),
            is_software,
            held_by: match &self.holder {
                KeyHolder::Software { .. } => SOFTWARE_KEY_WORDS.to_owned(),
                KeyHolder::Sealed { .. } => vector::words().to_owned(),
                KeyHolder::Token(settings) => format!("PKCS#11 token \"{}\"", settings.token),
            },
        }
    }
}

fn is_for(certificate_der: &[u8], public: &PublicKey) -> bool {
    PublicKey::from_certificate(certificate_der).is_ok_and(|certified| certified.is_same(public))
}

/// Issuers from the leaf upwards, as far as `rest` holds them; what does not belong is left out.
fn chain_of(leaf: &[u8], rest: &mut Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, HsmError> {
    let mut chain: Vec<Vec<u8>> = Vec::new();
    let mut issuer = Certificate::read(leaf)?.issuer.to_vec();
    while let Some(place) = rest.iter().position(|der| {
        Certificate::read(der).is_ok_and(|certificate| certificate.subject == issuer)
    }) {
        let next = rest.swap_remove(place);
        issuer = Certificate::read(&next)?.issuer.to_vec();
        chain.push(next);
    }
    Ok(chain)
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
fn check_label(label: &str, bytes_max: usize) -> Result<(), HsmError> {
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
