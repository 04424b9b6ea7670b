//! What waits for the certifier, by kind: filled by the owner after each commit, and at the start from
//! the open rows. Every entry stands for a row, so nothing is lost with it.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::certification::RecipientType;
use crate::journal::record::{GivenUp, Received};
use crate::mailbox::MailboxId;
use crate::message_id::Identifier;
use crate::notice::Delay;
use crate::queue::{DispatchClass, DispatchKey, Purpose};
use crate::view::Row;
use crate::view::memory::OpenWork;
use crate::view::row::{ErrandRow, RecipientKey};

/// One piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Certify a submission.
    Submission(MailboxId, Identifier),
    /// Put an envelope into a mailbox of ours.
    Store(RecipientKey),
    /// Make the receipt or notice of a delivery.
    Delivery(RecipientKey),
    /// Bring a receipt home.
    Land(RecipientKey),
    /// Forget what was brought home.
    Strike(RecipientKey),
    /// Make what a message of another server is owed.
    Arrival(Identifier),
    /// Find what a receipt of another provider speaks of.
    Match(Identifier),
    /// Put an owed message into a mailbox.
    Place(RecipientKey),
    /// Tell the sender of an entry of the relay's queue that was given up.
    Bounce(DispatchKey),
    /// Settle that another provider's server refused an envelope for good.
    Fail(DispatchKey),
    /// Queue what an earlier version accepted and had no relay for.
    Dispatch(RecipientKey),
    /// Give the notice of a clock that ran out.
    Timer(RecipientKey, Delay),
}

impl Work {
    /// The message or arrival that it belongs to.
    pub fn identifier(&self) -> &Identifier {
        match self {
            Self::Submission(_, identifier)
            | Self::Arrival(identifier)
            | Self::Match(identifier) => identifier,
            Self::Store(key)
            | Self::Delivery(key)
            | Self::Land(key)
            | Self::Strike(key)
            | Self::Place(key)
            | Self::Dispatch(key)
            | Self::Timer(key, _) => &key.identifier,
            Self::Bounce(key) | Self::Fail(key) => &key.identifier,
        }
    }
}

#[derive(Default)]
struct Waiting {
    closed: bool,
    unsigned: VecDeque<Work>,
    /// Receipts, and what arrivals are owed.
    returning: VecDeque<Work>,
    /// Time-out notices and reports.
    notices: VecDeque<Work>,
    /// Submissions of each sender; `turns` says whose is next.
    submissions: HashMap<MailboxId, VecDeque<Identifier>>,
    turns: VecDeque<MailboxId>,
    later: Vec<(Instant, Work)>,
}

/// The queue. Bounded by the open rows that it stands for.
#[derive(Default)]
pub struct WorkQueue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

impl WorkQueue {
    /// Takes up what is open at the start.
    pub fn open(&self, open: &OpenWork) {
        let mut waiting = self.waiting.lock();
        let mut answers: Vec<_> = open.answers.keys().collect();
        answers.sort_unstable();
        for key in answers {
            let landed = !open.errands.contains_key(key);
            let work = if landed {
                Work::Strike(key.clone())
            } else {
                Work::Land(key.clone())
            };
            waiting.put(work);
        }
        // Oldest first: deadlines run from the instants of these steps (HS-05).
        let unanswered = |(key, _): &(&RecipientKey, _)| !open.answers.contains_key(key);
        let mut deliveries: Vec<_> = open.deliveries.iter().filter(unanswered).collect();
        deliveries.sort_by_key(|(_, row)| row.evidence.at);
        for (key, _) in deliveries {
            waiting.put(Work::Delivery(key.clone()));
        }
        open.arrivals
            .values()
            .map(|row| of_arrival(row))
            .for_each(|work| waiting.put(work));
        let placements = open.placements.keys().cloned().map(Work::Place);
        placements.for_each(|work| waiting.put(work));
        let bounces = open.bounces.values().map(|row| of_bounce(row));
        bounces.for_each(|work| waiting.put(work));
        let unqueued = open
            .errands
            .iter()
            .filter(|(key, row)| is_unqueued(open, key, row));
        unqueued.for_each(|(key, _)| waiting.put(Work::Dispatch(key.clone())));
        for (key, _) in open.errands.iter().filter(|(_, errand)| errand.local) {
            if !open.deliveries.contains_key(key) {
                waiting.put(Work::Store(key.clone()));
            }
        }
        let mut submissions: Vec<_> = open.submissions.iter().collect();
        submissions.sort_by_key(|(_, row)| row.at);
        for (identifier, row) in submissions {
            waiting.put(Work::Submission(row.mailbox, identifier.clone()));
        }
        self.changed.notify_all();
    }

