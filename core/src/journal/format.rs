//! The octets of the journal, all numbers little-endian. Pure: what a group looks like, and whether
//! given octets are one. Everything read is checked, whatever the octets are (see *Commit*).
//!
//! ```text
//! segment header, one sector      group header, 96 octets          record header, 40 octets
//!  0 magic "CRLCSEG1"              0 magic "CRLCGRP1"                0 partition, 1 zero
//!  8 lane, random                  8 lane                            2 kind (u16)
//! 16 number of the segment        16 epoch of the owner              4 length of the content (u32)
//! 24 octets of a segment          24 number, from 1                  8 sequence in the partition
//! 32 CRC-32C of 0..32             32 position known durable         16 frame: sequence of the first
//!                                 40 records, 44 octets of them        record of its batch
//!                                 48 SHA-256 of the group before    24 epoch, 32 zeros
//!                                 80 zeros, 92 CRC-32C of 0..92     36 CRC-32C of 0..36 and content
//! ```
//! A group begins on a sector, so that writing one never rewrites octets of another. The lane's random
//! number lets recovery tell a group from content that imitates one.

use super::{Partition, Position};
use crate::limits;

/// What a disk writes in one piece.
pub const SECTOR_BYTES: u64 = 512;
/// The segment header fills one sector.
pub const SEGMENT_HEADER_BYTES: u64 = SECTOR_BYTES;
/// Octets of a group before its first record.
pub const GROUP_HEADER_BYTES: usize = 96;
/// Octets before each record's content.
pub const RECORD_HEADER_BYTES: usize = 40;

const SEGMENT_MAGIC: &[u8; 8] = b"CRLCSEG1";
const GROUP_MAGIC: &[u8; 8] = b"CRLCGRP1";

/// SHA-256 of a group, without the zeros after it.
pub type GroupHash = [u8; 32];

/// The first sector of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Drawn at the lane's birth.
    pub lane: u64,
    /// From 0.
    pub number: u64,
    /// Octets of every segment of this lane.
    pub bytes: u64,
}

/// What stands before the records of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupHeader {
    /// The lane's number.
    pub lane: u64,
    /// The owner's epoch.
    pub epoch: u64,
    /// From 1, without holes.
    pub number: u64,
    /// All before it was durable when this group was written.
    pub durable: Position,
    /// Records in the group.
    pub records: u32,
    /// Octets of the records with their headers.
    pub length: u32,
    /// Of the group before; zeros in the first.
    pub previous: GroupHash,
}

/// What stands before the content of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHeader {
    /// Whose.
    pub partition: Partition,
    /// [`super::Record::kind`].
    pub kind: u16,
    /// In the partition, from 1.
    pub sequence: u64,
    /// Sequence of the first record of the batch that brought it.
    pub frame: u64,
    /// The owner's epoch.
    pub epoch: u64,
}

/// A record in a group that was read.
#[derive(Debug, Clone, Copy)]
pub struct Framed<'a> {
    /// Its header.
    pub header: RecordHeader,
    /// CBOR.
    pub content: &'a [u8],
    /// Octets from the start of the group to the record's end.
    pub end: u64,
}

/// A group that was read and checked.
#[derive(Debug)]
pub struct Group<'a> {
    /// Its header.
    pub header: GroupHeader,
    /// Its records.
    pub records: Vec<Framed<'a>>,
    octets: &'a [u8],
}

/// What is there instead of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoGroup {
    /// Zeros, as pre-written.
    Zeros,
    /// Something else, in words.
    Bad(String),
}

fn word32(octets: &[u8], at: usize) -> Option<u32> {
    octets
        .get(at..at + 4)?
        .try_into()
        .ok()
        .map(u32::from_le_bytes)
}

fn word64(octets: &[u8], at: usize) -> Option<u64> {
    octets
        .get(at..at + 8)?
        .try_into()
        .ok()
        .map(u64::from_le_bytes)
}

fn put(octets: &mut [u8], at: usize, value: &[u8]) {
    octets[at..at + value.len()].copy_from_slice(value);
}

/// All octets are zero.
pub fn is_zero(octets: &[u8]) -> bool {
    let (words, rest) = octets.as_chunks::<64>();
    words.iter().all(|word| word == &[0; 64]) && rest.iter().all(|&octet| octet == 0)
}

impl SegmentHeader {
    /// The sector.
    pub fn to_sector(self) -> [u8; SECTOR_BYTES as usize] {
        let mut sector = [0; SECTOR_BYTES as usize];
        put(&mut sector, 0, SEGMENT_MAGIC);
        put(&mut sector, 8, &self.lane.to_le_bytes());
        put(&mut sector, 16, &self.number.to_le_bytes());
        put(&mut sector, 24, &self.bytes.to_le_bytes());
        let checksum = crc32c::crc32c(&sector[..32]);
        put(&mut sector, 32, &checksum.to_le_bytes());
        sector
    }

    /// Reads a sector; `None` when it is no segment header.
    pub fn read(sector: &[u8]) -> Option<Self> {
        let intact = sector.get(..8)? == SEGMENT_MAGIC
            && word32(sector, 32)? == crc32c::crc32c(sector.get(..32)?);
        let header = Self {
            lane: word64(sector, 8)?,
            number: word64(sector, 16)?,
            bytes: word64(sector, 24)?,
        };
        intact.then_some(header)
    }
}

