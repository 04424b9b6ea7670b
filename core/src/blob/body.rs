//! One body at hand: read once, its checksum compared, and from then on a slice in memory for all who
//! scan, quote and digest it. A long one is verified and read again by each, in bounded memory.

use super::{BlobError, BlobRead, BlobRef, BlobStore};
use crate::limits;

/// Reads any blob; the one it was made for without asking the disk again.
#[derive(Debug)]
pub struct BodyAtHand<'a> {
    store: &'a BlobStore,
    blob: BlobRef,
    /// None: longer than `limits::BODY_AT_HAND_BYTES_MAX`.
    octets: Option<Vec<u8>>,
}

impl<'a> BodyAtHand<'a> {
    /// Reads `blob` and compares its checksum: what is signed is what came.
    pub fn read(store: &'a BlobStore, blob: BlobRef) -> Result<Self, BlobError> {
        let octets = if blob.length <= limits::BODY_AT_HAND_BYTES_MAX {
            Some(store.read(blob, limits::BODY_AT_HAND_BYTES_MAX)?)
        } else {
            store.verify(blob)?;
            None
        };
        Ok(Self {
            store,
            blob,
            octets,
        })
    }
}

impl BlobRead for BodyAtHand<'_> {
    fn read_at(&self, blob: BlobRef, at: u64, into: &mut [u8]) -> Result<usize, BlobError> {
        let Some(octets) = self.at_hand(blob) else {
            return self.store.read_at(blob, at, into);
        };
        let rest = usize::try_from(at).map_or(&[][..], |at| octets.get(at..).unwrap_or(&[]));
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn at_hand(&self, blob: BlobRef) -> Option<&[u8]> {
        self.octets.as_deref().filter(|_| blob == self.blob)
    }
}
