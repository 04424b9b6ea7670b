//! `$`, the result that SEARCH saved (RFC 5182), in every command that takes a set: before a command is
//! parsed its `$` is replaced by the set that it means now, so that no command has to know of it.

use ceralacca_core::mailbox::Uid;

use crate::imap::codec::output::{runs, set};
use crate::imap::codec::tag_of;
use crate::imap::selected::Selected;
use crate::imap::session::Session;

/// What became of a command.
#[derive(Debug, PartialEq, Eq)]
pub enum Filled {
    /// It names no saved result.
    Unchanged,
    /// With the set in place of `$`.
    With(Vec<u8>),
    /// The command with this tag has nothing to do (RFC 5182 §2.1).
    Nothing(String),
}

const VERBS: [&[u8]; 5] = [b"FETCH", b"STORE", b"COPY", b"MOVE", b"EXPUNGE"];

/// Puts the saved result into a command. SEARCH and its kin read `$` themselves.
pub fn put_in(session: &Session, octets: &[u8]) -> Filled {
    let (Some(selected), Some(place)) = (&session.selected, Place::find(octets)) else {
        return Filled::Unchanged;
    };
    let uids = selected.uids_in(selected.saved(), true);
    let set = set(&runs(named(selected, uids, place.by_uid)));
    if set.is_empty() {
        return Filled::Nothing(place.tag);
    }
    let (before, after) = octets.split_at(place.at);
    let after = after.strip_prefix(b"$").unwrap_or(after);
    Filled::With([before, set.as_bytes(), after].concat())
}

fn named(selected: &Selected, uids: Vec<Uid>, by_uid: bool) -> Vec<u32> {
    match by_uid {
        true => uids,
        false => uids
            .iter()
            .filter_map(|uid| selected.number(*uid))
            .collect(),
    }
}

/// Where `$` stands.
struct Place {
    tag: String,
    at: usize,
    by_uid: bool,
}

impl Place {
    fn find(octets: &[u8]) -> Option<Self> {
        let tag = tag_of(octets)?;
        let words = octets.get(tag.len() + 1..)?;
        let mut rest = words;
        let by_uid = take(&mut rest, b"UID ");
        let verb = VERBS.iter().find(|verb| take(&mut rest, verb))?;
        // EXPUNGE takes a set only by UID.
        let takes_set = by_uid || *verb != b"EXPUNGE";
        let is_it = takes_set && (rest.starts_with(b" $ ") || rest.starts_with(b" $\r\n"));
        is_it.then(|| Self {
            at: octets.len() - rest.len() + 1,
            tag,
            by_uid,
        })
    }
}

fn take(rest: &mut &[u8], word: &[u8]) -> bool {
    match rest.split_at_checked(word.len()) {
        Some((head, after)) if head.eq_ignore_ascii_case(word) => {
            *rest = after;
            true
        }
        _ => false,
    }
}
