//! Kept once, whole, for its term; on disks that fail too.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::disk::SimDisk;
use crate::disk::sim::{Failure, Loss};

fn facts(identifier: &str, size: u64) -> QuarantineFacts {
    QuarantineFacts {
        at: Instant::from_millis(1_790_000_000_000),
        identifier: identifier.to_owned(),
        sender: Some("da@pec.test".to_owned()),
        recipients: vec!["a@pec.test".to_owned()],
        detection: "Prova.Test".to_owned(),
        found_at: FoundAt::AccessPoint,
        size,
    }
}

fn open(disk: &SimDisk, key: &[u8; 32]) -> Quarantine {
    let key = MasterKey::from_bytes(key).unwrap();
    Quarantine::open(Arc::new(disk.clone()), "/data/quarantine".into(), key).unwrap()
}

fn read(quarantine: &Quarantine, name: &QuarantineName) -> Vec<u8> {
    let mut out = Vec::new();
    quarantine.read(name, &mut out).unwrap();
    out
}

#[test]
fn vi_09_a_message_is_kept_as_it_was_once_and_through_a_power_cut() {
    let disk = SimDisk::new();
    let quarantine = open(&disk, &[7; 32]);
    let message = b"From: da@pec.test\r\n\r\nqualcosa\r\n";
    let known = facts("c01@pec.test", message.len() as u64);
    let name = quarantine.keep(&known, &mut &message[..]).unwrap();
    let mut later = known.clone();
    later.at = later.at.plus_millis(86_400_000);
    assert_eq!(quarantine.keep(&later, &mut &message[..]).unwrap(), name);
    assert_eq!(QuarantineName::parse(name.as_str()), Some(name.clone()));

    let after = disk.power_cut(3, Loss::All);
    let quarantine = open(&after, &[7; 32]);
    let listed = quarantine.list().unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].1.as_ref().unwrap(), &known);
    assert_eq!(read(&quarantine, &name), message);
    let other = open(&after, &[8; 32]);
    assert!(other.read(&name, &mut Vec::new()).is_err(), "another key");
    assert!(other.expired(known.kept_until()).unwrap().is_empty());
}

#[test]
fn vi_09_a_message_leaves_after_30_months_and_not_before() {
    let disk = SimDisk::new();
    let quarantine = open(&disk, &[7; 32]);
    let known = facts("c01@pec.test", 1);
    let name = quarantine.keep(&known, &mut &b"x"[..]).unwrap();
    let end = known.at.plus_months(30);
    let before = end.plus_millis(-1);
    assert!(quarantine.expired(before).unwrap().is_empty());
    assert_eq!(quarantine.expired(end).unwrap(), [(name.clone(), known)]);
    quarantine.remove(&name).unwrap();
    assert!(quarantine.list().unwrap().is_empty());
    let gone = quarantine.remove(&name);
    assert!(matches!(gone, Err(QuarantineError::Unknown(_))));
    assert!(
        open(&disk.power_cut(1, Loss::All), &[7; 32])
            .list()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_sync_that_fails_keeps_nothing_and_the_next_try_does() {
    let disk = SimDisk::new();
    let quarantine = open(&disk, &[7; 32]);
    let known = facts("c01@pec.test", 1);
    disk.fail_sync(1, Failure::NotDone);
    assert!(quarantine.keep(&known, &mut &b"x"[..]).is_err());
    assert!(quarantine.list().unwrap().is_empty());
    // What lies half written in the folder is nobody's.
    let again = open(&disk, &[7; 32]);
    assert_eq!(
        disk.list(std::path::Path::new("/data/quarantine"))
            .unwrap()
            .len(),
        0
    );
    let name = again.keep(&known, &mut &b"x"[..]).unwrap();
    assert_eq!(read(&again, &name), b"x");
}

#[test]
fn where_it_was_found_makes_two_and_names_are_read_strictly() {
    let disk = SimDisk::new();
    let quarantine = open(&disk, &[7; 32]);
    let here = facts("c01@pec.test", 1);
    let mut there = here.clone();
    there.found_at = FoundAt::IncomingPoint;
    for known in [&here, &there] {
        quarantine.keep(known, &mut &b"x"[..]).unwrap();
    }
    assert_eq!(quarantine.list().unwrap().len(), 2);
    for text in ["", "../x", "20261125-", "20261125-ABCDEF", "2026112-0"] {
        assert_eq!(QuarantineName::parse(text), None, "{text}");
    }
}
