//! The state of an appliance, opened: what other crates hold. Commands go in through [`State::send`],
//! answers are read from [`State::view`] and bodies from [`State::blobs`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use crossbeam_channel::{SendError, Sender, bounded, unbounded};
use parking_lot::{Mutex, RwLock};

use crate::blob::{BlobError, BlobStore};
use crate::directory::{DirectoryShelf, ShelfOptions};
use crate::disk::{DataFolder, Disk};
use crate::instant::Instant;
use crate::intake::{self, Arrival, Judged, TakenIn};
use crate::journal::lane::{Lane, Recovered};
use crate::journal::record::{Paths, Started};
use crate::journal::{Appended, Batch, JournalError, LaneReader, LaneStore, Partition, Position};
use crate::limits;
use crate::marker::{Fresh, Marker};
use crate::owner::{Command, CommandError, Inboxes, Message, Outcome, Owner, Reply, Submission};
use crate::pipeline::{Pipeline, Timers, Warnings, WorkQueue};
use crate::point::access::distinct;
use crate::policy::Policy;
use crate::ports::{
    Clock, Sabotage, ScanVerdict, ScannerAway, ScannerHealth, Signer, VirusScanner,
};
use crate::quarantine::Quarantine;
use crate::queue::{DispatchKey, DispatchOutcome};
use crate::reconciliation::{FoldedRoom, Keeper, KeyMark, ReconcileError, Reconciled, Uses};
use crate::scanning::{Prober, ScannerGate};
use crate::srs::Rewriter;
use crate::steps::Steps;
use crate::trust::{Trust, TrustRoom};
use crate::view::behind::{self, Behind, Lag, ViewError};
use crate::view::memory::DispatchWatcher;
use crate::view::{Row, View, apply};

/// What an appliance is opened with.
pub struct Options {
    /// Real, or simulated in tests.
    pub disk: Arc<dyn Disk>,
    /// Where.
    pub folder: DataFolder,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Values in force.
    pub policy: Policy,
    /// Keep views on disk; `false` on a simulated disk, where each start replays the journal.
    pub keep_views: bool,
    /// Messages that may wait for certification.
    pub backlog_max: usize,
    /// Free disk below which intake stops.
    pub disk_reserve_bytes: u64,
    /// DER of the authorities above other providers' certificates.
    pub mail_authorities: Vec<Vec<u8>>,
    /// In place of index and authorities, in tests; `None`: those.
    pub trust: Option<Arc<dyn Trust>>,
    /// Rewrites the senders of forwarded mail; without it forwards leave with the null reverse path.
    pub rewriter: Option<Arc<Rewriter>>,
    /// Where infected mail is kept (VI-09); `None` in tests that scan nothing.
    pub quarantine: Option<Arc<Quarantine>>,
    /// Who signs the index of providers.
    pub directory: ShelfOptions,
    /// Told when the state must not go on (see *Commit*); the real one ends the process.
    pub on_fatal: FatalHandler,
    /// `None` in every real run; the sandbox's broken provider spoils its messages with it.
    pub sabotage: Option<Arc<dyn Sabotage>>,
}

/// Ends the process, or the simulated appliance, with this sentence.
pub type FatalHandler = Arc<dyn Fn(&str) + Send + Sync>;

impl Options {
    /// The bounds of [`limits`] and the default policy.
    pub fn new(
        disk: Arc<dyn Disk>,
        folder: DataFolder,
        clock: Arc<dyn Clock>,
        on_fatal: FatalHandler,
    ) -> Self {
        Self {
            disk,
            folder,
            clock,
            policy: Policy::default(),
            keep_views: true,
            backlog_max: limits::BACKLOG_MESSAGES_MAX,
            disk_reserve_bytes: limits::DISK_RESERVE_BYTES,
            mail_authorities: Vec::new(),
            trust: None,
            rewriter: None,
            quarantine: None,
            directory: ShelfOptions::default(),
            on_fatal,
            sabotage: None,
        }
    }
}

