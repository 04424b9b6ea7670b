//! POP3 (RFC 1939) on TLS from the first octet (AC-03, AC-04), with CAPA (RFC 2449), AUTH PLAIN
//! (RFC 5034), response codes (RFC 3206) and pipelining. A session sees one snapshot of INBOX, which
//! nobody else has open over POP3 meanwhile; octets go out exactly as they lie there (DP-01), with a dot
//! before a dot that begins a line. What DELE marked leaves at QUIT, all at once or not at all, and nothing
//! leaves otherwise (DP-11). No flag of IMAP is changed.
//!
//! [`codec`] cuts lines, [`session`] is a machine without sockets from (state, line) to (state, step),
//! [`send`] writes messages, [`maildrop`] is the snapshot.

pub mod codec;
pub mod command;
pub mod maildrop;
pub mod send;
pub(crate) mod serve;
pub mod session;
pub mod settings;
#[cfg(test)]
mod transcripts;
