//! The four checks (RFC 6109 §2.2.2), in their order: signature existence, origin, validity, and formal
//! correctness. Any of the first three failed: ordinary mail (IP-10). The fourth alone: mail of a
//! provider that is malformed (IP-09). What cannot be judged now is deferred, never taken for ordinary.

use super::form::{self, Formed};
use super::signed::{Message, Signed};
use crate::blob::{BlobError, BlobRead};
use crate::instant::Instant;
use crate::journal::record::SignedVerdict;
use crate::mime::Scan;
use crate::rope::Rope;
use crate::smime::verify::SignerFacts;
use crate::trust::{ChainTrouble, Trust};
use crate::wording::anomalies::AnomalyReason;
use crate::wording::words::{RECEIPT_FIELD, TRANSPORT_FIELD};

/// What a message is.
#[derive(Debug, Clone)]
pub enum Examined {
    /// Mail that nobody certifies, and which check says so.
    Ordinary {
        /// For an anomaly envelope.
        reason: AnomalyReason,
        /// What was found of a signed one (IP-21).
        verdict: Option<SignedVerdict>,
    },
    /// It cannot be judged now: `451 4.7.5` (IP-12, IP-23).
    Later(String),
    /// Its origin is verified.
    Verified(Box<SignedFacts>),
}

/// A message whose first three checks passed.
#[derive(Debug, Clone)]
pub struct SignedFacts {
    /// DER of the signer's certificate.
    pub certificate: Vec<u8>,
    /// SHA-256 of the signed content.
    pub digest: [u8; 32],
    /// What the checks rested on.
    pub verdict: SignedVerdict,
    /// Its form, or what is wrong with it.
    pub form: Result<Formed, AnomalyReason>,
}

/// Makes the checks at `now`, the time of arrival.
pub fn examine(
    scan: &Scan,
    rope: &Rope,
    blobs: &dyn BlobRead,
    trust: &dyn Trust,
    now: Instant,
) -> Result<Examined, BlobError> {
    let message = Message { scan, rope, blobs };
    let Some(signed) = message.signed()? else {
        return Ok(ordinary(AnomalyReason::NoSignature, None));
    };
    let index_at = trust.index_at();
    if index_at.is_none() && trust.has_index() {
        let why = "no intact provider index is at hand".to_owned();
        return Ok(Examined::Later(why));
    }
    let mut verdict = SignedVerdict {
        failed: None,
        reason: None,
        provider: None,
        certificate: None,
        crl_at: None,
        index_at,
    };
    let signer = match signed.verify()? {
        Ok(signer) => signer,
        Err(error) => {
            let reason = AnomalyReason::BadSignature;
            return Ok(ordinary(reason, failed(verdict, 3, error.to_string())));
        }
    };
    verdict.certificate = Some(fingerprint(&signer.certificate));
    let providers = trust.providers_of(&signer.certificate);
    let Some(provider) = providers.first() else {
        return Ok(unknown_signer(scan, &signer, trust, verdict, now));
    };
    verdict.provider = Some(provider.clone());
    match trust.chain(&signer, now) {
        Ok(crl_at) => verdict.crl_at = crl_at,
        Err(ChainTrouble::Unknown(why)) => return Ok(Examined::Later(why)),
        Err(ChainTrouble::Revoked(why)) => {
            let reason = AnomalyReason::RevokedCertificate;
            return Ok(ordinary(reason, failed(verdict, 3, why)));
        }
        Err(ChainTrouble::Bad(why)) => {
            let reason = AnomalyReason::BadCertificate;
            return Ok(ordinary(reason, failed(verdict, 3, why)));
        }
    }
    verified(&message, &signed, signer, trust, verdict)
}

fn verified(
    message: &Message<'_>,
    signed: &Signed<'_>,
    signer: SignerFacts,
    trust: &dyn Trust,
    mut verdict: SignedVerdict,
) -> Result<Examined, BlobError> {
    let form = form::check(message, signed, &signer, trust)?;
    let form = form.map_err(|(reason, why)| {
        verdict.failed = Some(4);
        verdict.reason = Some(why);
        reason
    });
    Ok(Examined::Verified(Box::new(SignedFacts {
        digest: signed.digest()?,
        certificate: signer.certificate,
        verdict,
        form,
    })))
}

/// Check 2 failed; a message that says to be certified may come from a provider too new for our copy.
fn unknown_signer(
    scan: &Scan,
    signer: &SignerFacts,
    trust: &dyn Trust,
    verdict: SignedVerdict,
    now: Instant,
) -> Examined {
    let claims = [TRANSPORT_FIELD, RECEIPT_FIELD]
        .iter()
        .any(|name| scan.field(name).is_some());
    let is_vouched = || !matches!(trust.chain(signer, now), Err(ChainTrouble::Bad(_)));
    if claims && is_vouched() && trust.awaits_index(&signer.certificate, now) {
        let why = "the signer is not in the index yet, which is fetched again".to_owned();
        return Examined::Later(why);
    }
    let why = "no record of the index holds the signer's certificate".to_owned();
    ordinary(AnomalyReason::UnknownSigner, failed(verdict, 2, why))
}

fn ordinary(reason: AnomalyReason, verdict: Option<SignedVerdict>) -> Examined {
    Examined::Ordinary { reason, verdict }
}

fn failed(verdict: SignedVerdict, check: u8, why: String) -> Option<SignedVerdict> {
    Some(SignedVerdict {
        failed: Some(check),
        reason: Some(why),
        ..verdict
    })
}

fn fingerprint(certificate: &[u8]) -> Vec<u8> {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate)
        .as_ref()
        .to_vec()
}