/// Why the state cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The views.
    #[error(transparent)]
    View(#[from] ViewError),
    /// The bodies.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The first record of this run could not be written.
    #[error("the journal could not be written: {0}")]
    FirstWrite(String),
    /// No thread.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// What opening found, in words for the operator.
#[derive(Debug, Clone, Default)]
pub struct Opening {
    /// A torn tail that was cut.
    pub cut: Option<String>,
    /// Why the views were rebuilt.
    pub rebuilt: Option<String>,
    /// Records replayed.
    pub replayed: u64,
}

/// Numbers for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Taken in, to be certified.
    pub submissions: usize,
    /// Accepted, not at their legal end.
    pub journeys: usize,
    /// Owed to recipients in our domains.
    pub errands_local: usize,
    /// Waiting in the relay's queue.
    pub errands_relay: usize,
    /// Deliveries to be certified or brought home.
    pub deliveries: usize,
    /// How far the views are behind; `None` where no views are kept.
    pub lag: Option<Lag>,
    /// What stopped the views, if anything.
    pub view_trouble: Option<String>,
    /// Committed up to here.
    pub position: Position,
    /// Work that could not be done and is held, with the reason.
    pub held: Vec<String>,
}

/// A data folder opened: what the threads, or a simulation, are made of.
pub(crate) struct Opened {
    pub(crate) shared: Arc<Shared>,
    pub(crate) lane: Lane,
    /// The state as recovered, the owner's own copy.
    pub(crate) newest: View,
    pub(crate) epoch: u64,
    pub(crate) opening: Opening,
}

/// What the owner, the certifier and [`State`] share.
pub(crate) struct Shared {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) view: View,
    pub(crate) blobs: Arc<BlobStore>,
    pub(crate) directory: Arc<DirectoryShelf>,
    trust_room: Arc<TrustRoom>,
    pub(crate) steps: Steps,
    pub(crate) work: WorkQueue,
    pub(crate) timers: Timers,
    pub(crate) warnings: Warnings,
    pub(crate) position: AtomicU64,
    pub(crate) trust: Arc<dyn Trust>,
    pub(crate) rewriter: Option<Arc<Rewriter>>,
    scanner: RwLock<Option<Arc<dyn VirusScanner>>>,
    /// What signs, once the certifier runs.
    pub(crate) signer: RwLock<Option<Arc<dyn Signer>>>,
    pub(crate) uses: Arc<Uses>,
    pub(crate) folded: FoldedRoom,
    pub(crate) reader: LaneReader,
    pub(crate) scanner_gate: Arc<ScannerGate>,
    pub(crate) fresh_marks: Fresh,
    pub(crate) quarantine: Option<Arc<Quarantine>>,
    behind: RwLock<Option<Behind>>,
    inbox: Sender<Message>,
    from_certifier: Sender<Message>,
    places: AtomicUsize,
    backlog_max: usize,
    disk: Arc<dyn Disk>,
    folder: DataFolder,
    disk_reserve_bytes: u64,
    on_fatal: FatalHandler,
    pub(crate) sabotage: Option<Arc<dyn Sabotage>>,
}

/// Shared by all threads.
pub struct State {
    shared: Arc<Shared>,
    opening: Opening,
    owner: Mutex<Option<JoinHandle<()>>>,
    pipeline: Mutex<Option<Pipeline>>,
    prober: Mutex<Option<Prober>>,
    marker: Mutex<Option<Marker>>,
    keeper: Mutex<Option<Keeper>>,
}

/// A place in the backlog and in the owner's queue, reserved before `354`; gives itself back when
/// dropped unused.
pub struct Place {
    shared: Arc<Shared>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.places.fetch_sub(1, Ordering::AcqRel);
    }
}

