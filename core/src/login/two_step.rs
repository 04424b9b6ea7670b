//! Two-step login for web pages (AC-15): codes of RFC 6238 (HMAC-SHA-1, six digits, 30 seconds: what every
//! authenticator takes), each good once, and recovery codes for who has lost the device. Pure. While it
//! is in force, mail programs need passwords of their own ([`super::app_password`]).

use aws_lc_rs::{constant_time, digest, hmac};
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use zeroize::Zeroizing;

use crate::instant::Instant;
use crate::limits;

/// RFC 4226 §4: 160 bits are recommended.
const SECRET_BYTES: usize = 20;
/// RFC 6238 §4.1.
const STEP_MS: i64 = 30_000;
const DIGITS: usize = 6;
/// Octets of a recovery code: 80 bits, which no search finds, so that a plain digest keeps it.
const RECOVERY_BYTES: usize = 10;

/// What the device and we share.
#[derive(Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(transparent)]
pub struct TotpSecret(#[cbor(n(0), with = "minicbor::bytes")] [u8; SECRET_BYTES]);

impl std::fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("••••")
    }
}

impl TotpSecret {
    /// Draws one.
    pub fn draw() -> Self {
        Self(crate::random::bytes())
    }

    /// Base32, as people type it into their device.
    pub fn shown(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE32_NOPAD.encode(&self.0))
    }

    /// Reads what [`TotpSecret::shown`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let octets = Zeroizing::new(BASE32_NOPAD.decode(text.as_bytes()).ok()?);
        Some(Self(octets.as_slice().try_into().ok()?))
    }

    /// The address that a device reads from a picture; `issuer` and `account` stand there for people.
    pub fn uri(&self, issuer: &str, account: &str) -> Zeroizing<String> {
        let (issuer, account) = (escaped(issuer), escaped(account));
        let secret = self.shown();
        Zeroizing::new(format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}",
            *secret
        ))
    }

    /// The code of one step of time.
    fn code(&self, step: u64) -> Zeroizing<String> {
        Zeroizing::new(format!("{:0DIGITS$}", hotp(&self.0, step) % 1_000_000))
    }
}

/// RFC 4226 §5.3, before the modulus.
fn hotp(secret: &[u8], counter: u64) -> u32 {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &counter.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag.last().copied().unwrap_or(0) & 15);
    let four = tag.get(offset..).and_then(<[u8]>::first_chunk::<4>);
    u32::from_be_bytes(four.copied().unwrap_or_default()) & 0x7fff_ffff
}

/// RFC 3986 §2.3: all but unreserved characters as `%XX`.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for octet in text.bytes() {
        match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(octet));
            }
            _ => out.push_str(&format!("%{octet:02X}")),
        }
    }
    out
}

/// Two-step login of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct TwoStep {
    /// Shared with the device.
    #[n(0)]
    pub secret: TotpSecret,
    /// In force: the device has shown that it knows the secret.
    #[n(1)]
    pub confirmed: Option<Instant>,
    /// The last step of time whose code was taken: each is good once (RFC 6238 §5.2).
    #[n(2)]
    pub last_step: u64,
    /// Digests of recovery codes not used yet.
    #[n(3)]
    pub recovery: Vec<String>,
}

/// What a code was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Of the device.
    Device,
    /// A recovery code, which is spent now.
    Recovery,
}

impl TwoStep {
    /// Enrolled, to be confirmed.
    pub const fn enrolled(secret: TotpSecret) -> Self {
        Self {
            secret,
            confirmed: None,
            last_step: 0,
            recovery: Vec::new(),
        }
    }

    /// Takes a code at `now`: what it was, and how things are after it; `None` when it is no good.
    pub fn take(&self, typed: &str, now: Instant) -> Option<(Proof, Self)> {
        self.take_of_device(typed, now)
            .map(|after| (Proof::Device, after))
            .or_else(|| self.spend(typed).map(|after| (Proof::Recovery, after)))
    }

    fn take_of_device(&self, typed: &str, now: Instant) -> Option<Self> {
        let typed: String = typed.chars().filter(|c| *c != ' ').collect();
        let now = u64::try_from(now.as_millis() / STEP_MS).ok()?;
        let off = limits::TOTP_STEPS_OFF_MAX;
        let mut steps = now.saturating_sub(off)..=now.saturating_add(off);
        let is_it = |step: &u64| {
            let code = self.secret.code(*step);
            let same = constant_time::verify_slices_are_equal(code.as_bytes(), typed.as_bytes());
            *step > self.last_step && same.is_ok()
        };
        let last_step = steps.find(is_it)?;
        Some(Self {
            last_step,
            ..self.clone()
        })
    }

    fn spend(&self, typed: &str) -> Option<Self> {
        self.confirmed?;
        let digest = recovery_digest(typed);
        let at = self.recovery.iter().position(|kept| *kept == digest)?;
        let mut after = self.clone();
        after.recovery.remove(at);
        Some(after)
    }
}

