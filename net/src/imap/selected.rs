//! The folder that a client has selected, as it was told: its sequence numbers and flags. What others
//! change meanwhile (AC-11) is told at safe points only (RFC 3501 §5.5, §7.4.1), and messages that are
//! gone keep their numbers until then.

use std::sync::Arc;

use ceralacca_core::limits;
use ceralacca_core::mailbox::{Flags, FolderId, MailboxId, MessageRow, Uid};
use ceralacca_core::view::{FolderView, View};
use imap_types::sequence::{SeqOrUid, Sequence, SequenceSet};

use super::codec::output::{Output, runs};
use super::enabled::Enabled;

/// A selected folder.
#[derive(Debug)]
pub struct Selected {
    /// The folder.
    pub folder: FolderId,
    /// EXAMINE.
    pub read_only: bool,
    mailbox: MailboxId,
    /// The client's numbering: the message with number n is at n - 1, in ascending order.
    uids: Vec<Uid>,
    /// What the client knows; holds a row for each of `uids`.
    told: FolderView,
    /// What `told` was last compared with.
    newest: Option<Arc<FolderView>>,
    /// Some of `uids` are gone and their end is not told.
    has_gone: bool,
    /// What `$` means (RFC 5182): ascending ranges of UIDs.
    saved: Vec<(Uid, Uid)>,
}

/// A sequence number and its message.
#[derive(Debug, Clone)]
pub struct Target {
    /// Sequence number.
    pub number: u32,
    /// The message as the client knows it.
    pub row: Arc<MessageRow>,
}

impl Selected {
    /// Selects `folder` as it is now.
    pub fn new(mailbox: MailboxId, folder: Arc<FolderView>, read_only: bool) -> Self {
        Self {
            folder: folder.id,
            read_only,
            mailbox,
            uids: folder.messages.keys().copied().collect(),
            told: (*folder).clone(),
            newest: Some(folder),
            has_gone: false,
            saved: Vec::new(),
        }
    }

    /// The folder's mailbox.
    pub fn mailbox(&self) -> MailboxId {
        self.mailbox
    }

    /// What `$` means: ranges of UIDs.
    pub fn saved(&self) -> &[(Uid, Uid)] {
        &self.saved
    }

    /// From now on `$` means these ranges of UIDs, which ascend.
    pub fn save(&mut self, ranges: Vec<(Uid, Uid)>) {
        self.saved = ranges;
    }

    /// UIDs that the client knows in ascending ranges of sequence numbers or UIDs.
    pub fn uids_in(&self, ranges: &[(u32, u32)], by_uid: bool) -> Vec<Uid> {
        let parts = ranges.iter().flat_map(|(start, end)| {
            let (first, last) = match by_uid {
                true => (
                    self.uids.partition_point(|uid| uid < start),
                    self.uids.partition_point(|uid| uid <= end),
                ),
                false => {
                    let last = (*end as usize).min(self.uids.len());
                    ((*start as usize).saturating_sub(1), last)
                }
            };
            self.uids.get(first..last).unwrap_or_default()
        });
        parts.copied().collect()
    }

    /// UIDs above this one.
    pub fn uids_above(&self, uid: Uid) -> &[Uid] {
        let at = self.uids.partition_point(|own| *own <= uid);
        self.uids.get(at..).unwrap_or_default()
    }

    /// The sequence number of `uid`.
    pub fn number(&self, uid: Uid) -> Option<u32> {
        let at = self.uids.binary_search(&uid).ok()?;
        u32::try_from(at + 1).ok()
    }

    /// The message `uid` with its number.
    pub fn numbered(&self, uid: Uid) -> Option<Target> {
        let row = Arc::clone(self.row(uid)?);
        let number = self.number(uid)?;
        Some(Target { number, row })
    }

    /// Up to `most` messages with numbers above `number`.
    pub fn after(&self, number: u32, most: usize) -> impl Iterator<Item = Target> {
        let first = self.uids.get(number as usize).copied();
        let rows = first.map(|first| self.told.messages.range(first..));
        let numbers = number.saturating_add(1)..;
        let rows = numbers.zip(rows.into_iter().flatten()).take(most);
        rows.map(|(number, (_, row))| Target {
            number,
            row: Arc::clone(row),
        })
    }

    /// The folder as the client knows it.
    pub fn told(&self) -> &FolderView {
        &self.told
    }

