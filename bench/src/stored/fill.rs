//! Fills a provider that is not served: transactions between its mailboxes, through its own state and
//! certifier in this process, each of which leaves three stored messages.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ceralacca_bench::nobody::Nobody;
use ceralacca_core::disk::RealDisk;
use ceralacca_core::owner::{CommandError, Outcome, Submission};
use ceralacca_core::ports::{Clock, NoScanner, SystemClock};
use ceralacca_core::proof::Durable;
use ceralacca_core::registry::MailboxRow;
use ceralacca_core::state::{Place, State};

use crate::inside;
use crate::load::compose;
use crate::provider::{Made, address};
use crate::sums::Trouble;

/// Acceptance receipt, envelope, delivery receipt.
const STORED_EACH: usize = 3;
const WRITERS: usize = 16;
/// Submissions of a writer that share a sync.
const AT_ONCE: usize = 32;
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
                let first = next.fetch_add(AT_ONCE, Ordering::Relaxed);
                if first >= wanted {
                    return Ok::<(), Trouble>(());
                }
                submit(state, first..wanted.min(first + AT_ONCE), mailboxes)?;
            }
        };
        let writers: Vec<_> = (0..WRITERS.min(wanted.div_ceil(AT_ONCE)))
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
    let (held, lying) = (state.status().held, stored_in(&state));
    state.stop();
    match held.is_empty() && lying >= stored {
        true => Ok(begun.elapsed().as_secs_f64()),
        false => {
            let words = format!(
                "{lying} of {stored} messages lie stored; {}",
                held.join("; ")
            );
            Err(Trouble::from(words))
        }
    }
}

/// Each from a mailbox to the next one; their bodies share a sync, as those of a ring do.
fn submit(state: &State, numbers: Range<usize>, mailboxes: usize) -> Result<(), Trouble> {
    let mut bodies = Vec::with_capacity(AT_ONCE);
    for number in numbers {
        let (from, to) = (number % mailboxes, (number + 1) % mailboxes);
        let (from, to) = (address(from), address(to));
        let row = state.view().mailbox_of(&inside::parse(&from)?);
        let row = row.ok_or("no mailbox")?;
        let octets = compose(&from, &[&to], number, OCTETS);
        let body = state.blobs().append(row.partition, &octets).map_err(of)?;
        bodies.push((row, to, body));
    }
    state.blobs().sync().map_err(of)?;
    let (told, wait) = std::sync::mpsc::channel();
    let count = bodies.len();
    for (row, to, body) in bodies {
        let submission = Submission {
            mailbox: row.id,
            sender: row.address.clone(),
            recipients: vec![inside::parse(&to)?],
            body: Durable::after_sync(body),
            received_from: "from client.example ([127.0.0.1]) by pec.test with ESMTPSA".to_owned(),
            key: None,
        };
        let told = told.clone();
        let reply = Box::new(move |outcome| drop(told.send(outcome)));
        state.submit(place(state)?, submission, reply);
    }
    for _ in 0..count {
        match wait.recv() {
            Ok(Ok(Outcome::Submitted(_))) => {}
            other => return Err(Trouble::from(format!("not taken in: {other:?}"))),
        }
    }
    Ok(())
}

/// Waits for a place in the backlog.
fn place(state: &State) -> Result<Place, Trouble> {
    loop {
        match state.reserve() {
            Ok(place) => return Ok(place),
            Err(CommandError::Busy) => std::thread::sleep(PAUSE),
            Err(error) => return Err(of(error)),
        }
    }
}

fn of(error: impl std::fmt::Display) -> Trouble {
    Trouble::from(error.to_string())
}

/// Messages in all folders.
fn stored_in(state: &State) -> usize {
    let folders = |row: &Arc<MailboxRow>| state.view().folders(row.id);
    let mailboxes = state.view().mailboxes();
    let folders = mailboxes.iter().flat_map(folders);
    folders.map(|folder| folder.messages.size()).sum()
}

fn is_settled(state: &State) -> bool {
    let status = state.status();
    status.submissions + status.journeys + status.errands_local + status.deliveries == 0
        || !status.held.is_empty()
}
