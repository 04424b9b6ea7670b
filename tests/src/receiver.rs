//! A scripted SMTP server on loopback, as another provider or the Internet would run one: it takes what it
//! is told to take and keeps it for the test to look at.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::program;
use crate::workspace;

/// Longer than any reply takes here.
const WAIT: Duration = Duration::from_secs(60);

/// A message that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The line of `MAIL FROM`.
    pub mail: String,
    /// The paths of `RCPT TO`.
    pub recipients: Vec<String>,
    /// The text, dots undoubled.
    pub text: Vec<u8>,
    /// It came under TLS.
    pub is_tls: bool,
    /// From where.
    pub peer: IpAddr,
    /// On which connection, counted from 0.
    pub connection: usize,
}

/// A reply to lines that begin so. `CLOSE` hangs up; `STALL` says nothing more until the other hangs up.
#[derive(Debug, Clone)]
struct Rule {
    line: String,
    reply: String,
    times: usize,
}

#[derive(Default)]
struct Shared {
    rules: Mutex<Vec<Rule>>,
    taken: Mutex<Vec<Taken>>,
    changed: Condvar,
    connections: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
    stopping: AtomicBool,
    tls: Option<Arc<ServerConfig>>,
    extensions: Vec<String>,
}

/// The server; dropped, it ends.
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// A certificate for one name, signed by itself.
pub fn self_signed(name: &str) -> Arc<ServerConfig> {
    let folder = workspace::scratch();
    let (key, chain) = (folder.path().join("key"), folder.path().join("chain"));
    let subject = format!("/CN={name}");
    let names = format!("subjectAltName=DNS:{name}");
    program::run_well(
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            &subject,
            "-addext",
            &names,
            "-keyout",
            program::arg(&key),
            "-out",
            program::arg(&chain),
        ],
    );
    let read = |path| std::fs::read(path).expect("a file");
    ceralacca_net::tls::server_config_from_pem(&read(&chain), &read(&key)).expect("a configuration")
}

impl Receiver {
    /// On a port of the system's choice at 127.0.0.`host`, without TLS.
    pub fn plain(host: u8) -> Self {
        Self::start(SocketAddr::from(([127, 0, 0, host], 0)), None)
    }

    /// On `address`; with `tls`, STARTTLS is offered.
    pub fn start(address: SocketAddr, tls: Option<Arc<ServerConfig>>) -> Self {
        let extensions = [
            "PIPELINING",
            "SIZE 50000000",
            "8BITMIME",
            "ENHANCEDSTATUSCODES",
        ];
        Self::offering(address, tls, &extensions)
    }

    /// As [`Receiver::start`], with these words after EHLO and no others.
    pub fn offering(
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        extensions: &[&str],
    ) -> Self {
        let listener = TcpListener::bind(address).expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            tls,
            extensions: extensions.iter().map(ToString::to_string).collect(),
            ..Shared::default()
        });
        let mine = Arc::clone(&shared);
        let thread = std::thread::spawn(move || accept(&listener, &mine));
        Self {
            address,
            shared,
            thread: Some(thread),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on lines that begin with `line` are answered so.
    pub fn says(&self, line: &str, reply: &str) -> &Self {
        self.says_times(line, reply, usize::MAX)
    }

    /// As [`Receiver::says`], so many times. `220` is the greeting, `.` the end of a message.
    pub fn says_times(&self, line: &str, reply: &str, times: usize) -> &Self {
        let rule = Rule {
            line: line.to_owned(),
            reply: reply.to_owned(),
            times,
        };
        self.shared
            .rules
            .lock()
            .expect("no thread failed")
            .insert(0, rule);
        self
    }

    /// Answers as it did at first.
    pub fn behaves(&self) {
        self.shared.rules.lock().expect("no thread failed").clear();
    }

    /// What was taken so far.
    pub fn taken(&self) -> Vec<Taken> {
        self.shared.taken.lock().expect("no thread failed").clone()
    }

    /// Waits until `count` messages were taken.
    pub fn wait_for(&self, count: usize) -> Vec<Taken> {
        let deadline = Instant::now() + WAIT;
        let mut taken = self.shared.taken.lock().expect("no thread failed");
        while taken.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{} of {count} messages came", taken.len());
            taken = self
                .shared
                .changed
                .wait_timeout(taken, left)
                .expect("no thread failed")
                .0;
        }
        taken.clone()
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Acquire)
    }

    /// Connections at the same time, at most.
    pub fn most_open(&self) -> usize {
        self.shared.most_open.load(Ordering::Acquire)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopping.load(Ordering::Acquire) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let number = shared.connections.fetch_add(1, Ordering::AcqRel);
        let open = shared.open.fetch_add(1, Ordering::AcqRel) + 1;
        shared.most_open.fetch_max(open, Ordering::AcqRel);
        let mine = Arc::clone(shared);
        std::thread::spawn(move || {
            // A client that hangs up ends its talk alone.
            let _ = Talk::run(stream, number, &mine);
            mine.open.fetch_sub(1, Ordering::AcqRel);
        });
    }
}