    /// Takes up what freshly published rows leave to be done.
    pub fn follow(&self, rows: &[Row]) {
        let mut work = rows.iter().filter_map(of_row).peekable();
        if work.peek().is_some() {
            let mut waiting = self.waiting.lock();
            work.for_each(|work| waiting.put(work));
            drop(waiting);
            self.changed.notify_all();
        }
    }

    /// Puts work at the end of its line.
    pub fn put(&self, work: Work) {
        self.waiting.lock().put(work);
        self.changed.notify_all();
    }

    /// Puts work back, to be tried again after `delay`.
    pub fn put_back(&self, work: Work, delay: Duration) {
        self.waiting
            .lock()
            .later
            .push((Instant::now() + delay, work));
        self.changed.notify_all();
    }

    /// Waits for work that needs no signature. `None` once closed.
    pub fn take_unsigned(&self) -> Option<Vec<Work>> {
        self.take(|waiting| waiting.unsigned.drain(..).collect())
    }

    /// Waits for work that needs a signature; at most `most`. `None` once closed.
    pub fn take_signable(&self, most: usize) -> Option<Vec<Work>> {
        self.take(|waiting| waiting.take_signable(most))
    }

    fn take(&self, choose: impl Fn(&mut Waiting) -> Vec<Work>) -> Option<Vec<Work>> {
        let mut waiting = self.waiting.lock();
        while !waiting.closed {
            let next = waiting.take_up_later();
            let chosen = choose(&mut waiting);
            if !chosen.is_empty() {
                return Some(chosen);
            }
            match next {
                Some(next) => drop(self.changed.wait_until(&mut waiting, next)),
                None => self.changed.wait(&mut waiting),
            }
        }
        None
    }

    /// What needs no signature and waits now, without what was put back.
    pub fn unsigned_now(&self) -> Vec<Work> {
        self.waiting.lock().unsigned.drain(..).collect()
    }

    /// What needs a signature and waits now, without what was put back; at most `most`.
    pub fn signable_now(&self, most: usize) -> Vec<Work> {
        self.waiting.lock().take_signable(most)
    }

    /// What waits now: without, and with the need of a signature.
    pub fn waits(&self) -> (bool, bool) {
        let waiting = self.waiting.lock();
        let signable = [&waiting.returning, &waiting.notices];
        let signable = signable.iter().any(|queue| !queue.is_empty()) || !waiting.turns.is_empty();
        (!waiting.unsigned.is_empty(), signable)
    }

    /// Takes up what was put back, whatever its delay.
    pub fn take_up_put_back(&self) {
        let mut waiting = self.waiting.lock();
        let later = std::mem::take(&mut waiting.later);
        later.into_iter().for_each(|(_, work)| waiting.put(work));
    }

    /// Waits `delay`, or less when closed.
    pub fn pause(&self, delay: Duration) {
        let mut waiting = self.waiting.lock();
        let until = Instant::now() + delay;
        while !waiting.closed && !self.changed.wait_until(&mut waiting, until).timed_out() {}
    }

    /// Ends: whoever waits gets `None` from now on.
    pub fn close(&self) {
        self.waiting.lock().closed = true;
        self.changed.notify_all();
    }

    /// Closed.
    pub fn is_closed(&self) -> bool {
        self.waiting.lock().closed
    }
}

impl Waiting {
    fn put(&mut self, work: Work) {
        match work {
            Work::Submission(sender, identifier) => {
                let queue = self.submissions.entry(sender).or_default();
                if queue.is_empty() {
                    self.turns.push_back(sender);
                }
                queue.push_back(identifier);
            }
            Work::Delivery(_) | Work::Arrival(_) => self.returning.push_back(work),
            Work::Timer(..) | Work::Bounce(_) => self.notices.push_back(work),
            unsigned => self.unsigned.push_back(unsigned),
        }
    }

