//! A CMS signature checked over exact octets (RFC 5652 §5.6): the digest of the content against the
//! attributes, the **original** attribute octets against the signer's key. Whose key it is and whether
//! anybody trusts it are questions for [`super::chain`]. Takes octets from anywhere and never panics.

use std::io::Read;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{self as algorithms, ParsedPublicKey, VerificationAlgorithm};
use const_oid::ObjectIdentifier;

use super::certificate::{Certificate, PublicKey};
use super::der::{DerError, Element, Reader, tag};
use super::{ber, oid, time};
use crate::instant::Instant;
use crate::limits::{
    CMS_ATTRIBUTES_MAX, CMS_BYTES_MAX, CMS_CERTIFICATES_MAX, RSA_BITS_MIN, SIGNED_CHUNK_BYTES,
};

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

/// What a signature that holds tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerFacts {
    /// DER of the signer's certificate.
    pub certificate: Vec<u8>,
    /// DER of the other certificates in the CMS, in its order.
    pub certificates: Vec<Vec<u8>>,
    /// What the signer says about the time.
    pub signing_time: Option<Instant>,
    /// With which digest.
    pub digest: DigestAlgorithm,
}

/// Why a signature does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Not read any further.
    #[error("the signature has {0} octets, more than the {CMS_BYTES_MAX} that are read")]
    TooLarge(usize),
    /// The octets are no CMS signature.
    #[error("this is not a CMS signature: {0}")]
    NotCms(#[from] DerError),
    /// A CMS object of another type.
    #[error("the CMS object is of type {0}, not signed data")]
    OtherType(String),
    /// `multipart/signed` needs a detached signature.
    #[error("the signature holds its own content where it should be detached")]
    NotDetached,
    /// RFC 8551 §2.4.1: what mail signs is plain data.
    #[error("the signature is over content of type {0}, not over a message")]
    NotMail(String),
    /// The other way round.
    #[error("the signature is detached where it should hold its content")]
    NoContent,
    /// Nobody signed.
    #[error("the signature has no signer")]
    NoSigner,
    /// A certified message has one signer.
    #[error("the signature has several signers ({0})")]
    SeveralSigners(usize),
    /// Bounded on purpose.
    #[error("the signature holds more than {CMS_CERTIFICATES_MAX} certificates")]
    TooManyCertificates,
    /// Not SHA-1, SHA-256, SHA-384 or SHA-512.
    #[error("the digest algorithm {0} is not known")]
    UnknownDigest(String),
    /// Not RSA PKCS#1 v1.5 or ECDSA on P-256 or P-384.
    #[error("the signature algorithm {0} is not known")]
    UnknownAlgorithm(String),
    /// The certificate that the signer info names is not inside.
    #[error("the certificate of the signer is not inside the signature")]
    NoSignerCertificate,
    /// Too weak to prove anything.
    #[error("the signer's RSA key has {0} bits, fewer than {RSA_BITS_MIN}")]
    KeyTooShort(usize),
    /// An attribute that RFC 5652 demands.
    #[error("the signed attribute `{0}` lacks or is there twice")]
    Attribute(&'static str),
    /// The attribute names another type of content than the one that is signed.
    #[error("the signed attributes speak of another type of content")]
    OtherContentType,
    /// The content was altered.
    #[error(
        "the content differs from what was signed: its digest is {computed}, the signature says {stated}"
    )]
    DigestDiffers {
        /// Hexadecimal, from the signed attributes.
        stated: String,
        /// Hexadecimal, of the content at hand.
        computed: String,
    },
    /// The value does not fit attributes and key.
    #[error("the signature value is wrong for the signer's key")]
    ValueWrong,
    /// `signingCertificate` says another one.
    #[error("the signature was made for another certificate than the one inside")]
    OtherCertificate,
    /// The content could not be read.
    #[error("the signed content could not be read: {0}")]
    Content(String),
}

