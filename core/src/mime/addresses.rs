//! Address lists of `From:`, `To:`, `Cc:`, `Bcc:` and `Reply-To:` (RFC 5322 §3.4, with the obsolete
//! syntax of §4.4): groups, comments, quoted strings, routes, blanks around dots. One pass, no recursion.

use super::words;
use crate::address::Address;

/// What an address list holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddressList {
    /// The valid addresses, in order, repetitions kept.
    pub addresses: Vec<Address>,
    /// Entries that are no valid address.
    pub invalid: usize,
}

impl AddressList {
    /// Reads the value of a field; members of groups count like the others.
    pub fn parse(value: &[u8]) -> Self {
        let line = words::unfolded(value);
        let mut list = Self::default();
        let mut entry = Entry::default();
        let mut rest = line.as_slice();
        while let Some((&first, after)) = rest.split_first() {
            rest = after;
            match first {
                b'(' => {
                    rest = skip_comment(after);
                    entry.blank();
                }
                b'"' => {
                    let end = quoted_end(after);
                    entry.word(b"\"");
                    entry.word(&after[..end]);
                    rest = &after[end..];
                }
                b'<' => entry.open_angle(),
                b'>' => entry.close_angle(),
                b',' if !entry.in_angle => list.close(&mut entry),
                b';' if !entry.in_angle => list.close(&mut entry),
                b':' if !entry.in_angle => entry = Entry::default(),
                b' ' | b'\t' => entry.blank(),
                other => entry.word(&[other]),
            }
        }
        list.close(&mut entry);
        list
    }

    /// The lists of several fields as one.
    pub fn of_fields<'a>(values: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut all = Self::default();
        for value in values {
            let list = Self::parse(value);
            all.addresses.extend(list.addresses);
            all.invalid += list.invalid;
        }
        all
    }

    fn close(&mut self, entry: &mut Entry) {
        match std::mem::take(entry).address() {
            None => {}
            Some(Some(address)) => self.addresses.push(address),
            Some(None) => self.invalid += 1,
        }
    }
}

/// Octets after blanks, line ends and comments.
pub(super) fn skip_cfws(mut rest: &[u8]) -> &[u8] {
    while let Some((&first, after)) = rest.split_first() {
        match first {
            b' ' | b'\t' | b'\r' | b'\n' => rest = after,
            b'(' => rest = skip_comment(after),
            _ => break,
        }
    }
    rest
}

/// What follows the comment whose `(` was just read.
fn skip_comment(text: &[u8]) -> &[u8] {
    let mut depth = 1usize;
    let mut at = 0;
    while let Some(&b) = text.get(at) {
        at += 1;
        match b {
            b'\\' => at += 1,
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    text.get(at..).unwrap_or(&[])
}

/// Octets up to and with the closing quote, or to the end.
fn quoted_end(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&b) = text.get(at) {
        at += 1;
        match b {
            b'\\' => at += 1,
            b'"' => break,
            _ => {}
        }
    }
    at.min(text.len())
}

/// One mailbox on its way.
#[derive(Debug, Default)]
struct Entry {
    bare: Spec,
    angle: Option<Spec>,
    in_angle: bool,
    after_angle: bool,
}

impl Entry {
    fn word(&mut self, octets: &[u8]) {
        match &mut self.angle {
            Some(angle) if self.in_angle => angle.word(octets),
            Some(_) => self.after_angle = true,
            None => self.bare.word(octets),
        }
    }

    fn blank(&mut self) {
        match &mut self.angle {
            Some(angle) if self.in_angle => angle.blank = true,
            _ => self.bare.blank = true,
        }
    }

    fn open_angle(&mut self) {
        self.after_angle |= self.angle.is_some();
        self.angle.get_or_insert_default();
        self.in_angle = true;
    }

    fn close_angle(&mut self) {
        self.after_angle |= !self.in_angle;
        self.in_angle = false;
    }

    /// `None` for an empty entry, which the obsolete syntax allows between commas.
    fn address(self) -> Option<Option<Address>> {
        let Some(angle) = self.angle else {
            let is_empty = self.bare.text.is_empty() && !self.after_angle;
            let address = self.bare.address().filter(|_| !self.after_angle);
            return (!is_empty).then_some(address);
        };
        let is_whole = !self.in_angle && !self.after_angle;
        Some(angle.address().filter(|_| is_whole))
    }
}

/// An `addr-spec` with the blanks that the obsolete syntax allows around `@` and `.` taken out.
#[derive(Debug, Default)]
struct Spec {
    text: Vec<u8>,
    blank: bool,
}

impl Spec {
    fn word(&mut self, octets: &[u8]) {
        if std::mem::take(&mut self.blank) {
            let joins = |b: Option<&u8>| matches!(b, None | Some(b'.' | b'@'));
            let apart = !joins(self.text.last()) && !joins(octets.first());
            if apart {
                self.text.push(b' ');
            }
        }
        self.text.extend_from_slice(octets);
    }

    fn address(&self) -> Option<Address> {
        let mut spec = self.text.as_slice();
        if spec.first() == Some(&b'@') {
            // An obsolete route: `@one,@two:addr-spec`.
            let colon = memchr::memchr(b':', spec)?;
            spec = &spec[colon + 1..];
        }
        Address::parse(std::str::from_utf8(spec).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> (Vec<String>, usize) {
        let list = AddressList::parse(value.as_bytes());
        let texts = list.addresses.iter().map(|a| a.as_str().to_owned());
        (texts.collect(), list.invalid)
    }

    #[test]
    fn addresses_are_read_in_every_form() {
        let one = ["a@pec.example"];
        for value in [
            "a@pec.example",
            " <a@pec.example>",
            "Rossi Mario <a@pec.example>",
            "\"Rossi, Mario; (x) <b@c.d>\" <a@pec.example>",
            "J. R. Rossi <a@pec.example>",
            "=?utf-8?q?Citt=C3=A0?=\r\n <a@pec.example>",
            "a (comment, with (nested) \\) marks)@pec.example",
            "a @ pec . example",
            "<@route.example,@other.example:a@pec.example>",
            ", a@pec.example ,,",
            "Group: a@pec.example;",
            "Group: ;, <a@pec.example>",
        ] {
            let (found, invalid) = read(value);
            assert_eq!(
                (found.as_slice(), invalid),
                (&one.map(String::from)[..], 0),
                "{value}"
            );
        }
        let two = read("a@pec.example, G: \"b c\"@pec.example, d@pec.example;");
        assert_eq!(
            two.0,
            ["a@pec.example", "\"b c\"@pec.example", "d@pec.example"]
        );
        assert_eq!(two.1, 0);
    }

    #[test]
    fn entries_that_are_no_address_are_counted() {
        for (value, invalid) in [
            ("", 0),
            ("undisclosed-recipients:;", 0),
            ("Mario Rossi", 1),
            ("a b@pec.example", 1),
            ("<a@pec.example", 1),
            ("a@pec.example>", 1),
            ("<a@pec.example> b", 1),
            ("<a@pec.example> <b@pec.example>", 1),
            ("<>", 1),
            ("a@localhost", 1),
            ("per\u{e9}@pec.example", 1),
            ("\"unclosed <a@pec.example>", 1),
        ] {
            assert_eq!(read(value), (vec![], invalid), "{value}");
        }
    }
}
