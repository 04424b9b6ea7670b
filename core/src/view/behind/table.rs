//! Rows in sled: one tree; a key is the table's letter and what orders it, a value is the CBOR of the
//! whole row. Key 0 holds the position of all the others, with a checksum of its own.

use std::sync::Arc;

use minicbor::{Decode, Encode};

use super::super::Row;
use crate::journal::Position;
use crate::mailbox::MailboxId;

/// The form of everything under `views/`: another one is rebuilt.
const VERSION: u32 = 2;
/// The key of [`Mark`].
pub const MARK_KEY: &[u8] = &[0];
/// The table of mailbox files.
pub const FILES_TABLE: u8 = b'f';

/// What all the rest was written with.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Mark {
    #[n(0)]
    version: u32,
    /// All records before are in, none after.
    #[n(1)]
    pub position: Position,
    /// The machine's boot.
    #[n(2)]
    pub boot: String,
}

impl Mark {
    /// A mark of this version.
    pub fn new(position: Position, boot: &str) -> Self {
        Self {
            version: VERSION,
            position,
            boot: boot.to_owned(),
        }
    }

    /// CBOR, then its CRC-32C.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut octets = encode(self);
        let checksum = crc32c::crc32c(&octets);
        octets.extend_from_slice(&checksum.to_le_bytes());
        octets
    }

    /// Reads a mark, or says why it is none.
    pub fn read(octets: &[u8]) -> Result<Self, String> {
        let split = octets.split_last_chunk::<4>();
        let (octets, checksum) = split.ok_or("the position is too short")?;
        if u32::from_le_bytes(*checksum) != crc32c::crc32c(octets) {
            return Err("the position's checksum is wrong".to_owned());
        }
        match minicbor::decode::<Self>(octets) {
            Ok(mark) if mark.version == VERSION => Ok(mark),
            Ok(mark) => Err(format!("their form is {}, not {VERSION}", mark.version)),
            Err(error) => Err(format!("the position cannot be read: {error}")),
        }
    }
}

/// State of a mailbox file at the mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub struct FileRow {
    /// Each rewriting goes to a new file.
    #[n(0)]
    pub generation: u32,
    /// Rows that count; what follows was written after the mark.
    #[n(1)]
    pub rows: u64,
    /// Rows that later ones made useless.
    #[n(2)]
    pub dead: u64,
}

fn encode(value: impl Encode<()>) -> Vec<u8> {
    // Writing to a vector cannot fail.
    minicbor::to_vec(value).unwrap_or_default()
}

fn decode<'b, T: Decode<'b, ()>>(octets: &'b [u8]) -> Result<T, String> {
    minicbor::decode(octets).map_err(|error| format!("a row cannot be read: {error}"))
}

fn table_key(table: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = vec![table];
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key
}

/// Key of a mailbox file's row.
pub fn file_key(mailbox: MailboxId) -> Vec<u8> {
    table_key(FILES_TABLE, &[&mailbox.0.to_be_bytes()])
}

/// Value of a mailbox file's row.
pub fn file_value(file: FileRow) -> Vec<u8> {
    encode(file)
}

/// Reads a mailbox file's row.
pub fn read_file(key: &[u8], value: &[u8]) -> Result<(MailboxId, FileRow), String> {
    let id = key.get(1..).and_then(|id| id.try_into().ok());
    let id = id.ok_or("a mailbox file without a number")?;
    Ok((MailboxId(u64::from_be_bytes(id)), decode(value)?))
}

