//! `Content-Type`, `Content-Disposition` and `Content-Transfer-Encoding`, read with comments, folding,
//! quoted strings and RFC 2231 continuations. What cannot be read is as if it were not there.

use super::words;
use crate::limits;

/// A media type in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType {
    /// `text`
    pub kind: String,
    /// `plain`
    pub subtype: String,
}

impl MediaType {
    /// Compares with names in lower case.
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind == kind && self.subtype == subtype
    }

    /// RFC 2045 §5.2: what a part without a (readable) type is.
    pub fn plain_text() -> Self {
        Self {
            kind: "text".to_owned(),
            subtype: "plain".to_owned(),
        }
    }
}

/// `Content-Transfer-Encoding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferEncoding {
    /// `7bit`, or no field.
    SevenBit,
    /// `8bit`
    EightBit,
    /// `binary`
    Binary,
    /// `quoted-printable`
    QuotedPrintable,
    /// `base64`
    Base64,
    /// Any other word.
    Unknown,
}

impl TransferEncoding {
    /// Reads the value of the field.
    pub fn parse(value: &[u8]) -> Self {
        let mut tokens = Tokens::of(value);
        let Some(Token::Word(word)) = tokens.next() else {
            return Self::Unknown;
        };
        match word.to_ascii_lowercase().as_slice() {
            b"7bit" => Self::SevenBit,
            b"8bit" => Self::EightBit,
            b"binary" => Self::Binary,
            b"quoted-printable" => Self::QuotedPrintable,
            b"base64" => Self::Base64,
            _ => Self::Unknown,
        }
    }

    /// The octets of the body are the content itself.
    pub fn is_identity(self) -> bool {
        matches!(self, Self::SevenBit | Self::EightBit | Self::Binary)
    }
}

/// Parameters of a field, names in lower case, as written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parameters(Vec<(String, Vec<u8>)>);

impl Parameters {
    /// The octets of a parameter that has no RFC 2231 form (`boundary`).
    pub fn raw(&self, name: &str) -> Option<&[u8]> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_slice())
    }

    /// The text of a parameter: RFC 2231 (`name*`, `name*0*`) first, else the plain value with RFC 2047
    /// words decoded, as many programs write them. Without control characters.
    pub fn text(&self, name: &str) -> Option<String> {
        let decoded = self
            .extended(name)
            .or_else(|| self.raw(name).map(words::decode))?;
        Some(words::neutralised(&decoded))
    }

    /// All parameters as written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let pairs = self.0.iter();
        pairs.map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// The octets of a parameter, put together from its sections where it is cut (`boundary*0`).
    pub fn octets(&self, name: &str) -> Option<Vec<u8>> {
        let plain = self.raw(name).map(<[u8]>::to_vec);
        plain.or_else(|| self.sections(name).map(|(_, octets)| octets))
    }

    fn extended(&self, name: &str) -> Option<String> {
        if let Some(value) = self.raw(&format!("{name}*")) {
            let (charset, rest) = split_charset(value);
            return Some(words::from_charset(charset, &percent_decoded(rest)));
        }
        let (charset, octets) = self.sections(name)?;
        Some(words::from_charset(charset, &octets))
    }

    /// RFC 2231 §3: charset and octets of `name*0`, `name*1*`, ….
    fn sections(&self, name: &str) -> Option<(&[u8], Vec<u8>)> {
        let mut octets = Vec::new();
        let mut charset: &[u8] = b"";
        for index in 0..self.0.len() {
            let section = format!("{name}*{index}");
            if let Some(value) = self.raw(&format!("{section}*")) {
                let first = (index == 0).then(|| split_charset(value));
                let (named, rest) = first.unwrap_or((charset, value));
                charset = named;
                octets.extend_from_slice(&percent_decoded(rest));
            } else if let Some(value) = self.raw(&section) {
                octets.extend_from_slice(value);
            } else if index == 0 {
                return None;
            } else {
                break;
            }
        }
        (!self.0.is_empty()).then_some((charset, octets))
    }
}

/// Reads `type/subtype; parameters`. `None` where the type is malformed or missing.
pub fn parse_type(value: &[u8]) -> Option<(MediaType, Parameters)> {
    let media = media_type(&mut Tokens::of(value))?;
    Some((media, parse_parameters(value)))
}

