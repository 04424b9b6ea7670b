//! The two identifiers of a message (RFC 6109 §2.2.1): [`ClientMessageId`], what the user's program
//! wrote, kept in its angle brackets; and [`Identifier`], the *identificativo* that the access point
//! mints, unique over all nodes and restarts (TM-06), which carries the number of its home partition.

use std::fmt;

use minicbor::{Decode, Decoder, Encode, Encoder};
use smallvec::SmallVec;

use crate::address::Domain;
use crate::instant::Instant;
use crate::limits;

/// The `Message-ID:` that the client wrote, angle brackets included (TM-07, CD-11).
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(transparent)]
pub struct ClientMessageId(#[n(0)] String);

impl ClientMessageId {
    /// Takes the value of a `Message-ID:` field: the first `<…>` in it, or the bare word put in
    /// brackets as lax clients write it. `None` when nothing printable is there.
    pub fn from_field(value: &str) -> Option<Self> {
        let inner = match (value.find('<'), value.rfind('>')) {
            (Some(open), Some(close)) if open < close => &value[open + 1..close],
            _ => value.trim(),
        };
        let clean: String = inner
            .chars()
            .filter(|c| c.is_ascii_graphic() && !matches!(c, '<' | '>'))
            .collect();
        let fits = !clean.is_empty() && clean.len() <= limits::MESSAGE_ID_BYTES_MAX;
        fits.then(|| Self(format!("<{clean}>")))
    }

    /// With its angle brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientMessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The PEC identifier, without angle brackets: `[alphanumeric]@[provider's domain]`.
///
/// Its octets lie in the value itself, where the domain has up to 20: it is the key of everything that is
/// open, copied and compared at every step, and neither should ask the memory of another thread.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identifier(SmallVec<[u8; 56]>);

impl Identifier {
    /// Mints one: `c`, the home partition in two hexadecimal digits, the instant in milliseconds in
    /// twelve, then `random` (from the system's generator, drawn per message) in twenty.
    pub fn mint(home: u8, at: Instant, random: [u8; 10], domain: &Domain) -> Self {
        let random = data_encoding::HEXLOWER.encode(&random);
        let at = at.as_millis().max(0);
        Self::of(&format!("c{home:02x}{at:012x}{random}@{domain}"))
    }

    /// Reads an identifier from certification data, ours or another provider's.
    pub fn parse(text: &str) -> Option<Self> {
        let clean = text.trim();
        let fits = !clean.is_empty()
            && clean.len() <= limits::MESSAGE_ID_BYTES_MAX
            && clean.contains('@')
            && clean
                .bytes()
                .all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>'));
        fits.then(|| Self::of(clean))
    }

    /// The home partition, when this identifier has the form that we mint.
    pub fn home(&self) -> Option<u8> {
        let local = self.as_str().split('@').next()?;
        let digits = local.strip_prefix('c')?.get(..2)?;
        (local.len() == 35)
            .then(|| u8::from_str_radix(digits, 16).ok())
            .flatten()
    }

    /// Without angle brackets.
    pub fn as_str(&self) -> &str {
        // Made of a text, always.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    fn of(text: &str) -> Self {
        Self(SmallVec::from_slice(text.as_bytes()))
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identifier({:?})", self.as_str())
    }
}

impl<C> Encode<C> for Identifier {
    fn encode<W: minicbor::encode::Write>(
        &self,
        to: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        to.str(self.as_str())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Identifier {
    fn decode(from: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Ok(Self::of(from.str()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identifier_is_alphanumeric_and_names_its_home() {
        let domain = Domain::parse("pec.example").expect("valid");
        let id = Identifier::mint(
            7,
            Instant::from_millis(1_700_000_000_000),
            [0xab; 10],
            &domain,
        );
        let (local, host) = id.as_str().split_once('@').expect("an @");
        assert!(local.bytes().all(|b| b.is_ascii_alphanumeric()), "{local}");
        assert_eq!((id.home(), host), (Some(7), "pec.example"));
        assert_eq!(Identifier::parse(id.as_str()), Some(id));
    }

    #[test]
    fn the_clients_value_keeps_its_brackets_and_nothing_else() {
        let of = |text| ClientMessageId::from_field(text).map(|id| id.as_str().to_owned());
        assert_eq!(of(" <a@b> (comment)").as_deref(), Some("<a@b>"));
        assert_eq!(of("a@b").as_deref(), Some("<a@b>"));
        assert_eq!(of("<a\r\n b@c>").as_deref(), Some("<ab@c>"));
        assert_eq!(of("  "), None);
    }
}
