//! A certification authority for evaluation, demonstrations and tests: its key lies in a file. It issues
//! signing certificates with exactly the profile of RFC 6109 §5.5, TLS server certificates, revocation
//! lists, and for tests certificates that break one point of the profile (SG-11) and authorities below
//! it that may issue some names alone. Serial numbers are random, 126 bits each.

mod client;
mod fields;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use ceralacca_core::instant::Instant;
use ceralacca_core::smime::SigningCertificate;
use ceralacca_core::smime::certificate::{self, Certificate, pem};
use ceralacca_core::smime::oid;

use crate::csr;
use crate::error::HsmError;
use crate::limits::CERTIFICATE_FILE_BYTES_MAX;
use crate::name;
use crate::protected::refused;
use crate::public_key::PublicKey;
use crate::software::SoftwareKey;

pub use fields::{Deviation, Permitted};
use fields::{Fields, List, key_identifier};

const KEY_FILE: &str = "authority.key";
const CERTIFICATE_FILE: &str = "authority.pem";
/// Where its revocation list is published, where it has one.
const POINT_FILE: &str = "authority.crl-url";
const POINT_BYTES_MAX: usize = 1024;
const AUTHORITY_DAYS: u32 = 3650;
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;
/// Clocks of others may be behind by this.
const CLOCK_MARGIN_MILLIS: i64 = 10 * 60 * 1000;

/// A certification authority with its key.
pub struct Authority {
    key: Arc<SoftwareKey>,
    certificate: Vec<u8>,
    /// Of the authorities above it, nearest first.
    above: Vec<Vec<u8>>,
    /// Where its revocation list is fetched from.
    point: Option<String>,
}

/// A TLS server's or client's certificate with its new key.
pub struct ServerIdentity {
    /// Its own certificate, then the authority's.
    pub certificate_pem: String,
    /// PKCS#8, P-256. Keep it in a file of mode 0600.
    pub key_pem: zeroize::Zeroizing<String>,
}

impl Authority {
    /// A new authority, valid for ten years from `now`.
    pub fn create(authority_name: &str, now: Instant) -> Result<Self, HsmError> {
        let key = Arc::new(SoftwareKey::generate(2048)?);
        let subject = name::name(&[
            (oid::COUNTRY, "IT"),
            (oid::ORGANIZATION, authority_name),
            (oid::COMMON_NAME, authority_name),
        ]);
        let fields = Fields {
            issuer: &subject,
            subject: &subject,
            not_before: now.plus_millis(-CLOCK_MARGIN_MILLIS),
            not_after: after(now, AUTHORITY_DAYS),
            public_key_info: key.public().info(),
            extensions: fields::authority_extensions(key.public().info(), 1)?,
        };
        let certificate = fields.sign(&key)?;
        Ok(Self::new(key, certificate))
    }

    fn new(key: Arc<SoftwareKey>, certificate: Vec<u8>) -> Self {
        Self {
            key,
            certificate,
            above: Vec::new(),
            point: None,
        }
    }

    /// From now on signing certificates say that the revocation list is at `url`.
    #[must_use]
    pub fn publishing_at(mut self, url: &str) -> Self {
        self.point = Some(url.to_owned());
        self
    }

    /// An authority below this one, with a key of its own, that may issue only what is permitted.
    pub fn constrained(
        &self,
        authority_name: &str,
        permitted: &Permitted<'_>,
        now: Instant,
    ) -> Result<Self, HsmError> {
        let key = Arc::new(SoftwareKey::generate(2048)?);
        let issuer = Certificate::read(&self.certificate)?;
        let issuer_id = issuer.subject_key_identifier().unwrap_or_default();
        let subject = name::name(&[
            (oid::COUNTRY, "IT"),
            (oid::ORGANIZATION, authority_name),
            (oid::COMMON_NAME, authority_name),
        ]);
        let info = key.public().info();
        let mut extensions = fields::sub_authority_extensions(issuer_id, info, permitted)?;
        extensions.extend(self.point.as_deref().map(fields::distribution_point));
        let fields = Fields {
            issuer: issuer.subject,
            subject: &subject,
            not_before: now.plus_millis(-CLOCK_MARGIN_MILLIS),
            not_after: issuer.not_after,
            public_key_info: info,
            extensions,
        };
        let certificate = fields.sign(&self.key)?;
        let mut above = vec![self.certificate.clone()];
        above.extend_from_slice(&self.above);
        Ok(Self {
            above,
            ..Self::new(key, certificate)
        })
    }

