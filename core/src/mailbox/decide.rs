//! A holder's orders about folders and messages, decided against the newest state: each ends in
//! records with final values, or in an error that changes nothing.

use crate::instant::Instant;
use crate::journal::record::{
    Appended, Expunged, Filing, FlagChange, Flagged, FolderChanged, Record,
};
use crate::limits;
use crate::mailbox::{
    Content, FlagAction, FlagName, Flags, FolderId, FolderRow, MailboxId, MessageRow, SpecialUse,
    Uid,
};
use crate::owner::{CommandError, MailboxOrder, Outcome};
use crate::view::{FolderView, View};

/// What an order leads to: records of the mailbox's partition, and the answer once they are durable.
pub type Decided = Result<(Vec<Record>, Outcome), CommandError>;

/// Which removals can be undone for a term (AC-13).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keeping {
    /// What POP3 deletes.
    pub removed: bool,
    /// What IMAP expunges.
    pub expunged: bool,
}

/// [`decide_keeping`] where all that is removed is gone.
pub fn decide(newest: &View, mailbox: MailboxId, order: MailboxOrder, now: Instant) -> Decided {
    decide_keeping(newest, mailbox, order, now, Keeping::default())
}

/// Decides `order` of the holder of `mailbox`.
pub fn decide_keeping(
    newest: &View,
    mailbox: MailboxId,
    order: MailboxOrder,
    now: Instant,
    keeping: Keeping,
) -> Decided {
    let desk = Desk {
        newest,
        mailbox,
        now,
    };
    let kept = |keeps: bool| keeps.then_some(now);
    match order {
        MailboxOrder::Append {
            folder,
            flags,
            internal_date,
            content,
            size,
        } => desk.append(folder, &flags, internal_date.unwrap_or(now), *content, size),
        MailboxOrder::Copy {
            folder,
            uids,
            target,
            remove,
        } => desk.copy(folder, &uids, target, remove),
        MailboxOrder::Flag {
            folder,
            uids,
            action,
            flags,
            unchanged_since,
        } => desk.flag(folder, &uids, action, &flags, unchanged_since),
        MailboxOrder::Expunge { folder, uids } => {
            desk.expunge(folder, uids, kept(keeping.expunged))
        }
        MailboxOrder::Remove { folder, uids } => desk.remove(folder, &uids, kept(keeping.removed)),
        MailboxOrder::Restore { messages, author } => desk.restore(messages, &author),
        MailboxOrder::Purge { before } => Ok(desk.purge(before)),
        MailboxOrder::CreateFolder { name, special_use } => desk.create(&name, special_use),
        MailboxOrder::RenameFolder { folder, name } => desk.rename(folder, &name),
        MailboxOrder::DeleteFolder(folder) => desk.delete(folder),
        MailboxOrder::Subscribe(folder, on) => desk.subscribe(folder, on),
        MailboxOrder::UnsubscribeName(name) => desk.unsubscribe_name(&name),
    }
}

/// The folders of a new mailbox; part of the record of its birth, so that one record makes both.
pub fn birth_folders(created: Instant) -> Vec<(FolderId, FolderRow)> {
    let usual = [
        ("INBOX", None),
        ("Sent", Some(SpecialUse::Sent)),
        ("Drafts", Some(SpecialUse::Drafts)),
        ("Trash", Some(SpecialUse::Trash)),
        ("Junk", Some(SpecialUse::Junk)),
    ];
    (1..)
        .zip(usual)
        .map(|(id, (name, use_))| (FolderId(id), row(name, created, use_)))
        .collect()
}

/// A place for a new message at the end of a folder; `usage` is the mailbox's before it.
pub fn filing_after(
    folder: &FolderView,
    mailbox: MailboxId,
    usage: u64,
    (content, size): (Content, u64),
    (flags, internal_date): (Flags, Instant),
    now: Instant,
) -> Filing {
    Filing {
        mailbox,
        folder: folder.id,
        uid: folder.counter.uid_next,
        modseq: folder.counter.highest_modseq + 1,
        flags: flags.0,
        content,
        size,
        internal_date,
        usage: usage.saturating_add(size),
        saved: Some(now),
    }
}

pub(super) struct Desk<'a> {
    pub(super) newest: &'a View,
    pub(super) mailbox: MailboxId,
    pub(super) now: Instant,
}

