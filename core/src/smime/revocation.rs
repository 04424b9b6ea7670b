//! The shelf of revocation lists (IP-04, IP-11, IP-12, IP-21): verified lists by issuer, asked for the
//! links of a path; which lists are due, which fetches failed, what an operator must know. It fetches
//! nothing, keeps no file and has no clock: that is the work of whoever holds it.
//!
//! A list serves a certificate when its issuer has the same name, when it is about such certificates,
//! when it is current, and when its signer is the issuer of the link or leads to the same anchor with
//! no link revoked. An anchor needs no list for itself.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;

use super::certificate::Certificate;
use super::chain::{self, Allowance, ChainError, Path};
pub use super::crl::Reason;
use super::crl::{self, CrlError, RevocationList};
use super::extensions::{self, usage};
use super::name::Name;
use crate::instant::Instant;
use crate::limits::{
    CHAIN_CANDIDATES_MAX, CRL_CLOCK_MARGIN_MS, CRL_RETRY_MS, CRL_SIGNERS_DEPTH_MAX,
    REVOCATION_BYTES_MAX, REVOCATION_LISTS_MAX, REVOCATION_POINTS_MAX,
};

/// What a caller asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A message arrives at this instant (IP-04): any revocation that is known counts.
    Now(Instant),
    /// A message of the past: a revocation counts only if it was in force by then.
    Then(Instant),
}

/// Which lists vouched for a path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CrlFacts {
    /// Issuer and date of each list, the leaf's first (IP-21).
    pub lists: Vec<(String, Instant)>,
}

impl CrlFacts {
    /// Date of the list that speaks of the leaf.
    pub fn this_update(&self) -> Option<Instant> {
        self.lists.first().map(|(_, date)| *date)
    }

    /// The oldest date of all.
    pub fn oldest(&self) -> Option<Instant> {
        self.lists.iter().map(|(_, date)| *date).min()
    }
}

/// A path is not good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevocationError {
    /// By the list of its issuer.
    #[error("the certificate of {subject} was revoked at {} ({reason})", .at.rfc3339())]
    Revoked {
        /// Whose certificate.
        subject: String,
        /// When.
        at: Instant,
        /// Why.
        reason: Reason,
    },
    /// Nobody can tell (IP-12: a signed message waits).
    #[error("there is no current revocation list of {issuer} for the certificate of {subject}")]
    Unknown {
        /// Whose certificate.
        subject: String,
        /// Who should publish it.
        issuer: String,
    },
}

/// Why a list is not put on the shelf.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PutError {
    /// It is of no use to anybody.
    #[error(transparent)]
    List(#[from] CrlError),
    /// Its time is over.
    #[error("the revocation list of {issuer} served until {}", .until.rfc3339())]
    Expired {
        /// Whose list.
        issuer: String,
        /// Its nextUpdate.
        until: Instant,
    },
    /// Its time has not come, or clocks differ.
    #[error("the revocation list of {issuer} is from the future: {}", .from.rfc3339())]
    FromTheFuture {
        /// Whose list.
        issuer: String,
        /// Its thisUpdate.
        from: Instant,
    },
    /// No certificate of that name is known.
    #[error("no certificate of {0} is known that could have signed its revocation list")]
    UnknownSigner(String),
    /// There is one, and nobody vouches for it.
    #[error("the signer of the revocation list of {issuer} is not trusted: {why}")]
    NotTrusted {
        /// Whose list.
        issuer: String,
        /// What is wrong with the signer's certificate.
        why: Box<ChainError>,
    },
    /// Bounded on purpose.
    #[error("there is no room for the revocation list of {0}")]
    NoRoom(String),
}

/// What became of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is on the shelf, and took the place of an older one if there was any.
    Placed,
    /// A newer one, or the same, is there already.
    Older,
}

/// A list that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// `http` or `https`.
    pub url: String,
    /// Whose list is expected there.
    pub issuer: String,
}

