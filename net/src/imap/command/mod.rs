//! A file per command, or per tight family. [`dispatch`] is the table: in which state a command is
//! taken, and who does it; everything else is refused.

pub mod any;
pub mod append;
pub mod copy;
pub mod expunge;
pub mod fetch;
pub mod folder;
pub mod idle;
pub mod list;
pub mod login;
pub mod quota;
pub mod saved;
pub mod search;
pub mod select;
pub mod status;
pub mod store;

use std::sync::Arc;

use ceralacca_core::mailbox::MailboxId;
use ceralacca_core::view::FolderView;
use imap_types::command::CommandBody;
use imap_types::mailbox::Mailbox;

use self::copy::Copying;
use super::codec::{Request, Tagged, utf7};
use super::session::{Session, Step};

/// Does a command, or the first step of it.
pub fn dispatch(session: &mut Session, tagged: Tagged) -> Step {
    let Tagged { tag, request } = tagged;
    match request {
        Request::List(request) => match session.mailbox {
            Some(mailbox) => list::list(session, &tag, mailbox, &request),
            None => session.bad(&tag, "log in first"),
        },
        Request::Search(request) => match (session.mailbox, session.selected.is_some()) {
            (None, _) => session.bad(&tag, "log in first"),
            (Some(_), false) => session.bad(&tag, "select a folder first"),
            (Some(_), true) => search::start(session, tag, request),
        },
        Request::Plain(body) => match (session.mailbox, session.selected.is_some()) {
            _ if is_for_anybody(&body) => anybody(session, tag, body),
            (None, _) => stranger(session, tag, body),
            (Some(mailbox), _) if !needs_selection(&body) => holder(session, tag, mailbox, body),
            (Some(_), false) => session.bad(&tag, "select a folder first"),
            (Some(mailbox), true) => selected(session, tag, mailbox, body),
        },
    }
}

fn is_for_anybody(body: &CommandBody<'_>) -> bool {
    matches!(
        body,
        CommandBody::Capability | CommandBody::Noop | CommandBody::Logout | CommandBody::Id { .. }
    )
}

fn needs_selection(body: &CommandBody<'_>) -> bool {
    matches!(
        body,
        CommandBody::Check
            | CommandBody::Close
            | CommandBody::Unselect
            | CommandBody::Expunge
            | CommandBody::ExpungeUid { .. }
            | CommandBody::Fetch { .. }
            | CommandBody::Store { .. }
            | CommandBody::Copy { .. }
            | CommandBody::Move { .. }
    )
}

fn anybody(session: &mut Session, tag: String, body: CommandBody<'static>) -> Step {
    match body {
        CommandBody::Capability => any::capability(session, &tag),
        CommandBody::Id { .. } => any::id(session, &tag),
        CommandBody::Logout => any::logout(session, &tag),
        _ => any::noop(session, &tag),
    }
}

fn stranger(session: &mut Session, tag: String, body: CommandBody<'static>) -> Step {
    match body {
        CommandBody::Login { username, password } => login::login(
            session,
            tag,
            username.as_ref(),
            password.declassify().as_ref(),
        ),
        CommandBody::Authenticate {
            mechanism,
            initial_response,
        } => {
            let initial = initial_response.map(|secret| secret.declassify().to_vec());
            login::authenticate(session, tag, &mechanism, initial)
        }
        _ => session.bad(&tag, "log in first"),
    }
}

