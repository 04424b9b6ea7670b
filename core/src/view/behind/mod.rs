//! Views written behind: rows that were published go to disk later, in large batches, so that a start
//! need not replay the whole journal. They answer nothing at work and promise nothing: delete `views/`
//! and it is rebuilt.
//!
//! - *Problem.* Two rows for each step of a message at random places would cost more than the message.
//!   *Rejected:* writing with the commit; sled's own durability, which it does not have on Linux.
//! - *Algorithm.* [`Behind::note`] puts rows into a map where the last value of a key wins and where what
//!   came and went vanishes. One thread writes the map out each [`limits::VIEW_PAUSE_MS`] ms, with the
//!   position. Past [`limits::VIEW_ROWS_WAITING_MAX`] the map is dropped and the thread reads the journal
//!   itself at the disk's pace until it has caught up; it starts that way too. Mail never waits.
//! - *Files.* `sled/`, `mail/`, `clean`: see `behind/store.rs`.
//! - *At start.* Damaged, missing, of another form, or of a boot that did not end cleanly: rebuilt, with
//!   the reason. A good position beyond the journal's end: the journal lost records, stop.
//! - *Limits.* All rows are loaded at start; a full disk stops the writing behind, not the mail.

mod file;
mod pending;
mod store;
mod table;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

pub use store::{Store, load};

use self::pending::Pending;
use super::{Row, View, apply};
use crate::journal::{JournalError, LaneReader, Position};
use crate::limits;

/// Why the views cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// Something was seen by readers that the journal does not hold: the journal has lost records.
    #[error(
        "the views in {folder} have applied the journal up to {view:#x}, but it ends at {journal:#x}: \
         the journal has lost records; restore it, or move the views away to accept the loss"
    )]
    Ahead {
        /// `views/`
        folder: String,
        /// Position of the views.
        view: u64,
        /// End of the journal.
        journal: u64,
    },
    /// The disk or sled failed.
    #[error("cannot {action} the views in {folder}: {reason}")]
    Disk {
        /// What was tried.
        action: &'static str,
        /// `views/`
        folder: String,
        /// What was answered.
        reason: String,
    },
}

/// The views of the last run, loaded, or an empty start.
pub struct Loaded {
    /// What readers see.
    pub view: View,
    /// The journal is to be replayed from here.
    pub position: Position,
    /// Why the views are rebuilt from the journal's start; `None` when they were good.
    pub rebuilt: Option<String>,
    /// To be handed to [`Behind::spawn`].
    pub store: Store,
}

/// How far the views are behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// Rows that wait to be written; those to be read from the journal again do not count.
    pub rows: usize,
    /// Written up to here.
    pub written: Position,
    /// Noted up to here.
    pub noted: Position,
}

/// The thread that writes views behind.
#[derive(Debug)]
pub struct Behind {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Result<(), ViewError>>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug)]
struct State {
    pending: Pending,
    noted: Position,
    written: Position,
    /// Rows are read from the journal; notes only say how far it goes.
    is_following: bool,
    is_stopping: bool,
    trouble: Option<String>,
}

/// What the thread owns.
struct Writer {
    store: Store,
    journal: LaneReader,
    shared: Arc<Shared>,
    /// Up to here rows may be stored from an earlier run.
    fence: Position,
}

impl Behind {
    /// Starts the thread. It brings the store up to the journal's end at [`load`] by itself; every
    /// record after that must be noted.
    pub fn spawn(store: Store, journal: LaneReader) -> Result<Self, ViewError> {
        let state = State {
            pending: Pending::default(),
            noted: store.journal_end,
            written: store.written,
            is_following: true,
            is_stopping: false,
            trouble: None,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            wake: Condvar::new(),
        });
        let fence = match store.is_fresh {
            true => Position::default(),
            false => store.journal_end,
        };
        let folder = store.folder.display().to_string();
        let writer = Writer {
            store,
            journal,
            shared: shared.clone(),
            fence,
        };
        let thread = std::thread::Builder::new()
            .name("keeper".to_owned())
            .spawn(move || writer.run_contained());
        let thread = thread.map_err(|error| ViewError::Disk {
            action: "start the writer of",
            folder,
            reason: error.to_string(),
        })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Rows that were published, and the position after their records; in the journal's order. Never
    /// waits for the disk.
    pub fn note(&self, rows: Vec<Row>, position: Position) {
        let mut state = self.shared.state.lock();
        state.noted = position;
        if state.is_following || state.trouble.is_some() {
            return;
        }
        for row in rows {
            state.pending.put(row, false);
        }
        if state.pending.len() > limits::VIEW_ROWS_WAITING_MAX {
            state.pending.clear();
            state.is_following = true;
        }
        if state.pending.len() > limits::VIEW_ROWS_EAGER {
            self.shared.wake.notify_one();
        }
    }

