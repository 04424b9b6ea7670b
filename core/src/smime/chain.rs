//! Does a signer's certificate lead to an authority that we trust, at a given instant?
//!
//! One function, so that another walk can take its place. Inside is `webpki` today, which refuses more
//! than RFC 5280 asks: any chain under an authority with `directoryName` or `rfc822Name` constraints
//! (the national sub-authority of AgID has them), SHA-1 or RSA below 2048 bits in the certificates'
//! own signatures, and critical extensions that it does not know. Revocation is not asked here.

use std::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::instant::Instant;
use crate::limits::CMS_CERTIFICATES_MAX;

/// Content octets of `id-kp-emailProtection`.
const EMAIL_PROTECTION: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 4];

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
    /// Anything else.
    #[error("the chain of certificates is refused: {0}")]
    Refused(String),
}

/// Checks that `leaf_der` leads to one of `anchors` over some of `intermediates` at the instant `at`.
pub fn check(
    leaf_der: &[u8],
    intermediates: &[Vec<u8>],
    anchors: &[Vec<u8>],
    at: Instant,
) -> Result<(), ChainError> {
    if anchors.is_empty() {
        return Err(ChainError::NoAnchor);
    }
    let anchor_ders: Vec<CertificateDer<'_>> = borrowed(anchors);
    let anchors = anchor_ders
        .iter()
        .map(|anchor| {
            anchor_from_trusted_cert(anchor).map_err(|e| ChainError::BadAnchor(e.to_string()))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let leaf_der = CertificateDer::from(leaf_der);
    let leaf =
        EndEntityCert::try_from(&leaf_der).map_err(|e| ChainError::BadLeaf(e.to_string()))?;
    let bounded = intermediates.get(..CMS_CERTIFICATES_MAX);
    let intermediates = borrowed(bounded.unwrap_or(intermediates));
    leaf.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &anchors,
        &intermediates,
        unix_time(at),
        KeyUsage::required_if_present(EMAIL_PROTECTION),
        None,
        None,
    )
    .map(|_| ())
    .map_err(refusal)
}

fn borrowed(ders: &[Vec<u8>]) -> Vec<CertificateDer<'_>> {
    ders.iter()
        .map(|der| CertificateDer::from(der.as_slice()))
        .collect()
}

fn unix_time(at: Instant) -> UnixTime {
    let millis = u64::try_from(at.as_millis()).unwrap_or(0);
    UnixTime::since_unix_epoch(Duration::from_millis(millis))
}

fn refusal(error: webpki::Error) -> ChainError {
    match error {
        webpki::Error::CertExpired { .. } => ChainError::Expired,
        webpki::Error::CertNotValidYet { .. } => ChainError::NotYetValid,
        webpki::Error::UnknownIssuer => ChainError::UnknownIssuer,
        webpki::Error::RequiredEkuNotFoundContext(_) => ChainError::NotForMail,
        other => ChainError::Refused(other.to_string()),
    }
}
