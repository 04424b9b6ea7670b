//! Certificates and revocation lists with keys on P-256, which are quick to make; none is kept.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use ceralacca_core::instant::Instant;
use ceralacca_core::smime::der::{self, tag};
use ceralacca_core::smime::{oid, time};
use const_oid::ObjectIdentifier;

pub const NOW: &str = "2026-06-01T12:00:00Z";

pub fn at(text: &str) -> Instant {
    let stamp: jiff::Timestamp = text.parse().unwrap();
    Instant::from_millis(stamp.as_millisecond())
}

pub fn now() -> Instant {
    at(NOW)
}

pub struct Key {
    pair: EcdsaKeyPair,
    pub info: Vec<u8>,
}

impl Key {
    pub fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let info: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        let info = info.as_ref().to_vec();
        Self { pair, info }
    }

    fn sign(&self, octets: &[u8]) -> Vec<u8> {
        let value = self.pair.sign(&SystemRandom::new(), octets).unwrap();
        value.as_ref().to_vec()
    }

    /// The three parts of a certificate or of a list.
    fn signed(&self, body: &[u8]) -> Vec<u8> {
        der::sequence(&[body, &algorithm(), &der::bits(&self.sign(body))])
    }
}

fn algorithm() -> Vec<u8> {
    der::sequence(&[&der::oid(&oid::ECDSA_WITH_SHA256)])
}

pub fn joined(parts: &[Vec<u8>]) -> Vec<u8> {
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    der::sequence(&parts)
}

pub fn name(attributes: &[(ObjectIdentifier, &str)]) -> Vec<u8> {
    let sets: Vec<Vec<u8>> = attributes
        .iter()
        .map(|(id, value)| {
            let value = der::element(tag::UTF8_STRING, value.as_bytes());
            der::element(tag::SET, &der::sequence(&[&der::oid(id), &value]))
        })
        .collect();
    joined(&sets)
}

pub fn called(organization: &str) -> Vec<u8> {
    name(&[(oid::COUNTRY, "IT"), (oid::ORGANIZATION, organization)])
}

pub fn extension(id: &ObjectIdentifier, is_critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = der::element(tag::BOOLEAN, &[0xff]);
    let critical: &[u8] = if is_critical { &critical } else { &[] };
    der::sequence(&[
        &der::oid(id),
        critical,
        &der::element(tag::OCTET_STRING, value),
    ])
}

/// basicConstraints of an authority.
pub fn authority(path_length: Option<u8>) -> Vec<u8> {
    let length = path_length.map(|length| der::unsigned(&[length]));
    let flag = der::element(tag::BOOLEAN, &[0xff]);
    let value = der::sequence(&[&flag, &length.unwrap_or_default()]);
    extension(&oid::BASIC_CONSTRAINTS, true, &value)
}

pub fn key_usage(bits: u8) -> Vec<u8> {
    extension(
        &oid::KEY_USAGE,
        true,
        &der::element(tag::BIT_STRING, &[0, bits]),
    )
}

pub fn purposes(ids: &[ObjectIdentifier]) -> Vec<u8> {
    let ids: Vec<Vec<u8>> = ids.iter().map(der::oid).collect();
    extension(&oid::EXTENDED_KEY_USAGE, false, &joined(&ids))
}

/// GeneralName of a text kind: 1 mail, 2 host, 6 URI.
pub fn general(kind: u8, text: &str) -> Vec<u8> {
    der::element(tag::context_primitive(kind), text.as_bytes())
}

pub fn directory(name: &[u8]) -> Vec<u8> {
    der::element(tag::context(4), name)
}

pub fn alternative(names: &[Vec<u8>]) -> Vec<u8> {
    extension(&oid::SUBJECT_ALT_NAME, false, &joined(names))
}

pub fn constraints(permitted: &[Vec<u8>], excluded: &[Vec<u8>]) -> Vec<u8> {
    let subtrees = |number: u8, names: &[Vec<u8>]| {
        let subtrees: Vec<Vec<u8>> = names.iter().map(|name| der::sequence(&[name])).collect();
        let subtrees: Vec<&[u8]> = subtrees.iter().map(Vec::as_slice).collect();
        if names.is_empty() {
            Vec::new()
        } else {
            der::concat(tag::context(number), &subtrees)
        }
    };
    let value = der::sequence(&[&subtrees(0, permitted), &subtrees(1, excluded)]);
    extension(&oid::NAME_CONSTRAINTS, true, &value)
}

pub fn points(urls: &[&str]) -> Vec<u8> {
    let points: Vec<Vec<u8>> = urls
        .iter()
        .map(|url| {
            let full = der::element(tag::context(0), &general(6, url));
            der::sequence(&[&der::element(tag::context(0), &full)])
        })
        .collect();
    extension(&oid::CRL_DISTRIBUTION_POINTS, false, &joined(&points))
}

