//! CREATE with the special use that is wanted (RFC 6154 §3).

use ceralacca_core::mailbox::SpecialUse;

use super::cursor::{Cursor, is_mailbox_char};

/// CREATE as it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateRequest {
    /// The name, as it was spelled.
    pub folder: Vec<u8>,
    /// `USE (…)`
    pub special_use: Wanted,
}

/// What a client wants a new folder to be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing in particular.
    Nothing,
    /// This.
    Use(SpecialUse),
    /// A use that is not offered, or several.
    Other,
}

/// The arguments of a CREATE with the CRLF.
pub(super) fn decode(octets: &[u8]) -> Option<CreateRequest> {
    let mut at = Cursor::new(octets);
    let folder = at.string(is_mailbox_char)?;
    let mut special_use = Wanted::Nothing;
    if at.take(b" (USE (") {
        at.list(|at| {
            at.expect(b"\\")?;
            let word = at.word(|b| b.is_ascii_alphanumeric())?;
            special_use = match (special_use, word.to_ascii_lowercase().as_slice()) {
                (Wanted::Nothing, b"sent") => Wanted::Use(SpecialUse::Sent),
                (Wanted::Nothing, b"drafts") => Wanted::Use(SpecialUse::Drafts),
                (Wanted::Nothing, b"trash") => Wanted::Use(SpecialUse::Trash),
                (Wanted::Nothing, b"junk") => Wanted::Use(SpecialUse::Junk),
                (Wanted::Nothing, b"archive") => Wanted::Use(SpecialUse::Archive),
                _ => Wanted::Other,
            };
            Some(())
        })?;
        at.expect(b")")?;
    }
    at.expect(b"\r\n")?;
    at.is_done().then_some(CreateRequest {
        folder,
        special_use,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn create_is_read_with_its_use() {
        let wanted = |text: &str| decode(text.as_bytes()).map(|request| request.special_use);
        assert_eq!(wanted("a\r\n"), Some(Wanted::Nothing));
        assert_eq!(
            wanted("\"Archivio 2026\" (USE (\\Archive))\r\n"),
            Some(Wanted::Use(SpecialUse::Archive))
        );
        assert_eq!(wanted("a (use (\\All))\r\n"), Some(Wanted::Other));
        assert_eq!(wanted("a (USE (\\Sent \\Junk))\r\n"), Some(Wanted::Other));
        assert_eq!(wanted("a (USE \\Sent)\r\n"), None);
        assert_eq!(wanted("a b\r\n"), None);
    }
}
