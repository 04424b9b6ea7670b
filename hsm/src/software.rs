//! A key held in this process, from a file that only its owner reads. For evaluation and tests: it is
//! shown as a software key wherever keys are shown (HS-01).

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};
use ceralacca_core::ports::{Signature, Signer, SignerDescription, SignerError, SigningRequest};
use ceralacca_core::smime::SigningCertificate;
use ceralacca_core::smime::certificate::pem;
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef, SecretDocument};
use zeroize::Zeroizing;

use crate::error::HsmError;
use crate::limits::KEY_FILE_BYTES_MAX;
use crate::pool::{PoolName, SessionSource, SigningPool, SigningSession};
use crate::protected::{Pin, read_secret, refused, write_secret};
use crate::public_key::{KeyType, PublicKey};
use crate::vector::VectorKey;

/// How a software key is shown.
pub const SOFTWARE_KEY_WORDS: &str = "software key (evaluation only)";

/// PEM label of RFC 7468 §11.
const SEALED_LABEL: &str = "ENCRYPTED PRIVATE KEY";

/// A private key in memory.
pub struct SoftwareKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Rsa(KeyPair),
    P256(EcdsaKeyPair),
}

impl std::fmt::Debug for SoftwareKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SoftwareKey({})", self.public.key_type())
    }
}

impl SoftwareKey {
    /// A new key: RSA of 2048, 3072 or 4096 bits, or on P-256.
    pub fn generate(key: impl Into<KeyType>) -> Result<Self, HsmError> {
        let failed = |_| bug("a key cannot be generated");
        let size = match key.into() {
            KeyType::Rsa(2048) => KeySize::Rsa2048,
            KeyType::Rsa(3072) => KeySize::Rsa3072,
            KeyType::Rsa(4096) => KeySize::Rsa4096,
            KeyType::Rsa(bits) => return Err(HsmError::KeySize(bits)),
            KeyType::P256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING);
                return Self::from_pair(Pair::P256(pair.map_err(failed)?));
            }
        };
        Self::from_pair(Pair::Rsa(KeyPair::generate(size).map_err(failed)?))
    }

    /// From PKCS#8 in DER.
    pub fn from_pkcs8(octets: &[u8]) -> Result<Self, HsmError> {
        let rsa = KeyPair::from_pkcs8(octets).map(Pair::Rsa);
        let pair = rsa.or_else(|reason| {
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, octets)
                .map(Pair::P256)
                .map_err(|_| {
                    HsmError::NotPossible(format!("not an RSA or P-256 key in PKCS#8: {reason}"))
                })
        })?;
        Self::from_pair(pair)
    }

    fn from_pair(pair: Pair) -> Result<Self, HsmError> {
        let info: Result<PublicKeyX509Der<'_>, _> = match &pair {
            Pair::Rsa(pair) => pair.public_key().as_der(),
            Pair::P256(pair) => pair.public_key().as_der(),
        };
        let info = info.map_err(|_| bug("a public key cannot be written"))?;
        let public = PublicKey::from_info(info.as_ref())?;
        Ok(Self { pair, public })
    }

    /// From a file in PEM or DER that only its owner may read.
    pub fn load(path: &Path) -> Result<Self, HsmError> {
        let octets = read_secret(path, KEY_FILE_BYTES_MAX)?;
        let key = match pem_body(&octets) {
            Some(der) => Self::from_pkcs8(&der),
            None => Self::from_pkcs8(&octets),
        };
        key.map_err(|error| refused(path, &error.to_string()))
    }

    /// Writes it to a new file of mode 0600.
    pub fn save(&self, path: &Path) -> Result<(), HsmError> {
        let pkcs8 = self.pkcs8()?;
        let text = Zeroizing::new(pem("PRIVATE KEY", &pkcs8));
        write_secret(path, text.as_bytes())
    }

    /// PKCS#8 in DER.
    fn pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, HsmError> {
        let failed = |_| bug("a key cannot be written");
        Ok(Zeroizing::new(match &self.pair {
            Pair::Rsa(pair) => {
                let pkcs8: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
                pkcs8.as_ref().to_vec()
            }
            Pair::P256(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
        }))
    }

    /// The same key for the vector signer, which knows RSA alone.
    pub fn for_vectors(&self) -> Result<VectorKey, HsmError> {
        let pkcs8 = self.pkcs8()?;
        VectorKey::from_pkcs8(&pkcs8)
    }

    /// From a file that [`SoftwareKey::save_sealed`] or `openssl pkcs8` wrote.
    pub fn load_sealed(path: &Path, pin: &Pin) -> Result<Self, HsmError> {
        let octets = read_secret(path, KEY_FILE_BYTES_MAX)?;
        let text = std::str::from_utf8(&octets).unwrap_or_default();
        let opened = || {
            let (label, sealed) = SecretDocument::from_pem(text).ok()?;
            if label != SEALED_LABEL {
                return None;
            }
            let sealed: EncryptedPrivateKeyInfoRef<'_> = sealed.decode_msg().ok()?;
            sealed.decrypt(pin.expose().as_bytes()).ok()
        };
        let words = "it is no sealed key, or another PIN sealed it";
        let key = opened().ok_or_else(|| refused(path, words))?;
        Self::from_pkcs8(key.as_bytes()).map_err(|error| refused(path, &error.to_string()))
    }

    /// Writes it to a new file of mode 0600, sealed with a PIN: an encrypted PKCS#8 (RFC 5958 §3) by scrypt
    /// and AES-256, which `openssl pkey` reads too.
    pub fn save_sealed(&self, path: &Path, pin: &Pin) -> Result<(), HsmError> {
        let pkcs8 = self.pkcs8()?;
        let sealed = PrivateKeyInfoRef::try_from(pkcs8.as_slice())
            .and_then(|key| key.encrypt(pin.expose().as_bytes()))
            .map_err(|_| bug("a key cannot be sealed"))?;
        let text = Zeroizing::new(pem(SEALED_LABEL, sealed.as_bytes()));
        write_secret(path, text.as_bytes())
    }

    /// Its public half.
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256 over `message`, or ECDSA in DER.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, HsmError> {
        let random = SystemRandom::new();
        let signed = match &self.pair {
            Pair::Rsa(pair) => {
                let mut value = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut value)
                    .map(|()| value)
            }
            Pair::P256(pair) => pair
                .sign(&random, message)
                .map(|value| value.as_ref().to_vec()),
        };
        signed.map_err(|_| HsmError::Away("the software key does not sign".to_owned()))
    }
}

