//! Header fields as they stand (RFC 5322 §2.2): nothing is decoded, nothing is changed.

/// One field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Before the colon; empty for a line that is no field.
    pub name: &'a [u8],
    /// After the colon, folding and last line end included.
    pub value: &'a [u8],
    /// All of it.
    pub whole: &'a [u8],
}

impl Field<'_> {
    /// Whether this is the field `name`, without regard to case.
    pub fn is(&self, name: &[u8]) -> bool {
        !self.name.is_empty() && self.name.eq_ignore_ascii_case(name)
    }

    /// The value in one line, without blanks around.
    pub fn unfolded(&self) -> Vec<u8> {
        let line = self.value.iter().filter(|b| !matches!(b, b'\r' | b'\n'));
        let line: Vec<u8> = line.copied().collect();
        line.trim_ascii().to_vec()
    }
}

/// The fields of a header, up to the empty line.
pub fn fields(header: &[u8]) -> Fields<'_> {
    Fields { rest: header }
}

/// The first field `name`, unfolded.
pub fn first(header: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    fields(header).find(|f| f.is(name)).map(|f| f.unfolded())
}

/// See [`fields`].
#[derive(Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        if self.rest.is_empty() || is_empty_line(self.rest) {
            return None;
        }
        let mut end = line_end(self.rest);
        while matches!(self.rest.get(end), Some(b' ' | b'\t')) {
            end += line_end(&self.rest[end..]);
        }
        let (whole, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(field(whole))
    }
}

fn field(whole: &[u8]) -> Field<'_> {
    let (name, value) = match memchr::memchr(b':', whole) {
        Some(colon) => (whole[..colon].trim_ascii_end(), &whole[colon + 1..]),
        None => (&whole[..0], whole),
    };
    let is_name = name.iter().all(u8::is_ascii_graphic);
    Field {
        name: if is_name { name } else { &whole[..0] },
        value,
        whole,
    }
}

/// The line is empty: the header ends.
pub fn is_empty_line(line: &[u8]) -> bool {
    line.starts_with(b"\r\n") || line.starts_with(b"\n")
}

/// Where the empty line that ends a header ends; `None`: it is not there.
pub fn header_end(octets: &[u8]) -> Option<usize> {
    if is_empty_line(octets) {
        return Some(memchr::memchr(b'\n', octets)? + 1);
    }
    let mut ends = memchr::memchr_iter(b'\n', octets).map(|at| at + 1);
    let end = ends.find(|at| is_empty_line(&octets[*at..]))?;
    Some(end + memchr::memchr(b'\n', &octets[end..])? + 1)
}

fn line_end(octets: &[u8]) -> usize {
    memchr::memchr(b'\n', octets).map_or(octets.len(), |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] =
        b"Subject: one\r\n two\r\nX-A : b\r\nnot a field\r\nTo:\r\n\r\nSubject: body\r\n";

    #[test]
    fn fields_are_found_with_their_folding() {
        let all: Vec<Field<'_>> = fields(HEADER).collect();
        assert_eq!(all.len(), 4);
        assert_eq!(all[0].whole, b"Subject: one\r\n two\r\n");
        assert_eq!(
            first(HEADER, b"SUBJECT").as_deref(),
            Some(b"one two".as_slice())
        );
        assert_eq!(first(HEADER, b"x-a").as_deref(), Some(b"b".as_slice()));
        assert_eq!(first(HEADER, b"to").as_deref(), Some(b"".as_slice()));
        assert_eq!(first(HEADER, b"cc"), None);
        assert_eq!(first(b"A: x", b"a").as_deref(), Some(b"x".as_slice()));
    }
}
