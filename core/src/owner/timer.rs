//! A time-out notice, decided when it is signed: whatever came in the meantime closes the clock first
//! (ND-06), and each notice is given once.

use super::Outcome;
use super::command::ReceiptContent;
use super::message::{Decided, Desk, already, partition_of_identifier};
use crate::journal::record::{Evidence, TimerFired};
use crate::notice::Delay;
use crate::timer;
use crate::view::row::{ErrandRow, RecipientKey};

impl Desk<'_> {
    /// The notice goes into the sender's mailbox; the final one ends the tracking (TO-11).
    pub fn fire(&self, fired: TimerFired, notice: Option<ReceiptContent>) -> Decided {
        let key = RecipientKey {
            identifier: fired.evidence.identifier.clone(),
            recipient: fired.recipient,
        };
        let (errand, settled) = self.newest.with_work(|work| {
            let errand = work.errands.get(&key).copied();
            (errand, work.deliveries.contains_key(&key))
        });
        let owed = |row: &ErrandRow| !settled && timer::owes(row, fired.delay);
        let Some(row) = errand.filter(owed) else {
            return already();
        };
        let errand = after(row, fired.delay);
        let last = errand.is_none() && self.is_last(&key.identifier, &[key.recipient]);
        let notice = notice.and_then(|notice| self.file_receipt(notice));
        let record = TimerFired {
            evidence: Evidence {
                salt: self.random,
                ..fired.evidence
            },
            notice,
            errand,
            last,
            ..fired
        };
        let partition = partition_of_identifier(&key.identifier);
        Ok((partition, vec![record.into()], Outcome::Done))
    }
}

/// A recipient of ours stays open after the final notice: its delivery goes on and is still told.
fn after(row: ErrandRow, delay: Delay) -> Option<ErrandRow> {
    match delay {
        Delay::First => Some(ErrandRow {
            first_fired: true,
            ..row
        }),
        Delay::Final if row.local => Some(ErrandRow {
            final_fired: true,
            ..row
        }),
        Delay::Final => None,
    }
}