impl GroupHeader {
    fn to_bytes(self) -> [u8; GROUP_HEADER_BYTES] {
        let mut octets = [0; GROUP_HEADER_BYTES];
        put(&mut octets, 0, GROUP_MAGIC);
        put(&mut octets, 8, &self.lane.to_le_bytes());
        put(&mut octets, 16, &self.epoch.to_le_bytes());
        put(&mut octets, 24, &self.number.to_le_bytes());
        put(&mut octets, 32, &self.durable.0.to_le_bytes());
        put(&mut octets, 40, &self.records.to_le_bytes());
        put(&mut octets, 44, &self.length.to_le_bytes());
        put(&mut octets, 48, &self.previous);
        let checksum = crc32c::crc32c(&octets[..92]);
        put(&mut octets, 92, &checksum.to_le_bytes());
        octets
    }

    /// Reads a header; `None` when the octets are none of this lane.
    pub fn read(octets: &[u8], lane: u64) -> Option<Self> {
        let intact = octets.get(..8)? == GROUP_MAGIC
            && word64(octets, 8)? == lane
            && word32(octets, 92)? == crc32c::crc32c(octets.get(..92)?);
        let header = Self {
            lane,
            epoch: word64(octets, 16)?,
            number: word64(octets, 24)?,
            durable: Position(word64(octets, 32)?),
            records: word32(octets, 40)?,
            length: word32(octets, 44)?,
            previous: octets.get(48..80)?.try_into().ok()?,
        };
        intact.then_some(header)
    }
}

impl RecordHeader {
    /// Adds the record with its header to the records of a group.
    pub fn push(self, content: &[u8], records: &mut Vec<u8>) {
        let mut octets = [0; RECORD_HEADER_BYTES];
        octets[0] = self.partition.0;
        put(&mut octets, 2, &self.kind.to_le_bytes());
        put(&mut octets, 4, &(content.len() as u32).to_le_bytes());
        put(&mut octets, 8, &self.sequence.to_le_bytes());
        put(&mut octets, 16, &self.frame.to_le_bytes());
        put(&mut octets, 24, &self.epoch.to_le_bytes());
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&octets[..36]), content);
        put(&mut octets, 36, &checksum.to_le_bytes());
        records.extend_from_slice(&octets);
        records.extend_from_slice(content);
    }

    fn read(octets: &[u8]) -> Option<(Self, &[u8])> {
        let (header, after) = octets.split_at_checked(RECORD_HEADER_BYTES)?;
        let length = word32(header, 4)? as usize;
        let content = after.get(..length)?;
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&header[..36]), content);
        let intact = length <= limits::RECORD_BYTES_MAX && checksum == word32(header, 36)?;
        let this = Self {
            partition: Partition(header[0]),
            kind: u16::from_le_bytes(header.get(2..4)?.try_into().ok()?),
            sequence: word64(header, 8)?,
            frame: word64(header, 16)?,
            epoch: word64(header, 24)?,
        };
        intact.then_some((this, content))
    }
}

/// A whole group, padded with zeros to the sector, and its hash.
pub fn write_group(header: GroupHeader, records: &[u8]) -> (Vec<u8>, GroupHash) {
    let used = GROUP_HEADER_BYTES + records.len();
    let mut octets = Vec::with_capacity(used.next_multiple_of(SECTOR_BYTES as usize));
    octets.extend_from_slice(&header.to_bytes());
    octets.extend_from_slice(records);
    let hash = hash(&octets);
    octets.resize(used.next_multiple_of(SECTOR_BYTES as usize), 0);
    (octets, hash)
}

fn hash(octets: &[u8]) -> GroupHash {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, octets);
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}

/// Octets of a group with `records` octets of records, zeros after it included.
pub fn group_bytes(records: usize) -> u64 {
    ((GROUP_HEADER_BYTES + records) as u64).next_multiple_of(SECTOR_BYTES)
}

impl<'a> Group<'a> {
    /// Reads the group of `lane` at the start of `octets`, and checks every octet of it.
    pub fn read(octets: &'a [u8], lane: u64) -> Result<Self, NoGroup> {
        let bad = |what: &str| Err(NoGroup::Bad(what.to_owned()));
        let Some(header) = GroupHeader::read(octets, lane) else {
            let sector = &octets[..octets.len().min(SECTOR_BYTES as usize)];
            return match is_zero(sector) {
                true => Err(NoGroup::Zeros),
                false => bad("no group header with a good checksum"),
            };
        };
        let end = GROUP_HEADER_BYTES + header.length as usize;
        let Some(octets) = octets.get(..end) else {
            return bad("a group longer than its segment");
        };
        let mut records = Vec::new();
        let mut at = GROUP_HEADER_BYTES;
        while at < end {
            let Some((framed, content)) = RecordHeader::read(&octets[at..]) else {
                return bad("a record whose checksum is wrong");
            };
            at += RECORD_HEADER_BYTES + content.len();
            records.push(Framed {
                header: framed,
                content,
                end: at as u64,
            });
        }
        if records.len() != header.records as usize {
            return bad("a group with another number of records than it says");
        }
        Ok(Self {
            header,
            records,
            octets,
        })
    }

    /// What the next group names as the hash of the group before.
    pub fn hash(&self) -> GroupHash {
        hash(self.octets)
    }

    /// Octets on disk, zeros after it included.
    pub fn bytes(&self) -> u64 {
        (self.octets.len() as u64).next_multiple_of(SECTOR_BYTES)
    }
}
