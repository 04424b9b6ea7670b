//! Reads the arguments of commands that imap-codec does not know, or not with their extensions.

use zeroize::Zeroizing;

/// The octets of a command that are still to be read.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    /// All has been read.
    pub(super) fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes `word` without regard to case, when it comes next.
    pub(super) fn take(&mut self, word: &[u8]) -> bool {
        match self.rest.split_at_checked(word.len()) {
            Some((head, rest)) if head.eq_ignore_ascii_case(word) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    pub(super) fn expect(&mut self, word: &[u8]) -> Option<()> {
        self.take(word).then_some(())
    }

    /// Members up to `)`, separated by blanks; the list may be empty.
    pub(super) fn list(&mut self, mut member: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        if self.take(b")") {
            return Some(());
        }
        loop {
            member(self)?;
            if self.take(b")") {
                return Some(());
            }
            self.expect(b" ")?;
        }
    }

    pub(super) fn word(&mut self, is_part: impl Fn(u8) -> bool) -> Option<&'a [u8]> {
        let end = self.rest.iter().position(|b| !is_part(*b))?;
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (end > 0).then_some(word)
    }

    pub(super) fn string(&mut self, is_part: impl Fn(u8) -> bool) -> Option<Vec<u8>> {
        match self.rest.first()? {
            b'"' => self.quoted(),
            b'{' => self.literal(),
            _ => self.word(is_part).map(<[u8]>::to_vec),
        }
    }

    fn quoted(&mut self) -> Option<Vec<u8>> {
        let mut string = Vec::new();
        let mut octets = self.rest.iter().enumerate().skip(1);
        while let Some((at, b)) = octets.next() {
            match b {
                b'"' => {
                    self.rest = &self.rest[at + 1..];
                    return Some(string);
                }
                b'\\' => match octets.next()?.1 {
                    b @ (b'"' | b'\\') => string.push(*b),
                    _ => return None,
                },
                b'\r' | b'\n' | 0 => return None,
                b => string.push(*b),
            }
        }
        None
    }

    fn literal(&mut self) -> Option<Vec<u8>> {
        self.expect(b"{")?;
        let digits = std::str::from_utf8(self.word(|b| b.is_ascii_digit())?).ok()?;
        let size: usize = digits.parse().ok()?;
        self.take(b"+");
        self.expect(b"}\r\n")?;
        let (string, rest) = self.rest.split_at_checked(size)?;
        self.rest = rest;
        Some(string.to_vec())
    }
}

/// ASTRING-CHAR of RFC 3501 §9; octets above 127 are let through for names that are UTF-8.
pub(super) fn is_mailbox_char(b: u8) -> bool {
    is_list_char(b) && !matches!(b, b'%' | b'*')
}

pub(super) fn is_list_char(b: u8) -> bool {
    b > 0x20 && b != 0x7f && !b"(){\"\\".contains(&b)
}

/// Octets of the quoted string or literal at the start of `octets`, its announcement included.
pub(super) fn skip_string(octets: &[u8]) -> Option<usize> {
    let mut at = Cursor::new(octets);
    at.string(|_| false)?;
    Some(octets.len() - at.rest().len())
}

/// The same command with every quoted string that is not ASCII as a literal: UTF-8 in quoted strings is
/// RFC 6855's and RFC 9051's, and imap-codec does not know it. What is no UTF-8 stays, and is refused there.
pub(super) fn with_literals(command: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut whole = Zeroizing::new(Vec::with_capacity(command.len() + 64));
    let mut rest = command;
    while let Some(start) = rest.iter().position(|b| b"\"{".contains(b)) {
        whole.extend_from_slice(&rest[..start]);
        let mut at = Cursor::new(&rest[start..]);
        let string = at.string(|_| false);
        let length = rest.len() - start - at.rest().len();
        match string {
            Some(text) if rest[start] == b'"' && is_wide(&text) => {
                whole.extend_from_slice(format!("{{{}+}}\r\n", text.len()).as_bytes());
                whole.extend_from_slice(&text);
            }
            Some(_) => whole.extend_from_slice(&rest[start..start + length]),
            None => {
                whole.push(rest[start]);
                rest = &rest[start + 1..];
                continue;
            }
        }
        rest = &rest[start + length..];
    }
    whole.extend_from_slice(rest);
    whole
}

fn is_wide(text: &[u8]) -> bool {
    !text.is_ascii() && std::str::from_utf8(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_utf_8_becomes_a_literal_and_nothing_else_changes() {
        for (command, whole) in [
            ("a SELECT \"Attività\"\r\n", "a SELECT {9+}\r\nAttività\r\n"),
            (
                "a LOGIN \"a\\\"b\" \"è\"\r\n",
                "a LOGIN \"a\\\"b\" {2+}\r\nè\r\n",
            ),
            (
                "a X {4}\r\n\"é\" \"plain\"\r\n",
                "a X {4}\r\n\"é\" \"plain\"\r\n",
            ),
            ("a X \"è\r\n", "a X \"è\r\n"),
            ("a X {99}\r\nè\r\n", "a X {99}\r\nè\r\n"),
        ] {
            assert_eq!(
                String::from_utf8_lossy(&with_literals(command.as_bytes())),
                whole
            );
        }
    }
}
