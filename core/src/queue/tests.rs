//! The schedule against a simulated world: stories of dead, slow and narrow servers, and random ones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::{
    Action, Answer, Attempt, Bounds, Connection, Destination, DispatchClass, DispatchKey,
    DispatchOutcome, DispatchRow, Ending, Event, Purpose, Schedule, neutral,
};
use crate::address::Address;
use crate::blob::BlobRef;
use crate::instant::Instant;
use crate::limits;
use crate::mailbox::Content;
use crate::message_id::Identifier;

const BOUNDS: Bounds = Bounds {
    connections: 20,
    per_destination: 5,
};
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const START: Instant = Instant::from_millis(1_700_000_000_000);

fn key(message: u32, number: u32) -> DispatchKey {
    DispatchKey {
        identifier: Identifier::parse(&format!("c{message:08}@pec.example")).expect("valid"),
        number,
    }
}

fn row(message: u32, to: &str, now: Instant) -> DispatchRow {
    DispatchRow {
        at: now,
        until: now.plus_millis(24 * HOUR),
        content: Content::Whole(BlobRef {
            segment: 1,
            offset: u64::from(message) * 1000,
            length: 900,
        }),
        size: 900,
        eight_bit: false,
        reverse_path: Address::parse("rossi@pec.example").ok(),
        to: Address::parse(to).expect("valid"),
        class: DispatchClass::Ordinary,
        purpose: Purpose::Envelope,
        attempts: 0,
        next: now,
        last: None,
        held: false,
        answers_to: None,
    }
}

/// How a server of the world behaves: for an attempt at an instant, the connection and the answers.
type Server = Box<dyn Fn(&Attempt, Instant) -> Ending>;

/// The schedule, the rows as the owner keeps them, and servers that take their time.
struct World {
    schedule: Schedule,
    now: Instant,
    rows: BTreeMap<DispatchKey, Arc<DispatchRow>>,
    under_way: Vec<(Instant, Attempt)>,
    servers: BTreeMap<String, (i64, Server)>,
    connections: BTreeMap<String, usize>,
    outcomes: BTreeMap<DispatchKey, (Instant, DispatchOutcome)>,
    records: usize,
}

fn sent(attempt: &Attempt) -> Ending {
    let all = attempt.messages.iter().flat_map(|m| &m.recipients);
    let answer = Answer::Sent {
        host: "mx.example".to_owned(),
        reply: "250 ok".to_owned(),
        tls: None,
    };
    Ending {
        connection: Connection::Served,
        answers: all.map(|(key, _)| (key.clone(), answer.clone())).collect(),
    }
}

fn unreachable(attempt: &Attempt) -> Ending {
    let all = attempt.messages.iter().flat_map(|m| &m.recipients);
    let answer = Answer::Deferred {
        reply: "connection refused".to_owned(),
    };
    Ending {
        connection: Connection::Failed,
        answers: all.map(|(key, _)| (key.clone(), answer.clone())).collect(),
    }
}

impl World {
    fn new(bounds: Bounds) -> Self {
        Self {
            schedule: Schedule::new(bounds, 7),
            now: START,
            rows: BTreeMap::new(),
            under_way: Vec::new(),
            servers: BTreeMap::new(),
            connections: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            records: 0,
        }
    }

    fn server(
        &mut self,
        domain: &str,
        millis: i64,
        answers: impl Fn(&Attempt, Instant) -> Ending + 'static,
    ) {
        self.servers
            .insert(domain.to_owned(), (millis, Box::new(answers)));
    }

    fn put(&mut self, key: DispatchKey, row: DispatchRow) {
        let row = Arc::new(row);
        self.rows.insert(key.clone(), Arc::clone(&row));
        self.event(Event::Put(key, row));
    }

