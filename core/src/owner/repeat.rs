//! Submissions that a program repeats under its own key (AP-28): each makes one message. The key's mark is
//! remembered with the instant of the first, and the first's identifier follows from both, so that the
//! answer to a repetition needs no further memory.

use super::message::Desk;
use crate::instant::Instant;
use crate::journal::record::SeenMark;
use crate::limits;
use crate::mailbox::MailboxId;

/// A submission under a key.
pub(super) struct Keyed {
    /// Of mailbox and key.
    pub(super) mark: SeenMark,
    /// When the first came, if it did within the term.
    pub(super) first: Option<Instant>,
}

impl Keyed {
    /// What makes the identifier unique, the same for each repetition.
    pub(super) fn random(&self) -> [u8; 16] {
        let mut random = [0; 16];
        let drawn = self.mark.0.iter().rev();
        random
            .iter_mut()
            .zip(drawn)
            .for_each(|(to, from)| *to = *from);
        random
    }
}

impl Desk<'_> {
    /// Whether a submission of `mailbox` under `key` is the first.
    pub(super) fn keyed(&self, mailbox: MailboxId, key: &[u8]) -> Keyed {
        let mark = mark(mailbox, key);
        let seen = self.newest.with_work(|work| work.seen.get(&mark).copied());
        let term = self.now.plus_millis(-limits::SUBMISSION_KEY_MS);
        Keyed {
            mark,
            first: seen.filter(|at| *at > term),
        }
    }
}

fn mark(mailbox: MailboxId, key: &[u8]) -> SeenMark {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    context.update(b"submission\0");
    context.update(&mailbox.0.to_be_bytes());
    context.update(key);
    let mut mark = [0; 32];
    mark.copy_from_slice(context.finish().as_ref());
    SeenMark(mark)
}
