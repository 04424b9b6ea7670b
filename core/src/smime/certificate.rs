//! An X.509 certificate read where it lies: the fields that signatures, chains and the profile of
//! RFC 6109 §5.5 need, each as its original octets. Nothing is judged here.

use aws_lc_rs::digest;

use super::der::{self, DerError, Element, Reader, tag};
use super::{oid, time};
use crate::instant::Instant;
use crate::limits::{CERTIFICATE_BYTES_MAX, CERTIFICATE_EXTENSIONS_MAX};

/// The parts of a certificate.
#[derive(Debug, Clone)]
pub struct Certificate<'a> {
    /// All of it.
    pub raw: &'a [u8],
    /// What its issuer signed.
    pub signed: &'a [u8],
    /// 1 to 3.
    pub version: u8,
    /// INTEGER element.
    pub serial: &'a [u8],
    /// Name element.
    pub issuer: &'a [u8],
    /// Name element.
    pub subject: &'a [u8],
    /// Start of validity.
    pub not_before: Instant,
    /// End of validity.
    pub not_after: Instant,
    /// SubjectPublicKeyInfo element.
    pub public_key_info: &'a [u8],
    /// In the order of the certificate.
    pub extensions: Vec<Extension<'a>>,
    /// AlgorithmIdentifier element of the issuer's signature.
    pub signature_algorithm: Element<'a>,
    /// The same as the signed part states it; RFC 5280 §4.1.1.2 demands that both agree.
    pub signed_algorithm: Element<'a>,
    /// The issuer's signature.
    pub signature: &'a [u8],
}

/// One extension.
#[derive(Debug, Clone, Copy)]
pub struct Extension<'a> {
    /// Object identifier content.
    pub id: &'a [u8],
    /// A reader that does not know it must refuse.
    pub is_critical: bool,
    /// What the OCTET STRING holds.
    pub value: &'a [u8],
}

