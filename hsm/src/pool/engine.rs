//! One queue before all tokens, as a state machine: who waits for what, who is trusted with it now.
//!
//! A request waits in the order of its deadline, then of its arrival (HS-06); a token takes from the front
//! as fast as it signs, so that work spreads by observed speed. What a token holds when it is taken out
//! goes back to its old place and to another token; what the old one still answers is dropped, because
//! its epoch is over: a request is answered once (HS-04). A token is *ready* in one epoch after another;
//! between two it is *out*, tried again after pauses that grow; what the operator must mend is *refused*
//! for good, so that no wrong PIN is tried twice. With no token ready, all that waits is answered
//! `Unavailable` (HS-05).
//!
//! *A silent token* is a suspect long before its call counts as hanging: where another is ready, that one signs
//! what the silent one is late with, and it gets no more until it answers; an answer that another gave before
//! is dropped.
//!
//! *A slow token* (its last answers took [`SLOW_FACTOR`] times as long as the fastest's) takes nothing that
//! the others would have signed sooner: as long as they clear all that waits in less time than it needs
//! for one. After [`SLOW_MEMORY`] without work it is given one request to show how it is now.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant as Moment};

use ceralacca_core::instant::Instant;
use ceralacca_core::ports::{Signature, SignerError, SigningRequest, TokenDescription};
use ceralacca_core::reconciliation::KeyMark;
use ceralacca_core::smime::SigningCertificate;
use parking_lot::{Condvar, Mutex, RwLock};

use super::batch::{Answer, Batch};
use crate::error::HsmError;
use crate::limits::{
    AHEAD_PACE_MAX, AVAILABILITY_POLL, REOPEN_PAUSE_MAX, REOPEN_PAUSE_MIN, SIGNING_QUEUE_MAX,
    SLOW_FACTOR, SLOW_MEMORY, STABLE_AFTER, SUSPICION_PART,
};

/// A token's place in the engine.
pub(crate) type Place = usize;

/// Queue and tokens.
pub(crate) struct Engine {
    state: Mutex<State>,
    /// Work came, or a token changed.
    changed: Condvar,
    /// Places in the queue came free.
    room: Condvar,
    /// Those that are handed work instead of coming for it.
    feeds: RwLock<Vec<(Place, Arc<dyn Feed>)>>,
    /// Who is handed work first: each in turn, so that none rests unseen.
    turn: AtomicUsize,
    /// After this a call counts as hanging.
    signature_wait: Duration,
}

/// A line to a token that is handed work.
pub(crate) trait Feed: Send + Sync {
    /// Takes what it has room for.
    fn feed(&self);

    /// The call that hangs in this epoch will not be waited for.
    fn kill(&self, epoch: u64);

    /// No more work comes.
    fn close(&self);

    /// It is not waited for any longer.
    fn end(&self);

    /// The process that signs.
    fn process(&self) -> Option<u32>;
}

struct State {
    waiting: BinaryHeap<Waiting>,
    tokens: Vec<Token>,
    next_number: u64,
    is_closed: bool,
}

/// A request of a caller.
struct Order {
    request: SigningRequest,
    batch: Arc<Batch>,
    place: usize,
    /// Why the token that held it was taken out.
    trouble: Option<SignerError>,
}

struct Waiting {
    deadline: Instant,
    number: u64,
    order: Order,
}

struct Flight {
    waiting: Waiting,
    since: Moment,
}

struct Token {
    name: String,
    certificate: Arc<SigningCertificate>,
    is_software: bool,
    phase: Phase,
    /// Grows with each time that it is ready.
    epoch: u64,
    since: Moment,
    /// Requests that it signs at once, and those that it may hold with what waits inside.
    at_once: usize,
    capacity: usize,
    held: HashMap<u64, Flight>,
    /// What it was silent about, since when: others sign it by now.
    late: HashMap<u64, Moment>,
    /// Time from taking a request to its answer, lately, and when that was seen.
    pace: Option<(Duration, Moment)>,
    failures: u32,
    /// Why it does not sign.
    fault: Option<HsmError>,
    signatures: u64,
    cpu_nanos: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Never tried yet.
    New,
    /// Somebody tries it.
    Probing,
    /// It signs.
    Ready,
    /// To be tried again then.
    Out(Moment),
    /// Not tried again: the operator must mend it.
    Refused,
    /// It could sign, but must not yet.
    Held,
}

