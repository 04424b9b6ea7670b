//! IMAP4rev1 (RFC 3501) on TLS from the first octet (AC-02, AC-04), with IDLE, UIDPLUS, MOVE, QUOTA,
//! SPECIAL-USE, the LIST extensions, ESEARCH, SEARCHRES, WITHIN, SORT and THREAD. Input is cut into commands and literals under byte limits
//! before anything is parsed ([`codec`]); [`session`] is a machine without sockets from (state,
//! command) to (state, step); [`command`] holds a file per command; [`message`] reads stored octets,
//! and hands them out exactly as they lie there (DP-01). Nothing here ever removes a message that its
//! holder did not expunge (DP-11).

pub mod codec;
pub mod command;
pub mod message;
pub mod selected;
pub(crate) mod serve;
pub mod session;
pub mod settings;
#[cfg(test)]
mod transcripts;
