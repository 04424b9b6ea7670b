//! The lane of files: one folder, one writer, one `fdatasync` for all that wait.
//!
//! - *Problem.* Many callers each want their records durable before they answer; a disk syncs some
//!   hundred times a second. *Rejected:* sled's flush, which reaches no disk; one sync per caller.
//! - *Algorithm.* [`LaneStore::append`] takes what gathered while the last sync ran, writes it as one
//!   group (several only past [`crate::limits::GROUP_BYTES_MAX`]) and syncs once. Segments are zeroed
//!   and synced beforehand, so that a sync moves data alone, no length and no name.
//! - *Format.* [`super::format`]; a position is segment number times segment length plus octet, so it
//!   grows and has holes where a group did not fit. *Recovery.* `journal/recovery.rs`.
//! - *Failures.* A write or sync that failed is never tried again: the lane takes nothing more, the
//!   process stops. Want of space shows when a segment is made, before anything is written.
//! - *Limits.* A batch is whole or not there, and nothing is there without what came before it; only a
//!   batch longer than a group that was never acknowledged may be there in part. One process at a time: the data folder's lock sees to it, epochs fence only owners within it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::format::{
    self, GROUP_HEADER_BYTES, GroupHash, GroupHeader, RECORD_HEADER_BYTES, RecordHeader,
    SEGMENT_HEADER_BYTES, SegmentHeader,
};
use super::reader::LaneReader;
use super::segment::Segments;
use super::{
    Appended, Batch, Entry, JournalError, LaneStore, Partition, Position, Record, recovery,
};
use crate::disk::{Disk, DiskFile};
use crate::limits;

/// What opening found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// After the last record.
    pub end: Position,
    /// The last owner's epoch; 0 in a new journal.
    pub epoch: u64,
    /// Records in the journal.
    pub records: u64,
    /// A torn tail was cut: in words, for the log.
    pub cut: Option<String>,
}

/// A journal on one disk, one writer.
#[derive(Debug)]
pub struct Lane {
    segments: Segments,
    file: Arc<dyn DiskFile>,
    segment: u64,
    offset: u64,
    /// The last segment that is made.
    last_made: u64,
    groups: u64,
    last_hash: GroupHash,
    epoch: u64,
    sequences: BTreeMap<Partition, u64>,
    failed: Option<String>,
}

/// A group with its place.
struct Placed {
    segment: u64,
    offset: u64,
    group: Open,
}

/// The records of a group being built.
#[derive(Default)]
struct Open {
    records: Vec<u8>,
    count: u32,
}

impl Lane {
    /// Opens the lane in `folder`, made when missing: verifies every group and cuts a torn tail.
    pub fn open(disk: Arc<dyn Disk>, folder: &Path) -> Result<(Self, Recovered), JournalError> {
        Self::open_sized(disk, folder, limits::JOURNAL_SEGMENT_BYTES)
    }

    /// As [`Lane::open`]; a new lane gets segments of `bytes`, which tests choose small.
    pub fn open_sized(
        disk: Arc<dyn Disk>,
        folder: &Path,
        bytes: u64,
    ) -> Result<(Self, Recovered), JournalError> {
        let made = disk.create_folder(folder);
        made.map_err(JournalError::disk("make", folder))?;
        let mut segments = Segments::new(
            disk,
            folder,
            u64::from_le_bytes(crate::random::bytes()),
            bytes,
        );
        let mut numbers = segments.tidy()?;
        if numbers.is_empty() {
            segments.make(0, &[])?;
            numbers.push(0);
        } else {
            adopt(&mut segments)?;
        }
        let (chain, cut) = recovery::recover(&segments, &numbers)?;
        let lane = Self {
            file: segments.open(chain.segment)?,
            segment: chain.segment,
            offset: chain.offset,
            last_made: numbers.last().copied().unwrap_or_default(),
            groups: chain.groups,
            last_hash: chain.last_hash,
            epoch: chain.epoch,
            sequences: chain.sequences,
            failed: None,
            segments,
        };
        let recovered = Recovered {
            end: lane.end(),
            epoch: lane.epoch,
            records: chain.records,
            cut,
        };
        Ok((lane, recovered))
    }

    /// A reader for other threads.
    pub fn reader(&self) -> LaneReader {
        LaneReader::new(self.segments.clone())
    }

