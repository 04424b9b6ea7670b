//! SELECT, EXAMINE, CLOSE (RFC 3501 §6.3.1, §6.3.2, §6.4.2), UNSELECT (RFC 3691).

use ceralacca_core::mailbox::MailboxId;
use ceralacca_core::owner::MailboxOrder;
use imap_types::mailbox::Mailbox;

use super::{NO_SUCH_FOLDER, folder_named};
use crate::imap::selected::{Selected, write_flags};
use crate::imap::session::{Answer, Session, Step, Work};

/// SELECT, or EXAMINE when `read_only`.
pub fn select(
    session: &mut Session,
    tag: &str,
    mailbox: MailboxId,
    spelled: &Mailbox<'_>,
    read_only: bool,
) -> Step {
    // RFC 3501 §6.3.1: also a SELECT that fails leaves nothing selected.
    session.selected = None;
    let Some(folder) = folder_named(session, mailbox, spelled) else {
        return session.no(tag, NO_SUCH_FOLDER);
    };
    let (validity, uid_next) = (folder.row.uid_validity, folder.counter.uid_next);
    let keywords = folder.row.keywords.clone();
    let selected = Selected::new(mailbox, folder, read_only);
    let out = &mut session.out;
    write_flags(out, &keywords);
    match read_only {
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
    out.text("* 0 RECENT").end();
    if let Some(number) = selected.first_unseen() {
        out.text("* OK [UNSEEN ")
            .number(number as u64)
            .text("] first unseen")
            .end();
    }
    out.text("* OK [UIDVALIDITY ")
        .number(validity.into())
        .text("] valid")
        .end();
    out.text("* OK [UIDNEXT ")
        .number(uid_next.into())
        .text("] next")
        .end();
    out.text(tag).text(match read_only {
        true => " OK [READ-ONLY] done",
        false => " OK [READ-WRITE] done",
    });
    out.end();
    session.selected = Some(selected);
    Step::Read
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
