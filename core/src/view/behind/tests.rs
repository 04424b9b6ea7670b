//! Views written behind, loaded again, damaged in many ways.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::blob::BlobRef;
use crate::disk::SimDisk;
use crate::instant::Instant;
use crate::journal::record::{
    Appended, Expunged, Filing, FlagChange, Flagged, FolderChanged, Purged, Restored, Struck,
};
use crate::journal::{Batch, Lane, LaneStore, Partition, Record};
use crate::mailbox::{Content, FolderId, FolderRow, MailboxId};
use crate::message_id::Identifier;
use crate::view::marks::{MarkedField, Marks};

const HOME: Partition = Partition(1);

/// A journal in memory, views in a real folder.
struct House {
    lane: Lane,
    folder: tempfile::TempDir,
    boot: &'static str,
}

impl House {
    fn new() -> Self {
        let disk = Arc::new(SimDisk::new());
        let (mut lane, _) = Lane::open_sized(disk, Path::new("/j"), 64 * 1024).unwrap();
        lane.begin_epoch();
        Self {
            lane,
            folder: tempfile::tempdir().unwrap(),
            boot: "one",
        }
    }

    fn views(&self) -> std::path::PathBuf {
        self.folder.path().join("views")
    }

    fn load(&self) -> Result<Loaded, ViewError> {
        load(&self.views(), self.lane.end(), self.boot)
    }

    fn commit(&mut self, record: impl Into<Record>) -> (Vec<Row>, Position) {
        let record = record.into();
        let rows = apply(&record);
        let batch = Batch {
            partition: HOME,
            epoch: 1,
            expected_sequence: self.lane.next_sequence(HOME),
            records: vec![record],
        };
        match self.lane.append(&[batch]) {
            crate::journal::Appended::Written(position) => (rows, position),
            other => panic!("{other:?}"),
        }
    }

    /// Works with the views running, then stops them in order.
    fn run(&mut self, work: impl Fn(&mut Self, &Behind)) {
        let loaded = self.load().unwrap();
        let behind = Behind::spawn(loaded.store, self.lane.reader()).unwrap();
        work(self, &behind);
        behind.stop().unwrap();
    }

    fn note(&mut self, behind: &Behind, record: impl Into<Record>) {
        let (rows, position) = self.commit(record);
        behind.note(rows, position);
    }

    /// What readers see after a start: views, then the rest of the journal.
    fn seen(&self) -> (String, Position, Option<String>) {
        let loaded = self.load().unwrap();
        self.replay(&loaded.view, loaded.position);
        (describe(&loaded.view), loaded.position, loaded.rebuilt)
    }

    fn replay(&self, view: &View, from: Position) {
        let mut publish = |entry: crate::journal::Entry| {
            view.publish(apply(&entry.record));
            Ok(())
        };
        self.lane.replay(from, &mut publish).unwrap();
    }

    fn truth(&self) -> String {
        let view = View::default();
        self.replay(&view, Position::default());
        describe(&view)
    }
}

fn describe(view: &View) -> String {
    let mut text = String::new();
    for mailbox in (1..=3).map(MailboxId) {
        text += &format!("{mailbox:?} usage {}\n", view.usage(mailbox));
        for folder in view.folders(mailbox) {
            text += &format!("{:?} {:?} {:?}\n", folder.id, folder.row, folder.counter);
            for message in folder.messages.values() {
                text += &format!("{message:?}\n");
            }
            for kept in folder.set_aside.values() {
                text += &format!("{kept:?}\n");
            }
        }
    }
    view.with_work(|work| {
        let answers: BTreeMap<_, _> = work.answers.iter().collect();
        text + &format!("{answers:?} {:?}", work.errands)
    })
}

fn folder_row(name: &str) -> FolderRow {
    FolderRow {
        name: name.to_owned(),
        uid_validity: 1,
        subscribed: true,
        special_use: None,
        keywords: Vec::new(),
        subscribed_names: Vec::new(),
    }
}

