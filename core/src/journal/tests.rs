//! The lane against disks that tear, lose, lie and fill up.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;

use super::format::{Group, SECTOR_BYTES, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::record::Started;
use super::*;
use crate::disk::sim::{Failure, Loss, SimDisk};
use crate::disk::{Disk, DiskFile};
use crate::instant::Instant;

const SEGMENT: u64 = 16 * 1024;
const HOME: Partition = Partition(1);

fn folder() -> &'static Path {
    Path::new("/journal")
}

fn open(disk: &SimDisk) -> Result<(Lane, Recovered), JournalError> {
    Lane::open_sized(Arc::new(disk.clone()), folder(), SEGMENT)
}

fn ready(disk: &SimDisk) -> Lane {
    let (mut lane, _) = open(disk).unwrap();
    lane.begin_epoch();
    lane.tend().unwrap();
    lane
}

/// A record that is told from others by `number`, with `filler` more octets.
fn record(number: u64, filler: usize) -> Record {
    Record::from(Started {
        at: Instant::from_millis(0),
        version: "x".repeat(filler),
        epoch: number,
    })
}

fn batch(lane: &Lane, epoch: u64, records: Vec<Record>) -> Batch {
    Batch {
        partition: HOME,
        epoch,
        expected_sequence: lane.next_sequence(HOME),
        records,
    }
}

/// Appends one group with these records.
fn append(lane: &mut Lane, epoch: u64, records: Vec<Record>) -> Appended {
    let batch = batch(lane, epoch, records);
    lane.append(&[batch])
}

fn must_append(lane: &mut Lane, number: u64) {
    let appended = append(lane, 1, vec![record(number, 20)]);
    assert!(matches!(appended, Appended::Written(_)), "{appended:?}");
}

/// The numbers of all records, whose sequences must be without holes.
fn numbers(lane: &Lane) -> Vec<u64> {
    let mut numbers = Vec::new();
    let mut sequence = 0;
    let read = lane.replay(Position::default(), &mut |entry| {
        sequence += 1;
        assert_eq!((entry.partition, entry.sequence), (HOME, sequence));
        match entry.record {
            Record::Started(started) => numbers.push(started.epoch),
            other => panic!("{other:?}"),
        }
        Ok(())
    });
    read.unwrap();
    numbers
}

fn file(disk: &SimDisk, number: u64) -> Arc<dyn DiskFile> {
    let path = folder().join(format!("{number:016x}.lane"));
    disk.open(&path, false).unwrap()
}

fn octets(disk: &SimDisk, number: u64) -> Vec<u8> {
    let mut octets = vec![0; SEGMENT as usize];
    file(disk, number).read_at(&mut octets, 0).unwrap();
    octets
}

/// The disk with other octets in a segment.
fn altered(disk: &SimDisk, number: u64, octets: &[u8]) -> SimDisk {
    let disk = disk.restart();
    let file = file(&disk, number);
    file.write_all_at(octets, 0).unwrap();
    file.sync().unwrap();
    disk
}

fn damage(opened: Result<(Lane, Recovered), JournalError>) -> (PathBuf, u64) {
    match opened {
        Err(JournalError::Damaged {
            segment, offset, ..
        }) => (segment, offset),
        other => panic!("no damage: {:?}", other.map(|(_, recovered)| recovered)),
    }
}

#[test]
fn records_come_back_in_order_over_many_segments_and_from_any_position() {
    let disk = SimDisk::new();
    let mut lane = ready(&disk);
    for number in 0..200 {
        let records = (0..3).map(|n| record(number * 3 + n, 400)).collect();
        let appended = append(&mut lane, 1, records);
        assert!(matches!(appended, Appended::Written(_)), "{appended:?}");
    }
    let expected: Vec<u64> = (0..600).collect();
    assert_eq!(numbers(&lane), expected);
    let (lane, recovered) = open(&disk.restart()).unwrap();
    assert_eq!(numbers(&lane), expected);
    assert_eq!((recovered.records, recovered.epoch), (600, 1));
    assert_eq!((recovered.cut, recovered.end), (None, lane.end()));
    assert!(lane.end().0 > 3 * SEGMENT);
    let mut positions = Vec::new();
    let mut note = |entry: Entry| {
        positions.push(entry.position);
        Ok(())
    };
    lane.replay(Position::default(), &mut note).unwrap();
    assert!(positions.is_sorted_by(|a, b| a < b));
    for at in [0, 1, 2, 299, 598, 599] {
        let mut rest = 0;
        let mut count = |_| {
            rest += 1;
            Ok(())
        };
        lane.replay(positions[at], &mut count).unwrap();
        assert_eq!(rest, 599 - at);
    }
}

