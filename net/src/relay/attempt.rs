//! One attempt: finds the hosts of a destination, connects to one after the other until one speaks with
//! us, and runs a session on the connection. Guarantees a bound in time on every wait, the source address
//! of the mail's class (TE-18), and an ending for every attempt.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ceralacca_core::limits;
use ceralacca_core::queue::{
    Answer, Attempt, Connection as How, DispatchClass, DispatchKey, Ending, neutral,
};
use rustls_pki_types::ServerName;
use tokio::net::TcpSocket;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_uring::net::TcpStream;

use super::backlog::Backlog;
use super::body::Opened;
use super::resolve::{Host, NoHost, Resolver};
use super::session::{Action, Session, Settings};
use super::tls::Outward;
use super::{Counters, RelaySettings};
use crate::conn::{ConnError, Connection, within};
use crate::ring::stream::Stream;

/// What all attempts share.
pub(super) struct Shared {
    pub(super) settings: RelaySettings,
    pub(super) resolver: Resolver,
    pub(super) outward: Outward,
    pub(super) backlog: Arc<dyn Backlog>,
    pub(super) counters: Arc<Counters>,
    pub(super) stopping: watch::Receiver<bool>,
}

/// How a talk with one host went.
enum Talk {
    /// It leads to this ending.
    Over(Ending),
    /// Another host may be asked.
    Useless(String),
    /// The handshake failed.
    NoTls(String),
}

impl Shared {
    /// Makes an attempt.
    pub(super) async fn attempt(&self, attempt: &Attempt) -> Ending {
        let domain = &attempt.destination.domain;
        let hosts = tokio::select! {
            hosts = self.resolver.hosts(domain) => hosts,
            () = self.stopping() => return untried(),
        };
        let hosts = match hosts {
            Ok(hosts) => hosts,
            Err(NoHost::Refused(status, reply)) => return refused(attempt, status, &reply),
            Err(NoHost::Deferred(trouble)) => return unreached(attempt, &trouble),
        };
        let mut trouble = format!("no host of {domain} can be reached from the source address");
        for (host, ip) in self.targets(&hosts, attempt.destination.class) {
            match self.ask(attempt, host, ip).await {
                Talk::Over(ending) => return ending,
                Talk::Useless(why) | Talk::NoTls(why) => trouble = why,
            }
            if self.is_stopping() {
                return untried();
            }
        }
        unreached(attempt, &trouble)
    }

    fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    async fn stopping(&self) {
        let mut stopping = self.stopping.clone();
        // A sender that is gone is a stop too.
        let _ = stopping.wait_for(|stop| *stop).await;
    }

    /// Host by host, address by address; with a source address, those that it can reach.
    fn targets<'a>(
        &self,
        hosts: &'a [Host],
        class: DispatchClass,
    ) -> impl Iterator<Item = (&'a Host, IpAddr)> + use<'a> {
        let source = self.settings.source(class);
        let fits = move |ip: &IpAddr| source.is_none_or(|source| source.is_ipv4() == ip.is_ipv4());
        let all = hosts
            .iter()
            .flat_map(|host| host.addresses.iter().map(move |ip| (host, *ip)));
        all.filter(move |(_, ip)| fits(ip))
            .take(limits::RELAY_ADDRESSES_MAX)
    }

    /// Talks with one address of a host; ordinary mail once more without TLS, should that have failed.
    async fn ask(&self, attempt: &Attempt, host: &Host, ip: IpAddr) -> Talk {
        let first = self.talk(attempt, host, ip, false).await;
        match first {
            Talk::NoTls(_) if attempt.destination.class == DispatchClass::Ordinary => {
                self.talk(attempt, host, ip, true).await
            }
            other => other,
        }
    }

    async fn talk(&self, attempt: &Attempt, host: &Host, ip: IpAddr, skips_tls: bool) -> Talk {
        let class = attempt.destination.class;
        let connected = tokio::select! {
            connected = self.connect(ip, class) => connected,
            () = self.stopping() => return Talk::Over(untried()),
        };
        let connection = match connected {
            Ok(connection) => connection,
            Err(error) => return Talk::Useless(format!("{} ({ip}): {error}", host.name)),
        };
        let settings = Settings {
            host: self.settings.host.clone(),
            server: host.name.clone(),
            class,
            skips_tls,
        };
        let mut conversation = Conversation {
            shared: self,
            connection,
            session: Session::new(settings, attempt.messages.clone()),
            class,
            opened: None,
        };
        let no_tls = conversation.converse(&host.name).await;
        let Conversation {
            connection,
            session,
            ..
        } = conversation;
        connection.close().await;
        if let Some(why) = no_tls {
            return Talk::NoTls(format!("{}: {why}", host.name));
        }
        let ended = session.end();
        match &ended.trouble {
            Some(trouble) if !ended.has_begun => Talk::Useless(trouble.clone()),
            _ => Talk::Over(Ending {
                connection: ended.connection(),
                answers: ended.answers,
            }),
        }
    }

    async fn connect(&self, ip: IpAddr, class: DispatchClass) -> io::Result<Connection> {
        let peer = SocketAddr::new(ip, self.settings.port);
        let socket = match peer {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        if let Some(source) = self.settings.source(class) {
            socket.bind(SocketAddr::new(source, 0))?;
        }
        let most = Duration::from_secs(limits::RELAY_CONNECT_SECONDS_MAX);
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        let stream = timeout(most, socket.connect(peer)).await.map_err(late)??;
        let stream = stream.into_std()?;
        stream.set_nonblocking(false)?;
        // What we send is whole already.
        stream.set_nodelay(true)?;
        Ok(Connection::new(
            Stream::new(TcpStream::from_std(stream)),
            peer,
        ))
    }
}

/// A session on its connection.
struct Conversation<'a> {
    shared: &'a Shared,
    connection: Connection,
    session: Session,
    class: DispatchClass,
    opened: Option<Opened>,
}

