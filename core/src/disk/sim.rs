//! A disk in memory that keeps only what it promised: after [`SimDisk::power_cut`] every write that no
//! `sync` covered is lost, kept or torn, and names in unsynced folders are gone. Faults can be set:
//! a failing sync or write, a full disk, an end of the process between any two operations.
//!
//! Content is in pages of 4096 octets shared between copies, zeros cost nothing, so that a cut after
//! every write of a long run stays cheap. All that happens follows from the calls and the seeds.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Disk, DiskFile};

const PAGE_BYTES: usize = 4096;
/// What a disk writes in one piece.
const SECTOR_BYTES: usize = 512;

/// What a loss of power leaves of the writes that no sync covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Nothing.
    All,
    /// Any of them, whole or torn at a sector, in any combination.
    Some,
}

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nothing was done. A sync that fails so drops the writes: the cache shows them and calls them
    /// clean, the medium never gets them.
    NotDone,
    /// All was done, and reported as failed.
    Done,
}

/// A disk in memory. Clones are the same disk.
#[derive(Debug, Clone)]
pub struct SimDisk(Arc<Mutex<World>>);

#[derive(Debug, Default)]
struct World {
    files: Vec<Inode>,
    /// Names as the process sees them.
    names: BTreeMap<PathBuf, usize>,
    /// Names that a loss of power leaves.
    durable_names: BTreeMap<PathBuf, usize>,
    /// Changes of names since their folder was synced, oldest first.
    renamings: Vec<Naming>,
    faults: Faults,
    syncs: u64,
    writes: u64,
    operations: u64,
    boots: u64,
}

/// One atomic change of a folder: names and what they stand for from now on.
#[derive(Debug, Clone)]
struct Naming(Vec<(PathBuf, Option<usize>)>);

#[derive(Debug, Default)]
struct Faults {
    sync: Option<(u64, Failure)>,
    write: Option<(u64, Failure)>,
    freeze_at: Option<u64>,
    capacity: Option<u64>,
}

#[derive(Debug, Default, Clone)]
struct Inode {
    /// What the cache shows.
    cached: Pages,
    /// What the medium holds for sure.
    synced: Pages,
    /// Writes on their way to the medium.
    dirty: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write(u64, Arc<[u8]>),
    Length(u64),
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    inode: usize,
}

impl Default for SimDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl SimDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(World::default())))
    }

    /// The disk after a loss of power now; this one is as it was. The same seed loses the same.
    pub fn power_cut(&self, seed: u64, loss: Loss) -> Self {
        let world = self.0.lock();
        let mut chance = Chance(seed);
        let mut names = world.durable_names.clone();
        if loss == Loss::Some {
            // A journaling file system keeps changes of names in order.
            let kept = chance.below(world.renamings.len() as u64 + 1);
            for naming in world.renamings.iter().take(kept as usize) {
                naming.apply(&mut names);
            }
        }
        let after_cut = |inode: &Inode| match loss {
            Loss::All => Inode::holding(inode.synced.clone()),
            Loss::Some => Inode::holding(inode.torn(&mut chance)),
        };
        let files = world.files.iter().map(after_cut).collect();
        Self::started(files, names, world.boots + 1)
    }

    /// The disk as the next process finds it after this one died now; the machine went on.
    pub fn restart(&self) -> Self {
        let world = self.0.lock();
        let next = Self::started(world.files.clone(), world.names.clone(), world.boots);
        {
            let mut after = next.0.lock();
            after.durable_names = world.durable_names.clone();
            after.renamings = world.renamings.clone();
        }
        next
    }

    fn started(files: Vec<Inode>, names: BTreeMap<PathBuf, usize>, boots: u64) -> Self {
        Self(Arc::new(Mutex::new(World {
            files,
            durable_names: names.clone(),
            names,
            boots,
            ..World::default()
        })))
    }

    /// The `nth` sync of a file from now on fails, 1 being the next one.
    pub fn fail_sync(&self, nth: u64, failure: Failure) {
        let mut world = self.0.lock();
        world.faults.sync = Some((world.syncs + nth, failure));
    }

    /// The `nth` write from now on fails, 1 being the next one.
    pub fn fail_write(&self, nth: u64, failure: Failure) {
        let mut world = self.0.lock();
        world.faults.write = Some((world.writes + nth, failure));
    }

    /// The disk holds so many octets; `None`: it is never full.
    pub fn set_capacity(&self, octets: Option<u64>) {
        self.0.lock().faults.capacity = octets;
    }

    /// Everything fails from now on: the process is as good as dead.
    pub fn freeze(&self) {
        self.freeze_after(0);
    }

    /// Everything fails after `operations` more changes (writes, syncs, changes of names).
    pub fn freeze_after(&self, operations: u64) {
        let mut world = self.0.lock();
        world.faults.freeze_at = Some(world.operations + operations);
    }

    /// Syncs of files until now.
    pub fn syncs(&self) -> u64 {
        self.0.lock().syncs
    }

    /// Writes until now.
    pub fn writes(&self) -> u64 {
        self.0.lock().writes
    }

    /// Octets in the files that have a name.
    pub fn used_bytes(&self) -> u64 {
        self.0.lock().used()
    }

    /// Changes until now: writes, syncs, changes of names.
    pub fn operations(&self) -> u64 {
        self.0.lock().operations
    }
}