#[test]
fn many_batches_share_one_write_and_one_sync() {
    let disk = SimDisk::new();
    let mut lane = ready(&disk);
    let group: Vec<Batch> = (1..=100u8)
        .map(|partition| Batch {
            partition: Partition(partition),
            epoch: 1,
            expected_sequence: 1,
            records: vec![record(partition.into(), 10)],
        })
        .collect();
    let before = (disk.syncs(), disk.writes());
    assert!(matches!(lane.append(&group), Appended::Written(_)));
    assert_eq!((disk.syncs(), disk.writes()), (before.0 + 1, before.1 + 1));
    let (lane, _) = open(&disk.power_cut(1, Loss::All)).unwrap();
    assert!((1..=100).all(|partition| lane.next_sequence(Partition(partition)) == 2));
}

#[test]
fn a_batch_longer_than_a_segment_is_split_between_records() {
    let disk = SimDisk::new();
    let mut lane = ready(&disk);
    let records = (1..=40).map(|number| record(number, 1000)).collect();
    let appended = append(&mut lane, 1, records);
    assert!(matches!(appended, Appended::Written(_)), "{appended:?}");
    let (lane, _) = open(&disk.power_cut(1, Loss::All)).unwrap();
    assert_eq!(numbers(&lane), (1..=40).collect::<Vec<_>>());
}

#[test]
fn a_group_longer_than_a_segment_is_split_between_batches() {
    let disk = SimDisk::new();
    let mut lane = ready(&disk);
    let group: Vec<Batch> = (1..=30u64)
        .map(|sequence| Batch {
            partition: HOME,
            epoch: 1,
            expected_sequence: sequence,
            records: vec![record(sequence, 3000)],
        })
        .collect();
    let appended = lane.append(&group);
    assert!(matches!(appended, Appended::Written(_)), "{appended:?}");
    let (lane, _) = open(&disk.power_cut(1, Loss::All)).unwrap();
    assert_eq!(numbers(&lane), (1..=30).collect::<Vec<_>>());
}

#[test]
fn a_batch_that_fits_a_group_is_never_split() {
    let disk = SimDisk::new();
    let mut lane = ready(&disk);
    let group: Vec<Batch> = (0..10u64)
        .map(|number| Batch {
            partition: HOME,
            epoch: 1,
            expected_sequence: 3 * number + 1,
            records: (1..=3).map(|n| record(3 * number + n, 3000)).collect(),
        })
        .collect();
    let appended = lane.append(&group);
    assert!(matches!(appended, Appended::Written(_)), "{appended:?}");
    let mut groups = 0;
    for segment in 0..disk.list(folder()).unwrap().len() as u64 {
        let octets = octets(&disk, segment);
        let number = SegmentHeader::read(&octets).unwrap().lane;
        let mut rest = &octets[SEGMENT_HEADER_BYTES as usize..];
        while let Ok(group) = Group::read(rest, number) {
            assert_eq!(group.records.len() % 3, 0, "a batch has three records");
            groups += 1;
            rest = &rest[group.bytes() as usize..];
        }
    }
    assert!(groups > 1);
    assert_eq!(numbers(&lane), (1..=30).collect::<Vec<_>>());
}

