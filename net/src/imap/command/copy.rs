//! COPY (RFC 3501 §6.4.7) and MOVE (RFC 6851), with COPYUID (RFC 4315).

use ceralacca_core::mailbox::{MailboxId, Uid};
use ceralacca_core::owner::{CommandError, MailboxOrder, Outcome};
use imap_types::mailbox::Mailbox;
use imap_types::sequence::SequenceSet;

use super::{NO_SUCH_MESSAGE, READ_ONLY, TRY_CREATE, folder_named};
use crate::imap::session::{Answer, Session, Step, Telling, Work};

/// What is copied and how.
pub struct Copying<'a> {
    /// Which.
    pub set: &'a SequenceSet,
    /// The set is of UIDs.
    pub by_uid: bool,
    /// Where to.
    pub target: &'a Mailbox<'a>,
    /// MOVE.
    pub remove: bool,
}

/// COPY or MOVE
pub fn start(session: &mut Session, tag: String, mailbox: MailboxId, copying: Copying<'_>) -> Step {
    let Some(selected) = &session.selected else {
        return session.bad(&tag, "select a folder first");
    };
    if copying.remove && selected.read_only {
        return session.no(&tag, READ_ONLY);
    }
    let Some(target) = folder_named(session, mailbox, copying.target) else {
        return session.no(&tag, TRY_CREATE);
    };
    let Some(targets) = selected.targets(copying.set, copying.by_uid) else {
        return session.bad(&tag, NO_SUCH_MESSAGE);
    };
    let telling = match copying.by_uid || copying.remove {
        true => Telling::All,
        false => Telling::NoExpunge,
    };
    if targets.is_empty() {
        return session.ok(&tag, "nothing to do", telling);
    }
    let order = MailboxOrder::Copy {
        folder: selected.folder,
        uids: targets.iter().map(|t| t.row.uid).collect(),
        target: target.id,
        remove: copying.remove,
    };
    session.order(
        order,
        Ordered {
            tag,
            remove: copying.remove,
            telling,
        },
    )
}

struct Ordered {
    tag: String,
    remove: bool,
    telling: Telling,
}

impl Work for Ordered {
    fn resume(self: Box<Self>, session: &mut Session, answer: Answer) -> Step {
        let (validity, pairs) = match answer {
            Answer::Ordered(Ok(Outcome::Copied(validity, pairs))) => (validity, pairs),
            Answer::Ordered(Ok(_)) => return session.ok(&self.tag, "done", self.telling),
            Answer::Ordered(Err(error)) => return session.refused(&self.tag, &error),
            _ => return session.refused(&self.tag, &CommandError::Stopping),
        };
        if pairs.is_empty() {
            return session.ok(&self.tag, "done", self.telling);
        }
        let (old, new): (Vec<Uid>, Vec<Uid>) = pairs.into_iter().unzip();
        let code = format!(
            "[COPYUID {validity} {} {}] done",
            uid_set(&old),
            uid_set(&new)
        );
        match self.remove {
            // RFC 6851 §4.3: before the EXPUNGE responses.
            true => {
                session.out.text("* OK ").text(&code).end();
                session.ok(&self.tag, "done", self.telling)
            }
            false => session.ok(&self.tag, &code, self.telling),
        }
    }
}

/// UIDs in their order, runs joined.
pub(super) fn uid_set(uids: &[Uid]) -> String {
    let mut runs: Vec<(Uid, Uid)> = Vec::new();
    for uid in uids {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*uid) => *last = *uid,
            _ => runs.push((*uid, *uid)),
        }
    }
    let run = |(a, b): &(Uid, Uid)| match a == b {
        true => a.to_string(),
        false => format!("{a}:{b}"),
    };
    runs.iter().map(run).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_uids_are_joined_in_their_order() {
        assert_eq!(uid_set(&[3, 4, 5, 9, 1, 2]), "3:5,9,1:2");
    }
}
