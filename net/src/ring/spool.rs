//! Bodies on their way to disk, from one ring. A short body is collected in memory and goes, with those
//! of other connections, into the ring's shared segment: one `fdatasync` for all that wait. A long one
//! streams through a bounded buffer into a segment of its own. A reference is handed out only after the
//! sync (see *Commit*, step 1); a failed sync, or a failed write other than for want of room, stops the
//! process.

use std::cell::RefCell;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ceralacca_core::blob::BlobRef;
use ceralacca_core::blob::format::{
    BLOB_HEADER_BYTES, SEGMENT_HEADER_BYTES, blob_header, next_ground, padding, segment_header,
    segment_name, zeros,
};
use ceralacca_core::journal::Partition;
use ceralacca_core::limits;
use ceralacca_core::proof::Durable;
use ceralacca_core::state::State;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_uring::fs::{File, OpenOptions, remove_file};

use crate::conn::within;

/// Why a body was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpoolError {
    /// Too many bodies are on their way: `451 4.3.2`.
    #[error("too many bodies are on their way")]
    Busy,
    /// The disk is full: `452 4.3.1`.
    #[error("no room on the disk for this body")]
    NoSpace,
}

/// What the spool needs of the house; a trait so that the spool is tested by itself.
pub(crate) trait House {
    /// Folder of the segments.
    fn folder(&self) -> PathBuf;
    /// A number that no segment has.
    fn next_segment(&self) -> u64;
    /// Stops the process.
    fn fatal(&self, sentence: &str) -> !;
}

impl House for Arc<State> {
    fn folder(&self) -> PathBuf {
        self.blobs().folder().to_owned()
    }

    fn next_segment(&self) -> u64 {
        self.blobs().next_segment()
    }

    fn fatal(&self, sentence: &str) -> ! {
        State::fatal(self, sentence)
    }
}

/// One ring's way for bodies to the disk.
#[derive(Clone)]
pub struct Spool {
    house: Rc<dyn House>,
    places: Arc<Semaphore>,
    short: mpsc::Sender<ShortBody>,
    rooms: Rooms,
}

/// Buffers of bodies that are written, for the next ones, which find their memory made ready.
#[derive(Clone, Default)]
struct Rooms(Rc<RefCell<Vec<Vec<u8>>>>);

impl Rooms {
    fn take(&self) -> Vec<u8> {
        self.0.borrow_mut().pop().unwrap_or_default()
    }

    fn give_back(&self, mut room: Vec<u8>) {
        let mut rooms = self.0.borrow_mut();
        if rooms.len() < limits::BODY_ROOMS_MAX && room.capacity() <= limits::BODY_BUFFER_BYTES_MAX
        {
            room.clear();
            rooms.push(room);
        }
    }
}

/// A body that is coming in. Give it to [`Body::finish`] or [`Body::abandon`]; one that is only dropped
/// leaves octets that nobody names.
pub struct Body {
    spool: Spool,
    home: Partition,
    /// Starts with room for the blob's header while nothing was written yet.
    buffer: Vec<u8>,
    length: u64,
    checksum: u32,
    own: Option<OwnSegment>,
    _place: OwnedSemaphorePermit,
}

struct OwnSegment {
    segment: u64,
    path: PathBuf,
    file: File,
    end: u64,
    /// Its name in the folder is durable.
    is_linked: bool,
    /// Room for what is written together.
    together: Vec<u8>,
    /// Zeros are laid up to here, or were tried.
    ground: u64,
}

struct ShortBody {
    octets: Vec<u8>,
    length: u64,
    reply: oneshot::Sender<Result<BlobRef, SpoolError>>,
}

impl Spool {
    /// Starts the task that owns the shared segment. Called on the ring's thread.
    pub(crate) fn start(house: Rc<dyn House>) -> Self {
        let (short, bodies) = mpsc::channel(limits::BODIES_PER_SYNC_MAX);
        let rooms = Rooms::default();
        let shared = keep_shared_segment(Rc::clone(&house), bodies, rooms.clone());
        tokio_uring::spawn(shared);
        Self {
            house,
            rooms,
            places: Arc::new(Semaphore::new(limits::BODIES_PER_RING_MAX)),
            short,
        }
    }

