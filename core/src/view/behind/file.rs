//! The index file of a mailbox: rows of 80 octets, appended; a later row changes what earlier ones say.
//! Each has a CRC-32C that begins with the mailbox's number, so rows of another file are damage.
//!
//! ```text
//!  0 kind   1 blob is a rope   4 folder   8 uid or UIDNEXT   16 modseq   24 flags
//! 32 segment   40 offset   48 length   56 size or usage   64 internal date, or since when set aside
//! 72 saved   76 CRC-32C of 0..76
//!
//! Marks: 1 their number, or 255: open   16 marks of 4 octets
//! ```

use std::sync::Arc;

use std::collections::{BTreeMap, BTreeSet};

use super::super::Row;
use super::super::marks::Marks;
use super::super::row::FolderCounter;
use crate::blob::BlobRef;
use crate::instant::Instant;
use crate::limits;
use crate::mailbox::{Content, Flags, FolderId, MailboxId, MessageRow, Uid};

/// Octets of a row.
pub const ROW_BYTES: usize = 80;

const MESSAGE: u8 = 1;
const FLAGS: u8 = 2;
const GONE: u8 = 3;
const COUNTER: u8 = 4;
const MODSEQ: u8 = 5;
const USAGE: u8 = 6;
const FOLDER_GONE: u8 = 7;
const SET_ASIDE: u8 = 8;
const MARKS: u8 = 9;
/// In place of a number of marks.
const OPEN: u8 = u8::MAX;
const _: () = assert!(16 + 4 * limits::MARKS_PER_MESSAGE_MAX <= ROW_BYTES - 4);

/// The rows of a mailbox that count, as they come out of its file.
#[derive(Debug, Default)]
pub struct Index {
    messages: BTreeMap<(FolderId, Uid), MessageRow>,
    marks: BTreeMap<(FolderId, Uid), Marks>,
    set_aside: BTreeMap<(FolderId, Uid), (MessageRow, Instant)>,
    counters: BTreeMap<FolderId, FolderCounter>,
    usage: u64,
}

/// Rows that the row makes useless, itself included where it only takes away.
pub fn deaths(row: &Row) -> u64 {
    match row {
        // Itself, the message, mostly its marks.
        Row::Gone(..) => 3,
        Row::Message(..) | Row::SetAside(..) | Row::Marks(..) => 0,
        _ => 1,
    }
}

/// The octets of a row of `mailbox`; `None` for rows that live in sled.
pub fn write_row(row: &Row) -> Option<(MailboxId, [u8; ROW_BYTES])> {
    let mut octets = [0; ROW_BYTES];
    let mut put = |at: usize, value: &[u8]| octets[at..at + value.len()].copy_from_slice(value);
    let mailbox = match row {
        Row::Message(mailbox, folder, message) => {
            let (is_rope, blob) = match message.content {
                Content::Whole(blob) => (0, blob),
                Content::Rope(blob) => (1, blob),
            };
            put(0, &[MESSAGE, is_rope]);
            put(4, &folder.0.to_le_bytes());
            put(8, &message.uid.to_le_bytes());
            put(16, &message.modseq.to_le_bytes());
            put(24, &message.flags.0.to_le_bytes());
            put(32, &blob.segment.to_le_bytes());
            put(40, &blob.offset.to_le_bytes());
            put(48, &blob.length.to_le_bytes());
            put(56, &message.size.to_le_bytes());
            put(64, &message.internal_date.as_millis().to_le_bytes());
            // Till 2106 seconds fit; none is zero, which is before there was mail.
            let saved = message.saved.map_or(0, |at| at.as_millis() / 1000);
            let saved = u32::try_from(saved).unwrap_or(0);
            put(72, &saved.to_le_bytes());
            mailbox
        }
        Row::Flags(mailbox, folder, change, modseq) => {
            put(0, &[FLAGS]);
            put(4, &folder.0.to_le_bytes());
            put(8, &change.uid.to_le_bytes());
            put(16, &modseq.to_le_bytes());
            put(24, &change.flags.to_le_bytes());
            mailbox
        }
        Row::Gone(mailbox, folder, uid, modseq) => {
            put(0, &[GONE]);
            put(4, &folder.0.to_le_bytes());
            put(8, &uid.to_le_bytes());
            put(16, &modseq.to_le_bytes());
            mailbox
        }
        Row::SetAside(mailbox, folder, uid, (at, modseq)) => {
            put(0, &[SET_ASIDE]);
            put(4, &folder.0.to_le_bytes());
            put(8, &uid.to_le_bytes());
            put(16, &modseq.to_le_bytes());
            put(64, &at.as_millis().to_le_bytes());
            mailbox
        }
        Row::Counter(mailbox, folder, counter) => {
            put(0, &[COUNTER]);
            put(4, &folder.0.to_le_bytes());
            put(8, &counter.uid_next.to_le_bytes());
            put(16, &counter.highest_modseq.to_le_bytes());
            mailbox
        }
        Row::Modseq(mailbox, folder, modseq) => {
            put(0, &[MODSEQ]);
            put(4, &folder.0.to_le_bytes());
            put(16, &modseq.to_le_bytes());
            mailbox
        }
        Row::Marks(mailbox, folder, uid, marks) => {
            let stored = marks.stored();
            put(0, &[MARKS, stored.map_or(OPEN, |marks| marks.len() as u8)]);
            put(4, &folder.0.to_le_bytes());
            put(8, &uid.to_le_bytes());
            for (at, mark) in (16..).step_by(4).zip(stored.unwrap_or_default()) {
                put(at, &mark.to_le_bytes());
            }
            mailbox
        }
        Row::Usage(mailbox, usage) => {
            put(0, &[USAGE]);
            put(56, &usage.to_le_bytes());
            mailbox
        }
        Row::Folder(mailbox, folder, None) => {
            put(0, &[FOLDER_GONE]);
            put(4, &folder.0.to_le_bytes());
            mailbox
        }
        _ => return None,
    };
    let checksum = checksum(*mailbox, &octets);
    octets[76..].copy_from_slice(&checksum.to_le_bytes());
    Some((*mailbox, octets))
}

