//! The state of an appliance, opened: what other crates hold. Commands go in through [`State::send`],
//! answers are read from [`State::view`] and bodies from [`State::blobs`].

use std::sync::Arc;

use crate::blob::BlobStore;
use crate::owner::{Command, CommandError, Outcome, Reply};
use crate::policy::Policy;
use crate::ports::Clock;
use crate::view::View;

/// Shared by all threads.
pub struct State {
    _private: (),
}

/// A place in the backlog and in the owner's queue, reserved before `354`; gives itself back when
/// dropped unused.
pub struct Place {
    _private: (),
}

impl State {
    /// What readers see.
    pub fn view(&self) -> &View {
        unimplemented!()
    }

    /// Bodies.
    pub fn blobs(&self) -> &Arc<BlobStore> {
        unimplemented!()
    }

    /// The time.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        unimplemented!()
    }

    /// The policy in force.
    pub fn policy(&self) -> Arc<Policy> {
        unimplemented!()
    }

    /// Reserves a place for one message: [`CommandError::Busy`] (`451 4.3.2`) past the backlog's bound,
    /// [`CommandError::DiskFull`] (`451 4.3.1`) below the disk's reserve.
    pub fn reserve(&self) -> Result<Place, CommandError> {
        unimplemented!()
    }

    /// Sends [`Command::Submit`] in a reserved place: this cannot be refused for want of room.
    pub fn submit(&self, _place: Place, _submission: crate::owner::Submission, _reply: Reply) {
        unimplemented!()
    }

    /// Sends any other command; `reply` gets [`CommandError::Busy`] at once when the queue is full.
    pub fn send(&self, _command: Command, _reply: Reply) {
        unimplemented!()
    }

    /// Sends and waits: for threads that may block.
    pub fn ask(&self, _command: Command) -> Result<Outcome, CommandError> {
        unimplemented!()
    }

    /// A body or the journal could not be made durable: stops the process with this sentence (design
    /// §5), in tests the simulated appliance.
    pub fn fatal(&self, _sentence: &str) -> ! {
        unimplemented!()
    }
}
