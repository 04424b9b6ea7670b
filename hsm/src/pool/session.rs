//! Where sessions come from, and what one does with a handful of requests: sign, be opened again once
//! when it was lost (HS-03), check with the public key (SG-16).

use ceralacca_core::instant::Instant;
use ceralacca_core::smime::cms;

use crate::error::HsmError;
use crate::public_key::PublicKey;

/// Where sessions come from.
pub trait SessionSource: Send + Sync + 'static {
    /// What it opens. Lives and ends on one worker.
    type Session: SigningSession;

    /// Opens a session that can sign.
    fn open(&self) -> Result<Self::Session, HsmError>;

    /// The key is held in software (HS-01), where only the opened source can tell.
    fn is_software(&self) -> Option<bool> {
        None
    }
}

/// Signs with one key.
pub trait SigningSession {
    /// Requests that it likes to take together.
    const AT_ONCE: usize = 1;

    /// The signature value over `attributes`. After an error the session is given up.
    fn sign(&mut self, attributes: &[u8]) -> Result<Vec<u8>, HsmError>;

    /// The same for at most [`Self::AT_ONCE`], in their order.
    fn sign_all(&mut self, attributes: &[&[u8]]) -> Vec<Result<Vec<u8>, HsmError>> {
        attributes.iter().map(|octets| self.sign(octets)).collect()
    }
}

/// The signatures of a handful that verify, and the error for which the token has to be taken out.
#[derive(Default)]
pub(crate) struct Outcome {
    /// The index among the attributes, and the value.
    pub(crate) made: Vec<(usize, Vec<u8>)>,
    /// Of those that are not among `made`.
    pub(crate) error: Option<HsmError>,
}

/// Signs and checks; what a lost session leaves undone is tried once more on a new one.
pub(crate) fn sign_checked<S: SessionSource>(
    source: &S,
    session: &mut S::Session,
    public: &PublicKey,
    attributes: &[&[u8]],
) -> Outcome {
    let mut result = Outcome::default();
    let outcomes = session.sign_all(attributes);
    for (index, (outcome, octets)) in outcomes.into_iter().zip(attributes).enumerate() {
        let outcome = match outcome {
            Err(error) if error.is_transient() && result.error.is_none() => {
                source.open().and_then(|fresh| {
                    *session = fresh;
                    session.sign(octets)
                })
            }
            other => other,
        };
        match outcome {
            Ok(value) if public.verifies(octets, &value) => result.made.push((index, value)),
            // The first fault says what is wrong; those after it follow from it.
            Ok(_) => {
                result.error.get_or_insert(HsmError::Faulty);
            }
            Err(error) => {
                result.error.get_or_insert(error);
            }
        }
    }
    result
}

/// A signature that nobody is given, over the digest of nothing at the dawn of time: a token that was out
/// is back when it makes a good one.
pub(crate) fn probe<S: SessionSource>(
    source: &S,
    session: &mut S::Session,
    public: &PublicKey,
    certificate: &[u8],
) -> Result<(), HsmError> {
    let attributes = cms::signed_attributes(certificate, &[0; 32], Instant::from_millis(0))
        .map_err(|error| HsmError::NotPossible(error.to_string()))?;
    let outcome = sign_checked(source, session, public, &[attributes.as_slice()]);
    outcome.error.map_or(Ok(()), Err)
}

/// CPU time of the calling thread.
pub(crate) fn thread_cpu_nanos() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let nanos = time
        .tv_sec
        .saturating_mul(1_000_000_000)
        .saturating_add(time.tv_nsec);
    u64::try_from(nanos).unwrap_or(0)
}
