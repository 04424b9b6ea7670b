//! The child's own side: a worker per session. Who has nothing to do reads the socket, one at a time; who reads
//! a batch takes its part, wakes another for the rest, and signs. Answers are gathered while more waits, and
//! go out in one write when a worker takes the last of what was read, or would wait.

use std::collections::VecDeque;
use std::io::{BufReader, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant as Moment};

use parking_lot::{Condvar, Mutex};
use rustix::process::{Resource, Rlimit, Signal};

use super::errand::{self, Ask};
use super::frame::{self, Ailment, Draft, Kind, Ready, Start};
use crate::error::HsmError;
use crate::holder::KeyHolder;
use crate::limits::{CHILD_IN_FLIGHT_MAX, CHILD_LAST_WAIT_MAX, SESSIONS_MAX};
use crate::pool::{
    Checked, Pauses, SessionSource, SigningSession, capacity, portion, probe, sign_checked,
    thread_cpu_nanos,
};
use crate::protected::{Pin, forbid_dumps};
use crate::public_key::PublicKey;
use crate::{pkcs11, software, vector};

/// Signs for the parent at the other end of the standard input, until it closes it, or does the one errand that
/// it was started for. Does not come back when it has: the process ends at once, without the destructors of a
/// vendor's library, which are a known place to crash or hang.
pub fn run() -> Result<(), HsmError> {
    let away = |error: std::io::Error| HsmError::Away(error.to_string());
    forbid_dumps().map_err(away)?;
    // What `ps` and `top` show.
    let _ = rustix::thread::set_name(c"signer");
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    rustix::process::setrlimit(Resource::Core, none).map_err(|error| away(error.into()))?;
    // Where the parent is gone already the socket says so.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| away(error.into()))?;
    let socket = std::io::stdin().as_fd().try_clone_to_owned();
    let stream = UnixStream::from(socket.map_err(away)?);
    let mut reader = BufReader::new(stream.try_clone().map_err(away)?);
    let mut octets = Vec::new();
    let start: Start = match frame::read(&mut reader, &mut octets).map_err(away)? {
        Some(Kind::Start) => frame::value(&octets).map_err(away)?,
        Some(Kind::Ask) => {
            let ask: Ask = frame::value(&octets).map_err(away)?;
            return errand::answer(&ask, stream).map_err(away);
        }
        _ => return Ok(()),
    };
    let out = stream.try_clone().map_err(away)?;
    let desk = Arc::new(Desk::new(stream, reader, out));
    let first = desk.clone();
    let spawned = std::thread::Builder::new()
        .name("signer-0".to_owned())
        .spawn(move || {
            let _present = first.enter();
            if let Err(error) = sign(&first, &start) {
                first.leave(&error);
            }
        });
    spawned.map_err(away)?;
    desk.wait_for_the_end();
    let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::KILL);
    Ok(())
}

fn sign(desk: &Arc<Desk>, start: &Start) -> Result<(), HsmError> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    match start.holder() {
        holder @ KeyHolder::Software { .. } => {
            let key = Arc::new(holder.load(&start.label)?);
            check(key.public(), &start.certificate)?;
            serve(desk, start, software::source(key), cores)
        }
        holder @ KeyHolder::Sealed { .. } => {
            let key = Arc::new(holder.load(&start.label)?);
            check(key.public(), &start.certificate)?;
            serve(desk, start, vector::source(key)?, cores)
        }
        KeyHolder::Token(settings) => {
            // Read here for its faults only: while the token is away nobody else would meet them.
            Pin::read(&settings.pin_file)?;
            let certified = PublicKey::from_certificate(&start.certificate)?;
            let source = pkcs11::source(&settings, certified, start.was_ready)?;
            serve(desk, start, source, settings.sessions)
        }
    }
}

fn check(key: &PublicKey, certificate: &[u8]) -> Result<(), HsmError> {
    match PublicKey::from_certificate(certificate)?.is_same(key) {
        true => Ok(()),
        false => Err(HsmError::OtherKey),
    }
}

