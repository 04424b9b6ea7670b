//! LIST with its extensions: selection and return options (RFC 5258), STATUS (RFC 5819), special use
//! (RFC 6154).

use ceralacca_core::limits;

/// LIST as it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListRequest {
    /// What must hold of a folder to be listed.
    pub selection: ListSelection,
    /// Stands before every pattern.
    pub reference: Vec<u8>,
    /// Names with `*` and `%`.
    pub patterns: Vec<Vec<u8>>,
    /// What is told beside the name.
    pub returns: ListReturn,
}

/// Selection options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListSelection {
    /// SUBSCRIBED
    pub subscribed: bool,
    /// SPECIAL-USE
    pub special_use: bool,
    /// RECURSIVEMATCH: also the parents of what would be selected.
    pub recursive: bool,
}

/// Return options. Children and special use are told in any case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListReturn {
    /// SUBSCRIBED
    pub subscribed: bool,
    /// STATUS, as the octets of its list of items with parentheses.
    pub status: Option<Vec<u8>>,
}

/// The tag, and the arguments, when this is a LIST.
pub(super) fn recognise(octets: &[u8]) -> Option<(String, &[u8])> {
    let tag = super::decode::tag(octets)?;
    let rest = octets.get(tag.len() + 1..)?;
    let (verb, rest) = rest.split_at_checked(5)?;
    verb.eq_ignore_ascii_case(b"LIST ").then_some((tag, rest))
}

/// The arguments of a LIST with the CRLF.
pub(super) fn decode(octets: &[u8]) -> Option<ListRequest> {
    let mut at = Cursor { rest: octets };
    let mut request = ListRequest::default();
    if at.take(b"(") {
        request.selection = at.selection()?;
        at.expect(b" ")?;
    }
    request.reference = at.string(is_mailbox_char)?;
    at.expect(b" ")?;
    if at.take(b"(") {
        at.list(|at| {
            request.patterns.push(at.string(is_list_char)?);
            (request.patterns.len() <= limits::IMAP_LIST_PATTERNS_MAX).then_some(())
        })?;
    } else {
        request.patterns.push(at.string(is_list_char)?);
    }
    if at.take(b" RETURN (") {
        request.returns = at.returns()?;
    }
    at.expect(b"\r\n")?;
    at.rest.is_empty().then_some(request)
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// Takes `word` without regard to case, when it comes next.
    fn take(&mut self, word: &[u8]) -> bool {
        match self.rest.split_at_checked(word.len()) {
            Some((head, rest)) if head.eq_ignore_ascii_case(word) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn expect(&mut self, word: &[u8]) -> Option<()> {
        self.take(word).then_some(())
    }

    /// Members up to `)`, separated by blanks; the list may be empty.
    fn list(&mut self, mut member: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
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

    fn word(&mut self, is_part: impl Fn(u8) -> bool) -> Option<&'a [u8]> {
        let end = self.rest.iter().position(|b| !is_part(*b))?;
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (end > 0).then_some(word)
    }

    fn string(&mut self, is_part: impl Fn(u8) -> bool) -> Option<Vec<u8>> {
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

    fn selection(&mut self) -> Option<ListSelection> {
        let mut selection = ListSelection::default();
        self.list(|at| {
            match at.word(is_option_char)?.to_ascii_uppercase().as_slice() {
                b"SUBSCRIBED" => selection.subscribed = true,
                b"SPECIAL-USE" => selection.special_use = true,
                b"RECURSIVEMATCH" => selection.recursive = true,
                b"REMOTE" => {}
                _ => return None,
            }
            Some(())
        })?;
        // RFC 5258 §3: RECURSIVEMATCH alone is an error.
        let alone = selection.recursive && !selection.subscribed && !selection.special_use;
        (!alone).then_some(selection)
    }

    fn returns(&mut self) -> Option<ListReturn> {
        let mut returns = ListReturn::default();
        self.list(|at| {
            match at.word(is_option_char)?.to_ascii_uppercase().as_slice() {
                b"SUBSCRIBED" => returns.subscribed = true,
                b"CHILDREN" | b"SPECIAL-USE" => {}
                b"STATUS" => {
                    at.expect(b" ")?;
                    let end = at.rest.iter().position(|b| *b == b')')? + 1;
                    returns.status = Some(at.rest[..end].to_vec());
                    at.rest = &at.rest[end..];
                }
                _ => return None,
            }
            Some(())
        })?;
        Some(returns)
    }
}

fn is_option_char(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'-'
}

/// ASTRING-CHAR of RFC 3501 §9; octets above 127 are let through for names that are UTF-8.
fn is_mailbox_char(b: u8) -> bool {
    is_list_char(b) && !matches!(b, b'%' | b'*')
}

fn is_list_char(b: u8) -> bool {
    b > 0x20 && b != 0x7f && !b"(){\"\\".contains(&b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Option<ListRequest> {
        decode(recognise(text.as_bytes()).expect("a LIST").1)
    }

    #[test]
    fn plain_list_is_read() {
        let request = list("a list \"\" %\r\n").expect("well formed");
        assert_eq!(request.patterns, [b"%".to_vec()]);
        let request = list("a LIST {3}\r\na/b \"*\"\r\n").expect("well formed");
        assert_eq!(request.reference, b"a/b");
    }

    #[test]
    fn extended_list_is_read() {
        let text = "a LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (INBOX \"Sent/*\") \
                    RETURN (CHILDREN STATUS (MESSAGES UNSEEN) SPECIAL-USE)\r\n";
        let request = list(text).expect("well formed");
        assert!(request.selection.subscribed && request.selection.recursive);
        assert_eq!(request.patterns.len(), 2);
        assert_eq!(
            request.returns.status.as_deref(),
            Some(b"(MESSAGES UNSEEN)".as_slice())
        );
    }

    #[test]
    fn malformed_lists_are_refused() {
        for text in [
            "a LIST \r\n",
            "a LIST \"\"\r\n",
            "a LIST \"\" * x\r\n",
            "a LIST (FOO) \"\" *\r\n",
            "a LIST (RECURSIVEMATCH) \"\" *\r\n",
            "a LIST \"\" * RETURN (STATUS)\r\n",
            "a LIST \"\" {9}\r\nab\r\n",
            "a LIST \"a\\x\" *\r\n",
        ] {
            assert_eq!(list(text), None, "{text}");
        }
    }
}
