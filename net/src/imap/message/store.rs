//! Where a session finds its mailbox: the published view and the stored octets. Implemented by the
//! appliance's state and, in tests, by a map.

use std::ops::Range;
use std::sync::Arc;

use ceralacca_core::blob::BlobError;
use ceralacca_core::instant::Instant;
use ceralacca_core::mailbox::Content;
use ceralacca_core::view::View;

use super::summaries::Summaries;

/// What a session reads from.
pub trait Store: Send + Sync {
    /// What is published.
    fn view(&self) -> &View;
    /// What was told of messages before.
    fn summaries(&self) -> &Summaries;
    /// The time (RFC 5032).
    fn now(&self) -> Instant;
    /// The octets of a stored message.
    fn open(&self, content: Content) -> Result<Arc<dyn Octets>, ReadError>;
}

/// One stored message.
pub trait Octets: Send + Sync {
    /// Reads up to `into.len()` octets from `at`; 0 only at the end.
    fn read_at(&self, at: u64, into: &mut [u8]) -> Result<usize, ReadError>;
}

/// A stored message cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The blob.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// It is shorter than its row says.
    #[error("a stored message ends at octet {0}, before its recorded size")]
    Short(u64),
}

/// Reads all of `range`.
pub fn read_range(octets: &dyn Octets, range: Range<u64>) -> Result<Vec<u8>, ReadError> {
    let length = range.end.saturating_sub(range.start);
    let mut read = vec![0; usize::try_from(length).map_err(|_| ReadError::Short(range.start))?];
    let mut done = 0;
    while done < read.len() {
        let at = range.start + done as u64;
        match octets.read_at(at, &mut read[done..])? {
            0 => return Err(ReadError::Short(at)),
            n => done += n,
        }
    }
    Ok(read)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_whole_or_not() {
        let octets = vec![7; 10_000];
        assert_eq!(read_range(&octets, 10..9_000).expect("there").len(), 8_990);
        assert!(matches!(
            read_range(&octets, 0..10_001),
            Err(ReadError::Short(10_000))
        ));
    }
}
