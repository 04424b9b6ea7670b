//! One destination: what waits for it, and how many connections it may have. Guarantees that a dead one
//! has a single probe at a time, and one that was never seen a single connection.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::DispatchKey;
use crate::instant::Instant;
use crate::limits;

/// Entries in the order in which they may be tried.
pub(super) type Lane = BTreeSet<(Instant, Arc<DispatchKey>)>;

/// The rings of destinations with something due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ring {
    Fresh,
    Deferred,
    Probe,
}

impl Ring {
    pub(super) const ALL: [Self; 3] = [Self::Fresh, Self::Deferred, Self::Probe];
}

/// A destination.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) fresh: Lane,
    pub(super) deferred: Lane,
    /// Held entries and those whose outcome is being recorded: in no lane.
    pub(super) aside: usize,
    /// Connections under way, and their recipients.
    pub(super) under_way: usize,
    pub(super) recipients_under_way: usize,
    /// Slow start: so many connections it may have.
    pub(super) window: usize,
    /// Failures since the last connection that served.
    pub(super) failures: u32,
    pub(super) blocked_until: Instant,
    /// What the last failure was: for entries that were never tried for it.
    pub(super) trouble: Option<String>,
    /// Recipients of one transaction that it takes.
    pub(super) recipients_max: usize,
    /// The ring it stands in.
    pub(super) ring: Option<Ring>,
    /// When it wakes.
    pub(super) timer: Option<Instant>,
    deferred_turn: bool,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            fresh: Lane::new(),
            deferred: Lane::new(),
            aside: 0,
            under_way: 0,
            recipients_under_way: 0,
            window: 1,
            failures: 0,
            blocked_until: Instant::from_millis(i64::MIN),
            trouble: None,
            recipients_max: limits::RELAY_RECIPIENTS_PER_TRANSACTION_MAX,
            ring: None,
            timer: None,
            deferred_turn: false,
        }
    }
}

impl Place {
    /// The ring in which it may stand now.
    pub(super) fn runnable(&self, now: Instant, most: usize) -> Option<Ring> {
        if !self.has_room(most) || now < self.blocked_until {
            return None;
        }
        let is_due = |lane: &Lane| lane.first().is_some_and(|(next, _)| *next <= now);
        match (is_due(&self.fresh), is_due(&self.deferred)) {
            (false, false) => None,
            _ if self.failures > 0 => Some(Ring::Probe),
            (true, _) => Some(Ring::Fresh),
            (false, true) => Some(Ring::Deferred),
        }
    }

    /// When it may be runnable without anything else happening.
    pub(super) fn wakes(&self, most: usize) -> Option<Instant> {
        let firsts = [self.fresh.first(), self.deferred.first()];
        let next = firsts.into_iter().flatten().map(|(next, _)| *next).min()?;
        self.has_room(most).then(|| next.max(self.blocked_until))
    }

    fn has_room(&self, most: usize) -> bool {
        let connections = if self.failures > 0 {
            1
        } else {
            self.window.min(most)
        };
        self.under_way < connections
            && self.recipients_under_way < limits::RELAY_ACTIVE_PER_DESTINATION_MAX
    }

    /// The next entry that is due, fresh and deferred in turn.
    pub(super) fn next_due(&mut self, now: Instant) -> Option<Arc<DispatchKey>> {
        self.deferred_turn = !self.deferred_turn;
        let first = |lane: &Lane| {
            let (next, key) = lane.first()?;
            (*next <= now).then(|| Arc::clone(key))
        };
        if self.deferred_turn {
            first(&self.fresh).or_else(|| first(&self.deferred))
        } else {
            first(&self.deferred).or_else(|| first(&self.fresh))
        }
    }

    /// A connection served.
    pub(super) fn served(&mut self, most: usize) {
        if self.failures > 0 {
            self.window = 1;
        }
        self.window = (self.window + 1).min(most.max(1));
        self.failures = 0;
        self.trouble = None;
        self.blocked_until = Instant::from_millis(i64::MIN);
    }

    /// A connection failed; true: no other is left, the destination is dead.
    pub(super) fn failed(&mut self) -> bool {
        self.window = (self.window / 2).max(1);
        let is_dead = self.under_way == 0;
        self.failures += u32::from(is_dead);
        is_dead
    }

    /// Nothing waits, nothing is under way, and nothing need be remembered.
    pub(super) fn is_forgotten(&self, now: Instant) -> bool {
        let is_empty = self.fresh.is_empty() && self.deferred.is_empty() && self.aside == 0;
        is_empty && self.under_way == 0 && self.blocked_until <= now
    }
}
