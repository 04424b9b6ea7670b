//! A blocking connection, in clear or under TLS, read by lines and by counted octets.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// No answer in this time fails the test.
pub const ANSWER_WAIT: Duration = Duration::from_secs(60);

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// The connection.
pub struct Wire {
    stream: Stream,
    buffer: Vec<u8>,
    start: usize,
}

/// Whom to trust, and under which name the server is known.
#[derive(Clone, Debug)]
pub struct Trust {
    /// The evaluation authority, PEM.
    pub anchors_pem: Vec<u8>,
    /// The server's name.
    pub host: String,
}

impl Trust {
    fn config(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&self.anchors_pem) {
            roots.add(certificate.expect("PEM")).expect("an anchor");
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    }
}

/// Where a server listens; a port alone is one of 127.0.0.1.
#[derive(Debug, Clone, Copy)]
pub struct Place(pub SocketAddr);

impl From<u16> for Place {
    fn from(port: u16) -> Self {
        Self((Ipv4Addr::LOCALHOST, port).into())
    }
}

impl From<SocketAddr> for Place {
    fn from(address: SocketAddr) -> Self {
        Self(address)
    }
}

impl Wire {
    /// Connects in clear.
    pub fn plain(place: impl Into<Place>) -> io::Result<Self> {
        let stream = TcpStream::connect(place.into().0)?;
        stream.set_read_timeout(Some(ANSWER_WAIT))?;
        stream.set_write_timeout(Some(ANSWER_WAIT))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: Stream::Plain(stream),
            buffer: Vec::new(),
            start: 0,
        })
    }

    /// Connects under TLS, checking certificate and name.
    pub fn tls(place: impl Into<Place>, trust: &Trust) -> io::Result<Self> {
        Self::plain(place)?.upgrade(trust)
    }

    /// Goes on under TLS.
    pub fn upgrade(self, trust: &Trust) -> io::Result<Self> {
        let Stream::Plain(mut socket) = self.stream else {
            panic!("TLS is on already");
        };
        let name = ServerName::try_from(trust.host.clone()).map_err(io::Error::other)?;
        let mut client = ClientConnection::new(trust.config(), name).map_err(io::Error::other)?;
        while client.is_handshaking() {
            client.complete_io(&mut socket)?;
        }
        Ok(Self {
            stream: Stream::Tls(Box::new(StreamOwned::new(client, socket))),
            buffer: Vec::new(),
            start: 0,
        })
    }

    /// Sends all of `octets`.
    pub fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(s) => s.write_all(octets)?,
            Stream::Tls(s) => s.write_all(octets)?,
        }
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(s) => s.flush(),
            Stream::Tls(s) => s.flush(),
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        let mut chunk = [0u8; 16 * 1024];
        let read = match &mut self.stream {
            Stream::Plain(s) => s.read(&mut chunk)?,
            Stream::Tls(s) => s.read(&mut chunk)?,
        };
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.buffer.extend_from_slice(&chunk[..read]);
        Ok(())
    }

    /// One line without its CRLF. A bare LF is an error of the server's.
    pub fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut searched = self.start;
        loop {
            if let Some(at) = self.buffer[searched..].iter().position(|b| *b == b'\n') {
                let end = searched + at;
                assert!(
                    end > self.start && self.buffer[end - 1] == b'\r',
                    "a line without CR: {:?}",
                    String::from_utf8_lossy(&self.buffer[self.start..end])
                );
                let line = self.buffer[self.start..end - 1].to_vec();
                self.start = end + 1;
                return Ok(line);
            }
            let known = self.buffer.len() - self.start;
            self.fill()?;
            searched = self.start + known;
        }
    }

    /// Exactly `count` octets.
    pub fn octets(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() - self.start < count {
            self.fill()?;
        }
        let octets = self.buffer[self.start..self.start + count].to_vec();
        self.start += count;
        Ok(octets)
    }

    /// What is left to read until the peer closes.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.fill().is_ok() {}
        self.buffer.split_off(self.start)
    }
}
