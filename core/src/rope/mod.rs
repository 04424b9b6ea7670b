//! A message as a list of pieces: generated text, or a slice of a stored original, as it is or through
//! a fixed encoder (AP-25). No attachment is stored per recipient or held in memory.

#[cfg(test)]
pub(crate) mod memory;
mod reader;
#[cfg(test)]
mod tests;
mod transfer;

pub use reader::{Bookmark, RopeReader, sha256};
pub use transfer::{BASE64_LINE_OCTETS, encoded_length, push_base64};

use crate::blob::{BlobError, BlobRead, BlobRef};

/// How a slice of the original is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum Transfer {
    /// Octet by octet.
    #[n(0)]
    Identity,
    /// Quoted-printable of the slice, lines kept (RFC 2045 §6.7).
    #[n(1)]
    QuotedPrintable,
    /// Base64 of the slice in lines of 76 (RFC 2045 §6.8).
    #[n(2)]
    Base64,
}

/// One run of octets of a message.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub enum Piece {
    /// Text that we generated.
    #[n(0)]
    Text(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>),
    /// Part of a stored blob.
    #[n(1)]
    Slice {
        /// The blob.
        #[n(0)]
        blob: BlobRef,
        /// First octet, counted in the blob's content.
        #[n(1)]
        start: u64,
        /// Octets taken from the blob.
        #[n(2)]
        length: u64,
        /// How they are written.
        #[n(3)]
        transfer: Transfer,
        /// Octets after `transfer`; equals `length` for [`Transfer::Identity`].
        #[n(4)]
        written: u64,
    },
}

/// A message, or part of one, as pieces in order.
#[derive(Debug, Clone, PartialEq, Eq, Default, minicbor::Encode, minicbor::Decode)]
pub struct Rope {
    #[n(0)]
    pieces: Vec<Piece>,
}

/// Octets that a piece takes at most in the stored form, besides its text.
const PIECE_ROOM: usize = 64;

impl Rope {
    /// A rope of one text.
    pub fn text(text: impl Into<Vec<u8>>) -> Self {
        Self {
            pieces: vec![Piece::Text(text.into())],
        }
    }

    /// A rope that is a whole blob.
    pub fn whole(blob: BlobRef) -> Self {
        let mut rope = Self::default();
        rope.push_slice(blob, 0, blob.length);
        rope
    }

    /// Adds generated text, joining it to a text before it.
    pub fn push_text(&mut self, text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        if let Some(Piece::Text(last)) = self.pieces.last_mut() {
            last.extend_from_slice(text);
        } else if !text.is_empty() {
            self.pieces.push(Piece::Text(text.to_vec()));
        }
    }

    /// Adds `length` octets of `blob` from `start`, as they are; nothing when `length` is 0.
    pub fn push_slice(&mut self, blob: BlobRef, start: u64, length: u64) {
        if length > 0 {
            let transfer = Transfer::Identity;
            self.pieces.push(Piece::Slice {
                blob,
                start,
                length,
                transfer,
                written: length,
            });
        }
    }

    /// Adds `length` octets of `blob` from `start`, written through `transfer`; the blob is read once
    /// where the encoder's length is not known beforehand.
    pub fn push_encoded(
        &mut self,
        blobs: &dyn BlobRead,
        blob: BlobRef,
        start: u64,
        length: u64,
        transfer: Transfer,
    ) -> Result<(), BlobError> {
        let written = encoded_length(blobs, blob, start, length, transfer)?;
        if length > 0 {
            self.pieces.push(Piece::Slice {
                blob,
                start,
                length,
                transfer,
                written,
            });
        }
        Ok(())
    }

    /// Adds any piece.
    pub fn push(&mut self, piece: Piece) {
        match piece {
            Piece::Text(text) => self.push_text(text),
            slice @ Piece::Slice { .. } => self.pieces.push(slice),
        }
    }

    /// Adds all pieces of `other`.
    pub fn append(&mut self, other: Rope) {
        other.pieces.into_iter().for_each(|piece| self.push(piece));
    }

    /// The pieces in order.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Octets of the whole.
    pub fn len(&self) -> u64 {
        self.pieces.iter().map(Piece::len).sum()
    }

