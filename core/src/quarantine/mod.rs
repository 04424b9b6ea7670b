//! The store of infected mail (VI-09): each message as it was, encrypted at rest with all that is known
//! of it ([`crate::encrypted`]), kept for 30 months. A message is there once, whole and durable, before
//! anybody is told of its virus; repeated after a crash it is still one. Who reads is logged by the
//! caller, before ([`crate::owner::RegistryOrder::ReadQuarantine`]).
//!
//! One file per message: `DAY-HASH.cq`, the day of the detection and the beginning of the hash of where it
//! was found and of its identifier, so that a name tells nothing about anybody.

#[cfg(test)]
mod tests;

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::digest;
use parking_lot::Mutex;

use crate::disk::{Disk, DiskFile};
use crate::encrypted::{self, EncryptedError, MasterKey, Opened};
use crate::instant::Instant;
use crate::limits;

/// Where a virus was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum FoundAt {
    /// A message that a user of ours submitted.
    #[n(0)]
    AccessPoint,
    /// A message that came from another provider.
    #[n(1)]
    IncomingPoint,
}

impl FoundAt {
    /// In words for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessPoint => "access point",
            Self::IncomingPoint => "incoming point",
        }
    }
}

/// What is known of an infected message.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct QuarantineFacts {
    /// When the virus was found.
    #[n(0)]
    pub at: Instant,
    /// The PEC identifier.
    #[n(1)]
    pub identifier: String,
    /// Reverse path.
    #[n(2)]
    pub sender: Option<String>,
    /// Forward path.
    #[n(3)]
    pub recipients: Vec<String>,
    /// What the scanner calls it.
    #[n(4)]
    pub detection: String,
    /// Where.
    #[n(5)]
    pub found_at: FoundAt,
    /// Octets of the message.
    #[n(6)]
    pub size: u64,
}

impl QuarantineFacts {
    /// When its term ends.
    pub fn kept_until(&self) -> Instant {
        self.at.plus_months(limits::QUARANTINE_MONTHS)
    }
}

/// The name of a kept message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct QuarantineName(String);

impl QuarantineName {
    /// Reads a name: eight digits, a hyphen, 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let (day, hash) = text.split_once('-')?;
        let is_day = day.len() == DAY_CHARS && day.bytes().all(|b| b.is_ascii_digit());
        let is_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        let is_hash = hash.len() == 2 * HASH_BYTES && hash.bytes().all(is_hex);
        (is_day && is_hash).then(|| Self(text.to_owned()))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of(facts: &QuarantineFacts) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(facts.found_at.as_str().as_bytes());
        context.update(b"\n");
        context.update(facts.identifier.as_bytes());
        let digest = context.finish();
        let hash = digest.as_ref().get(..HASH_BYTES).unwrap_or_default();
        let hash = data_encoding::HEXLOWER.encode(hash);
        Self(format!("{}-{hash}", facts.at.utc_day()))
    }

    fn hash(&self) -> &str {
        self.0.get(DAY_CHARS + 1..).unwrap_or_default()
    }
}

impl std::fmt::Display for QuarantineName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why the quarantine did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum QuarantineError {
    /// The folder or a file in it.
    #[error("{}: {reason}", path.display())]
    Disk {
        /// Which.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// A file of it.
    #[error("{name}: {reason}")]
    File {
        /// Which.
        name: QuarantineName,
        /// Why.
        reason: EncryptedError,
    },
    /// Nothing is kept under this name.
    #[error("the quarantine keeps no {0}")]
    Unknown(QuarantineName),
}

/// The store; shared by all threads.
#[derive(Debug)]
pub struct Quarantine {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    key: MasterKey,
    /// One writes at a time: infected mail is rare.
    writing: Mutex<()>,
}

impl Quarantine {
    /// Opens the folder, or makes it; what a crash left half written is taken away.
    pub fn open(
        disk: Arc<dyn Disk>,
        folder: PathBuf,
        key: MasterKey,
    ) -> Result<Self, QuarantineError> {
        let quarantine = Self {
            disk,
            folder,
            key,
            writing: Mutex::new(()),
        };
        let folder = &quarantine.folder;
        let made = quarantine.disk.create_folder(folder);
        made.map_err(|reason| quarantine.told("", reason))?;
        for name in quarantine.entries()? {
            if name.ends_with(UNFINISHED) {
                let gone = quarantine.disk.remove(&folder.join(&name));
                gone.map_err(|reason| quarantine.told(&name, reason))?;
            }
        }
        Ok(quarantine)
    }

    /// Keeps a message, durably. One that is kept already stays as it is.
    pub fn keep(
        &self,
        facts: &QuarantineFacts,
        content: &mut dyn Read,
    ) -> Result<QuarantineName, QuarantineError> {
        let _writing = self.writing.lock();
        let name = QuarantineName::of(facts);
        let known = self.names()?;
        if let Some(kept) = known.into_iter().find(|kept| kept.hash() == name.hash()) {
            return Ok(kept);
        }
        let unfinished = format!("{name}{UNFINISHED}");
        let path = self.folder.join(&unfinished);
        let written = self.write(&path, facts, content);
        written.map_err(|reason| QuarantineError::File {
            name: name.clone(),
            reason,
        })?;
        // Crash before the rename: a file that the next start takes away, and nobody was told. After it:
        // kept, though the name may be lost until the folder is synced; the message is then kept again.
        let named = self
            .disk
            .rename(&path, &self.path(&name))
            .and_then(|()| self.disk.sync_folder(&self.folder));
        named.map_err(|reason| self.told(&unfinished, reason))?;
        Ok(name)
    }

