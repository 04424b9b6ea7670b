//! A simulated module around a software key: so long per signature, so many at a time whatever the number of
//! sessions, and faults on demand. For the bench, where no module is at hand, and for tests of what a lost
//! token does; several can stand in one pool.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant as Moment};

use ceralacca_core::ports::{Signature, Signer, SignerDescription, SignerError, SigningRequest};
use ceralacca_core::smime::SigningCertificate;
use parking_lot::{Condvar, Mutex};

use crate::error::HsmError;
use crate::pool::{PoolName, SessionSource, SigningPool, SigningSession, TokenPlan};
use crate::software::{SoftwareKey, check_owner};

/// How the simulated module behaves.
#[derive(Debug, Clone, Copy)]
pub struct SimSettings {
    /// Time that one signature takes at least, beside that of the software key.
    pub delay: Duration,
    /// Up to so much longer, evenly spread.
    pub spread: Duration,
    /// Signatures that it makes at the same time: further calls wait for their turn inside.
    pub parallelism: usize,
    /// Sessions that call it; 0: as many as its parallelism.
    pub sessions: usize,
}

impl Default for SimSettings {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            spread: Duration::ZERO,
            parallelism: 1,
            sessions: 0,
        }
    }
}

/// Faults that a test switches on while the signer works.
#[derive(Debug, Default)]
pub struct SimFaults {
    away_until: Mutex<Option<Moment>>,
    faulty: AtomicUsize,
    failing: AtomicUsize,
    hanging: Mutex<usize>,
    released: Condvar,
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

    /// The next `count` calls fail.
    pub fn fail(&self, count: usize) {
        self.failing.store(count, Ordering::Relaxed);
    }

    /// The next `count` calls do not return before [`SimFaults::release`].
    pub fn hang(&self, count: usize) {
        *self.hanging.lock() = count;
    }

    /// All calls that hang return.
    pub fn release(&self) {
        *self.hanging.lock() = 0;
        self.released.notify_all();
    }

    fn check(&self) -> Result<(), HsmError> {
        let away = |words: &str| Err(HsmError::Away(words.to_owned()));
        match *self.away_until.lock() {
            Some(until) if Moment::now() < until => away("the simulated token is away"),
            _ if takes_one(&self.failing) => away("the simulated token fails"),
            _ => Ok(()),
        }
    }

    fn hang_if_told(&self) {
        let mut hanging = self.hanging.lock();
        if *hanging > 0 {
            *hanging -= 1;
            self.released.wait(&mut hanging);
        }
    }
}

fn takes_one(count: &AtomicUsize) -> bool {
    let less = |left: usize| left.checked_sub(1);
    count
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
        .is_ok()
}

/// Signs as a module with these settings would.
pub struct SimSigner {
    pool: SigningPool,
    faults: Vec<Arc<SimFaults>>,
}

/// One of several simulated tokens.
pub type SimToken = (Arc<SoftwareKey>, Arc<SigningCertificate>, SimSettings);

impl SimSigner {
    /// The certificate must be the key's.
    pub fn start(
        key: Arc<SoftwareKey>,
        certificate: Arc<SigningCertificate>,
        settings: SimSettings,
    ) -> Result<Self, HsmError> {
        Self::start_several(vec![(key, certificate, settings)], None)
    }

    /// Several tokens in one pool; a call hangs after `signature_wait`, where that is not the usual.
    pub fn start_several(
        tokens: Vec<SimToken>,
        signature_wait: Option<Duration>,
    ) -> Result<Self, HsmError> {
        let mut faults = Vec::with_capacity(tokens.len());
        let mut plans = Vec::with_capacity(tokens.len());
        for (number, (key, certificate, settings)) in (1..).zip(tokens) {
            check_owner(&key, &certificate)?;
            let source = Source::new(key, settings);
            faults.push(source.token.faults.clone());
            let name = PoolName {
                name: format!("simulated token {number} (tests only)"),
                is_software: true,
            };
            let sessions = match settings.sessions {
                0 => settings.parallelism,
                sessions => sessions,
            };
            plans.push(TokenPlan::here(source, sessions, certificate, name));
        }
        let pool = match signature_wait {
            Some(wait) => SigningPool::waiting(plans, wait)?,
            None => SigningPool::of(plans)?,
        };
        Ok(Self { pool, faults })
    }

    /// The switches of the first token.
    pub fn faults(&self) -> Arc<SimFaults> {
        self.faults_of(0)
    }

    /// The switches of a token; those of none where there is no such token.
    pub fn faults_of(&self, token: usize) -> Arc<SimFaults> {
        self.faults.get(token).cloned().unwrap_or_default()
    }
}

/// A simulated token.
pub(crate) struct Source {
    token: Arc<Simulated>,
}

struct Simulated {
    key: Arc<SoftwareKey>,
    settings: SimSettings,
    faults: Arc<SimFaults>,
    /// Calls under way.
    inside: Mutex<usize>,
    left: Condvar,
    calls: AtomicU64,
}

/// A session of [`Source`].
pub(crate) struct Session {
    token: Arc<Simulated>,
}

impl Source {
    pub(crate) fn new(key: Arc<SoftwareKey>, settings: SimSettings) -> Self {
        Self {
            token: Arc::new(Simulated {
                key,
                settings,
                faults: Arc::default(),
                inside: Mutex::new(0),
                left: Condvar::new(),
                calls: AtomicU64::new(0),
            }),
        }
    }
}

impl SessionSource for Source {
    type Session = Session;

    fn open(&self) -> Result<Session, HsmError> {
        self.token.faults.check()?;
        Ok(Session {
            token: self.token.clone(),
        })
    }
}

impl Simulated {
    /// One of its places, waited for as a module makes calls wait.
    fn work(&self) {
        let time = self.time();
        if time.is_zero() {
            return;
        }
        let mut inside = self.inside.lock();
        while *inside >= self.settings.parallelism.max(1) {
            self.left.wait(&mut inside);
        }
        *inside += 1;
        drop(inside);
        std::thread::sleep(time);
        *self.inside.lock() -= 1;
        self.left.notify_one();
    }

    /// The golden ratio's multiples are spread evenly, and the same in each run.
    fn time(&self) -> Duration {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let part = call.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let spread = self.settings.spread.as_secs_f64() * part as f64 / f64::from(1 << 24);
        self.settings.delay + Duration::from_secs_f64(spread)
    }
}

impl SigningSession for Session {
    fn sign(&mut self, attributes: &[u8]) -> Result<Vec<u8>, HsmError> {
        let faults = &self.token.faults;
        faults.check()?;
        faults.hang_if_told();
        self.token.work();
        let mut value = self.token.key.sign(attributes)?;
        if takes_one(&faults.faulty)
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
