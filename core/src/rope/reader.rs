//! Reads what a rope writes, in bounded memory: one chunk of a blob at a time, whatever the message.

use std::io;

use aws_lc_rs::digest;

use super::transfer::{CHUNK_BYTES, Encoder};
use super::{Piece, Rope, Transfer};
use crate::blob::{BlobError, BlobRead, BlobRef};

/// A rope as a stream. As [`io::Read`] its errors carry the [`BlobError`].
pub struct RopeReader<'a> {
    pieces: &'a [Piece],
    blobs: &'a dyn BlobRead,
    /// Octets of the first of `pieces` that were taken: of the text or blob, before the encoder.
    taken: u64,
    encoder: Encoder,
    chunk: Vec<u8>,
    /// Encoded octets not handed out yet: `ready[handed..]`.
    ready: Vec<u8>,
    handed: usize,
}

/// Where a reading of a rope stopped. An encoder's text has no other way in than its beginning: who reads
/// range after range and started over each time would read the square of its length.
#[derive(Debug)]
pub struct Bookmark {
    at: u64,
    pieces_left: usize,
    taken: u64,
    encoder: Encoder,
    ready: Vec<u8>,
    handed: usize,
}

impl<'a> RopeReader<'a> {
    /// From `start`: on from `bookmark` where it lies there, else as [`RopeReader::starting_at`].
    pub(super) fn on_from(
        rope: &'a Rope,
        blobs: &'a dyn BlobRead,
        bookmark: Option<Bookmark>,
        start: u64,
    ) -> Result<Self, BlobError> {
        let Some(mark) = bookmark.filter(|mark| mark.at == start) else {
            return Self::starting_at(rope, blobs, start);
        };
        let pieces = rope.pieces();
        let read = pieces.len().saturating_sub(mark.pieces_left);
        Ok(Self {
            pieces: pieces.get(read..).unwrap_or(&[]),
            blobs,
            taken: mark.taken,
            encoder: mark.encoder,
            chunk: Vec::new(),
            ready: mark.ready,
            handed: mark.handed,
        })
    }

    /// Stops at octet `at` of what the rope writes.
    pub(super) fn stop(self, at: u64) -> Bookmark {
        Bookmark {
            at,
            pieces_left: self.pieces.len(),
            taken: self.taken,
            encoder: self.encoder,
            ready: self.ready,
            handed: self.handed,
        }
    }

    /// From the first octet.
    pub fn new(rope: &'a Rope, blobs: &'a dyn BlobRead) -> Self {
        let mut reader = Self {
            pieces: rope.pieces(),
            blobs,
            taken: 0,
            encoder: Encoder::new(Transfer::Identity),
            chunk: Vec::new(),
            ready: Vec::new(),
            handed: 0,
        };
        reader.open_piece();
        reader
    }

    /// From octet `start`: text and identity slices before it are passed over unread.
    pub fn starting_at(
        rope: &'a Rope,
        blobs: &'a dyn BlobRead,
        start: u64,
    ) -> Result<Self, BlobError> {
        let mut reader = Self::new(rope, blobs);
        let mut left = start;
        while let Some(piece) = reader.pieces.first() {
            if left < piece.len() {
                break;
            }
            left -= piece.len();
            reader.next_piece();
        }
        if matches!(reader.pieces.first(), Some(Piece::Slice { .. })) {
            let (taken, written) = reader.encoder.pass_over(left);
            reader.taken = taken;
            reader.pass_over(left - written)?;
        } else {
            reader.taken = left;
        }
        Ok(reader)
    }

    /// Hands every chunk of the rest to `take`: text and bodies at hand as they lie, others through a
    /// buffer.
    pub fn for_each_chunk(mut self, mut take: impl FnMut(&[u8])) -> Result<(), BlobError> {
        let mut chunk = Vec::new();
        loop {
            if let Some(octets) = self.lying() {
                take(octets);
                self.next_piece();
                continue;
            }
            let Some(next) = self.pieces.first() else {
                if self.handed < self.ready.len() {
                    take(&self.ready[self.handed..]);
                }
                return Ok(());
            };
            // No more room than the piece fills: what is not read into need not be zeroed.
            chunk.resize(at_most(next.len().max(1), CHUNK_BYTES).max(chunk.len()), 0);
            match self.fill(&mut chunk)? {
                0 => return Ok(()),
                read => take(&chunk[..read]),
            }
        }
    }

