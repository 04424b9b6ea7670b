//! The public half of a signing key: what each signature is checked with (SG-16), and what tells
//! whether a certificate was made for a key.

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use ceralacca_core::smime::certificate::{self, Certificate};
use ceralacca_core::smime::der::{self, tag};
use ceralacca_core::smime::oid;

use crate::error::HsmError;

/// An RSA public key of at least 2048 bits.
#[derive(Clone)]
pub struct PublicKey {
    /// DER of the SubjectPublicKeyInfo.
    info: Vec<u8>,
    modulus: Vec<u8>,
    bits: usize,
    parsed: ParsedPublicKey,
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey(RSA-{})", self.bits)
    }
}

impl PublicKey {
    /// From a SubjectPublicKeyInfo.
    pub fn from_info(info: &[u8]) -> Result<Self, HsmError> {
        let public = certificate::PublicKey::read(info)?;
        let certificate::PublicKey::Rsa { key, modulus } = public else {
            return Err(HsmError::NotPossible(
                "certified mail is signed with RSA keys only".to_owned(),
            ));
        };
        let bits = public.rsa_bits().unwrap_or(0);
        let parsed = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)
            .map_err(|_| HsmError::KeySize(bits))?;
        Ok(Self {
            info: info.to_vec(),
            modulus: modulus.to_vec(),
            bits,
            parsed,
        })
    }

    /// From its two numbers, big endian.
    pub fn from_numbers(modulus: &[u8], exponent: &[u8]) -> Result<Self, HsmError> {
        let key = der::sequence(&[&der::unsigned(modulus), &der::unsigned(exponent)]);
        let algorithm = der::sequence(&[&der::oid(&oid::RSA), &[tag::NULL, 0]]);
        Self::from_info(&der::sequence(&[&algorithm, &der::bits(&key)]))
    }

    /// The key that a certificate vouches for.
    pub fn from_certificate(certificate_der: &[u8]) -> Result<Self, HsmError> {
        Self::from_info(Certificate::read(certificate_der)?.public_key_info)
    }

    /// DER of the SubjectPublicKeyInfo.
    pub fn info(&self) -> &[u8] {
        &self.info
    }

    /// Size of the modulus.
    pub const fn bits(&self) -> usize {
        self.bits
    }

    /// The two are the same key.
    pub fn is_same(&self, other: &Self) -> bool {
        self.modulus == other.modulus
    }

    /// Whether `modulus` (big endian, with or without leading zeros) is this key's.
    pub fn has_modulus(&self, modulus: &[u8]) -> bool {
        let zeros = modulus.iter().take_while(|octet| **octet == 0).count();
        modulus.get(zeros..) == Some(self.modulus.as_slice())
    }

    /// Whether `signature` is this key's over `message` (RSASSA-PKCS1-v1_5, SHA-256).
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(message, signature).is_ok()
    }
}
