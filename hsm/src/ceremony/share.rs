//! One custodian's share of a PIN, as a text that can be printed and typed in again: a head in words, then
//! lines of sixteen letters with four that check them, so that a slip is found with its line. Shares are
//! Shamir's over GF(2^8) (`blahaj`): fewer than the quorum say nothing about the PIN.

use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use blahaj::{Share as Point, Sharks};
use data_encoding::{BASE32_NOPAD, HEXUPPER};
use zeroize::Zeroizing;

use super::CeremonyError;
use crate::limits::SHARE_FILE_BYTES_MAX;
use crate::protected::{Pin, read_secret};

const TITLE: &str = "Share of the PIN of a Ceralacca signing key";
const LINE_LETTERS: usize = 16;
const CHECK_LETTERS: usize = 4;
/// Octets after the PIN by which shares that do not belong together are told.
const SEAL_BYTES: usize = 8;

/// Tells one ceremony from any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CeremonyId([u8; 8]);

impl CeremonyId {
    /// A new one.
    pub(super) fn draw() -> Result<Self, CeremonyError> {
        let mut octets = [0; 8];
        getrandom::fill(&mut octets).map_err(|error| CeremonyError::NoRandom(error.to_string()))?;
        Ok(Self(octets))
    }

    fn parse(text: &str) -> Option<Self> {
        let octets = HEXUPPER.decode(text.as_bytes()).ok()?;
        Some(Self(octets.try_into().ok()?))
    }
}

impl std::fmt::Display for CeremonyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&HEXUPPER.encode(&self.0))
    }
}

/// A share and what is known about it. Its value prints as dots.
pub struct Share {
    ceremony: CeremonyId,
    /// How many open.
    quorum: u8,
    /// Its place, from 1, and its value.
    point: Point,
}

impl std::fmt::Debug for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Share({}, {}, …)", self.ceremony, self.point.x.0)
    }
}

/// What stands in a share's head.
pub(super) struct Head<'a> {
    pub(super) label: &'a str,
    pub(super) custodian: &'a str,
    pub(super) count: usize,
}

/// Splits a PIN in `count` shares of which any `quorum` rebuild it.
pub(super) fn split(pin: &Pin, ceremony: CeremonyId, quorum: u8, count: usize) -> Vec<Share> {
    let pin = pin.expose().as_bytes();
    let sealed = Zeroizing::new([pin, &seal(ceremony, pin)].concat());
    let dealt = Sharks(quorum).dealer(&sealed).take(count);
    dealt
        .map(|point| Share {
            ceremony,
            quorum,
            point,
        })
        .collect()
}

/// The PIN of shares of one ceremony, at least its quorum.
pub fn rebuild(shares: &[Share]) -> Result<Pin, CeremonyError> {
    let first = shares.first().ok_or(CeremonyError::NoShares)?;
    if let Some(other) = shares.iter().find(|share| !share.is_of(first)) {
        return Err(CeremonyError::Mixed(first.ceremony, other.ceremony));
    }
    let mut points: Vec<Point> = Vec::new();
    for share in shares {
        match points.iter().find(|point| point.x == share.point.x) {
            Some(same) if same.y == share.point.y => {}
            Some(_) => return Err(CeremonyError::Unfit),
            None => points.push(share.point.clone()),
        }
    }
    if points.len() < usize::from(first.quorum) {
        return Err(CeremonyError::TooFew {
            given: points.len(),
            quorum: first.quorum,
        });
    }
    let sharks = Sharks(first.quorum);
    let rebuilt = sharks.recover(&points);
    let sealed = Zeroizing::new(rebuilt.map_err(|_| CeremonyError::Unfit)?);
    let (pin, found) = sealed
        .split_last_chunk::<SEAL_BYTES>()
        .ok_or(CeremonyError::Unfit)?;
    if *found != seal(first.ceremony, pin) {
        return Err(CeremonyError::Unfit);
    }
    Pin::of(pin).ok_or(CeremonyError::Unfit)
}

fn seal(ceremony: CeremonyId, pin: &[u8]) -> [u8; SEAL_BYTES] {
    let whole = Zeroizing::new([&ceremony.0, pin].concat());
    let hash = digest(&SHA256, &whole);
    hash.as_ref().first_chunk().copied().unwrap_or_default()
}

impl Share {
    /// Reads a file that only its owner may read.
    pub fn read(file: &Path) -> Result<Self, CeremonyError> {
        let octets = read_secret(file, SHARE_FILE_BYTES_MAX)?;
        let text = std::str::from_utf8(&octets).unwrap_or_default();
        Self::parse(text).map_err(|fault| CeremonyError::Share {
            file: file.to_owned(),
            fault,
        })
    }

