//! What every reader sees: rows in memory, published after the commit. Written behind to sled and to a
//! file per mailbox; both are rebuilt from the journal when missing or damaged.

mod apply;
pub mod behind;
mod gone;
pub mod marks;
pub mod memory;
pub mod row;

pub use apply::apply;
pub use behind::{Behind, Lag, Loaded, Store, ViewError, load};
pub use gone::Gone;
pub use memory::{FolderView, View};
pub use row::Row;
