//! The threads of the certifier and what each does with a batch.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::draft::{Drafted, Drafter, Setback};
use super::work::Work;
use super::{Held, commit, forwards, sabotage};
use crate::instant::Instant;
use crate::journal::record::Forgotten;
use crate::limits;
use crate::owner::{Command, CommandError, MailboxOrder, Outcome};
use crate::ports::{Signature, Signer, SignerError, SigningRequest, VirusScanner};
use crate::reconciliation::KeyMark;
use crate::state::Shared;

/// A batch with its signatures, in the order of [`Drafted::requests`].
pub(super) type Signed = Vec<(Drafted, Vec<Signature>)>;

/// Starts courier, draft, sign and commit.
pub(super) fn spawn(
    shared: &Arc<Shared>,
    signer: &Arc<dyn Signer>,
    scanner: &Arc<dyn VirusScanner>,
    held: &Held,
) -> std::io::Result<Vec<JoinHandle<()>>> {
    let (to_sign, from_draft) = bounded::<Vec<Drafted>>(1);
    let (to_commit, from_sign) = bounded::<Signed>(1);
    let drafter = Arc::new(Drafter::new(shared.clone(), scanner.clone(), held.clone()));
    let start = |name: &'static str, run: Box<dyn FnOnce() + Send>| {
        let shared = shared.clone();
        let run = move || {
            if catch_unwind(AssertUnwindSafe(run)).is_err() {
                shared.fatal(&format!(
                    "the certifier's {name} thread failed: a fault in this program"
                ));
            }
        };
        Builder::new().name(name.to_owned()).spawn(run)
    };
    let courier = drafter.clone();
    let (queue, signer) = (shared.clone(), signer.clone());
    let (done, facts) = (shared.clone(), drafter.clone());
    let clocks = shared.clone();
    let pool = drafting_pool()?;
    Ok(vec![
        start("courier", Box::new(move || carry(&courier)))?,
        start("timers", Box::new(move || watch_clocks(&clocks)))?,
        start("draft", Box::new(move || draft(&drafter, &pool, &to_sign)))?,
        start(
            "sign",
            Box::new(move || sign(&queue, &*signer, &from_draft, &to_commit)),
        )?,
        start(
            "commit",
            Box::new(move || {
                for batch in from_sign {
                    commit::commit(&done, &facts, batch);
                }
            }),
        )?,
    ])
}

fn carry(drafter: &Drafter) {
    while let Some(works) = drafter.shared.work.take_unsigned() {
        carry_out(drafter, works);
    }
}

/// Store, land, strike: to the owner at once.
pub(super) fn carry_out(drafter: &Drafter, works: Vec<Work>) {
    for work in works {
        match drafter.command_of(&work) {
            Ok(Some(command)) => give(&drafter.shared, command, work),
            Ok(None) => {}
            Err(setback) => drafter.set_back(work, setback),
        }
    }
}

fn watch_clocks(shared: &Arc<Shared>) {
    let mut clocks = Clocks::default();
    while !shared.work.is_closed() {
        clocks.look(shared);
        shared.work.pause(CLOCK_PAUSE);
    }
}

/// Notices of clocks that ran out become work, and what was kept for a term is dropped.
#[derive(Default)]
pub(super) struct Clocks {
    swept: Option<Instant>,
}

impl Clocks {
    /// A look at the time has something to do.
    pub(super) fn is_due(&self, shared: &Shared) -> bool {
        let now = shared.clock.now();
        self.is_sweep_due(now)
            || shared.warnings.waits()
            || shared.timers.next_due().is_some_and(|due| due <= now)
    }

    pub(super) fn look(&mut self, shared: &Arc<Shared>) {
        let now = shared.clock.now();
        for (key, delay) in shared.timers.take_due(now) {
            shared.work.put(Work::Timer(key, delay));
        }
        if self.is_sweep_due(now) {
            self.swept = Some(now);
            sweep(shared, now);
            shared.warnings.sweep(&shared.view);
            forwards::end(shared, now);
        }
        shared.warnings.carry_out(shared);
    }

    fn is_sweep_due(&self, now: Instant) -> bool {
        self.swept
            .is_none_or(|at| now >= at.plus_millis(limits::SWEEP_MS))
    }
}

/// Far below the ten minutes of TO-02.
const CLOCK_PAUSE: Duration = Duration::from_millis(200);

