//! What an operator has to look into. A task is opened by the decision about the event itself, so that no
//! crash loses it, and stays open until an operator settles it with a note; opened twice it is one task.

use crate::instant::Instant;
use crate::message_id::Identifier;

/// Why somebody has to look.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, minicbor::Encode, minicbor::Decode,
)]
#[cbor(index_only)]
pub enum TaskKind {
    /// Another provider's signed message held a virus: its scanner missed it (VI-07).
    #[n(0)]
    VirusMissedElsewhere,
    /// Another provider found a virus in a message of ours: our scanner missed it (VI-07).
    #[n(1)]
    VirusMissedHere,
    /// An identificativo came again with other content (IP-18).
    #[n(2)]
    OtherContent,
    /// The log does not hold what the keys have signed (LG-14).
    #[n(3)]
    SignatureCount,
}

impl TaskKind {
    /// All.
    pub const ALL: [Self; 4] = [
        Self::VirusMissedElsewhere,
        Self::VirusMissedHere,
        Self::OtherContent,
        Self::SignatureCount,
    ];

    /// As keys spell it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::VirusMissedElsewhere => "virus-missed-elsewhere",
            Self::VirusMissedHere => "virus-missed-here",
            Self::OtherContent => "other-content",
            Self::SignatureCount => "signature-count",
        }
    }
}

/// Which task: the message of ours, or the arrival, that it is about, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, minicbor::Encode, minicbor::Decode)]
pub struct TaskKey {
    /// Minted by us.
    #[n(0)]
    pub identifier: Identifier,
    /// Why.
    #[n(1)]
    pub kind: TaskKind,
}

impl TaskKey {
    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (identifier, word) = text.trim().rsplit_once('/')?;
        let kind = TaskKind::ALL.into_iter().find(|kind| kind.word() == word)?;
        Some(Self {
            identifier: Identifier::parse(identifier)?,
            kind,
        })
    }
}

impl std::fmt::Display for TaskKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.identifier, self.kind.word())
    }
}

/// An open task.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct TaskRow {
    /// When it was opened.
    #[n(0)]
    pub at: Instant,
    /// The identificativo that other providers know the message by.
    #[n(1)]
    pub about: Identifier,
    /// The other provider, where a signature names it.
    #[n(2)]
    pub provider: Option<String>,
    /// What happened, in English.
    #[n(3)]
    pub words: String,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_written() {
        for kind in TaskKind::ALL {
            let key = TaskKey {
                identifier: Identifier::parse("abc.1@pec.example").unwrap(),
                kind,
            };
            assert_eq!(TaskKey::parse(&key.to_string()), Some(key));
        }
        for text in [
            "",
            "abc@pec.example",
            "abc@pec.example/other",
            "/other-content",
        ] {
            assert_eq!(TaskKey::parse(text), None, "{text}");
        }
    }
}
