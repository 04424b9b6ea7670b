//! What one caller asked for: a place per request, filled once, in any order, by whoever signed it.

use std::time::Duration;

use ceralacca_core::ports::{Signature, SignerError};
use parking_lot::{Condvar, Mutex};

/// An answer to one request.
pub(super) type Answer = Result<Signature, SignerError>;

/// The answers of one call.
pub(super) struct Batch {
    places: Mutex<Places>,
    all_filled: Condvar,
}

struct Places {
    answers: Vec<Option<Answer>>,
    left: usize,
}

impl Batch {
    /// With so many open places.
    pub(super) fn of(count: usize) -> Self {
        Self {
            places: Mutex::new(Places {
                answers: (0..count).map(|_| None).collect(),
                left: count,
            }),
            all_filled: Condvar::new(),
        }
    }

    /// Fills a place; the first answer stands.
    pub(super) fn fill(&self, place: usize, answer: Answer) {
        let mut places = self.places.lock();
        let Some(open) = places.answers.get_mut(place).filter(|open| open.is_none()) else {
            return;
        };
        *open = Some(answer);
        places.left -= 1;
        if places.left == 0 {
            self.all_filled.notify_all();
        }
    }

    /// Waits until all are filled; `watch` is called now and then meanwhile, with nothing locked.
    pub(super) fn wait(&self, every: Duration, watch: impl Fn()) -> Vec<Answer> {
        loop {
            let mut places = self.places.lock();
            if places.left > 0 {
                self.all_filled.wait_for(&mut places, every);
            }
            if places.left == 0 {
                let answers = std::mem::take(&mut places.answers);
                return answers.into_iter().flatten().collect();
            }
            drop(places);
            watch();
        }
    }
}
