//! What a [`Scanner`](super::Scanner) found in a message: the fields of its header, its parts with
//! exact octet ranges, and what is wrong with its form. It points into the message, it does not hold
//! its body. Memory is bounded by `limits::HEADER_BYTES_MAX` and `limits::MIME_PARTS_MAX` (SE-07).

use super::content::{MediaType, TransferEncoding};
use crate::blob::{BlobError, BlobRead, BlobRef};
use crate::rope::{Rope, RopeReader};

/// Octets `start..end` of the message that was scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// The first octet.
    pub start: u64,
    /// One past the last.
    pub end: u64,
}

impl Span {
    /// Octets in it.
    pub fn len(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// No octet at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One field of the message's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// As it was written, without the colon.
    pub name: &'a str,
    /// What follows the colon: folding kept, the last line end left out.
    pub value: &'a [u8],
    /// The whole field with its line ends, octet by octet.
    pub raw: &'a [u8],
    /// Where `raw` lies in the message.
    pub span: Span,
}

impl Field<'_> {
    /// Compares without regard to case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// What a part is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Octets of its own; also a multipart without a usable boundary, or nested too deep.
    Leaf,
    /// Parts between boundaries.
    Multipart,
    /// One message (`message/rfc822`, not encoded); its only child is that message.
    Message,
}

/// A field of a part's header that says how its body is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentField {
    /// `Content-Type`
    Type,
    /// `Content-Disposition`
    Disposition,
    /// `Content-Transfer-Encoding`
    TransferEncoding,
    /// `Content-MD5`
    Md5,
}

/// One entity of the MIME tree: the message itself is part 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Index of the part that holds it; `None` for the message itself.
    pub parent: Option<usize>,
    /// 0 for the message itself.
    pub depth: usize,
    /// Its header, with the blank line if it has one.
    pub header: Span,
    /// Its body, without the line end that belongs to the boundary after it.
    pub body: Span,
    /// `Content-Type` without its parameters; `text/plain` when absent or unreadable.
    pub media: MediaType,
    /// The boundary of a [`Shape::Multipart`].
    pub boundary: Option<Vec<u8>>,
    /// `filename` of `Content-Disposition`, else `name` of `Content-Type`, decoded (RFC 2231, RFC
    /// 2047), without control characters.
    pub name: Option<String>,
    /// `Content-Transfer-Encoding`.
    pub encoding: TransferEncoding,
    /// Leaf, multipart or message.
    pub shape: Shape,
    /// It lies inside a `multipart/signed` or `multipart/encrypted`.
    pub sealed: bool,
    /// Its header holds octets above 127.
    pub eight_bit_header: bool,
    /// Its own octets (a leaf's body, a multipart's text around the boundaries) hold some above 127.
    pub eight_bit_body: bool,
    /// Its header ends with a blank line; without one it has no body.
    pub has_blank_line: bool,
    /// The boundary after it has no line end of its own: the body is empty.
    pub glued: bool,
    /// Lines of the body, as IMAP counts them.
    pub lines: u64,
    /// The fields that describe the body, in order.
    pub content_fields: Vec<(ContentField, Span)>,
}

impl Part {
    /// Where its fields of one kind lie, in order; the first counts.
    pub fn fields_of(&self, kind: ContentField) -> impl Iterator<Item = Span> + '_ {
        let of_kind = self.content_fields.iter().filter(move |(k, _)| *k == kind);
        of_kind.map(|(_, span)| *span)
    }
}

/// What is wrong with the form of a message (RFC 5322, SE-07). Each is named once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanFault {
    /// A line over `limits::LINE_BYTES_MAX`.
    LineTooLong,
    /// A line of the message's header that is no field.
    NotAField,
    /// A header over `limits::HEADER_BYTES_MAX`: what is over it was not read.
    HeaderTooLarge,
    /// Nesting over `limits::MIME_DEPTH_MAX`: what is deeper counts as one leaf.
    TooDeep,
    /// More parts than `limits::MIME_PARTS_MAX`: those after it were not read.
    TooManyParts,
}

impl ScanFault {
    /// One of the bounds of SE-07, for which the incoming point answers `550 5.6.0`.
    pub fn is_bound(self) -> bool {
        matches!(
            self,
            Self::HeaderTooLarge | Self::TooDeep | Self::TooManyParts
        )
    }
}