/// What an operator must know (IP-11).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Alarm {
    /// The last one goes on serving, until it expires.
    #[error("the revocation list of {issuer} could not be fetched from {url} since {}: {why}", .since.rfc3339())]
    NotFetched {
        /// Whose list.
        issuer: String,
        /// From where.
        url: String,
        /// The last failure.
        why: String,
        /// The first failure after the last success.
        since: Instant,
        /// Until when the list on the shelf serves; `None` where there is none.
        usable_until: Option<Instant>,
    },
    /// Signed messages wait (IP-12).
    #[error("there is no current revocation list of {issuer}: messages signed under it wait")]
    NoCurrentList {
        /// Whose list.
        issuer: String,
    },
}

/// A list as whoever keeps it stores it: give both back to [`Revocation::put`].
#[derive(Debug, Clone)]
pub struct StoredList {
    /// Whose list, for people.
    pub issuer: String,
    /// The list.
    pub der: Arc<Vec<u8>>,
    /// The certificates from its signer up to the anchor.
    pub authorities: Vec<Vec<u8>>,
}

/// A list with the certificate that signed it, which leads to an anchor.
struct Held {
    list: RevocationList,
    signer_key: Vec<u8>,
    path: Path,
}

/// A place where a list is published.
struct Point {
    issuer: Name,
    issuer_words: String,
    tried: Option<Instant>,
    failure: Option<(Instant, String)>,
}

#[derive(Default)]
struct Shelf {
    lists: HashMap<Name, Vec<Arc<Held>>>,
    points: BTreeMap<String, Point>,
    /// Authorities of watched paths: who may have signed a list.
    authorities: Vec<Vec<u8>>,
}

/// The shelf, shared by all who ask and the one who fetches.
pub struct Revocation {
    anchors: Vec<Vec<u8>>,
    allowance: Allowance,
    shelf: RwLock<Shelf>,
}

impl Revocation {
    /// An empty shelf that trusts lists under `anchors`.
    pub fn new(anchors: Vec<Vec<u8>>, allowance: Allowance) -> Self {
        Self {
            anchors,
            allowance,
            shelf: RwLock::default(),
        }
    }

    /// [`chain::walk`] under this shelf's anchors, then the revocation of each link.
    pub fn walk(
        &self,
        leaf: &[u8],
        intermediates: &[Vec<u8>],
        asked: Asked,
    ) -> Result<(Path, CrlFacts), ChainError> {
        let at = asked.at();
        let path = chain::walk(leaf, intermediates, &self.anchors, at, self.allowance)?;
        let facts = self.status(&path, asked)?;
        Ok((path, facts))
    }

    /// What the lists say of a path that [`chain::walk`] answered.
    pub fn status(&self, path: &Path, asked: Asked) -> Result<CrlFacts, RevocationError> {
        self.shelf.read().status(path, asked, &[])
    }

    /// Puts a list on the shelf. `issuers` may hold its signer's certificate and those above it;
    /// anchors and the authorities of watched paths are known anyway.
    pub fn put(&self, octets: &[u8], issuers: &[Vec<u8>], now: Instant) -> Result<Put, PutError> {
        let list = RevocationList::read(octets)?;
        let issuer = list.issuer_words().to_owned();
        if list.next_update() <= now {
            let until = list.next_update();
            return Err(PutError::Expired { issuer, until });
        }
        if list.this_update() > now.plus_millis(CRL_CLOCK_MARGIN_MS) {
            let from = list.this_update();
            return Err(PutError::FromTheFuture { issuer, from });
        }
        let known = self.shelf.read().authorities.clone();
        let (signer_key, path) = self.signer(&list, &[issuers, &known].concat(), now)?;
        self.shelf.write().place(Held {
            list,
            signer_key,
            path,
        })
    }

