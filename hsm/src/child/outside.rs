//! The parent's side of a child: a thread that starts it, reads its answers and starts the next one when it
//! is gone. Whoever brings work, or makes room for it, writes the requests itself.

use std::collections::HashMap;
use std::io::{BufReader, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ceralacca_core::smime::SigningCertificate;
use parking_lot::{Mutex, RwLock};

use super::ChildProgram;
use super::frame::{self, Ailment, Draft, Kind, Ready, Start};
use crate::error::HsmError;
use crate::holder::KeyHolder;
use crate::limits::{
    CHILD_IN_FLIGHT_MAX, CHILD_LAST_WAIT_MAX, CHILD_START_WAIT_MAX, CHILD_WRITE_WAIT_MAX,
};
use crate::pkcs11;
use crate::pool::{Feed, Made, PoolName, Seat, Step, TokenPlan, drafted};

impl TokenPlan {
    /// The key `label` of a holder, in a child process.
    pub fn in_child(
        program: ChildProgram,
        holder: &KeyHolder,
        label: &str,
        certificate: Arc<SigningCertificate>,
    ) -> Self {
        let start = Start::new(holder, label, &certificate.certificate);
        Self {
            name: name_of(holder),
            certificate,
            held: None,
            line: Box::new(move |seat| {
                let line = Arc::new(Line {
                    seat,
                    program,
                    start,
                    process: RwLock::new(None),
                });
                line.seat.engine.add_feed(line.seat.place, line.clone());
                let spawned = std::thread::Builder::new()
                    .name("signer".to_owned())
                    .spawn(move || line.run());
                let spawned = spawned.map_err(|error| HsmError::Away(error.to_string()))?;
                Ok(vec![spawned])
            }),
        }
    }
}

/// As it is known before the module was asked.
fn name_of(holder: &KeyHolder) -> PoolName {
    let is_software = match holder {
        KeyHolder::Software { .. } | KeyHolder::Sealed { .. } => true,
        KeyHolder::Token(settings) => pkcs11::names_software(&settings.module.to_string_lossy()),
    };
    PoolName {
        name: holder.words(),
        is_software,
    }
}

/// Starts a child with a socket as its standard input; who reads from it waits so long.
pub(super) fn spawn(
    program: &ChildProgram,
    read_wait: Duration,
) -> std::io::Result<(Child, UnixStream)> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_write_timeout(Some(CHILD_WRITE_WAIT_MAX))?;
    ours.set_read_timeout(Some(read_wait))?;
    let child = Command::new(&program.path)
        .args(&program.arguments)
        .arg0("ceralacca")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        // A signal from a terminal is for the parent, which ends its children in order.
        .process_group(0)
        .spawn()?;
    Ok((child, ours))
}

struct Line {
    seat: Seat,
    program: ChildProgram,
    start: Start,
    process: RwLock<Option<Arc<Process>>>,
}

/// A child that runs.
struct Process {
    child: Mutex<Child>,
    pid: u32,
    /// 0 until it is ready.
    epoch: AtomicU64,
    writer: Mutex<UnixStream>,
    /// What was asked and is not answered: the attributes by number.
    asked: Mutex<HashMap<u64, Vec<u8>>>,
}

impl Line {
    fn run(&self) {
        let (engine, place) = (&self.seat.engine, self.seat.place);
        loop {
            match engine.next_step(place) {
                Step::End => return,
                Step::Serve(epoch) => {
                    let words = "its process is gone".to_owned();
                    engine.take_out(place, epoch, HsmError::Away(words));
                }
                Step::Probe { was_ready } => {
                    if let Err(error) = self.try_out(was_ready) {
                        engine.failed(place, &error);
                    }
                    *self.process.write() = None;
                }
            }
        }
    }

    /// Starts a child and stays with it to its end. An error: it was never ready.
    fn try_out(&self, was_ready: bool) -> Result<(), HsmError> {
        let away = |error: std::io::Error| HsmError::Away(format!("its process: {error}"));
        let (process, stream) = Process::start(&self.program).map_err(away)?;
        let process = Arc::new(process);
        *self.process.write() = Some(process.clone());
        let mut reader = BufReader::new(stream);
        let result = self.greet(&process, &mut reader, was_ready);
        let served = result.map(|ready| {
            let error = self.stay(&process, &mut reader, ready);
            let epoch = process.epoch.load(Ordering::Acquire);
            (epoch, error)
        });
        // Out of service first: what it held need not wait until it is gone.
        let outcome = match served {
            Ok((epoch, Some(error))) => {
                self.seat.engine.take_out(self.seat.place, epoch, error);
                Ok(None)
            }
            Ok((epoch, None)) => Ok(Some(epoch)),
            Err(error) => Err(error),
        };
        let words = process.end(&mut reader);
        match outcome {
            Ok(None) => Ok(()),
            Ok(Some(epoch)) => {
                let error = HsmError::Away(words);
                self.seat.engine.take_out(self.seat.place, epoch, error);
                Ok(())
            }
            Err(None) => Err(HsmError::Away(words)),
            Err(Some(error)) => Err(error),
        }
    }

