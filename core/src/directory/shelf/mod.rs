//! The copies of the index that we keep (`directory/` of the data folder), and the one in use:
//!
//! ```text
//! index-MILLIS.p7m    as it was fetched, in use since MILLIS until the next one
//! index-MILLIS.proof  when it was last seen, its SHA-256, and a checksum of the proof
//! held.p7m .proof     a new one that loses too much, until it is confirmed (DI-11)
//! ```
//!
//! The one in use is swapped as a whole; who reads keeps the one he has (DI-10). A stored copy whose
//! octets, proof or signature have changed is not used, and nothing takes its place but a fetch (DI-12).
//! Copies stay for 30 months, so that past mail is judged by the index of its day (DI-14).

mod proof;
mod store;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use self::proof::{Proof, sha256};
use self::store::{HELD, Store, name_of};
use super::{Directory, DirectoryError, Hold, Losses, Remark, SignedError, signed};
use crate::address::Domain;
use crate::disk::Disk;
use crate::instant::Instant;
use crate::limits::{DIRECTORY_KEPT_DAYS, DIRECTORY_STALE_HOURS};

const HOUR_MILLIS: i64 = 60 * 60 * 1000;

/// What a shelf is opened with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShelfOptions {
    /// DER of the certificates that may sign the index, or that vouch for who may (DI-02). None: there is
    /// no index, the appliance works alone.
    pub pinned: Vec<Vec<u8>>,
    /// Share of domains that a new index may lose without being held (DI-11).
    pub lost_domains_percent: u32,
}

impl Default for ShelfOptions {
    fn default() -> Self {
        Self {
            pinned: Vec::new(),
            lost_domains_percent: 5,
        }
    }
}

/// An index in use, or one of the past.
#[derive(Debug, Clone)]
pub struct Current {
    /// What it says.
    pub directory: Arc<Directory>,
    /// What is wrong with it (DI-15, DI-16).
    pub remarks: Arc<[Remark]>,
    /// In use since.
    pub since: Instant,
    /// Last seen at its source.
    pub fetched_at: Instant,
    /// What its signer says about the time.
    pub dated: Option<Instant>,
    /// SHA-256 of the signed octets.
    pub digest: [u8; 32],
    /// SHA-256 of the text inside.
    text_digest: [u8; 32],
}

/// What became of a new index.
#[derive(Debug, Clone)]
pub enum Taken {
    /// It says what the one in use says, which is now known to be fresh.
    Unchanged(Arc<Current>),
    /// It is in use.
    InUse(Arc<Current>),
    /// It waits for confirmation; the old one stays in use (DI-11).
    Held(Hold),
}

/// An index that waits for confirmation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Why.
    pub hold: Hold,
    /// When it came.
    pub fetched_at: Instant,
    /// What its signer says about the time.
    pub dated: Option<Instant>,
}

/// Why an index is not taken, or not found.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// DI-02.
    #[error("no certificate of the index's signer is configured")]
    NothingPinned,
    /// Discarded (DI-02).
    #[error(transparent)]
    Signed(#[from] SignedError),
    /// Discarded.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// Somebody plays an old one back.
    #[error("the index is signed at {}, before the one in use ({})", .0.rfc3339(), .1.rfc3339())]
    Older(Instant, Instant),
    /// Nothing was changed.
    #[error("the index could not be stored: {0}")]
    Write(io::Error),
    /// A stored copy (DI-12).
    #[error("the stored index {0} is not what was stored: {1}")]
    Damaged(String, String),
    /// Nothing to confirm.
    #[error("no index waits for confirmation")]
    NothingHeld,
}

/// What somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alarm {
    /// None was ever taken.
    None,
    /// The stored copy is not used (DI-12).
    Damaged(String),
    /// Hours since it was last seen (DI-13).
    Stale(i64),
    /// DI-11.
    Held(Hold),
}