trait Line: Read + Write + Send {}
impl<T: Read + Write + Send> Line for T {}

struct Talk<'a> {
    stream: BufReader<Box<dyn Line>>,
    shared: &'a Shared,
    is_tls: bool,
}

/// The talk is over.
struct Over;

impl From<std::io::Error> for Over {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

impl Talk<'_> {
    fn run(socket: TcpStream, connection: usize, shared: &Shared) -> Result<(), Over> {
        socket.set_read_timeout(Some(WAIT))?;
        let peer = socket
            .peer_addr()
            .map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.ip());
        let mut talk = Talk {
            stream: BufReader::new(Box::new(socket.try_clone()?)),
            shared,
            is_tls: false,
        };
        talk.reply("220", "220 mx.test ESMTP")?;
        let (mut mail, mut recipients) = (String::new(), Vec::new());
        loop {
            let line = talk.line()?;
            let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
            let is_done = match verb.as_str() {
                "EHLO" => {
                    let greeting = talk.greeting();
                    talk.reply(&line, &greeting)?
                }
                "STAR" => {
                    if talk.reply(&line, "220 2.0.0 go")?
                        && let Some(tls) = shared.tls.clone()
                    {
                        let tls = ServerConnection::new(tls).map_err(|_| Over)?;
                        let stream = StreamOwned::new(tls, socket.try_clone()?);
                        talk.stream = BufReader::new(Box::new(stream));
                        talk.is_tls = true;
                    }
                    continue;
                }
                "DATA" => talk.reply(
                    &line,
                    if recipients.is_empty() {
                        "554 5.5.1 none"
                    } else {
                        "354 go"
                    },
                )?,
                "QUIT" => {
                    talk.reply(&line, "221 2.0.0 bye")?;
                    return Ok(());
                }
                _ => talk.reply(&line, "250 2.0.0 ok")?,
            };
            match verb.as_str() {
                "MAIL" | "RSET" => {
                    (mail, recipients) = (line, Vec::new());
                }
                "RCPT" if is_done => {
                    let path = line.split(['<', '>']).nth(1).unwrap_or_default();
                    recipients.push(path.to_owned());
                }
                "DATA" if is_done => {
                    let text = talk.text()?;
                    let taken = Taken {
                        mail: mail.clone(),
                        recipients: std::mem::take(&mut recipients),
                        text,
                        is_tls: talk.is_tls,
                        peer,
                        connection,
                    };
                    talk.end(taken)?;
                }
                _ => {}
            }
        }
    }

    fn greeting(&self) -> String {
        let mut words = self.shared.extensions.clone();
        if self.shared.tls.is_some() && !self.is_tls {
            words.push("STARTTLS".to_owned());
        }
        let lines = words.iter().map(|word| format!("250-{word}\r\n"));
        format!("250-mx.test\r\n{}250 HELP", lines.collect::<String>())
    }

    /// The message counts before its reply goes out, as in a server that has it on disk.
    fn end(&mut self, taken: Taken) -> Result<(), Over> {
        let reply = self.reply_to(".", "250 2.0.0 taken");
        if reply.starts_with('2') || reply == "KEEP-AND-CLOSE" {
            self.shared
                .taken
                .lock()
                .expect("no thread failed")
                .push(taken);
            self.shared.changed.notify_all();
        }
        self.say(&reply).map(drop)
    }

    fn text(&mut self) -> Result<Vec<u8>, Over> {
        let mut text = Vec::new();
        loop {
            let mut line = Vec::new();
            if self.stream.read_until(b'\n', &mut line)? == 0 {
                return Err(Over);
            }
            if line == b".\r\n" {
                return Ok(text);
            }
            text.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
    }

    fn line(&mut self) -> Result<String, Over> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(Over);
        }
        Ok(line.trim_end().to_owned())
    }

    fn reply_to(&self, line: &str, usual: &str) -> String {
        let mut rules = self.shared.rules.lock().expect("no thread failed");
        let rule = rules
            .iter_mut()
            .find(|rule| rule.times > 0 && line.starts_with(&rule.line));
        let Some(rule) = rule else {
            return usual.to_owned();
        };
        rule.times -= 1;
        rule.reply.clone()
    }

    /// Answers a line; true: with 2xx or 3xx.
    fn reply(&mut self, line: &str, usual: &str) -> Result<bool, Over> {
        let reply = self.reply_to(line, usual);
        self.say(&reply)
    }

    fn say(&mut self, reply: &str) -> Result<bool, Over> {
        match reply {
            "CLOSE" | "KEEP-AND-CLOSE" => return Err(Over),
            "STALL" => {
                let mut rest = Vec::new();
                let _ = self.stream.read_to_end(&mut rest);
                return Err(Over);
            }
            _ => {}
        }
        let stream = self.stream.get_mut();
        stream.write_all(format!("{reply}\r\n").as_bytes())?;
        stream.flush()?;
        Ok(matches!(reply.as_bytes().first(), Some(b'2' | b'3')))
    }
}