    fn event(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for action in self.schedule.step(event, self.now) {
                match action {
                    Action::Attempt(attempt) => self.start(attempt),
                    Action::Record(outcomes) => {
                        assert!(outcomes.len() <= limits::DISPATCH_OUTCOMES_PER_COMMAND_MAX);
                        let first = outcomes[0].0.identifier.clone();
                        for (key, outcome) in outcomes {
                            assert_eq!(key.identifier, first, "one message at a time");
                            events.extend(self.record(key, outcome));
                        }
                    }
                }
            }
        }
    }

    fn start(&mut self, attempt: Attempt) {
        assert!(!attempt.messages.is_empty());
        for message in &attempt.messages {
            assert!(!message.recipients.is_empty());
            assert!(message.recipients.len() <= limits::RELAY_RECIPIENTS_PER_TRANSACTION_MAX);
            for (key, to) in &message.recipients {
                let row = &self.rows[key];
                assert!(
                    !row.held && row.next <= self.now && row.to == *to,
                    "{key} is not due"
                );
                assert_eq!(row.destination(), attempt.destination);
            }
        }
        let domain = attempt.destination.domain.to_string();
        *self.connections.entry(domain.clone()).or_default() += 1;
        let ends = self.now.plus_millis(self.servers[&domain].0);
        self.under_way.push((ends, attempt));
        self.check();
    }

    fn check(&self) {
        assert!(self.under_way.len() <= BOUNDS.connections);
        let mut by_destination: BTreeMap<&Destination, usize> = BTreeMap::new();
        let mut keys = BTreeSet::new();
        for (_, attempt) in &self.under_way {
            *by_destination.entry(&attempt.destination).or_default() += 1;
            for (key, _) in attempt.messages.iter().flat_map(|m| &m.recipients) {
                assert!(keys.insert(key), "{key} is in two attempts");
            }
        }
        assert!(
            by_destination
                .values()
                .all(|n| *n <= BOUNDS.per_destination)
        );
        assert!(
            keys.len()
                <= limits::RELAY_ACTIVE_MAX + limits::RELAY_RECIPIENTS_PER_CONNECTION_MAX + 100
        );
    }

    /// What the owner does with an outcome.
    fn record(&mut self, key: DispatchKey, outcome: DispatchOutcome) -> Option<Event> {
        self.records += 1;
        let old = self.rows.get(&key).expect("an entry that is there").clone();
        self.outcomes
            .insert(key.clone(), (self.now, outcome.clone()));
        let DispatchOutcome::Deferred { next, reply } = outcome else {
            self.rows.remove(&key);
            return Some(Event::Removed(key));
        };
        assert!(next > self.now);
        let row = Arc::new(DispatchRow {
            attempts: old.attempts + 1,
            next,
            last: Some(neutral(&reply)),
            ..DispatchRow::clone(&old)
        });
        self.rows.insert(key.clone(), Arc::clone(&row));
        Some(Event::Put(key, row))
    }

    /// Lets time pass until `end`, or until nothing is left to happen.
    fn run(&mut self, end: Instant) {
        loop {
            let done = self.under_way.iter().map(|(at, _)| *at).min();
            let wakes = self.schedule.wakes();
            let Some(at) = done.into_iter().chain(wakes).min().filter(|at| *at <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(at);
            if let Some(index) = self.under_way.iter().position(|(at, _)| *at <= self.now) {
                let (_, attempt) = self.under_way.swap_remove(index);
                let answers = &self.servers[attempt.destination.domain.as_str()].1;
                let ending = answers(&attempt, self.now);
                self.event(Event::Finished(attempt.number, ending));
            } else {
                self.event(Event::Tick);
            }
        }
    }

    fn sent_by(&self, at: Instant) -> usize {
        let is_sent = |(when, outcome): &&(Instant, DispatchOutcome)| {
            *when <= at && matches!(outcome, DispatchOutcome::Sent { .. })
        };
        self.outcomes.values().filter(is_sent).count()
    }
}

#[test]
fn recipients_of_one_message_go_in_one_transaction_and_messages_share_a_connection() {
    let mut world = World::new(BOUNDS);
    world.server("a.test", 1000, |a, _| sent(a));
    // The first entry leaves alone; the rest gathers behind its connection.
    for message in 0..30 {
        for number in 0..4 {
            let to = format!("r{number}@a.test");
            world.put(key(message, number), row(message, &to, START));
        }
    }
    world.run(START.plus_millis(MINUTE));
    assert_eq!(world.sent_by(world.now), 120);
    assert!(world.schedule.is_empty());
    assert!(world.connections["a.test"] <= 4, "{:?}", world.connections);
}

#[test]
fn a_long_list_is_cut_at_what_every_server_takes() {
    let mut world = World::new(BOUNDS);
    world.server("a.test", 1000, |a, _| sent(a));
    for number in 0..250 {
        let to = format!("r{number}@a.test");
        world.put(key(1, number), row(1, &to, START));
    }
    world.run(START.plus_millis(MINUTE));
    assert_eq!(world.sent_by(world.now), 250);
}

