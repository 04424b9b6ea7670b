//! A token in this process: a worker per session, which comes for work. For tests, `demo`'s and the
//! commands' one signature, and inside measures; `serve` keeps its tokens in children ([`crate::child`]),
//! because a call that hangs here can only be left behind.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use ceralacca_core::smime::SigningCertificate;
use ceralacca_core::smime::cms::AttributesTemplate;

use super::engine::{Engine, Made, Place, Step, Taken};
use super::session::{
    Checked, SessionSource, SigningSession, capacity, portion, probe, sign_checked,
    thread_cpu_nanos,
};
use crate::error::HsmError;
use crate::limits::{FURTHER_SESSION_PAUSE, SESSIONS_MAX};
use crate::public_key::PublicKey;

/// Where a token sits: what its line needs to know.
pub(crate) struct Seat {
    pub(crate) engine: Arc<Engine>,
    pub(crate) place: Place,
    pub(crate) certificate: Arc<SigningCertificate>,
    pub(crate) public: PublicKey,
    pub(crate) attributes: AttributesTemplate,
}

/// Starts the workers of a token.
pub(super) fn start<S: SessionSource>(
    source: S,
    sessions: usize,
    seat: Seat,
) -> Result<Vec<JoinHandle<()>>, HsmError> {
    let sessions = sessions.clamp(1, SESSIONS_MAX);
    let worker = Arc::new(Worker {
        seat,
        source,
        sessions,
    });
    let start_one = |slot: usize| {
        let worker = worker.clone();
        std::thread::Builder::new()
            .name(format!("signer-{slot}"))
            .spawn(move || worker.run())
            .map_err(|error| HsmError::Away(error.to_string()))
    };
    (0..sessions).map(start_one).collect()
}

struct Worker<S> {
    seat: Seat,
    source: S,
    sessions: usize,
}

impl<S: SessionSource> Worker<S> {
    fn run(&self) {
        let Seat { engine, place, .. } = &self.seat;
        loop {
            match engine.next_step(*place) {
                Step::End => return,
                // Alone, before the others open theirs: a wrong PIN is tried once, not once per session.
                Step::Probe { was_ready } => match self.try_out(was_ready) {
                    Ok(session) => {
                        let at_once = self.sessions * S::Session::AT_ONCE;
                        let room = (at_once, capacity::<S::Session>(self.sessions));
                        let epoch = engine.ready(*place, room, self.source.is_software());
                        self.serve(session, epoch);
                    }
                    Err(error) => engine.failed(*place, &error),
                },
                Step::Serve(epoch) => {
                    if let Some(session) = self.join(epoch) {
                        self.serve(session, epoch);
                    }
                }
            }
        }
    }

    /// A further session of a token that signs; where it allows no more, it goes on with those it has.
    fn join(&self, epoch: u64) -> Option<S::Session> {
        let mut pauses = Pauses::default();
        loop {
            match self.source.open() {
                Ok(session) => return Some(session),
                Err(error) => {
                    let pause = pauses.after(&error);
                    if !self.seat.engine.rest(self.seat.place, epoch, pause) {
                        return None;
                    }
                }
            }
        }
    }

    fn try_out(&self, was_ready: bool) -> Result<S::Session, HsmError> {
        let mut session = self.source.open()?;
        if was_ready {
            let Seat {
                public,
                certificate,
                ..
            } = &self.seat;
            probe(&self.source, &mut session, public, &certificate.certificate)?;
        }
        Ok(session)
    }

    /// What waits already goes along; nobody is waited for.
    fn serve(&self, mut session: S::Session, epoch: u64) {
        let Seat { engine, place, .. } = &self.seat;
        let most = |waiting| portion::<S::Session>(waiting, self.sessions);
        while let Some(taken) = engine.take_waiting(*place, epoch, most) {
            if let Err(error) = self.sign(&mut session, epoch, &taken) {
                engine.take_out(*place, epoch, error);
                return;
            }
        }
    }

    fn sign(&self, session: &mut S::Session, epoch: u64, taken: &[Taken]) -> Result<(), HsmError> {
        let Seat {
            engine,
            place,
            public,
            attributes,
            ..
        } = &self.seat;
        let drafts = drafted(attributes, taken)?;
        let mut before = thread_cpu_nanos();
        let octets: Vec<&[u8]> = drafts.iter().map(|(_, octets)| octets.as_slice()).collect();
        let release = |checked: Checked| {
            let made = checked.into_iter().filter_map(|(index, value)| {
                let (number, attributes) = drafts.get(index)?;
                Some(Made {
                    number: *number,
                    attributes: attributes.clone(),
                    value,
                })
            });
            let now = thread_cpu_nanos();
            engine.answer(*place, epoch, made.collect(), now.saturating_sub(before));
            before = now;
        };
        sign_checked(&self.source, session, public, &octets, release)
    }
}

/// Between two tries at a further session: growing, without an end where the operator must mend it.
#[derive(Default)]
pub(crate) struct Pauses(u32);

impl Pauses {
    /// The pause after a failure; the first one is told.
    pub(crate) fn after(&mut self, error: &HsmError) -> Duration {
        if self.0 == 0 {
            ceralacca_core::warning!("a token signs with fewer sessions than it should: {error}");
        }
        self.0 += 1;
        match error.is_transient() {
            true => FURTHER_SESSION_PAUSE.saturating_mul(self.0),
            false => Duration::MAX,
        }
    }
}

/// The signed attributes of each request, for the key of this template's certificate.
pub(crate) fn drafted(
    template: &AttributesTemplate,
    taken: &[Taken],
) -> Result<Vec<(u64, Vec<u8>)>, HsmError> {
    let draft = |taken: &Taken| {
        let (digest, instant) = (&taken.request.content_digest, taken.request.instant);
        let attributes = template.fill(digest, instant);
        let attributes = attributes.map_err(|error| HsmError::NotPossible(error.to_string()))?;
        Ok((taken.number, attributes))
    };
    taken.iter().map(draft).collect()
}
