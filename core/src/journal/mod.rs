//! The truth: records of facts with their final values, committed by group, replayed into views.

pub mod record;

pub use record::Record;

/// A partition: 0 is the registry, 1 to 255 hold mail. Order is promised only inside one.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, minicbor::Encode, minicbor::Decode,
)]
#[cbor(transparent)]
pub struct Partition(#[n(0)] pub u8);

impl Partition {
    /// Provider, domains, mailboxes, holders.
    pub const REGISTRY: Self = Self(0);
}

/// A place in a lane's journal: opaque, grows, may have holes. What lies before it is committed.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Default,
    minicbor::Encode,
    minicbor::Decode,
)]
#[cbor(transparent)]
pub struct Position(#[n(0)] pub u64);
