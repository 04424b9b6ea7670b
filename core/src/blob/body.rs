//! One body at hand: read once, its checksum compared, and from then on a slice in memory for all who
//! scan, quote and digest it. A long one is verified and read again by each, in bounded memory.

use std::cell::Cell;

use super::format::BLOB_HEADER_BYTES;
use super::{BlobError, BlobRead, BlobRef, BlobStore};
use crate::limits;
use crate::rope::{Piece, Rope};

thread_local! {
    /// Where the last body of this thread lay: the next one finds its memory made ready. Bounded by
    /// `limits::BODY_AT_HAND_BYTES_MAX`.
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Reads any blob; the one it was made for without asking the disk again.
#[derive(Debug)]
pub struct BodyAtHand<'a> {
    store: &'a BlobStore,
    blob: BlobRef,
    /// With the blob's header before it, and what the room held behind it; none: longer than
    /// `limits::BODY_AT_HAND_BYTES_MAX`.
    octets: Option<Vec<u8>>,
}

impl<'a> BodyAtHand<'a> {
    /// Reads `blob` and compares its checksum: what is signed is what came.
    pub fn read(store: &'a BlobStore, blob: BlobRef) -> Result<Self, BlobError> {
        let octets = if blob.length <= limits::BODY_AT_HAND_BYTES_MAX {
            let mut room = ROOM.take();
            store.read_with_header(blob, &mut room)?;
            Some(room)
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

impl Drop for BodyAtHand<'_> {
    fn drop(&mut self) {
        if let Some(room) = self.octets.take() {
            ROOM.set(room);
        }
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
        let octets = self.octets.as_deref().filter(|_| blob == self.blob)?;
        let content = octets.get(BLOB_HEADER_BYTES as usize..)?;
        content.get(..usize::try_from(blob.length).ok()?)
    }
}
