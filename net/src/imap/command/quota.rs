//! GETQUOTA and GETQUOTAROOT (RFC 9208): one root for the whole mailbox; what is shown is what is
//! enforced (AC-06).

use ceralacca_core::mailbox::MailboxId;
use imap_types::mailbox::Mailbox;

use super::{NO_SUCH_FOLDER, folder_named};
use crate::imap::session::{Session, Step, Telling};

/// GETQUOTA
pub fn get(session: &mut Session, tag: &str, mailbox: MailboxId, root: &[u8]) -> Step {
    if !root.is_empty() {
        return session.no(tag, "[NONEXISTENT] the only quota root is \"\"");
    }
    write(session, mailbox);
    session.ok(tag, "done", Telling::All)
}

/// GETQUOTAROOT
pub fn get_root(
    session: &mut Session,
    tag: &str,
    mailbox: MailboxId,
    spelled: &Mailbox<'_>,
) -> Step {
    let Some(folder) = folder_named(session, mailbox, spelled) else {
        return session.no(tag, NO_SUCH_FOLDER);
    };
    session
        .out
        .text("* QUOTAROOT ")
        .folder(&folder.row.name)
        .text(" \"\"")
        .end();
    write(session, mailbox);
    session.ok(tag, "done", Telling::All)
}

/// In units of 1024 octets; what is used is rounded up, what is allowed down.
fn write(session: &mut Session, mailbox: MailboxId) {
    let view = session.store.view();
    let used = view.usage(mailbox).div_ceil(1024);
    let most = view.mailbox(mailbox).map_or(0, |row| row.quota) / 1024;
    session
        .out
        .text(&format!("* QUOTA \"\" (STORAGE {used} {most})"))
        .end();
}
