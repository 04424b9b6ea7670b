//! Warnings about a mailbox's capacity (AC-17), decided when they are made: once per threshold until the
//! use falls below it. Warning, second address and the fact are one batch of the mailbox's partition.

use super::message::{Decided, Desk, already, with_dispatches};
use super::{Outcome, WarnOrder};
use crate::journal::record::QuotaWarned;
use crate::limits;
use crate::mailbox::{Content, quota};
use crate::message_id::Identifier;
use crate::queue::{Dispatch, DispatchClass, DispatchKey, DispatchRow, Purpose};
use crate::registry::{MailboxRow, MailboxState};

impl Desk<'_> {
    /// The holder is warned, or it is noted that the use fell.
    pub fn warn(&self, order: WarnOrder) -> Decided {
        let row = self.newest.mailbox(order.mailbox);
        let in_use = |row: &MailboxRow| !row.service && row.state != MailboxState::Closed;
        let Some(row) = row.filter(|row| in_use(row)) else {
            return already();
        };
        let level = quota::level(self.newest.usage(row.id), row.quota);
        let warned = self.newest.warned(row.id);
        // Whatever changed since it was looked at is looked at by itself.
        if level != order.level || level == warned {
            return already();
        }
        let mut record = QuotaWarned {
            mailbox: row.id,
            at: self.now,
            level,
            notice: None,
        };
        let mut leaving = Vec::new();
        if level > warned {
            let Some(notice) = order.notice else {
                return already();
            };
            record.notice = self.file(row.id, *notice);
            leaving.extend(self.second_copy(&row, *notice));
        }
        let records = with_dispatches(record.into(), leaving);
        Ok((row.partition, records, Outcome::Done))
    }

    /// By the ordinary relay, with the null reverse path: nobody is told where it does not arrive.
    fn second_copy(&self, row: &MailboxRow, (content, size): (Content, u64)) -> Option<Dispatch> {
        let to = row.access.warn_at.clone()?;
        let domain = &self.newest.provider()?.domain;
        let random = self.random.first_chunk::<10>().copied().unwrap_or_default();
        let identifier = Identifier::mint(row.partition.0, self.now, random, domain);
        Some(Dispatch {
            key: DispatchKey {
                identifier,
                number: Purpose::Warning.number(0),
            },
            row: DispatchRow {
                at: self.now,
                until: self.now.plus_millis(limits::RECEIPT_QUEUE_MS),
                content,
                size,
                eight_bit: false,
                reverse_path: None,
                to,
                class: DispatchClass::Ordinary,
                purpose: Purpose::Warning,
                attempts: 0,
                next: self.now,
                last: None,
                held: false,
                answers_to: None,
            },
        })
    }
}
