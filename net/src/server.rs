//! Starts the rings and their listeners, and stops them in order: no new connection, then the
//! transactions under way, then goodbye to all.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ceralacca_core::limits;
use ceralacca_core::login::LoginRoom;
use ceralacca_core::state::State;
use rustls::ServerConfig;
use tokio::sync::watch;

use crate::conn::{Connection, within};
use crate::imap;
use crate::pace::Paces;
use crate::pop3::{self, maildrop::Maildrops};
use crate::ring::listener::{Bound, Stop, accept_on, bind, listen};
use crate::ring::slots::{Slots, source};
use crate::ring::stream::Stream;
use crate::ring::{self};
use crate::shared::Shared;
use crate::smtp::incoming::{self, Examiner};
use crate::smtp::submission;

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// io_uring is missing or forbidden; the sentence says what to change.
    #[error("{0}")]
    OperatorRing(String),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    OperatorAddress {
        /// Which.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The certificate or key for TLS cannot be used.
    #[error("the TLS certificate or key cannot be used: {0}")]
    OperatorTls(String),
    /// The name servers of this machine or of the settings cannot be used.
    #[error("the DNS cannot be asked: {0}")]
    OperatorDns(String),
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    SystemThread(io::Error),
}

/// Where to listen. Port 0: a free one, found in [`Running::addresses`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listeners {
    /// Mail of other servers, with STARTTLS for who wants it (25).
    pub incoming: Vec<SocketAddr>,
    /// Submission with STARTTLS (587).
    pub submission: Vec<SocketAddr>,
    /// Submission with TLS from the first octet (465).
    pub submissions: Vec<SocketAddr>,
    /// IMAP with TLS from the first octet (993).
    pub imaps: Vec<SocketAddr>,
    /// POP3 with TLS from the first octet (995).
    pub pop3s: Vec<SocketAddr>,
}

/// All that serving needs.
#[derive(Clone)]
pub struct Server {
    /// The appliance's state.
    pub state: Arc<State>,
    /// The name server to ask; those of the system when `None`.
    pub dns: Option<SocketAddr>,
    /// Certificate, key and versions ([`crate::tls::server_config`]).
    pub tls: Arc<ServerConfig>,
    /// What judges mail of other servers: the state.
    pub examiner: Arc<dyn Examiner>,
    /// Who signs in, whatever the protocol.
    pub login: Arc<LoginRoom>,
    /// The server's name in greetings and `Received:` fields.
    pub host: String,
    /// Where.
    pub listeners: Listeners,
    /// How many rings: the cores.
    pub rings: usize,
}

/// A server that runs. Dropped without [`Running::stop`], it stops without waiting.
pub struct Running {
    addresses: Listeners,
    stops: Vec<Stop>,
    stopping: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

/// What is spoken on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    Incoming,
    Submission,
    Submissions,
    Imaps,
    Pop3s,
}

type Sockets = Vec<(Service, TcpListener)>;

/// What all rings hold together.
type Together = (Arc<Paces>, Arc<Maildrops>);

/// A ring's thread that waits for its sockets.
struct Waiting {
    thread: JoinHandle<()>,
    sockets: mpsc::Sender<Sockets>,
}

/// Starts to serve; answers once every listener takes connections.
pub fn serve(server: Server) -> Result<Running, NetError> {
    ring::raise_file_limit();
    let rings = server.rings.max(1);
    let (stopping, stop) = watch::channel(false);
    let paces = Arc::new(Paces::of(&server.state.policy(), Instant::now()));
    let together: Together = (paces, Arc::default());
    let waiting: Vec<Waiting> = (0..rings)
        .map(|number| start_ring(number, server.clone(), together.clone(), stop.clone()))
        .collect::<Result<_, _>>()?;
    let mut sockets: Vec<Sockets> = (0..rings).map(|_| Vec::new()).collect();
    let mut running = Running {
        addresses: Listeners::default(),
        stops: Vec::new(),
        stopping,
        threads: Vec::new(),
    };
    for (service, address) in server.listeners.all() {
        let refused = |source| NetError::OperatorAddress { address, source };
        let bound = bind(address, rings).map_err(refused)?;
        listen(&bound).map_err(refused)?;
        running.take(service, bound, &mut sockets);
    }
    for (ring, sockets) in waiting.into_iter().zip(sockets) {
        // A ring that is gone took the process with it.
        let _ = ring.sockets.send(sockets);
        running.threads.push(ring.thread);
    }
    Ok(running)
}

impl Listeners {
    fn all(&self) -> Vec<(Service, SocketAddr)> {
        let each = |service, list: &[SocketAddr]| -> Vec<_> {
            list.iter().map(|address| (service, *address)).collect()
        };
        [
            each(Service::Incoming, &self.incoming),
            each(Service::Submission, &self.submission),
            each(Service::Submissions, &self.submissions),
            each(Service::Imaps, &self.imaps),
            each(Service::Pop3s, &self.pop3s),
        ]
        .concat()
    }

