//! The pool before a simulated module whose rate is known: 5 ms for each signature, 32 at a time, more than that
//! wait inside, as in a network HSM. It answers from memory, for a key in software would want more than a core at
//! this rate; the pool's check with the public key stays.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ceralacca_core::ports::{Clock, Signer, SigningRequest, SystemClock};
use ceralacca_hsm::sim::SimSettings;
use ceralacca_hsm::{Authority, SimSigner, SoftwareKey};

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

/// Rate and latency, each for `seconds`.
pub fn measure(seconds: f64) -> Result<Sim, Trouble> {
    let (signer, requests) = signer()?;
    let nominal = PARALLELISM as f64 / DELAY.as_secs_f64();
    let rate = rate(&signer, &requests, Duration::from_secs_f64(seconds))?;
    let load = nominal * LOAD;
    let mut waits = latencies(&signer, &requests, load, seconds)?;
    Ok(Sim {
        nominal,
        rate,
        load,
        p50_ms: percentile(&mut waits, 0.50),
        p99_ms: percentile(&mut waits, 0.99),
    })
}

/// It has signed each request once, and remembers.
fn signer() -> Result<(SimSigner, Vec<SigningRequest>), Trouble> {
    let now = SystemClock.now();
    let key = SoftwareKey::generate(2048)?;
    let certificate = Authority::create("Prova", now)?.signing_certificate(
        key.public(),
        "Prova S.p.A.",
        "posta-certificata@pec.test",
        365,
        now,
    )?;
    let settings = SimSettings {
        delay: DELAY,
        parallelism: PARALLELISM,
        sessions: SESSIONS,
        remembers: REMEMBERED,
        ..SimSettings::default()
    };
    let signer = SimSigner::start(Arc::new(key), Arc::new(certificate), settings)?;
    let request = |n: usize| SigningRequest::of([n as u8; 32], now);
    let requests: Vec<SigningRequest> = (0..REMEMBERED).map(request).collect();
    for answer in signer.sign(&requests) {
        answer.map_err(|error| Trouble::from(error.to_string()))?;
    }
    Ok((signer, requests))
}

/// Two batches under way, as the certifier has them.
fn rate(signer: &SimSigner, requests: &[SigningRequest], time: Duration) -> Result<f64, Trouble> {
    let begun = Instant::now();
    let count = AtomicUsize::new(0);
    let call = || {
        while begun.elapsed() < time {
            for answer in signer.sign(requests) {
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
    signer: &SimSigner,
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
            for answer in signer.sign(&[request]) {
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
