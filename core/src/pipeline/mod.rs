//! The certifier: takes what is open, drafts in parallel, has it signed, commits.
//!
//! Three stages overlap (draft *k+1*, sign *k*, commit *k-1*), each a thread with a queue of one batch
//! between; a batch is what waits, so a lone message never waits for company. What needs no signature
//! (store, land, strike) goes to the owner at once. Returning receipts go before new submissions, and
//! senders take turns, so that our overload never looks like another provider's silence.
//!
//! Each piece of work is a row; a crash at any point leaves rows, and the next start takes them up by
//! the same code. A draft is settled before it is signed: while the signer is away the batch waits as it
//! is, and is signed when it is back (HS-05).

mod between;
mod commit;
mod draft;
mod forwards;
mod sabotage;
mod signature;
mod stages;
mod stepped;
mod timers;
mod warnings;
mod work;

use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;

use crate::limits;
use crate::ports::{Signer, VirusScanner};
use crate::state::Shared;
pub(crate) use stepped::{Stage, Stepped};
pub(crate) use timers::Timers;
pub(crate) use warnings::Warnings;
pub(crate) use work::WorkQueue;

/// The running certifier.
pub struct Pipeline {
    shared: Arc<Shared>,
    held: Held,
    threads: Vec<JoinHandle<()>>,
}

impl Pipeline {
    /// Starts the stages; what is open already is taken up first.
    pub(crate) fn spawn(
        shared: Arc<Shared>,
        signer: Arc<dyn Signer>,
        scanner: Arc<dyn VirusScanner>,
    ) -> std::io::Result<Self> {
        take_up_open(&shared);
        let held = Held::default();
        let threads = stages::spawn(&shared, &signer, &scanner, &held)?;
        Ok(Self {
            shared,
            held,
            threads,
        })
    }

    /// Ends after the batches under way; what is not committed stays open.
    pub(crate) fn stop(self) {
        self.shared.work.close();
        for thread in self.threads {
            if thread.join().is_err() {
                self.shared.fatal("a thread of the certifier failed");
            }
        }
    }

    /// Work that could not be done, with the reason.
    pub(crate) fn held(&self) -> Vec<String> {
        self.held.0.lock().clone()
    }
}

/// What earlier runs left open.
fn take_up_open(shared: &Shared) {
    shared.view.with_work(|work| {
        shared.work.open(work);
        shared.timers.open(work, &shared.policy);
    });
}

/// Sentences about work that is set aside until the next start; the first ones are kept.
#[derive(Clone, Default)]
struct Held(Arc<Mutex<Vec<String>>>);

impl Held {
    fn note(&self, sentence: String) {
        crate::error!("{sentence}");
        let mut held = self.0.lock();
        if held.len() < limits::HELD_SENTENCES_MAX {
            held.push(sentence);
        }
    }
}
