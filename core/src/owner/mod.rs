//! The owner: one thread that decides every command against the newest state, undurable records
//! included, and adds the records to the open group; the writer commits; then rows are published and
//! replies go out, in this order (see *Commit*).

mod arrival;
pub(crate) mod book;
mod command;
mod decide;
mod message;
mod relay;
mod repeat;
mod task;
#[cfg(test)]
mod tests;
mod thread;
mod timer;
mod warning;

pub use command::{
    Command, CommandError, FailOrder, MailboxOrder, MatchOrder, Outcome, ReceiptContent,
    RegistryOrder, Reply, SUBMISSION_KEY_FIELD, StoreOrder, Submission, WarnOrder,
};
pub use decide::{Circumstances, Decision, decide};
pub use thread::Message;
pub(crate) use thread::{Inboxes, Owner};
