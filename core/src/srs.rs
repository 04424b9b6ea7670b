//! Sender rewriting for forwarded mail (MX-06): the reverse path becomes an address of ours that a report
//! can come back to, and that nobody else can make. The common form, `SRS0=hash=day=domain=local` and
//! `SRS1=hash=domain==…` after another forwarder; the hash is keyed, and holds for 21 days.
//!
//! A local part has 64 octets at most. What does not fit becomes an opaque form, `SRSX=hash=day=digest`:
//! the forward goes out all the same, a report to it is recognised as ours, and ends there.

use aws_lc_rs::{constant_time, hmac};
use data_encoding::BASE32_NOPAD;

use crate::address::{Address, Domain};
use crate::instant::Instant;
use crate::limits;

/// Octets of the key.
pub const KEY_BYTES: usize = 32;
/// Digits of the hash: forty bits, guessed at the pace of SMTP.
const HASH_CHARS: usize = 8;
/// Days that the two digits of the day count before they start again.
const DAYS_CYCLE: i64 = 1024;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const _: () = assert!(limits::SRS_DAYS_MAX < DAYS_CYCLE / 2);

/// Where the digits of the day are drawn from, five bits each.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// First form: rewritten once.
const FIRST: &str = "SRS0";
/// Second form: rewritten by another before us.
const FURTHER: &str = "SRS1";
/// Our form for what does not fit.
const OPAQUE: &str = "SRSX";

/// Why a rewritten address leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SrsError {
    /// It has not the form.
    #[error("the address is not a rewritten one")]
    OtherForm,
    /// Its hash is not ours: it is made up.
    #[error("the address was not rewritten here")]
    Forged,
    /// Older than `limits::SRS_DAYS_MAX`.
    #[error("the rewritten address is older than {} days", limits::SRS_DAYS_MAX)]
    Expired,
    /// It is ours, and does not hold the sender.
    #[error("the rewritten address is ours, and too short to hold its sender")]
    Opaque,
}

/// Rewrites and reads back.
pub struct Rewriter {
    key: hmac::Key,
}

impl std::fmt::Debug for Rewriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rewriter(…)")
    }
}

impl Rewriter {
    /// With the provider's key.
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
        }
    }

    /// The local part has one of the forms: whether it is ours says [`Rewriter::reverse`].
    pub fn has_form(local_part: &str) -> bool {
        parts(local_part).is_some()
    }

    /// `sender` as an address at `own`.
    pub fn forward(&self, sender: &Address, own: &Domain, now: Instant) -> Address {
        let day = day_digits(now);
        let fitting = self.local_part(sender, &day);
        let rewritten = fitting.and_then(|local| Address::of(&local, own).ok());
        rewritten
            .or_else(|| Address::of(&self.opaque(sender, &day), own).ok())
            // Only a domain of more than 200 octets leaves no room.
            .unwrap_or_else(|| sender.clone())
    }

    /// The address that `local_part` stands for: the sender, or the forwarder before us.
    pub fn reverse(&self, local_part: &str, now: Instant) -> Result<Address, SrsError> {
        let (form, hash, rest) = parts(local_part).ok_or(SrsError::OtherForm)?;
        let expected = self.hash(form, rest);
        let hash = hash.to_ascii_uppercase();
        constant_time::verify_slices_are_equal(hash.as_bytes(), expected.as_bytes())
            .map_err(|_| SrsError::Forged)?;
        if form == FURTHER {
            let (host, first) = rest.split_once('=').ok_or(SrsError::OtherForm)?;
            return made(&format!("{FIRST}{first}"), host);
        }
        let (day, rest) = rest.split_once('=').ok_or(SrsError::OtherForm)?;
        if !is_recent(day, now) {
            return Err(SrsError::Expired);
        }
        if form == OPAQUE {
            return Err(SrsError::Opaque);
        }
        let (domain, local) = rest.split_once('=').ok_or(SrsError::OtherForm)?;
        made(local, domain)
    }

    /// `None` where the sender has no unquoted local part to be put into another.
    fn local_part(&self, sender: &Address, day: &str) -> Option<String> {
        let (local, domain) = (sender.local_part(), sender.domain());
        let (form, rest) = match local.get(..4).map(str::to_ascii_uppercase).as_deref() {
            Some(FIRST) if is_separated(local) => (FURTHER, format!("{domain}={}", &local[4..])),
            Some(FURTHER) if is_separated(local) => {
                // The first forwarder is kept, all between are passed over.
                let (_, rest) = local[5..].split_once('=')?;
                (FURTHER, rest.to_owned())
            }
            _ => (FIRST, format!("{day}={domain}={local}")),
        };
        let text = format!("{form}={}={rest}", self.hash(form, &rest));
        (text.len() <= limits::LOCAL_PART_BYTES_MAX).then_some(text)
    }

    fn opaque(&self, sender: &Address, day: &str) -> String {
        let tag = hmac::sign(&self.key, sender.key().as_bytes());
        let digest = BASE32_NOPAD.encode(&tag.as_ref()[..10]);
        let rest = format!("{day}={digest}");
        format!("{OPAQUE}={}={rest}", self.hash(OPAQUE, &rest))
    }

    /// Without regard to case, which some servers on the way change.
    fn hash(&self, form: &str, rest: &str) -> String {
        let text = format!("{form}={}", rest.to_ascii_lowercase());
        let tag = hmac::sign(&self.key, text.as_bytes());
        let mut digits = BASE32_NOPAD.encode(tag.as_ref());
        digits.truncate(HASH_CHARS);
        digits
    }
}

