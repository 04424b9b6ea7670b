//! What the machine must offer, looked at without changing anything: each look gives a [`Finding`], a
//! sentence that names the remedy where one is needed.

mod clock;
mod disk;
mod kernel;

pub use clock::clock_synchronised;
pub use disk::{FREE_BYTES_WANTED, free_disk};
pub use kernel::{OPEN_FILES_WANTED, io_uring_allowed, open_files};

/// How good a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// As it should be.
    Good,
    /// Works, and somebody should look.
    Warning,
    /// Does not work.
    Bad,
}

impl Health {
    /// `good`, `warning`, `bad`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }
}

/// One look at one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub subject: &'static str,
    /// How it is.
    pub health: Health,
    /// What was found, and the remedy.
    pub sentence: String,
}

impl Finding {
    /// As it should be.
    pub fn good(subject: &'static str, sentence: impl Into<String>) -> Self {
        Self::of(subject, Health::Good, sentence)
    }

    /// Somebody should look.
    pub fn warning(subject: &'static str, sentence: impl Into<String>) -> Self {
        Self::of(subject, Health::Warning, sentence)
    }

    /// Does not work.
    pub fn bad(subject: &'static str, sentence: impl Into<String>) -> Self {
        Self::of(subject, Health::Bad, sentence)
    }

    fn of(subject: &'static str, health: Health, sentence: impl Into<String>) -> Self {
        Self {
            subject,
            health,
            sentence: sentence.into(),
        }
    }
}