    /// Why `group` cannot be appended; nothing was changed.
    fn objection(&self, group: &[Batch]) -> Option<Appended> {
        let mut next = BTreeMap::new();
        for batch in group {
            if batch.epoch < self.epoch {
                return Some(Appended::Fenced);
            }
            if batch.epoch > self.epoch {
                let bug = format!("epoch {} was never begun here", batch.epoch);
                return Some(Appended::NotWritten(bug));
            }
            let partition = batch.partition;
            let fresh = self.next_sequence(partition);
            let next = next.entry(partition).or_insert(fresh);
            if batch.expected_sequence != *next {
                let next = *next;
                return Some(Appended::Conflict { partition, next });
            }
            *next += batch.records.len() as u64;
        }
        None
    }

    /// Packs `group` into as few groups of the journal as it fits, or says which bug forbids it. A batch
    /// is split between two only when it is longer than a group.
    fn pack(&self, group: &[Batch]) -> Result<Vec<Open>, String> {
        let most = (self.segments.bytes - SEGMENT_HEADER_BYTES) as usize - GROUP_HEADER_BYTES;
        let most = most.min(limits::GROUP_BYTES_MAX);
        let mut packed = Vec::new();
        let mut open = Open::default();
        for batch in group {
            let contents: Vec<Vec<u8>> = batch.records.iter().map(Record::to_bytes).collect();
            let whole: usize = contents.iter().map(|c| RECORD_HEADER_BYTES + c.len()).sum();
            if open.count > 0 && open.records.len() + whole > most {
                packed.push(std::mem::take(&mut open));
            }
            let framed = batch.records.iter().zip(contents);
            for (sequence, (record, content)) in (batch.expected_sequence..).zip(framed) {
                let needed = RECORD_HEADER_BYTES + content.len();
                if content.len() > limits::RECORD_BYTES_MAX || needed > most {
                    let (name, length) = (record.name(), content.len());
                    return Err(format!("a {name} record of {length} octets is too long"));
                }
                if open.records.len() + needed > most {
                    packed.push(std::mem::take(&mut open));
                }
                open.push(batch, sequence, record.kind(), &content);
            }
        }
        packed.push(open);
        Ok(packed)
    }

    /// Finds a place for each group; segments that lack are made now, before anything is written.
    fn place(&mut self, groups: Vec<Open>) -> Result<Vec<Placed>, JournalError> {
        let (mut segment, mut offset) = (self.segment, self.offset);
        let mut placed = Vec::with_capacity(groups.len());
        for group in groups {
            let length = format::group_bytes(group.records.len());
            if offset + length > self.segments.bytes {
                (segment, offset) = (segment + 1, SEGMENT_HEADER_BYTES);
            }
            placed.push(Placed {
                segment,
                offset,
                group,
            });
            offset += length;
        }
        self.make_up_to(segment)?;
        Ok(placed)
    }

    /// Gives the group its number and its place in the chain; `durable` was synced before.
    fn seal(&mut self, group: &Open, durable: Position) -> Vec<u8> {
        let header = GroupHeader {
            lane: self.segments.lane,
            epoch: self.epoch,
            number: self.groups + 1,
            durable,
            records: group.count,
            length: group.records.len() as u32,
            previous: self.last_hash,
        };
        let (octets, hash) = format::write_group(header, &group.records);
        self.groups += 1;
        self.last_hash = hash;
        octets
    }

    /// Commit point of all records in `placed`. Crash before the sync ends: recovery keeps a prefix of
    /// these groups, and nobody was told of any.
    fn write(&mut self, placed: Vec<Placed>) -> Result<(), JournalError> {
        let durable = self.end();
        for Placed {
            segment,
            offset,
            group,
        } in placed
        {
            if segment != self.segment {
                self.sync()?;
                self.file = self.segments.open(segment)?;
                self.segment = segment;
            }
            let octets = self.seal(&group, durable);
            let written = self.file.write_all_at(&octets, offset);
            written.map_err(JournalError::disk("write", &self.segments.path(segment)))?;
            self.offset = offset + octets.len() as u64;
        }
        self.sync()
    }

