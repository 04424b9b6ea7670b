//! Path validation (RFC 5280 §6.1) of one whole path, from the anchor down to the leaf. Signatures are
//! verified while the path is built, by [`signature`].

use super::constraints::{self, Constraints};
use super::{Allowance, ChainError, Purpose, Question};
use crate::smime::certificate::Certificate;
use crate::smime::der::DerError;
use crate::smime::extensions::{self, usage};
use crate::smime::name::Name;
use crate::smime::oid;
use crate::smime::signature::{DigestAlgorithm, Scheme, SignatureError};

/// A certificate with its names in the form that compares.
pub(super) struct Link<'a> {
    pub certificate: Certificate<'a>,
    pub subject: Name,
    pub issuer: Name,
}

impl<'a> Link<'a> {
    pub(super) fn read(octets: &'a [u8]) -> Result<Self, DerError> {
        let certificate = Certificate::read(octets)?;
        Ok(Self {
            subject: Name::read(certificate.subject)?,
            issuer: Name::read(certificate.issuer)?,
            certificate,
        })
    }

    fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    fn words(&self) -> String {
        self.certificate.subject_words()
    }

    fn malformed(&self, DerError(why): DerError) -> ChainError {
        ChainError::Malformed {
            subject: self.words(),
            why: why.to_owned(),
        }
    }
}

/// Did the key of `issuer` sign `subject`?
pub(super) fn signature(
    subject: &Link<'_>,
    issuer: &Link<'_>,
    allowance: Allowance,
) -> Result<(), ChainError> {
    let certificate = &subject.certificate;
    let refused = |why: String| ChainError::SignatureRefused {
        subject: subject.words(),
        why,
    };
    if certificate.signature_algorithm.raw != certificate.signed_algorithm.raw {
        return Err(refused("it names two algorithms".to_owned()));
    }
    let key = issuer.certificate.public_key_info;
    let verified = Scheme::read(&certificate.signature_algorithm, None).and_then(|scheme| {
        scheme.verify(key, certificate.signed, certificate.signature)?;
        Ok(scheme.digest())
    });
    match verified {
        Ok(DigestAlgorithm::Sha1) if !allowance.sha1_in_certificates => {
            Err(refused("SHA-1 is not allowed here".to_owned()))
        }
        Ok(_) => Ok(()),
        Err(SignatureError::Wrong) => Err(ChainError::SignatureWrong {
            subject: subject.words(),
            issuer: issuer.words(),
        }),
        Err(other) => Err(refused(other.to_string())),
    }
}

/// What the certificates from the anchor down have laid on those that follow.
struct State<'a> {
    constraints: Vec<Constraints<'a>>,
    /// Authorities that may still follow, and who said so.
    room: Option<(usize, String)>,
}

