//! X.509 revocation lists (RFC 5280 §5): read where they lie, verified against their issuer, asked for a
//! serial number. Full lists alone: indirect lists, delta lists, lists whose newest entries stand in a
//! delta list, and lists of some reasons or of attribute certificates are refused in words, because
//! taking them for whole would call revoked certificates good. A list of a million entries costs its
//! octets and four more per entry.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use super::certificate::{self, Certificate, Extension};
use super::chain::Allowance;
use super::der::{self, DerError, Element, Reader, tag};
use super::extensions::{self, GeneralName, PointName};
use super::name::Name;
use super::signature::{DigestAlgorithm, Scheme, SignatureError};
use super::{oid, time};
use crate::instant::Instant;
use crate::limits::{CRL_BYTES_MAX, CRL_ENTRIES_MAX};

/// Why a certificate was revoked (§5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// None is given.
    Unspecified,
    /// Its key is known to others.
    KeyCompromise,
    /// The key of its authority is.
    AuthorityCompromise,
    /// The name is no longer right.
    AffiliationChanged,
    /// Another took its place.
    Superseded,
    /// It is no longer needed.
    Cessation,
    /// For the time being.
    Hold,
    /// A right in it was taken back.
    PrivilegeWithdrawn,
    /// The key of an attribute authority is known to others.
    AttributeCompromise,
    /// A number that RFC 5280 does not know.
    Other(u8),
}

/// In a delta list: the entry of the full list goes.
const REMOVE_FROM_LIST: u8 = 8;

impl Reason {
    fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Unspecified,
            1 => Self::KeyCompromise,
            2 => Self::AuthorityCompromise,
            3 => Self::AffiliationChanged,
            4 => Self::Superseded,
            5 => Self::Cessation,
            6 => Self::Hold,
            9 => Self::PrivilegeWithdrawn,
            10 => Self::AttributeCompromise,
            other => Self::Other(other),
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "no reason given",
            Self::KeyCompromise => "its key is compromised",
            Self::AuthorityCompromise => "its authority is compromised",
            Self::AffiliationChanged => "its name is no longer right",
            Self::Superseded => "it was superseded",
            Self::Cessation => "it is no longer needed",
            Self::Hold => "it is on hold",
            Self::PrivilegeWithdrawn => "a privilege was withdrawn",
            Self::AttributeCompromise => "an attribute authority is compromised",
            Self::Other(number) => return write!(f, "reason {number}"),
        })
    }
}

/// Why a list is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CrlError {
    /// Not read any further.
    #[error("the revocation list has {0} octets, more than the {CRL_BYTES_MAX} that are read")]
    TooLarge(usize),
    /// Not read any further.
    #[error("the revocation list has more than {CRL_ENTRIES_MAX} entries")]
    TooManyEntries,
    /// No list at all.
    #[error("this is not a revocation list: {0}")]
    Unreadable(#[from] DerError),
    /// Nobody could tell how long it serves.
    #[error("the revocation list does not say when the next one comes (nextUpdate)")]
    NoNextUpdate,
    /// It holds certificates of other issuers.
    #[error("the revocation list is indirect, which is not supported")]
    Indirect,
    /// It is only the change to another.
    #[error("the revocation list is a delta list, which is not supported")]
    Delta,
    /// It names a delta list with newer entries.
    #[error(
        "the newest entries of the revocation list are in a delta list, which is not supported"
    )]
    NewestElsewhere,
    /// It is not all that is revoked.
    #[error("the revocation list speaks of some reasons only, which is not supported")]
    SomeReasons,
    /// It speaks of nothing that signs mail.
    #[error("the revocation list is of attribute certificates only")]
    AttributeCertificates,
    /// One that must be understood.
    #[error("the revocation list has the critical extension {0}, which is not known")]
    UnknownCritical(String),
    /// By another key, or altered.
    #[error("the revocation list of {0} was not signed by it")]
    SignatureWrong(String),
    /// In a way that proves too little.
    #[error("the revocation list is signed in a way that is refused: {0}")]
    SignatureRefused(String),
}

