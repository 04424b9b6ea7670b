//! A signed index (`.p7m`, DI-02): the text comes out only if its signature holds and leads to a
//! certificate that we trust, the signer's own or an authority above it. [`seal`] makes one.

use aws_lc_rs::digest;

use crate::instant::Instant;
use crate::limits::DIRECTORY_BYTES_MAX;
use crate::ports::{Signer, SignerError, SigningRequest};
use crate::smime::certificate::Certificate;
use crate::smime::chain::{self, ChainError};
use crate::smime::cms::{self, SmimeError};
use crate::smime::der::DerError;
use crate::smime::verify::{SignerFacts, VerifyError, verify_enclosed};

/// Why a signed index is discarded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignedError {
    /// Not looked at.
    #[error("the signed index has {0} octets, more than the {DIRECTORY_BYTES_MAX} that are read")]
    TooLarge(usize),
    /// It does not hold.
    #[error("the signature of the index does not hold: {0}")]
    Signature(#[from] VerifyError),
    /// It holds, and is somebody else's.
    #[error("the signer of the index is not the one that is pinned: {0}")]
    Stranger(#[from] ChainError),
    /// It is the pinned one, at another time.
    #[error("the pinned certificate of the index's signer is not valid at this time")]
    NotNow,
    /// The pinned certificate, when it is the signer's own.
    #[error("the certificate of the index's signer is not readable: {0}")]
    Certificate(#[from] DerError),
}

/// The text of a signed index and what its signature tells, judged at the instant `at`.
pub fn open(
    p7m: &[u8],
    trusted: &[Vec<u8>],
    at: Instant,
) -> Result<(Vec<u8>, SignerFacts), SignedError> {
    if p7m.len() > DIRECTORY_BYTES_MAX {
        return Err(SignedError::TooLarge(p7m.len()));
    }
    let (text, facts) = verify_enclosed(p7m)?;
    if trusted.contains(&facts.certificate) {
        let own = Certificate::read(&facts.certificate)?;
        if at < own.not_before || at > own.not_after {
            return Err(SignedError::NotNow);
        }
    } else {
        chain::check(&facts.certificate, &facts.certificates, trusted, at)?;
    }
    Ok((text, facts))
}

/// Why a text was not signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It may sign later.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The provider's own certificate.
    #[error(transparent)]
    Smime(#[from] SmimeError),
    /// A signer answers each request.
    #[error("the signer gave no answer")]
    NoAnswer,
}

/// A text in a signature that holds it.
pub fn seal(signer: &dyn Signer, text: &[u8], now: Instant) -> Result<Vec<u8>, SealError> {
    let mut content_digest = [0; 32];
    content_digest.copy_from_slice(digest::digest(&digest::SHA256, text).as_ref());
    let request = SigningRequest::of(content_digest, now);
    let signed = signer.sign(&[request]).into_iter().next();
    let signature = signed.ok_or(SealError::NoAnswer)??;
    Ok(cms::signed_data_enclosing(&signature, text)?)
}
