//! `kill -9` under load, again and again, and the count at the end (OP-08): every message answered `250`
//! has one acceptance receipt, one envelope and one delivery receipt per recipient, whatever was done to
//! `views/` in between; a message whose answer was lost has all of that or nothing.
//!
//! The same on a simulated disk, inside the process, is core's own test.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::appliance::{Appliance, PASSWORD};
use crate::compose::Draft;
use crate::mailbox::{ARRIVAL_WAIT, Mailbox};
use crate::sealed::Sealed;
use crate::seed::Chance;

/// What to do.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How many kills.
    pub runs: u32,
    /// Of the instants and of the damage.
    pub seed: u64,
    /// Harm `views/` between the runs: cut, flip, remove, leave.
    pub damage: bool,
}

/// What came of the messages, by the client's Message-ID.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Count {
    acceptances: usize,
    envelopes: BTreeMap<String, usize>,
    deliveries: BTreeMap<String, usize>,
}

/// Sends that were begun: the Message-ID, and whether `250` was seen.
type Sent = Mutex<BTreeMap<String, bool>>;

const SENDERS: usize = 3;
const RECIPIENTS: usize = 2;
/// Runs after which everything is counted anew, not only what came.
const FULL_COUNT_EVERY: u32 = 20;

/// Who takes part.
struct House<'a> {
    appliance: &'a Appliance,
    senders: &'a [String],
    to: &'a [String],
}

/// Runs the plan; fails the test when one message is lost or doubled.
pub fn execute(plan: &Plan) {
    let mut appliance = Appliance::start();
    let mut chance = Chance::new(plan.seed);
    let made = |word: &str, number: usize| -> Vec<String> {
        let names = (0..number).map(|n| format!("{word}{n}"));
        names.map(|name| appliance.mailbox(&name).address).collect()
    };
    let (senders, to) = (made("da", SENDERS), made("a", RECIPIENTS));
    // In a long run the mailboxes hold more than their usual capacity.
    for address in senders.iter().chain(&to) {
        appliance.well(&["mailbox", "quota", address, "20000000000"]);
    }
    let (sent, mut ledger) = (Sent::default(), Ledger::default());
    for run in 1..=plan.runs {
        let pause = Duration::from_millis(30 + u64::try_from(chance.below(700)).unwrap_or(0));
        load(&mut appliance, &senders, &to, &sent, pause);
        let harm = if plan.damage { chance.below(4) } else { 0 };
        damage(&appliance.data().join("views"), harm, &mut chance);
        if chance.below(3) == 0 {
            let after = u64::try_from(chance.below(150)).unwrap_or(0);
            appliance.serve_and_kill(Duration::from_millis(after));
        }
        let story = format!("run {run}, damage {harm}");
        let served = appliance.try_serve();
        served.unwrap_or_else(|why| panic!("{story}: {why}"));
        if run % FULL_COUNT_EVERY == 0 || run == plan.runs {
            ledger = Ledger::default();
        }
        let house = House {
            appliance: &appliance,
            senders: &senders,
            to: &to,
        };
        ledger.settle(&house, &sent, &story);
    }
    let sent = sent.into_inner().expect("no thread panicked");
    let answered = sent.values().filter(|seen| **seen).count();
    eprintln!(
        "{} kills, {} messages begun, {answered} answered 250",
        plan.runs,
        sent.len()
    );
    assert!(answered > 0, "a load that nothing answers shows nothing");
}

/// Every sender submits as fast as it is answered, until the server is killed.
fn load(
    appliance: &mut Appliance,
    senders: &[String],
    recipients: &[String],
    sent: &Sent,
    pause: Duration,
) {
    let is_over = AtomicBool::new(false);
    let began = Instant::now();
    let pid = appliance.pid().to_string();
    let shared: &Appliance = appliance;
    std::thread::scope(|scope| {
        for sender in senders {
            let is_over = &is_over;
            scope.spawn(move || {
                let mailbox = Mailbox::new(shared, sender, PASSWORD);
                while !is_over.load(Ordering::Relaxed) {
                    // A broken connection is what a kill looks like from here.
                    drop(submit_on(&mailbox, recipients, sent));
                }
            });
        }
        std::thread::sleep(pause.saturating_sub(began.elapsed()));
        crate::program::run_well("kill", &["-9", &pid]);
        is_over.store(true, Ordering::Relaxed);
    });
    appliance.kill();
}

fn submit_on(mailbox: &Mailbox<'_>, recipients: &[String], sent: &Sent) -> std::io::Result<()> {
    let mut session = mailbox.try_submission()?;
    let to: Vec<&str> = recipients.iter().map(String::as_str).collect();
    loop {
        let draft = Draft::new(&mailbox.address, &to).field("X-TipoRicevuta", "sintetica");
        let id = draft.value("Message-ID");
        sent.lock()
            .expect("no thread panicked")
            .insert(id.clone(), false);
        let reply = session.try_send(&mailbox.address, &to, &draft.bytes())?;
        if reply.code == 250 {
            sent.lock().expect("no thread panicked").insert(id, true);
        }
    }
}

