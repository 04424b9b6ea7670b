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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::SoftwareKey;
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::sync::Arc;
    use std::time::Duration;

    /// Takes its time; each octet string that is listed is signed wrongly, or lost with its session.
    #[derive(Clone)]
    struct Plan {
        key: Arc<SoftwareKey>,
        pause: Duration,
        wrong: &'static [usize],
        lost: &'static [usize],
    }

    struct Slow {
        plan: Plan,
        is_second: bool,
    }

    impl SessionSource for Plan {
        type Session = Slow;

        fn open(&self) -> Result<Slow, HsmError> {
            Ok(Slow {
                plan: self.clone(),
                is_second: true,
            })
        }
    }

    impl SigningSession for Slow {
        fn sign(&mut self, attributes: &[u8]) -> Result<Vec<u8>, HsmError> {
            std::thread::sleep(self.plan.pause);
            let at = usize::from(attributes[0]);
            if self.plan.lost.contains(&at) && !self.is_second {
                return Err(HsmError::Away("lost".to_owned()));
            }
            let mut value = self.plan.key.sign(attributes)?;
            if self.plan.wrong.contains(&at) {
                value[9] ^= 1;
            }
            Ok(value)
        }
    }

    /// Parts in which eight were released, and how it ended.
    fn released(plan: &Plan) -> (Vec<Vec<usize>>, Result<(), HsmError>) {
        let mut session = Slow {
            plan: plan.clone(),
            is_second: false,
        };
        let octets: Vec<[u8; 170]> = (0..8).map(|at| [at; 170]).collect();
        let octets: Vec<&[u8]> = octets.iter().map(<[u8; 170]>::as_slice).collect();
        let parts = Rc::new(RefCell::new(Vec::new()));
        let told = Rc::clone(&parts);
        let public = plan.key.public();
        let ended = sign_checked(plan, &mut session, public, &octets, |checked| {
            for (at, value) in &checked {
                assert!(public.verifies(octets[*at], value));
            }
            told.borrow_mut()
                .push(checked.into_iter().map(|(at, _)| at).collect());
        });
        let parts = parts.borrow().clone();
        (parts, ended)
    }

    #[test]
    fn sg_16_checks_wait_for_each_other_where_calls_are_quick_and_nobody_waits_for_slow_ones() {
        let key = Arc::new(SoftwareKey::generate(2048).unwrap());
        let plan = |millis, wrong, lost| Plan {
            key: Arc::clone(&key),
            pause: Duration::from_millis(millis),
            wrong,
            lost,
        };
        let one_by_one: Vec<Vec<usize>> = (0..8).map(|at| vec![at]).collect();
        assert_eq!(released(&plan(8, &[], &[])), (one_by_one, Ok(())));
        // What is right among wrong ones is released, and the token goes out.
        let (parts, ended) = released(&plan(0, &[2, 5], &[]));
        assert_eq!(parts.concat(), [0, 1, 3, 4, 6, 7]);
        assert_eq!(ended, Err(HsmError::Faulty));
        // After the first fault nothing more is asked of a slow one.
        let (parts, ended) = released(&plan(8, &[2], &[]));
        assert_eq!((parts.concat(), ended), (vec![0, 1], Err(HsmError::Faulty)));
        // A session that was lost is opened again, and the request repeated.
        let (parts, ended) = released(&plan(0, &[], &[4]));
        assert_eq!((parts.concat().len(), ended), (8, Ok(())));
    }

    #[test]
    fn workers_share_what_waits() {
        let of = |waiting, workers| portion::<Slow>(waiting, workers);
        assert_eq!(
            [of(1, 2), of(2, 2), of(3, 2), of(16, 2), of(99, 2)],
            [1, 1, 2, 8, 8]
        );
        assert_eq!([of(0, 0), of(5, 0), of(64, 32)], [1, 5, 2]);
    }
}