    /// Number of messages that the client knows.
    pub fn exists(&self) -> usize {
        self.uids.len()
    }

    /// The number of the first message without `\Seen`.
    pub fn first_unseen(&self) -> Option<usize> {
        let unseen = |uid: &Uid| {
            self.row(*uid)
                .is_some_and(|r| !r.flags.contains(Flags::SEEN))
        };
        self.uids.iter().position(unseen).map(|at| at + 1)
    }

    /// The message `uid` as the client knows it.
    pub fn row(&self, uid: Uid) -> Option<&Arc<MessageRow>> {
        self.told.messages.get(&uid)
    }

    /// All messages that the client knows, in order.
    pub fn all(&self) -> impl Iterator<Item = Target> {
        let numbered = (1u32..).zip(&self.uids);
        numbered.filter_map(|(number, uid)| {
            let row = Arc::clone(self.row(*uid)?);
            Some(Target { number, row })
        })
    }

    /// The UIDs of `within` that the client does not have, as ascending ranges, up to the last UID that
    /// was given.
    pub fn absent(&self, within: &[(u32, u32)]) -> Vec<(u32, u32)> {
        let last = self.told.counter.uid_next.saturating_sub(1);
        let mut absent = Vec::new();
        for &(start, end) in within {
            let end = end.min(last);
            let from = self.uids.partition_point(|uid| *uid < start);
            let mut next = start.max(1);
            for &uid in self.uids[from..].iter().take_while(|uid| **uid <= end) {
                if next < uid {
                    absent.push((next, uid - 1));
                }
                next = uid.saturating_add(1);
            }
            if next <= end {
                absent.push((next, end));
            }
        }
        absent
    }

    /// The UIDs of `within` that went after `modseq`, as ascending ranges: exactly these as long as they
    /// are remembered, else all that the client does not have (RFC 7162 §3.2.6).
    pub fn vanished(&self, modseq: u64, within: &[(u32, u32)]) -> Vec<(u32, u32)> {
        let Some(gone) = self.told.gone.since(modseq) else {
            return self.absent(within);
        };
        // Of what went and has a number still, the end is told by itself.
        let is_told = |uid: &Uid| is_in(within, *uid) && self.uids.binary_search(uid).is_err();
        runs(gone.into_iter().filter(is_told))
    }

    /// The messages of `within`, by UID, that changed after `modseq`.
    pub fn changed(&self, modseq: u64, within: &[(u32, u32)]) -> Vec<Target> {
        let is_wanted =
            |target: &Target| target.row.modseq > modseq && is_in(within, target.row.uid);
        self.all().filter(is_wanted).collect()
    }

    /// The mod-sequence up to which the client has been told everything; `None` while the end of some
    /// messages is not told: who came back with it would never hear of them.
    pub fn settled(&self) -> Option<u64> {
        (!self.has_gone).then_some(self.told.counter.highest_modseq)
    }

    /// The sequence numbers of those of `uids` that have one.
    pub fn numbers_of(&self, uids: &[Uid]) -> Vec<u32> {
        let number = |uid: &Uid| {
            let at = self.uids.binary_search(uid).ok()?;
            u32::try_from(at + 1).ok()
        };
        uids.iter().filter_map(number).collect()
    }

    /// The UID of a sequence number.
    pub fn uid_of(&self, number: u32) -> Option<Uid> {
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        self.uids.get(at).copied()
    }

    /// The messages of a set of sequence numbers or UIDs, in order. `None`: a sequence number that no
    /// message has, in a folder that has messages.
    pub fn targets(&self, set: &SequenceSet, by_uid: bool) -> Option<Vec<Target>> {
        let ranges = self.ranges(set, by_uid);
        let beyond = |(_, end): &(u32, u32)| !by_uid && *end as usize > self.uids.len();
        if !self.uids.is_empty() && ranges.iter().any(beyond) {
            return None;
        }
        let mut targets = Vec::new();
        for (start, end) in ranges {
            let (first, last) = match by_uid {
                true => (
                    self.uids.partition_point(|uid| *uid < start),
                    self.uids.partition_point(|uid| *uid <= end),
                ),
                false => (start as usize - 1, (end as usize).min(self.uids.len())),
            };
            let found = self.uids.get(first..last).unwrap_or_default();
            for (at, uid) in (first..).zip(found) {
                let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
                if let Some(row) = self.row(*uid) {
                    let row = Arc::clone(row);
                    targets.push(Target { number, row });
                }
            }
        }
        Some(targets)
    }

