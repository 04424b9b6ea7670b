//! The disk as the journal, the blobs and the views see it: real files, or a simulated disk in tests
//! that loses unsynced writes, tears, fails a sync or is full.

pub mod real;
pub mod sim;

pub use real::RealDisk;
pub use sim::SimDisk;

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An open file: positioned reads and writes, data made durable by `sync` alone.
#[expect(clippy::len_without_is_empty, reason = "asks the disk, may fail")]
pub trait DiskFile: Send + Sync + Debug {
    /// Reads up to `into.len()` octets at `offset`; 0 at the end.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Reads at `offset` from the medium, past the page cache where the system allows it.
    fn read_uncached(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all of `from` at `offset`.
    fn write_all_at(&self, from: &[u8], offset: u64) -> io::Result<()>;
    /// `fdatasync`.
    fn sync(&self) -> io::Result<()>;
    /// Octets in the file.
    fn len(&self) -> io::Result<u64>;
    /// Cuts or extends.
    fn set_len(&self, length: u64) -> io::Result<()>;
}

/// A folder tree.
pub trait Disk: Send + Sync + Debug {
    /// Opens a file for reading and writing; makes it when `create`.
    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn DiskFile>>;
    /// Names in a folder, sorted; empty when the folder is missing.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// Makes a folder and its parents.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;
    /// Makes names in `folder` durable (after creating, renaming or removing).
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// Renames, replacing.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Octets free for us.
    fn free_bytes(&self, folder: &Path) -> io::Result<u64>;
    /// Changes with each start of the machine: after an unclean end views are rebuilt.
    fn boot_id(&self) -> String;
}

/// Where the parts of a data directory are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFolder(pub PathBuf);

impl DataFolder {
    /// `journal/`
    pub fn journal(&self) -> PathBuf {
        self.0.join("journal")
    }
    /// `blobs/`
    pub fn blobs(&self) -> PathBuf {
        self.0.join("blobs")
    }
    /// `views/`
    pub fn views(&self) -> PathBuf {
        self.0.join("views")
    }
    /// `directory/`
    pub fn directory(&self) -> PathBuf {
        self.0.join("directory")
    }
    /// `keys/`
    pub fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }
    /// `quarantine/`
    pub fn quarantine(&self) -> PathBuf {
        self.0.join("quarantine")
    }
    /// `appliance.toml`
    pub fn settings(&self) -> PathBuf {
        self.0.join("appliance.toml")
    }
    /// `LOCK`
    pub fn lock(&self) -> PathBuf {
        self.0.join("LOCK")
    }
    /// The Unix socket that `serve` answers on.
    pub fn socket(&self) -> PathBuf {
        self.0.join("control.sock")
    }
}