    /// Takes a place for a body at home in partition `home`, waiting a bounded time for one.
    pub async fn begin(&self, home: Partition) -> Result<Body, SpoolError> {
        let wait = Duration::from_secs(limits::BODY_PLACE_SECONDS_MAX);
        let place = within(wait, Arc::clone(&self.places).acquire_owned()).await;
        let Some(Ok(place)) = place else {
            return Err(SpoolError::Busy);
        };
        let mut buffer = self.rooms.take();
        buffer.resize(BLOB_HEADER_BYTES as usize, 0);
        Ok(Body {
            spool: self.clone(),
            home,
            buffer,
            length: 0,
            checksum: 0,
            own: None,
            _place: place,
        })
    }
}

impl Body {
    /// Octets so far.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Adds octets. Not to be given up. After an error the body is to be abandoned.
    pub async fn write(&mut self, octets: &[u8]) -> Result<(), SpoolError> {
        self.length += octets.len() as u64;
        self.checksum = crc32c::crc32c_append(self.checksum, octets);
        let mut rest = octets;
        while !rest.is_empty() {
            let room = limits::BODY_BUFFER_BYTES_MAX.saturating_sub(self.buffer.len());
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.buffer.extend_from_slice(now);
            rest = later;
            if self.buffer.len() >= limits::BODY_BUFFER_BYTES_MAX {
                self.spill().await?;
            }
        }
        Ok(())
    }

    /// Makes the body durable.
    pub async fn finish(mut self) -> Result<Durable<BlobRef>, SpoolError> {
        let header = blob_header(self.home.0, self.length, self.checksum);
        let pad = vec![0; padding(self.length) as usize];
        self.buffer.extend_from_slice(&pad);
        let done = if self.own.is_some() {
            self.finish_own(&header).await
        } else {
            self.buffer[..header.len()].copy_from_slice(&header);
            self.finish_short().await
        };
        match done {
            Ok(blob) => Ok(Durable::after_sync(blob)),
            Err(e) => {
                self.abandon().await;
                Err(e)
            }
        }
    }

    /// Gives the body up and its room back.
    pub async fn abandon(self) {
        if let Some(own) = self.own {
            // Both are best effort: what stays is named by nobody.
            let _ = own.file.close().await;
            let _ = remove_file(&own.path).await;
        }
    }

    async fn finish_short(&mut self) -> Result<BlobRef, SpoolError> {
        let (reply, answer) = oneshot::channel();
        let body = ShortBody {
            octets: std::mem::take(&mut self.buffer),
            length: self.length,
            reply,
        };
        let sent = self.spool.short.send(body).await;
        match (sent, answer.await) {
            (Ok(()), Ok(answer)) => answer,
            // The task ends only with its ring.
            _ => Err(SpoolError::Busy),
        }
    }

    async fn finish_own(&mut self, header: &[u8]) -> Result<BlobRef, SpoolError> {
        self.spill().await?;
        let Some(own) = self.own.as_mut() else {
            return Err(SpoolError::Busy);
        };
        let mut head = segment_header(own.segment).to_vec();
        head.extend_from_slice(header);
        let house = &*self.spool.house;
        // Crash in here: a segment that nobody names.
        let (result, _) = own.file.write_all_at(head, 0).await;
        check_write(house, &own.path, result)?;
        check_sync(house, &own.path, own.file.sync_data().await);
        check_sync(house, &own.path, sync_folder(&house.folder()).await);
        Ok(BlobRef {
            segment: own.segment,
            offset: SEGMENT_HEADER_BYTES,
            length: self.length,
        })
    }

    /// Writes the buffer to this body's own segment, made now when there is none.
    async fn spill(&mut self) -> Result<(), SpoolError> {
        let house = &*self.spool.house;
        if self.own.is_none() {
            self.own = Some(OwnSegment::create(house).await?);
        }
        let Some(own) = self.own.as_mut() else {
            return Ok(());
        };
        let octets = std::mem::take(&mut self.buffer);
        let length = octets.len() as u64;
        let (result, mut octets) = own.file.write_all_at(octets, own.end).await;
        octets.clear();
        self.buffer = octets;
        check_write(house, &own.path, result)?;
        own.end += length;
        Ok(())
    }
}

