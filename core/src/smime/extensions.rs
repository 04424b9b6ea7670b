//! The extensions of RFC 5280 that chains and revocation lists ask for, each read from its certificate.
//! What is absent is `None`; what is there and not readable is an error, never taken for absent.

use const_oid::ObjectIdentifier;

use super::certificate::{Certificate, Extension};
use super::der::{self, DerError, Element, Reader, tag};
use super::name::Name;
use super::oid;
use crate::limits::{
    DISTRIBUTION_POINTS_MAX, DISTRIBUTION_URL_BYTES_MAX, EXTENDED_USAGES_MAX, SUBJECT_NAMES_MAX,
};

/// basicConstraints (§4.2.1.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BasicConstraints {
    /// It may sign certificates.
    pub is_authority: bool,
    /// Authorities that may follow below it, self-issued ones not counted.
    pub path_length: Option<usize>,
}

/// Bits of keyUsage (§4.2.1.3), the first in the highest bit.
pub mod usage {
    /// digitalSignature
    pub const DIGITAL_SIGNATURE: u8 = 0x80;
    /// contentCommitment, once nonRepudiation
    pub const CONTENT_COMMITMENT: u8 = 0x40;
    /// keyCertSign
    pub const CERTIFICATES: u8 = 0x04;
    /// cRLSign
    pub const REVOCATION_LISTS: u8 = 0x02;
}

/// A GeneralName (§4.2.1.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GeneralName<'a> {
    /// rfc822Name
    Mail(&'a str),
    /// dNSName
    Host(&'a str),
    /// uniformResourceIdentifier
    Uri(&'a str),
    /// iPAddress; in constraints with its mask
    Address(&'a [u8]),
    /// directoryName
    Directory(Name),
    /// Any other kind, by its tag.
    Other(u8, &'a [u8]),
}

/// A name of which CRL something is (§4.2.1.13 and §5.2.5): each entry in the form that compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PointName<'a> {
    /// fullName
    Full(Vec<GeneralName<'a>>),
    /// nameRelativeToCRLIssuer: content of the SET.
    Relative(&'a [u8]),
}

/// One DistributionPoint of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DistributionPoint<'a> {
    /// Where its list is.
    pub name: Option<PointName<'a>>,
    /// Its list speaks of some reasons alone.
    pub has_reasons: bool,
    /// Its list is issued by somebody else (an indirect list).
    pub has_other_issuer: bool,
}

/// The one extension with this identifier; a second one is an error (§4.2).
pub fn only<'a>(
    extensions: &[Extension<'a>],
    id: &ObjectIdentifier,
) -> Result<Option<Extension<'a>>, DerError> {
    let mut found = extensions.iter().filter(|found| oid::is(found.id, id));
    let first = found.next().copied();
    if found.next().is_some() {
        return Err(DerError("an extension is there twice"));
    }
    Ok(first)
}

/// What the extension holds: one element of `tag` with nothing after it.
fn value<'a>(
    certificate: &Certificate<'a>,
    id: &ObjectIdentifier,
    tag: u8,
) -> Result<Option<Element<'a>>, DerError> {
    only(&certificate.extensions, id)?
        .map(|extension| whole(extension.value, tag))
        .transpose()
}

/// One element with nothing after it.
pub fn whole(octets: &[u8], tag: u8) -> Result<Element<'_>, DerError> {
    let mut reader = Reader::new(octets);
    let element = reader.expect(tag)?;
    reader.end()?;
    Ok(element)
}

/// basicConstraints.
pub fn basic_constraints(
    certificate: &Certificate<'_>,
) -> Result<Option<BasicConstraints>, DerError> {
    let Some(sequence) = value(certificate, &oid::BASIC_CONSTRAINTS, tag::SEQUENCE)? else {
        return Ok(None);
    };
    let mut fields = sequence.reader();
    let authority = fields.optional(tag::BOOLEAN)?;
    let length = fields.optional(tag::INTEGER)?;
    fields.end()?;
    Ok(Some(BasicConstraints {
        is_authority: authority.is_some_and(|flag| der::boolean(&flag)),
        path_length: length.map(|length| small_number(&length)).transpose()?,
    }))
}

/// A number that is not negative; a huge one is as good as the largest.
fn small_number(integer: &Element<'_>) -> Result<usize, DerError> {
    match integer.content {
        [] => Err(DerError("a number without digits")),
        [first, ..] if *first >= 0x80 => Err(DerError("a number below zero")),
        digits => Ok(digits.iter().fold(0_usize, |number, digit| {
            number
                .saturating_mul(256)
                .saturating_add(usize::from(*digit))
        })),
    }
}

/// The first octet of keyUsage: all bits that we ask for.
pub fn key_usage(certificate: &Certificate<'_>) -> Result<Option<u8>, DerError> {
    let bits = value(certificate, &oid::KEY_USAGE, tag::BIT_STRING)?;
    bits.map(|bits| match bits.content {
        [0..=7, bits, ..] => Ok(*bits),
        [0] => Ok(0),
        _ => Err(DerError("a key usage is not readable")),
    })
    .transpose()
}

