//! `BODY[…]` (RFC 3501 §6.4.5): a section of a message as a range of its octets, or as header fields
//! picked from it, exactly as they stand.

use std::num::NonZeroU32;
use std::ops::Range;

use ceralacca_core::limits;
use imap_types::core::{AString, Vec1};
use imap_types::fetch::{Part as Numbers, Section};

use super::fields;
use super::store::{Octets, ReadError, read_range};
use super::structure::{Kind, Part, Structure};
use ceralacca_core::mime::content::{MediaType, TransferEncoding};

/// The octets of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// There is no such part.
    Nothing,
    /// They lie together in the message.
    Range(Range<u64>),
    /// They were picked.
    Picked(Vec<u8>),
}

impl Found {
    /// Their number.
    pub fn len(&self) -> u64 {
        match self {
            Found::Nothing => 0,
            Found::Range(range) => range.end - range.start,
            Found::Picked(octets) => octets.len() as u64,
        }
    }

    /// None.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The part that `<origin.length>` asks for.
    pub fn partial(self, origin: u32, length: u32) -> Self {
        let start = u64::from(origin).min(self.len());
        let end = (start + u64::from(length)).min(self.len());
        match self {
            Found::Nothing => Found::Nothing,
            Found::Range(range) => Found::Range(range.start + start..range.start + end),
            // Both are at most the vector's length.
            Found::Picked(octets) => Found::Picked(octets[start as usize..end as usize].to_vec()),
        }
    }
}

/// Finds `section` in a message of `size` octets.
pub fn find(
    section: Option<&Section<'_>>,
    structure: &Structure,
    octets: &dyn Octets,
    size: u64,
) -> Result<Found, ReadError> {
    let Some(section) = section else {
        return Ok(Found::Range(0..size));
    };
    let found = match section {
        Section::Part(numbers) => {
            numbered(structure, numbers.0.as_ref()).map(|i| structure.parts[i].body.clone())
        }
        Section::Mime(numbers) => {
            numbered(structure, numbers.0.as_ref()).map(|i| structure.parts[i].header.clone())
        }
        Section::Text(numbers) => {
            message(structure, numbers.as_ref()).map(|i| structure.parts[i].body.clone())
        }
        Section::Header(numbers) => {
            message(structure, numbers.as_ref()).map(|i| structure.parts[i].header.clone())
        }
        Section::HeaderFields(numbers, names) => {
            return pick(structure, octets, numbers.as_ref(), names, true);
        }
        Section::HeaderFieldsNot(numbers, names) => {
            return pick(structure, octets, numbers.as_ref(), names, false);
        }
    };
    Ok(found.map_or(Found::Nothing, Found::Range))
}

/// A header, up to the bound that holds for every message that came through a point.
pub fn read_header(octets: &dyn Octets, header: Range<u64>) -> Result<Vec<u8>, ReadError> {
    let end = header
        .end
        .min(header.start + limits::HEADER_BYTES_MAX as u64);
    read_range(octets, header.start..end)
}

/// A message's header and body, without a scan of its parts. `None`: the header is longer than any
/// that is held in memory.
pub fn outline(octets: &dyn Octets, size: u64) -> Result<Option<Structure>, ReadError> {
    let header = leading_header(octets, size)?;
    let end = header.len() as u64;
    let is_whole = end == size || fields::header_end(&header).is_some();
    let root = Part {
        header: 0..end,
        body: end..size,
        lines: 0,
        kind: Kind::Leaf,
        media: MediaType::plain_text(),
        encoding: TransferEncoding::SevenBit,
    };
    Ok(is_whole.then(|| Structure { parts: vec![root] }))
}

/// The header of a message, up to the bound, without a scan of the rest.
pub fn leading_header(octets: &dyn Octets, size: u64) -> Result<Vec<u8>, ReadError> {
    let most = size.min(limits::HEADER_BYTES_MAX as u64);
    let mut header = Vec::new();
    let mut next = 8 * 1024;
    while (header.len() as u64) < most {
        let at = header.len() as u64;
        header.extend(read_range(octets, at..most.min(at + next))?);
        if let Some(end) = fields::header_end(&header) {
            header.truncate(end);
            return Ok(header);
        }
        next *= 2;
    }
    Ok(header)
}

fn pick(
    structure: &Structure,
    octets: &dyn Octets,
    numbers: Option<&Numbers>,
    names: &Vec1<AString<'_>>,
    wanted: bool,
) -> Result<Found, ReadError> {
    let Some(index) = message(structure, numbers) else {
        return Ok(Found::Nothing);
    };
    let header = read_header(octets, structure.parts[index].header.clone())?;
    let names = names.as_ref();
    let mut picked = Vec::new();
    for field in fields::fields(&header) {
        if names.iter().any(|name| field.is(name.as_ref())) == wanted {
            picked.extend_from_slice(field.whole);
        }
    }
    picked.extend_from_slice(b"\r\n");
    Ok(Found::Picked(picked))
}