impl Conversation<'_> {
    /// To the session's end; answers why there is no TLS, should the handshake fail.
    async fn converse(&mut self, server: &str) -> Option<ConnError> {
        let mut deadline = Instant::now() + self.session.patience();
        loop {
            let step = self.session.step(self.connection.input());
            self.connection.input().consume(step.taken);
            let Some(action) = step.action else {
                self.wait(deadline, server).await;
                continue;
            };
            match action {
                Action::Close => return None,
                Action::StartTls => match self.start_tls(server).await {
                    Ok(()) => {}
                    Err(error) => return Some(error),
                },
                other => self.act(other, server).await,
            }
            // A server has its time for each reply, however slowly it spells it.
            deadline = Instant::now() + self.session.patience();
        }
    }

    async fn act(&mut self, action: Action, server: &str) {
        match action {
            Action::Send(octets) => {
                if let Err(error) = self.connection.write_all(&octets).await {
                    self.session.lost(&format!("{server}: {error}"));
                }
            }
            Action::Open(index) => self.open(index).await,
            Action::Body => self.send_body().await,
            // Both are the caller's.
            Action::StartTls | Action::Close => {}
        }
    }

    /// Waits for octets, for the time to run out, or for the stop.
    async fn wait(&mut self, deadline: Instant, server: &str) {
        let filled = tokio::select! {
            filled = self.connection.fill_until(deadline) => filled,
            () = self.shared.stopping(), if !self.session.is_stopping() => {
                return self.session.stop();
            }
        };
        match filled {
            Ok(0) => self
                .session
                .lost(&format!("{server} closed the connection")),
            Ok(_) => {}
            Err(error) => self.session.lost(&format!("{server}: {error}")),
        }
    }

    async fn start_tls(&mut self, server: &str) -> Result<(), ConnError> {
        let outward = &self.shared.outward;
        let name = ServerName::try_from(server.to_owned())
            .unwrap_or_else(|_| ServerName::from(self.connection.peer().ip()));
        self.connection
            .connect_tls(&outward.config, name.clone())
            .await?;
        let fault = outward.judge(self.connection.peer_certificates(), &name);
        if let Some(fault) = fault {
            // TE-14: told, and no reason to send nothing.
            let total = &self.shared.counters.certificates_in_doubt_total;
            total.fetch_add(1, Ordering::Relaxed);
            let peer = self.connection.peer();
            // On the Internet it is the rule, and only counted.
            if self.class == DispatchClass::Certified {
                ceralacca_core::warning!(
                    "the certificate of {server} ({peer}) is in doubt: {fault}"
                );
            }
        }
        let version = self.connection.tls_version().unwrap_or("TLS");
        self.session.tls_started(version);
        Ok(())
    }

    async fn open(&mut self, index: usize) {
        let Some(message) = self.session.message(index) else {
            return;
        };
        let is_ordinary = self.class == DispatchClass::Ordinary;
        let dkim = self.shared.settings.dkim.clone().filter(|_| is_ordinary);
        let backlog = Arc::clone(&self.shared.backlog);
        match Opened::find(backlog, message.content, dkim).await {
            Ok(opened) => {
                self.session.opened(Ok(opened.size()));
                self.opened = Some(opened);
            }
            Err(error) => {
                ceralacca_core::warning!("a message cannot be sent: {error}");
                self.session.opened(Err(LOCAL_TROUBLE.to_owned()));
            }
        }
    }

    async fn send_body(&mut self) {
        let Some(opened) = self.opened.take() else {
            return self.session.lost(LOCAL_TROUBLE);
        };
        let mut chunks = opened.chunks(Arc::clone(&self.shared.backlog));
        while let Some(chunk) = chunks.recv().await {
            match chunk {
                Ok(octets) => {
                    if self.connection.write_all(&octets).await.is_err() {
                        return self.session.body_torn();
                    }
                }
                Err(error) => {
                    ceralacca_core::warning!("a message cannot be sent: {error}");
                    return self.session.lost(LOCAL_TROUBLE);
                }
            }
        }
        self.session.body_sent();
    }
}

const LOCAL_TROUBLE: &str = "this server could not read the message";

/// Every recipient is refused: nobody is there to be asked.
fn refused(attempt: &Attempt, status: &str, reply: &str) -> Ending {
    let answer = Answer::Refused {
        host: "dns".to_owned(),
        status: status.to_owned(),
        reply: neutral(reply),
    };
    let all = attempt
        .messages
        .iter()
        .flat_map(|message| &message.recipients);
    Ending {
        connection: How::Served,
        answers: all.map(|(key, _)| (key.clone(), answer.clone())).collect(),
    }
}

/// The first message stands for all: the others wait for their destination, untried.
fn unreached(attempt: &Attempt, trouble: &str) -> Ending {
    let answer = Answer::Deferred {
        reply: neutral(trouble),
    };
    let first = attempt
        .messages
        .first()
        .map(|message| message.recipients.as_slice());
    let told = |(key, _): &(DispatchKey, _)| (key.clone(), answer.clone());
    Ending {
        connection: How::Failed,
        answers: first.unwrap_or_default().iter().map(told).collect(),
    }
}

/// Nothing was done.
fn untried() -> Ending {
    Ending {
        connection: How::Served,
        answers: Vec::new(),
    }
}

/// Waits so long for `done`, a wait that holds no ring operation.
pub(super) async fn at_most(seconds: u64, done: impl Future<Output = ()>) {
    within(Duration::from_secs(seconds), done).await;
}
