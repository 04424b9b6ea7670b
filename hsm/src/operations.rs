//! What `ceralacca hsm` does with keys, the same for a token and for a software key: make one, ask for
//! its certificate, check the certificate that comes back, list, and start the signer. What touches keys is
//! asked of their [`KeyHolder`], in this process or, by an appliance that serves, in a child for each question
//! ([`Operations::in_children`]): a vendor's library that crashes or hangs then costs the answer alone.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ceralacca_core::ports::Signer;
use ceralacca_core::smime::SigningCertificate;
use ceralacca_core::smime::certificate::{self, Certificate};
use ceralacca_core::smime::profile::{self, AllowedKeys};

use crate::child::{ChildProgram, Done, Errand, Errands};
use crate::csr;
use crate::error::HsmError;
use crate::holder::{HeldKey, check_label};
use crate::limits::{CERTIFICATE_FILE_BYTES_MAX, KEY_LABEL_BYTES_MAX};
use crate::pkcs11::{Pkcs11Settings, Pkcs11Signer};
use crate::public_key::{KeyType, PublicKey};
use crate::software::SoftwareSigner;
use crate::vector::VectorSigner;

pub use crate::holder::KeyHolder;

/// The commands on keys.
#[derive(Debug, Clone)]
pub struct Operations {
    holder: KeyHolder,
    keys: AllowedKeys,
    /// Where not in this process.
    children: Option<Errands>,
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
        Self {
            holder,
            keys: AllowedKeys::Rsa,
            children: None,
        }
    }

    /// The kinds of key that the policy allows; RSA alone without it.
    #[must_use]
    pub const fn allowing(mut self, keys: AllowedKeys) -> Self {
        self.keys = keys;
        self
    }

    /// Asks a child process for each thing that touches keys; all of them together within `wait` from now. But
    /// for [`Operations::signer`], which signs in this process.
    #[must_use]
    pub fn in_children(mut self, program: ChildProgram, wait: Duration) -> Self {
        self.children = Some(Errands::new(program, wait));
        self
    }

    /// Prepares a place for keys. Token: a free slot's token gets its label, the SO PIN of
    /// `so_pin_file` and the user PIN of the settings. Software: the folder is made, for its owner only.
    pub fn init(&self, so_pin_file: Option<&Path>) -> Result<(), HsmError> {
        self.ask(&Errand::prepare(so_pin_file)).map(drop)
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
        let made = self.one_key(&Errand::make(label, key_type))?;
        Ok(self.object(&made, &[]))
    }

    /// A certificate request in PEM, signed by the key.
    pub fn csr(
        &self,
        label: &str,
        provider_name: &str,
        service_address: &str,
    ) -> Result<String, HsmError> {
        let public = self.public_key(label)?;
        self.allowed(public.key_type())?;
        csr::request(&public, provider_name, service_address, |octets| {
            self.sign(label, octets)
        })
    }

    /// The signature of a key over some octets, for what is no mail. The caller knows that the policy allows
    /// the key.
    pub(crate) fn sign(&self, label: &str, octets: &[u8]) -> Result<Vec<u8>, HsmError> {
        self.ask(&Errand::sign(label, octets))
            .map(|done| done.value)
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
        let keys = self.ask(&Errand::Keys)?.keys;
        let show = |key: &HeldKey| self.object(key, certificates);
        Ok(keys.iter().map(show).collect())
    }

    /// The public half of a key.
    pub fn public_key(&self, label: &str) -> Result<PublicKey, HsmError> {
        self.one_key(&Errand::key(label)).map(|key| key.public)
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
                let key = Arc::new(self.holder.load(label)?);
                Arc::new(SoftwareSigner::start(key, certificate)?)
            }
            KeyHolder::Sealed { .. } => {
                let key = Arc::new(self.holder.load(label)?);
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

    fn one_key(&self, errand: &Errand) -> Result<HeldKey, HsmError> {
        let none = || HsmError::NotPossible("no key was told".to_owned());
        self.ask(errand)?.keys.pop().ok_or_else(none)
    }

    fn ask(&self, errand: &Errand) -> Result<Done, HsmError> {
        match &self.children {
            None => errand.run(&self.holder),
            Some(children) => children.run(&self.holder, errand),
        }
    }

    fn object(&self, key: &HeldKey, certificates: &[Vec<u8>]) -> KeyObject {
        KeyObject {
            label: key.label.clone(),
            kind: key.public.key_type().words(),
            bits: key.public.bits(),
            has_certificate: certificates.iter().any(|der| is_for(der, &key.public)),
            is_software: key.is_software,
            held_by: self.holder.words(),
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
