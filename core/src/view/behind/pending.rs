//! Rows that wait to be written: one per key, the last value wins. What came and went while it waited
//! is never written, unless an earlier run may have written its coming.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::Row;
use super::super::row::RecipientKey;
use crate::journal::record::SeenMark;
use crate::mailbox::{Flags, FolderId, MailboxId, Uid};
use crate::message_id::Identifier;
use crate::queue::DispatchKey;

/// What a row is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Provider,
    Domain(String),
    Mailbox(MailboxId),
    History(MailboxId, u32),
    Submission(Identifier),
    Journey(Identifier),
    Errand(RecipientKey),
    Delivery(RecipientKey),
    Answer(RecipientKey),
    Arrival(Identifier),
    Placement(RecipientKey),
    Dispatch(DispatchKey),
    Bounce(DispatchKey),
    Sent(Identifier),
    Seen(SeenMark),
    Task(crate::task::TaskKey),
    ForwardTarget(String),
    /// Before what the folder, or a new one of the same number, has afterwards.
    FolderGone(MailboxId, FolderId),
    Folder(MailboxId, FolderId),
    Counter(MailboxId, FolderId),
    Message(MailboxId, FolderId, Uid),
    /// After the message.
    Marks(MailboxId, FolderId, Uid),
    /// After the message itself.
    SetAside(MailboxId, FolderId, Uid),
    Usage(MailboxId),
    Warned(MailboxId),
}

#[derive(Debug)]
struct Entry {
    row: Row,
    may_be_stored: bool,
}

/// Rows by key.
#[derive(Debug, Default)]
pub struct Pending(BTreeMap<Key, Entry>);

impl Pending {
    /// Rows that wait.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The rows to be written.
    pub fn into_rows(self) -> impl Iterator<Item = Row> {
        self.0.into_values().map(|entry| entry.row)
    }

    /// Takes a row; `may_be_stored`: an earlier run may have written it already.
    pub fn put(&mut self, row: Row, may_be_stored: bool) {
        match &row {
            Row::Flags(mailbox, folder, change, modseq) => {
                let key = Key::Message(*mailbox, *folder, change.uid);
                if let Some(Row::Message(_, _, message)) = self.row(&key) {
                    let message = Arc::make_mut(message);
                    message.flags = Flags(change.flags);
                    message.modseq = *modseq;
                    return;
                }
            }
            Row::Modseq(mailbox, folder, modseq) => {
                if let Some(Row::Counter(_, _, counter)) =
                    self.row(&Key::Counter(*mailbox, *folder))
                {
                    counter.highest_modseq = *modseq;
                    return;
                }
            }
            Row::Folder(mailbox, folder, None) => self.empty_folder(*mailbox, *folder),
            Row::Gone(mailbox, folder, uid, _) => {
                self.0.remove(&Key::SetAside(*mailbox, *folder, *uid));
            }
            _ => {}
        }
        self.replace(key(&row), row, may_be_stored);
    }

    fn row(&mut self, key: &Key) -> Option<&mut Row> {
        self.0.get_mut(key).map(|entry| &mut entry.row)
    }

    /// The messages of a folder go with it.
    fn empty_folder(&mut self, mailbox: MailboxId, folder: FolderId) {
        self.0.remove(&Key::Folder(mailbox, folder));
        self.0.remove(&Key::Counter(mailbox, folder));
        let messages =
            Key::Message(mailbox, folder, Uid::MIN)..=Key::Message(mailbox, folder, Uid::MAX);
        let set_aside =
            Key::SetAside(mailbox, folder, Uid::MIN)..=Key::SetAside(mailbox, folder, Uid::MAX);
        let both = self.0.range(messages).chain(self.0.range(set_aside));
        let keys: Vec<Key> = both.map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.0.remove(&key);
        }
    }

    fn replace(&mut self, key: Key, row: Row, may_be_stored: bool) {
        let before = self.0.remove(&key);
        if is_removal(&row)
            && let Some(before) = &before
            && !before.may_be_stored
        {
            return;
        }
        let unseen = is_born_once(&row) && !may_be_stored;
        let may_be_stored = before.map_or(!unseen, |before| before.may_be_stored);
        self.0.insert(key, Entry { row, may_be_stored });
    }
}

