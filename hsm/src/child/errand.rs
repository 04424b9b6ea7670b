//! One thing asked of a key's holder by an operator, and the child that is started for it alone. An answer, a
//! refusal in the token's own words, or [`HsmError::Lost`] comes within the time that was given, whatever a
//! vendor's library does; no PIN crosses the socket, for the child reads the files itself.

use std::ffi::OsStr;
use std::io::{self, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Child;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant as Moment};

use minicbor::{Decode, Encode};
use parking_lot::Mutex;
use rustix::process::{Signal, getpid, kill_process};

use super::ChildProgram;
use super::frame::{self, Ailment, Draft, Kind, Start};
use super::outside::spawn;
use crate::error::HsmError;
use crate::holder::{HeldKey, KeyHolder};
use crate::limits::{CHILD_END_POLL, CHILD_LAST_WAIT_MAX, ERRAND_WAIT_MAX};
use crate::public_key::{KeyType, PublicKey};

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) enum Errand {
    /// Prepare the place.
    #[n(0)]
    Prepare {
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        so_pin_file: Option<Vec<u8>>,
    },
    /// Make a key.
    #[n(1)]
    Make {
        #[n(0)]
        label: String,
        /// RSA; a key on P-256 when `None`.
        #[n(1)]
        rsa_bits: Option<u32>,
    },
    /// All keys.
    #[n(2)]
    Keys,
    /// One key.
    #[n(3)]
    Key {
        #[n(0)]
        label: String,
    },
    /// Sign.
    #[n(4)]
    Sign {
        #[n(0)]
        label: String,
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        octets: Vec<u8>,
    },
}

/// What came of it; what it does not tell is empty.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Keys that were made or are there.
    pub(crate) keys: Vec<HeldKey>,
    /// A signature.
    pub(crate) value: Vec<u8>,
}

/// An errand with its holder, as it crosses the socket.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Ask {
    #[n(0)]
    place: Start,
    #[n(1)]
    errand: Errand,
}

/// [`Done`], as it crosses the socket.
#[derive(Debug, Default, Encode, Decode)]
struct Told {
    #[n(0)]
    keys: Vec<ToldKey>,
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    value: Vec<u8>,
}

#[derive(Debug, Encode, Decode)]
struct ToldKey {
    #[n(0)]
    label: String,
    /// DER of the SubjectPublicKeyInfo.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    info: Vec<u8>,
    #[n(2)]
    is_software: bool,
}

impl Errand {
    pub(crate) fn prepare(so_pin_file: Option<&Path>) -> Self {
        let octets = |path: &Path| path.as_os_str().as_bytes().to_vec();
        Self::Prepare {
            so_pin_file: so_pin_file.map(octets),
        }
    }

    pub(crate) fn make(label: &str, key: KeyType) -> Self {
        Self::Make {
            label: label.to_owned(),
            rsa_bits: match key {
                KeyType::Rsa(bits) => Some(u32::try_from(bits).unwrap_or(u32::MAX)),
                KeyType::P256 => None,
            },
        }
    }

    pub(crate) fn key(label: &str) -> Self {
        Self::Key {
            label: label.to_owned(),
        }
    }

    pub(crate) fn sign(label: &str, octets: &[u8]) -> Self {
        Self::Sign {
            label: label.to_owned(),
            octets: octets.to_vec(),
        }
    }

    /// Does it in this process.
    pub(crate) fn run(&self, holder: &KeyHolder) -> Result<Done, HsmError> {
        let of_keys = |keys| Done {
            keys,
            ..Done::default()
        };
        match self {
            Self::Prepare { so_pin_file } => {
                let file = so_pin_file.as_deref();
                let file = file.map(|octets| Path::new(OsStr::from_bytes(octets)));
                holder.prepare(file).map(|()| Done::default())
            }
            Self::Make { label, rsa_bits } => {
                let bits = rsa_bits.map(|bits| usize::try_from(bits).unwrap_or(usize::MAX));
                let key = holder.make(label, bits.map_or(KeyType::P256, KeyType::Rsa))?;
                Ok(of_keys(vec![key]))
            }
            Self::Keys => holder.keys().map(of_keys),
            Self::Key { label } => Ok(of_keys(vec![holder.key(label)?])),
            Self::Sign { label, octets } => Ok(Done {
                value: holder.sign(label, octets)?,
                ..Done::default()
            }),
        }
    }

    /// Making a key, or all of a token, takes as long as it takes.
    const fn is_slow(&self) -> bool {
        matches!(self, Self::Prepare { .. } | Self::Make { .. })
    }
}

impl Told {
    fn of(done: Done) -> Self {
        let keys = done.keys.into_iter().map(|key| ToldKey {
            info: key.public.info().to_vec(),
            label: key.label,
            is_software: key.is_software,
        });
        Self {
            keys: keys.collect(),
            value: done.value,
        }
    }

    fn done(self) -> Result<Done, HsmError> {
        let keys = self.keys.into_iter().map(|key| {
            Ok(HeldKey {
                public: PublicKey::from_info(&key.info)?,
                label: key.label,
                is_software: key.is_software,
            })
        });
        Ok(Done {
            keys: keys.collect::<Result<_, HsmError>>()?,
            value: self.value,
        })
    }
}

/// In the child: does it, says what came of it, and ends.
pub(super) fn answer(ask: &Ask, mut stream: UnixStream) -> io::Result<()> {
    let draft = match ask.errand.run(&ask.place.holder()) {
        Ok(done) => Draft::of(Kind::Told, Told::of(done)),
        Err(error) => Draft::of(Kind::Out, Ailment::of(&error)),
    };
    stream.write_all(&draft.finished())?;
    Ok(kill_process(getpid(), Signal::KILL)?)
}

