//! Several simulated tokens behind one queue: chaos, and what must hold through it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant as Moment};

use ceralacca_core::ports::{Signature, Signer, SignerError, SigningRequest};
use ceralacca_core::smime::cms;
use ceralacca_hsm::pool::{PoolName, SessionSource, SigningPool, SigningSession, TokenPlan};
use ceralacca_hsm::public_key::PublicKey;
use ceralacca_hsm::sim::{SimSettings, SimToken};
use ceralacca_hsm::{HsmError, SimSigner, SoftwareKey};
use parking_lot::Mutex;

use crate::parts::{CONTENT, certificate_of, now, request, software_key};

const HANG: Duration = Duration::from_millis(300);

fn token(delay: Duration) -> SimToken {
    let key = software_key();
    let certificate = certificate_of(&key);
    let settings = SimSettings {
        delay,
        parallelism: 2,
        ..SimSettings::default()
    };
    (key, certificate, settings)
}

/// A token with a key and a certificate of its own.
fn other_token(delay: Duration) -> SimToken {
    let key = Arc::new(SoftwareKey::generate(2048).unwrap());
    let certificate = certificate_of(&key);
    (key, certificate, token(delay).2)
}

fn start(tokens: Vec<SimToken>) -> SimSigner {
    SimSigner::start_several(tokens, Some(HANG)).unwrap()
}

fn requests(count: u16) -> Vec<SigningRequest> {
    (0..count).map(|n| request(&n.to_be_bytes())).collect()
}

/// Each request is answered with its own signature, by the certificate that it names.
fn all_good(requests: &[SigningRequest], answers: &[Result<Signature, SignerError>]) {
    assert_eq!(requests.len(), answers.len());
    for (request, answer) in requests.iter().zip(answers) {
        let signature = answer.as_ref().unwrap();
        let public = PublicKey::from_certificate(&signature.by.certificate).unwrap();
        assert!(public.verifies(&signature.signed_attributes, &signature.value));
        let (by, digest) = (&signature.by.certificate, &request.content_digest);
        let expected = cms::signed_attributes(by, digest, request.instant).unwrap();
        assert_eq!(signature.signed_attributes, expected);
    }
}

