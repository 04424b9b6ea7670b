//! EXPUNGE (RFC 3501 §6.4.3) and UID EXPUNGE (RFC 4315), with VANISHED once QRESYNC is enabled.

use ceralacca_core::owner::{CommandError, MailboxOrder, Outcome};
use imap_types::sequence::SequenceSet;

use crate::imap::selected::Selected;
use crate::imap::session::{Answer, Session, Step, Telling, Work};

/// EXPUNGE, or UID EXPUNGE of `set`.
pub fn start(session: &mut Session, tag: String, set: Option<&SequenceSet>) -> Step {
    let Some(selected) = &session.selected else {
        return session.bad(&tag, "select a folder first");
    };
    if selected.read_only {
        return session.no(&tag, super::READ_ONLY);
    }
    let targets = set.map(|set| selected.targets(set, true).unwrap_or_default());
    let uids = targets.map(|targets| targets.iter().map(|t| t.row.uid).collect());
    let order = MailboxOrder::Expunge {
        folder: selected.folder,
        uids,
    };
    session.order(order, Ordered { tag })
}

struct Ordered {
    tag: String,
}

impl Work for Ordered {
    fn resume(self: Box<Self>, session: &mut Session, answer: Answer) -> Step {
        match answer {
            // The view has them gone: telling what changed tells it all.
            Answer::Ordered(Ok(Outcome::Expunged(gone))) if !gone.is_empty() => {
                end(session, &self.tag)
            }
            Answer::Ordered(Ok(_)) => session.ok(&self.tag, "done", Telling::All),
            Answer::Ordered(Err(error)) => session.refused(&self.tag, &error),
            _ => session.refused(&self.tag, &CommandError::Stopping),
        }
    }
}

/// RFC 7162 §3.2.7: a client that caches is told up to where it now knows everything.
fn end(session: &mut Session, tag: &str) -> Step {
    session.tell(Telling::All);
    let settled = session.selected.as_ref().and_then(Selected::settled);
    let Some(highest) = settled.filter(|_| session.enabled.qresync) else {
        return session.ok(tag, "done", Telling::All);
    };
    session.ok(
        tag,
        &format!("[HIGHESTMODSEQ {highest}] done"),
        Telling::All,
    )
}
