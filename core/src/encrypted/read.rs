//! Reading: the facts first, the content when it is asked for. What is given out was authenticated chunk
//! by chunk; that the end is the end is known with the last one, so that the receiver of an error throws
//! away what he had got.

use std::io::Write;

use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce};
use zeroize::Zeroizing;

use super::{
    EncryptedError, HEADER_BYTES, KEY_BYTES, MAGIC, MasterKey, PREAMBLE_BYTES, Role,
    SEALED_CHUNK_BYTES, TAG_BYTES, key, nonce,
};
use crate::disk::DiskFile;
use crate::limits;

/// A file whose header and facts are genuine.
pub struct Opened<'a> {
    file: &'a dyn DiskFile,
    key: LessSafeKey,
    header: [u8; HEADER_BYTES],
    facts: Vec<u8>,
    content_at: u64,
}

impl<'a> Opened<'a> {
    /// Reads header and facts.
    pub fn open(file: &'a dyn DiskFile, master: &MasterKey) -> Result<Self, EncryptedError> {
        let mut header = [0; HEADER_BYTES];
        if read_full(file, &mut header, 0)? < HEADER_BYTES || !header.starts_with(MAGIC) {
            return Err(EncryptedError::Foreign);
        }
        let number = |at: usize| {
            let octets = header.get(at..at + 4).and_then(|four| four.try_into().ok());
            u32::from_le_bytes(octets.unwrap_or_default()) as usize
        };
        let (chunk, facts) = (number(8), number(12));
        let longest = limits::ENCRYPTED_FACTS_BYTES_MAX + TAG_BYTES;
        if chunk != limits::ENCRYPTED_CHUNK_BYTES || facts > longest {
            return Err(EncryptedError::Foreign);
        }
        let mut opened = Self {
            file,
            key: unwrapped(master, &header)?,
            header,
            facts: vec![0; facts],
            content_at: (HEADER_BYTES + facts) as u64,
        };
        let mut sealed = std::mem::take(&mut opened.facts);
        if read_full(file, &mut sealed, HEADER_BYTES as u64)? < facts {
            return Err(EncryptedError::Damaged("its facts are cut off"));
        }
        opened.facts = opened.unseal(&mut sealed, Role::Facts, 0)?.to_vec();
        Ok(opened)
    }

    /// What the file says of its content.
    pub fn facts(&self) -> &[u8] {
        &self.facts
    }

    /// Gives out the content; counts its octets. After an error, throw away what was given out.
    pub fn copy_to(&self, out: &mut dyn Write) -> Result<u64, EncryptedError> {
        let mut room = Zeroizing::new(vec![0; SEALED_CHUNK_BYTES]);
        let (mut at, mut given) = (self.content_at, 0);
        for number in 0..limits::ENCRYPTED_CHUNKS_MAX {
            let read = read_full(self.file, &mut room, at)?;
            at += read as u64;
            let is_last = read < SEALED_CHUNK_BYTES;
            let role = if is_last { Role::Last } else { Role::Chunk };
            let plain = self.unseal(&mut room[..read], role, number)?;
            out.write_all(plain).map_err(EncryptedError::Out)?;
            given += plain.len() as u64;
            if is_last {
                return Ok(given);
            }
        }
        Err(EncryptedError::TooLong("the chunks"))
    }

    fn unseal<'b>(
        &self,
        sealed: &'b mut [u8],
        role: Role,
        number: u64,
    ) -> Result<&'b [u8], EncryptedError> {
        let plain = self
            .key
            .open_in_place(nonce(role, number), Aad::from(&self.header), sealed);
        plain
            .map(|plain| &*plain)
            .map_err(|_| EncryptedError::Damaged("it was changed or cut"))
    }
}

fn unwrapped(
    master: &MasterKey,
    header: &[u8; HEADER_BYTES],
) -> Result<LessSafeKey, EncryptedError> {
    let (preamble, wrapped) = header.split_at(PREAMBLE_BYTES);
    let mut secret = Zeroizing::new([0; KEY_BYTES + TAG_BYTES]);
    secret.copy_from_slice(wrapped);
    let given = preamble.get(16..).unwrap_or_default();
    let nonce = Nonce::try_assume_unique_for_key(given).map_err(|_| EncryptedError::Foreign)?;
    let plain = master
        .0
        .open_in_place(nonce, Aad::from(preamble), &mut *secret)
        .map_err(|_| EncryptedError::Damaged("another key, or a changed header"))?;
    key(plain).map_err(|_| EncryptedError::Key)
}

/// As many octets as there are, up to the room.
fn read_full(file: &dyn DiskFile, room: &mut [u8], at: u64) -> Result<usize, EncryptedError> {
    let mut read = 0;
    while let Some(rest) = room.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match file
            .read_at(rest, at + read as u64)
            .map_err(EncryptedError::File)?
        {
            0 => break,
            n => read += n,
        }
    }
    Ok(read)
}
