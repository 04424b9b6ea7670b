//! Blobs in memory, for tests of the rooms that read ropes. Reads come in pieces, as from a disk.

use crate::blob::{BlobError, BlobRead, BlobRef};
use crate::rope::{Rope, RopeReader};

/// Numbered blobs.
#[derive(Debug, Default)]
pub(crate) struct MemoryBlobs {
    contents: Vec<Vec<u8>>,
    read_most: Option<usize>,
}

impl MemoryBlobs {
    pub(crate) fn of(content: impl Into<Vec<u8>>) -> (Self, BlobRef) {
        let mut blobs = Self::default();
        let blob = blobs.add(content);
        (blobs, blob)
    }

    pub(crate) fn add(&mut self, content: impl Into<Vec<u8>>) -> BlobRef {
        let content = content.into();
        let length = content.len() as u64;
        self.contents.push(content);
        BlobRef {
            segment: self.contents.len() as u64 - 1,
            offset: 0,
            length,
        }
    }

    /// No read gives more than `most` octets.
    pub(crate) fn reading_at_most(mut self, most: usize) -> Self {
        self.read_most = Some(most);
        self
    }

    /// All that `rope` writes.
    pub(crate) fn written(&self, rope: &Rope) -> Vec<u8> {
        let mut octets = Vec::new();
        let reader = RopeReader::new(rope, self);
        let read = reader.for_each_chunk(|chunk| octets.extend_from_slice(chunk));
        read.expect("the rope points into these blobs");
        octets
    }
}

impl BlobRead for MemoryBlobs {
    fn read_at(&self, blob: BlobRef, at: u64, into: &mut [u8]) -> Result<usize, BlobError> {
        let content = &self.contents[usize::try_from(blob.segment).expect("a small number")];
        let start = usize::try_from(at).map_or(content.len(), |at| at.min(content.len()));
        let most = self.read_most.unwrap_or(into.len());
        let count = (content.len() - start).min(into.len()).min(most);
        into[..count].copy_from_slice(&content[start..start + count]);
        Ok(count)
    }
}
