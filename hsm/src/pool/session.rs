//! Where sessions come from, and what one does with a handful of requests: sign, be opened again once
//! when it was lost (HS-03), check with the public key (SG-16).
//!
//! *Checks are made together* where that keeps nobody waiting: eight at once cost what two do one by one
//! ([`crate::vector`]). So a worker takes its share of what waits, eight at most, signs one after another,
//! and releases what it has as soon as the next call would make the first one wait too long.

use std::time::Instant as Moment;

use ceralacca_core::instant::Instant;
use ceralacca_core::smime::cms;

use crate::error::HsmError;
use crate::limits::CHECK_WAIT_MAX;
use crate::public_key::PublicKey;
use crate::vector::{Claim, LANES};

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
    /// Requests that it signs in the time of one.
    const AT_ONCE: usize = 1;

    /// The signature value over `attributes`. After an error the session is given up.
    fn sign(&mut self, attributes: &[u8]) -> Result<Vec<u8>, HsmError>;

    /// The same for at most [`Self::AT_ONCE`], in their order.
    fn sign_all(&mut self, attributes: &[&[u8]]) -> Vec<Result<Vec<u8>, HsmError>> {
        attributes.iter().map(|octets| self.sign(octets)).collect()
    }
}

/// Requests that a worker takes of `waiting` ones, where there are so many workers.
pub(crate) fn portion<S: SigningSession>(waiting: usize, workers: usize) -> usize {
    match S::AT_ONCE {
        1 => waiting.div_ceil(workers.max(1)).clamp(1, LANES),
        at_once => at_once,
    }
}

/// Requests that a token with so many workers may hold: what they sign, and that much ahead.
pub(crate) const fn capacity<S: SigningSession>(workers: usize) -> usize {
    let most = if S::AT_ONCE > LANES {
        S::AT_ONCE
    } else {
        LANES
    };
    2 * workers * most
}

/// Signatures that verify: the index among the attributes, and the value.
pub(crate) type Checked = Vec<(usize, Vec<u8>)>;

/// Signs, checks, and hands to `release` what verifies, in one or more parts; what a lost session leaves
/// undone is tried once more on a new one. An error: the token has to be taken out, and what was not
/// released is not signed.
pub(crate) fn sign_checked<S: SessionSource>(
    source: &S,
    session: &mut S::Session,
    public: &PublicKey,
    attributes: &[&[u8]],
    mut release: impl FnMut(Checked),
) -> Result<(), HsmError> {
    let mut made = Checked::with_capacity(attributes.len());
    let mut result = Ok(());
    let (mut first, mut begun) = (0, Moment::now());
    for some in attributes.chunks(S::Session::AT_ONCE) {
        let outcomes = session.sign_all(some).into_iter().zip(some);
        for (index, (outcome, octets)) in (first..).zip(outcomes) {
            match again_if_lost(source, session, outcome, octets) {
                Ok(value) => made.push((index, value)),
                // The first fault says what is wrong; those after it follow from it.
                Err(error) => result = result.and(Err(error)),
            }
        }
        first += some.len();
        let taken = begun.elapsed();
        let calls = u32::try_from(made.len().div_ceil(S::Session::AT_ONCE)).unwrap_or(1);
        if result.is_ok() && taken + taken / calls.max(1) > CHECK_WAIT_MAX {
            result = check(public, attributes, &mut made, &mut release);
            begun = Moment::now();
        }
        // It is given up: nothing more is asked of it.
        if result.is_err() {
            break;
        }
    }
    let last = check(public, attributes, &mut made, &mut release);
    result.and(last)
}

fn again_if_lost<S: SessionSource>(
    source: &S,
    session: &mut S::Session,
    outcome: Result<Vec<u8>, HsmError>,
    octets: &[u8],
) -> Result<Vec<u8>, HsmError> {
    match outcome {
        Err(error) if error.is_transient() => {
            *session = source.open()?;
            session.sign(octets)
        }
        other => other,
    }
}

/// Releases what verifies of `made`; an error where some does not.
fn check(
    public: &PublicKey,
    attributes: &[&[u8]],
    made: &mut Checked,
    release: &mut impl FnMut(Checked),
) -> Result<(), HsmError> {
    if made.is_empty() {
        return Ok(());
    }
    let claims = made.iter();
    let claims = claims.filter_map(|(index, value)| Some((*attributes.get(*index)?, &**value)));
    let claims: Vec<Claim<'_>> = claims.collect();
    let mut found = public.verifies_all(&claims).into_iter();
    let mut checked = std::mem::take(made);
    let all = checked.len();
    checked.retain(|_| found.next().unwrap_or(false));
    let is_faulty = checked.len() < all;
    release(checked);
    match is_faulty {
        true => Err(HsmError::Faulty),
        false => Ok(()),
    }
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
    sign_checked(source, session, public, &[attributes.as_slice()], drop)
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