impl OwnSegment {
    async fn create(house: &dyn House) -> Result<Self, SpoolError> {
        let segment = house.next_segment();
        let path = house.folder().join(segment_name(segment));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let opened = options.open(&path).await;
        Ok(Self {
            segment,
            file: check_write(house, &path, opened)?,
            path,
            end: SEGMENT_HEADER_BYTES,
            is_linked: false,
            together: Vec::new(),
            ground: 0,
        })
    }

    /// Zeros ahead, with the next sync. Where they cannot be written, what comes there finds out, and on a full
    /// disk they are not tried with each write.
    async fn lay_ground(&mut self) {
        if let Some(next) = next_ground(self.end, self.ground) {
            let _ = self.file.write_all_at(zeros(&next), next.start).await;
            self.ground = next.end;
        }
    }
}

/// Writes and syncs short bodies, all that wait together, until the ring ends.
async fn keep_shared_segment(
    house: Rc<dyn House>,
    mut bodies: mpsc::Receiver<ShortBody>,
    rooms: Rooms,
) {
    let mut shared = None;
    while let Some(first) = bodies.recv().await {
        let mut batch = vec![first];
        while batch.len() < limits::BODIES_PER_SYNC_MAX
            && let Ok(next) = bodies.try_recv()
        {
            batch.push(next);
        }
        shared = write_batch(&*house, shared, batch, &rooms).await;
    }
}

/// One batch into the shared segment; answers the segment to go on with.
async fn write_batch(
    house: &dyn House,
    mut shared: Option<OwnSegment>,
    batch: Vec<ShortBody>,
    rooms: &Rooms,
) -> Option<OwnSegment> {
    let mut written = Vec::new();
    for together in portions(batch) {
        match write_together(house, &mut shared, &together).await {
            Ok(blobs) => {
                let replies = together.into_iter().map(|body| {
                    rooms.give_back(body.octets);
                    body.reply
                });
                written.extend(replies.zip(blobs));
            }
            // Where there is no room for all of them there may be some for one.
            Err(_) => {
                for body in together {
                    match write_together(house, &mut shared, std::slice::from_ref(&body)).await {
                        Ok(blobs) => written.extend(blobs.first().map(|blob| (body.reply, *blob))),
                        // A session that went away needs no answer; so below.
                        Err(e) => drop(body.reply.send(Err(e))),
                    }
                }
            }
        }
    }
    let mut segment = shared?;
    if !written.is_empty() {
        // Crash before this returns: bodies that nobody names.
        check_sync(house, &segment.path, segment.file.sync_data().await);
        if !segment.is_linked {
            check_sync(house, &segment.path, sync_folder(&house.folder()).await);
            segment.is_linked = true;
        }
    }
    for (reply, blob) in written {
        let _ = reply.send(Ok(blob));
    }
    segment.lay_ground().await;
    (segment.end < limits::BLOB_SEGMENT_BYTES_MAX).then_some(segment)
}

/// The batch in portions of at most `limits::BODIES_PER_WRITE_BYTES_MAX`, or of one.
fn portions(batch: Vec<ShortBody>) -> Vec<Vec<ShortBody>> {
    let mut portions: Vec<Vec<ShortBody>> = Vec::new();
    let mut room = 0;
    for body in batch {
        let length = body.octets.len();
        match portions.last_mut() {
            Some(last) if length <= room => {
                room -= length;
                last.push(body);
            }
            _ => {
                room = limits::BODIES_PER_WRITE_BYTES_MAX.saturating_sub(length);
                portions.push(vec![body]);
            }
        }
    }
    portions
}

