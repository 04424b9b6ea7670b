//! SELECT, EXAMINE, CLOSE (RFC 3501 §6.3.1, §6.3.2, §6.4.2), UNSELECT (RFC 3691); with CONDSTORE and
//! QRESYNC (RFC 7162) what changed since the client was here last.

use std::sync::Arc;

use ceralacca_core::mailbox::MailboxId;
use ceralacca_core::owner::MailboxOrder;
use ceralacca_core::view::FolderView;
use imap_types::command::SelectParameter;
use imap_types::mailbox::Mailbox;
use imap_types::sequence::SequenceSet;

use super::{NO_SUCH_FOLDER, fetch, folder_named, list, object};
use crate::imap::selected::{Selected, known_ranges, write_flags};
use crate::imap::session::{Answer, Session, Step, Work, write_highest_modseq};

/// SELECT, or EXAMINE when `read_only`.
pub fn select(
    session: &mut Session,
    tag: String,
    mailbox: MailboxId,
    spelled: &Mailbox<'_>,
    parameters: &[SelectParameter],
    read_only: bool,
) -> Step {
    let Ok(resync) = resync(session, parameters) else {
        return session.bad(&tag, "enable QRESYNC first, and name UIDs without *");
    };
    // RFC 3501 §6.3.1: also a SELECT that fails leaves nothing selected.
    if session.selected.take().is_some() {
        session.out.text("* OK [CLOSED] the folder before").end();
    }
    let Some(folder) = folder_named(session, mailbox, spelled) else {
        return session.no(&tag, NO_SUCH_FOLDER);
    };
    if !parameters.is_empty() {
        session.enable_condstore();
    }
    let selected = Selected::new(mailbox, Arc::clone(&folder), read_only);
    tell(session, mailbox, &folder, &selected);
    let done = match read_only {
        true => "[READ-ONLY] done",
        false => "[READ-WRITE] done",
    };
    let known = resync.filter(|resync| resync.validity == folder.row.uid_validity);
    let Some(resync) = known else {
        session.selected = Some(selected);
        session.out.text(&tag).text(" OK ").text(done).end();
        return Step::Read;
    };
    let within = resync.known.unwrap_or(vec![(1, u32::MAX)]);
    let vanished = selected.vanished(
        resync.modseq,
        &resync.matched.above(&selected, within.clone()),
    );
    let changed = selected.changed(resync.modseq, &within);
    session.selected = Some(selected);
    fetch::resync(session, tag, done, vanished, changed)
}

/// What is there, in untagged lines.
fn tell(session: &mut Session, mailbox: MailboxId, folder: &Arc<FolderView>, selected: &Selected) {
    let keywords = &folder.row.keywords;
    let rev2 = session.enabled.rev2;
    let out = &mut session.out;
    write_flags(out, keywords);
    match selected.read_only {
        true => out.text("* OK [PERMANENTFLAGS ()] read only").end(),
        false => {
            out.text("* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft");
            keywords.iter().for_each(|k| {
                out.text(" ").text(k);
            });
            out.text(" \\*)] kept").end()
        }
    };
    out.text("* ")
        .number(selected.exists() as u64)
        .text(" EXISTS")
        .end();
    if !rev2 {
        out.text("* 0 RECENT").end();
        if let Some(number) = selected.first_unseen() {
            out.text("* OK [UNSEEN ")
                .number(number as u64)
                .text("] first unseen")
                .end();
        }
    }
    out.text("* OK [UIDVALIDITY ")
        .number(folder.row.uid_validity.into())
        .text("] valid")
        .end();
    out.text("* OK [UIDNEXT ")
        .number(folder.counter.uid_next.into())
        .text("] next")
        .end();
    write_highest_modseq(out, folder.counter.highest_modseq);
    out.text("* OK [MAILBOXID (")
        .text(&object::folder_id(mailbox, folder))
        .text(")] this folder")
        .end();
    if rev2 {
        list::tell_one(session, mailbox, folder, None);
    }
}

/// What a client says that it knows of a folder (RFC 7162 §3.2.5).
struct Resync {
    validity: u32,
    modseq: u64,
    /// UIDs that it has; `None`: all up to the last.
    known: Option<Vec<(u32, u32)>>,
    matched: Matched,
}

/// Sequence numbers and the UIDs that the client has at them.
#[derive(Default)]
struct Matched {
    numbers: Vec<(u32, u32)>,
    uids: Vec<(u32, u32)>,
}

/// `Err`: QRESYNC is not enabled, or the sets are none.
fn resync(session: &Session, parameters: &[SelectParameter]) -> Result<Option<Resync>, ()> {
    let mut found = None;
    for parameter in parameters {
        let SelectParameter::QResync {
            uid_validity,
            mod_sequence_value,
            known_uids,
            seq_match_data,
        } = parameter
        else {
            continue;
        };
        if !session.enabled.qresync || found.is_some() {
            return Err(());
        }
        let plain = |set: &SequenceSet| known_ranges(set).ok_or(());
        let matched = match seq_match_data {
            Some((numbers, uids)) => Matched {
                numbers: plain(numbers)?,
                uids: plain(uids)?,
            },
            None => Matched::default(),
        };
        found = Some(Resync {
            validity: uid_validity.get(),
            modseq: mod_sequence_value.get(),
            known: known_uids.as_ref().map(plain).transpose()?,
            matched,
        });
    }
    Ok(found)
}

impl Matched {
    /// `within` without what the client has as the folder has it: up to the last number that has the UID
    /// that the client says, nothing went.
    fn above(&self, selected: &Selected, within: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
        let each = |ranges: &[(u32, u32)]| {
            let ranges = ranges.to_vec();
            ranges.into_iter().flat_map(|(start, end)| start..=end)
        };
        let pairs = each(&self.numbers).zip(each(&self.uids));
        let same = pairs.take_while(|(number, uid)| selected.uid_of(*number) == Some(*uid));
        let Some((_, last)) = same.last() else {
            return within;
        };
        let rest = within.into_iter().filter(|(_, end)| *end > last);
        rest.map(|(start, end)| (start.max(last + 1), end))
            .collect()
    }
}

/// UNSELECT
pub fn unselect(session: &mut Session, tag: &str) -> Step {
    session.selected = None;
    session.out.text(tag).text(" OK done").end();
    Step::Read
}

/// CLOSE: removes what has `\Deleted`, tells nothing.
pub fn close(session: &mut Session, tag: String) -> Step {
    match session.selected.take() {
        Some(selected) if !selected.read_only => {
            let order = MailboxOrder::Expunge {
                folder: selected.folder,
                uids: None,
            };
            session.order(order, Closed { tag })
        }
        _ => unselect(session, &tag),
    }
}

struct Closed {
    tag: String,
}

impl Work for Closed {
    fn resume(self: Box<Self>, session: &mut Session, answer: Answer) -> Step {
        match answer {
            Answer::Ordered(Err(error)) => session.refused(&self.tag, &error),
            _ => unselect(session, &self.tag),
        }
    }
}
