//! The engine by itself.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::limits::CHECK_WAIT_MAX;
use crate::sim::SimSettings;
use crate::{Authority, SimSigner, SoftwareKey};
use ceralacca_core::instant::Instant;
use crossbeam_channel::{Receiver, bounded};

/// Calls into this module return only when the test lets them.
struct Stuck {
    key: Arc<SoftwareKey>,
    gate: Receiver<()>,
}

struct StuckSession {
    key: Arc<SoftwareKey>,
    gate: Receiver<()>,
}

impl SessionSource for Stuck {
    type Session = StuckSession;

    fn open(&self) -> Result<StuckSession, HsmError> {
        Ok(StuckSession {
            key: Arc::clone(&self.key),
            gate: self.gate.clone(),
        })
    }
}

impl SigningSession for StuckSession {
    fn sign(&mut self, attributes: &[u8]) -> Result<Vec<u8>, HsmError> {
        let _ = self.gate.recv();
        self.key.sign(attributes)
    }
}

#[test]
fn hs_05_a_call_that_hangs_makes_the_pool_unavailable_until_it_returns() {
    let now = Instant::from_millis(1_795_321_140_000);
    let key = Arc::new(SoftwareKey::generate(2048).unwrap());
    let authority = Authority::create("Test", now).unwrap();
    let certificate = authority
        .signing_certificate(key.public(), "Test", "a@pec.example", 9, now)
        .unwrap();
    let (open_gate, gate) = bounded(0);
    let pool = SigningPool::waiting(
        vec![TokenPlan::here(
            Stuck { key, gate },
            1,
            Arc::new(certificate),
            PoolName {
                name: "stuck".to_owned(),
                is_software: true,
            },
        )],
        Duration::from_millis(200),
    )
    .unwrap();
    let requests = [SigningRequest::of([7; 32], now)];
    for _ in 0..2 {
        let answer = &pool.sign(&requests)[0];
        assert!(
            matches!(answer, Err(SignerError::Unavailable(_))),
            "{answer:?}"
        );
    }
    assert!(!pool.is_available());
    drop(open_gate);
    let deadline = Moment::now() + Duration::from_secs(30);
    while pool.sign(&requests)[0].is_err() {
        assert!(Moment::now() < deadline, "the pool did not recover");
        std::thread::yield_now();
    }
    assert!(pool.describe().is_available);
}

fn certified(key: &SoftwareKey, now: Instant) -> Arc<SigningCertificate> {
    let authority = Authority::create("Test", now).unwrap();
    let certificate = authority.signing_certificate(key.public(), "Test", "a@pec.example", 9, now);
    Arc::new(certificate.unwrap())
}

fn requests(count: u8) -> Vec<SigningRequest> {
    let now = Instant::from_millis(1_795_321_140_000);
    (0..count)
        .map(|n| SigningRequest::of([n; 32], now))
        .collect()
}

/// Each call is long beside the pool's patience, but none hangs: eight one after another would be beyond it.
#[test]
fn hs_05_a_slow_token_is_not_taken_for_one_that_hangs_because_much_was_given_to_it_at_first() {
    let now = Instant::from_millis(1_795_321_140_000);
    let key = Arc::new(SoftwareKey::generate(2048).unwrap());
    let certificate = certified(&key, now);
    let settings = SimSettings {
        delay: Duration::from_millis(100),
        ..SimSettings::default()
    };
    let token = (key, certificate, settings);
    let wait = settings.delay * 6;
    let signer = SimSigner::start_several(vec![token], Some(wait)).unwrap();
    for answer in signer.sign(&requests(10)) {
        answer.unwrap();
    }
}

#[test]
fn the_workers_of_a_token_share_what_it_may_hold() {
    let engine = Engine::new(Duration::from_secs(60));
    let certificate = SigningCertificate {
        certificate: Vec::new(),
        chain: Vec::new(),
    };
    let place = engine.add("t".to_owned(), true, Arc::new(certificate), None);
    let workers = 4;
    let room = (workers, capacity::<StuckSession>(workers));
    let epoch = engine.ready(place, room, None);
    engine.submit(&requests(40), &Arc::new(Batch::of(40)));
    let (tell, told) = bounded(workers);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let share = |waiting| portion::<StuckSession>(waiting, workers);
                let taken = engine.take_waiting(place, epoch, share);
                let _ = tell.send(taken.map(|taken| taken.len()));
            });
        }
        let shares = (0..workers).map(|_| told.recv_timeout(Duration::from_secs(20)).ok());
        let mut shares: Vec<_> = shares.map(Option::flatten).collect();
        engine.close();
        shares.sort_unstable();
        // Its pace is not known: eight are open, each takes its part of those that are left.
        assert_eq!(shares, [1, 1, 2, 2].map(Some));
    });
}

/// A module that takes its time and signs wrongly.
struct Wrong(AtomicUsize);

impl SigningSession for &Wrong {
    fn sign(&mut self, _: &[u8]) -> Result<Vec<u8>, HsmError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(CHECK_WAIT_MAX);
        Ok(vec![7; 256])
    }
}

impl SessionSource for &'static Wrong {
    type Session = Self;

    fn open(&self) -> Result<Self, HsmError> {
        Ok(self)
    }
}

#[test]
fn sg_16_of_a_token_that_was_seen_to_sign_wrongly_nothing_more_is_asked() {
    static WRONG: Wrong = Wrong(AtomicUsize::new(0));
    let key = SoftwareKey::generate(2048).unwrap();
    let attributes: [&[u8]; 3] = [b"a", b"b", b"c"];
    let mut released = 0;
    let count = |checked: Checked| released += checked.len();
    let outcome = sign_checked(&&WRONG, &mut &WRONG, key.public(), &attributes, count);
    assert_eq!(outcome, Err(HsmError::Faulty));
    assert_eq!((released, WRONG.0.load(Ordering::Relaxed)), (0, 1));
}