/// New recovery codes, to be shown once.
pub fn draw_recovery_codes() -> Vec<Zeroizing<String>> {
    let draw = |_| {
        let octets = Zeroizing::new(crate::random::bytes::<RECOVERY_BYTES>());
        let plain = Zeroizing::new(BASE32_NOPAD.encode(&*octets).to_ascii_lowercase());
        super::app_password::grouped(&plain)
    };
    (0..limits::RECOVERY_CODES).map(draw).collect()
}

/// What is kept of a recovery code; hyphens, blanks and capitals do not count.
pub fn recovery_digest(code: &str) -> String {
    let letters = code.chars().filter(|c| !matches!(c, '-' | ' '));
    let plain: Zeroizing<String> =
        Zeroizing::new(letters.map(|c| c.to_ascii_lowercase()).collect());
    HEXLOWER.encode(digest::digest(&digest::SHA256, plain.as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of the vectors in RFC 4226 (appendix D) and RFC 6238 (appendix B).
    const RFC: &[u8; 20] = b"12345678901234567890";

    fn at(seconds: i64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    fn in_force() -> TwoStep {
        TwoStep {
            confirmed: Some(at(0)),
            ..TwoStep::enrolled(TotpSecret(*RFC))
        }
    }

    #[test]
    fn ac_15_codes_of_rfc_4226_appendix_d() {
        let codes = [
            755_224, 287_082, 359_152, 969_429, 338_314, 254_676, 287_922, 162_583, 399_871,
            520_489,
        ];
        for (counter, code) in (0..).zip(codes) {
            assert_eq!(hotp(RFC, counter) % 1_000_000, code);
        }
    }

    #[test]
    fn ac_15_codes_of_rfc_6238_appendix_b() {
        // Eight digits there, of which a device shows the last six.
        let vectors = [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ];
        for (seconds, code) in vectors {
            let step = u64::try_from(seconds / 30).unwrap_or_default();
            assert_eq!(format!("{:08}", hotp(RFC, step) % 100_000_000), code);
            let taken = in_force().take(&code[2..], at(seconds));
            assert_eq!(taken.map(|(proof, _)| proof), Some(Proof::Device), "{code}");
        }
    }

    #[test]
    fn ac_15_a_code_is_good_once_and_half_a_minute_around_its_time() {
        let code = TotpSecret(*RFC).code(100);
        for (seconds, is_good) in [(2969, false), (2970, true), (3059, true), (3060, false)] {
            assert_eq!(
                in_force().take(&code, at(seconds)).is_some(),
                is_good,
                "{seconds}"
            );
        }
        let (_, after) = in_force().take(&code, at(3000)).expect("good");
        assert_eq!(after.take(&code, at(3001)), None, "the second time");
        let earlier = TotpSecret(*RFC).code(99);
        assert_eq!(after.take(&earlier, at(3001)), None, "nor one before it");
        let next = TotpSecret(*RFC).code(101);
        assert!(after.take(&next, at(3001)).is_some());
        for wrong in ["", "000000", "12345", "1234567", "abcdef"] {
            assert_eq!(after.take(wrong, at(3001)), None, "{wrong}");
        }
    }

    #[test]
    fn ac_15_a_recovery_code_is_spent() {
        let codes = draw_recovery_codes();
        assert_eq!(codes.len(), limits::RECOVERY_CODES);
        let recovery = codes.iter().map(|code| recovery_digest(code)).collect();
        let two_step = TwoStep {
            recovery,
            ..in_force()
        };
        let typed = codes[3].to_uppercase();
        let (proof, after) = two_step.take(&typed, at(0)).expect("good");
        assert_eq!(
            (proof, after.recovery.len()),
            (Proof::Recovery, codes.len() - 1)
        );
        assert_eq!(after.take(&typed, at(0)), None);
        assert!(after.take(&codes[4], at(0)).is_some());
        let pending = TwoStep {
            confirmed: None,
            ..two_step
        };
        assert_eq!(pending.take(&codes[0], at(0)), None, "not in force yet");
    }

    #[test]
    fn ac_15_the_secret_goes_to_the_device_and_into_no_log() {
        let secret = TotpSecret(*RFC);
        let uri = secret.uri("Gestore di Prova", "anna@pec.test");
        assert_eq!(
            *uri,
            "otpauth://totp/Gestore%20di%20Prova:anna%40pec.test\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Gestore%20di%20Prova"
        );
        assert_eq!(TotpSecret::parse(&secret.shown()), Some(secret.clone()));
        assert_eq!(TotpSecret::parse("GEZDGNBV"), None);
        assert!(!format!("{:?}", TwoStep::enrolled(secret)).contains("12345"));
    }
}