fn serve<S: SessionSource>(
    desk: &Arc<Desk>,
    start: &Start,
    source: S,
    sessions: usize,
) -> Result<(), HsmError> {
    let public = PublicKey::from_certificate(&start.certificate)?;
    // Alone: a wrong PIN is tried once, not once per session.
    let mut first = source.open()?;
    if start.was_ready {
        probe(&source, &mut first, &public, &start.certificate)?;
    }
    let sessions = sessions.clamp(1, SESSIONS_MAX);
    let number = |requests: usize| u32::try_from(requests.min(CHILD_IN_FLIGHT_MAX)).unwrap_or(1);
    let ready = Ready {
        capacity: number(capacity::<S::Session>(sessions)),
        is_software: source.is_software().unwrap_or(true),
        at_once: number(sessions * S::Session::AT_ONCE),
    };
    desk.send(Draft::of(Kind::Ready, ready));
    let worker = Arc::new(Worker {
        desk: desk.clone(),
        source,
        public,
    });
    for slot in 1..sessions {
        let worker = worker.clone();
        let spawned = std::thread::Builder::new()
            .name(format!("signer-{slot}"))
            .spawn(move || {
                let _present = worker.desk.enter();
                worker.join();
            });
        spawned.map_err(|error| HsmError::Away(error.to_string()))?;
    }
    worker.work(first);
    Ok(())
}

struct Worker<S> {
    desk: Arc<Desk>,
    source: S,
    public: PublicKey,
}

impl<S: SessionSource> Worker<S> {
    /// A further session; where the token allows no more, it goes on with those it has.
    fn join(&self) {
        let mut pauses = Pauses::default();
        loop {
            match self.source.open() {
                Ok(session) => return self.work(session),
                Err(error) => {
                    if !self.desk.rest(pauses.after(&error)) {
                        return;
                    }
                }
            }
        }
    }

    fn work(&self, mut session: S::Session) {
        while let Some(requests) = self.desk.next(portion::<S::Session>) {
            let mut before = thread_cpu_nanos();
            let octets: Vec<&[u8]> = requests.iter().map(|(_, octets)| &**octets).collect();
            let mut left = requests.len();
            let release = |checked: Checked| {
                left -= checked.len();
                let now = thread_cpu_nanos();
                let nanos = now.saturating_sub(before);
                before = now;
                let made = checked.iter();
                let made =
                    made.filter_map(|(index, value)| Some((requests.get(*index)?.0, &**value)));
                self.desk.put(made, nanos);
                // The others take their time: nobody waits for them.
                if left > 0 {
                    self.desk.flush();
                }
            };
            let result = sign_checked(&self.source, &mut session, &self.public, &octets, release);
            if let Err(error) = result {
                self.desk.leave(&error);
            }
        }
    }
}

/// A request: its number and the attributes to sign.
type Request = (u64, Box<[u8]>);

/// What the workers share.
struct Desk {
    inbox: Mutex<Inbox>,
    /// Requests came, or nobody reads: for workers alone, one of which is woken at a time.
    changed: Condvar,
    /// It is over, or a worker has ended.
    ended: Condvar,
    reader: Mutex<BufReader<UnixStream>>,
    outbox: Mutex<Outbox>,
    /// To make the one who reads come back.
    stream: UnixStream,
}

struct Inbox {
    requests: VecDeque<Request>,
    is_read: bool,
    is_over: bool,
    /// Workers that have not ended.
    present: usize,
}

struct Outbox {
    stream: UnixStream,
    /// Entries of what was signed and not sent yet, with its CPU time.
    signed: Vec<(u64, Box<[u8]>)>,
    nanos: u64,
    is_over: bool,
}

impl Desk {
    fn new(stream: UnixStream, reader: BufReader<UnixStream>, out: UnixStream) -> Self {
        Self {
            inbox: Mutex::new(Inbox {
                requests: VecDeque::new(),
                is_read: false,
                is_over: false,
                present: 0,
            }),
            changed: Condvar::new(),
            ended: Condvar::new(),
            reader: Mutex::new(reader),
            outbox: Mutex::new(Outbox {
                stream: out,
                signed: Vec::new(),
                nanos: 0,
                is_over: false,
            }),
            stream,
        }
    }