    /// A set as ascending ranges that do not touch, `*` put for what it means now.
    pub fn ranges(&self, set: &SequenceSet, by_uid: bool) -> Vec<(u32, u32)> {
        let last = match by_uid {
            true => self
                .uids
                .last()
                .copied()
                .unwrap_or(self.told.counter.uid_next),
            false => u32::try_from(self.uids.len()).unwrap_or(u32::MAX),
        };
        // `*` in an empty folder stands for no message; 1 is as good a number as any.
        let last = last.max(1);
        let value = |n: SeqOrUid| match n {
            SeqOrUid::Value(n) => n.get(),
            SeqOrUid::Asterisk => last,
        };
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for sequence in set.0.as_ref() {
            let (a, b) = match *sequence {
                Sequence::Single(n) => (value(n), value(n)),
                Sequence::Range(a, b) => (value(a), value(b)),
            };
            ranges.push((a.min(b), a.max(b)));
        }
        merged(ranges)
    }

    /// The folder as it is now; `None` when it was deleted.
    pub fn newest(&self, view: &View) -> Option<Arc<FolderView>> {
        view.folder(self.mailbox, self.folder)
    }

    /// Tells those of `uids` that have in `newest` the flags that the client was told before: their
    /// flags, or when `silent` their mod-sequences alone.
    pub fn repeat_unchanged(
        &mut self,
        newest: &FolderView,
        uids: &[Uid],
        silent: bool,
        enabled: Enabled,
        out: &mut Output,
    ) {
        for uid in uids {
            let (Ok(at), Some(row)) = (self.uids.binary_search(uid), newest.messages.get(uid))
            else {
                continue;
            };
            if self.row(*uid).is_some_and(|told| told.flags == row.flags) {
                let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
                let keywords = (!silent).then_some(newest.row.keywords.as_slice());
                write_fetch(out, number, row, keywords, enabled);
                self.told.messages.insert_mut(*uid, Arc::clone(row));
            }
        }
    }

    /// The client knows by itself that `uid` now has `flags` (STORE .SILENT).
    pub fn assume(&mut self, uid: Uid, flags: Flags) {
        if let Some(row) = self.row(uid).filter(|row| row.flags != flags) {
            let row = MessageRow {
                flags,
                ..(**row).clone()
            };
            self.told.messages.insert_mut(uid, Arc::new(row));
            self.newest = None;
        }
    }

    /// Whether [`Selected::tell`] may have something to say.
    pub fn has_news(&self, view: &View) -> bool {
        let newest = view.folder(self.mailbox, self.folder);
        match (&self.newest, newest) {
            (Some(known), Some(newest)) => !Arc::ptr_eq(known, &newest),
            _ => true,
        }
    }

    /// Tells what changed since: flags, new messages and, when `may_expunge`, those that are gone.
    pub fn tell(&mut self, view: &View, may_expunge: bool, enabled: Enabled, out: &mut Output) {
        let due = may_expunge && self.has_gone;
        if !due && !self.has_news(view) {
            return;
        }
        let newest = view.folder(self.mailbox, self.folder);
        let mut next = match &newest {
            Some(folder) => (**folder).clone(),
            None => {
                // The folder was deleted: its messages are gone, it stays selected and empty.
                let mut folder = self.told.clone();
                self.uids.iter().for_each(|uid| {
                    folder.messages.remove_mut(uid);
                });
                folder
            }
        };
        if next.row.keywords != self.told.row.keywords {
            write_flags(out, &next.row.keywords);
        }
        self.tell_gone(&mut next, may_expunge, enabled, out);
        self.tell_flags(&next, enabled, out);
        self.tell_new(&next, enabled, out);
        self.told = next;
        self.newest = newest;
    }

