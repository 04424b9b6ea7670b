//! The proof beside a stored index: when it came, from when to when it was used, the SHA-256 of its
//! octets, and a checksum of the proof itself, so that a changed byte anywhere shows (DI-12). Lines of
//! text, for people with `cat`.

use aws_lc_rs::digest;
use data_encoding::HEXLOWER;

use crate::instant::Instant;

const FIRST_LINE: &str = "ceralacca index 1";

/// What is known of a stored index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proof {
    /// In use from here on.
    pub(super) since: Instant,
    /// Last seen at its source.
    pub(super) fetched_at: Instant,
    /// What its signer says about the time.
    pub(super) dated: Option<Instant>,
    /// SHA-256 of the signed octets.
    pub(super) digest: [u8; 32],
}

impl Proof {
    pub(super) fn write(&self) -> Vec<u8> {
        let dated = self.dated.map_or(-1, Instant::as_millis);
        let text = format!(
            "{FIRST_LINE}\nsince {}\nfetched {}\ndated {dated}\nsha256 {}\n",
            self.since.as_millis(),
            self.fetched_at.as_millis(),
            HEXLOWER.encode(&self.digest),
        );
        let check = HEXLOWER.encode(&sha256(text.as_bytes()));
        format!("{text}check {check}\n").into_bytes()
    }

    /// `None` when anything in it has changed.
    pub(super) fn read(octets: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(octets).ok()?;
        let body = text.rfind("check ").and_then(|at| text.get(..at))?;
        let mut lines = body.lines();
        let proof = (lines.next()? == FIRST_LINE).then_some(Self {
            since: instant(lines.next()?, "since ")?,
            fetched_at: instant(lines.next()?, "fetched ")?,
            dated: instant(lines.next()?, "dated ").filter(|at| at.as_millis() >= 0),
            digest: {
                let hex = lines.next()?.strip_prefix("sha256 ")?;
                HEXLOWER.decode(hex.as_bytes()).ok()?.try_into().ok()?
            },
        })?;
        // One spelling only: what would not be written so was changed.
        (proof.write() == octets).then_some(proof)
    }
}

fn instant(line: &str, name: &str) -> Option<Instant> {
    let millis = line.strip_prefix(name)?.parse().ok()?;
    Some(Instant::from_millis(millis))
}

pub(super) fn sha256(octets: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, octets).as_ref());
    out
}