impl World {
    /// Counts a change; fails when the process is frozen.
    fn operation(&mut self) -> io::Result<()> {
        self.alive()?;
        self.operations += 1;
        Ok(())
    }

    fn alive(&self) -> io::Result<()> {
        match self.faults.freeze_at {
            Some(at) if self.operations >= at => Err(io::Error::other("simulated end")),
            _ => Ok(()),
        }
    }

    fn used(&self) -> u64 {
        let named = self.names.values();
        named.map(|&inode| self.files[inode].cached.length).sum()
    }

    fn room_for(&self, inode: usize, length: u64) -> io::Result<()> {
        let grows = length.saturating_sub(self.files[inode].cached.length);
        match self.faults.capacity {
            Some(capacity) if grows > 0 && self.used() + grows > capacity => {
                Err(io::Error::from(io::ErrorKind::StorageFull))
            }
            _ => Ok(()),
        }
    }

    fn name(&mut self, changes: Vec<(PathBuf, Option<usize>)>) {
        let naming = Naming(changes);
        naming.apply(&mut self.names);
        self.renamings.push(naming);
    }

    fn missing(path: &Path) -> io::Error {
        io::Error::new(io::ErrorKind::NotFound, path.display().to_string())
    }
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        for (path, inode) in &self.0 {
            match inode {
                Some(inode) => names.insert(path.clone(), *inode),
                None => names.remove(path),
            };
        }
    }

    fn is_in(&self, folder: &Path) -> bool {
        self.0.iter().any(|(path, _)| path.parent() == Some(folder))
    }
}

/// Answers whether the operation is the one to fail, and how.
fn due(fault: &mut Option<(u64, Failure)>, count: u64) -> Option<Failure> {
    match *fault {
        Some((at, failure)) if at == count => {
            *fault = None;
            Some(failure)
        }
        _ => None,
    }
}

impl Inode {
    fn holding(synced: Pages) -> Self {
        Self {
            cached: synced.clone(),
            synced,
            dirty: Vec::new(),
        }
    }

    fn change(&mut self, change: Change) {
        self.cached.change(&change);
        self.dirty.push(change);
    }

