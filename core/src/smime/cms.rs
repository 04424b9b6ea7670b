//! A detached CMS signature (RFC 5652, RFC 5035) assembled by hand in two pure steps around the key:
//! the attributes to sign, then the whole around the value. So the key sees one digest, and a batch is
//! drafted before any token is asked (SG-01, SG-03, SG-04).

use std::sync::Arc;

use aws_lc_rs::digest;

use super::certificate::{Certificate, PublicKey};
use super::der::{self, DerError, tag};
use super::{SigningCertificate, oid, time};
use crate::instant::Instant;
use crate::ports::Signature;
use crate::rope::{BASE64_LINE_OCTETS, push_base64};

/// A signature cannot be drafted or assembled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SmimeError {
    /// The provider's own certificate is not readable.
    #[error("the signing certificate is not readable: {0}")]
    Certificate(#[from] DerError),
}

/// DER of the attributes to sign, as a SET OF (tag 0x31): content type, message digest, signing time
/// and the certificate that the signature names (ESS signingCertificateV2).
pub fn signed_attributes(
    certificate_der: &[u8],
    content_digest: &[u8; 32],
    instant: Instant,
) -> Result<Vec<u8>, SmimeError> {
    let hash = digest::digest(&digest::SHA256, certificate_der);
    let hash = der::element(tag::OCTET_STRING, hash.as_ref());
    // ESSCertIDv2 with its default hash, SHA-256, which DER leaves out.
    let named = der::sequence(&[&der::sequence(&[&der::sequence(&[&hash])])]);
    let digest = der::element(tag::OCTET_STRING, content_digest);
    let attributes = [
        attribute(&oid::CONTENT_TYPE, &der::oid(&oid::DATA)),
        attribute(&oid::MESSAGE_DIGEST, &digest),
        attribute(&oid::SIGNING_TIME, &time::write(instant)),
        attribute(&oid::SIGNING_CERTIFICATE_V2, &named),
    ];
    let attributes: Vec<&[u8]> = attributes.iter().map(Vec::as_slice).collect();
    Ok(der::set_of(tag::SET, &attributes))
}

/// [`signed_attributes`] of one certificate, made once: they differ in digest and time alone, which are written
/// over those of the first.
#[derive(Debug, Clone)]
pub struct AttributesTemplate {
    certificate: Vec<u8>,
    octets: Vec<u8>,
    digest_at: usize,
    time_at: usize,
    /// Octets of the time with its tag and length; other years need more.
    time_length: usize,
}

impl AttributesTemplate {
    /// For the signatures that name this certificate.
    pub fn of(certificate_der: &[u8]) -> Result<Self, SmimeError> {
        let (digest, instant) = ([0xa5; 32], Instant::from_millis(0));
        let time = time::write(instant);
        let octets = signed_attributes(certificate_der, &digest, instant)?;
        let place = |wanted: &[u8]| {
            let found = octets.windows(wanted.len()).position(|some| some == wanted);
            found.ok_or(DerError("attributes of another form"))
        };
        Ok(Self {
            certificate: certificate_der.to_vec(),
            digest_at: place(&digest)?,
            time_at: place(&time)?,
            time_length: time.len(),
            octets,
        })
    }

    /// The attributes over a content of this digest, signed at `instant`.
    pub fn fill(&self, content_digest: &[u8; 32], instant: Instant) -> Result<Vec<u8>, SmimeError> {
        let time = time::write(instant);
        let mut octets = self.octets.clone();
        let time_at = self.time_at..self.time_at + self.time_length;
        match octets.get_mut(time_at) {
            Some(place) if time.len() == self.time_length => place.copy_from_slice(&time),
            _ => return signed_attributes(&self.certificate, content_digest, instant),
        }
        if let Some(place) = octets.get_mut(self.digest_at..self.digest_at + content_digest.len()) {
            place.copy_from_slice(content_digest);
        }
        Ok(octets)
    }
}

fn attribute(id: &const_oid::ObjectIdentifier, value: &[u8]) -> Vec<u8> {
    der::sequence(&[&der::oid(id), &der::element(tag::SET, value)])
}

/// DER of the detached `smime.p7s`: the signer's certificate and its chain are inside (SG-03).
pub fn signed_data(signature: &Signature) -> Result<Vec<u8>, SmimeError> {
    content_info(signature, None)
}

/// The octets of `smime.p7s` that are the same in all signatures of one certificate: all but the signed
/// attributes and the value, whose lengths do not change either while the attributes' do not. So a
/// signature is written by copying; the base64 of what comes before the attributes is made once.
#[derive(Debug)]
pub struct Template {
    by: Arc<SigningCertificate>,
    /// Octets of the signed attributes and of the value.
    lengths: (usize, usize),
    /// Base64 of the octets before the attributes, as far as whole lines go: the same in all messages, so
    /// that ropes may name one blob of it instead of holding it each.
    lines: Vec<u8>,
    /// What did not fill a line.
    rest: Vec<u8>,
    /// Between attributes and value.
    between: Vec<u8>,
}

