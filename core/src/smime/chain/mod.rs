//! Does a signer's certificate lead to an authority that we trust, at a given instant? The walk of
//! RFC 5280 §6 with bounds: [`walk`] answers the path that holds, so that revocation can be asked of
//! each link ([`super::revocation`]), [`check`] only whether there is one.
//!
//! Several authorities of one name, old and new keys, cross-signed certificates: paths are tried one
//! after the other, at most [`CHAIN_TRIES_MAX`] links in all. Of an
//! anchor, validity, path length and name constraints count too. Certificate policies are not asked
//! for: any policy serves, so their extensions, critical or not, make no path fail; neither do
//! requireExplicitPolicy and inhibitAnyPolicy, which speak only of policies.

mod constraints;
mod judge;
mod search;

use crate::instant::Instant;
use crate::limits::CHAIN_TRIES_MAX;
use crate::smime::revocation::{Reason, RevocationError};

/// What a caller lets pass that is refused otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowance {
    /// Certificates and revocation lists signed with SHA-1.
    pub sha1_in_certificates: bool,
}

/// What the leaf is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Sign mail.
    Mail,
    /// Sign revocation lists.
    Lists,
}

/// What is asked of a chain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question {
    pub at: Instant,
    pub purpose: Purpose,
    pub allowance: Allowance,
}

/// A path that holds: DER of each certificate, leaf first, anchor last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    certificates: Vec<Vec<u8>>,
}

impl Path {
    pub(super) fn new(certificates: Vec<Vec<u8>>) -> Self {
        Self { certificates }
    }

    /// All of it, leaf first, anchor last.
    pub fn certificates(&self) -> &[Vec<u8>] {
        &self.certificates
    }

    /// What is trusted without proof.
    pub fn anchor(&self) -> &[u8] {
        self.certificates.last().map_or(&[], Vec::as_slice)
    }

    /// Each certificate that somebody else vouches for, with its issuer; the anchor vouches for itself.
    pub fn links(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.certificates
            .windows(2)
            .filter_map(|two| match two {
                [one, issuer] => Some((one.as_slice(), issuer.as_slice())),
                _ => None,
            })
            .filter(|(one, _)| *one != self.anchor())
    }
}

/// Why nobody vouches for a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// There is nothing to lead to.
    #[error("no trust anchor is configured")]
    NoAnchor,
    /// One that was given is not usable.
    #[error("a trust anchor is not readable: {0}")]
    BadAnchor(String),
    /// The leaf is not usable.
    #[error("the signer's certificate is not readable: {0}")]
    BadLeaf(String),
    /// At the instant asked.
    #[error("the signer's certificate, or one above it, had expired at that time")]
    Expired,
    /// At the instant asked.
    #[error("the signer's certificate, or one above it, was not yet valid at that time")]
    NotYetValid,
    /// Signed by somebody else.
    #[error("the signer's certificate does not lead to a trusted authority")]
    UnknownIssuer,
    /// It may not sign mail.
    #[error("the signer's certificate is not meant for mail (extended key usage)")]
    NotForMail,
    /// Its key may not sign this.
    #[error("the key usage of {subject} does not include {usage}")]
    KeyUsage {
        /// Whose certificate.
        subject: String,
        /// What it lacks.
        usage: &'static str,
    },
    /// An authority of the right name exists, and did not sign it.
    #[error("the certificate of {subject} was not signed by {issuer}")]
    SignatureWrong {
        /// Whose certificate.
        subject: String,
        /// Who should have.
        issuer: String,
    },
    /// In a way that proves too little.
    #[error("the certificate of {subject} is signed in a way that is refused: {why}")]
    SignatureRefused {
        /// Whose certificate.
        subject: String,
        /// Algorithm or key.
        why: String,
    },
    /// It issued a certificate and is no authority.
    #[error("{subject} is no authority and may not issue certificates (basic constraints)")]
    NotAnAuthority {
        /// Whose certificate.
        subject: String,
    },
    /// Too many authorities below one that bounds them.
    #[error("there are more authorities below {authority} than it allows (path length)")]
    PathLength {
        /// Who bounds them.
        authority: String,
    },
    /// A name that an authority above may not certify.
    #[error("{authority} may not certify {name} (name constraints)")]
    NameConstraint {
        /// What lies outside.
        name: String,
        /// Whose constraint.
        authority: String,
    },
    /// One that must be understood.
    #[error("the certificate of {subject} has the critical extension {id}, which is not known")]
    UnknownCritical {
        /// Whose certificate.
        subject: String,
        /// In dots.
        id: String,
    },
    /// A certificate of the path breaks its format.
    #[error("the certificate of {subject} is malformed: {why}")]
    Malformed {
        /// Whose certificate.
        subject: String,
        /// What is wrong.
        why: String,
    },
    /// Bounded on purpose.
    #[error("no path to a trusted authority was found in {CHAIN_TRIES_MAX} tries")]
    TooManyTries,
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
    /// Nobody can tell whether it is revoked (IP-12).
    #[error("there is no current revocation list of {issuer} for the certificate of {subject}")]
    NoRevocationInformation {
        /// Whose certificate.
        subject: String,
        /// Who should publish it.
        issuer: String,
    },
}

impl From<RevocationError> for ChainError {
    fn from(error: RevocationError) -> Self {
        match error {
            RevocationError::Revoked {
                subject,
                at,
                reason,
            } => Self::Revoked {
                subject,
                at,
                reason,
            },
            RevocationError::Unknown { subject, issuer } => {
                Self::NoRevocationInformation { subject, issuer }
            }
        }
    }
}

/// Checks that `leaf` leads to one of `anchors` over some of `intermediates` at the instant `at`.
pub fn check(
    leaf: &[u8],
    intermediates: &[Vec<u8>],
    anchors: &[Vec<u8>],
    at: Instant,
) -> Result<(), ChainError> {
    walk(leaf, intermediates, anchors, at, Allowance::default()).map(|_| ())
}

/// The same, and answers the path.
pub fn walk(
    leaf: &[u8],
    intermediates: &[Vec<u8>],
    anchors: &[Vec<u8>],
    at: Instant,
    allowance: Allowance,
) -> Result<Path, ChainError> {
    let question = Question {
        at,
        purpose: Purpose::Mail,
        allowance,
    };
    search::find(leaf, intermediates, anchors, question)
}

/// The path of somebody who signs revocation lists.
pub(super) fn walk_to_lists(
    signer: &[u8],
    intermediates: &[Vec<u8>],
    anchors: &[Vec<u8>],
    at: Instant,
    allowance: Allowance,
) -> Result<Path, ChainError> {
    let question = Question {
        at,
        purpose: Purpose::Lists,
        allowance,
    };
    search::find(signer, intermediates, anchors, question)
}
