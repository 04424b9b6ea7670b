//! What every reader sees: rows in memory, published after the commit. Written behind to sled and to a
//! file per mailbox; both are rebuilt from the journal when missing or damaged.

pub mod memory;
pub mod row;

pub use memory::{FolderView, View};
pub use row::Row;