impl Template {
    /// It writes this signature: same certificate, same lengths.
    pub fn fits(&self, signature: &Signature) -> bool {
        let lengths = (signature.signed_attributes.len(), signature.value.len());
        Arc::ptr_eq(&self.by, &signature.by) && self.lengths == lengths
    }

    /// Made from a first signature.
    pub fn of(signature: &Signature) -> Result<Self, SmimeError> {
        let whole = signed_data(signature)?;
        let attributes = der::Reader::new(&signature.signed_attributes).expect(tag::SET)?;
        let unexpected = || SmimeError::Certificate(DerError("a signature of another form"));
        // The attributes and the value stand last: nothing after the value, one algorithm between.
        let value_at = whole.len().checked_sub(signature.value.len());
        let value_at = value_at.filter(|at| whole[*at..] == signature.value);
        let value_at = value_at.ok_or_else(unexpected)?;
        let found = memchr::memmem::rfind(&whole[..value_at], attributes.content);
        let start = found.ok_or_else(unexpected)?;
        let (before, after) = whole[..value_at].split_at(start);
        let full = before.len() - before.len() % BASE64_LINE_OCTETS;
        let mut lines = Vec::new();
        if full > 0 {
            push_base64(&before[..full], &mut lines);
            lines.extend_from_slice(b"\r\n");
        }
        Ok(Self {
            by: Arc::clone(&signature.by),
            lengths: (signature.signed_attributes.len(), signature.value.len()),
            lines,
            rest: before[full..].to_vec(),
            between: after[attributes.content.len()..].to_vec(),
        })
    }

    /// The base64 of [`signed_data`] is this, then [`Self::rest_of`]: whole lines with their ends, the same
    /// for every signature of this form.
    pub fn constant(&self) -> &[u8] {
        &self.lines
    }

    /// What follows [`Self::constant`], in lines of 76 without an end of the last.
    pub fn rest_of(&self, signature: &Signature) -> Result<Vec<u8>, SmimeError> {
        let attributes = der::Reader::new(&signature.signed_attributes).expect(tag::SET)?;
        let parts = [
            &self.rest,
            attributes.content,
            &self.between,
            &signature.value,
        ];
        let mut text = Vec::with_capacity(2048);
        push_base64(&parts.concat(), &mut text);
        Ok(text)
    }
}

/// DER of a `.p7m` that holds its `content`, the form of the provider index (RFC 6109 §4.5). The
/// request that was signed had the SHA-256 of `content`.
pub fn signed_data_enclosing(signature: &Signature, content: &[u8]) -> Result<Vec<u8>, SmimeError> {
    content_info(signature, Some(content))
}

fn content_info(signature: &Signature, content: Option<&[u8]>) -> Result<Vec<u8>, SmimeError> {
    let sha256 = der::sequence(&[&der::oid(&oid::SHA256)]);
    let enclosed = content.map_or_else(Vec::new, |content| {
        der::element(tag::context(0), &der::element(tag::OCTET_STRING, content))
    });
    let chain = signature.by.chain.iter().map(Vec::as_slice);
    let certificates: Vec<&[u8]> = std::iter::once(signature.by.certificate.as_slice())
        .chain(chain)
        .collect();
    let signed_data = der::sequence(&[
        &der::unsigned(&[1]),
        &der::element(tag::SET, &sha256),
        &der::sequence(&[&der::oid(&oid::DATA), &enclosed]),
        &der::set_of(tag::context(0), &certificates),
        &der::element(tag::SET, &signer_info(signature, &sha256)?),
    ]);
    Ok(der::sequence(&[
        &der::oid(&oid::SIGNED_DATA),
        &der::element(tag::context(0), &signed_data),
    ]))
}

fn signer_info(signature: &Signature, sha256: &[u8]) -> Result<Vec<u8>, SmimeError> {
    let certificate = Certificate::read(&signature.by.certificate)?;
    let attributes = der::Reader::new(&signature.signed_attributes).expect(tag::SET)?;
    let algorithm = match certificate.public_key()? {
        // RFC 5754 §3.3: no parameters.
        PublicKey::P256(_) => der::sequence(&[&der::oid(&oid::ECDSA_WITH_SHA256)]),
        _ => der::sequence(&[&der::oid(&oid::RSA), &[tag::NULL, 0]]),
    };
    Ok(der::sequence(&[
        &der::unsigned(&[1]),
        &der::sequence(&[certificate.issuer, certificate.serial]),
        sha256,
        &der::element(tag::context(0), attributes.content),
        &algorithm,
        &der::element(tag::OCTET_STRING, &signature.value),
    ]))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_template_writes_the_attributes_that_are_built_anew() {
        let seconds = [
            0,
            1,
            951_782_400,
            1_795_321_140,
            2_524_607_999,
            2_524_608_000,
            4_000_000_000,
        ];
        for certificate in [&b"one"[..], &[7; 900]] {
            let template = AttributesTemplate::of(certificate).unwrap();
            for (n, second) in (0..).zip(seconds) {
                let at = Instant::from_millis(second * 1000 + 999);
                let digest = [n; 32];
                let anew = signed_attributes(certificate, &digest, at).unwrap();
                assert_eq!(template.fill(&digest, at).unwrap(), anew, "{second}");
            }
        }
    }
}
