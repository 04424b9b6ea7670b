//! The token goes away while mail comes in, and comes back: what was accepted is counted in the mailboxes
//! (nothing lost, nothing twice), and how long after its return signatures come at the full rate again.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ceralacca_admin::client::ImapReader;
use ceralacca_admin::control::{Link, Request};
use ceralacca_core::mime::fields::{first, header_end};
use serde_json::json;

use crate::load::{compose, now_ms};
use crate::provider::{Holder, PASSWORD, Provider, address, ask};
use crate::rows::{Output, Row};
use crate::sums::{Trouble, median};

/// What to run.
#[derive(clap::Args)]
pub struct Settings {
    /// Seconds that the token is away.
    #[arg(long, default_value_t = 60.0)]
    away: f64,
    /// Seconds of load before and after.
    #[arg(long, default_value_t = 10.0)]
    around: f64,
    /// Messages that come in a second, all the time.
    #[arg(long, default_value_t = 150.0)]
    rate: f64,
    /// What is told, and where.
    #[command(flatten)]
    output: Output,
}

const SENDERS: usize = 16;
const RECIPIENTS: usize = 8;
const OCTETS: usize = 2_000;
const POLL: Duration = Duration::from_millis(100);
/// Without a step for so long after the load, what lacks is lost.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Signatures are counted over so long.
const WINDOW_MS: f64 = 500.0;
/// The rate counts as full from this share of the steady one.
const FULL: f64 = 0.9;
/// Seconds after the token's return.
const RECOVERY_MAX: f64 = 2.0;

/// Runs it.
pub fn run(settings: &Settings) -> Result<(), Trouble> {
    let load = Outage {
        away: settings.away,
        around: settings.around,
        rate: settings.rate,
    };
    settings.output.of(|| measure(load))
}

/// A load with a hole in the middle of what can be signed.
#[derive(Debug, Clone, Copy)]
pub struct Outage {
    /// Seconds without the token.
    pub away: f64,
    /// Seconds before and after.
    pub around: f64,
    /// Messages in a second.
    pub rate: f64,
}

impl Outage {
    /// Of the load.
    fn seconds(self) -> f64 {
        self.away + 2.0 * self.around
    }
}

/// Runs the load and counts.
pub fn measure(outage: Outage) -> Result<Vec<Row>, Trouble> {
    let provider = Provider::start(SENDERS + RECIPIENTS, Holder::Softhsm)?;
    let sending = Sending::new(&provider, outage);
    let mut watch = Watch::new(provider.link()?);
    let (back_ms, ends) = std::thread::scope(|scope| {
        let sending = &sending;
        let start = |sender| scope.spawn(move || sending.send(sender));
        let senders: Vec<_> = (0..SENDERS).map(start).collect();
        let back_ms = take_away(&provider, &mut watch, outage, sending.begun);
        let ends: Vec<_> = senders.into_iter().map(|s| s.join()).collect();
        (back_ms, ends)
    });
    let back_ms = back_ms?;
    for end in ends {
        end.map_err(|_| Trouble::from("a sender's thread failed"))??;
    }
    let accepted = sending.accepted.into_inner().unwrap_or_default();
    watch.until_landed(accepted.len())?;
    let (lost, doubled) = count(&provider, &accepted)?;
    let recovery = recovery(&watch.signed_ms, back_ms);
    // What was under way when it went may still come.
    let away = back_ms - outage.away * 1000.0 + 1000.0..back_ms;
    let while_away = watch.signed_ms.iter().filter(|at| away.contains(*at));
    let details = json!({
        "away_s": outage.away,
        "messages_per_s": outage.rate,
        "accepted": accepted.len(),
        "refused": sending.refused.into_inner(),
        "signed_while_away": while_away.count(),
        "full_rate_steps_per_s": recovery.full_per_s,
    });
    let row = |what: &str, unit, value| Row::new("outage", what, unit, value);
    Ok(vec![
        row("token away: messages or receipts lost", "", lost as f64)
            .at_most(0.0)
            .from(details),
        row("token away: messages or receipts twice", "", doubled as f64).at_most(0.0),
        row("token back: until the full rate", "s", recovery.seconds).at_most(RECOVERY_MAX),
    ])
}

