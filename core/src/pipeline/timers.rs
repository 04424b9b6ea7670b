//! The clocks that run: when each open errand leads to a notice (see [`crate::timer`]), by what was
//! published. Every entry stands for a row, so nothing is lost with it; what is due becomes work.

use std::collections::{BTreeSet, HashMap};

use parking_lot::Mutex;

use crate::instant::Instant;
use crate::notice::Delay;
use crate::policy::Policy;
use crate::timer;
use crate::view::Row;
use crate::view::memory::OpenWork;
use crate::view::row::{ErrandRow, RecipientKey};

#[derive(Default)]
struct Running {
    due: BTreeSet<(Instant, RecipientKey)>,
    clocks: HashMap<RecipientKey, (Instant, Delay)>,
}

/// All clocks. Bounded by the open rows that they stand for.
#[derive(Default)]
pub(crate) struct Timers(Mutex<Running>);

impl Timers {
    /// Takes up what is open at the start.
    pub(crate) fn open(&self, open: &OpenWork, policy: &Policy) {
        let mut running = self.0.lock();
        for (key, row) in &open.errands {
            running.set(key, Some(row), policy);
        }
    }

    /// Takes up what freshly published rows change.
    pub(crate) fn follow(&self, rows: &[Row], policy: &Policy) {
        let mut running = None;
        for row in rows {
            if let Row::Errand(key, row) = row {
                let running = running.get_or_insert_with(|| self.0.lock());
                running.set(key, row.as_ref(), policy);
            }
        }
    }

    /// What is due by `now`, in the order in which it fell due; each is handed out once.
    pub(crate) fn take_due(&self, now: Instant) -> Vec<(RecipientKey, Delay)> {
        let mut running = self.0.lock();
        let mut taken = Vec::new();
        while let Some((at, key)) = running.due.first().cloned() {
            if at > now {
                break;
            }
            running.due.pop_first();
            if let Some((_, delay)) = running.clocks.remove(&key) {
                taken.push((key, delay));
            }
        }
        taken
    }

    /// When the next is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.0.lock().due.first().map(|(at, _)| *at)
    }
}

impl Running {
    fn set(&mut self, key: &RecipientKey, row: Option<&ErrandRow>, policy: &Policy) {
        if let Some((at, _)) = self.clocks.remove(key) {
            self.due.remove(&(at, key.clone()));
        }
        if let Some((delay, at)) = row.and_then(|row| timer::next(row, policy)) {
            self.due.insert((at, key.clone()));
            self.clocks.insert(key.clone(), (at, delay));
        }
    }
}
