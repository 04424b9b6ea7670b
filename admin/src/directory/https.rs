//! A small web server on a thread of its own, with or without TLS: one request per connection, bounded
//! in time and number. Stopped and joined when dropped.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use axum_server::accept::Accept;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::report::Failure;

/// The whole of a TLS handshake, and the time until a request is there.
const REQUEST_WAIT: Duration = Duration::from_secs(15);
/// Connections at the same time, handshakes included: the centre comes once a day. One more is closed.
const CONNECTIONS_MAX: usize = 64;
/// Answers under way may go on so long after the order to stop.
const STOP_WAIT: Duration = Duration::from_secs(2);
/// Threads that may wait for the disk or the token.
const BLOCKING_THREADS: usize = 4;

/// It serves until it is dropped.
pub struct WebServer {
    address: SocketAddr,
    handle: Handle<SocketAddr>,
    thread: Option<JoinHandle<()>>,
}

impl WebServer {
    /// Serves `router` at `address` (port 0: the system picks), over TLS when there is a configuration.
    pub fn start(
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        router: Router,
    ) -> Result<Self, Failure> {
        let told = |error: std::io::Error| Failure::Refused(format!("{address}: {error}"));
        let listener = TcpListener::bind(address).map_err(told)?;
        listener.set_nonblocking(true).map_err(told)?;
        let address = listener.local_addr().map_err(told)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS)
            .build()
            .map_err(told)?;
        let handle = Handle::new();
        let (ready, started) = mpsc::channel();
        let inside = handle.clone();
        let thread = std::thread::Builder::new()
            .name("web".to_owned())
            .spawn(move || {
                // Opened inside: the listener belongs to the runtime.
                let served = runtime.block_on(serve(listener, tls, router, inside, &ready));
                let _ = ready.send(served);
            })
            .map_err(told)?;
        let server = Self {
            address,
            handle,
            thread: Some(thread),
        };
        match started.recv() {
            Ok(Ok(())) => Ok(server),
            Ok(Err(error)) => Err(told(error)),
            Err(_) => Err(Failure::Refused(format!("{address}: the server ended"))),
        }
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.handle.graceful_shutdown(Some(STOP_WAIT));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    router: Router,
    handle: Handle<SocketAddr>,
    ready: &mpsc::Sender<std::io::Result<()>>,
) -> std::io::Result<()> {
    let bounded = Bounded(handle.clone());
    let mut server = axum_server::from_tcp(listener)?
        .handle(handle)
        .http1_only()
        .first_request_timeout(REQUEST_WAIT);
    server.http_builder().http1().keep_alive(false);
    let service = router.into_make_service();
    let _ = ready.send(Ok(()));
    match tls {
        Some(config) => {
            let acceptor = RustlsAcceptor::new(RustlsConfig::from_config(config))
                .handshake_timeout(REQUEST_WAIT)
                .acceptor(bounded);
            server.acceptor(acceptor).serve(service).await
        }
        None => server.acceptor(bounded).serve(service).await,
    }
}

/// Lets [`CONNECTIONS_MAX`] in.
#[derive(Clone)]
struct Bounded(Handle<SocketAddr>);

impl<Stream, Service> Accept<Stream, Service> for Bounded {
    type Stream = Stream;
    type Service = Service;
    type Future = std::future::Ready<std::io::Result<(Stream, Service)>>;

    fn accept(&self, stream: Stream, service: Service) -> Self::Future {
        std::future::ready(if self.0.connection_count() <= CONNECTIONS_MAX {
            Ok((stream, service))
        } else {
            Err(std::io::Error::other("too many connections"))
        })
    }
}

/// TLS that lets only clients in whose certificate leads to one of `authorities` (DI-01).
pub fn client_checking(
    chain: &[u8],
    key: &[u8],
    authorities: &[Vec<u8>],
) -> Result<Arc<ServerConfig>, Failure> {
    let mut roots = rustls::RootCertStore::empty();
    for authority in authorities {
        let authority = CertificateDer::from(authority.clone());
        roots.add(authority).map_err(Failure::refused)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(Failure::refused)?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<_, _>>()
        .map_err(Failure::refused)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(Failure::refused)?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(Failure::refused)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(Failure::refused)?;
    Ok(Arc::new(config))
}
