//! STATUS with the items of RFC 3501, RFC 7162 (HIGHESTMODSEQ), RFC 7889 (APPENDLIMIT), RFC 8438 (SIZE),
//! RFC 8474 (MAILBOXID) and RFC 9208 (DELETED, DELETED-STORAGE).

use super::cursor::{Cursor, is_mailbox_char};

/// STATUS as it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRequest {
    /// Of which folder, as it was spelled.
    pub folder: Vec<u8>,
    /// What of it.
    pub items: Vec<StatusItem>,
}

/// What can be told of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusItem {
    /// MESSAGES
    Messages,
    /// RECENT: of none (RFC 9051 dropped it).
    Recent,
    /// UIDNEXT
    UidNext,
    /// UIDVALIDITY
    UidValidity,
    /// UNSEEN
    Unseen,
    /// DELETED
    Deleted,
    /// DELETED-STORAGE
    DeletedStorage,
    /// SIZE
    Size,
    /// HIGHESTMODSEQ
    HighestModseq,
    /// APPENDLIMIT
    AppendLimit,
    /// MAILBOXID
    MailboxId,
}

impl StatusItem {
    /// Every item.
    pub const ALL: [Self; 11] = [
        Self::Messages,
        Self::Recent,
        Self::UidNext,
        Self::UidValidity,
        Self::Unseen,
        Self::Deleted,
        Self::DeletedStorage,
        Self::Size,
        Self::HighestModseq,
        Self::AppendLimit,
        Self::MailboxId,
    ];

    /// As it is spelled.
    pub fn word(self) -> &'static str {
        match self {
            Self::Messages => "MESSAGES",
            Self::Recent => "RECENT",
            Self::UidNext => "UIDNEXT",
            Self::UidValidity => "UIDVALIDITY",
            Self::Unseen => "UNSEEN",
            Self::Deleted => "DELETED",
            Self::DeletedStorage => "DELETED-STORAGE",
            Self::Size => "SIZE",
            Self::HighestModseq => "HIGHESTMODSEQ",
            Self::AppendLimit => "APPENDLIMIT",
            Self::MailboxId => "MAILBOXID",
        }
    }
}

/// The arguments of a STATUS with the CRLF.
pub(super) fn decode(octets: &[u8]) -> Option<StatusRequest> {
    let mut at = Cursor::new(octets);
    let folder = at.string(is_mailbox_char)?;
    at.expect(b" ")?;
    let items = at.status_items()?;
    at.expect(b"\r\n")?;
    at.is_done().then_some(StatusRequest { folder, items })
}

impl Cursor<'_> {
    /// `(MESSAGES …)`, one item at least.
    pub(super) fn status_items(&mut self) -> Option<Vec<StatusItem>> {
        let mut items = Vec::new();
        self.expect(b"(")?;
        self.list(|at| {
            let word = at.word(|b| b.is_ascii_alphabetic() || b == b'-')?;
            let known = StatusItem::ALL.into_iter();
            let item = known
                .clone()
                .find(|item| word.eq_ignore_ascii_case(item.word().as_bytes()))?;
            items.push(item);
            // Twice the same is no mistake, but more than that is no question.
            (items.len() <= 2 * known.len()).then_some(())
        })?;
        (!items.is_empty()).then_some(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_read_with_every_item_in_any_case() {
        let words: Vec<String> = StatusItem::ALL
            .iter()
            .map(|item| item.word().to_lowercase())
            .collect();
        let text = format!("\"a b\" ({})\r\n", words.join(" "));
        let request = decode(text.as_bytes()).expect("well formed");
        assert_eq!(request.folder, b"a b");
        assert_eq!(request.items, StatusItem::ALL);
        for text in [
            "x\r\n",
            "x ()\r\n",
            "x (FOO)\r\n",
            "x (MESSAGES",
            "x (UNSEEN)",
        ] {
            assert_eq!(decode(text.as_bytes()), None, "{text}");
        }
        let many = format!("x ({})\r\n", ["UNSEEN"; 40].join(" "));
        assert_eq!(decode(many.as_bytes()), None);
    }
}