#[test]
fn a_destination_starts_slowly_grows_and_shrinks() {
    let mut world = World::new(BOUNDS);
    world.server("a.test", 10_000, |a, _| sent(a));
    for message in 0..5000 {
        world.put(key(message, 0), row(message, "r@a.test", START));
    }
    assert_eq!(
        world.under_way.len(),
        1,
        "one connection to who was never seen"
    );
    world.run(START.plus_millis(10_000));
    assert_eq!(world.under_way.len(), 2);
    world.run(START.plus_millis(40_000));
    assert_eq!(world.under_way.len(), BOUNDS.per_destination);
    world.server("a.test", 10_000, |a, _| unreachable(a));
    world.run(START.plus_millis(52_000));
    assert!(world.under_way.is_empty(), "dead");
    world.run(START.plus_millis(3 * MINUTE));
    assert!(world.under_way.len() <= 1, "a probe");
}

#[test]
fn te_15_a_dead_destination_with_a_hundred_thousand_entries_slows_nobody() {
    let mut world = World::new(BOUNDS);
    world.server("dead.test", 30_000, |a, _| unreachable(a));
    world.server("good.test", 500, |a, _| sent(a));
    for message in 0..100_000 {
        world.put(key(message, 0), row(message, "r@dead.test", START));
    }
    world.run(START.plus_millis(10 * MINUTE));
    let now = world.now;
    for message in 200_000..200_100 {
        world.put(key(message, 0), row(message, "r@good.test", now));
    }
    world.run(now.plus_millis(3_000));
    assert_eq!(world.sent_by(world.now), 100);
    world.run(START.plus_millis(23 * HOUR));
    let tries = world.connections["dead.test"];
    assert!(
        (20..40).contains(&tries),
        "one probe an hour in the end: {tries}"
    );
    assert!(
        world.records < 500,
        "only what was tried is recorded: {}",
        world.records
    );
    // What was never tried is given up with its destination's trouble.
    let mut late = row(300_000, "r@dead.test", world.now);
    late.until = world.now.plus_millis(MINUTE);
    world.put(key(300_000, 0), late);
    world.run(world.now.plus_millis(MINUTE));
    let (_, outcome) = &world.outcomes[&key(300_000, 0)];
    let reply = "connection refused".to_owned();
    assert_eq!(*outcome, DispatchOutcome::Expired { reply });
    // It comes back within the hour, and all of it leaves.
    world.server("dead.test", 500, |a, _| sent(a));
    world.run(START.plus_millis(24 * HOUR + 30 * MINUTE));
    assert!(world.schedule.is_empty());
}

#[test]
fn probes_leave_half_of_the_connections_to_others() {
    let mut world = World::new(BOUNDS);
    for domain in 0..200 {
        let name = format!("d{domain}.test");
        world.server(&name, 5 * MINUTE, |a, _| unreachable(a));
        world.put(key(domain, 0), row(domain, &format!("r@{name}"), START));
        world.put(
            key(domain, 1),
            row(domain + 1000, &format!("r@{name}"), START),
        );
    }
    world.run(START.plus_millis(2 * HOUR));
    let now = world.now;
    world.server("good.test", 1000, |a, _| sent(a));
    world.put(key(9999, 0), row(9999, "r@good.test", now));
    world.run(now.plus_millis(1500));
    assert_eq!(world.sent_by(world.now), 1);
}

#[test]
fn a_server_that_takes_few_recipients_gets_few() {
    let mut world = World::new(BOUNDS);
    world.server("narrow.test", 1000, |attempt, _| {
        let mut ending = sent(attempt);
        let firsts: BTreeSet<_> = attempt
            .messages
            .iter()
            .map(|m| m.recipients[0].0.clone())
            .collect();
        for (key, answer) in &mut ending.answers {
            if !firsts.contains(key) {
                *answer = Answer::NotTried;
            }
        }
        ending.connection = Connection::ServedFew(1);
        ending
    });
    for number in 0..100 {
        world.put(
            key(1, number),
            row(1, &format!("r{number}@narrow.test"), START),
        );
    }
    world.run(START.plus_millis(MINUTE));
    assert_eq!(world.sent_by(world.now), 100);
    assert!(
        world.connections["narrow.test"] <= 6,
        "{:?}",
        world.connections
    );
}

