//! Records of the appliance itself.

use crate::instant::Instant;

/// The appliance started; the first record of each run.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Started {
    /// When.
    #[n(0)]
    pub at: Instant,
    /// The program's version.
    #[n(1)]
    pub version: String,
    /// The epoch of this owner: one more than the last.
    #[n(2)]
    pub epoch: u64,
}
