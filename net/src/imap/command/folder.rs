//! CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 3501 §6.3.3 to §6.3.7): the owner decides.

use ceralacca_core::mailbox::MailboxId;
use ceralacca_core::owner::{CommandError, MailboxOrder};
use imap_types::mailbox::Mailbox;

use super::{NO_SUCH_FOLDER, folder_name, folder_named};
use crate::imap::session::{Answer, Session, Step, Telling, Work};

const NOT_A_NAME: &str = "[CANNOT] the name is not in modified UTF-7";

/// CREATE
pub fn create(session: &mut Session, tag: String, spelled: &Mailbox<'_>) -> Step {
    let Some(name) = folder_name(spelled) else {
        return session.no(&tag, NOT_A_NAME);
    };
    let order = MailboxOrder::CreateFolder {
        name,
        special_use: None,
    };
    session.order(order, Ordered { tag })
}

/// DELETE
pub fn delete(
    session: &mut Session,
    tag: String,
    mailbox: MailboxId,
    spelled: &Mailbox<'_>,
) -> Step {
    match folder_named(session, mailbox, spelled) {
        Some(folder) => session.order(MailboxOrder::DeleteFolder(folder.id), Ordered { tag }),
        None => session.no(&tag, NO_SUCH_FOLDER),
    }
}

/// RENAME
pub fn rename(
    session: &mut Session,
    tag: String,
    mailbox: MailboxId,
    from: &Mailbox<'_>,
    to: &Mailbox<'_>,
) -> Step {
    let Some(name) = folder_name(to) else {
        return session.no(&tag, NOT_A_NAME);
    };
    let Some(folder) = folder_named(session, mailbox, from) else {
        return session.no(&tag, NO_SUCH_FOLDER);
    };
    let order = MailboxOrder::RenameFolder {
        folder: folder.id,
        name,
    };
    session.order(order, Ordered { tag })
}

/// SUBSCRIBE, or UNSUBSCRIBE when not `on`.
pub fn subscribe(
    session: &mut Session,
    tag: String,
    mailbox: MailboxId,
    spelled: &Mailbox<'_>,
    on: bool,
) -> Step {
    match folder_named(session, mailbox, spelled) {
        Some(folder) => session.order(MailboxOrder::Subscribe(folder.id, on), Ordered { tag }),
        None => session.no(&tag, NO_SUCH_FOLDER),
    }
}

struct Ordered {
    tag: String,
}

impl Work for Ordered {
    fn resume(self: Box<Self>, session: &mut Session, answer: Answer) -> Step {
        match answer {
            Answer::Ordered(Ok(_)) => session.ok(&self.tag, "done", Telling::All),
            Answer::Ordered(Err(error)) => session.refused(&self.tag, &error),
            _ => session.refused(&self.tag, &CommandError::Stopping),
        }
    }
}
