//! A connection as a session sees it: opened octets in, octets out, plain or under TLS (rustls over
//! owned buffers). Guarantees bounded buffers, a deadline on every wait, and that [`Connection::fill`]
//! may be given up at any moment. Says nothing about what the octets mean.

use std::io::{self, BufRead};
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use ceralacca_core::limits;
use rustls::{ProtocolVersion, ServerConfig, ServerConnection};
use tokio::time::{Instant, timeout, timeout_at};

use crate::ring::stream::Stream;

/// Why a connection cannot go on. All are the peer's doing, or the line's.
#[derive(Debug, thiserror::Error)]
pub enum ConnError {
    /// Nothing came in the time allowed; the connection can still be written to.
    #[error("the peer was silent for too long")]
    PeerSilent,
    /// The peer did not take our octets.
    #[error("the peer does not take what is sent to it")]
    PeerStalled,
    /// More octets are unconsumed than the bound allows.
    #[error("the peer sent more than its session takes")]
    PeerFlooded,
    /// The peer's TLS is wrong.
    #[error("TLS with the peer failed: {0}")]
    PeerTls(#[from] rustls::Error),
    /// The connection broke or ended.
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
}

/// Octets received and not yet consumed.
#[derive(Debug, Default)]
pub struct Input {
    octets: Vec<u8>,
    start: usize,
}

/// One connection.
pub struct Connection {
    stream: Stream,
    peer: SocketAddr,
    tls: Option<Box<ServerConnection>>,
    input: Input,
    silence: Duration,
    ended: bool,
}

impl Input {
    /// Forgets the first `length` octets.
    pub fn consume(&mut self, length: usize) {
        self.start = (self.start + length).min(self.octets.len());
        if self.start == self.octets.len() {
            self.clear();
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.octets.clear();
        self.octets.shrink_to(limits::READ_BYTES_MIN);
        self.start = 0;
    }

    fn append(&mut self, octets: &[u8]) {
        if self.start > 0 {
            self.octets.drain(..self.start);
            self.start = 0;
        }
        self.octets.extend_from_slice(octets);
    }
}

impl Deref for Input {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.octets.get(self.start..).unwrap_or_default()
    }
}

impl Connection {
    /// A plain connection over `stream`.
    pub(crate) fn new(stream: Stream, peer: SocketAddr) -> Self {
        Self {
            stream,
            peer,
            tls: None,
            input: Input::default(),
            silence: Duration::from_secs(limits::SMTP_COMMAND_SECONDS_MAX),
            ended: false,
        }
    }

    /// The peer's address.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Octets travel encrypted.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// `TLSv1.2` or `TLSv1.3`; `None` on a plain connection.
    pub fn tls_version(&self) -> Option<&'static str> {
        match self.tls.as_ref()?.protocol_version()? {
            ProtocolVersion::TLSv1_2 => Some("TLSv1.2"),
            ProtocolVersion::TLSv1_3 => Some("TLSv1.3"),
            _ => None,
        }
    }

    /// From now on [`Connection::fill`] gives up after so much silence.
    pub fn set_silence(&mut self, most: Duration) {
        self.silence = most;
    }

    /// What came and was not consumed.
    pub fn input(&mut self) -> &mut Input {
        &mut self.input
    }

    /// Waits for octets and appends them to [`Connection::input`]; 0 once the peer has ended. May stand
    /// in a `select!` and be given up without loss.
    pub async fn fill(&mut self) -> Result<usize, ConnError> {
        self.fill_until(Instant::now() + self.silence).await
    }

    /// [`Connection::fill`] with a deadline of its own.
    pub async fn fill_until(&mut self, deadline: Instant) -> Result<usize, ConnError> {
        if self.input.len() >= limits::INPUT_BYTES_MAX {
            return Err(ConnError::PeerFlooded);
        }
        while !self.ended {
            let chunk = timeout_at(deadline, self.stream.chunk()).await;
            let Some(chunk) = chunk.map_err(|_| ConnError::PeerSilent)?? else {
                self.ended = true;
                break;
            };
            // From here to the return nothing waits: a chunk taken is a chunk opened.
            let opened = self.open(&chunk)?;
            if opened > 0 {
                return Ok(opened);
            }
        }
        Ok(0)
    }

