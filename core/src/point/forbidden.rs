//! The list of forbidden attachments (VI-15), off unless policy names types: by the extension of a name
//! and by the first octets of a content, in archives too, to any depth within bounds. A hit at the access
//! point is a formal fault; the list is never asked about the correct envelopes of others.
//!
//! What is encrypted, or packed in a way that is not known here, is judged by its name alone.

mod archive;
#[cfg(test)]
mod tests;

use crate::blob::{BlobError, BlobRead};
use crate::limits;
use crate::mime::content::TransferEncoding;
use crate::mime::{Part, Scan, Shape, words};
use crate::rope::Rope;
use crate::wording::faults;

/// Why a message fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hit {
    /// An attachment, or a file in one, is of a forbidden type.
    Type {
        /// Its name; the archive's when it has none.
        name: String,
        /// The type.
        extension: String,
    },
    /// An archive cannot be looked through within the bounds (SE-08).
    OverBounds,
}

impl Hit {
    /// The *descrizione errore* of the notice, one line.
    pub fn reason(&self) -> String {
        match self {
            Self::Type { name, extension } => faults::forbidden_type(name, extension),
            Self::OverBounds => faults::ARCHIVE_OVER_BOUNDS.to_owned(),
        }
    }
}

/// Looks at every part of `message`, which `scan` describes. `forbidden` are extensions in small letters.
pub fn find(
    scan: &Scan,
    message: &Rope,
    blobs: &dyn BlobRead,
    forbidden: &[String],
) -> Result<Option<Hit>, BlobError> {
    if forbidden.is_empty() {
        return Ok(None);
    }
    let mut looker = Looker::new(forbidden);
    for part in scan.parts().iter().filter(|part| part.shape == Shape::Leaf) {
        let name = part.name.as_deref().unwrap_or_default();
        if let Some(hit) = looker.by_name(name) {
            return Ok(Some(hit));
        }
        let Ok(octets) = octets(part, message, blobs)? else {
            return Ok(Some(Hit::OverBounds));
        };
        if let Some(hit) = looker.by_content(name, &octets, 0) {
            return Ok(Some(hit));
        }
    }
    Ok(None)
}

/// One message being looked at: what its archives may still cost.
struct Looker<'a> {
    forbidden: &'a [String],
    entries_left: usize,
    octets_left: usize,
}

impl<'a> Looker<'a> {
    const fn new(forbidden: &'a [String]) -> Self {
        Self {
            forbidden,
            entries_left: limits::ARCHIVE_ENTRIES_MAX,
            octets_left: limits::ARCHIVE_BYTES_MAX,
        }
    }

    /// Blanks and dots at the end are dropped, as the systems do that would run the file.
    fn by_name(&self, name: &str) -> Option<Hit> {
        let bare = name.trim_end_matches([' ', '.']);
        let (_, extension) = bare.rsplit_once('.')?;
        self.hit(name, &extension.trim().to_ascii_lowercase())
    }

    fn by_content(&mut self, name: &str, octets: &[u8], depth: usize) -> Option<Hit> {
        let kinds = MAGIC.iter().filter(|(magic, _)| octets.starts_with(magic));
        for extension in kinds.flat_map(|(_, extensions)| *extensions) {
            if let Some(hit) = self.hit(name, extension) {
                return Some(hit);
            }
        }
        let is_archive = octets.starts_with(archive::MAGIC);
        is_archive
            .then(|| self.in_archive(name, octets, depth))
            .flatten()
    }

    fn in_archive(&mut self, name: &str, octets: &[u8], depth: usize) -> Option<Hit> {
        if depth >= limits::ARCHIVE_DEPTH_MAX {
            return Some(Hit::OverBounds);
        }
        for entry in archive::entries(octets) {
            let Some(left) = self.entries_left.checked_sub(1) else {
                return Some(Hit::OverBounds);
            };
            self.entries_left = left;
            let Ok(entry) = entry else {
                return Some(Hit::OverBounds);
            };
            let within = words::neutralised(&entry.name);
            let within = if within.is_empty() { name } else { &within };
            if let Some(hit) = self.by_name(within) {
                return Some(hit);
            }
            if let Some(hit) = self.in_entry(within, &entry, depth) {
                return Some(hit);
            }
        }
        None
    }