fn signatures_of(signer: &SimSigner) -> Vec<u64> {
    let tokens = signer.describe().tokens;
    tokens.iter().map(|token| token.signatures).collect()
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Moment::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Moment::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn is_available(signer: &SimSigner, token: usize) -> bool {
    signer.describe().tokens[token].is_available
}

/// Signs one by one and notes the order; the first waits for the gate.
struct Noting {
    key: Arc<SoftwareKey>,
    order: Arc<Mutex<Vec<Vec<u8>>>>,
    gate: Arc<Mutex<()>>,
}

struct NotingSession(Arc<SoftwareKey>, Arc<Mutex<Vec<Vec<u8>>>>, Arc<Mutex<()>>);

impl SessionSource for Noting {
    type Session = NotingSession;

    fn open(&self) -> Result<NotingSession, HsmError> {
        Ok(NotingSession(
            self.key.clone(),
            self.order.clone(),
            self.gate.clone(),
        ))
    }
}

impl SigningSession for NotingSession {
    fn sign(&mut self, attributes: &[u8]) -> Result<Vec<u8>, HsmError> {
        self.1.lock().push(attributes.to_vec());
        drop(self.2.lock());
        self.0.sign(attributes)
    }
}

#[test]
fn hs_06_the_nearest_deadline_is_signed_first_and_then_who_came_first() {
    let key = software_key();
    let certificate = certificate_of(&key);
    let (order, gate) = (Arc::default(), Arc::default());
    let source = Noting {
        key,
        order: Arc::clone(&order),
        gate: Arc::clone(&gate),
    };
    let name = PoolName {
        name: "noting".to_owned(),
        is_software: true,
    };
    let pool = SigningPool::start(source, 1, certificate.clone(), name).unwrap();
    let at = now();
    let due = |n: u8, hours: i64| {
        SigningRequest::of([n; 32], at).due(at.plus_millis(hours * 60 * 60 * 1000))
    };
    let locked = gate.lock();
    std::thread::scope(|scope| {
        scope.spawn(|| all_good(&[due(0, 90)], &pool.sign(&[due(0, 90)])));
        until("the first is under way", || order.lock().len() == 1);
        // Two callers; their requests stand in one order, whoever came first.
        let batches = [
            vec![due(1, 24), due(2, 1), due(3, 24)],
            vec![due(4, 12), due(5, 1)],
        ];
        for (count, batch) in [3, 5].into_iter().zip(batches) {
            let pool = &pool;
            scope.spawn(move || all_good(&batch, &pool.sign(&batch)));
            until("they wait", || pool.waiting_count() == count);
        }
        drop(locked);
    });
    let expected: Vec<Vec<u8>> = [0_u8, 2, 5, 4, 1, 3]
        .into_iter()
        .map(|n| cms::signed_attributes(&certificate.certificate, &[n; 32], at).unwrap())
        .collect();
    assert_eq!(*order.lock(), expected);
}

#[test]
fn hs_04_a_token_that_fails_is_taken_out_and_another_signs_what_it_held() {
    let signer = start(vec![
        token(Duration::ZERO),
        other_token(Duration::from_millis(1)),
    ]);
    signer.faults_of(0).be_away_for(Duration::from_secs(3600));
    let wanted = requests(40);
    all_good(&wanted, &signer.sign(&wanted));
    assert!(!is_available(&signer, 0) && signer.describe().is_available);
    let about = signer.describe();
    let words = about.tokens[0].trouble.as_deref().unwrap();
    assert!(words.contains("away"), "{words}");
    // It comes back by itself, within the pauses of the limits.
    let came = Moment::now();
    signer.faults_of(0).come_back();
    until("it comes back", || is_available(&signer, 0));
    assert!(came.elapsed() < Duration::from_secs(2));
    let before = signatures_of(&signer)[0];
    let wanted = requests(200);
    all_good(&wanted, &signer.sign(&wanted));
    assert!(signatures_of(&signer)[0] > before, "it has work again");
}

#[test]
fn hs_04_a_call_that_hangs_costs_its_token_and_no_request() {
    let signer = start(vec![token(Duration::ZERO), other_token(Duration::ZERO)]);
    signer.faults_of(0).hang(2);
    let wanted = requests(60);
    let begun = Moment::now();
    all_good(&wanted, &signer.sign(&wanted));
    assert!(begun.elapsed() < HANG * 10);
    assert!(!is_available(&signer, 0));
    let made = signatures_of(&signer).iter().sum::<u64>();
    assert_eq!(made, 60);
    // The calls return late; what they bring is dropped, and the token is taken back.
    signer.faults_of(0).release();
    until("it comes back", || is_available(&signer, 0));
    assert_eq!(signatures_of(&signer).iter().sum::<u64>(), made);
}

#[test]
fn hs_04_a_token_that_signs_wrongly_is_taken_out_and_nothing_wrong_leaves() {
    let signer = start(vec![token(Duration::ZERO), other_token(Duration::ZERO)]);
    // Enough for the trials after it is taken out, so that it is seen out.
    signer.faults_of(0).sign_wrongly(3);
    let wanted = requests(30);
    all_good(&wanted, &signer.sign(&wanted));
    let about = signer.describe();
    assert!(
        about.tokens[0]
            .trouble
            .as_deref()
            .is_some_and(|why| why.contains("does not verify")),
        "{about:?}"
    );
    until("it signs well again and comes back", || {
        is_available(&signer, 0)
    });
    all_good(&wanted, &signer.sign(&wanted));
}

#[test]
fn hs_04_a_token_that_is_set_up_wrongly_stays_out_and_says_why() {
    let key = software_key();
    let tries = Arc::new(AtomicUsize::new(0));
    let refused = TokenPlan::here(
        Refused(tries.clone()),
        3,
        certificate_of(&key),
        PoolName {
            name: "misconfigured".to_owned(),
            is_software: false,
        },
    );
    let good = TokenPlan::here(
        Noting {
            key: key.clone(),
            order: Arc::default(),
            gate: Arc::default(),
        },
        2,
        certificate_of(&key),
        PoolName {
            name: "good".to_owned(),
            is_software: true,
        },
    );
    let pool = SigningPool::of(vec![refused, good]).unwrap();
    let wanted = requests(10);
    all_good(&wanted, &pool.sign(&wanted));
    std::thread::sleep(Duration::from_millis(300));
    all_good(&wanted, &pool.sign(&wanted));
    let about = pool.describe();
    assert!(about.is_available && !about.tokens[0].is_available);
    assert!(about.tokens[0].words().contains("refuses the PIN"));
    assert_eq!(
        tries.load(Ordering::Relaxed),
        1,
        "a wrong PIN is tried once"
    );
}

/// Refuses its PIN.
struct Refused(Arc<AtomicUsize>);

struct Never;

impl SessionSource for Refused {
    type Session = Never;

    fn open(&self) -> Result<Never, HsmError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Err(HsmError::PinRefused {
            token: "misconfigured".to_owned(),
            reason: "it is not the right one".to_owned(),
        })
    }
}