impl std::fmt::Display for Alarm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("no index of providers has been fetched yet"),
            Self::Damaged(why) => f.write_str(why),
            Self::Stale(hours) => write!(
                f,
                "the index of providers was last seen {hours} hours ago; the last good copy is used"
            ),
            Self::Held(hold) => {
                write!(f, "a new index of providers waits for confirmation: {hold}")
            }
        }
    }
}

/// The copies and the one in use; shared by all threads.
#[derive(Debug)]
pub struct DirectoryShelf {
    options: ShelfOptions,
    current: RwLock<Option<Arc<Current>>>,
    /// Taken by who writes; readers of `current` never wait for it.
    desk: Mutex<Desk>,
}

#[derive(Debug)]
struct Desk {
    store: Store,
    held: Option<Held>,
    damage: Option<String>,
}

impl DirectoryShelf {
    /// Opens the folder; what cannot be used is told by [`Self::alarms`].
    pub fn open(disk: Arc<dyn Disk>, folder: PathBuf, options: ShelfOptions) -> Self {
        let shelf = Self {
            options,
            current: RwLock::new(None),
            desk: Mutex::new(Desk {
                store: Store::new(disk, folder),
                held: None,
                damage: None,
            }),
        };
        shelf.recheck();
        shelf
    }

    /// An index is configured at all.
    pub fn is_used(&self) -> bool {
        !self.options.pinned.is_empty()
    }

    /// The index in use.
    pub fn current(&self) -> Option<Arc<Current>> {
        self.current.read().clone()
    }

    /// The index that waits for confirmation.
    pub fn held(&self) -> Option<Held> {
        self.desk.lock().held.clone()
    }

    /// Looks at the stored copy again: one that was changed is used no more (DI-12), one that was put
    /// right is used again.
    pub fn recheck(&self) {
        if !self.is_used() {
            return;
        }
        let mut desk = self.desk.lock();
        match self.stored(&desk.store) {
            Ok(found) => {
                desk.damage = None;
                desk.held = found
                    .as_ref()
                    .and_then(|now| self.stored_held(&desk.store, now));
                *self.current.write() = found;
            }
            Err(error) => {
                desk.damage = Some(error.to_string());
                *self.current.write() = None;
            }
        }
    }

    /// The newest stored copy; the one in use is not read a second time when its octets are the same.
    fn stored(&self, store: &Store) -> Result<Option<Arc<Current>>, ShelfError> {
        let names = store.names().map_err(|e| damaged("directory", e))?;
        let Some((_, name)) = names.last() else {
            return Ok(None);
        };
        let (p7m, proof) = proven(store, name)?;
        if let Some(current) = self.current()
            && current.digest == proof.digest
            && current.fetched_at == proof.fetched_at
        {
            return Ok(Some(current));
        }
        self.opened(&p7m, &proof)
            .map(|opened| Some(Arc::new(opened)))
            .map_err(|e| damaged(name, e))
    }

    /// What is held, unless a crash left it after it was confirmed.
    fn stored_held(&self, store: &Store, current: &Current) -> Option<Held> {
        let (p7m, proof) = proven(store, HELD).ok()?;
        let held = self.opened(&p7m, &proof).ok()?;
        let hold = self.hold(Some(current), &held.directory)?;
        Some(Held {
            hold,
            fetched_at: proof.fetched_at,
            dated: proof.dated,
        })
    }

    /// Verified as it was when it came.
    fn opened(&self, p7m: &[u8], proof: &Proof) -> Result<Current, ShelfError> {
        let current = self.verified(p7m, proof.since)?;
        Ok(Current {
            fetched_at: proof.fetched_at,
            dated: proof.dated,
            ..current
        })
    }

    fn verified(&self, p7m: &[u8], at: Instant) -> Result<Current, ShelfError> {
        if !self.is_used() {
            return Err(ShelfError::NothingPinned);
        }
        let (text, facts) = signed::open(p7m, &self.options.pinned, at)?;
        let (directory, remarks) = Directory::read(&text)?;
        Ok(Current {
            directory: Arc::new(directory),
            remarks: remarks.into(),
            since: at,
            fetched_at: at,
            dated: facts.signing_time,
            digest: sha256(p7m),
            text_digest: sha256(&text),
        })
    }