impl State {
    /// Opens the data folder: verifies the journal, loads or rebuilds the views, replays what they
    /// lack, begins a new epoch and starts the owner.
    pub fn open(options: Options) -> Result<Arc<Self>, OpenError> {
        // Its bounds are the places and [`Shared::send`]'s. Unlike a bounded channel it drops what is left
        // in it with the owner, so that nobody waits for an answer that cannot come.
        let (inbox, all) = unbounded();
        let (from_certifier, certifier) = bounded(limits::GROUP_COMMANDS_MAX);
        // On a simulated disk nothing is written behind, and nobody marks.
        let marks = options.keep_views;
        let opened = open(options, inbox, from_certifier)?;
        let inboxes = Inboxes { all, certifier };
        let shared = opened.shared;
        let (newest, lane) = (opened.newest, Box::new(opened.lane));
        let owner = Owner::spawn(shared.clone(), newest, lane, opened.epoch, inboxes);
        let owner = Mutex::new(Some(owner.map_err(OpenError::Thread)?));
        let marker = marks.then(|| Marker::spawn(shared.clone())).transpose();
        let marker = Mutex::new(marker.map_err(OpenError::Thread)?);
        Ok(Arc::new(Self {
            shared,
            opening: opened.opening,
            owner,
            pipeline: Mutex::new(None),
            prober: Mutex::new(None),
            marker,
            keeper: Mutex::new(None),
        }))
    }

    /// Looks at the scanner, then starts the certifier: it takes what is open, of this run and of earlier
    /// ones.
    pub fn start_pipeline(
        &self,
        signer: Arc<dyn Signer>,
        scanner: Arc<dyn VirusScanner>,
    ) -> Result<(), OpenError> {
        self.shared.use_scanner(scanner.clone());
        let gate = self.shared.scanner_gate.clone();
        let prober = Prober::spawn(gate, self.shared.clock.clone(), scanner.clone());
        *self.prober.lock() = Some(prober.map_err(OpenError::Thread)?);
        *self.shared.signer.write() = Some(signer.clone());
        let pipeline = Pipeline::spawn(self.shared.clone(), signer, scanner);
        *self.pipeline.lock() = Some(pipeline.map_err(OpenError::Thread)?);
        let keeper = Keeper::spawn(self.shared.clone());
        *self.keeper.lock() = Some(keeper.map_err(OpenError::Thread)?);
        Ok(())
    }

    /// Ends in order: the certifier, then the owner with all that it had taken, then the views. What is
    /// open goes on at the next start.
    pub fn stop(&self) {
        if let Some(marker) = self.marker.lock().take()
            && !marker.stop()
        {
            eprintln!("warning: the marker's thread failed: header search reads messages instead");
        }
        if let Some(pipeline) = self.pipeline.lock().take() {
            pipeline.stop();
            self.close_signatures();
        }
        if let Some(prober) = self.prober.lock().take()
            && !prober.stop()
        {
            self.shared.fatal("the prober's thread failed");
        }
        if let Some(owner) = self.owner.lock().take() {
            let told = self.shared.inbox.send(Message::Stop).is_ok();
            if told && owner.join().is_err() {
                self.shared.fatal("the owner's thread failed");
            }
        }
        if let Some(behind) = self.shared.behind.write().take()
            && let Err(error) = behind.stop()
        {
            // The journal is the truth: the next start rebuilds the views.
            crate::warning!("{error}");
        }
    }

    /// The last note of this run: nothing is signed any more (LG-14).
    fn close_signatures(&self) {
        if let Some(keeper) = self.keeper.lock().take()
            && !keeper.stop()
        {
            self.shared.fatal("the reconciler's thread failed");
        }
        if let Err(error) = self.shared.note_signatures(true) {
            crate::warning!("what the keys have signed was not noted: {error}");
        }
    }

    /// Reconciles what the keys have signed with the log, now (LG-14); waits for the journal to be read.
    pub fn reconcile(&self) -> Result<Reconciled, ReconcileError> {
        self.shared.reconcile()
    }

