//! TLS for the client: the given authorities are trusted, nobody else, and the server's name must fit.

use std::io::BufReader;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};

use super::{ANSWER_WAIT, ClientError};

/// Connecting on loopback or a local network.
const CONNECT_WAIT: Duration = Duration::from_secs(10);

pub(super) type Stream = BufReader<StreamOwned<ClientConnection, TcpStream>>;

/// Whom to trust, and the name that the server must show.
#[derive(Debug, Clone)]
pub struct Trust {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Trust {
    /// Trusts the authorities in a PEM file for a server called `host`.
    pub fn from_pem_file(anchors: &Path, host: &str) -> Result<Self, ClientError> {
        let mut roots = RootCertStore::empty();
        for anchor in CertificateDer::pem_file_iter(anchors).map_err(tls)? {
            roots.add(anchor.map_err(tls)?).map_err(tls)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(host.to_owned()).map_err(tls)?;
        Ok(Self {
            config: Arc::new(config),
            name,
        })
    }

    pub(super) fn connect(&self, server: SocketAddr) -> Result<Stream, ClientError> {
        self.handshake(self.connect_clear(server)?.into_inner())
    }

    /// A connection that is not under TLS yet.
    pub(super) fn connect_clear(
        &self,
        server: SocketAddr,
    ) -> Result<BufReader<TcpStream>, ClientError> {
        let socket = TcpStream::connect_timeout(&server, CONNECT_WAIT)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(ANSWER_WAIT))?;
        socket.set_write_timeout(Some(ANSWER_WAIT))?;
        Ok(BufReader::new(socket))
    }

    /// Begins TLS on a connection.
    pub(super) fn handshake(&self, socket: TcpStream) -> Result<Stream, ClientError> {
        let session = ClientConnection::new(self.config.clone(), self.name.clone()).map_err(tls)?;
        Ok(BufReader::new(StreamOwned::new(session, socket)))
    }
}

fn tls(error: impl std::fmt::Display) -> ClientError {
    ClientError::Tls(error.to_string())
}
