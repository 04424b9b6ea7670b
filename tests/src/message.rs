//! Reading mail for the judges: plain cutting of octets, written apart from the product so that both
//! cannot be wrong in the same way.

use data_encoding::BASE64;

/// A header field: its name as written, and its value as written (folds included, no final CRLF).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The name.
    pub name: String,
    /// Everything after the colon.
    pub value: Vec<u8>,
}

impl Field {
    /// The value unfolded and trimmed, octets above 127 as `?`.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for b in &self.value {
            match b {
                b'\r' | b'\n' => {}
                b'\t' => text.push(' '),
                0x20..0x7f => text.push(char::from(*b)),
                _ => text.push('?'),
            }
        }
        text.trim().to_owned()
    }
}

/// A message or a MIME part, cut at its first empty line.
#[derive(Debug, Clone)]
pub struct Part {
    /// The octets, header and body.
    pub raw: Vec<u8>,
    /// The fields in order.
    pub fields: Vec<Field>,
    /// Where the body begins.
    pub body_start: usize,
}

impl Part {
    /// Cuts `raw`.
    pub fn parse(raw: &[u8]) -> Self {
        let (header_end, body_start) = header_end(raw);
        Self {
            fields: fields_of(&raw[..header_end]),
            body_start,
            raw: raw.to_vec(),
        }
    }

    /// The body octets.
    pub fn body(&self) -> &[u8] {
        &self.raw[self.body_start..]
    }

    /// The header octets, each line with its CRLF.
    pub fn header(&self) -> &[u8] {
        &self.raw[..header_end(&self.raw).0]
    }

    /// All values of `name`, unfolded.
    pub fn all(&self, name: &str) -> Vec<String> {
        let named = |f: &&Field| f.name.eq_ignore_ascii_case(name);
        self.fields.iter().filter(named).map(Field::text).collect()
    }

    /// The value of `name`; it may stand at most once.
    pub fn get(&self, name: &str) -> Option<String> {
        let mut all = self.all(name);
        assert!(all.len() < 2, "{name} stands {} times", all.len());
        all.pop()
    }

    /// The value of `name`; it must stand once.
    pub fn field(&self, name: &str) -> String {
        self.get(name).unwrap_or_else(|| {
            let header = String::from_utf8_lossy(self.header()).into_owned();
            panic!("no {name} in\n{header}")
        })
    }

    /// The values of `name` as they were written, without the final CRLF.
    pub fn exact(&self, name: &str) -> Vec<Vec<u8>> {
        let named = |f: &&Field| f.name.eq_ignore_ascii_case(name);
        let value = |f: &Field| f.value.clone();
        self.fields.iter().filter(named).map(value).collect()
    }

    /// `type/subtype` in lower case; `text/plain` without a field.
    pub fn media_type(&self) -> String {
        let value = self
            .all("Content-Type")
            .pop()
            .unwrap_or("text/plain".into());
        let media = value.split(';').next().unwrap_or_default();
        media.trim().to_ascii_lowercase()
    }

    /// A parameter of `Content-Type`.
    pub fn parameter(&self, name: &str) -> Option<String> {
        parameter(&self.all("Content-Type").pop()?, name)
    }

    /// A parameter of `Content-Disposition`.
    pub fn disposition(&self, name: &str) -> Option<String> {
        parameter(&self.all("Content-Disposition").pop()?, name)
    }

    /// `Content-Transfer-Encoding` in lower case; `7bit` without a field.
    pub fn encoding(&self) -> String {
        let value = self.all("Content-Transfer-Encoding").pop();
        value.unwrap_or("7bit".into()).to_ascii_lowercase()
    }

    /// The body after the transfer decoding.
    pub fn decoded(&self) -> Vec<u8> {
        match self.encoding().as_str() {
            "base64" => unbase64(self.body()),
            "quoted-printable" => unquoted(self.body()),
            _ => self.body().to_vec(),
        }
    }

    /// The child parts of a multipart, the CRLF before each boundary left out.
    pub fn children(&self) -> Vec<Part> {
        let boundary = self.parameter("boundary").expect("a boundary");
        split(self.body(), &boundary)
            .iter()
            .map(|p| Part::parse(p))
            .collect()
    }
}

fn header_end(raw: &[u8]) -> (usize, usize) {
    if raw.starts_with(b"\r\n") {
        return (0, 2);
    }
    match find(raw, b"\r\n\r\n") {
        Some(at) => (at + 2, at + 4),
        None => (raw.len(), raw.len()),
    }
}

