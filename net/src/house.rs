//! A mailbox in memory, for whoever plays IMAP or POP3 without sockets: the real decisions of the owner, the
//! real view, bodies in a map. Nothing is durable and time stands still.
//!
//! It stands in the library, as the simulated disk stands in core's: two crates play with it, and a feature
//! for it would have everything above this crate built twice.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ceralacca_core::address::Address;
use ceralacca_core::blob::BlobRef;
use ceralacca_core::instant::Instant;
use ceralacca_core::journal::Partition;
use ceralacca_core::mailbox::{
    Content, FolderId, Keeping, MailboxId, birth_folders, decide_keeping,
};
use ceralacca_core::owner::{CommandError, MailboxOrder, Outcome};
use ceralacca_core::proof::Durable;
use ceralacca_core::registry::{
    Access, Holder, HolderKind, MailboxRow, MailboxState, OrdinaryPolicy,
};
use ceralacca_core::view::{Row, View, apply};
use parking_lot::Mutex;

use crate::imap::message::{Octets, ReadError, Store, Summaries};
use crate::pop3::maildrop::Maildrops;

/// The mailbox.
pub const BOX: MailboxId = MailboxId(7);
/// When everything happens.
pub const NOW: Instant = Instant::from_millis(1_795_321_140_000);
const QUOTA_BYTES: u64 = 10_000_000;
/// More than most messages have, and few enough that a longer one is read in pieces, as a disk may do.
const READ_AT_ONCE_BYTES: usize = 4000;

/// One mailbox with its folders, and what sessions share.
#[derive(Default)]
pub struct House {
    /// What is published.
    pub view: View,
    /// What was told of messages before.
    pub summaries: Summaries,
    /// Who holds the mailbox for POP3.
    pub maildrops: Arc<Maildrops>,
    /// What is kept of what was removed.
    pub keeping: Keeping,
    /// The owner takes no order.
    pub is_busy: bool,
    /// Messages; one that is taken away or cut is damaged.
    pub bodies: Mutex<HashMap<Content, Arc<Vec<u8>>>>,
    /// How often one was looked into.
    pub opened: AtomicU64,
    next: AtomicU64,
}

impl House {
    /// With the folders of its birth, empty.
    pub fn new(address: Address, state: MailboxState) -> Self {
        let house = Self::default();
        let mailbox = Row::Mailbox(Arc::new(mailbox(address, state)));
        let folders = birth_folders(NOW).into_iter();
        let folders = folders.map(|(id, row)| Row::Folder(BOX, id, Some(row)));
        house.view.publish(std::iter::once(mailbox).chain(folders));
        house
    }

    /// Decides and publishes at once.
    pub fn order(&self, order: MailboxOrder) -> Result<Outcome, CommandError> {
        if self.is_busy {
            return Err(CommandError::Busy);
        }
        let (records, outcome) = decide_keeping(&self.view, BOX, order, NOW, self.keeping)?;
        self.view.publish(records.iter().flat_map(apply));
        Ok(outcome)
    }

    /// Keeps a body that no row names yet.
    pub fn keep(&self, body: &[u8]) -> Durable<Content> {
        let content = Content::Whole(BlobRef {
            segment: 1,
            offset: self.next.fetch_add(1, Ordering::Relaxed),
            length: body.len() as u64,
        });
        self.bodies.lock().insert(content, Arc::new(body.to_vec()));
        Durable::after_sync(content)
    }

    /// A message comes into the inbox; there must be room for it.
    pub fn deliver(&self, message: &str) {
        let delivered = self.order(MailboxOrder::Append {
            folder: FolderId::INBOX,
            flags: Vec::new(),
            internal_date: None,
            content: self.keep(message.as_bytes()),
            size: message.len() as u64,
        });
        assert!(delivered.is_ok(), "no message comes in: {delivered:?}");
    }
}

fn mailbox(address: Address, state: MailboxState) -> MailboxRow {
    MailboxRow {
        id: BOX,
        partition: Partition(1),
        address,
        holder: Holder {
            kind: HolderKind::Person,
            name: "Anna".to_owned(),
            tax_code: None,
            contacts: Vec::new(),
            documents: Vec::new(),
        },
        password: None,
        state,
        quota: QUOTA_BYTES,
        created: NOW,
        ordinary: OrdinaryPolicy::Reject,
        receipt_type: None,
        service: false,
        access: Access::default(),
        changes: 1,
    }
}

impl Store for House {
    fn view(&self) -> &View {
        &self.view
    }

    fn summaries(&self) -> &Summaries {
        &self.summaries
    }

    fn now(&self) -> Instant {
        NOW
    }

    fn open(&self, content: Content) -> Result<Arc<dyn Octets>, ReadError> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        let body = self.bodies.lock().get(&content).cloned();
        Ok(body.ok_or(ReadError::Short(0))?)
    }
}

/// A message in memory.
impl Octets for Vec<u8> {
    fn read_at(&self, at: u64, into: &mut [u8]) -> Result<usize, ReadError> {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let rest = self.get(at..).unwrap_or_default();
        let count = rest.len().min(into.len()).min(READ_AT_ONCE_BYTES);
        into[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}