    fn sync(&self) -> Result<(), JournalError> {
        let synced = self.file.sync();
        synced.map_err(JournalError::disk(
            "sync",
            &self.segments.path(self.segment),
        ))
    }

    /// From now on the lane takes nothing more.
    fn fail(&mut self, error: &JournalError) -> String {
        let reason = error.to_string();
        self.failed = Some(reason.clone());
        reason
    }

    fn make_up_to(&mut self, segment: u64) -> Result<(), JournalError> {
        while self.last_made < segment {
            self.segments.make(self.last_made + 1, &[])?;
            self.last_made += 1;
        }
        Ok(())
    }
}

impl Open {
    fn push(&mut self, batch: &Batch, sequence: u64, kind: u16, content: &[u8]) {
        let header = RecordHeader {
            partition: batch.partition,
            kind,
            sequence,
            frame: batch.expected_sequence,
            epoch: batch.epoch,
        };
        header.push(content, &mut self.records);
        self.count += 1;
    }
}

/// Takes the lane's number and segment length from its first segment.
fn adopt(segments: &mut Segments) -> Result<(), JournalError> {
    let mut sector = [0; SEGMENT_HEADER_BYTES as usize];
    let path = segments.path(0);
    let file = match segments.open(0) {
        Err(JournalError::Disk { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Err(segments.damaged(0, 0, "the file is missing, later ones are there"));
        }
        file => file?,
    };
    let read = file.read_uncached(&mut sector, 0);
    read.map_err(JournalError::disk("read", &path))?;
    let sane = |header: &SegmentHeader| {
        let bounds = (4 * SEGMENT_HEADER_BYTES)..=(64 * limits::JOURNAL_SEGMENT_BYTES);
        bounds.contains(&header.bytes) && header.bytes.is_multiple_of(format::SECTOR_BYTES)
    };
    match SegmentHeader::read(&sector).filter(sane) {
        Some(header) => {
            segments.lane = header.lane;
            segments.bytes = header.bytes;
            Ok(())
        }
        None => Err(segments.damaged(0, 0, "no segment header with a good checksum")),
    }
}

impl LaneStore for Lane {
    fn next_sequence(&self, partition: Partition) -> u64 {
        self.sequences.get(&partition).map_or(1, |last| last + 1)
    }

    fn end(&self) -> Position {
        self.segments.position(self.segment, self.offset)
    }

    fn begin_epoch(&mut self) -> u64 {
        self.epoch += 1;
        self.epoch
    }

    fn append(&mut self, group: &[Batch]) -> Appended {
        if let Some(reason) = &self.failed {
            return Appended::Unknown(reason.clone());
        }
        if let Some(objection) = self.objection(group) {
            return objection;
        }
        if group.iter().all(|batch| batch.records.is_empty()) {
            return Appended::Written(self.end());
        }
        let packed = match self.pack(group) {
            Ok(packed) => packed,
            Err(bug) => return Appended::NotWritten(bug),
        };
        let placed = match self.place(packed) {
            Ok(placed) => placed,
            Err(full) if full.is_no_space() => return Appended::NotWritten(full.to_string()),
            Err(error) => return Appended::Unknown(self.fail(&error)),
        };
        if let Err(error) = self.write(placed) {
            return Appended::Unknown(self.fail(&error));
        }
        for batch in group {
            let last = self.sequences.entry(batch.partition).or_default();
            *last += batch.records.len() as u64;
        }
        Appended::Written(self.end())
    }

    fn replay(
        &self,
        from: Position,
        each: &mut dyn FnMut(Entry) -> Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        self.reader().replay(from, self.end(), each)
    }

    fn tend(&mut self) -> Result<(), JournalError> {
        if let Some(reason) = &self.failed {
            return Err(JournalError::Failed(reason.clone()));
        }
        match self.make_up_to(self.segment + limits::JOURNAL_SEGMENTS_AHEAD) {
            // Tried again after the next group; what is there may still do.
            Err(full) if full.is_no_space() => Ok(()),
            Err(error) => {
                self.fail(&error);
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }

    fn close(mut self: Box<Self>) -> Result<(), JournalError> {
        match self.failed.take() {
            Some(reason) => Err(JournalError::Failed(reason)),
            None => {
                let placed = self.place(vec![Open::default()])?;
                self.write(placed)
            }
        }
    }
}
