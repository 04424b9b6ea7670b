//! The thread that has signatures noted each hour and reconciles them each night, behind the mail; and what it
//! does, for commands too.

use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use parking_lot::Mutex;

use super::{Ledger, NoteOrder, Reconciled};
use crate::instant::Instant;
use crate::journal::{JournalError, Position};
use crate::limits::{RECONCILED_AFTER_MS, RECONCILIATION_POLL, SIGNATURES_NOTED_MS};
use crate::message_id::Identifier;
use crate::owner::{Command, CommandError, Outcome};
use crate::state::Shared;
use crate::task::{TaskKey, TaskKind};

/// What was folded so far, and what came of it last.
#[derive(Default)]
pub(crate) struct Folded {
    ledger: Ledger,
    position: Position,
    last: Option<Reconciled>,
}

/// Why signatures are not reconciled.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The owner.
    #[error(transparent)]
    Owner(#[from] CommandError),
    /// The journal cannot be read again.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// The thread.
pub(crate) struct Keeper {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Keeper {
    /// Starts it; the first look comes soon.
    pub(crate) fn spawn(shared: Arc<Shared>) -> std::io::Result<Self> {
        let (stop, stopped) = bounded::<()>(0);
        let thread = std::thread::Builder::new()
            .name("reconciler".to_owned())
            .spawn(move || {
                // Mail comes first: refused, it is only slower.
                let this = Some(rustix::thread::gettid());
                let _ = rustix::process::setpriority_process(this, 10);
                let mut done = Done::default();
                while stopped.recv_timeout(RECONCILIATION_POLL) == Err(RecvTimeoutError::Timeout) {
                    done.look(&shared);
                }
            })?;
        Ok(Self { stop, thread })
    }

    /// Ends after what is under way; `false` when the thread had failed.
    pub(crate) fn stop(self) -> bool {
        drop(self.stop);
        self.thread.join().is_ok()
    }
}

/// The hour of the last note, and the night of the last reconciliation.
#[derive(Default)]
struct Done {
    hour: Option<i64>,
    night: Option<i64>,
}

/// What it is time for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Note,
    Reconciliation,
}

impl Done {
    fn look(&mut self, shared: &Arc<Shared>) {
        let done = match self.due(shared.clock.now()) {
            Some(Due::Reconciliation) => shared.reconcile().map(drop),
            Some(Due::Note) => shared.note_signatures(false).map_err(ReconcileError::from),
            None => return,
        };
        if let Err(error) = done {
            crate::warning!("signatures were not reconciled: {error}");
        }
    }

    /// At first all: the night may have passed while nothing ran.
    fn due(&mut self, now: Instant) -> Option<Due> {
        let now = now.as_millis();
        let hour = now.div_euclid(SIGNATURES_NOTED_MS);
        let night = (now - RECONCILED_AFTER_MS).div_euclid(DAY_MS);
        let (last_hour, last_night) = (self.hour.replace(hour), self.night.replace(night));
        if last_night != Some(night) {
            Some(Due::Reconciliation)
        } else if last_hour != Some(hour) {
            Some(Due::Note)
        } else {
            None
        }
    }
}

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

impl Shared {
    /// Has the owner note what the keys have made since the last note.
    pub(crate) fn note_signatures(&self, closes: bool) -> Result<(), CommandError> {
        let order = NoteOrder {
            signer: self.signer.read().clone(),
            uses: Arc::clone(&self.uses),
            closes,
        };
        self.asked(Command::NoteSignatures(order)).map(drop)
    }

    /// Notes, reads the journal on from where it was read last, and opens a task where the numbers do not fit.
    pub(crate) fn reconcile(&self) -> Result<Reconciled, ReconcileError> {
        self.note_signatures(false)?;
        let mut folded = self.folded.lock();
        let until = Position(self.position.load(std::sync::atomic::Ordering::Acquire));
        let from = folded.position;
        let ledger = &mut folded.ledger;
        self.reader.replay(from, until, &mut |entry| {
            ledger.take(&entry.record);
            Ok(())
        })?;
        folded.position = until;
        let reconciled = folded.ledger.reconciled(self.clock.now());
        folded.last = Some(reconciled.clone());
        drop(folded);
        self.tell(&reconciled)?;
        Ok(reconciled)
    }

    /// What came of the last reconciliation since the start.
    pub(crate) fn reconciled(&self) -> Option<Reconciled> {
        self.folded.lock().last.clone()
    }

    fn tell(&self, reconciled: &Reconciled) -> Result<(), CommandError> {
        for line in &reconciled.keys {
            crate::notice!("signatures reconciled: {line}");
            let provider = self.view.provider();
            let (Some(words), Some(provider)) = (line.alarm(), provider) else {
                continue;
            };
            let about = Identifier::parse(&format!("key-{}@{}", line.key, provider.domain));
            if let Some(identifier) = about {
                let kind = TaskKind::SignatureCount;
                let words = format!("{words} ({line})");
                self.asked(Command::OpenTask(TaskKey { identifier, kind }, words))?;
            }
        }
        Ok(())
    }

    fn asked(&self, command: Command) -> Result<Outcome, CommandError> {
        let (answer, wait) = bounded(1);
        self.put(command, Box::new(move |outcome| drop(answer.send(outcome))));
        wait.recv().unwrap_or(Err(CommandError::Stopping))
    }
}

/// A room for [`Folded`].
pub(crate) type FoldedRoom = Mutex<Folded>;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn lg_14_signatures_are_noted_each_hour_and_reconciled_each_night() {
        let at = |text: &str| Instant::from_rfc3339(text).unwrap();
        let mut done = Done::default();
        for (now, due) in [
            ("2026-11-26T00:10:00Z", Some(Due::Reconciliation)),
            ("2026-11-26T00:11:00Z", None),
            ("2026-11-26T01:00:00Z", Some(Due::Note)),
            ("2026-11-26T01:59:59Z", None),
            ("2026-11-26T02:00:30Z", Some(Due::Reconciliation)),
            ("2026-11-26T02:01:30Z", None),
            ("2026-11-26T03:00:00Z", Some(Due::Note)),
            ("2026-11-27T01:59:00Z", Some(Due::Note)),
            ("2026-11-27T02:00:00Z", Some(Due::Reconciliation)),
            ("2026-11-30T17:00:00Z", Some(Due::Reconciliation)),
        ] {
            assert_eq!(done.due(at(now)), due, "{now}");
        }
    }
}