    /// Key and path of the certificate that signed the list.
    fn signer(
        &self,
        list: &RevocationList,
        issuers: &[Vec<u8>],
        now: Instant,
    ) -> Result<(Vec<u8>, Path), PutError> {
        let mut failure = PutError::UnknownSigner(list.issuer_words().to_owned());
        let candidates = issuers.iter().take(2 * CHAIN_CANDIDATES_MAX);
        for octets in self.anchors.iter().chain(candidates) {
            let Ok(certificate) = Certificate::read(octets) else {
                continue;
            };
            if Name::read(certificate.subject).as_ref() != Ok(list.issuer()) {
                continue;
            }
            if let Err(error) = list.verify(&certificate, self.allowance) {
                if !matches!(failure, PutError::NotTrusted { .. }) {
                    failure = error.into();
                }
                continue;
            }
            match self.path_of_signer(&certificate, issuers, now) {
                Ok(path) => return Ok((certificate.public_key_info.to_vec(), path)),
                Err(why) => {
                    failure = PutError::NotTrusted {
                        issuer: list.issuer_words().to_owned(),
                        why: Box::new(why),
                    };
                }
            }
        }
        Err(failure)
    }

    fn path_of_signer(
        &self,
        signer: &Certificate<'_>,
        issuers: &[Vec<u8>],
        now: Instant,
    ) -> Result<Path, ChainError> {
        let (anchors, allowance) = (&self.anchors, self.allowance);
        if !anchors.iter().any(|anchor| anchor == signer.raw) {
            return chain::walk_to_lists(signer.raw, issuers, anchors, now, allowance);
        }
        // An anchor may stand alone, also where another authority issued it.
        let bits = extensions::key_usage(signer).ok().flatten();
        if bits.is_some_and(|bits| bits & usage::REVOCATION_LISTS == 0) {
            return Err(ChainError::KeyUsage {
                subject: signer.subject_words(),
                usage: "cRLSign",
            });
        }
        if now > signer.not_after {
            return Err(ChainError::Expired);
        }
        Ok(Path::new(vec![signer.raw.to_vec()]))
    }

    /// Watches the distribution points of a path that holds, and remembers its authorities. Cheap where
    /// all of it is known: nobody who asks waits for it then.
    pub fn watch(&self, path: &Path) {
        if self.shelf.read().knows(path) {
            return;
        }
        let mut shelf = self.shelf.write();
        for (octets, issuer) in path.links() {
            shelf.watch(octets);
            let is_known = shelf.authorities.iter().any(|known| known == issuer);
            if !is_known && shelf.authorities.len() < CHAIN_CANDIDATES_MAX {
                shelf.authorities.push(issuer.to_vec());
            }
        }
    }

    /// Which lists are due for fetching at `now`: every `refresh`, sooner after a failure (IP-11).
    pub fn wanted(&self, now: Instant, refresh: Duration) -> Vec<Fetch> {
        let refresh = i64::try_from(refresh.as_millis()).unwrap_or(i64::MAX);
        let is_due = |point: &Point| {
            let pause = match point.failure {
                Some(_) => refresh.min(CRL_RETRY_MS),
                None => refresh,
            };
            point
                .tried
                .is_none_or(|tried| now >= tried.plus_millis(pause))
        };
        let shelf = self.shelf.read();
        let due = shelf.points.iter().filter(|(_, point)| is_due(point));
        due.map(|(url, point)| Fetch {
            url: url.clone(),
            issuer: point.issuer_words.clone(),
        })
        .collect()
    }

    /// What `url` gave was put on the shelf.
    pub fn note_fetched(&self, url: &str, now: Instant) {
        if let Some(point) = self.shelf.write().points.get_mut(url) {
            point.tried = Some(now);
            point.failure = None;
        }
    }

    /// Nothing came from `url`, or nothing usable.
    pub fn note_failure(&self, url: &str, why: &str, now: Instant) {
        if let Some(point) = self.shelf.write().points.get_mut(url) {
            point.tried = Some(now);
            let since = point.failure.take().map_or(now, |(since, _)| since);
            point.failure = Some((since, why.to_owned()));
        }
    }