/// What a list says of one certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revoked {
    /// Since when.
    pub at: Instant,
    /// Why.
    pub reason: Reason,
}

/// A full list, not yet verified: see [`verify`](Self::verify).
#[derive(Clone)]
pub struct RevocationList {
    der: Arc<Vec<u8>>,
    issuer: Name,
    issuer_words: String,
    this_update: Instant,
    next_update: Instant,
    number: Option<Vec<u8>>,
    scope: Scope,
    signed: Range<usize>,
    /// Where each entry begins, in the order of serial numbers.
    entries: Vec<u32>,
}

/// Which certificates the list is about (issuingDistributionPoint).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Scope {
    only_users: bool,
    only_authorities: bool,
    /// DistributionPointName element with its explicit tag.
    point: Option<Vec<u8>>,
}

impl std::fmt::Debug for RevocationList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.entries.len();
        write!(
            f,
            "RevocationList({:?}, {count} entries)",
            self.issuer_words
        )
    }
}

/// The fields before the entries, and those after.
struct Fields<'a> {
    issuer: &'a [u8],
    this_update: Instant,
    next_update: Instant,
    entries: Option<Element<'a>>,
    extensions: Vec<Extension<'a>>,
}

impl RevocationList {
    /// Reads a list in DER, or the first of a PEM text.
    pub fn read(octets: &[u8]) -> Result<Self, CrlError> {
        if octets.len() > CRL_BYTES_MAX {
            return Err(CrlError::TooLarge(octets.len()));
        }
        let der = match std::str::from_utf8(octets) {
            Ok(text) if octets.first() != Some(&tag::SEQUENCE) => {
                let mut blocks = certificate::pem_blocks(text, "X509 CRL")?;
                blocks.truncate(1);
                blocks.pop().ok_or(DerError("the file holds no list"))?
            }
            _ => octets.to_vec(),
        };
        Self::index(Arc::new(der))
    }

    fn index(der: Arc<Vec<u8>>) -> Result<Self, CrlError> {
        let signed = Outer::read(&der)?.signed;
        let fields = Fields::read(&signed)?;
        let scope = scope(&fields.extensions)?;
        let number = extensions::only(&fields.extensions, &oid::CRL_NUMBER)?;
        let number = number.map(|number| extensions::whole(number.value, tag::INTEGER));
        let entries = match fields.entries {
            Some(sequence) => index_entries(&der, &sequence)?,
            None => Vec::new(),
        };
        let start = offset(&der, signed.raw);
        Ok(Self {
            issuer: Name::read(fields.issuer)?,
            issuer_words: certificate::name_words(fields.issuer),
            this_update: fields.this_update,
            next_update: fields.next_update,
            number: number.transpose()?.map(|number| number.content.to_vec()),
            scope,
            signed: start..start + signed.raw.len(),
            entries,
            der,
        })
    }

    /// Checks that `issuer`'s key signed it. Whether that certificate may sign lists, and whether anybody
    /// trusts it, is a question for [`super::revocation`].
    pub fn verify(&self, issuer: &Certificate<'_>, allowance: Allowance) -> Result<(), CrlError> {
        let outer = Outer::read(&self.der)?;
        if Fields::algorithm(&outer.signed)? != outer.algorithm.raw {
            let why = "it names two algorithms";
            return Err(CrlError::SignatureRefused(why.to_owned()));
        }
        let verified = Scheme::read(&outer.algorithm, None).and_then(|scheme| {
            scheme.verify(issuer.public_key_info, outer.signed.raw, outer.signature)?;
            Ok(scheme.digest())
        });
        match verified {
            Ok(DigestAlgorithm::Sha1) if !allowance.sha1_in_certificates => {
                let why = "SHA-1 is not allowed here";
                Err(CrlError::SignatureRefused(why.to_owned()))
            }
            Ok(_) => Ok(()),
            Err(SignatureError::Wrong) => Err(CrlError::SignatureWrong(self.issuer_words.clone())),
            Err(other) => Err(CrlError::SignatureRefused(other.to_string())),
        }
    }

