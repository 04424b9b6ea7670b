//! What the relay needs of the appliance's state: the entries, their changes, where outcomes are recorded,
//! and the octets. A trait, so that the relay can be tested against a state that is a map.

use std::sync::Arc;

use ceralacca_core::address::Domain;
use ceralacca_core::blob::{BlobError, BlobRead};
use ceralacca_core::mailbox::Content;
use ceralacca_core::owner::CommandError;
use ceralacca_core::queue::{DispatchKey, DispatchOutcome, DispatchRow};
use ceralacca_core::rope::Rope;
use ceralacca_core::state::State;
use ceralacca_core::view::memory::DispatchChange;

/// An entry that is new or changed, or gone.
pub type Change = (DispatchKey, Option<Arc<DispatchRow>>);
/// Told of changes once they are durable, of those that became so together at once: the recipients of a
/// message leave in one transaction (TC-03); must not block.
pub type Follower = Arc<dyn Fn(Vec<Change>) + Send + Sync>;
/// Told once whether outcomes are recorded.
pub type Recorded = Box<dyn FnOnce(Result<(), CommandError>) + Send>;

/// The queue as the appliance keeps it.
pub trait Backlog: Send + Sync + 'static {
    /// From now on `follower` is told of every change. Called once, before [`Backlog::entries`].
    fn follow(&self, follower: Follower);
    /// All entries.
    fn entries(&self) -> Vec<(DispatchKey, Arc<DispatchRow>)>;
    /// Records outcomes, all of one message; must not block.
    fn record(&self, outcomes: Vec<(DispatchKey, DispatchOutcome)>, recorded: Recorded);
    /// The pieces of a message; may wait for the disk.
    fn rope(&self, content: Content) -> Result<Rope, BlobError>;
    /// Their octets.
    fn blobs(&self) -> &dyn BlobRead;
    /// A domain of ours: its DKIM record names our key.
    fn is_our_domain(&self, domain: &Domain) -> bool;
    /// The relay failed by a bug: nothing may go on.
    fn fatal(&self, sentence: &str);
}

impl Backlog for State {
    fn follow(&self, follower: Follower) {
        let tell = move |changes: &[DispatchChange<'_>]| {
            let owned = |(key, row): &DispatchChange<'_>| {
                ((*key).clone(), row.map(|row| Arc::new(row.clone())))
            };
            follower(changes.iter().map(owned).collect());
        };
        self.view().watch_dispatches(Arc::new(tell));
    }

    fn entries(&self) -> Vec<(DispatchKey, Arc<DispatchRow>)> {
        self.view().with_work(|work| {
            let entries = work.dispatches.iter();
            entries
                .map(|(key, row)| (key.clone(), Arc::clone(row)))
                .collect()
        })
    }

    fn record(&self, outcomes: Vec<(DispatchKey, DispatchOutcome)>, recorded: Recorded) {
        let reply = Box::new(move |outcome: Result<_, _>| recorded(outcome.map(drop)));
        self.dispatched(outcomes, reply);
    }

    fn rope(&self, content: Content) -> Result<Rope, BlobError> {
        self.blobs().rope(content)
    }

    fn blobs(&self) -> &dyn BlobRead {
        &**State::blobs(self)
    }

    fn is_our_domain(&self, domain: &Domain) -> bool {
        self.view().domain(domain).is_some()
    }

    fn fatal(&self, sentence: &str) {
        State::fatal(self, sentence);
    }
}