    fn hold(&self, current: Option<&Current>, new: &Directory) -> Option<Hold> {
        let losses = Losses::between(&current?.directory, new);
        losses.hold(self.options.lost_domains_percent)
    }

    /// Takes a signed index that came at `now`: verified (DI-02), compared (DI-11), stored, swapped in
    /// (DI-10). When it is refused, or cannot be stored, the old one stays.
    pub fn take(&self, p7m: &[u8], now: Instant) -> Result<Taken, ShelfError> {
        let new = self.verified(p7m, now)?;
        let mut desk = self.desk.lock();
        let current = self.current();
        if let Some(current) = &current {
            if let (Some(dated), Some(before)) = (new.dated, current.dated)
                && dated < before
            {
                return Err(ShelfError::Older(dated, before));
            }
            if new.text_digest == current.text_digest {
                return self.refresh(&mut desk, current, new);
            }
        }
        if let Some(hold) = self.hold(current.as_deref(), &new.directory) {
            desk.store
                .put(HELD, p7m, &proof_of(&new))
                .map_err(ShelfError::Write)?;
            desk.held = Some(Held {
                hold: hold.clone(),
                fetched_at: now,
                dated: new.dated,
            });
            return Ok(Taken::Held(hold));
        }
        self.put_in_use(&mut desk, p7m, new).map(Taken::InUse)
    }

    /// The same text, signed again: the copy stays, the proof says when it was seen.
    fn refresh(
        &self,
        desk: &mut Desk,
        current: &Current,
        new: Current,
    ) -> Result<Taken, ShelfError> {
        let fresh = Current {
            fetched_at: new.fetched_at,
            dated: new.dated,
            ..current.clone()
        };
        desk.store
            .put_proof(&name_of(fresh.since), &proof_of(&fresh))
            .map_err(ShelfError::Write)?;
        drop_held(desk);
        let fresh = Arc::new(fresh);
        *self.current.write() = Some(fresh.clone());
        Ok(Taken::Unchanged(fresh))
    }

    /// *Crash before the proof is there: the old one is used; after: the new one.*
    fn put_in_use(
        &self,
        desk: &mut Desk,
        p7m: &[u8],
        mut new: Current,
    ) -> Result<Arc<Current>, ShelfError> {
        let names = desk.store.names().map_err(ShelfError::Write)?;
        if let Some((last, _)) = names.last() {
            // A clock that was set back must not hide it behind an older one.
            new.since = new.since.max(last.plus_millis(1));
        }
        desk.store
            .put(&name_of(new.since), p7m, &proof_of(&new))
            .map_err(ShelfError::Write)?;
        let new = Arc::new(new);
        *self.current.write() = Some(new.clone());
        desk.damage = None;
        drop_held(desk);
        forget(&desk.store, &names, new.since);
        Ok(new)
    }

    /// Puts the index that waits in use (DI-11).
    pub fn confirm(&self, now: Instant) -> Result<Arc<Current>, ShelfError> {
        let mut desk = self.desk.lock();
        if desk.held.is_none() {
            return Err(ShelfError::NothingHeld);
        }
        let (p7m, proof) = proven(&desk.store, HELD)?;
        let mut new = self.opened(&p7m, &proof)?;
        new.since = now;
        self.put_in_use(&mut desk, &p7m, new)
    }