/// Form, hash, and what the hash is over.
fn parts(local_part: &str) -> Option<(&'static str, &str, &str)> {
    let form = local_part.get(..4)?.to_ascii_uppercase();
    let form = [FIRST, FURTHER, OPAQUE].into_iter().find(|f| *f == form)?;
    if !is_separated(local_part) {
        return None;
    }
    let (hash, rest) = local_part.get(5..)?.split_once('=')?;
    Some((form, hash, rest))
}

/// The separator after the form may be any of three; ours is `=`.
fn is_separated(local_part: &str) -> bool {
    matches!(local_part.as_bytes().get(4), Some(b'=' | b'+' | b'-'))
}

fn made(local: &str, domain: &str) -> Result<Address, SrsError> {
    Address::parse(&format!("{local}@{domain}")).map_err(|_| SrsError::OtherForm)
}

fn days(at: Instant) -> i64 {
    at.as_millis().div_euclid(DAY_MS).rem_euclid(DAYS_CYCLE)
}

fn day_digits(now: Instant) -> String {
    let day = days(now);
    let digit = |five_bits: i64| {
        let at = usize::try_from(five_bits & 31).unwrap_or_default();
        char::from(ALPHABET[at])
    };
    [digit(day >> 5), digit(day)].iter().collect()
}

