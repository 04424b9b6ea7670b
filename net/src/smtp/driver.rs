//! Runs a session on a connection: reserves places before `354`, streams the body to disk, and answers
//! `250` only after the commit (AP-22), at both doors. What one [`Door`] does its own way stands in
//! `submission` and `incoming`. A connection that breaks before the end of its message queues nothing.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::Duration;

use ceralacca_core::blob::BlobRef;
use ceralacca_core::journal::Partition;
use ceralacca_core::limits;
use ceralacca_core::login::Refusal;
use ceralacca_core::owner::CommandError;
use ceralacca_core::proof::Durable;
use ceralacca_core::state::Place;
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

use super::repeat::KeyFinder;
use super::session::{Account, Action, Secret, Session, TLS_READY, Transaction, Waits};
use super::settings::Settings;
use crate::conn::{ConnError, Connection};
use crate::ring::spool::{Body, SpoolError};
use crate::shared::Shared;

/// Replies that wait to be sent together are sent at the latest from here on.
const REPLIES_BYTES_MAX: usize = 16 * 1024;
/// Left of the time to stop for saying goodbye.
const GOODBYE: Duration = Duration::from_secs(limits::LINGER_SECONDS_MAX + 1);

/// What the peer is told.
pub(super) type Reply = Cow<'static, str>;

const TOO_SLOW: &str = "421 4.4.2 Timeout, closing connection";
const STOPPING: &str = "421 4.3.2 Service shutting down, closing connection";
pub(super) const BUSY: &str = "451 4.3.2 Too much waiting work, try again later";
pub(super) const FAILED: &str = "451 4.3.0 Local error, try again later";

/// What a door does its own way.
pub(super) trait Door {
    /// Held from before `354` until the message is taken or given up.
    type Slot;

    /// The account that `name` and `password` open.
    async fn sign_in(&self, name: &str, password: Zeroizing<Vec<u8>>) -> Result<Account, Refusal>;

    /// Lets a message in, whose place is reserved: its home, and what it holds meanwhile.
    fn admit(&self, session: &Session) -> Result<(Partition, Self::Slot), Reply>;

    /// Commits a message whose body is durable; what is queued, or why not.
    async fn commit(
        &self,
        place: Place,
        body: Durable<BlobRef>,
        slot: Self::Slot,
        transaction: Transaction,
    ) -> Result<String, Reply>;
}

/// The settings of a session on `connection`.
pub(super) fn settings(
    connection: &Connection,
    shared: &Shared,
    message_bytes_max: u64,
) -> Settings {
    Settings {
        host: shared.host.clone(),
        message_bytes_max,
        peer: connection.peer().ip(),
        tls: connection.tls_version(),
    }
}

/// Speaks with the peer until one of the two ends it.
pub(super) async fn run(
    connection: Connection,
    shared: Rc<Shared>,
    session: Session,
    door: impl Door,
) {
    let mut driver = Driver {
        connection,
        shared,
        session,
        door,
        replies: Vec::new(),
        opened: None,
        times: Times::start(),
    };
    // However it ended, the peer knows; nothing was queued that was not answered.
    let _ = driver.converse().await;
    driver.abandon().await;
    driver.connection.close().await;
}

struct Driver<D: Door> {
    connection: Connection,
    shared: Rc<Shared>,
    session: Session,
    door: D,
    replies: Vec<u8>,
    opened: Option<Opened<D::Slot>>,
    times: Times,
}

/// What was opened for a message.
struct Opened<S> {
    place: Place,
    body: Body,
    slot: S,
    key: KeyFinder,
}

/// Since when things last.
struct Times {
    connected: Instant,
    command: Instant,
    body: Option<Instant>,
    stopping: Option<Instant>,
}

/// How the wait for octets ended.
enum Wait {
    Filled,
    Over,
}

impl<D: Door> Driver<D> {
    /// Until the session closes or the connection ends.
    async fn converse(&mut self) -> Result<(), ConnError> {
        loop {
            let step = self.session.step(self.connection.input());
            let Some(action) = step.action else {
                self.connection.input().consume(step.taken);
                self.flush().await?;
                match self.wait().await? {
                    Wait::Filled => continue,
                    Wait::Over => return self.flush().await,
                }
            };
            self.times.command = Instant::now();
            if let Action::Body(range) = action {
                self.take(range).await;
                self.connection.input().consume(step.taken);
                continue;
            }
            self.connection.input().consume(step.taken);
            match action {
                Action::Close => return self.flush().await,
                other => self.act(other).await?,
            }
        }
    }

    async fn act(&mut self, action: Action) -> Result<(), ConnError> {
        match action {
            Action::Reply(text) => self.reply(&text).await?,
            Action::StartTls => self.start_tls().await?,
            Action::Verify(name, Secret(password)) => {
                let account = self.sign_in(&name, password).await;
                self.session.signed_in(account);
            }
            Action::Open => {
                let opened = self.open().await;
                self.session.opened(opened);
            }
            Action::Commit(transaction) => {
                let outcome = self.commit(*transaction).await;
                self.session.committed(outcome);
            }
            Action::Abandon => self.abandon().await,
            // Both are the caller's.
            Action::Body(_) | Action::Close => {}
        }
        Ok(())
    }