    /// What came of the last reconciliation since the start.
    pub fn reconciled(&self) -> Option<Reconciled> {
        self.shared.reconciled()
    }

    /// The key of a certificate has signed something that is no message (LG-14).
    pub fn signed_other(&self, certificate: &[u8]) {
        self.shared.uses.other(KeyMark::of(certificate));
    }

    /// What opening found.
    pub fn opening(&self) -> &Opening {
        &self.opening
    }

    /// What readers see.
    pub fn view(&self) -> &View {
        &self.shared.view
    }

    /// Bodies.
    pub fn blobs(&self) -> &Arc<BlobStore> {
        &self.shared.blobs
    }

    /// The index of providers and its stored copies.
    pub fn directory(&self) -> &DirectoryShelf {
        &self.shared.directory
    }

    /// The time.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    /// The policy in force.
    pub fn policy(&self) -> Arc<Policy> {
        self.shared.policy.clone()
    }

    /// Where infected mail is kept.
    pub fn quarantine(&self) -> Option<&Arc<Quarantine>> {
        self.shared.quarantine.as_ref()
    }

    /// How the virus scanner is; `None` before [`State::start_pipeline`].
    pub fn scanner_health(&self) -> Option<ScannerHealth> {
        self.shared.scanner_gate.health()
    }

    /// When messages took their steps.
    pub fn steps(&self) -> &Steps {
        &self.shared.steps
    }

    /// Numbers for the operator.
    pub fn status(&self) -> Status {
        let held = self
            .pipeline
            .lock()
            .as_ref()
            .map(Pipeline::held)
            .unwrap_or_default();
        self.shared.status(held)
    }

    /// Reserves a place for one message: [`CommandError::Busy`] (`451 4.3.2`) past the backlog's bound,
    /// [`CommandError::DiskFull`] (`451 4.3.1`) below the disk's reserve, [`CommandError::ScannerAway`]
    /// (`451 4.7.1`) while no virus scanner works (VI-10).
    pub fn reserve(&self) -> Result<Place, CommandError> {
        self.shared.reserve()
    }

    /// Whether a body may be taken in: [`CommandError::DiskFull`] below the disk's reserve, which is kept
    /// for finishing accepted work.
    pub fn has_room(&self) -> Result<(), CommandError> {
        self.shared.has_room()
    }

    /// Sends a submission in a reserved place: this cannot be refused for want of room. The forward
    /// path is made distinct here (AP-23); a long one becomes a blob, on a thread of its own.
    pub fn submit(&self, place: Place, mut submission: Submission, reply: Reply) {
        submission.recipients = distinct(&submission.recipients);
        let reply: Reply = Box::new(move |answer| {
            drop(place);
            reply(answer);
        });
        let shared = self.shared.clone();
        let is_short = submission.recipients.len() <= limits::RECIPIENTS_IN_RECORD_MAX;
        let go_on = move || match shared.submit_command(submission) {
            Ok(command) => shared.put(command, reply),
            Err(error) => reply(Err(error)),
        };
        if is_short {
            return go_on();
        }
        // Bounded by the places; a submission of over a hundred paths is rare.
        drop(
            std::thread::Builder::new()
                .name("paths".to_owned())
                .spawn(go_on),
        );
    }

    /// Judges a message of another server and takes it in or not: what is answered after its final dot.
    /// Waits for the disk, the scanner and the commit: to be called off the rings.
    pub fn take_in(&self, place: Place, arrival: &Arrival) -> TakenIn {
        let (received, leaving) = match intake::judge(&self.shared, arrival) {
            Judged::Refuse(refusal) => return refusal,
            Judged::Take(received, leaving) => (received, leaving),
        };
        let (answer, wait) = bounded(1);
        let reply: Reply = Box::new(move |outcome| {
            drop(place);
            drop(answer.send(outcome));
        });
        self.shared.put(Command::Receive(received, leaving), reply);
        intake::answer(wait.recv().unwrap_or(Err(CommandError::Stopping)))
    }