/// The message that HEADER and TEXT speak of: the whole, or the one in a part.
fn message(structure: &Structure, numbers: Option<&Numbers>) -> Option<usize> {
    let Some(numbers) = numbers else {
        return (!structure.parts.is_empty()).then_some(0);
    };
    match structure
        .parts
        .get(numbered(structure, numbers.0.as_ref())?)?
        .kind
    {
        Kind::Message(inner) => Some(inner),
        Kind::Leaf | Kind::Multipart(_) => None,
    }
}

/// The part with these numbers. A message that is no multipart has one part, number 1: its body.
pub(super) fn numbered(structure: &Structure, numbers: &[NonZeroU32]) -> Option<usize> {
    let (mut at, mut is_message) = (0, true);
    for number in numbers {
        if let (false, Kind::Message(inner)) = (is_message, &structure.parts.get(at)?.kind) {
            (at, is_message) = (*inner, true);
        }
        let number = usize::try_from(number.get()).ok()?;
        match &structure.parts.get(at)?.kind {
            Kind::Multipart(children) => at = *children.get(number - 1)?,
            Kind::Leaf | Kind::Message(_) if is_message && number == 1 => {}
            Kind::Leaf | Kind::Message(_) => return None,
        }
        is_message = false;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use imap_types::command::CommandBody;
    use imap_types::fetch::{MacroOrMessageDataItemNames, MessageDataItemName};

    const MESSAGE: &str = "Subject: out\r\nX-A: 1\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n\
        --a\r\nContent-Type: text/plain\r\n\r\nhello\r\n--a\r\nContent-Type: message/rfc822\r\n\r\n\
        Subject: in\r\nTo: x@y.test\r\n\r\ninner\r\n--a--\r\n";

    fn found(message: &str, section: &str) -> Option<String> {
        let command = format!("a FETCH 1 BODY[{section}]\r\n");
        let tagged = crate::imap::codec::decode(command.as_bytes()).expect("a FETCH");
        let crate::imap::codec::Request::Plain(CommandBody::Fetch {
            macro_or_item_names,
            ..
        }) = tagged.request
        else {
            panic!("no FETCH");
        };
        let MacroOrMessageDataItemNames::MessageDataItemNames(names) = macro_or_item_names else {
            panic!("no items");
        };
        let MessageDataItemName::BodyExt { section, .. } = &names[0] else {
            panic!("no section");
        };
        let octets = message.as_bytes().to_vec();
        let size = octets.len() as u64;
        let structure = Structure::read(&octets, size).expect("readable");
        match find(section.as_ref(), &structure, &octets, size).expect("readable") {
            Found::Nothing => None,
            Found::Picked(octets) => Some(String::from_utf8(octets).expect("text")),
            Found::Range(r) => Some(message[r.start as usize..r.end as usize].to_owned()),
        }
    }

    #[test]
    fn dp_01_sections_are_exact_slices() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(found(MESSAGE, ""), some(MESSAGE));
        assert_eq!(found(MESSAGE, "1"), some("hello"));
        assert_eq!(
            found(MESSAGE, "1.MIME"),
            some("Content-Type: text/plain\r\n\r\n")
        );
        assert_eq!(
            found(MESSAGE, "2"),
            some("Subject: in\r\nTo: x@y.test\r\n\r\ninner")
        );
        assert_eq!(
            found(MESSAGE, "2.HEADER"),
            some("Subject: in\r\nTo: x@y.test\r\n\r\n")
        );
        assert_eq!(found(MESSAGE, "2.TEXT"), some("inner"));
        assert_eq!(found(MESSAGE, "2.1"), some("inner"));
        assert_eq!(
            found(MESSAGE, "2.HEADER.FIELDS (to)"),
            some("To: x@y.test\r\n\r\n")
        );
        assert_eq!(
            found(MESSAGE, "HEADER.FIELDS (SUBJECT X-B)"),
            some("Subject: out\r\n\r\n")
        );
        assert_eq!(
            found(MESSAGE, "HEADER.FIELDS.NOT (SUBJECT CONTENT-TYPE)"),
            some("X-A: 1\r\n\r\n")
        );
        for absent in ["3", "1.1", "2.2", "1.HEADER", "2.1.1"] {
            assert_eq!(found(MESSAGE, absent), None, "{absent}");
        }
        assert_eq!(found("A: b\r\n\r\nbody\r\n", "1"), some("body\r\n"));
        assert_eq!(found("A: b\r\n\r\nbody\r\n", "2"), None);
    }

    #[test]
    fn header_and_text_together_are_the_message() {
        let header = found(MESSAGE, "HEADER").expect("there");
        let text = found(MESSAGE, "TEXT").expect("there");
        assert_eq!(header + &text, MESSAGE);
    }

    #[test]
    fn partials_are_cut_at_the_end() {
        let whole = Found::Range(10..20);
        assert_eq!(whole.clone().partial(2, 3), Found::Range(12..15));
        assert_eq!(whole.clone().partial(8, u32::MAX), Found::Range(18..20));
        assert_eq!(whole.partial(99, 5), Found::Range(20..20));
        assert_eq!(
            Found::Picked(b"abc".to_vec()).partial(1, 9),
            Found::Picked(b"bc".to_vec())
        );
    }
}
