//! Mail addresses, parsed once at the edge: an [`Address`] or a [`Domain`] cannot hold a bad value.
//! Guarantees RFC 5321 §4.1.2 syntax and sizes (ASCII only, AP-31), and comparison without regard to
//! case (AP-06, AP-07, AC-10). Display keeps the spelling that was given.

use std::fmt;
use std::hash::{Hash, Hasher};

use crate::limits;

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Octets above 127: answered `553 5.6.7` (AP-31).
    #[error("the address holds characters outside ASCII")]
    NotAscii,
    /// No `@domain`, or a domain of one label: `504 5.5.2` (AP-02).
    #[error("the address has no full domain")]
    NoDomain,
    /// Anything else that RFC 5321 §4.1.2 refuses.
    #[error("the address is not well formed")]
    Malformed,
}

/// A mail domain: at least two labels of letters, digits and hyphens, kept in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Domain(String);

impl Domain {
    /// Parses `text`; a trailing dot is not allowed.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if !text.is_ascii() {
            return Err(AddressError::NotAscii);
        }
        if text.is_empty() || text.len() > limits::DOMAIN_BYTES_MAX || !text.contains('.') {
            return Err(AddressError::NoDomain);
        }
        if text.split('.').all(is_label) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(AddressError::Malformed)
        }
    }

    /// The domain in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A mailbox address `local@domain`. Equal when equal without regard to case.
#[derive(Debug, Clone)]
pub struct Address {
    text: String,
    at: usize,
}

impl Address {
    /// Parses an `addr-spec` without angle brackets, as in `MAIL FROM:<…>` or a header field.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if !text.is_ascii() {
            return Err(AddressError::NotAscii);
        }
        if text.len() > limits::ADDRESS_BYTES_MAX {
            return Err(AddressError::Malformed);
        }
        let at = text.rfind('@').ok_or(AddressError::NoDomain)?;
        let local = &text[..at];
        Domain::parse(&text[at + 1..])?;
        if local.len() > limits::LOCAL_PART_BYTES_MAX || !is_local_part(local) {
            return Err(AddressError::Malformed);
        }
        Ok(Self {
            text: text.to_owned(),
            at,
        })
    }

    /// `local` and `domain` put together; used for the service address `posta-certificata@…`.
    pub fn of(local: &str, domain: &Domain) -> Result<Self, AddressError> {
        Self::parse(&format!("{local}@{domain}"))
    }

    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands before the `@`, as it was written.
    pub fn local_part(&self) -> &str {
        &self.text[..self.at]
    }

    /// The domain, in lower case.
    pub fn domain(&self) -> Domain {
        Domain(self.text[self.at + 1..].to_ascii_lowercase())
    }

    /// The key of comparison: all in lower case.
    pub fn key(&self) -> String {
        self.text.to_ascii_lowercase()
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.text.eq_ignore_ascii_case(&other.text)
    }
}

impl Eq for Address {}

impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<C> minicbor::Encode<C> for Address {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(&self.text)?;
        Ok(())
    }
}

impl<'b, C> minicbor::Decode<'b, C> for Address {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::parse(d.str()?).map_err(minicbor::decode::Error::message)
    }
}

impl<C> minicbor::Encode<C> for Domain {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(&self.0)?;
        Ok(())
    }
}

impl<'b, C> minicbor::Decode<'b, C> for Domain {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::parse(d.str()?).map_err(minicbor::decode::Error::message)
    }
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= 63
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn is_local_part(local: &str) -> bool {
    if let Some(quoted) = local
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        return is_quoted_content(quoted);
    }
    local
        .split('.')
        .all(|atom| !atom.is_empty() && atom.bytes().all(is_atom_text))
}

/// `atext` of RFC 5322 §3.2.3.
pub(crate) fn is_atom_text(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b)
}

fn is_quoted_content(content: &str) -> bool {
    let mut escaped = false;
    for b in content.bytes() {
        let printable = (0x20..0x7f).contains(&b);
        if !printable || (b == b'"' && !escaped) {
            return false;
        }
        escaped = b == b'\\' && !escaped;
    }
    !escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_without_regard_to_case_and_keeps_the_spelling() {
        let a = Address::parse("Mario.Rossi@Pec.Example").expect("valid");
        let b = Address::parse("mario.rossi@pec.example").expect("valid");
        assert_eq!(a, b);
        assert_eq!(a.as_str(), "Mario.Rossi@Pec.Example");
        assert_eq!(a.domain().as_str(), "pec.example");
    }

    #[test]
    fn names_what_is_wrong() {
        assert_eq!(Address::parse("rossi"), Err(AddressError::NoDomain));
        assert_eq!(
            Address::parse("rossi@localhost"),
            Err(AddressError::NoDomain)
        );
        assert_eq!(
            Address::parse("rossì@pec.example"),
            Err(AddressError::NotAscii)
        );
        for bad in [
            "a..b@pec.example",
            "a b@pec.example",
            "a\r\n@pec.example",
            "@pec.example",
        ] {
            assert_eq!(Address::parse(bad), Err(AddressError::Malformed), "{bad}");
        }
        assert!(Address::parse("\"a b\\\"c\"@pec.example").is_ok());
    }
}
