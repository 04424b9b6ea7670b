//! When receipts came home, read from the step times of the control socket.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use ceralacca_admin::control::{Link, Request};
use serde_json::Value;

use crate::provider::ask;
use crate::sums::Trouble;

/// Without a step for so long, something is wrong.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Steps are kept for long: no need to ask often.
const POLL: Duration = Duration::from_millis(100);

/// When each identifier's last receipt came home.
#[derive(Default)]
pub struct Arrivals {
    cursor: u64,
    landed: HashMap<String, f64>,
    recipients: HashSet<(String, u64)>,
}

impl Arrivals {
    /// Those from now on.
    pub fn go_on(self) -> Self {
        Self {
            cursor: self.cursor,
            ..Self::default()
        }
    }

    /// Reads steps until `wanted` receipts are home.
    pub fn wait(&mut self, link: &mut Link, wanted: usize) -> Result<(), Trouble> {
        let mut last_news = Instant::now();
        while self.recipients.len() < wanted {
            let answer = ask(link, &Request::Steps { after: self.cursor })?;
            let steps = answer["steps"].as_array().cloned().unwrap_or_default();
            if steps.is_empty() {
                if last_news.elapsed() > SILENCE_MAX {
                    let home = self.recipients.len();
                    let sentence = format!("only {home} of {wanted} receipts came home");
                    return Err(Trouble::from(sentence));
                }
                std::thread::sleep(POLL);
                continue;
            }
            last_news = Instant::now();
            steps.iter().for_each(|step| self.take(step));
        }
        Ok(())
    }

    /// `[number, milliseconds, identifier, step, recipient]`
    fn take(&mut self, step: &Value) {
        self.cursor = step[0].as_u64().unwrap_or(self.cursor);
        let (Some(at), Some(identifier)) = (step[1].as_f64(), step[2].as_str()) else {
            return;
        };
        if step[3] == "Landed" {
            let recipient = step[4].as_u64().unwrap_or(0);
            self.recipients.insert((identifier.to_owned(), recipient));
            let landed = self.landed.entry(identifier.to_owned()).or_insert(at);
            *landed = landed.max(at);
        }
    }

    /// When the last one came home, in milliseconds since the epoch.
    pub fn last_ms(&self) -> f64 {
        self.landed.values().copied().fold(0.0, f64::max)
    }

    /// From the beginning of each submission to its last receipt.
    pub fn milliseconds(&self, begun: &HashMap<String, f64>) -> Vec<f64> {
        let since = |(identifier, begun): (&String, &f64)| {
            self.landed.get(identifier).map(|landed| landed - begun)
        };
        begun.iter().filter_map(since).collect()
    }
}
