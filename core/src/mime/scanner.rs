//! The single pass over a message: lines are cut as octets come, and the same octets give the same
//! [`Scan`] whatever the chunks. Held at a time: one header and one line, each up to
//! `limits::HEADER_BYTES_MAX`. A bare LF ends a line too; a boundary is a line of its own (RFC 2046
//! §5.1.1), `--b` is none for `--bb`.

mod header;

use self::header::{describe, fields_of};
use super::content::{MediaType, TransferEncoding};
use super::scan::{Part, Scan, ScanFault, Shape, Span};
use crate::limits;

/// Takes a message chunk by chunk.
#[derive(Debug)]
pub struct Scanner {
    scan: Scan,
    /// Where the current line starts.
    line_start: u64,
    line: HeldLine,
    /// Lines before the current one.
    lines: u64,
    /// Octets of the line end before the current line.
    line_end_before: u64,
    /// The header being read, when `in_header`.
    header: Vec<u8>,
    in_header: bool,
    /// A line did not fit: this header is read no further.
    header_is_full: bool,
    /// From the message itself to the innermost open part.
    open: Vec<Open>,
    /// The part list is full: structure is no longer read.
    blind: bool,
    /// One above the bound, once: the signature after too many parts.
    spare_parts: usize,
}

/// The beginning of a line whose end has not come.
#[derive(Debug, Default)]
struct HeldLine {
    kept: Vec<u8>,
    length: u64,
    last: u8,
    eight_bit: bool,
}

/// A whole line: `kept` is cut at `limits::HEADER_BYTES_MAX`, `length` is not.
struct Line<'a> {
    kept: &'a [u8],
    length: u64,
    line_end: &'static [u8],
    eight_bit: bool,
}

#[derive(Debug)]
struct Open {
    part: usize,
    /// Of a multipart whose last boundary has not come.
    boundary: Option<Boundary>,
    first_line: u64,
}

/// A boundary and its checksum: hostile lines meet up to `limits::MIME_DEPTH_MAX` of them.
#[derive(Debug, Clone, Copy)]
struct Marker<'a> {
    octets: &'a [u8],
    checksum: u32,
}

impl<'a> Marker<'a> {
    fn of(octets: &'a [u8]) -> Self {
        let checksum = crc32c::crc32c(octets);
        Self { octets, checksum }
    }
}

#[derive(Debug)]
struct Boundary {
    octets: Vec<u8>,
    checksum: u32,
}

impl Boundary {
    fn is(&self, marker: Marker<'_>) -> bool {
        self.checksum == marker.checksum && self.octets == marker.octets
    }
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

impl Scanner {
    /// Before the first octet.
    pub fn new() -> Self {
        let mut scanner = Self {
            scan: Scan {
                size: 0,
                header: Vec::new(),
                fields: Vec::new(),
                parts: Vec::new(),
                faults: Vec::new(),
                longest_line: 0,
            },
            line_start: 0,
            line: HeldLine::default(),
            lines: 0,
            line_end_before: 0,
            header: Vec::new(),
            in_header: true,
            header_is_full: false,
            open: Vec::new(),
            blind: false,
            spare_parts: 0,
        };
        scanner.open_part(None, 0);
        scanner
    }

    /// The next octets.
    pub fn push(&mut self, chunk: &[u8]) {
        self.scan.size += chunk.len() as u64;
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', chunk) {
            let piece = &chunk[start..end];
            start = end + 1;
            if self.line.length == 0 {
                self.take_whole(piece);
            } else {
                self.line.add(piece);
                self.take_held(true);
            }
        }
        if start < chunk.len() {
            self.line.add(&chunk[start..]);
        }
    }

    /// After the last octet.
    pub fn finish(mut self) -> Scan {
        if self.line.length > 0 {
            self.take_held(false);
        }
        self.close_above(0, self.scan.size, None);
        self.scan
    }

    /// A line that lies in one chunk, without its LF.
    fn take_whole(&mut self, piece: &[u8]) {
        let (content, line_end): (_, &'static [u8]) = match piece.strip_suffix(b"\r") {
            Some(content) => (content, b"\r\n"),
            None => (piece, b"\n"),
        };
        self.take_line(&Line {
            kept: &content[..content.len().min(limits::HEADER_BYTES_MAX)],
            length: content.len() as u64,
            line_end,
            eight_bit: !content.is_ascii(),
        });
    }