/// Harms the views: 0 nothing, 1 cuts a file, 2 flips bits, 3 removes all.
fn damage(views: &Path, kind: usize, chance: &mut Chance) {
    if kind == 3 {
        std::fs::remove_dir_all(views).expect("the views can be removed");
        return;
    }
    let mut files = Vec::new();
    list(views, &mut files);
    files.sort();
    if kind == 0 || files.is_empty() {
        return;
    }
    let file = &files[chance.below(files.len())];
    let mut octets = std::fs::read(file).expect("a view's file");
    match kind {
        1 => octets.truncate(chance.below(octets.len())),
        _ => {
            for _ in 0..8 {
                let at = chance.below(octets.len());
                if let Some(octet) = octets.get_mut(at) {
                    *octet ^= 1 << chance.below(8);
                }
            }
        }
    }
    std::fs::write(file, octets).expect("the view can be harmed");
}

fn list(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            list(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// What the mailboxes hold, counted once per message; a long run looks only at what is new.
#[derive(Default)]
struct Ledger {
    counts: BTreeMap<String, Count>,
    seen: BTreeMap<String, (u32, usize)>,
}

impl Ledger {
    /// Waits until every message has all or nothing, answered ones all; then nothing may be doubled.
    fn settle(&mut self, house: &House<'_>, sent: &Sent, story: &str) {
        let sent = sent.lock().expect("no thread panicked").clone();
        let end = Instant::now() + ARRIVAL_WAIT;
        let wrong = loop {
            self.look(house);
            let unsettled = wrong(&self.counts, &sent, house.to);
            if unsettled.is_empty() || Instant::now() > end {
                break unsettled;
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        let log = house.appliance.log();
        assert!(wrong.is_empty(), "{story}:\n{}\n{log}", wrong.join("\n"));
    }

    fn look(&mut self, house: &House<'_>) {
        for recipient in house.to {
            for message in self.new_in(house.appliance, recipient) {
                let id = message.field("X-Riferimento-Message-ID");
                let count = self.counts.entry(id).or_default();
                *count.envelopes.entry(recipient.to_lowercase()).or_default() += 1;
            }
        }
        for sender in house.senders {
            for message in self.new_in(house.appliance, sender) {
                let id = message.field("X-Riferimento-Message-ID");
                let count = self.counts.entry(id).or_default();
                match message.field("X-Ricevuta").as_str() {
                    "accettazione" => count.acceptances += 1,
                    "avvenuta-consegna" => {
                        let recipient = message.data().one("consegna").to_lowercase();
                        *count.deliveries.entry(recipient).or_default() += 1;
                    }
                    other => panic!("{other} in {sender}"),
                }
            }
        }
    }

    /// What came into INBOX since the last look; what was there must still be.
    fn new_in(&mut self, appliance: &Appliance, address: &str) -> Vec<Sealed> {
        let mut imap = Mailbox::new(appliance, address, PASSWORD).imap();
        let there = imap.ok("SELECT INBOX").exists().expect("EXISTS");
        let (next, known) = self.seen.entry(address.to_owned()).or_insert((1, 0));
        assert!(
            there >= *known,
            "{address} held {known} messages and holds {there}"
        );
        let found = imap.messages_from(*next).expect("a fetch");
        *known += found.len();
        if let Some((last, _)) = found.last() {
            *next = last + 1;
        }
        found
            .iter()
            .map(|(_, octets)| Sealed::parse(octets))
            .collect()
    }
}

fn wrong(
    counts: &BTreeMap<String, Count>,
    sent: &BTreeMap<String, bool>,
    to: &[String],
) -> Vec<String> {
    let each = || {
        to.iter()
            .map(|r| (r.to_lowercase(), 1))
            .collect::<BTreeMap<_, _>>()
    };
    let whole = Count {
        acceptances: 1,
        envelopes: each(),
        deliveries: each(),
    };
    let mut wrong = Vec::new();
    for (id, is_answered) in sent {
        let count = counts.get(id).cloned().unwrap_or_default();
        if count != whole && (*is_answered || count != Count::default()) {
            wrong.push(format!("{id} (answered: {is_answered}): {count:?}"));
        }
    }
    let unknown = counts.keys().filter(|id| !sent.contains_key(*id));
    wrong.extend(unknown.map(|id| format!("{id} was never sent")));
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(acceptances: usize, envelopes: usize, deliveries: usize) -> Count {
        let each = |n| BTreeMap::from([("a@pec.test".to_owned(), n)]);
        Count {
            acceptances,
            envelopes: each(envelopes),
            deliveries: each(deliveries),
        }
    }

    fn faults(is_answered: bool, count: Option<Count>) -> usize {
        let sent = BTreeMap::from([("<1>".to_owned(), is_answered)]);
        let counts = count.into_iter().map(|c| ("<1>".to_owned(), c)).collect();
        wrong(&counts, &sent, &["A@pec.test".to_owned()]).len()
    }

    #[test]
    fn what_is_lost_or_doubled_is_found() {
        assert_eq!(faults(true, Some(counted(1, 1, 1))), 0);
        assert_eq!(faults(false, None), 0);
        assert_eq!(faults(true, None), 1, "answered and lost");
        for harmed in [
            counted(2, 1, 1),
            counted(1, 2, 1),
            counted(1, 1, 2),
            counted(1, 1, 0),
        ] {
            assert_eq!(faults(true, Some(harmed.clone())), 1);
            assert_eq!(faults(false, Some(harmed)), 1);
        }
    }
}