    /// A row that follows from what is stored, not from a record. `false`: not taken now, for the writer
    /// is busy with others; to be tried again.
    pub fn note_derived(&self, row: &Row) -> bool {
        let mut state = self.shared.state.lock();
        if state.trouble.is_some() {
            return true;
        }
        if state.is_following || state.pending.len() > limits::VIEW_ROWS_EAGER {
            return false;
        }
        state.pending.put(row.clone(), false);
        true
    }

    /// How far behind.
    pub fn lag(&self) -> Lag {
        let state = self.shared.state.lock();
        Lag {
            rows: state.pending.len(),
            written: state.written,
            noted: state.noted,
        }
    }

    /// What stopped the thread: the views are then not written any more, mail goes on, and the next
    /// start replays more of the journal.
    pub fn trouble(&self) -> Option<String> {
        self.shared.state.lock().trouble.clone()
    }

    /// Writes what waits, marks a clean end.
    pub fn stop(mut self) -> Result<(), ViewError> {
        self.ask_to_stop();
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(ended)) => ended,
            _ => Ok(()),
        }
    }

    fn ask_to_stop(&self) {
        self.shared.state.lock().is_stopping = true;
        self.shared.wake.notify_one();
    }
}

impl Drop for Behind {
    /// Without [`Behind::stop`] the thread ends as well, and is waited for, so that the files are free.
    fn drop(&mut self) {
        self.ask_to_stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Writer {
    fn run_contained(self) -> Result<(), ViewError> {
        // Mail comes first: refused, it is only slower.
        let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), 10);
        let shared = self.shared.clone();
        let folder = self.store.folder.display().to_string();
        let ended = catch_unwind(AssertUnwindSafe(|| self.run()));
        let ended = ended.unwrap_or_else(|_| {
            Err(ViewError::Disk {
                action: "write",
                folder,
                reason: "sled stopped with a panic".to_owned(),
            })
        });
        if let Err(error) = &ended {
            let mut state = shared.state.lock();
            state.trouble = Some(error.to_string());
            state.pending.clear();
        }
        ended
    }

    fn run(mut self) -> Result<(), ViewError> {
        self.store.begin()?;
        loop {
            let is_following = self.wait();
            match is_following {
                true => self.follow()?,
                false => self.write_pending()?,
            }
            let state = self.shared.state.lock();
            let is_written = state.written == state.noted && state.pending.len() == 0;
            let is_done = state.is_following || is_written;
            if state.is_stopping && is_done {
                break;
            }
        }
        self.store.finish()
    }

    /// Lets rows gather; answers whether the journal is to be read instead.
    fn wait(&self) -> bool {
        let mut state = self.shared.state.lock();
        let is_idle = |state: &State| {
            !state.is_stopping
                && (state.written == state.noted
                    || !state.is_following && state.pending.len() <= limits::VIEW_ROWS_EAGER)
        };
        if is_idle(&state) {
            let pause = Duration::from_millis(limits::VIEW_PAUSE_MS);
            self.shared.wake.wait_for(&mut state, pause);
        }
        state.is_following
    }

    fn write_pending(&mut self) -> Result<(), ViewError> {
        let (rows, position) = {
            let mut state = self.shared.state.lock();
            (std::mem::take(&mut state.pending), state.noted)
        };
        if rows.len() == 0 && position == self.store.written {
            return Ok(());
        }
        self.store.write(rows.into_rows(), position)?;
        self.shared.state.lock().written = position;
        Ok(())
    }

    /// Writes the rows of the journal up to what was noted when it began; what is noted meanwhile waits
    /// as rows again, so that following ends under any load.
    fn follow(&mut self) -> Result<(), ViewError> {
        let from = self.store.written;
        let until = {
            let mut state = self.shared.state.lock();
            state.is_following = false;
            state.noted
        };
        let (store, shared, fence) = (&mut self.store, &self.shared, self.fence);
        let mut pending = Pending::default();
        let mut broken = None;
        let read = self.journal.replay(from, until, &mut |entry| {
            let may_be_stored = entry.position <= fence;
            for row in apply(&entry.record) {
                pending.put(row, may_be_stored);
            }
            if pending.len() < limits::VIEW_ROWS_EAGER {
                return Ok(());
            }
            let rows = std::mem::take(&mut pending).into_rows();
            if let Err(error) = store.write(rows, entry.position) {
                broken = Some(error);
                return Err(JournalError::Stopped("the views".to_owned()));
            }
            let mut state = shared.state.lock();
            state.written = entry.position;
            if !state.is_stopping {
                return Ok(());
            }
            // The rows between here and the notes were not read.
            state.pending.clear();
            state.is_following = true;
            Err(JournalError::Stopped("stopping".to_owned()))
        });
        if let Some(error) = broken {
            return Err(error);
        }
        match read {
            Ok(()) => {}
            Err(JournalError::Stopped(_)) => return Ok(()),
            Err(error) => {
                return Err(ViewError::Disk {
                    action: "read the journal for",
                    folder: self.store.folder.display().to_string(),
                    reason: error.to_string(),
                });
            }
        }
        self.store.write(pending.into_rows(), until)?;
        self.shared.state.lock().written = until;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