    /// The octets, for whoever keeps them.
    pub fn der(&self) -> Arc<Vec<u8>> {
        Arc::clone(&self.der)
    }

    /// Who publishes it.
    pub fn issuer(&self) -> &Name {
        &self.issuer
    }

    /// The same, for people.
    pub fn issuer_words(&self) -> &str {
        &self.issuer_words
    }

    /// When it was made.
    pub fn this_update(&self) -> Instant {
        self.this_update
    }

    /// From when on it serves no longer.
    pub fn next_update(&self) -> Instant {
        self.next_update
    }

    /// CRL number in hexadecimal, where it has one.
    pub fn number(&self) -> Option<String> {
        let number = self.number.as_ref()?;
        Some(data_encoding::HEXLOWER.encode(number))
    }

    /// Entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Nothing is revoked.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// It is about the same certificates as `other`, so that the newer of the two stands for both.
    pub fn has_scope_of(&self, other: &Self) -> bool {
        self.issuer == other.issuer && self.scope == other.scope
    }

    /// What it says of the serial number (INTEGER element), the earliest where it says it twice.
    pub fn find(&self, serial: &[u8]) -> Option<Revoked> {
        let wanted = Reader::new(serial).expect(tag::INTEGER).ok()?.content;
        let wanted = shortest(wanted);
        let below = |at: &u32| compare(self.serial_at(*at), wanted) == Ordering::Less;
        let first = self.entries.partition_point(below);
        let same = self.entries.get(first..)?.iter();
        same.take_while(|at| compare(self.serial_at(**at), wanted) == Ordering::Equal)
            .filter_map(|at| self.entry_at(*at))
            .min_by_key(|found| found.at)
    }

    fn serial_at(&self, at: u32) -> &[u8] {
        let entry = self.octets_at(at).map(Reader::new);
        let serial = entry.and_then(|mut reader| {
            let mut fields = reader.expect(tag::SEQUENCE).ok()?.reader();
            fields.expect(tag::INTEGER).ok()
        });
        serial.map_or(&[], |serial| shortest(serial.content))
    }

    fn entry_at(&self, at: u32) -> Option<Revoked> {
        let entry = Reader::new(self.octets_at(at)?)
            .expect(tag::SEQUENCE)
            .ok()?;
        read_entry(&entry).ok()?.1
    }

    fn octets_at(&self, at: u32) -> Option<&[u8]> {
        self.der.get(usize::try_from(at).ok()?..self.signed.end)
    }

    /// Is the list about this certificate? By issuer, by kind, and by distribution point (§6.3.3).
    pub fn covers(&self, certificate: &Certificate<'_>) -> Result<bool, DerError> {
        let issuer = Name::read(certificate.issuer)?;
        let basic = extensions::basic_constraints(certificate)?;
        let is_authority = basic.is_some_and(|basic| basic.is_authority);
        let is_of_kind = if is_authority {
            !self.scope.only_users
        } else {
            !self.scope.only_authorities
        };
        if issuer != self.issuer || !is_of_kind {
            return Ok(false);
        }
        let Some(point) = &self.scope.point else {
            return Ok(true);
        };
        let explicit = Reader::new(point).any()?;
        let ours = resolved(&extensions::point_name(&explicit)?, &self.issuer)?;
        // A certificate without points is taken to name the list of its issuer.
        if ours.contains(&GeneralName::Directory(issuer.clone())) {
            return Ok(true);
        }
        for theirs in extensions::distribution_points(certificate)? {
            if theirs.has_reasons || theirs.has_other_issuer {
                continue;
            }
            let Some(name) = theirs.name else { continue };
            if resolved(&name, &issuer)?
                .iter()
                .any(|name| ours.contains(name))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn resolved<'a>(point: &PointName<'a>, issuer: &Name) -> Result<Vec<GeneralName<'a>>, DerError> {
    match point {
        PointName::Full(names) => Ok(names.clone()),
        PointName::Relative(set) => {
            let name = issuer.with(Reader::new(set))?;
            Ok(vec![GeneralName::Directory(name)])
        }
    }
}

/// The three parts of a signed list.
struct Outer<'a> {
    signed: Element<'a>,
    algorithm: Element<'a>,
    signature: &'a [u8],
}

