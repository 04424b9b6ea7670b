//! What went from a folder lately, for clients that come back and ask (RFC 7162 §3.2.5). At most
//! [`limits::EXPUNGED_KEPT_PER_FOLDER_MAX`] messages, and none of those that went before the views were
//! last loaded: whoever asks about an older time is told so, and takes all that is not there as gone.

use rpds::RedBlackTreeSetSync;

use crate::limits;
use crate::mailbox::Uid;

/// Messages that went, by the mod-sequence of their end.
#[derive(Debug, Clone)]
pub struct Gone {
    kept: RedBlackTreeSetSync<(u64, Uid)>,
    /// All that went after this is kept.
    floor: u64,
}

impl Default for Gone {
    /// Of a folder that was just made.
    fn default() -> Self {
        Self {
            kept: RedBlackTreeSetSync::new_sync(),
            floor: 0,
        }
    }
}

impl Gone {
    /// `uid` went at `modseq`.
    pub(super) fn note(&mut self, uid: Uid, modseq: u64) {
        self.kept.insert_mut((modseq, uid));
        if self.kept.size() > limits::EXPUNGED_KEPT_PER_FOLDER_MAX
            && let Some(oldest) = self.kept.first().copied()
        {
            self.kept.remove_mut(&oldest);
            self.floor = self.floor.max(oldest.0);
        }
    }

    /// Nothing is known of what went up to `modseq`, the highest so far.
    pub(super) fn forget(&mut self, modseq: u64) {
        self.kept = RedBlackTreeSetSync::new_sync();
        self.floor = self.floor.max(modseq);
    }

    /// What went after `modseq`, in ascending order; `None` when that is longer ago than is kept.
    pub fn since(&self, modseq: u64) -> Option<Vec<Uid>> {
        if modseq < self.floor {
            return None;
        }
        let later = self.kept.range((modseq.saturating_add(1), Uid::MIN)..);
        let mut uids: Vec<Uid> = later.map(|(_, uid)| *uid).collect();
        uids.sort_unstable();
        Some(uids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ac_11_what_went_is_known_back_to_the_bound_and_not_beyond() {
        let mut gone = Gone::default();
        assert_eq!(gone.since(0), Some(Vec::new()));
        gone.note(7, 3);
        gone.note(2, 4);
        gone.note(5, 4);
        assert_eq!(gone.since(0), Some(vec![2, 5, 7]));
        assert_eq!(gone.since(3), Some(vec![2, 5]));
        assert_eq!(gone.since(4), Some(Vec::new()));
        for uid in 0..limits::EXPUNGED_KEPT_PER_FOLDER_MAX as Uid {
            gone.note(100 + uid, 10 + u64::from(uid));
        }
        assert_eq!(gone.since(3), None);
        assert_eq!(
            gone.since(4).map(|uids| uids.len()),
            Some(limits::EXPUNGED_KEPT_PER_FOLDER_MAX)
        );
        gone.forget(2_000);
        assert_eq!(gone.since(1_999), None);
    }
}
