//! A connection as a session sees it: opened octets in, octets out, plain or under TLS (rustls over
//! owned buffers). Guarantees bounded buffers, a deadline on every wait, and that [`Connection::fill`]
//! may be given up at any moment. Says nothing about what the octets mean.

use std::io::{self, BufRead};
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use ceralacca_core::limits;
use rustls::{ClientConfig, ClientConnection, ProtocolVersion, ServerConfig, ServerConnection};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::time::{Instant, timeout, timeout_at};

use crate::ring::stream::Stream;

/// Why a connection cannot go on. All are the peer's doing, or the line's.
#[derive(Debug, thiserror::Error)]
pub enum ConnError {
    /// Nothing came in the time allowed, or not the last of it; the connection can still be written to.
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
    tls: Option<Box<rustls::Connection>>,
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
        // What was large may stay so while it is used; a small use gives the room back.
        if self.octets.len() < limits::READ_BYTES_MIN {
            self.octets.shrink_to(limits::READ_BYTES_MIN);
        }
        self.octets.clear();
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
            // A peer that always has more for us may not outlive its time.
            if Instant::now() >= deadline {
                return Err(ConnError::PeerSilent);
            }
            let chunk = timeout_at(deadline, self.stream.chunk()).await;
            let Some(chunk) = chunk.map_err(|_| ConnError::PeerSilent)?? else {
                self.ended = true;
                break;
            };
            // From here to the return nothing waits: a chunk taken is a chunk opened.
            let opened = self.open(&chunk)?;
            self.stream.give_back(chunk);
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
                if taken == 0 {
                    return Err(io::Error::from(io::ErrorKind::WriteZero).into());
                }
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
        let tls = ServerConnection::new(Arc::clone(config))?;
        self.tls = Some(Box::new(tls.into()));
        self.shake_hands().await
    }

    /// As [`Connection::start_tls`], from the other side: the peer has said that it is ready.
    pub async fn connect_tls(
        &mut self,
        config: &Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<(), ConnError> {
        self.input.clear();
        self.stream.discard();
        let tls = ClientConnection::new(Arc::clone(config), name)?;
        self.tls = Some(Box::new(tls.into()));
        self.send_pending().await?;
        self.shake_hands().await
    }

    /// The certificates that the peer showed, its own first; empty in clear.
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        let tls = self.tls.as_ref();
        tls.and_then(|tls| tls.peer_certificates())
            .unwrap_or_default()
    }

    async fn shake_hands(&mut self) -> Result<(), ConnError> {
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
fn sealed(tls: &mut rustls::Connection) -> io::Result<Vec<u8>> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, Client};
    use std::net::Shutdown;
    use tokio_uring::net::TcpListener;

    /// Runs `serve` on one connection that `client` makes from a thread of its own.
    fn with_client<F, T>(client: impl FnOnce(SocketAddr) -> T + Send + 'static, serve: F) -> T
    where
        F: AsyncFnOnce(Connection),
        T: Send + 'static,
    {
        let ring = crate::ring::runtime().expect("a ring");
        ring.block_on(async move {
            let listener = TcpListener::bind(([127, 0, 0, 1], 0).into()).expect("bound");
            let address = listener.local_addr().expect("an address");
            let client = tokio::task::spawn_blocking(move || client(address));
            let (stream, peer) = listener.accept().await.expect("a client");
            serve(Connection::new(Stream::new(stream), peer)).await;
            // The ring must go on: a socket whose connection was dropped is closed there.
            client.await.expect("the client is content")
        })
    }

    async fn fill_to(connection: &mut Connection, length: usize) {
        while connection.input().len() < length {
            assert_ne!(connection.fill().await.expect("octets"), 0, "ended");
        }
    }

    #[test]
    fn a_fill_that_is_given_up_loses_nothing() {
        let (go, wait) = std::sync::mpsc::channel();
        let client = move |address| {
            let mut client = Client::plain(address);
            wait.recv().expect("the word");
            client.send("AAAA");
            client.send("BBBB");
            assert_eq!(client.read(2), b"OK");
        };
        with_client(client, async |mut connection| {
            for _ in 0..3 {
                tokio::select! {
                    _ = connection.fill() => panic!("nothing was sent"),
                    () = tokio::time::sleep(Duration::from_millis(1)) => {}
                }
            }
            go.send(()).expect("a client");
            fill_to(&mut connection, 8).await;
            assert_eq!(&**connection.input(), b"AAAABBBB");
            connection.write_all(b"OK").await.expect("written");
            connection.close().await;
        });
    }

    #[test]
    fn large_answers_cross_tls_whole_and_close_in_order() {
        const LENGTH: usize = 1 << 20;
        let tls = testing::tls();
        let config = Arc::clone(&tls.server);
        let client = move |address| {
            let mut client = Client::tls(address, &tls);
            client.send(vec![b'x'; LENGTH]);
            assert_eq!(client.read(LENGTH), vec![b'y'; LENGTH]);
            assert_eq!(client.line(), "", "ended in order");
        };
        with_client(client, async |mut connection| {
            connection
                .start_tls(&config, b"")
                .await
                .expect("a handshake");
            assert_eq!(connection.tls_version(), Some("TLSv1.3"));
            let mut taken = 0;
            while taken < LENGTH {
                taken += connection.fill().await.expect("octets");
                let length = connection.input().len();
                assert!(length <= limits::INPUT_BYTES_MAX);
                connection.input().consume(length);
            }
            connection
                .write_all(&vec![b'y'; LENGTH])
                .await
                .expect("written");
            connection.close().await;
        });
    }

    #[test]
    fn se_05_octets_before_the_handshake_are_forgotten() {
        let tls = testing::tls();
        let config = Arc::clone(&tls.server);
        let client = move |address| {
            let mut client = Client::plain(address);
            client.send("STARTTLS\r\nMAIL FROM:<evil@pec.example>\r\n");
            assert_eq!(client.line(), "220 ready");
            let mut client = client.start_tls(&tls);
            client.send("QUIT\r\n");
            client.line();
        };
        with_client(client, async |mut connection| {
            fill_to(&mut connection, 20).await;
            connection
                .start_tls(&config, b"220 ready\r\n")
                .await
                .expect("a handshake");
            assert!(connection.input().is_empty());
            fill_to(&mut connection, 6).await;
            assert_eq!(&**connection.input(), b"QUIT\r\n");
            connection.close().await;
        });
    }

    #[test]
    fn se_10_a_deadline_holds_for_a_peer_that_never_stops_too() {
        let client = move |address| {
            let mut client = Client::plain(address);
            client.send("AAAA");
            assert_eq!(client.read(2), b"OK");
        };
        with_client(client, async |mut connection| {
            fill_to(&mut connection, 4).await;
            connection.write_all(b"OK").await.expect("written");
            // The end of the stream is there to be read by now, or soon.
            tokio::time::sleep(Duration::from_millis(1)).await;
            let late = connection.fill_until(Instant::now()).await;
            assert!(matches!(late, Err(ConnError::PeerSilent)));
            connection.close().await;
        });
    }

    #[test]
    fn silence_and_the_end_are_told_apart() {
        let (go, wait) = std::sync::mpsc::channel();
        let client = move |address| {
            let client = Client::plain(address);
            wait.recv().expect("the word");
            drop(client);
        };
        with_client(client, async |mut connection| {
            connection.set_silence(Duration::from_millis(5));
            assert!(matches!(
                connection.fill().await,
                Err(ConnError::PeerSilent)
            ));
            go.send(()).expect("a client");
            connection.set_silence(Duration::from_secs(60));
            assert!(matches!(connection.fill().await, Ok(0)));
            assert!(matches!(connection.fill().await, Ok(0)), "and stays ended");
            connection.close().await;
        });
    }

    #[test]
    fn a_peer_that_takes_nothing_is_cut_off() {
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let client = move |address| {
            let client = std::net::TcpStream::connect(address).expect("connected");
            wait.recv().expect("the word");
            client.shutdown(Shutdown::Both).ok();
        };
        with_client(client, async |connection| {
            let octets = vec![0; 64 << 20];
            let late = Duration::from_millis(50);
            let written = connection.stream.write_all(octets, late).await;
            let kind = written.expect_err("stalled").kind();
            assert_eq!(kind, io::ErrorKind::TimedOut);
            go.send(()).expect("a client");
            connection.close().await;
        });
    }

    #[test]
    fn a_session_that_does_not_consume_is_bounded() {
        let client = move |address| {
            let mut client = std::net::TcpStream::connect(address).expect("connected");
            // The server ends this: an error is what is wanted.
            let _ = io::Write::write_all(&mut client, &vec![b'x'; 8 << 20]);
        };
        with_client(client, async |mut connection| {
            let error = loop {
                match connection.fill().await {
                    Ok(length) => assert_ne!(length, 0),
                    Err(e) => break e,
                }
            };
            assert!(matches!(error, ConnError::PeerFlooded));
            let most = limits::INPUT_BYTES_MAX + limits::READ_BYTES_MAX;
            assert!(connection.input().len() <= most);
            drop(connection);
        });
    }
}
