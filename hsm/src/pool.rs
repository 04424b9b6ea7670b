//! Sessions that sign side by side behind one bounded queue (HS-03). A worker owns one session; a lost
//! one is opened again with growing pauses, the request that met the loss is tried once more on the new
//! one. While no session works, requests are answered at once with `Unavailable`, and all resumes by
//! itself (HS-05). Nothing leaves that does not verify with the public key (SG-16).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant as Moment};

use ceralacca_core::ports::{Signature, Signer, SignerDescription, SignerError, SigningRequest};
use ceralacca_core::smime::{SigningCertificate, cms};
use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender, bounded};
use parking_lot::Mutex;

use crate::error::HsmError;
use crate::limits::{
    AVAILABILITY_POLL, REOPEN_PAUSE_MAX, REOPEN_PAUSE_MIN, SESSIONS_MAX, SHUTDOWN_WAIT_MAX,
    SIGNATURE_WAIT_MAX, SIGNING_QUEUE_MAX,
};
use crate::public_key::PublicKey;

/// Where sessions come from.
pub trait SessionSource: Send + Sync + 'static {
    /// What it opens. Lives and ends on one worker.
    type Session: SigningSession;

    /// Opens a session that can sign.
    fn open(&self) -> Result<Self::Session, HsmError>;
}

/// Signs with one key.
pub trait SigningSession {
    /// Requests that it likes to take together.
    const AT_ONCE: usize = 1;

    /// The signature value (RSASSA-PKCS1-v1_5 with SHA-256) over `attributes`. After an error the
    /// session is given up.
    fn sign(&mut self, attributes: &[u8]) -> Result<Vec<u8>, HsmError>;

    /// The same for at most [`Self::AT_ONCE`], in their order.
    fn sign_all(&mut self, attributes: &[&[u8]]) -> Vec<Result<Vec<u8>, HsmError>> {
        attributes.iter().map(|octets| self.sign(octets)).collect()
    }
}

/// A pool of sessions that use the key of one certificate.
pub struct SigningPool {
    shared: Arc<Shared>,
    /// Dropped first: idle workers end when the queue closes.
    queue: Option<Sender<Job>>,
    /// Dropped with it: workers in a pause end.
    stop: Option<Sender<()>>,
    workers: Vec<JoinHandle<()>>,
}

/// What a pool is called, in words for people.
#[derive(Debug, Clone)]
pub struct PoolName {
    /// `software key (evaluation only)`, `PKCS#11 token "…"`.
    pub name: String,
    /// The key is held in software (HS-01).
    pub is_software: bool,
}

struct Shared {
    name: PoolName,
    certificate: Arc<SigningCertificate>,
    public: PublicKey,
    started: Moment,
    /// After this a call counts as hanging.
    signature_wait: Duration,
    workers: Vec<WorkerState>,
    /// The last reason for which a session was lost.
    last_trouble: Mutex<String>,
}

#[derive(Default)]
struct WorkerState {
    has_session: AtomicBool,
    /// Milliseconds since the pool started, plus one; 0 while idle.
    busy_since: AtomicU64,
    /// Signatures handed out.
    signatures: AtomicU64,
    /// Nanoseconds of CPU that signing calls and their checks took on the worker's thread.
    cpu_nanos: AtomicU64,
}

struct Job {
    index: usize,
    attributes: Vec<u8>,
    reply: Sender<(usize, Result<Signature, SignerError>)>,
    /// Who asked has left: no signature is made for nobody.
    is_abandoned: Arc<AtomicBool>,
}

impl SigningPool {
    /// Opens `sessions` sessions. A fault that the operator must mend is an error; a token that is away
    /// is not: the pool then starts without a session, and goes on trying.
    pub fn start<S: SessionSource>(
        source: S,
        sessions: usize,
        certificate: Arc<SigningCertificate>,
        name: PoolName,
    ) -> Result<Self, HsmError> {
        Self::start_waiting(source, sessions, certificate, name, SIGNATURE_WAIT_MAX)
    }

