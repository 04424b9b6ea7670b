//! Mailboxes that may be fuller, or emptier, than their holders were told (AC-17). Filled by what is
//! published; nothing is lost with it, since a look over all mailboxes at the start and at each sweep
//! finds the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::blob::BlobError;
use crate::envelope::house;
use crate::mailbox::{Content, MailboxId, quota};
use crate::owner::{Command, WarnOrder};
use crate::proof::Durable;
use crate::registry::{MailboxRow, MailboxState};
use crate::rope::Rope;
use crate::state::Shared;
use crate::view::{Row, View};

/// The mailboxes. Bounded by how many there are.
#[derive(Default)]
pub(crate) struct Warnings(Mutex<BTreeSet<MailboxId>>);

impl Warnings {
    /// Takes up what freshly published rows change.
    pub(crate) fn follow(&self, rows: &[Row], view: &View) {
        for row in rows {
            let mailbox = match row {
                Row::Usage(mailbox, _) | Row::Warned(mailbox, _) => *mailbox,
                Row::Mailbox(row) => row.id,
                _ => continue,
            };
            if view.mailbox(mailbox).is_some_and(|row| owes(view, &row)) {
                self.0.lock().insert(mailbox);
            }
        }
    }

    /// Something waits.
    pub(super) fn waits(&self) -> bool {
        !self.0.lock().is_empty()
    }

    /// All mailboxes, for what was put off.
    pub(super) fn sweep(&self, view: &View) {
        let mailboxes = view.mailboxes();
        let owed = mailboxes.iter().filter(|row| owes(view, row));
        self.0.lock().extend(owed.map(|row| row.id));
    }

    /// Warns of what waits; what cannot be done now waits for the next sweep.
    pub(super) fn carry_out(&self, shared: &Arc<Shared>) {
        let waiting = std::mem::take(&mut *self.0.lock());
        for mailbox in waiting {
            if let Some(row) = shared.view.mailbox(mailbox)
                && owes(&shared.view, &row)
                && let Some(order) = order(shared, &row)
            {
                shared.send_waiting(Command::Warn(Box::new(order)), Box::new(drop));
            }
        }
    }
}

fn owes(view: &View, row: &MailboxRow) -> bool {
    let in_use = !row.service && row.state != MailboxState::Closed;
    in_use && quota::level(view.usage(row.id), row.quota) != view.warned(row.id)
}

fn order(shared: &Arc<Shared>, row: &MailboxRow) -> Option<WarnOrder> {
    let used = shared.view.usage(row.id);
    let level = quota::level(used, row.quota);
    let mut notice = None;
    if level > shared.view.warned(row.id) {
        let provider = shared.view.provider()?;
        let percent = quota::percent(level)?;
        let now = shared.clock.now();
        let text = Rope::text(house::quota_warning(&provider, row, (percent, used), now));
        notice = Some(keep(shared, row, &text)?);
    }
    Some(WarnOrder {
        mailbox: row.id,
        level,
        notice,
    })
}

/// Crash from here to the record: a blob that nobody names, and the warning is made anew.
fn keep(shared: &Shared, row: &MailboxRow, text: &Rope) -> Option<Durable<(Content, u64)>> {
    let blob = match shared.blobs.append(row.partition, &text.to_bytes()) {
        Ok(blob) => blob,
        Err(BlobError::NoSpace(_)) => return None,
        Err(error) => {
            shared.fatal(&error.to_string());
            return None;
        }
    };
    match shared.blobs.sync() {
        Ok(()) => Some(Durable::after_sync((Content::Rope(blob), text.len()))),
        Err(error) => {
            shared.fatal(&error.to_string());
            None
        }
    }
}