    /// What an operator must know at `now`.
    pub fn alarms(&self, now: Instant) -> Vec<Alarm> {
        let shelf = self.shelf.read();
        let mut alarms = Vec::new();
        let mut told: Vec<&Name> = Vec::new();
        for (url, point) in &shelf.points {
            let usable_until = shelf.usable_until(&point.issuer, now);
            if let Some((since, why)) = &point.failure {
                alarms.push(Alarm::NotFetched {
                    issuer: point.issuer_words.clone(),
                    url: url.clone(),
                    why: why.clone(),
                    since: *since,
                    usable_until,
                });
            }
            if usable_until.is_none() && !told.contains(&&point.issuer) {
                told.push(&point.issuer);
                alarms.push(Alarm::NoCurrentList {
                    issuer: point.issuer_words.clone(),
                });
            }
        }
        alarms
    }

    /// All lists, for whoever keeps them over a restart.
    pub fn lists(&self) -> Vec<StoredList> {
        let shelf = self.shelf.read();
        let held = shelf.lists.values().flatten();
        held.map(|held| StoredList {
            issuer: held.list.issuer_words().to_owned(),
            der: held.list.der(),
            authorities: held.path.certificates().to_vec(),
        })
        .collect()
    }
}

impl Asked {
    /// The instant.
    pub fn at(self) -> Instant {
        match self {
            Self::Now(at) | Self::Then(at) => at,
        }
    }

    /// Does `list` speak of that instant? A list made later speaks of the past too, as long as
    /// certificates that have expired may not have been dropped from it.
    fn is_served_by(self, list: &RevocationList, certificate: &Certificate<'_>) -> bool {
        let latest = match self {
            Self::Now(at) => at.plus_millis(CRL_CLOCK_MARGIN_MS),
            Self::Then(at) => at.max(certificate.not_after),
        };
        list.this_update() <= latest && self.at() < list.next_update()
    }

    fn counts(self, revoked: &crl::Revoked) -> bool {
        match self {
            Self::Now(_) => true,
            Self::Then(at) => revoked.at <= at,
        }
    }
}

impl Shelf {
    /// `signers`: keys whose own certificates are being asked about, so whose lists prove nothing yet.
    fn status(
        &self,
        path: &Path,
        asked: Asked,
        signers: &[&[u8]],
    ) -> Result<CrlFacts, RevocationError> {
        let mut facts = CrlFacts::default();
        let mut unknown = None;
        for (octets, issuer) in path.links() {
            match self.link(octets, issuer, path, asked, signers) {
                Ok(fact) => facts.lists.push(fact),
                // What is revoked is told, also where nothing is known of another link.
                Err(revoked @ RevocationError::Revoked { .. }) => return Err(revoked),
                Err(other) => unknown = unknown.or(Some(other)),
            }
        }
        unknown.map_or(Ok(facts), Err)
    }

    fn link(
        &self,
        octets: &[u8],
        issuer: &[u8],
        path: &Path,
        asked: Asked,
        signers: &[&[u8]],
    ) -> Result<(String, Instant), RevocationError> {
        let unknown =
            |subject: String, issuer: String| RevocationError::Unknown { subject, issuer };
        let (Ok(certificate), Ok(issuer)) = (Certificate::read(octets), Certificate::read(issuer))
        else {
            let unreadable = "an unreadable certificate".to_owned();
            return Err(unknown(unreadable.clone(), unreadable));
        };
        let name = Name::read(certificate.issuer).unwrap_or_default();
        let mut newest: Option<&RevocationList> = None;
        for held in self.lists.get(&name).into_iter().flatten() {
            let list = &held.list;
            let serves = asked.is_served_by(list, &certificate)
                && list.covers(&certificate) == Ok(true)
                && !signers.contains(&held.signer_key.as_slice())
                && (held.signer_key == issuer.public_key_info
                    || self.vouches(held, path, asked, signers));
            if !serves {
                continue;
            }
            if let Some(revoked) = list
                .find(certificate.serial)
                .filter(|one| asked.counts(one))
            {
                return Err(RevocationError::Revoked {
                    subject: certificate.subject_words(),
                    at: revoked.at,
                    reason: revoked.reason,
                });
            }
            if newest.is_none_or(|newest| newest.this_update() < list.this_update()) {
                newest = Some(list);
            }
        }
        newest
            .map(|list| (list.issuer_words().to_owned(), list.this_update()))
            .ok_or_else(|| unknown(certificate.subject_words(), issuer.subject_words()))
    }