/// IP-18, MX-07: what is older than its term, a record at a time.
fn sweep(shared: &Arc<Shared>, now: Instant) {
    let before = now.plus_millis(-limits::REMEMBERED_MS);
    let forgotten = shared.view.with_work(|work| {
        let most = limits::FORGOTTEN_PER_RECORD_MAX;
        let sent = work.sent.iter().filter(|(_, row)| row.at < before);
        let seen = work.seen.iter().filter(|(_, at)| **at < before);
        // In an order, so that a run can be repeated.
        let mut seen: Vec<_> = seen.map(|(mark, at)| (*at, *mark)).collect();
        seen.sort_unstable();
        Forgotten {
            sent: sent.map(|(id, _)| id.clone()).take(most).collect(),
            seen: seen.into_iter().map(|(_, mark)| mark).take(most).collect(),
        }
    });
    if !forgotten.sent.is_empty() || !forgotten.seen.is_empty() {
        let command = Command::Forget(Box::new(forgotten));
        shared.send_waiting(command, Box::new(drop));
    }
    purge(shared, now);
}

/// AC-13: removed messages that were kept long enough, a record of each mailbox at a time.
fn purge(shared: &Arc<Shared>, now: Instant) {
    let before = shared.policy.kept_since(now);
    for mailbox in shared.view.mailboxes_keeping_past(before) {
        let command = Command::Mailbox(mailbox, MailboxOrder::Purge { before });
        shared.send_waiting(command, Box::new(drop));
    }
}

/// Sends a command whose work goes back into the queue when the owner cannot take it now.
pub(super) fn give(shared: &Arc<Shared>, command: Command, work: Work) {
    give_signed(shared, command, work, SignedBy::default());
}

/// Who signed how many messages of a piece of work (LG-14); nobody any of it by default.
#[derive(Debug, Clone, Default)]
pub(super) struct SignedBy {
    /// One where it signed all, else one for each message.
    pub(super) keys: Vec<KeyMark>,
    messages: usize,
}

impl SignedBy {
    /// Of these signatures.
    pub(super) fn of(shared: &Shared, signatures: &[Signature]) -> Self {
        Self {
            keys: shared.uses.marks(signatures),
            messages: signatures.len(),
        }
    }

    /// They come to nothing: the work was done already, or is drafted anew.
    pub(super) fn dropped(&self, shared: &Shared) {
        if self.messages > 0 {
            shared.uses.dropped(&self.keys, self.messages);
        }
    }
}

/// The same with who signed it: what the owner does not take is accounted for.
pub(super) fn give_signed(shared: &Arc<Shared>, command: Command, work: Work, by: SignedBy) {
    let again = shared.clone();
    let reply = move |answer: Result<Outcome, CommandError>| {
        if matches!(answer, Ok(Outcome::Already) | Err(_)) {
            by.dropped(&again);
        }
        match answer {
            Ok(Outcome::Again) => again.work.put(work),
            Ok(_) | Err(CommandError::Stopping) => {}
            Err(_) => again.work.put_back(work, RETRY),
        }
    };
    shared.send_waiting(command, Box::new(reply));
}

/// Between two tries of work that could not be done.
pub(super) const RETRY: Duration = Duration::from_millis(500);

/// The threads that draft and digest: one per core, behind those that answer users.
fn drafting_pool() -> std::io::Result<ThreadPool> {
    let step_back = |_| {
        // Without the right to do so, drafting shares the cores as an equal.
        let thread = Some(rustix::thread::gettid());
        let _ = rustix::process::setpriority_process(thread, DRAFTING_NICENESS);
    };
    ThreadPoolBuilder::new()
        .thread_name(|number| format!("draft-{number}"))
        .start_handler(step_back)
        .build()
        .map_err(std::io::Error::other)
}

/// A draft takes some 30 µs: waking another thread for fewer costs more than it wins.
const DRAFTS_PER_TASK: usize = 4;

/// Below the rings and the owner, above the keeper of views.
const DRAFTING_NICENESS: i32 = 5;

fn draft(drafter: &Arc<Drafter>, pool: &ThreadPool, to_sign: &Sender<Vec<Drafted>>) {
    let queue = &drafter.shared.work;
    let in_parallel = |part: &[Work]| {
        let draft = |work: &Work| draft_one(drafter, work.clone());
        pool.install(|| {
            part.par_iter()
                .with_min_len(DRAFTS_PER_TASK)
                .filter_map(draft)
                .collect()
        })
    };
    while let Some(works) = queue.take_signable(limits::BATCH_MESSAGES_MAX) {
        if !draft_batch(&works, in_parallel, |batch| to_sign.send(batch).is_ok()) {
            return;
        }
    }
}

