//! The side of `serve`: one thread accepts, a few serve connections. A peer that is neither this
//! process's user nor root is refused before a word is read.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ceralacca_core::disk::DataFolder;
use rustix::net::Shutdown;

use super::protocol::{Answer, Request};
use super::socket;

/// Does a request, in the name of an author.
pub type Perform = Arc<dyn Fn(Request, &str) -> Answer + Send + Sync>;

/// Commands at the same time; one more is closed at once.
const CONNECTIONS_MAX: usize = 32;
/// A request holds at most a chain of certificates.
const REQUEST_BYTES_MAX: u64 = 256 * 1024;
/// The bench keeps its connection; anybody else is long gone after this.
const SILENCE_MAX: Duration = Duration::from_secs(600);
/// A peer that does not take its answer.
const WRITE_WAIT: Duration = Duration::from_secs(30);

/// The running socket; dropping it stops it and all its peers.
pub struct ControlServer {
    listener: Arc<UnixListener>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    data: DataFolder,
}

/// A command that is being served.
struct Peer {
    stream: UnixStream,
    thread: JoinHandle<()>,
}

impl ControlServer {
    /// Starts to answer; the caller holds the lock of the folder.
    pub fn start(data: &DataFolder, perform: Perform) -> std::io::Result<Self> {
        let listener = Arc::new(socket::bind(data)?);
        let stopping = Arc::new(AtomicBool::new(false));
        let accept = (listener.clone(), stopping.clone());
        let thread = std::thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || accept_all(&accept.0, &accept.1, &perform))?;
        Ok(Self {
            listener,
            stopping,
            thread: Some(thread),
            data: data.clone(),
        })
    }
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        // Wakes the accept; the name goes so that nobody waits at a dead socket.
        let _ = rustix::net::shutdown(&*self.listener, Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = std::fs::remove_file(self.data.socket());
    }
}

fn accept_all(listener: &UnixListener, stopping: &AtomicBool, perform: &Perform) {
    let mut peers: Vec<Peer> = Vec::new();
    while !stopping.load(Ordering::Acquire) {
        let Ok((stream, _)) = listener.accept() else {
            // Woken to stop, or short of files for a moment.
            std::thread::sleep(Duration::from_millis(10));
            continue;
        };
        peers.retain(|peer| !peer.thread.is_finished());
        if peers.len() < CONNECTIONS_MAX
            && let Some(author) = author_of(&stream)
            && let Ok(peer) = Peer::start(stream, author, perform.clone())
        {
            peers.push(peer);
        }
    }
    for peer in peers {
        // The answer under way is given up: its command is told that the connection closed.
        let _ = peer.stream.shutdown(std::net::Shutdown::Both);
        let _ = peer.thread.join();
    }
}

impl Peer {
    fn start(stream: UnixStream, author: String, perform: Perform) -> std::io::Result<Self> {
        let served = stream.try_clone()?;
        let thread = std::thread::Builder::new()
            .name("control-peer".to_owned())
            .spawn(move || {
                // A broken connection concerns its peer alone.
                let _ = serve_peer(&served, &author, &perform);
                let _ = served.shutdown(std::net::Shutdown::Both);
            })?;
        Ok(Self { stream, thread })
    }
}

/// `operator uid N`; `None` for a stranger.
fn author_of(stream: &UnixStream) -> Option<String> {
    let peer = rustix::net::sockopt::socket_peercred(stream).ok()?;
    let known = peer.uid.is_root() || peer.uid == rustix::process::geteuid();
    known.then(|| operator(peer.uid))
}

/// The author's name in histories.
pub(crate) fn operator(uid: rustix::process::Uid) -> String {
    format!("operator uid {}", uid.as_raw())
}

fn serve_peer(stream: &UnixStream, author: &str, perform: &Perform) -> std::io::Result<()> {
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    stream.set_write_timeout(Some(WRITE_WAIT))?;
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    let mut line = Vec::new();
    loop {
        line.clear();
        (&mut reader)
            .take(REQUEST_BYTES_MAX)
            .read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            return Ok(());
        }
        let answer = match serde_json::from_slice::<Request>(&line) {
            Ok(request) => perform(request, author),
            Err(error) => Answer::Refused(format!("the request cannot be read: {error}")),
        };
        let mut reply = serde_json::to_vec(&answer)?;
        reply.push(b'\n');
        writer.write_all(&reply)?;
    }
}

#[cfg(test)]
mod tests {
    use super::super::DomainRequest;
    use super::super::client::{ControlError, Link};
    use super::*;
    use serde_json::json;

    fn echo() -> Perform {
        Arc::new(|request, author| match request {
            Request::Domain(DomainRequest::Add { domain }) => {
                Answer::Refused(format!("{author}: {domain}"))
            }
            _ => Answer::Done {
                words: String::new(),
                object: json!({ "author": author }),
                held: true,
            },
        })
    }

    fn folder() -> (tempfile::TempDir, DataFolder) {
        let folder = tempfile::tempdir().unwrap();
        // Deeper than a Unix socket's address allows.
        let deep = folder.path().join("d".repeat(120));
        std::fs::create_dir(&deep).unwrap();
        (folder, DataFolder(deep))
    }

    #[test]
    fn a_request_is_done_in_the_name_of_its_author() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, data) = folder();
        let server = ControlServer::start(&data, echo()).unwrap();
        let mode = std::fs::metadata(data.socket())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let author = operator(rustix::process::geteuid());
        let mut link = Link::open(&data).unwrap();
        let domain = "pec.example".to_owned();
        let refused = link
            .ask(&Request::Domain(DomainRequest::Add { domain }))
            .unwrap();
        assert_eq!(refused, Answer::Refused(format!("{author}: pec.example")));
        let Answer::Done { object, .. } = link.ask(&Request::Status).unwrap() else {
            unreachable!("a done answer");
        };
        assert_eq!(object["author"], json!(author));
        drop(server);
        assert!(!data.socket().exists());
        let gone = Link::open(&data);
        assert!(matches!(gone, Err(ControlError::NotRunning)));
    }

    #[test]
    fn a_line_that_is_no_request_is_refused_and_the_next_one_done() {
        let (_folder, data) = folder();
        let _server = ControlServer::start(&data, echo()).unwrap();
        let mut stream = socket::connect(&data).unwrap();
        stream.write_all(b"{\"fly\":{}}\n\"status\"\n").unwrap();
        let mut lines = BufReader::new(stream).lines();
        assert!(lines.next().unwrap().unwrap().contains("refused"));
        assert!(lines.next().unwrap().unwrap().contains("done"));
    }

    #[test]
    fn a_line_without_end_is_cut_off() {
        let (_folder, data) = folder();
        let _server = ControlServer::start(&data, echo()).unwrap();
        let mut stream = socket::connect(&data).unwrap();
        // The peer closes at its bound: the last writes may fail.
        let _ = stream.write_all(&vec![b'x'; REQUEST_BYTES_MAX as usize]);
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.is_empty());
    }

    #[test]
    fn a_dead_socket_is_replaced() {
        let (_folder, data) = folder();
        drop(socket::bind(&data).unwrap());
        assert!(matches!(Link::open(&data), Err(ControlError::NotRunning)));
        let _server = ControlServer::start(&data, echo()).unwrap();
        assert!(Link::open(&data).is_ok());
    }
}
