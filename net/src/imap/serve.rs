//! The rim of the session machine: does its steps on a connection. Guarantees that nothing here waits
//! for the disk on the ring, that no octet of a message stays in memory beyond a chunk, and a deadline
//! on every wait for the client.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ceralacca_core::blob::BlobStore;
use ceralacca_core::limits;
use ceralacca_core::login::{Entry, Protocol, Refusal};
use ceralacca_core::mailbox::{Content, MailboxId};
use ceralacca_core::owner::Command;
use ceralacca_core::proof::Durable;
use ceralacca_core::rope::{Bookmark, Rope};
use ceralacca_core::state::State;
use ceralacca_core::view::View;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::codec::{Input, Reader};
use super::message::{Octets, ReadError, Store, Summaries};
use super::session::{Answer, Pace, Session, SpoolRefusal, Step};
use super::settings::Settings;
use super::wire::Wire;
use crate::conn::{ConnError, Connection};
use crate::ring::slots::Slot;
use crate::ring::spool::{Body, SpoolError};
use crate::shared::Shared;

/// Serves one client over TLS, to the end of the connection.
pub(crate) async fn run(connection: Connection, shared: Rc<Shared>) {
    let settings = Settings {
        host: shared.host.clone(),
        message_bytes_max: shared.state.policy().notice_bytes_max,
    };
    let store: Arc<dyn Store> = Arc::new(Stored {
        state: Arc::clone(&shared.state),
        summaries: Arc::clone(&shared.summaries),
    });
    let session = Session::new(store, Arc::new(settings));
    let mut rim = Rim {
        wire: Wire::new(connection),
        place: None,
        shared,
        reader: Reader::default(),
        login_until: Some(Instant::now() + Duration::from_secs(limits::IMAP_LOGIN_TIMEOUT_S)),
        entry: None,
    };
    // Whatever ended it is the client's or the line's doing, and nothing is left to do about it.
    let _ = rim.talk(session).await;
    rim.place = None;
    rim.wire.close().await;
}

/// Said to who may not stay.
const SIGNED_OUT: &str = "signed out: the access to this mailbox was changed";

struct Rim {
    wire: Wire,
    /// Among the connections of the account.
    place: Option<Slot<MailboxId>>,
    shared: Rc<Shared>,
    reader: Reader,
    /// Until login.
    login_until: Option<Instant>,
    /// How the client came in.
    entry: Option<Entry>,
}

impl Rim {
    async fn talk(&mut self, mut session: Session) -> Result<(), ConnError> {
        let mut step = Step::Read;
        loop {
            self.flush(&mut session).await?;
            step = match step {
                Step::Close => return Ok(()),
                Step::Produce(Pace::Here) => {
                    tokio::task::yield_now().await;
                    session.resume(Answer::Go)
                }
                Step::Produce(Pace::Aside) => match self.aside(session).await {
                    Some((back, next)) => {
                        session = back;
                        next
                    }
                    None => return Ok(()),
                },
                Step::Order(mailbox, order) => {
                    let answer = self.shared.ask(Command::Mailbox(mailbox, order)).await;
                    session.resume(Answer::Ordered(answer))
                }
                Step::Verify { name, password } => {
                    let peer = self.wire.peer();
                    let entry = self.shared.sign_in(Protocol::Imap, peer, &name, password);
                    let answer = self.verified(entry.await);
                    let next = session.resume(answer);
                    self.note_login(&session);
                    next
                }
                Step::Compress => self.compress(&mut session).await?,
                waits => match self.wait_for_client(&mut session, waits).await {
                    Err(ConnError::PeerSilent) => session.bye("silent for too long"),
                    other => other?,
                },
            };
        }
    }

    async fn wait_for_client(
        &mut self,
        session: &mut Session,
        step: Step,
    ) -> Result<Step, ConnError> {
        match step {
            Step::Spool { mailbox, .. } => self.spool(session, mailbox).await,
            Step::Idle => self.idle(session).await,
            Step::Line => {
                self.reader.expect_line(true);
                self.read(session).await
            }
            Step::Skip => {
                self.reader.refuse();
                self.read(session).await
            }
            _ => self.read(session).await,
        }
    }

    /// AC-14, AC-15: the protocol was switched off, or the password changed or revoked.
    fn is_out(&self) -> bool {
        let entry = self.entry.as_ref();
        entry.is_some_and(|entry| !self.shared.may_stay(entry))
    }

