//! The published rows, in memory. Readers take short read locks and clone `Arc`s; a folder is an
//! immutable snapshot, so a session keeps the one it has told its client about.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, DefaultHasher, Hash};
use std::sync::Arc;

use parking_lot::RwLock;
use rpds::RedBlackTreeMapSync;

use super::gone::Gone;
use super::marks::FolderMarks;
use super::row::{AnswerRow, DeliveryRow, ErrandRow, FolderCounter, JourneyRow, RecipientKey, Row};
use crate::address::{Address, Domain};
use crate::instant::Instant;
use crate::journal::record::{Change, GivenUp, Placement, Received, SeenMark, SentRow, Submitted};
use crate::mailbox::{Flags, FolderId, FolderRow, MailboxId, MessageRow, SetAside, Uid};
use crate::message_id::Identifier;
use crate::queue::{DispatchKey, DispatchRow};
use crate::registry::{DomainRow, ForwardTargetRow, MailboxRow, ProviderRow};
use crate::task::{TaskKey, TaskRow};

/// A folder as it was at one moment.
#[derive(Debug, Clone)]
pub struct FolderView {
    /// Its number.
    pub id: FolderId,
    /// Name, UIDVALIDITY, keywords.
    pub row: FolderRow,
    /// UIDNEXT, HIGHESTMODSEQ.
    pub counter: FolderCounter,
    /// Messages by UID, in ascending order.
    pub messages: RedBlackTreeMapSync<Uid, Arc<MessageRow>>,
    /// Messages that went lately.
    pub gone: Gone,
    /// Removed messages that can be restored (AC-13), by the UID that they had; no client sees them.
    pub set_aside: RedBlackTreeMapSync<Uid, SetAside>,
}

#[derive(Debug, Default, Clone)]
struct Registry {
    provider: Option<Arc<ProviderRow>>,
    domains: BTreeMap<String, DomainRow>,
    mailboxes: BTreeMap<MailboxId, Arc<MailboxRow>>,
    addresses: HashMap<String, MailboxId>,
    history: BTreeMap<(MailboxId, u32), Change>,
}

#[derive(Debug, Default, Clone)]
struct Folders {
    folders: BTreeMap<FolderId, Arc<FolderView>>,
    /// Shared by all copies: what they say of a message never changes.
    marks: BTreeMap<FolderId, Arc<RwLock<FolderMarks>>>,
    usage: u64,
    warned: u8,
    last: LastFolder,
}

/// The highest that a mailbox's folders have had since the start, those that went included.
#[derive(Debug, Default, Clone, Copy)]
pub struct LastFolder {
    /// Number.
    pub number: u32,
    /// UIDVALIDITY.
    pub uid_validity: u32,
}

/// Rows of which nobody asks the order; it is the same in each run all the same. Their keys were drawn here: nobody
/// outside can choose them to meet in one place.
pub type Rows<K, V> = HashMap<K, Arc<V>, BuildHasherDefault<DefaultHasher>>;

/// Open work: what recovery finds and the certifier takes.
#[derive(Debug, Default, Clone)]
pub struct OpenWork {
    /// Taken in, to be certified.
    pub submissions: Rows<Identifier, Submitted>,
    /// Accepted, not at their legal end.
    pub journeys: Rows<Identifier, JourneyRow>,
    /// Owed to recipients.
    pub errands: BTreeMap<RecipientKey, ErrandRow>,
    /// Deliveries settled and not struck.
    pub deliveries: Rows<RecipientKey, DeliveryRow>,
    /// Receipts on their way to the sender's side.
    pub answers: Rows<RecipientKey, AnswerRow>,
    /// Messages of other servers that are owed an answer.
    pub arrivals: BTreeMap<Identifier, Arc<Received>>,
    /// Messages owed to mailboxes of ours.
    pub placements: BTreeMap<RecipientKey, Arc<Placement>>,
    /// The relay's queue.
    pub dispatches: BTreeMap<DispatchKey, Arc<DispatchRow>>,
    /// Entries given up, of which the sender is to be told.
    pub bounces: BTreeMap<DispatchKey, Arc<GivenUp>>,
    /// Messages sent in the last days (MX-07).
    pub sent: BTreeMap<Identifier, SentRow>,
    /// Arrivals seen in the last days (IP-18).
    pub seen: HashMap<SeenMark, Instant>,
    /// What operators have to look into.
    pub tasks: BTreeMap<TaskKey, Arc<TaskRow>>,
    /// Forward targets that fail, by [`Address::key`] (MX-09).
    pub forward_targets: BTreeMap<String, (Address, ForwardTargetRow)>,
}