    fn start_waiting<S: SessionSource>(
        source: S,
        sessions: usize,
        certificate: Arc<SigningCertificate>,
        name: PoolName,
        signature_wait: Duration,
    ) -> Result<Self, HsmError> {
        let public = PublicKey::from_certificate(&certificate.certificate)?;
        let sessions = sessions.clamp(1, SESSIONS_MAX);
        // Alone, before the workers: a wrong PIN is tried once, not once per session.
        let first = match source.open() {
            Ok(first) => Some(first),
            Err(error) if error.is_transient() => None,
            Err(error) => return Err(error),
        };
        let shared = Arc::new(Shared {
            name,
            certificate,
            public,
            started: Moment::now(),
            signature_wait,
            workers: (0..sessions).map(|_| WorkerState::default()).collect(),
            last_trouble: Mutex::new(String::new()),
        });
        let (queue, jobs) = bounded(SIGNING_QUEUE_MAX);
        let (stop, stopped) = bounded(0);
        let (ready, opened) = bounded(sessions);
        let source = Arc::new(source);
        let mut workers = Vec::with_capacity(sessions);
        for slot in 0..sessions {
            let worker = Worker {
                slot,
                shared: Arc::clone(&shared),
                source: Arc::clone(&source),
                jobs: jobs.clone(),
                stopped: stopped.clone(),
            };
            let ready = ready.clone();
            let spawned = std::thread::Builder::new()
                .name(format!("signer-{slot}"))
                .spawn(move || worker.run(&ready));
            workers.push(spawned.map_err(|error| HsmError::Away(error.to_string()))?);
        }
        drop(ready);
        // Each worker says once that it has tried to open its session.
        for _ in 0..sessions {
            if opened.recv_timeout(signature_wait).is_err() {
                break;
            }
        }
        // Kept until here: closing the last session of a token would log it out.
        drop(first);
        Ok(Self {
            shared,
            queue: Some(queue),
            stop: Some(stop),
            workers,
        })
    }

    /// A session can take work now.
    pub fn is_available(&self) -> bool {
        self.shared.is_available()
    }

    fn sum(&self, number: impl Fn(&WorkerState) -> &AtomicU64) -> u64 {
        let workers = self.shared.workers.iter();
        workers
            .map(|worker| number(worker).load(Ordering::Relaxed))
            .sum()
    }

    /// Hands the requests at `wanted` out, and gathers what comes back in time.
    fn round(
        &self,
        requests: &[SigningRequest],
        wanted: &[usize],
        results: &mut [Option<Result<Signature, SignerError>>],
    ) {
        let is_abandoned = Arc::new(AtomicBool::new(false));
        let (reply, answers) = bounded(wanted.len());
        let jobs = self.shared.jobs(requests, wanted, &reply, &is_abandoned);
        drop(reply);
        match jobs.and_then(|jobs| self.submit(jobs)) {
            Ok(()) => self.collect(&answers, results),
            Err(error) => results.iter_mut().for_each(|place| {
                place.get_or_insert_with(|| Err(error.clone()));
            }),
        }
        is_abandoned.store(true, Ordering::Relaxed);
    }

    fn submit(&self, jobs: Vec<Job>) -> Result<(), SignerError> {
        let Some(queue) = &self.queue else {
            return Err(self.shared.unavailable());
        };
        for mut job in jobs {
            while let Err(error) = queue.send_timeout(job, AVAILABILITY_POLL) {
                if !self.shared.is_available() {
                    return Err(self.shared.unavailable());
                }
                match error {
                    SendTimeoutError::Timeout(same) => job = same,
                    SendTimeoutError::Disconnected(_) => return Err(self.shared.unavailable()),
                }
            }
        }
        Ok(())
    }

    /// Waits for answers until all are there, or nobody is left to give them.
    fn collect(
        &self,
        answers: &Receiver<(usize, Result<Signature, SignerError>)>,
        results: &mut [Option<Result<Signature, SignerError>>],
    ) {
        let mut last_answer = Moment::now();
        loop {
            match answers.recv_timeout(AVAILABILITY_POLL) {
                Ok((index, answer)) => {
                    last_answer = Moment::now();
                    if let Some(place) = results.get_mut(index) {
                        *place = Some(answer);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    let is_late = last_answer.elapsed() > self.shared.signature_wait;
                    if is_late || !self.shared.is_available() {
                        return;
                    }
                }
            }
        }
    }
}

impl Signer for SigningPool {
    fn sign(&self, requests: &[SigningRequest]) -> Vec<Result<Signature, SignerError>> {
        let mut results: Vec<Option<Result<Signature, SignerError>>> = vec![None; requests.len()];
        let mut wanted: Vec<usize> = (0..requests.len()).collect();
        // What a lost session answered goes to another. The lost one is out of service by then, so that
        // the rounds end, and dead sessions that wait for work are all met at once.
        for _ in 0..=self.shared.workers.len() {
            if wanted.is_empty() || !self.shared.is_available() {
                break;
            }
            self.round(requests, &wanted, &mut results);
            wanted.retain(|index| {
                let answer = results.get(*index);
                matches!(answer, Some(Some(Err(SignerError::Unavailable(_)))))
            });
        }
        results
            .into_iter()
            .map(|answer| answer.unwrap_or_else(|| Err(self.shared.unavailable())))
            .collect()
    }

