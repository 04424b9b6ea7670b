//! DER as S/MIME needs it: a reader that borrows and never panics, and writers of whole elements.
//! The reader takes any definite length, so that what others signed is read as they wrote it; what is
//! written here is strict (X.690). Indefinite lengths go through [`super::ber`] first.

use const_oid::ObjectIdentifier;

/// The octets are not the ASN.1 that was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not valid ASN.1: {0}")]
pub struct DerError(pub &'static str);

/// Universal tags, and the context tags that our structures use.
pub mod tag {
    /// BOOLEAN
    pub const BOOLEAN: u8 = 0x01;
    /// INTEGER
    pub const INTEGER: u8 = 0x02;
    /// BIT STRING
    pub const BIT_STRING: u8 = 0x03;
    /// OCTET STRING
    pub const OCTET_STRING: u8 = 0x04;
    /// NULL
    pub const NULL: u8 = 0x05;
    /// OBJECT IDENTIFIER
    pub const OID: u8 = 0x06;
    /// ENUMERATED
    pub const ENUMERATED: u8 = 0x0a;
    /// UTF8String
    pub const UTF8_STRING: u8 = 0x0c;
    /// NumericString
    pub const NUMERIC_STRING: u8 = 0x12;
    /// PrintableString
    pub const PRINTABLE_STRING: u8 = 0x13;
    /// T61String
    pub const T61_STRING: u8 = 0x14;
    /// IA5String
    pub const IA5_STRING: u8 = 0x16;
    /// UTCTime
    pub const UTC_TIME: u8 = 0x17;
    /// GeneralizedTime
    pub const GENERALIZED_TIME: u8 = 0x18;
    /// VisibleString
    pub const VISIBLE_STRING: u8 = 0x1a;
    /// UniversalString
    pub const UNIVERSAL_STRING: u8 = 0x1c;
    /// BMPString
    pub const BMP_STRING: u8 = 0x1e;
    /// SEQUENCE
    pub const SEQUENCE: u8 = 0x30;
    /// SET
    pub const SET: u8 = 0x31;

    /// `[number]`, constructed.
    pub const fn context(number: u8) -> u8 {
        0xa0 | number
    }

    /// `[number]`, primitive.
    pub const fn context_primitive(number: u8) -> u8 {
        0x80 | number
    }
}

/// One tag, length and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    /// Identifier octet (low tag numbers only).
    pub tag: u8,
    /// All octets of the element.
    pub raw: &'a [u8],
    /// Its value.
    pub content: &'a [u8],
}

impl<'a> Element<'a> {
    /// Reads what lies inside.
    pub fn reader(&self) -> Reader<'a> {
        Reader::new(self.content)
    }
}

/// Reads elements one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Over `octets`.
    pub const fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    /// Nothing is left.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The tag of the next element.
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next element, whatever it is.
    pub fn any(&mut self) -> Result<Element<'a>, DerError> {
        let (tag, header, length) = header(self.rest)?;
        let length = length.ok_or(DerError("an indefinite length"))?;
        let end = header
            .checked_add(length)
            .ok_or(DerError("a length overflows"))?;
        let raw = self
            .rest
            .get(..end)
            .ok_or(DerError("an element is cut short"))?;
        let content = raw
            .get(header..)
            .ok_or(DerError("an element is cut short"))?;
        self.rest = self.rest.get(end..).unwrap_or_default();
        Ok(Element { tag, raw, content })
    }

    /// The next element, which must have `tag`.
    pub fn expect(&mut self, tag: u8) -> Result<Element<'a>, DerError> {
        if self.peek() != Some(tag) {
            return Err(DerError("an element is of another type than expected"));
        }
        self.any()
    }

    /// The next element when it has `tag`.
    pub fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, DerError> {
        if self.peek() == Some(tag) {
            self.any().map(Some)
        } else {
            Ok(None)
        }
    }

    /// Nothing may be left.
    pub fn end(&self) -> Result<(), DerError> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(DerError("octets follow where nothing should"))
        }
    }
}

