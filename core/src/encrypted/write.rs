//! Writing: header, facts, chunks. Nothing is durable before the caller syncs the file.

use std::io::Read;

use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce};
use zeroize::Zeroizing;

use super::{
    EncryptedError, HEADER_BYTES, MAGIC, MasterKey, PREAMBLE_BYTES, Role, SEALED_CHUNK_BYTES,
    TAG_BYTES, key, nonce,
};
use crate::disk::DiskFile;
use crate::limits;

/// Writes `facts` and all of `content` into an empty file; the content's octets are counted.
pub fn write(
    file: &dyn DiskFile,
    master: &MasterKey,
    facts: &[u8],
    content: &mut dyn Read,
) -> Result<u64, EncryptedError> {
    if facts.len() > limits::ENCRYPTED_FACTS_BYTES_MAX {
        return Err(EncryptedError::TooLong("the facts"));
    }
    let drawn = MasterKey::generate();
    let header = header(master, &*drawn, facts.len())?;
    let sealer = Sealer {
        key: key(&*drawn).map_err(|_| EncryptedError::Key)?,
        header,
    };
    let put = |octets: &[u8], at| file.write_all_at(octets, at).map_err(EncryptedError::File);
    put(&sealer.header, 0)?;
    let mut facts = facts.to_vec();
    sealer.seal(&mut facts, Role::Facts, 0)?;
    put(&facts, HEADER_BYTES as u64)?;
    let mut at = (HEADER_BYTES + facts.len()) as u64;
    let mut chunk = Zeroizing::new(Vec::with_capacity(SEALED_CHUNK_BYTES));
    for number in 0..limits::ENCRYPTED_CHUNKS_MAX {
        fill(&mut chunk, content)?;
        let plain = chunk.len();
        let is_last = plain < limits::ENCRYPTED_CHUNK_BYTES;
        let role = if is_last { Role::Last } else { Role::Chunk };
        sealer.seal(&mut chunk, role, number)?;
        put(&chunk, at)?;
        at += chunk.len() as u64;
        if is_last {
            return Ok(number * limits::ENCRYPTED_CHUNK_BYTES as u64 + plain as u64);
        }
    }
    Err(EncryptedError::TooLong("the chunks"))
}

struct Sealer {
    key: LessSafeKey,
    header: [u8; HEADER_BYTES],
}

impl Sealer {
    fn seal(&self, octets: &mut Vec<u8>, role: Role, number: u64) -> Result<(), EncryptedError> {
        self.key
            .seal_in_place_append_tag(nonce(role, number), Aad::from(&self.header), octets)
            .map_err(|_| EncryptedError::TooLong("the octets of a chunk"))
    }
}

fn header(
    master: &MasterKey,
    drawn: &[u8],
    facts: usize,
) -> Result<[u8; HEADER_BYTES], EncryptedError> {
    let length =
        |octets: usize| u32::try_from(octets).map_err(|_| EncryptedError::TooLong("facts"));
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(MAGIC);
    let chunk = length(limits::ENCRYPTED_CHUNK_BYTES)?;
    header[8..12].copy_from_slice(&chunk.to_le_bytes());
    header[12..16].copy_from_slice(&length(facts + TAG_BYTES)?.to_le_bytes());
    let random: [u8; PREAMBLE_BYTES - 16] = crate::random::bytes();
    header[16..PREAMBLE_BYTES].copy_from_slice(&random);
    let (preamble, wrapped) = header.split_at_mut(PREAMBLE_BYTES);
    let (secret, tag) = wrapped.split_at_mut(drawn.len());
    secret.copy_from_slice(drawn);
    let made = master
        .0
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(random),
            Aad::from(&*preamble),
            secret,
        )
        .map_err(|_| EncryptedError::Key)?;
    tag.copy_from_slice(made.as_ref());
    Ok(header)
}

/// A full chunk, or what is left of the content.
fn fill(chunk: &mut Vec<u8>, content: &mut dyn Read) -> Result<(), EncryptedError> {
    chunk.clear();
    content
        .take(limits::ENCRYPTED_CHUNK_BYTES as u64)
        .read_to_end(chunk)
        .map_err(EncryptedError::Content)?;
    Ok(())
}
