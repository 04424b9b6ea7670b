//! The files under `views/`: `sled/`, `mail/<mailbox>.<generation>` and, after a clean end, `clean`.
//!
//! One batch is: append to mailbox files, then one atomic batch of sled with all other rows, the
//! counted length of each file and the mark, then sled's flush to the kernel. So a dead process leaves
//! exactly what the mark says; what a file holds past its counted length is cut at the next append.
//! None of it is trusted after an unclean end of the machine.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::{Row, View};
use super::file::{self, Index, ROW_BYTES};
use super::table::{self, FileRow, Mark};
use super::{Loaded, ViewError};
use crate::journal::Position;
use crate::limits;
use crate::mailbox::MailboxId;

/// The files under `views/`, open.
#[derive(Debug)]
pub struct Store {
    pub(super) folder: PathBuf,
    boot: String,
    db: sled::Db,
    files: BTreeMap<MailboxId, FileRow>,
    /// Written up to here.
    pub(super) written: Position,
    /// The journal's end when this was opened: what lies before may be stored in part already.
    pub(super) journal_end: Position,
    /// Nothing was stored before.
    pub(super) is_fresh: bool,
    /// Files of generations gone, removed after the batch that says so.
    outdated: Vec<PathBuf>,
}

/// Why the views must be rebuilt, or cannot be used at all.
enum Unusable {
    Rebuild(String),
    Stop(ViewError),
}

impl From<String> for Unusable {
    fn from(reason: String) -> Self {
        Self::Rebuild(reason)
    }
}

/// Loads `views/`, or empties it when it cannot be trusted. `boot` is [`crate::disk::Disk::boot_id`].
pub fn load(folder: &Path, journal_end: Position, boot: &str) -> Result<Loaded, ViewError> {
    let found = folder.join("sled").exists();
    let reason = match found {
        true => match contained(|| try_load(folder, journal_end, boot)) {
            Ok(loaded) => return Ok(loaded),
            Err(Unusable::Stop(error)) => return Err(error),
            Err(Unusable::Rebuild(reason)) => Some(reason),
        },
        false if journal_end.0 > 0 => Some("there are none".to_owned()),
        false => None,
    };
    let store = fresh(folder, journal_end, boot)?;
    Ok(Loaded {
        view: View::default(),
        position: Position::default(),
        rebuilt: reason,
        store,
    })
}

/// sled 0.34 panics on some damage: that is damage too.
fn contained<T>(load: impl FnOnce() -> Result<T, Unusable>) -> Result<T, Unusable> {
    match catch_unwind(AssertUnwindSafe(load)) {
        Ok(loaded) => loaded,
        Err(_) => Err("sled could not read its files".to_owned().into()),
    }
}

fn try_load(folder: &Path, journal_end: Position, boot: &str) -> Result<Loaded, Unusable> {
    let db = open_sled(folder)?;
    let mark = db.get(table::MARK_KEY).map_err(|error| error.to_string())?;
    let mark = Mark::read(&mark.ok_or("they have no position".to_owned())?)?;
    if mark.position > journal_end {
        return Err(Unusable::Stop(ViewError::Ahead {
            folder: folder.display().to_string(),
            view: mark.position.0,
            journal: journal_end.0,
        }));
    }
    if mark.boot != boot && !is_clean(folder, mark.position) {
        return Err("the machine did not end cleanly".to_owned().into());
    }
    let mut files = BTreeMap::new();
    let view = View::default();
    for cell in db.iter() {
        let (key, value) = cell.map_err(|error| error.to_string())?;
        match key.first() {
            Some(&first) if first == table::MARK_KEY[0] => {}
            Some(&table::FILES_TABLE) => {
                let (mailbox, file) = table::read_file(&key, &value)?;
                files.insert(mailbox, file);
                view.publish(read_file(folder, mailbox, file)?.into_rows(mailbox));
            }
            _ => view.publish([table::read_cell(&key, &value)?]),
        }
    }
    view.forget_gone();
    let store = Store {
        folder: folder.to_owned(),
        boot: boot.to_owned(),
        db,
        files,
        written: mark.position,
        journal_end,
        is_fresh: false,
        outdated: Vec::new(),
    };
    Ok(Loaded {
        view,
        position: mark.position,
        rebuilt: None,
        store,
    })
}

