//! How much one source or mailbox may do over time (SE-10): a bucket for each that holds a minute's
//! worth and fills evenly. Pure but for its memory, which is bounded: past
//! [`limits::SOURCES_COUNTED_MAX`] sources new ones go uncounted until others have rested.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use ceralacca_core::limits;
use ceralacca_core::mailbox::MailboxId;
use ceralacca_core::policy::Policy;
use parking_lot::Mutex;

const MINUTE: Duration = Duration::from_secs(60);

/// All that is counted by the minute, of all rings together.
pub(crate) struct Paces {
    /// Messages of other servers.
    pub(crate) arrivals: Mutex<Pace<IpAddr>>,
    /// Sign-ins over all protocols.
    pub(crate) sign_ins: Mutex<Pace<IpAddr>>,
    /// Messages that a mailbox hands in.
    pub(crate) submissions: Mutex<Pace<MailboxId>>,
    /// Messages that mailboxes hand in, by where from.
    pub(crate) handed_in: Mutex<Pace<IpAddr>>,
}

impl Paces {
    /// As the policy says.
    pub(crate) fn of(policy: &Policy, now: Instant) -> Self {
        Self {
            arrivals: Mutex::new(Pace::new(policy.arrivals_per_minute_max, now)),
            sign_ins: Mutex::new(Pace::new(policy.sign_ins_per_minute_max, now)),
            submissions: Mutex::new(Pace::new(policy.submissions_per_minute_max, now)),
            handed_in: Mutex::new(Pace::new(policy.source_submissions_per_minute_max, now)),
        }
    }
}

/// The buckets of all sources.
#[derive(Debug)]
pub(crate) struct Pace<K> {
    /// How long one message takes to fill in again.
    cost: Duration,
    /// When the bucket of each will be full again.
    full_at: HashMap<K, Instant>,
    most: usize,
    swept: Instant,
}

impl<K: Hash + Eq> Pace<K> {
    /// All buckets full, of `per_minute` messages each.
    pub(crate) fn new(per_minute: u32, now: Instant) -> Self {
        Self {
            cost: MINUTE / per_minute.max(1),
            full_at: HashMap::new(),
            most: limits::SOURCES_COUNTED_MAX,
            swept: now,
        }
    }

    /// Takes one message out of the bucket of `source`; `false` when it is empty.
    pub(crate) fn take(&mut self, source: K, now: Instant) -> bool {
        if let Some(full_at) = self.full_at.get_mut(&source) {
            let then = now.max(*full_at) + self.cost;
            let is_there = then <= now + MINUTE;
            if is_there {
                *full_at = then;
            }
            return is_there;
        }
        self.sweep(now);
        if self.full_at.len() < self.most {
            self.full_at.insert(source, now + self.cost);
        }
        true
    }

    /// Forgets who has a full bucket: all that rested for the minute between two sweeps.
    fn sweep(&mut self, now: Instant) {
        if self.full_at.len() >= self.most && now >= self.swept + MINUTE {
            self.swept = now;
            self.full_at.retain(|_, full_at| *full_at > now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn taken(pace: &mut Pace<u8>, source: u8, now: Instant, tries: usize) -> usize {
        (0..tries).filter(|_| pace.take(source, now)).count()
    }

    #[test]
    fn se_10_a_minutes_worth_at_once_and_then_evenly() {
        let start = Instant::now();
        let mut pace = Pace::new(600, start);
        assert_eq!(taken(&mut pace, 1, start, 700), 600);
        assert_eq!(taken(&mut pace, 2, start, 3), 3, "another has its own");
        let later = start + Duration::from_millis(99);
        assert_eq!(taken(&mut pace, 1, later, 5), 0);
        let later = start + Duration::from_millis(1050);
        assert_eq!(taken(&mut pace, 1, later, 20), 10);
        let rested = start + 2 * MINUTE;
        assert_eq!(
            taken(&mut pace, 1, rested, 700),
            600,
            "never more than full"
        );
    }

    #[test]
    fn se_10_sources_are_forgotten_when_they_rested_and_bounded_until_then() {
        let start = Instant::now();
        let mut pace = Pace {
            most: 2,
            ..Pace::new(60, start)
        };
        for source in 1..=3 {
            assert!(pace.take(source, start));
        }
        assert_eq!(pace.full_at.len(), 2, "the third goes uncounted");
        assert_eq!(taken(&mut pace, 3, start, 100), 100);
        assert_eq!(taken(&mut pace, 1, start, 100), 59);
        let later = start + MINUTE;
        assert!(pace.take(3, later) && pace.full_at.len() <= 2);
        assert_eq!(taken(&mut pace, 3, later, 100), 59, "now it is counted");
    }

    proptest! {
        #[test]
        fn se_10_no_order_of_times_takes_more_than_was_filled(
            pauses in proptest::collection::vec(0u64..3000, 1..300),
            per_minute in 1u32..200,
        ) {
            let start = Instant::now();
            let mut pace = Pace::new(per_minute, start);
            let (mut now, mut count) = (start, 0u32);
            for pause in pauses {
                now += Duration::from_millis(pause);
                count += u32::from(pace.take(1, now));
            }
            let filled = (now - start).as_secs_f64() / 60.0 * f64::from(per_minute);
            prop_assert!(f64::from(count) <= f64::from(per_minute) + filled + 1e-3);
        }
    }
}
