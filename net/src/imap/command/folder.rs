//! CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 3501 §6.3.3 to §6.3.7): the owner decides.

use std::sync::Arc;

use ceralacca_core::mailbox::MailboxId;
use ceralacca_core::owner::{CommandError, MailboxOrder, Outcome};
use ceralacca_core::view::FolderView;
use imap_types::mailbox::Mailbox;

use super::{NO_SUCH_FOLDER, folder_name, folder_named, list, name_spelled, object};
use crate::imap::codec::{CreateRequest, Wanted};
use crate::imap::session::{Answer, Session, Step, Telling, Work};

const NOT_A_NAME: &str =
    "[CANNOT] the name is not in modified UTF-7, or UTF-8 where that is enabled";

/// CREATE, with the use that is wanted (RFC 6154 §3). A use that another folder has stays there.
pub fn create(
    session: &mut Session,
    tag: String,
    mailbox: MailboxId,
    request: &CreateRequest,
) -> Step {
    let Some(name) = name_spelled(session, &request.folder) else {
        return session.no(&tag, NOT_A_NAME);
    };
    let special_use = match request.special_use {
        Wanted::Nothing => None,
        Wanted::Use(wanted) => Some(wanted),
        Wanted::Other => return session.no(&tag, "[USEATTR] this use is not offered"),
    };
    let folders = session.store.view().folders(mailbox);
    let is_taken = |folder: &Arc<FolderView>| folder.row.special_use == special_use;
    if special_use.is_some() && folders.iter().any(is_taken) {
        return session.no(&tag, "[USEATTR] another folder has this use");
    }
    session.order(
        MailboxOrder::CreateFolder { name, special_use },
        Created { tag, mailbox },
    )
}

struct Created {
    tag: String,
    mailbox: MailboxId,
}

impl Work for Created {
    fn resume(self: Box<Self>, session: &mut Session, answer: Answer) -> Step {
        let folder = match answer {
            Answer::Ordered(Ok(Outcome::Folder(folder))) => folder,
            answer => return Box::new(Ordered { tag: self.tag }).resume(session, answer),
        };
        match session.store.view().folder(self.mailbox, folder) {
            Some(folder) => {
                let id = object::folder_id(self.mailbox, &folder);
                session.ok(&self.tag, &format!("[MAILBOXID ({id})] done"), Telling::All)
            }
            None => session.ok(&self.tag, "done", Telling::All),
        }
    }
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
    let Some(name) = folder_name(session, to) else {
        return session.no(&tag, NOT_A_NAME);
    };
    let Some(folder) = folder_named(session, mailbox, from) else {
        return session.no(&tag, NO_SUCH_FOLDER);
    };
    let order = MailboxOrder::RenameFolder {
        folder: folder.id,
        name,
    };
    let work = Renamed {
        tag,
        mailbox,
        before: folder,
    };
    session.order(order, work)
}

struct Renamed {
    tag: String,
    mailbox: MailboxId,
    before: Arc<FolderView>,
}

impl Work for Renamed {
    /// RFC 9051 §6.3.9.7: the new name is told with the old one.
    fn resume(self: Box<Self>, session: &mut Session, answer: Answer) -> Step {
        if let (Answer::Ordered(Ok(_)), true) = (&answer, session.enabled.rev2)
            && let Some(folder) = session.store.view().folder(self.mailbox, self.before.id)
            && folder.row.name != self.before.row.name
        {
            let old = Some(self.before.row.name.as_str());
            list::tell_one(session, self.mailbox, &folder, old);
        }
        Box::new(Ordered { tag: self.tag }).resume(session, answer)
    }
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
        // RFC 9051 §6.3.8: a name whose folder is gone, or one that never was subscribed.
        None if !on => match folder_name(session, spelled) {
            Some(name) => session.order(MailboxOrder::UnsubscribeName(name), Ordered { tag }),
            None => session.no(&tag, NOT_A_NAME),
        },
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