/// Opens sled, with some patience for a predecessor that is still letting go of its lock.
fn open_sled(folder: &Path) -> Result<sled::Db, Unusable> {
    let config = sled::Config::new()
        .path(folder.join("sled"))
        .flush_every_ms(None)
        .cache_capacity(limits::SLED_CACHE_BYTES);
    let mut tries = 0;
    loop {
        match config.open() {
            Err(sled::Error::Io(error)) if error.to_string().contains("lock") => {
                if tries >= limits::SLED_LOCK_TRIES_MAX {
                    return Err(Unusable::Stop(trouble("lock", folder, &error)));
                }
                tries += 1;
                std::thread::sleep(Duration::from_millis(limits::SLED_LOCK_PAUSE_MS));
            }
            opened => return opened.map_err(|error| error.to_string().into()),
        }
    }
}

fn trouble(action: &'static str, folder: &Path, reason: &dyn std::fmt::Display) -> ViewError {
    ViewError::Disk {
        action,
        folder: folder.display().to_string(),
        reason: reason.to_string(),
    }
}

fn clean_path(folder: &Path) -> PathBuf {
    folder.join("clean")
}

fn clean_text(position: Position) -> String {
    let text = format!("{:016x}", position.0);
    format!("{text} {:08x}\n", crc32c::crc32c(text.as_bytes()))
}

fn is_clean(folder: &Path, position: Position) -> bool {
    std::fs::read_to_string(clean_path(folder)).is_ok_and(|text| text == clean_text(position))
}

fn file_path(folder: &Path, mailbox: MailboxId, generation: u32) -> PathBuf {
    let name = format!("{:016x}.{generation}", mailbox.0);
    folder.join("mail").join(name)
}

/// Reads the rows of a mailbox file that count.
fn read_file(folder: &Path, mailbox: MailboxId, file: FileRow) -> Result<Index, String> {
    let path = file_path(folder, mailbox, file.generation);
    let name = path.display();
    let octets = match std::fs::read(&path) {
        Ok(octets) => octets,
        Err(_) if file.rows == 0 => Vec::new(),
        Err(error) => return Err(format!("{name} cannot be read: {error}")),
    };
    let counted = usize::try_from(file.rows).ok();
    let counted = counted.and_then(|rows| octets.get(..rows.checked_mul(ROW_BYTES)?));
    let counted = counted.ok_or_else(|| format!("{name} is shorter than it was"))?;
    Index::read(mailbox, counted).map_err(|what| format!("{name}: {what}"))
}