    /// The whole text.
    pub(super) fn text(&self, head: &Head<'_>) -> Zeroizing<String> {
        let octets = Zeroizing::new(Vec::from(&self.point));
        let letters = Zeroizing::new(BASE32_NOPAD.encode(&octets));
        let place = self.point.x.0;
        let mut text = Zeroizing::new(String::with_capacity(SHARE_FILE_BYTES_MAX));
        text.push_str(&format!(
            "{TITLE}\n\nKey:       {}\nCustodian: {}\nCeremony:  {}\nShare:     {place} of {}\n\
             Quorum:    {}\n\n",
            head.label, head.custodian, self.ceremony, head.count, self.quorum
        ));
        let mut rest = letters.as_str();
        let mut number = 0;
        while !rest.is_empty() {
            let (line, others) = rest.split_at(rest.len().min(LINE_LETTERS));
            number += 1;
            let check = self.check(number, line);
            text.push_str(&format!("{number:2}: "));
            for (at, letter) in line.chars().chain(check.chars()).enumerate() {
                if at > 0 && at % 4 == 0 {
                    text.push(' ');
                }
                text.push(letter);
            }
            text.push('\n');
            rest = others;
        }
        text.push_str(
            "\nWho holds enough of these opens the key. Keep it on paper or on a medium of your own,\n\
             sealed and locked away; show it to nobody but a ceremony of recovery.\n",
        );
        text
    }

    fn parse(text: &str) -> Result<Self, ShareFault> {
        let fields = text.lines().filter_map(|line| line.split_once(':'));
        let fields: Vec<(&str, &str)> = fields
            .map(|(name, rest)| (name.trim(), rest.trim()))
            .collect();
        let field = |wanted: &'static str| {
            let mut found = fields.iter().filter(|(name, _)| *name == wanted);
            found
                .next()
                .map(|(_, value)| *value)
                .ok_or(ShareFault::Missing(wanted))
        };
        let bad = |wanted: &'static str| move || ShareFault::Missing(wanted);
        let ceremony = CeremonyId::parse(&field("Ceremony")?.to_ascii_uppercase());
        let ceremony = ceremony.ok_or_else(bad("Ceremony"))?;
        let place = field("Share")?
            .split(' ')
            .next()
            .and_then(|place| place.parse().ok());
        let place: u8 = place.filter(|place| *place > 0).ok_or_else(bad("Share"))?;
        let quorum = field("Quorum")?.parse::<u8>().ok();
        let quorum = quorum
            .filter(|quorum| *quorum > 1)
            .ok_or_else(bad("Quorum"))?;
        let mut letters = Zeroizing::new(String::with_capacity(SHARE_FILE_BYTES_MAX));
        let mut number = 0;
        for (name, value) in &fields {
            let Ok(found) = name.parse::<usize>() else {
                continue;
            };
            number += 1;
            if found != number {
                return Err(ShareFault::LineMissing(number));
            }
            let line = Zeroizing::new(value.to_ascii_uppercase().replace([' ', '-'], ""));
            let at = line
                .len()
                .checked_sub(CHECK_LETTERS)
                .filter(|_| line.is_ascii());
            let (line, check) = line.split_at(at.ok_or(ShareFault::Mistyped(number))?);
            if check != line_check(ceremony, place, number, line) {
                return Err(ShareFault::Mistyped(number));
            }
            letters.push_str(line);
        }
        let value = BASE32_NOPAD.decode(letters.as_bytes());
        let value = Zeroizing::new(value.map_err(|_| ShareFault::Missing("value"))?);
        let point = Point::try_from(value.as_slice()).map_err(|_| ShareFault::Missing("value"))?;
        if point.x.0 != place || point.y.len() <= SEAL_BYTES {
            return Err(ShareFault::Missing("value"));
        }
        Ok(Self {
            ceremony,
            quorum,
            point,
        })
    }

    fn check(&self, number: usize, line: &str) -> String {
        line_check(self.ceremony, self.point.x.0, number, line)
    }

    fn is_of(&self, other: &Self) -> bool {
        let same_length = self.point.y.len() == other.point.y.len();
        self.ceremony == other.ceremony && self.quorum == other.quorum && same_length
    }
}

