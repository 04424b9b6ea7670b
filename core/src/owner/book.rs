//! The owner's book: the newest state, the open group and what becomes of it. Its functions are called by
//! the threads ([`super::thread`]) and, one at a time, by a simulation ([`crate::stepper`]).

use std::collections::HashMap;
use std::sync::Arc;

use super::decide::{Circumstances, decide};
use super::{Command, CommandError, Outcome, Reply};
use crate::journal::record::Record;
use crate::journal::{Appended, Batch, LaneStore, Partition, Position};
use crate::limits;
use crate::state::Shared;
use crate::view::{Row, View, apply};

/// What one command was told.
type Answer = Result<Outcome, CommandError>;

/// A group on its way to the disk: a batch for each command that changed anything, in the order of the
/// decisions. Refusals wait with the rest: they too may rest on records that are not durable yet.
#[derive(Default)]
pub(crate) struct Group {
    batches: Vec<Batch>,
    /// What the batches change, in their order.
    rows: Vec<Row>,
    replies: Vec<(Reply, Answer)>,
}

/// What the writer did with a group.
pub(crate) struct Committed {
    /// The group.
    pub(crate) group: Group,
    /// After its last record.
    pub(crate) position: Position,
}

/// The newest state, undurable records included, and the group being filled.
pub(crate) struct Book {
    shared: Arc<Shared>,
    newest: View,
    next_sequences: HashMap<Partition, u64>,
    epoch: u64,
    open: Group,
}

impl Book {
    /// `newest` is the state as recovered, the owner's own copy.
    pub(crate) fn new(shared: Arc<Shared>, newest: View, lane: &dyn LaneStore, epoch: u64) -> Self {
        let numbers = (0..=u8::MAX).map(Partition);
        let next_sequences = numbers.map(|p| (p, lane.next_sequence(p))).collect();
        Self {
            shared,
            newest,
            next_sequences,
            epoch,
            open: Group::default(),
        }
    }

    /// Commands that the open group still takes.
    pub(crate) fn room(&self) -> usize {
        limits::GROUP_COMMANDS_MAX.saturating_sub(self.open.replies.len())
    }

    /// Nothing waits in the open group.
    pub(crate) fn is_empty(&self) -> bool {
        self.open.replies.is_empty() && self.open.batches.is_empty()
    }

    /// Decides one command; its answer waits for the group.
    pub(crate) fn take(&mut self, command: Command, reply: Reply) {
        let answer = self.decide(command);
        self.open.replies.push((reply, answer));
    }

    /// The open group, when there is anything in it to be written.
    pub(crate) fn close_group(&mut self) -> Option<Group> {
        let group = std::mem::take(&mut self.open);
        if group.batches.is_empty() {
            // Nothing to write and nothing undurable that an answer could rest on.
            reply_all(group.replies);
            return None;
        }
        Some(group)
    }

    fn decide(&mut self, command: Command) -> Answer {
        let given = Circumstances {
            now: self.shared.clock.now(),
            random: crate::random::bytes(),
            policy: &self.shared.policy,
        };
        let decision = decide(&self.newest, command, given)?;
        if decision.records.is_empty() {
            return Ok(decision.outcome);
        }
        fit(&decision.records)?;
        let first = self.open.rows.len();
        self.open
            .rows
            .extend(decision.records.iter().flat_map(apply));
        let rows = self.open.rows.iter().skip(first);
        self.newest.publish(rows.cloned());
        let next = self.next_sequences.entry(decision.partition).or_insert(1);
        let expected_sequence = *next;
        *next += decision.records.len() as u64;
        self.open.batches.push(Batch {
            partition: decision.partition,
            epoch: self.epoch,
            expected_sequence,
            records: decision.records,
        });
        Ok(decision.outcome)
    }
}

/// Writes a group; `None` when the process must stop, which it was told.
pub(crate) fn append(lane: &mut dyn LaneStore, group: Group, shared: &Shared) -> Option<Committed> {
    // Commit point. Crash before: nothing happened; after: replay goes on at publication.
    match lane.append(&group.batches) {
        Appended::Written(position) => Some(Committed { group, position }),
        failed => {
            shared.fatal(&format!(
                "the journal could not be written ({failed:?}); the process stops so that \
                 nothing unsure is served: check the disk, then start again"
            ));
            None
        }
    }
}

/// What need not hold up an answer; false when the process must stop.
pub(crate) fn tend(lane: &mut dyn LaneStore, shared: &Shared) -> bool {
    match lane.tend() {
        Ok(()) => true,
        Err(error) => {
            shared.fatal(&error.to_string());
            false
        }
    }
}

/// Rows where every reader sees them, then replies, then notices (see *Commit*, step 5).
pub(crate) fn publish(shared: &Shared, done: Committed) {
    let rows = done.group.rows;
    let now = shared.clock.now();
    for record in done.group.batches.iter().flat_map(|batch| &batch.records) {
        shared.steps.note(record, now);
    }
    let changed = shared.view.put_all(rows.iter().cloned());
    reply_all(done.group.replies);
    shared.view.tell(&changed);
    shared.view.tell_dispatches(&rows);
    shared.work.follow(&rows);
    shared.timers.follow(&rows, &shared.policy);
    shared.warnings.follow(&rows, &shared.view);
    shared.note_rows(rows, done.position);
}

fn reply_all(replies: Vec<(Reply, Answer)>) {
    for (reply, answer) in replies {
        reply(answer);
    }
}

/// Whatever was asked for, a record that the journal would refuse is refused before it is decided.
fn fit(records: &[Record]) -> Result<(), CommandError> {
    let is_long = |record: &&Record| record.encoded_length() > limits::RECORD_BYTES_MAX;
    match records.iter().find(is_long) {
        None => Ok(()),
        Some(record) => Err(CommandError::Refused(format!(
            "what was asked for makes a {} record of more than {} octets; shorten it",
            record.name(),
            limits::RECORD_BYTES_MAX
        ))),
    }
}