    /// A full revocation list in DER. `revoked`: serial numbers as INTEGER elements, the way
    /// [`Certificate::serial`] has them, with the instant of the revocation.
    pub fn crl(
        &self,
        revoked: &[(&[u8], Instant)],
        this_update: Instant,
        next_update: Instant,
    ) -> Result<Vec<u8>, HsmError> {
        let issuer = Certificate::read(&self.certificate)?;
        let list = List {
            issuer: issuer.subject,
            issuer_id: issuer.subject_key_identifier().unwrap_or_default(),
            this_update,
            next_update,
            revoked,
        };
        list.sign(&self.key)
    }

    /// Writes key (mode 0600) and certificate into a folder that holds neither.
    pub fn save(&self, folder: &Path) -> Result<(), HsmError> {
        self.key.save(&folder.join(KEY_FILE))?;
        let path = folder.join(CERTIFICATE_FILE);
        std::fs::write(&path, self.certificate_pem())
            .map_err(|error| refused(&path, &error.to_string()))?;
        let Some(url) = &self.point else {
            return Ok(());
        };
        let path = folder.join(POINT_FILE);
        std::fs::write(&path, url).map_err(|error| refused(&path, &error.to_string()))
    }

    /// Reads what [`save`](Self::save) wrote.
    pub fn load(folder: &Path) -> Result<Self, HsmError> {
        let key = Arc::new(SoftwareKey::load(&folder.join(KEY_FILE))?);
        let path = folder.join(CERTIFICATE_FILE);
        let failed = |error: std::io::Error| refused(&path, &error.to_string());
        let octets = std::fs::read(&path).map_err(failed)?;
        if octets.len() > CERTIFICATE_FILE_BYTES_MAX {
            return Err(refused(&path, "it is too large"));
        }
        let certificate = certificate::read_file(&octets)?.swap_remove(0);
        if PublicKey::from_certificate(&certificate)?.is_same(key.public()) {
            let point = folder.join(POINT_FILE);
            let authority = Self::new(key, certificate);
            if !point.exists() {
                return Ok(authority);
            }
            let url = std::fs::read_to_string(&point)
                .map_err(|error| refused(&point, &error.to_string()))?;
            if url.len() > POINT_BYTES_MAX {
                return Err(refused(&point, "it is too long"));
            }
            Ok(authority.publishing_at(url.trim()))
        } else {
            Err(HsmError::OtherKey)
        }
    }

    /// DER of its own certificate: the trust anchor.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Its own certificate in PEM.
    pub fn certificate_pem(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }

    /// A signing certificate in PEM for the key of a request, valid `days` from `now`.
    pub fn issue(
        &self,
        csr_pem: &str,
        provider_name: &str,
        service_address: &str,
        days: u32,
        now: Instant,
    ) -> Result<String, HsmError> {
        let request = csr::requested_key(csr_pem)?;
        let der = self.issue_for(&request, provider_name, service_address, days, now, &[])?;
        Ok(pem("CERTIFICATE", &der))
    }

