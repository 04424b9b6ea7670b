//! Viruses in certified mail of other providers, found by a scanner that knows one mark: who is told, what
//! is kept, what counts all the same. In process (`ceralacca_tests::arrivals`).

use ceralacca_core::owner::Command;
use ceralacca_core::policy::Policy;
use ceralacca_core::queue::Purpose;
use ceralacca_core::task::TaskKind;
use ceralacca_tests::arrivals::{Handed, STRANGER, Scene, Settings, edited, letter};
use ceralacca_tests::message::{Part, find};
use ceralacca_tests::sealed::Sealed;
use ceralacca_tests::world::ports::mark_of;

use crate::incoming::populated;

const ANNA: &str = "anna@alfa.test";
const BRUNO: &str = "bruno@beta.test";
const CARLA: &str = "carla@beta.test";
const OURS: &str = "posta-certificata@beta.test";
const THEIRS: &str = "posta-certificata@alfa.test";

fn infected_envelope(scene: &mut Scene, to: &[&str]) -> Vec<u8> {
    let text = format!("{}\r\n", mark_of("beta.test"));
    scene.envelope_of(to, &letter(ANNA, to, "Saluti", &text))
}

fn detections(scene: &mut Scene) -> Vec<(String, Sealed)> {
    let all = scene.beta.leaving(Purpose::VirusDetection);
    let read = all.iter().map(|l| (l.to.clone(), Sealed::parse(&l.octets)));
    read.collect()
}

/// Octets of everything that is kept apart.
fn kept(scene: &Scene) -> Vec<Vec<u8>> {
    let quarantine = &scene.beta.quarantine;
    let list = quarantine.list().unwrap();
    let read = list.iter().map(|(name, _)| {
        let mut octets = Vec::new();
        quarantine.read(name, &mut octets).unwrap();
        octets
    });
    read.collect()
}

#[test]
fn vi_04_a_virus_in_mail_of_a_provider_gives_a_detection_for_each_recipient() {
    let mut scene = populated(Settings::default());
    let envelope = infected_envelope(&mut scene, &[BRUNO, CARLA]);
    assert_eq!(scene.hand_in(&[BRUNO, CARLA], &envelope), "250");
    let all = detections(&mut scene);
    assert_eq!(all.len(), 2);
    for (to, notice) in &all {
        assert_eq!(to, THEIRS);
        assert_eq!(notice.field("X-Ricevuta"), "rilevazione-virus");
        assert_eq!(notice.field("X-Mittente"), ANNA);
        assert_eq!(notice.subject(), "PROBLEMA DI SICUREZZA: Saluti");
    }
    scene.beta.drain();
    // Again: nobody is told twice.
    assert_eq!(scene.hand_in(&[BRUNO, CARLA], &envelope), "250");
    assert_eq!(scene.beta.queue().len(), 0);
    // A malformed one too; and one that is not of a provider gives none.
    let broken = edited(
        &envelope,
        "X-Trasporto: posta-certificata",
        "X-Trasporto: errore",
    );
    assert_eq!(scene.hand_in(&[BRUNO], &broken), "250");
    assert_eq!(detections(&mut scene).len(), 1);
    scene.beta.drain();
    let altered = edited(&envelope, "Saluti\r\n", "Altro\r\n");
    let altered = edited(&altered, "VIRUS", "VIRUS-KNOWN-AT-BETA.TEST VIRUS");
    assert_eq!(scene.hand_in(&[BRUNO], &altered), "550 5.7.1");
    assert_eq!(scene.beta.queue().len(), 0);
    assert!(scene.beta.inbox(BRUNO).is_empty() && scene.beta.inbox(CARLA).is_empty());
}