/// What a token's own thread does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is ready in this epoch: sign.
    Serve(u64),
    /// Try it; say so with [`Engine::ready`] or [`Engine::failed`].
    Probe {
        /// It was ready before: it has to show a signature first.
        was_ready: bool,
    },
    /// Nothing more.
    End,
}

/// A request that a token holds now.
pub(crate) struct Taken {
    pub(crate) number: u64,
    pub(crate) request: SigningRequest,
}

/// What a token made of a request.
pub(crate) struct Made {
    pub(crate) number: u64,
    pub(crate) attributes: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

impl Engine {
    pub(super) fn new(signature_wait: Duration) -> Self {
        Self {
            state: Mutex::new(State {
                waiting: BinaryHeap::new(),
                tokens: Vec::new(),
                next_number: 0,
                is_closed: false,
            }),
            changed: Condvar::new(),
            room: Condvar::new(),
            feeds: RwLock::default(),
            turn: AtomicUsize::new(0),
            signature_wait,
        }
    }

    /// A token that nobody tried yet.
    pub(super) fn add(
        &self,
        name: String,
        is_software: bool,
        certificate: Arc<SigningCertificate>,
        held: Option<String>,
    ) -> Place {
        let mut state = self.state.lock();
        let phase = if held.is_some() {
            Phase::Held
        } else {
            Phase::New
        };
        state.tokens.push(Token {
            name,
            certificate,
            is_software,
            phase,
            epoch: 0,
            since: Moment::now(),
            at_once: 1,
            capacity: 1,
            held: HashMap::new(),
            late: HashMap::new(),
            pace: None,
            failures: 0,
            fault: held.map(HsmError::NotPossible),
            signatures: 0,
            cpu_nanos: 0,
        });
        state.tokens.len() - 1
    }

    pub(crate) fn add_feed(&self, place: Place, feed: Arc<dyn Feed>) {
        self.feeds.write().push((place, feed));
    }

    /// Waits until each token was tried once, but no longer than `wait`.
    pub(super) fn wait_tried(&self, wait: Duration) {
        let until = Moment::now() + wait;
        let mut state = self.state.lock();
        while state.tokens.iter().any(Token::is_untried) {
            if self.changed.wait_until(&mut state, until).timed_out() {
                return;
            }
        }
    }

    // What callers do.

    /// Puts the requests of a batch into the queue; waits for places.
    pub(super) fn submit(&self, requests: &[SigningRequest], batch: &Arc<Batch>) {
        for (place, request) in requests.iter().enumerate() {
            let order = Order {
                request: *request,
                batch: batch.clone(),
                place,
                trouble: None,
            };
            if let Some((order, error)) = self.put(order) {
                order.batch.fill(order.place, Err(error));
            }
        }
        // Here too: nobody may ever wait long enough for a token that is silent while others sign.
        self.watch();
    }

    /// Gives it back, with the reason, where nobody can sign.
    fn put(&self, order: Order) -> Option<(Order, SignerError)> {
        let mut state = self.state.lock();
        loop {
            if let Some(error) = state.unavailable() {
                return Some((order, error));
            }
            if state.waiting.len() < SIGNING_QUEUE_MAX {
                state.push(order);
                return None;
            }
            drop(state);
            self.watch();
            state = self.state.lock();
            if state.waiting.len() >= SIGNING_QUEUE_MAX {
                self.room.wait_for(&mut state, AVAILABILITY_POLL);
            }
        }
    }

    /// Takes out the tokens in which a call hangs, and sees that nobody sleeps while work waits.
    pub(super) fn watch(&self) {
        let overdue: Vec<(Place, u64)> = {
            let mut state = self.state.lock();
            state.suspect(self.signature_wait / SUSPICION_PART);
            let tokens = state.tokens.iter().enumerate();
            tokens
                .filter(|(_, token)| token.is_overdue(self.signature_wait))
                .map(|(place, token)| (place, token.epoch))
                .collect()
        };
        for (place, epoch) in overdue {
            let seconds = self.signature_wait.as_secs_f32();
            let words = format!("a call has not returned within {seconds} s");
            self.take_out(place, epoch, HsmError::Away(words));
            // Calls in this process have nobody who could end them.
            let feeds = self.feeds.read();
            feeds
                .iter()
                .filter(|(of, _)| *of == place)
                .for_each(|(_, feed)| feed.kill(epoch));
        }
        self.wake();
    }