    fn certificate(&self) -> Arc<SigningCertificate> {
        Arc::clone(&self.shared.certificate)
    }

    fn describe(&self) -> SignerDescription {
        let is_available = self.is_available();
        let PoolName { name, is_software } = self.shared.name.clone();
        let trouble = self.shared.last_trouble.lock().clone();
        SignerDescription {
            name: if is_available || trouble.is_empty() {
                name
            } else {
                format!("{name} (away: {trouble})")
            },
            is_software,
            is_available,
            signatures: self.sum(|worker| &worker.signatures),
            cpu: Duration::from_nanos(self.sum(|worker| &worker.cpu_nanos)),
        }
    }
}

impl Drop for SigningPool {
    fn drop(&mut self) {
        self.queue = None;
        self.stop = None;
        let deadline = Moment::now() + SHUTDOWN_WAIT_MAX;
        for worker in self.workers.drain(..) {
            while !worker.is_finished() && Moment::now() < deadline {
                std::thread::sleep(Duration::from_millis(1));
            }
            // One that hangs inside its module is left behind: it cannot be cancelled.
            if worker.is_finished() {
                let _ = worker.join();
            }
        }
    }
}

impl Shared {
    fn jobs(
        &self,
        requests: &[SigningRequest],
        wanted: &[usize],
        reply: &Sender<(usize, Result<Signature, SignerError>)>,
        is_abandoned: &Arc<AtomicBool>,
    ) -> Result<Vec<Job>, SignerError> {
        let draft = |(index, request): (usize, &SigningRequest)| {
            let certificate = &self.certificate.certificate;
            let drafted =
                cms::signed_attributes(certificate, &request.content_digest, request.instant);
            Ok(Job {
                index,
                attributes: drafted.map_err(|e| SignerError::Unavailable(e.to_string()))?,
                reply: reply.clone(),
                is_abandoned: Arc::clone(is_abandoned),
            })
        };
        let named = wanted
            .iter()
            .filter_map(|index| Some((*index, requests.get(*index)?)));
        named.map(draft).collect()
    }

    fn is_available(&self) -> bool {
        let now = self.millis();
        let hang = u64::try_from(self.signature_wait.as_millis()).unwrap_or(u64::MAX);
        self.workers.iter().any(|worker| {
            let since = worker.busy_since.load(Ordering::Relaxed);
            let hangs = since != 0 && now.saturating_sub(since) > hang;
            worker.has_session.load(Ordering::Relaxed) && !hangs
        })
    }

    fn millis(&self) -> u64 {
        let since = self.started.elapsed().as_millis();
        u64::try_from(since).unwrap_or(u64::MAX).saturating_add(1)
    }

    fn unavailable(&self) -> SignerError {
        let trouble = self.last_trouble.lock().clone();
        SignerError::Unavailable(if trouble.is_empty() {
            format!("{} did not answer in time", self.name.name)
        } else {
            trouble
        })
    }
}

/// CPU time of the calling thread.
fn thread_cpu_nanos() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let nanos = time
        .tv_sec
        .saturating_mul(1_000_000_000)
        .saturating_add(time.tv_nsec);
    u64::try_from(nanos).unwrap_or(0)
}

struct Worker<S: SessionSource> {
    slot: usize,
    shared: Arc<Shared>,
    source: Arc<S>,
    jobs: Receiver<Job>,
    stopped: Receiver<()>,
}

/// How the use of a session ended.
enum End {
    /// The pool is closing.
    Closed,
    /// The session is lost, or signs wrongly.
    Lost(HsmError),
}

impl<S: SessionSource> Worker<S> {
    fn run(&self, ready: &Sender<()>) {
        let mut failures = 0_u32;
        loop {
            let opened = self.source.open();
            self.set_session(opened.is_ok());
            let end = match opened {
                Ok(session) => {
                    let _ = ready.try_send(());
                    self.serve(session, &mut failures)
                }
                Err(error) => End::Lost(error),
            };
            self.set_session(false);
            let End::Lost(error) = end else {
                return;
            };
            self.shared
                .last_trouble
                .lock()
                .clone_from(&error.to_string());
            let _ = ready.try_send(());
            if self.pauses(&error, failures) {
                return;
            }
            failures = failures.saturating_add(1);
        }
    }

    /// Waits before the next try; `true` when the pool closes meanwhile. What the operator must mend
    /// is never tried again.
    fn pauses(&self, error: &HsmError, failures: u32) -> bool {
        let closed = if error.is_transient() {
            let pause = REOPEN_PAUSE_MIN.saturating_mul(1 << failures.min(16));
            self.stopped.recv_timeout(pause.min(REOPEN_PAUSE_MAX))
        } else {
            self.stopped
                .recv()
                .map_err(|_| RecvTimeoutError::Disconnected)
        };
        matches!(closed, Err(RecvTimeoutError::Disconnected))
    }

