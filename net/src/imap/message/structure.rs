//! Where the parts of a message lie (RFC 2045, RFC 2046): one pass over its octets, whatever their
//! number, holding one line of a boundary and one header at a time. Never fails: what is not well
//! formed is a leaf. Depth, parts and what is kept of headers are bounded (SE-07).

use std::ops::Range;

use ceralacca_core::limits;

use super::fields::{self, is_empty_line};
use super::parameters::{self, Parameterised};
use super::store::{Octets, ReadError};

/// A message and its parts; the first is the message itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Structure {
    /// Parents before their children.
    pub parts: Vec<Part>,
}

/// One entity: a message or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its header with the empty line.
    pub header: Range<u64>,
    /// Its body.
    pub body: Range<u64>,
    /// Line ends in the body.
    pub lines: u64,
    /// What it holds.
    pub kind: Kind,
    /// What its header says.
    pub facts: Facts,
}

/// What an entity holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Octets.
    Leaf,
    /// Parts, by index.
    Multipart(Vec<usize>),
    /// A message, by index.
    Message(usize),
}

/// The MIME fields of a header.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// `text/plain` where none is given.
    pub content_type: Parameterised,
    /// Content-Transfer-Encoding.
    pub encoding: Option<Vec<u8>>,
    /// Content-Disposition.
    pub disposition: Option<Parameterised>,
    /// Content-ID.
    pub id: Option<Vec<u8>>,
    /// Content-Description.
    pub description: Option<Vec<u8>>,
    /// Content-MD5.
    pub md5: Option<Vec<u8>>,
    /// Content-Language.
    pub language: Option<Vec<u8>>,
    /// Content-Location.
    pub location: Option<Vec<u8>>,
}

impl Facts {
    /// Type and subtype.
    pub fn media(&self) -> (&[u8], &[u8]) {
        let value = &self.content_type.value;
        match memchr::memchr(b'/', value) {
            Some(slash) => (value[..slash].trim_ascii(), value[slash + 1..].trim_ascii()),
            None => (b"text", b"plain"),
        }
    }

    /// Whether the type is `kind/…`.
    pub fn is_type(&self, kind: &str) -> bool {
        self.media().0.eq_ignore_ascii_case(kind.as_bytes())
    }

    fn is_message(&self) -> bool {
        let (kind, subtype) = self.media();
        kind.eq_ignore_ascii_case(b"message") && subtype.eq_ignore_ascii_case(b"rfc822")
    }

    /// RFC 2046 §5.2.1: a message in a message is not encoded.
    fn is_encoded(&self) -> bool {
        let encoding = self.encoding.as_deref().unwrap_or(b"7bit");
        ["quoted-printable", "base64"]
            .iter()
            .any(|name| encoding.eq_ignore_ascii_case(name.as_bytes()))
    }

    fn bytes(&self) -> usize {
        let texts = [&self.encoding, &self.id, &self.description, &self.md5];
        let texts = texts.into_iter().chain([&self.language, &self.location]);
        let texts: usize = texts.flatten().map(Vec::len).sum();
        let disposition = self.disposition.as_ref().map_or(0, Parameterised::bytes);
        texts + disposition + self.content_type.bytes()
    }

    fn read(header: &[u8], default_type: &[u8]) -> Self {
        let mut facts = Self::default();
        for field in fields::fields(header) {
            if !field
                .name
                .get(..8)
                .is_some_and(|n| n.eq_ignore_ascii_case(b"content-"))
            {
                continue;
            }
            let line = field.unfolded();
            match field.name[8..].to_ascii_lowercase().as_slice() {
                b"type" if facts.content_type.value.is_empty() => {
                    facts.content_type = parameters::parse(&line);
                }
                b"disposition" => facts.disposition = Some(parameters::parse(&line)),
                b"transfer-encoding" => facts.encoding = Some(parameters::parse(&line).value),
                b"id" => facts.id = Some(line),
                b"description" => facts.description = Some(line),
                b"md5" => facts.md5 = Some(line),
                b"language" => facts.language = Some(line),
                b"location" => facts.location = Some(line),
                _ => {}
            }
        }
        if memchr::memchr(b'/', &facts.content_type.value).is_none() {
            facts.content_type = parameters::parse(default_type);
        }
        facts
    }
}

