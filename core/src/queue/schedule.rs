//! The schedule: [`Schedule::step`] takes what happened and answers what is to be done, see the room's
//! docs for the rules. Guarantees that an entry is in one attempt at a time, that it is tried again only
//! once its last outcome is recorded, and that every bound holds after every step.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use super::place::{Place, Ring};
use super::retry::{next_probe, next_try};
use super::{Destination, DispatchKey, DispatchOutcome, DispatchRow, Purpose};
use crate::address::Address;
use crate::instant::Instant;
use crate::limits;
use crate::mailbox::Content;
use crate::message_id::Identifier;

/// Connections that may be under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// In all.
    pub connections: usize,
    /// To one destination.
    pub per_destination: usize,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An entry is new, or its row changed: an outcome was recorded, an operator ordered something.
    Put(DispatchKey, Arc<DispatchRow>),
    /// An entry is gone.
    Removed(DispatchKey),
    /// An attempt ended.
    Finished(u64, Ending),
    /// Time passed.
    Tick,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Make a connection and send; end with [`Event::Finished`].
    Attempt(Attempt),
    /// Record these, all of one message; they come back as [`Event::Put`] or [`Event::Removed`].
    Record(Vec<(DispatchKey, DispatchOutcome)>),
}

/// One connection's work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// For [`Event::Finished`].
    pub number: u64,
    /// Where to.
    pub destination: Destination,
    /// The messages in order, one transaction each.
    pub messages: Vec<Outgoing>,
}

/// One transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The octets.
    pub content: Content,
    /// Their number.
    pub size: u64,
    /// They hold octets above 127.
    pub eight_bit: bool,
    /// Reverse path; `None`: `<>`.
    pub reverse_path: Option<Address>,
    /// What it is.
    pub purpose: Purpose,
    /// Forward path, at most [`limits::RELAY_RECIPIENTS_PER_TRANSACTION_MAX`].
    pub recipients: Vec<(DispatchKey, Address)>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The connection.
    pub connection: Connection,
    /// The recipients; one that is missing was [`Answer::NotTried`].
    pub answers: Vec<(DispatchKey, Answer)>,
}

/// How a connection went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// A server spoke with us, or the DNS says for good that there is none.
    Served,
    /// As [`Connection::Served`], but it took only so many recipients in one transaction.
    ServedFew(usize),
    /// Nobody could be reached, or would talk.
    Failed,
}

/// What became of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The server has taken responsibility.
    Sent {
        /// Its name.
        host: String,
        /// What it said.
        reply: String,
        /// Version of TLS; `None`: in clear.
        tls: Option<String>,
    },
    /// Refused for good.
    Refused {
        /// Who refused; a name, or `dns`.
        host: String,
        /// Enhanced status code.
        status: String,
        /// What was said.
        reply: String,
    },
    /// Not now.
    Deferred {
        /// Why.
        reply: String,
    },
    /// The connection ended before its turn, or the transaction had room for no more: at once again.
    NotTried,
}

/// What is known of a destination, for operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationState {
    /// Which.
    pub destination: Destination,
    /// Connections that failed since the last that served.
    pub failures: u32,
    /// Dead until then.
    pub dead_until: Option<Instant>,
    /// Connections under way.
    pub connections: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waiting,
    UnderWay,
    /// Its outcome was handed out to be recorded.
    Recording,
}

#[derive(Debug)]
struct Entry {
    row: Arc<DispatchRow>,
    destination: Arc<Destination>,
    stage: Stage,
}

#[derive(Debug)]
struct UnderWay {
    destination: Arc<Destination>,
    keys: Vec<Arc<DispatchKey>>,
    is_probe: bool,
}

