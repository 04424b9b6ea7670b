//! The verdict on a message: is it genuine certified mail? Each step is a named check with a precise
//! sentence; a message is genuine only if every one passed (RFC 6109 §2.1, §4.3, §5.5; SG-17).

mod agreement;
mod examination;
mod parts;
mod signer;

use self::examination::{Examination, Question};
use crate::certification::CertificationData;
use crate::instant::Instant;
use crate::limits;
use crate::mime::Scan;
use crate::proof::Verified;
use crate::smime::profile::AllowedKeys;
use crate::wording::words::MessageKind;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It holds.
    Passed,
    /// It does not hold: the message is not genuine.
    Failed,
    /// An earlier failure left nothing to look at.
    NotReached,
}

impl Outcome {
    /// `passed`, `failed`, `not reached`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotReached => "not reached",
        }
    }
}

/// One step of the examination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// `structure`, `signature`, `chain`, `certificate`, `certification data`, `type`, `header`.
    pub name: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// What was found, in one sentence.
    pub sentence: String,
}

/// What the caller knows besides the message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// `providerName` that the certificate must name (SG-09).
    pub provider: Option<String>,
    /// The service address that must have signed.
    pub service_address: Option<String>,
    /// The kinds of key that may have signed (SG-04).
    pub keys: AllowedKeys,
}

/// The whole verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// All checks, in the order in which they are made.
    pub checks: Vec<Check>,
    /// What is odd and does not make the message false.
    pub warnings: Vec<String>,
    /// Which of the eleven messages it is, by its outer header.
    pub kind: Option<MessageKind>,
    /// The signed certification data.
    pub data: Option<CertificationData>,
    /// The first `rfc822Name` of the signing certificate, where the signature holds.
    pub signer: Option<String>,
    /// `signingTime` of the signature.
    pub signed_at: Option<Instant>,
}

impl Verdict {
    /// Every check passed.
    pub fn is_genuine(&self) -> bool {
        let passed = |check: &Check| check.outcome == Outcome::Passed;
        !self.checks.is_empty() && self.checks.iter().all(passed)
    }

    /// The certification data of a genuine message, with the proof that they are.
    pub fn into_verified(self) -> Option<Verified<CertificationData>> {
        let is_genuine = self.is_genuine();
        self.data.filter(|_| is_genuine).map(Verified::new)
    }
}

/// The form of certified mail, apart from who signed it (IP-05): the outer header marks the kind that the
/// signed data state, repeats what they say, and the data hold all that their kind needs.
pub fn form(
    scan: &Scan,
    data: &CertificationData,
    has_enclosed: bool,
) -> Result<MessageKind, String> {
    let expected = Expected::default();
    let question = Question {
        anchors: &[],
        at: data.at,
        expected: &expected,
    };
    let examination = Examination::new(question, scan);
    examination::complete(data.clone(), has_enclosed)?;
    let kind = examination.agreed(data)?;
    examination.heading(kind, data).map(|_| kind)
}

/// Examines `message`: its signer's chain must end in one of `anchors` (DER) at the instant `at`.
pub fn examine(message: &[u8], anchors: &[Vec<u8>], at: Instant, expected: &Expected) -> Verdict {
    // What is too large is told so by the first check, and not scanned.
    let scanned = message.get(..limits::EXAMINED_BYTES_MAX).unwrap_or(message);
    let scan = Scan::of_bytes(scanned);
    let question = Question {
        anchors,
        at,
        expected,
    };
    Examination::new(question, &scan).run(message)
}