    /// Reads up to the next command, or the line that is waited for.
    async fn read(&mut self, session: &mut Session) -> Result<Step, ConnError> {
        loop {
            match self.next(session).await? {
                Some(Input::Command(_) | Input::Append { .. }) if self.is_out() => {
                    return Ok(session.bye(SIGNED_OUT));
                }
                Some(Input::Command(line)) if self.reader.expects_line() => {
                    self.reader.expect_line(false);
                    return Ok(session.line(&line));
                }
                Some(Input::Command(command)) => return Ok(session.command(&command)),
                Some(Input::Append { head, size, waits }) => {
                    return Ok(session.append(&head, size, waits));
                }
                Some(Input::Continue) => {
                    session.literal_awaited();
                    self.flush(session).await?;
                }
                Some(Input::TooLong { tag }) => return Ok(session.too_long(tag.as_deref())),
                Some(Input::Hopeless) => return Ok(session.bye("too much at once")),
                Some(Input::More | Input::Body(_) | Input::BodyEnd { .. }) => {}
                None => return Ok(Step::Close),
            }
        }
    }

    /// The next finding but [`Input::More`] and [`Input::Body`]; `None` once the client has ended. A
    /// stop of the appliance says goodbye.
    async fn next(&mut self, session: &mut Session) -> Result<Option<Input>, ConnError> {
        loop {
            while !self.wire.input().is_empty() {
                let (used, input) = self.reader.next(self.wire.input());
                self.wire.consume(used);
                if input != Input::More {
                    return Ok(Some(input));
                }
            }
            let deadline = self.deadline();
            let shared = Rc::clone(&self.shared);
            tokio::select! {
                filled = self.wire.fill_until(deadline) => {
                    if filled? == 0 {
                        return Ok(None);
                    }
                }
                () = shared.stopping() => {
                    session.bye("the server is stopping");
                    self.flush(session).await?;
                    return Ok(None);
                }
            }
        }
    }

    fn deadline(&self) -> Instant {
        let most = Duration::from_secs(limits::IMAP_IDLE_TIMEOUT_S);
        self.login_until.unwrap_or_else(|| Instant::now() + most)
    }

    /// Takes a place among the connections of the account (SE-10).
    fn verified(&mut self, entry: Result<Entry, Refusal>) -> Answer {
        let entry = match entry {
            Ok(entry) => entry,
            Err(refusal) => return Answer::Verified(Err(refusal)),
        };
        self.place = self.shared.session_of(entry.row.id);
        if self.place.is_none() {
            return Answer::Crowded;
        }
        let row = Arc::clone(&entry.row);
        self.entry = Some(entry);
        Answer::Verified(Ok(row))
    }

    /// The answer goes out as it is, and nothing after it.
    async fn compress(&mut self, session: &mut Session) -> Result<Step, ConnError> {
        let mailbox = session.mailbox();
        let place = mailbox.and_then(|mailbox| self.shared.compressed(mailbox));
        let next = session.resume(Answer::Compressed(place.is_some()));
        self.flush(session).await?;
        if let Some(place) = place {
            self.wire.compress(place);
        }
        Ok(next)
    }

    fn note_login(&mut self, session: &Session) {
        if session.mailbox().is_none() {
            self.place = None;
        } else {
            self.login_until = None;
            self.reader.trust();
        }
    }

    /// Reads the message of an APPEND into the spool.
    async fn spool(
        &mut self,
        session: &mut Session,
        mailbox: MailboxId,
    ) -> Result<Step, ConnError> {
        self.reader.accept();
        let row = self.shared.state.view().mailbox(mailbox);
        let slot = self.shared.message_from(mailbox);
        let begun = match (row, &slot) {
            _ if self.shared.state.has_room().is_err() => Err(SpoolError::NoSpace),
            (Some(row), Some(_)) => self.shared.spool.begin(row.partition).await,
            _ => Err(SpoolError::Busy),
        };
        let (mut body, mut refusal) = match begun {
            Ok(body) => (Some(body), None),
            Err(SpoolError::Busy) => (None, Some(SpoolRefusal::Busy)),
            Err(SpoolError::NoSpace) => (None, Some(SpoolRefusal::NoRoom)),
        };
        let whole = Instant::now() + Duration::from_secs(limits::IMAP_BODY_SECONDS_MAX);
        let clean = loop {
            if self.wire.input().is_empty() {
                let wait = Duration::from_secs(limits::IMAP_BODY_SILENCE_S);
                let until = whole.min(Instant::now() + wait);
                let filled = self.wire.fill_until(until).await;
                if !matches!(filled, Ok(1..)) {
                    give_up(body).await;
                    return filled.map(|_| Step::Close);
                }
            }
            let (used, input) = self.reader.next(self.wire.input());
            if let Input::Body(_) = input {
                let octets = self.wire.input().get(..used).unwrap_or_default();
                let has_nul = memchr::memchr(0, octets).is_some();
                refusal = refusal.or(has_nul.then_some(SpoolRefusal::Nul));
                if let Some(open) = body.as_mut().filter(|_| refusal.is_none())
                    && open.write(octets).await.is_err()
                {
                    refusal = Some(SpoolRefusal::NoRoom);
                }
            }
            self.wire.consume(used);
            match input {
                Input::BodyEnd { clean } => break clean,
                Input::Hopeless => {
                    give_up(body).await;
                    return Ok(session.bye("too much at once"));
                }
                _ => {}
            }
        };
        let refusal = refusal.or((!clean).then_some(SpoolRefusal::Trailing));
        Ok(session.resume(Answer::Spooled(settle(body, refusal).await)))
    }