impl DigestAlgorithm {
    fn from_oid(content: &[u8]) -> Result<Self, VerifyError> {
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
            .ok_or_else(|| VerifyError::UnknownDigest(oid::dotted(content)))
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

    fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }
}

/// Checks a detached signature over `content`, which is the signed part exactly as it travelled.
pub fn verify_detached(cms_der: &[u8], content: &mut dyn Read) -> Result<SignerFacts, VerifyError> {
    let octets = definite(cms_der)?;
    let parts = SignedData::read(&octets)?;
    if parts.content.is_some() {
        return Err(VerifyError::NotDetached);
    }
    if !oid::is(parts.content_type, &oid::DATA) {
        return Err(VerifyError::NotMail(oid::dotted(parts.content_type)));
    }
    parts.check(content)
}

/// Checks a signature that holds its content (`.p7m`) and hands the content out.
pub fn verify_enclosed(cms_der: &[u8]) -> Result<(Vec<u8>, SignerFacts), VerifyError> {
    let octets = ber::definite(cms_der)?;
    let parts = SignedData::read(&octets)?;
    let mut content = parts.content.ok_or(VerifyError::NoContent)?;
    let whole = content.to_vec();
    Ok((whole, parts.check(&mut content)?))
}

fn definite(cms_der: &[u8]) -> Result<std::borrow::Cow<'_, [u8]>, VerifyError> {
    if cms_der.len() > CMS_BYTES_MAX {
        return Err(VerifyError::TooLarge(cms_der.len()));
    }
    Ok(ber::definite(cms_der)?)
}

/// The parts of SignedData that count.
struct SignedData<'a> {
    content_type: &'a [u8],
    content: Option<&'a [u8]>,
    certificates: Vec<&'a [u8]>,
    signer: SignerInfo<'a>,
}

struct SignerInfo<'a> {
    /// Issuer and serial (SEQUENCE) or subject key identifier (`[0]`).
    id: Element<'a>,
    digest: DigestAlgorithm,
    attributes: Option<Element<'a>>,
    algorithm: &'a [u8],
    value: &'a [u8],
}

impl<'a> SignedData<'a> {
    fn read(octets: &'a [u8]) -> Result<Self, VerifyError> {
        let mut outer = Reader::new(octets).expect(tag::SEQUENCE)?.reader();
        let kind = outer.expect(tag::OID)?.content;
        if !oid::is(kind, &oid::SIGNED_DATA) {
            return Err(VerifyError::OtherType(oid::dotted(kind)));
        }
        let mut explicit = outer.expect(tag::context(0))?.reader();
        let mut fields = explicit.expect(tag::SEQUENCE)?.reader();
        fields.expect(tag::INTEGER)?;
        fields.expect(tag::SET)?;
        let mut encapsulated = fields.expect(tag::SEQUENCE)?.reader();
        let content_type = encapsulated.expect(tag::OID)?.content;
        let content = match encapsulated.optional(tag::context(0))? {
            Some(explicit) => Some(explicit.reader().expect(tag::OCTET_STRING)?.content),
            None => None,
        };
        let certificates = match fields.optional(tag::context(0))? {
            Some(set) => read_certificates(set)?,
            None => Vec::new(),
        };
        fields.optional(tag::context(1))?;
        let signer = SignerInfo::read_one(fields.expect(tag::SET)?)?;
        Ok(Self {
            content_type,
            content,
            certificates,
            signer,
        })
    }