fn folder(mailbox: u64, folder: u32, row: Option<FolderRow>) -> FolderChanged {
    FolderChanged {
        mailbox: MailboxId(mailbox),
        folder: FolderId(folder),
        row,
        usage: None,
    }
}

fn filed(mailbox: u64, folder: u32, uid: u32) -> Appended {
    let blob = BlobRef {
        segment: 1,
        offset: u64::from(uid) * 8,
        length: 3,
    };
    Appended {
        filing: Filing {
            mailbox: MailboxId(mailbox),
            folder: FolderId(folder),
            uid,
            modseq: u64::from(uid),
            flags: 0,
            content: match uid % 2 {
                0 => Content::Whole(blob),
                _ => Content::Rope(blob),
            },
            size: 3,
            internal_date: Instant::from_millis(-5),
            usage: 3 * u64::from(uid),
            saved: uid
                .is_multiple_of(3)
                .then(|| Instant::from_millis(1_795_321_140_000)),
        },
    }
}

fn expunged(mailbox: u64, uids: std::ops::Range<u32>) -> Expunged {
    Expunged {
        mailbox: MailboxId(mailbox),
        folder: FolderId(1),
        modseq: 9000,
        uids: uids.collect(),
        usage: 1,
        kept: None,
    }
}

fn set_aside(mailbox: u64, uids: std::ops::Range<u32>) -> Expunged {
    Expunged {
        kept: Some(Instant::from_millis(77)),
        ..expunged(mailbox, uids)
    }
}

fn purged(mailbox: u64, uids: std::ops::Range<u32>) -> Purged {
    Purged {
        mailbox: MailboxId(mailbox),
        folder: FolderId(1),
        uids: uids.collect(),
    }
}

fn flagged(mailbox: u64, uid: u32) -> Flagged {
    Flagged {
        mailbox: MailboxId(mailbox),
        folder: FolderId(1),
        modseq: 8000 + u64::from(uid),
        changes: vec![FlagChange { uid, flags: 9 }],
    }
}

/// Some of everything, over two clean runs.
fn lived_in() -> House {
    let mut house = House::new();
    house.run(|house, behind| {
        house.note(behind, folder(1, 1, Some(folder_row("INBOX"))));
        house.note(behind, folder(1, 2, Some(folder_row("Old"))));
        house.note(behind, folder(2, 1, Some(folder_row("INBOX"))));
        for uid in 1..=30 {
            house.note(behind, filed(1, 1, uid));
            house.note(behind, filed(2, 1, uid));
        }
        house.note(behind, filed(1, 2, 1));
    });
    house.run(|house, behind| {
        house.note(behind, flagged(1, 3));
        house.note(behind, expunged(1, 10..20));
        house.note(behind, folder(1, 2, None));
        house.note(behind, flagged(2, 30));
    });
    house
}

#[test]
fn views_are_loaded_as_they_were_and_nothing_is_replayed_after_a_clean_end() {
    let house = lived_in();
    let (seen, position, rebuilt) = house.seen();
    assert_eq!(seen, house.truth());
    assert_eq!((position, rebuilt), (house.lane.end(), None));
}

#[test]
fn a_dead_process_goes_on_from_its_position_and_a_dead_machine_rebuilds() {
    let mut house = lived_in();
    // Nobody wrote these behind: the process died first.
    house.commit(filed(2, 1, 31));
    let (seen, position, rebuilt) = house.seen();
    assert_eq!((seen, rebuilt), (house.truth(), None));
    assert!(position < house.lane.end() && position > Position::default());
    // A clean end lets another boot go on; without one the views are rebuilt.
    house.boot = "two";
    assert_eq!(house.seen().2, None);
    std::fs::remove_file(house.views().join("clean")).unwrap();
    let (seen, position, rebuilt) = house.seen();
    assert_eq!((seen, position), (house.truth(), Position::default()));
    assert!(rebuilt.unwrap().contains("did not end cleanly"));
}

