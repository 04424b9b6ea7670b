//! Name constraints (RFC 5280 §4.2.1.10): what an authority may name below it. A name must lie in one
//! permitted subtree of its kind, where that kind is permitted at all, and in no excluded one; every
//! authority of the path adds its own. A kind that is not understood and is constrained is refused when
//! a certificate below uses it.

use super::ChainError;
use crate::limits::NAME_CONSTRAINTS_MAX;
use crate::smime::certificate::Certificate;
use crate::smime::der::{DerError, Reader, tag};
use crate::smime::extensions::{self, GeneralName};
use crate::smime::name::Name;
use crate::smime::oid;

/// The constraints of one authority.
pub(super) struct Constraints<'a> {
    permitted: Vec<GeneralName<'a>>,
    excluded: Vec<GeneralName<'a>>,
    authority: String,
}

impl<'a> Constraints<'a> {
    /// Those of `authority`, where it has any.
    pub(super) fn of(authority: &Certificate<'a>) -> Result<Option<Self>, DerError> {
        let found = extensions::only(&authority.extensions, &oid::NAME_CONSTRAINTS)?;
        let Some(extension) = found else {
            return Ok(None);
        };
        let mut fields = extensions::whole(extension.value, tag::SEQUENCE)?.reader();
        let mut subtrees = |number| match fields.optional(tag::context(number))? {
            Some(subtrees) => read_subtrees(subtrees.reader()),
            None => Ok(Vec::new()),
        };
        Ok(Some(Self {
            permitted: subtrees(0)?,
            excluded: subtrees(1)?,
            authority: authority.subject_words(),
        }))
    }

    /// Fails with the first name that lies outside.
    pub(super) fn check(&self, names: &[GeneralName<'_>]) -> Result<(), ChainError> {
        let outside = names.iter().find(|name| !self.allow(name));
        outside.map_or(Ok(()), |name| {
            Err(ChainError::NameConstraint {
                name: words(name),
                authority: self.authority.clone(),
            })
        })
    }

    fn allow(&self, name: &GeneralName<'_>) -> bool {
        let mut of_kind = self
            .permitted
            .iter()
            .filter(|base| is_same_kind(base, name));
        let is_free = of_kind.clone().next().is_none();
        let is_permitted = is_free || of_kind.any(|base| is_within(name, base) == Some(true));
        let mut of_kind = self.excluded.iter().filter(|base| is_same_kind(base, name));
        is_permitted && of_kind.all(|base| is_within(name, base) == Some(false))
    }
}

fn read_subtrees(mut reader: Reader<'_>) -> Result<Vec<GeneralName<'_>>, DerError> {
    let mut found = Vec::new();
    while !reader.is_empty() {
        if found.len() == NAME_CONSTRAINTS_MAX {
            return Err(DerError("there are too many name constraints"));
        }
        let mut fields = reader.expect(tag::SEQUENCE)?.reader();
        found.push(extensions::general_name(&fields.any()?)?);
        // §4.2.1.10: minimum is zero, which DER leaves out, and maximum absent.
        let minimum = fields.optional(tag::context_primitive(0))?;
        if minimum.is_some_and(|minimum| minimum.content != [0]) || !fields.is_empty() {
            return Err(DerError("a name constraint has a minimum or a maximum"));
        }
    }
    Ok(found)
}

/// All names that constraints look at: the subject, its alternative names, and, where there are none,
/// the mail addresses inside the subject.
pub(super) fn names_of<'a>(
    certificate: &Certificate<'a>,
    subject: &Name,
) -> Result<Vec<GeneralName<'a>>, DerError> {
    let alternative = extensions::alternative_names(certificate)?;
    let has_none = alternative.is_none();
    let mut names = alternative.unwrap_or_default();
    if !subject.is_empty() {
        names.push(GeneralName::Directory(subject.clone()));
    }
    if has_none {
        let attributes = crate::smime::certificate::name_attributes(certificate.subject);
        for (_, value) in attributes.filter(|(id, _)| oid::is(id, &oid::EMAIL_ADDRESS)) {
            let address = std::str::from_utf8(value.content);
            names.push(GeneralName::Mail(
                address.map_err(|_| DerError("a mail address is no text"))?,
            ));
        }
    }
    Ok(names)
}

