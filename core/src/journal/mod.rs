//! The truth: records of facts with their final values, committed by group, replayed into views.
//!
//! [`LaneStore`] is the port (see *Partitions*); [`Lane`] fills it with files on one machine. [`mod@format`] tells
//! the octets, `segment` keeps the files, `recovery` tells a torn tail from damage, [`LaneReader`] replays.
//! A reader of a journal needs [`mod@format`] and [`record`] alone: every segment, group and record explains
//! itself, so a journal of an old release stays readable.

pub mod format;
pub mod lane;
mod reader;
pub mod record;
mod recovery;
mod segment;

use std::io;
use std::path::PathBuf;

pub use lane::{Lane, Recovered};
pub use reader::LaneReader;
pub use record::Record;
pub(crate) use segment::is_full;

/// A partition: 0 is the registry, 1 to 255 hold mail. Order is promised only inside one.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, minicbor::Encode, minicbor::Decode,
)]
#[cbor(transparent)]
pub struct Partition(#[n(0)] pub u8);

impl Partition {
    /// Provider, domains, mailboxes, holders.
    pub const REGISTRY: Self = Self(0);
}

/// A place in a lane's journal: opaque, grows, may have holes. What lies before it is committed.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Default,
    minicbor::Encode,
    minicbor::Decode,
)]
#[cbor(transparent)]
pub struct Position(#[n(0)] pub u64);

/// Records of one partition that follow each other, those of one decision. After a crash all of them are
/// there or none, unless they are longer than `limits::GROUP_BYTES_MAX`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Whose.
    pub partition: Partition,
    /// The owner's epoch, from [`LaneStore::begin_epoch`].
    pub epoch: u64,
    /// The sequence that the first record gets; with partition and epoch it is the frame's id.
    pub expected_sequence: u64,
    /// In order, each at most `limits::RECORD_BYTES_MAX`.
    pub records: Vec<Record>,
}

/// What came of an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// Durable; all of it lies before this position.
    Written(Position),
    /// Another owner has begun a later epoch: stop.
    Fenced,
    /// A sequence is not the one expected. Nothing was written.
    Conflict {
        /// The first partition that differs.
        partition: Partition,
        /// The sequence that its next record gets.
        next: u64,
    },
    /// Nothing was written, for this reason: no space, or a bug (too long). The lane lives.
    NotWritten(String),
    /// It may be on disk or not: the process must stop, the lane takes nothing more (see *Commit*).
    Unknown(String),
}

/// A record, read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// After this record: a replay from here gives the next one.
    pub position: Position,
    /// The owner's epoch that wrote it.
    pub epoch: u64,
    /// Whose.
    pub partition: Partition,
    /// Its number in the partition, from 1.
    pub sequence: u64,
    /// What happened.
    pub record: Record,
}

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// What was durable is so no longer: nothing is served from here on.
    #[error(
        "the journal is damaged: {segment} at octet {offset}: {found}; what follows had been made \
         durable, so records are lost: restore this file from a backup"
    )]
    Damaged {
        /// The segment file.
        segment: PathBuf,
        /// Octets from its start.
        offset: u64,
        /// What was found there.
        found: String,
    },
    /// The disk failed.
    #[error("cannot {action} {path}: {source}")]
    Disk {
        /// What was tried.
        action: &'static str,
        /// Which file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A record that this version cannot read.
    #[error("the journal at position {position:#x}: {source}")]
    Record {
        /// Where.
        position: u64,
        /// Why.
        source: record::RecordError,
    },
    /// An earlier write or sync failed.
    #[error("the journal takes nothing more: {0}")]
    Failed(String),
    /// Whoever reads stopped the replay, for this reason.
    #[error("{0}")]
    Stopped(String),
}

/// The port of a lane: files on one machine, a replicated engine in a cluster.
pub trait LaneStore: Send {
    /// The sequence that the next record of `partition` gets, from 1.
    fn next_sequence(&self, partition: Partition) -> u64;
    /// After the last record.
    fn end(&self) -> Position;
    /// A new epoch, one above the last: from now on older ones are fenced.
    fn begin_epoch(&mut self) -> u64;
    /// Makes all of `group` durable: one write and one sync, whoever it comes from.
    fn append(&mut self, group: &[Batch]) -> Appended;
    /// Every record at or after `from`, in order.
    fn replay(
        &self,
        from: Position,
        each: &mut dyn FnMut(Entry) -> Result<(), JournalError>,
    ) -> Result<(), JournalError>;
    /// Work that need not hold up an answer (segments ahead); called by the writer after it answered.
    /// An error must stop the process; want of space is none.
    fn tend(&mut self) -> Result<(), JournalError>;
    /// Ends in order: an empty group says that the last one is durable, so that damage to it is never
    /// taken for a torn tail.
    fn close(self: Box<Self>) -> Result<(), JournalError>;
}

#[cfg(test)]
mod tests;