#[test]
fn old_epochs_wrong_sequences_and_long_records_are_refused_and_the_lane_lives() {
    let disk = SimDisk::new();
    let mut lane = ready(&disk);
    must_append(&mut lane, 1);
    assert_eq!(lane.begin_epoch(), 2);
    assert_eq!(
        append(&mut lane, 1, vec![record(2, 0)]),
        Appended::Fenced,
        "the owner of epoch 1 has been replaced"
    );
    let stale = Batch {
        expected_sequence: 1,
        ..batch(&lane, 2, vec![record(2, 0)])
    };
    let conflict = Appended::Conflict {
        partition: HOME,
        next: 2,
    };
    assert_eq!(lane.append(&[stale]), conflict);
    let long = vec![record(2, crate::limits::RECORD_BYTES_MAX)];
    let refused = append(&mut lane, 2, long);
    assert!(matches!(refused, Appended::NotWritten(_)), "{refused:?}");
    let appended = append(&mut lane, 2, vec![record(2, 0)]);
    assert!(matches!(appended, Appended::Written(_)), "{appended:?}");
    let (mut lane, recovered) = open(&disk.restart()).unwrap();
    assert_eq!((numbers(&lane), recovered.epoch), (vec![1, 2], 2));
    assert_eq!(lane.begin_epoch(), 3);
}

/// Three groups of one record on a disk, and where the last begins and ends.
fn three_groups() -> (SimDisk, usize, usize) {
    let disk = SimDisk::new();
    let mut lane = ready(&disk);
    must_append(&mut lane, 1);
    must_append(&mut lane, 2);
    let start = lane.end().0 as usize;
    must_append(&mut lane, 3);
    (disk, start, lane.end().0 as usize)
}

#[test]
fn a_last_group_torn_at_any_octet_is_cut_whole_and_the_lane_goes_on() {
    let (disk, start, end) = three_groups();
    let whole = octets(&disk, 0);
    let used = whole.iter().rposition(|&octet| octet != 0).unwrap() + 1;
    assert!(start < used && used <= end);
    for cut in start..=end {
        let mut torn = whole.clone();
        torn[cut..].fill(0);
        let disk = altered(&disk, 0, &torn);
        let (mut lane, recovered) = open(&disk).unwrap();
        let (kept, next) = match cut < used {
            true => (vec![1, 2], 4),
            false => (vec![1, 2, 3], 4),
        };
        assert_eq!(numbers(&lane), kept, "cut at {cut}");
        let is_torn = cut > start && cut < used;
        assert_eq!(recovered.cut.is_some(), is_torn, "cut at {cut}");
        lane.begin_epoch();
        let appended = append(&mut lane, 2, vec![record(next, 0)]);
        assert!(matches!(appended, Appended::Written(_)), "cut at {cut}");
        let (lane, recovered) = open(&disk.power_cut(7, Loss::All)).unwrap();
        assert_eq!(numbers(&lane), [kept, vec![next]].concat(), "cut at {cut}");
        assert_eq!(recovered.cut, None);
    }
}

#[test]
fn a_flipped_bit_below_the_durable_mark_is_damage_with_its_place() {
    let (disk, last, end) = three_groups();
    let whole = octets(&disk, 0);
    let sector = SECTOR_BYTES as usize;
    let used = |group: usize| {
        let from = sector * (1 + group);
        let rest = &whole[from..from + sector];
        from..from + rest.iter().rposition(|&octet| octet != 0).unwrap() + 1
    };
    for group in 0..2 {
        for at in used(group) {
            let mut bad = whole.clone();
            bad[at] ^= 0x10;
            let (segment, offset) = damage(open(&altered(&disk, 0, &bad)));
            assert_eq!(segment, folder().join("0000000000000000.lane"));
            assert_eq!(offset as usize, sector * (1 + group), "octet {at}");
        }
    }
    // The last group is not known to be durable: flipped, it is a torn tail.
    for at in used(2) {
        let mut bad = whole.clone();
        bad[at] ^= 0x10;
        let (lane, recovered) = open(&altered(&disk, 0, &bad)).unwrap();
        assert_eq!(
            (numbers(&lane), recovered.cut.is_some()),
            (vec![1, 2], true)
        );
    }
    assert_eq!((last, end), (3 * sector, 4 * sector));
}

