//! When each message took each step: a bounded memory of the last ones, for the operator and for the
//! bench, which reads arrivals here instead of polling mailboxes.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::instant::Instant;
use crate::journal::Record;
use crate::limits;
use crate::message_id::Identifier;

/// A step of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Grows by one with each step of this run.
    pub number: u64,
    /// When it was published.
    pub at: Instant,
    /// The message.
    pub identifier: Identifier,
    /// Name of the record, `Submitted` to `Landed`.
    pub name: &'static str,
    /// Index of the recipient, for steps that concern one.
    pub recipient: Option<u16>,
}

/// The last steps.
#[derive(Debug, Default)]
pub struct Steps {
    last: Mutex<(u64, VecDeque<Step>)>,
}

impl Steps {
    /// Notes the step that `record` is; other records are no steps.
    pub fn note(&self, record: &Record, at: Instant) {
        let (identifier, recipient) = match record {
            Record::Submitted(r) => (&r.identifier, None),
            Record::Accepted(r) => (&r.evidence.identifier, None),
            Record::Refused(r) => (&r.evidence.identifier, None),
            Record::Stored(r) => (&r.evidence.identifier, Some(r.recipient)),
            Record::Certified(r) => (&r.evidence.identifier, Some(r.recipient)),
            Record::Landed(r) => (&r.evidence.identifier, Some(r.recipient)),
            _ => return,
        };
        let mut last = self.last.lock();
        let (number, steps) = &mut *last;
        *number += 1;
        if steps.len() >= limits::STEPS_KEPT_MAX {
            steps.pop_front();
        }
        let (number, identifier) = (*number, identifier.clone());
        steps.push_back(Step {
            number,
            at,
            identifier,
            name: record.name(),
            recipient,
        });
    }

    /// At most `most` steps with a number above `after`, in order.
    pub fn since(&self, after: u64, most: usize) -> Vec<Step> {
        let last = self.last.lock();
        let steps = &last.1;
        let start = steps.partition_point(|step| step.number <= after);
        steps.range(start..).take(most).cloned().collect()
    }
}