/// A field by its places in the kept header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::mime) struct FieldPlace {
    pub(in crate::mime) start: usize,
    pub(in crate::mime) name_end: usize,
    pub(in crate::mime) value: usize,
    pub(in crate::mime) end: usize,
}

/// The result of one pass over a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    pub(super) size: u64,
    pub(super) header: Vec<u8>,
    pub(super) fields: Vec<FieldPlace>,
    pub(super) parts: Vec<Part>,
    pub(super) faults: Vec<ScanFault>,
    pub(super) longest_line: u64,
}

impl Scan {
    /// Scans a stored blob, a chunk at a time.
    pub fn of(blobs: &dyn BlobRead, blob: BlobRef) -> Result<Self, BlobError> {
        Self::of_rope(&Rope::whole(blob), blobs)
    }

    /// Scans what a rope writes, a chunk at a time.
    pub fn of_rope(rope: &Rope, blobs: &dyn BlobRead) -> Result<Self, BlobError> {
        let mut scanner = super::Scanner::new();
        RopeReader::new(rope, blobs).for_each_chunk(|chunk| scanner.push(chunk))?;
        Ok(scanner.finish())
    }

    /// Scans octets in memory.
    pub fn of_bytes(message: &[u8]) -> Self {
        let mut scanner = super::Scanner::new();
        scanner.push(message);
        scanner.finish()
    }

    /// Octets of the whole message.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Where the body starts, after the blank line.
    pub fn body_start(&self) -> u64 {
        self.root().body.start
    }

    /// The message itself.
    pub fn root(&self) -> &Part {
        // A scanner makes part 0 at its birth.
        &self.parts[0]
    }

    /// All parts, each after the one that holds it; the message itself comes first.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Indexes of the parts that `parent` holds directly, in order.
    pub fn children(&self, parent: usize) -> impl Iterator<Item = usize> + '_ {
        (parent + 1..self.parts.len()).filter(move |&i| self.parts[i].parent == Some(parent))
    }

    /// What is wrong with the form, each fault once, in the order found.
    pub fn faults(&self) -> &[ScanFault] {
        &self.faults
    }

    /// Octets of the longest line, without its line end.
    pub fn longest_line(&self) -> u64 {
        self.longest_line
    }

    /// Any octet above 127.
    pub fn has_eight_bit(&self) -> bool {
        self.parts
            .iter()
            .any(|part| part.eight_bit_header || part.eight_bit_body)
    }

    /// The fields of the message's header, in order.
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        self.fields.iter().map(|place| self.field_at(place))
    }

    /// Fields of that name, in order.
    pub fn fields_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Field<'a>> {
        self.places_named(name).map(|place| self.field_at(place))
    }

    fn places_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a FieldPlace> {
        self.fields.iter().filter(move |place| {
            let own = self.header.get(place.start..place.name_end);
            own.is_some_and(|own| own.eq_ignore_ascii_case(name.as_bytes()))
        })
    }

    /// Where the fields of that name lie, in order.
    pub(crate) fn spans_named(&self, name: &str) -> Vec<Span> {
        self.fields_named(name).map(|field| field.span).collect()
    }

    /// The first field of that name.
    pub fn field(&self, name: &str) -> Option<Field<'_>> {
        let place = self.places_named(name).next()?;
        Some(self.field_at(place))
    }

    /// The octets of all fields with these names, in the order of the message, each ended by CRLF and
    /// otherwise unchanged: `Received`, `To`, `Cc`, `Return-Path`, `Reply-To` of an envelope (TE-02,
    /// TE-03). `Sender` is nobody's to copy (TE-17).
    pub fn copied_fields(&self, names: &[&str]) -> Vec<u8> {
        let mut copied = Vec::new();
        for field in self.fields() {
            if names.iter().any(|name| field.is(name)) {
                copied.extend_from_slice(field.raw);
                if !field.raw.ends_with(b"\n") {
                    copied.extend_from_slice(b"\r\n");
                }
            }
        }
        copied
    }

    fn field_at(&self, place: &FieldPlace) -> Field<'_> {
        let raw = &self.header[place.start..place.end];
        let value = &self.header[place.value..place.end];
        Field {
            // A name is printable ASCII, or the line is no field.
            name: std::str::from_utf8(&self.header[place.start..place.name_end]).unwrap_or(""),
            value: without_line_end(value),
            raw,
            span: Span {
                start: place.start as u64,
                end: place.end as u64,
            },
        }
    }
}

/// `line` without its CRLF or bare LF.
pub(in crate::mime) fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
