//! The pool over a [`VectorKey`]: a worker takes what waits, up to eight requests, and never lingers for more;
//! few requests are signed one by one by aws-lc-rs, which is faster then.

use std::sync::Arc;

use ceralacca_core::ports::{Signature, Signer, SignerDescription, SignerError, SigningRequest};
use ceralacca_core::smime::SigningCertificate;

use super::key::VectorWork;
use super::{LANES, VectorKey};
use crate::error::HsmError;
use crate::limits::VECTOR_REQUESTS_MIN;
use crate::pool::{PoolName, SessionSource, SigningPool, SigningSession};
use crate::software::{SoftwareKey, check_owner};

/// How a key of the vector signer is shown: it is in this computer's memory (HS-01).
pub const VECTOR_KEY_WORDS: &str = "vector signer (software key, not a certified HSM)";

/// Signs eight at a time, on all cores.
pub struct VectorSigner(SigningPool);

impl VectorSigner {
    /// The certificate must be the key's. Memory of this process is left out of core dumps from here on.
    pub fn start(
        key: Arc<SoftwareKey>,
        certificate: Arc<SigningCertificate>,
    ) -> Result<Self, HsmError> {
        check_owner(&key, &certificate)?;
        let vector = key.for_vectors()?;
        // aws-lc-rs holds the key too, in ordinary memory.
        let behavior = rustix::process::DumpableBehavior::NotDumpable;
        rustix::process::set_dumpable_behavior(behavior)
            .map_err(|error| HsmError::NotPossible(format!("core dumps stay on: {error}")))?;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let name = PoolName {
            name: VECTOR_KEY_WORDS.to_owned(),
            is_software: true,
        };
        let source = Source {
            key,
            vector: Arc::new(vector),
        };
        Ok(Self(SigningPool::start(source, cores, certificate, name)?))
    }
}

struct Source {
    key: Arc<SoftwareKey>,
    vector: Arc<VectorKey>,
}

struct Session {
    key: Arc<SoftwareKey>,
    vector: Arc<VectorKey>,
    work: VectorWork,
}

impl SessionSource for Source {
    type Session = Session;

    fn open(&self) -> Result<Session, HsmError> {
        Ok(Session {
            key: Arc::clone(&self.key),
            vector: Arc::clone(&self.vector),
            work: self.vector.work()?,
        })
    }
}

impl SigningSession for Session {
    const AT_ONCE: usize = LANES;

    fn sign(&mut self, attributes: &[u8]) -> Result<Vec<u8>, HsmError> {
        self.key.sign(attributes)
    }

    fn sign_all(&mut self, attributes: &[&[u8]]) -> Vec<Result<Vec<u8>, HsmError>> {
        if attributes.len() < VECTOR_REQUESTS_MIN {
            return attributes
                .iter()
                .map(|octets| self.key.sign(octets))
                .collect();
        }
        let made = self.vector.sign(&mut self.work, attributes);
        made.into_iter().map(Ok).collect()
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
