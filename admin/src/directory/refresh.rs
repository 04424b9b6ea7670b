//! Keeps the index fresh: a thread fetches it when it is due (DI-01), looks at the stored copy every
//! hour (DI-12), and tries again soon after a failure, while the last good copy is used (DI-13).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use ceralacca_core::directory::{ShelfError, Taken};
use ceralacca_core::disk::DataFolder;
use ceralacca_core::instant::Instant;
use ceralacca_core::limits::DIRECTORY_BYTES_MAX;
use ceralacca_core::state::State;
use ceralacca_firmware::Settings;
use parking_lot::Mutex;

use super::fetch::{Access, FetchError, Fetcher};
use super::{certificates, read_file};
use crate::keys::Changeover;
use crate::report::Failure;

/// The stored copy is looked at so often.
const RECHECK: Duration = Duration::from_secs(60 * 60);
/// After a failure, at first; doubled up to [`RECHECK`].
const RETRY: Duration = Duration::from_secs(60);
/// A fetch under way is waited for so long.
const STOP_WAIT: Duration = Duration::from_secs(2);
/// A private key in PEM.
const KEY_BYTES_MAX: u64 = 64 * 1024;

/// Why the index was not made fresh.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The way there.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// What came.
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    /// What came was left, as nothing may be written any more.
    #[error("the appliance stops")]
    Stopping,
}

/// Where the index comes from.
pub struct Source {
    fetcher: Fetcher,
    url: String,
    every: Duration,
    /// One at a time, and how the last one failed.
    failure: Mutex<Option<String>>,
    stopping: AtomicBool,
}

impl Source {
    /// As the settings say; `None` when they name no index.
    pub fn of(data: &DataFolder, settings: &Settings) -> Result<Option<Self>, Failure> {
        let directory = &settings.directory;
        let Some(url) = directory.url.clone() else {
            return Ok(None);
        };
        let authorities = match &directory.server_authority {
            Some(file) => certificates(data, file)?,
            None => Vec::new(),
        };
        let client = match (&directory.client_certificate, &directory.client_key) {
            (Some(certificate), Some(key)) => Some((
                read_file(&data.0.join(certificate), KEY_BYTES_MAX)?,
                zeroize::Zeroizing::new(read_file(&data.0.join(key), KEY_BYTES_MAX)?),
            )),
            _ => None,
        };
        let mut fetcher = Fetcher::new(&Access {
            authorities,
            client,
        })?;
        fetcher.allow(&url).map_err(Failure::refused)?;
        Ok(Some(Self {
            fetcher,
            url,
            every: Duration::from_secs(directory.refresh_s.into()),
            failure: Mutex::new(None),
            stopping: AtomicBool::new(false),
        }))
    }

    /// Fetches the index now and takes it.
    pub fn refresh(&self, state: &State) -> Result<Taken, RefreshError> {
        let mut failure = self.failure.lock();
        let taken = self.fetch(state);
        *failure = taken.as_ref().err().map(ToString::to_string);
        taken
    }

    fn fetch(&self, state: &State) -> Result<Taken, RefreshError> {
        let p7m = self.fetcher.fetch(&self.url, DIRECTORY_BYTES_MAX)?;
        if self.stopping.load(Ordering::Acquire) {
            return Err(RefreshError::Stopping);
        }
        Ok(state.directory().take(&p7m, state.clock().now())?)
    }

    /// How the last fetch failed, if it did.
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().clone()
    }

    /// Until the next fetch is due.
    fn due_in(&self, state: &State, now: Instant) -> Duration {
        let Some(current) = state.directory().current() else {
            return Duration::ZERO;
        };
        // A held index was fetched as well: its age counts, or it would be fetched without end.
        let held = state.directory().held().map(|held| held.fetched_at);
        let last = current.fetched_at.max(held.unwrap_or(current.fetched_at));
        let age = now.as_millis().saturating_sub(last.as_millis()).max(0);
        let age = Duration::from_millis(u64::try_from(age).unwrap_or(0));
        self.every.saturating_sub(age)
    }
}

/// The thread; dropping it stops it, and leaves a fetch under way to its end without use.
pub struct Refresher {
    source: Option<Arc<Source>>,
    stop: Option<Sender<()>>,
    ended: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Refresher {
    /// Starts to look after the index.
    pub fn start(
        state: Arc<State>,
        source: Option<Arc<Source>>,
        changeover: Option<Arc<Changeover>>,
    ) -> Result<Self, Failure> {
        let (stop, stopped) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let inside = source.clone();
        let thread = std::thread::Builder::new()
            .name("directory".to_owned())
            .spawn(move || {
                let mut pause = Duration::ZERO;
                let mut retry = RETRY;
                while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                    pause = round(&state, inside.as_deref(), &mut retry);
                    // The index may show the next certificate for long enough now (DI-09).
                    let due = changeover.as_ref().and_then(|changeover| changeover.look());
                    pause = due.map_or(pause, |due| due.min(pause));
                }
                drop(end);
            })
            .map_err(Failure::refused)?;
        Ok(Self {
            source,
            stop: Some(stop),
            ended,
            thread: Some(thread),
        })
    }
}

impl Drop for Refresher {
    fn drop(&mut self) {
        if let Some(source) = &self.source {
            source.stopping.store(true, Ordering::Release);
        }
        drop(self.stop.take());
        let waited = self.ended.recv_timeout(STOP_WAIT);
        if waited == Err(RecvTimeoutError::Disconnected)
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

/// One look; the time until the next.
fn round(state: &State, source: Option<&Source>, retry: &mut Duration) -> Duration {
    state.directory().recheck();
    let Some(source) = source else {
        return RECHECK;
    };
    let due = source.due_in(state, state.clock().now());
    if !due.is_zero() {
        return due.min(RECHECK);
    }
    match source.refresh(state) {
        Ok(taken) => {
            if let Taken::Held(hold) = taken {
                ceralacca_core::warning!("a new index of providers waits for confirmation: {hold}");
            }
            *retry = RETRY;
            source.due_in(state, state.clock().now()).min(RECHECK)
        }
        Err(error) => {
            ceralacca_core::warning!("the index of providers was not fetched: {error}");
            let pause = *retry;
            *retry = (pause * 2).min(RECHECK);
            pause.min(source.every)
        }
    }
}