/// The load, whatever is answered.
struct Sending<'a> {
    provider: &'a Provider,
    rate: f64,
    wanted: usize,
    begun: Instant,
    next: AtomicUsize,
    accepted: Mutex<Vec<usize>>,
    refused: AtomicUsize,
}

impl<'a> Sending<'a> {
    fn new(provider: &'a Provider, outage: Outage) -> Self {
        Self {
            provider,
            rate: outage.rate,
            wanted: (outage.rate * outage.seconds()) as usize,
            begun: Instant::now(),
            next: AtomicUsize::new(0),
            accepted: Mutex::default(),
            refused: AtomicUsize::new(0),
        }
    }

    /// One sender's part.
    fn send(&self, sender: usize) -> Result<(), Trouble> {
        let from = address(sender);
        let mut connection = self.provider.door()?.connect(&from)?;
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.wanted {
                return connection.quit();
            }
            let due = Duration::from_secs_f64(number as f64 / self.rate);
            std::thread::sleep(due.saturating_sub(self.begun.elapsed()));
            let to = address(SENDERS + number % RECIPIENTS);
            let message = compose(&from, &[&to], number, OCTETS);
            if connection.submit(&from, &[&to], &message)?.code == 250 {
                let mut accepted = self.accepted.lock().map_err(|_| "a sender failed")?;
                accepted.push(number);
            } else {
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Takes the token away and puts it back; answers when it was back.
fn take_away(
    provider: &Provider,
    watch: &mut Watch,
    outage: Outage,
    begun: Instant,
) -> Result<f64, Trouble> {
    let at = |seconds: f64| begun + Duration::from_secs_f64(seconds);
    watch.until(at(outage.around))?;
    provider.token().pull_out()?;
    watch.until(at(outage.around + outage.away))?;
    let back_ms = now_ms();
    provider.token().put_back()?;
    watch.until(at(outage.seconds()))?;
    Ok(back_ms)
}

/// Reads steps as they come.
struct Watch {
    link: Link,
    cursor: u64,
    /// When something was certified.
    signed_ms: Vec<f64>,
    landed: usize,
}

impl Watch {
    fn new(link: Link) -> Self {
        Self {
            link,
            cursor: 0,
            signed_ms: Vec::new(),
            landed: 0,
        }
    }

    /// Whether anything was new.
    fn look(&mut self) -> Result<bool, Trouble> {
        let answer = ask(&mut self.link, &Request::Steps { after: self.cursor })?;
        let steps = answer["steps"].as_array().cloned().unwrap_or_default();
        for step in &steps {
            self.cursor = step[0].as_u64().unwrap_or(self.cursor);
            match step[3].as_str() {
                Some("Accepted" | "Certified") => self.signed_ms.extend(step[1].as_f64()),
                Some("Landed") => self.landed += 1,
                _ => {}
            }
        }
        Ok(!steps.is_empty())
    }

    fn until(&mut self, end: Instant) -> Result<(), Trouble> {
        while Instant::now() < end {
            self.look()?;
            std::thread::sleep(POLL.min(end.saturating_duration_since(Instant::now())));
        }
        Ok(())
    }

    /// Until all are home, or nothing moves any more.
    fn until_landed(&mut self, wanted: usize) -> Result<(), Trouble> {
        let mut last_news = Instant::now();
        while self.landed < wanted && last_news.elapsed() < SILENCE_MAX {
            match self.look()? {
                true => last_news = Instant::now(),
                false => std::thread::sleep(POLL),
            }
        }
        // What would come twice comes now.
        std::thread::sleep(Duration::from_secs(1));
        self.look().map(drop)
    }
}

/// How the rate came back.
struct Recovery {
    seconds: f64,
    full_per_s: f64,
}

/// The full rate is that at which the backlog is worked off: the middle of the windows from two seconds after
/// the return until half of what was signed after it is done.
fn recovery(signed_ms: &[f64], back_ms: f64) -> Recovery {
    let mut after: Vec<f64> = signed_ms
        .iter()
        .map(|at| at - back_ms)
        .filter(|at| *at >= 0.0)
        .collect();
    after.sort_by(f64::total_cmp);
    let within = |from: f64| {
        let start = after.partition_point(|at| *at < from);
        (after.partition_point(|at| *at < from + WINDOW_MS) - start) as f64
    };
    let half = after.get(after.len() / 2).copied().unwrap_or(0.0);
    let end = half.max(RECOVERY_MAX * 1000.0 + 2.0 * WINDOW_MS);
    let starts = |from: f64, to: f64| {
        let steps = ((to - from) / 100.0).max(0.0) as usize;
        (0..=steps).map(move |n| from + n as f64 * 100.0)
    };
    let mut windows: Vec<f64> = starts(RECOVERY_MAX * 1000.0, end).map(within).collect();
    let full = median(&mut windows);
    let last = after.last().copied().unwrap_or(0.0);
    let first = starts(0.0, last).find(|from| full > 0.0 && within(*from) >= FULL * full);
    Recovery {
        // Never: as long as it was watched.
        seconds: first.unwrap_or(last).max(0.0) / 1000.0,
        full_per_s: full * 1000.0 / WINDOW_MS,
    }
}

/// What lacks and what is there twice in the mailboxes, by the program's own identifier, which all that is
/// made of a message repeats.
fn count(provider: &Provider, accepted: &[usize]) -> Result<(usize, usize), Trouble> {
    let mut found: HashMap<(String, String), usize> = HashMap::new();
    for number in 0..SENDERS + RECIPIENTS {
        let (user, trust) = (address(number), provider.trust()?);
        let mut reader = ImapReader::connect(provider.imap(), &trust, &user, PASSWORD)?;
        for message in reader.fetch_from(1)? {
            let end = header_end(&message.octets).unwrap_or(message.octets.len());
            let field = |name: &str| {
                let value = first(&message.octets[..end], name.as_bytes()).unwrap_or_default();
                String::from_utf8_lossy(&value).trim().to_owned()
            };
            let kind = match field("X-Ricevuta") {
                receipt if receipt.is_empty() => "envelope".to_owned(),
                receipt => receipt,
            };
            *found
                .entry((field("X-Riferimento-Message-ID"), kind))
                .or_default() += 1;
        }
        reader.logout()?;
    }
    let kinds = ["accettazione", "avvenuta-consegna", "envelope"];
    let lacks = |number: &&usize| {
        let id = format!("<{number}@bench.test>");
        kinds
            .iter()
            .any(|kind| !found.contains_key(&(id.clone(), (*kind).to_owned())))
    };
    let lost = accepted.iter().filter(lacks).count();
    Ok((lost, found.values().filter(|count| **count > 1).count()))
}

/// For `all --quick`.
pub const QUICK: Outage = Outage {
    away: 5.0,
    around: 3.0,
    rate: 60.0,
};

/// As the target asks.
pub const FULL_LENGTH: Outage = Outage {
    away: 60.0,
    around: 10.0,
    rate: 150.0,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_rate_is_found_where_it_begins() {
        // A signature each 2 ms from 700 ms after the return on, none before, for ten seconds.
        let signed: Vec<f64> = (0..5000)
            .map(|n| 1_000.0 + 700.0 + f64::from(n) * 2.0)
            .collect();
        let recovery = recovery(&signed, 1_000.0);
        assert!(
            (480.0..520.0).contains(&recovery.full_per_s),
            "{}",
            recovery.full_per_s
        );
        assert!(
            (0.5..0.8).contains(&recovery.seconds),
            "{}",
            recovery.seconds
        );
    }
}
