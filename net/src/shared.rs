//! What all sessions of one ring hold in common: the state and how to ask it without blocking the ring,
//! the passwords, the way for bodies to the disk, and word of changed mailboxes and of the stop.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ceralacca_core::intake::{Arrival, TakenIn};
use ceralacca_core::limits;
use ceralacca_core::login::{Attempt, Entry, LoginRoom, Protocol, Refusal, Source};
use ceralacca_core::mailbox::MailboxId;
use ceralacca_core::owner::{Command, CommandError, Outcome, Reply, Submission};
use ceralacca_core::state::{Place, State};
use rustls::ServerConfig;
use tokio::sync::{Semaphore, oneshot, watch};
use zeroize::Zeroizing;

use crate::conn::within;
use crate::imap::message::Summaries;
use crate::pace::Paces;
use crate::pop3::maildrop::Maildrops;
use crate::ring::changes::{Changes, Watch};
use crate::ring::slots::{Slot, Slots, source};
use crate::ring::spool::Spool;
use crate::smtp::incoming::Examiner;
use crate::smtp::spf::SenderDomains;

/// Of one ring; sessions hold it in an `Rc`.
pub struct Shared {
    /// The appliance's state.
    pub state: Arc<State>,
    /// The way for bodies to the disk.
    pub spool: Spool,
    /// The server's name in greetings.
    pub host: String,
    /// For STARTTLS and implicit TLS.
    pub tls: Arc<ServerConfig>,
    /// Places for work of sessions that waits for the disk on threads of its own.
    pub(crate) aside: Arc<Semaphore>,
    /// What IMAP told of messages before.
    pub(crate) summaries: Arc<Summaries>,
    login: Arc<LoginRoom>,
    changes: Changes,
    under_way: Slots<MailboxId>,
    under_way_from: Slots<IpAddr>,
    sessions: Slots<MailboxId>,
    compressed: Slots<MailboxId>,
    /// Of all rings together.
    paces: Arc<Paces>,
    /// POP3 sessions of all rings together.
    pub(crate) maildrops: Arc<Maildrops>,
    /// `None` on a machine that does not say whom to ask.
    pub(crate) sender_domains: Option<Rc<SenderDomains>>,
    examiner: Arc<dyn Examiner>,
    /// Places for examinations.
    examined: Arc<Semaphore>,
    stopping: watch::Receiver<bool>,
}

impl Shared {
    /// Made on the ring's thread, inside its runtime.
    pub(crate) fn start(
        server: &crate::Server,
        (paces, maildrops): (Arc<Paces>, Arc<Maildrops>),
        stopping: watch::Receiver<bool>,
    ) -> Rc<Self> {
        Rc::new(Self {
            state: Arc::clone(&server.state),
            spool: Spool::start(Rc::new(Arc::clone(&server.state))),
            host: server.host.clone(),
            tls: Arc::clone(&server.tls),
            aside: Arc::new(Semaphore::new(limits::IMAP_ASIDE_PER_RING_MAX)),
            summaries: Arc::default(),
            login: Arc::clone(&server.login),
            changes: Changes::start(server.state.view()),
            under_way: Slots::new(limits::BODIES_PER_RING_MAX, limits::BODIES_PER_MAILBOX_MAX),
            under_way_from: Slots::new(limits::BODIES_PER_RING_MAX, limits::BODIES_PER_SOURCE_MAX),
            sessions: Slots::new(
                limits::CONNECTIONS_PER_RING_MAX,
                limits::IMAP_SESSIONS_PER_MAILBOX_MAX,
            ),
            compressed: Slots::new(
                limits::IMAP_COMPRESSED_PER_RING_MAX,
                limits::IMAP_COMPRESSED_PER_RING_MAX,
            ),
            paces,
            maildrops,
            sender_domains: SenderDomains::new(server.dns).ok().map(Rc::new),
            examiner: Arc::clone(&server.examiner),
            examined: Arc::new(Semaphore::new(
                limits::EXAMINED_AT_ONCE_PER_RING_MAX as usize,
            )),
            stopping,
        })
    }

    /// Who comes in by `name` (the full address, AC-05) and `password` from `peer`, or why nobody does;
    /// the time that it takes tells nothing about the mailbox.
    pub async fn sign_in(
        &self,
        protocol: Protocol,
        peer: IpAddr,
        name: &str,
        password: Zeroizing<Vec<u8>>,
    ) -> Result<Entry, Refusal> {
        let from = source(peer);
        if !self.paces.sign_ins.lock().take(from, Instant::now()) {
            return Err(Refusal::Busy);
        }
        let (reply, answer) = oneshot::channel();
        let reply = Box::new(move |entry| {
            // A session that went away needs no answer.
            let _ = reply.send(entry);
        });
        let attempt = Attempt {
            name: name.to_owned(),
            password,
            protocol,
            source: named(from),
        };
        self.login.sign_in(attempt, reply);
        answer.await.unwrap_or(Err(Refusal::Busy))
    }

