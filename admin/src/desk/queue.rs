//! Orders about the relay's queue: what waits, for how long and why, as a table by destination and age;
//! and hold, release and retry, which the owner records (a held entry is held after a restart too).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::mpsc::channel;

use ceralacca_core::instant::Instant;
use ceralacca_core::message_id::Identifier;
use ceralacca_core::owner::{Command, CommandError};
use ceralacca_core::queue::{Destination, DestinationState, DispatchKey, DispatchRow, QueueOrder};
use serde_json::{Value, json};

use super::Desk;
use crate::control::{QueueRequest, QueueWhich, QueueWord};
use crate::report::{Failure, Report};

/// Entries of one answer.
const LIST_MAX: usize = 10_000;
/// Orders handed to the owner before their answers are awaited: they share commits.
const ORDERS_AT_ONCE: usize = 256;
/// Upper ends of the columns of the table, in minutes.
const AGES: [(i64, &str); 5] = [
    (5, "5m"),
    (30, "30m"),
    (120, "2h"),
    (720, "12h"),
    (i64::MAX, "12h+"),
];

type Entry = (DispatchKey, Arc<DispatchRow>);

/// What waits for one destination.
#[derive(Default)]
struct Line {
    total: usize,
    held: usize,
    ages: [usize; AGES.len()],
}

impl Desk<'_> {
    /// Carries out a request about the queue; `states` are what the running relay knows.
    pub fn queue(
        &self,
        request: QueueRequest,
        states: &[DestinationState],
    ) -> Result<Report, Failure> {
        match request {
            QueueRequest::List { destination, limit } => {
                let which = destination.map_or(QueueWhich::All, QueueWhich::Destination);
                Ok(self.queued(&self.entries(&which)?, states, limit))
            }
            QueueRequest::Show { key } => self.queue_entry(key),
            QueueRequest::Order { order, which } => self.queue_order(order, &which),
        }
    }

    fn queued(&self, entries: &[Entry], states: &[DestinationState], limit: usize) -> Report {
        let now = self.state.clock().now();
        let mut lines: BTreeMap<Destination, Line> = BTreeMap::new();
        for (_, row) in entries {
            let line = lines.entry(row.destination()).or_default();
            let age = minutes(row.at, now);
            let column = AGES.iter().position(|(most, _)| age < *most);
            line.total += 1;
            line.held += usize::from(row.held);
            line.ages[column.unwrap_or(AGES.len() - 1)] += 1;
        }
        let limit = limit.clamp(1, LIST_MAX);
        let mut oldest: Vec<&Entry> = entries.iter().collect();
        oldest.sort_by_key(|(key, row)| (row.at, key.clone()));
        let more = oldest.len() > limit;
        oldest.truncate(limit);
        let mut words = table(&lines, states, now);
        for (key, row) in &oldest {
            words.push_str(&entry_words(key, row, now));
        }
        if more {
            words.push_str("… there are more: `--limit` shows them\n");
        }
        let state_of =
            |destination: &Destination| states.iter().find(|s| s.destination == *destination);
        let table: Vec<Value> = lines
            .iter()
            .map(|(destination, line)| line_object(destination, line, state_of(destination)))
            .collect();
        let entries: Vec<Value> = oldest.iter().map(|(key, row)| object(key, row)).collect();
        Report::done(
            words,
            json!({ "destinations": table, "entries": entries, "more": more }),
        )
    }

    fn queue_entry(&self, text: String) -> Result<Report, Failure> {
        let entries = self.entries(&QueueWhich::Key(text))?;
        let now = self.state.clock().now();
        let words = entries.iter().map(|(key, row)| entry_words(key, row, now));
        let object = entries.first().map(|(key, row)| object(key, row));
        Ok(Report::done(
            words.collect::<String>(),
            object.unwrap_or_default(),
        ))
    }

    /// Of one key (it must be there), of one destination, or all.
    fn entries(&self, which: &QueueWhich) -> Result<Vec<Entry>, Failure> {
        let view = self.state.view();
        let clone = |(key, row): (&DispatchKey, &Arc<DispatchRow>)| (key.clone(), Arc::clone(row));
        match which {
            QueueWhich::All => {
                Ok(view.with_work(|work| work.dispatches.iter().map(clone).collect()))
            }
            QueueWhich::Destination(name) => {
                let domain = super::domain(name)?;
                let goes_there =
                    |(_, row): &(&DispatchKey, &Arc<DispatchRow>)| row.to.domain() == domain;
                Ok(view.with_work(|work| {
                    work.dispatches
                        .iter()
                        .filter(goes_there)
                        .map(clone)
                        .collect()
                }))
            }
            QueueWhich::Key(text) => {
                let absent = || Failure::Refused(format!("`{text}` is not in the queue"));
                let key = DispatchKey::parse(text).ok_or_else(absent)?;
                let row = view.with_work(|work| work.dispatches.get(&key).cloned());
                Ok(vec![(key, row.ok_or_else(absent)?)])
            }
        }
    }

    fn queue_order(&self, order: QueueWord, which: &QueueWhich) -> Result<Report, Failure> {
        let mut by_message: BTreeMap<Identifier, Vec<DispatchKey>> = BTreeMap::new();
        for (key, row) in self.entries(which)? {
            let concerns = match order {
                QueueWord::Hold => !row.held,
                QueueWord::Release => row.held,
                QueueWord::Retry => true,
            };
            if concerns {
                by_message
                    .entry(key.identifier.clone())
                    .or_default()
                    .push(key);
            }
        }
        let messages: Vec<Vec<DispatchKey>> = by_message.into_values().collect();
        let mut done = 0;
        for some in messages.chunks(ORDERS_AT_ONCE) {
            done += self.order_all(order, some)?;
        }
        let word = match order {
            QueueWord::Hold => "held",
            QueueWord::Release => "released",
            QueueWord::Retry => "tried now",
        };
        let words = format!(
            "{done} {} {word}",
            if done == 1 { "entry is" } else { "entries are" }
        );
        Ok(Report::done(words, json!({ "entries": done })))
    }

    /// Answers how many entries were there still.
    fn order_all(&self, order: QueueWord, messages: &[Vec<DispatchKey>]) -> Result<usize, Failure> {
        let (answer, answers) = channel();
        for keys in messages {
            let (count, answer) = (keys.len(), answer.clone());
            let keys = keys.clone();
            let command = Command::Queue(match order {
                QueueWord::Hold => QueueOrder::Hold(keys),
                QueueWord::Release => QueueOrder::Release(keys),
                QueueWord::Retry => QueueOrder::Retry(keys),
            });
            let reply = move |outcome: Result<_, CommandError>| {
                // Who waits takes all answers.
                let _ = answer.send(outcome.map(|_| count));
            };
            self.state.send(command, Box::new(reply));
        }
        drop(answer);
        let mut done = 0;
        for outcome in answers {
            match outcome {
                Ok(count) => done += count,
                // It left in the meantime.
                Err(CommandError::NotFound(_)) => {}
                Err(error) => return Err(Failure::refused(error)),
            }
        }
        Ok(done)
    }
}