    fn check(&self, content: &mut dyn Read) -> Result<SignerFacts, VerifyError> {
        let signer = &self.signer;
        let certificate = self.signer_certificate()?;
        let key = verification_key(&certificate, signer.algorithm, signer.digest)?;
        let computed = digest_of(content, signer.digest)?;
        let signing_time = match signer.attributes {
            Some(attributes) => {
                let found = Attributes::read(attributes)?;
                found.check(self.content_type, &computed, &certificate)?;
                let signed = retagged(attributes);
                key.verify_sig(&signed, signer.value)
                    .map_err(|_| VerifyError::ValueWrong)?;
                found.signing_time
            }
            None => {
                key.verify_digest_sig(&computed, signer.value)
                    .map_err(|_| VerifyError::ValueWrong)?;
                None
            }
        };
        let others = self.certificates.iter();
        Ok(SignerFacts {
            certificate: certificate.raw.to_vec(),
            certificates: others
                .filter(|other| **other != certificate.raw)
                .map(|other| other.to_vec())
                .collect(),
            signing_time,
            digest: signer.digest,
        })
    }

    fn signer_certificate(&self) -> Result<Certificate<'a>, VerifyError> {
        self.certificates
            .iter()
            .filter_map(|octets| Certificate::read(octets).ok())
            .find(|certificate| self.signer.is_by(certificate))
            .ok_or(VerifyError::NoSignerCertificate)
    }
}

fn read_certificates(set: Element<'_>) -> Result<Vec<&[u8]>, VerifyError> {
    let mut reader = set.reader();
    let mut found = Vec::new();
    while !reader.is_empty() {
        if found.len() == CMS_CERTIFICATES_MAX {
            return Err(VerifyError::TooManyCertificates);
        }
        found.push(reader.any()?.raw);
    }
    Ok(found)
}

impl<'a> SignerInfo<'a> {
    fn read_one(set: Element<'a>) -> Result<Self, VerifyError> {
        let mut reader = set.reader();
        if reader.is_empty() {
            return Err(VerifyError::NoSigner);
        }
        let one = reader.expect(tag::SEQUENCE)?;
        let mut count = 1;
        while !reader.is_empty() {
            reader.any()?;
            count += 1;
        }
        if count > 1 {
            return Err(VerifyError::SeveralSigners(count));
        }
        Self::read(one)
    }

    fn read(sequence: Element<'a>) -> Result<Self, VerifyError> {
        let mut fields = sequence.reader();
        fields.expect(tag::INTEGER)?;
        let id = fields.any()?;
        let digest = fields.expect(tag::SEQUENCE)?.reader().expect(tag::OID)?;
        let attributes = fields.optional(tag::context(0))?;
        let algorithm = fields.expect(tag::SEQUENCE)?.reader().expect(tag::OID)?;
        Ok(Self {
            id,
            digest: DigestAlgorithm::from_oid(digest.content)?,
            attributes,
            algorithm: algorithm.content,
            value: fields.expect(tag::OCTET_STRING)?.content,
        })
    }

    fn is_by(&self, certificate: &Certificate<'_>) -> bool {
        if self.id.tag == tag::context_primitive(0) {
            return certificate.subject_key_identifier() == Some(self.id.content);
        }
        let mut fields = self.id.reader();
        let (Ok(issuer), Ok(serial)) = (fields.any(), fields.any()) else {
            return false;
        };
        issuer.raw == certificate.issuer && serial.raw == certificate.serial
    }
}

/// The octets that were signed: the attributes with the tag of a SET in place of `[0]`.
fn retagged(attributes: Element<'_>) -> Vec<u8> {
    let mut signed = attributes.raw.to_vec();
    if let Some(first) = signed.first_mut() {
        *first = tag::SET;
    }
    signed
}

/// Signed attributes that are looked at; the others are only signed.
struct Attributes<'a> {
    content_type: &'a [u8],
    message_digest: &'a [u8],
    signing_time: Option<Instant>,
    /// Digest and stated hash of the certificate.
    names_certificate: Option<(DigestAlgorithm, &'a [u8])>,
}

