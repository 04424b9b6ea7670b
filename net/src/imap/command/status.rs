//! STATUS (RFC 3501 §6.3.10, RFC 8438).

use ceralacca_core::mailbox::{Flags, MailboxId, MessageRow};
use ceralacca_core::view::FolderView;
use imap_types::mailbox::Mailbox;
use imap_types::status::StatusDataItemName;

use super::{NO_SUCH_FOLDER, folder_named};
use crate::imap::codec::output::Output;
use crate::imap::session::{Session, Step, Telling};

/// STATUS
pub fn start(
    session: &mut Session,
    tag: &str,
    mailbox: MailboxId,
    spelled: &Mailbox<'_>,
    names: &[StatusDataItemName],
) -> Step {
    let Some(folder) = folder_named(session, mailbox, spelled) else {
        return session.no(tag, NO_SUCH_FOLDER);
    };
    write(&mut session.out, &folder, names);
    session.ok(tag, "done", Telling::All)
}

/// `* STATUS name (…)`
pub fn write(out: &mut Output, folder: &FolderView, names: &[StatusDataItemName]) {
    out.text("* STATUS ").folder(&folder.row.name).text(" (");
    for (i, name) in names.iter().enumerate() {
        let (word, value) = item(folder, name);
        out.text(if i > 0 { " " } else { "" })
            .text(word)
            .text(" ")
            .number(value);
    }
    out.text(")").end();
}

fn item(folder: &FolderView, name: &StatusDataItemName) -> (&'static str, u64) {
    let count = |wanted: &dyn Fn(&MessageRow) -> bool| {
        folder.messages.values().filter(|row| wanted(row)).count() as u64
    };
    let is_deleted = |row: &MessageRow| row.flags.contains(Flags::DELETED);
    match name {
        StatusDataItemName::Messages => ("MESSAGES", folder.messages.size() as u64),
        StatusDataItemName::Recent => ("RECENT", 0),
        StatusDataItemName::UidNext => ("UIDNEXT", folder.counter.uid_next.into()),
        StatusDataItemName::UidValidity => ("UIDVALIDITY", folder.row.uid_validity.into()),
        StatusDataItemName::Unseen => ("UNSEEN", count(&|row| !row.flags.contains(Flags::SEEN))),
        StatusDataItemName::Deleted => ("DELETED", count(&is_deleted)),
        StatusDataItemName::DeletedStorage => {
            let rows = folder.messages.values().filter(|row| is_deleted(row));
            ("DELETED-STORAGE", rows.map(|row| row.size).sum())
        }
        StatusDataItemName::Size => ("SIZE", folder.messages.values().map(|row| row.size).sum()),
    }
}
