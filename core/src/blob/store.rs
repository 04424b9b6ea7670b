//! All blobs of an appliance: reads any segment, writes its own. A segment is never written again after
//! a restart, so a torn end harms nobody: no record names it, since a record never names a blob before
//! [`BlobStore::sync`]. After a failed sync nothing more is taken (see *Commit*).

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::format::{self, BLOB_HEADER_BYTES, SEGMENT_HEADER_BYTES};
use super::{BlobRead, BlobRef};
use crate::disk::{Disk, DiskFile};
use crate::journal::Partition;
use crate::limits;
use crate::mailbox::Content;
use crate::proof::Durable;
use crate::rope::Rope;

/// What went wrong with a blob.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// No room: that message's `452 4.3.1`.
    #[error("no space left for bodies on the disk of {0}")]
    NoSpace(String),
    /// The reference or the octets are damaged.
    #[error("blob segment {segment:016x} is damaged at octet {offset}: {reason}")]
    Damaged {
        /// The segment.
        segment: u64,
        /// Where in it.
        offset: u64,
        /// What was found.
        reason: String,
    },
    /// The disk failed.
    #[error("cannot {action} blob segment {segment:016x}: {source}")]
    Disk {
        /// The segment.
        segment: u64,
        /// What was tried.
        action: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The content is longer than the caller takes into memory.
    #[error("a blob of {length} octets where at most {most} are read at once")]
    TooLong {
        /// Its octets.
        length: u64,
        /// What was asked for.
        most: u64,
    },
    /// The source of a body failed while it was stored.
    #[error("the body could not be read to its end: {0}")]
    Source(io::Error),
    /// An earlier sync failed: the process must stop.
    #[error("bodies are not taken any more: {0}")]
    Failed(String),
}

/// What [`BlobStore::verify`] reads at a time.
const VERIFIED_CHUNK_BYTES: u64 = 256 * 1024;

/// Opens segments and reads from them; hands out new segment numbers to those who write (each ring, the
/// certifier). Shared by all threads.
#[derive(Debug)]
pub struct BlobStore {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    next: AtomicU64,
    readers: Mutex<Readers>,
    own: Mutex<Own>,
    /// Held while syncing: who finds nothing left to sync must wait for whoever took it.
    syncing: Mutex<()>,
}

/// Files open for reading, the longest unused goes first.
#[derive(Debug, Default)]
struct Readers {
    files: HashMap<u64, (Arc<dyn DiskFile>, u64)>,
    clock: u64,
}

/// What this store writes itself.
#[derive(Debug, Default)]
struct Own {
    open: Option<Segment>,
    /// What is gathered for one write; kept for its room.
    portion: Vec<u8>,
    /// Segments with blobs that no sync covers yet.
    unsynced: Vec<(u64, Arc<dyn DiskFile>)>,
    failed: Option<String>,
}

#[derive(Debug, Clone)]
struct Segment {
    number: u64,
    file: Arc<dyn DiskFile>,
    end: u64,
    /// Zeros are laid up to here, or were tried.
    ground: u64,
}

impl BlobStore {
    /// Opens the folder, made when missing; the next segment number is above all that are there.
    pub fn open(disk: Arc<dyn Disk>, folder: &Path) -> Result<Arc<Self>, BlobError> {
        disk.create_folder(folder)
            .map_err(failed(0, "make the folder of"))?;
        let names = disk.list(folder).map_err(failed(0, "list the folder of"))?;
        let number = |name: &String| u64::from_str_radix(name.strip_suffix(".blob")?, 16).ok();
        let last = names.iter().filter_map(number).max();
        Ok(Arc::new(Self {
            disk,
            folder: folder.to_owned(),
            next: AtomicU64::new(last.map_or(1, |last| last.saturating_add(1))),
            readers: Mutex::default(),
            own: Mutex::default(),
            syncing: Mutex::default(),
        }))
    }

