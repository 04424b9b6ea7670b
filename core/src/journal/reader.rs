//! Reads the records of a lane from any position, beside its writer: it looks at nothing beyond the
//! position that it is given as the end, which is durable.

use super::format::{Group, NoGroup, SEGMENT_HEADER_BYTES};
use super::segment::Segments;
use super::{Entry, JournalError, Position, Record};

/// Reads a lane's records beside its writer.
#[derive(Debug, Clone)]
pub struct LaneReader {
    segments: Segments,
}

impl LaneReader {
    pub(super) fn new(segments: Segments) -> Self {
        Self { segments }
    }

    /// Every record after `from` and up to `until`, in order.
    pub fn replay(
        &self,
        from: Position,
        until: Position,
        each: &mut dyn FnMut(Entry) -> Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        let (mut segment, _) = self.segments.place(from);
        while self.segments.position(segment, SEGMENT_HEADER_BYTES) < until {
            let octets = self.segments.read(segment)?;
            self.replay_segment(segment, &octets, from, until, each)?;
            segment += 1;
        }
        Ok(())
    }

    fn replay_segment(
        &self,
        segment: u64,
        octets: &[u8],
        from: Position,
        until: Position,
        each: &mut dyn FnMut(Entry) -> Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        let mut offset = SEGMENT_HEADER_BYTES;
        while offset < self.segments.bytes && self.segments.position(segment, offset) < until {
            let group = match Group::read(&octets[offset as usize..], self.segments.lane) {
                Ok(group) => group,
                Err(NoGroup::Zeros) => return Ok(()), // the rest went to the next segment
                Err(NoGroup::Bad(found)) => {
                    return Err(self.segments.damaged(segment, offset, found));
                }
            };
            for framed in &group.records {
                let position = self.segments.position(segment, offset + framed.end);
                if position <= from {
                    continue;
                }
                let record = Record::from_bytes(framed.header.kind, framed.content);
                each(Entry {
                    position,
                    epoch: framed.header.epoch,
                    partition: framed.header.partition,
                    sequence: framed.header.sequence,
                    record: record.map_err(|source| JournalError::Record {
                        position: position.0,
                        source,
                    })?,
                })?;
            }
            offset += group.bytes();
        }
        Ok(())
    }
}
