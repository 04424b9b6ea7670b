//! A module whose rate is known: 5 ms for each signature, 32 at a time, more than that wait inside, as in a
//! network HSM. It answers from memory, for a key in software would want more than a core at this rate; the
//! pool's check with the public key stays.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ceralacca_core::ports::{Clock, Signer, SigningRequest, SystemClock};
use ceralacca_core::smime::{SigningCertificate, cms};
use ceralacca_hsm::pool::{PoolName, SessionSource, SigningPool, SigningSession};
use ceralacca_hsm::{Authority, HsmError, SoftwareKey};

use crate::sums::{Trouble, percentile};

const DELAY: Duration = Duration::from_millis(5);
const PARALLELISM: usize = 32;
/// Sessions of the pool: as `hsm bench` would find, some more than work at a time keep each unit busy while
/// an answer and the next request are on their way.
const SESSIONS: usize = PARALLELISM + PARALLELISM / 4;
/// Different requests: it remembers the signature of each.
const REMEMBERED: usize = 64;
/// Share of the nominal rate at which latency is measured.
const LOAD: f64 = 0.8;
/// Who waits for an answer: more than ever wait at once.
const CALLERS: usize = 256;

/// What was measured.
pub struct Sim {
    /// Signatures in a second that the module makes at best.
    pub nominal: f64,
    /// Those that came through the pool.
    pub rate: f64,
    /// Requests in a second while latency was measured.
    pub load: f64,
    /// From the moment a request was due to its answer.
    pub p50_ms: f64,
    /// The same.
    pub p99_ms: f64,
}

/// The module.
struct Device {
    /// Attributes and the signature over them.
    memory: HashMap<Vec<u8>, Vec<u8>>,
    /// When each unit is free.
    units: Mutex<BinaryHeap<Reverse<Instant>>>,
}

impl Device {
    /// Gives the next unit that is free a signature to make; answers when it is done.
    fn done_at(&self) -> Option<Instant> {
        let mut units = self.units.lock().ok()?;
        let Reverse(free) = units.pop()?;
        let done = free.max(Instant::now()) + DELAY;
        units.push(Reverse(done));
        Some(done)
    }
}

struct Source(Arc<Device>);

struct Session(Arc<Device>);

impl SessionSource for Source {
    type Session = Session;

    fn open(&self) -> Result<Session, HsmError> {
        Ok(Session(Arc::clone(&self.0)))
    }
}

impl SigningSession for Session {
    fn sign(&mut self, attributes: &[u8]) -> Result<Vec<u8>, HsmError> {
        let done = self.0.done_at();
        let done = done.ok_or_else(|| HsmError::NotPossible("the module broke".to_owned()))?;
        std::thread::sleep(done.saturating_duration_since(Instant::now()));
        let value = self.0.memory.get(attributes).cloned();
        value.ok_or_else(|| HsmError::NotPossible("a request that is not remembered".to_owned()))
    }
}

/// Rate and latency, each for `seconds`.
pub fn measure(seconds: f64) -> Result<Sim, Trouble> {
    let (pool, requests) = pool()?;
    let nominal = PARALLELISM as f64 / DELAY.as_secs_f64();
    let rate = rate(&pool, &requests, Duration::from_secs_f64(seconds))?;
    let load = nominal * LOAD;
    let mut waits = latencies(&pool, &requests, load, seconds)?;
    Ok(Sim {
        nominal,
        rate,
        load,
        p50_ms: percentile(&mut waits, 0.50),
        p99_ms: percentile(&mut waits, 0.99),
    })
}

fn pool() -> Result<(SigningPool, Vec<SigningRequest>), Trouble> {
    let now = SystemClock.now();
    let key = SoftwareKey::generate(2048)?;
    let certificate = Authority::create("Prova", now)?.signing_certificate(
        key.public(),
        "Prova S.p.A.",
        "posta-certificata@pec.test",
        365,
        now,
    )?;
    let request = |n: usize| SigningRequest::of([n as u8; 32], now);
    let requests: Vec<SigningRequest> = (0..REMEMBERED).map(request).collect();
    let mut memory = HashMap::new();
    for request in &requests {
        let attributes = attributes(&certificate, request)?;
        memory.insert(attributes.clone(), key.sign(&attributes)?);
    }
    let name = PoolName {
        name: "simulated module (bench only)".to_owned(),
        is_software: true,
    };
    let pool = SigningPool::start(
        Source(Arc::new(Device {
            memory,
            units: Mutex::new(vec![Reverse(Instant::now()); PARALLELISM].into()),
        })),
        SESSIONS,
        Arc::new(certificate),
        name,
    )?;
    Ok((pool, requests))
}

fn attributes(
    certificate: &SigningCertificate,
    request: &SigningRequest,
) -> Result<Vec<u8>, Trouble> {
    let (digest, at) = (&request.content_digest, request.instant);
    let made = cms::signed_attributes(&certificate.certificate, digest, at);
    made.map_err(|error| Trouble::from(error.to_string()))
}

/// Two batches under way, as the certifier has them.
fn rate(pool: &SigningPool, requests: &[SigningRequest], time: Duration) -> Result<f64, Trouble> {
    let begun = Instant::now();
    let count = AtomicUsize::new(0);
    let call = || {
        while begun.elapsed() < time {
            for answer in pool.sign(requests) {
                answer.map_err(|error| Trouble::from(error.to_string()))?;
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    };
    all_of(2, call)?;
    Ok(count.into_inner() as f64 / begun.elapsed().as_secs_f64())
}

/// Requests are due at random moments (Poisson), whatever was answered; milliseconds of each.
fn latencies(
    pool: &SigningPool,
    requests: &[SigningRequest],
    per_s: f64,
    seconds: f64,
) -> Result<Vec<f64>, Trouble> {
    let due = moments(per_s, seconds);
    let (next, begun) = (AtomicUsize::new(0), Instant::now());
    let waits = Mutex::new(Vec::new());
    all_of(CALLERS, || {
        let mut own = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(due) = due.get(number) else {
                waits
                    .lock()
                    .map_err(|_| "a caller's thread failed")?
                    .extend(own);
                return Ok(());
            };
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
            let request = requests[number % requests.len()];
            for answer in pool.sign(&[request]) {
                answer.map_err(|error| Trouble::from(error.to_string()))?;
            }
            own.push((begun.elapsed().saturating_sub(*due)).as_secs_f64() * 1000.0);
        }
    })?;
    Ok(waits.into_inner().unwrap_or_default())
}

/// The same at each run: what differs is the machine.
fn moments(per_s: f64, seconds: f64) -> Vec<Duration> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut at = 0.0;
    let mut due = Vec::new();
    while at < seconds {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let uniform = ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        at -= uniform.ln() / per_s;
        due.push(Duration::from_secs_f64(at));
    }
    due
}

/// `count` threads, each doing `work`.
fn all_of(count: usize, work: impl Fn() -> Result<(), Trouble> + Sync) -> Result<(), Trouble> {
    let ends = std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|t| t.join()).collect::<Vec<_>>()
    });
    for end in ends {
        end.map_err(|_| Trouble::from("a caller's thread failed"))??;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_as_often_as_asked() {
        let due = moments(5000.0, 2.0);
        assert!((9_700..10_300).contains(&due.len()), "{}", due.len());
        assert!(due.is_sorted());
    }
}
