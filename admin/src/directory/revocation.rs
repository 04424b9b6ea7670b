//! Keeps revocation lists fresh (IP-11): a thread fetches those that are due from where the certificates
//! that we trust say they are, keeps them over a restart, and fetches the index once when a signer may be
//! newer than our copy (IP-23). A failed fetch leaves the last list in use until its `nextUpdate`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use ceralacca_core::disk::DataFolder;
use ceralacca_core::instant::Instant;
use ceralacca_core::limits::CRL_BYTES_MAX;
use ceralacca_core::smime::certificate::{self, pem};
use ceralacca_core::smime::revocation::StoredList;
use ceralacca_core::state::State;

use super::fetch::{Access, Fetcher};
use super::read_file;
use super::refresh::Source;
use crate::keys::replace;
use crate::report::Failure;

/// Between two looks at what is due.
const PAUSE: Duration = Duration::from_secs(1);
/// The certificates above one list.
const AUTHORITIES_BYTES_MAX: u64 = 1024 * 1024;

/// The thread; dropping it stops it.
pub struct ListKeeper {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Keeper {
    state: Arc<State>,
    source: Option<Arc<Source>>,
    fetcher: Fetcher,
    folder: PathBuf,
    every: Duration,
    index: Option<[u8; 32]>,
}

impl ListKeeper {
    /// Takes up what was kept, and starts to look after the lists.
    pub fn start(
        state: Arc<State>,
        source: Option<Arc<Source>>,
        data: &DataFolder,
        every: Duration,
    ) -> Result<Self, Failure> {
        let mut keeper = Keeper {
            state,
            source,
            fetcher: Fetcher::new(&Access::default())?,
            folder: data.0.join("crls"),
            every,
            index: None,
        };
        keeper.take_up();
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("crls".to_owned())
            .spawn(move || {
                keeper.round();
                while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                    keeper.round();
                }
            })
            .map_err(Failure::refused)?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for ListKeeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Keeper {
    fn round(&mut self) {
        let now = self.state.clock().now();
        self.follow_index(now);
        let room = self.state.trust_room().clone();
        if room.take_wanted()
            && let Some(source) = &self.source
            && let Err(error) = source.refresh(&self.state)
        {
            ceralacca_core::warning!(
                "the index, asked for by a new signer, was not fetched: {error}"
            );
        }
        let lists = room.revocation();
        for wanted in lists.wanted(now, self.every) {
            match self.fetched(&wanted.url, now) {
                Ok(()) => lists.note_fetched(&wanted.url, now),
                Err(why) => {
                    ceralacca_core::warning!("no revocation list from {}: {why}", wanted.url);
                    lists.note_failure(&wanted.url, &why, now);
                }
            }
        }
    }

    /// Certificates of a new index have lists of their own.
    fn follow_index(&mut self, now: Instant) {
        let current = self.state.directory().current().map(|c| c.digest);
        if current != self.index {
            self.index = current;
            self.state.trust_room().watch_index(now);
        }
    }

    fn fetched(&mut self, url: &str, now: Instant) -> Result<(), String> {
        // Only certificates that lead to an authority of ours name such hosts (SE-15).
        self.fetcher.allow(url).map_err(|e| e.to_string())?;
        let octets = self
            .fetcher
            .fetch(url, CRL_BYTES_MAX)
            .map_err(|e| e.to_string())?;
        let lists = self.state.trust_room().revocation();
        lists.put(&octets, &[], now).map_err(|e| e.to_string())?;
        self.keep()
            .map_err(|error| format!("it cannot be kept: {error}"))
    }

    /// Lists of an earlier run that still serve; others are fetched again.
    fn take_up(&self) {
        let now = self.state.clock().now();
        let Ok(entries) = std::fs::read_dir(&self.folder) else {
            return;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.extension().is_some_and(|extension| extension == "crl") {
                // What cannot be used is fetched again.
                let _ = self.put_back(&path, now);
            }
        }
    }

    fn put_back(&self, path: &Path, now: Instant) -> Option<()> {
        let octets = read_file(path, CRL_BYTES_MAX as u64).ok()?;
        let above = read_file(&path.with_extension("pem"), AUTHORITIES_BYTES_MAX).ok()?;
        let authorities = certificate::read_file(&above).unwrap_or_default();
        let lists = self.state.trust_room().revocation();
        lists.put(&octets, &authorities, now).ok().map(drop)
    }

    /// Each in a file of its own, replaced whole; what is lost in a crash is fetched again.
    fn keep(&self) -> Result<(), Failure> {
        std::fs::create_dir_all(&self.folder).map_err(Failure::refused)?;
        for (number, list) in self
            .state
            .trust_room()
            .revocation()
            .lists()
            .iter()
            .enumerate()
        {
            let StoredList {
                der, authorities, ..
            } = list;
            let above: String = authorities
                .iter()
                .map(|der| pem("CERTIFICATE", der))
                .collect();
            replace(&self.folder.join(format!("{number}.pem")), above.as_bytes())?;
            replace(&self.folder.join(format!("{number}.crl")), der)?;
        }
        Ok(())
    }
}
