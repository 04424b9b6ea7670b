//! The relay's thread: feeds the schedule with what happens, makes the attempts it asks for on a ring of
//! its own, and sees to it that outcomes are recorded. Outcomes that the owner has no room for are handed
//! in again: an entry is not tried before its last outcome is recorded.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ceralacca_core::limits;
use ceralacca_core::owner::CommandError;
use ceralacca_core::queue::{
    Action, Attempt, Bounds, DestinationState, DispatchKey, DispatchOutcome, Ending, Event,
    Schedule,
};
use tokio::sync::{mpsc, oneshot};

use super::Counters;
use super::attempt::{Shared, at_most};
use super::backlog::{Backlog, Change};

/// What the thread is told.
pub(super) enum Told {
    Changed(Vec<Change>),
    Ended(u64, Ending),
    /// Outcomes are recorded, or never will be.
    Recorded,
    Ask(std::sync::mpsc::Sender<Vec<DestinationState>>),
    Stop,
}

/// The thread's work, to the stop.
pub(super) async fn run(
    shared: Rc<Shared>,
    tell: mpsc::UnboundedSender<Told>,
    told: mpsc::UnboundedReceiver<Told>,
) {
    let settings = &shared.settings;
    let bounds = Bounds {
        connections: settings.connections_max,
        per_destination: settings.connections_per_destination_max,
    };
    let mut driver = Driver {
        schedule: Schedule::new(bounds, u64::from_be_bytes(ceralacca_core::random::bytes())),
        shared: Rc::clone(&shared),
        tell,
        told,
        attempts: 0,
        recording: 0,
    };
    // What changes from here on is told after this list, the newest last.
    for (key, row) in shared.backlog.entries() {
        driver.note(Event::Put(key, row));
    }
    driver.step(Event::Tick);
    driver.until_stop().await;
    at_most(limits::STOP_SECONDS_MAX, driver.finish()).await;
}

struct Driver {
    schedule: Schedule,
    shared: Rc<Shared>,
    tell: mpsc::UnboundedSender<Told>,
    told: mpsc::UnboundedReceiver<Told>,
    attempts: usize,
    recording: usize,
}

impl Driver {
    async fn until_stop(&mut self) {
        loop {
            let pause = self.pause();
            let told = tokio::select! {
                told = self.told.recv() => told,
                () = tokio::time::sleep(pause) => {
                    self.step(Event::Tick);
                    continue;
                }
            };
            match told {
                None | Some(Told::Stop) => return,
                Some(told) => self.hear(told),
            }
            // What was told together is begun together.
            for _ in 0..limits::RELAY_CHANGES_AT_ONCE_MAX {
                match self.told.try_recv() {
                    Ok(Told::Stop) => return,
                    Ok(told) => self.hear(told),
                    Err(_) => break,
                }
            }
            self.step(Event::Tick);
        }
    }

    /// After the stop: no new attempt; those under way end and are recorded.
    async fn finish(&mut self) {
        while self.attempts > 0 || self.recording > 0 {
            match self.told.recv().await {
                None => return,
                Some(Told::Ended(number, ending)) => {
                    self.attempts -= 1;
                    let event = Event::Finished(number, ending);
                    for action in self.schedule.step(event, self.shared.settings.clock.now()) {
                        if let Action::Record(outcomes) = action {
                            self.record(outcomes);
                        }
                    }
                }
                Some(Told::Recorded) => self.recording -= 1,
                Some(_) => {}
            }
        }
    }

    /// Until the schedule has something to do; not longer than a clock that was set may be left alone.
    fn pause(&self) -> Duration {
        let now = self.shared.settings.clock.now();
        let most = limits::RELAY_TICK_MS_MAX;
        let wait = self
            .schedule
            .wakes()
            .map(|at| at.as_millis() - now.as_millis());
        let wait = wait.and_then(|wait| u64::try_from(wait).ok().or(Some(0)));
        Duration::from_millis(wait.unwrap_or(most).min(most))
    }