#[test]
fn after_an_orderly_end_even_the_last_group_is_protected() {
    let disk = SimDisk::new();
    let mut lane = ready(&disk);
    must_append(&mut lane, 1);
    Box::new(lane).close().unwrap();
    let mut bad = octets(&disk, 0);
    bad[SEGMENT_HEADER_BYTES as usize + 100] ^= 1;
    damage(open(&altered(&disk, 0, &bad)));
    let (lane, _) = open(&disk.restart()).unwrap();
    assert_eq!(numbers(&lane), [1]);
}

#[test]
fn a_lost_segment_or_a_segment_of_another_journal_is_damage() {
    let disk = SimDisk::new();
    let mut lane = ready(&disk);
    (0..100).for_each(|number| must_append(&mut lane, number));
    let path = |number: u64| folder().join(format!("{number:016x}.lane"));
    for missing in [0, 1] {
        let disk = disk.restart();
        disk.remove(&path(missing)).unwrap();
        assert_eq!(damage(open(&disk)), (path(missing), 0));
    }
    let other = SimDisk::new();
    drop(ready(&other));
    let mixed = altered(&disk, 1, &octets(&other, 1));
    assert_eq!(damage(open(&mixed)), (path(1), 0));
}

#[test]
fn a_failed_write_or_sync_ends_the_lane_and_restart_finds_what_the_medium_holds() {
    type Fault = fn(&SimDisk);
    let cases: [(&str, Fault, &[u64]); 4] = [
        ("sync undone", |d| d.fail_sync(1, Failure::NotDone), &[1]),
        ("sync done", |d| d.fail_sync(1, Failure::Done), &[1, 2]),
        ("write undone", |d| d.fail_write(1, Failure::NotDone), &[1]),
        ("write done", |d| d.fail_write(1, Failure::Done), &[1, 2]),
    ];
    for (story, fault, after) in cases {
        let disk = SimDisk::new();
        let mut lane = ready(&disk);
        must_append(&mut lane, 1);
        fault(&disk);
        let appended = append(&mut lane, 1, vec![record(2, 0)]);
        assert!(matches!(appended, Appended::Unknown(_)), "{story}");
        let (syncs, writes) = (disk.syncs(), disk.writes());
        let appended = append(&mut lane, 1, vec![record(3, 0)]);
        assert!(matches!(appended, Appended::Unknown(_)), "{story}");
        assert!(lane.tend().is_err(), "{story}");
        assert_eq!((disk.syncs(), disk.writes()), (syncs, writes), "{story}");
        // The next process: the cache may show what the medium does not hold.
        let disk = disk.restart();
        let (lane, _) = open(&disk).unwrap();
        assert_eq!(numbers(&lane), after, "{story}");
        // What was served then stays, whatever happens.
        let (lane, _) = open(&disk.power_cut(3, Loss::All)).unwrap();
        assert_eq!(numbers(&lane), after, "{story}");
    }
}

#[test]
fn a_full_disk_refuses_a_group_and_takes_it_once_there_is_room() {
    let disk = SimDisk::new();
    let mut lane = ready(&disk);
    disk.set_capacity(Some(3 * SEGMENT));
    let mut number = 0;
    loop {
        match append(&mut lane, 1, vec![record(number, 1000)]) {
            Appended::Written(_) => number += 1,
            Appended::NotWritten(_) => break,
            other => panic!("{other:?}"),
        }
        lane.tend().unwrap();
        assert!(number < 1000);
    }
    disk.set_capacity(None);
    must_append(&mut lane, number);
    let (lane, _) = open(&disk.power_cut(1, Loss::All)).unwrap();
    assert_eq!(numbers(&lane), (0..=number).collect::<Vec<_>>());
}

/// Appends groups of 1 to 20 records, some longer than a segment, until the disk stops; answers how many records were acknowledged
/// and how many were tried.
fn work(lane: &mut Lane, epoch: u64, first: u64, groups: u64) -> (u64, u64) {
    let mut next = first;
    for group in 0..groups {
        let count = 1 + (first + group) % 20;
        let records = (next..next + count)
            .map(|number| record(number, (number * 131 % 1500) as usize))
            .collect();
        match append(lane, epoch, records) {
            Appended::Written(_) => next += count,
            _ => return (next, next + count),
        }
        if lane.tend().is_err() {
            return (next, next);
        }
    }
    (next, next)
}