impl<'a> Outer<'a> {
    fn read(der: &'a [u8]) -> Result<Self, DerError> {
        let mut parts = extensions::whole(der, tag::SEQUENCE)?.reader();
        let found = Self {
            signed: parts.expect(tag::SEQUENCE)?,
            algorithm: parts.expect(tag::SEQUENCE)?,
            signature: der::bit_string(&parts.expect(tag::BIT_STRING)?)?,
        };
        parts.end()?;
        Ok(found)
    }
}

impl<'a> Fields<'a> {
    fn read(signed: &Element<'a>) -> Result<Self, CrlError> {
        let mut fields = signed.reader();
        let version = fields.optional(tag::INTEGER)?;
        if version.is_some_and(|version| version.content != [1]) {
            return Err(DerError("an unknown version of list").into());
        }
        fields.expect(tag::SEQUENCE)?;
        let issuer = fields.expect(tag::SEQUENCE)?.raw;
        let this_update = time::read(&fields.any()?)?;
        let next_update = match fields.peek() {
            Some(tag::UTC_TIME | tag::GENERALIZED_TIME) => time::read(&fields.any()?)?,
            _ => return Err(CrlError::NoNextUpdate),
        };
        let entries = fields.optional(tag::SEQUENCE)?;
        let extensions = match fields.optional(tag::context(0))? {
            Some(explicit) => {
                certificate::read_extensions(explicit.reader().expect(tag::SEQUENCE)?)?
            }
            None => Vec::new(),
        };
        fields.end()?;
        Ok(Self {
            issuer,
            this_update,
            next_update,
            entries,
            extensions,
        })
    }

