//! `kill -9` of either provider while certified mail goes to and fro: at the end every message that was
//! answered `250` has one acceptance, one envelope and one delivery receipt, and nothing is there twice.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ceralacca_tests::compose::Draft;
use ceralacca_tests::federation::{Federation, FederationSettings};
use ceralacca_tests::mailbox::Mailbox;
use ceralacca_tests::program::run_well;
use ceralacca_tests::sealed::Sealed;
use ceralacca_tests::seed::Chance;

use crate::at;

/// Kills, some hundred messages between two.
const ROUNDS: usize = 4;

/// What was begun, by `Message-ID:`; whether `250` was seen.
type Sent = Mutex<BTreeMap<String, bool>>;

/// Acceptances, envelopes and delivery receipts of one message.
type Count = [usize; 3];

/// Submits as fast as it is answered, until the round or the connection is over.
fn submit(from: &Mailbox<'_>, to: &str, sent: &Sent, is_over: &AtomicBool) -> std::io::Result<()> {
    let mut session = from.try_submission()?;
    while !is_over.load(Ordering::Relaxed) {
        let draft = Draft::new(&from.address, &[to]);
        let id = draft.value("Message-ID");
        sent.lock().unwrap().insert(id.clone(), false);
        let reply = session.try_send(&from.address, &[to], &draft.bytes())?;
        if reply.code == 250 {
            sent.lock().unwrap().insert(id, true);
        }
    }
    Ok(())
}

/// One round: both sides send, one is killed in the middle and comes back.
fn round(federation: &mut Federation, pair: &[String; 2], sent: &Sent, chance: &mut Chance) {
    let victim = chance.below(2);
    let pause = Duration::from_millis(u64::try_from(50 + chance.below(500)).unwrap());
    let pid = federation.sides()[victim].pid().to_string();
    let shared: &Federation = federation;
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for side in 0..2 {
            let is_over = &is_over;
            scope.spawn(move || {
                let mailbox = at(shared.sides()[side], &pair[side]);
                // A broken connection is what a kill looks like from here.
                drop(submit(&mailbox, &pair[1 - side], sent, is_over));
            });
        }
        // Not to be right: to be killed at another instant in each round.
        std::thread::sleep(pause);
        run_well("kill", &["-9", &pid]);
        is_over.store(true, Ordering::Relaxed);
    });
    let killed = if victim == 0 {
        &mut federation.alfa
    } else {
        &mut federation.beta
    };
    killed.kill();
    killed.serve();
}

fn counted(federation: &Federation, pair: &[String; 2]) -> BTreeMap<String, Count> {
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    for (side, address) in federation.sides().into_iter().zip(pair) {
        for raw in at(side, address).messages() {
            let message = Sealed::parse(&raw);
            let id = message.field("X-Riferimento-Message-ID");
            let count = counts.entry(id).or_default();
            match message.type_field().as_str() {
                "accettazione" => count[0] += 1,
                "posta-certificata" => count[1] += 1,
                "avvenuta-consegna" => count[2] += 1,
                other => panic!("{other}: {}", message.subject()),
            }
        }
    }
    counts
}

/// Messages that are neither whole nor, where no `250` was seen, absent.
fn wrong(counts: &BTreeMap<String, Count>, sent: &BTreeMap<String, bool>) -> Vec<String> {
    let is_wrong = |(id, is_answered): &(&String, &bool)| {
        let count = counts.get(*id).copied().unwrap_or_default();
        count != [1, 1, 1] && (**is_answered || count != [0, 0, 0])
    };
    let found = sent.iter().filter(is_wrong);
    let told = |(id, answered): (&String, &bool)| {
        format!("{id} (answered: {answered}): {:?}", counts.get(id))
    };
    found.map(told).collect()
}

#[test]
fn op_08_killed_while_mail_goes_to_and_fro_two_providers_lose_and_double_nothing() {
    let mut chance = Chance::from_env(6109);
    let mut federation = Federation::start(&FederationSettings::default());
    let pair = [
        federation.alfa.mailbox("anna").address,
        federation.beta.mailbox("bruno").address,
    ];
    // Faster than the usual bound on what one address hands in.
    for side in [&mut federation.alfa, &mut federation.beta] {
        side.stop();
        side.set_policy("arrivals_per_minute_max", 60_000);
        side.serve();
    }
    let sent = Sent::default();
    for _ in 0..ROUNDS {
        round(&mut federation, &pair, &sent, &mut chance);
    }
    let sent = sent.into_inner().unwrap();
    federation.wait("the end of every message", || {
        // What could not be handed over waits for its next try.
        for side in federation.sides() {
            let _ = side.command(&["queue", "retry", "--all"]);
        }
        wrong(&counted(&federation, &pair), &sent).is_empty()
    });
    federation.wait_until_at_rest();
    let counts = counted(&federation, &pair);
    let wrong = wrong(&counts, &sent);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(counts.keys().all(|id| sent.contains_key(id)));
    let answered = sent.values().filter(|answered| **answered).count();
    eprintln!("{ROUNDS} kills, {} begun, {answered} answered", sent.len());
    assert!(
        answered > ROUNDS,
        "a load that nothing answers shows nothing"
    );
}