    /// A token can sign.
    pub(super) fn is_available(&self) -> bool {
        self.state.lock().unavailable().is_none()
    }

    /// Requests that no token has taken yet.
    pub(super) fn waiting_count(&self) -> usize {
        self.state.lock().waiting.len()
    }

    /// How each token is.
    pub(super) fn describe(&self) -> Vec<(TokenDescription, u64)> {
        let state = self.state.lock();
        let tokens = state.tokens.iter();
        let mut described: Vec<_> = tokens
            .map(|token| (token.describe(self.signature_wait), token.cpu_nanos))
            .collect();
        drop(state);
        for (place, feed) in self.feeds.read().iter() {
            if let Some((token, _)) = described.get_mut(*place) {
                token.process = feed.process();
            }
        }
        described
    }

    /// Signatures handed out, by certificate (LG-14).
    pub(super) fn made(&self) -> Vec<(KeyMark, u64)> {
        let state = self.state.lock();
        let mut made = BTreeMap::new();
        for token in &state.tokens {
            let key = KeyMark::of(&token.certificate.certificate);
            *made.entry(key).or_default() += token.signatures;
        }
        made.into_iter().collect()
    }

    /// The first token's fault, where every token has one that the operator must mend.
    pub(super) fn refusal(&self) -> Option<HsmError> {
        let state = self.state.lock();
        let refusals: Vec<&HsmError> = state.tokens.iter().filter_map(Token::refusal).collect();
        match refusals.first() {
            Some(first) if refusals.len() == state.tokens.len() => Some((*first).clone()),
            _ => None,
        }
    }