/// The schedule.
#[derive(Debug)]
pub struct Schedule {
    bounds: Bounds,
    seed: u64,
    entries: BTreeMap<Arc<DispatchKey>, Entry>,
    places: BTreeMap<Arc<Destination>, Place>,
    rings: [VecDeque<Arc<Destination>>; 3],
    turn: usize,
    /// When destinations wake, and when entries are given up.
    timers: BTreeSet<(Instant, Arc<Destination>)>,
    expiries: BTreeSet<(Instant, Arc<DispatchKey>)>,
    under_way: HashMap<u64, UnderWay>,
    recipients_under_way: usize,
    probes: usize,
    last_attempt: u64,
}

impl Schedule {
    /// An empty one.
    pub fn new(bounds: Bounds, seed: u64) -> Self {
        Self {
            bounds,
            seed,
            entries: BTreeMap::new(),
            places: BTreeMap::new(),
            rings: Default::default(),
            turn: 0,
            timers: BTreeSet::new(),
            expiries: BTreeSet::new(),
            under_way: HashMap::new(),
            recipients_under_way: 0,
            probes: 0,
            last_attempt: 0,
        }
    }

    /// Takes `event`, which happened by `now`; answers what is to be done.
    pub fn step(&mut self, event: Event, now: Instant) -> Vec<Action> {
        let mut actions = self.note(event, now);
        self.expire(now, &mut actions);
        self.wake(now);
        self.hand_out(now, &mut actions);
        actions
    }