/// Appends short bodies in one write: each write is handed to a thread of the kernel, and the way there
/// and back costs more than copying. Where it fails, the next one is written over what was left.
async fn write_together(
    house: &dyn House,
    shared: &mut Option<OwnSegment>,
    bodies: &[ShortBody],
) -> Result<Vec<BlobRef>, SpoolError> {
    let segment = match shared {
        Some(segment) => segment,
        None => shared.insert(OwnSegment::create(house).await?),
    };
    let is_new = segment.end == SEGMENT_HEADER_BYTES;
    let header = segment_header(segment.segment);
    let mut octets = std::mem::take(&mut segment.together);
    octets.clear();
    let at = if is_new {
        octets.extend_from_slice(&header);
        0
    } else {
        segment.end
    };
    for body in bodies {
        octets.extend_from_slice(&body.octets);
    }
    let (result, octets) = segment.file.write_all_at(octets, at).await;
    segment.together = octets;
    check_write(house, &segment.path, result)?;
    let placed = bodies.iter().map(|body| {
        let blob = BlobRef {
            segment: segment.segment,
            offset: segment.end,
            length: body.length,
        };
        segment.end += body.octets.len() as u64;
        blob
    });
    Ok(placed.collect())
}

async fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = File::open(folder).await?;
    let synced = folder.sync_all().await;
    folder.close().await?;
    synced
}

fn check_write<T>(house: &dyn House, path: &Path, result: io::Result<T>) -> Result<T, SpoolError> {
    result.map_err(|e| match e.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => SpoolError::NoSpace,
        _ if is_out_of_files(&e) => SpoolError::Busy,
        _ => house.fatal(&format!("cannot write {}: {e}", path.display())),
    })
}

/// Never retried: the kernel may have dropped the pages and call them clean.
fn check_sync(house: &dyn House, path: &Path, result: io::Result<()>) {
    if let Err(e) = result {
        house.fatal(&format!("cannot sync {}: {e}", path.display()));
    }
}