    fn hear(&mut self, told: Told) {
        match told {
            Told::Changed(changes) => changes.into_iter().for_each(|change| match change {
                (key, Some(row)) => self.note(Event::Put(key, row)),
                (key, None) => self.note(Event::Removed(key)),
            }),
            Told::Ended(number, ending) => {
                self.attempts -= 1;
                self.note(Event::Finished(number, ending));
            }
            Told::Recorded => self.recording -= 1,
            Told::Ask(answer) => {
                let now = self.shared.settings.clock.now();
                // Who asked may have given up.
                let _ = answer.send(self.schedule.destinations(now));
            }
            Told::Stop => {}
        }
    }

    fn note(&mut self, event: Event) {
        let actions = self.schedule.note(event, self.shared.settings.clock.now());
        self.act(actions);
    }

    fn step(&mut self, event: Event) {
        let actions = self.schedule.step(event, self.shared.settings.clock.now());
        self.act(actions);
    }

    fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Record(outcomes) => self.record(outcomes),
                Action::Attempt(attempt) => {
                    self.attempts += 1;
                    self.begin(attempt);
                }
            }
        }
    }

    fn begin(&self, attempt: Attempt) {
        let (shared, tell) = (Rc::clone(&self.shared), self.tell.clone());
        let number = attempt.number;
        tokio_uring::spawn(async move {
            let backlog = Arc::clone(&shared.backlog);
            let made = tokio_uring::spawn(async move { shared.attempt(&attempt).await });
            match made.await {
                // The thread outlives its attempts, or stops without them.
                Ok(ending) => drop(tell.send(Told::Ended(number, ending))),
                // Its entries would be under way for ever.
                Err(_) => backlog.fatal("an attempt of the relay failed by a bug"),
            }
        });
    }

    fn record(&mut self, outcomes: Vec<(DispatchKey, DispatchOutcome)>) {
        self.recording += 1;
        outcomes.iter().for_each(tell_end);
        self.shared.counters.count(&outcomes);
        let (backlog, tell) = (Arc::clone(&self.shared.backlog), self.tell.clone());
        tokio_uring::spawn(async move {
            record(&*backlog, outcomes).await;
            let _ = tell.send(Told::Recorded);
        });
    }
}

/// What will never arrive is said aloud: of some of it nobody else is told (ND-07).
fn tell_end((key, outcome): &(DispatchKey, DispatchOutcome)) {
    let id = &key.identifier;
    match outcome {
        DispatchOutcome::Refused { host, reply, .. } => {
            ceralacca_core::notice!("{id} ({}) was refused by {host}: {reply}", key.number);
        }
        DispatchOutcome::Expired { reply } => {
            ceralacca_core::notice!("{id} ({}) is given up: {reply}", key.number);
        }
        DispatchOutcome::Sent { .. } | DispatchOutcome::Deferred { .. } => {}
    }
}

/// Hands outcomes in until they are taken.
async fn record(backlog: &dyn Backlog, outcomes: Vec<(DispatchKey, DispatchOutcome)>) {
    loop {
        let (answer, recorded) = oneshot::channel();
        let reply = Box::new(move |result| drop(answer.send(result)));
        backlog.record(outcomes.clone(), reply);
        match recorded.await {
            Ok(Ok(())) => return,
            // The next run tries again what was not recorded: rather twice than never.
            Err(_) | Ok(Err(CommandError::Stopping)) => return,
            Ok(Err(CommandError::Busy | CommandError::DiskFull)) => {}
            Ok(Err(error)) => {
                ceralacca_core::warning!("outcomes of the relay are not recorded: {error}");
            }
        }
        tokio::time::sleep(Duration::from_millis(limits::RELAY_TICK_MS_MAX)).await;
    }
}

impl Counters {
    fn count(&self, outcomes: &[(DispatchKey, DispatchOutcome)]) {
        for (_, outcome) in outcomes {
            let total = match outcome {
                DispatchOutcome::Sent { .. } => &self.sent_total,
                DispatchOutcome::Deferred { .. } => &self.deferred_total,
                DispatchOutcome::Refused { .. } => &self.refused_total,
                DispatchOutcome::Expired { .. } => &self.expired_total,
            };
            total.fetch_add(1, Ordering::Relaxed);
        }
    }
}