/// extKeyUsage: `Some(true)` where mail protection or any usage is named.
pub fn allows_mail(certificate: &Certificate<'_>) -> Result<Option<bool>, DerError> {
    let Some(sequence) = value(certificate, &oid::EXTENDED_KEY_USAGE, tag::SEQUENCE)? else {
        return Ok(None);
    };
    let mut reader = sequence.reader();
    let mut is_allowed = false;
    for _ in 0..EXTENDED_USAGES_MAX {
        if reader.is_empty() {
            return Ok(Some(is_allowed));
        }
        let purpose = reader.expect(tag::OID)?.content;
        is_allowed |= oid::is(purpose, &oid::EMAIL_PROTECTION)
            || oid::is(purpose, &oid::ANY_EXTENDED_KEY_USAGE);
    }
    Err(DerError("there are too many extended key usages"))
}

/// subjectAltName; `None` where the extension is absent.
pub fn alternative_names<'a>(
    certificate: &Certificate<'a>,
) -> Result<Option<Vec<GeneralName<'a>>>, DerError> {
    let sequence = value(certificate, &oid::SUBJECT_ALT_NAME, tag::SEQUENCE)?;
    sequence
        .map(|sequence| general_names(sequence.reader()))
        .transpose()
}

/// GeneralNames, bounded.
pub fn general_names(mut reader: Reader<'_>) -> Result<Vec<GeneralName<'_>>, DerError> {
    let mut names = Vec::new();
    while !reader.is_empty() {
        if names.len() == SUBJECT_NAMES_MAX {
            return Err(DerError("there are too many names"));
        }
        names.push(general_name(&reader.any()?)?);
    }
    Ok(names)
}

/// One GeneralName.
pub fn general_name<'a>(element: &Element<'a>) -> Result<GeneralName<'a>, DerError> {
    const MAIL: u8 = tag::context_primitive(1);
    const HOST: u8 = tag::context_primitive(2);
    const DIRECTORY: u8 = tag::context(4);
    const URI: u8 = tag::context_primitive(6);
    const ADDRESS: u8 = tag::context_primitive(7);
    let text = || std::str::from_utf8(element.content).map_err(|_| DerError("a name is no text"));
    Ok(match element.tag {
        MAIL => GeneralName::Mail(text()?),
        HOST => GeneralName::Host(text()?),
        DIRECTORY => GeneralName::Directory(Name::read(element.content)?),
        URI => GeneralName::Uri(text()?),
        ADDRESS => GeneralName::Address(element.content),
        other => GeneralName::Other(other & 0x1f, element.content),
    })
}

/// cRLDistributionPoints, all of them.
pub fn distribution_points<'a>(
    certificate: &Certificate<'a>,
) -> Result<Vec<DistributionPoint<'a>>, DerError> {
    let sequence = value(certificate, &oid::CRL_DISTRIBUTION_POINTS, tag::SEQUENCE)?;
    let Some(sequence) = sequence else {
        return Ok(Vec::new());
    };
    let mut reader = sequence.reader();
    let mut points = Vec::new();
    while !reader.is_empty() {
        if points.len() == DISTRIBUTION_POINTS_MAX {
            return Err(DerError("there are too many distribution points"));
        }
        let mut fields = reader.expect(tag::SEQUENCE)?.reader();
        let name = fields.optional(tag::context(0))?;
        points.push(DistributionPoint {
            name: name.map(|name| point_name(&name)).transpose()?,
            has_reasons: fields.optional(tag::context_primitive(1))?.is_some(),
            has_other_issuer: fields.optional(tag::context(2))?.is_some(),
        });
        fields.end()?;
    }
    Ok(points)
}

/// DistributionPointName inside its explicit tag.
pub fn point_name<'a>(explicit: &Element<'a>) -> Result<PointName<'a>, DerError> {
    let choice = explicit.reader().any()?;
    match choice.tag {
        FULL => Ok(PointName::Full(general_names(choice.reader())?)),
        RELATIVE => Ok(PointName::Relative(choice.content)),
        _ => Err(DerError("a distribution point has a name of unknown kind")),
    }
}

const FULL: u8 = tag::context(0);
const RELATIVE: u8 = tag::context(1);

/// Where the certificate says its revocation list is: `http` and `https` alone, in its order, bounded.
/// Points whose list is indirect are left out: such lists are refused.
pub fn distribution_urls(certificate: &Certificate<'_>) -> Result<Vec<String>, DerError> {
    let mut urls: Vec<String> = Vec::new();
    for point in distribution_points(certificate)? {
        let Some(PointName::Full(names)) = point.name else {
            continue;
        };
        let found = names.iter().filter_map(|name| match name {
            GeneralName::Uri(uri) => web_address(uri),
            _ => None,
        });
        for url in found.filter(|_| !point.has_other_issuer) {
            if urls.len() < DISTRIBUTION_POINTS_MAX && !urls.iter().any(|known| known == url) {
                urls.push(url.to_owned());
            }
        }
    }
    Ok(urls)
}

fn web_address(uri: &str) -> Option<&str> {
    let is_clean = uri.bytes().all(|octet| octet.is_ascii_graphic());
    let is_web = ["http://", "https://"].iter().any(|scheme| {
        let start = uri.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme)) && uri.len() > scheme.len()
    });
    (is_clean && is_web && uri.len() <= DISTRIBUTION_URL_BYTES_MAX).then_some(uri)
}
