//! `value; attribute=value` of Content-Type and Content-Disposition (RFC 2045 §5.1), as they stand:
//! continuations and charsets of RFC 2231 are for the client to read.

/// A value with its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parameterised {
    /// Before the first semicolon.
    pub value: Vec<u8>,
    /// Names and values in order.
    pub parameters: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Parameterised {
    /// The first parameter `name`, without regard to case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let mut all = self.parameters.iter();
        all.find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, v)| v.as_slice())
    }

    /// Octets that it holds.
    pub fn bytes(&self) -> usize {
        let parameters = self.parameters.iter().map(|(n, v)| n.len() + v.len());
        self.value.len() + parameters.sum::<usize>()
    }
}

/// Parses an unfolded field value.
pub fn parse(line: &[u8]) -> Parameterised {
    let mut pieces = split(line).into_iter();
    let value = pieces.next().unwrap_or_default();
    let parameters = pieces.filter_map(|piece| {
        let equals = memchr::memchr(b'=', &piece)?;
        let name = piece[..equals].trim_ascii().to_vec();
        let value = piece[equals + 1..].trim_ascii();
        (!name.is_empty()).then(|| (name, unquote(value)))
    });
    Parameterised {
        value: unquote(value.trim_ascii()),
        parameters: parameters.collect(),
    }
}

/// Splits at semicolons outside quotes; comments are dropped.
fn split(line: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = vec![Vec::new()];
    let (mut quoted, mut comment, mut escaped) = (false, 0usize, false);
    for b in line {
        let plain = !escaped;
        escaped = plain && *b == b'\\' && (quoted || comment > 0);
        match b {
            b'"' if plain && comment == 0 => quoted = !quoted,
            b'(' if plain && !quoted => comment += 1,
            b')' if plain && comment > 0 => {
                comment -= 1;
                continue;
            }
            b';' if !quoted && comment == 0 => {
                pieces.push(Vec::new());
                continue;
            }
            _ => {}
        }
        if comment == 0
            && let Some(piece) = pieces.last_mut()
        {
            piece.push(*b);
        }
    }
    pieces
}

/// The content of a quoted string; anything else as it is.
pub fn unquote(value: &[u8]) -> Vec<u8> {
    let Some(inner) = value.strip_prefix(b"\"") else {
        return value.to_vec();
    };
    let inner = inner.strip_suffix(b"\"").unwrap_or(inner);
    let mut plain = Vec::with_capacity(inner.len());
    let mut octets = inner.iter();
    while let Some(b) = octets.next() {
        match b {
            b'\\' => plain.extend(octets.next()),
            b => plain.push(*b),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_with_quotes_and_comments() {
        let read = parse(b"multipart/signed (x;y); Boundary=\"a;\\\"b\"; micalg = sha256;; =x;z");
        assert_eq!(read.value, b"multipart/signed");
        assert_eq!(read.get("boundary"), Some(b"a;\"b".as_slice()));
        assert_eq!(read.get("MICALG"), Some(b"sha256".as_slice()));
        assert_eq!(read.parameters.len(), 2);
    }
}
