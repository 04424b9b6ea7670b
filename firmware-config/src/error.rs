//! What can be wrong with `appliance.toml`; each text names the file, the key and the remedy.

use std::path::PathBuf;

/// The settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// No such file.
    #[error("{} does not exist: this is no data directory; make one with `ceralacca init`", .0.display())]
    Missing(PathBuf),
    /// `init` never overwrites.
    #[error("{} exists already: this data directory has been initialised; take another or edit that file", .0.display())]
    Exists(PathBuf),
    /// The file cannot be read or written.
    #[error("{}: {reason}; check its owner and mode", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// Not TOML, an unknown key, or a value of the wrong type.
    #[error("{}: {reason}\nput that line right; every key is explained in the file that `ceralacca init` writes", file.display())]
    Syntax {
        /// Which.
        file: PathBuf,
        /// What the reader says, with the line.
        reason: String,
    },
    /// A value that cannot be used.
    #[error("{}: {key}: {problem}; {remedy}", file.display())]
    Value {
        /// Which file.
        file: PathBuf,
        /// Which key, with its table.
        key: &'static str,
        /// What is wrong.
        problem: String,
        /// What to do.
        remedy: String,
    },
}

/// A value that cannot be used, before the file's name is known.
pub(crate) struct Fault {
    pub key: &'static str,
    pub problem: String,
    pub remedy: String,
}

impl Fault {
    pub fn new(key: &'static str, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            key,
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }

    pub fn in_file(self, file: PathBuf) -> SettingsError {
        let Self {
            key,
            problem,
            remedy,
        } = self;
        SettingsError::Value {
            file,
            key,
            problem,
            remedy,
        }
    }
}