/// Drafts what waits. A batch goes on when all that was taken is drafted, or sooner when its drafts fill
/// the memory that a batch may hold: headers of a megabyte each are no reason to run out of it. False
/// when nobody takes them any more.
pub(super) fn draft_batch(
    works: &[Work],
    draft_all: impl Fn(&[Work]) -> Vec<Drafted>,
    mut hand_on: impl FnMut(Vec<Drafted>) -> bool,
) -> bool {
    let mut batch = Vec::with_capacity(works.len());
    let mut octets = 0;
    for part in works.chunks(limits::DRAFTED_AT_ONCE_MAX) {
        let drafted = draft_all(part);
        octets += drafted.iter().map(Drafted::octets).sum::<usize>();
        batch.extend(drafted);
        if octets > limits::BATCH_OCTETS_MAX {
            octets = 0;
            if !hand_on(std::mem::take(&mut batch)) {
                return false;
            }
        }
    }
    batch.is_empty() || hand_on(batch)
}

/// Drafts one; a fault in it sets that message aside and touches no other.
pub(super) fn draft_one(drafter: &Drafter, work: Work) -> Option<Drafted> {
    if let Some(rest) = sabotage::held_back(&drafter.shared, &work) {
        drafter.shared.work.put_back(work, rest);
        return None;
    }
    let attempt = AssertUnwindSafe(|| {
        let drafted = drafter.draft(&work)?;
        let spoil = |drafted| sabotage::before_signing(&drafter.shared, drafted);
        drafted.map(spoil).transpose()
    });
    let result = catch_unwind(attempt).unwrap_or_else(|_| {
        Err(Setback::Held(
            "drafting failed: a fault in this program".into(),
        ))
    });
    match result {
        Ok(drafted) => drafted,
        Err(setback) => {
            drafter.set_back(work, setback);
            None
        }
    }
}

fn sign(
    shared: &Shared,
    signer: &dyn Signer,
    batches: &Receiver<Vec<Drafted>>,
    to_commit: &Sender<Signed>,
) {
    for batch in batches {
        let Some(signed) = sign_all(shared, signer, batch) else {
            return;
        };
        if to_commit.send(signed).is_err() {
            return;
        }
    }
}

/// Signs until all are signed; the same requests are tried again while the token is away (HS-05).
/// `None` when the certifier ends first.
fn sign_all(shared: &Shared, signer: &dyn Signer, batch: Vec<Drafted>) -> Option<Signed> {
    let mut signing = Signing::of(batch);
    let mut told = false;
    while let Some(error) = signing.go_on(signer) {
        wait_for_signer(shared, &error, &mut told);
        if shared.work.is_closed() {
            return None;
        }
    }
    if told {
        crate::notice!("the signer is back; receipts go on");
    }
    Some(signing.signed())
}

/// A batch on its way through the signer.
pub(super) struct Signing {
    batch: Vec<Drafted>,
    requests: Vec<SigningRequest>,
    signatures: Vec<Option<Signature>>,
}

impl Signing {
    pub(super) fn of(batch: Vec<Drafted>) -> Self {
        let requests: Vec<SigningRequest> = batch
            .iter()
            .flat_map(|drafted| drafted.requests.iter().copied())
            .collect();
        Self {
            signatures: vec![None; requests.len()],
            requests,
            batch,
        }
    }

    /// Asks for the signatures that lack, once; answers why some still do, if some do.
    pub(super) fn go_on(&mut self, signer: &dyn Signer) -> Option<SignerError> {
        let missing: Vec<usize> = (0..self.requests.len())
            .filter(|index| self.signatures[*index].is_none())
            .collect();
        let wanted: Vec<SigningRequest> =
            missing.iter().map(|index| self.requests[*index]).collect();
        let mut trouble = None;
        if !wanted.is_empty() {
            for (index, answer) in missing.into_iter().zip(signer.sign(&wanted)) {
                match answer {
                    Ok(signature) => self.signatures[index] = Some(signature),
                    Err(error) => trouble = Some(error),
                }
            }
        }
        trouble
    }

    /// The batch with its signatures, once none lacks.
    pub(super) fn signed(self) -> Signed {
        let mut signatures = self.signatures.into_iter().flatten();
        let with_its_own = |drafted: Drafted| {
            let own = signatures.by_ref().take(drafted.requests.len()).collect();
            (drafted, own)
        };
        self.batch.into_iter().map(with_its_own).collect()
    }
}

fn wait_for_signer(shared: &Shared, error: &SignerError, told: &mut bool) {
    if !*told {
        crate::warning!("{error}; accepted messages wait, receipts come when it is back");
        *told = true;
    }
    shared.work.pause(RETRY);
}