    /// Keeps a token from signing, or lets it.
    pub(super) fn hold(&self, place: Place, why: Option<String>) {
        let mut state = self.state.lock();
        let Some(token) = state.tokens.get_mut(place) else {
            return;
        };
        if why.is_none() && token.phase == Phase::Held {
            token.phase = Phase::New;
            token.fault = None;
        }
        if let (Some(why), Phase::Held) = (why, token.phase) {
            token.fault = Some(HsmError::NotPossible(why));
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Everybody stops; what waits is answered.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        let orders = state.give_up();
        drop(state);
        answer_all(orders);
        self.changed.notify_all();
        self.room.notify_all();
        for (_, feed) in self.feeds.read().iter() {
            feed.close();
        }
    }

    /// Ends the processes that are still there.
    pub(super) fn kill(&self) {
        for (_, feed) in self.feeds.read().iter() {
            feed.end();
        }
    }

    fn wake(&self) {
        self.changed.notify_all();
        let feeds = self.feeds.read();
        let turn = self.turn.fetch_add(1, Relaxed);
        // First what each signs at once, then, where more waits, what it takes ahead.
        let rounds = feeds.iter().cycle().skip(turn % feeds.len().max(1));
        for (_, feed) in rounds.take(2 * feeds.len()) {
            feed.feed();
        }
    }

    // What tokens do.

    /// What the thread of a token does next; waits for it.
    pub(crate) fn next_step(&self, place: Place) -> Step {
        let mut state = self.state.lock();
        loop {
            if state.is_closed {
                return Step::End;
            }
            let Some(token) = state.tokens.get_mut(place) else {
                return Step::End;
            };
            let was_ready = token.epoch > 0;
            match token.phase {
                Phase::Refused => return Step::End,
                Phase::Ready => return Step::Serve(token.epoch),
                Phase::New => {
                    token.phase = Phase::Probing;
                    return Step::Probe { was_ready };
                }
                Phase::Out(until) if until <= Moment::now() => {
                    token.phase = Phase::Probing;
                    return Step::Probe { was_ready };
                }
                Phase::Out(until) => {
                    self.changed.wait_until(&mut state, until);
                }
                Phase::Probing | Phase::Held => self.changed.wait(&mut state),
            }
        }
    }

    /// It signs from now on, in the epoch that is returned.
    ///
    /// Of the requests that it may hold it signs `at_once` side by side.
    pub(crate) fn ready(
        &self,
        place: Place,
        (at_once, capacity): (usize, usize),
        is_software: Option<bool>,
    ) -> u64 {
        let mut state = self.state.lock();
        let Some(token) = state.tokens.get_mut(place) else {
            return 0;
        };
        if token.failures > 0 {
            ceralacca_core::notice!("{} is back; it signs again", token.name);
        }
        token.phase = Phase::Ready;
        token.epoch += 1;
        token.since = Moment::now();
        token.at_once = at_once;
        token.capacity = capacity;
        token.pace = None;
        token.late.clear();
        token.fault = None;
        token.is_software = is_software.unwrap_or(token.is_software);
        let epoch = token.epoch;
        drop(state);
        self.changed.notify_all();
        epoch
    }

    /// A trial showed that it cannot sign.
    pub(crate) fn failed(&self, place: Place, error: &HsmError) {
        let mut state = self.state.lock();
        if let Some(token) = state.tokens.get_mut(place) {
            // Said once, not at each try.
            if token.fault.as_ref() != Some(error) {
                ceralacca_core::warning!("{} does not sign: {error}", token.name);
            }
            token.leave(error);
        }
        let orders = state.given_up_if_none_is_ready();
        drop(state);
        answer_all(orders);
        self.changed.notify_all();
        self.room.notify_all();
    }

    /// It cannot sign any more: its work goes elsewhere. Nothing, when its epoch is over already.
    pub(crate) fn take_out(&self, place: Place, epoch: u64, error: HsmError) {
        let mut state = self.state.lock();
        // Those who end at the close are no loss.
        if state.is_closed {
            return;
        }
        let Some(token) = state.current(place, epoch) else {
            return;
        };
        let was_stable = token.since.elapsed() > STABLE_AFTER;
        if was_stable {
            token.failures = 0;
        }
        token.late.clear();
        token.leave(&error);
        let (name, trouble) = (token.name.clone(), token.trouble_as(&error));
        let flights = std::mem::take(&mut token.held);
        let repeated = flights.len();
        for flight in flights.into_values() {
            let mut waiting = flight.waiting;
            waiting.order.trouble = Some(trouble.clone());
            state.waiting.push(waiting);
        }
        let orders = state.given_up_if_none_is_ready();
        drop(state);
        let alarm = match error {
            HsmError::Faulty => "ALARM: ",
            _ => "",
        };
        ceralacca_core::warning!(
            "{alarm}{name} is taken out: {error}; {repeated} requests go elsewhere or wait"
        );
        answer_all(orders);
        self.wake();
        self.room.notify_all();
    }

    /// Takes at most `most` requests, without waiting. Nothing when the epoch is over.
    pub(crate) fn take(&self, place: Place, epoch: u64, most: usize) -> Vec<Taken> {
        let mut state = self.state.lock();
        let taken = state.take(place, epoch, |_| most);
        drop(state);
        if !taken.is_empty() {
            self.room.notify_all();
        }
        taken
    }

    /// As [`Engine::take`], and waits for work; `None` when the epoch is over. `most` is told how much waits that
    /// the token may take: what is shared among its workers.
    pub(crate) fn take_waiting(
        &self,
        place: Place,
        epoch: u64,
        most: impl Fn(usize) -> usize,
    ) -> Option<Vec<Taken>> {
        let mut state = self.state.lock();
        loop {
            if state.is_closed {
                return None;
            }
            state.current(place, epoch)?;
            let taken = state.take(place, epoch, &most);
            if !taken.is_empty() {
                drop(state);
                self.room.notify_all();
                return Some(taken);
            }
            self.changed.wait(&mut state);
        }
    }

    /// Waits so long, or until the epoch is over: then `false`.
    pub(crate) fn rest(&self, place: Place, epoch: u64, pause: Duration) -> bool {
        let until = Moment::now().checked_add(pause);
        let mut state = self.state.lock();
        loop {
            if state.is_closed || state.current(place, epoch).is_none() {
                return false;
            }
            match until {
                None => self.changed.wait(&mut state),
                Some(until) if until <= Moment::now() => return true,
                Some(until) => {
                    self.changed.wait_until(&mut state, until);
                }
            }
        }
    }

    /// Hands signatures out that were checked; those of an epoch that is over are dropped.
    pub(crate) fn answer(&self, place: Place, epoch: u64, made: Vec<Made>, cpu_nanos: u64) {
        let mut answered = Vec::with_capacity(made.len());
        let mut state = self.state.lock();
        let Some(token) = state.current(place, epoch) else {
            return;
        };
        token.cpu_nanos += cpu_nanos;
        for made in made {
            token.late.remove(&made.number);
            let Some(flight) = token.held.remove(&made.number) else {
                continue;
            };
            token.signatures += 1;
            token.see_pace(flight.since.elapsed());
            let signature = Signature {
                signed_attributes: made.attributes,
                value: made.value,
                by: token.certificate.clone(),
            };
            answered.push((flight.waiting.order, Ok(signature)));
        }
        drop(state);
        answer_all(answered);
    }
}

fn answer_all(orders: Vec<(Order, Answer)>) {
    for (order, answer) in orders {
        order.batch.fill(order.place, answer);
    }
}

impl State {
    fn push(&mut self, order: Order) {
        let number = self.next_number;
        self.next_number += 1;
        self.waiting.push(Waiting {
            deadline: order.request.deadline,
            number,
            order,
        });
    }