impl Desk<'_> {
    pub(super) fn folder(&self, id: FolderId) -> Result<std::sync::Arc<FolderView>, CommandError> {
        let found = self.newest.folder(self.mailbox, id);
        found.ok_or_else(|| CommandError::NotFound("the folder".to_owned()))
    }

    pub(super) fn has_room(&self, more: u64) -> Result<u64, CommandError> {
        let usage = self.newest.usage(self.mailbox);
        let quota = self.newest.mailbox(self.mailbox).map_or(0, |row| row.quota);
        if usage.saturating_add(more) > quota {
            Err(CommandError::OverQuota)
        } else {
            Ok(usage)
        }
    }

    fn append(
        &self,
        folder: FolderId,
        flags: &[FlagName],
        internal_date: Instant,
        content: Content,
        size: u64,
    ) -> Decided {
        let view = self.folder(folder)?;
        let usage = self.has_room(size)?;
        let (flags, keywords) = bits(&view.row, flags)?;
        let filing = filing_after(
            &view,
            self.mailbox,
            usage,
            (content, size),
            (flags, internal_date),
            self.now,
        );
        let outcome = Outcome::Appended(view.row.uid_validity, filing.uid);
        let mut records = self.keyword_record(&view, keywords);
        records.push(Appended { filing }.into());
        Ok((records, outcome))
    }

    fn copy(&self, folder: FolderId, uids: &[Uid], target: FolderId, remove: bool) -> Decided {
        let (source, goal) = (self.folder(folder)?, self.folder(target)?);
        let found: Vec<&MessageRow> = uids
            .iter()
            .filter_map(|uid| source.messages.get(uid))
            .map(|row| &**row)
            .collect();
        copyable(found.len())?;
        let octets: u64 = found.iter().map(|row| row.size).sum();
        let mut usage = self.newest.usage(self.mailbox);
        if !remove {
            usage = self.has_room(octets)?;
        }
        let (mut records, table) = self.copied_keywords(&source, &goal, &found)?;
        let mut pairs = Vec::with_capacity(found.len());
        let mut end = (*goal).clone();
        for row in &found {
            let flags = translate(row.flags, &source.row, &table);
            let place = (row.content, row.size);
            let state = (flags, row.internal_date);
            let filing = filing_after(&end, self.mailbox, usage, place, state, self.now);
            usage = filing.usage;
            end.counter.uid_next = filing.uid + 1;
            end.counter.highest_modseq = filing.modseq;
            pairs.push((row.uid, filing.uid));
            records.push(Appended { filing }.into());
        }
        if remove {
            // A move within one folder goes on from the counter that its own copies left.
            let from = if folder == target { &end } else { &*source };
            records.extend(self.removal(from, &found, usage, None));
        }
        Ok((records, Outcome::Copied(goal.row.uid_validity, pairs)))
    }

    /// The keyword table that the target folder needs for these messages, with its record.
    fn copied_keywords(
        &self,
        source: &FolderView,
        goal: &FolderView,
        found: &[&MessageRow],
    ) -> Result<(Vec<Record>, Vec<String>), CommandError> {
        let used = found
            .iter()
            .fold(Flags::default(), |all, row| all.with(row.flags));
        let names: Vec<FlagName> = keyword_names(used, &source.row)
            .map(|k| FlagName::Keyword(k.to_owned()))
            .collect();
        let (_, keywords) = bits(&goal.row, &names)?;
        let table = keywords
            .clone()
            .unwrap_or_else(|| goal.row.keywords.clone());
        Ok((self.keyword_record(goal, keywords), table))
    }

    fn flag(
        &self,
        folder: FolderId,
        uids: &[Uid],
        action: FlagAction,
        names: &[FlagName],
        unchanged_since: Option<u64>,
    ) -> Decided {
        let view = self.folder(folder)?;
        // What no message has cannot be taken from one: the folder learns no word by it.
        let is_known = |name: &&FlagName| match name {
            FlagName::System(_) => true,
            FlagName::Keyword(word) => {
                let mut known = view.row.keywords.iter();
                action != FlagAction::Remove || known.any(|k| k.eq_ignore_ascii_case(word))
            }
        };
        let names: Vec<FlagName> = names.iter().filter(is_known).cloned().collect();
        let (given, keywords) = bits(&view.row, &names)?;
        let (mut changes, mut done, mut left) = (Vec::new(), Vec::new(), Vec::new());
        for row in uids.iter().filter_map(|uid| view.messages.get(uid)) {
            if unchanged_since.is_some_and(|since| row.modseq > since) {
                left.push(row.uid);
                continue;
            }
            let flags = match action {
                FlagAction::Replace => given,
                FlagAction::Add => row.flags.with(given),
                FlagAction::Remove => row.flags.without(given),
            };
            done.push(row.uid);
            if flags != row.flags {
                changes.push(FlagChange {
                    uid: row.uid,
                    flags: flags.0,
                });
            }
        }
        let mut records = self.keyword_record(&view, keywords);
        let modseqs = view.counter.highest_modseq + 1..;
        for (modseq, part) in modseqs.zip(changes.chunks(limits::UIDS_PER_RECORD_MAX)) {
            let changes = part.to_vec();
            records.push(
                Flagged {
                    mailbox: self.mailbox,
                    folder,
                    modseq,
                    changes,
                }
                .into(),
            );
        }
        Ok((records, Outcome::Flagged(done, left)))
    }

    fn expunge(&self, folder: FolderId, uids: Option<Vec<Uid>>, kept: Option<Instant>) -> Decided {
        let view = self.folder(folder)?;
        let is_deleted = |row: &&MessageRow| row.flags.contains(Flags::DELETED);
        let rows: Vec<&MessageRow> = match &uids {
            Some(uids) => uids
                .iter()
                .filter_map(|uid| view.messages.get(uid))
                .map(|row| &**row)
                .filter(is_deleted)
                .collect(),
            None => view
                .messages
                .values()
                .map(|row| &**row)
                .filter(is_deleted)
                .collect(),
        };
        let gone = rows.iter().map(|row| row.uid).collect();
        let usage = self.newest.usage(self.mailbox);
        let records = self.removal(&view, &rows, usage, kept);
        Ok((records, Outcome::Expunged(gone)))
    }

    /// Each record counts the room of its own messages, so that each is true by itself.
    pub(super) fn removal(
        &self,
        folder: &FolderView,
        gone: &[&MessageRow],
        mut usage: u64,
        kept: Option<Instant>,
    ) -> Vec<Record> {
        let modseqs = folder.counter.highest_modseq + 1..;
        let parts = gone.chunks(limits::UIDS_PER_RECORD_MAX);
        let record = |(modseq, part): (u64, &[&MessageRow])| {
            let uids = part.iter().map(|row| row.uid).collect();
            let octets = part.iter().map(|row| row.size).sum();
            usage = usage.saturating_sub(octets);
            Expunged {
                mailbox: self.mailbox,
                folder: folder.id,
                modseq,
                uids,
                usage,
                kept,
            }
            .into()
        };
        modseqs.zip(parts).map(record).collect()
    }

    fn create(&self, name: &str, special_use: Option<SpecialUse>) -> Decided {
        let name = folder_name(name)?;
        let folders = self.newest.folders(self.mailbox);
        if folders.iter().any(|f| same_name(&f.row.name, &name)) {
            return Err(CommandError::Exists(format!("the folder {name}")));
        }
        if folders.len() >= limits::FOLDERS_PER_MAILBOX_MAX {
            return Err(CommandError::Refused(
                "the mailbox has all the folders it may".to_owned(),
            ));
        }
        let last = self.newest.last_folder(self.mailbox);
        let (Some(number), Some(validity)) =
            (last.number.checked_add(1), last.uid_validity.checked_add(1))
        else {
            return Err(CommandError::Refused("no number is left".to_owned()));
        };
        let id = FolderId(number);
        let mut made = row(&name, self.now, special_use);
        made.uid_validity = made.uid_validity.max(validity);
        let mut records = vec![self.folder_record(id, Some(made), None)];
        // Subscribed as any new folder is: the name needs no other keeping.
        records.extend(self.subscribed_name(&name, false));
        Ok((records, Outcome::Folder(id)))
    }

    /// A name without a folder is put on the list of subscribed ones, or taken off it; `None`: nothing
    /// changes. The oldest go when the list is full.
    fn subscribed_name(&self, name: &str, on: bool) -> Option<Record> {
        let inbox = self.newest.folder(self.mailbox, FolderId::INBOX)?;
        let mut row = inbox.row.clone();
        let names = &mut row.subscribed_names;
        let before = names.len();
        names.retain(|known| !same_name(known, name));
        if on {
            names.push(name.to_owned());
            let over = names.len().saturating_sub(limits::SUBSCRIBED_NAMES_MAX);
            names.drain(..over);
        }
        let changes = on || names.len() < before;
        changes.then(|| self.folder_record(FolderId::INBOX, Some(row), None))
    }

    /// UNSUBSCRIBE of a name whose folder is gone.
    fn unsubscribe_name(&self, name: &str) -> Decided {
        let records: Vec<Record> = self.subscribed_name(name, false).into_iter().collect();
        let outcome = match records.is_empty() {
            true => Outcome::Already,
            false => Outcome::Done,
        };
        Ok((records, outcome))
    }

    fn rename(&self, folder: FolderId, name: &str) -> Decided {
        let view = self.folder(folder)?;
        let name = folder_name(name)?;
        if folder == FolderId::INBOX {
            return self.move_out_of_inbox(&name);
        }
        let folders = self.newest.folders(self.mailbox);
        if folders.iter().any(|f| same_name(&f.row.name, &name)) {
            return Err(CommandError::Exists(format!("the folder {name}")));
        }
        let below = format!("{}/", view.row.name);
        if name.starts_with(&below) {
            return Err(CommandError::Refused(
                "a folder cannot move below itself".to_owned(),
            ));
        }
        let mut records = Vec::new();
        for other in &folders {
            let renamed = if other.id == folder {
                name.clone()
            } else if let Some(rest) = other.row.name.strip_prefix(&below) {
                format!("{name}/{rest}")
            } else {
                continue;
            };
            let row = FolderRow {
                name: renamed,
                ..other.row.clone()
            };
            records.push(self.folder_record(other.id, Some(row), None));
        }
        records.extend(self.subscribed_name(&name, false));
        Ok((records, Outcome::Done))
    }

    /// RFC 9051 §6.3.6: renaming INBOX makes the folder and moves the messages; INBOX stays.
    fn move_out_of_inbox(&self, name: &str) -> Decided {
        let (mut records, outcome) = self.create(name, None)?;
        let Outcome::Folder(target) = outcome else {
            return Ok((records, outcome));
        };
        let inbox = self.folder(FolderId::INBOX)?;
        if let Some(Record::FolderChanged(made)) = records.first()
            && let Some(row) = made.row.clone()
        {
            let counter = crate::view::row::FolderCounter::default();
            let messages = rpds::RedBlackTreeMapSync::new_sync();
            let mut end = FolderView {
                id: target,
                row,
                counter,
                messages,
                gone: crate::view::Gone::default(),
                set_aside: rpds::RedBlackTreeMapSync::new_sync(),
            };
            copyable(inbox.messages.size())?;
            let mut usage = self.newest.usage(self.mailbox);
            let mut keywords = end.row.clone();
            keywords.keywords.clone_from(&inbox.row.keywords);
            records = vec![self.folder_record(target, Some(keywords), None)];
            records.extend(self.subscribed_name(name, false));
            for row in inbox.messages.values() {
                let place = (row.content, row.size);
                let state = (row.flags, row.internal_date);
                let filing = filing_after(&end, self.mailbox, usage, place, state, self.now);
                usage = filing.usage;
                end.counter.uid_next = filing.uid + 1;
                end.counter.highest_modseq = filing.modseq;
                records.push(Appended { filing }.into());
            }
            let gone: Vec<&MessageRow> = inbox.messages.values().map(|row| &**row).collect();
            records.extend(self.removal(&inbox, &gone, usage, None));
        }
        Ok((records, Outcome::Folder(target)))
    }

    fn delete(&self, folder: FolderId) -> Decided {
        let view = self.folder(folder)?;
        if folder == FolderId::INBOX {
            return Err(CommandError::Refused("INBOX cannot be removed".to_owned()));
        }
        let below = format!("{}/", view.row.name);
        if self
            .newest
            .folders(self.mailbox)
            .iter()
            .any(|f| f.row.name.starts_with(&below))
        {
            return Err(CommandError::Refused(
                "the folder has folders below it".to_owned(),
            ));
        }
        let octets: u64 = view.messages.values().map(|row| row.size).sum();
        let usage = self.newest.usage(self.mailbox).saturating_sub(octets);
        let mut records = vec![self.folder_record(folder, None, Some(usage))];
        if view.row.subscribed {
            records.extend(self.subscribed_name(&view.row.name, true));
        }
        Ok((records, Outcome::Done))
    }

    fn subscribe(&self, folder: FolderId, on: bool) -> Decided {
        let view = self.folder(folder)?;
        if view.row.subscribed == on {
            return Ok((Vec::new(), Outcome::Already));
        }
        let row = FolderRow {
            subscribed: on,
            ..view.row.clone()
        };
        Ok((
            vec![self.folder_record(folder, Some(row), None)],
            Outcome::Done,
        ))
    }

    fn keyword_record(&self, folder: &FolderView, keywords: Option<Vec<String>>) -> Vec<Record> {
        let record = |keywords| {
            let row = FolderRow {
                keywords,
                ..folder.row.clone()
            };
            self.folder_record(folder.id, Some(row), None)
        };
        keywords.map(record).into_iter().collect()
    }

    fn folder_record(&self, id: FolderId, row: Option<FolderRow>, usage: Option<u64>) -> Record {
        FolderChanged {
            mailbox: self.mailbox,
            folder: id,
            row,
            usage,
        }
        .into()
    }
}

