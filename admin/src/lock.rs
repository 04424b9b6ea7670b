//! `LOCK`: one process owns a data directory. The system gives the lock back when the process ends,
//! however it ends.

use std::fs::File;

use ceralacca_core::disk::DataFolder;
use rustix::fs::{FlockOperation, flock};

/// The lock, held until dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why the directory is not ours.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error(
        "{0} is in use by another ceralacca; stop it first (one process owns a data directory)"
    )]
    Held(String),
    /// The file cannot be opened or locked.
    #[error("{0}: the lock cannot be taken: {1}; check the directory's owner and mode")]
    Unusable(String, std::io::Error),
}

impl Lock {
    /// Takes the lock or says who has it.
    pub fn take(data: &DataFolder) -> Result<Self, LockError> {
        let path = data.lock();
        let unusable = |error| LockError::Unusable(path.display().to_string(), error);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(unusable)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                Err(LockError::Held(data.0.display().to_string()))
            }
            Err(error) => Err(unusable(error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_taker_is_refused_until_the_first_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder(folder.path().to_owned());
        let first = Lock::take(&data).unwrap();
        assert!(matches!(Lock::take(&data), Err(LockError::Held(_))));
        drop(first);
        assert!(Lock::take(&data).is_ok());
    }
}
