//! Whether the log holds as many signed messages as the keys have signed (LG-14). Two sides that share nothing:
//! a signer counts what its key has signed ([`Signer::made`]), hourly and at the end of a run noted in a record;
//! the journal is read again, and each record that carries signed messages counts for the key that signed them.
//!
//! A note is decided by the owner, which reads the signer's count at that moment: all that was logged before
//! was signed before, so the log can never hold more. What was signed and is not in the log has a reason: our
//! part of the index, work that had been done already, what was under way. A crash loses the count since the
//! last note, an hour at most: what was logged since then is told as not counted.

mod keeper;
mod ledger;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::digest;
use parking_lot::Mutex;

pub use keeper::ReconcileError;
pub(crate) use keeper::{FoldedRoom, Keeper};
pub use ledger::{KeyLine, Ledger, Reconciled};

use crate::journal::record::KeyUse;
use crate::ports::{Signature, Signer};
use crate::smime::SigningCertificate;
use crate::smime::certificate::Certificate;

/// Tells a key, whatever its certificate: the first octets of the SHA-256 of its public half.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, minicbor::Encode, minicbor::Decode,
)]
#[cbor(transparent)]
pub struct KeyMark(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 8]);

impl KeyMark {
    /// Of the key that a certificate vouches for.
    pub fn of(certificate_der: &[u8]) -> Self {
        let certificate = Certificate::read(certificate_der);
        let key = certificate.map_or(certificate_der, |found| found.public_key_info);
        let hash = digest::digest(&digest::SHA256, key);
        Self(hash.as_ref().first_chunk().copied().unwrap_or_default())
    }
}

impl std::fmt::Display for KeyMark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

/// What becomes of signatures in this run, beside the log.
#[derive(Default)]
pub struct Uses {
    /// The certificate of the last signature: nearly always that of the next.
    last: Mutex<Option<(Arc<SigningCertificate>, KeyMark)>>,
    counts: Mutex<BTreeMap<KeyMark, KeyUse>>,
    /// What the signer had made at the last note.
    noted: Mutex<BTreeMap<KeyMark, u64>>,
}

impl Uses {
    /// Who signed: one mark where all are of the same key, else one for each.
    pub(crate) fn marks(&self, signatures: &[Signature]) -> Vec<KeyMark> {
        let mut marks: Vec<KeyMark> = signatures.iter().map(|one| self.mark(&one.by)).collect();
        if let Some(first) = marks.first().copied()
            && marks.iter().all(|mark| *mark == first)
        {
            marks.truncate(1);
        }
        marks
    }

    fn mark(&self, by: &Arc<SigningCertificate>) -> KeyMark {
        let mut last = self.last.lock();
        match &*last {
            Some((known, mark)) if Arc::ptr_eq(known, by) => *mark,
            _ => {
                let mark = KeyMark::of(&by.certificate);
                *last = Some((Arc::clone(by), mark));
                mark
            }
        }
    }

    /// A signature served something that is no message.
    pub(crate) fn other(&self, key: KeyMark) {
        self.count(key, |counts| counts.other += 1);
    }

    /// Signed messages that are not committed: their work was done already, or is drafted anew.
    pub(crate) fn dropped(&self, marks: &[KeyMark], messages: usize) {
        if let [key] = marks {
            self.count(*key, |counts| counts.dropped += messages as u64);
        } else {
            let all = marks.iter();
            all.for_each(|key| self.count(*key, |counts| counts.dropped += 1));
        }
    }

    fn count(&self, key: KeyMark, change: impl FnOnce(&mut KeyUse)) {
        let mut counts = self.counts.lock();
        change(counts.entry(key).or_insert_with(|| KeyUse::of(key)));
    }

    /// What the next note says: since the last one.
    fn since_last(&self, signer: Option<&dyn Signer>) -> Vec<KeyUse> {
        let mut counts = std::mem::take(&mut *self.counts.lock());
        let mut noted = self.noted.lock();
        for (key, made) in signer.map(Signer::made).unwrap_or_default() {
            let before = noted.insert(key, made).unwrap_or(0);
            let entry = counts.entry(key).or_insert_with(|| KeyUse::of(key));
            entry.made += made.saturating_sub(before);
        }
        counts.into_values().collect()
    }
}

/// Asks the owner for a note. Read when it is decided (see above).
#[derive(Clone)]
pub struct NoteOrder {
    /// What signs; `None`: nothing did in this run.
    pub(crate) signer: Option<Arc<dyn Signer>>,
    /// Of this run.
    pub(crate) uses: Arc<Uses>,
    /// Nothing is signed after it in this run.
    pub(crate) closes: bool,
}

impl std::fmt::Debug for NoteOrder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NoteOrder(closes: {})", self.closes)
    }
}

impl NoteOrder {
    /// What the record says.
    pub(crate) fn read(&self) -> Vec<KeyUse> {
        self.uses.since_last(self.signer.as_deref())
    }
}
