//! What the bench's program and its criterion benches share: the rooms of one message, each alone.

pub mod nobody;
pub mod rooms;
pub mod sums;
