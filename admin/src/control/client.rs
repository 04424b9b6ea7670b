//! The side of the commands: a connection to the appliance that runs.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use ceralacca_core::disk::DataFolder;
use ceralacca_hsm::limits::OPERATION_WAIT_MAX;

use super::protocol::{Answer, Request};
use super::socket;

/// A token may make a key slowly.
const ANSWER_WAIT: Duration = Duration::from_secs(120);
const _: () = assert!(OPERATION_WAIT_MAX.as_secs() < ANSWER_WAIT.as_secs());
/// Larger than any answer: a page of mailboxes, or all kept steps.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Why the appliance did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nobody listens: the appliance does not run.
    #[error("the appliance does not run")]
    NotRunning,
    /// Somebody listens and does not answer as he should.
    #[error("the appliance cannot be reached over its control socket: {0}")]
    Broken(String),
}

/// An open connection; many requests may follow one another.
pub struct Link {
    reader: BufReader<UnixStream>,
}

impl Link {
    /// Connects to the appliance that runs on this data directory.
    pub fn open(data: &DataFolder) -> Result<Self, ControlError> {
        let stream = socket::connect(data).map_err(|error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => ControlError::NotRunning,
            _ => broken(&error),
        })?;
        for set in [UnixStream::set_read_timeout, UnixStream::set_write_timeout] {
            set(&stream, Some(ANSWER_WAIT)).map_err(|error| broken(&error))?;
        }
        Ok(Self {
            reader: BufReader::new(stream),
        })
    }

    /// Asks and waits for the answer.
    pub fn ask(&mut self, request: &Request) -> Result<Answer, ControlError> {
        let mut line = serde_json::to_vec(request).map_err(|error| broken(&error))?;
        line.push(b'\n');
        let stream = self.reader.get_mut();
        stream.write_all(&line).map_err(|error| broken(&error))?;
        let mut answer = Vec::new();
        let mut bounded = (&mut self.reader).take(ANSWER_BYTES_MAX);
        bounded
            .read_until(b'\n', &mut answer)
            .map_err(|error| broken(&error))?;
        if answer.is_empty() {
            return Err(ControlError::Broken("it closed the connection".to_owned()));
        }
        serde_json::from_slice(&answer).map_err(|error| broken(&error))
    }
}

fn broken(error: &dyn std::fmt::Display) -> ControlError {
    ControlError::Broken(error.to_string())
}