    /// Says what it is to sign with, and hears that it can. `None` as error: it ended without a word.
    fn greet(
        &self,
        process: &Process,
        reader: &mut BufReader<UnixStream>,
        was_ready: bool,
    ) -> Result<Ready, Option<HsmError>> {
        let start = self.start.clone().after(was_ready);
        let away = |words: &str| Some(HsmError::Away(words.to_owned()));
        process
            .send(Draft::of(Kind::Start, start))
            .map_err(|_| None)?;
        let mut octets = Vec::new();
        let heard = frame::read(reader, &mut octets);
        match heard {
            Ok(Some(Kind::Ready)) => {
                let _ = reader.get_ref().set_read_timeout(None);
                frame::value(&octets).map_err(|_| away("its process speaks another language"))
            }
            Ok(Some(Kind::Out)) => Err(frame::value::<Ailment>(&octets).ok().map(Ailment::error)),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                Err(away("it has not opened within the time for a start"))
            }
            _ => Err(None),
        }
    }

    /// Reads answers until it ends; why, where it said so.
    fn stay(
        &self,
        process: &Arc<Process>,
        reader: &mut BufReader<UnixStream>,
        ready: Ready,
    ) -> Option<HsmError> {
        let (engine, place) = (&self.seat.engine, self.seat.place);
        let within = |number: u32| {
            let number = usize::try_from(number).unwrap_or(1);
            number.clamp(1, CHILD_IN_FLIGHT_MAX)
        };
        let room = (within(ready.at_once), within(ready.capacity));
        let epoch = engine.ready(place, room, Some(ready.is_software));
        process.epoch.store(epoch, Ordering::Release);
        self.feed();
        let mut octets = Vec::new();
        loop {
            match frame::read(reader, &mut octets) {
                Ok(Some(Kind::Signed)) => {
                    let (nanos, made) = process.made(&octets)?;
                    engine.answer(place, epoch, made, nanos);
                    self.feed();
                }
                Ok(Some(Kind::Out)) => {
                    return frame::value::<Ailment>(&octets).ok().map(Ailment::error);
                }
                _ => return None,
            }
        }
    }
}

impl Feed for Line {
    fn feed(&self) {
        let process = self.process.read().clone();
        let Some(process) = process else {
            return;
        };
        let epoch = process.epoch.load(Ordering::Acquire);
        if epoch == 0 {
            return;
        }
        let Seat {
            engine,
            place,
            attributes,
            ..
        } = &self.seat;
        // One after another: what was taken first is asked first.
        let mut writer = process.writer.lock();
        loop {
            let taken = engine.take(*place, epoch, CHILD_IN_FLIGHT_MAX);
            if taken.is_empty() {
                return;
            }
            let asked = drafted(attributes, &taken).and_then(|drafts| {
                let mut draft = Draft::new(Kind::Sign);
                for (number, attributes) in &drafts {
                    draft.entry(*number, attributes);
                }
                process.asked.lock().extend(drafts);
                let written = writer.write_all(&draft.finished());
                written.map_err(|error| HsmError::Away(error.to_string()))
            });
            if asked.is_err() {
                // Its reader meets the end and has the work done elsewhere.
                process.kill();
                return;
            }
        }
    }

    fn kill(&self, epoch: u64) {
        let process = self.process.read().clone();
        if let Some(process) = process
            && process.epoch.load(Ordering::Acquire) == epoch
        {
            process.kill();
        }
    }

    fn close(&self) {
        let process = self.process.read().clone();
        let Some(process) = process else {
            return;
        };
        if process.epoch.load(Ordering::Acquire) == 0 {
            process.kill();
        } else {
            // It closes its sessions and goes.
            let _ = process.writer.lock().shutdown(Shutdown::Write);
        }
    }

    fn end(&self) {
        let process = self.process.read().clone();
        process.inspect(|process| process.kill());
    }

    fn process(&self) -> Option<u32> {
        self.process.read().as_ref().map(|process| process.pid)
    }
}

impl Process {
    fn start(program: &ChildProgram) -> std::io::Result<(Self, UnixStream)> {
        let (child, ours) = spawn(program, CHILD_START_WAIT_MAX)?;
        let process = Self {
            pid: child.id(),
            child: Mutex::new(child),
            epoch: AtomicU64::new(0),
            writer: Mutex::new(ours.try_clone()?),
            asked: Mutex::default(),
        };
        Ok((process, ours))
    }

    fn send(&self, draft: Draft) -> std::io::Result<()> {
        self.writer.lock().write_all(&draft.finished())
    }

    /// The signatures of a frame with what they are over. `None`: it is not understood.
    fn made(&self, octets: &[u8]) -> Option<(u64, Vec<Made>)> {
        let (nanos, rest) = frame::number(octets).ok()?;
        let entries = frame::entries(rest).ok()?;
        let mut asked = self.asked.lock();
        let made = entries.into_iter().filter_map(|(number, value)| {
            Some(Made {
                number,
                attributes: asked.remove(&number)?,
                value: value.to_vec(),
            })
        });
        Some((nanos, made.collect()))
    }

    fn kill(&self) {
        let _ = self.child.lock().kill();
    }

    /// Sees it out, by force where it does not go; how it ended, in words.
    fn end(&self, reader: &mut BufReader<UnixStream>) -> String {
        let stream = reader.get_ref();
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.set_read_timeout(Some(CHILD_LAST_WAIT_MAX * 2));
        let mut rest = [0; 1024];
        while matches!(reader.read(&mut rest), Ok(count) if count > 0) {}
        self.kill();
        match self.child.lock().wait() {
            Ok(status) => format!("its process ended ({status})"),
            Err(error) => format!("its process is lost: {error}"),
        }
    }
}