    /// The first octets say what it is; all of it is unpacked only where it is an archive.
    fn in_entry(&mut self, name: &str, entry: &archive::Entry<'_>, depth: usize) -> Option<Hit> {
        let head = entry.head();
        if !head.starts_with(archive::MAGIC) {
            return self.by_content(name, &head, depth);
        }
        let Some(octets) = entry.whole(self.octets_left) else {
            return Some(Hit::OverBounds);
        };
        self.octets_left -= octets.len().min(self.octets_left);
        self.by_content(name, &octets, depth + 1)
    }

    fn hit(&self, name: &str, extension: &str) -> Option<Hit> {
        let is_forbidden = self.forbidden.iter().any(|one| one == extension);
        is_forbidden.then(|| Hit::Type {
            name: name
                .chars()
                .take(limits::ATTACHMENT_NAME_CHARS_MAX)
                .collect(),
            extension: extension.to_owned(),
        })
    }
}

/// First octets, and the extensions that stand for them.
const MAGIC: [(&[u8], &[&str]); 10] = [
    (b"MZ", &["exe", "dll", "scr", "com", "cpl", "sys"]),
    (b"\x7fELF", &["elf", "so"]),
    (b"\xca\xfe\xba\xbe", &["class"]),
    (b"\x4c\x00\x00\x00\x01\x14\x02\x00", &["lnk"]),
    (b"ITSF", &["chm"]),
    (b"MSCF", &["cab"]),
    (b"Rar!", &["rar"]),
    (b"7z\xbc\xaf\x27\x1c", &["7z"]),
    (b"#!", &["sh"]),
    (archive::MAGIC, &["zip"]),
];

/// A part's octets after the transfer decoding: all of an archive, else the first ones. `Err` when an
/// archive is longer than its bound.
fn octets(
    part: &Part,
    message: &Rope,
    blobs: &dyn BlobRead,
) -> Result<Result<Vec<u8>, ()>, BlobError> {
    let read = |length| message.read_range(blobs, part.body.start, length);
    let whole = usize::try_from(part.body.len()).unwrap_or(usize::MAX);
    let head = decoded(part.encoding, &read(whole.min(HEAD_BYTES))?);
    if !head.starts_with(archive::MAGIC) {
        return Ok(Ok(head));
    }
    if whole > limits::ARCHIVE_BYTES_MAX {
        return Ok(Err(()));
    }
    Ok(Ok(decoded(part.encoding, &read(whole)?)))
}

/// Encoded octets that are enough to know a content by its first ones.
const HEAD_BYTES: usize = 256;

/// Forgiving, as mail programs are.
fn decoded(encoding: TransferEncoding, octets: &[u8]) -> Vec<u8> {
    match encoding {
        TransferEncoding::Base64 => {
            let is_digit = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
            let mut digits: Vec<u8> = octets.iter().copied().filter(is_digit).collect();
            // As if zeros followed: they hide nothing, and the last octets are not lost.
            digits.resize(digits.len().next_multiple_of(4), b'A');
            base64_simd::forgiving_decode_to_vec(&digits).unwrap_or_default()
        }
        TransferEncoding::QuotedPrintable => unquoted(octets),
        _ => octets.to_vec(),
    }
}

fn unquoted(octets: &[u8]) -> Vec<u8> {
    let digit = |at: usize| octets.get(at).and_then(|b| char::from(*b).to_digit(16));
    let (mut out, mut at) = (Vec::with_capacity(octets.len()), 0);
    while let Some(&octet) = octets.get(at) {
        let rest = octets.get(at..).unwrap_or_default();
        if octet != b'=' {
            out.push(octet);
            at += 1;
        } else if let (Some(high), Some(low)) = (digit(at + 1), digit(at + 2)) {
            out.extend(u8::try_from(high * 16 + low));
            at += 3;
        } else {
            at += if rest.starts_with(b"=\r\n") { 3 } else { 1 };
        }
    }
    out
}