/// Four letters, 20 bits of a hash: over the place too, so that lines of two shares are not mixed.
fn line_check(ceremony: CeremonyId, place: u8, number: usize, line: &str) -> String {
    let number = u8::try_from(number).unwrap_or(u8::MAX);
    let whole = Zeroizing::new([&ceremony.0, &[place, number][..], line.as_bytes()].concat());
    let hash = digest(&SHA256, &whole);
    let letters = BASE32_NOPAD.encode(hash.as_ref());
    letters.chars().take(CHECK_LETTERS).collect()
}

/// What is wrong with a share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShareFault {
    /// A field of the head.
    #[error("it has no good `{0}`")]
    Missing(&'static str),
    /// Its check letters tell.
    #[error("line {0} is mistyped, or is of another share")]
    Mistyped(usize),
    /// A line is not there.
    #[error("line {0} is missing")]
    LineMissing(usize),
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const PIN: &[u8] = b"una frase lunga e segreta";

    fn texts(quorum: u8, count: usize) -> Vec<String> {
        let pin = Pin::of(PIN).unwrap();
        let shares = split(&pin, CeremonyId::draw().unwrap(), quorum, count);
        let head = Head {
            label: "pec",
            custodian: "Anna Bianchi",
            count,
        };
        shares
            .iter()
            .map(|share| share.text(&head).to_string())
            .collect()
    }

    fn open(texts: &[&String]) -> Result<String, CeremonyError> {
        let shares: Vec<Share> = texts
            .iter()
            .map(|text| Share::parse(text).unwrap())
            .collect();
        rebuild(&shares).map(|pin| pin.expose().to_owned())
    }

    #[test]
    fn hs_08_any_quorum_of_the_shares_rebuilds_the_pin_and_fewer_do_not() {
        let texts = texts(3, 5);
        for a in 0..5 {
            for b in 0..5 {
                for c in 0..5 {
                    let opened = open(&[&texts[a], &texts[b], &texts[c]]);
                    if a != b && b != c && a != c {
                        assert_eq!(opened.unwrap().as_bytes(), PIN);
                    } else {
                        assert!(matches!(
                            opened,
                            Err(CeremonyError::TooFew { quorum: 3, .. })
                        ));
                    }
                }
            }
        }
        assert_eq!(
            open(&texts.iter().collect::<Vec<_>>()).unwrap().as_bytes(),
            PIN
        );
        assert_eq!(open(&[]), Err(CeremonyError::NoShares));
    }

    #[test]
    fn hs_08_shares_of_two_ceremonies_are_told_apart() {
        let (one, two) = (texts(2, 2), texts(2, 2));
        assert!(matches!(
            open(&[&one[0], &two[1]]),
            Err(CeremonyError::Mixed(..))
        ));
        // With a false head too: the sum of the two is no PIN.
        let id = |text: &str| Share::parse(text).unwrap().ceremony.to_string();
        let forged = two[1].replace(&id(&two[1]), &id(&one[0]));
        assert!(Share::parse(&forged).is_err());
    }

    #[test]
    fn hs_08_every_slip_of_one_letter_is_found_with_its_line() {
        let text = &texts(2, 3)[1];
        let start = text.find(" 1: ").unwrap();
        let end = text.find("\nWho").unwrap() - 1;
        for at in start + 4..end {
            let letter = text.as_bytes()[at];
            let line = text[start..at].matches('\n').count();
            let is_value = letter.is_ascii_uppercase() || letter.is_ascii_digit();
            if !is_value || text[..at].rfind('\n').is_some_and(|begin| at - begin < 5) {
                continue;
            }
            let other = if letter == b'A' { "B" } else { "A" };
            let mut slip = text.clone();
            slip.replace_range(at..=at, other);
            assert_eq!(
                Share::parse(&slip).unwrap_err(),
                ShareFault::Mistyped(line + 1)
            );
        }
        let small = text.to_lowercase().replace("ceremony:", "Ceremony:");
        let small = small
            .replace("share:", "Share:")
            .replace("quorum:", "Quorum:");
        assert!(Share::parse(&small).is_ok());
        let cut: String = text
            .lines()
            .filter(|line| !line.starts_with(" 1:"))
            .collect::<Vec<_>>()
            .join("\n");
        assert_eq!(Share::parse(&cut).unwrap_err(), ShareFault::LineMissing(1));
        assert!(Share::parse("").is_err());
    }

    #[test]
    fn a_share_prints_as_dots() {
        let text = &texts(2, 2)[0];
        let share = Share::parse(text).unwrap();
        let printed = format!("{share:?}");
        assert!(printed.ends_with("1, …)"), "{printed}");
    }
}