    /// Index, authorities and revocation lists, for who keeps them fresh.
    pub fn trust_room(&self) -> &Arc<TrustRoom> {
        &self.shared.trust_room
    }

    /// From now on `watcher` is told of the entries of the relay's queue that change.
    pub fn follow_dispatches(&self, watcher: DispatchWatcher) {
        self.shared.view.watch_dispatches(watcher);
    }

    /// Sends a command; `reply` gets [`CommandError::Busy`] at once when the queue is full.
    pub fn send(&self, command: Command, reply: Reply) {
        self.shared.send(command, reply);
    }

    /// How tries of the relay ended, all of one message; what they say about forward targets is noted after
    /// them (MX-09).
    pub fn dispatched(&self, outcomes: Vec<(DispatchKey, DispatchOutcome)>, reply: Reply) {
        self.shared.dispatched(outcomes, reply);
    }

    /// Sends and waits: for threads that may block.
    pub fn ask(&self, command: Command) -> Result<Outcome, CommandError> {
        let (answer, wait) = bounded(1);
        self.send(command, Box::new(move |outcome| drop(answer.send(outcome))));
        wait.recv().unwrap_or(Err(CommandError::Stopping))
    }

    /// A body or the journal could not be made durable: stops the process with this sentence (crate
    /// docs, *Commit*), in tests the simulated appliance.
    pub fn fatal(&self, sentence: &str) -> ! {
        self.shared.fatal(sentence);
        loop {
            std::thread::park();
        }
    }
}

impl Shared {
    /// Tells the handler; the caller ends its work.
    pub(crate) fn fatal(&self, sentence: &str) {
        (self.on_fatal)(sentence);
    }

    /// Any command but a submission: leaves the room that places have reserved.
    fn send(&self, command: Command, reply: Reply) {
        if self.inbox.len() >= limits::OWNER_QUEUE_MAX {
            reply(Err(CommandError::Busy));
        } else {
            self.put(command, reply);
        }
    }

    /// As [`State::dispatched`].
    pub(crate) fn dispatched(
        self: &Arc<Self>,
        outcomes: Vec<(DispatchKey, DispatchOutcome)>,
        reply: Reply,
    ) {
        let orders = crate::registry::forward_orders(&self.view, &outcomes);
        let then = self.clone();
        let reply: Reply = match orders.is_empty() {
            true => reply,
            false => Box::new(move |answer| {
                if answer.is_ok() {
                    orders
                        .into_iter()
                        .for_each(|order| then.put(order, Box::new(drop)));
                }
                reply(answer);
            }),
        };
        self.send(Command::Dispatched(outcomes), reply);
    }

    /// The certifier's commands: they wait for room, and are never refused for want of it.
    pub(crate) fn send_waiting(&self, command: Command, reply: Reply) {
        let message = Message::Command(Box::new(command), reply);
        if let Err(SendError(Message::Command(_, reply))) = self.from_certifier.send(message) {
            reply(Err(CommandError::Stopping));
        }
    }

    /// As [`State::reserve`].
    pub(crate) fn reserve(self: &Arc<Self>) -> Result<Place, CommandError> {
        if self.scanner_gate.is_closed() {
            return Err(CommandError::ScannerAway);
        }
        let taken = self.places.fetch_add(1, Ordering::AcqRel) + 1;
        let place = Place {
            shared: self.clone(),
        };
        let waiting = self.view.with_work(|work| work.submissions.len());
        if taken + waiting > self.backlog_max || taken > limits::OWNER_QUEUE_MAX {
            return Err(CommandError::Busy);
        }
        self.has_room().map(|()| place)
    }

