//! A world from one seed: two providers, the network between them and to one host outside, disks, tokens,
//! scanners and clocks. It drives the real step functions of [`ceralacca_core::stepper`] and the real
//! relay schedule on one thread, breaks what the rules allow to break, heals, and then has the
//! [`verdict`] said on what lies in the mailboxes. The same seed gives the same run.

mod events;
pub mod mail;
pub mod mailboxes;
pub mod network;
pub mod ports;
pub mod provider;
pub mod verdict;

use std::collections::BTreeMap;

use ceralacca_core::disk::sim::{Failure, Loss};
use ceralacca_core::disk::{DataFolder, Disk};
use ceralacca_core::random::Seeded;

use crate::seed::Chance;
use mail::Sent;
use network::{Carried, Echo, INTERNET, Parcel, Transit};
use ports::{DOMAINS, EPOCH_MS};
use provider::Provider;

/// A second, a minute, an hour.
pub const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The world.
pub struct World {
    seed: u64,
    chance: Chance,
    /// True time, in milliseconds.
    pub(crate) now: i64,
    pub(crate) providers: Vec<Provider>,
    pub(crate) sent: Vec<Sent>,
    /// Ordinary mail from outside that was answered `250`: token and mailbox.
    pub(crate) from_outside: Vec<(String, String)>,
    pub(crate) carried: Vec<Carried>,
    /// Envelopes that the network refused for good.
    pub(crate) refused: Vec<(usize, Parcel)>,
    /// What the host outside has taken.
    pub(crate) outside: Vec<Parcel>,
    transits: Vec<Transit>,
    echoes: Vec<Echo>,
    links: BTreeMap<(usize, usize), i64>,
    swallows_charges: bool,
    dopo_from: i64,
    is_healed: bool,
    trace: Vec<String>,
    digest: u64,
    _random: Seeded,
}

impl World {
    /// Lives through everything that `seed` says; answers the world after its healing.
    pub fn live(seed: u64) -> Self {
        let mut world = Self::begin(seed);
        for number in 0..6 + world.chance.below(20) {
            world.something_happens(number);
            let pause = world.pause();
            world.advance(pause);
        }
        world.heal();
        world
    }

    fn begin(seed: u64) -> Self {
        let mut chance = Chance::new(seed.wrapping_mul(0x9e37_79b9).wrapping_add(1));
        let random = Seeded::new(chance.draw());
        // Any day: legal time has its summer too.
        let now = EPOCH_MS + DAY * (1 + i64::try_from(chance.below(700)).unwrap_or(0)) + 8 * HOUR;
        let found = |number| Provider::founded(number, now, &mut chance);
        let providers = (0..DOMAINS.len()).map(found).collect();
        let swallows_charges = chance.below(4) == 0;
        let dopo_from = now + i64::try_from(chance.below(30)).unwrap_or(0) * HOUR;
        Self {
            seed,
            chance,
            now,
            providers,
            sent: Vec::new(),
            from_outside: Vec::new(),
            carried: Vec::new(),
            refused: Vec::new(),
            outside: Vec::new(),
            transits: Vec::new(),
            echoes: Vec::new(),
            links: BTreeMap::new(),
            swallows_charges,
            dopo_from,
            is_healed: false,
            trace: Vec::new(),
            digest: 0xcbf2_9ce4_8422_2325,
            _random: random,
        }
    }

    /// A digest of all that happened and of all octets on the disks.
    pub fn digest(&self) -> u64 {
        let mut digest = self.digest;
        for provider in &self.providers {
            let folder = DataFolder("/data".into());
            for folder in [folder.journal(), folder.blobs()] {
                for name in provider.disk.list(&folder).expect("a list") {
                    let path = folder.join(name);
                    let file = provider.disk.open(&path, false).expect("a file");
                    let length = usize::try_from(file.len().expect("a length")).expect("short");
                    let mut octets = vec![0; length];
                    let read = file.read_at(&mut octets, 0).expect("octets");
                    assert_eq!(read, length, "{}", path.display());
                    fold(&mut digest, &octets);
                }
            }
        }
        digest
    }

    /// Ends the test, with what happened last and how to see it again.
    pub fn fail(&self, why: &str) -> ! {
        let last = self.trace.len().saturating_sub(trace_lines());
        let story = self.trace[last..].join("\n");
        panic!(
            "{story}\n\nseed {seed}: {why}\nrepeat: CERALACCA_SEED={seed} cargo nextest run \
             -p ceralacca-tests --test simulation",
            seed = self.seed
        );
    }

