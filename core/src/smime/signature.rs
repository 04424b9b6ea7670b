//! One signature value against one public key: RSA PKCS#1 v1.5 with the four digests of IP-14, RSA-PSS
//! with SHA-2, ECDSA on P-256 and P-384. Messages, certificates and revocation lists are all verified
//! here. RSA keys below [`RSA_BITS_MIN`] prove nothing and are refused; DSA and the rest are not known.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{self as algorithms, ParsedPublicKey, VerificationAlgorithm};

use super::certificate::PublicKey;
use super::der::{DerError, Element, Reader, tag};
use super::oid;
use crate::limits::RSA_BITS_MIN;

/// The digest that a signature names (IP-14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestAlgorithm {
    /// Verified, never made (SG-04).
    Sha1,
    /// The one of our signatures.
    Sha256,
    /// SHA-384
    Sha384,
    /// SHA-512
    Sha512,
}

/// Why a value is no signature of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not RSA PKCS#1 v1.5, RSA-PSS or ECDSA on P-256 or P-384, or not with this digest.
    #[error("the signature algorithm {0} is not known")]
    UnknownAlgorithm(String),
    /// Not SHA-1, SHA-256, SHA-384 or SHA-512.
    #[error("the digest algorithm {0} is not known")]
    UnknownDigest(String),
    /// Too weak to prove anything.
    #[error("the RSA key has {0} bits, fewer than {RSA_BITS_MIN}")]
    KeyTooShort(usize),
    /// Key or algorithm are no ASN.1.
    #[error(transparent)]
    Unreadable(#[from] DerError),
    /// It does not fit octets and key.
    #[error("the signature value is wrong for the key")]
    Wrong,
}

impl DigestAlgorithm {
    /// From the content octets of its identifier.
    pub fn from_oid(content: &[u8]) -> Result<Self, SignatureError> {
        let known = [
            (oid::SHA1, Self::Sha1),
            (oid::SHA256, Self::Sha256),
            (oid::SHA384, Self::Sha384),
            (oid::SHA512, Self::Sha512),
        ];
        known
            .iter()
            .find(|(id, _)| oid::is(content, id))
            .map(|(_, digest)| *digest)
            .ok_or_else(|| SignatureError::UnknownDigest(oid::dotted(content)))
    }

    /// As `micalg` has it (RFC 8551 §3.5.3.2).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha-1",
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    /// What computes it.
    pub(super) fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }
}

/// How a value was made: kind of key, padding and digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheme {
    family: Family,
    digest: DigestAlgorithm,
    /// For people.
    name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Rsa,
    RsaPss,
    Ecdsa,
}

impl Scheme {
    /// Reads an AlgorithmIdentifier. `beside` is the digest that a CMS names next to it; certificates
    /// name it in the algorithm itself.
    pub fn read(
        identifier: &Element<'_>,
        beside: Option<DigestAlgorithm>,
    ) -> Result<Self, SignatureError> {
        let mut fields = identifier.reader();
        let id = fields.expect(tag::OID)?.content;
        let unknown = || SignatureError::UnknownAlgorithm(oid::dotted(id));
        let (family, named) = if oid::is(id, &oid::RSA_PSS) {
            let parameters = fields.optional(tag::SEQUENCE)?.ok_or_else(unknown)?;
            let digest = pss_digest(&parameters)?.ok_or_else(unknown)?;
            (Family::RsaPss, Some(digest))
        } else {
            family(id).ok_or_else(unknown)?
        };
        let digest = match (named, beside) {
            (Some(named), Some(beside)) if named != beside => return Err(unknown()),
            (named, beside) => named.or(beside).ok_or_else(unknown)?,
        };
        Ok(Self {
            family,
            digest,
            name: oid::dotted(id),
        })
    }

    /// The digest that is signed.
    pub const fn digest(&self) -> DigestAlgorithm {
        self.digest
    }

