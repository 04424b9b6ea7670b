//! The Unix socket in the data directory on which `serve` answers the other commands: JSON, one line
//! per request and per answer. Only the owner of the process and root are listened to, and who asked
//! goes into the history as its author. Sizes, numbers and waits are bounded.

mod client;
mod protocol;
mod server;
mod socket;

pub use client::{ControlError, Link};
pub use protocol::{
    Answer, CeremonyRequest, DirectoryRequest, DomainRequest, HolderChange, HsmRequest, KeyKind,
    MailboxRequest, OrdinaryWord, QuarantineRequest, QueueRequest, QueueWhich, QueueWord,
    ReceiptTypeWord, Request, StateWord, TaskRequest, TwoStepWord,
};
pub(crate) use server::operator;
pub use server::{ControlServer, Perform};
