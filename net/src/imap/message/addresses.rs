//! Address lists as ENVELOPE shows them (RFC 3501 §7.4.2): names and local parts undecoded, groups as
//! markers. Lenient: whatever stands in a stored message gives some list, never an error.

/// One address, or the marker of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Display name.
    pub name: Option<Vec<u8>>,
    /// Local part; name of the group that starts; `None` where a group ends.
    pub mailbox: Option<Vec<u8>>,
    /// Domain; `None` for the markers.
    pub host: Option<Vec<u8>>,
}

/// Addresses told of one field: more would only make the answer long.
const ADDRESSES_MAX: usize = 2000;

#[derive(Default)]
struct Gathered {
    words: Vec<Vec<u8>>,
    spec: Vec<u8>,
    angle: Option<Vec<u8>>,
    comment: Option<Vec<u8>>,
}

/// Parses an unfolded field value.
pub fn parse(line: &[u8]) -> Vec<Shown> {
    let mut list = Vec::new();
    let mut now = Gathered::default();
    let mut rest = line;
    while let Some((first, after)) = rest.split_first() {
        if list.len() >= ADDRESSES_MAX {
            return list;
        }
        rest = match first {
            b' ' | b'\t' => after,
            b',' => {
                list.extend(std::mem::take(&mut now).finish());
                after
            }
            b':' if now.angle.is_none() => {
                let mailbox = Some(std::mem::take(&mut now).words.join(&b' '));
                list.push(Shown {
                    name: None,
                    mailbox,
                    host: None,
                });
                after
            }
            b';' => {
                list.extend(std::mem::take(&mut now).finish());
                list.push(Shown {
                    name: None,
                    mailbox: None,
                    host: None,
                });
                after
            }
            b'(' => now.take_comment(rest),
            b'<' => now.take_angle(after),
            _ => now.take_word(rest),
        };
    }
    list.extend(now.finish());
    list
}

impl Gathered {
    fn take_comment<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
        let (mut depth, mut escaped) = (0usize, false);
        for (at, b) in octets.iter().enumerate() {
            match b {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.comment = Some(octets[1..at].to_vec());
                return &octets[at + 1..];
            }
        }
        &[]
    }

    fn take_angle<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
        let end = memchr::memchr(b'>', octets).unwrap_or(octets.len());
        self.angle = Some(octets[..end].trim_ascii().to_vec());
        octets.get(end + 1..).unwrap_or_default()
    }

    fn take_word<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
        let end = match octets.first() {
            Some(b'"') => quoted_end(octets),
            _ => {
                let stops = |b: &u8| b" \t,:;(<\"".contains(b);
                octets.iter().position(stops).unwrap_or(octets.len())
            }
        };
        // A colon inside angle context is text: always move on.
        let (word, rest) = octets.split_at(end.max(1));
        self.spec.extend_from_slice(word);
        self.words.push(unquote(word));
        rest
    }

    fn finish(self) -> Option<Shown> {
        if let Some(angle) = self.angle {
            let route = angle.starts_with(b"@");
            let colon = memchr::memchr(b':', &angle).filter(|_| route);
            let (mailbox, host) = halves(&angle[colon.map_or(0, |at| at + 1)..]);
            let name = Some(self.words.join(&b' ')).filter(|name| !name.is_empty());
            return Some(Shown {
                name,
                mailbox: Some(mailbox),
                host: Some(host),
            });
        }
        if self.spec.is_empty() {
            return None;
        }
        let (mailbox, host) = halves(&self.spec);
        Some(Shown {
            name: self.comment,
            mailbox: Some(mailbox),
            host: Some(host),
        })
    }
}

fn quoted_end(octets: &[u8]) -> usize {
    let mut escaped = false;
    for (at, b) in octets.iter().enumerate().skip(1) {
        match b {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    octets.len()
}

/// Local part and domain; without a domain its place is empty, for `NIL` would mean a group.
fn halves(spec: &[u8]) -> (Vec<u8>, Vec<u8>) {
    match memchr::memrchr(b'@', spec) {
        Some(at) => (unquote(&spec[..at]), spec[at + 1..].to_vec()),
        None => (unquote(spec), Vec::new()),
    }
}

/// The content of a quoted string; anything else as it is.
fn unquote(value: &[u8]) -> Vec<u8> {
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
    use proptest::prelude::*;

    fn shown(line: &str) -> Vec<String> {
        let text = |t: Option<Vec<u8>>| {
            t.map_or("NIL".to_owned(), |t| {
                String::from_utf8_lossy(&t).into_owned()
            })
        };
        let one = |a: Shown| format!("{}|{}|{}", text(a.name), text(a.mailbox), text(a.host));
        parse(line.as_bytes()).into_iter().map(one).collect()
    }

    #[test]
    fn addresses_of_every_form_are_shown() {
        assert_eq!(
            shown("\"Per conto di: a@b.it\" <posta-certificata@x.test>, c@d.test (Carla)"),
            [
                "Per conto di: a@b.it|posta-certificata|x.test",
                "Carla|c|d.test"
            ]
        );
        assert_eq!(
            shown("=?utf-8?q?=C3=A0?= Rossi <r@x.test>"),
            ["=?utf-8?q?=C3=A0?= Rossi|r|x.test"]
        );
        assert_eq!(shown("<@a,@b:c@d.test>"), ["NIL|c|d.test"]);
        assert_eq!(
            shown("Gruppo: a@b.test, c@d.test;, e@f.test"),
            [
                "NIL|Gruppo|NIL",
                "NIL|a|b.test",
                "NIL|c|d.test",
                "NIL|NIL|NIL",
                "NIL|e|f.test"
            ]
        );
        assert_eq!(
            shown("undisclosed-recipients:;"),
            ["NIL|undisclosed-recipients|NIL", "NIL|NIL|NIL"]
        );
        assert_eq!(shown("nobody"), ["NIL|nobody|"]);
        assert_eq!(shown("\"a b\"@c.test"), ["NIL|a b|c.test"]);
        assert_eq!(shown(" , ,"), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn any_line_gives_a_list(line in "[ -~]{0,60}") {
            prop_assert!(parse(line.as_bytes()).len() <= 60);
        }
    }
}
