//! Bodies: segments of blobs on disk, append only, each blob with a header that explains it. A record
//! never names a blob that is not durable. References are opaque to all but this room. A segment that grows
//! has zeros ahead of its end (`format::next_ground`): octets written over them are synced without a change of
//! the file itself. A start begins new segments, so zeros that a stop leaves stay where they are.

mod body;
pub mod format;
pub mod store;

pub use body::BodyAtHand;
pub use store::{BlobError, BlobStore};

/// Where the content of a blob lies. Opaque: only [`BlobStore`] reads its fields' meaning.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, minicbor::Encode, minicbor::Decode,
)]
pub struct BlobRef {
    /// The segment file.
    #[n(0)]
    pub segment: u64,
    /// Octets from the start of the segment to the blob's header.
    #[n(1)]
    pub offset: u64,
    /// Octets of content.
    #[n(2)]
    pub length: u64,
}

/// Reads blobs: the store, or a map in tests of pure rooms.
pub trait BlobRead: Sync {
    /// Reads up to `into.len()` octets of the content of `blob` from `at`; 0 only at its end.
    fn read_at(&self, blob: BlobRef, at: u64, into: &mut [u8]) -> Result<usize, BlobError>;

    /// The whole content of `blob` where it lies in memory already.
    fn at_hand(&self, _blob: BlobRef) -> Option<&[u8]> {
        None
    }
}