#[test]
fn vi_05_the_detection_names_the_virus_and_encloses_nothing() {
    let mut scene = populated(Settings::default());
    let envelope = infected_envelope(&mut scene, &[BRUNO]);
    assert_eq!(scene.hand_in(&[BRUNO], &envelope), "250");
    let (_, notice) = detections(&mut scene).pop().unwrap();
    let data = notice.data();
    assert_eq!(
        (data.kind(), data.error()),
        ("rilevazione-virus".to_owned(), "virus".to_owned())
    );
    assert_eq!(data.one("consegna"), BRUNO);
    assert!(data.one("errore-esteso").contains("Prova.Mondo"));
    assert!(notice.text().contains("Prova.Mondo"));
    assert!(notice.original().is_none());
    assert!(find(&notice.message.raw, mark_of("beta.test").as_bytes()).is_none());
    assert!(scene.beta.inbox(BRUNO).is_empty());
    assert!(scene.beta.is_at_rest(), "no clock, no errand");
}

#[test]
fn vi_07_who_missed_what_is_a_task_until_an_operator_settles_it() {
    let mut scene = populated(Settings::default());
    let envelope = infected_envelope(&mut scene, &[BRUNO, CARLA]);
    for _ in 0..2 {
        assert_eq!(scene.hand_in(&[BRUNO, CARLA], &envelope), "250");
    }
    let answers = scene.answers(&[ANNA], &format!("{}\r\n", mark_of("alfa.test")));
    for leaving in &answers {
        assert_eq!(scene.carry(leaving), "250");
    }
    // What a stranger sends infected is nobody's task.
    let plain = letter(STRANGER, &[BRUNO], "Saluti", &mark_of("beta.test"));
    assert_eq!(
        scene.hand(&Handed::new(STRANGER, &[BRUNO], &plain)),
        "550 5.7.1"
    );
    scene.beta.crash(None);
    let tasks = scene.beta.tasks();
    let kinds: Vec<_> = tasks.iter().map(|(key, ..)| key.kind).collect();
    assert_eq!(kinds.len(), 2, "{tasks:?}");
    assert!(
        tasks
            .iter()
            .all(|(_, of, _)| of.as_deref() == Some("Gestore alfa.test"))
    );
    let words = |kind| {
        let found = tasks.iter().find(|(key, ..)| key.kind == kind).unwrap();
        found.2.clone()
    };
    let theirs = words(TaskKind::VirusMissedElsewhere);
    for part in [
        "the scanner of Gestore alfa.test missed",
        "Prova.Mondo",
        ANNA,
    ] {
        assert!(theirs.contains(part), "{theirs}");
    }
    let ours = words(TaskKind::VirusMissedHere);
    for part in [
        "our scanner (",
        "missed",
        "Prova.Mondo",
        BRUNO,
        "Gestore alfa.test",
    ] {
        assert!(ours.contains(part), "{ours}");
    }
    for (key, ..) in tasks {
        let settle = |scene: &mut Scene| {
            let (author, note) = ("operator".to_owned(), "segnalato".to_owned());
            let command = Command::SettleTask(key.clone(), author, note);
            scene.beta.stepper().ask(command)
        };
        settle(&mut scene).unwrap();
        assert!(settle(&mut scene).is_err(), "settled twice");
    }
    scene.beta.crash(None);
    assert!(scene.beta.tasks().is_empty());
}