    /// A worker's portion of the requests that wait; waits for them. `None` at the end.
    fn next(&self, portion: impl Fn(usize, usize) -> usize) -> Option<Vec<Request>> {
        let mut inbox = self.inbox.lock();
        let mut has_answered = false;
        loop {
            if inbox.is_over {
                return None;
            }
            if !inbox.requests.is_empty() {
                let waiting = inbox.requests.len();
                let count = portion(waiting, inbox.present).min(waiting);
                let taken = inbox.requests.drain(..count).collect();
                let is_last = inbox.requests.is_empty();
                drop(inbox);
                // For the rest, or to read on.
                self.changed.notify_one();
                if is_last {
                    self.flush();
                }
                return Some(taken);
            }
            if !has_answered {
                // Who waits keeps no answer back.
                has_answered = true;
                drop(inbox);
                self.flush();
                inbox = self.inbox.lock();
                continue;
            }
            if inbox.is_read {
                self.changed.wait(&mut inbox);
                continue;
            }
            inbox.is_read = true;
            drop(inbox);
            let read = self.read();
            inbox = self.inbox.lock();
            inbox.is_read = false;
            match read {
                Some(requests) => inbox.requests.extend(requests),
                None => {
                    inbox.is_over = true;
                    self.changed.notify_all();
                    self.ended.notify_all();
                }
            }
        }
    }

    fn read(&self) -> Option<Vec<Request>> {
        let mut octets = Vec::new();
        match frame::read(&mut *self.reader.lock(), &mut octets) {
            Ok(Some(Kind::Sign)) => {
                let entries = frame::entries(&octets).ok()?.into_iter();
                let requests = entries.map(|(number, attributes)| (number, attributes.into()));
                Some(requests.collect())
            }
            _ => None,
        }
    }

    fn put<'a>(&self, made: impl Iterator<Item = (u64, &'a [u8])>, nanos: u64) {
        let mut outbox = self.outbox.lock();
        let made = made.map(|(number, value)| (number, Box::from(value)));
        outbox.signed.extend(made);
        outbox.nanos += nanos;
    }

    fn flush(&self) {
        self.outbox.lock().flush();
    }

    fn send(&self, draft: Draft) {
        self.outbox.lock().write(draft);
    }

    /// The token cannot go on: says what was signed, and why; the process ends.
    fn leave(&self, error: &HsmError) {
        let mut outbox = self.outbox.lock();
        outbox.flush();
        outbox.write(Draft::of(Kind::Out, Ailment::of(error)));
        outbox.is_over = true;
        drop(outbox);
        self.inbox.lock().is_over = true;
        self.changed.notify_all();
        self.ended.notify_all();
        let _ = self.stream.shutdown(Shutdown::Read);
    }

    /// Waits so long, or until it is over: then `false`.
    fn rest(&self, pause: Duration) -> bool {
        let until = Moment::now().checked_add(pause);
        let mut inbox = self.inbox.lock();
        loop {
            if inbox.is_over {
                return false;
            }
            match until {
                None => self.ended.wait(&mut inbox),
                Some(until) if until <= Moment::now() => return true,
                Some(until) => {
                    self.ended.wait_until(&mut inbox, until);
                }
            }
        }
    }

    fn enter(&self) -> Present<'_> {
        self.inbox.lock().present += 1;
        Present(self)
    }

    /// Waits until it is over and the workers have closed their sessions; not long for those that hang.
    fn wait_for_the_end(&self) {
        let mut inbox = self.inbox.lock();
        while !inbox.is_over {
            self.ended.wait(&mut inbox);
        }
        let until = Moment::now() + CHILD_LAST_WAIT_MAX;
        while inbox.present > 0 {
            if self.ended.wait_until(&mut inbox, until).timed_out() {
                return;
            }
        }
    }
}

/// A worker that has not ended.
struct Present<'a>(&'a Desk);

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.0.inbox.lock().present -= 1;
        self.0.ended.notify_all();
    }
}

impl Outbox {
    fn flush(&mut self) {
        if self.signed.is_empty() {
            return;
        }
        let mut draft = Draft::new(Kind::Signed);
        draft.number(std::mem::take(&mut self.nanos));
        for (number, value) in self.signed.drain(..) {
            draft.entry(number, &value);
        }
        self.write(draft);
    }

    fn write(&mut self, draft: Draft) {
        // A parent that is gone closes the other direction too.
        if !self.is_over {
            let _ = self.stream.write_all(&draft.finished());
        }
    }
}
