//! The engine by itself.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::{Authority, SoftwareKey};
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