/// Tag, octets of tag and length together, and the length (`None`: indefinite).
pub(super) fn header(octets: &[u8]) -> Result<(u8, usize, Option<usize>), DerError> {
    const CUT: DerError = DerError("an element is cut short");
    let tag = *octets.first().ok_or(CUT)?;
    if tag & 0x1f == 0x1f {
        return Err(DerError("a tag number above 30"));
    }
    let first = *octets.get(1).ok_or(CUT)?;
    match first {
        0..=0x7f => Ok((tag, 2, Some(usize::from(first)))),
        0x80 => Ok((tag, 2, None)),
        0x81..=0x84 => {
            let count = usize::from(first & 0x7f);
            let digits = octets.get(2..2 + count).ok_or(CUT)?;
            let length = digits
                .iter()
                .fold(0_usize, |n, d| (n << 8) | usize::from(*d));
            Ok((tag, 2 + count, Some(length)))
        }
        _ => Err(DerError("a length of more than four octets")),
    }
}

/// A BOOLEAN's value.
pub fn boolean(element: &Element<'_>) -> bool {
    element.content.first().is_some_and(|octet| *octet != 0)
}

/// The octets of a BIT STRING of whole octets.
pub fn bit_string<'a>(element: &Element<'a>) -> Result<&'a [u8], DerError> {
    match element.content.split_first() {
        Some((0, octets)) => Ok(octets),
        _ => Err(DerError("a bit string is not made of whole octets")),
    }
}

/// One element: `tag`, the shortest length, `content`.
pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    concat(tag, &[content])
}

/// One element whose content is `parts` one after the other.
pub fn concat(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(length + 6);
    push_header(&mut out, tag, length);
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// SEQUENCE of `parts`.
pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    concat(tag::SEQUENCE, parts)
}

/// SET OF `elements`, in the order that DER asks for.
pub fn set_of(tag: u8, elements: &[&[u8]]) -> Vec<u8> {
    let mut sorted = elements.to_vec();
    sorted.sort_unstable();
    concat(tag, &sorted)
}

/// INTEGER from the octets of a number without sign.
pub fn unsigned(octets: &[u8]) -> Vec<u8> {
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    let digits = octets.get(zeros..).unwrap_or_default();
    match digits.first() {
        None => element(tag::INTEGER, &[0]),
        Some(first) if *first >= 0x80 => concat(tag::INTEGER, &[&[0], digits]),
        Some(_) => element(tag::INTEGER, digits),
    }
}

/// BIT STRING of whole octets.
pub fn bits(octets: &[u8]) -> Vec<u8> {
    concat(tag::BIT_STRING, &[&[0], octets])
}

/// OBJECT IDENTIFIER.
pub fn oid(oid: &ObjectIdentifier) -> Vec<u8> {
    element(tag::OID, oid.as_bytes())
}

pub(super) fn push_header(out: &mut Vec<u8>, tag: u8, length: usize) {
    out.push(tag);
    let octets = length.to_be_bytes();
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    let digits = octets.get(zeros..).unwrap_or_default();
    match digits {
        [] => out.push(0),
        [one] if *one < 0x80 => out.push(*one),
        _ => {
            // At most eight octets of a `usize`.
            out.push(0x80 | (digits.len() & 0x0f) as u8);
            out.extend_from_slice(digits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_are_the_shortest_and_read_back() {
        for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let written = element(tag::OCTET_STRING, &vec![7; length]);
            let mut reader = Reader::new(&written);
            assert_eq!(reader.any().unwrap().content.len(), length);
            reader.end().unwrap();
        }
        assert_eq!(element(tag::OCTET_STRING, &[0; 128])[..3], [4, 0x81, 128]);
    }

    #[test]
    fn numbers_without_sign_stay_without_sign() {
        assert_eq!(unsigned(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(unsigned(&[0, 0, 5]), [2, 1, 5]);
        assert_eq!(unsigned(&[0]), [2, 1, 0]);
    }

    #[test]
    fn cut_or_boundless_elements_are_refused() {
        for octets in [
            &[0x30][..],
            &[0x30, 5, 1],
            &[0x30, 0x80, 0, 0],
            &[0x1f, 1, 0],
        ] {
            assert!(Reader::new(octets).any().is_err(), "{octets:?}");
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_read_without_panic(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = Reader::new(&octets);
            while let Ok(element) = reader.any() {
                prop_assert!(element.raw.len() <= octets.len());
            }
        }
    }
}