#[test]
fn after_any_loss_of_power_all_that_was_acknowledged_is_there_and_nothing_is_half() {
    for seed in 0..300u64 {
        let mut disk = SimDisk::new();
        let (mut acknowledged, mut tried) = (0, 0);
        for round in 0..4 {
            // Power goes in the middle of work, or of the recovery itself.
            let dice = seed.wrapping_mul(0x9e37_79b9).wrapping_add(round * 7919);
            disk.freeze_after(1 + dice % 90);
            if let Ok((mut lane, _)) = open(&disk) {
                let kept = numbers_alive(&lane, &disk);
                if let Some(kept) = kept {
                    let whole: Vec<u64> = (0..kept.len() as u64).collect();
                    assert_eq!(kept, whole, "seed {seed}");
                    let count = whole.len() as u64;
                    assert!((acknowledged..=tried).contains(&count), "seed {seed}");
                    // Served: from now on it must stay.
                    let epoch = lane.begin_epoch();
                    (acknowledged, tried) = (count, count);
                    if lane.tend().is_ok() {
                        (acknowledged, tried) = work(&mut lane, epoch, count, 40);
                    }
                }
            }
            let loss = if dice & 1 == 0 { Loss::Some } else { Loss::All };
            disk = disk.power_cut(seed + round, loss);
        }
        let (lane, _) = open(&disk).unwrap();
        let kept = numbers(&lane).len() as u64;
        assert!((acknowledged..=tried).contains(&kept), "seed {seed}");
    }
}

/// As [`numbers`], unless the disk stopped meanwhile.
fn numbers_alive(lane: &Lane, disk: &SimDisk) -> Option<Vec<u64>> {
    disk.list(folder()).ok().map(|_| numbers(lane))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_octets_in_a_segment_never_panic(
        noise in proptest::collection::vec(any::<u8>(), 1..2000),
        at in 0usize..4000,
    ) {
        let (disk, ..) = three_groups();
        let mut octets = octets(&disk, 0);
        octets[at..at + noise.len()].copy_from_slice(&noise);
        let disk = altered(&disk, 0, &octets);
        if let Ok((lane, _)) = open(&disk) {
            // Kept: a prefix of what was there.
            let kept = numbers(&lane);
            prop_assert!([1, 2, 3].starts_with(&kept));
        }
    }

    #[test]
    fn arbitrary_octets_as_a_group_never_panic(
        octets in proptest::collection::vec(any::<u8>(), 0..600),
        lane: u64,
    ) {
        prop_assert!(super::format::Group::read(&octets, lane).is_err());
    }

    #[test]
    fn a_group_with_a_true_header_and_arbitrary_records_never_panics(
        records in proptest::collection::vec(any::<u8>(), 0..600),
        count: u32,
        length: u32,
    ) {
        let header = super::format::GroupHeader {
            lane: 1,
            epoch: 1,
            number: 1,
            durable: Position::default(),
            records: count,
            length,
            previous: [0; 32],
        };
        let (octets, _) = super::format::write_group(header, &records);
        let _ = super::format::Group::read(&octets, 1);
    }
}

#[test]
fn a_real_disk_keeps_what_was_acknowledged_too() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Lane::open_sized(Arc::new(crate::disk::RealDisk), folder.path(), SEGMENT);
    for round in 0..3 {
        let (mut lane, recovered) = open().unwrap();
        assert_eq!((recovered.records, recovered.cut), (round * 40, None));
        let epoch = lane.begin_epoch();
        let records = (0..40).map(|n| record(round * 40 + n, 700)).collect();
        let appended = append(&mut lane, epoch, records);
        assert!(matches!(appended, Appended::Written(_)), "{appended:?}");
        lane.tend().unwrap();
        if round == 1 {
            Box::new(lane).close().unwrap();
        }
    }
    let (lane, _) = open().unwrap();
    assert_eq!(numbers(&lane), (0..120).collect::<Vec<_>>());
}
