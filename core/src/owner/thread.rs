//! The owner's and the writer's threads: decide, group, commit, publish, reply, notify.
//!
//! While the writer syncs one group, the owner fills the next: group size follows the disk's speed up to
//! a bound, and nothing waits for a timer. The owner never waits for the disk; the writer does nothing
//! else. A thread that fails ends the process: nobody waits for an answer that cannot come.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, never, select};

use super::decide::{Circumstances, decide};
use super::{Command, CommandError, Outcome, Reply};
use crate::journal::record::Record;
use crate::journal::{Appended, Batch, LaneStore, Partition, Position};
use crate::limits;
use crate::state::Shared;
use crate::view::{Row, View, apply};

/// What reaches the owner.
pub enum Message {
    /// A command with its reply.
    Command(Box<Command>, Reply),
    /// End, once all before it is committed.
    Stop,
}

/// Where commands come from.
pub(crate) struct Inboxes {
    /// All but the certifier.
    pub(crate) all: Receiver<Message>,
    /// The certifier, which waits for room; apart, so that it never takes a place that was reserved.
    pub(crate) certifier: Receiver<Message>,
}

/// What one command was told.
type Answer = Result<Outcome, CommandError>;

/// A group on its way to the disk: a batch for each command that changed anything, in the order of the
/// decisions. Refusals wait with the rest: they too may rest on records that are not durable yet.
#[derive(Default)]
struct Group {
    batches: Vec<Batch>,
    replies: Vec<(Reply, Answer)>,
}

/// What the writer did with a group.
struct Committed {
    group: Group,
    position: Position,
}

/// The owner.
pub(crate) struct Owner {
    shared: Arc<Shared>,
    newest: View,
    next_sequences: HashMap<Partition, u64>,
    epoch: u64,
    open: Group,
    in_flight: bool,
    to_writer: Sender<Group>,
}

impl Owner {
    /// Starts both threads. `newest` is the state as recovered, the owner's own copy.
    pub(crate) fn spawn(
        shared: Arc<Shared>,
        newest: View,
        lane: Box<dyn LaneStore>,
        epoch: u64,
        inboxes: Inboxes,
    ) -> std::io::Result<std::thread::JoinHandle<()>> {
        let numbers = (0..=u8::MAX).map(Partition);
        let next_sequences = numbers.map(|p| (p, lane.next_sequence(p))).collect();
        let (to_writer, from_owner) = crossbeam_channel::bounded(1);
        let (to_owner, commits) = crossbeam_channel::bounded(1);
        let (fatal, told) = (shared.clone(), shared.clone());
        let writer = move || write(lane, &from_owner, &to_owner, &told);
        let writer = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(writer)?;
        let open = Group::default();
        let owner = Self {
            shared,
            newest,
            next_sequences,
            epoch,
            open,
            in_flight: false,
            to_writer,
        };
        std::thread::Builder::new()
            .name("owner".to_owned())
            .spawn(move || {
                let work = || owner.run(&inboxes, &commits);
                if catch_unwind(AssertUnwindSafe(work)).is_err() {
                    fatal.fatal("the owner's thread failed: a fault in this program");
                }
                drop((inboxes, commits));
                // The lane is closed before anybody takes the owner for ended.
                if writer.join().is_err() {
                    fatal.fatal("the journal's writer failed");
                }
            })
    }

    fn run(mut self, inboxes: &Inboxes, commits: &Receiver<Committed>) {
        let nobody = never();
        let mut stopping = false;
        while !(stopping && self.is_idle() && inboxes.certifier.is_empty()) {
            let (all, certifier) = match self.open.replies.len() < limits::GROUP_COMMANDS_MAX {
                true => (&inboxes.all, &inboxes.certifier),
                // Full, and the group before it still on its way: whoever sends waits or is told.
                false => (&nobody, &nobody),
            };
            select! {
                recv(commits) -> done => match done {
                    Ok(done) => self.publish(done),
                    Err(_) => return, // The writer gave up: the process is ending.
                },
                recv(all) -> message => stopping |= self.take_all(message.ok(), all),
                recv(certifier) -> message => stopping |= self.take_all(message.ok(), certifier),
            }
            self.hand_over();
        }
    }

