//! Views written behind. First signatures.

use std::path::Path;

use super::{Row, View};
use crate::journal::LaneReader;
use crate::journal::Position;

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

/// The files under `views/`, open.
pub struct Store {
    _private: (),
}

/// Loads `views/`, or empties it when it cannot be trusted. `boot` is [`crate::disk::Disk::boot_id`].
pub fn load(_folder: &Path, _journal_end: Position, _boot: &str) -> Result<Loaded, ViewError> {
    unimplemented!()
}

/// How far the views are behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// Rows that wait to be written.
    pub rows: usize,
    /// Written up to here.
    pub written: Position,
    /// Noted up to here.
    pub noted: Position,
}

/// The thread that writes views behind.
pub struct Behind {
    _private: (),
}

impl Behind {
    /// Starts the thread. `journal` is read again when the thread falls behind its bound.
    pub fn spawn(_store: Store, _journal: LaneReader) -> Result<Self, ViewError> {
        unimplemented!()
    }

    /// Rows that were published, and the position after their records. Never waits for the disk.
    pub fn note(&self, _rows: Vec<Row>, _position: Position) {
        unimplemented!()
    }

    /// How far behind.
    pub fn lag(&self) -> Lag {
        unimplemented!()
    }

    /// What stopped the thread: the views are then not written any more, mail goes on.
    pub fn trouble(&self) -> Option<String> {
        unimplemented!()
    }

    /// Writes what waits, marks a clean end.
    pub fn stop(self) -> Result<(), ViewError> {
        unimplemented!()
    }
}
