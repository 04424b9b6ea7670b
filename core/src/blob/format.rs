//! The octets of a blob segment, so that a segment explains itself: a segment header, then blobs, each
//! a header and its content, padded to eight octets.

use std::sync::LazyLock;

use crate::limits;

/// Octets of [`segment_header`].
pub const SEGMENT_HEADER_BYTES: u64 = 32;
/// Octets of [`blob_header`].
pub const BLOB_HEADER_BYTES: u64 = 32;

/// The first octets of segment number `segment`.
pub fn segment_header(segment: u64) -> [u8; SEGMENT_HEADER_BYTES as usize] {
    let mut header = [0; SEGMENT_HEADER_BYTES as usize];
    header[..8].copy_from_slice(b"CRLCBLB1");
    header[8..16].copy_from_slice(&segment.to_le_bytes());
    let checksum = crc32c::crc32c(&header[..16]);
    header[16..20].copy_from_slice(&checksum.to_le_bytes());
    header
}

/// The header of a blob of `length` octets whose content has CRC-32C `content_checksum`, at home in
/// partition `home`.
pub fn blob_header(home: u8, length: u64, content_checksum: u32) -> [u8; 32] {
    let mut header = [0; BLOB_HEADER_BYTES as usize];
    header[..4].copy_from_slice(b"blob");
    header[4] = home;
    header[8..16].copy_from_slice(&length.to_le_bytes());
    header[16..20].copy_from_slice(&content_checksum.to_le_bytes());
    let checksum = crc32c::crc32c(&header[..20]);
    header[20..24].copy_from_slice(&checksum.to_le_bytes());
    header
}

/// What a blob header says: home, length, checksum of the content. `None` when it is no header.
pub fn read_blob_header(header: &[u8; 32]) -> Option<(u8, u64, u32)> {
    let word = |at: usize| header[at..at + 4].try_into().map(u32::from_le_bytes).ok();
    let length = u64::from_le_bytes(header[8..16].try_into().ok()?);
    let intact = header[..4] == *b"blob" && word(20)? == crc32c::crc32c(&header[..20]);
    intact.then_some((header[4], length, word(16)?))
}

/// Octets of padding after `length` octets of content.
pub fn padding(length: u64) -> u64 {
    length.next_multiple_of(8) - length
}

/// Where zeros are to be laid next in a segment that is written up to `end` and has ground up to `ground`, if
/// any are: half of what is laid at a time is left at least.
pub fn next_ground(end: u64, ground: u64) -> Option<std::ops::Range<u64>> {
    let step = limits::BLOB_GROUND_BYTES;
    let from = ground.max(end);
    let is_wanted = end >= step && from < end + step / 2 && from < limits::BLOB_SEGMENT_BYTES_MAX;
    is_wanted.then(|| from..(from + step).min(limits::BLOB_SEGMENT_BYTES_MAX))
}

/// The zeros that are laid over `place`: asked of the system once and never written, so that they take no memory;
/// as a constant they would be in the program's file.
pub fn zeros(place: &std::ops::Range<u64>) -> &'static [u8] {
    static ZEROS: LazyLock<Vec<u8>> = LazyLock::new(|| vec![0; limits::BLOB_GROUND_BYTES as usize]);
    let length = usize::try_from(place.end - place.start).unwrap_or(0);
    ZEROS.get(..length).unwrap_or(&ZEROS)
}

/// The file name of a segment.
pub fn segment_name(segment: u64) -> String {
    format!("{segment:016x}.blob")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ground_is_laid_ahead_of_the_end_and_never_above_a_segment_s_bound() {
        let step = limits::BLOB_GROUND_BYTES;
        let most = limits::BLOB_SEGMENT_BYTES_MAX;
        assert_eq!(next_ground(step - 8, 0), None, "small segments stay small");
        assert_eq!(next_ground(step, 0), Some(step..2 * step));
        assert_eq!(next_ground(step + 8, 2 * step), None);
        assert_eq!(
            next_ground(step + step / 2 + 8, 2 * step),
            Some(2 * step..3 * step)
        );
        // A body that was longer than the ground.
        assert_eq!(next_ground(5 * step, 2 * step), Some(5 * step..6 * step));
        assert_eq!(next_ground(most - 16, 0), Some(most - 16..most));
        assert_eq!(next_ground(most - 16, most), None);
        assert_eq!(next_ground(most + 16, 0), None);
    }
}