    /// Waits for octets, for the time to run out, or for the stop.
    async fn wait(&mut self) -> Result<Wait, ConnError> {
        let waits = self.session.waits();
        if waits != Waits::Body {
            self.times.body = None;
            if self.shared.is_stopping() {
                self.say(STOPPING);
                return Ok(Wait::Over);
            }
        }
        loop {
            let deadline = self.times.deadline(waits);
            let filled = tokio::select! {
                filled = self.connection.fill_until(deadline) => filled,
                () = self.shared.stopping(), if self.times.stopping.is_none() => {
                    self.times.stopping = Some(Instant::now());
                    if waits == Waits::Body {
                        continue;
                    }
                    self.say(STOPPING);
                    return Ok(Wait::Over);
                }
            };
            return match filled {
                Ok(0) => Ok(Wait::Over),
                Ok(_) => Ok(Wait::Filled),
                Err(ConnError::PeerSilent) => {
                    let is_stop = self.times.stopping.is_some();
                    self.say(if is_stop { STOPPING } else { TOO_SLOW });
                    Ok(Wait::Over)
                }
                Err(e) => Err(e),
            };
        }
    }

    async fn reply(&mut self, text: &str) -> Result<(), ConnError> {
        self.say(text);
        if self.replies.len() >= REPLIES_BYTES_MAX {
            self.flush().await?;
        }
        Ok(())
    }

    fn say(&mut self, text: &str) {
        self.replies.extend_from_slice(text.as_bytes());
        self.replies.extend_from_slice(b"\r\n");
    }

    async fn flush(&mut self) -> Result<(), ConnError> {
        if !self.replies.is_empty() {
            let replies = std::mem::take(&mut self.replies);
            self.connection.write_all(&replies).await?;
        }
        Ok(())
    }

    async fn start_tls(&mut self) -> Result<(), ConnError> {
        self.flush().await?;
        self.connection
            .start_tls(&self.shared.tls, TLS_READY)
            .await?;
        self.session
            .tls_started(self.connection.tls_version().unwrap_or("TLS"));
        Ok(())
    }

    /// Each failure is answered later than the last.
    async fn sign_in(
        &mut self,
        name: &str,
        password: Zeroizing<Vec<u8>>,
    ) -> Result<Account, Refusal> {
        let account = self.door.sign_in(name, password).await;
        if account.is_err() {
            let times = u64::from(self.session.failures() + 1);
            sleep(Duration::from_millis(
                times * limits::SIGN_IN_FAILURE_DELAY_MS,
            ))
            .await;
        }
        account
    }

    /// A place in the backlog, then one for the body.
    async fn open(&mut self) -> Result<(), Reply> {
        let place = self.shared.state.reserve().map_err(refusal)?;
        let (home, slot) = self.door.admit(&self.session)?;
        let body = self.shared.spool.begin(home).await.map_err(no_room)?;
        let key = KeyFinder::default();
        self.opened = Some(Opened {
            place,
            body,
            slot,
            key,
        });
        Ok(())
    }

    async fn take(&mut self, range: std::ops::Range<usize>) {
        self.times.body_goes_on();
        let Some(opened) = self.opened.as_mut() else {
            return self.session.body_failed(FAILED.into());
        };
        let octets = self.connection.input().get(range).unwrap_or_default();
        opened.key.look(octets);
        if let Err(e) = opened.body.write(octets).await {
            self.abandon().await;
            self.session.body_failed(no_room(e));
        }
    }

    /// Body durable, then the record: `250` only after both.
    async fn commit(&mut self, mut transaction: Transaction) -> Result<String, Reply> {
        self.times.body = None;
        let Some(Opened {
            place,
            body,
            slot,
            key,
        }) = self.opened.take()
        else {
            return Err(FAILED.into());
        };
        transaction.key = key.found();
        // Crash from here to the owner's commit: a body that nobody names, and no `250`.
        let body = body.finish().await.map_err(no_room)?;
        self.door.commit(place, body, slot, transaction).await
    }

    async fn abandon(&mut self) {
        self.times.body = None;
        if let Some(Opened {
            place, body, slot, ..
        }) = self.opened.take()
        {
            drop(place);
            body.abandon().await;
            drop(slot);
        }
    }
}

impl Times {
    fn start() -> Self {
        let now = Instant::now();
        Self {
            connected: now,
            command: now,
            body: None,
            stopping: None,
        }
    }

    fn body_goes_on(&mut self) {
        self.body.get_or_insert_with(Instant::now);
    }

    fn deadline(&self, waits: Waits) -> Instant {
        let seconds = Duration::from_secs;
        let command = self.command + seconds(limits::SMTP_COMMAND_SECONDS_MAX);
        let waits_until = match waits {
            Waits::SignIn => {
                command.min(self.connected + seconds(limits::SMTP_SIGN_IN_SECONDS_MAX))
            }
            Waits::Command => command,
            Waits::Body => {
                let whole = self.body.unwrap_or(self.command);
                (whole + seconds(limits::SMTP_BODY_SECONDS_MAX))
                    .min(Instant::now() + seconds(limits::SMTP_BODY_PAUSE_SECONDS_MAX))
            }
        };
        let stop = |since: Instant| since + seconds(limits::STOP_SECONDS_MAX) - GOODBYE;
        self.stopping
            .map_or(waits_until, |since| waits_until.min(stop(since)))
    }
}

fn no_room(error: SpoolError) -> Reply {
    match error {
        SpoolError::Busy => BUSY.into(),
        SpoolError::NoSpace => "452 4.3.1 Insufficient storage for this message".into(),
    }
}

/// What the peer is told of a refused command.
pub(super) fn refusal(error: CommandError) -> Reply {
    match error {
        CommandError::Busy => BUSY,
        CommandError::ScannerAway => "451 4.7.1 Virus check not available, try again later",
        CommandError::DiskFull => "451 4.3.1 Insufficient storage, try again later",
        CommandError::Stopping => "451 4.3.2 Service shutting down, try again later",
        CommandError::NotInService(_) => "550 5.2.1 Mailbox is not in service",
        CommandError::NotFound(_) => "550 5.1.8 Sender mailbox does not exist any more",
        _ => FAILED,
    }
    .into()
}