/// `EMFILE` and `ENFILE`.
fn is_out_of_files(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let code = error.raw_os_error();
    [Errno::MFILE, Errno::NFILE]
        .iter()
        .any(|e| code == Some(e.raw_os_error()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ceralacca_core::blob::BlobStore;
    use ceralacca_core::disk::real::RealDisk;

    struct TestHouse(Arc<BlobStore>);

    impl House for TestHouse {
        fn folder(&self) -> PathBuf {
            self.0.folder().to_owned()
        }

        fn next_segment(&self) -> u64 {
            self.0.next_segment()
        }

        fn fatal(&self, sentence: &str) -> ! {
            panic!("{sentence}")
        }
    }

    /// Runs `story` with a spool and the store that reads what it wrote.
    fn with_spool(story: impl AsyncFnOnce(Spool, Arc<BlobStore>)) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = BlobStore::open(Arc::new(RealDisk), folder.path()).expect("a store");
        let ring = crate::ring::runtime().expect("a ring");
        ring.block_on(async {
            let house = Rc::new(TestHouse(Arc::clone(&store)));
            story(Spool::start(house), store).await;
        });
    }

    async fn spool(spool: &Spool, pieces: &[&[u8]]) -> BlobRef {
        let mut body = spool.begin(Partition(3)).await.expect("a place");
        for piece in pieces {
            body.write(piece).await.expect("written");
        }
        body.finish().await.expect("durable").into_inner()
    }

    fn files(store: &BlobStore) -> usize {
        std::fs::read_dir(store.folder()).expect("a folder").count()
    }

    #[test]
    fn short_bodies_share_a_segment_and_are_read_back() {
        with_spool(async |out, store| {
            let bodies: Vec<Vec<u8>> = (0..20).map(|n| vec![n; 10 * usize::from(n)]).collect();
            let mut tasks = Vec::new();
            for body in bodies.clone() {
                let out = out.clone();
                tasks.push(tokio_uring::spawn(
                    async move { spool(&out, &[&body]).await },
                ));
            }
            for (task, body) in tasks.into_iter().zip(bodies) {
                let blob = task.await.expect("spooled");
                assert_eq!(store.read(blob, 1 << 20).expect("read"), body);
                assert_eq!(blob.offset % 8, 0);
            }
            assert_eq!(files(&store), 1);
        });
    }

    #[test]
    fn a_growing_segment_has_zeros_ahead() {
        with_spool(async |out, store| {
            let body = |n: u8| vec![n; 100_000];
            let mut blobs = Vec::new();
            for n in 0..40 {
                blobs.push(spool(&out, &[&body(n)]).await);
            }
            // The zeros come after the answer; the next answer after the zeros.
            let last = spool(&out, &[b"a"]).await;
            let path = store.folder().join(segment_name(last.segment));
            let length = std::fs::metadata(path).expect("there").len();
            assert!(
                length >= last.offset + limits::BLOB_GROUND_BYTES / 4,
                "{length}"
            );
            for (n, blob) in (0..).zip(blobs) {
                assert_eq!(blob.segment, last.segment);
                assert_eq!(store.read(blob, 1 << 20).expect("read"), body(n));
            }
        });
    }

    #[test]
    fn a_long_body_streams_into_a_segment_of_its_own() {
        with_spool(async |out, store| {
            let lengths = [-33, -32, -31, 0, 1, 300_001].map(|more| {
                let edge = i64::try_from(limits::BODY_BUFFER_BYTES_MAX).expect("small");
                usize::try_from(edge + more).expect("positive")
            });
            for length in lengths {
                let octets: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
                let pieces: Vec<&[u8]> = octets.chunks(5000).collect();
                let blob = spool(&out, &pieces).await;
                assert_eq!(store.read(blob, 1 << 20).expect("read"), octets, "{length}");
            }
            // Only the first fits the buffer beside the blob's header, and goes into the shared one.
            assert_eq!(files(&store), 1 + 5);
        });
    }

    #[test]
    fn portions_keep_the_order_and_the_bound() {
        let most = limits::BODIES_PER_WRITE_BYTES_MAX;
        let lengths = [most, 1, most / 2, most / 2, most + 7, 0, 3];
        let body = |length: usize| ShortBody {
            octets: vec![0; length],
            length: length as u64,
            reply: oneshot::channel().0,
        };
        let portions = portions(lengths.map(body).into());
        let shape: Vec<Vec<usize>> = portions
            .iter()
            .map(|portion| portion.iter().map(|body| body.octets.len()).collect())
            .collect();
        let expected = [
            vec![most],
            vec![1, most / 2],
            vec![most / 2],
            vec![most + 7, 0],
            vec![3],
        ];
        assert_eq!(shape, expected);
    }

    #[test]
    fn what_is_abandoned_leaves_the_disk() {
        with_spool(async |out, store| {
            let mut body = out.begin(Partition(3)).await.expect("a place");
            let octets = vec![b'x'; 2 * limits::BODY_BUFFER_BYTES_MAX];
            body.write(&octets).await.expect("written");
            assert_eq!(files(&store), 1);
            body.abandon().await;
            assert_eq!(files(&store), 0);
        });
    }

    #[test]
    fn places_for_bodies_are_bounded_and_come_back() {
        with_spool(async |out, _| {
            let mut bodies = Vec::new();
            for _ in 0..limits::BODIES_PER_RING_MAX {
                bodies.push(out.begin(Partition(3)).await.expect("a place"));
            }
            let soon = Duration::from_millis(5);
            assert!(
                within(soon, out.begin(Partition(3))).await.is_none(),
                "waits"
            );
            bodies.pop();
            assert!(out.begin(Partition(3)).await.is_ok());
        });
    }

    #[test]
    fn a_full_disk_refuses_one_message_and_any_other_fault_stops_the_house() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = BlobStore::open(Arc::new(RealDisk), folder.path()).expect("a store");
        let house = TestHouse(store);
        let judge =
            |kind: io::ErrorKind| check_write::<()>(&house, Path::new("x"), Err(kind.into()));
        assert_eq!(judge(io::ErrorKind::StorageFull), Err(SpoolError::NoSpace));
        assert_eq!(
            judge(io::ErrorKind::QuotaExceeded),
            Err(SpoolError::NoSpace)
        );
        let stops = |effect: &dyn Fn()| {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(effect)).is_err()
        };
        assert!(stops(&|| {
            let _ = judge(io::ErrorKind::Other);
        }));
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        assert!(
            stops(&|| check_sync(&house, Path::new("x"), Err(full()))),
            "a sync never passes"
        );
    }
}
