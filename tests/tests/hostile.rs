//! The incoming point over a disk that fails: each write, each sync and each end of the process while a
//! message of another server is taken in. After it the appliance is opened again, who was not told `250`
//! tries again, and at last everything is there, once (IP-18).
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use ceralacca_core::address::Address;
use ceralacca_core::disk::sim::{Failure, Loss, SimDisk};
use ceralacca_core::queue::Purpose;
use ceralacca_core::registry::OrdinaryPolicy;
use ceralacca_tests::arrivals::{Handed, STRANGER, Scene, edited, letter};
use ceralacca_tests::sealed::Sealed;
use ceralacca_tests::world::ports::mark_of;

const ANNA: &str = "anna@alfa.test";
const BRUNO: &str = "bruno@beta.test";
const CARLA: &str = "carla@beta.test";
const OURS: &str = "posta-certificata@beta.test";

/// What fails, counted from the arrival on.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Write(u64, Failure),
    Sync(u64, Failure),
    End(u64),
}

impl Fault {
    fn set(self, disk: &SimDisk) {
        match self {
            Self::Write(nth, failure) => disk.fail_write(nth, failure),
            Self::Sync(nth, failure) => disk.fail_sync(nth, failure),
            Self::End(after) => disk.freeze_after(after),
        }
    }
}

fn scene() -> Scene {
    let mut scene = Scene::new();
    scene.beta.mailbox("bruno");
    scene.beta.open_mailbox("carla");
    scene
}

/// All faults of a run that makes so many writes, syncs and operations.
fn faults(writes: u64, syncs: u64, operations: u64) -> Vec<Fault> {
    let both = [Failure::NotDone, Failure::Done];
    let mut all = Vec::new();
    for failure in both {
        all.extend((1..=writes).map(|n| Fault::Write(n, failure)));
        all.extend((1..=syncs).map(|n| Fault::Sync(n, failure)));
    }
    all.extend((0..operations).map(Fault::End));
    all
}

/// Takes `handed` in once for each fault; `judge` looks at the end of each, and is told whether it was handed
/// in again.
fn under_every_fault(scene: &mut Scene, handed: &Handed, judge: impl Fn(&mut Scene, bool, &str)) {
    let base = scene.beta.disk.restart();
    let begin = |scene: &mut Scene| {
        scene.beta.disk = base.restart();
        scene.beta.crash(None);
    };
    begin(scene);
    let disk = scene.beta.disk.clone();
    let before = (disk.writes(), disk.syncs(), disk.operations());
    assert_eq!(scene.hand(handed), "250", "without a fault");
    judge(scene, false, "without a fault");
    let all = faults(
        disk.writes() - before.0,
        disk.syncs() - before.1,
        disk.operations() - before.2,
    );
    assert!(all.len() > 10, "{all:?}");
    let (mut told, mut retried) = (0, 0);
    for (number, fault) in (0u64..).zip(all) {
        let loss = match number % 3 {
            0 => None,
            1 => Some((number, Loss::All)),
            _ => Some((number, Loss::Some)),
        };
        begin(scene);
        fault.set(&scene.beta.disk);
        let said = scene.hand(handed);
        let story = format!("{fault:?}, {loss:?}, {said}");
        assert!(said == "250" || said.starts_with('4'), "{story}");
        scene.beta.crash(loss);
        let is_retried = said != "250";
        if is_retried {
            assert_eq!(scene.hand(handed), "250", "{story}");
            retried += 1;
        } else {
            told += 1;
        }
        judge(scene, is_retried, &story);
    }
    assert!(
        told > 0 && retried > 0,
        "{told} were told, {retried} came again"
    );
}

fn count(scene: &mut Scene, purpose: Purpose) -> usize {
    scene.beta.leaving(purpose).len()
}

#[test]
fn ip_18_an_envelope_is_stored_and_receipted_once_whatever_fails() {
    let mut scene = scene();
    let to = [BRUNO, CARLA, "nessuno@beta.test"];
    let envelope = scene.envelope(&to);
    let handed = Handed::new(ANNA, &to, &envelope);
    under_every_fault(&mut scene, &handed, |scene, _, story| {
        assert_eq!(scene.beta.inbox(BRUNO).len(), 1, "{story}");
        assert_eq!(scene.beta.inbox(CARLA).len(), 1, "{story}");
        assert!(scene.beta.inbox(BRUNO)[0].ends_with(&envelope), "{story}");
        let charges = scene.beta.leaving(Purpose::TakeCharge);
        assert_eq!(charges.len(), 1, "{story}");
        let named = Sealed::parse(&charges[0].octets).data().all("ricezione");
        assert_eq!(named, to, "{story}");
        assert_eq!(count(scene, Purpose::Receipt), 3, "{story}");
        assert!(scene.beta.is_at_rest(), "{story}");
    });
}

