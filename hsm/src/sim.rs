//! A simulated module around a software key: so long per signature, so many at a time, and faults on
//! demand. For the bench, where no module is at hand, and for tests of what a lost token does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant as Moment};

use ceralacca_core::ports::{Signature, Signer, SignerDescription, SignerError, SigningRequest};
use ceralacca_core::smime::SigningCertificate;
use parking_lot::Mutex;

use crate::error::HsmError;
use crate::pool::{PoolName, SessionSource, SigningPool, SigningSession};
use crate::software::{SoftwareKey, check_owner};

/// How the simulated module behaves.
#[derive(Debug, Clone, Copy)]
pub struct SimSettings {
    /// Time that one signature takes, beside that of the software key.
    pub delay: Duration,
    /// Signatures that it makes at the same time.
    pub parallelism: usize,
}

/// Faults that a test switches on while the signer works.
#[derive(Debug, Default)]
pub struct SimFaults {
    away_until: Mutex<Option<Moment>>,
    faulty: AtomicUsize,
}

impl SimFaults {
    /// Every session is lost and none opens for `time`.
    pub fn be_away_for(&self, time: Duration) {
        *self.away_until.lock() = Some(Moment::now() + time);
    }

    /// Back at once.
    pub fn come_back(&self) {
        *self.away_until.lock() = None;
    }

    /// The next `count` signatures are wrong.
    pub fn sign_wrongly(&self, count: usize) {
        self.faulty.store(count, Ordering::Relaxed);
    }

    fn check(&self) -> Result<(), HsmError> {
        match *self.away_until.lock() {
            Some(until) if Moment::now() < until => {
                Err(HsmError::Away("the simulated token is away".to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn takes_a_fault(&self) -> bool {
        let less = |left: usize| left.checked_sub(1);
        self.faulty
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .is_ok()
    }
}

/// Signs as a module with these settings would.
pub struct SimSigner {
    pool: SigningPool,
    faults: Arc<SimFaults>,
}

impl SimSigner {
    /// The certificate must be the key's.
    pub fn start(
        key: Arc<SoftwareKey>,
        certificate: Arc<SigningCertificate>,
        settings: SimSettings,
    ) -> Result<Self, HsmError> {
        check_owner(&key, &certificate)?;
        let faults = Arc::new(SimFaults::default());
        let source = Source {
            key,
            delay: settings.delay,
            faults: Arc::clone(&faults),
        };
        let name = PoolName {
            name: "simulated token (tests only)".to_owned(),
            is_software: true,
        };
        let pool = SigningPool::start(source, settings.parallelism, certificate, name)?;
        Ok(Self { pool, faults })
    }

    /// The switches.
    pub fn faults(&self) -> Arc<SimFaults> {
        Arc::clone(&self.faults)
    }
}

struct Source {
    key: Arc<SoftwareKey>,
    delay: Duration,
    faults: Arc<SimFaults>,
}

struct Session {
    key: Arc<SoftwareKey>,
    delay: Duration,
    faults: Arc<SimFaults>,
}

impl SessionSource for Source {
    type Session = Session;

    fn open(&self) -> Result<Session, HsmError> {
        self.faults.check()?;
        Ok(Session {
            key: Arc::clone(&self.key),
            delay: self.delay,
            faults: Arc::clone(&self.faults),
        })
    }
}

impl SigningSession for Session {
    fn sign(&mut self, attributes: &[u8]) -> Result<Vec<u8>, HsmError> {
        self.faults.check()?;
        if !self.delay.is_zero() {
            std::thread::sleep(self.delay);
        }
        let mut value = self.key.sign(attributes)?;
        if self.faults.takes_a_fault()
            && let Some(last) = value.last_mut()
        {
            *last ^= 1;
        }
        Ok(value)
    }
}

impl Signer for SimSigner {
    fn sign(&self, requests: &[SigningRequest]) -> Vec<Result<Signature, SignerError>> {
        self.pool.sign(requests)
    }

    fn certificate(&self) -> Arc<SigningCertificate> {
        self.pool.certificate()
    }

    fn describe(&self) -> SignerDescription {
        self.pool.describe()
    }
}
