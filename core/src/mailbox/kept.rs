//! Removed messages that are kept for a term (AC-13): out of every client's sight and of the mailbox's
//! usage, to be put back into their folder or, after the term, really removed.

use std::collections::BTreeMap;

use super::decide::{Decided, Desk, filing_after};
use super::{Flags, FolderId, MessageRow, Uid};
use crate::instant::Instant;
use crate::journal::record::{Purged, Record, Restored};
use crate::limits;
use crate::owner::{CommandError, Outcome};
use crate::view::FolderView;

impl Desk<'_> {
    /// POP3's removal at QUIT: whole or not at all.
    pub(super) fn remove(&self, folder: FolderId, uids: &[Uid], kept: Option<Instant>) -> Decided {
        if uids.len() > limits::MESSAGES_PER_REMOVAL_MAX {
            return Err(CommandError::TooMany(limits::MESSAGES_PER_REMOVAL_MAX));
        }
        let view = self.folder(folder)?;
        let rows: Vec<&MessageRow> = uids
            .iter()
            .filter_map(|uid| view.messages.get(uid))
            .map(|row| &**row)
            .collect();
        let gone = rows.iter().map(|row| row.uid).collect();
        let records = self.removal(&view, &rows, self.newest.usage(self.mailbox), kept);
        Ok((records, Outcome::Expunged(gone)))
    }

    /// Each is put at the end of its folder, under a new UID: clients forgot the old one.
    pub(super) fn restore(&self, messages: Vec<(FolderId, Uid)>, author: &str) -> Decided {
        if messages.len() > limits::MESSAGES_PER_RESTORE_MAX {
            return Err(CommandError::TooMany(limits::MESSAGES_PER_RESTORE_MAX));
        }
        let mut ends: BTreeMap<FolderId, FolderView> = BTreeMap::new();
        let (mut records, mut restored, mut usage) = (Vec::new(), Vec::new(), None);
        for (folder, uid) in messages {
            let Ok(view) = self.folder(folder) else {
                continue;
            };
            let end = ends.entry(folder).or_insert_with(|| (*view).clone());
            let Some(kept) = end.set_aside.get(&uid).cloned() else {
                continue;
            };
            let before = usage.unwrap_or_else(|| self.newest.usage(self.mailbox));
            let place = (kept.row.content, kept.row.size);
            let state = (
                kept.row.flags.without(Flags::DELETED),
                kept.row.internal_date,
            );
            let filing = filing_after(end, self.mailbox, before, place, state);
            end.counter.uid_next = filing.uid + 1;
            end.counter.highest_modseq = filing.modseq;
            end.set_aside.remove_mut(&uid);
            usage = Some(filing.usage);
            restored.push((folder, uid));
            let author = author.to_owned();
            records.push(
                Restored {
                    uid,
                    filing,
                    author,
                }
                .into(),
            );
        }
        let more = usage.map_or(0, |after| after - self.newest.usage(self.mailbox));
        self.has_room(more)?;
        Ok((records, Outcome::Restored(restored)))
    }

    /// What is kept since before `before`, as far as one record goes.
    pub(super) fn purge(&self, before: Instant) -> (Vec<Record>, Outcome) {
        let past = |folder: &FolderView| -> Vec<Uid> {
            let kept = folder.set_aside.iter();
            kept.filter(|(_, message)| message.at < before)
                .map(|(uid, _)| *uid)
                .take(limits::UIDS_PER_RECORD_MAX)
                .collect()
        };
        for folder in self.newest.folders(self.mailbox) {
            let uids = past(&folder);
            if !uids.is_empty() {
                let record = Purged {
                    mailbox: self.mailbox,
                    folder: folder.id,
                    uids,
                };
                return (vec![record.into()], Outcome::Again);
            }
        }
        (Vec::new(), Outcome::Already)
    }
}