    /// No octet at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Octets `start..start + length` of what this rope writes, as a rope: see [`Cutter`].
    pub fn slice(&self, blobs: &dyn BlobRead, start: u64, length: u64) -> Result<Self, BlobError> {
        let mut part = Self::default();
        Cutter::new(self, blobs).cut_into(&mut part, start, length)?;
        Ok(part)
    }

    /// Octets `start..start + length` of what this rope writes, fewer at its end: for IMAP partials.
    /// Identity slices are read at their place.
    pub fn read_range(
        &self,
        blobs: &dyn BlobRead,
        start: u64,
        length: usize,
    ) -> Result<Vec<u8>, BlobError> {
        self.read_on(blobs, &mut None, start, length)
    }

    /// [`Rope::read_range`] for who reads one range after the other: `bookmark` is where the last one
    /// ended, of this very rope.
    pub fn read_on(
        &self,
        blobs: &dyn BlobRead,
        bookmark: &mut Option<Bookmark>,
        start: u64,
        length: usize,
    ) -> Result<Vec<u8>, BlobError> {
        let left = self.len().saturating_sub(start);
        let length = usize::try_from(left).map_or(length, |left| left.min(length));
        let mut octets = Vec::with_capacity(length);
        let mut reader = RopeReader::on_from(self, blobs, bookmark.take(), start)?;
        reader.take_into(&mut octets, length)?;
        *bookmark = Some(reader.stop(start.saturating_add(octets.len() as u64)));
        Ok(octets)
    }

    /// The stored form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let text = |piece: &Piece| match piece {
            Piece::Text(text) => text.len() + PIECE_ROOM,
            Piece::Slice { .. } => PIECE_ROOM,
        };
        let room = self.pieces.iter().map(text).sum::<usize>() + PIECE_ROOM;
        let mut octets = Vec::with_capacity(room);
        // Writing to a vector cannot fail.
        let _ = minicbor::encode(self, &mut octets);
        octets
    }

    /// Reads the stored form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, minicbor::decode::Error> {
        minicbor::decode(bytes)
    }
}

/// Cuts slices out of a rope, one after the other: slices stay slices. Only a cut inside an encoded
/// slice is read and becomes text; `enclose` and `brief` never make one.
pub struct Cutter<'a> {
    rope: &'a Rope,
    blobs: &'a dyn BlobRead,
    /// The first piece that may be asked for, and where it starts.
    piece: usize,
    at: u64,
}

impl<'a> Cutter<'a> {
    /// At the start of `rope`.
    pub fn new(rope: &'a Rope, blobs: &'a dyn BlobRead) -> Self {
        Self {
            rope,
            blobs,
            piece: 0,
            at: 0,
        }
    }

    /// Adds octets `start..start + length` to `into`. Quick when each start is past the one before.
    pub fn cut_into(&mut self, into: &mut Rope, start: u64, length: u64) -> Result<(), BlobError> {
        if start < self.at {
            (self.piece, self.at) = (0, 0);
        }
        let end = start.saturating_add(length);
        while let Some(piece) = self.rope.pieces.get(self.piece) {
            let (from, to) = (start.max(self.at), end.min(self.at + piece.len()));
            if from < to {
                piece.cut(from - self.at, to - from, self.blobs, into)?;
            }
            if end < self.at + piece.len() {
                break;
            }
            self.at += piece.len();
            self.piece += 1;
        }
        Ok(())
    }
}

impl Piece {
    /// Octets that this piece writes.
    pub fn len(&self) -> u64 {
        match self {
            Piece::Text(text) => text.len() as u64,
            Piece::Slice { written, .. } => *written,
        }
    }

    /// No octet at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn cut(
        &self,
        skip: u64,
        take: u64,
        blobs: &dyn BlobRead,
        into: &mut Rope,
    ) -> Result<(), BlobError> {
        match self {
            Piece::Text(text) => {
                // Both lie inside the text, so they fit.
                let (skip, take) = (skip as usize, take as usize);
                into.push_text(&text[skip..skip + take]);
            }
            whole if skip == 0 && take == whole.len() => into.push(whole.clone()),
            &Piece::Slice {
                blob,
                start,
                transfer: Transfer::Identity,
                ..
            } => into.push_slice(blob, start + skip, take),
            encoded => {
                let alone = Rope {
                    pieces: vec![encoded.clone()],
                };
                into.push_text(alone.read_range(blobs, skip, take as usize)?);
            }
        }
        Ok(())
    }
}
