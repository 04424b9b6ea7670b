//! One provider of the world: its disk, its appliance while that lives, and the relay's schedule, fed as
//! the relay's thread feeds it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use ceralacca_core::address::{Address, Domain};
use ceralacca_core::disk::sim::{Loss, SimDisk};
use ceralacca_core::disk::{DataFolder, Disk};
use ceralacca_core::owner::{Command, RegistryOrder};
use ceralacca_core::queue::{Action, Attempt, Bounds, DispatchKey, DispatchRow, Event, Schedule};
use ceralacca_core::registry::{Holder, HolderKind, OrdinaryPolicy};
use ceralacca_core::state::Options;
use ceralacca_core::stepper::Stepper;

use super::ports::{DOMAINS, Identities, Index, Scanner, Token, WorldClock};
use crate::seed::Chance;

/// What a mailbox of the world is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An ordinary one.
    Plain,
    /// Room for a message or two, the second of which makes its holder be warned (AC-17).
    Narrow,
    /// Takes ordinary mail too.
    Open,
}

/// The mailboxes of each provider, by local part.
pub const MAILBOXES: [(&str, Kind); 4] = [
    ("anna", Kind::Plain),
    ("bruno", Kind::Plain),
    ("carla", Kind::Open),
    ("stretta", Kind::Narrow),
];
const NARROW_BYTES: u64 = 20 * 1024;

type Changes = Arc<Mutex<Vec<(DispatchKey, Option<Arc<DispatchRow>>)>>>;

/// A provider.
pub struct Provider {
    /// Its place in [`DOMAINS`].
    pub number: usize,
    /// Its domain.
    pub domain: &'static str,
    /// The appliance, while it lives.
    pub stepper: Option<Stepper>,
    /// Its disk.
    pub disk: SimDisk,
    /// Its clock.
    pub clock: Arc<WorldClock>,
    /// Its token.
    pub token: Arc<Token>,
    /// Its scanner.
    pub scanner: Arc<Scanner>,
    /// Its index.
    pub index: Arc<Index>,
    /// Grows with each start.
    pub life: u64,
    /// When it is started again.
    pub down_until: Option<i64>,
    /// When each of token, scanner and index is back.
    pub away_until: [Option<i64>; 3],
    /// While it was down or could not sign.
    pub outages: Vec<(i64, Option<i64>)>,
    schedule: Schedule,
    changes: Changes,
    has_died: Arc<AtomicBool>,
}

impl Provider {
    /// With its mailboxes, at `now`.
    pub fn founded(number: usize, now: i64, chance: &mut Chance) -> Self {
        let domain = DOMAINS[number];
        let clock = Arc::new(WorldClock::default());
        clock.set(now);
        let mut provider = Self {
            number,
            domain,
            stepper: None,
            disk: SimDisk::new(),
            clock,
            token: Arc::new(Identities::get().token(number)),
            scanner: Arc::new(Scanner::new(domain)),
            index: Arc::new(Index::default()),
            life: 0,
            down_until: None,
            away_until: [None; 3],
            outages: Vec::new(),
            schedule: Schedule::new(BOUNDS, 0),
            changes: Changes::default(),
            has_died: Arc::new(AtomicBool::new(false)),
        };
        provider.index.refresh(now, false);
        let opened = provider.start(chance);
        opened.expect("a new disk opens");
        provider.populate();
        provider
    }

    /// Opens the appliance from the disk; answers the attempts that its relay asks for at once, or why it
    /// did not open.
    pub fn start(&mut self, chance: &mut Chance) -> Result<Vec<Attempt>, String> {
        self.life += 1;
        self.down_until = None;
        self.has_died = Arc::new(AtomicBool::new(false));
        let (died, frozen) = (self.has_died.clone(), self.disk.clone());
        let on_fatal = Arc::new(move |_: &str| {
            died.store(true, Ordering::SeqCst);
            frozen.freeze();
        });
        let folder = DataFolder(PathBuf::from("/data"));
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let mut options = Options::new(disk, folder, self.clock.clone(), on_fatal);
        options.disk_reserve_bytes = 1;
        options.trust = Some(self.index.clone());
        let opened = Stepper::open(options, self.token.clone(), self.scanner.clone());
        let stepper = opened.map_err(|error| error.to_string())?;
        // As the relay's thread does: told of changes first, then all entries.
        let changes = Changes::default();
        let told = changes.clone();
        stepper.follow_dispatches(Arc::new(move |all| {
            let owned = all
                .iter()
                .map(|(key, row)| ((*key).clone(), row.map(|row| Arc::new(row.clone()))));
            told.lock().expect("one thread").extend(owned);
        }));
        self.changes = changes;
        self.schedule = Schedule::new(BOUNDS, chance.draw());
        let entries = stepper.view().with_work(|work| {
            let all = work.dispatches.iter();
            all.map(|(key, row)| (key.clone(), row.clone()))
                .collect::<Vec<_>>()
        });
        self.stepper = Some(stepper);
        let puts = entries.into_iter().map(|(key, row)| Event::Put(key, row));
        Ok(puts.flat_map(|event| self.schedule_step(event)).collect())
    }