    fn tell_gone(
        &mut self,
        next: &mut FolderView,
        may_expunge: bool,
        enabled: Enabled,
        out: &mut Output,
    ) {
        let gone: Vec<usize> = (0..self.uids.len())
            .filter(|at| !next.messages.contains_key(&self.uids[*at]))
            .collect();
        self.has_gone = !may_expunge && !gone.is_empty();
        if self.has_gone {
            for at in gone {
                let uid = self.uids[at];
                if let Some(row) = self.told.messages.get(&uid) {
                    next.messages.insert_mut(uid, Arc::clone(row));
                }
            }
            return;
        }
        if enabled.qresync {
            let gone = runs(gone.iter().map(|at| self.uids[*at]));
            for part in gone.chunks(limits::IMAP_RANGES_PER_LINE_MAX) {
                out.text("* VANISHED ").set(part).end();
            }
        } else {
            for (told, at) in gone.iter().enumerate() {
                // Numbers shift down by one with each that was told.
                out.text("* ")
                    .number((at + 1 - told) as u64)
                    .text(" EXPUNGE")
                    .end();
            }
        }
        self.uids.retain(|uid| next.messages.contains_key(uid));
    }

    /// A mod-sequence that grew is told too, to those who know them: flags may have come and gone.
    fn tell_flags(&self, next: &FolderView, enabled: Enabled, out: &mut Output) {
        for (number, uid) in (1u32..).zip(&self.uids) {
            let (Some(old), Some(new)) = (self.row(*uid), next.messages.get(uid)) else {
                continue;
            };
            if Arc::ptr_eq(old, new) {
                continue;
            }
            if old.flags != new.flags {
                write_fetch(out, number, new, Some(&next.row.keywords), enabled);
            } else if enabled.condstore && old.modseq != new.modseq {
                write_fetch(out, number, new, None, enabled);
            }
        }
    }

    fn tell_new(&mut self, next: &FolderView, enabled: Enabled, out: &mut Output) {
        let known = self.uids.last().copied().unwrap_or(0);
        let before = self.uids.len();
        self.uids.extend(
            next.messages
                .range(known.saturating_add(1)..)
                .map(|(uid, _)| *uid),
        );
        if self.uids.len() > before {
            out.text("* ")
                .number(self.uids.len() as u64)
                .text(" EXISTS")
                .end();
            if !enabled.rev2 {
                out.text("* 0 RECENT").end();
            }
        }
    }
}

/// A set without `*`, as ascending ranges that do not touch; `None`: it has one.
pub fn known_ranges(set: &SequenceSet) -> Option<Vec<(u32, u32)>> {
    let value = |n: SeqOrUid| match n {
        SeqOrUid::Value(n) => Some(n.get()),
        SeqOrUid::Asterisk => None,
    };
    let range = |sequence: &Sequence| match *sequence {
        Sequence::Single(n) => Some((value(n)?, value(n)?)),
        Sequence::Range(a, b) => Some((value(a)?.min(value(b)?), value(a)?.max(value(b)?))),
    };
    set.0
        .as_ref()
        .iter()
        .map(range)
        .collect::<Option<_>>()
        .map(merged)
}

fn merged(mut ranges: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
    ranges.sort_unstable();
    let mut merged: Vec<(u32, u32)> = Vec::new();
    for (start, end) in ranges {
        match merged.last_mut() {
            Some(last) if start <= last.1.saturating_add(1) => last.1 = last.1.max(end),
            _ => merged.push((start, end)),
        }
    }
    merged
}

/// Whether ascending ranges hold `number`.
fn is_in(ranges: &[(u32, u32)], number: u32) -> bool {
    let at = ranges.partition_point(|(_, end)| *end < number);
    ranges.get(at).is_some_and(|(start, _)| *start <= number)
}

/// `* FLAGS (…)` with the folder's keywords.
pub fn write_flags(out: &mut Output, keywords: &[String]) {
    out.text("* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft");
    for keyword in keywords {
        out.text(" ").text(keyword);
    }
    out.text(")").end();
}

/// `* n FETCH (UID u FLAGS (…) MODSEQ (m))`: flags where `keywords` are given, the mod-sequence for those
/// who know it.
fn write_fetch(
    out: &mut Output,
    number: u32,
    row: &MessageRow,
    keywords: Option<&[String]>,
    enabled: Enabled,
) {
    out.text("* ")
        .number(number.into())
        .text(" FETCH (UID ")
        .number(row.uid.into());
    if let Some(keywords) = keywords {
        out.text(" FLAGS ").flags(row.flags, keywords);
    }
    if enabled.condstore {
        out.text(" MODSEQ (").number(row.modseq).text(")");
    }
    out.text(")").end();
}
