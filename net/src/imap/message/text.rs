//! What SEARCH looks into: header values and text parts, as they stand and decoded (RFC 3501 §6.4.4),
//! without regard to case. Of a text part the first `limits::IMAP_SEARCH_PART_BYTES_MAX` octets count.

use ceralacca_core::limits;
use ceralacca_core::mime::content::{self, TransferEncoding};
use ceralacca_core::mime::words;
use mail_parser::MessageParser;
use memchr::memmem::Finder;

use super::fields::{self, Field};
use super::section::read_header;
use super::store::{Octets, ReadError, read_range};
use super::structure::{Kind, Part, Structure};

/// What is looked for, in lower case.
#[derive(Debug, Clone)]
pub struct Needle {
    text: String,
    /// For a text in ASCII, which looks the same in every charset that is read as it stands.
    ascii: Option<Finder<'static>>,
}

impl Needle {
    /// From the octets of a client.
    pub fn new(octets: &[u8]) -> Self {
        let text = String::from_utf8_lossy(octets).to_lowercase();
        let finder = || Finder::new(text.as_bytes()).into_owned();
        let ascii = text.is_ascii().then(finder);
        Self { text, ascii }
    }

    /// In lower case.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn is_in(&self, text: &str) -> bool {
        match &self.ascii {
            Some(finder) => finder.find(&text.as_bytes().to_ascii_lowercase()).is_some(),
            None => text.to_lowercase().contains(&self.text),
        }
    }

    fn is_in_octets(&self, octets: &[u8]) -> bool {
        match &self.ascii {
            Some(finder) => finder.find(&octets.to_ascii_lowercase()).is_some(),
            None => self.is_in(&String::from_utf8_lossy(octets)),
        }
    }

    /// Whether the value of `field` holds it, as it stands or decoded.
    pub fn is_in_field(&self, field: &Field<'_>) -> bool {
        let line = field.unfolded();
        let has_words = || memchr::memmem::find(&line, b"=?").is_some();
        self.is_in_octets(&line) || (has_words() && self.is_in(&words::decode(&line)))
    }

    /// Whether any field `name` of `header` holds it.
    pub fn is_in_header(&self, header: &[u8], name: &[u8]) -> bool {
        let mut all = fields::fields(header);
        all.any(|field| field.is(name) && self.is_in_field(&field))
    }

    /// Whether the message holds it: in any text part, in the headers of enclosed messages and, when
    /// `with_header`, in its own.
    pub fn is_in_message(
        &self,
        structure: &Structure,
        octets: &dyn Octets,
        with_header: bool,
    ) -> Result<bool, ReadError> {
        if with_header && self.is_in_fields(&structure.parts[0], octets)? {
            return Ok(true);
        }
        for part in &structure.parts {
            let found = match part.kind {
                Kind::Leaf if part.media.kind == "text" => self.is_in_part(part, octets)?,
                Kind::Message(inner) => self.is_in_fields(&structure.parts[inner], octets)?,
                Kind::Leaf | Kind::Multipart(_) => false,
            };
            if found {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_in_fields(&self, part: &Part, octets: &dyn Octets) -> Result<bool, ReadError> {
        let header = read_header(octets, part.header.clone())?;
        let mut all = fields::fields(&header);
        Ok(all.any(|field| {
            self.is_in(&String::from_utf8_lossy(field.name)) || self.is_in_field(&field)
        }))
    }

    fn is_in_part(&self, part: &Part, octets: &dyn Octets) -> Result<bool, ReadError> {
        let header = read_header(octets, part.header.clone())?;
        let end = part.body.start + limits::IMAP_SEARCH_PART_BYTES_MAX;
        let body = read_range(octets, part.body.start..part.body.end.min(end))?;
        // Base64 as it stands says nothing.
        if part.encoding != TransferEncoding::Base64 && self.is_in_octets(&body) {
            return Ok(true);
        }
        if part.encoding.is_identity() && !has_charset(&header) {
            return Ok(false);
        }
        let alone = mime_only(&header, &body);
        let parsed = MessageParser::default().parse(&alone);
        let text = parsed.as_ref().and_then(|message| message.parts.first());
        Ok(text
            .and_then(|t| t.text_contents())
            .is_some_and(|t| self.is_in(t)))
    }
}

/// The text is in a charset that is not read as it stands.
fn has_charset(header: &[u8]) -> bool {
    let line = fields::first(header, b"content-type");
    let parameters = line.and_then(|line| content::parse_type(&line));
    let charset = parameters.and_then(|(_, parameters)| parameters.text("charset"));
    let known = ["us-ascii", "utf-8"];
    charset.is_some_and(|charset| !known.iter().any(|k| charset.eq_ignore_ascii_case(k)))
}

/// A message of one part: its MIME fields and its body.
pub(super) fn mime_only(header: &[u8], body: &[u8]) -> Vec<u8> {
    let mut alone = Vec::with_capacity(body.len() + 256);
    for field in fields::fields(header) {
        if field.is(b"content-type") || field.is(b"content-transfer-encoding") {
            alone.extend_from_slice(field.whole);
        }
    }
    alone.extend_from_slice(b"\r\n");
    alone.extend_from_slice(body);
    alone
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(message: &str, needle: &str, with_header: bool) -> bool {
        let octets = message.as_bytes().to_vec();
        let structure = Structure::read(&octets, octets.len() as u64).expect("readable");
        let needle = Needle::new(needle.as_bytes());
        needle
            .is_in_message(&structure, &octets, with_header)
            .expect("readable")
    }

    #[test]
    fn text_is_found_raw_and_decoded() {
        let message = "Subject: =?utf-8?q?Citt=C3=A0?=\r\nX-Id: AbC\r\nContent-Type: multipart/mixed; \
            boundary=a\r\n\r\n--a\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\r\nperch=E9 no\r\n--a\r\n\
            Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nbody\r\n--a--\r\n";
        assert!(found(message, "città", true));
        assert!(!found(message, "città", false));
        assert!(found(message, "PERCHÉ", false));
        assert!(found(message, "inner", false));
        assert!(found(message, "abc", true));
        assert!(!found(message, "absent", true));
    }

    #[test]
    fn ac_12_header_search_is_exact() {
        let header =
            b"X-Riferimento-Message-ID: <opec1.x@y.test>\r\nX-Other: <opec2.x@y.test>\r\n\r\n";
        let name = b"x-riferimento-message-id";
        assert!(Needle::new(b"<opec1.x@y.test>").is_in_header(header, name));
        assert!(!Needle::new(b"opec2").is_in_header(header, name));
        assert!(Needle::new(b"").is_in_header(header, name));
        assert!(!Needle::new(b"").is_in_header(header, b"x-absent"));
    }
}
