//! Segment files of a lane: `<number in 16 hexadecimal digits>.lane`, of equal length, pre-written with
//! zeros. A segment appears under its name only when it is whole and synced; until then it is `.new`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::format::{SEGMENT_HEADER_BYTES, SegmentHeader};
use super::{JournalError, Position};
use crate::disk::{Disk, DiskFile};
use crate::limits::MEGABYTE;

/// The files of one lane.
#[derive(Debug, Clone)]
pub struct Segments {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    /// Drawn at the lane's birth.
    pub lane: u64,
    /// Octets of each segment.
    pub bytes: u64,
}

impl JournalError {
    /// Turns what the system said into an error that names the file.
    pub(super) fn disk(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Disk {
            action,
            path: path.to_owned(),
            source,
        }
    }

    /// The disk is full: nothing was harmed, the lane lives.
    pub fn is_no_space(&self) -> bool {
        matches!(self, Self::Disk { source, .. } if is_full(source))
    }
}

/// The disk, or the quota, has no room.
pub fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

impl Segments {
    /// The lane's files; `lane` and `bytes` are set when its first segment is known.
    pub fn new(disk: Arc<dyn Disk>, folder: &Path, lane: u64, bytes: u64) -> Self {
        let folder = folder.to_owned();
        Self {
            disk,
            folder,
            lane,
            bytes,
        }
    }

    /// Where a segment lies.
    pub fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:016x}.lane"))
    }

    /// Position of an octet of a segment.
    pub fn position(&self, number: u64, offset: u64) -> Position {
        Position(number.saturating_mul(self.bytes).saturating_add(offset))
    }

    /// The segment and the octet in it of a position.
    pub fn place(&self, position: Position) -> (u64, u64) {
        (position.0 / self.bytes, position.0 % self.bytes)
    }

    /// Numbers of all segments in order; unfinished ones are removed.
    pub fn tidy(&self) -> Result<Vec<u64>, JournalError> {
        let names = self.disk.list(&self.folder);
        let names = names.map_err(JournalError::disk("list", &self.folder))?;
        let mut numbers = Vec::new();
        for name in names {
            let path = self.folder.join(&name);
            if name.ends_with(".new") {
                let removed = self.disk.remove(&path);
                removed.map_err(JournalError::disk("remove", &path))?;
            } else if let Some(digits) = name.strip_suffix(".lane") {
                let number = u64::from_str_radix(digits, 16);
                numbers.push(number.map_err(|_| JournalError::Damaged {
                    segment: path,
                    offset: 0,
                    found: "a segment file whose name is not a number".to_owned(),
                })?);
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Opens a segment that is there.
    pub fn open(&self, number: u64) -> Result<Arc<dyn DiskFile>, JournalError> {
        let path = self.path(number);
        let file = self.disk.open(&path, false);
        file.map_err(JournalError::disk("open", &path))
    }

    /// Reads a segment from the medium and checks its header.
    pub fn read_uncached(&self, number: u64) -> Result<Vec<u8>, JournalError> {
        self.read_with(number, |file, into, at| file.read_uncached(into, at))
    }

    /// Reads a segment and checks its header.
    pub fn read(&self, number: u64) -> Result<Vec<u8>, JournalError> {
        self.read_with(number, |file, into, at| file.read_at(into, at))
    }

    fn read_with(
        &self,
        number: u64,
        read: impl Fn(&dyn DiskFile, &mut [u8], u64) -> std::io::Result<usize>,
    ) -> Result<Vec<u8>, JournalError> {
        let file = self.open(number)?;
        let mut octets = vec![0; self.bytes as usize];
        let mut done = 0;
        while done < octets.len() {
            let count = read(&*file, &mut octets[done..], done as u64);
            match count.map_err(JournalError::disk("read", &self.path(number)))? {
                0 => break,
                count => done += count,
            }
        }
        if done < octets.len() {
            return Err(self.damaged(number, done as u64, "the end of the file"));
        }
        let expected = self.header(number);
        match SegmentHeader::read(&octets) {
            Some(header) if header == expected => Ok(octets),
            Some(_) => Err(self.damaged(number, 0, "the header of another segment or journal")),
            None => Err(self.damaged(number, 0, "no segment header with a good checksum")),
        }
    }

    fn header(&self, number: u64) -> SegmentHeader {
        SegmentHeader {
            lane: self.lane,
            number,
            bytes: self.bytes,
        }
    }

    /// What was durable is so no longer.
    pub fn damaged(&self, number: u64, offset: u64, found: impl Into<String>) -> JournalError {
        JournalError::Damaged {
            segment: self.path(number),
            offset,
            found: found.into(),
        }
    }

    /// Makes segment `number` hold `content` (from the first group on) and zeros, durably, in place of
    /// what may be there. Crash: the old segment or none, and a `.new` that the next start removes.
    pub fn make(&self, number: u64, content: &[u8]) -> Result<(), JournalError> {
        let path = self.path(number);
        let unfinished = path.with_extension("new");
        let made = self.fill(&unfinished, number, content);
        if made.is_err() {
            // As good as possible: a full disk gets its room back at once, else the next start tidies.
            let _ = self.disk.remove(&unfinished);
        }
        made.map_err(JournalError::disk("write", &unfinished))?;
        let renamed = self.disk.rename(&unfinished, &path);
        renamed.map_err(JournalError::disk("rename", &unfinished))?;
        let synced = self.disk.sync_folder(&self.folder);
        synced.map_err(JournalError::disk("sync", &self.folder))
    }

    fn fill(&self, path: &Path, number: u64, content: &[u8]) -> std::io::Result<()> {
        let file = self.disk.open(path, true)?;
        file.write_all_at(&self.header(number).to_sector(), 0)?;
        file.write_all_at(content, SEGMENT_HEADER_BYTES)?;
        let zeros = vec![0; self.bytes.min(MEGABYTE) as usize];
        let mut at = SEGMENT_HEADER_BYTES + content.len() as u64;
        while at < self.bytes {
            let count = zeros.len().min((self.bytes - at) as usize);
            file.write_all_at(&zeros[..count], at)?;
            at += count as u64;
        }
        file.sync()
    }
}
