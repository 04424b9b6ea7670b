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
pub mod object;
pub mod quota;
pub mod saved;
pub mod search;
pub mod select;
pub mod status;
pub mod store;

use std::sync::Arc;

use ceralacca_core::mailbox::MailboxId;
use ceralacca_core::view::FolderView;
use imap_types::command::{CommandBody, StoreModifier};
use imap_types::mailbox::Mailbox;

use self::copy::Copying;
use super::codec::{MoreItem, Request, Tagged, utf7};
use super::session::{Session, Step};

/// Does a command, or the first step of it.
pub fn dispatch(session: &mut Session, tagged: Tagged) -> Step {
    let Tagged { tag, request } = tagged;
    match request {
        Request::Plain(body) => plain(session, tag, body, &[]),
        Request::Fetch(body, more) => plain(session, tag, body, &more),
        own => match session.mailbox {
            Some(mailbox) => of_holder(session, tag, mailbox, own),
            None => session.bad(&tag, "log in first"),
        },
    }
}

/// `more`: items of FETCH that `body` does not hold.
fn plain(
    session: &mut Session,
    tag: String,
    body: CommandBody<'static>,
    more: &[MoreItem],
) -> Step {
    match (session.mailbox, session.selected.is_some()) {
        _ if is_for_anybody(&body) => anybody(session, tag, body),
        (None, _) => stranger(session, tag, body),
        (Some(mailbox), _) if !needs_selection(&body) => holder(session, tag, mailbox, body),
        (Some(_), false) => session.bad(&tag, "select a folder first"),
        (Some(mailbox), true) => selected(session, tag, mailbox, body, more),
    }
}

/// Commands that are parsed here, all of them for whoever has logged in.
fn of_holder(session: &mut Session, tag: String, mailbox: MailboxId, request: Request) -> Step {
    match request {
        Request::List(request) => list::list(session, &tag, mailbox, &request),
        Request::Status(request) => status::start(session, &tag, mailbox, &request),
        Request::Search(_) if session.selected.is_none() => {
            session.bad(&tag, "select a folder first")
        }
        // RFC 6855 §3: UTF-8 is what it speaks, and nothing else can be named.
        Request::Search(request) if session.enabled.utf8_accept && request.charset.is_some() => {
            session.bad(&tag, "no CHARSET after UTF8=ACCEPT")
        }
        Request::Search(request) => search::start(session, tag, request),
        Request::Create(request) => folder::create(session, tag, mailbox, &request),
        Request::Plain(_) | Request::Fetch(..) => session.bad(&tag, "not offered"),
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
        CommandBody::Enable { capabilities } => any::enable(session, &tag, capabilities.as_ref()),
        CommandBody::Namespace => any::namespace(session, &tag),
        CommandBody::Idle => idle::start(session, tag),
        CommandBody::Lsub {
            reference,
            mailbox_wildcard,
        } => list::lsub(session, &tag, mailbox, &reference, &mailbox_wildcard),
        CommandBody::Select {
            mailbox: folder,
            parameters,
        } => select::select(session, tag, mailbox, &folder, &parameters, false),
        CommandBody::Examine {
            mailbox: folder,
            parameters,
        } => select::select(session, tag, mailbox, &folder, &parameters, true),
        CommandBody::Compress { .. } => any::compress(session, tag),
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
    more: &[MoreItem],
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
            macro_or_item_names: names,
            uid: by_uid,
            modifiers,
        } => {
            let fetch = fetch::Fetch {
                set: &sequence_set,
                by_uid,
                names,
                more,
                modifiers: &modifiers,
            };
            fetch::start(session, tag, fetch)
        }
        CommandBody::Store {
            sequence_set,
            kind,
            response,
            flags,
            uid,
            modifiers,
        } => {
            let change = store::Change {
                kind,
                response,
                flags: &flags,
                unchanged_since: modifiers.first().map(|StoreModifier::UnchangedSince(m)| *m),
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

/// The name that a client spelled, in modified UTF-7 or, once that is switched on, in UTF-8; INBOX in any
/// case is `INBOX`.
pub(super) fn name_spelled(session: &Session, wire: &[u8]) -> Option<String> {
    if wire.eq_ignore_ascii_case(b"INBOX") {
        return Some("INBOX".to_owned());
    }
    match session.enabled.utf8 {
        true => String::from_utf8(wire.to_vec()).ok(),
        false => utf7::decode(wire),
    }
}

/// The name that a client spelled in a command of imap-codec.
pub(super) fn folder_name(session: &Session, spelled: &Mailbox<'_>) -> Option<String> {
    match spelled {
        Mailbox::Inbox => name_spelled(session, b"INBOX"),
        Mailbox::Other(other) => name_spelled(session, other.as_ref()),
    }
}

/// The folder that a client named.
pub(super) fn folder_named(
    session: &Session,
    mailbox: MailboxId,
    spelled: &Mailbox<'_>,
) -> Option<Arc<FolderView>> {
    folder_of_name(session, mailbox, &folder_name(session, spelled)?)
}

/// The folder that a client named in a command that is parsed here.
pub(super) fn folder_spelled(
    session: &Session,
    mailbox: MailboxId,
    wire: &[u8],
) -> Option<Arc<FolderView>> {
    folder_of_name(session, mailbox, &name_spelled(session, wire)?)
}

fn folder_of_name(session: &Session, mailbox: MailboxId, name: &str) -> Option<Arc<FolderView>> {
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