    fn has_room(&self) -> Result<(), CommandError> {
        match self.disk.free_bytes(&self.folder.0) {
            Ok(free) if free >= self.disk_reserve_bytes => Ok(()),
            // A disk that cannot be asked takes nothing in either.
            _ => Err(CommandError::DiskFull),
        }
    }

    pub(crate) fn use_scanner(&self, scanner: Arc<dyn VirusScanner>) {
        *self.scanner.write() = Some(scanner);
    }

    /// As [`State::status`], with what the certifier holds.
    pub(crate) fn status(&self, held: Vec<String>) -> Status {
        let behind = self.behind.read();
        self.view.with_work(|work| Status {
            submissions: work.submissions.len(),
            journeys: work.journeys.len(),
            errands_local: work.errands.values().filter(|errand| errand.local).count(),
            errands_relay: work.dispatches.len(),
            deliveries: work.deliveries.len(),
            lag: behind.as_ref().map(Behind::lag),
            view_trouble: behind.as_ref().and_then(Behind::trouble),
            position: Position(self.position.load(Ordering::Acquire)),
            held,
        })
    }

    /// The command of a submission; a long forward path is kept as a blob.
    pub(crate) fn submit_command(
        &self,
        mut submission: Submission,
    ) -> Result<Command, CommandError> {
        let recipients = distinct(&submission.recipients);
        submission.recipients.clear();
        let paths = if recipients.len() <= limits::RECIPIENTS_IN_RECORD_MAX {
            Paths::Inline(recipients)
        } else {
            self.store_paths(&recipients)?
        };
        Ok(Command::Submit(submission, paths))
    }

    pub(crate) fn put(&self, command: Command, reply: Reply) {
        let message = Message::Command(Box::new(command), reply);
        if let Err(SendError(Message::Command(_, reply))) = self.inbox.send(message) {
            reply(Err(CommandError::Stopping));
        }
    }

    /// The scanner in use; before the certifier starts, one that is away.
    pub(crate) fn scanner(&self) -> Arc<dyn VirusScanner> {
        let scanner = self.scanner.read().clone();
        scanner.unwrap_or_else(|| Arc::new(NotStarted))
    }

    /// Rows that were published; written behind.
    pub(crate) fn note_rows(&self, rows: Vec<Row>, position: Position) {
        self.position.store(position.0, Ordering::Release);
        if let Some(behind) = &*self.behind.read() {
            behind.note(rows, position);
        }
    }

    /// Writes marks behind; `false`: not now. Without views on disk there is nothing to do.
    pub(crate) fn keeps_marks(&self, row: &Row) -> bool {
        let behind = self.behind.read();
        behind
            .as_ref()
            .is_none_or(|behind| behind.note_derived(row))
    }

    fn store_paths(&self, recipients: &[crate::address::Address]) -> Result<Paths, CommandError> {
        let octets = minicbor::to_vec(recipients).unwrap_or_default();
        let stored = self
            .blobs
            .store(Partition::REGISTRY, &mut octets.as_slice());
        match stored {
            Ok(blob) => Ok(Paths::Blob(*blob)),
            Err(BlobError::NoSpace(_)) => Err(CommandError::DiskFull),
            Err(error) => {
                self.fatal(&error.to_string());
                Err(CommandError::Stopping)
            }
        }
    }
}

/// Stands for the scanner until it is there: nothing passes.
struct NotStarted;

impl VirusScanner for NotStarted {
    fn scan(&self, _: &mut dyn std::io::Read) -> Result<ScanVerdict, ScannerAway> {
        Err(ScannerAway("the appliance is starting".to_owned()))
    }

    fn describe(&self) -> String {
        "not started".to_owned()
    }

    fn health(&self, _: Instant) -> ScannerHealth {
        ScannerHealth {
            reachable: false,
            signatures_at: None,
            version: String::new(),
            alarm: None,
        }
    }
}

