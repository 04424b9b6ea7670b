//! ENVELOPE and BODYSTRUCTURE as they were told before: clients ask for those of a whole folder again
//! and again, and a message never changes. Of one ring, in at most `limits::IMAP_SUMMARIES_BYTES_MAX`
//! octets; what was not asked for lately goes.

use std::collections::HashMap;
use std::sync::Arc;

use ceralacca_core::limits;
use ceralacca_core::mailbox::Content;
use parking_lot::Mutex;

/// What is told of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Summary {
    /// ENVELOPE
    Envelope,
    /// BODY
    Body,
    /// BODYSTRUCTURE
    BodyStructure,
}

type Texts = HashMap<(Content, Summary), Arc<[u8]>>;

/// Two halves: what is asked for moves into the young one; when that is full, the old one goes.
#[derive(Debug, Default)]
struct Kept {
    young: Texts,
    old: Texts,
    young_bytes: usize,
}

/// The texts that are kept.
#[derive(Debug, Default)]
pub struct Summaries(Mutex<Kept>);

/// Of the map, for one text.
const OVERHEAD_BYTES: usize = 128;

impl Summaries {
    /// A text that is kept.
    pub fn get(&self, content: Content, what: Summary) -> Option<Arc<[u8]>> {
        let mut kept = self.0.lock();
        let key = (content, what);
        if let Some(text) = kept.young.get(&key) {
            return Some(Arc::clone(text));
        }
        let text = kept.old.remove(&key)?;
        kept.put(key, Arc::clone(&text));
        Some(text)
    }

    /// Keeps a text, a long one apart.
    pub fn put(&self, content: Content, what: Summary, text: &[u8]) {
        if text.len() <= limits::IMAP_SUMMARY_BYTES_MAX {
            self.0.lock().put((content, what), text.into());
        }
    }
}

impl Kept {
    fn put(&mut self, key: (Content, Summary), text: Arc<[u8]>) {
        self.young_bytes += text.len() + OVERHEAD_BYTES;
        self.young.insert(key, text);
        if self.young_bytes > limits::IMAP_SUMMARIES_BYTES_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ceralacca_core::blob::BlobRef;

    fn content(offset: u64) -> Content {
        Content::Whole(BlobRef {
            segment: 1,
            offset,
            length: 1,
        })
    }

    #[test]
    fn what_is_asked_for_stays_and_the_rest_goes() {
        let summaries = Summaries::default();
        let text = vec![b'x'; 1000];
        let half = limits::IMAP_SUMMARIES_BYTES_MAX as u64 / 2 / 1128;
        for offset in 0..3 * half {
            summaries.put(content(offset), Summary::Body, &text);
            assert!(summaries.get(content(0), Summary::Body).is_some());
        }
        assert!(summaries.get(content(0), Summary::Envelope).is_none());
        assert!(summaries.get(content(1), Summary::Body).is_none());
        let kept = summaries.0.lock();
        assert!((kept.young.len() + kept.old.len()) as u64 <= 2 * half + 2);
    }

    #[test]
    fn long_texts_are_not_kept() {
        let summaries = Summaries::default();
        let long = vec![b'x'; limits::IMAP_SUMMARY_BYTES_MAX + 1];
        summaries.put(content(1), Summary::Body, &long);
        assert!(summaries.get(content(1), Summary::Body).is_none());
    }
}