/// Reads `disposition; parameters`; the disposition in lower case.
pub fn parse_disposition(value: &[u8]) -> Option<(String, Parameters)> {
    let disposition = Tokens::of(value).word()?;
    Some((disposition, parse_parameters(value)))
}

/// The parameters alone, whatever stands before them: the name of an attachment is a name, even where
/// its program wrote no proper type.
pub fn parse_parameters(value: &[u8]) -> Parameters {
    parameters(&mut Tokens::of(value))
}

fn media_type(tokens: &mut Tokens<'_>) -> Option<MediaType> {
    let kind = tokens.word()?;
    if tokens.next() != Some(Token::Special(b'/')) {
        return None;
    }
    let subtype = tokens.word()?;
    let fits = kind.len().max(subtype.len()) <= limits::MEDIA_NAME_BYTES_MAX;
    fits.then_some(MediaType { kind, subtype })
}

/// `; name="…"` on a line of its own, in RFC 2231 form where the text asks for it, in sections that keep
/// lines under 78 characters.
pub(crate) fn file_name_parameter(name: &str, text: &str) -> String {
    const SECTION_CHARS_MAX: usize = 54;
    let text = words::neutralised(text);
    let is_plain = |b: u8| (b' '..0x7f).contains(&b) && !matches!(b, b'"' | b'\\' | b'%');
    if text.len() <= SECTION_CHARS_MAX && text.bytes().all(is_plain) && !text.contains("=?") {
        return format!(";\r\n\t{name}=\"{text}\"");
    }
    let mut sections = vec!["utf-8''".to_owned()];
    for octet in text.bytes() {
        let is_kept = octet.is_ascii_alphanumeric() || b"-._".contains(&octet);
        let coded = if is_kept {
            char::from(octet).to_string()
        } else {
            format!("%{octet:02X}")
        };
        match sections.last_mut() {
            Some(last) if last.len() + coded.len() <= SECTION_CHARS_MAX => last.push_str(&coded),
            _ => sections.push(coded),
        }
    }
    if let [only] = sections.as_slice() {
        return format!(";\r\n\t{name}*={only}");
    }
    let numbered = sections.iter().enumerate();
    numbered
        .map(|(index, section)| format!(";\r\n\t{name}*{index}*={section}"))
        .collect()
}

fn parameters(tokens: &mut Tokens<'_>) -> Parameters {
    let mut found = Vec::new();
    let mut next = tokens.next();
    while let Some(token) = next {
        next = tokens.next();
        if token != Token::Special(b';') || found.len() >= limits::MIME_PARAMETERS_MAX {
            continue;
        }
        let Some(Token::Word(name)) = next else {
            continue;
        };
        next = tokens.next();
        if next != Some(Token::Special(b'=')) {
            continue;
        }
        let value = tokens.value();
        next = tokens.next();
        let name = String::from_utf8_lossy(&name).to_ascii_lowercase();
        found.push((name, value));
    }
    Parameters(found)
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(Vec<u8>),
    Quoted(Vec<u8>),
    Special(u8),
}

/// The tokens of a structured field, comments and white space left out.
struct Tokens<'a> {
    rest: &'a [u8],
}

impl<'a> Tokens<'a> {
    fn of(value: &'a [u8]) -> Self {
        Self { rest: value }
    }

    fn word(&mut self) -> Option<String> {
        match self.next()? {
            Token::Word(word) => Some(String::from_utf8_lossy(&word).to_ascii_lowercase()),
            _ => None,
        }
    }