/// Verifies the journal, loads or rebuilds the views, replays what they lack and begins a new epoch.
pub(crate) fn open(
    options: Options,
    inbox: Sender<Message>,
    from_certifier: Sender<Message>,
) -> Result<Opened, OpenError> {
    let (mut lane, recovered) = Lane::open(options.disk.clone(), &options.folder.journal())?;
    let blobs = BlobStore::open(options.disk.clone(), &options.folder.blobs())?;
    let (view, store, mut opening) = load_views(&options, &recovered, &lane)?;
    opening.cut.clone_from(&recovered.cut);
    let (epoch, rows) = begin(&mut lane, options.clock.now())?;
    view.publish(rows);
    let behind = match store {
        Some(store) => Some(Behind::spawn(store, lane.reader())?),
        None => None,
    };
    let newest = view.copy();
    let directory = Arc::new(DirectoryShelf::open(
        options.disk.clone(),
        options.folder.directory(),
        options.directory,
    ));
    let trust_room = Arc::new(TrustRoom::new(
        directory.clone(),
        options.mail_authorities,
        options.policy.tolerated_providers.clone(),
    ));
    let shared = Arc::new(Shared {
        clock: options.clock,
        policy: Arc::new(options.policy),
        view,
        blobs,
        directory,
        steps: Steps::default(),
        work: WorkQueue::default(),
        timers: Timers::default(),
        warnings: Warnings::default(),
        position: AtomicU64::new(lane.end().0),
        trust: options.trust.unwrap_or_else(|| trust_room.clone()),
        trust_room,
        rewriter: options.rewriter,
        scanner: RwLock::default(),
        signer: RwLock::default(),
        uses: Arc::default(),
        folded: FoldedRoom::default(),
        reader: lane.reader(),
        behind: RwLock::new(behind),
        inbox,
        from_certifier,
        places: AtomicUsize::new(0),
        backlog_max: options.backlog_max,
        disk: options.disk,
        folder: options.folder,
        disk_reserve_bytes: options.disk_reserve_bytes,
        scanner_gate: Arc::default(),
        fresh_marks: Fresh::default(),
        quarantine: options.quarantine,
        on_fatal: options.on_fatal,
        sabotage: options.sabotage,
    });
    Ok(Opened {
        shared,
        lane,
        newest,
        epoch,
        opening,
    })
}

/// The view as the journal says: loaded from `views/` and brought up to its end.
fn load_views(
    options: &Options,
    recovered: &Recovered,
    lane: &Lane,
) -> Result<(View, Option<behind::Store>, Opening), OpenError> {
    let mut opening = Opening::default();
    let (view, from, store) = if options.keep_views {
        let boot = options.disk.boot_id();
        let loaded = behind::load(&options.folder.views(), recovered.end, &boot)?;
        opening.rebuilt = loaded.rebuilt;
        (loaded.view, loaded.position, Some(loaded.store))
    } else {
        (View::default(), Position::default(), None)
    };
    let mut replayed = 0;
    lane.replay(from, &mut |entry| {
        view.publish(apply(&entry.record));
        replayed += 1;
        Ok(())
    })?;
    opening.replayed = replayed;
    Ok((view, store, opening))
}

/// The first record of this run: a new epoch. Answers the epoch and the rows.
fn begin(lane: &mut Lane, now: Instant) -> Result<(u64, Vec<Row>), OpenError> {
    let epoch = lane.begin_epoch();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let record = Started {
        at: now,
        version,
        epoch,
    }
    .into();
    let rows = apply(&record);
    let partition = Partition::REGISTRY;
    let expected_sequence = lane.next_sequence(partition);
    let batch = Batch {
        partition,
        epoch,
        expected_sequence,
        records: vec![record],
    };
    match lane.append(&[batch]) {
        Appended::Written(_) => Ok((epoch, rows)),
        other => Err(OpenError::FirstWrite(format!("{other:?}"))),
    }
}
