//! The log.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use ceralacca_core::disk::SimDisk;
use ceralacca_core::owner::Command;
use ceralacca_core::ports::{
    NoScanner, Signature, Signer, SignerDescription, SignerError, SigningRequest,
};
use ceralacca_core::reconciliation::{KeyLine, KeyMark};
use ceralacca_core::smime::SigningCertificate;
use ceralacca_core::task::{TaskKey, TaskKind};
use ceralacca_tests::appliance::Appliance;
use ceralacca_tests::compose::Draft;
use ceralacca_tests::inside::{self, Inside};

use crate::at;

#[test]
fn lg_14_signatures_made_are_reconciled_with_the_signed_messages_in_the_log() {
    across_runs_and_a_crash();
    a_log_that_holds_more_is_an_operator_s_task();
    signatures_that_nothing_explains_are_one_too();
}

fn across_runs_and_a_crash() {
    let mut appliance = Appliance::initialised(&[]);
    let [from, to] = ["da", "a"].map(|name| appliance.mailbox(name).address);
    let begun = Instant::now();
    appliance.serve();
    let mut received = 0;
    let mut send = |appliance: &Appliance, count: usize| {
        for _ in 0..count {
            at(appliance, &from).send_well(&[&to], &Draft::new(&from, &[&to]).bytes());
        }
        // Acceptance and delivery receipt.
        received += 2 * count;
        at(appliance, &from).wait_for(received);
    };
    let count = |appliance: &Appliance| {
        let found = appliance.json(&["hsm", "reconcile"]);
        assert!(found["alarms"].as_array().unwrap().is_empty(), "{found}");
        let keys = found["keys"].as_array().unwrap();
        assert_eq!(keys.len(), 1, "{found}");
        ["made", "logged", "uncounted", "left", "dropped"]
            .map(|name| keys[0][name].as_u64().unwrap())
    };
    // Receipt, envelope and delivery receipt of each.
    send(&appliance, 3);
    assert_eq!(count(&appliance), [9, 9, 0, 0, 0]);
    let words = appliance.said_by(&["check"]);
    assert!(words.contains("9 made, 9 in the log"), "{words}");
    // What is logged after the last note of a run that breaks off is told as not counted.
    send(&appliance, 2);
    appliance.kill();
    // The appliance takes a note by itself, too, a minute after its start.
    let by_itself = begun.elapsed() > Duration::from_secs(50);
    appliance.serve();
    let [made, logged, lost, left, dropped] = count(&appliance);
    assert_eq!((made + lost, logged, left, dropped), (15, 15, 0, 0));
    assert!(lost == 6 || by_itself, "{lost} were lost");
    send(&appliance, 1);
    // An orderly end notes all; then it is the same while nothing runs.
    appliance.stop();
    assert_eq!(count(&appliance), [made + 3, 18, lost, 0, 0]);
    appliance.serve();
    send(&appliance, 1);
    assert_eq!(count(&appliance), [made + 6, 21, lost, 0, 0]);
    let words = appliance.well(&["hsm", "reconcile"]);
    assert!(words.contains("21 in the log"), "{words}");
}

/// A signer whose own count is off by some.
struct Miscounting {
    signer: Arc<dyn Signer>,
    off: AtomicI64,
}

impl Signer for Miscounting {
    fn sign(&self, requests: &[SigningRequest]) -> Vec<Result<Signature, SignerError>> {
        self.signer.sign(requests)
    }

    fn certificate(&self) -> Arc<SigningCertificate> {
        self.signer.certificate()
    }

    fn made(&self) -> Vec<(KeyMark, u64)> {
        let off = self.off.load(Ordering::Relaxed);
        let made = self.signer.made().into_iter();
        made.map(|(key, made)| (key, made.saturating_add_signed(off)))
            .collect()
    }

    fn describe(&self) -> SignerDescription {
        self.signer.describe()
    }
}

/// One message of da@ to a@ by a signer that counts `off`; what the reconciliation says.
fn reconciled(off: i64) -> (Inside, KeyLine) {
    let signer = Miscounting {
        signer: inside::software_signer(),
        off: AtomicI64::new(off),
    };
    let inside = Inside::with_signer(
        Arc::new(SimDisk::new()),
        Arc::new(NoScanner),
        Arc::new(signer),
    );
    let (from, to) = ("da@pec.test", "a@pec.test");
    let ids = [from, to].map(|address| inside.mailbox(address));
    inside.submit((ids[0], from), to, &Draft::new(from, &[to]).bytes());
    inside.wait_for(ids[0], 2);
    let found = inside.state().reconcile().unwrap();
    assert_eq!(inside.state().reconciled().as_ref(), Some(&found));
    (inside, found.keys[0])
}

fn open_tasks(inside: &Inside) -> Vec<(TaskKey, String)> {
    let tasks = |(key, row): (&TaskKey, &Arc<ceralacca_core::task::TaskRow>)| {
        (key.clone(), row.words.clone())
    };
    inside
        .state()
        .view()
        .with_work(|work| work.tasks.iter().map(tasks).collect())
}

fn a_log_that_holds_more_is_an_operator_s_task() {
    let (inside, found) = reconciled(-1);
    assert_eq!((found.made, found.logged, found.missing), (2, 3, 1));
    let tasks = open_tasks(&inside);
    assert_eq!(tasks.len(), 1);
    let (key, words) = &tasks[0];
    assert_eq!(key.kind, TaskKind::SignatureCount);
    assert!(words.contains("1 signed messages more"), "{words}");
    // Once: and after an operator has looked into it, not again for the same.
    inside.state().reconcile().unwrap();
    assert_eq!(open_tasks(&inside).len(), 1);
    let (author, note) = ("root".to_owned(), "the spare machine".to_owned());
    inside
        .state()
        .ask(Command::SettleTask(key.clone(), author, note))
        .unwrap();
    let again = inside.state().reconcile().unwrap();
    assert_eq!((again.keys[0].missing, again.keys[0].alarm()), (1, None));
    assert!(open_tasks(&inside).is_empty());
}

fn signatures_that_nothing_explains_are_one_too() {
    let (inside, found) = reconciled(10_000);
    assert_eq!((found.logged, found.excess), (3, 10_000));
    let tasks = open_tasks(&inside);
    assert!(tasks[0].1.contains("made 10000 signatures"), "{tasks:?}");
    // A few may always be under way.
    let (inside, found) = reconciled(5);
    assert_eq!((found.under_way, found.alarm()), (5, None));
    assert!(open_tasks(&inside).is_empty());
}