    /// The signer of a list is another key than the one above the link: it must lead to the same
    /// anchor (§6.3.3 (f)), be valid at that instant, and not be revoked itself.
    fn vouches(&self, held: &Held, path: &Path, asked: Asked, signers: &[&[u8]]) -> bool {
        if signers.len() >= CRL_SIGNERS_DEPTH_MAX || !is_same_key(held.path.anchor(), path.anchor())
        {
            return false;
        }
        let is_current = held.path.certificates().iter().all(|octets| {
            Certificate::read(octets).is_ok_and(|certificate| {
                (certificate.not_before..=certificate.not_after).contains(&asked.at())
            })
        });
        let mut signers = signers.to_vec();
        signers.push(&held.signer_key);
        is_current && self.status(&held.path, asked, &signers).is_ok()
    }

    fn place(&mut self, held: Held) -> Result<Put, PutError> {
        let stands_for = |other: &Held| {
            other.signer_key == held.signer_key && other.list.has_scope_of(&held.list)
        };
        let all = self.lists.values().flatten();
        let others = all.filter(|other| !stands_for(other));
        let (count, octets) = others.fold((0, held.list.der().len()), |(count, octets), other| {
            (count + 1, octets + other.list.der().len())
        });
        if count >= REVOCATION_LISTS_MAX || octets > REVOCATION_BYTES_MAX {
            return Err(PutError::NoRoom(held.list.issuer_words().to_owned()));
        }
        let same_name = self.lists.entry(held.list.issuer().clone()).or_default();
        match same_name.iter_mut().find(|other| stands_for(other)) {
            Some(other) if other.list.this_update() >= held.list.this_update() => Ok(Put::Older),
            Some(other) => {
                *other = Arc::new(held);
                Ok(Put::Placed)
            }
            None => {
                same_name.push(Arc::new(held));
                Ok(Put::Placed)
            }
        }
    }

    fn knows(&self, path: &Path) -> bool {
        path.links().all(|(octets, issuer)| {
            let urls = Certificate::read(octets).map(|one| crl::distribution_points(&one));
            let all_known = |url: &String| self.points.contains_key(url);
            self.authorities.iter().any(|known| known == issuer)
                && urls.is_ok_and(|urls| urls.iter().all(all_known))
        })
    }

    fn watch(&mut self, octets: &[u8]) {
        let Ok(certificate) = Certificate::read(octets) else {
            return;
        };
        let Ok(issuer) = Name::read(certificate.issuer) else {
            return;
        };
        for url in crl::distribution_points(&certificate) {
            if self.points.len() < REVOCATION_POINTS_MAX {
                self.points.entry(url).or_insert_with(|| Point {
                    issuer: issuer.clone(),
                    issuer_words: super::certificate::name_words(certificate.issuer),
                    tried: None,
                    failure: None,
                });
            }
        }
    }

    fn usable_until(&self, issuer: &Name, now: Instant) -> Option<Instant> {
        let lists = self.lists.get(issuer)?.iter();
        let until = lists.map(|held| held.list.next_update()).max();
        until.filter(|until| *until > now)
    }
}

fn is_same_key(one: &[u8], other: &[u8]) -> bool {
    match (Certificate::read(one), Certificate::read(other)) {
        (Ok(one), Ok(other)) => {
            one.public_key_info == other.public_key_info
                && Name::read(one.subject) == Name::read(other.subject)
        }
        _ => false,
    }
}
