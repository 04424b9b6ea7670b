//! One queue, several tokens: what stands behind every signer. A worker or a child process owns sessions of
//! one token and takes from the queue as fast as it signs, the nearest deadline first (HS-06); a lost session
//! is opened again (HS-03). A token that fails, hangs or signs wrongly is taken out, what it held is signed by
//! another, and it comes back by itself (HS-04); while none is left requests are answered at once with
//! `Unavailable`, and all resumes by itself (HS-05). Nothing leaves that does not verify with the public key
//! (SG-16).
//!
//! `engine` decides, `local` are tokens of this process, [`crate::child`] tokens in processes of their own.

mod batch;
mod engine;
mod local;
mod session;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant as Moment};

use ceralacca_core::ports::{
    Signature, Signer, SignerDescription, SignerError, SigningRequest, TokenDescription,
};
use ceralacca_core::reconciliation::KeyMark;
use ceralacca_core::smime::SigningCertificate;
use ceralacca_core::smime::cms::AttributesTemplate;

use engine::Engine;
pub(crate) use engine::{Feed, Made, Step};
pub(crate) use local::{Pauses, Seat, drafted};
pub(crate) use session::{Checked, capacity, portion, probe, sign_checked, thread_cpu_nanos};
pub use session::{SessionSource, SigningSession};

use self::batch::Batch;
use crate::error::HsmError;
use crate::limits::{AVAILABILITY_POLL, SHUTDOWN_WAIT_MAX, SIGNATURE_WAIT_MAX};
use crate::public_key::PublicKey;

/// Tokens behind one queue.
pub struct SigningPool {
    engine: Arc<Engine>,
    /// The first token's.
    certificate: Arc<SigningCertificate>,
    threads: Vec<JoinHandle<()>>,
}

/// What a token is called, in words for people.
#[derive(Debug, Clone)]
pub struct PoolName {
    /// `software key (evaluation only)`, `PKCS#11 token "…"`.
    pub name: String,
    /// The key is held in software (HS-01).
    pub is_software: bool,
}

/// A token that a pool is to sign with.
pub struct TokenPlan {
    pub(crate) name: PoolName,
    pub(crate) certificate: Arc<SigningCertificate>,
    pub(crate) held: Option<String>,
    pub(crate) line: Line,
}

/// Starts the threads that serve a token.
type Line = Box<dyn FnOnce(Seat) -> Result<Vec<JoinHandle<()>>, HsmError> + Send>;

impl TokenPlan {
    /// A token in this process, by so many sessions.
    pub fn here<S: SessionSource>(
        source: S,
        sessions: usize,
        certificate: Arc<SigningCertificate>,
        name: PoolName,
    ) -> Self {
        Self {
            name,
            certificate,
            held: None,
            line: Box::new(move |seat| local::start(source, sessions, seat)),
        }
    }

    /// It does not sign before [`SigningPool::admit`] lets it; why, in words for people.
    #[must_use]
    pub fn held(mut self, why: Option<String>) -> Self {
        self.held = why;
        self
    }
}

impl SigningPool {
    /// One token in this process. A fault that the operator must mend is an error; a token that is away
    /// is not: the pool then starts without a session, and goes on trying.
    pub fn start<S: SessionSource>(
        source: S,
        sessions: usize,
        certificate: Arc<SigningCertificate>,
        name: PoolName,
    ) -> Result<Self, HsmError> {
        Self::of(vec![TokenPlan::here(source, sessions, certificate, name)])
    }

    /// Several tokens, the first of which names the pool's certificate. What the operator must mend is an
    /// error when it is so with all of them: one alone stays out, and [`Signer::describe`] says why.
    pub fn of(tokens: Vec<TokenPlan>) -> Result<Self, HsmError> {
        Self::waiting(tokens, SIGNATURE_WAIT_MAX)
    }

