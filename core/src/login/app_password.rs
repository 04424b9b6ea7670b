//! Application passwords (AC-15): made by us, long and random, one for each mail program. The first part
//! says which it is and is kept in clear, so that a sign-in tries one hash however many a mailbox has;
//! the rest is 120 random bits and kept as Argon2id (SE-02).

use data_encoding::BASE32_NOPAD;
use zeroize::Zeroizing;

use super::Protocols;
use crate::instant::Instant;
use crate::limits;

/// Octets of the part that says which.
const MARK_BYTES: usize = 5;
/// Octets of the secret.
const SECRET_BYTES: usize = 15;
/// Base32: eight characters for five octets.
const MARK_CHARS: usize = 8;
const CHARS: usize = (MARK_BYTES + SECRET_BYTES) / 5 * 8;
/// Characters written together, with a hyphen between.
const GROUP_CHARS: usize = 4;

/// An application password as it is kept.
#[derive(Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct AppPassword {
    /// Numbers those of one mailbox, never used again.
    #[n(0)]
    pub number: u32,
    /// The holder's word for it: the program or the machine.
    #[n(1)]
    pub name: String,
    /// Which password this is, in clear.
    #[n(2)]
    pub mark: String,
    /// Argon2id of the whole in PHC form.
    #[n(3)]
    pub hash: String,
    /// What it opens.
    #[n(4)]
    pub protocols: Protocols,
    /// When it was made.
    #[n(5)]
    pub created: Instant,
    /// Last use, noted once per [`limits::APP_PASSWORD_USE_MS`].
    #[n(6)]
    pub used: Option<Instant>,
}

impl std::fmt::Debug for AppPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppPassword")
            .field("number", &self.number)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl AppPassword {
    /// A use at `now` is to be noted.
    pub fn is_use_news(&self, now: Instant) -> bool {
        let noted = |at: Instant| now < at.plus_millis(limits::APP_PASSWORD_USE_MS);
        !self.used.is_some_and(noted)
    }
}

/// A new one, to be shown once.
pub struct Fresh {
    /// Which.
    pub mark: String,
    /// As it is hashed: without hyphens.
    pub plain: Zeroizing<String>,
}

impl Fresh {
    /// Draws one.
    pub fn draw() -> Self {
        let octets = Zeroizing::new(crate::random::bytes::<{ MARK_BYTES + SECRET_BYTES }>());
        let mut plain = Zeroizing::new(BASE32_NOPAD.encode(&*octets));
        plain.make_ascii_lowercase();
        let mark = plain.chars().take(MARK_CHARS).collect();
        Self { mark, plain }
    }

    /// In groups that people can copy.
    pub fn shown(&self) -> Zeroizing<String> {
        grouped(&self.plain)
    }
}

/// `abcd-efgh-…`
pub(super) fn grouped(plain: &str) -> Zeroizing<String> {
    let mut shown = Zeroizing::new(String::with_capacity(plain.len() * 5 / 4));
    for (number, letter) in plain.chars().enumerate() {
        if number > 0 && number.is_multiple_of(GROUP_CHARS) {
            shown.push('-');
        }
        shown.push(letter);
    }
    shown
}

/// What was typed, if it has the form of an application password: as it is hashed. Its mark is at its
/// start. Hyphens, blanks and capitals do not count.
pub fn read(typed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if typed.len() > 2 * CHARS {
        return None;
    }
    let is_gap = |octet: &&u8| matches!(octet, b'-' | b' ');
    let letters = typed.iter().filter(|octet| !is_gap(octet));
    let plain: Zeroizing<Vec<u8>> = Zeroizing::new(letters.map(u8::to_ascii_lowercase).collect());
    let is_one =
        plain.len() == CHARS && plain.iter().all(|o| matches!(o, b'a'..=b'z' | b'2'..=b'7'));
    is_one.then_some(plain)
}

/// The part of what [`read`] gave that says which password it is.
pub fn mark(plain: &[u8]) -> &[u8] {
    plain.get(..MARK_CHARS).unwrap_or(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ac_15_what_is_shown_is_read_back_however_it_is_typed() {
        let fresh = Fresh::draw();
        let shown = fresh.shown();
        assert_eq!(shown.len(), 39, "{}", *shown);
        let typed = [
            shown.to_string(),
            fresh.plain.to_string(),
            shown.to_uppercase(),
            shown.replace('-', " "),
        ];
        for typed in typed {
            let plain = read(typed.as_bytes()).expect("one of ours");
            assert_eq!(*plain, fresh.plain.as_bytes());
            assert_eq!(mark(&plain), fresh.mark.as_bytes());
        }
        assert_ne!(Fresh::draw().plain, fresh.plain);
    }

    #[test]
    fn other_passwords_are_not_taken_for_one() {
        for other in [
            "",
            "correct horse",
            "abcd-efgh",
            &"a".repeat(31),
            &"a".repeat(33),
        ] {
            assert!(read(other.as_bytes()).is_none(), "{other}");
        }
        assert!(
            read("1".repeat(32).as_bytes()).is_none(),
            "no letter of base32"
        );
        assert!(read(&[b'-'; 4096]).is_none());
    }

    #[test]
    fn ac_15_a_use_is_noted_once_an_hour() {
        let at = Instant::from_millis(1_000_000);
        let mut one = AppPassword {
            number: 1,
            name: "telefono".to_owned(),
            mark: "abcdefgh".to_owned(),
            hash: String::new(),
            protocols: Protocols::default(),
            created: at,
            used: None,
        };
        assert!(one.is_use_news(at));
        one.used = Some(at);
        assert!(!one.is_use_news(at.plus_millis(limits::APP_PASSWORD_USE_MS - 1)));
        assert!(one.is_use_news(at.plus_millis(limits::APP_PASSWORD_USE_MS)));
        assert!(!format!("{one:?}").contains("abcdefgh"));
    }
}
