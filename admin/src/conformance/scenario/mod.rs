//! The messages of a run, a row each: what is written into it and how it must end. Checks name the rows
//! that they look at.

mod accepted;
mod refused;

use super::draft::Draft;
use super::observed::{Cast, Promises};

/// How a message must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Accepted, and certified to the end.
    Accepted,
    /// A notice of non-acceptance.
    Refused,
    /// The provider's policy decides.
    Either,
}

/// One row.
pub struct Scenario {
    /// In evidence, and where checks name it.
    pub name: &'static str,
    /// What is special about it.
    pub story: &'static str,
    /// How it must end.
    pub ending: Ending,
    /// Writes it; where it does not apply, why.
    pub write: fn(&Stage<'_>) -> Result<Submission, String>,
}

/// What a row writes with.
pub struct Stage<'a> {
    /// Who takes part.
    pub cast: &'a Cast,
    /// What the provider is held to.
    pub promises: &'a Promises,
    /// Tells this message and all that follows from it.
    pub mark: &'a str,
    /// `Date:` of now.
    pub date: &'a str,
    /// Messages of the size limits are sent too.
    pub large: bool,
}

/// A message to hand in, in the name of the sender.
pub struct Submission {
    /// All of it.
    pub octets: Vec<u8>,
    /// Forward path.
    pub to: Vec<String>,
}

impl Stage<'_> {
    /// A sound message to the recipient.
    fn simple(&self) -> Draft {
        self.to(&[&self.cast.recipient])
    }

    /// A sound message to these.
    fn to(&self, to: &[&str]) -> Draft {
        Draft::new(self.mark, self.date, &self.cast.sender, to)
    }

    /// A sound message to the recipient, and in copy to the sender.
    fn pair(&self) -> Draft {
        self.simple().set("Cc", self.cast.sender.clone())
    }

    /// Handed in for the recipient alone.
    fn alone(&self, draft: &Draft) -> Result<Submission, String> {
        self.sent_to(draft, &[&self.cast.recipient])
    }

    /// Handed in for the recipient and the sender.
    fn both(&self, draft: &Draft) -> Result<Submission, String> {
        self.sent_to(draft, &[&self.cast.recipient, &self.cast.sender])
    }

    fn sent_to(&self, draft: &Draft, to: &[&str]) -> Result<Submission, String> {
        let octets = draft.octets();
        let to = to.iter().map(|&address| address.to_owned()).collect();
        Ok(Submission { octets, to })
    }

    /// The subject of a draft, with words before the mark.
    fn subject(&self, words: &str) -> String {
        format!("{words} [{}]", self.mark)
    }
}

/// The first, whose answer is timed.
pub const TIMED: &str = "standard";
/// The last, sent when all others have ended: what has not come before its answers does not come.
pub const FENCE: &str = "fence";
/// Broken off before its final dot, by a dialogue.
pub const BROKEN: &str = "broken";

/// All rows in the order in which they are sent.
pub fn all() -> impl Iterator<Item = &'static Scenario> {
    accepted::ROWS.iter().chain(refused::ROWS)
}

/// Names of the rows that must be refused.
pub fn refused_names() -> Vec<&'static str> {
    refused::ROWS.iter().map(|row| row.name).collect()
}