/// An empty store in place of what is there.
fn fresh(folder: &Path, journal_end: Position, boot: &str) -> Result<Store, ViewError> {
    let emptied = (|| {
        for part in ["sled", "mail"] {
            match std::fs::remove_dir_all(folder.join(part)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        unmark_clean(folder)?;
        std::fs::create_dir_all(folder.join("mail"))
    })();
    emptied.map_err(|error| trouble("empty", folder, &error))?;
    let db = contained(|| open_sled(folder)).map_err(|unusable| match unusable {
        Unusable::Stop(error) => error,
        Unusable::Rebuild(reason) => trouble("make", folder, &reason),
    })?;
    Ok(Store {
        folder: folder.to_owned(),
        boot: boot.to_owned(),
        db,
        files: BTreeMap::new(),
        written: Position::default(),
        journal_end,
        is_fresh: true,
        outdated: Vec::new(),
    })
}

fn unmark_clean(folder: &Path) -> io::Result<()> {
    match std::fs::remove_file(clean_path(folder)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => File::open(folder)?.sync_all(),
    }
}

impl Store {
    /// From now on what is here belongs to this boot, and its end is not clean.
    pub(super) fn begin(&mut self) -> Result<(), ViewError> {
        self.write(std::iter::empty(), self.written)?;
        unmark_clean(&self.folder).map_err(|error| trouble("mark", &self.folder, &error))
    }

    /// Writes rows and the position up to which they go. Crash before the flush: the position before.
    pub(super) fn write(
        &mut self,
        rows: impl Iterator<Item = Row>,
        position: Position,
    ) -> Result<(), ViewError> {
        let mut batch = sled::Batch::default();
        let mut mail: BTreeMap<MailboxId, Appending> = BTreeMap::new();
        for row in rows {
            if let Some((mailbox, octets)) = file::write_row(&row) {
                let appending = mail.entry(mailbox).or_default();
                appending.octets.extend_from_slice(&octets);
                appending.dead += file::deaths(&row);
            }
            match table::cell(&row) {
                Some((key, Some(value))) => batch.insert(key, value),
                Some((key, None)) => batch.remove(key),
                None => {}
            }
        }
        for (mailbox, appending) in mail {
            let appended = self.append(mailbox, &appending);
            let file = appended.map_err(|error| trouble("write", &self.folder, &error))?;
            self.files.insert(mailbox, file);
            batch.insert(table::file_key(mailbox), table::file_value(file));
        }
        batch.insert(table::MARK_KEY, Mark::new(position, &self.boot).to_bytes());
        let applied = self.db.apply_batch(batch).and_then(|()| self.db.flush());
        applied.map_err(|error| trouble("write", &self.folder, &error))?;
        self.written = position;
        for path in self.outdated.drain(..) {
            let _ = std::fs::remove_file(path); // a file that nobody reads any more
        }
        Ok(())
    }

    fn append(&mut self, mailbox: MailboxId, appending: &Appending) -> io::Result<FileRow> {
        let before = self.files.get(&mailbox).copied().unwrap_or_default();
        let rows = (appending.octets.len() / ROW_BYTES) as u64;
        let path = file_path(&self.folder, mailbox, before.generation);
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        let mut file = options.open(&path)?;
        let counted = before.rows * ROW_BYTES as u64;
        let length = file.metadata()?.len();
        if length < counted {
            let reason = format!("{} is shorter than it was", path.display());
            return Err(io::Error::other(reason));
        }
        if length > counted {
            file.set_len(counted)?; // written after the last mark
        }
        file.write_all(&appending.octets)?;
        let after = FileRow {
            generation: before.generation,
            rows: before.rows + rows,
            dead: before.dead + appending.dead,
        };
        match after.rows > limits::MAILBOX_FILE_COMPACT_ROWS && after.dead * 2 > after.rows {
            true => self.compact(mailbox, after),
            false => Ok(after),
        }
    }

    /// Writes the rows that count into a file of the next generation. Crash: the batch does not name
    /// the new file, the old one goes on.
    fn compact(&mut self, mailbox: MailboxId, before: FileRow) -> io::Result<FileRow> {
        let index = read_file(&self.folder, mailbox, before).map_err(io::Error::other)?;
        let mut octets = Vec::new();
        for row in index.into_rows(mailbox) {
            if let Some((_, row)) = file::write_row(&row) {
                octets.extend_from_slice(&row);
            }
        }
        let generation = before.generation.wrapping_add(1);
        std::fs::write(file_path(&self.folder, mailbox, generation), &octets)?;
        let old = file_path(&self.folder, mailbox, before.generation);
        self.outdated.push(old);
        Ok(FileRow {
            generation,
            rows: (octets.len() / ROW_BYTES) as u64,
            dead: 0,
        })
    }

    /// A clean end: everything is on the disk, and a file says so.
    pub(super) fn finish(self) -> Result<(), ViewError> {
        let Self {
            folder,
            db,
            written,
            ..
        } = self;
        let flushed = db.flush();
        flushed.map_err(|error| trouble("write", &folder, &error))?;
        drop(db);
        let finished = (|| {
            let views = File::open(&folder)?;
            rustix::fs::syncfs(&views)?;
            let mut clean = File::create(clean_path(&folder))?;
            clean.write_all(clean_text(written).as_bytes())?;
            clean.sync_all()?;
            views.sync_all()
        })();
        finished.map_err(|error: io::Error| trouble("close", &folder, &error))
    }
}

/// What a batch adds to one mailbox file.
#[derive(Default)]
struct Appending {
    octets: Vec<u8>,
    dead: u64,
}
