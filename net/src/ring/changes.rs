//! Which mailboxes changed, told across threads as a *set* per ring with one wake (see *Threads*): the
//! owner's thread puts a number into the set, the ring wakes those of its sessions that watch it.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering, fence};

use ceralacca_core::mailbox::MailboxId;
use ceralacca_core::view::View;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// The owner's side: shared between threads.
#[derive(Default)]
struct Changed {
    mailboxes: Mutex<HashSet<MailboxId>>,
    wake: Notify,
    /// Watching sessions: without any, the owner does nothing.
    watching: AtomicUsize,
}

type Sessions = Rc<RefCell<HashMap<MailboxId, Vec<Rc<Notify>>>>>;

/// The ring's side.
pub(crate) struct Changes {
    changed: Arc<Changed>,
    sessions: Sessions,
}

/// A session that watches one mailbox, until dropped.
pub struct Watch {
    mailbox: MailboxId,
    notify: Rc<Notify>,
    changed: Arc<Changed>,
    sessions: Sessions,
}

impl Changes {
    /// Listens to `view`, and starts the task that wakes sessions. Called on the ring's thread.
    pub(crate) fn start(view: &View) -> Self {
        let changes = Self {
            changed: Arc::default(),
            sessions: Sessions::default(),
        };
        let changed = Arc::clone(&changes.changed);
        view.watch(Arc::new(move |mailbox| changed.tell(mailbox)));
        let changed = Arc::clone(&changes.changed);
        tokio_uring::spawn(wake_sessions(changed, Rc::clone(&changes.sessions)));
        changes
    }

    /// Watches `mailbox`.
    pub(crate) fn watch(&self, mailbox: MailboxId) -> Watch {
        let notify = Rc::new(Notify::new());
        let mut sessions = self.sessions.borrow_mut();
        sessions
            .entry(mailbox)
            .or_default()
            .push(Rc::clone(&notify));
        self.changed.watching.fetch_add(1, Ordering::AcqRel);
        fence(Ordering::SeqCst);
        Watch {
            mailbox,
            notify,
            changed: Arc::clone(&self.changed),
            sessions: Rc::clone(&self.sessions),
        }
    }
}

impl Changed {
    /// On the owner's thread: must not block. The lock is held for one insertion or one swap.
    fn tell(&self, mailbox: MailboxId) {
        // What was published before this is seen by who begins to watch after it: one of the two
        // sees the other, on any processor.
        fence(Ordering::SeqCst);
        if self.watching.load(Ordering::Acquire) > 0 && self.mailboxes.lock().insert(mailbox) {
            self.wake.notify_one();
        }
    }
}

impl Watch {
    /// Waits for the next change; one that came since the last wait counts. May be given up.
    pub async fn changed(&self) {
        self.notify.notified().await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.changed.watching.fetch_sub(1, Ordering::AcqRel);
        let mut sessions = self.sessions.borrow_mut();
        if let Some(list) = sessions.get_mut(&self.mailbox) {
            list.retain(|other| !Rc::ptr_eq(other, &self.notify));
            if list.is_empty() {
                sessions.remove(&self.mailbox);
            }
        }
    }
}

async fn wake_sessions(changed: Arc<Changed>, sessions: Sessions) {
    loop {
        changed.wake.notified().await;
        let mailboxes = std::mem::take(&mut *changed.mailboxes.lock());
        let sessions = sessions.borrow();
        for mailbox in mailboxes {
            for session in sessions.get(&mailbox).into_iter().flatten() {
                session.notify_one();
            }
        }
    }
}