    pub(crate) fn note(&mut self, what: String) {
        let line = format!(
            "{:>12.3} h  {what}",
            (self.now - EPOCH_MS) as f64 / HOUR as f64
        );
        fold(&mut self.digest, line.as_bytes());
        self.trace.push(line);
    }

    /// So many in a hundred, and never once it is healed.
    fn happens(&mut self, percent: usize) -> bool {
        self.chance.below(100) < percent && !self.is_healed
    }

    fn healed_or(&self, healed: usize, otherwise: usize) -> usize {
        if self.is_healed { healed } else { otherwise }
    }

    /// Until when the link is down; `None`: it is up.
    fn link_down_until(&self, from: usize, to: usize) -> Option<i64> {
        let until = self.links.get(&(from, to)).copied();
        until.filter(|until| *until > self.now)
    }

    /// When `is_dead`, or found so: the process is gone, and comes back after a while.
    pub(crate) fn reap(&mut self, number: usize, is_dead: bool) {
        let provider = &self.providers[number];
        let is_frozen = provider.disk.list(std::path::Path::new("/data")).is_err();
        let is_gone = is_dead || provider.has_died() || is_frozen;
        if provider.stepper.is_none() || !is_gone {
            return;
        }
        let seed = self.chance.draw();
        let loss = match self.chance.below(3) {
            0 => None,
            1 => Some((seed, Loss::All)),
            _ => Some((seed, Loss::Some)),
        };
        let for_how_long = match self.is_healed || self.chance.below(2) == 0 {
            true => 5 * SECOND,
            false => self.outage(),
        };
        // What is on the wire goes on without its sender, or ends with him.
        let goes_on = self.chance.below(2) == 0;
        self.transits.retain(|t| t.from != number || goes_on);
        let now = self.now;
        let provider = &mut self.providers[number];
        provider.end(loss);
        provider.down_until = Some(now + for_how_long);
        provider.note_outage(now);
        self.note(format!(
            "{} is gone for {for_how_long} ms, losing {loss:?}",
            DOMAINS[number]
        ));
    }

    /// Whatever comes back by now.
    fn come_back(&mut self) {
        let now = self.now;
        for number in 0..self.providers.len() {
            let provider = &mut self.providers[number];
            let is_due = |until: &Option<i64>| until.is_some_and(|until| until <= now);
            for (what, until) in provider.away_until.iter_mut().enumerate() {
                if !is_due(until) {
                    continue;
                }
                *until = None;
                match what {
                    0 => provider.token.come_back(),
                    1 => provider.scanner.be_away(false),
                    _ => provider.index.refresh(now, false),
                }
            }
            if is_due(&provider.down_until) {
                self.start(number);
            }
            self.providers[number].note_recovery(now);
        }
    }

    fn start(&mut self, number: usize) {
        let provider = &mut self.providers[number];
        match provider.start(&mut self.chance) {
            Ok(attempts) => {
                self.dispatch(number, attempts);
                let found = self.providers[number].stepper.as_ref();
                let found = found.map(|stepper| stepper.opening().clone());
                self.note(format!("{} is back: {found:?}", DOMAINS[number]));
            }
            // A disk that was told to fail may do so now.
            Err(why) if why.contains("simulated") => {
                provider.end(None);
                provider.down_until = Some(self.now + SECOND);
                self.note(format!("{} does not start: {why}", DOMAINS[number]));
            }
            Err(why) => self.fail(&format!("{} does not open: {why}", DOMAINS[number])),
        }
    }

    /// Time passes; whatever happens meanwhile happens, and everybody has time to work.
    fn advance(&mut self, for_how_long: i64) {
        let end = self.now + for_how_long;
        loop {
            let steps = match self.chance.below(3) {
                0 => 1 + self.chance.below(40),
                _ => 100_000,
            };
            let is_idle = self.work(steps);
            if self.now >= end {
                return;
            }
            let next = if is_idle {
                self.next_event().max(self.now + 1)
            } else {
                self.now + 1 + i64::try_from(self.chance.below(5000)).unwrap_or(0)
            };
            self.pass_to(next.min(end));
        }
    }

