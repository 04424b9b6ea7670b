//! What a client has switched on for its session (RFC 5161): nothing of it is ever switched off again.

/// Each of these changes what a session is told unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Enabled {
    /// Mod-sequences stand in what is told of flags (RFC 7162 §3.1).
    pub condstore: bool,
    /// What is gone is told by UID, as VANISHED (RFC 7162 §3.2).
    pub qresync: bool,
    /// Names are in UTF-8 (RFC 6855), as they are in IMAP4rev2.
    pub utf8: bool,
    /// UTF8=ACCEPT itself: messages with headers in UTF-8 may be appended.
    pub utf8_accept: bool,
    /// IMAP4rev2 (RFC 9051): no `\Recent`, and SELECT tells the folder's name.
    pub rev2: bool,
}
