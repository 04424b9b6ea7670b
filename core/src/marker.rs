//! Marks messages for header search ([`crate::view::marks`]) behind the mail: a thread that is told which
//! mailboxes changed, reads the headers of what is new there, and has the marks published and written
//! behind. Mail never waits for it, and a search reads itself what is not marked yet. Messages of an
//! older store, and of views that were rebuilt, are marked the same way after the start. What the
//! certifier makes it marks at once, where the header is in memory.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::blob::{BlobError, BlobRef, BlobStore};
use crate::limits;
use crate::mailbox::{Content, MailboxId};
use crate::mime::fields;
use crate::state::Shared;
use crate::view::marks::Marks;
use crate::view::{FolderView, Row};

/// The marks of a message that begins with `text`; `None` where its header does not end there.
pub(crate) fn marks_of(text: &[u8]) -> Option<Marks> {
    let end = fields::header_end(text)?;
    Some(Marks::of(text.get(..end)?))
}

/// Marks of messages that the certifier has just made: it has their headers at hand, and the thread need
/// not read them. What does not fit is read.
#[derive(Default)]
pub(crate) struct Fresh(Mutex<HashMap<BlobRef, Marks>>);

impl Fresh {
    /// Of the message that is stored as the rope `blob`.
    pub(crate) fn note(&self, blob: BlobRef, marks: Marks) {
        let mut fresh = self.0.lock();
        if fresh.len() >= limits::MARKS_AT_HAND_MAX {
            fresh.clear();
        }
        fresh.insert(blob, marks);
    }

    fn of(&self, content: Content) -> Option<Marks> {
        match content {
            Content::Rope(blob) => self.0.lock().get(&blob).cloned(),
            Content::Whole(_) => None,
        }
    }
}

/// What the thread is told.
#[derive(Default)]
struct Told {
    changed: Mutex<Changed>,
    wake: Condvar,
}

#[derive(Default)]
struct Changed {
    mailboxes: BTreeSet<MailboxId>,
    is_stopping: bool,
}

/// The thread that marks.
pub(crate) struct Marker {
    told: Arc<Told>,
    thread: JoinHandle<()>,
}

impl Marker {
    /// Starts the thread; every mailbox counts as changed.
    pub(crate) fn spawn(shared: Arc<Shared>) -> std::io::Result<Self> {
        let told: Arc<Told> = Arc::default();
        let of_watcher = Arc::clone(&told);
        shared.view.watch(Arc::new(move |mailbox| {
            let mut changed = of_watcher.changed.lock();
            let is_first = changed.mailboxes.is_empty();
            changed.mailboxes.insert(mailbox);
            drop(changed);
            if is_first {
                of_watcher.wake.notify_one();
            }
        }));
        let all = shared.view.mailboxes().into_iter().map(|row| row.id);
        told.changed.lock().mailboxes.extend(all);
        let of_thread = Arc::clone(&told);
        let thread = std::thread::Builder::new()
            .name("marker".to_owned())
            .spawn(move || {
                // Mail comes first: refused, it is only slower.
                let this = Some(rustix::thread::gettid());
                let _ = rustix::process::setpriority_process(this, 10);
                while let Some(mailboxes) = of_thread.next() {
                    mark_all(&shared, &of_thread, &mailboxes);
                }
            })?;
        Ok(Self { told, thread })
    }

    /// Ends after the message under way; `false` when the thread had failed.
    pub(crate) fn stop(self) -> bool {
        self.told.changed.lock().is_stopping = true;
        self.told.wake.notify_one();
        self.thread.join().is_ok()
    }
}

impl Told {
    /// Waits for mailboxes that changed, and a little for more of them, since nobody waits for marks;
    /// `None`: the end.
    fn next(&self) -> Option<BTreeSet<MailboxId>> {
        let mut changed = self.changed.lock();
        while changed.mailboxes.is_empty() && !changed.is_stopping {
            self.wake.wait(&mut changed);
        }
        let until = Instant::now() + Duration::from_millis(limits::MARKS_GATHER_MS);
        while !changed.is_stopping {
            if self.wake.wait_until(&mut changed, until).timed_out() {
                break;
            }
        }
        (!changed.is_stopping).then(|| std::mem::take(&mut changed.mailboxes))
    }

    fn is_stopping(&self) -> bool {
        self.changed.lock().is_stopping
    }

    /// Lets the views be written; answers whether to go on.
    fn pause(&self) -> bool {
        let mut changed = self.changed.lock();
        let pause = Duration::from_millis(limits::MARKS_PAUSE_MS);
        if !changed.is_stopping {
            self.wake.wait_for(&mut changed, pause);
        }
        !changed.is_stopping
    }
}

fn mark_all(shared: &Shared, told: &Told, mailboxes: &BTreeSet<MailboxId>) {
    for &mailbox in mailboxes {
        for folder in shared.view.folders(mailbox) {
            mark_folder(shared, told, mailbox, &folder);
        }
    }
}

fn mark_folder(shared: &Shared, told: &Told, mailbox: MailboxId, folder: &FolderView) {
    let marked = shared.view.marks(mailbox, folder.id);
    let upto = marked.map_or(0, |marks| marks.read().upto());
    let mut is_changed = false;
    for (uid, row) in folder.messages.range(upto.saturating_add(1)..) {
        if told.is_stopping() {
            return;
        }
        let marks = shared.fresh_marks.of(row.content).unwrap_or_else(|| {
            let header = leading_header(&shared.blobs, row.content, row.size);
            header.map_or_else(|_| Marks::open(), |header| Marks::of(&header))
        });
        let row = Row::Marks(mailbox, folder.id, *uid, marks);
        shared.view.publish([row.clone()]);
        is_changed = true;
        // Kept for the next start; without that they are read again then.
        while !shared.keeps_marks(&row) {
            if !told.pause() {
                return;
            }
        }
    }
    let marked = shared.view.marks(mailbox, folder.id);
    if let Some(marks) = marked.filter(|_| is_changed) {
        let exists = |uid| folder.messages.contains_key(&uid);
        marks.write().prune(folder.messages.size(), exists);
    }
}

/// The header of a message, up to the bound that holds for every message.
fn leading_header(blobs: &BlobStore, content: Content, size: u64) -> Result<Vec<u8>, BlobError> {
    let rope = blobs.rope(content)?;
    let most = usize::try_from(size).map_or(limits::HEADER_BYTES_MAX, |size| {
        size.min(limits::HEADER_BYTES_MAX)
    });
    let (mut header, mut bookmark) = (Vec::new(), None);
    let mut next = limits::MARKS_READ_BYTES;
    while header.len() < most {
        let length = next.min(most - header.len());
        let read = rope.read_on(blobs, &mut bookmark, header.len() as u64, length)?;
        if read.is_empty() {
            break;
        }
        header.extend(read);
        if let Some(end) = fields::header_end(&header) {
            header.truncate(end);
            break;
        }
        next *= 2;
    }
    Ok(header)
}
