//! The journal under many writers that wait: how many commits share one `fdatasync`, and their rate beside
//! that of the disk alone. The writers ask the state as the servers do, without a socket between.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ceralacca_core::disk::{DataFolder, Disk, DiskFile, RealDisk};
use ceralacca_core::mailbox::{FolderId, MailboxId};
use ceralacca_core::owner::{Command, MailboxOrder, Outcome};
use ceralacca_core::state::State;
use serde_json::json;

use crate::inside;
use crate::machine;
use crate::provider::address;
use crate::rows::{Output, Row};
use crate::sums::Trouble;

/// What to run.
#[derive(clap::Args)]
pub struct Settings {
    /// Who waits for a commit.
    #[arg(long, default_value_t = 256)]
    writers: usize,
    /// How long.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// What is told, and where.
    #[command(flatten)]
    output: Output,
}

/// Of 256 writers, so many share a sync.
const COMMITS_PER_SYNC_MIN: f64 = 100.0;
const RAW_TIME: Duration = Duration::from_secs(2);

/// Runs it.
pub fn run(settings: &Settings) -> Result<(), Trouble> {
    let (writers, seconds) = (settings.writers.max(1), settings.seconds);
    settings.output.of(|| measure(writers, seconds))
}

/// The rows.
pub fn measure(writers: usize, seconds: f64) -> Result<Vec<Row>, Trouble> {
    let folder = tempfile::tempdir()?;
    let data = DataFolder(folder.path().join("data"));
    let raw = machine::syncs_per_s(folder.path(), RAW_TIME)?;
    let syncs = Arc::new(AtomicU64::new(0));
    let disk = Counted {
        syncs: syncs.clone(),
    };
    let state = inside::open(Arc::new(disk), data)?;
    inside::found(&state)?;
    let mailboxes: Vec<MailboxId> = (0..writers)
        .map(|n| inside::add_mailbox(&state, &address(n)))
        .collect::<Result<_, _>>()?;
    let folders: Vec<(MailboxId, FolderId)> = mailboxes
        .iter()
        .filter_map(|id| Some((*id, state.view().folders(*id).first()?.id)))
        .collect();
    let (before, begun) = (syncs.load(Ordering::Relaxed), Instant::now());
    let time = Duration::from_secs_f64(seconds);
    let counts = std::thread::scope(|scope| {
        let (state, begun) = (&state, &begun);
        let write = |at: &(MailboxId, FolderId)| {
            let at = *at;
            scope.spawn(move || commits(state, at, *begun, time))
        };
        let writers: Vec<_> = folders.iter().map(write).collect();
        writers.into_iter().map(|w| w.join()).collect::<Vec<_>>()
    });
    let elapsed = begun.elapsed().as_secs_f64();
    let syncs = (syncs.load(Ordering::Relaxed) - before) as f64;
    state.stop();
    let mut commits = 0;
    for count in counts {
        commits += count.map_err(|_| Trouble::from("a writer's thread failed"))??;
    }
    let per_s = commits as f64 / elapsed;
    let details = json!({
        "writers": writers,
        "commits_per_s": per_s,
        "journal_fdatasync_per_s": syncs / elapsed,
        "raw_fdatasync_per_s": raw,
    });
    let of = "journal";
    Ok(vec![
        Row::new(
            of,
            "journal: commits for each fdatasync",
            "",
            commits as f64 / syncs.max(1.0),
        )
        .at_least(COMMITS_PER_SYNC_MIN)
        .from(details),
        Row::new(
            of,
            "journal: commits/s over the disk's fdatasync/s",
            "times",
            per_s / raw.max(1e-9),
        ),
    ])
}

/// One writer: each commit waits for the one before.
fn commits(
    state: &State,
    (mailbox, folder): (MailboxId, FolderId),
    begun: Instant,
    time: Duration,
) -> Result<u64, Trouble> {
    let mut count = 0;
    while begun.elapsed() < time {
        // INBOX is subscribed at its birth.
        let order = MailboxOrder::Subscribe(folder, count % 2 == 1);
        match inside::ask(state, Command::Mailbox(mailbox, order))? {
            Outcome::Done => count += 1,
            other => return Err(Trouble::from(format!("{other:?} is no commit"))),
        }
    }
    Ok(count)
}

/// The real disk; counts syncs of files of the journal, those that make segments ahead too.
#[derive(Debug)]
struct Counted {
    syncs: Arc<AtomicU64>,
}

#[derive(Debug)]
struct CountedFile {
    file: Arc<dyn DiskFile>,
    syncs: Arc<AtomicU64>,
}

impl DiskFile for CountedFile {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(into, offset)
    }

    fn read_uncached(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_uncached(into, offset)
    }

    fn write_all_at(&self, from: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(from, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.file.sync()
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }
}

impl Disk for Counted {
    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn DiskFile>> {
        let file = RealDisk.open(path, create)?;
        let is_journal = path.components().any(|part| part.as_os_str() == "journal");
        Ok(match is_journal {
            true => Arc::new(CountedFile {
                file,
                syncs: self.syncs.clone(),
            }),
            false => file,
        })
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(folder)
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        RealDisk.create_folder(folder)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        RealDisk.sync_folder(folder)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        RealDisk.free_bytes(folder)
    }

    fn boot_id(&self) -> String {
        RealDisk.boot_id()
    }
}
