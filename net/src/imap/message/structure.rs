//! Where the parts of a message lie: what `core::mime` found in one pass over its octets, in the shape
//! that IMAP numbers. Never fails on what is not well formed; depth and number of parts are bounded
//! there (SE-07), and the message is never in memory.

use std::ops::Range;

use ceralacca_core::limits;
use ceralacca_core::mime::content::{
    MediaType, Parameters, TransferEncoding, parse_disposition, parse_type,
};
use ceralacca_core::mime::{Scanner, Shape};

use super::fields;
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
    /// Lines of the body.
    pub lines: u64,
    /// What it holds.
    pub kind: Kind,
    /// Its type.
    pub media: MediaType,
    /// Its transfer encoding.
    pub encoding: TransferEncoding,
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

impl Structure {
    /// Reads a message of `size` octets.
    pub fn read(octets: &dyn Octets, size: u64) -> Result<Self, ReadError> {
        let mut scanner = Scanner::new();
        let most = limits::IMAP_CHUNK_BYTES;
        let mut chunk = vec![0; usize::try_from(size).map_or(most, |size| size.min(most))];
        let mut at = 0;
        while at < size {
            let most = usize::try_from(size - at).map_or(chunk.len(), |left| left.min(chunk.len()));
            match octets.read_at(at, &mut chunk[..most])? {
                0 => return Err(ReadError::Short(at)),
                read => {
                    scanner.push(&chunk[..read]);
                    at += read as u64;
                }
            }
        }
        let scan = scanner.finish();
        let mut parts: Vec<Part> = Vec::with_capacity(scan.parts().len());
        for (index, found) in scan.parts().iter().enumerate() {
            if let Some(parent) = found.parent.and_then(|parent| parts.get_mut(parent)) {
                match &mut parent.kind {
                    Kind::Multipart(children) => children.push(index),
                    Kind::Leaf | Kind::Message(_) => parent.kind = Kind::Message(index),
                }
            }
            parts.push(Part {
                header: found.header.start..found.header.end,
                body: found.body.start..found.body.end,
                lines: found.lines,
                kind: match found.shape {
                    Shape::Multipart => Kind::Multipart(Vec::new()),
                    Shape::Leaf | Shape::Message => Kind::Leaf,
                },
                media: found.media.clone(),
                encoding: found.encoding,
            });
        }
        Ok(Self { parts })
    }
}

/// What the header of a part says of its body, as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Parameters of Content-Type.
    pub parameters: Parameters,
    /// Content-Transfer-Encoding.
    pub encoding: Option<Vec<u8>>,
    /// Content-Disposition.
    pub disposition: Option<(String, Parameters)>,
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
    /// From a header; of fields that come twice the first counts.
    pub fn read(header: &[u8]) -> Self {
        let mut facts = Self::default();
        let mut has_type = false;
        for field in fields::fields(header) {
            let name = field.name.to_ascii_lowercase();
            let Some(rest) = name.strip_prefix(b"content-") else {
                continue;
            };
            let line = field.unfolded();
            let kept = match rest {
                b"type" if !has_type => {
                    has_type = true;
                    facts.parameters = parse_type(&line).map(|(_, p)| p).unwrap_or_default();
                    continue;
                }
                b"disposition" => {
                    facts.disposition = facts.disposition.or_else(|| parse_disposition(&line));
                    continue;
                }
                b"transfer-encoding" => &mut facts.encoding,
                b"id" => &mut facts.id,
                b"description" => &mut facts.description,
                b"md5" => &mut facts.md5,
                b"language" => &mut facts.language,
                b"location" => &mut facts.location,
                _ => continue,
            };
            kept.get_or_insert(line);
        }
        facts
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
        assert_eq!(structure.parts[3].lines, 2);
        assert!((7..=8).contains(&structure.parts[4].lines));
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
    fn facts_are_taken_from_the_first_field_of_a_name() {
        let header =
            b"Content-ID: <1>\r\nContent-id: <2>\r\nContent-Type: text/html; charset=utf-8\r\n\r\n";
        let facts = Facts::read(header);
        assert_eq!(facts.id.as_deref(), Some(b"<1>".as_slice()));
        assert_eq!(facts.parameters.raw("charset"), Some(b"utf-8".as_slice()));
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