fn pem_body(octets: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = std::str::from_utf8(octets).ok()?;
    let (_, rest) = text.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    let body: Zeroizing<String> = Zeroizing::new(body.split_whitespace().collect());
    let der = data_encoding::BASE64.decode(body.as_bytes()).ok()?;
    Some(Zeroizing::new(der))
}

fn bug(what: &str) -> HsmError {
    HsmError::NotPossible(what.to_owned())
}

/// Signs with a software key, on all cores.
pub struct SoftwareSigner(SigningPool);

impl SoftwareSigner {
    /// The certificate must be the key's.
    pub fn start(
        key: Arc<SoftwareKey>,
        certificate: Arc<SigningCertificate>,
    ) -> Result<Self, HsmError> {
        check_owner(&key, &certificate)?;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let name = PoolName {
            name: SOFTWARE_KEY_WORDS.to_owned(),
            is_software: true,
        };
        Ok(Self(SigningPool::start(
            Source(key),
            cores,
            certificate,
            name,
        )?))
    }
}

pub(crate) fn check_owner(
    key: &SoftwareKey,
    certificate: &SigningCertificate,
) -> Result<(), HsmError> {
    let certified = PublicKey::from_certificate(&certificate.certificate)?;
    if certified.is_same(key.public()) {
        Ok(())
    } else {
        Err(HsmError::OtherKey)
    }
}

/// Sessions that sign with this key.
pub(crate) const fn source(key: Arc<SoftwareKey>) -> impl SessionSource {
    Source(key)
}

struct Source(Arc<SoftwareKey>);

struct Session(Arc<SoftwareKey>);

impl SessionSource for Source {
    type Session = Session;

    fn open(&self) -> Result<Session, HsmError> {
        Ok(Session(Arc::clone(&self.0)))
    }
}

impl SigningSession for Session {
    fn sign(&mut self, attributes: &[u8]) -> Result<Vec<u8>, HsmError> {
        self.0.sign(attributes)
    }
}

impl Signer for SoftwareSigner {
    fn sign(&self, requests: &[SigningRequest]) -> Vec<Result<Signature, SignerError>> {
        self.0.sign(requests)
    }

    fn certificate(&self) -> Arc<SigningCertificate> {
        self.0.certificate()
    }

    fn describe(&self) -> SignerDescription {
        self.0.describe()
    }
}
