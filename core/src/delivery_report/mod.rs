//! Delivery reports of ordinary mail (RFC 3464, RFC 6522): [`write()`] makes ours, always with a null
//! reverse path, for what no certified notice tells (ND-08, MX-05); [`read()`] recognises anybody's and
//! finds which message it speaks of (MX-07, TC-10). Reading is bounded and never trusts a word of it.

mod read;
mod write;

pub use read::{Report, read};
pub use write::{DeliveryReport, FailedRecipient, write};

/// What became of a recipient (RFC 3464 §2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum Action {
    /// Given up.
    #[n(0)]
    Failed,
    /// Not there yet; the sender goes on.
    #[n(1)]
    Delayed,
    /// In the mailbox.
    #[n(2)]
    Delivered,
    /// Handed to something that reports nothing.
    #[n(3)]
    Relayed,
    /// Handed on to several others.
    #[n(4)]
    Expanded,
}

impl Action {
    const ALL: [Self; 5] = [
        Self::Failed,
        Self::Delayed,
        Self::Delivered,
        Self::Relayed,
        Self::Expanded,
    ];

    /// The word of the `Action:` field.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Delayed => "delayed",
            Self::Delivered => "delivered",
            Self::Relayed => "relayed",
            Self::Expanded => "expanded",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        let word = word.trim();
        let mut all = Self::ALL.into_iter();
        all.find(|action| action.word().eq_ignore_ascii_case(word))
    }
}

#[cfg(test)]
mod tests;