#[test]
fn vi_06_on_a_detection_the_user_is_told_that_it_failed_by_a_virus() {
    let mut scene = populated(Settings::default());
    let answers = scene.answers(&[ANNA], &format!("{}\r\n", mark_of("alfa.test")));
    let detection = answers
        .iter()
        .find(|l| l.purpose == Purpose::VirusDetection)
        .unwrap();
    let before = scene.beta.inbox(BRUNO).len();
    // One that names another sender settles nothing.
    let forged = edited(
        &detection.octets,
        "X-Mittente: bruno@",
        "X-Mittente: carla@",
    );
    assert_eq!(scene.hand(&Handed::new(THEIRS, &[OURS], &forged)), "250");
    assert_eq!(scene.beta.inbox(BRUNO).len(), before);
    assert_eq!(scene.beta.open_errands().len(), 1);
    let mut fresh = populated(Settings::default());
    let answers = fresh.answers(&[ANNA], &format!("{}\r\n", mark_of("alfa.test")));
    for leaving in &answers {
        assert_eq!(fresh.carry(leaving), "250");
    }
    let inbox = fresh.beta.inbox(BRUNO);
    assert_eq!(inbox.len(), 2, "acceptance and notice");
    let notice = Sealed::parse(&inbox[1]);
    assert_eq!(notice.field("X-Ricevuta"), "errore-consegna");
    assert_eq!(notice.field("X-VerificaSicurezza"), "errore");
    assert_eq!(
        notice.subject(),
        "AVVISO DI MANCATA CONSEGNA PER VIRUS: Saluti"
    );
    let data = notice.data();
    assert_eq!(
        (data.error(), data.one("consegna")),
        ("virus".to_owned(), ANNA.to_owned())
    );
    assert!(data.one("errore-esteso").contains("Prova.Mondo"));
    assert!(notice.text().contains("Prova.Mondo"));
    assert!(fresh.beta.is_at_rest());
    let kinds: Vec<_> = fresh
        .beta
        .inbox(OURS)
        .iter()
        .map(|l| Sealed::parse(l).type_field())
        .collect();
    assert_eq!(
        kinds.iter().filter(|k| *k == "rilevazione-virus").count(),
        1
    );
}

#[test]
fn vi_09_infected_certified_mail_is_kept_apart_as_it_was() {
    let mut scene = populated(Settings::default());
    let envelope = infected_envelope(&mut scene, &[BRUNO]);
    assert_eq!(scene.hand_in(&[BRUNO], &envelope), "250");
    let broken = edited(
        &envelope,
        "X-Trasporto: posta-certificata",
        "X-Trasporto: errore",
    );
    assert_eq!(scene.hand_in(&[BRUNO], &broken), "250");
    let mut all = kept(&scene);
    all.sort();
    let mut expected = vec![envelope, broken];
    expected.sort();
    assert_eq!(all, expected);
}

#[test]
fn vi_12_an_infected_envelope_is_taken_in_charge_unless_the_policy_says_no() {
    for (infected_is_charged, charges) in [(true, 1), (false, 0)] {
        let policy = Policy {
            infected_is_charged,
            ..Policy::default()
        };
        let mut scene = populated(Settings { policy });
        let envelope = infected_envelope(&mut scene, &[BRUNO]);
        assert_eq!(scene.hand_in(&[BRUNO], &envelope), "250");
        assert_eq!(scene.beta.leaving(Purpose::TakeCharge).len(), charges);
        assert_eq!(detections(&mut scene).len(), 1);
        assert_eq!(scene.beta.queue().len(), charges + 1);
    }
}

#[test]
fn vi_13_an_infected_receipt_counts_and_its_holder_is_told_how_to_ask() {
    let mut scene = populated(Settings::default());
    let answers = scene.answers(&[ANNA], "Un testo.\r\n");
    let receipt = answers
        .iter()
        .find(|l| l.purpose == Purpose::Receipt)
        .unwrap();
    let infected = edited(&receipt.octets, "Un testo.", &mark_of("beta.test"));
    let infected = scene.seal.seal(&infected);
    let before = scene.beta.inbox(BRUNO).len();
    assert_eq!(scene.hand(&Handed::new(THEIRS, &[BRUNO], &infected)), "250");
    assert!(scene.beta.open_errands().is_empty(), "its data count");
    let inbox = scene.beta.inbox(BRUNO);
    assert_eq!(inbox.len(), before + 1);
    let told = Part::parse(inbox.last().unwrap());
    assert!(find(&told.raw, mark_of("beta.test").as_bytes()).is_none());
    assert_eq!(told.all("X-Ricevuta").len(), 0, "no receipt");
    assert_eq!(told.field("From"), OURS);
    assert_eq!(kept(&scene), [infected]);
    assert_eq!(scene.beta.queue().len(), 0);
}