    fn of(&mut self, service: Service) -> &mut Vec<SocketAddr> {
        match service {
            Service::Incoming => &mut self.incoming,
            Service::Submission => &mut self.submission,
            Service::Submissions => &mut self.submissions,
            Service::Imaps => &mut self.imaps,
            Service::Pop3s => &mut self.pop3s,
        }
    }
}

impl Running {
    /// What is listened on, in the order asked, with the ports that were given.
    pub fn addresses(&self) -> &Listeners {
        &self.addresses
    }

    /// Takes no more connections, lets transactions finish for at most
    /// [`limits::STOP_SECONDS_MAX`], says goodbye and ends the rings.
    pub fn stop(mut self) {
        self.order_stop();
        for thread in std::mem::take(&mut self.threads) {
            // A ring that failed has stopped the process already.
            let _ = thread.join();
        }
    }

    fn order_stop(&self) {
        self.stopping.send_replace(true);
        self.stops.iter().for_each(Stop::stop);
    }

    fn take(&mut self, service: Service, bound: Bound, sockets: &mut [Sockets]) {
        self.addresses.of(service).push(bound.address);
        self.stops.extend(bound.stops);
        for (ring, socket) in sockets.iter_mut().zip(bound.sockets) {
            ring.push((service, socket));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.order_stop();
    }
}

/// Starts one ring's thread and waits until its ring is made.
fn start_ring(
    number: usize,
    server: Server,
    together: Together,
    stop: watch::Receiver<bool>,
) -> Result<Waiting, NetError> {
    let (told, made) = mpsc::channel();
    let (sockets, inbox) = mpsc::channel();
    let thread = std::thread::Builder::new()
        .name(format!("ring-{number}"))
        .spawn(move || match ring::runtime() {
            Err(e) => drop(told.send(Err(e))),
            Ok(runtime) => {
                drop(told.send(Ok(())));
                if let Ok(sockets) = inbox.recv() {
                    let state = Arc::clone(&server.state);
                    let run = || runtime.block_on(run_ring(server, sockets, together, stop));
                    if catch_unwind(AssertUnwindSafe(run)).is_err() {
                        state.fatal("a ring thread failed by a bug");
                    }
                }
            }
        })
        .map_err(NetError::SystemThread)?;
    let gone = || NetError::OperatorRing("a ring thread ended while it started".to_owned());
    made.recv().map_err(|_| gone())??;
    Ok(Waiting { thread, sockets })
}

async fn run_ring(
    server: Server,
    sockets: Sockets,
    together: Together,
    stop: watch::Receiver<bool>,
) {
    let shared = Shared::start(&server, together, stop);
    let slots = Rc::new(Slots::new(
        limits::CONNECTIONS_PER_RING_MAX,
        limits::CONNECTIONS_PER_SOURCE_MAX,
    ));
    let accepts: Vec<_> = sockets
        .into_iter()
        .map(|(service, socket)| {
            tokio_uring::spawn(accept_all(
                service,
                socket,
                Rc::clone(&shared),
                Rc::clone(&slots),
            ))
        })
        .collect();
    shared.stopping().await;
    for accept in accepts {
        // It ends by the stop, or has ended by a bug that was told already.
        let _ = accept.await;
    }
    let most = Duration::from_secs(limits::STOP_SECONDS_MAX);
    within(most, slots.all_free()).await;
}

async fn accept_all(
    service: Service,
    socket: TcpListener,
    shared: Rc<Shared>,
    slots: Rc<Slots<IpAddr>>,
) {
    let stopping = Rc::clone(&shared);
    let is_stopping = move || stopping.is_stopping();
    accept_on(socket, is_stopping, |stream, peer| {
        // Without a place the connection is closed at once, which costs us least (SE-10).
        let Some(slot) = slots.take(source(peer.ip())) else {
            return;
        };
        let shared = Rc::clone(&shared);
        tokio_uring::spawn(async move {
            let connection = Connection::new(Stream::new(stream), peer);
            speak(service, connection, shared).await;
            drop(slot);
        });
    })
    .await;
}

/// One connection, to its end.
async fn speak(service: Service, mut connection: Connection, shared: Rc<Shared>) {
    let starts_in_clear = matches!(service, Service::Incoming | Service::Submission);
    if !starts_in_clear && connection.start_tls(&shared.tls, b"").await.is_err() {
        return connection.close().await;
    }
    match service {
        Service::Incoming => incoming::run(connection, shared).await,
        Service::Submission | Service::Submissions => submission::run(connection, shared).await,
        Service::Imaps => imap::serve::run(connection, shared).await,
        Service::Pop3s => pop3::serve::run(connection, shared).await,
    }
}

#[cfg(test)]
mod tests;
