//! The protocols of mail programs, and sets of them (AC-14). The stored form says what is switched off, so
//! that rows of older versions, which say nothing, have everything on.

/// What a mail program speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// SMTP of the access point (AC-01).
    Submission,
    /// IMAP (AC-02).
    Imap,
    /// POP3 (AC-03).
    Pop3,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Submission, Self::Imap, Self::Pop3];

    /// In commands and reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Submission => "submission",
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
        }
    }

    /// Reads what [`Protocol::word`] writes.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.word() == word)
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Submission => 1,
            Self::Imap => 2,
            Self::Pop3 => 4,
        }
    }
}

/// Which protocols are on; all by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, minicbor::Encode, minicbor::Decode)]
#[cbor(transparent)]
pub struct Protocols(#[n(0)] u8);

impl Protocols {
    /// Only these.
    pub fn only(these: &[Protocol]) -> Self {
        let all = Protocol::ALL.into_iter();
        let off = all.filter(|one| !these.contains(one));
        Self(off.fold(0, |off, one| off | one.bit()))
    }

    /// It is on.
    pub const fn has(self, protocol: Protocol) -> bool {
        self.0 & protocol.bit() == 0
    }

    /// With one switched on or off.
    #[must_use]
    pub const fn with(self, protocol: Protocol, on: bool) -> Self {
        match on {
            true => Self(self.0 & !protocol.bit()),
            false => Self(self.0 | protocol.bit()),
        }
    }

    /// Those that are on.
    pub fn each(self) -> impl Iterator<Item = Protocol> {
        Protocol::ALL.into_iter().filter(move |one| self.has(*one))
    }
}

impl std::fmt::Display for Protocols {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words: Vec<&str> = self.each().map(Protocol::word).collect();
        match words.is_empty() {
            true => f.write_str("none"),
            false => f.write_str(&words.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ac_14_each_is_switched_alone_and_nothing_said_means_all() {
        let all = Protocols::default();
        assert_eq!(all.to_string(), "submission, imap, pop3");
        for one in Protocol::ALL {
            let without = all.with(one, false);
            for other in Protocol::ALL {
                assert_eq!(without.has(other), other != one);
            }
            assert_eq!(without.with(one, true), all);
            assert_eq!(Protocols::only(&[one]).to_string(), one.word());
            assert_eq!(Protocol::parse(one.word()), Some(one));
        }
        assert_eq!(Protocols::only(&[]).to_string(), "none");
    }
}
