//! The public half of a signing key: what each signature is checked with (SG-16), and what tells
//! whether a certificate was made for a key.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use ceralacca_core::smime::certificate::{self, Certificate};
use ceralacca_core::smime::der::{self, Reader, tag};
use ceralacca_core::smime::oid;

use crate::error::HsmError;
use crate::limits::VECTOR_CHECKS_MIN;
use crate::vector::{Claim, LANES, VectorCheck};

/// Octets of a number below the order of P-256.
pub(crate) const P256_NUMBER_BYTES: usize = 32;
/// First octet of a point that is not compressed (SEC 1 §2.3.3).
const UNCOMPRESSED: u8 = 4;

/// What a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// RSA with a modulus of so many bits.
    Rsa(usize),
    /// ECDSA on P-256, which the rules of PEC do not know.
    P256,
}

impl KeyType {
    /// The private half, as `hsm list` names it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Rsa(_) => "RSA private key",
            Self::P256 => "EC private key (P-256)",
        }
    }

    /// Size of the modulus, or of the curve.
    pub const fn bits(self) -> usize {
        match self {
            Self::Rsa(bits) => bits,
            Self::P256 => P256_NUMBER_BYTES * 8,
        }
    }
}

impl From<usize> for KeyType {
    fn from(bits: usize) -> Self {
        Self::Rsa(bits)
    }
}

impl std::fmt::Display for KeyType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rsa(bits) => write!(f, "RSA {bits}"),
            Self::P256 => f.write_str("ECDSA P-256"),
        }
    }
}

/// A public key: RSA of at least 2048 bits, or a point on P-256.
#[derive(Clone)]
pub struct PublicKey {
    /// DER of the SubjectPublicKeyInfo.
    info: Vec<u8>,
    /// The modulus, or the point: what tells keys apart.
    number: Vec<u8>,
    key_type: KeyType,
    parsed: ParsedPublicKey,
    /// For many at once, where the key and the processor are made for it.
    vector: Option<VectorCheck>,
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({})", self.key_type)
    }
}

impl PublicKey {
    /// From a SubjectPublicKeyInfo.
    pub fn from_info(info: &[u8]) -> Result<Self, HsmError> {
        let public = certificate::PublicKey::read(info)?;
        let (number, key_type, parsed, vector) = match public {
            certificate::PublicKey::Rsa { key, modulus } => {
                let bits = public.rsa_bits().unwrap_or(0);
                let parsed = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)
                    .map_err(|_| HsmError::KeySize(bits))?;
                let vector = VectorCheck::of(modulus, exponent_of(key));
                (modulus, KeyType::Rsa(bits), parsed, vector)
            }
            certificate::PublicKey::P256(point) => (point, KeyType::P256, on_p256(point)?, None),
            _ => {
                return Err(HsmError::NotPossible(
                    "certified mail is signed with RSA keys, or keys on P-256".to_owned(),
                ));
            }
        };
        Ok(Self {
            info: info.to_vec(),
            number: number.to_vec(),
            key_type,
            parsed,
            vector,
        })
    }

    /// From its two numbers, big endian.
    pub fn from_numbers(modulus: &[u8], exponent: &[u8]) -> Result<Self, HsmError> {
        let key = der::sequence(&[&der::unsigned(modulus), &der::unsigned(exponent)]);
        let algorithm = der::sequence(&[&der::oid(&oid::RSA), &[tag::NULL, 0]]);
        Self::from_info(&der::sequence(&[&algorithm, &der::bits(&key)]))
    }

    /// From a point on P-256 that is not compressed.
    pub fn from_point(point: &[u8]) -> Result<Self, HsmError> {
        let algorithm = der::sequence(&[&der::oid(&oid::EC_PUBLIC_KEY), &der::oid(&oid::P256)]);
        Self::from_info(&der::sequence(&[&algorithm, &der::bits(point)]))
    }

    /// The key that a certificate vouches for.
    pub fn from_certificate(certificate_der: &[u8]) -> Result<Self, HsmError> {
        Self::from_info(Certificate::read(certificate_der)?.public_key_info)
    }

    /// DER of the SubjectPublicKeyInfo.
    pub fn info(&self) -> &[u8] {
        &self.info
    }

    /// The modulus of an RSA key, the highest octet first.
    #[cfg(test)]
    pub(crate) fn modulus(&self) -> &[u8] {
        self.number.strip_prefix(&[0]).unwrap_or(&self.number)
    }

    /// What it is.
    pub const fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// Size of the modulus, or of the curve.
    pub const fn bits(&self) -> usize {
        self.key_type.bits()
    }

    /// The two are the same key.
    pub fn is_same(&self, other: &Self) -> bool {
        self.key_type == other.key_type && self.number == other.number
    }

    /// Whether `signature` is this key's over `message`: RSASSA-PKCS1-v1_5 with SHA-256, or ECDSA in DER.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(message, signature).is_ok()
    }

    /// The same for many messages and their signatures, in their order: eight signatures of RSA-2048 are checked
    /// at once where the processor can.
    pub fn verifies_all(&self, claims: &[(&[u8], &[u8])]) -> Vec<bool> {
        let each = |claims: &[Claim<'_>]| -> Vec<bool> {
            match &self.vector {
                Some(vector) if claims.len() >= VECTOR_CHECKS_MIN => vector
                    .check(claims)
                    .into_iter()
                    .take(claims.len())
                    .collect(),
                _ => claims
                    .iter()
                    .map(|(octets, value)| self.verifies(octets, value))
                    .collect(),
            }
        };
        claims.chunks(LANES).flat_map(each).collect()
    }
}

/// The public exponent of an RSAPublicKey (RFC 8017 §A.1.1), of which the modulus was read already.
fn exponent_of(key: &[u8]) -> &[u8] {
    let read = || {
        let mut numbers = Reader::new(key).expect(tag::SEQUENCE).ok()?.reader();
        numbers.expect(tag::INTEGER).ok()?;
        Some(numbers.expect(tag::INTEGER).ok()?.content)
    };
    read().unwrap_or_default()
}

/// Compressed points are refused: the same key would have two forms.
fn on_p256(point: &[u8]) -> Result<ParsedPublicKey, HsmError> {
    let refused = || HsmError::NotPossible("its key is no plain point on P-256".to_owned());
    let is_plain = point.len() == 1 + 2 * P256_NUMBER_BYTES && point.first() == Some(&UNCOMPRESSED);
    if !is_plain {
        return Err(refused());
    }
    ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).map_err(|_| refused())
}
