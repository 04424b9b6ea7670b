//! A relay's backlog that is a map in memory: entries with generated texts, outcomes as the owner would
//! record them, and a clock that a test can set forward. For the relay without an appliance around it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use ceralacca_core::address::{Address, Domain};
use ceralacca_core::blob::{BlobError, BlobRead, BlobRef};
use ceralacca_core::instant::Instant;
use ceralacca_core::mailbox::Content;
use ceralacca_core::message_id::Identifier;
use ceralacca_core::owner::CommandError;
use ceralacca_core::ports::{Clock, SystemClock};
use ceralacca_core::queue::{DispatchClass, DispatchKey, DispatchOutcome, DispatchRow, Purpose};
use ceralacca_core::rope::Rope;
use ceralacca_net::relay::{Backlog, Follower, Recorded, RelaySettings, Running};

use crate::appliance::{DOMAIN, HOST};

const DAY: i64 = 24 * 60 * 60 * 1000;
/// Longer than any attempt takes here.
const WAIT: Duration = Duration::from_secs(60);

/// The system's clock, set forward.
#[derive(Debug, Default)]
pub struct ForwardClock(AtomicI64);

impl ForwardClock {
    /// Sets it forward.
    pub fn forward(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).expect("a short time");
        self.0.fetch_add(millis, Ordering::AcqRel);
    }
}

impl Clock for ForwardClock {
    fn now(&self) -> Instant {
        SystemClock
            .now()
            .plus_millis(self.0.load(Ordering::Acquire))
    }
}

#[derive(Default)]
struct Inside {
    rows: BTreeMap<DispatchKey, Arc<DispatchRow>>,
    outcomes: Vec<(DispatchKey, DispatchOutcome)>,
}

/// The backlog.
#[derive(Default)]
pub struct Outbox {
    inside: Mutex<Inside>,
    changed: Condvar,
    followers: Mutex<Vec<Follower>>,
    texts: Mutex<BTreeMap<ContentKey, Vec<u8>>>,
    next: AtomicU64,
    /// The clock of entries and of the relay.
    pub clock: Arc<ForwardClock>,
}

/// One message to be put into it.
#[derive(Debug, Clone)]
pub struct Posted<'a> {
    /// Reverse path; empty: `<>`.
    pub from: &'a str,
    /// Recipients.
    pub to: &'a [&'a str],
    /// The text.
    pub text: &'a [u8],
    /// How it must travel.
    pub class: DispatchClass,
}

impl Outbox {
    /// An empty one.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Settings of a relay for it: this name server, other servers at `port`.
    pub fn settings(&self, dns: SocketAddr, port: u16) -> RelaySettings {
        RelaySettings {
            host: HOST.to_owned(),
            dns: Some(dns),
            port,
            own: Vec::new(),
            certified_source: None,
            ordinary_source: None::<IpAddr>,
            dkim: None,
            connections_max: 20,
            connections_per_destination_max: 5,
            anchors: Vec::new(),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
        }
    }

    /// Starts a relay for it.
    pub fn relay(self: &Arc<Self>, settings: RelaySettings) -> Running {
        ceralacca_net::relay::start(settings, Arc::clone(self) as Arc<dyn Backlog>)
            .expect("a relay")
    }

    /// Queues a message; answers its entries' keys.
    pub fn post(&self, posted: &Posted) -> Vec<DispatchKey> {
        let number = self.next.fetch_add(1, Ordering::AcqRel);
        let content = Content::Whole(BlobRef {
            segment: 0,
            offset: number,
            length: posted.text.len() as u64,
        });
        self.texts
            .lock()
            .expect("sound")
            .insert(content_key(content), posted.text.to_vec());
        let now = self.clock.now();
        let key = |index: usize| DispatchKey {
            identifier: Identifier::parse(&format!("c{number:06}@{DOMAIN}")).expect("valid"),
            number: Purpose::Envelope.number(u16::try_from(index).expect("few")),
        };
        let address = |text: &str| Address::parse(text).expect("an address");
        let row = |to: &str| DispatchRow {
            at: now,
            until: now.plus_millis(DAY),
            content,
            size: posted.text.len() as u64,
            eight_bit: !posted.text.is_ascii(),
            reverse_path: (!posted.from.is_empty()).then(|| address(posted.from)),
            to: address(to),
            class: posted.class,
            purpose: Purpose::Envelope,
            attempts: 0,
            next: now,
            last: None,
            held: false,
            answers_to: None,
        };
        let entries = posted.to.iter().enumerate();
        let entries: Vec<_> = entries
            .map(|(index, to)| (key(index), Arc::new(row(to))))
            .collect();
        for (key, row) in &entries {
            self.inside
                .lock()
                .expect("sound")
                .rows
                .insert(key.clone(), Arc::clone(row));
            self.tell(key, Some(row));
        }
        entries.into_iter().map(|(key, _)| key).collect()
    }