impl<'a> Attributes<'a> {
    fn read(set: Element<'a>) -> Result<Self, VerifyError> {
        let all = read_attributes(set)?;
        let content_type = one(&all, &oid::CONTENT_TYPE, "contentType")?;
        let message_digest = one(&all, &oid::MESSAGE_DIGEST, "messageDigest")?;
        let content_type = content_type.ok_or(VerifyError::Attribute("contentType"))?;
        let message_digest = message_digest.ok_or(VerifyError::Attribute("messageDigest"))?;
        let signing_time = one(&all, &oid::SIGNING_TIME, "signingTime")?;
        let v1 = one(&all, &oid::SIGNING_CERTIFICATE, "signingCertificate")?;
        let v2 = one(&all, &oid::SIGNING_CERTIFICATE_V2, "signingCertificateV2")?;
        Ok(Self {
            content_type: content_type.content,
            message_digest: message_digest.content,
            signing_time: signing_time.map(|value| time::read(&value)).transpose()?,
            names_certificate: match (v2, v1) {
                (Some(v2), _) => Some(named_by_v2(&v2)?),
                (None, Some(v1)) => Some(named_by_v1(&v1)?),
                (None, None) => None,
            },
        })
    }

    fn check(
        &self,
        content_type: &[u8],
        computed: &digest::Digest,
        certificate: &Certificate<'_>,
    ) -> Result<(), VerifyError> {
        if self.content_type != content_type {
            return Err(VerifyError::OtherContentType);
        }
        if self.message_digest != computed.as_ref() {
            let hex = |octets: &[u8]| data_encoding::HEXLOWER.encode(octets);
            return Err(VerifyError::DigestDiffers {
                stated: hex(self.message_digest),
                computed: hex(computed.as_ref()),
            });
        }
        if let Some((algorithm, stated)) = self.names_certificate {
            let hash = digest::digest(algorithm.algorithm(), certificate.raw);
            if hash.as_ref() != stated {
                return Err(VerifyError::OtherCertificate);
            }
        }
        Ok(())
    }
}

/// An attribute's identifier, its first value, and whether it has no other.
type Attribute<'a> = (&'a [u8], Element<'a>, bool);

fn read_attributes(set: Element<'_>) -> Result<Vec<Attribute<'_>>, VerifyError> {
    let mut reader = set.reader();
    let mut all = Vec::new();
    while !reader.is_empty() {
        if all.len() == CMS_ATTRIBUTES_MAX {
            return Err(DerError("more signed attributes than are read").into());
        }
        let mut fields = reader.expect(tag::SEQUENCE)?.reader();
        let id = fields.expect(tag::OID)?.content;
        let mut values = fields.expect(tag::SET)?.reader();
        if let Ok(value) = values.any() {
            all.push((id, value, values.is_empty()));
        }
    }
    Ok(all)
}

/// The value of an attribute; RFC 5652 §11 allows those we use once, with one value.
fn one<'a>(
    all: &[Attribute<'a>],
    id: &ObjectIdentifier,
    name: &'static str,
) -> Result<Option<Element<'a>>, VerifyError> {
    let mut found = all.iter().filter(|(found, ..)| oid::is(found, id));
    match (found.next(), found.next()) {
        (None, _) => Ok(None),
        (Some((_, value, true)), None) => Ok(Some(*value)),
        _ => Err(VerifyError::Attribute(name)),
    }
}

/// First ESSCertIDv2 of SigningCertificateV2 (RFC 5035 §3).
fn named_by_v2<'a>(value: &Element<'a>) -> Result<(DigestAlgorithm, &'a [u8]), VerifyError> {
    let mut id = first_certificate_id(value)?;
    let algorithm = match id.optional(tag::SEQUENCE)? {
        Some(algorithm) => DigestAlgorithm::from_oid(algorithm.reader().expect(tag::OID)?.content)?,
        None => DigestAlgorithm::Sha256,
    };
    Ok((algorithm, id.expect(tag::OCTET_STRING)?.content))
}