/// By destination and age; nothing for an empty queue but that it is.
fn table(lines: &BTreeMap<Destination, Line>, states: &[DestinationState], now: Instant) -> String {
    if lines.is_empty() {
        return "nothing waits\n".to_owned();
    }
    let width = lines
        .keys()
        .map(|d| d.domain.as_str().len())
        .max()
        .unwrap_or(0)
        .max(11);
    // Writing to a `String` cannot fail.
    let mut words = format!("{:width$}  {:9}  {:>7}", "destination", "class", "entries");
    for (_, head) in AGES {
        let _ = write!(words, " {head:>6}");
    }
    words.push('\n');
    for (destination, line) in lines {
        let class = destination.class.to_string();
        let _ = write!(
            words,
            "{:width$}  {class:9}  {:>7}",
            destination.domain, line.total
        );
        for count in line.ages {
            let _ = write!(words, " {count:>6}");
        }
        if line.held > 0 {
            let _ = write!(words, "  {} held", line.held);
        }
        if let Some(state) = states.iter().find(|s| s.destination == *destination) {
            words.push_str(&state_words(state, now));
        }
        words.push('\n');
    }
    words.push('\n');
    words
}

fn state_words(state: &DestinationState, now: Instant) -> String {
    match state.dead_until {
        Some(until) => {
            let pause = minutes(now, until) + 1;
            format!(
                "  dead after {} failures, next probe within {pause}m",
                state.failures
            )
        }
        None => format!("  {} connections", state.connections),
    }
}

fn entry_words(key: &DispatchKey, row: &DispatchRow, now: Instant) -> String {
    let next = if row.held {
        "held".to_owned()
    } else if row.next <= now {
        "due".to_owned()
    } else {
        format!("next in {}m", minutes(now, row.next) + 1)
    };
    let from = row.reverse_path.as_ref().map_or("", |path| path.as_str());
    let mut words = format!(
        "{key}\n  <{from}> to <{}>, {} octets, {}\n  {}m old, {} attempts, {next}, given up {}\n",
        row.to,
        row.size,
        row.class,
        minutes(row.at, now),
        row.attempts,
        row.until.rfc3339(),
    );
    if let Some(last) = &row.last {
        let _ = writeln!(words, "  {last}");
    }
    words
}

fn line_object(destination: &Destination, line: &Line, state: Option<&DestinationState>) -> Value {
    let ages = AGES.iter().zip(line.ages);
    let ages: BTreeMap<&str, usize> = ages.map(|((_, head), count)| (*head, count)).collect();
    json!({
        "destination": destination.domain.as_str(),
        "class": destination.class.to_string(),
        "entries": line.total,
        "held": line.held,
        "ages": ages,
        "failures": state.map_or(0, |state| state.failures),
        "connections": state.map_or(0, |state| state.connections),
        "dead_until": state.and_then(|state| state.dead_until).map(Instant::rfc3339),
    })
}

fn object(key: &DispatchKey, row: &DispatchRow) -> Value {
    json!({
        "key": key.to_string(),
        "from": row.reverse_path.as_ref().map(|path| path.as_str()),
        "to": row.to.as_str(),
        "class": row.class.to_string(),
        "size": row.size,
        "at": row.at.rfc3339(),
        "until": row.until.rfc3339(),
        "attempts": row.attempts,
        "next": row.next.rfc3339(),
        "held": row.held,
        "last": row.last,
    })
}

/// Whole minutes from one instant to a later one.
fn minutes(from: Instant, to: Instant) -> i64 {
    (to.as_millis() - from.as_millis()).max(0) / 60_000
}