#[test]
fn a_running_writer_leaves_no_clean_mark() {
    let house = lived_in();
    let clean = house.views().join("clean");
    assert!(clean.exists());
    let loaded = house.load().unwrap();
    let mut store = loaded.store;
    store.begin().unwrap();
    assert!(!clean.exists());
}

/// Damages the views, then expects the truth all the same, and a reason.
fn rebuilds_after(damage: impl Fn(&Path)) {
    let mut house = lived_in();
    damage(&house.views());
    let (seen, position, rebuilt) = house.seen();
    assert_eq!((seen, position), (house.truth(), Position::default()));
    assert!(rebuilt.is_some());
    // The next run has good views again, made from the journal.
    house.run(|house, behind| house.note(behind, filed(2, 1, 40)));
    let (seen, position, rebuilt) = house.seen();
    assert_eq!((seen, rebuilt), (house.truth(), None));
    assert_eq!(position, house.lane.end());
}

#[test]
fn views_that_were_removed_are_rebuilt() {
    rebuilds_after(|views| std::fs::remove_dir_all(views).unwrap());
    rebuilds_after(|views| std::fs::remove_dir_all(views.join("mail")).unwrap());
    rebuilds_after(|views| std::fs::remove_dir_all(views.join("sled")).unwrap());
}

#[test]
fn a_shortened_or_flipped_mailbox_file_is_rebuilt() {
    let file = |views: &Path| views.join("mail/0000000000000001.0");
    rebuilds_after(|views| {
        let octets = std::fs::read(file(views)).unwrap();
        std::fs::write(file(views), &octets[..octets.len() - file::ROW_BYTES]).unwrap();
    });
    rebuilds_after(|views| {
        let mut octets = std::fs::read(file(views)).unwrap();
        octets[200] ^= 4;
        std::fs::write(file(views), &octets).unwrap();
    });
    rebuilds_after(|views| {
        let other = views.join("mail/0000000000000002.0");
        std::fs::copy(other, file(views)).unwrap();
    });
}

#[test]
fn rows_after_the_position_do_not_count() {
    let mut house = lived_in();
    let file = house.views().join("mail/0000000000000002.0");
    let mut octets = std::fs::read(&file).unwrap();
    octets.extend_from_slice(&[7; 100]);
    std::fs::write(&file, &octets).unwrap();
    assert_eq!(house.seen().0, house.truth());
    house.run(|house, behind| house.note(behind, filed(2, 1, 31)));
    let (seen, _, rebuilt) = house.seen();
    assert_eq!((seen, rebuilt), (house.truth(), None));
}

