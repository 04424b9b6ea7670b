//! Passwords as Argon2id (SE-02), checked on threads of their own: a ring never hashes. An unknown
//! mailbox costs as long as a known one, so that the answer's time tells nothing.

use std::sync::{Arc, OnceLock};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use crossbeam_channel::{Sender, TrySendError, bounded};
use zeroize::Zeroizing;

use super::{MailboxRow, MailboxState};
use crate::limits;

/// Called once, on a password thread: must not block.
pub type PasswordReply = Box<dyn FnOnce(bool) + Send>;

struct Question {
    mailbox: Option<Arc<MailboxRow>>,
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
                    for question in inbox {
                        let right = check(question.mailbox.as_deref(), &question.password);
                        (question.reply)(right);
                    }
                })?;
        }
        Ok(Self { questions })
    }

    /// Asks whether `password` opens `mailbox`: it exists, is not closed, and the password is right.
    /// Past the queue's bound the answer is no at once.
    pub fn verify(
        &self,
        mailbox: Option<Arc<MailboxRow>>,
        password: Zeroizing<Vec<u8>>,
        reply: PasswordReply,
    ) {
        let question = Question {
            mailbox,
            password,
            reply,
        };
        if let Err(TrySendError::Full(q) | TrySendError::Disconnected(q)) =
            self.questions.try_send(question)
        {
            (q.reply)(false);
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

fn check(mailbox: Option<&MailboxRow>, password: &[u8]) -> bool {
    static NOBODY: OnceLock<String> = OnceLock::new();
    let known = mailbox
        .filter(|row| row.state != MailboxState::Closed)
        .and_then(|row| row.password.as_deref());
    let nobody = || {
        NOBODY
            .get_or_init(|| hash_any(b"nobody").unwrap_or_default())
            .as_str()
    };
    let stored = known.unwrap_or_else(nobody);
    let right = password.len() <= limits::PASSWORD_BYTES_MAX
        && PasswordHash::new(stored)
            .is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok());
    right && known.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn se_02_two_hashes_of_one_password_differ_and_both_verify() {
        let (a, b) = (
            hash(b"correct horse").expect("hash"),
            hash(b"correct horse").expect("hash"),
        );
        assert!(a.starts_with("$argon2id$"), "{a}");
        assert_ne!(a, b);
        for stored in [a, b] {
            let stored = PasswordHash::new(&stored).expect("PHC");
            assert!(
                Argon2::default()
                    .verify_password(b"correct horse", &stored)
                    .is_ok()
            );
            assert!(
                Argon2::default()
                    .verify_password(b"correct hors", &stored)
                    .is_err()
            );
        }
    }

    #[test]
    fn bad_passwords_are_named() {
        assert_eq!(hash(b"short"), Err(PasswordError::TooShort));
        assert_eq!(hash(&[b'x'; 2000]), Err(PasswordError::TooLong));
        assert_eq!(hash(b"with a line break\n"), Err(PasswordError::Control));
    }
}