/// First ESSCertID of SigningCertificate (RFC 2634 §5.4), always SHA-1.
fn named_by_v1<'a>(value: &Element<'a>) -> Result<(DigestAlgorithm, &'a [u8]), VerifyError> {
    let hash = first_certificate_id(value)?.expect(tag::OCTET_STRING)?;
    Ok((DigestAlgorithm::Sha1, hash.content))
}

fn first_certificate_id<'a>(value: &Element<'a>) -> Result<Reader<'a>, DerError> {
    let mut certificates = value.reader().expect(tag::SEQUENCE)?.reader();
    Ok(certificates.expect(tag::SEQUENCE)?.reader())
}

fn digest_of(
    content: &mut dyn Read,
    algorithm: DigestAlgorithm,
) -> Result<digest::Digest, VerifyError> {
    let mut context = digest::Context::new(algorithm.algorithm());
    let mut chunk = vec![0; SIGNED_CHUNK_BYTES];
    loop {
        match content.read(&mut chunk) {
            Ok(0) => return Ok(context.finish()),
            Ok(read) => context.update(chunk.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(VerifyError::Content(error.to_string())),
        }
    }
}

/// The signer's key for the algorithm that the signature names.
fn verification_key(
    certificate: &Certificate<'_>,
    algorithm: &[u8],
    digest: DigestAlgorithm,
) -> Result<ParsedPublicKey, VerifyError> {
    let unknown = || VerifyError::UnknownAlgorithm(oid::dotted(algorithm));
    let (family, named) = family(algorithm).ok_or_else(unknown)?;
    if named.is_some_and(|named| named != digest) {
        return Err(unknown());
    }
    let public = certificate.public_key()?;
    if let Some(bits) = public.rsa_bits().filter(|bits| *bits < RSA_BITS_MIN) {
        return Err(VerifyError::KeyTooShort(bits));
    }
    let (scheme, octets): (&'static dyn VerificationAlgorithm, &[u8]) = match (family, public) {
        (Family::Rsa, PublicKey::Rsa { key, .. }) => (rsa_scheme(digest), key),
        (Family::Ecdsa, PublicKey::P256(point)) => match digest {
            DigestAlgorithm::Sha1 => (&algorithms::ECDSA_P256_SHA1_ASN1, point),
            DigestAlgorithm::Sha256 => (&algorithms::ECDSA_P256_SHA256_ASN1, point),
            DigestAlgorithm::Sha384 => (&algorithms::ECDSA_P256_SHA384_ASN1, point),
            DigestAlgorithm::Sha512 => (&algorithms::ECDSA_P256_SHA512_ASN1, point),
        },
        (Family::Ecdsa, PublicKey::P384(point)) => match digest {
            DigestAlgorithm::Sha1 => return Err(unknown()),
            DigestAlgorithm::Sha256 => (&algorithms::ECDSA_P384_SHA256_ASN1, point),
            DigestAlgorithm::Sha384 => (&algorithms::ECDSA_P384_SHA384_ASN1, point),
            DigestAlgorithm::Sha512 => (&algorithms::ECDSA_P384_SHA512_ASN1, point),
        },
        (_, PublicKey::Other(id)) => return Err(VerifyError::UnknownAlgorithm(oid::dotted(id))),
        _ => return Err(unknown()),
    };
    ParsedPublicKey::new(scheme, octets).map_err(|_| VerifyError::ValueWrong)
}

#[derive(Debug, Clone, Copy)]
enum Family {
    Rsa,
    Ecdsa,
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

fn rsa_scheme(digest: DigestAlgorithm) -> &'static algorithms::RsaParameters {
    match digest {
        DigestAlgorithm::Sha1 => &algorithms::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        DigestAlgorithm::Sha256 => &algorithms::RSA_PKCS1_2048_8192_SHA256,
        DigestAlgorithm::Sha384 => &algorithms::RSA_PKCS1_2048_8192_SHA384,
        DigestAlgorithm::Sha512 => &algorithms::RSA_PKCS1_2048_8192_SHA512,
    }
}