impl Structure {
    /// Reads a message of `size` octets.
    pub fn read(octets: &dyn Octets, size: u64) -> Result<Self, ReadError> {
        let mut scan = Scan::default();
        scan.open(0, false);
        let mut chunk = vec![0; limits::IMAP_CHUNK_BYTES];
        let (mut at, mut kept) = (0u64, 0usize);
        while at < size {
            let most = chunk.len() - kept;
            let most = usize::try_from(size - at).map_or(most, |left| left.min(most));
            let read = octets.read_at(at, &mut chunk[kept..kept + most])?;
            if read == 0 {
                return Err(ReadError::Short(at));
            }
            at += read as u64;
            let filled = kept + read;
            let used = scan.take(&chunk[..filled], at == size, filled == chunk.len());
            chunk.copy_within(used..filled, 0);
            kept = filled - used;
        }
        Ok(scan.finish())
    }
}

/// An entity that has not ended.
#[derive(Debug)]
struct Open {
    part: usize,
    phase: Phase,
    /// Of a multipart.
    boundary: Vec<u8>,
    /// Line ends before its body.
    lines_before: u64,
    /// Its children are messages where they say nothing (multipart/digest).
    is_digest: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Header,
    Body,
    /// After the last boundary.
    Epilogue,
}

#[derive(Debug, Default)]
struct Scan {
    parts: Vec<Part>,
    open: Vec<Open>,
    /// The header that is being read, up to its bound.
    header: Vec<u8>,
    /// Octets of facts kept so far.
    kept: usize,
    at: u64,
    lines: u64,
    /// The last octets were no whole line: what follows is not at a line's start.
    inside_line: bool,
    /// Octets of the line end before `at`: 0, 1 or 2.
    line_end: u64,
}

impl Scan {
    /// Takes whole lines from `octets`; the rest too when it is the `last`, or a line that is longer
    /// than what is `full`. Answers how many octets.
    fn take(&mut self, octets: &[u8], last: bool, full: bool) -> usize {
        let mut used = 0;
        while let Some(at) = memchr::memchr(b'\n', &octets[used..]) {
            self.line(&octets[used..=used + at]);
            used += at + 1;
        }
        if used < octets.len() && (last || (full && used == 0)) {
            self.line(&octets[used..]);
            used = octets.len();
        }
        used
    }

    /// Takes one line, or a piece of one that is too long.
    fn line(&mut self, line: &[u8]) {
        let at_start = !self.inside_line;
        let ends = line.ends_with(b"\n");
        if !(at_start && self.is_boundary(line)) {
            self.content(line, at_start);
        }
        self.at += line.len() as u64;
        self.lines += u64::from(ends);
        self.inside_line = !ends;
        self.line_end = match (ends, line.ends_with(b"\r\n")) {
            (true, true) => 2,
            (true, false) => 1,
            _ => 0,
        };
    }

    fn content(&mut self, line: &[u8], at_start: bool) {
        let Some(open) = self.open.last() else {
            return;
        };
        if open.phase != Phase::Header {
            return;
        }
        if at_start && is_empty_line(line) {
            self.end_header(self.at + line.len() as u64, 1);
        } else if self.header.len() + line.len() <= limits::HEADER_BYTES_MAX {
            self.header.extend_from_slice(line);
        }
    }

    /// Acts on a boundary of any open multipart, the innermost first.
    fn is_boundary(&mut self, line: &[u8]) -> bool {
        let Some(rest) = line.strip_prefix(b"--") else {
            return false;
        };
        let found = self
            .open
            .iter()
            .enumerate()
            .rev()
            .find_map(|(level, open)| {
                let live = open.phase == Phase::Body && !open.boundary.is_empty();
                let tail = rest
                    .strip_prefix(open.boundary.as_slice())
                    .filter(|_| live)?;
                let (last, tail) = match tail.strip_prefix(b"--") {
                    Some(tail) => (true, tail),
                    None => (false, tail),
                };
                tail.iter()
                    .all(u8::is_ascii_whitespace)
                    .then_some((level, last))
            });
        let Some((level, last)) = found else {
            return false;
        };
        let end = self.at - self.line_end;
        let lines = self.lines - u64::from(self.line_end > 0);
        while self.open.len() > level + 1 {
            self.close(end, lines);
        }
        match last {
            true => self.open[level].phase = Phase::Epilogue,
            false => self.open_child(level, self.at + line.len() as u64),
        }
        true
    }