fn checksum(mailbox: MailboxId, row: &[u8; ROW_BYTES]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&mailbox.0.to_be_bytes()), &row[..76])
}

impl Index {
    /// Reads the rows of a mailbox file, or says what is wrong.
    pub fn read(mailbox: MailboxId, octets: &[u8]) -> Result<Self, String> {
        let (rows, rest) = octets.as_chunks::<ROW_BYTES>();
        if !rest.is_empty() {
            return Err("a row that ends too early".to_owned());
        }
        let mut index = Self::default();
        for (number, row) in rows.iter().enumerate() {
            if row[76..] != checksum(mailbox, row).to_le_bytes() {
                return Err(format!("the checksum of row {number} is wrong"));
            }
            let unknown = || format!("row {number} is of an unknown kind");
            index.take(row).ok_or_else(unknown)?;
        }
        Ok(index)
    }

    fn take(&mut self, row: &[u8; ROW_BYTES]) -> Option<()> {
        let word32 = |at| row.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        let word64 = |at| row.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        let folder = FolderId(word32(4)?);
        let (uid, modseq, flags) = (word32(8)?, word64(16)?, word64(24)?);
        match row[0] {
            MESSAGE => {
                let blob = BlobRef {
                    segment: word64(32)?,
                    offset: word64(40)?,
                    length: word64(48)?,
                };
                let message = MessageRow {
                    uid,
                    modseq,
                    flags: Flags(flags),
                    content: match row[1] {
                        0 => Content::Whole(blob),
                        _ => Content::Rope(blob),
                    },
                    size: word64(56)?,
                    internal_date: Instant::from_millis(word64(64)? as i64),
                    saved: match word32(72)? {
                        0 => None,
                        seconds => Some(Instant::from_millis(i64::from(seconds) * 1000)),
                    },
                };
                self.messages.insert((folder, uid), message);
            }
            FLAGS => {
                if let Some(message) = self.messages.get_mut(&(folder, uid)) {
                    message.flags = Flags(flags);
                    message.modseq = modseq;
                }
            }
            GONE => {
                self.messages.remove(&(folder, uid));
                self.marks.remove(&(folder, uid));
                self.set_aside.remove(&(folder, uid));
            }
            SET_ASIDE => {
                self.marks.remove(&(folder, uid));
                if let Some(message) = self.messages.remove(&(folder, uid)) {
                    let at = Instant::from_millis(word64(64)? as i64);
                    self.set_aside.insert((folder, uid), (message, at));
                }
            }
            COUNTER => {
                let counter = FolderCounter {
                    uid_next: uid,
                    highest_modseq: modseq,
                };
                self.counters.insert(folder, counter);
            }
            MODSEQ => self.counters.entry(folder).or_default().highest_modseq = modseq,
            USAGE => self.usage = word64(56)?,
            FOLDER_GONE => {
                self.counters.remove(&folder);
                self.messages.retain(|(of, _), _| *of != folder);
                self.marks.retain(|(of, _), _| *of != folder);
                self.set_aside.retain(|(of, _), _| *of != folder);
            }
            MARKS => {
                let marks = (0..usize::from(row[1])).map(|n| word32(16 + 4 * n));
                let marks = (row[1] != OPEN).then(|| marks.collect::<Option<_>>());
                if self.messages.contains_key(&(folder, uid)) {
                    let marks = Marks::from_stored(marks.flatten());
                    self.marks.insert((folder, uid), marks);
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// What counts, as rows. Marks up to the first message without: the next start goes on there.
    pub fn into_rows(self, mailbox: MailboxId) -> impl Iterator<Item = Row> {
        let marks = self.leading_marks();
        let messages = self.messages.into_iter();
        let counters = self.counters.into_iter();
        let set_aside = self.set_aside.into_iter();
        let set_aside = set_aside.flat_map(move |((folder, uid), (message, at))| {
            [
                Row::Message(mailbox, folder, Arc::new(message)),
                // When it went is not known any more: see `Gone`.
                Row::SetAside(mailbox, folder, uid, (at, 0)),
            ]
        });
        messages
            .map(move |((folder, _), message)| Row::Message(mailbox, folder, Arc::new(message)))
            .chain(set_aside)
            .chain(counters.map(move |(folder, counter)| Row::Counter(mailbox, folder, counter)))
            .chain(
                marks
                    .into_iter()
                    .map(move |((folder, uid), marks)| Row::Marks(mailbox, folder, uid, marks)),
            )
            .chain([Row::Usage(mailbox, self.usage)])
    }

    fn leading_marks(&self) -> Vec<((FolderId, Uid), Marks)> {
        let mut broken = BTreeSet::new();
        let mut leading = Vec::new();
        for key in self.messages.keys() {
            match self.marks.get(key) {
                Some(marks) if !broken.contains(&key.0) => leading.push((*key, marks.clone())),
                _ => drop(broken.insert(key.0)),
            }
        }
        leading
    }
}
