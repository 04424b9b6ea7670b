//! An appliance without threads, for simulations: the owner, the certifier and the clocks are the functions
//! that the threads of [`crate::state`] call, each step made when it is asked for, by whoever holds the
//! seed. Guarantees that all that happens follows from the calls, the ports, and [`crate::random::Seeded`].
//!
//! What an end between two steps loses is what the death of the process would: commands not decided,
//! groups not written, answers not given, batches under way. A fatal failure ends it: no step is made any
//! more, and the simulation opens the disk anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, bounded, unbounded};

use crate::blob::BlobStore;
use crate::instant::Instant;
use crate::intake::{self, Arrival, Judged, TakenIn};
use crate::journal::LaneStore;
use crate::owner::book::{self, Book, Committed};
use crate::owner::{Command, CommandError, Inboxes, Message, Outcome, Reply, Submission};
use crate::pipeline::{Stage, Stepped};
use crate::ports::{Signer, VirusScanner};
use crate::queue::{DispatchKey, DispatchOutcome};
use crate::state::{OpenError, Opened, Opening, Options, Shared, Status, open};
use crate::view::View;
use crate::view::memory::DispatchWatcher;

/// Chooses below its argument, which is above zero.
pub type Choose<'a> = &'a mut dyn FnMut(usize) -> usize;

/// A step that can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The owner decides some of what waits.
    Decide,
    /// The writer makes the open group durable.
    Append,
    /// What is durable is published and answered.
    Publish,
    /// The certifier.
    Certifier(Stage),
}

/// The appliance.
pub struct Stepper {
    shared: Arc<Shared>,
    opening: Opening,
    inboxes: Inboxes,
    book: Book,
    lane: Box<dyn LaneStore>,
    written: Option<Committed>,
    certifier: Stepped,
    scanner: Arc<dyn VirusScanner>,
    is_dead: Arc<AtomicBool>,
}

impl Stepper {
    /// Opens the data folder as [`crate::state::State::open`] does. No views are kept, whatever `options`
    /// say: the thread that writes them has no part in what is decided.
    pub fn open(
        options: Options,
        signer: Arc<dyn Signer>,
        scanner: Arc<dyn VirusScanner>,
    ) -> Result<Self, OpenError> {
        let is_dead = Arc::new(AtomicBool::new(false));
        let (dies, told) = (is_dead.clone(), options.on_fatal.clone());
        let options = Options {
            keep_views: false,
            on_fatal: Arc::new(move |sentence| {
                dies.store(true, Ordering::Release);
                told(sentence);
            }),
            ..options
        };
        // Nobody waits for room on the one thread; the steps take turns.
        let (inbox, all) = unbounded();
        let (from_certifier, certifier) = unbounded();
        let Opened {
            shared,
            lane,
            newest,
            epoch,
            opening,
        } = open(options, inbox, from_certifier)?;
        shared.use_scanner(scanner.clone());
        let stepper = Self {
            book: Book::new(shared.clone(), newest, &lane, epoch),
            lane: Box::new(lane),
            inboxes: Inboxes { all, certifier },
            certifier: Stepped::new(shared.clone(), signer, scanner.clone()),
            scanner,
            shared,
            opening,
            written: None,
            is_dead,
        };
        stepper.look_at_scanner();
        Ok(stepper)
    }

    /// Takes in a message as the submission port does; the owner works until it is answered.
    pub fn submit(&mut self, submission: Submission) -> Result<Outcome, CommandError> {
        let _place = self.shared.reserve()?;
        let command = self.shared.submit_command(submission)?;
        self.ask(command)
    }

    /// Judges a message of another server and takes it in or not; the owner works until it is answered.
    pub fn take_in(&mut self, arrival: &Arrival) -> TakenIn {
        let _place = match self.shared.reserve() {
            Ok(place) => place,
            Err(error) => return intake::refusal(&error),
        };
        match intake::judge(&self.shared, arrival) {
            Judged::Refuse(refusal) => refusal,
            Judged::Take(received, leaving) => {
                intake::answer(self.ask(Command::Receive(received, leaving)))
            }
        }
    }

    /// Sends a command; the owner works until it is answered.
    pub fn ask(&mut self, command: Command) -> Result<Outcome, CommandError> {
        let (answer, wait) = bounded(1);
        self.send(command, Box::new(move |outcome| drop(answer.send(outcome))));
        self.wait_for(&wait)
    }

    /// Sends a command and goes on: its answer comes with a later step.
    pub fn send(&self, command: Command, reply: Reply) {
        self.shared.put(command, reply);
    }

