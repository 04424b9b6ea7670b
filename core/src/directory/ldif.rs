//! LDIF (RFC 2849) as a stream of values: folded lines are joined, base64 is decoded, names are in lower
//! case, comments are gone. Takes UTF-8 with LF or CRLF from anywhere, never panics, and refuses only
//! what is no LDIF of contents. A value that cannot be decoded is handed out as such (DI-03).

use std::borrow::Cow;

use data_encoding::BASE64;

use crate::limits::{
    DIRECTORY_BYTES_MAX, DIRECTORY_LINES_MAX, DIRECTORY_VALUE_BYTES_MAX, DIRECTORY_VALUES_MAX,
};

/// Why a text is not read as LDIF.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LdifError {
    /// Not looked at.
    #[error("the index has {0} octets, more than the {DIRECTORY_BYTES_MAX} that are read")]
    TooLarge(usize),
    /// Bounded on purpose.
    #[error("the index has more than {most} {what}")]
    TooMany {
        /// Lines, records or values.
        what: &'static str,
        /// The bound.
        most: usize,
    },
    /// Bounded on purpose.
    #[error(
        "line {0}: the value is longer than the {DIRECTORY_VALUE_BYTES_MAX} octets that are read"
    )]
    TooLong(usize),
    /// No `name: value`.
    #[error("line {0} is no line of LDIF")]
    NoLine(usize),
    /// A blank in front continues a line, and there is none.
    #[error("line {0} continues nothing")]
    NothingToContinue(usize),
    /// RFC 2849 knows one.
    #[error("line {0}: only version 1 of LDIF is read")]
    OtherVersion(usize),
    /// An index tells what is, not what changes.
    #[error("line {0}: these are changes, not the contents of an index")]
    Changes(usize),
    /// Values before the first `dn:`.
    #[error("line {0}: a record begins with `dn:`")]
    NoName(usize),
}

/// Why one value is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueFault {
    /// `::` and no base64.
    NotBase64,
    /// `:<` names a place where it lies; nothing is fetched.
    Elsewhere,
}

/// What follows one another in a text.
#[derive(Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// An empty line, or several: the end of a record.
    Blank,
    /// `name: value`.
    Value(Value<'a>),
}

/// One value of an attribute.
#[derive(Debug, PartialEq, Eq)]
pub struct Value<'a> {
    /// Where it begins.
    pub line: usize,
    /// The attribute in lower case, without options.
    pub name: String,
    /// An option other than `binary` stood there: another attribute, strictly.
    pub has_option: bool,
    /// Its octets.
    pub octets: Result<Cow<'a, [u8]>, ValueFault>,
}

/// Reads items one after the other; the first error ends it.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// Physical lines taken.
    lines: usize,
    values: usize,
    ended: bool,
}