    /// Gives back what a token has held for `long` without a word, where another can sign it.
    fn suspect(&mut self, long: Duration) {
        for place in 0..self.tokens.len() {
            let has_other = self.has_other(place);
            let Some(token) = self.tokens.get_mut(place).filter(|_| has_other) else {
                continue;
            };
            if token.phase != Phase::Ready {
                continue;
            }
            let long = long.max(token.usual() * SLOW_FACTOR);
            let is_late = |_: &u64, flight: &mut Flight| flight.since.elapsed() > long;
            let flights: Vec<_> = token.held.extract_if(is_late).collect();
            for (number, flight) in flights {
                token.late.insert(number, flight.since);
                self.waiting.push(flight.waiting);
            }
        }
    }

    /// Another token could sign something at once.
    fn has_idle(&self, than: Place) -> bool {
        let mut others = self.tokens.iter().enumerate();
        others.any(|(place, token)| {
            let is_well = token.phase == Phase::Ready && token.late.is_empty();
            place != than && is_well && token.held.len() < token.at_once
        })
    }

    /// Another token is ready, and no suspect.
    fn has_other(&self, than: Place) -> bool {
        let mut others = self.tokens.iter().enumerate();
        others.any(|(place, token)| {
            place != than && token.phase == Phase::Ready && token.late.is_empty()
        })
    }

    fn current(&mut self, place: Place, epoch: u64) -> Option<&mut Token> {
        let token = self.tokens.get_mut(place)?;
        (token.phase == Phase::Ready && token.epoch == epoch).then_some(token)
    }

    fn take(&mut self, place: Place, epoch: u64, most: impl Fn(usize) -> usize) -> Vec<Taken> {
        if self.waiting.is_empty() || self.current(place, epoch).is_none() {
            return Vec::new();
        }
        let now = Moment::now();
        let open = self.trusted_with(place, now).min(self.waiting.len());
        let most = most(open).min(open);
        let mut taken = Vec::with_capacity(most);
        while taken.len() < most
            && let Some(waiting) = self.waiting.pop()
        {
            taken.push(Taken {
                number: waiting.number,
                request: waiting.order.request,
            });
            if let Some(token) = self.tokens.get_mut(place) {
                let flight = Flight {
                    waiting,
                    since: now,
                };
                token.held.insert(flight.waiting.number, flight);
            }
        }
        taken
    }

    /// Requests that the token may take now.
    fn trusted_with(&self, place: Place, now: Moment) -> usize {
        let Some(token) = self.tokens.get(place) else {
            return 0;
        };
        if !token.late.is_empty() && self.has_other(place) {
            return 0;
        }
        // Nothing is taken ahead that another would sign at once.
        let most = match self.has_idle(place) {
            true => token.at_once,
            false => token.holds(),
        };
        let room = most.saturating_sub(token.held.len());
        let Some((pace, seen)) = token.pace else {
            return room;
        };
        let others = self.tokens.iter().enumerate();
        let others: Vec<(Duration, usize)> = others
            .filter(|(other, token)| *other != place && token.phase == Phase::Ready)
            .filter_map(|(_, token)| Some((token.pace?.0, token.holds())))
            .collect();
        let Some(fastest) = others.iter().map(|(pace, _)| *pace).min() else {
            return room;
        };
        if pace <= fastest.saturating_mul(SLOW_FACTOR) {
            return room;
        }
        if now.duration_since(seen) > SLOW_MEMORY {
            return room.min(1);
        }
        let per_second = |(pace, holds): &(Duration, usize)| {
            *holds as f64 / pace.as_secs_f64().max(f64::MIN_POSITIVE)
        };
        let rate: f64 = others.iter().map(per_second).sum();
        let cleared_in = self.waiting.len() as f64 / rate;
        if cleared_in < pace.as_secs_f64() {
            0
        } else {
            room
        }
    }

