//! The pool over a [`VectorKey`]: a worker takes what waits, up to eight requests, and never lingers for more;
//! few requests are signed one by one by aws-lc-rs, which is faster then.

use std::sync::Arc;

use ceralacca_core::ports::{Signature, Signer, SignerDescription, SignerError, SigningRequest};
use ceralacca_core::smime::SigningCertificate;

use super::key::VectorWork;
use super::{LANES, VectorKey, is_supported};
use crate::error::HsmError;
use crate::limits::VECTOR_REQUESTS_MIN;
use crate::pool::{PoolName, SessionSource, SigningPool, SigningSession};
use crate::public_key::KeyType;
use crate::software::{SoftwareKey, check_owner};

/// How a key that is sealed in the appliance itself is shown (HS-01).
pub fn words() -> &'static str {
    match is_supported() {
        true => "vector signer (software key, not a certified HSM)",
        false => "sealed key (software key, not a certified HSM)",
    }
}

/// Signs eight at a time, on all cores.
pub struct VectorSigner(SigningPool);

impl VectorSigner {
    /// The certificate must be the key's. Where the processor lacks the instructions, and with a
    /// key on P-256, all is signed one by one.
    pub fn start(
        key: Arc<SoftwareKey>,
        certificate: Arc<SigningCertificate>,
    ) -> Result<Self, HsmError> {
        check_owner(&key, &certificate)?;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let name = PoolName {
            name: words().to_owned(),
            is_software: true,
        };
        let source = source(key)?;
        Ok(Self(SigningPool::start(source, cores, certificate, name)?))
    }
}

/// Sessions that sign with this key.
pub(crate) fn source(key: Arc<SoftwareKey>) -> Result<impl SessionSource, HsmError> {
    let is_rsa = key.public().key_type() != KeyType::P256;
    let vector = match is_supported() && is_rsa {
        true => Some(Arc::new(key.for_vectors()?)),
        false => None,
    };
    Ok(Source { key, vector })
}

struct Source {
    key: Arc<SoftwareKey>,
    /// `None`: the processor lacks the instructions, or the key is no RSA key.
    vector: Option<Arc<VectorKey>>,
}

struct Session {
    key: Arc<SoftwareKey>,
    vector: Option<(Arc<VectorKey>, VectorWork)>,
}

impl SessionSource for Source {
    type Session = Session;

    fn open(&self) -> Result<Session, HsmError> {
        let with_work = |vector: &Arc<VectorKey>| -> Result<_, HsmError> {
            Ok((Arc::clone(vector), vector.work()?))
        };
        Ok(Session {
            key: Arc::clone(&self.key),
            vector: self.vector.as_ref().map(with_work).transpose()?,
        })
    }
}

impl SigningSession for Session {
    const AT_ONCE: usize = LANES;

    fn sign(&mut self, attributes: &[u8]) -> Result<Vec<u8>, HsmError> {
        self.key.sign(attributes)
    }

    fn sign_all(&mut self, attributes: &[&[u8]]) -> Vec<Result<Vec<u8>, HsmError>> {
        match &mut self.vector {
            Some((vector, work)) if attributes.len() >= VECTOR_REQUESTS_MIN => {
                vector.sign(work, attributes).into_iter().map(Ok).collect()
            }
            _ => attributes
                .iter()
                .map(|octets| self.key.sign(octets))
                .collect(),
        }
    }
}

impl Signer for VectorSigner {
    fn sign(&self, requests: &[SigningRequest]) -> Vec<Result<Signature, SignerError>> {
        self.0.sign(requests)
    }

    fn certificate(&self) -> Arc<SigningCertificate> {
        self.0.certificate()
    }

    fn describe(&self) -> SignerDescription {
        self.0.describe()
    }
}