    fn open_child(&mut self, level: usize, at: u64) {
        if self.parts.len() >= limits::MIME_PARTS_MAX {
            // What follows belongs to nobody.
            self.open[level].phase = Phase::Epilogue;
            return;
        }
        let (parent, digest) = (self.open[level].part, self.open[level].is_digest);
        let child = self.open(at, digest);
        if let Kind::Multipart(children) = &mut self.parts[parent].kind {
            children.push(child);
        }
    }

    /// Starts an entity at `at`.
    fn open(&mut self, at: u64, in_digest: bool) -> usize {
        self.header.clear();
        self.parts.push(Part {
            header: at..at,
            body: at..at,
            lines: 0,
            kind: Kind::Leaf,
            facts: Facts::default(),
        });
        let part = self.parts.len() - 1;
        self.open.push(Open {
            part,
            phase: Phase::Header,
            boundary: Vec::new(),
            lines_before: 0,
            is_digest: in_digest,
        });
        part
    }

    /// The innermost entity's header is whole; its body starts at `at`, after `lines` more line ends.
    fn end_header(&mut self, at: u64, lines: u64) {
        let depth = self.open.len();
        let Some(open) = self.open.last_mut() else {
            return;
        };
        let default_type: &[u8] = match open.is_digest {
            true => b"message/rfc822",
            false => b"text/plain; charset=us-ascii",
        };
        let mut facts = Facts::read(&self.header, default_type);
        self.kept += facts.bytes();
        if self.kept > limits::HEADER_BYTES_MAX {
            facts = Facts::read(b"", b"application/octet-stream");
        }
        open.phase = Phase::Body;
        open.lines_before = self.lines + lines;
        open.is_digest = false;
        let part = &mut self.parts[open.part];
        part.header.end = at;
        part.body = at..at;
        let boundary = facts
            .content_type
            .get("boundary")
            .unwrap_or_default()
            .to_vec();
        let may_nest = depth < limits::MIME_DEPTH_MAX;
        let is_multipart = may_nest && !boundary.is_empty() && facts.is_type("multipart");
        let is_message = may_nest && facts.is_message() && !facts.is_encoded();
        if is_multipart {
            open.is_digest = facts.media().1.eq_ignore_ascii_case(b"digest");
            open.boundary = boundary;
            part.kind = Kind::Multipart(Vec::new());
        }
        part.facts = facts;
        let parent = open.part;
        if is_message && self.parts.len() < limits::MIME_PARTS_MAX {
            let child = self.open(at, false);
            self.parts[parent].kind = Kind::Message(child);
        }
    }

    /// Ends the innermost entity at `end`, where `lines` line ends have passed.
    fn close(&mut self, end: u64, lines: u64) {
        if self
            .open
            .last()
            .is_some_and(|open| open.phase == Phase::Header)
        {
            // The header had no empty line: all of it is header, up to the boundary.
            let depth = self.open.len();
            let at = self
                .open
                .last()
                .map_or(end, |o| end.max(self.parts[o.part].header.start));
            self.end_header(at, 0);
            while self.open.len() > depth {
                self.close(end, lines);
            }
        }
        let Some(open) = self.open.pop() else {
            return;
        };
        let part = &mut self.parts[open.part];
        part.body.end = end.max(part.body.start);
        part.lines = lines.saturating_sub(open.lines_before);
    }

