//! Watches the virus scanner (VI-10): a thread asks it how it is, and while none works the gate is
//! closed: intake answers `451` and nothing is drafted. It opens by itself when the scanner is back.
//! Whoever meets a scanner that is away rings, and it is asked at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;

use crate::limits;
use crate::ports::{Clock, ScannerHealth, VirusScanner};

/// Closed while no scanner works. Before the first look nothing is known, and nothing is taken in by
/// anybody yet: it is open.
pub struct ScannerGate {
    is_closed: AtomicBool,
    last: Mutex<Option<ScannerHealth>>,
    ring: Sender<()>,
    rung: Receiver<()>,
}

impl Default for ScannerGate {
    fn default() -> Self {
        let (ring, rung) = bounded(1);
        Self {
            is_closed: AtomicBool::new(false),
            last: Mutex::new(None),
            ring,
            rung,
        }
    }
}

impl ScannerGate {
    /// No scanner works: nothing may be taken in or let through.
    pub fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// What the last look found; `None` before the first.
    pub fn health(&self) -> Option<ScannerHealth> {
        self.last.lock().clone()
    }

    /// Has the scanner looked at now.
    pub fn ring(&self) {
        // One ring that waits stands for all.
        let _ = self.ring.try_send(());
    }

    /// Takes what a look found.
    pub(crate) fn settle(&self, found: ScannerHealth) {
        let was_closed = self.is_closed.swap(!found.reachable, Ordering::AcqRel);
        let alarm = found.alarm.clone();
        let before = self.last.lock().replace(found.clone());
        let was_alarm = before.and_then(|health| health.alarm);
        if let Some(alarm) = alarm.filter(|alarm| was_alarm.as_ref() != Some(alarm)) {
            crate::warning!("virus scanner: {alarm}");
        }
        match (was_closed, found.reachable) {
            (false, false) => crate::warning!("no virus scanner works: intake answers 451"),
            (true, true) => crate::notice!("the virus scanner works again; intake goes on"),
            _ => {}
        }
    }
}

/// The thread that looks.
pub(crate) struct Prober {
    gate: Arc<ScannerGate>,
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Prober {
    /// Looks once before it returns, then again and again.
    pub(crate) fn spawn(
        gate: Arc<ScannerGate>,
        clock: Arc<dyn Clock>,
        scanner: Arc<dyn VirusScanner>,
    ) -> std::io::Result<Self> {
        gate.settle(scanner.health(clock.now()));
        let stopping = Arc::new(AtomicBool::new(false));
        let (of_thread, told) = (gate.clone(), stopping.clone());
        let look = move || {
            while !told.load(Ordering::Acquire) {
                let pause = if of_thread.is_closed() {
                    limits::SCANNER_PROBE_AWAY_SECONDS
                } else {
                    limits::SCANNER_PROBE_SECONDS
                };
                // A ring or the end of the pause: both are reasons to look.
                let _ = of_thread.rung.recv_timeout(Duration::from_secs(pause));
                if told.load(Ordering::Acquire) {
                    return;
                }
                of_thread.settle(scanner.health(clock.now()));
            }
        };
        let thread = std::thread::Builder::new()
            .name("prober".to_owned())
            .spawn(look)?;
        Ok(Self {
            gate,
            stopping,
            thread,
        })
    }

    /// Ends after the look under way; `false` when the thread had failed.
    pub(crate) fn stop(self) -> bool {
        self.stopping.store(true, Ordering::Release);
        self.gate.ring();
        self.thread.join().is_ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::instant::Instant;
    use crate::ports::{ScanVerdict, ScannerAway, SystemClock};

    /// A scanner with a switch, which tells of each look.
    struct Switched {
        works: AtomicBool,
        looked: Sender<()>,
    }

    impl VirusScanner for Switched {
        fn scan(&self, _: &mut dyn std::io::Read) -> Result<ScanVerdict, ScannerAway> {
            Err(ScannerAway("not asked".to_owned()))
        }
        fn describe(&self) -> String {
            "switched".to_owned()
        }
        fn health(&self, _: Instant) -> ScannerHealth {
            let reachable = self.works.load(Ordering::Acquire);
            let _ = self.looked.send(());
            ScannerHealth {
                reachable,
                signatures_at: None,
                version: String::new(),
                alarm: None,
            }
        }
    }

    #[test]
    fn vi_10_the_gate_follows_the_scanner_and_a_ring_is_answered_at_once() {
        let (looked, looks) = crossbeam_channel::unbounded();
        let works = AtomicBool::new(false);
        let scanner = Arc::new(Switched { works, looked });
        let gate = Arc::new(ScannerGate::default());
        assert!(!gate.is_closed() && gate.health().is_none());
        let prober = Prober::spawn(gate.clone(), Arc::new(SystemClock), scanner.clone()).unwrap();
        assert!(gate.is_closed(), "the first look is done before it returns");
        looks.recv().unwrap();
        for works in [true, false] {
            scanner.works.store(works, Ordering::Release);
            gate.ring();
            looks.recv().unwrap();
            // The second ring's look begins after the first one's is settled.
            gate.ring();
            looks.recv().unwrap();
            assert_eq!(gate.is_closed(), !works);
        }
        assert!(prober.stop());
    }
}
