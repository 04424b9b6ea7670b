//! The lane of files. First signatures.

use std::path::Path;
use std::sync::Arc;

use super::{Appended, Batch, Entry, JournalError, LaneStore, Partition, Position};
use crate::disk::Disk;

/// What opening found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// After the last record.
    pub end: Position,
    /// The last owner's epoch; 0 in a new journal.
    pub epoch: u64,
    /// Records in the journal.
    pub records: u64,
    /// Octets of a torn tail that was cut, in words for the log.
    pub cut: Option<String>,
}

/// A journal on one disk, one writer.
pub struct Lane {
    _private: (),
}

/// Reads a lane's records beside its writer.
#[derive(Debug, Clone)]
pub struct LaneReader {
    _private: (),
}

impl Lane {
    /// Opens the lane in `folder`, made when missing: verifies every group and cuts a torn tail.
    pub fn open(_disk: Arc<dyn Disk>, _folder: &Path) -> Result<(Self, Recovered), JournalError> {
        unimplemented!()
    }

    /// A reader for other threads.
    pub fn reader(&self) -> LaneReader {
        unimplemented!()
    }

    /// Ends in order: marks the last group as durable.
    pub fn close(self) -> Result<(), JournalError> {
        unimplemented!()
    }
}

impl LaneStore for Lane {
    fn next_sequence(&self, _partition: Partition) -> u64 {
        unimplemented!()
    }

    fn end(&self) -> Position {
        unimplemented!()
    }

    fn begin_epoch(&mut self) -> u64 {
        unimplemented!()
    }

    fn append(&mut self, _group: &[Batch]) -> Appended {
        unimplemented!()
    }

    fn replay(
        &self,
        _from: Position,
        _each: &mut dyn FnMut(Entry) -> Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        unimplemented!()
    }

    fn tend(&mut self) -> Result<(), JournalError> {
        unimplemented!()
    }
}