    fn populate(&mut self) {
        let stepper = self.stepper.as_mut().expect("just opened");
        let mut order = |order| {
            let done = stepper.ask(Command::Registry(order, "world".to_owned()));
            done.expect("an order that can be done");
        };
        order(RegistryOrder::SetProvider {
            name: format!("Gestore {}", self.domain),
            domain: Domain::parse(self.domain).expect("a domain"),
            host: format!("mail.{}", self.domain),
        });
        order(RegistryOrder::SettleServiceMailbox);
        for (local, kind) in MAILBOXES {
            let address = Address::parse(&format!("{local}@{}", self.domain)).expect("valid");
            order(RegistryOrder::AddMailbox {
                address: address.clone(),
                holder: Holder {
                    kind: HolderKind::Person,
                    name: "Titolare di Prova".to_owned(),
                    tax_code: None,
                    contacts: Vec::new(),
                    documents: Vec::new(),
                },
                password: None,
                quota: (kind == Kind::Narrow).then_some(NARROW_BYTES),
            });
            if kind == Kind::Open {
                order(RegistryOrder::SetOrdinary(address, OrdinaryPolicy::Accept));
            }
        }
    }

    /// It died, by a failure of its own.
    pub fn has_died(&self) -> bool {
        self.has_died.load(Ordering::SeqCst)
    }

    /// Ends the appliance: what is not on the disk is lost, and of that what `loss` says, or nothing
    /// where the machine goes on.
    pub fn end(&mut self, loss: Option<(u64, Loss)>) {
        self.stepper = None;
        self.disk = match loss {
            Some((seed, loss)) => self.disk.power_cut(seed, loss),
            None => self.disk.restart(),
        };
    }

    /// The relay hears what was published; answers the attempts that it asks for.
    pub fn relay(&mut self) -> Vec<Attempt> {
        let changes = std::mem::take(&mut *self.changes.lock().expect("one thread"));
        let mut attempts = Vec::new();
        for (key, row) in changes {
            let event = match row {
                Some(row) => Event::Put(key, row),
                None => Event::Removed(key),
            };
            attempts.extend(self.schedule_step(event));
        }
        attempts
    }

    /// One event of the schedule: outcomes go to the owner, attempts to the caller.
    pub fn schedule_step(&mut self, event: Event) -> Vec<Attempt> {
        let Some(stepper) = &self.stepper else {
            return Vec::new();
        };
        let mut attempts = Vec::new();
        let now = ceralacca_core::ports::Clock::now(&*self.clock);
        for action in self.schedule.step(event, now) {
            match action {
                Action::Attempt(attempt) => attempts.push(attempt),
                Action::Record(outcomes) => stepper.dispatched(outcomes),
            }
        }
        attempts
    }

    /// The true time at which it has something to do, as far as it knows.
    pub fn wakes(&self) -> Option<i64> {
        let stepper = self.stepper.as_ref()?;
        let both = stepper.wakes().into_iter().chain(self.schedule.wakes());
        both.map(|at| at.as_millis() - self.clock.skew()).min()
    }

    /// Begins an outage, unless one is under way.
    pub fn note_outage(&mut self, now: i64) {
        if self.outages.last().is_none_or(|(_, end)| end.is_some()) {
            self.outages.push((now, None));
        }
    }

    /// Ends the outage under way, once it is up and can sign.
    pub fn note_recovery(&mut self, now: i64) {
        let is_well = self.stepper.is_some() && self.away_until == [None; 3];
        if let Some((_, end)) = self.outages.last_mut().filter(|(_, end)| end.is_none())
            && is_well
        {
            *end = Some(now);
        }
    }
}

const BOUNDS: Bounds = Bounds {
    connections: 6,
    per_destination: 3,
};
