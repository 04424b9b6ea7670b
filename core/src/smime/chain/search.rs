//! Path building: from the leaf upwards, by names and signatures, anchors first. Depth, candidates and
//! links tried are bounded, and each signature is verified once, so that no set of certificates makes
//! the search long.

use std::collections::HashMap;

use super::judge::{self, Link};
use super::{ChainError, Path, Question};
use crate::limits::{CHAIN_CANDIDATES_MAX, CHAIN_LINKS_MAX, CHAIN_TRIES_MAX};
use crate::smime::der::DerError;

/// The path from `leaf` to one of `anchors`.
pub(super) fn find(
    leaf: &[u8],
    intermediates: &[Vec<u8>],
    anchors: &[Vec<u8>],
    question: Question,
) -> Result<Path, ChainError> {
    if anchors.is_empty() {
        return Err(ChainError::NoAnchor);
    }
    let read_anchor = |anchor| Link::read(anchor).map_err(|DerError(why)| bad_anchor(why));
    let leaf = Link::read(leaf).map_err(|DerError(why)| ChainError::BadLeaf(why.to_owned()));
    let mut links: Vec<Link<'_>> = Vec::new();
    for anchor in anchors {
        links.push(read_anchor(anchor)?);
    }
    let anchor_count = links.len();
    links.push(leaf?);
    // What cannot be read leads nowhere.
    let readable = intermediates.iter().take(CHAIN_CANDIDATES_MAX);
    links.extend(readable.filter_map(|octets| Link::read(octets).ok()));
    let mut search = Search {
        links,
        anchor_count,
        question,
        tries: 0,
        signatures: HashMap::new(),
        failure: None,
    };
    let mut path = vec![anchor_count];
    match search.extend(&mut path) {
        Some(found) => Ok(found),
        None if search.tries > CHAIN_TRIES_MAX => Err(ChainError::TooManyTries),
        None => Err(search
            .failure
            .map_or(ChainError::UnknownIssuer, |(_, why)| why)),
    }
}

fn bad_anchor(why: &str) -> ChainError {
    ChainError::BadAnchor(why.to_owned())
}

/// How near to the goal a path failed: the nearest failure is the one that is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Signature,
    Whole,
}

struct Search<'a> {
    /// Anchors, then the leaf, then the candidates between.
    links: Vec<Link<'a>>,
    anchor_count: usize,
    question: Question,
    tries: usize,
    /// Of a certificate (first) by an issuer (second).
    signatures: HashMap<(usize, usize), Result<(), ChainError>>,
    failure: Option<(Stage, ChainError)>,
}

impl Search<'_> {
    /// Tries every issuer of the last certificate of `path`, which is as it was when this returns.
    fn extend(&mut self, path: &mut Vec<usize>) -> Option<Path> {
        let last = *path.last()?;
        for candidate in self.candidates(last, path) {
            self.tries += 1;
            if self.tries > CHAIN_TRIES_MAX {
                return None;
            }
            if let Err(why) = self.signature(last, candidate) {
                self.note(Stage::Signature, why);
                continue;
            }
            path.push(candidate);
            let found = if candidate < self.anchor_count {
                self.whole(path)
            } else {
                self.extend(path)
            };
            path.pop();
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// Who may have issued `last`, by name: anchors first, then those whose key identifier fits.
    fn candidates(&self, last: usize, path: &[usize]) -> Vec<usize> {
        let Some(subject) = self.links.get(last) else {
            return Vec::new();
        };
        let has_room = path.len() + 1 < CHAIN_LINKS_MAX;
        let raw = |index: &usize| self.links.get(*index).map(|link| link.certificate.raw);
        let mut found: Vec<(bool, bool, usize)> = Vec::new();
        for (index, link) in self.links.iter().enumerate() {
            let is_anchor = index < self.anchor_count;
            let is_new = !path
                .iter()
                .any(|used| raw(used) == Some(link.certificate.raw));
            if link.subject == subject.issuer && (is_anchor || (is_new && has_room)) {
                let fits = subject.certificate.names_key_of(&link.certificate);
                found.push((!is_anchor, !fits, index));
            }
        }
        found.sort_unstable();
        found.into_iter().map(|(_, _, index)| index).collect()
    }

    fn signature(&mut self, subject: usize, issuer: usize) -> Result<(), ChainError> {
        if let Some(known) = self.signatures.get(&(subject, issuer)) {
            return known.clone();
        }
        let verdict = match (self.links.get(subject), self.links.get(issuer)) {
            (Some(subject), Some(issuer)) => {
                judge::signature(subject, issuer, self.question.allowance)
            }
            _ => Err(ChainError::UnknownIssuer),
        };
        self.signatures.insert((subject, issuer), verdict.clone());
        verdict
    }

    fn whole(&mut self, path: &[usize]) -> Option<Path> {
        let links: Vec<&Link<'_>> = path
            .iter()
            .filter_map(|index| self.links.get(*index))
            .collect();
        match judge::path(&links, self.question) {
            Ok(()) => {
                let octets = links.iter().map(|link| link.certificate.raw.to_vec());
                Some(Path::new(octets.collect()))
            }
            Err(why) => {
                self.note(Stage::Whole, why);
                None
            }
        }
    }

    fn note(&mut self, stage: Stage, why: ChainError) {
        if self
            .failure
            .as_ref()
            .is_none_or(|(known, _)| stage > *known)
        {
            self.failure = Some((stage, why));
        }
    }
}
