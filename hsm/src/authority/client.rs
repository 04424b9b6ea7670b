//! Certificates for TLS clients: how a provider proves to the index's server who it is (DI-01).

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use ceralacca_core::instant::Instant;
use ceralacca_core::smime::certificate::{Certificate, pem};
use ceralacca_core::smime::der::{self, tag};
use ceralacca_core::smime::oid;

use super::fields::{Fields, authority_key_identifier, key_identifier, usage};
use super::{Authority, CLOCK_MARGIN_MILLIS, ServerIdentity, after};
use crate::error::HsmError;
use crate::name;

impl Authority {
    /// A TLS client's certificate with a new P-256 key, good for that alone.
    pub fn client_identity(
        &self,
        client_name: &str,
        days: u32,
        now: Instant,
    ) -> Result<ServerIdentity, HsmError> {
        let failed = |_| HsmError::NotPossible("a client key cannot be generated".to_owned());
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(failed)?;
        let pkcs8 = key.to_pkcs8v1().map_err(failed)?;
        let info: PublicKeyX509Der<'_> = key.public_key().as_der().map_err(failed)?;
        let leaf = self.issue_client(client_name, info.as_ref(), days, now)?;
        Ok(ServerIdentity {
            certificate_pem: pem("CERTIFICATE", &leaf) + &self.certificate_pem(),
            key_pem: zeroize::Zeroizing::new(pem("PRIVATE KEY", pkcs8.as_ref())),
        })
    }

    fn issue_client(
        &self,
        client_name: &str,
        public_key_info: &[u8],
        days: u32,
        now: Instant,
    ) -> Result<Vec<u8>, HsmError> {
        let issuer = Certificate::read(&self.certificate)?;
        let issuer_id = issuer.subject_key_identifier().unwrap_or_default();
        let id = der::element(tag::OCTET_STRING, &key_identifier(public_key_info)?);
        let purposes = der::sequence(&[&der::oid(&oid::CLIENT_AUTH)]);
        let fields = Fields {
            issuer: issuer.subject,
            subject: &name::name(&[(oid::COMMON_NAME, client_name)]),
            not_before: now.plus_millis(-CLOCK_MARGIN_MILLIS),
            not_after: after(now, days),
            public_key_info,
            extensions: vec![
                name::extension(&oid::KEY_USAGE, true, &usage(7, 0b1000_0000)),
                authority_key_identifier(issuer_id, false),
                name::extension(&oid::SUBJECT_KEY_IDENTIFIER, false, &id),
                name::extension(&oid::EXTENDED_KEY_USAGE, false, &purposes),
            ],
        };
        fields.sign(&self.key)
    }
}