    fn serve(&self, mut session: S::Session, failures: &mut u32) -> End {
        while let Ok(first) = self.jobs.recv() {
            // What waits already goes along; nobody is waited for.
            let rest = self.jobs.try_iter().take(S::Session::AT_ONCE - 1);
            let taken = std::iter::once(first).chain(rest);
            let jobs: Vec<Job> = taken
                .filter(|job| !job.is_abandoned.load(Ordering::Relaxed))
                .collect();
            if jobs.is_empty() {
                continue;
            }
            self.set_busy(true);
            let cpu_before = thread_cpu_nanos();
            let outcomes = self.outcomes(&mut session, &jobs);
            let signed = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
            self.count(signed, thread_cpu_nanos().saturating_sub(cpu_before));
            self.set_busy(false);
            if signed == jobs.len() {
                *failures = 0;
            } else {
                // First out of service, then the answer: who reads it sees the state it tells of.
                self.set_session(false);
            }
            if let Some(error) = self.reply(jobs, outcomes) {
                return End::Lost(error);
            }
        }
        End::Closed
    }

    /// Signs and checks; what a lost session leaves undone is tried once more on a new one.
    fn outcomes(&self, session: &mut S::Session, jobs: &[Job]) -> Vec<Result<Vec<u8>, HsmError>> {
        let attributes: Vec<&[u8]> = jobs.iter().map(|job| job.attributes.as_slice()).collect();
        let mut outcomes = session.sign_all(&attributes);
        for (outcome, attributes) in outcomes.iter_mut().zip(&attributes) {
            if outcome.as_ref().is_err_and(HsmError::is_transient) {
                match self.source.open() {
                    Ok(fresh) => {
                        *session = fresh;
                        *outcome = session.sign(attributes);
                    }
                    Err(error) => *outcome = Err(error),
                }
            }
        }
        let checked = outcomes.into_iter().zip(attributes);
        checked
            .map(|(outcome, attributes)| outcome.and_then(|v| self.checked(attributes, v)))
            .collect()
    }

    /// Answers all; the error for which the session is given up, if there is one.
    fn reply(&self, jobs: Vec<Job>, outcomes: Vec<Result<Vec<u8>, HsmError>>) -> Option<HsmError> {
        let mut lost = None;
        for (job, outcome) in jobs.into_iter().zip(outcomes) {
            let answer = match outcome {
                Ok(value) => Ok(Signature {
                    signed_attributes: job.attributes,
                    value,
                    by: Arc::clone(&self.shared.certificate),
                }),
                Err(error) => {
                    let answer = self.answer(&error);
                    lost = Some(error);
                    Err(answer)
                }
            };
            let _ = job.reply.send((job.index, answer));
        }
        lost
    }

    fn checked(&self, attributes: &[u8], value: Vec<u8>) -> Result<Vec<u8>, HsmError> {
        if self.shared.public.verifies(attributes, &value) {
            Ok(value)
        } else {
            Err(HsmError::Faulty)
        }
    }

    fn answer(&self, error: &HsmError) -> SignerError {
        match error {
            HsmError::Faulty => SignerError::Faulty(self.shared.name.name.clone()),
            other => SignerError::Unavailable(other.to_string()),
        }
    }

    fn state(&self) -> Option<&WorkerState> {
        self.shared.workers.get(self.slot)
    }

    fn set_session(&self, has_session: bool) {
        if let Some(state) = self.state() {
            state.has_session.store(has_session, Ordering::Relaxed);
        }
    }

    fn count(&self, signed: usize, cpu_nanos: u64) {
        if let Some(state) = self.state() {
            state.signatures.fetch_add(signed as u64, Ordering::Relaxed);
            state.cpu_nanos.fetch_add(cpu_nanos, Ordering::Relaxed);
        }
    }

    fn set_busy(&self, is_busy: bool) {
        let since = if is_busy { self.shared.millis() } else { 0 };
        if let Some(state) = self.state() {
            state.busy_since.store(since, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{Authority, SoftwareKey};
    use ceralacca_core::instant::Instant;

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
        let pool = SigningPool::start_waiting(
            Stuck { key, gate },
            1,
            Arc::new(certificate),
            PoolName {
                name: "stuck".to_owned(),
                is_software: true,
            },
            Duration::from_millis(200),
        )
        .unwrap();
        let requests = [SigningRequest {
            content_digest: [7; 32],
            instant: now,
        }];
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
}
