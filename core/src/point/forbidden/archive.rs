//! Zip archives as their central directory lists them, read in place. Nothing is unpacked but what is
//! asked for, and never more than is allowed. An archive of more than 4 GB or without a directory that
//! fits is none.

use crate::limits;

/// How an archive begins.
pub(super) const MAGIC: &[u8] = b"PK\x03\x04";

/// A file in an archive.
pub(super) struct Entry<'a> {
    /// As it is written, path included.
    pub(super) name: String,
    method: u16,
    is_encrypted: bool,
    packed: &'a [u8],
}

/// The directory does not fit the archive.
#[derive(Debug)]
pub(super) struct Broken;

/// The files of an archive; none where there is no directory.
pub(super) fn entries(octets: &[u8]) -> impl Iterator<Item = Result<Entry<'_>, Broken>> {
    Entries::of(octets).into_iter().flatten()
}

impl Entry<'_> {
    /// Its first octets; none where it cannot be opened.
    pub(super) fn head(&self) -> Vec<u8> {
        match (self.is_encrypted, self.method) {
            (false, STORED) => self.packed.iter().copied().take(HEAD_BYTES).collect(),
            (false, DEFLATED) => {
                let some = miniz_oxide::inflate::decompress_to_vec_with_limit(
                    self.packed.get(..PACKED_HEAD_BYTES).unwrap_or(self.packed),
                    HEAD_BYTES,
                );
                // Cut short on purpose, on both sides.
                some.unwrap_or_else(|cut| cut.output)
            }
            _ => Vec::new(),
        }
    }

    /// All of it; `None` when it is longer than `octets_max`.
    pub(super) fn whole(&self, octets_max: usize) -> Option<Vec<u8>> {
        match self.method {
            DEFLATED => {
                miniz_oxide::inflate::decompress_to_vec_with_limit(self.packed, octets_max).ok()
            }
            _ => (self.packed.len() <= octets_max).then(|| self.packed.to_vec()),
        }
    }
}

const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// Longer than any of the marks that are looked for.
const HEAD_BYTES: usize = 32;
/// A block's tables and some octets: what a head needs, packed.
const PACKED_HEAD_BYTES: usize = 1024;
/// The end of the directory, without its comment.
const END_BYTES: usize = 22;
const END_MAGIC: &[u8] = b"PK\x05\x06";
const ENTRY_MAGIC: &[u8] = b"PK\x01\x02";

struct Entries<'a> {
    octets: &'a [u8],
    /// Octets before the archive, which its offsets do not count.
    shift: usize,
    at: usize,
    end: usize,
    given: usize,
}

impl<'a> Entries<'a> {
    fn of(octets: &'a [u8]) -> Option<Self> {
        let comment_max = usize::from(u16::MAX);
        let from = octets.len().saturating_sub(END_BYTES + comment_max);
        let tail = octets.get(from..)?;
        let end = from + memchr::memmem::rfind(tail, END_MAGIC)?;
        let (size, offset) = (long(octets, end + 12)?, long(octets, end + 16)?);
        let at = end.checked_sub(size)?;
        Some(Self {
            octets,
            shift: at.checked_sub(offset)?,
            at,
            end,
            given: 0,
        })
    }

    fn read(&self) -> Option<(Entry<'a>, usize)> {
        let (octets, at) = (self.octets, self.at);
        if !octets.get(at..)?.starts_with(ENTRY_MAGIC) {
            return None;
        }
        let name_length = short(octets, at + 28)?;
        let rest = short(octets, at + 30)? + short(octets, at + 32)?;
        let name = octets.get(at + 46..at + 46 + name_length)?;
        let packed_length = long(octets, at + 20)?;
        let local = self.shift + long(octets, at + 42)?;
        if !octets.get(local..)?.starts_with(MAGIC) {
            return None;
        }
        let start = local + 30 + short(octets, local + 26)? + short(octets, local + 28)?;
        let entry = Entry {
            name: String::from_utf8_lossy(name).into_owned(),
            method: u16::try_from(short(octets, at + 10)?).ok()?,
            is_encrypted: short(octets, at + 8)? & 1 == 1,
            packed: octets.get(start..start.checked_add(packed_length)?)?,
        };
        Some((entry, at + 46 + name_length + rest))
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end || self.given > limits::ARCHIVE_ENTRIES_MAX {
            return None;
        }
        self.given += 1;
        match self.read() {
            Some((entry, next)) => {
                self.at = next;
                Some(Ok(entry))
            }
            None => {
                self.at = self.end;
                Some(Err(Broken))
            }
        }
    }
}

fn short(octets: &[u8], at: usize) -> Option<usize> {
    let two = octets.get(at..at.checked_add(2)?)?.try_into().ok()?;
    Some(usize::from(u16::from_le_bytes(two)))
}

fn long(octets: &[u8], at: usize) -> Option<usize> {
    let four = octets.get(at..at.checked_add(4)?)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(four)).ok()
}