    /// The folder, for the rings, which write their segments through io_uring.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A number that no segment has.
    pub fn next_segment(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Makes the names of new segments durable: a ring calls this once after it made its segment and
    /// before a record names a blob in it.
    pub fn sync_folder(&self) -> Result<(), BlobError> {
        let synced = self.disk.sync_folder(&self.folder);
        synced.map_err(failed(0, "sync the folder of"))
    }

    /// Octets free for bodies and journal.
    pub fn free_bytes(&self) -> Result<u64, BlobError> {
        let free = self.disk.free_bytes(&self.folder);
        free.map_err(failed(0, "ask for the space of"))
    }

    /// Writes `content` as a blob into this store's own segment (certifier, offline commands); durable
    /// after the next [`BlobStore::sync`].
    pub fn append(&self, home: Partition, content: &[u8]) -> Result<BlobRef, BlobError> {
        let blobs = self.append_all(&[(home, content)])?;
        let blob = blobs.into_iter().next();
        blob.ok_or_else(|| BlobError::Failed("no blob was written".to_owned()))
    }

    /// [`BlobStore::append`] for many, in few writes: all of them, or an error after which octets may lie
    /// there that nobody names.
    pub fn append_all(&self, contents: &[(Partition, &[u8])]) -> Result<Vec<BlobRef>, BlobError> {
        let mut own = self.own.lock();
        own.living()?;
        let mut blobs = Vec::with_capacity(contents.len());
        let mut portion = std::mem::take(&mut own.portion);
        portion.clear();
        for (home, content) in contents {
            let length = content.len() as u64;
            let needed = BLOB_HEADER_BYTES + length + format::padding(length);
            let waiting = portion.len() as u64;
            let end = own.open.as_ref().map(|segment| segment.end + waiting);
            let has_room = end.is_some_and(|end| end + needed <= limits::BLOB_SEGMENT_BYTES_MAX);
            if !has_room || waiting + needed > limits::BLOB_IN_MEMORY_BYTES_MAX {
                self.write_out(&mut own, &mut portion)?;
            }
            if !has_room {
                own.open = Some(self.new_segment()?);
            }
            let Some(segment) = &own.open else {
                return Err(BlobError::Failed("no segment is open".to_owned()));
            };
            blobs.push(BlobRef {
                segment: segment.number,
                offset: segment.end + portion.len() as u64,
                length,
            });
            let start = portion.len();
            let checksum = crc32c::crc32c(content);
            portion.reserve(needed as usize);
            portion.extend_from_slice(&format::blob_header(home.0, length, checksum));
            portion.extend_from_slice(content);
            portion.resize(start + needed as usize, 0);
        }
        self.write_out(&mut own, &mut portion)?;
        own.portion = portion;
        Ok(blobs)
    }

    /// Writes what waits behind the open segment's end. What a failed write left is written over by the
    /// next.
    fn write_out(&self, own: &mut Own, portion: &mut Vec<u8>) -> Result<(), BlobError> {
        let Some(segment) = own.open.as_mut().filter(|_| !portion.is_empty()) else {
            return Ok(());
        };
        let written = segment.file.write_all_at(portion, segment.end);
        written.map_err(|error| self.no_space_or(error, segment.number, "write"))?;
        segment.end += portion.len() as u64;
        segment.lay_ground();
        if own.unsynced.last().map(|(number, _)| *number) != Some(segment.number) {
            own.unsynced.push((segment.number, segment.file.clone()));
        }
        portion.clear();
        Ok(())
    }

    /// One `fdatasync` for all that was appended; a failure must stop the process (see *Commit*).
    pub fn sync(&self) -> Result<(), BlobError> {
        let _syncing = self.syncing.lock();
        let waiting = {
            let mut own = self.own.lock();
            own.living()?;
            std::mem::take(&mut own.unsynced)
        };
        for (number, file) in waiting {
            if let Err(error) = file.sync() {
                let error = failed(number, "sync")(error);
                self.own.lock().failed = Some(error.to_string());
                return Err(error);
            }
        }
        Ok(())
    }

    /// `append` and `sync` in one: for single bodies from a reader, of any length, in bounded memory.
    /// Crash before the end: octets that no record names.
    pub fn store(
        &self,
        home: Partition,
        content: &mut dyn Read,
    ) -> Result<Durable<BlobRef>, BlobError> {
        let most = limits::BLOB_IN_MEMORY_BYTES_MAX;
        let mut start = Vec::new();
        let read = content.take(most + 1).read_to_end(&mut start);
        read.map_err(BlobError::Source)?;
        let blob = if start.len() as u64 <= most {
            let blob = self.append(home, &start)?;
            self.sync()?;
            blob
        } else {
            self.store_long(home, start, content)?
        };
        Ok(Durable::new(blob))
    }

    /// The whole content, at most `most` octets, checksum verified.
    pub fn read(&self, blob: BlobRef, most: u64) -> Result<Vec<u8>, BlobError> {
        let length = blob.length;
        if length > most {
            return Err(BlobError::TooLong { length, most });
        }
        let (file, checksum) = self.find(blob)?;
        let mut content = vec![0; length as usize];
        let mut done = 0;
        while done < content.len() {
            match self.read_content(&*file, blob, done as u64, &mut content[done..])? {
                0 => return Err(damaged(blob, "the segment ends inside the blob")),
                count => done += count,
            }
        }
        match crc32c::crc32c(&content) == checksum {
            true => Ok(content),
            false => Err(damaged(blob, "the content does not have its checksum")),
        }
    }

    /// The blob's header and its whole content in one read, both verified, at the start of `room`. Its length
    /// bounds the memory.
    pub(super) fn read_with_header(
        &self,
        blob: BlobRef,
        room: &mut Vec<u8>,
    ) -> Result<(), BlobError> {
        let file = self.reader(blob)?;
        let length = (BLOB_HEADER_BYTES + blob.length) as usize;
        // What is there already is read over.
        room.resize(room.len().max(length), 0);
        let octets = &mut room[..length];
        let mut done = 0;
        while done < octets.len() {
            let read = file.read_at(&mut octets[done..], blob.offset + done as u64);
            match read.map_err(failed(blob.segment, "read"))? {
                0 => return Err(damaged(blob, "the segment ends inside the blob")),
                count => done += count,
            }
        }
        let (header, content) = octets.split_at(BLOB_HEADER_BYTES as usize);
        let checksum = checksum_of(header, length, blob)?;
        match crc32c::crc32c(content) == checksum {
            true => Ok(()),
            false => Err(damaged(blob, "the content does not have its checksum")),
        }
    }

    /// Reads all of a blob in bounded memory and compares its checksum: what is signed is what came.
    pub fn verify(&self, blob: BlobRef) -> Result<(), BlobError> {
        let (file, checksum) = self.find(blob)?;
        let mut chunk = vec![0; blob.length.min(VERIFIED_CHUNK_BYTES) as usize];
        let (mut at, mut found) = (0, 0);
        while at < blob.length {
            let count = self.read_content(&*file, blob, at, &mut chunk)?;
            found = crc32c::crc32c_append(found, &chunk[..count]);
            at += count as u64;
        }
        match found == checksum {
            true => Ok(()),
            false => Err(damaged(blob, "the content does not have its checksum")),
        }
    }

    /// The pieces of a stored message: one slice for a [`Content::Whole`].
    pub fn rope(&self, content: Content) -> Result<Rope, BlobError> {
        match content {
            Content::Whole(blob) => Ok(Rope::whole(blob)),
            Content::Rope(blob) => {
                let octets = self.read(blob, limits::ROPE_BYTES_MAX)?;
                Rope::from_bytes(&octets).map_err(|error| damaged(blob, &error.to_string()))
            }
        }
    }

    fn path(&self, segment: u64) -> PathBuf {
        self.folder.join(format::segment_name(segment))
    }

    /// Makes a segment whose name is durable.
    fn new_segment(&self) -> Result<Segment, BlobError> {
        let number = self.next_segment();
        let path = self.path(number);
        let made = self.disk.open(&path, true).and_then(|file| {
            file.write_all_at(&format::segment_header(number), 0)?;
            self.disk.sync_folder(&self.folder)?;
            Ok(file)
        });
        if made.is_err() {
            let _ = self.disk.remove(&path); // nobody names it
        }
        Ok(Segment {
            number,
            file: made.map_err(|error| self.no_space_or(error, number, "make"))?,
            end: SEGMENT_HEADER_BYTES,
            ground: 0,
        })
    }

    /// Streams a long body into a segment of its own; its header comes last, when length and checksum
    /// are known.
    fn store_long(
        &self,
        home: Partition,
        start: Vec<u8>,
        content: &mut dyn Read,
    ) -> Result<BlobRef, BlobError> {
        self.own.lock().living()?;
        let segment = self.new_segment()?;
        let stored = self.stream(&segment, home, start, content);
        if stored.is_err() {
            let _ = self.disk.remove(&self.path(segment.number)); // nobody names it
        }
        let blob = stored?;
        if let Err(error) = segment.file.sync() {
            let error = failed(segment.number, "sync")(error);
            self.own.lock().failed = Some(error.to_string());
            return Err(error);
        }
        Ok(blob)
    }

    fn stream(
        &self,
        segment: &Segment,
        home: Partition,
        start: Vec<u8>,
        content: &mut dyn Read,
    ) -> Result<BlobRef, BlobError> {
        let first = segment.end + BLOB_HEADER_BYTES;
        let write = |octets: &[u8], offset: u64| {
            let written = segment.file.write_all_at(octets, offset);
            written.map_err(|error| self.no_space_or(error, segment.number, "write"))
        };
        let mut chunk = start;
        let mut checksum = 0;
        let mut length = 0;
        while !chunk.is_empty() {
            write(&chunk, first + length)?;
            checksum = crc32c::crc32c_append(checksum, &chunk);
            length += chunk.len() as u64;
            chunk.clear();
            let mut next = (&mut *content).take(limits::BLOB_IN_MEMORY_BYTES_MAX);
            next.read_to_end(&mut chunk).map_err(BlobError::Source)?;
        }
        let padding = vec![0; format::padding(length) as usize];
        write(&padding, first + length)?;
        write(&format::blob_header(home.0, length, checksum), segment.end)?;
        Ok(BlobRef {
            segment: segment.number,
            offset: segment.end,
            length,
        })
    }

    fn no_space_or(&self, error: io::Error, segment: u64, action: &'static str) -> BlobError {
        match crate::journal::is_full(&error) {
            true => BlobError::NoSpace(self.folder.display().to_string()),
            false => failed(segment, action)(error),
        }
    }

    /// The file of a blob, and its content's checksum; the header is checked against the reference.
    fn find(&self, blob: BlobRef) -> Result<(Arc<dyn DiskFile>, u32), BlobError> {
        let file = self.reader(blob)?;
        let mut header = [0; BLOB_HEADER_BYTES as usize];
        let read = file.read_at(&mut header, blob.offset);
        let read = read.map_err(failed(blob.segment, "read"))?;
        let checksum = checksum_of(&header, read, blob)?;
        Ok((file, checksum))
    }

    fn reader(&self, blob: BlobRef) -> Result<Arc<dyn DiskFile>, BlobError> {
        if let Some(file) = self.readers.lock().get(blob.segment) {
            return Ok(file);
        }
        let file = match self.disk.open(&self.path(blob.segment), false) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(damaged(blob, "the file is missing"));
            }
            opened => opened.map_err(failed(blob.segment, "open"))?,
        };
        self.readers.lock().put(blob.segment, file.clone());
        Ok(file)
    }

    fn read_content(
        &self,
        file: &dyn DiskFile,
        blob: BlobRef,
        at: u64,
        into: &mut [u8],
    ) -> Result<usize, BlobError> {
        let left = blob.length.saturating_sub(at);
        let count = into.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = file.read_at(&mut into[..count], blob.offset + BLOB_HEADER_BYTES + at);
        match read.map_err(failed(blob.segment, "read"))? {
            0 if count > 0 => Err(damaged(blob, "the segment ends inside the blob")),
            read => Ok(read),
        }
    }
}

