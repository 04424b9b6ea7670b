//! A signer that makes no signatures: values of the right length that no key made, for what is measured
//! without signing. No server is ever started with it.

use std::sync::Arc;
use std::time::Duration;

use ceralacca_core::instant::Instant;
use ceralacca_core::ports::{Signature, Signer, SignerDescription, SignerError, SigningRequest};
use ceralacca_core::smime::{SigningCertificate, cms};
use ceralacca_core::wording::SERVICE_LOCAL_PART;
use ceralacca_hsm::{Authority, HsmError, SoftwareKey};

/// Octets of a value of RSA-2048.
const VALUE_BYTES: usize = 256;

/// The signer.
pub struct Nobody(Arc<SigningCertificate>);

impl Nobody {
    /// With a certificate that any key might have.
    pub fn new(now: Instant) -> Result<Self, HsmError> {
        let key = SoftwareKey::generate(2048)?;
        certificate(&key, now).map(|certificate| Self(Arc::new(certificate)))
    }
}

/// A certificate of an authority made for it.
pub fn certificate(key: &SoftwareKey, now: Instant) -> Result<SigningCertificate, HsmError> {
    let service = format!("{SERVICE_LOCAL_PART}@pec.test");
    let authority = Authority::create("Prova", now)?;
    authority.signing_certificate(key.public(), "Prova S.p.A.", &service, 365, now)
}

impl Signer for Nobody {
    fn sign(&self, requests: &[SigningRequest]) -> Vec<Result<Signature, SignerError>> {
        let sign = |request: &SigningRequest| {
            let (certificate, digest) = (&self.0.certificate, &request.content_digest);
            let attributes = cms::signed_attributes(certificate, digest, request.instant);
            Ok(Signature {
                signed_attributes: attributes
                    .map_err(|error| SignerError::Unavailable(error.to_string()))?,
                value: vec![0x5a; VALUE_BYTES],
                by: self.0.clone(),
            })
        };
        requests.iter().map(sign).collect()
    }

    fn certificate(&self) -> Arc<SigningCertificate> {
        self.0.clone()
    }

    fn describe(&self) -> SignerDescription {
        SignerDescription {
            tokens: Vec::new(),
            name: "nobody".to_owned(),
            is_software: true,
            is_available: true,
            signatures: 0,
            cpu: Duration::ZERO,
        }
    }
}