    fn finish(mut self) -> Structure {
        while !self.open.is_empty() {
            self.close(self.at, self.lines);
        }
        Structure { parts: self.parts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(message: &str) -> (Structure, impl Fn(Range<u64>) -> String) {
        let octets = message.as_bytes().to_vec();
        let structure = Structure::read(&octets, octets.len() as u64).expect("readable");
        let text = move |range: Range<u64>| {
            String::from_utf8_lossy(&octets[range.start as usize..range.end as usize]).into_owned()
        };
        (structure, text)
    }

    const NESTED: &str = "Subject: out\r\nContent-Type: multipart/mixed; boundary=\"a\"\r\n\r\n\
        preamble\r\n--a\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\none\r\n\
        --b  \r\nContent-Type: text/html\r\n\r\ntwo\r\nlines\r\n--b--\r\nepilogue\r\n--a\r\n\
        Content-Type: message/rfc822; name=\"postacert.eml\"\r\nContent-Disposition: inline\r\n\r\n\
        Subject: in\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\ndeep\r\n--c--\r\n\
        \r\n--a--\r\nend\r\n";

    #[test]
    fn nested_parts_lie_where_they_stand() {
        let (structure, text) = read(NESTED);
        let bodies: Vec<String> = structure
            .parts
            .iter()
            .map(|p| text(p.body.clone()))
            .collect();
        assert_eq!(structure.parts[0].kind, Kind::Multipart(vec![1, 4]));
        assert_eq!(structure.parts[1].kind, Kind::Multipart(vec![2, 3]));
        assert_eq!(structure.parts[4].kind, Kind::Message(5));
        assert_eq!(structure.parts[5].kind, Kind::Multipart(vec![6]));
        assert_eq!(
            (bodies[2].as_str(), bodies[3].as_str()),
            ("one", "two\r\nlines")
        );
        assert_eq!(bodies[6], "deep");
        assert!(bodies[4].starts_with("Subject: in") && bodies[4].ends_with("--c--\r\n"));
        assert_eq!(text(structure.parts[6].header.clone()), "\r\n");
        assert_eq!(structure.parts[3].lines, 1);
        assert_eq!(structure.parts[4].lines, 7);
    }

    #[test]
    fn messages_without_end_are_read() {
        for message in [
            "",
            "Subject: x",
            "Subject: x\r\n",
            "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a",
            "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nX: y",
            "Content-Type: message/rfc822\r\n\r\nContent-Type: message/rfc822\r\n",
            "Content-Type: multipart/mixed\r\n\r\nno boundary",
            "Content-Type: multipart/mixed; boundary=a\r\n--a\r\n\r\nx",
        ] {
            let (structure, _) = read(message);
            assert_eq!(
                structure.parts[0].body.end,
                message.len() as u64,
                "{message}"
            );
        }
    }

    #[test]
    fn depth_and_parts_are_bounded() {
        let deep = "Content-Type: message/rfc822\r\n\r\n".repeat(limits::MIME_DEPTH_MAX + 50);
        assert_eq!(read(&deep).0.parts.len(), limits::MIME_DEPTH_MAX);
        let head = "Content-Type: multipart/mixed; boundary=a\r\n\r\n";
        let wide = head.to_owned() + &"--a\r\n\r\n".repeat(limits::MIME_PARTS_MAX + 50);
        assert_eq!(read(&wide).0.parts.len(), limits::MIME_PARTS_MAX);
    }

    #[test]
    fn lines_longer_than_a_chunk_hide_no_boundary_and_make_none() {
        let long = "x".repeat(3 * limits::IMAP_CHUNK_BYTES - 2) + "--a--";
        let message = format!(
            "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\n{long}\r\n--a\r\n\r\nz\r\n--a--\r\n"
        );
        let (structure, text) = read(&message);
        assert_eq!(structure.parts.len(), 3);
        assert_eq!(text(structure.parts[1].body.clone()), long);
        assert_eq!(text(structure.parts[2].body.clone()), "z");
    }

    proptest! {
        #[test]
        fn any_octets_have_a_structure_inside_them(pieces in proptest::collection::vec(prop_oneof![
            Just("--a"), Just("--a--"), Just("\r\n"), Just("\n"), Just("--b"), Just("x"),
            Just("Content-Type: multipart/mixed; boundary=a\r\n\r\n"), Just("\r"),
            Just("Content-Type: multipart/digest; boundary=b\r\n\r\n"),
            Just("Content-Type: message/rfc822\r\n\r\n"), Just("Content-Type: text/html\r\n"),
        ], 0..30)) {
            let octets = pieces.concat().into_bytes();
            let size = octets.len() as u64;
            let structure = Structure::read(&octets, size).expect("readable");
            for part in &structure.parts {
                prop_assert!(part.header.start <= part.header.end);
                prop_assert!(part.header.end <= part.body.start);
                prop_assert!(part.body.start <= part.body.end && part.body.end <= size);
            }
        }
    }
}
