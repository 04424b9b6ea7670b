//! A test authority and one provider's certificate (RFC 6109 §5.5), made anew in each run; no key is
//! kept anywhere.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use ceralacca_core::instant::Instant;
use ceralacca_core::ports::Signature;
use ceralacca_core::smime::der::{self, tag};
use ceralacca_core::smime::{SigningCertificate, cms, time};

/// An authority with one certificate issued.
pub struct Authority {
    key: KeyPair,
    /// What signatures name.
    pub certificate: Arc<SigningCertificate>,
    /// DER of the authority's own certificate.
    pub anchor: Vec<u8>,
}

/// The one that tests trust.
pub fn trusted() -> &'static Authority {
    static TRUSTED: OnceLock<Authority> = OnceLock::new();
    TRUSTED.get_or_init(|| Authority::new("Trusted", super::house::SERVICE))
}

impl Authority {
    /// An authority called `name` whose one leaf names `address`.
    pub fn new(name: &str, address: &str) -> Self {
        let root = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let issuer = distinguished(name);
        let ca_extensions = [extension(
            &[0x55, 0x1d, 0x13],
            true,
            &der::sequence(&[&der::element(tag::BOOLEAN, &[0xff])]),
        )];
        let anchor = certificate(&root, &issuer, &issuer, &root, &ca_extensions);
        let subject = distinguished("Prova PEC S.p.A.");
        let leaf = certificate(&root, &issuer, &subject, &key, &leaf_extensions(address));
        Self {
            key,
            certificate: Arc::new(SigningCertificate {
                certificate: leaf,
                chain: vec![anchor.clone()],
            }),
            anchor,
        }
    }

    /// DER of a detached signature.
    pub fn sign(&self, digest: &[u8; 32], at: Instant) -> Vec<u8> {
        self.sign_altered(digest, at, |attributes| attributes)
    }

    /// DER of a signature that holds its content.
    pub fn enclose(&self, content: &[u8], at: Instant) -> Vec<u8> {
        let mut digest = [0; 32];
        digest.copy_from_slice(digest::digest(&digest::SHA256, content).as_ref());
        let certificate = &self.certificate.certificate;
        let attributes = cms::signed_attributes(certificate, &digest, at).unwrap();
        let signature = Signature {
            value: signed(&self.key, &attributes),
            signed_attributes: attributes,
            by: Arc::clone(&self.certificate),
        };
        cms::signed_data_enclosing(&signature, content).unwrap()
    }

    /// The same with other attributes, which are signed as they are.
    pub fn sign_altered(
        &self,
        digest: &[u8; 32],
        at: Instant,
        alter: impl Fn(Vec<u8>) -> Vec<u8>,
    ) -> Vec<u8> {
        let attributes = cms::signed_attributes(&self.certificate.certificate, digest, at).unwrap();
        let attributes = alter(attributes);
        let value = signed(&self.key, &attributes);
        cms::signed_data(&Signature {
            signed_attributes: attributes,
            value,
            by: Arc::clone(&self.certificate),
        })
        .unwrap()
    }
}

fn signed(key: &KeyPair, octets: &[u8]) -> Vec<u8> {
    let mut value = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), octets, &mut value)
        .unwrap();
    value
}

fn certificate(
    root: &KeyPair,
    issuer: &[u8],
    subject: &[u8],
    key: &KeyPair,
    extensions: &[Vec<u8>],
) -> Vec<u8> {
    use aws_lc_rs::signature::KeyPair as _;
    let algorithm = der::sequence(&[
        &der::element(tag::OID, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11]),
        &der::element(tag::NULL, &[]),
    ]);
    let validity = der::sequence(&[
        &time::write(super::house::at("2020-01-01T00:00:00Z")),
        &time::write(super::house::at("2040-01-01T00:00:00Z")),
    ]);
    let info = AsDer::as_der(key.public_key()).unwrap();
    let extensions: Vec<&[u8]> = extensions.iter().map(Vec::as_slice).collect();
    let body = der::sequence(&[
        &der::element(tag::context(0), &der::unsigned(&[2])),
        &der::unsigned(&[subject.len() as u8]),
        &algorithm,
        issuer,
        &validity,
        subject,
        info.as_ref(),
        &der::element(tag::context(3), &der::sequence(&extensions)),
    ]);
    let value = signed(root, &body);
    der::sequence(&[&body, &algorithm, &der::bits(&value)])
}

fn distinguished(organisation: &str) -> Vec<u8> {
    let attribute = der::sequence(&[
        &der::element(tag::OID, &[0x55, 0x04, 0x0a]),
        &der::element(tag::UTF8_STRING, organisation.as_bytes()),
    ]);
    der::sequence(&[&der::element(tag::SET, &attribute)])
}

fn leaf_extensions(address: &str) -> Vec<Vec<u8>> {
    let names = der::sequence(&[&der::element(tag::context_primitive(1), address.as_bytes())]);
    let issuer_key = der::sequence(&[&der::element(tag::context_primitive(0), &[7; 20])]);
    let email_protection = der::element(tag::OID, &[0x2b, 6, 1, 5, 5, 7, 3, 4]);
    vec![
        // digitalSignature
        extension(
            &[0x55, 0x1d, 0x0f],
            true,
            &der::element(tag::BIT_STRING, &[7, 0x80]),
        ),
        extension(
            &[0x55, 0x1d, 0x0e],
            false,
            &der::element(tag::OCTET_STRING, &[9; 20]),
        ),
        extension(&[0x55, 0x1d, 0x23], false, &issuer_key),
        extension(&[0x55, 0x1d, 0x11], false, &names),
        extension(
            &[0x55, 0x1d, 0x25],
            false,
            &der::sequence(&[&email_protection]),
        ),
    ]
}

fn extension(id: &[u8], is_critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = der::element(tag::BOOLEAN, &[0xff]);
    der::sequence(&[
        &der::element(tag::OID, id),
        if is_critical { &critical } else { &[] },
        &der::element(tag::OCTET_STRING, value),
    ])
}

#[test]
fn the_test_certificate_follows_the_profile() {
    let leaf = &trusted().certificate.certificate;
    let service = Some(super::house::SERVICE);
    let name = Some("Prova PEC S.p.A.");
    let result = ceralacca_core::smime::profile::check(leaf, name, service);
    assert!(result.is_ok(), "{result:?}");
}