    /// Waits for `DONE`, telling what changes meanwhile.
    async fn idle(&mut self, session: &mut Session) -> Result<Step, ConnError> {
        let Some(mailbox) = session.mailbox() else {
            return Ok(Step::Close);
        };
        let watch = self.shared.watch(mailbox);
        let shared = Rc::clone(&self.shared);
        let deadline = self.deadline();
        self.reader.expect_line(true);
        // What changed before the watch began.
        session.wake();
        loop {
            self.flush(session).await?;
            while !self.wire.input().is_empty() {
                let (used, input) = self.reader.next(self.wire.input());
                self.wire.consume(used);
                match input {
                    Input::Command(line) => {
                        self.reader.expect_line(false);
                        return Ok(session.line(&line));
                    }
                    Input::More => {}
                    _ => return Ok(session.bye("DONE was expected")),
                }
            }
            tokio::select! {
                filled = self.wire.fill_until(deadline) => {
                    if filled? == 0 {
                        return Ok(Step::Close);
                    }
                }
                () = watch.changed() => {
                    if self.is_out() {
                        return Ok(session.bye(SIGNED_OUT));
                    }
                    session.wake();
                }
                () = shared.stopping() => return Ok(session.bye("the server is stopping")),
            }
        }
    }

    /// Makes the next piece of an answer on a thread that may wait for the disk.
    async fn aside(&mut self, mut session: Session) -> Option<(Session, Step)> {
        let place = Arc::clone(&self.shared.aside).acquire_owned().await.ok()?;
        let made = tokio::task::spawn_blocking(move || {
            let step = session.resume(Answer::Go);
            drop(place);
            (session, step)
        });
        // A piece that failed by a bug ends its own session.
        made.await.ok()
    }

    async fn flush(&mut self, session: &mut Session) -> Result<(), ConnError> {
        let octets = session.output();
        match octets.is_empty() {
            true => Ok(()),
            false => self.wire.write_all(&octets).await,
        }
    }
}

async fn settle(
    body: Option<Body>,
    refusal: Option<SpoolRefusal>,
) -> Result<Durable<Content>, SpoolRefusal> {
    match (body, refusal) {
        (Some(body), None) => match body.finish().await {
            // The spool has synced the segment (see *Commit*, step 1). A crash from here on leaves
            // octets that no record names.
            Ok(blob) => Ok(Durable::after_sync(Content::Whole(blob.into_inner()))),
            Err(_) => Err(SpoolRefusal::NoRoom),
        },
        (body, refusal) => {
            give_up(body).await;
            Err(refusal.unwrap_or(SpoolRefusal::NoRoom))
        }
    }
}

async fn give_up(body: Option<Body>) {
    if let Some(body) = body {
        body.abandon().await;
    }
}

/// The appliance's state as a session reads it.
pub(crate) struct Stored {
    pub(crate) state: Arc<State>,
    pub(crate) summaries: Arc<Summaries>,
}

impl Store for Stored {
    fn view(&self) -> &View {
        self.state.view()
    }

    fn summaries(&self) -> &Summaries {
        &self.summaries
    }

    fn now(&self) -> ceralacca_core::instant::Instant {
        self.state.clock().now()
    }

    fn open(&self, content: Content) -> Result<Arc<dyn Octets>, ReadError> {
        let blobs = Arc::clone(self.state.blobs());
        let rope = blobs.rope(content)?;
        let bookmark = Mutex::default();
        Ok(Arc::new(StoredMessage {
            blobs,
            rope,
            bookmark,
        }))
    }
}

struct StoredMessage {
    blobs: Arc<BlobStore>,
    rope: Rope,
    /// Where the last reading ended: most go on there.
    bookmark: Mutex<Option<Bookmark>>,
}

impl Octets for StoredMessage {
    fn read_at(&self, at: u64, into: &mut [u8]) -> Result<usize, ReadError> {
        let mut bookmark = self.bookmark.lock();
        let octets = self
            .rope
            .read_on(&*self.blobs, &mut bookmark, at, into.len())?;
        let length = octets.len().min(into.len());
        into[..length].copy_from_slice(&octets[..length]);
        Ok(length)
    }
}