/// COPY and MOVE are whole or not at all (RFC 9051 §6.4.7, RFC 6851 §3.3): their records go into one
/// group of the journal.
fn copyable(messages: usize) -> Result<(), CommandError> {
    match messages <= limits::MESSAGES_PER_COPY_MAX {
        true => Ok(()),
        false => Err(CommandError::TooMany(limits::MESSAGES_PER_COPY_MAX)),
    }
}

/// The bits of `names` in this folder, and its keyword table when it has to grow.
fn bits(row: &FolderRow, names: &[FlagName]) -> Result<(Flags, Option<Vec<String>>), CommandError> {
    let mut table = row.keywords.clone();
    let mut flags = Flags::default();
    for name in names {
        let word = match name {
            FlagName::System(bits) => {
                flags = flags.with(*bits);
                continue;
            }
            FlagName::Keyword(word) => word,
        };
        let known = table.iter().position(|k| k.eq_ignore_ascii_case(word));
        let index = known.unwrap_or(table.len());
        if index >= limits::KEYWORDS_PER_FOLDER_MAX {
            return Err(CommandError::Refused(
                "the folder has all the keywords it may".to_owned(),
            ));
        }
        if known.is_none() {
            if word.len() > limits::KEYWORD_BYTES_MAX {
                return Err(CommandError::Refused("the keyword is too long".to_owned()));
            }
            table.push(word.clone());
        }
        flags = flags.with(Flags::keyword(u32::try_from(index).unwrap_or(0)));
    }
    let grown = table.len() > row.keywords.len();
    Ok((flags, grown.then_some(table)))
}

