//! STATUS (RFC 3501 §6.3.10) with the items that extensions add: see [`StatusItem`].

use ceralacca_core::mailbox::{Flags, MailboxId, MessageRow};
use ceralacca_core::view::FolderView;

use super::{NO_SUCH_FOLDER, folder_spelled, object};
use crate::imap::codec::{StatusItem, StatusRequest};
use crate::imap::session::{Session, Step, Telling};

/// STATUS
pub fn start(
    session: &mut Session,
    tag: &str,
    mailbox: MailboxId,
    request: &StatusRequest,
) -> Step {
    let Some(folder) = folder_spelled(session, mailbox, &request.folder) else {
        return session.no(tag, NO_SUCH_FOLDER);
    };
    note(session, &request.items);
    write(session, mailbox, &folder, &request.items);
    session.ok(tag, "done", Telling::All)
}

/// Who asks for mod-sequences knows them (RFC 7162 §3.1.2).
pub fn note(session: &mut Session, items: &[StatusItem]) {
    if items.contains(&StatusItem::HighestModseq) {
        session.enable_condstore();
    }
}

/// `* STATUS name (…)`
pub fn write(session: &mut Session, mailbox: MailboxId, folder: &FolderView, items: &[StatusItem]) {
    let limit = session.settings.message_bytes_max;
    let out = &mut session.out;
    out.text("* STATUS ").folder(&folder.row.name).text(" (");
    for (i, item) in items.iter().enumerate() {
        out.text(if i > 0 { " " } else { "" })
            .text(item.word())
            .text(" ");
        match item {
            StatusItem::MailboxId => {
                out.text("(")
                    .text(&object::folder_id(mailbox, folder))
                    .text(")");
            }
            StatusItem::AppendLimit => {
                out.number(limit);
            }
            item => {
                out.number(number(folder, *item));
            }
        }
    }
    out.text(")").end();
}

fn number(folder: &FolderView, item: StatusItem) -> u64 {
    let rows = || folder.messages.values();
    let count =
        |wanted: &dyn Fn(&MessageRow) -> bool| rows().filter(|row| wanted(row)).count() as u64;
    let is_deleted = |row: &MessageRow| row.flags.contains(Flags::DELETED);
    match item {
        StatusItem::Messages => folder.messages.size() as u64,
        StatusItem::UidNext => folder.counter.uid_next.into(),
        StatusItem::UidValidity => folder.row.uid_validity.into(),
        StatusItem::Unseen => count(&|row| !row.flags.contains(Flags::SEEN)),
        StatusItem::Deleted => count(&is_deleted),
        StatusItem::DeletedStorage => {
            let deleted = rows().filter(|row| is_deleted(row));
            deleted.map(|row| row.size).sum()
        }
        StatusItem::Size => rows().map(|row| row.size).sum(),
        StatusItem::HighestModseq => folder.counter.highest_modseq,
        // Told in their own form, or of no message.
        StatusItem::AppendLimit | StatusItem::MailboxId | StatusItem::Recent => 0,
    }
}
