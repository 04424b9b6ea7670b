//! For tests on loopback: a certificate made by OpenSSL for this run, and a blocking client that speaks
//! in lines, plain or under TLS.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};

/// Both ends of TLS for `localhost`.
pub(crate) struct Tls {
    pub(crate) server: Arc<ServerConfig>,
    pub(crate) client: Arc<ClientConfig>,
}

/// Makes a key and a certificate that the client trusts.
pub(crate) fn tls() -> Tls {
    let folder = tempfile::tempdir().expect("a folder");
    let (key, chain) = (folder.path().join("key"), folder.path().join("chain"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&chain)
        .args(["-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .output()
        .expect("openssl runs");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let chain = std::fs::read(chain).expect("a certificate");
    let key = std::fs::read(key).expect("a key");
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(&chain).expect("PEM");
    roots.add(certificate).expect("an anchor");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Tls {
        server: crate::tls::server_config_from_pem(&chain, &key).expect("a configuration"),
        client: Arc::new(client),
    }
}

trait Line: Read + Write + Send {}
impl<T: Read + Write + Send> Line for T {}

/// A client; every wait ends after a minute.
pub(crate) struct Client {
    stream: BufReader<Box<dyn Line>>,
    socket: TcpStream,
}

impl Client {
    pub(crate) fn plain(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).expect("connected");
        let minute = Some(Duration::from_secs(60));
        socket.set_read_timeout(minute).expect("a time");
        socket.set_write_timeout(minute).expect("a time");
        let stream = socket.try_clone().expect("a handle");
        Self {
            stream: BufReader::new(Box::new(stream)),
            socket,
        }
    }

    pub(crate) fn tls(address: SocketAddr, tls: &Tls) -> Self {
        Self::plain(address).start_tls(tls)
    }

    pub(crate) fn start_tls(self, tls: &Tls) -> Self {
        let name = ServerName::try_from("localhost").expect("a name");
        let client = ClientConnection::new(Arc::clone(&tls.client), name).expect("a client");
        let stream = self.socket.try_clone().expect("a handle");
        let mut stream = StreamOwned::new(client, stream);
        stream.flush().expect("a handshake");
        Self {
            stream: BufReader::new(Box::new(stream)),
            socket: self.socket,
        }
    }

    pub(crate) fn send(&mut self, octets: impl AsRef<[u8]>) {
        let stream = self.stream.get_mut();
        stream.write_all(octets.as_ref()).expect("sent");
        stream.flush().expect("sent");
    }

    /// The next line, without its end; empty once the server has ended.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        // A connection that was cut shows as an error, one that was ended as no octets.
        let _ = self.stream.read_line(&mut line);
        line.trim_end().to_owned()
    }

    /// The last line of the next SMTP reply.
    pub(crate) fn reply(&mut self) -> String {
        loop {
            let line = self.line();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        }
    }

    /// Sends a line and reads the reply to it.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n"));
        self.reply()
    }

    /// Reads so many octets.
    pub(crate) fn read(&mut self, length: usize) -> Vec<u8> {
        let mut octets = vec![0; length];
        self.stream.read_exact(&mut octets).expect("octets");
        octets
    }
}
