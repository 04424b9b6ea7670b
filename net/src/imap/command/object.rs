//! Identifiers that never change and are never given again (RFC 8474): a folder's from its number and the
//! validity of its UIDs, a message's from where its octets lie, which its copies share.

use ceralacca_core::mailbox::{Content, MailboxId};
use ceralacca_core::view::FolderView;

/// MAILBOXID
pub fn folder_id(mailbox: MailboxId, folder: &FolderView) -> String {
    let (number, validity) = (folder.id.0, folder.row.uid_validity);
    format!("F{}-{number}-{validity}", mailbox.0)
}

/// EMAILID
pub fn message_id(content: Content) -> String {
    let (kind, blob) = match content {
        Content::Whole(blob) => ('M', blob),
        Content::Rope(blob) => ('R', blob),
    };
    format!("{kind}{:x}-{:x}", blob.segment, blob.offset)
}