    /// How tries of the relay ended, all of one message; recorded by later steps.
    pub fn dispatched(&self, outcomes: Vec<(DispatchKey, DispatchOutcome)>) {
        self.shared.dispatched(outcomes, Box::new(drop));
    }

    /// From now on `watcher` is told of the entries of the relay's queue that change.
    pub fn follow_dispatches(&self, watcher: DispatchWatcher) {
        self.shared.view.watch_dispatches(watcher);
    }

    /// Makes one of the steps that can be made; false: there is none before time passes or something
    /// comes.
    pub fn work_once(&mut self, choose: Choose<'_>) -> bool {
        let parts = self.parts();
        if parts.is_empty() {
            return false;
        }
        match parts[choose(parts.len()).min(parts.len() - 1)] {
            Part::Decide => self.decide(choose),
            Part::Append => self.append(),
            Part::Publish => self.publish(),
            Part::Certifier(stage) => self.certifier.step(stage),
        }
        true
    }

    /// To be told when the clock moved: what was put back for a while is taken up again, and the scanner
    /// is asked how it is.
    pub fn time_passed(&mut self) {
        self.certifier.time_passed();
        self.look_at_scanner();
    }

    fn look_at_scanner(&self) {
        let health = self.scanner.health(self.shared.clock.now());
        self.shared.scanner_gate.settle(health);
    }

    /// When the next clock of §3.1.6 runs out.
    pub fn wakes(&self) -> Option<Instant> {
        self.shared.timers.next_due()
    }

    /// A failure was fatal: nothing is done any more.
    pub fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::Acquire)
    }

    /// What readers see.
    pub fn view(&self) -> &View {
        &self.shared.view
    }

    /// Bodies.
    pub fn blobs(&self) -> &Arc<BlobStore> {
        &self.shared.blobs
    }

    /// Numbers for the operator.
    pub fn status(&self) -> Status {
        self.shared.status(self.certifier.held())
    }

    /// What opening found.
    pub fn opening(&self) -> &Opening {
        &self.opening
    }

    fn parts(&self) -> Vec<Part> {
        if self.is_dead() {
            return Vec::new();
        }
        let waits = !self.inboxes.all.is_empty() || !self.inboxes.certifier.is_empty();
        let can = [
            (Part::Decide, waits && self.book.room() > 0),
            (
                Part::Append,
                self.written.is_none() && !self.book.is_empty(),
            ),
            (Part::Publish, self.written.is_some()),
        ];
        let owner = can.into_iter().filter(|(_, can)| *can);
        let certifier = self.certifier.ready().into_iter().map(Part::Certifier);
        owner.map(|(part, _)| part).chain(certifier).collect()
    }

    /// Some of what waits, of either inbox.
    fn decide(&mut self, choose: Choose<'_>) {
        let both = [&self.inboxes.all, &self.inboxes.certifier];
        let filled: Vec<&Receiver<Message>> = both.into_iter().filter(|i| !i.is_empty()).collect();
        let inbox = filled[choose(filled.len()).min(filled.len() - 1)].clone();
        let most = match choose(2) {
            0 => 1,
            _ => self.book.room(),
        };
        self.take_from(&inbox, most);
    }

    fn take_from(&mut self, inbox: &Receiver<Message>, most: usize) {
        for message in inbox.try_iter().take(most) {
            if let Message::Command(command, reply) = message {
                self.book.take(*command, reply);
            }
        }
    }

    fn append(&mut self) {
        let Some(group) = self.book.close_group() else {
            return;
        };
        self.written = book::append(&mut *self.lane, group, &self.shared);
        if self.written.is_some() {
            book::tend(&mut *self.lane, &self.shared);
        }
    }

    fn publish(&mut self) {
        if let Some(done) = self.written.take() {
            book::publish(&self.shared, done);
        }
    }

    /// The owner and the writer alone, until the answer is there.
    fn wait_for(
        &mut self,
        answer: &Receiver<Result<Outcome, CommandError>>,
    ) -> Result<Outcome, CommandError> {
        loop {
            if let Ok(outcome) = answer.try_recv() {
                return outcome;
            }
            if self.is_dead() {
                return Err(CommandError::Stopping);
            }
            // One step between two looks: an answer given too soon is seen too soon.
            if !self.inboxes.all.is_empty() && self.book.room() > 0 {
                let inbox = self.inboxes.all.clone();
                self.take_from(&inbox, self.book.room());
            } else if self.written.is_some() {
                self.publish();
            } else {
                self.append();
            }
        }
    }
}