    /// The index that was in use at an instant (DI-14); `None` before the first.
    pub fn as_of(&self, at: Instant) -> Result<Option<Arc<Current>>, ShelfError> {
        if let Some(current) = self.current()
            && current.since <= at
        {
            return Ok(Some(current));
        }
        let desk = self.desk.lock();
        let names = desk.store.names().map_err(|e| damaged("directory", e))?;
        let Some((_, name)) = names.iter().rfind(|(since, _)| *since <= at) else {
            return Ok(None);
        };
        let (p7m, proof) = proven(&desk.store, name)?;
        // Who may sign today is not asked of the past: the proof says that it was verified then.
        let (text, _) =
            crate::smime::verify::verify_enclosed(&p7m).map_err(|e| damaged(name, e))?;
        let (directory, remarks) = Directory::read(&text)?;
        Ok(Some(Arc::new(Current {
            directory: Arc::new(directory),
            remarks: remarks.into(),
            since: proof.since,
            fetched_at: proof.fetched_at,
            dated: proof.dated,
            digest: proof.digest,
            text_digest: sha256(&text),
        })))
    }

    /// Since when every index in use has shown `certificate` in a record that manages `domain` (DI-09);
    /// `None`: the one in use does not. Looks no further back than the index in use at `earliest`.
    pub fn shown_since(
        &self,
        certificate: &[u8],
        domain: &Domain,
        earliest: Instant,
    ) -> Option<Instant> {
        let mut index = self.current()?;
        let mut since = None;
        while shows(&index.directory, certificate, domain) {
            since = Some(index.since);
            if index.since <= earliest {
                break;
            }
            // One that cannot be read shows nothing.
            match self.as_of(index.since.plus_millis(-1)) {
                Ok(Some(before)) => index = before,
                Ok(None) | Err(_) => break,
            }
        }
        since
    }

    /// What somebody should look at.
    pub fn alarms(&self, now: Instant) -> Vec<Alarm> {
        if !self.is_used() {
            return Vec::new();
        }
        let desk = self.desk.lock();
        let mut alarms = Vec::new();
        match (self.current(), &desk.damage) {
            (_, Some(why)) => alarms.push(Alarm::Damaged(why.clone())),
            (None, None) => alarms.push(Alarm::None),
            (Some(current), None) => {
                let hours = (now.as_millis() - current.fetched_at.as_millis()) / HOUR_MILLIS;
                if hours >= DIRECTORY_STALE_HOURS {
                    alarms.push(Alarm::Stale(hours));
                }
            }
        }
        alarms.extend(
            desk.held
                .as_ref()
                .map(|held| Alarm::Held(held.hold.clone())),
        );
        alarms
    }
}

fn shows(directory: &Directory, certificate: &[u8], domain: &Domain) -> bool {
    let records = directory.by_certificate(certificate);
    records.iter().any(|record| record.domains.contains(domain))
}

fn proof_of(current: &Current) -> Proof {
    Proof {
        since: current.since,
        fetched_at: current.fetched_at,
        dated: current.dated,
        digest: current.digest,
    }
}

fn damaged(name: &str, why: impl std::fmt::Display) -> ShelfError {
    ShelfError::Damaged(name.to_owned(), why.to_string())
}

/// A stored index whose octets are those of its proof.
fn proven(store: &Store, name: &str) -> Result<(Vec<u8>, Proof), ShelfError> {
    let proof = store.proof(name).map_err(|e| damaged(name, e))?;
    let proof = proof.ok_or_else(|| damaged(name, "its proof was changed"))?;
    let p7m = store.index(name).map_err(|e| damaged(name, e))?;
    if sha256(&p7m) == proof.digest {
        Ok((p7m, proof))
    } else {
        Err(damaged(name, "its octets were changed"))
    }
}

/// What waited is settled; a file that cannot be removed is told apart at the next start.
fn drop_held(desk: &mut Desk) {
    if desk.held.take().is_some() {
        let _ = desk.store.remove(HELD);
    }
}

/// Removes those whose use ended over 30 months ago; what cannot be removed is tried the next time.
fn forget(store: &Store, names: &[(Instant, String)], now: Instant) {
    let before = now.plus_millis(-DIRECTORY_KEPT_DAYS * 24 * HOUR_MILLIS);
    for two in names.windows(2) {
        if let [(_, old), (until, _)] = two
            && *until < before
        {
            let _ = store.remove(old);
        }
    }
}