/// The sockets to children that do an errand.
#[derive(Debug, Default)]
pub(super) struct Lines(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    is_over: bool,
    lines: Vec<Weak<UnixStream>>,
}

impl Lines {
    /// Whether it may be used: not when all are to end.
    fn open(&self, line: &Arc<UnixStream>) -> bool {
        let mut open = self.0.lock();
        open.lines.retain(|line| line.strong_count() > 0);
        open.lines.push(Arc::downgrade(line));
        !open.is_over
    }

    /// Who reads from one meets its end.
    pub(super) fn halt(&self) {
        let mut open = self.0.lock();
        open.is_over = true;
        for line in open.lines.drain(..).filter_map(|line| line.upgrade()) {
            let _ = line.shutdown(Shutdown::Both);
        }
    }

    fn is_over(&self) -> bool {
        self.0.lock().is_over
    }
}

/// The children of one command.
#[derive(Debug, Clone)]
pub(crate) struct Errands {
    program: ChildProgram,
    /// No answer is waited for after that.
    until: Moment,
}

impl Errands {
    pub(crate) fn new(program: ChildProgram, wait: Duration) -> Self {
        Self {
            program,
            until: Moment::now() + wait,
        }
    }

    /// Has a child do it.
    pub(crate) fn run(&self, holder: &KeyHolder, errand: &Errand) -> Result<Done, HsmError> {
        let left = self.until.saturating_duration_since(Moment::now());
        let wait = match errand.is_slow() {
            true => left,
            false => left.min(ERRAND_WAIT_MAX),
        };
        let lost = |how: String| HsmError::Lost {
            holder: named(holder),
            how,
        };
        if wait.is_zero() {
            return Err(lost("was not started: no time was left".to_owned()));
        }
        let failed = |error: io::Error| lost(format!("did not start: {error}"));
        let (child, stream) = spawn(&self.program, wait).map_err(failed)?;
        let ask = Ask {
            place: Start::new(holder, "", &[]),
            errand: errand.clone(),
        };
        let stream = Arc::new(stream);
        let heard = match self.program.lines.open(&stream) {
            true => hear(&stream, ask),
            false => Ok(None),
        };
        let end = see_out(child);
        let how = match heard {
            Ok(Some(answer)) => return answer,
            _ if self.program.lines.is_over() => "was ended: the appliance stops".to_owned(),
            Err(error) if is_late(&error) => {
                let seconds = wait.as_secs_f32().round();
                format!("had not answered after {seconds} s, and was ended")
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                "gave an answer that is not understood".to_owned()
            }
            Ok(None) | Err(_) => format!("ended without an answer ({end})"),
        };
        Err(lost(how))
    }
}

/// What holds the keys, and the library that may be at fault.
fn named(holder: &KeyHolder) -> String {
    match holder.module() {
        Some(module) => format!("{} (module {module})", holder.words()),
        None => holder.words(),
    }
}

/// Asks, and reads the one answer; `None`: it ended without one.
fn hear(mut stream: &UnixStream, ask: Ask) -> io::Result<Option<Result<Done, HsmError>>> {
    stream.write_all(&Draft::of(Kind::Ask, ask).finished())?;
    let mut octets = Vec::new();
    Ok(
        match frame::read(&mut BufReader::new(stream), &mut octets)? {
            Some(Kind::Told) => Some(frame::value::<Told>(&octets)?.done()),
            Some(Kind::Out) => Some(Err(frame::value::<Ailment>(&octets)?.error())),
            _ => None,
        },
    )
}

fn is_late(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// Ends it, where it has not ended; how it did, in words. One that a driver holds in the kernel is left to a
/// thread of its own.
fn see_out(mut child: Child) -> String {
    let _ = child.kill();
    let until = Moment::now() + CHILD_LAST_WAIT_MAX;
    while Moment::now() < until {
        match child.try_wait() {
            Ok(Some(status)) => return status.to_string(),
            Ok(None) => std::thread::sleep(CHILD_END_POLL),
            Err(error) => return error.to_string(),
        }
    }
    std::thread::spawn(move || child.wait());
    "it does not end, not even by SIGKILL".to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::pkcs11::Pkcs11Settings;

    #[test]
    fn what_is_asked_and_told_crosses_the_socket_whole() {
        let holder = KeyHolder::Token(Pkcs11Settings {
            module: "/m.so".into(),
            token: "prova".to_owned(),
            pin_file: "/pin".into(),
            key_label: String::new(),
            sessions: 2,
        });
        for errand in [
            Errand::prepare(Some(Path::new("/so-pin"))),
            Errand::prepare(None),
            Errand::make("pec", KeyType::Rsa(3072)),
            Errand::make("pec", KeyType::P256),
            Errand::Keys,
            Errand::key("pec"),
            Errand::sign("pec", b"octets"),
        ] {
            let ask = Ask {
                place: Start::new(&holder, "", &[]),
                errand,
            };
            let octets = minicbor::to_vec(&ask).unwrap();
            let read: Ask = frame::value(&octets).unwrap();
            assert_eq!(read, ask);
            assert_eq!(read.place.holder(), holder);
        }
        let folder = tempfile::tempdir().unwrap();
        let holder = KeyHolder::Software {
            folder: folder.path().to_owned(),
        };
        let made = Errand::make("pec", KeyType::P256).run(&holder).unwrap();
        let octets = minicbor::to_vec(Told::of(made)).unwrap();
        let told = frame::value::<Told>(&octets).unwrap().done().unwrap();
        let there = Errand::key("pec").run(&holder).unwrap();
        assert!(told.keys[0].public.is_same(&there.keys[0].public));
        assert!(told.keys[0].label == "pec" && told.keys[0].is_software);
    }
}
