//! Records of a whole message: written, read, applied, committed by group. The disk is one in memory, so that
//! what is counted is ours.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use ceralacca_core::disk::SimDisk;
use ceralacca_core::journal::lane::Lane;
use ceralacca_core::journal::{Appended, Batch, LaneStore, Partition, Record};
use ceralacca_core::view::{View, apply};

use super::whole::records_of_one;
use super::{Room, Work, of};
use crate::sums::Trouble;

/// Messages in a group, one batch each.
const GROUP: usize = 64;

pub(super) fn all() -> Vec<Room> {
    vec![
        Room::new("records of a message, written", written),
        Room::new("records of a message, read", read),
        Room::new("records of a message, applied", applied),
        Room::new("group commit of 64 messages", commit),
    ]
}

fn written() -> Result<Work, Trouble> {
    let records = records_of_one()?;
    Ok(Box::new(move || {
        for record in &records {
            black_box(record.to_bytes());
        }
    }))
}

fn read() -> Result<Work, Trouble> {
    let records: Vec<(u16, Vec<u8>)> = records_of_one()?
        .iter()
        .map(|record| (record.kind(), record.to_bytes()))
        .collect();
    Ok(Box::new(move || {
        for (kind, octets) in &records {
            drop(black_box(Record::from_bytes(*kind, octets)));
        }
    }))
}

/// Again and again the same rows, so that the view stays as large as it is.
fn applied() -> Result<Work, Trouble> {
    let records = records_of_one()?;
    let view = View::default();
    Ok(Box::new(move || {
        for record in &records {
            view.publish(apply(record));
        }
    }))
}

fn commit() -> Result<Work, Trouble> {
    let records = records_of_one()?;
    let opened = Lane::open(Arc::new(SimDisk::new()), Path::new("/journal"));
    let (mut lane, _) = opened.map_err(of)?;
    let epoch = lane.begin_epoch();
    lane.tend().map_err(of)?;
    Ok(Box::new(move || {
        let partition = Partition(1);
        let first = lane.next_sequence(partition);
        let batch = |n: usize| Batch {
            partition,
            epoch,
            expected_sequence: first + (n * records.len()) as u64,
            records: records.clone(),
        };
        let group: Vec<Batch> = (0..GROUP).map(batch).collect();
        let done = lane.append(&group);
        assert!(matches!(done, Appended::Written(_)), "{done:?}");
        // Segments that are full are never needed again; a disk in memory keeps them all the same.
        drop(black_box(lane.tend()));
    }))
}