/// Key and value of a row that lives in sled, no value where it is removed; `None` for rows that live
/// in mailbox files.
pub fn cell(row: &Row) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    use super::super::row::RecipientKey;
    let queued = |table, key: &crate::queue::DispatchKey| {
        let number = key.number.to_be_bytes();
        table_key(table, &[key.identifier.as_str().as_bytes(), &[0], &number])
    };
    let of = |table, key: &RecipientKey| {
        let recipient = key.recipient.to_be_bytes();
        table_key(
            table,
            &[key.identifier.as_str().as_bytes(), &[0], &recipient],
        )
    };
    Some(match row {
        Row::Provider(row) => (table_key(b'a', &[]), Some(encode(row))),
        Row::Domain(name, row) => (
            table_key(b'b', &[name.as_str().as_bytes()]),
            row.as_ref().map(|row| encode((name, row))),
        ),
        Row::Mailbox(row) => (
            table_key(b'c', &[&row.id.0.to_be_bytes()]),
            Some(encode(&**row)),
        ),
        Row::History(id, number, change) => (
            table_key(b'd', &[&id.0.to_be_bytes(), &number.to_be_bytes()]),
            Some(encode((id, number, change))),
        ),
        Row::Folder(id, folder, row) => (
            table_key(b'e', &[&id.0.to_be_bytes(), &folder.0.to_be_bytes()]),
            row.as_ref().map(|row| encode((id, folder, row))),
        ),
        Row::Submission(identifier, row) => (
            table_key(b'g', &[identifier.as_str().as_bytes()]),
            row.as_ref().map(|row| encode(&**row)),
        ),
        Row::Journey(identifier, row) => (
            table_key(b'h', &[identifier.as_str().as_bytes()]),
            row.as_ref().map(|row| encode((identifier, &**row))),
        ),
        Row::Errand(key, row) => (of(b'i', key), row.as_ref().map(|row| encode((key, row)))),
        Row::Delivery(key, row) => (of(b'j', key), row.as_ref().map(|r| encode((key, &**r)))),
        Row::Answer(key, row) => (of(b'k', key), row.as_ref().map(|r| encode((key, &**r)))),
        Row::Arrival(identifier, row) => (
            table_key(b'l', &[identifier.as_str().as_bytes()]),
            row.as_ref().map(|row| encode(&**row)),
        ),
        Row::Placement(key, row) => (of(b'm', key), row.as_ref().map(|r| encode((key, &**r)))),
        Row::Dispatch(key, row) => (queued(b'n', key), row.as_ref().map(|r| encode((key, &**r)))),
        Row::Bounce(key, row) => (queued(b'o', key), row.as_ref().map(|r| encode(&**r))),
        Row::Sent(identifier, row) => (
            table_key(b'p', &[identifier.as_str().as_bytes()]),
            row.as_ref().map(|row| encode((identifier, row))),
        ),
        Row::Seen(mark, at) => (
            table_key(b'q', &[&mark.0]),
            at.as_ref().map(|at| encode((mark, at))),
        ),
        Row::Warned(id, level) => (
            table_key(b'w', &[&id.0.to_be_bytes()]),
            Some(encode((id, level))),
        ),
        Row::Task(key, row) => (
            table_key(b't', &[key.to_string().as_bytes()]),
            row.as_ref().map(|row| encode((key, &**row))),
        ),
        Row::ForwardTarget(target, row) => (
            table_key(b'u', &[target.key().as_bytes()]),
            row.as_ref().map(|row| encode((target, row))),
        ),
        Row::Counter(..) | Row::Modseq(..) | Row::Message(..) | Row::Flags(..) => return None,
        Row::Gone(..) | Row::SetAside(..) | Row::Usage(..) | Row::Marks(..) => return None,
    })
}

/// Reads what [`cell`] wrote, in an order that a view can take: folders before their messages.
pub fn read_cell(key: &[u8], value: &[u8]) -> Result<Row, String> {
    Ok(match key.first() {
        Some(b'a') => Row::Provider(decode(value)?),
        Some(b'b') => {
            let (name, row) = decode(value)?;
            Row::Domain(name, Some(row))
        }
        Some(b'c') => Row::Mailbox(Arc::new(decode(value)?)),
        Some(b'd') => {
            let (id, number, change) = decode(value)?;
            Row::History(id, number, change)
        }
        Some(b'e') => {
            let (id, folder, row) = decode(value)?;
            Row::Folder(id, folder, Some(row))
        }
        Some(b'g') => {
            let row: Arc<crate::journal::record::Submitted> = Arc::new(decode(value)?);
            Row::Submission(row.identifier.clone(), Some(row))
        }
        Some(b'h') => {
            let (identifier, row) = decode(value)?;
            Row::Journey(identifier, Some(Arc::new(row)))
        }
        Some(b'i') => {
            let (key, row) = decode(value)?;
            Row::Errand(key, Some(row))
        }
        Some(b'j') => {
            let (key, row) = decode(value)?;
            Row::Delivery(key, Some(Arc::new(row)))
        }
        Some(b'k') => {
            let (key, row) = decode(value)?;
            Row::Answer(key, Some(Arc::new(row)))
        }
        Some(b'l') => {
            let row: Arc<crate::journal::record::Received> = Arc::new(decode(value)?);
            Row::Arrival(row.identifier.clone(), Some(row))
        }
        Some(b'm') => {
            let (key, row) = decode(value)?;
            Row::Placement(key, Some(Arc::new(row)))
        }
        Some(b'n') => {
            let (key, row) = decode(value)?;
            Row::Dispatch(key, Some(Arc::new(row)))
        }
        Some(b'o') => {
            let row: Arc<crate::journal::record::GivenUp> = Arc::new(decode(value)?);
            Row::Bounce(row.key.clone(), Some(row))
        }
        Some(b'p') => {
            let (identifier, row) = decode(value)?;
            Row::Sent(identifier, Some(row))
        }
        Some(b'q') => {
            let (mark, at) = decode(value)?;
            Row::Seen(mark, Some(at))
        }
        Some(b'w') => {
            let (id, level) = decode(value)?;
            Row::Warned(id, level)
        }
        Some(b'u') => {
            let (target, row) = decode(value)?;
            Row::ForwardTarget(target, Some(row))
        }
        Some(b't') => {
            let (key, row) = decode(value)?;
            Row::Task(key, Some(Arc::new(row)))
        }
        other => return Err(format!("a row of the unknown table {other:?}")),
    })
}
