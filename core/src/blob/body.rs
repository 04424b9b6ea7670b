//! One body at hand: read once, its checksum compared, and from then on a slice in memory for all who
//! scan, quote and digest it. A long one is verified and read again by each, in bounded memory.

use super::format::BLOB_HEADER_BYTES;
use super::{BlobError, BlobRead, BlobRef, BlobStore};
use crate::limits;
use crate::rope::{Piece, Rope};

/// Reads any blob; the one it was made for without asking the disk again.
#[derive(Debug)]
pub struct BodyAtHand<'a> {
    store: &'a BlobStore,
    blob: BlobRef,
    /// With the blob's header before it; none: longer than `limits::BODY_AT_HAND_BYTES_MAX`.
    octets: Option<Vec<u8>>,
}

impl<'a> BodyAtHand<'a> {
    /// Reads `blob` and compares its checksum: what is signed is what came.
    pub fn read(store: &'a BlobStore, blob: BlobRef) -> Result<Self, BlobError> {
        let octets = if blob.length <= limits::BODY_AT_HAND_BYTES_MAX {
            Some(store.read_with_header(blob)?)
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

    /// The body that `rope` encloses, where it is short: a long one is as well read from the store.
    pub fn enclosed(store: &'a BlobStore, rope: &Rope) -> Result<Option<Self>, BlobError> {
        let blob = rope.pieces().iter().find_map(|piece| match piece {
            Piece::Slice { blob, .. } => Some(*blob),
            Piece::Text(_) => None,
        });
        let short = blob.filter(|blob| blob.length <= limits::BODY_AT_HAND_BYTES_MAX);
        short.map(|blob| Self::read(store, blob)).transpose()
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
        let octets = self.octets.as_deref().filter(|_| blob == self.blob);
        octets?.get(BLOB_HEADER_BYTES as usize..)
    }
}