#[test]
fn a_restart_with_everything_due_starts_slowly_everywhere() {
    let mut world = World::new(BOUNDS);
    let early = START.plus_millis(-HOUR);
    for domain in 0..50 {
        let name = format!("d{domain}.test");
        world.server(&name, 1000, |a, _| sent(a));
        for message in 0..100 {
            let mut row = row(domain * 1000 + message, &format!("r@{name}"), early);
            (row.attempts, row.next) = (message % 3, early);
            world.put(key(domain * 1000 + message, 0), row);
        }
    }
    assert_eq!(world.under_way.len(), BOUNDS.connections);
    world.run(START.plus_millis(5 * MINUTE));
    assert_eq!(world.sent_by(world.now), 5000);
}

#[test]
fn an_entry_is_tried_at_growing_pauses_and_given_up_in_time() {
    let mut world = World::new(BOUNDS);
    world.server("slow.test", 10, |attempt, _| Ending {
        connection: Connection::Served,
        ..unreachable(attempt)
    });
    world.put(key(1, 0), row(1, "r@slow.test", START));
    let mut last = START;
    let mut pauses = Vec::new();
    while world.rows.contains_key(&key(1, 0)) {
        world.run(world.now.plus_millis(MINUTE / 2));
        let Some(row) = world.rows.get(&key(1, 0)) else {
            break;
        };
        if row.next != last {
            pauses.push((row.next.as_millis() - world.now.as_millis()) / MINUTE);
            last = row.next;
        }
    }
    for (pause, minutes) in pauses.iter().zip([1, 5, 15, 30, 60, 60]) {
        assert!(
            (minutes - 1..=minutes * 12 / 10 + 1).contains(pause),
            "{pauses:?}"
        );
    }
    let (at, outcome) = &world.outcomes[&key(1, 0)];
    let expired = DispatchOutcome::Expired {
        reply: "connection refused".to_owned(),
    };
    assert_eq!(
        (at.as_millis(), outcome),
        (START.plus_millis(24 * HOUR).as_millis(), &expired)
    );
}

#[test]
fn what_is_held_waits_and_is_still_given_up_in_time() {
    let mut world = World::new(BOUNDS);
    world.server("a.test", 10, |a, _| sent(a));
    let held = DispatchRow {
        held: true,
        ..row(1, "r@a.test", START)
    };
    world.put(key(1, 0), held.clone());
    world.put(key(2, 0), held.clone());
    world.run(START.plus_millis(HOUR));
    assert!(world.connections.is_empty());
    world.put(
        key(1, 0),
        DispatchRow {
            held: false,
            answers_to: None,
            ..held
        },
    );
    world.run(START.plus_millis(2 * HOUR));
    assert_eq!(world.sent_by(world.now), 1);
    world.run(START.plus_millis(25 * HOUR));
    let (_, outcome) = &world.outcomes[&key(2, 0)];
    assert!(matches!(outcome, DispatchOutcome::Expired { .. }));
    assert!(world.schedule.is_empty());
}

#[test]
fn an_operators_retry_reaches_a_dead_destination_at_once() {
    let mut world = World::new(BOUNDS);
    world.server("dead.test", 10, |a, _| unreachable(a));
    world.put(key(1, 0), row(1, "r@dead.test", START));
    world.run(START.plus_millis(12 * HOUR));
    world.server("dead.test", 10, |a, _| sent(a));
    let now = world.now;
    let dead = world.schedule.destinations(now);
    assert!(
        dead[0].failures > 5 && dead[0].dead_until > Some(now),
        "{dead:?}"
    );
    let row = DispatchRow {
        next: now,
        ..DispatchRow::clone(&world.rows[&key(1, 0)])
    };
    world.put(key(1, 0), row);
    world.run(now.plus_millis(100));
    assert_eq!(world.sent_by(world.now), 1);
}

#[test]
fn a_server_that_talks_and_does_nothing_is_not_asked_without_end() {
    let mut world = World::new(BOUNDS);
    world.server("idle.test", 10, |_, _| Ending {
        connection: Connection::Served,
        answers: Vec::new(),
    });
    world.put(key(1, 0), row(1, "r@idle.test", START));
    world.run(START.plus_millis(HOUR));
    assert!(
        world.connections["idle.test"] < 10,
        "{:?}",
        world.connections
    );
}