/// What a certificate says, besides its issuer.
pub struct Draft<'a> {
    pub subject: Vec<u8>,
    pub info: &'a [u8],
    pub serial: u32,
    pub from: &'a str,
    pub until: &'a str,
    pub extensions: Vec<Vec<u8>>,
}

impl<'a> Draft<'a> {
    pub fn new(subject: Vec<u8>, key: &'a Key, extensions: Vec<Vec<u8>>) -> Self {
        Self {
            subject,
            info: &key.info,
            serial: 7,
            from: "2020-01-01T00:00:00Z",
            until: "2040-01-01T00:00:00Z",
            extensions,
        }
    }
}

pub struct Authority {
    pub name: Vec<u8>,
    pub key: Key,
    pub certificate: Vec<u8>,
}

impl Authority {
    /// Self-signed.
    pub fn root(organization: &str) -> Self {
        Self::rooted(organization, vec![authority(None), key_usage(0x06)])
    }

    pub fn rooted(organization: &str, extensions: Vec<Vec<u8>>) -> Self {
        let (name, key) = (called(organization), Key::new());
        let draft = Draft::new(name.clone(), &key, extensions);
        let certificate = issue(&name, &key, &draft);
        Self {
            name,
            key,
            certificate,
        }
    }

    /// One below this one.
    pub fn below(&self, organization: &str, extensions: Vec<Vec<u8>>) -> Self {
        let (name, key) = (called(organization), Key::new());
        let certificate = self.certify(&Draft::new(name.clone(), &key, extensions));
        Self {
            name,
            key,
            certificate,
        }
    }

    pub fn certify(&self, draft: &Draft<'_>) -> Vec<u8> {
        issue(&self.name, &self.key, draft)
    }

    /// A provider's certificate that names `address`.
    pub fn leaf(&self, address: &str) -> Vec<u8> {
        let key = Key::new();
        let extensions = vec![
            key_usage(0x80),
            alternative(&[general(1, address)]),
            purposes(&[oid::EMAIL_PROTECTION]),
        ];
        self.certify(&Draft::new(called("Gestore di Prova"), &key, extensions))
    }

    pub fn anchors(&self) -> Vec<Vec<u8>> {
        vec![self.certificate.clone()]
    }
}

fn issue(issuer: &[u8], key: &Key, draft: &Draft<'_>) -> Vec<u8> {
    let validity = der::sequence(&[&time::write(at(draft.from)), &time::write(at(draft.until))]);
    let body = der::sequence(&[
        &der::element(tag::context(0), &der::unsigned(&[2])),
        &der::unsigned(&draft.serial.to_be_bytes()),
        &algorithm(),
        issuer,
        &validity,
        &draft.subject,
        draft.info,
        &der::element(tag::context(3), &joined(&draft.extensions)),
    ]);
    key.signed(&body)
}

/// What a list says.
pub struct List {
    pub from: &'static str,
    pub until: &'static str,
    /// Serial number, instant, reason.
    pub revoked: Vec<(u32, &'static str, Option<u8>)>,
    pub extensions: Vec<Vec<u8>>,
}

impl List {
    pub fn of(revoked: &[(u32, &'static str, Option<u8>)]) -> Self {
        Self {
            from: "2026-06-01T00:00:00Z",
            until: "2026-06-03T00:00:00Z",
            revoked: revoked.to_vec(),
            extensions: Vec::new(),
        }
    }

    pub fn sign(&self, issuer: &Authority) -> Vec<u8> {
        self.sign_as(&issuer.name, &issuer.key)
    }

    pub fn sign_as(&self, issuer: &[u8], key: &Key) -> Vec<u8> {
        let entries: Vec<Vec<u8>> = self.revoked.iter().map(entry).collect();
        let extensions = der::element(tag::context(0), &joined(&self.extensions));
        let body = der::sequence(&[
            &der::unsigned(&[1]),
            &algorithm(),
            issuer,
            &time::write(at(self.from)),
            &time::write(at(self.until)),
            &if entries.is_empty() {
                Vec::new()
            } else {
                joined(&entries)
            },
            if self.extensions.is_empty() {
                &[]
            } else {
                &extensions
            },
        ]);
        key.signed(&body)
    }
}

fn entry((serial, when, reason): &(u32, &'static str, Option<u8>)) -> Vec<u8> {
    let reason = reason.map(|reason| {
        let value = der::element(tag::ENUMERATED, &[reason]);
        der::sequence(&[&extension(&oid::CRL_REASON, false, &value)])
    });
    der::sequence(&[
        &der::unsigned(&serial.to_be_bytes()),
        &time::write(at(when)),
        &reason.unwrap_or_default(),
    ])
}