/// A public key that we can check signatures with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicKey<'a> {
    /// `RSAPublicKey` element and the size of its modulus.
    Rsa {
        /// DER of PKCS#1 `RSAPublicKey`.
        key: &'a [u8],
        /// The modulus without leading zeros.
        modulus: &'a [u8],
    },
    /// A point on P-256.
    P256(&'a [u8]),
    /// A point on P-384.
    P384(&'a [u8]),
    /// Object identifier content of some other algorithm.
    Other(&'a [u8]),
}

impl<'a> PublicKey<'a> {
    /// Reads a SubjectPublicKeyInfo element.
    pub fn read(public_key_info: &'a [u8]) -> Result<Self, DerError> {
        let mut info = Reader::new(public_key_info).expect(tag::SEQUENCE)?.reader();
        let mut algorithm = info.expect(tag::SEQUENCE)?.reader();
        let id = algorithm.expect(tag::OID)?.content;
        let key = der::bit_string(&info.expect(tag::BIT_STRING)?)?;
        if oid::is(id, &oid::RSA) {
            let mut parts = Reader::new(key).expect(tag::SEQUENCE)?.reader();
            let modulus = without_zeros(parts.expect(tag::INTEGER)?.content);
            return Ok(Self::Rsa { key, modulus });
        }
        if oid::is(id, &oid::EC_PUBLIC_KEY) {
            let curve = algorithm.expect(tag::OID)?.content;
            if oid::is(curve, &oid::P256) {
                return Ok(Self::P256(key));
            }
            if oid::is(curve, &oid::P384) {
                return Ok(Self::P384(key));
            }
        }
        Ok(Self::Other(id))
    }

    /// Size of an RSA modulus; `None` for other keys.
    pub fn rsa_bits(&self) -> Option<usize> {
        let Self::Rsa { modulus, .. } = self else {
            return None;
        };
        let high_zeros = modulus.first().map_or(0, |octet| octet.leading_zeros());
        Some(modulus.len() * 8 - usize::try_from(high_zeros).unwrap_or(0))
    }
}

fn without_zeros(octets: &[u8]) -> &[u8] {
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    octets.get(zeros..).unwrap_or_default()
}

impl<'a> Certificate<'a> {
    /// Reads one certificate with nothing after it.
    pub fn read(octets: &'a [u8]) -> Result<Self, DerError> {
        if octets.len() > CERTIFICATE_BYTES_MAX {
            return Err(DerError("a certificate is too large"));
        }
        let mut reader = Reader::new(octets);
        let whole = reader.expect(tag::SEQUENCE)?;
        reader.end()?;
        let mut parts = whole.reader();
        let signed = parts.expect(tag::SEQUENCE)?;
        let signature_algorithm = parts.expect(tag::SEQUENCE)?;
        let signature = der::bit_string(&parts.expect(tag::BIT_STRING)?)?;
        parts.end()?;
        Self::read_signed(whole.raw, signed, signature_algorithm, signature)
    }

    fn read_signed(
        raw: &'a [u8],
        signed: Element<'a>,
        signature_algorithm: Element<'a>,
        signature: &'a [u8],
    ) -> Result<Self, DerError> {
        let mut fields = signed.reader();
        let version = match fields.optional(tag::context(0))? {
            Some(explicit) => match explicit.reader().expect(tag::INTEGER)?.content {
                [number @ 0..=2] => number + 1,
                _ => return Err(DerError("an unknown version of certificate")),
            },
            None => 1,
        };
        let serial = fields.expect(tag::INTEGER)?.raw;
        let signed_algorithm = fields.expect(tag::SEQUENCE)?;
        let issuer = fields.expect(tag::SEQUENCE)?.raw;
        let mut validity = fields.expect(tag::SEQUENCE)?.reader();
        let not_before = time::read(&validity.any()?)?;
        let not_after = time::read(&validity.any()?)?;
        let subject = fields.expect(tag::SEQUENCE)?.raw;
        let public_key_info = fields.expect(tag::SEQUENCE)?.raw;
        fields.optional(tag::context_primitive(1))?;
        fields.optional(tag::context_primitive(2))?;
        let extensions = match fields.optional(tag::context(3))? {
            Some(explicit) => read_extensions(explicit.reader().expect(tag::SEQUENCE)?)?,
            None => Vec::new(),
        };
        fields.end()?;
        Ok(Self {
            raw,
            signed: signed.raw,
            version,
            serial,
            issuer,
            subject,
            not_before,
            not_after,
            public_key_info,
            extensions,
            signature_algorithm,
            signed_algorithm,
            signature,
        })
    }

    /// The key that the certificate vouches for.
    pub fn public_key(&self) -> Result<PublicKey<'a>, DerError> {
        PublicKey::read(self.public_key_info)
    }

    /// The first extension with this identifier.
    pub fn extension(&self, id: &const_oid::ObjectIdentifier) -> Option<&Extension<'a>> {
        self.extensions.iter().find(|found| oid::is(found.id, id))
    }

    /// The subject key identifier, when it has one that is readable.
    pub fn subject_key_identifier(&self) -> Option<&'a [u8]> {
        let value = self.extension(&oid::SUBJECT_KEY_IDENTIFIER)?.value;
        let identifier = Reader::new(value).expect(tag::OCTET_STRING).ok()?;
        Some(identifier.content)
    }

    /// `rfc822Name`s of the subject's alternative names.
    pub fn mail_addresses(&self) -> Vec<String> {
        const RFC822_NAME: u8 = tag::context_primitive(1);
        let Some(extension) = self.extension(&oid::SUBJECT_ALT_NAME) else {
            return Vec::new();
        };
        let Ok(names) = Reader::new(extension.value).expect(tag::SEQUENCE) else {
            return Vec::new();
        };
        elements(names.reader())
            .filter(|name| name.tag == RFC822_NAME)
            .map(|name| String::from_utf8_lossy(name.content).into_owned())
            .collect()
    }

    /// Values of one attribute of the subject, as text.
    pub fn subject_attributes(&self, id: &const_oid::ObjectIdentifier) -> Vec<String> {
        name_attributes(self.subject)
            .filter(|(found, _)| oid::is(found, id))
            .map(|(_, value)| text(&value))
            .collect()
    }

    /// The subject in words for people: its common name, else its organization.
    pub fn subject_words(&self) -> String {
        name_words(self.subject)
    }

    /// Issuer and subject keys agree, as far as they are named: a hint, never a proof.
    pub fn names_key_of(&self, issuer: &Certificate<'_>) -> bool {
        let stated = self
            .extension(&oid::AUTHORITY_KEY_IDENTIFIER)
            .and_then(|extension| {
                let mut fields = Reader::new(extension.value)
                    .expect(tag::SEQUENCE)
                    .ok()?
                    .reader();
                fields.optional(tag::context_primitive(0)).ok()?
            });
        stated.is_some_and(|stated| issuer.subject_key_identifier() == Some(stated.content))
    }

    /// SHA-1 of the certificate in hexadecimal, the form of the provider index (RFC 6109 §4.5).
    pub fn sha1_hex(&self) -> String {
        let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, self.raw);
        data_encoding::HEXUPPER.encode(hash.as_ref())
    }
}