    /// Sends all octets. Not to be given up; a peer that takes nothing for
    /// [`limits::WRITE_SECONDS_MAX`] is cut off.
    pub async fn write_all(&mut self, octets: &[u8]) -> Result<(), ConnError> {
        for piece in octets.chunks(limits::WRITE_BYTES_MAX) {
            let Some(tls) = self.tls.as_mut() else {
                self.send(piece.to_vec()).await?;
                continue;
            };
            let mut rest = piece;
            while !rest.is_empty() {
                let taken = io::Write::write(&mut tls.writer(), rest)?;
                rest = rest.get(taken..).unwrap_or_default();
                let sealed = sealed(tls)?;
                self.stream
                    .write_all(sealed, Duration::from_secs(limits::WRITE_SECONDS_MAX))
                    .await
                    .map_err(stalled)?;
            }
        }
        Ok(())
    }

    /// Forgets all that came so far (SE-05: no octet sent before the handshake may count after it),
    /// sends `ready` in clear, and does the handshake.
    pub async fn start_tls(
        &mut self,
        config: &Arc<ServerConfig>,
        ready: &[u8],
    ) -> Result<(), ConnError> {
        self.input.clear();
        self.stream.discard();
        if !ready.is_empty() {
            self.write_all(ready).await?;
        }
        self.tls = Some(Box::new(ServerConnection::new(Arc::clone(config))?));
        let deadline = Instant::now() + Duration::from_secs(limits::HANDSHAKE_SECONDS_MAX);
        while self.is_handshaking() {
            let chunk = timeout_at(deadline, self.stream.chunk()).await;
            let chunk = chunk.map_err(|_| ConnError::PeerSilent)??;
            let chunk = chunk.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
            let opened = self.open(&chunk);
            // An alert that explains a failure goes out before the failure is told.
            self.send_pending().await?;
            opened?;
        }
        Ok(())
    }

    /// Says goodbye and ends the connection in order.
    pub async fn close(mut self) {
        if let Some(tls) = self.tls.as_mut() {
            tls.send_close_notify();
        }
        let linger = Duration::from_secs(limits::LINGER_SECONDS_MAX);
        let pending = self.tls.as_mut().map(|tls| sealed(tls));
        if let Some(Ok(octets)) = pending
            && !octets.is_empty()
            && self.stream.write_all(octets, linger).await.is_err()
        {
            return;
        }
        self.stream.close().await;
    }

    fn is_handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_handshaking())
    }

    async fn send_pending(&mut self) -> Result<(), ConnError> {
        match self.tls.as_mut() {
            Some(tls) if tls.wants_write() => {
                let octets = sealed(tls)?;
                self.send(octets).await
            }
            _ => Ok(()),
        }
    }

    async fn send(&mut self, octets: Vec<u8>) -> Result<(), ConnError> {
        let within = Duration::from_secs(limits::WRITE_SECONDS_MAX);
        let sent = self.stream.write_all(octets, within).await;
        sent.map(drop).map_err(stalled)
    }

    /// Opens one chunk into the input; answers how many octets that added.
    fn open(&mut self, chunk: &[u8]) -> Result<usize, ConnError> {
        let Some(tls) = self.tls.as_mut() else {
            self.input.append(chunk);
            return Ok(chunk.len());
        };
        let before = self.input.len();
        let mut rest = chunk;
        while !rest.is_empty() && !self.ended {
            tls.read_tls(&mut rest)?;
            let state = tls.process_new_packets()?;
            self.ended = state.peer_has_closed();
            let mut reader = tls.reader();
            let mut left = state.plaintext_bytes_to_read();
            while left > 0 {
                let opened = reader.fill_buf()?;
                let length = opened.len();
                if length == 0 {
                    break;
                }
                self.input.append(opened);
                reader.consume(length);
                left = left.saturating_sub(length);
            }
        }
        Ok(self.input.len() - before)
    }
}

/// What TLS has ready to be sent.
fn sealed(tls: &mut ServerConnection) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut octets)?;
    }
    Ok(octets)
}

fn stalled(error: io::Error) -> ConnError {
    match error.kind() {
        io::ErrorKind::TimedOut => ConnError::PeerStalled,
        _ => ConnError::Broken(error),
    }
}

/// Waits at most `most` for `answer`: for waits that hold no ring operation.
pub(crate) async fn within<F: Future>(most: Duration, answer: F) -> Option<F::Output> {
    timeout(most, answer).await.ok()
}