fn holder(
    session: &mut Session,
    tag: String,
    mailbox: MailboxId,
    body: CommandBody<'static>,
) -> Step {
    match body {
        CommandBody::Enable { .. } => any::enable(session, &tag),
        CommandBody::Namespace => any::namespace(session, &tag),
        CommandBody::Idle => idle::start(session, tag),
        CommandBody::Lsub {
            reference,
            mailbox_wildcard,
        } => list::lsub(session, &tag, mailbox, &reference, &mailbox_wildcard),
        CommandBody::Status {
            mailbox: folder,
            item_names,
        } => status::start(session, &tag, mailbox, &folder, &item_names),
        CommandBody::Select { mailbox: folder } => {
            select::select(session, &tag, mailbox, &folder, false)
        }
        CommandBody::Examine { mailbox: folder } => {
            select::select(session, &tag, mailbox, &folder, true)
        }
        CommandBody::Create { mailbox: folder } => folder::create(session, tag, &folder),
        CommandBody::Delete { mailbox: folder } => folder::delete(session, tag, mailbox, &folder),
        CommandBody::Rename { from, to } => folder::rename(session, tag, mailbox, &from, &to),
        CommandBody::Subscribe { mailbox: folder } => {
            folder::subscribe(session, tag, mailbox, &folder, true)
        }
        CommandBody::Unsubscribe { mailbox: folder } => {
            folder::subscribe(session, tag, mailbox, &folder, false)
        }
        CommandBody::GetQuota { root } => quota::get(session, &tag, mailbox, root.as_ref()),
        CommandBody::GetQuotaRoot { mailbox: folder } => {
            quota::get_root(session, &tag, mailbox, &folder)
        }
        CommandBody::SetQuota { .. } => session.no(&tag, "[NOPERM] the provider sets the quota"),
        CommandBody::Login { .. } | CommandBody::Authenticate { .. } => {
            session.bad(&tag, "logged in already")
        }
        _ => session.bad(&tag, "not offered"),
    }
}

fn selected(
    session: &mut Session,
    tag: String,
    mailbox: MailboxId,
    body: CommandBody<'static>,
) -> Step {
    match body {
        CommandBody::Check => any::check(session, &tag),
        CommandBody::Close => select::close(session, tag),
        CommandBody::Unselect => select::unselect(session, &tag),
        CommandBody::Expunge => expunge::start(session, tag, None),
        CommandBody::ExpungeUid { sequence_set } => {
            expunge::start(session, tag, Some(&sequence_set))
        }
        CommandBody::Fetch {
            sequence_set,
            macro_or_item_names,
            uid,
        } => fetch::start(session, tag, &sequence_set, macro_or_item_names, uid),
        CommandBody::Store {
            sequence_set,
            kind,
            response,
            flags,
            uid,
        } => {
            let change = store::Change {
                kind,
                response,
                flags: &flags,
            };
            store::start(session, tag, &sequence_set, change, uid)
        }
        CommandBody::Copy {
            sequence_set: set,
            mailbox: target,
            uid: by_uid,
        } => {
            let copying = Copying {
                set: &set,
                by_uid,
                target: &target,
                remove: false,
            };
            copy::start(session, tag, mailbox, copying)
        }
        CommandBody::Move {
            sequence_set: set,
            mailbox: target,
            uid: by_uid,
        } => {
            let copying = Copying {
                set: &set,
                by_uid,
                target: &target,
                remove: true,
            };
            copy::start(session, tag, mailbox, copying)
        }
        _ => session.bad(&tag, "not offered"),
    }
}

/// The name that a client spelled; INBOX in any case is `INBOX`.
pub(super) fn folder_name(spelled: &Mailbox<'_>) -> Option<String> {
    match spelled {
        Mailbox::Inbox => Some("INBOX".to_owned()),
        Mailbox::Other(other) => utf7::decode(other.as_ref()),
    }
}

/// The folder that a client named.
pub(super) fn folder_named(
    session: &Session,
    mailbox: MailboxId,
    spelled: &Mailbox<'_>,
) -> Option<Arc<FolderView>> {
    let name = folder_name(spelled)?;
    let folders = session.store.view().folders(mailbox);
    folders.into_iter().find(|folder| folder.row.name == name)
}

/// What a command says of a folder that is not there.
const NO_SUCH_FOLDER: &str = "[NONEXISTENT] no such folder";
/// The same, where CREATE would help.
const TRY_CREATE: &str = "[TRYCREATE] no such folder";
/// What a command says of a sequence number that no message has.
const NO_SUCH_MESSAGE: &str = "no such message";
/// What a command that changes says after EXAMINE.
const READ_ONLY: &str = "[NOPERM] the folder was opened read only";
/// What a command says when a stored message cannot be read.
const UNREADABLE: &str = "[UNAVAILABLE] a message cannot be read from the disk";
