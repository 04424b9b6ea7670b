//! Records of tasks.

use super::Change;
use crate::task::{TaskKey, TaskRow};

/// An operator has to look into something.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct TaskOpened {
    /// Which.
    #[n(0)]
    pub key: TaskKey,
    /// What.
    #[n(1)]
    pub row: TaskRow,
}

/// An operator has looked into it.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct TaskSettled {
    /// Which.
    #[n(0)]
    pub key: TaskKey,
    /// When, who, and what was found.
    #[n(1)]
    pub change: Change,
}