#[test]
fn sled_cut_short_or_full_of_noise_is_rebuilt_or_still_true() {
    let house = lived_in();
    let pristine = tempfile::tempdir().unwrap();
    copy(&house.views(), pristine.path());
    let db = house.views().join("sled/db");
    let whole = std::fs::read(&db).unwrap();
    let cut = |keep: usize| whole[..keep].to_vec();
    let flip = |at: usize| {
        let mut octets = whole.clone();
        octets[at] ^= 0xff;
        octets
    };
    let mut variants = vec![cut(0), cut(whole.len() / 2), vec![0x5a; whole.len()]];
    variants.extend((0..8).map(|n| flip(n * whole.len() / 8 + 40)));
    for (number, octets) in variants.into_iter().enumerate() {
        std::fs::remove_dir_all(house.views()).unwrap();
        copy(pristine.path(), &house.views());
        std::fs::write(&db, octets).unwrap();
        assert_eq!(house.seen().0, house.truth(), "variant {number}");
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[test]
fn views_ahead_of_the_journal_stop_the_start() {
    let house = lived_in();
    let lost = Position(house.lane.end().0 - 512);
    match load(&house.views(), lost, house.boot) {
        Err(error @ ViewError::Ahead { .. }) => {
            assert!(error.to_string().contains("the journal has lost records"));
        }
        _ => panic!("views of the future were taken"),
    }
}

#[test]
fn a_position_that_fails_its_checksum_is_damage_not_the_future() {
    let house = lived_in();
    let db = sled::open(house.views().join("sled")).unwrap();
    let mut mark = db.get(table::MARK_KEY).unwrap().unwrap().to_vec();
    mark[3] ^= 0x40;
    db.insert(table::MARK_KEY, mark).unwrap();
    db.flush().unwrap();
    drop(db);
    let (seen, position, rebuilt) = house.seen();
    assert_eq!((seen, position), (house.truth(), Position::default()));
    assert!(rebuilt.unwrap().contains("checksum"));
}

#[test]
fn a_mailbox_file_of_mostly_dead_rows_is_rewritten() {
    let mut house = House::new();
    house.run(|house, behind| {
        house.note(behind, folder(1, 1, Some(folder_row("INBOX"))));
        (1..=1200).for_each(|uid| house.note(behind, filed(1, 1, uid)));
    });
    house.run(|house, behind| house.note(behind, expunged(1, 1..1100)));
    let mail = house.views().join("mail");
    let names: Vec<_> = std::fs::read_dir(mail).unwrap().collect();
    assert_eq!(names.len(), 1);
    let entry = names.into_iter().next().unwrap().unwrap();
    assert_eq!(entry.file_name(), "0000000000000001.1");
    assert!(entry.metadata().unwrap().len() < 110 * file::ROW_BYTES as u64);
    assert_eq!(house.seen().0, house.truth());
}

#[test]
fn ac_13_what_is_set_aside_is_loaded_as_it_was_restored_and_purged() {
    let mut house = House::new();
    house.run(|house, behind| {
        house.note(behind, folder(1, 1, Some(folder_row("INBOX"))));
        (1..=1200).for_each(|uid| house.note(behind, filed(1, 1, uid)));
        // Nothing of these was stored yet.
        house.note(behind, set_aside(1, 1..3));
        house.note(behind, purged(1, 1..2));
    });
    assert_eq!(house.seen().0, house.truth());
    house.run(|house, behind| {
        house.note(behind, set_aside(1, 100..200));
        house.note(behind, flagged(1, 300));
    });
    let (seen, _, rebuilt) = house.seen();
    assert_eq!((&seen, rebuilt), (&house.truth(), None));
    assert_eq!(seen.matches("SetAside").count(), 101);
    house.run(|house, behind| {
        house.note(behind, purged(1, 100..150));
        let filing = filed(1, 1, 1201).filing;
        let author = "test".to_owned();
        house.note(
            behind,
            Restored {
                uid: 150,
                filing,
                author,
            },
        );
        // Enough dead rows for the file to be rewritten.
        house.note(behind, expunged(1, 200..1150));
    });
    let (seen, _, rebuilt) = house.seen();
    assert_eq!((&seen, rebuilt), (&house.truth(), None));
    assert_eq!(seen.matches("SetAside").count(), 50);
    house.run(|house, behind| house.note(behind, folder(1, 1, None)));
    assert_eq!(house.seen().0, house.truth());
}

#[test]
fn a_folder_made_in_place_of_one_that_went_begins_empty() {
    let mut house = House::new();
    house.run(|house, behind| {
        house.note(behind, folder(1, 1, Some(folder_row("INBOX"))));
        house.note(behind, folder(1, 2, Some(folder_row("Old"))));
        (1..=3).for_each(|uid| house.note(behind, filed(1, 2, uid)));
    });
    house.run(|house, behind| {
        house.note(behind, folder(1, 2, None));
        house.note(behind, folder(1, 2, Some(folder_row("New"))));
    });
    assert_eq!(house.seen().0, house.truth());
}

#[test]
fn what_came_and_went_is_never_written_unless_it_may_be_stored() {
    let key = super::super::row::RecipientKey {
        identifier: Identifier::parse("a@pec.example").unwrap(),
        recipient: 0,
    };
    let errand = super::super::row::ErrandRow {
        local: true,
        kind: crate::certification::RecipientType::Certified,
        at: Instant::from_millis(0),
        taken: None,
        first_fired: false,
        final_fired: false,
        is_foreign: false,
    };
    for (may_be_stored, left) in [(false, 0), (true, 1)] {
        let mut pending = Pending::default();
        pending.put(Row::Errand(key.clone(), Some(errand)), may_be_stored);
        pending.put(Row::Errand(key.clone(), None), may_be_stored);
        assert_eq!(pending.len(), left);
    }
    let mut pending = Pending::default();
    pending.put(Row::Errand(key.clone(), None), false);
    assert_eq!(pending.len(), 1, "it was written before");
    let mut pending = Pending::default();
    let changed = super::super::row::ErrandRow {
        first_fired: true,
        ..errand
    };
    pending.put(Row::Errand(key.clone(), Some(changed)), false);
    pending.put(Row::Errand(key.clone(), None), false);
    assert_eq!(
        pending.len(),
        1,
        "it may have been written before it changed"
    );
    let mut pending = Pending::default();
    let rows = |record: Record| apply(&record);
    for row in rows(filed(1, 1, 1).into()) {
        pending.put(row, false);
    }
    for row in rows(flagged(1, 1).into()) {
        pending.put(row, false);
    }
    assert_eq!(pending.len(), 3, "message with its flags, counter, usage");
    for row in rows(expunged(1, 1..2).into()) {
        pending.put(row, false);
    }
    assert_eq!(pending.len(), 2, "counter and usage");
}

#[test]
fn notes_beyond_the_bound_are_read_again_from_the_journal() {
    let mut house = House::new();
    house.run(|house, behind| {
        house.note(behind, folder(1, 1, Some(folder_row("INBOX"))));
        (1..=100).for_each(|uid| house.note(behind, filed(1, 1, uid)));
        {
            // As `note` does past the bound.
            let mut state = behind.shared.state.lock();
            state.pending.clear();
            state.is_following = true;
        }
        (101..=120).for_each(|uid| house.note(behind, filed(1, 1, uid)));
        house.note(
            behind,
            Struck {
                identifier: Identifier::parse("a@pec.example").unwrap(),
                recipient: 0,
            },
        );
    });
    let (seen, position, rebuilt) = house.seen();
    assert_eq!((seen, rebuilt), (house.truth(), None));
    assert_eq!(position, house.lane.end());
}

#[test]
fn tm_09_marks_are_kept_up_to_the_first_message_without() {
    let (mailbox, inbox) = (MailboxId(1), FolderId(1));
    let mut house = House::new();
    house.run(|house, behind| {
        house.note(behind, folder(1, 1, Some(folder_row("INBOX"))));
        (1..=4).for_each(|uid| house.note(behind, filed(1, 1, uid)));
        for uid in [1, 2, 4] {
            let header = format!("Message-ID: <{uid}@y.test>\r\n\r\n");
            let marks = Marks::of(header.as_bytes());
            let row = Row::Marks(mailbox, inbox, uid, marks);
            while !behind.note_derived(&row) {
                std::thread::yield_now();
            }
        }
    });
    let found = |house: &House, value: &str| {
        let view = house.load().unwrap().view;
        let marks = view.marks(mailbox, inbox).unwrap();
        let marks = marks.read();
        let led = marks.with_value(MarkedField::MessageId, value);
        (led.maybe, led.upto)
    };
    assert_eq!(found(&house, "2@y.test"), (vec![2], 2));
    // The next start goes on with the third: nothing of the fourth is known.
    assert_eq!(found(&house, "4@y.test"), (vec![], 2));
    house.run(|house, behind| {
        let gone = Expunged {
            mailbox,
            folder: inbox,
            modseq: 90,
            uids: vec![1],
            usage: 3,
            kept: None,
        };
        house.note(behind, gone);
    });
    assert_eq!(found(&house, "1@y.test"), (vec![], 2));
    house.run(|house, behind| house.note(behind, folder(1, 1, None)));
    assert!(house.load().unwrap().view.marks(mailbox, inbox).is_none());
    assert_eq!(house.seen().0, house.truth());
}