    /// Whoever came in so may still be in: asked by open sessions before what they do next (AC-14).
    pub fn may_stay(&self, entry: &Entry) -> bool {
        entry.holds(self.state.view())
    }

    /// Sends a command and waits for its outcome without holding up the ring.
    pub async fn ask(&self, command: Command) -> Result<Outcome, CommandError> {
        let (reply, answer) = reply_here();
        self.state.send(command, reply);
        answer.await.unwrap_or(Err(CommandError::Stopping))
    }

    /// Sends a message in its reserved place and waits until it is committed.
    pub async fn submit(
        &self,
        place: Place,
        submission: Submission,
    ) -> Result<Outcome, CommandError> {
        let (reply, answer) = reply_here();
        self.state.submit(place, submission, reply);
        answer.await.unwrap_or(Err(CommandError::Stopping))
    }

    /// Has what arrived examined on a thread that may wait, beside a bounded number of others; `None`: no
    /// place or no answer in time.
    pub(crate) async fn examine(&self, place: Place, arrival: Arrival) -> Option<TakenIn> {
        let all = limits::EXAMINED_AT_ONCE_PER_RING_MAX;
        let further = arrival.body.length / limits::EXAMINED_BYTES_PER_PLACE;
        let places = u32::try_from(further + 1).map_or(all, |places| places.min(all));
        let most = Duration::from_secs(limits::EXAMINATION_PLACE_SECONDS_MAX);
        let places = Arc::clone(&self.examined).acquire_many_owned(places);
        let places = within(most, places).await?.ok()?;
        let examiner = Arc::clone(&self.examiner);
        let examined = tokio::task::spawn_blocking(move || {
            let taken_in = examiner.take_in(place, arrival);
            drop(places);
            taken_in
        });
        let most = Duration::from_secs(limits::EXAMINATION_SECONDS_MAX);
        // One that failed by a bug has no answer either.
        within(most, examined).await?.ok()
    }

    /// A place for one more message under way from `source` (SE-10).
    pub(crate) fn message_from_source(&self, source: IpAddr) -> Option<Slot<IpAddr>> {
        self.under_way_from.take(source)
    }

    /// Counts a message of `source`; `false` when its minute is used up (SE-10).
    pub(crate) fn is_in_pace(&self, source: IpAddr) -> bool {
        self.paces.arrivals.lock().take(source, Instant::now())
    }

    /// Counts a message that a mailbox hands in from `peer`; `false` when its minute, or that of all who
    /// send from there, is used up (SE-10).
    pub(crate) fn may_submit(&self, mailbox: MailboxId, peer: IpAddr) -> bool {
        let now = Instant::now();
        let own = self.paces.submissions.lock().take(mailbox, now);
        own && self.paces.handed_in.lock().take(source(peer), now)
    }

    /// A place for one more message under way from `mailbox` (SE-10).
    pub(crate) fn message_from(&self, mailbox: MailboxId) -> Option<Slot<MailboxId>> {
        self.under_way.take(mailbox)
    }

    /// A place for one more connection of the account of `mailbox` (SE-10).
    pub(crate) fn session_of(&self, mailbox: MailboxId) -> Option<Slot<MailboxId>> {
        self.sessions.take(mailbox)
    }

    /// A place for one more connection that is compressed.
    pub(crate) fn compressed(&self, mailbox: MailboxId) -> Option<Slot<MailboxId>> {
        self.compressed.take(mailbox)
    }

    /// Watches a mailbox from now on.
    pub fn watch(&self, mailbox: MailboxId) -> Watch {
        self.changes.watch(mailbox)
    }

    /// The appliance stops: finish what is under way and say goodbye.
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Waits for the stop. May be given up.
    pub async fn stopping(&self) {
        let mut stopping = self.stopping.clone();
        // The sender lives as long as the ring; should it be gone, that is a stop too.
        let _ = stopping.wait_for(|stop| *stop).await;
    }
}

/// As people read it: the network of one IPv6 customer with its length.
fn named(from: IpAddr) -> Source {
    let text = match from {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(network) => format!("{network}/64"),
    };
    Source(text.into())
}

fn reply_here() -> (Reply, oneshot::Receiver<Result<Outcome, CommandError>>) {
    let (sender, answer) = oneshot::channel();
    (Box::new(move |outcome| drop(sender.send(outcome))), answer)
}