    /// The key, ready to verify values of this scheme.
    pub fn key(&self, public: PublicKey<'_>) -> Result<ParsedPublicKey, SignatureError> {
        let unknown = || SignatureError::UnknownAlgorithm(self.name.clone());
        if let Some(bits) = public.rsa_bits().filter(|bits| *bits < RSA_BITS_MIN) {
            return Err(SignatureError::KeyTooShort(bits));
        }
        let (algorithm, octets): (Option<&'static dyn VerificationAlgorithm>, &[u8]) =
            match (self.family, public) {
                (Family::Rsa, PublicKey::Rsa { key, .. }) => (Some(rsa(self.digest)), key),
                (Family::RsaPss, PublicKey::Rsa { key, .. }) => (rsa_pss(self.digest), key),
                (Family::Ecdsa, PublicKey::P256(point)) => (Some(p256(self.digest)), point),
                (Family::Ecdsa, PublicKey::P384(point)) => (p384(self.digest), point),
                (_, PublicKey::Other(id)) => {
                    return Err(SignatureError::UnknownAlgorithm(oid::dotted(id)));
                }
                _ => return Err(unknown()),
            };
        ParsedPublicKey::new(algorithm.ok_or_else(unknown)?, octets)
            .map_err(|_| SignatureError::Wrong)
    }

    /// Checks that `value` is a signature over `signed` by the key of a SubjectPublicKeyInfo element.
    pub fn verify(
        &self,
        public_key_info: &[u8],
        signed: &[u8],
        value: &[u8],
    ) -> Result<(), SignatureError> {
        self.key(PublicKey::read(public_key_info)?)?
            .verify_sig(signed, value)
            .map_err(|_| SignatureError::Wrong)
    }
}

/// Kind of key, and the digest when the algorithm names one.
fn family(algorithm: &[u8]) -> Option<(Family, Option<DigestAlgorithm>)> {
    use DigestAlgorithm::{Sha1, Sha256, Sha384, Sha512};
    let known = [
        (oid::RSA, Family::Rsa, None),
        (oid::SHA256_WITH_RSA, Family::Rsa, Some(Sha256)),
        (oid::SHA1_WITH_RSA, Family::Rsa, Some(Sha1)),
        (oid::SHA384_WITH_RSA, Family::Rsa, Some(Sha384)),
        (oid::SHA512_WITH_RSA, Family::Rsa, Some(Sha512)),
        (oid::ECDSA_WITH_SHA1, Family::Ecdsa, Some(Sha1)),
        (oid::ECDSA_WITH_SHA256, Family::Ecdsa, Some(Sha256)),
        (oid::ECDSA_WITH_SHA384, Family::Ecdsa, Some(Sha384)),
        (oid::ECDSA_WITH_SHA512, Family::Ecdsa, Some(Sha512)),
    ];
    let mut matching = known.iter().filter(|(id, _, _)| oid::is(algorithm, id));
    matching
        .next()
        .map(|(_, family, digest)| (*family, *digest))
}

/// RSASSA-PSS-params (RFC 4055 §3.1) where all follows from one SHA-2 digest: the mask with the same
/// digest and a salt of its length. `None` for any other combination.
fn pss_digest(parameters: &Element<'_>) -> Result<Option<DigestAlgorithm>, DerError> {
    let mut fields = parameters.reader();
    let inner = |field: Option<Element<'_>>| -> Result<Option<Vec<u8>>, DerError> {
        let Some(field) = field else { return Ok(None) };
        Ok(Some(field.reader().any()?.raw.to_vec()))
    };
    let hash = inner(fields.optional(tag::context(0))?)?;
    let mask = inner(fields.optional(tag::context(1))?)?;
    let salt = inner(fields.optional(tag::context(2))?)?;
    let (Some(hash), Some(mask), Some(salt)) = (hash, mask, salt) else {
        return Ok(None);
    };
    let id = Reader::new(&hash)
        .expect(tag::SEQUENCE)?
        .reader()
        .expect(tag::OID)?;
    let Ok(digest) = DigestAlgorithm::from_oid(id.content) else {
        return Ok(None);
    };
    let mut mask = Reader::new(&mask).expect(tag::SEQUENCE)?.reader();
    let is_mgf1 = oid::is(mask.expect(tag::OID)?.content, &oid::MGF1);
    let mask_hash = mask.expect(tag::SEQUENCE)?.reader().expect(tag::OID)?;
    let salt = Reader::new(&salt).expect(tag::INTEGER)?.content;
    let fits = is_mgf1
        && mask_hash.content == id.content
        && matches!(salt, [length] if usize::from(*length) == digest.algorithm().output_len());
    Ok((fits && digest != DigestAlgorithm::Sha1).then_some(digest))
}

fn rsa(digest: DigestAlgorithm) -> &'static dyn VerificationAlgorithm {
    match digest {
        DigestAlgorithm::Sha1 => &algorithms::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        DigestAlgorithm::Sha256 => &algorithms::RSA_PKCS1_2048_8192_SHA256,
        DigestAlgorithm::Sha384 => &algorithms::RSA_PKCS1_2048_8192_SHA384,
        DigestAlgorithm::Sha512 => &algorithms::RSA_PKCS1_2048_8192_SHA512,
    }
}

fn rsa_pss(digest: DigestAlgorithm) -> Option<&'static dyn VerificationAlgorithm> {
    match digest {
        DigestAlgorithm::Sha1 => None,
        DigestAlgorithm::Sha256 => Some(&algorithms::RSA_PSS_2048_8192_SHA256),
        DigestAlgorithm::Sha384 => Some(&algorithms::RSA_PSS_2048_8192_SHA384),
        DigestAlgorithm::Sha512 => Some(&algorithms::RSA_PSS_2048_8192_SHA512),
    }
}

fn p256(digest: DigestAlgorithm) -> &'static dyn VerificationAlgorithm {
    match digest {
        DigestAlgorithm::Sha1 => &algorithms::ECDSA_P256_SHA1_ASN1,
        DigestAlgorithm::Sha256 => &algorithms::ECDSA_P256_SHA256_ASN1,
        DigestAlgorithm::Sha384 => &algorithms::ECDSA_P256_SHA384_ASN1,
        DigestAlgorithm::Sha512 => &algorithms::ECDSA_P256_SHA512_ASN1,
    }
}

fn p384(digest: DigestAlgorithm) -> Option<&'static dyn VerificationAlgorithm> {
    match digest {
        DigestAlgorithm::Sha1 => None,
        DigestAlgorithm::Sha256 => Some(&algorithms::ECDSA_P384_SHA256_ASN1),
        DigestAlgorithm::Sha384 => Some(&algorithms::ECDSA_P384_SHA384_ASN1),
        DigestAlgorithm::Sha512 => Some(&algorithms::ECDSA_P384_SHA512_ASN1),
    }
}

#[cfg(test)]
mod tests;