    /// The algorithm that the signed part states.
    fn algorithm(signed: &Element<'a>) -> Result<&'a [u8], DerError> {
        let mut fields = signed.reader();
        fields.optional(tag::INTEGER)?;
        Ok(fields.expect(tag::SEQUENCE)?.raw)
    }
}

/// Where `inner`, a part of `whole`, begins.
fn offset(whole: &[u8], inner: &[u8]) -> usize {
    (inner.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize)
}

fn scope(all: &[Extension<'_>]) -> Result<Scope, CrlError> {
    const KNOWN: [const_oid::ObjectIdentifier; 4] = [
        oid::CRL_NUMBER,
        oid::AUTHORITY_KEY_IDENTIFIER,
        oid::ISSUER_ALT_NAME,
        oid::ISSUING_DISTRIBUTION_POINT,
    ];
    if extensions::only(all, &oid::DELTA_CRL_INDICATOR)?.is_some() {
        return Err(CrlError::Delta);
    }
    if extensions::only(all, &oid::FRESHEST_CRL)?.is_some() {
        return Err(CrlError::NewestElsewhere);
    }
    let mut critical = all.iter().filter(|extension| extension.is_critical);
    if let Some(unknown) = critical.find(|one| !KNOWN.iter().any(|id| oid::is(one.id, id))) {
        return Err(CrlError::UnknownCritical(oid::dotted(unknown.id)));
    }
    match extensions::only(all, &oid::ISSUING_DISTRIBUTION_POINT)? {
        Some(extension) => read_scope(extension.value),
        None => Ok(Scope::default()),
    }
}

/// IssuingDistributionPoint (§5.2.5).
fn read_scope(value: &[u8]) -> Result<Scope, CrlError> {
    let mut fields = extensions::whole(value, tag::SEQUENCE)?.reader();
    let point = fields.optional(tag::context(0))?;
    let mut flag = |number| -> Result<bool, DerError> {
        let flag = fields.optional(tag::context_primitive(number))?;
        Ok(flag.is_some_and(|flag| der::boolean(&flag)))
    };
    let only_users = flag(1)?;
    let only_authorities = flag(2)?;
    let some_reasons = fields.optional(tag::context_primitive(3))?.is_some();
    let mut flag = |number| -> Result<bool, DerError> {
        let flag = fields.optional(tag::context_primitive(number))?;
        Ok(flag.is_some_and(|flag| der::boolean(&flag)))
    };
    let is_indirect = flag(4)?;
    let only_attributes = flag(5)?;
    fields.end()?;
    if is_indirect {
        return Err(CrlError::Indirect);
    }
    if some_reasons {
        return Err(CrlError::SomeReasons);
    }
    if only_attributes {
        return Err(CrlError::AttributeCertificates);
    }
    Ok(Scope {
        only_users,
        only_authorities,
        point: point.map(|point| point.raw.to_vec()),
    })
}

fn index_entries(der: &[u8], sequence: &Element<'_>) -> Result<Vec<u32>, CrlError> {
    let mut reader = sequence.reader();
    let mut found: Vec<(&[u8], u32)> = Vec::new();
    while !reader.is_empty() {
        if found.len() == CRL_ENTRIES_MAX {
            return Err(CrlError::TooManyEntries);
        }
        let entry = reader.expect(tag::SEQUENCE)?;
        let (serial, revoked) = read_entry(&entry)?;
        let at = u32::try_from(offset(der, entry.raw)).map_err(|_| CrlError::TooManyEntries)?;
        // In a full list there is nothing to remove an entry from.
        if revoked.is_some() {
            found.push((serial, at));
        }
    }
    found.sort_by(|(one, _), (other, _)| compare(one, other));
    Ok(found.into_iter().map(|(_, at)| at).collect())
}

/// Serial number and what is said of it; `None` for `removeFromCRL`.
fn read_entry<'a>(entry: &Element<'a>) -> Result<(&'a [u8], Option<Revoked>), CrlError> {
    let mut fields = entry.reader();
    let serial = shortest(fields.expect(tag::INTEGER)?.content);
    let at = time::read(&fields.any()?)?;
    let mut reason = 0;
    if let Some(sequence) = fields.optional(tag::SEQUENCE)? {
        let all = certificate::read_extensions(sequence)?;
        if extensions::only(&all, &oid::CERTIFICATE_ISSUER)?.is_some() {
            return Err(CrlError::Indirect);
        }
        let is_known = |one: &&Extension<'_>| !one.is_critical || oid::is(one.id, &oid::CRL_REASON);
        if let Some(unknown) = all.iter().find(|one| !is_known(one)) {
            return Err(CrlError::UnknownCritical(oid::dotted(unknown.id)));
        }
        if let Some(extension) = extensions::only(&all, &oid::CRL_REASON)? {
            let number = extensions::whole(extension.value, tag::ENUMERATED)?;
            reason = match number.content {
                [number] => *number,
                _ => return Err(DerError("a reason is not readable").into()),
            };
        }
    }
    fields.end()?;
    let revoked = Revoked {
        at,
        reason: Reason::from_number(reason),
    };
    Ok((serial, (reason != REMOVE_FROM_LIST).then_some(revoked)))
}

/// An INTEGER's content without octets that only repeat its sign.
fn shortest(mut content: &[u8]) -> &[u8] {
    while let [first, second, ..] = content {
        let repeats = (*first == 0 && *second < 0x80) || (*first == 0xff && *second >= 0x80);
        if !repeats {
            break;
        }
        content = content.get(1..).unwrap_or_default();
    }
    content
}

/// Some total order of serial numbers.
fn compare(one: &[u8], other: &[u8]) -> Ordering {
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

/// Where a certificate says its list is: `http` and `https` alone, bounded; none where it says nothing
/// readable.
pub fn distribution_points(certificate: &Certificate<'_>) -> Vec<String> {
    extensions::distribution_urls(certificate).unwrap_or_default()
}
