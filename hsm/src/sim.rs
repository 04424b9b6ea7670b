//! A simulated module around a software key: so long per signature, so many at a time whatever the number of
//! sessions, and faults on demand. For the bench, where no module is at hand, and for tests of what a lost
//! token does; several can stand in one pool. It works while an answer is on its way, as a network HSM does, and
//! may answer from memory what it has signed before.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
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
    /// Signatures that it remembers, the first ones, to answer the same request with: at a network HSM's rate
    /// the key in software would want more than a core. 0: none.
    pub remembers: usize,
}

impl Default for SimSettings {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            spread: Duration::ZERO,
            parallelism: 1,
            sessions: 0,
            remembers: 0,
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
    /// When each of its units is free.
    units: Mutex<BinaryHeap<Reverse<Moment>>>,
    calls: AtomicU64,
    /// Attributes, and the signature over them.
    memory: Mutex<HashMap<Vec<u8>, Vec<u8>>>,
}

/// A session of [`Source`].
pub(crate) struct Session {
    token: Arc<Simulated>,
}

impl Source {
    pub(crate) fn new(key: Arc<SoftwareKey>, settings: SimSettings) -> Self {
        let units = vec![Reverse(Moment::now()); settings.parallelism.max(1)];
        Self {
            token: Arc::new(Simulated {
                key,
                settings,
                faults: Arc::default(),
                units: Mutex::new(units.into()),
                calls: AtomicU64::new(0),
                memory: Mutex::default(),
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
    /// The next unit that is free makes the signature; waits until it is made.
    fn work(&self) {
        let time = self.time();
        if time.is_zero() {
            return;
        }
        let mut units = self.units.lock();
        // There is always one: it is put back below.
        let free = units.pop().map_or_else(Moment::now, |Reverse(free)| free);
        let done = free.max(Moment::now()) + time;
        units.push(Reverse(done));
        drop(units);
        std::thread::sleep(done.saturating_duration_since(Moment::now()));
    }

    fn value(&self, attributes: &[u8]) -> Result<Vec<u8>, HsmError> {
        if self.settings.remembers == 0 {
            return self.key.sign(attributes);
        }
        if let Some(known) = self.memory.lock().get(attributes) {
            return Ok(known.clone());
        }
        let value = self.key.sign(attributes)?;
        let mut memory = self.memory.lock();
        if memory.len() < self.settings.remembers {
            memory.insert(attributes.to_vec(), value.clone());
        }
        Ok(value)
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
        let mut value = self.token.value(attributes)?;
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::public_key::KeyType;

    /// No two signatures of ECDSA over the same are alike: those that are come from memory.
    #[test]
    fn what_it_signed_before_comes_from_memory_and_no_more_than_it_is_to_remember() {
        let key = Arc::new(SoftwareKey::generate(KeyType::P256).unwrap());
        let public = key.public().clone();
        let settings = SimSettings {
            remembers: 1,
            ..SimSettings::default()
        };
        let source = Source::new(key, settings);
        let mut session = source.open().unwrap();
        let mut twice = |octets: &[u8]| {
            let made = [session.sign(octets).unwrap(), session.sign(octets).unwrap()];
            assert!(made.iter().all(|value| public.verifies(octets, value)));
            made
        };
        let [first, again] = twice(b"the first");
        assert_eq!(first, again);
        let [first, again] = twice(b"one too many");
        assert_ne!(first, again);
        // What is wrong once is not remembered so.
        source.token.faults.sign_wrongly(1);
        let wrong = session.sign(b"the first").unwrap();
        assert!(!public.verifies(b"the first", &wrong));
        let good = session.sign(b"the first").unwrap();
        assert!(public.verifies(b"the first", &good));
    }

    #[test]
    fn its_units_work_side_by_side_whatever_the_number_of_sessions() {
        let settings = SimSettings {
            delay: Duration::from_millis(30),
            parallelism: 2,
            remembers: 1,
            ..SimSettings::default()
        };
        let source = Source::new(Arc::new(SoftwareKey::generate(2048).unwrap()), settings);
        source.open().unwrap().sign(b"same").unwrap();
        let begun = Moment::now();
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| source.open().unwrap().sign(b"same").unwrap());
            }
        });
        // Six by two: three turns, and no faster.
        assert!(begun.elapsed() >= settings.delay * 3);
    }
}