    /// As [`SigningPool::of`], where a call counts as hanging after `signature_wait`: for tests.
    pub fn waiting(tokens: Vec<TokenPlan>, signature_wait: Duration) -> Result<Self, HsmError> {
        let first = tokens.first().map(|plan| plan.certificate.clone());
        let no_token = || HsmError::NotPossible("a signer needs a token".to_owned());
        let mut pool = Self {
            engine: Arc::new(Engine::new(signature_wait)),
            certificate: first.ok_or_else(no_token)?,
            threads: Vec::new(),
        };
        for plan in tokens {
            let public = PublicKey::from_certificate(&plan.certificate.certificate)?;
            let attributes = AttributesTemplate::of(&plan.certificate.certificate);
            let attributes =
                attributes.map_err(|error| HsmError::NotPossible(error.to_string()))?;
            let PoolName { name, is_software } = plan.name;
            let certificate = plan.certificate.clone();
            let place = pool.engine.add(name, is_software, certificate, plan.held);
            let seat = Seat {
                engine: pool.engine.clone(),
                place,
                certificate: plan.certificate,
                public,
                attributes,
            };
            pool.threads.extend((plan.line)(seat)?);
        }
        pool.engine.wait_tried(signature_wait);
        match pool.engine.refusal() {
            Some(error) => Err(error),
            None => Ok(pool),
        }
    }

    /// A token can take work now.
    pub fn is_available(&self) -> bool {
        self.engine.is_available()
    }

    /// Requests that wait for a token now.
    pub fn waiting_count(&self) -> usize {
        self.engine.waiting_count()
    }

    /// Lets the token at `place` sign that was held back, or says anew why it may not.
    pub fn admit(&self, place: usize, why_not: Option<String>) {
        self.engine.hold(place, why_not);
    }
}

impl Signer for SigningPool {
    fn sign(&self, requests: &[SigningRequest]) -> Vec<Result<Signature, SignerError>> {
        if requests.is_empty() {
            return Vec::new();
        }
        let batch = Arc::new(Batch::of(requests.len()));
        self.engine.submit(requests, &batch);
        batch.wait(AVAILABILITY_POLL, || self.engine.watch())
    }

    fn certificate(&self) -> Arc<SigningCertificate> {
        Arc::clone(&self.certificate)
    }

    /// Of each certificate that signs here; what a token made that nobody got is not in it.
    fn made(&self) -> Vec<(KeyMark, u64)> {
        self.engine.made()
    }

    fn describe(&self) -> SignerDescription {
        // Where nobody asks for signatures, who looks sees that a call hangs.
        self.engine.watch();
        let described = self.engine.describe();
        let nanos = described.iter().map(|(_, nanos)| *nanos).sum();
        let tokens: Vec<TokenDescription> = described.into_iter().map(|(token, _)| token).collect();
        let names: Vec<String> = tokens.iter().map(TokenDescription::words).collect();
        SignerDescription {
            name: names.join("; "),
            is_software: tokens.iter().any(|token| token.is_software),
            is_available: tokens.iter().any(|token| token.is_available),
            signatures: tokens.iter().map(|token| token.signatures).sum(),
            cpu: Duration::from_nanos(nanos),
            tokens,
        }
    }
}

impl Drop for SigningPool {
    fn drop(&mut self) {
        self.engine.close();
        let (begun, mut is_killed) = (Moment::now(), false);
        let deadline = begun + SHUTDOWN_WAIT_MAX;
        for thread in self.threads.drain(..) {
            while !thread.is_finished() && Moment::now() < deadline {
                std::thread::sleep(Duration::from_millis(1));
                // A process that hangs does not hear that it is to end.
                if !is_killed && begun.elapsed() > SHUTDOWN_WAIT_MAX / 2 {
                    is_killed = true;
                    self.engine.kill();
                }
            }
            // One that hangs inside its module is left behind: it cannot be cancelled.
            if thread.is_finished() {
                let _ = thread.join();
            }
        }
    }
}

#[cfg(test)]
mod tests;
