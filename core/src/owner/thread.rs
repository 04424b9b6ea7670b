//! The owner's and the writer's threads: decide, group, commit, publish, reply, notify.
//!
//! While the writer syncs one group, the owner fills the next: group size follows the disk's speed up to
//! a bound, and nothing waits for a timer. The owner never waits for the disk; the writer does nothing
//! else. A thread that fails ends the process: nobody waits for an answer that cannot come.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, never, select};

use super::book::{self, Book, Committed, Group};
use super::{Command, Reply};
use crate::journal::LaneStore;
use crate::state::Shared;
use crate::view::View;

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

/// The owner.
pub(crate) struct Owner {
    shared: Arc<Shared>,
    book: Book,
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
        let book = Book::new(shared.clone(), newest, &*lane, epoch);
        let (to_writer, from_owner) = crossbeam_channel::bounded(1);
        let (to_owner, commits) = crossbeam_channel::bounded(1);
        let (fatal, told) = (shared.clone(), shared.clone());
        let writer = move || write(lane, &from_owner, &to_owner, &told);
        let writer = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(writer)?;
        let owner = Self {
            shared,
            book,
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
            let (all, certifier) = match self.book.room() > 0 {
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
        !self.in_flight && self.book.is_empty()
    }

    /// Decides what waits, as far as the group has room; answers whether the order to stop was in it.
    fn take_all(&mut self, first: Option<Message>, more: &Receiver<Message>) -> bool {
        let Some(first) = first else {
            return true; // Nobody can send any more.
        };
        let mut stopping = self.take(first);
        for message in more.try_iter().take(self.book.room()) {
            stopping |= self.take(message);
        }
        stopping
    }

    /// Decides one command; answers whether it was the order to stop.
    fn take(&mut self, message: Message) -> bool {
        match message {
            Message::Command(command, reply) => {
                self.book.take(*command, reply);
                false
            }
            Message::Stop => true,
        }
    }

    fn hand_over(&mut self) {
        if self.in_flight || self.book.is_empty() {
            return;
        }
        let Some(group) = self.book.close_group() else {
            return;
        };
        self.in_flight = true;
        // Capacity one and nothing in flight: this never waits.
        if self.to_writer.send(group).is_err() {
            self.shared.fatal("the journal's writer has ended");
        }
    }

    fn publish(&mut self, done: Committed) {
        self.in_flight = false;
        book::publish(&self.shared, done);
    }
}

fn write(
    mut lane: Box<dyn LaneStore>,
    groups: &Receiver<Group>,
    done: &Sender<Committed>,
    shared: &Shared,
) {
    for group in groups {
        let Some(committed) = book::append(&mut *lane, group, shared) else {
            return;
        };
        if done.send(committed).is_err() || !book::tend(&mut *lane, shared) {
            return;
        }
    }
    if let Err(error) = lane.close() {
        shared.fatal(&error.to_string());
    }
}