fn fields_of(header: &[u8]) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    for line in header.split_inclusive(|b| *b == b'\n') {
        let is_fold = matches!(line.first(), Some(b' ' | b'\t'));
        match (is_fold, fields.last_mut()) {
            (true, Some(field)) => field.value.extend_from_slice(line),
            _ => {
                let colon = line.iter().position(|b| *b == b':').unwrap_or(line.len());
                fields.push(Field {
                    name: String::from_utf8_lossy(&line[..colon]).trim().to_owned(),
                    value: line.get(colon + 1..).unwrap_or_default().to_vec(),
                });
            }
        }
    }
    for field in &mut fields {
        if field.value.ends_with(b"\r\n") {
            field.value.truncate(field.value.len() - 2);
        }
    }
    fields
}

/// Where `needle` begins in `hay`.
pub fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|w| w == needle)
}

/// How often `needle` stands in `hay`.
pub fn count(hay: &[u8], needle: &[u8]) -> usize {
    hay.windows(needle.len()).filter(|w| *w == needle).count()
}

fn parameter(value: &str, name: &str) -> Option<String> {
    for piece in pieces(value).into_iter().skip(1) {
        let Some((key, rest)) = piece.split_once('=') else {
            continue;
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(unquote(rest.trim()));
        }
    }
    None
}

fn pieces(value: &str) -> Vec<String> {
    let (mut pieces, mut quoted, mut escaped) = (vec![String::new()], false, false);
    for c in value.chars() {
        if c == ';' && !quoted {
            pieces.push(String::new());
            continue;
        }
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        pieces.last_mut().expect("never empty").push(c);
    }
    pieces
}

fn unquote(text: &str) -> String {
    let inner = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
    inner.map_or(text.to_owned(), |t| {
        t.replace("\\\"", "\"").replace("\\\\", "\\")
    })
}

/// Cuts a multipart body: the parts, each without the CRLF that belongs to the boundary.
pub fn split(body: &[u8], boundary: &str) -> Vec<Vec<u8>> {
    let mark = format!("--{boundary}").into_bytes();
    let (mut parts, mut open, mut at) = (Vec::new(), None, 0);
    for line in body.split_inclusive(|b| *b == b'\n') {
        let (start, end) = (at, at + line.len());
        at = end;
        let Some(after) = line.strip_prefix(mark.as_slice()) else {
            continue;
        };
        let after = after.trim_ascii_end();
        if !after.is_empty() && after != b"--" {
            continue;
        }
        if let Some(from) = open.take() {
            let last: usize = start;
            parts.push(body[from..last.saturating_sub(2).max(from)].to_vec());
        }
        if after == b"--" {
            return parts;
        }
        open = Some(end);
    }
    parts
}

/// Base64 with its line breaks.
pub fn unbase64(text: &[u8]) -> Vec<u8> {
    let clean: Vec<u8> = text
        .iter()
        .copied()
        .filter(|b| !b.is_ascii_whitespace())
        .collect();
    BASE64.decode(&clean).expect("base64")
}

/// Quoted-printable.
pub fn unquoted(text: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    while let Some(&b) = text.get(at) {
        if b != b'=' {
            out.push(b);
            at += 1;
        } else if text[at..].starts_with(b"=\r\n") {
            at += 3;
        } else {
            let digits = std::str::from_utf8(text.get(at + 1..at + 3).unwrap_or(b"")).unwrap_or("");
            let value = u8::from_str_radix(digits, 16);
            out.push(value.unwrap_or_else(|_| panic!("bad quoted-printable near {at}")));
            at += 3;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_ends_before_the_crlf_of_its_boundary() {
        let raw = b"Content-Type: multipart/mixed; boundary=\"x;y\"\r\n\r\npre\r\n--x;y\r\nA: 1\r\n\r\none\r\n--x;y\r\n\r\ntwo\r\n\r\n--x;y--\r\n";
        let parts = Part::parse(raw).children();
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[0].body(), b"one");
        assert_eq!(parts[1].body(), b"two\r\n");
        assert_eq!(parts[0].field("a"), "1");
    }

    #[test]
    fn quoted_printable_is_undone() {
        assert_eq!(unquoted(b"a=E8 b=\r\nc"), b"a\xe8 bc");
    }
}
