//! The rim of the session machine: does its steps on a connection. Guarantees that nothing here waits
//! for the disk on the ring, that no octet of a message stays in memory beyond a chunk, and a deadline on
//! every wait for the client. A session that ends without QUIT ends without a word (RFC 1939 §3).

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ceralacca_core::limits;
use ceralacca_core::login::{Entry, Protocol};
use ceralacca_core::owner::Command;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::codec::{Line, Lines};
use super::session::{Answer, Session, Step};
use super::settings::Settings;
use crate::conn::{ConnError, Connection};
use crate::imap::message::Store;
use crate::imap::serve::Stored;
use crate::shared::Shared;

/// Serves one client over TLS, to the end of the connection.
pub(crate) async fn run(connection: Connection, shared: Rc<Shared>) {
    let settings = Settings {
        host: shared.host.clone(),
    };
    let store: Arc<dyn Store> = Arc::new(Stored {
        state: Arc::clone(&shared.state),
        summaries: Arc::clone(&shared.summaries),
    });
    let session = Session::new(store, Arc::clone(&shared.maildrops), &settings);
    let mut rim = Rim {
        connection,
        shared,
        lines: Lines::default(),
        login_until: Instant::now() + Duration::from_secs(limits::POP3_LOGIN_TIMEOUT_S),
        entry: None,
    };
    // Whatever ended it is the client's or the line's doing, and nothing is left to do about it.
    let _ = rim.talk(session).await;
    rim.connection.close().await;
}

struct Rim {
    connection: Connection,
    shared: Rc<Shared>,
    lines: Lines,
    login_until: Instant,
    /// How the client came in.
    entry: Option<Entry>,
}

impl Rim {
    async fn talk(&mut self, mut session: Session) -> Result<(), ConnError> {
        let mut step = Step::Read;
        loop {
            // Answers to commands that came together leave together (PIPELINING).
            if session.has_much_output() {
                self.flush(&mut session).await?;
            }
            step = match step {
                Step::Read => self.read(&mut session).await?,
                Step::List => {
                    tokio::task::yield_now().await;
                    session.resume(Answer::Go)
                }
                Step::Fetch => match self.aside(session).await {
                    Some((back, next)) => {
                        session = back;
                        next
                    }
                    None => return Ok(()),
                },
                Step::Verify { name, password } => {
                    let peer = self.connection.peer().ip();
                    let entry = self.shared.sign_in(Protocol::Pop3, peer, &name, password);
                    let entry = entry.await;
                    self.entry = entry.as_ref().ok().cloned();
                    session.resume(Answer::Verified(entry.map(|entry| entry.row)))
                }
                Step::Order(mailbox, order) => {
                    let answer = self.shared.ask(Command::Mailbox(mailbox, order)).await;
                    session.resume(Answer::Ordered(answer))
                }
                Step::Close => return self.flush(&mut session).await,
            };
        }
    }

    /// Reads up to the next line; the end of the client, and a stop of the appliance, are a close.
    async fn read(&mut self, session: &mut Session) -> Result<Step, ConnError> {
        loop {
            let input = self.connection.input();
            let (used, line) = self.lines.next(input);
            let line = match line {
                Line::Whole(line) => Some(Some(Zeroizing::new(line.to_vec()))),
                Line::TooLong => Some(None),
                Line::Unfinished => None,
            };
            input.consume(used);
            let stays = |entry: &Entry| self.shared.may_stay(entry);
            if line.is_some() && !self.entry.as_ref().is_none_or(stays) {
                return Ok(session.signed_out());
            }
            match line {
                Some(Some(line)) => return Ok(session.line(&line)),
                Some(None) => return Ok(session.too_long()),
                None => {}
            }
            self.flush(session).await?;
            let idle = Duration::from_secs(limits::POP3_IDLE_TIMEOUT_S);
            let deadline = match session.is_open() {
                true => Instant::now() + idle,
                false => self.login_until,
            };
            let shared = Rc::clone(&self.shared);
            tokio::select! {
                filled = self.connection.fill_until(deadline) => {
                    if filled? == 0 {
                        return Ok(Step::Close);
                    }
                }
                () = shared.stopping() => return Ok(Step::Close),
            }
        }
    }

    /// Makes the next piece of a message on a thread that may wait for the disk.
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
            false => self.connection.write_all(&octets).await,
        }
    }
}