impl<'a> Reader<'a> {
    /// Over a whole text.
    pub fn new(text: &'a [u8]) -> Result<Self, LdifError> {
        const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
        if text.len() > DIRECTORY_BYTES_MAX {
            return Err(LdifError::TooLarge(text.len()));
        }
        Ok(Self {
            rest: text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text),
            lines: 0,
            values: 0,
            ended: false,
        })
    }

    fn item(&mut self) -> Result<Option<Item<'a>>, LdifError> {
        let mut blank = false;
        loop {
            if self.rest.is_empty() {
                return Ok(blank.then_some(Item::Blank));
            }
            if blank && !self.at_blank() {
                return Ok(Some(Item::Blank));
            }
            let (number, line) = self.logical_line()?;
            match line.first() {
                None => blank = true,
                Some(b'#') => {}
                Some(_) => {
                    if let Some(value) = self.value(number, line)? {
                        return Ok(Some(Item::Value(value)));
                    }
                }
            }
        }
    }

    fn at_blank(&self) -> bool {
        self.rest.starts_with(b"\n") || self.rest.starts_with(b"\r\n")
    }

    /// A line with those that continue it, and its number.
    fn logical_line(&mut self) -> Result<(usize, Cow<'a, [u8]>), LdifError> {
        let first = self.physical_line()?;
        let number = self.lines;
        if first.starts_with(b" ") {
            return Err(LdifError::NothingToContinue(number));
        }
        let mut line = Cow::Borrowed(first);
        while self.rest.starts_with(b" ") {
            if first.is_empty() {
                return Err(LdifError::NothingToContinue(number + 1));
            }
            let more = self.physical_line()?;
            let line = line.to_mut();
            line.extend_from_slice(more.get(1..).unwrap_or_default());
            if line.len() > DIRECTORY_VALUE_BYTES_MAX {
                return Err(LdifError::TooLong(number));
            }
        }
        if line.len() > DIRECTORY_VALUE_BYTES_MAX {
            return Err(LdifError::TooLong(number));
        }
        Ok((number, line))
    }

    fn physical_line(&mut self) -> Result<&'a [u8], LdifError> {
        if self.lines == DIRECTORY_LINES_MAX {
            return Err(too_many("lines", DIRECTORY_LINES_MAX));
        }
        self.lines += 1;
        let rest = self.rest;
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        self.rest = after.get(1..).unwrap_or_default();
        Ok(line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// `None` for the version line.
    fn value(
        &mut self,
        number: usize,
        line: Cow<'a, [u8]>,
    ) -> Result<Option<Value<'a>>, LdifError> {
        let colon = memchr::memchr(b':', &line).ok_or(LdifError::NoLine(number))?;
        let (name, has_option) = described(&line[..colon]).ok_or(LdifError::NoLine(number))?;
        let octets = decoded(line, colon + 1);
        match name.as_str() {
            "version" if self.values == 0 => return version(number, octets).map(|()| None),
            "control" => return Err(LdifError::Changes(number)),
            "changetype" if octets.as_deref() != Ok(b"add") => {
                return Err(LdifError::Changes(number));
            }
            _ => {}
        }
        if self.values == DIRECTORY_VALUES_MAX {
            return Err(too_many("values", DIRECTORY_VALUES_MAX));
        }
        self.values += 1;
        Ok(Some(Value {
            line: number,
            name,
            has_option,
            octets,
        }))
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Item<'a>, LdifError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.item().transpose();
        self.ended = !matches!(item, Some(Ok(_)));
        item
    }
}

pub(super) const fn too_many(what: &'static str, most: usize) -> LdifError {
    LdifError::TooMany { what, most }
}

fn version(number: usize, octets: Result<Cow<'_, [u8]>, ValueFault>) -> Result<(), LdifError> {
    match octets.as_deref() {
        Ok(b"1") => Ok(()),
        _ => Err(LdifError::OtherVersion(number)),
    }
}

/// Name in lower case, and whether an option other than `binary` follows it.
fn described(description: &[u8]) -> Option<(String, bool)> {
    let text = std::str::from_utf8(description).ok()?;
    let mut parts = text.split(';');
    let name = parts.next()?;
    let is_name = |part: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        !part.is_empty() && part.chars().all(fits)
    };
    let mut has_option = false;
    for option in parts {
        has_option |= !option.eq_ignore_ascii_case("binary");
        if !is_name(option) {
            return None;
        }
    }
    is_name(name).then(|| (name.to_ascii_lowercase(), has_option))
}

/// What follows the colon at `from - 1`.
fn decoded(line: Cow<'_, [u8]>, from: usize) -> Result<Cow<'_, [u8]>, ValueFault> {
    match line.get(from) {
        Some(b':') => {
            let text = line.get(from + 1..).unwrap_or_default().trim_ascii();
            let octets = BASE64.decode(text).map_err(|_| ValueFault::NotBase64)?;
            Ok(Cow::Owned(octets))
        }
        Some(b'<') => Err(ValueFault::Elsewhere),
        _ => {
            let blanks = line.get(from..).unwrap_or_default();
            let blanks = blanks.iter().take_while(|octet| **octet == b' ').count();
            Ok(match line {
                Cow::Borrowed(line) => Cow::Borrowed(line.get(from + blanks..).unwrap_or_default()),
                Cow::Owned(mut line) => {
                    line.drain(..from + blanks);
                    Cow::Owned(line)
                }
            })
        }
    }
}