fn is_same_kind(one: &GeneralName<'_>, other: &GeneralName<'_>) -> bool {
    match (one, other) {
        (GeneralName::Other(one, _), GeneralName::Other(other, _)) => one == other,
        _ => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}

/// `None` where nobody can tell: a name that is none of its kind, or a kind that is not understood.
/// Such a name is neither permitted nor free of an exclusion.
fn is_within(name: &GeneralName<'_>, base: &GeneralName<'_>) -> Option<bool> {
    match (name, base) {
        (GeneralName::Directory(name), GeneralName::Directory(base)) => Some(name.is_within(base)),
        (GeneralName::Mail(name), GeneralName::Mail(base)) => mail_is_within(name, base),
        (GeneralName::Host(name), GeneralName::Host(base)) => host_is_below(name, base),
        (GeneralName::Uri(name), GeneralName::Uri(base)) => {
            host_is_within(host_of_uri(name)?, base)
        }
        (GeneralName::Address(name), GeneralName::Address(base)) => address_is_within(name, base),
        _ => None,
    }
}

/// A mailbox, a host, or with a dot in front the hosts below a domain. The local part of a mailbox is
/// compared as it is written, its host without regard to case.
fn mail_is_within(name: &str, base: &str) -> Option<bool> {
    let (local, host) = name.rsplit_once('@')?;
    if local.is_empty() || host.is_empty() {
        return None;
    }
    match base.rsplit_once('@') {
        Some((base_local, base_host)) => {
            Some(local == base_local && host.eq_ignore_ascii_case(base_host))
        }
        None => host_is_within(host, base),
    }
}

/// One host, or with a dot in front all hosts below a domain and not the domain itself.
fn host_is_within(host: &str, base: &str) -> Option<bool> {
    if host.is_empty() {
        return None;
    }
    if base.starts_with('.') {
        return Some(host.len() > base.len() && ends_with(host, base));
    }
    Some(host.eq_ignore_ascii_case(base))
}

/// dNSName: the domain itself and all below it; an empty constraint is every host.
fn host_is_below(host: &str, base: &str) -> Option<bool> {
    if host.is_empty() {
        return None;
    }
    if base.is_empty() || host.eq_ignore_ascii_case(base) {
        return Some(true);
    }
    if base.starts_with('.') {
        return host_is_within(host, base);
    }
    let start = host.len().checked_sub(base.len() + 1);
    let is_label = start.is_some_and(|start| host.as_bytes().get(start) == Some(&b'.'));
    Some(is_label && ends_with(host, base))
}

fn ends_with(host: &str, end: &str) -> bool {
    let start = host.len().checked_sub(end.len());
    let tail = start.and_then(|start| host.as_bytes().get(start..));
    tail.is_some_and(|tail| tail.eq_ignore_ascii_case(end.as_bytes()))
}

/// The host of `scheme://user@host:port/…`; `None` for an address in digits or no host at all.
fn host_of_uri(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    if host.starts_with('[') {
        return None;
    }
    let host = host.split(':').next()?;
    let last = host.rsplit('.').next()?;
    let is_name = !last.is_empty() && !last.bytes().all(|octet| octet.is_ascii_digit());
    is_name.then_some(host)
}

/// An address and a network with its mask (RFC 4632).
fn address_is_within(address: &[u8], network: &[u8]) -> Option<bool> {
    if !matches!(address.len(), 4 | 16) || !matches!(network.len(), 8 | 32) {
        return None;
    }
    let (base, mask) = network.split_at_checked(network.len() / 2)?;
    let mut all = address.iter().zip(base).zip(mask);
    let is_same = all.all(|((octet, base), mask)| octet & mask == base & mask);
    Some(address.len() == base.len() && is_same)
}

fn words(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::Mail(text) | GeneralName::Host(text) | GeneralName::Uri(text) => {
            format!("`{text}`")
        }
        GeneralName::Address(octets) => format!("the address {}", dotted(octets)),
        GeneralName::Directory(_) => "its distinguished name".to_owned(),
        GeneralName::Other(kind, _) => format!("a name of kind {kind}"),
    }
}

