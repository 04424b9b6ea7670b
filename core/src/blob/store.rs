//! All blobs of an appliance.

use std::path::Path;
use std::sync::Arc;

use super::{BlobRead, BlobRef};
use crate::disk::Disk;
use crate::journal::Partition;
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
        source: std::io::Error,
    },
}

/// Opens segments and reads from them; hands out new segment numbers to those who write (each ring, the
/// certifier). Shared by all threads.
pub struct BlobStore {
    _private: (),
}

impl BlobStore {
    /// Opens the folder, made when missing; the next segment number is above all that are there.
    pub fn open(_disk: Arc<dyn Disk>, _folder: &Path) -> Result<Arc<Self>, BlobError> {
        unimplemented!()
    }

    /// The folder, for the rings, which write their segments through io_uring.
    pub fn folder(&self) -> &Path {
        unimplemented!()
    }

    /// A number that no segment has.
    pub fn next_segment(&self) -> u64 {
        unimplemented!()
    }

    /// Writes `content` as a blob into this store's own segment (certifier, offline commands); durable
    /// after the next [`BlobStore::sync`].
    pub fn append(&self, _home: Partition, _content: &[u8]) -> Result<BlobRef, BlobError> {
        unimplemented!()
    }

    /// One `fdatasync` for all that was appended; a failure must stop the process (design §5).
    pub fn sync(&self) -> Result<(), BlobError> {
        unimplemented!()
    }

    /// `append` and `sync` in one: for single bodies from a reader, of any length, in bounded memory.
    pub fn store(
        &self,
        _home: Partition,
        _content: &mut dyn std::io::Read,
    ) -> Result<Durable<BlobRef>, BlobError> {
        unimplemented!()
    }

    /// The whole content, at most `most` octets, checksum verified.
    pub fn read(&self, _blob: BlobRef, _most: u64) -> Result<Vec<u8>, BlobError> {
        unimplemented!()
    }

    /// The pieces of a stored message: one slice for a [`Content::Whole`].
    pub fn rope(&self, _content: Content) -> Result<Rope, BlobError> {
        unimplemented!()
    }
}

impl BlobRead for BlobStore {
    fn read_at(&self, _blob: BlobRef, _at: u64, _into: &mut [u8]) -> Result<usize, BlobError> {
        unimplemented!()
    }
}