    fn pass_to(&mut self, now: i64) {
        self.now = now;
        for provider in &mut self.providers {
            provider.clock.set(now);
            if let Some(stepper) = provider.stepper.as_mut() {
                stepper.time_passed();
            }
        }
        self.come_back();
        for number in 0..self.providers.len() {
            let tick = ceralacca_core::queue::Event::Tick;
            let attempts = self.providers[number].schedule_step(tick);
            self.dispatch(number, attempts);
        }
    }

    fn next_event(&self) -> i64 {
        let wire = self.transits.iter().map(|t| t.due);
        let echoes = self.echoes.iter().map(|e| e.due);
        let of = |p: &Provider| {
            let back = p.away_until.into_iter().chain([p.down_until, p.wakes()]);
            back.flatten().collect::<Vec<_>>()
        };
        let providers = self.providers.iter().flat_map(of);
        let all = wire.chain(echoes).chain(providers);
        all.min().unwrap_or(i64::MAX)
    }

    /// At most so many steps of whoever has something to do now, in an order of chance; answers whether
    /// nobody has.
    fn work(&mut self, steps: usize) -> bool {
        for _ in 0..steps {
            let first = self.chance.below(3);
            let did = (0..3).any(|turn| match (first + turn) % 3 {
                INTERNET => self.wire(),
                number => self.work_of(number),
            });
            if !did {
                return true;
            }
        }
        if steps >= 100_000 {
            self.fail("the providers work without end");
        }
        false
    }

    fn work_of(&mut self, number: usize) -> bool {
        let chance = &mut self.chance;
        let provider = &mut self.providers[number];
        let Some(stepper) = provider.stepper.as_mut() else {
            return false;
        };
        let did = stepper.work_once(&mut |bound| chance.below(bound));
        let is_dead = stepper.is_dead();
        let attempts = provider.relay();
        self.dispatch(number, attempts);
        self.reap(number, is_dead);
        did || is_dead
    }

    /// One thing on the wire that is due.
    fn wire(&mut self) -> bool {
        let now = self.now;
        let due: Vec<usize> = (0..self.transits.len())
            .filter(|i| self.transits[*i].due <= now)
            .collect();
        if !due.is_empty() {
            let one = due[self.chance.below(due.len())];
            let transit = self.transits.swap_remove(one);
            self.carry(transit);
            return true;
        }
        let Some(one) = self.echoes.iter().position(|e| e.due <= now) else {
            return false;
        };
        let echo = self.echoes.swap_remove(one);
        if echo.to != INTERNET && self.providers[echo.to].stepper.is_some() {
            self.note(format!("an echo reaches {}", DOMAINS[echo.to]));
            self.take_in(echo.to, &echo.parcel);
        }
        true
    }

    /// Everything is put right, and then there is time until nothing is open any more.
    fn heal(&mut self) {
        self.note("healed".to_owned());
        self.is_healed = true;
        self.links.clear();
        let now = self.now;
        for provider in &mut self.providers {
            provider.down_until = provider.down_until.map(|_| now);
            provider.away_until = provider.away_until.map(|until| until.map(|_| now));
            if provider.stepper.is_some() {
                // A fault that was set and has not struck yet does not strike any more.
                provider.disk.freeze_after(u64::MAX / 2);
                provider.disk.fail_sync(u64::MAX / 2, Failure::NotDone);
            }
        }
        let end = self.now + 8 * DAY;
        while self.now < end {
            self.advance(HOUR + MINUTE);
            let is_quiet = self.transits.is_empty() && self.echoes.is_empty();
            if is_quiet && self.providers.iter().all(mailboxes::has_nothing_open) {
                return;
            }
        }
        let open: Vec<String> = self.providers.iter().map(mailboxes::what_is_open).collect();
        self.fail(&format!("work is open without end: {}", open.join("\n")));
    }
}

fn fold(digest: &mut u64, octets: &[u8]) {
    for octet in octets {
        *digest = (*digest ^ u64::from(*octet)).wrapping_mul(0x0000_0100_0000_01b3);
    }
}

/// `CERALACCA_TRACE` lines of the story of a failing seed.
fn trace_lines() -> usize {
    let given = std::env::var("CERALACCA_TRACE").ok();
    given.and_then(|n| n.parse().ok()).unwrap_or(40)
}