    /// A parameter's value: a quoted string, or everything up to white space, `;` or a comment, for
    /// programs write `boundary=a=b/c` without quotes.
    fn value(&mut self) -> Vec<u8> {
        self.skip_blank();
        if self.rest.first() == Some(&b'"') {
            return self.quoted();
        }
        let is_end = |&b: &u8| matches!(b, b';' | b' ' | b'\t' | b'\r' | b'\n' | b'(' | b'"');
        let end = self.rest.iter().position(is_end);
        let (value, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        value.to_vec()
    }

    fn quoted(&mut self) -> Vec<u8> {
        let mut content = Vec::new();
        let mut at = 1;
        while let Some(&b) = self.rest.get(at) {
            at += 1;
            match b {
                b'"' => break,
                b'\\' => {
                    content.extend(self.rest.get(at));
                    at += 1;
                }
                b'\r' | b'\n' => {}
                _ => content.push(b),
            }
        }
        self.rest = self.rest.get(at..).unwrap_or(&[]);
        content
    }

    fn skip_blank(&mut self) {
        self.rest = super::addresses::skip_cfws(self.rest);
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        self.skip_blank();
        let &first = self.rest.first()?;
        if first == b'"' {
            return Some(Token::Quoted(self.quoted()));
        }
        let is_word =
            |b: u8| !matches!(b, 0..=b' ' | b';' | b'=' | b'/' | b'(' | b')' | b'"' | 0x7f);
        let end = self.rest.iter().position(|&b| !is_word(b));
        match end.unwrap_or(self.rest.len()) {
            0 => {
                self.rest = &self.rest[1..];
                Some(Token::Special(first))
            }
            end => {
                let (word, rest) = self.rest.split_at(end);
                self.rest = rest;
                Some(Token::Word(word.to_vec()))
            }
        }
    }
}

fn split_charset(value: &[u8]) -> (&[u8], &[u8]) {
    let mut pieces = value.splitn(3, |&b| b == b'\'');
    match (pieces.next(), pieces.next(), pieces.next()) {
        (Some(charset), Some(_language), Some(rest)) => (charset, rest),
        _ => (b"", value),
    }
}

fn percent_decoded(value: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&first, after)) = rest.split_first() {
        let pair = (first == b'%').then(|| after.get(..2)).flatten();
        match pair.and_then(words::hex_octet) {
            Some(octet) => {
                octets.push(octet);
                rest = &after[2..];
            }
            None => {
                octets.push(first);
                rest = after;
            }
        }
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(value: &str) -> Option<String> {
        parse_parameters(value.as_bytes()).text("name")
    }

    #[test]
    fn a_type_is_read_through_comments_and_folding() {
        let value =
            b" multipart/(a (nested) comment) MIXED (\\) x);\r\n\tboundary (c) = \"a \\\"b\"\r\n";
        let (media, parameters) = parse_type(value).expect("a type");
        assert!(media.is("multipart", "mixed"));
        assert_eq!(parameters.raw("boundary"), Some(&b"a \"b"[..]));
    }

    #[test]
    fn lax_values_are_read_as_their_writers_meant() {
        let raw = |value: &str| parse_parameters(value.as_bytes()).octets("boundary");
        assert_eq!(raw("a/b; boundary==_x=1/2; y=z"), Some(b"=_x=1/2".to_vec()));
        assert_eq!(raw("a/b;; ;boundary=x"), Some(b"x".to_vec()));
        assert_eq!(raw("a/b; charset; boundary=x"), Some(b"x".to_vec()));
        assert_eq!(raw("a/b boundary=x"), None);
        assert_eq!(raw("a/b; boundary*0=x; boundary*1=y"), Some(b"xy".to_vec()));
        for untyped in ["", "text", "/b", "text/"] {
            assert_eq!(parse_type(untyped.as_bytes()), None, "{untyped}");
        }
    }

    #[test]
    fn dr_12_names_are_readable_in_all_their_forms() {
        let cases = [
            ("a/b; name=plain.txt", "plain.txt"),
            ("a/b; name=\"two words.txt\"", "two words.txt"),
            ("a/b; name*=UTF-8''perch%C3%A9.pdf", "perché.pdf"),
            ("a/b; name*=iso-8859-1'it'perch%E9.pdf", "perché.pdf"),
            (
                "a/b; name*0*=utf-8''perch%C3; name*1*=%A9; name*2=\" %41.pdf\"",
                "perché %41.pdf",
            ),
            ("a/b; name*1=b.pdf; name*0=a", "ab.pdf"),
            ("a/b; name=\"=?utf-8?Q?perch=C3=A9.pdf?=\"", "perché.pdf"),
            (
                "a/b; name=\"=?utf-8?B?cGVyY2jD?=\r\n =?utf-8?B?qS5wZGY=?=\"",
                "perché.pdf",
            ),
            ("a/b; name=\"a\u{1}b%\"", "a\u{fffd}b%"),
            ("a/b; name=\"\"", ""),
            ("file; name=x.pdf", "x.pdf"),
        ];
        for (value, expected) in cases {
            assert_eq!(name_of(value).as_deref(), Some(expected), "{value}");
        }
        assert_eq!(name_of("a/b; x=y"), None);
    }
}
