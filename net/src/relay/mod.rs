//! Mail for other servers, on a thread with a ring of its own: [`session`] is the SMTP client as a machine
//! without sockets, `attempt` runs it on a connection, `driver` does what the schedule of
//! [`ceralacca_core::queue`] says, `resolve` asks the DNS, `dkim` signs for the Internet, `tls` encrypts.
//! Guarantees TE-14 and TE-18, and that a message is kept until a server has answered for it: what a
//! crash or a lost reply leaves open is sent again, rather twice than never.

mod attempt;
mod backlog;
mod body;
mod dkim;
mod driver;
pub mod reply;
mod resolve;
pub mod session;
mod tls;

use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::Duration;

use ceralacca_core::ports::Clock;
use ceralacca_core::queue::{DestinationState, DispatchClass};
use parking_lot::Mutex;
use rustls_pki_types::CertificateDer;
use tokio::sync::{mpsc, watch};

use crate::NetError;
use crate::ring::{self};
use attempt::Shared;
use driver::Told;

pub use backlog::{Backlog, Change, Follower, Recorded};
pub use dkim::{Dkim, DkimError};
pub(crate) use resolve::name_servers;
pub use resolve::{Host, NoHost, Resolver};

/// How long [`Running::destinations`] waits for the relay's thread.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// How the relay works.
#[derive(Clone)]
pub struct RelaySettings {
    /// Our name for EHLO.
    pub host: String,
    /// The name server to ask; those of the system when `None`.
    pub dns: Option<SocketAddr>,
    /// The port of other servers: 25.
    pub port: u16,
    /// Where this appliance takes mail: it sends none to itself.
    pub own: Vec<SocketAddr>,
    /// Certified mail leaves from this address.
    pub certified_source: Option<IpAddr>,
    /// Ordinary mail leaves from this address (TE-18).
    pub ordinary_source: Option<IpAddr>,
    /// Signs ordinary mail (TE-19).
    pub dkim: Option<Arc<Dkim>>,
    /// Connections at the same time.
    pub connections_max: usize,
    /// Of those, to one destination.
    pub connections_per_destination_max: usize,
    /// Certificate authorities besides those that the machine trusts.
    pub anchors: Vec<CertificateDer<'static>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// What the relay has done since its start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Recipients for whom another server has answered.
    pub sent_total: AtomicU64,
    /// Attempts that another one follows; many of them: a destination or the network is in trouble.
    pub deferred_total: AtomicU64,
    /// Recipients refused for good.
    pub refused_total: AtomicU64,
    /// Recipients given up after their time (TE-15).
    pub expired_total: AtomicU64,
    /// Handshakes whose certificate did not prove the server's name (TE-14); that is usual on the
    /// Internet, and worth a look with PEC providers.
    pub certificates_in_doubt_total: AtomicU64,
}

/// A relay that runs. Dropped without [`Running::stop`], it stops without waiting.
pub struct Running {
    counters: Arc<Counters>,
    tell: mpsc::UnboundedSender<Told>,
    stopping: watch::Sender<bool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl RelaySettings {
    fn source(&self, class: DispatchClass) -> Option<IpAddr> {
        match class {
            DispatchClass::Certified => self.certified_source,
            DispatchClass::Ordinary => self.ordinary_source,
        }
    }
}

/// Starts to relay what `backlog` holds.
pub fn start(settings: RelaySettings, backlog: Arc<dyn Backlog>) -> Result<Running, NetError> {
    let (stopping, stop) = watch::channel(false);
    // Its bound is the backlog's: one event per change of an entry.
    let (tell, told) = mpsc::unbounded_channel();
    let counters = Arc::new(Counters::default());
    let outward = tls::Outward::new(settings.anchors.clone())?;
    let (made, wait) = channel();
    let mine = (tell.clone(), Arc::clone(&counters));
    let thread = std::thread::Builder::new()
        .name("relay".to_owned())
        .spawn(move || {
            let house = Arc::clone(&backlog);
            let run = || {
                let runtime = match ring::runtime() {
                    Ok(runtime) => runtime,
                    Err(error) => return drop(made.send(Err(error))),
                };
                runtime.block_on(async move {
                    let dns =
                        resolve::Resolver::new(settings.dns, settings.port, settings.own.clone());
                    let resolver = match dns {
                        Ok(resolver) => resolver,
                        Err(error) => return drop(made.send(Err(error))),
                    };
                    let (tell, counters) = mine;
                    let follower = tell.clone();
                    // A relay that has ended needs no news.
                    backlog.follow(Arc::new(move |changes| {
                        drop(follower.send(Told::Changed(changes)))
                    }));
                    drop(made.send(Ok(())));
                    let shared = Shared {
                        settings,
                        resolver,
                        outward,
                        backlog,
                        counters,
                        stopping: stop,
                    };
                    driver::run(Rc::new(shared), tell, told).await;
                });
            };
            if catch_unwind(AssertUnwindSafe(run)).is_err() {
                house.fatal("the relay's thread failed by a bug");
            }
        })
        .map_err(NetError::SystemThread)?;
    let gone = |_| NetError::OperatorRing("the relay's thread ended while it started".to_owned());
    wait.recv().map_err(gone)??;
    Ok(Running {
        counters,
        tell,
        stopping,
        thread: Mutex::new(Some(thread)),
    })
}

impl Running {
    /// What it has done.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Destinations that have connections or troubles.
    pub fn destinations(&self) -> Vec<DestinationState> {
        let (answer, wait) = channel();
        // A relay that has ended has none.
        let _ = self.tell.send(Told::Ask(answer));
        wait.recv_timeout(ANSWER_WAIT).unwrap_or_default()
    }

    /// Begins no attempt, lets messages that are being sent finish for at most
    /// [`ceralacca_core::limits::STOP_SECONDS_MAX`], has their outcomes recorded, and ends.
    pub fn stop(&self) {
        self.order_stop();
        if let Some(thread) = self.thread.lock().take() {
            // A thread that failed has stopped the process already.
            let _ = thread.join();
        }
    }

    fn order_stop(&self) {
        self.stopping.send_replace(true);
        let _ = self.tell.send(Told::Stop);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.order_stop();
    }
}