fn dotted(octets: &[u8]) -> String {
    let digits: Vec<String> = octets.iter().map(u8::to_string).collect();
    digits.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_constraints_are_a_mailbox_a_host_or_a_domain() {
        let cases = [
            ("posta@pec.example", "posta@PEC.example", Some(true)),
            ("Posta@pec.example", "posta@pec.example", Some(false)),
            ("posta@pec.example", "pec.example", Some(true)),
            ("posta@a.pec.example", "pec.example", Some(false)),
            ("posta@a.pec.example", ".PEC.example", Some(true)),
            ("posta@pec.example", ".pec.example", Some(false)),
            ("posta@apec.example", "pec.example", Some(false)),
            ("\"a@pec.example\"@evil.test", "pec.example", Some(false)),
            ("posta", "pec.example", None),
            ("@pec.example", "pec.example", None),
        ];
        for (name, base, expected) in cases {
            assert_eq!(mail_is_within(name, base), expected, "{name} in {base}");
        }
    }

    #[test]
    fn host_constraints_hold_the_domain_and_all_below() {
        let cases = [
            ("pec.example", "pec.example", Some(true)),
            ("a.Pec.Example", "pec.example", Some(true)),
            ("apec.example", "pec.example", Some(false)),
            ("example", "pec.example", Some(false)),
            ("a.test", "", Some(true)),
            ("pec.example", ".pec.example", Some(false)),
            ("", "pec.example", None),
        ];
        for (name, base, expected) in cases {
            assert_eq!(host_is_below(name, base), expected, "{name} in {base}");
        }
    }

    #[test]
    fn uri_constraints_look_at_the_host() {
        let within =
            |uri: &str, base: &str| is_within(&GeneralName::Uri(uri), &GeneralName::Uri(base));
        assert_eq!(
            within("https://u@a.pec.example:8/x@y", ".pec.example"),
            Some(true)
        );
        assert_eq!(within("https://pec.example/", ".pec.example"), Some(false));
        assert_eq!(within("https://pec.example?q", "pec.example"), Some(true));
        for odd in [
            "mailto:a@pec.example",
            "https://192.0.2.1/",
            "https://[2001:db8::1]/",
            "x",
        ] {
            assert_eq!(within(odd, "pec.example"), None, "{odd}");
        }
    }

    #[test]
    fn address_constraints_have_a_mask() {
        let network = [192, 0, 2, 0, 255, 255, 255, 0];
        assert_eq!(address_is_within(&[192, 0, 2, 9], &network), Some(true));
        assert_eq!(address_is_within(&[192, 0, 3, 9], &network), Some(false));
        assert_eq!(address_is_within(&[0; 16], &network), Some(false));
        assert_eq!(address_is_within(&[1, 2], &network), None);
    }

    #[test]
    fn a_kind_that_nobody_understands_is_refused_where_it_is_constrained() {
        let other = || GeneralName::Other(0, b"x".as_slice());
        let constraints = |permitted, excluded| Constraints {
            permitted,
            excluded,
            authority: "A".to_owned(),
        };
        assert!(
            constraints(vec![other()], vec![])
                .check(&[other()])
                .is_err()
        );
        assert!(
            constraints(vec![], vec![other()])
                .check(&[other()])
                .is_err()
        );
        let mail = GeneralName::Mail("pec.example");
        assert!(constraints(vec![mail], vec![]).check(&[other()]).is_ok());
    }
}