    fn write(
        &self,
        path: &std::path::Path,
        facts: &QuarantineFacts,
        content: &mut dyn Read,
    ) -> Result<(), EncryptedError> {
        let file = self.disk.open(path, true).map_err(EncryptedError::File)?;
        // Of an earlier try in this run, perhaps.
        file.set_len(0).map_err(EncryptedError::File)?;
        // Writing to a vector cannot fail.
        let told = minicbor::to_vec(facts).unwrap_or_default();
        encrypted::write(&*file, &self.key, &told, content)?;
        file.sync().map_err(EncryptedError::File)
    }

    /// All that is kept, by day, with its facts where they can be read.
    #[expect(clippy::type_complexity, reason = "a list of answers, each its own")]
    pub fn list(
        &self,
    ) -> Result<Vec<(QuarantineName, Result<QuarantineFacts, QuarantineError>)>, QuarantineError>
    {
        let names = self.names()?;
        let with_facts = names.into_iter().map(|name| {
            let facts = self.facts(&name);
            (name, facts)
        });
        Ok(with_facts.collect())
    }

    /// The facts of one.
    pub fn facts(&self, name: &QuarantineName) -> Result<QuarantineFacts, QuarantineError> {
        let file = self.file(name)?;
        let facts = Opened::open(&*file, &self.key).and_then(|opened| facts_of(&opened));
        facts.map_err(|reason| failed(name, reason))
    }

    /// Gives out one as it was; counts its octets. After an error, throw away what was given out.
    pub fn read(&self, name: &QuarantineName, out: &mut dyn Write) -> Result<u64, QuarantineError> {
        let file = self.file(name)?;
        let given = Opened::open(&*file, &self.key).and_then(|opened| {
            let given = opened.copy_to(out)?;
            if facts_of(&opened)?.size != given {
                return Err(EncryptedError::Damaged("its size is not as it was"));
            }
            Ok(given)
        });
        given.map_err(|reason| failed(name, reason))
    }

    /// Those whose term is over at `now`. One whose facts cannot be read is never among them.
    pub fn expired(
        &self,
        now: Instant,
    ) -> Result<Vec<(QuarantineName, QuarantineFacts)>, QuarantineError> {
        let listed = self.list()?;
        let readable = listed.into_iter().filter_map(|(name, facts)| {
            let facts = facts.ok()?;
            (facts.kept_until() <= now).then_some((name, facts))
        });
        Ok(readable.collect())
    }

    /// Removes one, durably.
    pub fn remove(&self, name: &QuarantineName) -> Result<(), QuarantineError> {
        let _writing = self.writing.lock();
        self.file(name)?;
        self.disk
            .remove(&self.path(name))
            .and_then(|()| self.disk.sync_folder(&self.folder))
            .map_err(|reason| self.told(name.as_str(), reason))
    }

    fn names(&self) -> Result<Vec<QuarantineName>, QuarantineError> {
        let entries = self.entries()?;
        let named = entries.iter().filter_map(|entry| {
            let name = entry.strip_suffix(SUFFIX)?;
            QuarantineName::parse(name)
        });
        Ok(named.collect())
    }

    fn entries(&self) -> Result<Vec<String>, QuarantineError> {
        let entries = self.disk.list(&self.folder);
        entries.map_err(|reason| self.told("", reason))
    }

    fn file(&self, name: &QuarantineName) -> Result<Arc<dyn DiskFile>, QuarantineError> {
        self.disk
            .open(&self.path(name), false)
            .map_err(|reason| match reason.kind() {
                std::io::ErrorKind::NotFound => QuarantineError::Unknown(name.clone()),
                _ => self.told(name.as_str(), reason),
            })
    }

    fn path(&self, name: &QuarantineName) -> PathBuf {
        self.folder.join(format!("{name}{SUFFIX}"))
    }

    fn told(&self, name: &str, reason: std::io::Error) -> QuarantineError {
        let path = self.folder.join(name);
        QuarantineError::Disk { path, reason }
    }
}

fn facts_of(opened: &Opened<'_>) -> Result<QuarantineFacts, EncryptedError> {
    minicbor::decode(opened.facts()).map_err(|_| EncryptedError::Damaged("its facts are no facts"))
}

fn failed(name: &QuarantineName, reason: EncryptedError) -> QuarantineError {
    QuarantineError::File {
        name: name.clone(),
        reason,
    }
}

const DAY_CHARS: usize = 8;
const HASH_BYTES: usize = 16;
const SUFFIX: &str = ".cq";
const UNFINISHED: &str = ".unfinished";