fn is_recent(digits: &str, now: Instant) -> bool {
    let value = |b: &u8| ALPHABET.iter().position(|a| a.eq_ignore_ascii_case(b));
    let &[high, low] = digits.as_bytes() else {
        return false;
    };
    let (Some(high), Some(low)) = (value(&high), value(&low)) else {
        return false;
    };
    let day = i64::try_from(high * 32 + low).unwrap_or_default();
    // A clock set back by a day is no reason to lose a report.
    let age = (days(now) - day).rem_euclid(DAYS_CYCLE);
    age <= limits::SRS_DAYS_MAX || age == DAYS_CYCLE - 1
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOW: Instant = Instant::from_millis(1_700_000_000_000);

    fn rewriter() -> Rewriter {
        Rewriter::new(&[9; KEY_BYTES])
    }

    fn own() -> Domain {
        Domain::parse("pec.example").unwrap()
    }

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    fn after(days: i64) -> Instant {
        NOW.plus_millis(days * DAY_MS)
    }

    #[test]
    fn mx_06_a_rewritten_sender_is_of_the_common_form_and_is_found_again() {
        let rewriter = rewriter();
        for sender in ["ugo@ordinaria.test", "Ugo=x+y.z@ordinaria.test"] {
            let rewritten = rewriter.forward(&address(sender), &own(), NOW);
            assert_eq!(rewritten.domain(), own());
            let local = rewritten.local_part();
            assert!(local.starts_with("SRS0=") && local.len() <= 64, "{local}");
            assert!(local.contains("=ordinaria.test="), "{local}");
            assert!(Rewriter::has_form(local));
            let found = rewriter.reverse(local, after(1)).unwrap();
            assert_eq!(found.as_str(), sender);
            let lower = rewriter.reverse(&local.to_lowercase(), NOW).unwrap();
            assert_eq!(lower, address(sender));
        }
    }

    #[test]
    fn mx_06_the_second_forwarder_leads_back_to_the_first() {
        let (first, second, third) = (
            Rewriter::new(&[1; KEY_BYTES]),
            Rewriter::new(&[2; KEY_BYTES]),
            Rewriter::new(&[3; KEY_BYTES]),
        );
        let sender = address("u@o.test");
        let at = |name| Domain::parse(name).unwrap();
        let once = first.forward(&sender, &at("a.test"), NOW);
        let twice = second.forward(&once, &at("b.test"), NOW);
        assert!(twice.as_str().starts_with("SRS1="), "{twice}");
        assert!(twice.as_str().contains("=a.test=="), "{twice}");
        let thrice = third.forward(&twice, &at("c.test"), NOW);
        assert!(thrice.as_str().starts_with("SRS1="), "{thrice}");
        assert_eq!(thrice.as_str().len(), twice.as_str().len());
        let back = third.reverse(thrice.local_part(), NOW).unwrap();
        assert_eq!(back, once);
        assert_eq!(first.reverse(back.local_part(), NOW).unwrap(), sender);
    }

    #[test]
    fn mx_06_what_others_make_up_or_keep_too_long_leads_nowhere() {
        let rewriter = rewriter();
        let rewritten = rewriter.forward(&address("ugo@ordinaria.test"), &own(), NOW);
        let local = rewritten.local_part();
        let other = Rewriter::new(&[8; KEY_BYTES]);
        assert_eq!(other.reverse(local, NOW), Err(SrsError::Forged));
        for (from, to) in [("=ugo", "=eva"), ("ordinaria", "altra"), ("SRS0", "SRS1")] {
            let forged = rewriter.reverse(&local.replace(from, to), NOW);
            assert_eq!(forged, Err(SrsError::Forged), "{to}");
        }
        for forged in ["SRS0==", "SRS0=AAAAAAAA=", "SRS1=A=b==c", "SRSX=a=b"] {
            assert_eq!(rewriter.reverse(forged, NOW), Err(SrsError::Forged));
        }
        for other in ["", "ugo", "SRS0", "SRS0=", "SRS9=a=b", "srs0x=a=b", "è=SRS"] {
            assert_eq!(rewriter.reverse(other, NOW), Err(SrsError::OtherForm));
            assert!(!Rewriter::has_form(other));
        }
        assert!(rewriter.reverse(local, after(21)).is_ok());
        assert_eq!(rewriter.reverse(local, after(22)), Err(SrsError::Expired));
        assert_eq!(rewriter.reverse(local, after(-9)), Err(SrsError::Expired));
        assert!(rewriter.reverse(local, after(-1)).is_ok());
    }

    #[test]
    fn mx_06_a_sender_that_does_not_fit_goes_out_opaque_and_is_known_as_ours() {
        let rewriter = rewriter();
        let long = format!("{}@ordinaria.test", "a".repeat(50));
        for sender in [long.as_str(), "\"a b\"@ordinaria.test"] {
            let rewritten = rewriter.forward(&address(sender), &own(), NOW);
            let local = rewritten.local_part();
            assert!(local.starts_with("SRSX=") && local.len() <= 64, "{local}");
            assert_eq!(rewriter.reverse(local, NOW), Err(SrsError::Opaque));
            let old = rewriter.reverse(local, after(30));
            assert_eq!(old, Err(SrsError::Expired));
        }
    }

    #[test]
    fn hs_09_the_key_is_never_shown() {
        assert_eq!(format!("{:?}", rewriter()), "Rewriter(…)");
    }

    proptest::proptest! {
        #[test]
        fn mx_06_every_sender_comes_back_or_is_opaque(
            local in "[a-z0-9!#$=+_.-]{1,64}", domain in "[a-z]{1,20}\\.[a-z]{2,5}",
        ) {
            let Ok(sender) = Address::parse(&format!("{local}@{domain}")) else { return Ok(()) };
            let rewriter = rewriter();
            let rewritten = rewriter.forward(&sender, &own(), NOW);
            match rewriter.reverse(rewritten.local_part(), NOW) {
                Ok(found) => proptest::prop_assert_eq!(found, sender),
                Err(error) => proptest::prop_assert_eq!(error, SrsError::Opaque),
            }
        }

        #[test]
        fn mx_06_no_local_part_stops_the_reader(text in ".{0,80}") {
            let _ = rewriter().reverse(&text, NOW);
        }
    }
}
