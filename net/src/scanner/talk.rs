//! One connection to clamd, one command on it: `zINSTREAM` with the message in chunks, or `zVERSION`.
//! Every wait has its bound, and an answer counts only with the zero that ends it.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use ceralacca_core::limits;
use ceralacca_core::ports::ScanVerdict;
use socket2::{Domain, SockAddr, Socket, Type};

use super::ClamdAddress;
use super::reply::{self, Version};

/// What both kinds of sockets can do.
pub(super) trait Stream: Read + Write {
    /// Bounds the waits from here on.
    fn bound(&self, read: Duration, write: Duration) -> io::Result<()>;
}

impl Stream for UnixStream {
    fn bound(&self, read: Duration, write: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(read))?;
        self.set_write_timeout(Some(write))
    }
}

impl Stream for TcpStream {
    fn bound(&self, read: Duration, write: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(read))?;
        self.set_write_timeout(Some(write))
    }
}

/// Calls a server; the sentence says why it is away.
pub(super) fn connect(address: &ClamdAddress) -> Result<Box<dyn Stream>, String> {
    let wait = Duration::from_secs(limits::CLAMD_CONNECT_SECONDS_MAX);
    match address {
        ClamdAddress::Unix(path) => {
            let connect = || -> io::Result<UnixStream> {
                let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
                socket.connect_timeout(&SockAddr::unix(path)?, wait)?;
                Ok(socket.into())
            };
            let stream = connect().map_err(|error| told(&error))?;
            Ok(Box::new(stream))
        }
        ClamdAddress::Tcp(host, port) => {
            let known = (host.as_str(), *port).to_socket_addrs();
            let known = known.map_err(|error| told(&error))?;
            let mut last = "its name has no address".to_owned();
            for address in known {
                match TcpStream::connect_timeout(&address, wait) {
                    Ok(stream) => return Ok(Box::new(stream)),
                    Err(error) => last = told(&error),
                }
            }
            Err(last)
        }
    }
}

/// Streams `message` and waits for the verdict.
pub(super) fn scan(
    mut stream: Box<dyn Stream>,
    message: &mut dyn Read,
) -> Result<ScanVerdict, String> {
    let seconds = Duration::from_secs;
    let (answer_wait, write_wait) = (
        seconds(limits::CLAMD_ANSWER_SECONDS_MAX),
        seconds(limits::CLAMD_WRITE_SECONDS_MAX),
    );
    stream
        .bound(answer_wait, write_wait)
        .map_err(|error| told(&error))?;
    let sent = send(&mut *stream, message);
    match sent {
        Ok(()) => reply::verdict(&answer(&mut *stream, answer_wait)?),
        Err(Trouble::Message(error)) => Err(format!("the message cannot be read: {error}")),
        // It closes when the message is too long for it, and says so before.
        Err(Trouble::Stream(error)) => {
            let last = answer(&mut *stream, seconds(limits::CLAMD_QUESTION_SECONDS_MAX));
            let verdict = last.and_then(|answer| reply::verdict(&answer));
            match verdict {
                Ok(long @ ScanVerdict::TooLong(_)) => Ok(long),
                // It has not seen all of the message: no other verdict counts.
                Ok(_) => Err(told(&error)),
                Err(why) => Err(format!("{}; {why}", told(&error))),
            }
        }
    }
}

/// Asks for the version.
pub(super) fn version(mut stream: Box<dyn Stream>) -> Result<Version, String> {
    let wait = Duration::from_secs(limits::CLAMD_QUESTION_SECONDS_MAX);
    let asked = stream
        .bound(wait, wait)
        .and_then(|()| stream.write_all(b"zVERSION\0"));
    asked.map_err(|error| told(&error))?;
    Version::read(&answer(&mut *stream, wait)?)
}

enum Trouble {
    Message(io::Error),
    Stream(io::Error),
}

fn send(stream: &mut dyn Stream, message: &mut dyn Read) -> Result<(), Trouble> {
    stream.write_all(b"zINSTREAM\0").map_err(Trouble::Stream)?;
    let mut room = vec![0; LENGTH_BYTES + limits::SCAN_CHUNK_BYTES];
    loop {
        let read = match message.read(&mut room[LENGTH_BYTES..]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.map_err(Trouble::Message)?,
        };
        // A length of zero ends the message.
        let length = u32::try_from(read).unwrap_or_default();
        room[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
        stream
            .write_all(&room[..LENGTH_BYTES + read])
            .map_err(Trouble::Stream)?;
        if read == 0 {
            return Ok(());
        }
    }
}

/// Before each chunk.
const LENGTH_BYTES: usize = 4;

/// The octets up to the zero that ends an answer; all of them within `wait`.
fn answer(stream: &mut dyn Stream, wait: Duration) -> Result<Vec<u8>, String> {
    let end = Instant::now() + wait;
    let mut octets = Vec::new();
    let mut room = [0; 512];
    while octets.len() <= limits::CLAMD_ANSWER_BYTES_MAX && Instant::now() < end {
        let read = match stream.read(&mut room) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(0) => return Err("it closed before its answer was whole".to_owned()),
            read => read.map_err(|error| told(&error))?,
        };
        octets.extend_from_slice(&room[..read]);
        if let Some(zero) = octets.iter().position(|octet| *octet == 0) {
            if zero + 1 < octets.len() {
                return Err("it said more than one answer".to_owned());
            }
            octets.truncate(zero);
            return Ok(octets);
        }
    }
    Err("its answer has no end".to_owned())
}

fn told(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            "it does not answer in time".to_owned()
        }
        _ => error.to_string(),
    }
}
