//! The owner's and the writer's threads: decide, group, commit, publish, reply, notify.
//!
//! While the writer syncs one group, the owner fills the next: group size follows the disk's speed and
//! nothing waits for a timer. The owner never waits for the disk; the writer does nothing else.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, select};

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

/// A group on its way to the disk.
#[derive(Default)]
struct Group {
    batches: BTreeMap<Partition, Vec<Record>>,
    replies: Vec<(Reply, Outcome)>,
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
    to_writer: Sender<(Group, Vec<Batch>)>,
}

impl Owner {
    /// Starts both threads. `newest` is the state as recovered, the owner's own copy.
    pub(crate) fn spawn(
        shared: Arc<Shared>,
        newest: View,
        lane: Box<dyn LaneStore>,
        epoch: u64,
        inbox: Receiver<Message>,
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
                owner.run(&inbox, &commits);
                drop((inbox, commits));
                // The lane is closed before anybody takes the owner for ended.
                if writer.join().is_err() {
                    fatal.fatal("the journal's writer failed");
                }
            })
    }

    fn run(mut self, inbox: &Receiver<Message>, commits: &Receiver<Committed>) {
        let mut stopping = false;
        while !(stopping && !self.in_flight && self.open.is_empty()) {
            select! {
                recv(commits) -> done => match done {
                    Ok(done) => self.publish(done),
                    Err(_) => return, // The writer gave up: the process is ending.
                },
                recv(inbox) -> message => match message {
                    Ok(message) => {
                        stopping |= self.take(message);
                        for message in inbox.try_iter().take(limits::GROUP_COMMANDS_MAX) {
                            stopping |= self.take(message);
                        }
                    }
                    Err(_) => stopping = true,
                },
            }
            self.hand_over();
        }
    }

    /// Decides one command; answers whether it was the order to stop.
    fn take(&mut self, message: Message) -> bool {
        let (command, reply) = match message {
            Message::Command(command, reply) => (command, reply),
            Message::Stop => return true,
        };
        match self.decide(*command) {
            Ok(outcome) => self.open.replies.push((reply, outcome)),
            Err(error) => reply(Err(error)),
        }
        false
    }

    fn decide(&mut self, command: Command) -> Result<Outcome, CommandError> {
        let given = Circumstances {
            now: self.shared.clock.now(),
            random: crate::random::bytes(),
            policy: &self.shared.policy,
        };
        let decision = decide(&self.newest, command, given)?;
        for record in &decision.records {
            self.newest.publish(apply(record));
        }
        if !decision.records.is_empty() {
            self.open
                .batches
                .entry(decision.partition)
                .or_default()
                .extend(decision.records);
        }
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
        let batches = group.batches.iter().map(|(partition, records)| Batch {
            partition: *partition,
            epoch: self.epoch,
            expected_sequence: self.next_sequences.get(partition).copied().unwrap_or(1),
            records: records.clone(),
        });
        let batches: Vec<Batch> = batches.collect();
        for batch in &batches {
            *self.next_sequences.entry(batch.partition).or_default() += batch.records.len() as u64;
        }
        self.in_flight = true;
        // Capacity one and nothing in flight: this never waits.
        if self.to_writer.send((group, batches)).is_err() {
            self.shared.fatal("the journal's writer has ended");
        }
    }

    /// Rows where every reader sees them, then replies, then notices (design §5, step 5).
    fn publish(&mut self, done: Committed) {
        self.in_flight = false;
        let mut rows: Vec<Row> = Vec::new();
        let now = self.shared.clock.now();
        for record in done.group.batches.values().flatten() {
            self.shared.steps.note(record, now);
            rows.extend(apply(record));
        }
        self.shared.view.publish(rows.iter().cloned());
        reply_all(done.group.replies);
        self.shared.work.follow(&rows);
        self.shared.note_rows(rows, done.position);
    }
}

fn write(
    mut lane: Box<dyn LaneStore>,
    groups: &Receiver<(Group, Vec<Batch>)>,
    done: &Sender<Committed>,
    shared: &Shared,
) {
    for (group, batches) in groups {
        // Commit point. Crash before: nothing happened; after: replay goes on at publication.
        match lane.append(&batches) {
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

fn reply_all(replies: Vec<(Reply, Outcome)>) {
    for (reply, outcome) in replies {
        reply(Ok(outcome));
    }
}

impl Group {
    fn is_empty(&self) -> bool {
        self.replies.is_empty() && self.batches.is_empty()
    }
}