    /// What the medium may hold after a loss of power.
    fn torn(&self, chance: &mut Chance) -> Pages {
        let mut content = self.synced.clone();
        for change in &self.dirty {
            match (chance.below(4), change) {
                (0, _) => {}
                (1, Change::Write(offset, octets)) => {
                    let sectors = octets.len().div_ceil(SECTOR_BYTES) as u64;
                    let kept =
                        (chance.below(sectors + 1) as usize * SECTOR_BYTES).min(octets.len());
                    content.write(&octets[..kept], *offset);
                }
                (2, Change::Write(offset, octets)) => {
                    for (sector, octets) in octets.chunks(SECTOR_BYTES).enumerate() {
                        if chance.below(2) == 0 {
                            content.write(octets, offset + (sector * SECTOR_BYTES) as u64);
                        }
                    }
                }
                _ => content.change(change),
            }
        }
        content
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn DiskFile>> {
        let mut world = self.0.lock();
        world.alive()?;
        let inode = match world.names.get(path) {
            Some(&inode) => inode,
            None if create => {
                world.operation()?;
                world.files.push(Inode::default());
                let inode = world.files.len() - 1;
                world.name(vec![(path.to_owned(), Some(inode))]);
                inode
            }
            None => return Err(World::missing(path)),
        };
        let disk = self.clone();
        Ok(Arc::new(SimFile { disk, inode }))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let world = self.0.lock();
        world.alive()?;
        let inside = world.names.keys().filter(|p| p.parent() == Some(folder));
        let name = |path: &PathBuf| path.file_name().map(|n| n.to_string_lossy().into_owned());
        Ok(inside.filter_map(name).collect())
    }

    fn create_folder(&self, _folder: &Path) -> io::Result<()> {
        self.0.lock().operation()
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut world = self.0.lock();
        world.operation()?;
        let (done, open) = std::mem::take(&mut world.renamings)
            .into_iter()
            .partition(|naming| naming.is_in(folder));
        world.renamings = open;
        let done: Vec<Naming> = done;
        for naming in done {
            naming.apply(&mut world.durable_names);
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut world = self.0.lock();
        world.operation()?;
        let inode = world.names.get(from).copied();
        let inode = inode.ok_or_else(|| World::missing(from))?;
        world.name(vec![(from.to_owned(), None), (to.to_owned(), Some(inode))]);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut world = self.0.lock();
        world.operation()?;
        if !world.names.contains_key(path) {
            return Err(World::missing(path));
        }
        world.name(vec![(path.to_owned(), None)]);
        Ok(())
    }

    fn free_bytes(&self, _folder: &Path) -> io::Result<u64> {
        let world = self.0.lock();
        world.alive()?;
        let free = |capacity: u64| capacity.saturating_sub(world.used());
        Ok(world.faults.capacity.map_or(u64::MAX, free))
    }

    fn boot_id(&self) -> String {
        format!("simulated boot {}", self.0.lock().boots)
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let world = self.disk.0.lock();
        world.alive()?;
        Ok(world.files[self.inode].cached.read(into, offset))
    }

    fn read_uncached(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let world = self.disk.0.lock();
        world.alive()?;
        let inode = &world.files[self.inode];
        let mut medium = inode.synced.clone();
        inode.dirty.iter().for_each(|change| medium.change(change));
        Ok(medium.read(into, offset))
    }

    fn write_all_at(&self, from: &[u8], offset: u64) -> io::Result<()> {
        let mut world = self.disk.0.lock();
        world.operation()?;
        world.room_for(self.inode, offset + from.len() as u64)?;
        world.writes += 1;
        let writes = world.writes;
        let failure = due(&mut world.faults.write, writes);
        if failure != Some(Failure::NotDone) {
            world.files[self.inode].change(Change::Write(offset, from.into()));
        }
        match failure {
            Some(_) => Err(io::Error::other("simulated failure of a write")),
            None => Ok(()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        let mut world = self.disk.0.lock();
        world.operation()?;
        world.syncs += 1;
        let syncs = world.syncs;
        let failure = due(&mut world.faults.sync, syncs);
        let inode = &mut world.files[self.inode];
        let changes = std::mem::take(&mut inode.dirty);
        if failure != Some(Failure::NotDone) {
            changes
                .iter()
                .for_each(|change| inode.synced.change(change));
        }
        match failure {
            Some(_) => Err(io::Error::other("simulated failure of a sync")),
            None => Ok(()),
        }
    }

    fn len(&self) -> io::Result<u64> {
        let world = self.disk.0.lock();
        world.alive()?;
        Ok(world.files[self.inode].cached.length)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut world = self.disk.0.lock();
        world.operation()?;
        world.room_for(self.inode, length)?;
        world.files[self.inode].change(Change::Length(length));
        Ok(())
    }
}

/// Content in shared pages; a page of zeros is `None`.
#[derive(Debug, Default, Clone)]
struct Pages {
    length: u64,
    pages: Vec<Option<Arc<[u8; PAGE_BYTES]>>>,
}

impl Pages {
    fn change(&mut self, change: &Change) {
        match change {
            Change::Write(offset, octets) => self.write(octets, *offset),
            Change::Length(length) => self.cut(*length),
        }
    }

    fn write(&mut self, octets: &[u8], offset: u64) {
        let mut at = offset as usize;
        let mut rest = octets;
        while !rest.is_empty() {
            let (page, inside) = (at / PAGE_BYTES, at % PAGE_BYTES);
            let (now, later) = rest.split_at(rest.len().min(PAGE_BYTES - inside));
            self.write_page(page, inside, now);
            at += now.len();
            rest = later;
        }
        self.length = self.length.max(offset + octets.len() as u64);
    }

    fn write_page(&mut self, page: usize, inside: usize, octets: &[u8]) {
        if self.pages.len() <= page {
            self.pages.resize(page + 1, None);
        }
        let slot = &mut self.pages[page];
        if slot.is_none() && octets.iter().all(|&octet| octet == 0) {
            return;
        }
        let page = slot.get_or_insert_with(|| Arc::new([0; PAGE_BYTES]));
        Arc::make_mut(page)[inside..inside + octets.len()].copy_from_slice(octets);
    }

    fn cut(&mut self, length: u64) {
        let (pages, inside) = (length as usize / PAGE_BYTES, length as usize % PAGE_BYTES);
        self.pages.truncate(pages + 1);
        if let Some(Some(last)) = self.pages.get_mut(pages) {
            Arc::make_mut(last)[inside..].fill(0);
        }
        self.length = length;
    }

    fn read(&self, into: &mut [u8], offset: u64) -> usize {
        let left = self.length.saturating_sub(offset);
        let count = into.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let mut done = 0;
        while done < count {
            let at = offset as usize + done;
            let (page, inside) = (at / PAGE_BYTES, at % PAGE_BYTES);
            let now = (count - done).min(PAGE_BYTES - inside);
            let part = &mut into[done..done + now];
            match self.pages.get(page) {
                Some(Some(page)) => part.copy_from_slice(&page[inside..inside + now]),
                _ => part.fill(0),
            }
            done += now;
        }
        count
    }
}

/// SplitMix64: the same seed, the same losses.
#[derive(Debug)]
struct Chance(u64);

impl Chance {
    /// A number below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % bound.max(1)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn content(disk: &SimDisk, path: &str) -> Option<Vec<u8>> {
        let file = disk.open(Path::new(path), false).ok()?;
        let mut into = vec![0; file.len().unwrap() as usize];
        file.read_at(&mut into, 0).unwrap();
        Some(into)
    }

    fn synced(disk: &SimDisk, path: &str, octets: &[u8]) -> Arc<dyn DiskFile> {
        let file = disk.open(Path::new(path), true).unwrap();
        file.write_all_at(octets, 0).unwrap();
        file.sync().unwrap();
        disk.sync_folder(Path::new(path).parent().unwrap()).unwrap();
        file
    }

    #[test]
    fn a_power_cut_loses_unsynced_writes_and_names() {
        let disk = SimDisk::new();
        let file = synced(&disk, "/a/one", b"first");
        file.write_all_at(b"SECOND", 0).unwrap();
        let other = disk.open(Path::new("/a/two"), true).unwrap();
        other.write_all_at(b"x", 0).unwrap();
        other.sync().unwrap();
        let after = disk.power_cut(1, Loss::All);
        assert_eq!(content(&after, "/a/one").unwrap(), b"first");
        assert_eq!(content(&after, "/a/two"), None);
        assert_ne!(after.boot_id(), disk.boot_id());
        let killed = disk.restart();
        assert_eq!(content(&killed, "/a/one").unwrap(), b"SECOND");
        assert_eq!(content(&killed, "/a/two").unwrap(), b"x");
    }

    #[test]
    fn some_losses_keep_what_was_synced_and_tear_at_sectors() {
        let disk = SimDisk::new();
        let file = synced(&disk, "/a", &[1; 2048]);
        file.write_all_at(&[2; 2048], 0).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let octets = content(&disk.power_cut(seed, Loss::Some), "/a").unwrap();
            for sector in octets.chunks(SECTOR_BYTES) {
                assert!(sector.iter().all(|octet| *octet == sector[0]));
            }
            seen.insert(octets);
        }
        assert!(seen.len() > 4, "only {} different ends", seen.len());
    }

    #[test]
    fn a_sync_that_fails_undone_is_never_made_good_by_the_next() {
        let disk = SimDisk::new();
        let file = synced(&disk, "/a", b"old");
        file.write_all_at(b"new", 0).unwrap();
        disk.fail_sync(1, Failure::NotDone);
        assert!(file.sync().is_err());
        file.sync().unwrap();
        let mut seen = [0; 3];
        file.read_at(&mut seen, 0).unwrap();
        assert_eq!(&seen, b"new", "the cache shows it");
        file.read_uncached(&mut seen, 0).unwrap();
        assert_eq!(&seen, b"old", "the medium never got it");
        assert_eq!(
            content(&disk.power_cut(0, Loss::All), "/a").unwrap(),
            b"old"
        );
    }

    #[test]
    fn a_full_disk_refuses_growth_only() {
        let disk = SimDisk::new();
        let file = synced(&disk, "/a", &[1; 100]);
        disk.set_capacity(Some(120));
        assert_eq!(disk.free_bytes(Path::new("/")).unwrap(), 20);
        file.write_all_at(&[2; 100], 0).unwrap();
        let error = file.write_all_at(&[2; 30], 100).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        disk.freeze();
        assert!(file.write_all_at(&[3], 0).is_err());
        assert!(disk.list(Path::new("/")).is_err());
    }
}
