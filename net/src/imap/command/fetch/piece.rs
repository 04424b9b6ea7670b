//! Pieces of an answer to FETCH: what the row tells, and a message in the middle of its answer, whose octets
//! are written as they are read, decoded on their way where BINARY asks for that.

use std::sync::Arc;

use super::item::{Item, WantedBinary};
use crate::imap::codec::output::Output;
use crate::imap::command::object;
use crate::imap::message::binary::{self, Content, Decoder};
use crate::imap::message::section::Found;
use crate::imap::message::{Octets, ReadError, Structure};
use crate::imap::selected::Target;

/// A message in the middle of its answer.
pub struct Literal {
    pub octets: Arc<dyn Octets>,
    pub structure: Arc<Structure>,
    /// The item that comes next: what an item picks is in memory only while it is written.
    pub item: usize,
    /// What is left of its octets in the message.
    pub left: std::ops::Range<u64>,
    /// They are decoded on their way.
    pub decoding: Option<Decoding>,
}

/// A part that is decoded while it is written.
pub struct Decoding {
    decoder: Decoder,
    /// Decoded octets that are not wanted before those that are.
    skip: u64,
    /// Decoded octets that are wanted still.
    most: u64,
}

impl Decoding {
    /// The next decoded octets that are wanted; `is_last`: nothing comes after `piece`.
    pub fn next(&mut self, piece: &[u8], is_last: bool) -> Vec<u8> {
        let mut decoded = Vec::new();
        self.decoder.push(piece, &mut decoded);
        if is_last {
            self.decoder.finish(&mut decoded);
        }
        let length = decoded.len() as u64;
        // Both are at most the vector's length.
        let start = self.skip.min(length);
        let end = length.min(start.saturating_add(self.most));
        self.skip -= start;
        self.most -= end - start;
        decoded.truncate(end as usize);
        decoded.drain(..start as usize);
        decoded
    }
}

pub fn write_row_item(out: &mut Output, item: &Item, target: &Target, keywords: &[String]) {
    let row = &target.row;
    match item {
        Item::Flags => out.text("FLAGS ").flags(row.flags, keywords),
        Item::InternalDate => out.text("INTERNALDATE ").internal_date(row.internal_date),
        Item::Size => out.text("RFC822.SIZE ").number(row.size),
        Item::Uid => out.text("UID ").number(row.uid.into()),
        Item::Modseq => out.text("MODSEQ (").number(row.modseq).text(")"),
        Item::EmailId => {
            let id = object::message_id(row.content);
            out.text("EMAILID (").text(&id).text(")")
        }
        Item::ThreadId => out.text("THREADID NIL"),
        Item::SaveDate => match row.saved {
            Some(at) => out.text("SAVEDATE ").internal_date(at),
            None => out.text("SAVEDATE NIL"),
        },
        _ => out,
    };
}

/// Announces the content of a part and sets `at` to write it; `false`: there is nothing to write.
pub fn write_binary(
    out: &mut Output,
    wanted: &WantedBinary,
    at: &mut Literal,
    size: u64,
) -> Result<bool, ReadError> {
    out.text(&wanted.label).text(" ");
    let (range, coding) = match binary::find(&wanted.numbers, &at.structure, size) {
        Content::Plain(range) => (range, None),
        Content::Coded(range, coding) => (range, Some(coding)),
        Content::Nothing | Content::Unknown => {
            out.text("NIL");
            return Ok(false);
        }
    };
    let Some(coding) = coding else {
        let found = match wanted.partial {
            Some((origin, length)) => Found::Range(range).partial(origin, length),
            None => Found::Range(range),
        };
        if let Found::Range(range) = found {
            out.announce(range.end - range.start);
            (at.left, at.decoding) = (range, None);
        }
        return Ok(true);
    };
    let (length, has_nul) = binary::measure(&*at.octets, range.clone(), coding)?;
    let (origin, most) = wanted.partial.unwrap_or((0, u32::MAX));
    let skip = length.min(origin.into());
    let most = match wanted.partial {
        Some(_) => (length - skip).min(most.into()),
        None => length,
    };
    // RFC 3516 §4.2: what holds a NUL cannot be a plain literal.
    out.text(if has_nul { "~" } else { "" }).announce(most);
    at.left = range;
    at.decoding = Some(Decoding {
        decoder: Decoder::new(coding),
        skip,
        most,
    });
    Ok(true)
}
