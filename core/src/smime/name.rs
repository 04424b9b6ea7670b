//! Names as RFC 5280 §7.1 compares them: letters without regard to case, blanks at the ends dropped and
//! those inside compressed, the same whether written as UTF8String, PrintableString or any other
//! string; the order of relative names counts, that of attributes inside one does not. Unicode is
//! lower-cased and not normalised further: two spellings of one accent stay two names.

use super::der::{self, DerError, Element, Reader, tag};

/// A Name in the one form that compares: one entry per relative name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Name(Vec<Vec<u8>>);

impl Name {
    /// Reads a Name element.
    pub fn read(name: &[u8]) -> Result<Self, DerError> {
        let mut reader = Reader::new(name);
        let mut sets = reader.expect(tag::SEQUENCE)?.reader();
        reader.end()?;
        let mut relative = Vec::new();
        while !sets.is_empty() {
            relative.push(relative_name(sets.expect(tag::SET)?.reader())?);
        }
        Ok(Self(relative))
    }

    /// It names nobody.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// It stands in the subtree of `base`.
    pub fn is_within(&self, base: &Self) -> bool {
        self.0.starts_with(&base.0)
    }

    /// This name with one more relative name, the content of a SET.
    pub fn with(&self, relative: Reader<'_>) -> Result<Self, DerError> {
        let mut longer = self.0.clone();
        longer.push(relative_name(relative)?);
        Ok(Self(longer))
    }
}

fn relative_name(mut pairs: Reader<'_>) -> Result<Vec<u8>, DerError> {
    let mut attributes = Vec::new();
    while !pairs.is_empty() {
        let mut fields = pairs.expect(tag::SEQUENCE)?.reader();
        let id = fields.expect(tag::OID)?.raw;
        let value = fields.any()?;
        fields.end()?;
        let value = match words(&value) {
            Some(words) => der::element(tag::UTF8_STRING, folded(&words).as_bytes()),
            None => value.raw.to_vec(),
        };
        attributes.push(der::sequence(&[id, &value]));
    }
    if attributes.is_empty() {
        return Err(DerError("a relative name holds nothing"));
    }
    attributes.sort_unstable();
    Ok(attributes.concat())
}

/// The characters of a string of any kind; `None` for other values and for octets that are no text.
fn words(value: &Element<'_>) -> Option<String> {
    match value.tag {
        tag::UTF8_STRING => std::str::from_utf8(value.content).ok().map(str::to_owned),
        tag::PRINTABLE_STRING | tag::IA5_STRING | tag::VISIBLE_STRING | tag::NUMERIC_STRING => {
            let is_ascii = value.content.is_ascii();
            is_ascii.then(|| String::from_utf8_lossy(value.content).into_owned())
        }
        tag::T61_STRING => Some(value.content.iter().copied().map(char::from).collect()),
        tag::BMP_STRING => {
            let (units, rest) = value.content.as_chunks::<2>();
            let units: Vec<u16> = units.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
            let text = String::from_utf16(&units).ok();
            text.filter(|_| rest.is_empty())
        }
        tag::UNIVERSAL_STRING => {
            let (units, rest) = value.content.as_chunks::<4>();
            let characters = units
                .iter()
                .map(|unit| char::from_u32(u32::from_be_bytes(*unit)));
            let text = characters.collect::<Option<String>>();
            text.filter(|_| rest.is_empty())
        }
        _ => None,
    }
}

fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().flat_map(char::to_lowercase));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smime::oid;

    fn set(values: &[(&const_oid::ObjectIdentifier, u8, &[u8])]) -> Vec<u8> {
        let pairs: Vec<Vec<u8>> = values
            .iter()
            .map(|(id, kind, value)| der::sequence(&[&der::oid(id), &der::element(*kind, value)]))
            .collect();
        let pairs: Vec<&[u8]> = pairs.iter().map(Vec::as_slice).collect();
        der::concat(tag::SET, &pairs)
    }

    fn name(sets: &[Vec<u8>]) -> Name {
        let sets: Vec<&[u8]> = sets.iter().map(Vec::as_slice).collect();
        Name::read(&der::sequence(&sets)).unwrap()
    }

    fn organization(kind: u8, value: &[u8]) -> Name {
        name(&[set(&[(&oid::ORGANIZATION, kind, value)])])
    }

    #[test]
    fn kinds_of_string_case_and_blanks_do_not_count() {
        let one = organization(tag::UTF8_STRING, "Poste  di Città ".as_bytes());
        for (kind, value) in [
            (tag::UTF8_STRING, "POSTE DI CITTÀ".as_bytes()),
            (tag::T61_STRING, b"poste di citt\xe0"),
            (
                tag::BMP_STRING,
                b"\0p\0o\0s\0t\0e\0 \0d\0i\0 \0c\0i\0t\0t\0\xe0",
            ),
        ] {
            assert_eq!(organization(kind, value), one, "{kind}");
        }
        let other = organization(tag::PRINTABLE_STRING, b"Poste di Citta");
        assert_ne!(other, one);
    }

    #[test]
    fn order_counts_between_relative_names_and_not_inside_one() {
        let country: (_, _, &[u8]) = (&oid::COUNTRY, tag::PRINTABLE_STRING, b"IT");
        let common: (_, _, &[u8]) = (&oid::COMMON_NAME, tag::UTF8_STRING, b"x");
        assert_eq!(
            name(&[set(&[country, common])]),
            name(&[set(&[common, country])])
        );
        assert_ne!(
            name(&[set(&[country]), set(&[common])]),
            name(&[set(&[common]), set(&[country])])
        );
        let base = name(&[set(&[country])]);
        assert!(name(&[set(&[country]), set(&[common])]).is_within(&base));
        assert!(!base.is_within(&name(&[set(&[country]), set(&[common])])));
        assert!(base.is_within(&Name::default()) && Name::default().is_empty());
    }

    #[test]
    fn octets_that_are_no_text_equal_only_themselves() {
        let broken = organization(tag::UTF8_STRING, b"\xff");
        assert_eq!(broken, organization(tag::UTF8_STRING, b"\xff"));
        assert_ne!(broken, organization(tag::UTF8_STRING, b"\xfe"));
        assert!(Name::read(&der::sequence(&[&der::element(tag::SET, &[])])).is_err());
    }
}
