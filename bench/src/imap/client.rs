//! An IMAP client that costs little: TLS, lines, literals that are counted and thrown away.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};

use super::Server;
use crate::sums::Trouble;

/// Longer than any server may think.
const ANSWER_WAIT: Duration = Duration::from_secs(300);

/// Whom to trust, and under which name.
#[derive(Clone)]
pub struct Trusted {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Trusted {
    /// Trusts the certificates of a PEM file for `host`.
    pub fn new(anchors: &Path, host: &str) -> Result<Self, Trouble> {
        let mut roots = RootCertStore::empty();
        for anchor in CertificateDer::pem_file_iter(anchors).map_err(of)? {
            roots.add(anchor.map_err(of)?).map_err(of)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(of)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            config: Arc::new(config),
            name: ServerName::try_from(host.to_owned()).map_err(of)?,
        })
    }
}

fn of(error: impl std::fmt::Display) -> Trouble {
    Trouble::from(format!("TLS: {error}"))
}

/// One connection.
pub struct Client {
    stream: BufReader<StreamOwned<ClientConnection, TcpStream>>,
    line: Vec<u8>,
}

/// What an answer was.
#[derive(Debug, Default)]
pub struct Answer {
    /// Untagged lines.
    pub lines: usize,
    /// Octets in literals.
    pub octets: u64,
    /// The last untagged line.
    pub last: String,
}

impl Client {
    /// Connects from any address, or from `source`, and reads the greeting.
    pub fn connect(server: &dyn Server, source: Option<IpAddr>) -> Result<Self, Trouble> {
        let socket = match source {
            None => TcpStream::connect(server.address())?,
            Some(source) => {
                let socket =
                    socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
                socket.bind(&SocketAddr::new(source, 0).into())?;
                socket.connect(&server.address().into())?;
                socket.into()
            }
        };
        Self::over(socket, server)
    }

    /// TLS over a socket, and the greeting.
    fn over(socket: TcpStream, server: &dyn Server) -> Result<Self, Trouble> {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(ANSWER_WAIT))?;
        let trusted = server.trusted();
        let tls = ClientConnection::new(trusted.config.clone(), trusted.name.clone());
        let stream = StreamOwned::new(tls.map_err(of)?, socket);
        let mut client = Self {
            stream: BufReader::with_capacity(64 * 1024, stream),
            line: Vec::new(),
        };
        client.read_line()?;
        Ok(client)
    }

    /// Connects and signs in.
    pub fn signed_in(server: &dyn Server, user: &str, password: &str) -> Result<Self, Trouble> {
        let mut client = Self::connect(server, None)?;
        client.command(&format!("LOGIN \"{user}\" \"{password}\""))?;
        Ok(client)
    }

    /// Connects to POP3 and signs in.
    pub fn of_maildrop(server: &dyn Server, user: &str, password: &str) -> Result<Self, Trouble> {
        let mut client = Self::over(TcpStream::connect(server.pop3())?, server)?;
        client.said_well(&format!("USER {user}"))?;
        client.said_well(&format!("PASS {password}"))?;
        Ok(client)
    }

    /// A command of POP3 whose answer is one line.
    pub fn said_well(&mut self, command: &str) -> Result<(), Trouble> {
        self.send(format!("{command}\r\n").as_bytes())?;
        self.read_line()?;
        if self.line.starts_with(b"+OK") {
            return Ok(());
        }
        let answer = String::from_utf8_lossy(&self.line);
        Err(Trouble::from(format!("{command}: {answer}")))
    }

    /// RETR; the octets of the message as they came.
    pub fn retrieve(&mut self, number: usize) -> Result<usize, Trouble> {
        self.said_well(&format!("RETR {number}"))?;
        let mut octets = 0;
        loop {
            self.read_line()?;
            if self.line == b".\r\n" {
                return Ok(octets);
            }
            octets += self.line.len();
        }
    }

    /// Sends a command and reads its answer, which must be OK.
    pub fn command(&mut self, command: &str) -> Result<Answer, Trouble> {
        self.send(format!("t {command}\r\n").as_bytes())?;
        self.answer(command)
    }

    /// Sends octets.
    pub fn send(&mut self, octets: &[u8]) -> Result<(), Trouble> {
        let stream = self.stream.get_mut();
        stream.write_all(octets)?;
        Ok(stream.flush()?)
    }

    /// Reads up to the tagged line.
    pub fn answer(&mut self, command: &str) -> Result<Answer, Trouble> {
        let mut answer = Answer::default();
        loop {
            self.read_line()?;
            if let Some(end) = self.line.strip_prefix(b"t ") {
                if end.starts_with(b"OK") {
                    return Ok(answer);
                }
                let end = String::from_utf8_lossy(end);
                return Err(Trouble::from(format!("{command}: {end}")));
            }
            if self.line.starts_with(b"* ") {
                answer.lines += 1;
                answer.last.clear();
                answer.last.push_str(&String::from_utf8_lossy(&self.line));
            }
            if let Some(size) = literal(&self.line) {
                let mut body = (&mut self.stream).take(size);
                answer.octets += std::io::copy(&mut body, &mut std::io::sink())?;
            }
        }
    }

    /// Reads lines up to one that contains `word`.
    pub fn wait_for(&mut self, word: &str) -> Result<(), Trouble> {
        loop {
            self.read_line()?;
            if memmem(&self.line, word.as_bytes()) {
                return Ok(());
            }
        }
    }

    fn read_line(&mut self) -> Result<(), Trouble> {
        self.line.clear();
        match self.stream.read_until(b'\n', &mut self.line)? {
            0 => Err(Trouble::from("the server ended the connection")),
            _ => Ok(()),
        }
    }
}

fn memmem(line: &[u8], word: &[u8]) -> bool {
    line.windows(word.len()).any(|part| part == word)
}

/// The size of the literal that a line announces.
fn literal(line: &[u8]) -> Option<u64> {
    let line = line.strip_suffix(b"}\r\n")?;
    let start = line.iter().rposition(|b| *b == b'{')?;
    std::str::from_utf8(&line[start + 1..]).ok()?.parse().ok()
}