/// Checks `path`, leaf first and anchor last, whose signatures hold.
pub(super) fn path(path: &[&Link<'_>], question: Question) -> Result<(), ChainError> {
    let Some((anchor, below)) = path.split_last() else {
        return Err(ChainError::UnknownIssuer);
    };
    let mut state = State {
        constraints: Vec::new(),
        room: None,
    };
    is_current(anchor, question)?;
    // An anchor that vouches for itself alone needs not be an authority.
    if below
        .iter()
        .any(|link| link.certificate.raw != anchor.certificate.raw)
    {
        may_issue(anchor, true)?;
        state.enter(anchor)?;
    }
    for (height, link) in below.iter().enumerate().rev() {
        is_current(link, question)?;
        knows_critical(link)?;
        let is_leaf = height == 0;
        if is_leaf || !link.is_self_issued() {
            state.allows_names(link)?;
        }
        serves(link, question.purpose)?;
        if is_leaf {
            leaf_signs(link, question.purpose)?;
        } else {
            may_issue(link, false)?;
            state.descend(link)?;
            state.enter(link)?;
        }
    }
    Ok(())
}

impl<'a> State<'a> {
    /// §6.1.3 (b) and (c).
    fn allows_names(&self, link: &Link<'_>) -> Result<(), ChainError> {
        if self.constraints.is_empty() {
            return Ok(());
        }
        let names = constraints::names_of(&link.certificate, &link.subject)
            .map_err(|error| link.malformed(error))?;
        self.constraints
            .iter()
            .try_for_each(|all| all.check(&names))
    }

    /// §6.1.4 (l): one authority less may follow.
    fn descend(&mut self, link: &Link<'_>) -> Result<(), ChainError> {
        let Some((room, authority)) = self.room.as_mut().filter(|_| !link.is_self_issued()) else {
            return Ok(());
        };
        let less = room.checked_sub(1);
        *room = less.ok_or_else(|| ChainError::PathLength {
            authority: authority.clone(),
        })?;
        Ok(())
    }

    /// §6.1.4 (g) and (m): what this authority asks of all below it.
    fn enter(&mut self, link: &Link<'a>) -> Result<(), ChainError> {
        let malformed = |error| link.malformed(error);
        let found = Constraints::of(&link.certificate).map_err(malformed)?;
        self.constraints.extend(found);
        let basic = extensions::basic_constraints(&link.certificate).map_err(malformed)?;
        if let Some(length) = basic.and_then(|basic| basic.path_length)
            && self.room.as_ref().is_none_or(|(room, _)| length < *room)
        {
            self.room = Some((length, link.words()));
        }
        Ok(())
    }
}

fn is_current(link: &Link<'_>, question: Question) -> Result<(), ChainError> {
    if question.at < link.certificate.not_before {
        Err(ChainError::NotYetValid)
    } else if question.at > link.certificate.not_after {
        Err(ChainError::Expired)
    } else {
        Ok(())
    }
}

/// §6.1.4 (k) and (n). Anchors older than version 3 have no extensions to say it with.
fn may_issue(link: &Link<'_>, is_anchor: bool) -> Result<(), ChainError> {
    let certificate = &link.certificate;
    let malformed = |error| link.malformed(error);
    let basic = extensions::basic_constraints(certificate).map_err(malformed)?;
    let is_old_anchor = is_anchor && certificate.version < 3;
    let is_authority = certificate.version == 3 && basic.is_some_and(|basic| basic.is_authority);
    if !is_authority && !is_old_anchor {
        return Err(ChainError::NotAnAuthority {
            subject: link.words(),
        });
    }
    needs_usage(link, usage::CERTIFICATES, "keyCertSign")
}

fn needs_usage(link: &Link<'_>, bit: u8, name: &'static str) -> Result<(), ChainError> {
    let bits = extensions::key_usage(&link.certificate).map_err(|error| link.malformed(error))?;
    if bits.is_none_or(|bits| bits & bit != 0) {
        return Ok(());
    }
    Err(ChainError::KeyUsage {
        subject: link.words(),
        usage: name,
    })
}

/// RFC 8550 §4.4.2, or cRLSign.
fn leaf_signs(link: &Link<'_>, purpose: Purpose) -> Result<(), ChainError> {
    let both = usage::DIGITAL_SIGNATURE | usage::CONTENT_COMMITMENT;
    match purpose {
        Purpose::Mail => needs_usage(link, both, "digitalSignature"),
        Purpose::Lists => needs_usage(link, usage::REVOCATION_LISTS, "cRLSign"),
    }
}

/// An extended key usage binds whoever has it, and all below.
fn serves(link: &Link<'_>, purpose: Purpose) -> Result<(), ChainError> {
    if purpose == Purpose::Lists {
        return Ok(());
    }
    let allows =
        extensions::allows_mail(&link.certificate).map_err(|error| link.malformed(error))?;
    if allows == Some(false) {
        return Err(ChainError::NotForMail);
    }
    Ok(())
}

/// §6.1.4 (o) and §6.1.5 (f).
fn knows_critical(link: &Link<'_>) -> Result<(), ChainError> {
    const KNOWN: [const_oid::ObjectIdentifier; 13] = [
        oid::SUBJECT_KEY_IDENTIFIER,
        oid::KEY_USAGE,
        oid::SUBJECT_ALT_NAME,
        oid::ISSUER_ALT_NAME,
        oid::BASIC_CONSTRAINTS,
        oid::NAME_CONSTRAINTS,
        oid::CRL_DISTRIBUTION_POINTS,
        oid::CERTIFICATE_POLICIES,
        oid::POLICY_MAPPINGS,
        oid::AUTHORITY_KEY_IDENTIFIER,
        oid::POLICY_CONSTRAINTS,
        oid::EXTENDED_KEY_USAGE,
        oid::INHIBIT_ANY_POLICY,
    ];
    let mut critical = link
        .certificate
        .extensions
        .iter()
        .filter(|one| one.is_critical);
    let unknown = critical.find(|one| !KNOWN.iter().any(|id| oid::is(one.id, id)));
    unknown.map_or(Ok(()), |one| {
        Err(ChainError::UnknownCritical {
            subject: link.words(),
            id: oid::dotted(one.id),
        })
    })
}
