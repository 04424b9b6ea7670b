//! Files encrypted at rest (VI-09, SE-13): AES-256-GCM under a key drawn for the file alone, which is
//! kept in the file, wrapped by a [`MasterKey`]. Facts about the content stand before it, encrypted too,
//! and are read without it. Written and read in chunks, so that any size takes the same memory.
//!
//! ```text
//! 0   "CRLCENC1"
//! 8   octets of a plain chunk, u32 LE     12  octets of the sealed facts, u32 LE
//! 16  nonce of the wrapping (random)      28  the file's key, sealed by the master key
//! 76  sealed facts, then sealed chunks
//! ```
//!
//! A file's key seals nothing but this file, so its nonces count: what is sealed (facts, chunk, last
//! chunk), then the number. All chunks are full but the last, which is shorter, empty perhaps: a chunk
//! that is cut off, added, moved or taken from another file does not open. The header authenticates each
//! of them, its first 28 octets the wrapped key.

mod read;
mod write;

#[cfg(test)]
mod tests;

pub use read::Opened;
pub use write::write;

use aws_lc_rs::aead::{AES_256_GCM, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::limits;

/// Octets of a key.
pub const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
const MAGIC: &[u8; 8] = b"CRLCENC1";
/// Before the wrapped key.
const PREAMBLE_BYTES: usize = 16 + NONCE_LEN;
const HEADER_BYTES: usize = PREAMBLE_BYTES + KEY_BYTES + TAG_BYTES;
const SEALED_CHUNK_BYTES: usize = limits::ENCRYPTED_CHUNK_BYTES + TAG_BYTES;

/// Wraps the keys of files; prints as dots.
pub struct MasterKey(LessSafeKey);

impl MasterKey {
    /// From the octets of a key.
    pub fn from_bytes(octets: &[u8]) -> Result<Self, EncryptedError> {
        Ok(Self(key(octets).map_err(|_| EncryptedError::Key)?))
    }

    /// Octets for a new one.
    pub fn generate() -> Zeroizing<[u8; KEY_BYTES]> {
        Zeroizing::new(crate::random::bytes())
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// Why a file cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum EncryptedError {
    /// Not the octets of a key.
    #[error("a key has {KEY_BYTES} octets")]
    Key,
    /// Not in this format, or of a version that is not known.
    #[error("it is no encrypted file of this program")]
    Foreign,
    /// Another master key, or a file that was changed or cut.
    #[error("it does not open: {0}")]
    Damaged(&'static str),
    /// Over a bound of [`limits`].
    #[error("{0} are over their bound")]
    TooLong(&'static str),
    /// The file.
    #[error("the file: {0}")]
    File(std::io::Error),
    /// What is to be encrypted cannot be read.
    #[error("the content cannot be read: {0}")]
    Content(std::io::Error),
    /// What was decrypted cannot be given out.
    #[error("the content cannot be written: {0}")]
    Out(std::io::Error),
}

/// What a nonce stands for.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum Role {
    Facts = 0,
    Chunk = 1,
    Last = 2,
}

fn nonce(role: Role, number: u64) -> Nonce {
    let mut octets = [0; NONCE_LEN];
    octets[0] = role as u8;
    octets[NONCE_LEN - 8..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(octets)
}

fn key(octets: &[u8]) -> Result<LessSafeKey, aws_lc_rs::error::Unspecified> {
    UnboundKey::new(&AES_256_GCM, octets).map(LessSafeKey::new)
}