fn key(row: &Row) -> Key {
    match row {
        Row::Provider(_) => Key::Provider,
        Row::Domain(name, _) => Key::Domain(name.as_str().to_owned()),
        Row::Mailbox(row) => Key::Mailbox(row.id),
        Row::History(mailbox, number, _) => Key::History(*mailbox, *number),
        Row::Folder(mailbox, folder, None) => Key::FolderGone(*mailbox, *folder),
        Row::Folder(mailbox, folder, Some(_)) => Key::Folder(*mailbox, *folder),
        Row::Counter(mailbox, folder, _) | Row::Modseq(mailbox, folder, _) => {
            Key::Counter(*mailbox, *folder)
        }
        Row::Message(mailbox, folder, row) => Key::Message(*mailbox, *folder, row.uid),
        Row::Flags(mailbox, folder, change, _) => Key::Message(*mailbox, *folder, change.uid),
        Row::Gone(mailbox, folder, uid, _) => Key::Message(*mailbox, *folder, *uid),
        Row::Marks(mailbox, folder, uid, _) => Key::Marks(*mailbox, *folder, *uid),
        Row::SetAside(mailbox, folder, uid, _) => Key::SetAside(*mailbox, *folder, *uid),
        Row::Usage(mailbox, _) => Key::Usage(*mailbox),
        Row::Warned(mailbox, _) => Key::Warned(*mailbox),
        Row::Submission(identifier, _) => Key::Submission(identifier.clone()),
        Row::Journey(identifier, _) => Key::Journey(identifier.clone()),
        Row::Errand(key, _) => Key::Errand(key.clone()),
        Row::Delivery(key, _) => Key::Delivery(key.clone()),
        Row::Answer(key, _) => Key::Answer(key.clone()),
        Row::Arrival(identifier, _) => Key::Arrival(identifier.clone()),
        Row::Placement(key, _) => Key::Placement(key.clone()),
        Row::Dispatch(key, _) => Key::Dispatch(key.clone()),
        Row::Bounce(key, _) => Key::Bounce(key.clone()),
        Row::Sent(identifier, _) => Key::Sent(identifier.clone()),
        Row::Seen(mark, _) => Key::Seen(*mark),
        Row::Task(key, _) => Key::Task(key.clone()),
        Row::ForwardTarget(target, _) => Key::ForwardTarget(target.key()),
    }
}

/// Put for the first time: where it is put after all that is stored, it is not stored.
fn is_born_once(row: &Row) -> bool {
    match row {
        // These may be put again, and then show it.
        Row::Errand(_, Some(row)) => return row.is_fresh(),
        Row::Dispatch(_, Some(row)) => return row.is_untried(),
        _ => {}
    }
    matches!(
        row,
        Row::Submission(_, Some(_))
            | Row::Journey(_, Some(_))
            | Row::Delivery(_, Some(_))
            | Row::Answer(_, Some(_))
            | Row::Arrival(_, Some(_))
            | Row::Placement(_, Some(_))
            | Row::Bounce(_, Some(_))
            | Row::Task(_, Some(_))
            | Row::Message(..)
    )
}

fn is_removal(row: &Row) -> bool {
    matches!(
        row,
        Row::Submission(_, None)
            | Row::Journey(_, None)
            | Row::Errand(_, None)
            | Row::Delivery(_, None)
            | Row::Answer(_, None)
            | Row::Arrival(_, None)
            | Row::Placement(_, None)
            | Row::Dispatch(_, None)
            | Row::Bounce(_, None)
            | Row::Sent(_, None)
            | Row::Seen(_, None)
            | Row::Task(_, None)
            | Row::ForwardTarget(_, None)
            | Row::Gone(..)
    )
}
