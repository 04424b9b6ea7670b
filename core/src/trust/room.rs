//! [`Trust`] as an appliance has it: the index on its shelf, the authorities above providers'
//! certificates, and the shelf of revocation lists. Readers never wait for who fetches.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::{ChainTrouble, Trust};
use crate::address::{Address, Domain};
use crate::directory::{Current, DirectoryShelf};
use crate::instant::Instant;
use crate::limits;
use crate::smime::chain::{self, Allowance, ChainError};
use crate::smime::revocation::{Asked, Revocation, RevocationError};
use crate::smime::verify::SignerFacts;

/// Index, authorities, revocation lists.
pub struct TrustRoom {
    shelf: Arc<DirectoryShelf>,
    anchors: Vec<Vec<u8>>,
    revocation: Revocation,
    tolerated: Vec<String>,
    /// Signers that may be newer than our copy, and since when they are waited for (IP-23).
    awaited: Mutex<HashMap<[u8; 32], Instant>>,
    wants_index: AtomicBool,
}

impl TrustRoom {
    /// Providers of `shelf`, whose certificates lead to `anchors`; `tolerated` by name (IP-06).
    pub fn new(shelf: Arc<DirectoryShelf>, anchors: Vec<Vec<u8>>, tolerated: Vec<String>) -> Self {
        Self {
            shelf,
            revocation: Revocation::new(anchors.clone(), Allowance::default()),
            anchors,
            tolerated,
            awaited: Mutex::default(),
            wants_index: AtomicBool::new(false),
        }
    }

    /// The revocation lists, for who fetches and keeps them.
    pub fn revocation(&self) -> &Revocation {
        &self.revocation
    }

    /// Somebody asked for a fresh index since the last call.
    pub fn take_wanted(&self) -> bool {
        self.wants_index.swap(false, Ordering::AcqRel)
    }

    /// Watches the lists that speak of the index's certificates, where their paths are known.
    pub fn watch_index(&self, now: Instant) {
        let Some(current) = self.shelf.current() else {
            return;
        };
        let records = current.directory.records().iter();
        for certificate in records.flat_map(|record| &record.certificates) {
            let path = chain::walk(certificate, &[], &self.anchors, now, Allowance::default());
            if let Ok(path) = path {
                self.revocation.watch(&path);
            }
        }
    }

    fn current(&self) -> Option<Arc<Current>> {
        self.shelf.current()
    }
}

impl Trust for TrustRoom {
    fn has_index(&self) -> bool {
        self.shelf.is_used()
    }

    fn index_at(&self) -> Option<Instant> {
        self.current().map(|current| current.fetched_at)
    }

    fn providers_of(&self, certificate: &[u8]) -> Vec<String> {
        let Some(current) = self.current() else {
            return Vec::new();
        };
        let records = current.directory.by_certificate(certificate);
        records.iter().map(|record| record.name.clone()).collect()
    }

    fn manages(&self, certificate: &[u8], domain: &Domain) -> bool {
        let Some(current) = self.current() else {
            return false;
        };
        let records = current.directory.by_certificate(certificate);
        records.iter().any(|record| record.domains.contains(domain))
    }

    fn is_certified(&self, domain: &Domain) -> bool {
        self.current()
            .is_some_and(|current| current.directory.is_managed(domain))
    }

    fn is_service_address(&self, address: &Address) -> bool {
        self.current()
            .is_some_and(|current| current.directory.is_service_address(address))
    }

    fn receipts_for(&self, certificate: &[u8], sender: &Domain, from: &Domain) -> Option<Address> {
        let current = self.current()?;
        let directory = &current.directory;
        directory
            .receipts_for(certificate, Some(sender), Some(from))
            .cloned()
    }

    fn chain(&self, signer: &SignerFacts, at: Instant) -> Result<Option<Instant>, ChainTrouble> {
        let path = chain::walk(
            &signer.certificate,
            &signer.certificates,
            &self.anchors,
            at,
            Allowance::default(),
        )
        .map_err(trouble)?;
        // From the first message of a provider on, its lists are kept.
        self.revocation.watch(&path);
        let facts = self.revocation.status(&path, Asked::Now(at));
        facts.map(|facts| facts.oldest()).map_err(|error| {
            let words = error.to_string();
            match error {
                RevocationError::Revoked { .. } => ChainTrouble::Revoked(words),
                RevocationError::Unknown { .. } => ChainTrouble::Unknown(words),
            }
        })
    }

    fn is_tolerated(&self, provider: &str) -> bool {
        let named = |name: &String| name.eq_ignore_ascii_case(provider);
        self.tolerated.iter().any(named)
    }

    fn awaits_index(&self, certificate: &[u8], now: Instant) -> bool {
        let mut key = [0; 32];
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate);
        key.copy_from_slice(digest.as_ref());
        let mut awaited = self.awaited.lock();
        if let Some(since) = awaited.get(&key) {
            return now < since.plus_millis(limits::INDEX_AWAITED_MS);
        }
        if awaited.len() >= limits::SIGNERS_AWAITED_MAX {
            let is_fresh = |_: &[u8; 32], since: &mut Instant| {
                now < since.plus_millis(2 * limits::INDEX_AWAITED_MS)
            };
            awaited.retain(is_fresh);
        }
        if awaited.len() >= limits::SIGNERS_AWAITED_MAX {
            return false;
        }
        awaited.insert(key, now);
        self.wants_index.store(true, Ordering::Release);
        true
    }
}

fn trouble(error: ChainError) -> ChainTrouble {
    ChainTrouble::Bad(error.to_string())
}
