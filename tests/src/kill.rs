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
use crate::imap::uid_of;
use crate::mailbox::{ARRIVAL_WAIT, Mailbox};
use crate::message::Part;
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

/// Runs the plan; fails the test when one message is lost or doubled.
pub fn execute(plan: &Plan) {
    let mut appliance = Appliance::start();
    let mut chance = Chance::new(plan.seed);
    let names = |word: &str| {
        (0..SENDERS)
            .map(|n| format!("{word}{n}"))
            .collect::<Vec<_>>()
    };
    let addresses = |appliance: &Appliance, names: Vec<String>| -> Vec<String> {
        names.iter().map(|n| appliance.mailbox(n).address).collect()
    };
    let senders = addresses(&appliance, names("da"));
    let recipients = addresses(&appliance, names("a"));
    let sent = Sent::default();
    for run in 0..plan.runs {
        let pause = Duration::from_millis(30 + u64::try_from(chance.below(700)).unwrap_or(0));
        load(&mut appliance, &senders, &recipients, &sent, pause);
        let harm = if plan.damage { chance.below(4) } else { 0 };
        damage(&appliance.data().join("views"), harm, &mut chance);
        if chance.below(3) == 0 {
            let after = u64::try_from(chance.below(150)).unwrap_or(0);
            appliance.serve_and_kill(Duration::from_millis(after));
        }
        appliance
            .try_serve()
            .unwrap_or_else(|why| panic!("run {run}, damage {harm}: {why}"));
        settle(
            &appliance,
            &senders,
            &recipients,
            &sent,
            &format!("run {run}, damage {harm}"),
        );
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
    let to: Vec<&str> = recipients.iter().take(2).map(String::as_str).collect();
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

/// Waits until every message has all or nothing, answered ones all; then nothing may be doubled.
fn settle(
    appliance: &Appliance,
    senders: &[String],
    recipients: &[String],
    sent: &Sent,
    story: &str,
) {
    let sent = sent.lock().expect("no thread panicked").clone();
    let to = &recipients[..2];
    let end = Instant::now() + ARRIVAL_WAIT;
    let wrong = loop {
        let counts = count(appliance, senders, to);
        let unsettled = wrong(&counts, &sent, to);
        if unsettled.is_empty() || Instant::now() > end {
            break unsettled;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    assert!(
        wrong.is_empty(),
        "{story}:\n{}\n{}",
        wrong.join("\n"),
        appliance.log()
    );
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

fn count(appliance: &Appliance, senders: &[String], to: &[String]) -> BTreeMap<String, Count> {
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    for recipient in to {
        for (_, header, _) in sections(appliance, recipient) {
            let count = counts
                .entry(header.field("X-Riferimento-Message-ID"))
                .or_default();
            *count.envelopes.entry(recipient.to_lowercase()).or_default() += 1;
        }
    }
    for sender in senders {
        for (_, header, data) in sections(appliance, sender) {
            let count = counts
                .entry(header.field("X-Riferimento-Message-ID"))
                .or_default();
            match header.field("X-Ricevuta").as_str() {
                "accettazione" => count.acceptances += 1,
                "avvenuta-consegna" => {
                    let text = String::from_utf8(data).expect("UTF-8");
                    let recipient = crate::daticert::Daticert(text).one("consegna");
                    *count
                        .deliveries
                        .entry(recipient.to_lowercase())
                        .or_default() += 1;
                }
                other => panic!("{other} in {sender}"),
            }
        }
    }
    counts
}

/// UID, header and certification data of all in INBOX.
fn sections(appliance: &Appliance, address: &str) -> Vec<(u32, Part, Vec<u8>)> {
    let mut inbox = Mailbox::new(appliance, address, PASSWORD).inbox();
    let answer = inbox.ok("UID FETCH 1:* (UID BODY.PEEK[])");
    let one = |line: &crate::imap::ResponseLine| {
        let octets = line.literals.first()?;
        let sealed = Sealed::parse(octets);
        let data = sealed.data().0.into_bytes();
        Some((uid_of(&line.text)?, sealed.message, data))
    };
    answer.untagged.iter().filter_map(one).collect()
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