impl BlobRead for BlobStore {
    fn read_at(&self, blob: BlobRef, at: u64, into: &mut [u8]) -> Result<usize, BlobError> {
        let (file, _) = self.find(blob)?;
        self.read_content(&*file, blob, at, into)
    }
}

impl Segment {
    /// Zeros ahead, with the next sync. Where they cannot be written, what comes there finds out, and on a full
    /// disk they are not tried with each write.
    fn lay_ground(&mut self) {
        if let Some(next) = format::next_ground(self.end, self.ground) {
            let _ = self.file.write_all_at(format::zeros(&next), next.start);
            self.ground = next.end;
        }
    }
}

impl Own {
    fn living(&self) -> Result<(), BlobError> {
        match &self.failed {
            Some(reason) => Err(BlobError::Failed(reason.clone())),
            None => Ok(()),
        }
    }
}

impl Readers {
    fn get(&mut self, segment: u64) -> Option<Arc<dyn DiskFile>> {
        self.clock += 1;
        let (file, used) = self.files.get_mut(&segment)?;
        *used = self.clock;
        Some(file.clone())
    }

    fn put(&mut self, segment: u64, file: Arc<dyn DiskFile>) {
        if self.files.len() >= limits::BLOB_FILES_OPEN_MAX {
            let oldest = self.files.iter().min_by_key(|(_, (_, used))| *used);
            if let Some(oldest) = oldest.map(|(&segment, _)| segment) {
                self.files.remove(&oldest);
            }
        }
        self.files.insert(segment, (file, self.clock));
    }
}