impl SigningSession for Never {
    fn sign(&mut self, _: &[u8]) -> Result<Vec<u8>, HsmError> {
        Err(HsmError::Away("never".to_owned()))
    }
}

#[test]
fn hs_04_a_slow_token_does_not_delay_what_a_fast_one_can_sign() {
    let slow = Duration::from_millis(400);
    let signer = SimSigner::start_several(vec![token(slow), token(Duration::ZERO)], None).unwrap();
    // Both are measured: it takes two of the first ones.
    all_good(&requests(8), &signer.sign(&requests(8)));
    let known = signatures_of(&signer)[0];
    let begun = Moment::now();
    for _ in 0..5 {
        all_good(&requests(8), &signer.sign(&requests(8)));
    }
    assert!(begun.elapsed() < slow, "{:?}", begun.elapsed());
    assert_eq!(signatures_of(&signer)[0], known);
    // Where there is so much that it helps, it gets its part.
    signer.faults_of(1).be_away_for(Duration::from_secs(3600));
    all_good(&requests(2), &signer.sign(&requests(2)));
    assert!(signatures_of(&signer)[0] > known);
}

#[test]
fn hs_04_work_spreads_by_speed() {
    let signer = start(vec![
        token(Duration::from_millis(2)),
        token(Duration::from_millis(6)),
    ]);
    let wanted = requests(400);
    all_good(&wanted, &signer.sign(&wanted));
    let [fast, slow] = signatures_of(&signer)[..] else {
        panic!("two tokens")
    };
    assert!(fast > slow && slow > 40, "{fast} and {slow}");
}

#[test]
fn hs_04_chaos_loses_and_doubles_nothing() {
    let signer = start(vec![
        token(Duration::from_millis(1)),
        other_token(Duration::from_millis(1)),
        other_token(Duration::from_millis(2)),
    ]);
    let is_over = AtomicBool::new(false);
    let all_back = || (0..3).all(|token| is_available(&signer, token));
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4_u16)
            .map(|caller| {
                scope.spawn({
                    let (signer, is_over) = (&signer, &is_over);
                    move || sign_until(is_over, signer, caller)
                })
            })
            .collect();
        for turn in 0_usize..12 {
            let faults = signer.faults_of(turn % 3);
            match turn % 4 {
                0 => faults.fail(3),
                1 => faults.sign_wrongly(2),
                2 => faults.be_away_for(Duration::from_millis(150)),
                _ => faults.hang(1),
            }
            // Another, or all, fall while the first is out.
            signer.faults_of(turn / 2 % 3).sign_wrongly(1);
            let taken_out = || !is_available(&signer, turn % 3);
            let begun = Moment::now();
            until("it is taken out", || {
                taken_out() || begun.elapsed() > HANG * 3
            });
            faults.release();
            until("all come back", all_back);
        }
        is_over.store(true, Ordering::Relaxed);
        for caller in callers {
            assert!(caller.join().unwrap() > 0);
        }
    });
    all_good(&[request(CONTENT)], &signer.sign(&[request(CONTENT)]));
}

/// Signs as the certifier does: what has no signature is asked for again. Each request is answered once.
fn sign_until(is_over: &AtomicBool, signer: &SimSigner, caller: u16) -> usize {
    let mut signed = HashSet::new();
    let mut round = 0_u16;
    while !is_over.load(Ordering::Relaxed) {
        let contents = (0..12_u16).map(|n| [caller, round, n].map(u16::to_be_bytes).concat());
        let mut wanted: Vec<_> = contents.map(|content| request(&content)).collect();
        while !wanted.is_empty() {
            let answers = signer.sign(&wanted);
            let mut left = Vec::new();
            for (request, answer) in wanted.into_iter().zip(answers) {
                if answer.is_err() {
                    left.push(request);
                    continue;
                }
                all_good(&[request], &[answer]);
                assert!(signed.insert(request.content_digest), "once");
            }
            if !left.is_empty() {
                std::thread::sleep(Duration::from_millis(5));
            }
            wanted = left;
        }
        round += 1;
    }
    assert_eq!(signed.len(), usize::from(round) * 12);
    signed.len()
}

#[test]
fn hs_10_parallelism_does_not_follow_the_number_of_sessions() {
    let (key, certificate, _) = token(Duration::ZERO);
    let settings = SimSettings {
        delay: Duration::from_millis(10),
        spread: Duration::from_millis(2),
        parallelism: 2,
        sessions: 8,
        ..SimSettings::default()
    };
    let signer = SimSigner::start(key, certificate, settings).unwrap();
    let begun = Moment::now();
    let wanted = requests(20);
    all_good(&wanted, &signer.sign(&wanted));
    assert!(begun.elapsed() >= Duration::from_millis(100));
}
