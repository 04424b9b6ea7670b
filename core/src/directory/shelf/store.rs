//! Files of the shelf: each is written beside, synced and renamed, so that a crash leaves the old one or
//! the new one. An index without a proof is one that a crash left half stored: nobody names it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::proof::Proof;
use crate::disk::Disk;
use crate::instant::Instant;
use crate::limits::{DIRECTORY_BYTES_MAX, DIRECTORY_PROOF_BYTES_MAX};

const INDEX: &str = ".p7m";
const PROOF: &str = ".proof";
const BESIDE: &str = ".new";
const PREFIX: &str = "index-";
/// The name of the index that waits for confirmation.
pub(super) const HELD: &str = "held";

/// The folder.
#[derive(Debug)]
pub(super) struct Store {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
}

/// Name of the index in use since then; names sort as their instants do.
pub(super) fn name_of(since: Instant) -> String {
    format!("{PREFIX}{:015}", since.as_millis())
}

impl Store {
    pub(super) fn new(disk: Arc<dyn Disk>, folder: PathBuf) -> Self {
        Self { disk, folder }
    }

    /// Names of the indexes that have a proof, oldest first, and when each came into use.
    pub(super) fn names(&self) -> io::Result<Vec<(Instant, String)>> {
        let all = self.disk.list(&self.folder)?;
        let mut names: Vec<(Instant, String)> = all
            .iter()
            .filter_map(|file| {
                let name = file.strip_suffix(PROOF)?;
                let millis = name.strip_prefix(PREFIX)?.parse().ok()?;
                Some((Instant::from_millis(millis), name.to_owned()))
            })
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    pub(super) fn index(&self, name: &str) -> io::Result<Vec<u8>> {
        self.read(&format!("{name}{INDEX}"), DIRECTORY_BYTES_MAX)
    }

    /// `None` when it was changed.
    pub(super) fn proof(&self, name: &str) -> io::Result<Option<Proof>> {
        let octets = self.read(&format!("{name}{PROOF}"), DIRECTORY_PROOF_BYTES_MAX)?;
        Ok(Proof::read(&octets))
    }

    /// Stores both. *Crash before the proof's rename: octets that nobody names.* After it, the index is
    /// there.
    pub(super) fn put(&self, name: &str, p7m: &[u8], proof: &Proof) -> io::Result<()> {
        self.disk.create_folder(&self.folder)?;
        self.write(&format!("{name}{INDEX}"), p7m)?;
        self.put_proof(name, proof)
    }

    pub(super) fn put_proof(&self, name: &str, proof: &Proof) -> io::Result<()> {
        self.write(&format!("{name}{PROOF}"), &proof.write())
    }

    /// Removes both, the proof first.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        for end in [PROOF, INDEX] {
            match self.disk.remove(&self.path(&format!("{name}{end}"))) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.disk.sync_folder(&self.folder)
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    fn write(&self, file: &str, octets: &[u8]) -> io::Result<()> {
        let beside = self.path(&format!("{file}{BESIDE}"));
        let opened = self.disk.open(&beside, true)?;
        opened.set_len(0)?;
        opened.write_all_at(octets, 0)?;
        opened.sync()?;
        self.disk.rename(&beside, &self.path(file))?;
        self.disk.sync_folder(&self.folder)
    }

    fn read(&self, file: &str, most: usize) -> io::Result<Vec<u8>> {
        read_whole(&*self.disk, &self.path(file), most)
    }
}

fn read_whole(disk: &dyn Disk, path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let file = disk.open(path, false)?;
    let length = usize::try_from(file.len()?).unwrap_or(usize::MAX);
    if length > most {
        return Err(io::Error::other("it is larger than any that was stored"));
    }
    let mut octets = vec![0; length];
    let mut at = 0;
    while at < length {
        match file.read_at(octets.get_mut(at..).unwrap_or_default(), at as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => at += read,
        }
    }
    Ok(octets)
}
