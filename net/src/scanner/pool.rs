//! The servers of a pool: whose turn it is, how many scans one has, which ones rest after a failure and
//! which ones are not asked because their signatures are old.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ceralacca_core::limits;
use parking_lot::{Condvar, Mutex};

use super::ClamdAddress;

pub(super) struct Pool {
    servers: Vec<Server>,
    next: AtomicUsize,
}

pub(super) struct Server {
    pub(super) address: ClamdAddress,
    scans: Mutex<usize>,
    freed: Condvar,
    failed: Mutex<Option<Instant>>,
    is_stale: AtomicBool,
}

/// A place for one scan; gives itself back.
pub(super) struct ScanPlace<'a>(&'a Server);

impl Pool {
    pub(super) fn of(addresses: &[ClamdAddress]) -> Self {
        let server = |address: &ClamdAddress| Server {
            address: address.clone(),
            scans: Mutex::new(0),
            freed: Condvar::new(),
            failed: Mutex::new(None),
            is_stale: AtomicBool::new(false),
        };
        Self {
            servers: addresses.iter().map(server).collect(),
            next: AtomicUsize::new(0),
        }
    }

    pub(super) fn all(&self) -> &[Server] {
        &self.servers
    }

    /// Those that may be asked, in turn; those that rest come last.
    pub(super) fn in_turn(&self) -> Vec<&Server> {
        let first = self.next.fetch_add(1, Ordering::Relaxed) % self.servers.len().max(1);
        let (before, after) = self.servers.split_at(first);
        let mut turn: Vec<&Server> = after.iter().chain(before).collect();
        turn.retain(|server| !server.is_stale.load(Ordering::Acquire));
        turn.sort_by_key(|server| server.rests());
        turn
    }
}

impl Server {
    /// Waits for a place, not for ever.
    pub(super) fn place(&self) -> Option<ScanPlace<'_>> {
        let end = Instant::now() + Duration::from_secs(limits::SCAN_PLACE_SECONDS_MAX);
        let mut scans = self.scans.lock();
        while *scans >= limits::SCANS_PER_CLAMD_MAX {
            let waited = self.freed.wait_until(&mut scans, end);
            if waited.timed_out() && *scans >= limits::SCANS_PER_CLAMD_MAX {
                return None;
            }
        }
        *scans += 1;
        Some(ScanPlace(self))
    }

    /// How the last talk ended.
    pub(super) fn settle(&self, went_well: bool) {
        *self.failed.lock() = (!went_well).then(Instant::now);
    }

    /// Whether its signatures are too old for it to be asked.
    pub(super) fn set_stale(&self, is_stale: bool) {
        self.is_stale.store(is_stale, Ordering::Release);
    }

    fn rests(&self) -> bool {
        let rest = Duration::from_secs(limits::CLAMD_REST_SECONDS);
        self.failed.lock().is_some_and(|at| at.elapsed() < rest)
    }
}

impl Drop for ScanPlace<'_> {
    fn drop(&mut self) {
        *self.0.scans.lock() -= 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn pool() -> Pool {
        Pool::of(&["/a", "/b", "/c"].map(|path| ClamdAddress::Unix(path.into())))
    }

    fn names(pool: &Pool) -> Vec<String> {
        let turn = pool.in_turn();
        turn.iter()
            .map(|server| server.address.to_string())
            .collect()
    }

    #[test]
    fn servers_take_turns_one_that_failed_comes_last_and_an_old_one_never() {
        let pool = pool();
        assert_eq!(names(&pool), ["/a", "/b", "/c"]);
        assert_eq!(names(&pool), ["/b", "/c", "/a"]);
        pool.all()[2].settle(false);
        assert_eq!(names(&pool), ["/a", "/b", "/c"]);
        assert_eq!(names(&pool), ["/a", "/b", "/c"]);
        pool.all()[0].set_stale(true);
        assert_eq!(names(&pool), ["/b", "/c"]);
        pool.all()[2].settle(true);
        assert_eq!(names(&pool), ["/c", "/b"]);
    }

    #[test]
    fn scans_have_places_and_wait_for_one() {
        let pool = pool();
        let server = &pool.all()[0];
        let taken: Vec<ScanPlace<'_>> = (0..limits::SCANS_PER_CLAMD_MAX)
            .map(|_| server.place().unwrap())
            .collect();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| server.place().is_some());
            drop(taken);
            assert!(waits.join().unwrap());
        });
        assert_eq!(*server.scans.lock(), 0);
    }
}