fn keyword_names(flags: Flags, row: &FolderRow) -> impl Iterator<Item = &str> {
    let named = (0..).zip(&row.keywords);
    named
        .filter(move |(i, _)| flags.contains(Flags::keyword(*i)))
        .map(|(_, k)| k.as_str())
}

/// Flag bits of one folder in terms of another folder's keyword table.
fn translate(flags: Flags, from: &FolderRow, table: &[String]) -> Flags {
    let system = Flags(flags.0 & ((1 << Flags::FIRST_KEYWORD) - 1));
    keyword_names(flags, from).fold(system, |all, word| {
        match (0..).zip(table).find(|(_, k)| k.eq_ignore_ascii_case(word)) {
            Some((index, _)) => all.with(Flags::keyword(index)),
            None => all,
        }
    })
}

fn row(name: &str, now: Instant, special_use: Option<SpecialUse>) -> FolderRow {
    // Tenths of a second since 2025: grows, and lasts 13 years in 32 bits.
    let tenths = (now.as_millis() - 1_735_689_600_000).max(100) / 100;
    FolderRow {
        name: name.to_owned(),
        uid_validity: u32::try_from(tenths).unwrap_or(u32::MAX - 1_000_000),
        subscribed: true,
        special_use,
        keywords: Vec::new(),
        subscribed_names: Vec::new(),
    }
}

fn same_name(a: &str, b: &str) -> bool {
    a == b || (a.eq_ignore_ascii_case("INBOX") && b.eq_ignore_ascii_case("INBOX"))
}

fn folder_name(name: &str) -> Result<String, CommandError> {
    let name = name.trim_end_matches('/');
    let levels_are_named = name.split('/').all(|level| !level.is_empty());
    if name.len() > limits::FOLDER_NAME_BYTES_MAX
        || !levels_are_named
        || name.chars().any(char::is_control)
    {
        return Err(CommandError::Refused(
            "the name cannot be a folder's".to_owned(),
        ));
    }
    Ok(name.to_owned())
}