    /// The outcomes recorded so far, in order.
    pub fn outcomes(&self) -> Vec<(DispatchKey, DispatchOutcome)> {
        self.inside.lock().expect("sound").outcomes.clone()
    }

    /// Waits until `count` outcomes are recorded.
    pub fn wait_for(&self, count: usize) -> Vec<(DispatchKey, DispatchOutcome)> {
        let deadline = std::time::Instant::now() + WAIT;
        let mut inside = self.inside.lock().expect("sound");
        while inside.outcomes.len() < count {
            let left = deadline.saturating_duration_since(std::time::Instant::now());
            assert!(
                !left.is_zero(),
                "of {count} outcomes came: {:?}",
                inside.outcomes
            );
            inside = self.changed.wait_timeout(inside, left).expect("sound").0;
        }
        inside.outcomes.clone()
    }

    /// Entries that wait.
    pub fn waiting(&self) -> BTreeMap<DispatchKey, Arc<DispatchRow>> {
        self.inside.lock().expect("sound").rows.clone()
    }

    fn tell(&self, key: &DispatchKey, row: Option<&Arc<DispatchRow>>) {
        for follower in self.followers.lock().expect("sound").iter() {
            follower(vec![(key.clone(), row.cloned())]);
        }
    }
}

/// `Content` has no order of its own.
fn content_key(content: Content) -> ContentKey {
    match content {
        Content::Whole(blob) | Content::Rope(blob) => blob.offset,
    }
}

type ContentKey = u64;

impl Backlog for Outbox {
    fn follow(&self, follower: Follower) {
        self.followers.lock().expect("sound").push(follower);
    }

    fn entries(&self) -> Vec<(DispatchKey, Arc<DispatchRow>)> {
        self.waiting().into_iter().collect()
    }

    fn record(&self, outcomes: Vec<(DispatchKey, DispatchOutcome)>, recorded: Recorded) {
        let mut changes = Vec::new();
        let mut inside = self.inside.lock().expect("sound");
        let message = outcomes.first().map(|(key, _)| key.identifier.clone());
        for (key, outcome) in outcomes {
            assert_eq!(
                Some(&key.identifier),
                message.as_ref(),
                "one message at a time"
            );
            let row = inside.rows.remove(&key).expect("an entry that waits");
            inside.outcomes.push((key.clone(), outcome.clone()));
            let row = match outcome {
                DispatchOutcome::Deferred { next, reply } => Some(Arc::new(DispatchRow {
                    attempts: row.attempts + 1,
                    next,
                    last: Some(reply),
                    ..DispatchRow::clone(&row)
                })),
                _ => None,
            };
            if let Some(row) = &row {
                inside.rows.insert(key.clone(), Arc::clone(row));
            }
            changes.push((key, row));
        }
        drop(inside);
        self.changed.notify_all();
        for (key, row) in &changes {
            self.tell(key, row.as_ref());
        }
        recorded(Ok::<(), CommandError>(()));
    }

    fn rope(&self, content: Content) -> Result<Rope, BlobError> {
        let texts = self.texts.lock().expect("sound");
        Ok(Rope::text(
            texts.get(&content_key(content)).expect("a text").clone(),
        ))
    }

    fn blobs(&self) -> &dyn BlobRead {
        &NoBlobs
    }

    fn is_our_domain(&self, domain: &Domain) -> bool {
        domain.as_str() == DOMAIN
    }

    fn fatal(&self, sentence: &str) {
        panic!("{sentence}");
    }
}

/// The texts are in the ropes.
struct NoBlobs;

impl BlobRead for NoBlobs {
    fn read_at(&self, _: BlobRef, _: u64, _: &mut [u8]) -> Result<usize, BlobError> {
        Ok(0)
    }
}