    fn take_held(&mut self, ended: bool) {
        let held = std::mem::take(&mut self.line);
        let line_end: &'static [u8] = match (ended, held.last) {
            (true, b'\r') => b"\r\n",
            (true, _) => b"\n",
            (false, _) => b"",
        };
        let length = held.length - line_end.len().saturating_sub(1) as u64;
        let kept = usize::try_from(length).map_or(held.kept.len(), |n| n.min(held.kept.len()));
        self.take_line(&Line {
            kept: &held.kept[..kept],
            length,
            line_end,
            eight_bit: held.eight_bit,
        });
        // The buffer is used again.
        self.line.kept = held.kept;
        self.line.kept.clear();
    }

    fn take_line(&mut self, line: &Line<'_>) {
        self.scan.longest_line = self.scan.longest_line.max(line.length);
        if line.length > limits::LINE_BYTES_MAX as u64 {
            self.fault(ScanFault::LineTooLong);
        }
        self.blind = self.blind && !self.is_before_signature(line);
        if self.blind {
            self.scan.parts[0].eight_bit_body |= line.eight_bit;
        } else if !self.take_boundary(line) {
            self.take_text(line);
        }
        self.lines += 1;
        self.line_start += line.length + line.line_end.len() as u64;
        self.line_end_before = line.line_end.len() as u64;
    }

    fn take_text(&mut self, line: &Line<'_>) {
        let Some(part) = self.open.last().map(|open| open.part) else {
            return;
        };
        if !self.in_header {
            self.scan.parts[part].eight_bit_body |= line.eight_bit;
            return;
        }
        self.scan.parts[part].eight_bit_header |= line.eight_bit;
        let length = line.length as usize + line.line_end.len();
        if self.header.len() + length > limits::HEADER_BYTES_MAX {
            self.header_is_full = true;
            self.fault(ScanFault::HeaderTooLarge);
        } else if !self.header_is_full {
            self.header.extend_from_slice(line.kept);
            self.header.extend_from_slice(line.line_end);
        }
        if line.length == 0 {
            let end = self.line_start + line.line_end.len() as u64;
            self.end_header(part, end);
            self.descend(part, end);
        }
    }

    /// Where parts are too many, those up to the signature over all of them are passed over and it is read:
    /// whose mail it is must be known all the same (SE-07).
    fn is_before_signature(&mut self, line: &Line<'_>) -> bool {
        let is_signed = self.scan.parts[0].media.is("multipart", "signed");
        let root = self.open.first().and_then(|open| open.boundary.as_ref());
        let Some(root) = root.filter(|_| is_signed && self.spare_parts == 0) else {
            return false;
        };
        let is_whole = line.kept.len() as u64 == line.length;
        let marker = line.kept.strip_prefix(b"--").filter(|_| is_whole);
        let found = marker.is_some_and(|marker| root.is(Marker::of(marker.trim_ascii_end())));
        self.spare_parts = usize::from(found);
        found
    }

    /// Takes a boundary line of any open multipart; the innermost one wins.
    fn take_boundary(&mut self, line: &Line<'_>) -> bool {
        if !line.kept.starts_with(b"--") || line.kept.len() as u64 != line.length {
            return false;
        }
        let marker = line.kept[2..].trim_ascii_end();
        let last = marker.strip_suffix(b"--").map(Marker::of);
        let marker = Marker::of(marker);
        let mut levels = self.open.iter().enumerate().rev();
        let found = levels.find_map(|(level, open)| {
            let boundary = open.boundary.as_ref()?;
            let is_last = last.is_some_and(|last| boundary.is(last));
            (is_last || boundary.is(marker)).then_some((level, is_last))
        });
        let Some((level, is_last)) = found else {
            return false;
        };
        let content_end = self.line_start - self.line_end_before;
        self.close_above(level + 1, content_end, Some(self.line_start));
        let multipart = &mut self.open[level];
        self.in_header = false;
        if is_last {
            multipart.boundary = None;
        } else if self.scan.parts.len() >= limits::MIME_PARTS_MAX + self.spare_parts {
            self.blind = true;
            self.fault(ScanFault::TooManyParts);
        } else {
            let parent = multipart.part;
            let start = self.line_start + line.length + line.line_end.len() as u64;
            self.open_part(Some(parent), start);
        }
        true
    }

    /// Ends all open parts from `level` on at `end`, where a boundary line starts at `boundary`.
    fn close_above(&mut self, level: usize, end: u64, boundary: Option<u64>) {
        while self.open.len() > level {
            let Some(open) = self.open.pop() else { break };
            let part = &mut self.scan.parts[open.part];
            let earliest = if self.in_header {
                part.header.start
            } else {
                part.body.start
            };
            // The line end before the boundary may belong to the header already.
            let end = match boundary {
                Some(boundary) if end < earliest => boundary,
                _ => end,
            };
            part.glued = boundary == Some(end);
            if std::mem::take(&mut self.in_header) {
                self.end_header(open.part, end);
            } else {
                part.lines = self.lines - open.first_line;
            }
            self.scan.parts[open.part].body.end = end;
        }
    }

    fn open_part(&mut self, parent: Option<usize>, start: u64) {
        let above = parent.map(|parent| &self.scan.parts[parent]);
        let seals = |media: &MediaType| {
            media.kind == "multipart" && matches!(media.subtype.as_str(), "signed" | "encrypted")
        };
        let part = Part {
            parent,
            depth: above.map_or(0, |above| above.depth + 1),
            header: Span { start, end: start },
            body: Span { start, end: start },
            media: MediaType::plain_text(),
            boundary: None,
            name: None,
            encoding: TransferEncoding::SevenBit,
            shape: Shape::Leaf,
            sealed: above.is_some_and(|above| above.sealed || seals(&above.media)),
            eight_bit_header: false,
            eight_bit_body: false,
            has_blank_line: false,
            glued: false,
            lines: 0,
            content_fields: Vec::new(),
        };
        self.open.push(Open {
            part: self.scan.parts.len(),
            boundary: None,
            first_line: 0,
        });
        self.scan.parts.push(part);
        self.header.clear();
        self.header_is_full = false;
        self.in_header = true;
    }

    /// The header of `part` ends before octet `end`: reads what it says.
    fn end_header(&mut self, part: usize, end: u64) {
        self.in_header = false;
        let header = std::mem::take(&mut self.header);
        let (fields, is_clean) = fields_of(&header);
        let digest = self.scan.parts[part]
            .parent
            .is_some_and(|parent| self.scan.parts[parent].media.is("multipart", "digest"));
        let entity = &mut self.scan.parts[part];
        entity.header.end = end;
        entity.body = Span { start: end, end };
        if digest {
            // RFC 2046 §5.1.5.
            entity.media = MediaType {
                kind: "message".to_owned(),
                subtype: "rfc822".to_owned(),
            };
        }
        describe(entity, &header, &fields);
        if part == 0 {
            self.scan.fields = fields;
            self.scan.header = header;
            if !is_clean {
                self.fault(ScanFault::NotAField);
            }
        } else {
            self.header = header;
        }
    }

    /// The body of `part` starts at `start`, after a blank line.
    fn descend(&mut self, part: usize, start: u64) {
        let lines = self.lines + 1;
        let entity = &mut self.scan.parts[part];
        entity.has_blank_line = true;
        let is_too_deep = entity.shape != Shape::Leaf && entity.depth >= limits::MIME_DEPTH_MAX;
        if is_too_deep {
            entity.shape = Shape::Leaf;
            self.fault(ScanFault::TooDeep);
        }
        let entity = &self.scan.parts[part];
        let shape = entity.shape;
        if let Some(open) = self.open.last_mut() {
            open.first_line = lines;
            if shape == Shape::Multipart {
                open.boundary = entity.boundary.as_ref().map(|octets| Boundary {
                    octets: octets.clone(),
                    checksum: crc32c::crc32c(octets),
                });
            }
        }
        if shape == Shape::Message {
            if self.scan.parts.len() >= limits::MIME_PARTS_MAX {
                self.blind = true;
                self.fault(ScanFault::TooManyParts);
            } else {
                self.open_part(Some(part), start);
            }
        }
    }

    fn has_fault(&self, fault: ScanFault) -> bool {
        self.scan.faults.contains(&fault)
    }

    fn fault(&mut self, fault: ScanFault) {
        if !self.has_fault(fault) {
            self.scan.faults.push(fault);
        }
    }
}

impl HeldLine {
    fn add(&mut self, piece: &[u8]) {
        let room = limits::HEADER_BYTES_MAX - self.kept.len();
        self.kept.extend_from_slice(&piece[..piece.len().min(room)]);
        self.length += piece.len() as u64;
        self.last = piece.last().copied().unwrap_or(self.last);
        self.eight_bit |= !piece.is_ascii();
    }
}

#[cfg(test)]
pub(crate) mod tests;