    /// The rest of the piece, where it lies in memory and nothing of it waits in the encoder.
    fn lying(&self) -> Option<&'a [u8]> {
        if self.handed < self.ready.len() {
            return None;
        }
        match self.pieces.first()? {
            Piece::Text(text) => text.get(usize::try_from(self.taken).ok()?..),
            Piece::Slice {
                blob,
                start,
                length,
                transfer: Transfer::Identity,
                ..
            } => {
                let content = self.blobs.at_hand(*blob)?;
                let from = usize::try_from(start.checked_add(self.taken)?).ok()?;
                let to = usize::try_from(start.checked_add(*length)?).ok()?;
                content.get(from..to)
            }
            Piece::Slice { .. } => None,
        }
    }

    /// Appends the next `length` octets, fewer at the end.
    pub(super) fn take_into(
        &mut self,
        octets: &mut Vec<u8>,
        length: usize,
    ) -> Result<(), BlobError> {
        let mut filled = octets.len();
        octets.resize(filled + length, 0);
        while filled < octets.len() {
            match self.fill(&mut octets[filled..])? {
                0 => octets.truncate(filled),
                read => filled += read,
            }
        }
        Ok(())
    }

    /// Reads up to `into.len()` octets; 0 only at the end (or for an empty `into`).
    fn fill(&mut self, into: &mut [u8]) -> Result<usize, BlobError> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            if self.handed < self.ready.len() {
                let ready = &self.ready[self.handed..];
                let count = ready.len().min(into.len());
                into[..count].copy_from_slice(&ready[..count]);
                self.handed += count;
                return Ok(count);
            }
            let Some(piece) = self.pieces.first() else {
                return Ok(0);
            };
            match piece {
                Piece::Text(text) => {
                    let rest = text.get(self.taken as usize..).unwrap_or(&[]);
                    let count = rest.len().min(into.len());
                    into[..count].copy_from_slice(&rest[..count]);
                    if self.advance(count) {
                        return Ok(count);
                    }
                }
                &Piece::Slice {
                    blob,
                    start,
                    length,
                    transfer,
                    ..
                } => {
                    let left = length.saturating_sub(self.taken);
                    let at = start.saturating_add(self.taken);
                    if transfer == Transfer::Identity {
                        let count = at_most(left, into.len());
                        let read = read_some(self.blobs, blob, at, &mut into[..count])?;
                        if self.advance(read) {
                            return Ok(read);
                        }
                    } else {
                        self.encode_some(blob, at, left)?;
                    }
                }
            }
        }
    }

    /// Notes `count` octets of the piece as taken; a piece that gives no more makes way for the next.
    fn advance(&mut self, count: usize) -> bool {
        self.taken += count as u64;
        if count == 0 {
            self.next_piece();
        }
        count > 0
    }

    fn encode_some(&mut self, blob: BlobRef, at: u64, left: u64) -> Result<(), BlobError> {
        self.ready.clear();
        self.handed = 0;
        if left == 0 {
            self.encoder.finish(&mut self.ready);
            self.next_piece();
            return Ok(());
        }
        self.chunk.resize(CHUNK_BYTES, 0);
        let count = at_most(left, CHUNK_BYTES);
        read_exactly(self.blobs, blob, at, &mut self.chunk[..count])?;
        self.taken += count as u64;
        self.encoder.push(&self.chunk[..count], &mut self.ready);
        Ok(())
    }

    fn pass_over(&mut self, mut left: u64) -> Result<(), BlobError> {
        let mut scratch = vec![0; CHUNK_BYTES];
        while left > 0 {
            let count = at_most(left, CHUNK_BYTES);
            match self.fill(&mut scratch[..count])? {
                0 => break,
                read => left -= read as u64,
            }
        }
        Ok(())
    }

    fn next_piece(&mut self) {
        self.pieces = self.pieces.get(1..).unwrap_or(&[]);
        self.open_piece();
    }

    fn open_piece(&mut self) {
        self.taken = 0;
        if let Some(Piece::Slice { transfer, .. }) = self.pieces.first() {
            self.encoder = Encoder::new(*transfer);
        }
    }
}

impl io::Read for RopeReader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.fill(into).map_err(io::Error::other)
    }
}

/// SHA-256 of what a rope writes.
pub fn sha256(rope: &Rope, blobs: &dyn BlobRead) -> Result<[u8; 32], BlobError> {
    let mut context = digest::Context::new(&digest::SHA256);
    RopeReader::new(rope, blobs).for_each_chunk(|chunk| context.update(chunk))?;
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    Ok(hash)
}

/// Fills all of `into`, or says that the blob is damaged.
pub(super) fn read_exactly(
    blobs: &dyn BlobRead,
    blob: BlobRef,
    at: u64,
    into: &mut [u8],
) -> Result<(), BlobError> {
    let mut filled = 0;
    while filled < into.len() {
        filled += read_some(blobs, blob, at + filled as u64, &mut into[filled..])?;
    }
    Ok(())
}

fn read_some(
    blobs: &dyn BlobRead,
    blob: BlobRef,
    at: u64,
    into: &mut [u8],
) -> Result<usize, BlobError> {
    let read = blobs.read_at(blob, at, into)?;
    if read == 0 && !into.is_empty() {
        return Err(BlobError::Damaged {
            segment: blob.segment,
            offset: blob.offset,
            reason: format!("its content ends at octet {at}, before a slice of it does"),
        });
    }
    Ok(read)
}

fn at_most(left: u64, most: usize) -> usize {
    usize::try_from(left).map_or(most, |left| left.min(most))
}