    /// Why nobody can sign now, if nobody can.
    fn unavailable(&self) -> Option<SignerError> {
        let is_ready = |token: &Token| token.phase == Phase::Ready;
        if !self.is_closed && self.tokens.iter().any(is_ready) {
            return None;
        }
        let faults = self.tokens.iter().filter_map(|token| token.fault.as_ref());
        let troubles: Vec<String> = faults.map(HsmError::to_string).collect();
        Some(SignerError::Unavailable(match troubles.as_slice() {
            [] => "the token has not started yet".to_owned(),
            troubles => troubles.join("; "),
        }))
    }

    fn given_up_if_none_is_ready(&mut self) -> Vec<(Order, Answer)> {
        match self.unavailable() {
            Some(_) => self.give_up(),
            None => Vec::new(),
        }
    }

    /// Empties the queue, with an answer to each.
    fn give_up(&mut self) -> Vec<(Order, Answer)> {
        let error = self
            .unavailable()
            .unwrap_or_else(|| SignerError::Unavailable("the signer is closing".to_owned()));
        let given_up = std::mem::take(&mut self.waiting).into_iter();
        given_up
            .map(|mut waiting| {
                let error = waiting
                    .order
                    .trouble
                    .take()
                    .unwrap_or_else(|| error.clone());
                (waiting.order, Err(error))
            })
            .collect()
    }
}

impl Token {
    fn is_untried(&self) -> bool {
        matches!(self.phase, Phase::New) || (self.phase == Phase::Probing && self.failures == 0)
    }

    fn refusal(&self) -> Option<&HsmError> {
        let is_refused = self.phase == Phase::Refused;
        self.fault.as_ref().filter(|_| is_refused)
    }

    fn is_overdue(&self, wait: Duration) -> bool {
        let held = self.held.values().map(|flight| &flight.since);
        let mut since = held.chain(self.late.values());
        self.phase == Phase::Ready && since.any(|since| since.elapsed() > wait)
    }

    /// What an answer took lately.
    fn usual(&self) -> Duration {
        self.pace.map(|(pace, _)| pace).unwrap_or_default()
    }

    /// Requests that it may hold. One whose pace is slow, or not known yet, has little ahead: what is behind
    /// many slow calls would look like one that hangs.
    fn holds(&self) -> usize {
        match self.pace {
            Some((pace, _)) if pace <= AHEAD_PACE_MAX => self.capacity,
            _ => self.capacity.min(2 * self.at_once),
        }
    }

    fn leave(&mut self, error: &HsmError) {
        let pause = REOPEN_PAUSE_MIN.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        self.phase = match error.mends(self.epoch > 0) {
            true => Phase::Out(Moment::now() + pause.min(REOPEN_PAUSE_MAX)),
            false => Phase::Refused,
        };
        self.fault = Some(error.clone());
    }

    fn trouble_as(&self, error: &HsmError) -> SignerError {
        match error {
            HsmError::Faulty => SignerError::Faulty(self.name.clone()),
            other => SignerError::Unavailable(other.to_string()),
        }
    }

    /// A running mean that forgets by an eighth with each answer.
    fn see_pace(&mut self, took: Duration) {
        let mean = self.pace.map_or(took, |(mean, _)| (mean * 7 + took) / 8);
        self.pace = Some((mean, Moment::now()));
    }

    fn describe(&self, signature_wait: Duration) -> TokenDescription {
        TokenDescription {
            name: self.name.clone(),
            is_software: self.is_software,
            is_available: self.phase == Phase::Ready
                && self.late.is_empty()
                && !self.is_overdue(signature_wait),
            trouble: match self.late.len() {
                0 => self.fault.as_ref().map(HsmError::to_string),
                late => Some(format!("{late} calls do not return")),
            },
            signatures: self.signatures,
            process: None,
        }
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    /// The heap gives the greatest first: the earliest deadline, then the first that came.
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |waiting: &Self| (waiting.deadline, waiting.number);
        key(other).cmp(&key(self))
    }
}