#[test]
fn certified_and_ordinary_mail_to_one_domain_are_two_destinations() {
    let mut world = World::new(BOUNDS);
    world.server("a.test", 10, |a, _| sent(a));
    world.put(key(1, 0), row(1, "r@a.test", START));
    let class = DispatchClass::Certified;
    world.put(
        key(1, 1),
        DispatchRow {
            class,
            ..row(1, "s@a.test", START)
        },
    );
    assert_eq!(world.under_way.len(), 2);
}

#[test]
fn a_foreign_reply_is_one_harmless_line() {
    assert_eq!(
        neutral("550 5.1.1\r\n no\u{1b}[2J such\tuser è "),
        "550 5.1.1 no?[2J such user ?"
    );
    assert_eq!(
        neutral(&"x".repeat(10_000)).len(),
        limits::REPLY_CHARS_KEPT_MAX
    );
}

#[test]
fn rows_and_keys_are_read_as_they_were_written() {
    let row = DispatchRow {
        last: Some("x".to_owned()),
        reverse_path: None,
        ..row(1, "r@a.test", START)
    };
    let octets = minicbor::to_vec(&row).expect("written");
    assert_eq!(minicbor::decode::<DispatchRow>(&octets).expect("read"), row);
    assert_eq!(DispatchKey::parse(&key(3, 4).to_string()), Some(key(3, 4)));
    assert_eq!(DispatchKey::parse("nothing"), None);
}

/// What a random server does with a recipient.
fn random_ending(attempt: &Attempt, dice: u64) -> Ending {
    let mut ending = sent(attempt);
    for (at, (_, answer)) in ending.answers.iter_mut().enumerate() {
        match (dice >> (at % 16)) % 8 {
            0 => *answer = Answer::NotTried,
            1 | 2 => {
                *answer = Answer::Deferred {
                    reply: "451".to_owned(),
                }
            }
            3 => {
                *answer = Answer::Refused {
                    host: "mx".to_owned(),
                    status: "5.1.1".to_owned(),
                    reply: "550".to_owned(),
                }
            }
            _ => {}
        }
    }
    ending.connection = match dice % 5 {
        0 => Connection::Failed,
        1 => Connection::ServedFew(usize::try_from(dice % 3).unwrap_or(0)),
        _ => Connection::Served,
    };
    ending
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever servers do, the bounds hold (the world checks them) and every entry ends in its time.
    #[test]
    fn every_entry_comes_to_one_end(
        seed in any::<u64>(),
        mail in prop::collection::vec((0u32..40, 0u32..5, 0u32..6, 0i64..48), 1..200),
    ) {
        let mut world = World::new(BOUNDS);
        for domain in 0..6_u64 {
            let millis = i64::try_from(seed >> domain).unwrap_or(1) % 50_000 + 1;
            world.server(&format!("d{domain}.test"), millis.abs(), move |attempt, now| {
                let time = u64::try_from(now.as_millis()).unwrap_or(0);
                random_ending(attempt, (seed ^ time).rotate_left(u32::try_from(attempt.number % 64).unwrap_or(0)))
            });
        }
        let mut keys = BTreeSet::new();
        for (number, (message, recipient, domain, half_hours)) in mail.into_iter().enumerate() {
            let at = START.plus_millis(half_hours * HOUR / 2);
            world.run(world.now.max(at));
            let key = key(message, u32::try_from(number).unwrap_or(0));
            let row = row(message, &format!("r{recipient}@d{domain}.test"), world.now);
            keys.insert(key.clone());
            world.put(key, row);
        }
        world.run(START.plus_millis(72 * HOUR));
        prop_assert!(world.schedule.is_empty());
        prop_assert!(world.under_way.is_empty());
        prop_assert_eq!(world.outcomes.len(), keys.len());
        let is_open = |outcome: &DispatchOutcome| matches!(outcome, DispatchOutcome::Deferred { .. });
        let open = world.outcomes.values().filter(|(_, outcome)| is_open(outcome)).count();
        prop_assert_eq!(open, 0);
        prop_assert_eq!(world.schedule.wakes().filter(|at| *at <= world.now), None);
    }
}
