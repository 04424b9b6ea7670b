//! The pool of sessions under faults, with the simulated token.

use std::sync::Arc;
use std::time::{Duration, Instant as Moment};

use ceralacca_core::ports::{Signer, SignerError};
use ceralacca_hsm::SimSigner;
use ceralacca_hsm::pool::{PoolName, SessionSource, SigningPool, SigningSession};
use ceralacca_hsm::sim::SimSettings;
use ceralacca_hsm::{HsmError, SoftwareKey};

use crate::parts::{CONTENT, certificate_of, openssl_accepts, request, sign_one, software_key};

fn sim(delay: Duration, parallelism: usize) -> SimSigner {
    let key = software_key();
    let settings = SimSettings {
        delay,
        parallelism,
        ..SimSettings::default()
    };
    SimSigner::start(key.clone(), certificate_of(&key), settings).unwrap()
}

/// Asks until the signer is back; the bound is far above the longest pause.
fn until_back(signer: &dyn Signer) {
    let deadline = Moment::now() + Duration::from_secs(30);
    while signer.sign(&[request(CONTENT)])[0].is_err() {
        assert!(Moment::now() < deadline, "the signer did not recover");
        std::thread::yield_now();
    }
}

#[test]
fn hs_05_an_absent_token_answers_unavailable_and_comes_back_by_itself() {
    let signer = sim(Duration::ZERO, 3);
    sign_one(&signer, CONTENT);
    signer.faults().be_away_for(Duration::from_secs(3600));
    let requests: Vec<_> = (0..20_u8).map(|n| request(&[n])).collect();
    for answer in signer
        .sign(&requests)
        .into_iter()
        .chain(signer.sign(&requests))
    {
        assert!(matches!(answer, Err(SignerError::Unavailable(why)) if why.contains("away")));
    }
    let words = signer.describe();
    assert!(
        !words.is_available && words.name.contains("away"),
        "{}",
        words.name
    );
    signer.faults().come_back();
    until_back(&signer);
    assert!(signer.describe().is_available);
}

#[test]
fn sg_16_a_wrong_signature_never_leaves() {
    let signer = sim(Duration::ZERO, 2);
    signer.faults().sign_wrongly(1);
    let answers = signer.sign(&[request(CONTENT)]);
    assert!(
        matches!(&answers[0], Err(SignerError::Faulty(_))),
        "{answers:?}"
    );
    until_back(&signer);
    openssl_accepts(CONTENT, &sign_one(&signer, CONTENT)).unwrap();
}

#[test]
fn hs_03_many_threads_share_the_sessions() {
    let signer = Arc::new(sim(Duration::from_millis(1), 4));
    let threads: Vec<_> = (0..6_u8)
        .map(|thread| {
            let signer = Arc::clone(&signer);
            std::thread::spawn(move || {
                let requests: Vec<_> = (0..30_u8).map(|n| request(&[thread, n])).collect();
                signer
                    .sign(&requests)
                    .into_iter()
                    .filter(Result::is_ok)
                    .count()
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), 30);
    }
}

#[test]
fn more_requests_than_the_queue_holds_are_all_answered() {
    let signer = sim(Duration::ZERO, 2);
    let requests = vec![request(CONTENT); 600];
    assert!(signer.sign(&requests).iter().all(Result::is_ok));
}

/// Opens once; the session is lost at its first signature, and from then on only errors that the
/// operator must mend come back.
struct Broken {
    key: Arc<SoftwareKey>,
    opened: std::sync::atomic::AtomicUsize,
    error: HsmError,
}

struct Lost;

impl SessionSource for Broken {
    type Session = Lost;

    fn open(&self) -> Result<Lost, HsmError> {
        use std::sync::atomic::Ordering;
        assert_eq!(self.key.public().bits(), 2048);
        if self.opened.fetch_add(1, Ordering::Relaxed) == 0 {
            Ok(Lost)
        } else {
            Err(self.error.clone())
        }
    }
}

impl SigningSession for Lost {
    fn sign(&mut self, _: &[u8]) -> Result<Vec<u8>, HsmError> {
        Err(HsmError::Away("pulled".to_owned()))
    }
}

#[test]
fn hs_09_a_refused_pin_is_not_tried_again() {
    let key = software_key();
    let error = HsmError::PinRefused {
        token: "t".to_owned(),
        reason: "it is not the right one".to_owned(),
    };
    let source = Broken {
        key: key.clone(),
        opened: std::sync::atomic::AtomicUsize::new(0),
        error,
    };
    let name = PoolName {
        name: "broken".to_owned(),
        is_software: true,
    };
    let pool = SigningPool::start(source, 1, certificate_of(&key), name).unwrap();
    let first = &pool.sign(&[request(CONTENT)])[0];
    assert!(matches!(first, Err(SignerError::Unavailable(why)) if why.contains("refuses the PIN")));
    let second = &pool.sign(&[request(CONTENT)])[0];
    assert!(
        matches!(second, Err(SignerError::Unavailable(why)) if why.contains("refuses the PIN"))
    );
}
