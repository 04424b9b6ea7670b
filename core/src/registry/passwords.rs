//! Passwords as Argon2id (SE-02), checked on threads of their own: a ring never hashes. An unknown
//! mailbox costs as long as a known one, so that the answer's time tells nothing.

use std::sync::OnceLock;

use argon2::password_hash::phc::{Output, PasswordHash};
use argon2::{Algorithm, Argon2, Block, Params, PasswordHasher, Version};
use crossbeam_channel::{Sender, TrySendError, bounded};
use zeroize::Zeroizing;

use crate::limits;

/// Called once, on a password thread: must not block.
pub type PasswordReply = Box<dyn FnOnce(Checked) + Send>;

/// What came of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// The hash is of this password.
    Right,
    /// It is not, or there is none.
    Wrong,
    /// Too many questions wait.
    Busy,
}

struct Question {
    stored: Option<String>,
    password: Zeroizing<Vec<u8>>,
    reply: PasswordReply,
}

/// The password threads.
pub struct Passwords {
    questions: Sender<Question>,
}

/// A password that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Shorter than `limits::PASSWORD_BYTES_MIN`.
    #[error(
        "the password is shorter than {} characters",
        limits::PASSWORD_BYTES_MIN
    )]
    TooShort,
    /// Longer than `limits::PASSWORD_BYTES_MAX`.
    #[error("the password is longer than {} octets", limits::PASSWORD_BYTES_MAX)]
    TooLong,
    /// A control character, which mail programs cannot send.
    #[error("the password holds a control character (is there a line break at its end?)")]
    Control,
    /// The hash function failed.
    #[error("the password could not be hashed: {0}")]
    Bug(String),
}

impl Passwords {
    /// Starts `threads` threads; they end when this is dropped.
    pub fn spawn(threads: usize) -> std::io::Result<Self> {
        let (questions, inbox) = bounded::<Question>(limits::PASSWORD_QUEUE_MAX);
        for number in 0..threads.max(1) {
            let inbox = inbox.clone();
            std::thread::Builder::new()
                .name(format!("password-{number}"))
                .spawn(move || {
                    let mut checker = Checker::default();
                    for question in inbox {
                        let right = checker.check(question.stored.as_deref(), &question.password);
                        (question.reply)(if right {
                            Checked::Right
                        } else {
                            Checked::Wrong
                        });
                    }
                })?;
        }
        Ok(Self { questions })
    }

    /// Asks whether `stored` is the hash of `password`; none is of no password, and takes as long. Past
    /// the queue's bound the answer comes at once.
    pub fn verify(
        &self,
        stored: Option<String>,
        password: Zeroizing<Vec<u8>>,
        reply: PasswordReply,
    ) {
        let question = Question {
            stored,
            password,
            reply,
        };
        if let Err(TrySendError::Full(q) | TrySendError::Disconnected(q)) =
            self.questions.try_send(question)
        {
            (q.reply)(Checked::Busy);
        }
    }
}

/// The Argon2id hash of `password` in PHC form, with a salt of its own.
pub fn hash(password: &[u8]) -> Result<String, PasswordError> {
    if password.len() < limits::PASSWORD_BYTES_MIN {
        return Err(PasswordError::TooShort);
    }
    if password.len() > limits::PASSWORD_BYTES_MAX {
        return Err(PasswordError::TooLong);
    }
    if password.iter().any(u8::is_ascii_control) {
        return Err(PasswordError::Control);
    }
    hash_any(password)
}

fn hash_any(password: &[u8]) -> Result<String, PasswordError> {
    let hash = Argon2::default().hash_password(password);
    hash.map(|h| h.to_string())
        .map_err(|e| PasswordError::Bug(e.to_string()))
}

/// Checks in memory that it keeps: 19 MiB taken and given back at each sign-in tear the heap apart (50
/// sign-ins left 140 MB of holes).
#[derive(Default)]
struct Checker {
    blocks: Vec<Block>,
}

impl Checker {
    fn check(&mut self, known: Option<&str>, password: &[u8]) -> bool {
        static NOBODY: OnceLock<String> = OnceLock::new();
        let nobody = || {
            NOBODY
                .get_or_init(|| hash_any(b"nobody").unwrap_or_default())
                .as_str()
        };
        let stored = known.unwrap_or_else(nobody);
        let right = password.len() <= limits::PASSWORD_BYTES_MAX
            && self.is_hash_of(stored, password).unwrap_or(false);
        right && known.is_some()
    }

    /// `None` where `stored` is no Argon2 hash.
    fn is_hash_of(&mut self, stored: &str, password: &[u8]) -> Option<bool> {
        let stored = PasswordHash::new(stored).ok()?;
        let (salt, expected) = (stored.salt?, stored.hash?);
        let params = Params::try_from(&stored).ok()?;
        let needed = params.block_count();
        if self.blocks.len() < needed {
            self.blocks.resize(needed, Block::default());
        }
        let algorithm = Algorithm::try_from(stored.algorithm.as_str()).ok()?;
        let version = Version::try_from(stored.version?).ok()?;
        let mut output = [0; Output::MAX_LENGTH];
        let output = output.get_mut(..expected.len())?;
        Argon2::new(algorithm, version, params)
            .hash_password_into_with_memory(password, &salt, output, self.blocks.get_mut(..needed)?)
            .ok()?;
        // Compares in constant time.
        Some(Output::new(output).ok()? == expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::PasswordVerifier;

    #[test]
    fn se_02_two_hashes_of_one_password_differ_and_both_verify() {
        let (a, b) = (
            hash(b"correct horse").expect("hash"),
            hash(b"correct horse").expect("hash"),
        );
        assert!(a.starts_with("$argon2id$"), "{a}");
        assert_ne!(a, b);
        for stored in [a, b] {
            let mut checker = Checker::default();
            assert_eq!(checker.is_hash_of(&stored, b"correct horse"), Some(true));
            assert_eq!(checker.is_hash_of(&stored, b"correct hors"), Some(false));
        }
    }

    #[test]
    fn the_memory_of_one_check_leaves_nothing_for_the_next() {
        let mut checker = Checker::default();
        let stored = hash(b"correct horse").expect("hash");
        for password in [&b"wrong"[..], b"correct horse", b"wrong", b"correct horse"] {
            let is_right = password == b"correct horse";
            assert_eq!(checker.is_hash_of(&stored, password), Some(is_right));
            let verified = Argon2::default()
                .verify_password(password, &*stored)
                .is_ok();
            assert_eq!(verified, is_right);
        }
        assert_eq!(checker.is_hash_of("not a hash", b"x"), None);
    }

    #[test]
    fn bad_passwords_are_named() {
        assert_eq!(hash(b"short"), Err(PasswordError::TooShort));
        assert_eq!(hash(&[b'x'; 2000]), Err(PasswordError::TooLong));
        assert_eq!(hash(b"with a line break\n"), Err(PasswordError::Control));
    }
}
