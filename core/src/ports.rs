//! The ports that other crates fill: core decides, they act.

use std::sync::Arc;
use std::time::Duration;

use crate::envelope::SignedDraft;
use crate::instant::Instant;
use crate::limits::RECEIPT_DUE_MS;
use crate::reconciliation::KeyMark;
use crate::rope::Rope;
use crate::smime::SigningCertificate;

/// The time. Real, or run faster by tests and the sandbox.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Instant;
}

/// The system's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Instant::from_millis(since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// What is signed: the digest of the signed content and the instant of the step (signing time).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SigningRequest {
    /// SHA-256 of the `multipart/mixed` part exactly as sent.
    pub content_digest: [u8; 32],
    /// Goes into the `signingTime` attribute.
    pub instant: Instant,
    /// What waits is signed in this order (HS-06): when its receiver must have it.
    pub deadline: Instant,
}

impl SigningRequest {
    /// Due as a receipt of this step is: within 24 hours (RFC 6109 §3.1.6).
    pub const fn of(content_digest: [u8; 32], instant: Instant) -> Self {
        Self {
            content_digest,
            instant,
            deadline: instant.plus_millis(RECEIPT_DUE_MS),
        }
    }

    /// The same, due at another instant.
    #[must_use]
    pub const fn due(mut self, deadline: Instant) -> Self {
        self.deadline = deadline;
        self
    }
}

/// A signature, checked with the public key before it is handed out (SG-16).
#[derive(Debug, Clone)]
pub struct Signature {
    /// DER of the signed attributes as a `SET OF` (tag 0x31), the octets that were signed.
    pub signed_attributes: Vec<u8>,
    /// The signature value: RSASSA-PKCS1-v1_5 with SHA-256, or what the certificate's key on P-256 made of
    /// the same digest (ECDSA, in DER).
    pub value: Vec<u8>,
    /// Whose it is.
    pub by: Arc<SigningCertificate>,
}

/// Why there is no signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// The token is away: the same request will be tried again (HS-05).
    #[error("no token can sign now: {0}")]
    Unavailable(String),
    /// The token gave something that does not verify; it was taken out.
    #[error("a token returned a signature that does not verify: {0}")]
    Faulty(String),
}

/// Makes signatures. Blocking; called from the certifier's signing stage only, in batches, and free to
/// spread a batch over sessions and tokens. Same order and number as the requests.
pub trait Signer: Send + Sync {
    /// Signs all of `requests`.
    fn sign(&self, requests: &[SigningRequest]) -> Vec<Result<Signature, SignerError>>;

    /// The certificate that the next signature will name.
    fn certificate(&self) -> Arc<SigningCertificate>;

    /// Signatures that each key has made since the start, those included that nobody waited for any more
    /// (LG-14). A signer of several keys says it of each.
    fn made(&self) -> Vec<(KeyMark, u64)> {
        let key = KeyMark::of(&self.certificate().certificate);
        vec![(key, self.describe().signatures)]
    }

    /// What holds the key, in words for people: `software key (evaluation)` or the token's label.
    fn describe(&self) -> SignerDescription;
}

/// What people are shown about the key in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerDescription {
    /// `software key (evaluation only)`, `PKCS#11 token "…"`.
    pub name: String,
    /// A key held in software serves tests and evaluation (HS-01).
    pub is_software: bool,
    /// At least one token can sign now.
    pub is_available: bool,
    /// Signatures handed out since the start.
    pub signatures: u64,
    /// CPU time that signing calls and their checks took since the start.
    pub cpu: Duration,
    /// Each token by itself.
    pub tokens: Vec<TokenDescription>,
}

/// What people are shown about one token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenDescription {
    /// As in [`SignerDescription`].
    pub name: String,
    /// As in [`SignerDescription`].
    pub is_software: bool,
    /// It can sign now.
    pub is_available: bool,
    /// Why it cannot, where that is known.
    pub trouble: Option<String>,
    /// Signatures handed out since the start.
    pub signatures: u64,
    /// The process that signs, where it is another one.
    pub process: Option<u32>,
}

impl TokenDescription {
    /// The name, and why it is away.
    pub fn words(&self) -> String {
        match &self.trouble {
            Some(trouble) if !self.is_available => format!("{} (away: {trouble})", self.name),
            _ => self.name.clone(),
        }
    }
}

/// What the virus scanner says of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScanVerdict {
    /// Nothing found.
    Clean,
    /// The name of the detection.
    Infected(String),
    /// An archive is over the scanner's bounds of depth, expansion or time (SE-08): which of them.
    OverBounds(String),
    /// The scanner takes no message of this length: it was not scanned, and must not pass. What the
    /// operator has to change.
    TooLong(String),
}

/// The scanner is away, or its answer means nothing: intake answers `451`, nothing passes (VI-10).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the virus scanner does not answer: {0}")]
pub struct ScannerAway(pub String);

/// Looks for viruses; never alters an octet (VI-11).
pub trait VirusScanner: Send + Sync {
    /// Scans the whole of `message`.
    fn scan(&self, message: &mut dyn std::io::Read) -> Result<ScanVerdict, ScannerAway>;

    /// In words for people.
    fn describe(&self) -> String;

    /// How it is at `now`; asks it, and may block as a scan does.
    fn health(&self, now: Instant) -> ScannerHealth;
}

/// How a scanner is (VI-10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannerHealth {
    /// Messages can be scanned now: it answers, and its signatures are not older than policy allows.
    pub reachable: bool,
    /// The date of its signatures, where it tells one.
    pub signatures_at: Option<Instant>,
    /// What it says of itself.
    pub version: String,
    /// What the operator must look at.
    pub alarm: Option<String>,
}

/// No scanner, as the operator said aloud at `init --scanner none`.
#[derive(Debug, Default, Clone, Copy)]
pub struct NoScanner;

impl VirusScanner for NoScanner {
    fn scan(&self, _: &mut dyn std::io::Read) -> Result<ScanVerdict, ScannerAway> {
        Ok(ScanVerdict::Clean)
    }

    fn describe(&self) -> String {
        "none (no message is scanned)".to_owned()
    }

    /// It is there to let everything pass, which is what the operator chose; not a word of it is hidden.
    fn health(&self, _: Instant) -> ScannerHealth {
        ScannerHealth {
            reachable: true,
            signatures_at: None,
            version: self.describe(),
            alarm: Some("no message is scanned for viruses".to_owned()),
        }
    }
}

/// Spoils what a sandbox provider does, so that a check can be seen failing. Nothing of it is there in a
/// real run: `serve` has no way to hand one in. By default each method leaves all as it is.
pub trait Sabotage: Send + Sync {
    /// How long a submission waits before anything is made of it.
    fn hold_back(&self) -> Duration {
        Duration::ZERO
    }

    /// A message that is settled, before its digest is taken.
    fn before_signing(&self, _draft: &mut SignedDraft) {}

    /// The whole message, after its signature was made.
    fn after_signing(&self, message: Rope) -> Rope {
        message
    }
}