/// The elements of an Extensions sequence, of a certificate or of a list.
pub(super) fn read_extensions(sequence: Element<'_>) -> Result<Vec<Extension<'_>>, DerError> {
    let mut reader = sequence.reader();
    let mut extensions = Vec::new();
    while !reader.is_empty() {
        if extensions.len() == CERTIFICATE_EXTENSIONS_MAX {
            return Err(DerError("there are too many extensions"));
        }
        let mut fields = reader.expect(tag::SEQUENCE)?.reader();
        let id = fields.expect(tag::OID)?.content;
        let critical = fields.optional(tag::BOOLEAN)?;
        extensions.push(Extension {
            id,
            is_critical: critical.is_some_and(|flag| der::boolean(&flag)),
            value: fields.expect(tag::OCTET_STRING)?.content,
        });
    }
    Ok(extensions)
}

/// Elements up to the first that is not readable.
pub(super) fn elements(mut reader: Reader<'_>) -> impl Iterator<Item = Element<'_>> {
    std::iter::from_fn(move || reader.any().ok())
}

/// Identifier and value of each attribute of a Name element.
pub(super) fn name_attributes<'a>(name: &'a [u8]) -> impl Iterator<Item = (&'a [u8], Element<'a>)> {
    elements(Reader::new(name))
        .flat_map(|sequence| elements(sequence.reader()))
        .flat_map(|set| elements(set.reader()))
        .filter_map(|pair| {
            let mut fields = pair.reader();
            Some((fields.expect(tag::OID).ok()?.content, fields.any().ok()?))
        })
}

/// A Name element in words for people: its common name, else its organization.
pub fn name_words(name: &[u8]) -> String {
    let first = |id: &const_oid::ObjectIdentifier| {
        let mut found = name_attributes(name).filter(|(found, _)| oid::is(found, id));
        found.next().map(|(_, value)| text(&value))
    };
    first(&oid::COMMON_NAME)
        .or_else(|| first(&oid::ORGANIZATION))
        .unwrap_or_else(|| "a subject without a name".to_owned())
}

fn text(value: &Element<'_>) -> String {
    match value.tag {
        tag::BMP_STRING => {
            let units = value.content.chunks_exact(2);
            let units = units.map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            String::from_utf16_lossy(&units.collect::<Vec<_>>())
        }
        tag::T61_STRING => value
            .content
            .iter()
            .map(|octet| char::from(*octet))
            .collect(),
        _ => String::from_utf8_lossy(value.content).into_owned(),
    }
}

/// Certificates of a PEM text, or the one of a DER file.
pub fn read_file(octets: &[u8]) -> Result<Vec<Vec<u8>>, DerError> {
    if octets.first() == Some(&tag::SEQUENCE) {
        Certificate::read(octets)?;
        return Ok(vec![octets.to_vec()]);
    }
    let text = std::str::from_utf8(octets)
        .map_err(|_| DerError("the file is neither PEM nor a certificate in DER"))?;
    let found = pem_blocks(text, "CERTIFICATE")?;
    for der in &found {
        Certificate::read(der)?;
    }
    if found.is_empty() {
        return Err(DerError("the file holds no certificate"));
    }
    Ok(found)
}

/// What the blocks of a PEM text with this label hold.
pub(super) fn pem_blocks(text: &str, label: &str) -> Result<Vec<Vec<u8>>, DerError> {
    let begin = format!("-----BEGIN {label}-----");
    let end = format!("-----END {label}-----");
    let mut found = Vec::new();
    for block in text.split(&begin).skip(1) {
        let (body, _) = block
            .split_once(&end)
            .ok_or(DerError("a PEM block has no end"))?;
        let body: String = body.split_whitespace().collect();
        let der = data_encoding::BASE64
            .decode(body.as_bytes())
            .map_err(|_| DerError("a PEM block is not base64"))?;
        found.push(der);
    }
    Ok(found)
}

/// PEM with lines of 64.
pub fn pem(label: &str, der: &[u8]) -> String {
    let encoded = data_encoding::BASE64.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in encoded.as_bytes().chunks(64) {
        out.push_str(&String::from_utf8_lossy(line));
        out.push('\n');
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}
