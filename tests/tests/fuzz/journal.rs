//! The journal reader: whatever a segment holds, opening it cuts a torn tail, names the damage, or gives
//! back a beginning of what was written; it never invents a record.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ceralacca_core::disk::{Disk, SimDisk};
use ceralacca_core::instant::Instant;
use ceralacca_core::journal::record::Started;
use ceralacca_core::journal::{Appended, Batch, Lane, LaneStore, Partition, Record};
use ceralacca_tests::seed::{Chance, mutated, storm};

const FOLDER: &str = "/simulated/journal";
const SEGMENT_BYTES: u64 = 16 * 1024;

/// A lane of some groups, on a disk of its own; the records in order.
fn written() -> (SimDisk, Vec<Record>) {
    let disk = SimDisk::new();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let (mut lane, _) = Lane::open_sized(shared, Path::new(FOLDER), SEGMENT_BYTES).unwrap();
    let epoch = lane.begin_epoch();
    let mut records = Vec::new();
    for number in 0..24 {
        let record: Record = Started {
            at: Instant::from_millis(number),
            version: "0".repeat(usize::try_from(number).unwrap() * 40),
            epoch,
        }
        .into();
        let partition = Partition(u8::try_from(number % 3).unwrap());
        let batch = Batch {
            partition,
            epoch,
            expected_sequence: lane.next_sequence(partition),
            records: vec![record.clone()],
        };
        assert!(matches!(lane.append(&[batch]), Appended::Written(_)));
        records.push(record);
    }
    (disk, records)
}

/// Opens and replays: the records, or the sentence.
fn replayed(disk: &SimDisk) -> Result<Vec<Record>, String> {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let opened = Lane::open_sized(shared, Path::new(FOLDER), SEGMENT_BYTES);
    let (lane, _) = opened.map_err(|e| e.to_string())?;
    let mut records = Vec::new();
    let read = lane.replay(Default::default(), &mut |entry| {
        records.push(entry.record.clone());
        Ok(())
    });
    read.map_err(|e| e.to_string())?;
    Ok(records)
}

#[test]
fn a_harmed_journal_is_refused_or_gives_a_beginning_of_itself() {
    let (disk, records) = written();
    assert_eq!(replayed(&disk.restart()).unwrap(), records);
    let names = disk.list(Path::new(FOLDER)).unwrap();
    let chance = std::cell::RefCell::new(Chance::new(7));
    // The corpus is the segments themselves; the chosen one is harmed and put back.
    let files: Vec<PathBuf> = names.iter().map(|n| Path::new(FOLDER).join(n)).collect();
    let content = |path: &PathBuf| {
        let file = disk.open(path, false).unwrap();
        let mut octets = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
        file.read_at(&mut octets, 0).unwrap();
        octets
    };
    let corpus: Vec<Vec<u8>> = files.iter().map(content).collect();
    storm("journal", &corpus, |input| {
        let harmed = disk.restart();
        let which = chance.borrow_mut().below(files.len());
        let file = harmed.open(&files[which], false).unwrap();
        file.set_len(0).unwrap();
        file.write_all_at(input, 0).unwrap();
        match replayed(&harmed) {
            Ok(found) => assert!(records.starts_with(&found), "{} records", found.len()),
            Err(sentence) => assert!(!sentence.is_empty()),
        }
    });
}

#[test]
fn records_are_read_or_refused() {
    let (_, records) = written();
    let samples: Vec<Vec<u8>> = records.iter().map(Record::to_bytes).collect();
    let mut chance = Chance::new(11);
    for kind in 0..64 {
        for sample in &samples {
            let input = mutated(&mut chance, sample, b"\xa0\x1a\xff\x9f\xbf");
            drop(Record::from_bytes(kind, &input));
        }
    }
    storm("record", &samples, |input| {
        for kind in 0..64 {
            if let Ok(record) = Record::from_bytes(kind, input) {
                let again = Record::from_bytes(kind, &record.to_bytes());
                assert_eq!(again.unwrap(), record);
            }
        }
    });
}