impl OpenWork {
    /// Recipients of a message that are open, in the order of its forward path.
    pub fn errands_of<'a>(
        &'a self,
        identifier: &'a Identifier,
    ) -> impl Iterator<Item = (&'a RecipientKey, &'a ErrandRow)> {
        let first = RecipientKey {
            identifier: identifier.clone(),
            recipient: 0,
        };
        let of_message = move |(key, _): &(&RecipientKey, _)| key.identifier == *identifier;
        self.errands.range(first..).take_while(of_message)
    }
}

/// An entry of the relay's queue that changed; `None`: it is gone.
pub type DispatchChange<'a> = (&'a DispatchKey, Option<&'a DispatchRow>);

/// Called after publication with all entries of the relay's queue that changed together; must not block.
pub type DispatchWatcher = Arc<dyn Fn(&[DispatchChange<'_>]) + Send + Sync>;

/// Called after publication with each mailbox that changed; must not block.
pub type Watcher = Arc<dyn Fn(MailboxId) + Send + Sync>;

/// The published view.
#[derive(Default)]
pub struct View {
    registry: RwLock<Registry>,
    mailboxes: RwLock<HashMap<MailboxId, Arc<RwLock<Folders>>>>,
    work: RwLock<OpenWork>,
    watchers: RwLock<Vec<Watcher>>,
    dispatch_watchers: RwLock<Vec<DispatchWatcher>>,
}

impl View {
    /// The provider; `None` before `init` has set it.
    pub fn provider(&self) -> Option<Arc<ProviderRow>> {
        self.registry.read().provider.clone()
    }

    /// A domain of ours.
    pub fn domain(&self, domain: &Domain) -> Option<DomainRow> {
        self.registry.read().domains.get(domain.as_str()).cloned()
    }

    /// All domains of ours, by name.
    pub fn domains(&self) -> Vec<(String, DomainRow)> {
        let registry = self.registry.read();
        registry
            .domains
            .iter()
            .map(|(name, row)| (name.clone(), row.clone()))
            .collect()
    }

    /// A mailbox by number.
    pub fn mailbox(&self, id: MailboxId) -> Option<Arc<MailboxRow>> {
        self.registry.read().mailboxes.get(&id).cloned()
    }

    /// A mailbox by address, without regard to case; closed ones too.
    pub fn mailbox_of(&self, address: &Address) -> Option<Arc<MailboxRow>> {
        let registry = self.registry.read();
        let id = registry.addresses.get(&address.key())?;
        registry.mailboxes.get(id).cloned()
    }

    /// All mailboxes, by number.
    pub fn mailboxes(&self) -> Vec<Arc<MailboxRow>> {
        self.registry.read().mailboxes.values().cloned().collect()
    }

    /// The highest number that a mailbox has.
    pub fn last_mailbox(&self) -> Option<MailboxId> {
        self.registry
            .read()
            .mailboxes
            .last_key_value()
            .map(|(id, _)| *id)
    }

    /// The history of a mailbox, oldest first (AC-09).
    pub fn history(&self, id: MailboxId) -> Vec<Change> {
        let registry = self.registry.read();
        registry
            .history
            .range((id, 0)..=(id, u32::MAX))
            .map(|(_, c)| c.clone())
            .collect()
    }

    /// The folders of a mailbox, by number.
    pub fn folders(&self, id: MailboxId) -> Vec<Arc<FolderView>> {
        let Some(folders) = self.folders_of(id) else {
            return Vec::new();
        };
        let folders = folders.read();
        folders.folders.values().cloned().collect()
    }

    /// One folder.
    pub fn folder(&self, id: MailboxId, folder: FolderId) -> Option<Arc<FolderView>> {
        self.folders_of(id)?.read().folders.get(&folder).cloned()
    }

    /// What header search knows of a folder's messages; `None` before the first is marked.
    pub fn marks(&self, id: MailboxId, folder: FolderId) -> Option<Arc<RwLock<FolderMarks>>> {
        self.folders_of(id)?.read().marks.get(&folder).cloned()
    }

    /// What a new folder of the mailbox must be above of: sessions and clients remember those that went.
    pub fn last_folder(&self, id: MailboxId) -> LastFolder {
        let folders = self.folders_of(id);
        folders.map_or_else(LastFolder::default, |folders| folders.read().last)
    }

    /// Mailboxes that keep removed messages since before `term` (AC-13), by number.
    pub fn mailboxes_keeping_past(&self, term: Instant) -> Vec<MailboxId> {
        let mailboxes = self.mailboxes.read();
        let is_past = |folder: &Arc<FolderView>| folder.set_aside.values().any(|m| m.at < term);
        let mut found: Vec<MailboxId> = mailboxes
            .iter()
            .filter(|(_, folders)| folders.read().folders.values().any(is_past))
            .map(|(id, _)| *id)
            .collect();
        found.sort_unstable();
        found
    }

    /// Octets used in a mailbox.
    pub fn usage(&self, id: MailboxId) -> u64 {
        self.folders_of(id)
            .map_or(0, |folders| folders.read().usage)
    }

    /// Of how many thresholds of its capacity the holder was warned ([`crate::mailbox::quota`]).
    pub fn warned(&self, id: MailboxId) -> u8 {
        self.folders_of(id)
            .map_or(0, |folders| folders.read().warned)
    }

    /// Looks at the open work under a read lock; `look` must be short.
    pub fn with_work<T>(&self, look: impl FnOnce(&OpenWork) -> T) -> T {
        look(&self.work.read())
    }

    /// A copy that goes its own way, sharing rows with this one; nobody watches it.
    pub fn copy(&self) -> Self {
        let registry = self.registry.read().clone();
        let mailboxes = self.mailboxes.read();
        let copies = mailboxes.iter().map(|(id, folders)| {
            let folders = folders.read().clone();
            (*id, Arc::new(RwLock::new(folders)))
        });
        let mailboxes = RwLock::new(copies.collect());
        let work = RwLock::new(self.work.read().clone());
        Self {
            registry: RwLock::new(registry),
            mailboxes,
            work,
            watchers: RwLock::default(),
            dispatch_watchers: RwLock::default(),
        }
    }

    /// What went before now is not known: the rows came from files that hold only what is there.
    pub(crate) fn forget_gone(&self) {
        for folders in self.mailboxes.read().values() {
            for folder in folders.write().folders.values_mut() {
                let folder = Arc::make_mut(folder);
                folder.gone.forget(folder.counter.highest_modseq);
            }
        }
    }

    /// From now on `watcher` is told of each mailbox that changes.
    pub fn watch(&self, watcher: Watcher) {
        self.watchers.write().push(watcher);
    }

    /// From now on `watcher` is told of the entries of the relay's queue that change.
    pub fn watch_dispatches(&self, watcher: DispatchWatcher) {
        self.dispatch_watchers.write().push(watcher);
    }

    /// Tells the watchers of the relay's queue what `rows` change in it.
    pub(crate) fn tell_dispatches(&self, rows: &[Row]) {
        let changes: Vec<DispatchChange<'_>> = rows
            .iter()
            .filter_map(|row| match row {
                Row::Dispatch(key, row) => Some((key, row.as_deref())),
                _ => None,
            })
            .collect();
        if !changes.is_empty() {
            let watchers = self.dispatch_watchers.read();
            watchers.iter().for_each(|tell| tell(&changes));
        }
    }

    /// Makes rows visible, then tells the watchers. Called by recovery and by the loader of the views,
    /// in the order of the journal.
    pub fn publish(&self, rows: impl IntoIterator<Item = Row>) {
        let changed = self.put_all(rows);
        self.tell(&changed);
    }

    /// Makes rows visible; answers the mailboxes that changed. Called by the owner after the commit.
    pub(crate) fn put_all(&self, rows: impl IntoIterator<Item = Row>) -> Vec<MailboxId> {
        let mut changed = Vec::new();
        for row in rows {
            if let Some(mailbox) = self.put(row)
                && changed.last() != Some(&mailbox)
            {
                changed.push(mailbox);
            }
        }
        changed.sort_unstable();
        changed.dedup();
        changed
    }

    /// Tells the watchers of mailboxes that changed.
    pub(crate) fn tell(&self, changed: &[MailboxId]) {
        let watchers = self.watchers.read();
        for &mailbox in changed {
            watchers.iter().for_each(|watcher| watcher(mailbox));
        }
    }

    fn folders_of(&self, id: MailboxId) -> Option<Arc<RwLock<Folders>>> {
        self.mailboxes.read().get(&id).cloned()
    }

    /// Puts one row; answers the mailbox that it changed.
    fn put(&self, row: Row) -> Option<MailboxId> {
        match row {
            Row::Provider(row) => self.registry.write().provider = Some(Arc::new(row)),
            Row::Domain(name, Some(row)) => {
                self.registry
                    .write()
                    .domains
                    .insert(name.as_str().to_owned(), row);
            }
            Row::Domain(name, None) => {
                self.registry.write().domains.remove(name.as_str());
            }
            Row::Mailbox(row) => {
                let mut registry = self.registry.write();
                let id = row.id;
                registry.addresses.insert(row.address.key(), id);
                registry.mailboxes.insert(id, row);
                // Sessions ask whether they may stay (AC-14).
                return Some(id);
            }
            Row::History(id, number, change) => {
                self.registry.write().history.insert((id, number), change);
            }
            Row::Submission(id, row) => {
                set_row(&mut self.work.write().submissions, id, row);
            }
            Row::Journey(id, row) => set_row(&mut self.work.write().journeys, id, row),
            Row::Errand(key, row) => set(&mut self.work.write().errands, key, row),
            Row::Delivery(key, row) => {
                set_row(&mut self.work.write().deliveries, key, row);
            }
            Row::Answer(key, row) => set_row(&mut self.work.write().answers, key, row),
            Row::Arrival(id, row) => set(&mut self.work.write().arrivals, id, row),
            Row::Placement(key, row) => {
                set(&mut self.work.write().placements, key, row);
            }
            Row::Dispatch(key, row) => {
                set(&mut self.work.write().dispatches, key, row);
            }
            Row::Bounce(key, row) => set(&mut self.work.write().bounces, key, row),
            Row::Sent(id, row) => set(&mut self.work.write().sent, id, row),
            Row::Seen(mark, Some(at)) => {
                self.work.write().seen.insert(mark, at);
            }
            Row::Seen(mark, None) => {
                self.work.write().seen.remove(&mark);
            }
            Row::Task(key, row) => set(&mut self.work.write().tasks, key, row),
            Row::ForwardTarget(target, row) => {
                let targets = &mut self.work.write().forward_targets;
                set(targets, target.key(), row.map(|row| (target, row)));
            }
            Row::Folder(id, folder, row) => return self.change(id, |f| f.set_folder(folder, row)),
            Row::Counter(id, folder, counter) => {
                return self.change(id, |f| f.edit(folder, |view| view.counter = counter));
            }
            Row::Modseq(id, folder, modseq) => {
                let set = |view: &mut FolderView| view.counter.highest_modseq = modseq;
                return self.change(id, |f| f.edit(folder, set));
            }
            Row::Message(id, folder, row) => {
                let uid = row.uid;
                return self.change(id, |f| f.edit(folder, |v| v.messages.insert_mut(uid, row)));
            }
            Row::Flags(id, folder, change, modseq) => {
                return self.change(id, |f| f.edit(folder, |view| view.reflag(change, modseq)));
            }
            Row::Gone(id, folder, uid, modseq) => {
                return self.change(id, |f| f.edit(folder, |view| view.remove(uid, modseq)));
            }
            Row::Warned(id, level) => return self.change(id, |f| f.warned = level),
            // No session is told: nothing of what they see changes.
            Row::Marks(id, folder, uid, marks) => {
                self.change(id, |f| f.mark(folder, uid, &marks));
            }
            Row::SetAside(id, folder, uid, (at, modseq)) => {
                return self.change(id, |f| {
                    f.edit(folder, |view| view.put_aside(uid, at, modseq))
                });
            }
            Row::Usage(id, usage) => return self.change(id, |f| f.usage = usage),
        }
        None
    }

    fn change(&self, id: MailboxId, edit: impl FnOnce(&mut Folders)) -> Option<MailboxId> {
        let folders = match self.folders_of(id) {
            Some(folders) => folders,
            None => self.mailboxes.write().entry(id).or_default().clone(),
        };
        edit(&mut folders.write());
        Some(id)
    }
}

impl Folders {
    fn set_folder(&mut self, id: FolderId, row: Option<FolderRow>) {
        let validity = row.as_ref().map_or(0, |row| row.uid_validity);
        self.last.number = self.last.number.max(id.0);
        self.last.uid_validity = self.last.uid_validity.max(validity);
        let Some(row) = row else {
            self.folders.remove(&id);
            self.marks.remove(&id);
            return;
        };
        match self.folders.get_mut(&id) {
            Some(view) => Arc::make_mut(view).row = row,
            None => {
                let messages = RedBlackTreeMapSync::new_sync();
                let view = FolderView {
                    id,
                    row,
                    counter: FolderCounter::default(),
                    messages,
                    gone: Gone::default(),
                    set_aside: RedBlackTreeMapSync::new_sync(),
                };
                self.folders.insert(id, Arc::new(view));
            }
        }
    }

    fn mark(&mut self, id: FolderId, uid: Uid, marks: &super::marks::Marks) {
        if self.folders.contains_key(&id) {
            self.marks.entry(id).or_default().write().put(uid, marks);
        }
    }

    fn edit<T>(&mut self, id: FolderId, edit: impl FnOnce(&mut FolderView) -> T) {
        if let Some(view) = self.folders.get_mut(&id) {
            edit(Arc::make_mut(view));
        }
    }
}

impl FolderView {
    fn remove(&mut self, uid: Uid, modseq: u64) {
        if self.messages.remove_mut(&uid) {
            self.gone.note(uid, modseq);
        }
        self.set_aside.remove_mut(&uid);
    }

    /// For clients it is gone.
    fn put_aside(&mut self, uid: Uid, at: Instant, modseq: u64) {
        if let Some(row) = self.messages.get(&uid) {
            let row = Arc::clone(row);
            self.set_aside.insert_mut(uid, SetAside { row, at });
            self.messages.remove_mut(&uid);
            self.gone.note(uid, modseq);
        }
    }

    fn reflag(&mut self, change: crate::journal::record::FlagChange, modseq: u64) {
        if let Some(row) = self.messages.get(&change.uid) {
            let row = MessageRow {
                flags: Flags(change.flags),
                modseq,
                ..(**row).clone()
            };
            self.messages.insert_mut(change.uid, Arc::new(row));
        }
    }
}

fn set_row<K: Eq + Hash, V>(rows: &mut Rows<K, V>, key: K, row: Option<Arc<V>>) {
    match row {
        Some(row) => {
            rows.insert(key, row);
        }
        None => {
            rows.remove(&key);
        }
    }
}

fn set<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) {
    match value {
        Some(value) => {
            map.insert(key, value);
        }
        None => {
            map.remove(&key);
        }
    }
}
