//! LIST with its extensions: selection and return options (RFC 5258), STATUS (RFC 5819), special use
//! (RFC 6154).

use ceralacca_core::limits;

use super::cursor::{Cursor, is_list_char, is_mailbox_char};
use super::status::StatusItem;

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
    /// STATUS: what of each folder.
    pub status: Vec<StatusItem>,
}

/// The arguments of a LIST with the CRLF.
pub(super) fn decode(octets: &[u8]) -> Option<ListRequest> {
    let mut at = Cursor::new(octets);
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
    at.is_done().then_some(request)
}

impl Cursor<'_> {
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
                    returns.status = at.status_items()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Option<ListRequest> {
        decode(text.as_bytes().strip_prefix(b"a LIST ").expect("a LIST"))
    }

    #[test]
    fn plain_list_is_read() {
        let request = list("a LIST \"\" %\r\n").expect("well formed");
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
            request.returns.status,
            [StatusItem::Messages, StatusItem::Unseen]
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
