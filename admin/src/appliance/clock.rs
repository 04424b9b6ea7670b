//! The clock of an appliance: the system's; in a sandbox one that can be put ahead, so that the notices of
//! twelve and twenty-four hours (TO-02, TO-03) are seen in seconds (OP-12). Only `init --sandbox-clock`
//! makes such an appliance, by a file in its data directory; nothing turns a real one into it by mistake.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ceralacca_core::disk::DataFolder;
use ceralacca_core::instant::Instant;
use ceralacca_core::ports::{Clock, SystemClock};

use crate::report::Failure;

/// Ahead of the system's time by so many milliseconds; kept over restarts.
pub struct SandboxClock {
    ahead_ms: AtomicI64,
    file: PathBuf,
}

impl Clock for SandboxClock {
    fn now(&self) -> Instant {
        SystemClock.now().plus_millis(self.ahead_ms())
    }
}

impl SandboxClock {
    /// Marks a new data directory as a sandbox.
    pub fn create(data: &DataFolder) -> Result<(), Failure> {
        write(&file_of(data), 0)
    }

    /// The clock of a data directory; `None` where it is no sandbox.
    pub fn of(data: &DataFolder) -> Result<Option<Arc<Self>>, Failure> {
        let file = file_of(data);
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::Refused(format!("{}: {error}", file.display()))),
        };
        let ahead = text.trim().parse::<i64>().map_err(|_| {
            let shown = file.display();
            Failure::Refused(format!("{shown}: write milliseconds, such as 0"))
        })?;
        Ok(Some(Arc::new(Self {
            ahead_ms: AtomicI64::new(ahead),
            file,
        })))
    }

    /// How far it is ahead.
    pub fn ahead_ms(&self) -> i64 {
        self.ahead_ms.load(Ordering::Acquire)
    }

    /// Puts it ahead; never back, which no clock of certified mail may go.
    pub fn advance(&self, by_ms: u64) -> Result<i64, Failure> {
        let by = i64::try_from(by_ms).unwrap_or(i64::MAX);
        let ahead = self.ahead_ms().saturating_add(by);
        write(&self.file, ahead)?;
        self.ahead_ms.store(ahead, Ordering::Release);
        Ok(ahead)
    }
}

fn file_of(data: &DataFolder) -> PathBuf {
    data.0.join("sandbox.clock")
}

fn write(file: &Path, ahead_ms: i64) -> Result<(), Failure> {
    std::fs::write(file, format!("{ahead_ms}\n"))
        .map_err(|error| Failure::Refused(format!("{}: {error}", file.display())))
}