#[test]
fn ip_18_a_receipt_has_its_effect_once_whatever_fails() {
    let mut scene = scene();
    let answers = scene.answers(&[ANNA], "Un testo.\r\n");
    for purpose in [Purpose::TakeCharge, Purpose::Receipt] {
        let leaving = answers.iter().find(|l| l.purpose == purpose).unwrap();
        let handed = Handed::new(&leaving.from, &[&leaving.to], &leaving.octets);
        let before = scene.beta.inbox(&leaving.to).len();
        under_every_fault(&mut scene, &handed, |scene, _, story| {
            assert_eq!(scene.beta.inbox(&leaving.to).len(), before + 1, "{story}");
            match purpose {
                Purpose::TakeCharge => {
                    assert_eq!(scene.beta.open_errands(), [(0, true)], "{story}")
                }
                _ => assert!(scene.beta.is_at_rest(), "{story}"),
            }
            assert_eq!(scene.beta.queue().len(), 0, "{story}");
        });
    }
    assert!(scene.beta.inbox(OURS).len() < 2);
}

#[test]
fn vi_04_an_infected_envelope_is_told_once_whatever_fails() {
    let mut scene = scene();
    let text = format!("{}\r\n", mark_of("beta.test"));
    let envelope = scene.envelope_of(&[BRUNO], &letter(ANNA, &[BRUNO], "Saluti", &text));
    let handed = Handed::new(ANNA, &[BRUNO], &envelope);
    under_every_fault(&mut scene, &handed, |scene, _, story| {
        assert!(scene.beta.inbox(BRUNO).is_empty(), "{story}");
        assert_eq!(count(scene, Purpose::VirusDetection), 1, "{story}");
        assert_eq!(count(scene, Purpose::TakeCharge), 1, "{story}");
        assert_eq!(scene.beta.quarantine.list().unwrap().len(), 1, "{story}");
        assert!(scene.beta.is_at_rest(), "{story}");
    });
}

/// SMTP knows no identity of ordinary mail: who was not answered may bring it twice, who was may not.
#[test]
fn mx_05_ordinary_mail_and_malformed_mail_are_never_lost_whatever_fails() {
    let mut scene = scene();
    let dario = scene.beta.mailbox("dario");
    let target = Address::parse("dario@internet.example").unwrap();
    scene.beta.ordinary(&dario, OrdinaryPolicy::Forward(target));
    let plain = letter(STRANGER, &[CARLA], "Saluti", "Un testo.\r\n");
    let to = [CARLA, &dario, BRUNO, OURS];
    let handed = Handed::new(STRANGER, &to, &plain);
    under_every_fault(&mut scene, &handed, |scene, is_retried, story| {
        let most = 1 + usize::from(is_retried);
        let held = [
            scene.beta.inbox(CARLA).len(),
            scene.beta.aside(OURS).len(),
            count(scene, Purpose::Forward),
            count(scene, Purpose::Report),
        ];
        assert!(
            held.iter().all(|n| (1..=most).contains(n)),
            "{story}: {held:?}"
        );
        assert_eq!(held, [held[0]; 4], "{story}");
        assert!(scene.beta.is_at_rest(), "{story}");
    });
    let envelope = scene.envelope(&[BRUNO]);
    let broken = edited(
        &envelope,
        "X-Trasporto: posta-certificata",
        "X-Trasporto: errore",
    );
    let handed = Handed::new(ANNA, &[BRUNO], &broken);
    let before = scene.beta.inbox(BRUNO).len();
    under_every_fault(&mut scene, &handed, |scene, is_retried, story| {
        let held = scene.beta.inbox(BRUNO).len() - before;
        assert!(
            (1..=1 + usize::from(is_retried)).contains(&held),
            "{story}: {held}"
        );
        assert!(scene.beta.is_at_rest(), "{story}");
    });
}

/// A full disk is the message's `452`, and nothing of it stays.
#[test]
fn ap_22_an_arrival_without_room_is_deferred() {
    let mut scene = scene();
    let envelope = scene.envelope(&[BRUNO]);
    let used = scene.beta.disk.used_bytes();
    scene.beta.disk.set_capacity(Some(used));
    let said = scene.hand_in(&[BRUNO], &envelope);
    assert!(said.starts_with("45"), "{said}");
    scene.beta.disk.set_capacity(None);
    scene.beta.crash(None);
    assert_eq!(scene.hand_in(&[BRUNO], &envelope), "250");
    assert_eq!(scene.beta.inbox(BRUNO).len(), 1);
    assert_eq!(scene.beta.queue().len(), 2);
}