/// The checksum in `header`, of which `read` octets were there.
fn checksum_of(header: &[u8], read: usize, blob: BlobRef) -> Result<u32, BlobError> {
    match header.first_chunk().and_then(format::read_blob_header) {
        Some((_, length, checksum)) if length == blob.length => Ok(checksum),
        Some(_) => Err(damaged(blob, "a blob of another length")),
        None if read < header.len() => Err(damaged(blob, "the segment ends before the blob")),
        None => Err(damaged(blob, "no blob header with a good checksum")),
    }
}

fn failed(segment: u64, action: &'static str) -> impl FnOnce(io::Error) -> BlobError {
    move |source| BlobError::Disk {
        segment,
        action,
        source,
    }
}

fn damaged(blob: BlobRef, reason: &str) -> BlobError {
    BlobError::Damaged {
        segment: blob.segment,
        offset: blob.offset,
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::blob::BodyAtHand;
    use crate::disk::sim::{Failure, Loss, SimDisk};

    const HOME: Partition = Partition(1);

    fn open(disk: &SimDisk) -> Arc<BlobStore> {
        BlobStore::open(Arc::new(disk.clone()), Path::new("/blobs")).unwrap()
    }

    fn segment(disk: &SimDisk, blob: BlobRef) -> Arc<dyn DiskFile> {
        let path = Path::new("/blobs").join(format::segment_name(blob.segment));
        disk.open(&path, false).unwrap()
    }

    /// Half a megabyte.
    fn large(n: u8) -> Vec<u8> {
        vec![n; 512 * 1024]
    }

    #[test]
    fn a_growing_segment_has_zeros_ahead_and_its_blobs_outlive_a_loss_of_power() {
        let disk = SimDisk::new();
        let store = open(&disk);
        let mut blobs = Vec::new();
        for n in 0..9 {
            blobs.push(store.append(HOME, &large(n)).unwrap());
            store.sync().unwrap();
            let last = blobs.last().unwrap();
            let end = last.offset + BLOB_HEADER_BYTES + last.length;
            let ahead = segment(&disk, *last).len().unwrap() - end;
            let expected = if end < limits::BLOB_GROUND_BYTES {
                0
            } else {
                limits::BLOB_GROUND_BYTES / 2
            };
            assert!(ahead >= expected, "{n}: {ahead}");
        }
        // Not what is behind the last sync.
        let lost = store.append(HOME, &large(99)).unwrap();
        for seed in 0..6 {
            let store = open(&disk.power_cut(seed, Loss::All));
            for (n, blob) in (0..).zip(&blobs) {
                assert_eq!(store.read(*blob, 1 << 20).unwrap(), large(n));
            }
            assert!(store.read(lost, 1 << 20).is_err(), "zeros are no blob");
        }
    }

    #[test]
    fn where_there_is_no_room_for_zeros_blobs_are_written_all_the_same() {
        let disk = SimDisk::new();
        let store = open(&disk);
        let first: Vec<BlobRef> = (0..3)
            .map(|n| store.append(HOME, &large(n)).unwrap())
            .collect();
        disk.set_capacity(Some(disk.used_bytes() + 800 * 1024));
        let next = store.append(HOME, &large(7)).unwrap();
        store.sync().unwrap();
        assert_eq!(store.read(next, 1 << 20).unwrap(), large(7));
        assert_eq!(store.read(first[2], 1 << 20).unwrap(), large(2));
    }

    #[test]
    fn synced_blobs_outlive_a_loss_of_power_and_unsynced_ones_harm_nobody() {
        let disk = SimDisk::new();
        let store = open(&disk);
        let contents: Vec<Vec<u8>> = (0..20u8).map(|n| vec![n; usize::from(n) * 7]).collect();
        let blobs: Vec<_> = contents
            .iter()
            .map(|c| store.append(HOME, c).unwrap())
            .collect();
        store.sync().unwrap();
        store.append(HOME, b"lost").unwrap();
        for seed in 0..20 {
            let disk = disk.power_cut(seed, Loss::Some);
            let store = open(&disk);
            for (blob, content) in blobs.iter().zip(&contents) {
                assert_eq!(&store.read(*blob, 1000).unwrap(), content);
            }
            let next = store.append(HOME, b"next").unwrap();
            assert!(
                next.segment > blobs[0].segment,
                "no segment is written again"
            );
            assert_eq!(store.read(next, 10).unwrap(), b"next");
        }
    }

    #[test]
    fn many_appends_share_one_sync() {
        let disk = SimDisk::new();
        let store = open(&disk);
        for _ in 0..50 {
            store.append(HOME, b"x").unwrap();
        }
        let before = disk.syncs();
        store.sync().unwrap();
        assert_eq!(disk.syncs(), before + 1);
        store.sync().unwrap();
        assert_eq!(disk.syncs(), before + 1, "nothing is left to sync");
    }

    #[test]
    fn many_contents_are_written_together_and_found_one_by_one() {
        let disk = SimDisk::new();
        let store = open(&disk);
        let contents: Vec<Vec<u8>> = (0..7u8)
            .map(|n| vec![n; 400_000 + usize::from(n)])
            .collect();
        let all: Vec<(Partition, &[u8])> = contents.iter().map(|c| (HOME, c.as_slice())).collect();
        let blobs = store.append_all(&all).unwrap();
        assert!(store.append_all(&[]).unwrap().is_empty());
        store.sync().unwrap();
        let kept = open(&disk.power_cut(3, Loss::All));
        for (blob, content) in blobs.iter().zip(&contents) {
            assert!(kept.read(*blob, 1 << 20).unwrap() == *content);
        }
        // The first portions have room, on the ground that is laid, the last has not: all of it is refused,
        // what was kept is whole.
        disk.set_capacity(Some(disk.used_bytes() + 500_000));
        let full = store.append_all(&all);
        assert!(matches!(full, Err(BlobError::NoSpace(_))), "{full:?}");
        let one = store.append_all(&all[..1]).unwrap();
        store.sync().unwrap();
        assert!(store.read(one[0], 1 << 20).unwrap() == contents[0]);
        for (blob, content) in blobs.iter().zip(&contents) {
            assert!(store.read(*blob, 1 << 20).unwrap() == *content);
        }
    }

    #[test]
    fn a_long_body_streams_into_a_segment_of_its_own() {
        let disk = SimDisk::new();
        let store = open(&disk);
        let length = 3 * limits::BLOB_IN_MEMORY_BYTES_MAX + 5;
        let body: Vec<u8> = (0..length).map(|n| (n % 253) as u8).collect();
        let short = store.store(HOME, &mut &body[..10]).unwrap().into_inner();
        let long = store.store(HOME, &mut &body[..]).unwrap().into_inner();
        assert_ne!(short.segment, long.segment);
        let store = open(&disk.power_cut(1, Loss::All));
        assert_eq!(store.read(short, 10).unwrap(), &body[..10]);
        assert!(store.read(long, length).unwrap() == body);
        let mut part = [0; 100];
        let read = store.read_at(long, length - 40, &mut part).unwrap();
        assert_eq!(&part[..read], &body[body.len() - 40..]);
        assert_eq!(store.read_at(long, length, &mut part).unwrap(), 0);
        assert!(matches!(
            store.read(long, 100),
            Err(BlobError::TooLong { .. })
        ));
    }

    #[test]
    fn damage_is_named_never_served() {
        let disk = SimDisk::new();
        let store = open(&disk);
        let blob = store
            .store(HOME, &mut &b"content"[..])
            .unwrap()
            .into_inner();
        let wrong = BlobRef { length: 6, ..blob };
        let missing = BlobRef {
            segment: 99,
            ..blob
        };
        for bad in [wrong, missing] {
            let read = store.read(bad, 100);
            assert!(matches!(read, Err(BlobError::Damaged { .. })), "{read:?}");
            let read = BodyAtHand::read(&store, bad);
            assert!(matches!(read, Err(BlobError::Damaged { .. })), "{read:?}");
        }
        let body = BodyAtHand::read(&store, blob).unwrap();
        assert_eq!(body.at_hand(blob), Some(&b"content"[..]));
        let file = segment(&disk, blob);
        store.verify(blob).unwrap();
        file.write_all_at(b"C", blob.offset + BLOB_HEADER_BYTES)
            .unwrap();
        let read = store.read(blob, 100);
        assert!(matches!(read, Err(BlobError::Damaged { .. })), "{read:?}");
        let read = BodyAtHand::read(&store, blob);
        assert!(matches!(read, Err(BlobError::Damaged { .. })), "{read:?}");
        let verified = store.verify(blob);
        assert!(matches!(verified, Err(BlobError::Damaged { .. })));
        file.set_len(blob.offset + 10).unwrap();
        let read = store.read_at(blob, 0, &mut [0; 4]);
        assert!(matches!(read, Err(BlobError::Damaged { .. })), "{read:?}");
    }

    #[test]
    fn a_full_disk_is_that_bodys_misfortune_and_a_failed_sync_everybodys() {
        let disk = SimDisk::new();
        let store = open(&disk);
        let kept = store.append(HOME, &[1; 100]).unwrap();
        disk.set_capacity(Some(300));
        let full = store.append(HOME, &[2; 500]);
        assert!(matches!(full, Err(BlobError::NoSpace(_))), "{full:?}");
        let long = vec![3; 2 * limits::BLOB_IN_MEMORY_BYTES_MAX as usize];
        let full = store.store(HOME, &mut &long[..]);
        assert!(matches!(full, Err(BlobError::NoSpace(_))), "{full:?}");
        assert_eq!(disk.list(Path::new("/blobs")).unwrap().len(), 1);
        disk.set_capacity(None);
        let next = store.append(HOME, &[4; 500]).unwrap();
        store.sync().unwrap();
        assert_eq!(store.read(kept, 100).unwrap(), [1; 100]);
        assert_eq!(store.read(next, 500).unwrap(), [4; 500]);
        store.append(HOME, b"x").unwrap();
        disk.fail_sync(1, Failure::NotDone);
        assert!(store.sync().is_err());
        let dead = store.append(HOME, b"x");
        assert!(matches!(dead, Err(BlobError::Failed(_))), "{dead:?}");
        assert!(store.store(HOME, &mut &b"x"[..]).is_err());
    }
}