    /// Moves what is due from `later`; answers when the next is.
    fn take_up_later(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let (due, later) = std::mem::take(&mut self.later)
            .into_iter()
            .partition(|w| w.0 <= now);
        self.later = later;
        let due: Vec<(Instant, Work)> = due;
        due.into_iter().for_each(|(_, work)| self.put(work));
        self.later.iter().map(|(at, _)| *at).min()
    }

    /// Returning receipts first, then notices, then submissions, one of each sender in turn.
    fn take_signable(&mut self, most: usize) -> Vec<Work> {
        let mut taken: Vec<Work> = Vec::new();
        for queue in [&mut self.returning, &mut self.notices] {
            let room = queue.len().min(most - taken.len());
            taken.extend(queue.drain(..room));
        }
        while taken.len() < most
            && let Some(sender) = self.turns.pop_front()
        {
            let Some(queue) = self.submissions.get_mut(&sender) else {
                continue;
            };
            if let Some(identifier) = queue.pop_front() {
                taken.push(Work::Submission(sender, identifier));
            }
            if queue.is_empty() {
                self.submissions.remove(&sender);
            } else {
                self.turns.push_back(sender);
            }
        }
        taken
    }
}

/// Outside certified mail an errand is open as long as its entry of the queue, and no longer.
fn is_unqueued(open: &OpenWork, key: &RecipientKey, row: &ErrandRow) -> bool {
    let entry = DispatchKey {
        identifier: key.identifier.clone(),
        number: Purpose::Envelope.number(key.recipient),
    };
    !row.local && row.kind == RecipientType::External && !open.dispatches.contains_key(&entry)
}

/// A receipt waits to be matched, anything else for what it is owed.
fn of_arrival(row: &Received) -> Work {
    let identifier = row.identifier.clone();
    match row.receipt {
        Some(_) => Work::Match(identifier),
        None => Work::Arrival(identifier),
    }
}

/// Between providers a notice is certified, as any other of a delivery that failed.
fn of_bounce(row: &GivenUp) -> Work {
    match (row.row.purpose, row.row.class) {
        (Purpose::Envelope, DispatchClass::Certified) => Work::Fail(row.key.clone()),
        _ => Work::Bounce(row.key.clone()),
    }
}

fn of_row(row: &Row) -> Option<Work> {
    match row {
        Row::Submission(identifier, Some(row)) => {
            Some(Work::Submission(row.mailbox, identifier.clone()))
        }
        Row::Errand(key, Some(errand)) if errand.local && errand.is_fresh() => {
            Some(Work::Store(key.clone()))
        }
        Row::Arrival(_, Some(row)) => Some(of_arrival(row)),
        Row::Placement(key, Some(_)) => Some(Work::Place(key.clone())),
        Row::Bounce(_, Some(row)) => Some(of_bounce(row)),
        Row::Delivery(key, Some(_)) => Some(Work::Delivery(key.clone())),
        Row::Answer(key, Some(_)) => Some(Work::Land(key.clone())),
        Row::Errand(key, None) => Some(Work::Strike(key.clone())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_take_turns_and_receipts_go_first() {
        let queue = WorkQueue::default();
        let id = |n: u32| Identifier::parse(&format!("m{n}@pec.test")).expect("an identifier");
        {
            let mut waiting = queue.waiting.lock();
            for n in 0..5 {
                waiting.put(Work::Submission(MailboxId(1), id(n)));
            }
            waiting.put(Work::Submission(MailboxId(2), id(9)));
            waiting.put(Work::Delivery(RecipientKey {
                identifier: id(7),
                recipient: 0,
            }));
        }
        let signed = queue.take_signable(4).expect("open");
        let delivery = Work::Delivery(RecipientKey {
            identifier: id(7),
            recipient: 0,
        });
        let first = Work::Submission(MailboxId(1), id(0));
        let other = Work::Submission(MailboxId(2), id(9));
        let second = Work::Submission(MailboxId(1), id(1));
        assert_eq!(signed, [delivery, first, other, second]);
    }
}
