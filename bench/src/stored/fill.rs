//! Fills a provider that is not served: transactions between its mailboxes, through its own state and
//! certifier in this process, each of which leaves three stored messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ceralacca_bench::nobody::Nobody;
use ceralacca_core::disk::RealDisk;
use ceralacca_core::owner::{CommandError, Outcome, Submission};
use ceralacca_core::ports::{Clock, NoScanner, SystemClock};
use ceralacca_core::state::State;

use crate::inside;
use crate::load::compose;
use crate::provider::{Made, address};
use crate::sums::Trouble;

/// Acceptance receipt, envelope, delivery receipt.
const STORED_EACH: usize = 3;
const WRITERS: usize = 64;
const OCTETS: usize = 1_000;
/// While the backlog is full, and until it is worked off.
const PAUSE: Duration = Duration::from_millis(20);

/// Leaves at least `stored` messages; answers the seconds that it took.
pub fn fill(made: &Made, mailboxes: usize, stored: usize) -> Result<f64, Trouble> {
    let begun = Instant::now();
    let state = inside::open(Arc::new(RealDisk), made.data())?;
    let started = state.start_pipeline(
        Arc::new(Nobody::new(SystemClock.now())?),
        Arc::new(NoScanner),
    );
    started.map_err(|error| Trouble::from(error.to_string()))?;
    let (next, wanted) = (AtomicUsize::new(0), stored.div_ceil(STORED_EACH));
    let ends = std::thread::scope(|scope| {
        let (state, next) = (&state, &next);
        let write = move || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= wanted {
                    return Ok::<(), Trouble>(());
                }
                submit(state, number, mailboxes)?;
            }
        };
        let writers: Vec<_> = (0..WRITERS.min(wanted))
            .map(|_| scope.spawn(write))
            .collect();
        writers.into_iter().map(|w| w.join()).collect::<Vec<_>>()
    });
    for end in ends {
        end.map_err(|_| Trouble::from("a writer's thread failed"))??;
    }
    while !is_settled(&state) {
        std::thread::sleep(PAUSE);
    }
    let held = state.status().held;
    state.stop();
    if held.is_empty() {
        return Ok(begun.elapsed().as_secs_f64());
    }
    Err(Trouble::from(held.join("; ")))
}

/// From a mailbox to the next one.
fn submit(state: &State, number: usize, mailboxes: usize) -> Result<(), Trouble> {
    let (from, to) = (
        address(number % mailboxes),
        address((number + 1) % mailboxes),
    );
    let (sender, recipient) = (inside::parse(&from)?, inside::parse(&to)?);
    let row = state.view().mailbox_of(&sender).ok_or("no mailbox")?;
    let place = loop {
        match state.reserve() {
            Ok(place) => break place,
            Err(CommandError::Busy) => std::thread::sleep(PAUSE),
            Err(error) => return Err(Trouble::from(error.to_string())),
        }
    };
    let octets = compose(&from, &[&to], number, OCTETS);
    let body = state.blobs().store(row.partition, &mut octets.as_slice());
    let submission = Submission {
        mailbox: row.id,
        sender,
        recipients: vec![recipient],
        body: body.map_err(|error| Trouble::from(error.to_string()))?,
        received_from: "from client.example ([127.0.0.1]) by pec.test with ESMTPSA".to_owned(),
        key: None,
    };
    let (told, wait) = std::sync::mpsc::channel();
    state.submit(
        place,
        submission,
        Box::new(move |outcome| drop(told.send(outcome))),
    );
    match wait.recv() {
        Ok(Ok(Outcome::Submitted(_))) => Ok(()),
        other => Err(Trouble::from(format!("not taken in: {other:?}"))),
    }
}

fn is_settled(state: &State) -> bool {
    let status = state.status();
    status.submissions + status.journeys + status.errands_local + status.deliveries == 0
        || !status.held.is_empty()
}