    /// As [`Schedule::step`], but begins nothing: the recipients of one message, told one after the
    /// other, may still go together. A [`Event::Tick`] must follow.
    pub fn note(&mut self, event: Event, now: Instant) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Put(key, row) => self.put(key, row, now),
            Event::Removed(key) => self.remove(&key, now),
            Event::Finished(number, ending) => self.finish(number, ending, now, &mut actions),
            Event::Tick => {}
        }
        actions
    }

    /// When [`Event::Tick`] has something to do next.
    pub fn wakes(&self) -> Option<Instant> {
        let timer = self.timers.first().map(|(at, _)| *at);
        let expiry = self.expiries.first().map(|(at, _)| *at);
        timer.into_iter().chain(expiry).min()
    }

    /// Attempts under way.
    pub fn attempts(&self) -> usize {
        self.under_way.len()
    }

    /// Entries, whatever their stage.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// No entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Destinations that have connections or troubles.
    pub fn destinations(&self, now: Instant) -> Vec<DestinationState> {
        let told = self
            .places
            .iter()
            .filter(|(_, p)| p.under_way > 0 || p.failures > 0);
        told.map(|(destination, place)| DestinationState {
            destination: Destination::clone(destination),
            failures: place.failures,
            dead_until: (place.blocked_until > now).then_some(place.blocked_until),
            connections: place.under_way,
        })
        .collect()
    }

    fn put(&mut self, key: DispatchKey, row: Arc<DispatchRow>, now: Instant) {
        let destination = row.destination();
        let Some(entry) = self.entries.get_mut(&key) else {
            let destination = self.place_of(destination);
            let key = Arc::new(key);
            let (stage, at) = (Stage::Waiting, Arc::clone(&destination));
            self.entries.insert(
                Arc::clone(&key),
                Entry {
                    row,
                    destination,
                    stage,
                },
            );
            self.enter(&key);
            return self.refresh(&at, now);
        };
        if entry.stage == Stage::UnderWay {
            entry.row = row;
            return;
        }
        let is_order = entry.stage == Stage::Waiting && !row.held;
        let key = self.leave(&key);
        let destination = self.place_of(destination);
        if is_order && let Some(place) = self.places.get_mut(&destination) {
            // An operator who wants it tried wants the server tried.
            place.blocked_until = place.blocked_until.min(now);
        }
        if let Some((key, entry)) = key
            .as_ref()
            .and_then(|k| Some((k, self.entries.get_mut(k)?)))
        {
            entry.row = row;
            entry.stage = Stage::Waiting;
            entry.destination = Arc::clone(&destination);
            self.enter(&Arc::clone(key));
        }
        self.refresh(&destination, now);
    }

    fn remove(&mut self, key: &DispatchKey, now: Instant) {
        if self
            .entries
            .get(key)
            .is_some_and(|e| e.stage != Stage::UnderWay)
        {
            self.leave(key);
        }
        if let Some(entry) = self.entries.remove(key) {
            self.refresh(&entry.destination, now);
        }
    }

    fn finish(&mut self, number: u64, ending: Ending, now: Instant, actions: &mut Vec<Action>) {
        let Some(attempt) = self.under_way.remove(&number) else {
            return;
        };
        self.recipients_under_way -= attempt.keys.len();
        self.probes -= usize::from(attempt.is_probe);
        let trouble = ending.answers.iter().find_map(|(_, answer)| match answer {
            Answer::Deferred { reply } => Some(reply.clone()),
            _ => None,
        });
        let mut answers: HashMap<DispatchKey, Answer> = ending.answers.into_iter().collect();
        let mut outcomes = Vec::new();
        for key in &attempt.keys {
            let answer = answers.remove(&**key).unwrap_or(Answer::NotTried);
            self.answer(key, answer, now, &mut outcomes);
        }
        let has_progress = !outcomes.is_empty();
        if let Some(place) = self.places.get_mut(&attempt.destination) {
            place.under_way -= 1;
            place.recipients_under_way -= attempt.keys.len();
            match ending.connection {
                Connection::ServedFew(most) => place.recipients_max = most.max(1),
                Connection::Served | Connection::Failed => {}
            }
            // A server that talks and does nothing would be asked without end.
            if ending.connection != Connection::Failed && has_progress {
                place.served(self.bounds.per_destination);
            } else if place.failed() {
                place.trouble = trouble;
                let domain = attempt.destination.domain.as_str();
                place.blocked_until = next_probe(self.seed, domain, place.failures, now);
            }
        }
        record(outcomes, actions);
        self.refresh(&attempt.destination, now);
    }

    /// One recipient's answer: an outcome to be recorded, or back to the lane.
    fn answer(
        &mut self,
        key: &Arc<DispatchKey>,
        answer: Answer,
        now: Instant,
        outcomes: &mut Vec<(DispatchKey, DispatchOutcome)>,
    ) {
        let Some(entry) = self.entries.get_mut(key) else {
            // Removed meanwhile.
            return;
        };
        let outcome = match answer {
            Answer::NotTried => {
                entry.stage = Stage::Waiting;
                return self.enter(key);
            }
            Answer::Sent { host, reply, tls } => DispatchOutcome::Sent { host, reply, tls },
            Answer::Refused {
                host,
                status,
                reply,
            } => DispatchOutcome::Refused {
                host,
                status,
                reply,
            },
            Answer::Deferred { reply } if entry.row.until <= now => {
                DispatchOutcome::Expired { reply }
            }
            Answer::Deferred { reply } => DispatchOutcome::Deferred {
                next: next_try(self.seed, &key.identifier, entry.row.attempts, now),
                reply,
            },
        };
        entry.stage = Stage::Recording;
        self.set_aside(key);
        outcomes.push((DispatchKey::clone(key), outcome));
    }

    fn expire(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let mut outcomes = Vec::new();
        while let Some((until, key)) = self.expiries.first().cloned()
            && until <= now
        {
            self.leave(&key);
            let Some(entry) = self.entries.get_mut(&key) else {
                continue;
            };
            entry.stage = Stage::Recording;
            let of_place = self
                .places
                .get(&entry.destination)
                .and_then(|p| p.trouble.clone());
            let reply = entry.row.last.clone().or(of_place);
            let reply = reply.unwrap_or_else(|| "no attempt could be made in time".to_owned());
            self.set_aside(&key);
            outcomes.push((DispatchKey::clone(&key), DispatchOutcome::Expired { reply }));
        }
        record(outcomes, actions);
    }

    fn wake(&mut self, now: Instant) {
        while let Some((at, destination)) = self.timers.first().cloned()
            && at <= now
        {
            self.timers.pop_first();
            if let Some(place) = self.places.get_mut(&destination) {
                place.timer = None;
            }
            self.refresh(&destination, now);
        }
    }

    fn hand_out(&mut self, now: Instant, actions: &mut Vec<Action>) {
        while self.under_way.len() < self.bounds.connections
            && self.recipients_under_way < limits::RELAY_ACTIVE_MAX
        {
            let Some((ring, destination)) = self.next_destination() else {
                return;
            };
            let most = self.bounds.per_destination;
            let Some(place) = self.places.get_mut(&destination) else {
                continue;
            };
            place.ring = None;
            if place.runnable(now, most) == Some(ring) {
                actions.extend(self.attempt(&destination, ring, now).map(Action::Attempt));
            }
            self.refresh(&destination, now);
        }
    }

    /// The rings in turn.
    fn next_destination(&mut self) -> Option<(Ring, Arc<Destination>)> {
        let probes_max = (self.bounds.connections / 2).max(1);
        for _ in Ring::ALL {
            let index = self.turn % Ring::ALL.len();
            self.turn = (index + 1) % Ring::ALL.len();
            let ring = Ring::ALL[index];
            if ring == Ring::Probe && self.probes >= probes_max {
                continue;
            }
            if let Some(destination) = self.rings[index].pop_front() {
                return Some((ring, destination));
            }
        }
        None
    }

    fn attempt(&mut self, to: &Arc<Destination>, ring: Ring, now: Instant) -> Option<Attempt> {
        let is_probe = ring == Ring::Probe;
        let messages_max = if is_probe {
            1
        } else {
            limits::RELAY_MESSAGES_PER_CONNECTION_MAX
        };
        let mut keys = Vec::new();
        let mut messages = Vec::new();
        while messages.len() < messages_max
            && keys.len() < limits::RELAY_RECIPIENTS_PER_CONNECTION_MAX
        {
            let place = self.places.get_mut(to)?;
            let recipients_max = place.recipients_max;
            let Some(first) = place.next_due(now) else {
                break;
            };
            let together = self.together(&first, recipients_max, now);
            messages.extend(self.outgoing(&together));
            keys.extend(together);
        }
        let place = self.places.get_mut(to)?;
        place.under_way += 1;
        place.recipients_under_way += keys.len();
        self.recipients_under_way += keys.len();
        self.probes += usize::from(is_probe);
        self.last_attempt += 1;
        let under_way = UnderWay {
            destination: Arc::clone(to),
            keys,
            is_probe,
        };
        self.under_way.insert(self.last_attempt, under_way);
        Some(Attempt {
            number: self.last_attempt,
            destination: Destination::clone(to),
            messages,
        })
    }

    /// `first` and what may go in one transaction with it.
    fn together(
        &self,
        first: &Arc<DispatchKey>,
        most: usize,
        now: Instant,
    ) -> Vec<Arc<DispatchKey>> {
        let Some(model) = self.entries.get(first) else {
            return Vec::new();
        };
        let of = |number| DispatchKey {
            identifier: first.identifier.clone(),
            number,
        };
        let same = |entry: &Entry| {
            entry.stage == Stage::Waiting
                && !entry.row.held
                && entry.row.next <= now
                && entry.row.content == model.row.content
                && entry.row.reverse_path == model.row.reverse_path
                && entry.destination == model.destination
        };
        let others = self.entries.range(of(0)..=of(u32::MAX));
        let others = others.filter(|(key, entry)| *key != first && same(entry));
        let rest = others
            .map(|(key, _)| Arc::clone(key))
            .take(most.saturating_sub(1));
        std::iter::once(Arc::clone(first)).chain(rest).collect()
    }

    /// Takes `keys` out of their lanes into one transaction.
    fn outgoing(&mut self, keys: &[Arc<DispatchKey>]) -> Option<Outgoing> {
        let mut recipients = Vec::new();
        for key in keys {
            self.leave(key);
            let entry = self.entries.get_mut(key)?;
            entry.stage = Stage::UnderWay;
            recipients.push((DispatchKey::clone(key), entry.row.to.clone()));
        }
        let row = &self.entries.get(keys.first()?)?.row;
        Some(Outgoing {
            content: row.content,
            size: row.size,
            eight_bit: row.eight_bit,
            reverse_path: row.reverse_path.clone(),
            purpose: row.purpose,
            recipients,
        })
    }

    fn place_of(&mut self, destination: Destination) -> Arc<Destination> {
        if let Some((known, _)) = self.places.get_key_value(&destination) {
            return Arc::clone(known);
        }
        let destination = Arc::new(destination);
        self.places
            .insert(Arc::clone(&destination), Place::default());
        destination
    }

    /// Puts a waiting entry where it waits.
    fn enter(&mut self, key: &Arc<DispatchKey>) {
        let Some(entry) = self.entries.get(key) else {
            return;
        };
        self.expiries.insert((entry.row.until, Arc::clone(key)));
        let Some(place) = self.places.get_mut(&entry.destination) else {
            return;
        };
        let waits = (entry.row.next, Arc::clone(key));
        match (entry.row.held, entry.row.attempts) {
            (true, _) => place.aside += 1,
            (false, 0) => drop(place.fresh.insert(waits)),
            (false, _) => drop(place.deferred.insert(waits)),
        }
    }

    /// Takes an entry that is not under way out of where it waits; answers its key.
    fn leave(&mut self, key: &DispatchKey) -> Option<Arc<DispatchKey>> {
        let (key, entry) = self.entries.get_key_value(key)?;
        self.expiries.remove(&(entry.row.until, Arc::clone(key)));
        let place = self.places.get_mut(&entry.destination)?;
        let waits = (entry.row.next, Arc::clone(key));
        let was_waiting = place.fresh.remove(&waits) || place.deferred.remove(&waits);
        place.aside -= usize::from(!was_waiting);
        Some(Arc::clone(key))
    }

    fn set_aside(&mut self, key: &Arc<DispatchKey>) {
        if let Some(entry) = self.entries.get(key)
            && let Some(place) = self.places.get_mut(&entry.destination)
        {
            place.aside += 1;
        }
    }

    /// Puts a destination into the ring where it belongs, or sets its timer.
    fn refresh(&mut self, destination: &Arc<Destination>, now: Instant) {
        let Some(place) = self.places.get_mut(destination) else {
            return;
        };
        if let Some(at) = place.timer.take() {
            self.timers.remove(&(at, Arc::clone(destination)));
        }
        if place.is_forgotten(now) && place.ring.is_none() {
            self.places.remove(destination);
            return;
        }
        let most = self.bounds.per_destination;
        match place.runnable(now, most) {
            // Should it stand in another ring, that one passes it on when its turn comes.
            Some(ring) if place.ring.is_none() => {
                place.ring = Some(ring);
                self.rings[ring as usize].push_back(Arc::clone(destination));
            }
            Some(_) => {}
            None => {
                let wakes = place.wakes(most).unwrap_or(place.blocked_until);
                if wakes > now {
                    place.timer = Some(wakes);
                    self.timers.insert((wakes, Arc::clone(destination)));
                }
            }
        }
    }
}

/// Outcomes to be recorded, those of one message together.
fn record(outcomes: Vec<(DispatchKey, DispatchOutcome)>, actions: &mut Vec<Action>) {
    let mut by_message: BTreeMap<Identifier, Vec<_>> = BTreeMap::new();
    for (key, outcome) in outcomes {
        let message = by_message.entry(key.identifier.clone()).or_default();
        message.push((key, outcome));
    }
    for outcomes in by_message.into_values() {
        for some in outcomes.chunks(limits::DISPATCH_OUTCOMES_PER_COMMAND_MAX) {
            actions.push(Action::Record(some.to_vec()));
        }
    }
}