    /// The same for a public key at hand, with the authority as its chain: what evaluation and tests
    /// start from. `deviations` break the profile on purpose.
    pub fn issue_for(
        &self,
        public: &PublicKey,
        provider_name: &str,
        service_address: &str,
        days: u32,
        now: Instant,
        deviations: &[Deviation],
    ) -> Result<Vec<u8>, HsmError> {
        let issuer = Certificate::read(&self.certificate)?;
        let issuer_id = issuer.subject_key_identifier().unwrap_or_default();
        let subject = fields::provider_subject(provider_name, service_address, deviations);
        let own_id = key_identifier(public.info())?;
        let mut extensions =
            fields::signing_extensions(issuer_id, &own_id, service_address, deviations);
        extensions.extend(self.point.as_deref().map(fields::distribution_point));
        let fields = Fields {
            issuer: issuer.subject,
            subject: &subject,
            not_before: now.plus_millis(-CLOCK_MARGIN_MILLIS),
            not_after: after(now, days),
            public_key_info: public.info(),
            extensions,
        };
        fields.sign(&self.key)
    }

    /// Leaf and chain as a signer takes them.
    pub fn signing_certificate(
        &self,
        public: &PublicKey,
        provider_name: &str,
        service_address: &str,
        days: u32,
        now: Instant,
    ) -> Result<SigningCertificate, HsmError> {
        let leaf = self.issue_for(public, provider_name, service_address, days, now, &[])?;
        Ok(SigningCertificate {
            certificate: leaf,
            chain: [std::slice::from_ref(&self.certificate), &self.above].concat(),
        })
    }

    /// A TLS server certificate (DER) for a public key, for these names and addresses.
    pub fn issue_server(
        &self,
        host_names: &[&str],
        addresses: &[IpAddr],
        public_key_info: &[u8],
        days: u32,
        now: Instant,
    ) -> Result<Vec<u8>, HsmError> {
        let issuer = Certificate::read(&self.certificate)?;
        let issuer_id = issuer.subject_key_identifier().unwrap_or_default();
        let first = host_names.first().copied().unwrap_or("server");
        let subject = name::name(&[(oid::COMMON_NAME, first)]);
        let own_id = key_identifier(public_key_info)?;
        let fields = Fields {
            issuer: issuer.subject,
            subject: &subject,
            not_before: now.plus_millis(-CLOCK_MARGIN_MILLIS),
            not_after: after(now, days),
            public_key_info,
            extensions: fields::server_extensions(issuer_id, &own_id, host_names, addresses),
        };
        fields.sign(&self.key)
    }

    /// A TLS server certificate with a new P-256 key.
    pub fn server_identity(
        &self,
        host_names: &[&str],
        addresses: &[IpAddr],
        days: u32,
        now: Instant,
    ) -> Result<ServerIdentity, HsmError> {
        let failed = |_| HsmError::NotPossible("a server key cannot be generated".to_owned());
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(failed)?;
        let pkcs8 = key.to_pkcs8v1().map_err(failed)?;
        let info: PublicKeyX509Der<'_> = key.public_key().as_der().map_err(failed)?;
        let leaf = self.issue_server(host_names, addresses, info.as_ref(), days, now)?;
        Ok(ServerIdentity {
            certificate_pem: pem("CERTIFICATE", &leaf) + &self.certificate_pem(),
            key_pem: zeroize::Zeroizing::new(pem("PRIVATE KEY", pkcs8.as_ref())),
        })
    }
}

/// A certificate that a key gives itself for ten years, that vouches for nothing but its own signatures.
pub(crate) fn self_signed(
    common_name: &str,
    address: &str,
    public: &PublicKey,
    now: Instant,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, HsmError>,
) -> Result<Vec<u8>, HsmError> {
    let name = name::name(&[(oid::COMMON_NAME, common_name)]);
    let id = key_identifier(public.info())?;
    let fields = Fields {
        issuer: &name,
        subject: &name,
        not_before: now.plus_millis(-CLOCK_MARGIN_MILLIS),
        not_after: after(now, AUTHORITY_DAYS),
        public_key_info: public.info(),
        extensions: fields::signing_extensions(&id, &id, address, &[]),
    };
    fields.sign_by(public.key_type(), sign)
}

fn after(now: Instant, days: u32) -> Instant {
    now.plus_millis(i64::from(days) * DAY_MILLIS)
}