    fn is_idle(&self) -> bool {
        !self.in_flight && self.open.is_empty()
    }

    /// Decides what waits, as far as the group has room; answers whether the order to stop was in it.
    fn take_all(&mut self, first: Option<Message>, more: &Receiver<Message>) -> bool {
        let Some(first) = first else {
            return true; // Nobody can send any more.
        };
        let mut stopping = self.take(first);
        let room = limits::GROUP_COMMANDS_MAX.saturating_sub(self.open.replies.len());
        for message in more.try_iter().take(room) {
            stopping |= self.take(message);
        }
        stopping
    }

    /// Decides one command; answers whether it was the order to stop.
    fn take(&mut self, message: Message) -> bool {
        let (command, reply) = match message {
            Message::Command(command, reply) => (command, reply),
            Message::Stop => return true,
        };
        let answer = self.decide(*command);
        self.open.replies.push((reply, answer));
        false
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
        for record in &decision.records {
            self.newest.publish(apply(record));
        }
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

    fn hand_over(&mut self) {
        if self.in_flight || self.open.is_empty() {
            return;
        }
        let group = std::mem::take(&mut self.open);
        if group.batches.is_empty() {
            // Nothing to write and nothing undurable that an answer could rest on.
            reply_all(group.replies);
            return;
        }
        self.in_flight = true;
        // Capacity one and nothing in flight: this never waits.
        if self.to_writer.send(group).is_err() {
            self.shared.fatal("the journal's writer has ended");
        }
    }

    /// Rows where every reader sees them, then replies, then notices (see *Commit*, step 5).
    fn publish(&mut self, done: Committed) {
        self.in_flight = false;
        let mut rows: Vec<Row> = Vec::new();
        let now = self.shared.clock.now();
        for record in done.group.batches.iter().flat_map(|batch| &batch.records) {
            self.shared.steps.note(record, now);
            rows.extend(apply(record));
        }
        let changed = self.shared.view.put_all(rows.iter().cloned());
        reply_all(done.group.replies);
        self.shared.view.tell(&changed);
        self.shared.view.tell_dispatches(&rows);
        self.shared.work.follow(&rows);
        self.shared.timers.follow(&rows, &self.shared.policy);
        self.shared.note_rows(rows, done.position);
    }
}

fn write(
    mut lane: Box<dyn LaneStore>,
    groups: &Receiver<Group>,
    done: &Sender<Committed>,
    shared: &Shared,
) {
    for group in groups {
        // Commit point. Crash before: nothing happened; after: replay goes on at publication.
        match lane.append(&group.batches) {
            Appended::Written(position) => {
                if done.send(Committed { group, position }).is_err() {
                    return;
                }
                if let Err(error) = lane.tend() {
                    shared.fatal(&error.to_string());
                    return;
                }
            }
            failed => {
                shared.fatal(&format!(
                    "the journal could not be written ({failed:?}); the process stops so that \
                     nothing unsure is served: check the disk, then start again"
                ));
                return;
            }
        }
    }
    if let Err(error) = lane.close() {
        shared.fatal(&error.to_string());
    }
}

fn reply_all(replies: Vec<(Reply, Answer)>) {
    for (reply, answer) in replies {
        reply(answer);
    }
}

/// Whatever was asked for, a record that the journal would refuse is refused before it is decided.
fn fit(records: &[Record]) -> Result<(), CommandError> {
    let is_long = |record: &&Record| record.to_bytes().len() > limits::RECORD_BYTES_MAX;
    match records.iter().find(is_long) {
        None => Ok(()),
        Some(record) => Err(CommandError::Refused(format!(
            "what was asked for makes a {} record of more than {} octets; shorten it",
            record.name(),
            limits::RECORD_BYTES_MAX
        ))),
    }
}

impl Group {
    fn is_empty(&self) -> bool {
        self.replies.is_empty() && self.batches.is_empty()
    }
}
