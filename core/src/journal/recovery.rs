//! What a lane does before it serves (see *Commit*): verify every group on the medium itself, tell a torn
//! tail from damage, cut the one and stop for the other, and make the tail durable anew.
//!
//! The scan follows the chain: numbers without holes, each group naming the hash of the one before. It
//! ends at the first place *P* where the chain breaks. Then it looks at every later sector for group
//! headers of this lane. One that says "known durable beyond *P*" proves that *P* had been durable:
//! damage. Otherwise all from *P* on is a torn tail, writes whose sync nobody was told of.
//!
//! A sync may have failed in the last run, with its pages dropped or kept as clean in the cache. So the
//! scan reads past the cache, and the segments from the last durable mark on are written anew, into new
//! files that are synced and take the old names.

use std::collections::BTreeMap;

use super::format::{Group, GroupHash, GroupHeader, NoGroup};
use super::format::{SECTOR_BYTES, SEGMENT_HEADER_BYTES, is_zero};
use super::segment::Segments;
use super::{JournalError, Partition, Position};

/// Where a lane's chain of groups stands.
#[derive(Debug, Clone, Default)]
pub struct Chain {
    /// The segment of the next group.
    pub segment: u64,
    /// Where in it.
    pub offset: u64,
    /// Groups until here.
    pub groups: u64,
    /// Of the last group.
    pub last_hash: GroupHash,
    /// Of the last owner.
    pub epoch: u64,
    /// The last mark in a group header.
    pub durable: Position,
    /// The last sequence of each partition.
    pub sequences: BTreeMap<Partition, u64>,
    /// Records until here.
    pub records: u64,
}

impl Chain {
    /// Takes the next group, or says why it is not the next.
    fn follow(&mut self, group: &Group<'_>) -> Result<(), String> {
        let header = &group.header;
        if header.number != self.groups + 1 {
            return Err(format!(
                "group {} where group {} belongs",
                header.number,
                self.groups + 1
            ));
        }
        if header.previous != self.last_hash {
            return Err("a group that does not follow the one before it".to_owned());
        }
        if header.epoch < self.epoch {
            return Err("a group of an owner that had been replaced".to_owned());
        }
        let mut sequences = self.sequences.clone();
        for record in &group.records {
            let last = sequences.entry(record.header.partition).or_default();
            if record.header.sequence != *last + 1 {
                return Err("a record out of sequence".to_owned());
            }
            *last += 1;
        }
        self.sequences = sequences;
        self.records += group.records.len() as u64;
        self.groups = header.number;
        self.epoch = header.epoch;
        self.durable = header.durable;
        self.last_hash = group.hash();
        self.offset += group.bytes();
        Ok(())
    }
}

/// Recovers a lane whose segments are `numbers`. Answers where the chain ends, and what was cut.
pub fn recover(
    segments: &Segments,
    numbers: &[u64],
) -> Result<(Chain, Option<String>), JournalError> {
    if let Some((missing, _)) = (0..).zip(numbers).find(|(n, number)| n != *number) {
        return Err(segments.damaged(missing, 0, "the file is missing, later ones are there"));
    }
    let mut chain = Chain {
        offset: SEGMENT_HEADER_BYTES,
        ..Chain::default()
    };
    let mut octets = segments.read_uncached(0)?;
    let broken = loop {
        let broken = scan(segments, &mut chain, &octets);
        if broken.is_some() || !is_zero(&octets[chain.offset as usize..]) {
            break broken;
        }
        // The rest is unused: the group after these may have gone to the next segment.
        let next = chain.segment + 1;
        if next >= numbers.len() as u64 {
            break None;
        }
        let after = segments.read_uncached(next)?;
        let mut ahead = Chain {
            segment: next,
            offset: SEGMENT_HEADER_BYTES,
            ..chain.clone()
        };
        let first = Group::read(&after[SEGMENT_HEADER_BYTES as usize..], segments.lane);
        match first.map(|group| ahead.follow(&group)) {
            Ok(Ok(())) => (chain, octets) = (ahead, after),
            _ => break None,
        }
    };
    let cut = cut_tail(segments, numbers, &chain, octets, broken)?;
    Ok((chain, cut))
}

/// Follows the chain in one segment; answers what breaks it, `None` where zeros follow.
fn scan(segments: &Segments, chain: &mut Chain, octets: &[u8]) -> Option<String> {
    loop {
        let rest = octets.get(chain.offset as usize..).unwrap_or_default();
        if rest.is_empty() {
            return None;
        }
        match Group::read(rest, segments.lane) {
            Ok(group) => {
                if let Err(broken) = chain.follow(&group) {
                    return Some(broken);
                }
            }
            Err(NoGroup::Zeros) => return None,
            Err(NoGroup::Bad(found)) => return Some(found),
        }
    }
}

/// Stops for damage; else writes anew what may not be durable, without the torn tail.
fn cut_tail(
    segments: &Segments,
    numbers: &[u64],
    chain: &Chain,
    octets: Vec<u8>,
    broken: Option<String>,
) -> Result<Option<String>, JournalError> {
    let end = segments.position(chain.segment, chain.offset);
    let keep = chain.offset as usize;
    let mut dirty = Vec::new();
    let found = broken.unwrap_or_else(|| "zeros".to_owned());
    for &number in numbers.iter().filter(|&&number| number >= chain.segment) {
        let (rest, from) = if number == chain.segment {
            (
                octets.get(keep..).unwrap_or_default().to_vec(),
                chain.offset,
            )
        } else {
            let octets = segments.read_uncached(number)?;
            let from = SEGMENT_HEADER_BYTES;
            (octets[from as usize..].to_vec(), from)
        };
        if let Some(at) = proof_beyond(&rest, segments.lane, end) {
            let proof = segments.path(number);
            let found = format!(
                "{found} (the group at octet {} of {} says that this was durable)",
                from + at,
                proof.display()
            );
            return Err(segments.damaged(chain.segment, chain.offset, found));
        }
        if !is_zero(&rest) {
            dirty.push(number);
        }
    }
    // Later segments first: as long as the chain's end is as it was, a crash here changes nothing.
    let (first, _) = segments.place(chain.durable);
    for &number in dirty.iter().rev().filter(|&&n| n > chain.segment) {
        segments.make(number, &[])?;
    }
    for number in first..chain.segment {
        let octets = segments.read_uncached(number)?;
        segments.make(number, &octets[SEGMENT_HEADER_BYTES as usize..])?;
    }
    segments.make(chain.segment, &octets[SEGMENT_HEADER_BYTES as usize..keep])?;
    let place = segments.path(chain.segment);
    Ok((!dirty.is_empty()).then(|| {
        format!(
            "cut a torn tail in {} at octet {}: {found}; nobody had been told of it",
            place.display(),
            chain.offset
        )
    }))
}

/// A group header in `octets` that knew `end` to be durable, or more.
fn proof_beyond(octets: &[u8], lane: u64, end: Position) -> Option<u64> {
    let sectors = (0..octets.len()).step_by(SECTOR_BYTES as usize);
    let mut headers = sectors.map(|at| (at, GroupHeader::read(&octets[at..], lane)));
    headers.find_map(|(at, header)| (header?.durable > end).then_some(at as u64))
}
