//! A CMS signature checked over exact octets (RFC 5652 §5.6): the digest of the content against the
//! attributes, the **original** attribute octets against the signer's key. Whose key it is and whether
//! anybody trusts it are questions for [`super::chain`]. Takes octets from anywhere and never panics.

use std::io::Read;

use aws_lc_rs::digest;
use const_oid::ObjectIdentifier;

use super::certificate::Certificate;
use super::der::{DerError, Element, Reader, tag};
pub use super::signature::DigestAlgorithm;
use super::signature::{Scheme, SignatureError};
use super::{ber, oid, time};
use crate::instant::Instant;
use crate::limits::{
    CMS_ATTRIBUTES_MAX, CMS_BYTES_MAX, CMS_CERTIFICATES_MAX, RSA_BITS_MIN, SIGNED_CHUNK_BYTES,
};

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
    /// Not RSA PKCS#1 v1.5, RSA-PSS or ECDSA on P-256 or P-384.
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

impl From<SignatureError> for VerifyError {
    fn from(error: SignatureError) -> Self {
        match error {
            SignatureError::UnknownAlgorithm(id) => Self::UnknownAlgorithm(id),
            SignatureError::UnknownDigest(id) => Self::UnknownDigest(id),
            SignatureError::KeyTooShort(bits) => Self::KeyTooShort(bits),
            SignatureError::Unreadable(error) => Self::NotCms(error),
            SignatureError::Wrong => Self::ValueWrong,
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
    algorithm: Element<'a>,
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
        let scheme = Scheme::read(&signer.algorithm, Some(signer.digest))?;
        let key = scheme.key(certificate.public_key()?)?;
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
        let algorithm = fields.expect(tag::SEQUENCE)?;
        Ok(Self {
            id,
            digest: DigestAlgorithm::from_oid(digest.content)?,
            attributes,
            algorithm,
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
