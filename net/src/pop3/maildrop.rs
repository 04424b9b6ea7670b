//! The maildrop of one session: INBOX as it was at login, held by nobody else (RFC 1939 §4). Messages keep
//! their numbers to the end, whatever comes or goes meanwhile.

use std::collections::HashSet;
use std::sync::Arc;

use ceralacca_core::limits;
use ceralacca_core::mailbox::{FolderId, MailboxId, MessageRow, Uid};
use ceralacca_core::view::View;
use parking_lot::Mutex;

use super::command::Number;

/// The maildrops that sessions hold, of all rings together.
#[derive(Debug, Default)]
pub struct Maildrops(Mutex<HashSet<MailboxId>>);

/// A maildrop is held; dropped, it is free again.
#[derive(Debug)]
pub struct Held {
    of: Arc<Maildrops>,
    mailbox: MailboxId,
}

impl Maildrops {
    /// Takes hold of a maildrop; `None` while another session has it.
    pub fn take(self: &Arc<Self>, mailbox: MailboxId) -> Option<Held> {
        let is_free = self.0.lock().insert(mailbox);
        is_free.then(|| Held {
            of: Arc::clone(self),
            mailbox,
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.of.0.lock().remove(&self.mailbox);
    }
}

/// Why DELE marks nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmarked {
    /// There is no such message, or it is marked already.
    NoMessage,
    /// One QUIT removes no more.
    Full,
}

/// The snapshot.
#[derive(Debug)]
pub struct Maildrop {
    held: Held,
    uid_validity: u32,
    messages: Vec<Arc<MessageRow>>,
    /// Marked by DELE, by index.
    marked: Vec<bool>,
    marks: usize,
    /// Octets of what is not marked.
    octets: u64,
}

impl Maildrop {
    /// INBOX as it is now; `None` where there is none.
    pub fn open(view: &View, held: Held) -> Option<Self> {
        let inbox = view.folder(held.mailbox, FolderId::INBOX)?;
        let messages: Vec<_> = inbox.messages.values().cloned().collect();
        Some(Self {
            held,
            uid_validity: inbox.row.uid_validity,
            marked: vec![false; messages.len()],
            marks: 0,
            octets: messages.iter().map(|row| row.size).sum(),
            messages,
        })
    }

    /// Whose.
    pub fn mailbox(&self) -> MailboxId {
        self.held.mailbox
    }

    /// Messages and octets, without what is marked.
    pub fn stat(&self) -> (usize, u64) {
        (self.messages.len() - self.marks, self.octets)
    }

    /// A message that is not marked.
    pub fn message(&self, number: Number) -> Option<&Arc<MessageRow>> {
        let index = self.index(number)?;
        self.messages.get(index)
    }

    /// The first message that is not marked from `number` on, with its own number.
    pub fn from(&self, number: Number) -> Option<(Number, &Arc<MessageRow>)> {
        let first = usize::try_from(number.0.checked_sub(1)?).ok()?;
        let rest = self.marked.get(first..)?;
        let index = first + rest.iter().position(|is_marked| !is_marked)?;
        let number = Number(u32::try_from(index + 1).ok()?);
        Some((number, self.messages.get(index)?))
    }

    /// The unique identifier: it names these octets in this mailbox for ever (RFC 1939 §7).
    pub fn unique_id(&self, row: &MessageRow) -> String {
        format!("{}.{}", self.uid_validity, row.uid)
    }

    /// DELE
    pub fn mark(&mut self, number: Number) -> Result<(), Unmarked> {
        let index = self.index(number).ok_or(Unmarked::NoMessage)?;
        if self.marks >= limits::MESSAGES_PER_REMOVAL_MAX {
            return Err(Unmarked::Full);
        }
        if let (Some(mark), Some(row)) = (self.marked.get_mut(index), self.messages.get(index)) {
            *mark = true;
            self.marks += 1;
            self.octets -= row.size;
        }
        Ok(())
    }

    /// RSET
    pub fn unmark(&mut self) {
        self.marked.fill(false);
        self.marks = 0;
        self.octets = self.messages.iter().map(|row| row.size).sum();
    }

    /// What QUIT removes.
    pub fn marked(&self) -> Vec<Uid> {
        let pairs = self.messages.iter().zip(&self.marked);
        pairs
            .filter(|(_, is_marked)| **is_marked)
            .map(|(row, _)| row.uid)
            .collect()
    }

    fn index(&self, number: Number) -> Option<usize> {
        let index = usize::try_from(number.0.checked_sub(1)?).ok()?;
        let is_marked = *self.marked.get(index)?;
        (!is_marked).then_some(index)
    }
}
