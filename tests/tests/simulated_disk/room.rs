//! Many signed messages wait to be kept and the disk has room for some: those get their receipts, the
//! others wait, unharmed, and come when there is room. The appliance is stepped, so that all are one batch.

use ceralacca_core::certification::CertificationKind::{Acceptance, Delivery, TransportEnvelope};
use ceralacca_tests::arrivals::{Scene, Station, letter};

use super::certified;

const ANNA: &str = "anna@alfa.test";
const BRUNO: &str = "bruno@alfa.test";

/// What every draft has in common (the certificates in its signature) is kept already.
fn station() -> Station {
    let mut station = Scene::new().alfa;
    station.mailbox("bruno");
    send(&mut station, "Primo");
    station.settle();
    assert_eq!(counts(&mut station), [1, 1, 1]);
    station
}

fn send(station: &mut Station, subject: &str) -> String {
    let letter = letter(ANNA, &[BRUNO], subject, "Un testo.\r\n");
    station.send(ANNA, &[BRUNO], &letter)
}

/// Acceptance receipts, envelopes and delivery receipts, each of another message.
fn counts(station: &mut Station) -> [usize; 3] {
    let lie = [station.inbox(ANNA), station.inbox(BRUNO)].concat();
    let mut found: Vec<_> = lie.iter().map(|letter| certified(letter)).collect();
    let all = found.len();
    found.sort_by_key(|one| format!("{one:?}"));
    found.dedup();
    assert_eq!(found.len(), all, "a message came twice");
    [Acceptance, TransportEnvelope, Delivery]
        .map(|kind| found.iter().filter(|(is, _)| *is == kind).count())
}

/// Octets that an accepted message with this subject takes: receipt, envelope and facts.
fn taken_by(station: &mut Station, subject: &str) -> u64 {
    send(station, subject);
    let before = station.disk.used_bytes();
    while station.disk.used_bytes() == before {
        assert!(station.stepper().work_once(&mut |_| 0), "nothing is kept");
    }
    let taken = station.disk.used_bytes() - before;
    station.settle();
    taken
}

fn leave_room(station: &Station, octets: u64) {
    let used = station.disk.used_bytes();
    station.disk.set_capacity(Some(used + octets));
}

/// The disk has all the room that there can be, and what waits is tried again.
fn make_room(station: &mut Station) {
    station.disk.set_capacity(None);
    station.stepper().time_passed();
    station.settle();
}

#[test]
fn ap_22_of_many_made_messages_those_go_for_which_there_is_room() {
    for room_for in [1, 4, 6] {
        let mut station = station();
        let one = taken_by(&mut station, "Saluti");
        let [accepted, stored, delivered] = counts(&mut station);
        for _ in 0..7 {
            send(&mut station, "Saluti");
        }
        // What is left is too little for a delivery receipt.
        leave_room(&station, room_for * one + one / 8);
        station.settle();
        assert!(!station.has_died());
        let come = room_for as usize;
        let wanted = [accepted + come, stored + come, delivered];
        assert_eq!(counts(&mut station), wanted, "room for {room_for}");
        assert_eq!(station.stepper().status().submissions, 7 - come);
        // Without more room trying again changes nothing.
        station.stepper().time_passed();
        station.settle();
        assert_eq!(counts(&mut station), wanted, "room for {room_for}");

        make_room(&mut station);
        let wanted = [accepted + 7, stored + 7, delivered + 7];
        assert_eq!(counts(&mut station), wanted, "room for {room_for}");
        assert!(station.is_at_rest() && !station.has_died());
    }
}

#[test]
fn ap_22_a_large_message_without_room_is_no_obstacle_to_smaller_ones() {
    let mut station = station();
    let long = "Oggetto ".repeat(80) + &"\r\n oggetto".repeat(400);
    let small = taken_by(&mut station, "Saluti");
    let large = taken_by(&mut station, &long);
    assert!(large > 4 * small, "{large} octets, the others {small}");
    let [accepted, stored, delivered] = counts(&mut station);
    // The large one is made first.
    send(&mut station, &long);
    for _ in 0..3 {
        send(&mut station, "Saluti");
    }
    leave_room(&station, 3 * small + small / 8);
    station.settle();
    let wanted = [accepted + 3, stored + 3, delivered];
    assert_eq!(counts(&mut station), wanted);

    make_room(&mut station);
    assert_eq!(
        counts(&mut station),
        [accepted + 4, stored + 4, delivered + 4]
    );
    assert!(station.is_at_rest() && !station.has_died());
}
