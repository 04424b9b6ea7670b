//! The contents of the certificates that the evaluation authority writes (RFC 5280).

use std::net::IpAddr;

use aws_lc_rs::digest;
use ceralacca_core::instant::Instant;
use ceralacca_core::smime::der::{self, Reader, tag};
use ceralacca_core::smime::{oid, time};
use const_oid::ObjectIdentifier;

use crate::error::HsmError;
use crate::name;
use crate::public_key::KeyType;
use crate::software::SoftwareKey;

/// One point of the profile of RFC 6109 §5.5 broken on purpose, so that tests see each refusal (SG-11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deviation {
    /// No key usage extension.
    NoKeyUsage,
    /// Key usage not critical.
    KeyUsageNotCritical,
    /// Key usage without digitalSignature (keyEncipherment instead).
    NoDigitalSignature,
    /// No authority key identifier.
    NoAuthorityKeyIdentifier,
    /// Authority key identifier critical.
    AuthorityKeyIdentifierCritical,
    /// No subject key identifier.
    NoSubjectKeyIdentifier,
    /// Subject key identifier critical.
    SubjectKeyIdentifierCritical,
    /// No subject alternative name.
    NoMailAddress,
    /// Subject alternative name critical.
    MailAddressCritical,
    /// A mail address other than the service address.
    OtherMailAddress,
    /// A basicConstraints extension (CA false).
    BasicConstraints,
    /// Extended key usage critical.
    OtherCritical,
    /// The provider's name neither in O nor in CN.
    OtherProviderName,
    /// A mail address in the subject: only a warning.
    MailAddressInSubject,
}

/// What a certificate says.
pub(super) struct Fields<'a> {
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    pub(super) not_before: Instant,
    pub(super) not_after: Instant,
    pub(super) public_key_info: &'a [u8],
    pub(super) extensions: Vec<Vec<u8>>,
}

impl Fields<'_> {
    /// The certificate in DER. Its serial number is drawn from the system's generator, 126 bits of 127:
    /// never the same twice, and nobody can foresee it (RFC 5280 §4.1.2.2).
    pub(super) fn sign(&self, key: &SoftwareKey) -> Result<Vec<u8>, HsmError> {
        self.sign_by(key.public().key_type(), |octets| key.sign(octets))
    }

    /// The same with a key that is not at hand itself.
    pub(super) fn sign_by(
        &self,
        key: KeyType,
        sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, HsmError>,
    ) -> Result<Vec<u8>, HsmError> {
        let mut serial = [0_u8; 16];
        getrandom::fill(&mut serial).map_err(|error| HsmError::Away(error.to_string()))?;
        // Positive, not zero, and of constant length.
        serial[0] = (serial[0] & 0x7f) | 0x40;
        let validity =
            der::sequence(&[&time::write(self.not_before), &time::write(self.not_after)]);
        let extensions: Vec<&[u8]> = self.extensions.iter().map(Vec::as_slice).collect();
        let extensions = der::sequence(&extensions);
        let algorithm = name::signature_algorithm(key);
        let signed = der::sequence(&[
            &der::element(tag::context(0), &der::unsigned(&[2])),
            &der::unsigned(&serial),
            &algorithm,
            self.issuer,
            &validity,
            self.subject,
            self.public_key_info,
            &der::element(tag::context(3), &extensions),
        ]);
        let value = sign(&signed)?;
        Ok(der::sequence(&[&signed, &algorithm, &der::bits(&value)]))
    }
}

/// RFC 5280 §4.2.1.2 (1): SHA-1 of the public key's bits.
pub(super) fn key_identifier(public_key_info: &[u8]) -> Result<Vec<u8>, HsmError> {
    let mut info = Reader::new(public_key_info).expect(tag::SEQUENCE)?.reader();
    info.expect(tag::SEQUENCE)?;
    let key = der::bit_string(&info.expect(tag::BIT_STRING)?)?;
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, key);
    Ok(hash.as_ref().to_vec())
}

/// What an authority may issue, in subtrees (RFC 5280 §4.2.1.10). Nothing given is nothing bounded.
#[derive(Debug, Clone, Copy, Default)]
pub struct Permitted<'a> {
    /// `rfc822Name`: a mailbox, a host, or with a dot in front the hosts below a domain.
    pub mail: &'a [&'a str],
    /// `directoryName`: attributes of the subject, in order.
    pub directory: &'a [&'a [(ObjectIdentifier, &'a str)]],
}

impl Permitted<'_> {
    /// The nameConstraints extension.
    fn extension(&self) -> Vec<u8> {
        const DIRECTORY_NAME: u8 = tag::context(4);
        let mut names: Vec<Vec<u8>> = Vec::new();
        for mail in self.mail {
            names.push(der::element(tag::context_primitive(1), mail.as_bytes()));
        }
        for attributes in self.directory {
            names.push(der::element(DIRECTORY_NAME, &name::name(attributes)));
        }
        let subtrees: Vec<Vec<u8>> = names.iter().map(|name| der::sequence(&[name])).collect();
        let subtrees: Vec<&[u8]> = subtrees.iter().map(Vec::as_slice).collect();
        let permitted = der::concat(tag::context(0), &subtrees);
        name::extension(&oid::NAME_CONSTRAINTS, true, &der::sequence(&[&permitted]))
    }
}

/// keyCertSign and cRLSign; `below` authorities may follow.
pub(super) fn authority_extensions(
    public_key_info: &[u8],
    below: u8,
) -> Result<Vec<Vec<u8>>, HsmError> {
    let id = der::element(tag::OCTET_STRING, &key_identifier(public_key_info)?);
    let is_authority = der::sequence(&[&[tag::BOOLEAN, 1, 0xff], &der::unsigned(&[below])]);
    Ok(vec![
        name::extension(&oid::BASIC_CONSTRAINTS, true, &is_authority),
        name::extension(&oid::KEY_USAGE, true, &usage(1, 0b0000_0110)),
        name::extension(&oid::SUBJECT_KEY_IDENTIFIER, false, &id),
    ])
}

/// The same for an authority below another, which may issue what is permitted.
pub(super) fn sub_authority_extensions(
    issuer_id: &[u8],
    public_key_info: &[u8],
    permitted: &Permitted<'_>,
) -> Result<Vec<Vec<u8>>, HsmError> {
    let mut extensions = authority_extensions(public_key_info, 0)?;
    extensions.push(authority_key_identifier(issuer_id, false));
    extensions.push(permitted.extension());
    Ok(extensions)
}

/// Where the revocation list is: one point, one address.
pub(super) fn distribution_point(url: &str) -> Vec<u8> {
    const URI: u8 = tag::context_primitive(6);
    let full = der::element(tag::context(0), &der::element(URI, url.as_bytes()));
    let point = der::sequence(&[&der::element(tag::context(0), &full)]);
    let points = der::sequence(&[&point]);
    name::extension(&oid::CRL_DISTRIBUTION_POINTS, false, &points)
}

/// What a revocation list says.
pub(super) struct List<'a> {
    pub(super) issuer: &'a [u8],
    pub(super) issuer_id: &'a [u8],
    pub(super) this_update: Instant,
    pub(super) next_update: Instant,
    /// Serial numbers (INTEGER elements) with the instant of their revocation.
    pub(super) revoked: &'a [(&'a [u8], Instant)],
}

impl List<'_> {
    /// The list in DER (RFC 5280 §5); its number is the instant of `this_update` in milliseconds.
    pub(super) fn sign(&self, key: &SoftwareKey) -> Result<Vec<u8>, HsmError> {
        let entries = self.revoked.iter();
        let entries: Vec<Vec<u8>> = entries
            .map(|(serial, at)| der::sequence(&[serial, &time::write(*at)]))
            .collect();
        let entries: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
        // The field is absent where nothing is revoked (§5.1.2.6).
        let entries = if entries.is_empty() {
            Vec::new()
        } else {
            der::sequence(&entries)
        };
        let number = der::unsigned(&self.this_update.as_millis().to_be_bytes());
        let extensions = der::sequence(&[
            &authority_key_identifier(self.issuer_id, false),
            &name::extension(&oid::CRL_NUMBER, false, &number),
        ]);
        let algorithm = name::signature_algorithm(key.public().key_type());
        let signed = der::sequence(&[
            &der::unsigned(&[1]),
            &algorithm,
            self.issuer,
            &time::write(self.this_update),
            &time::write(self.next_update),
            &entries,
            &der::element(tag::context(0), &extensions),
        ]);
        let value = key.sign(&signed)?;
        Ok(der::sequence(&[&signed, &algorithm, &der::bits(&value)]))
    }
}

/// Those of RFC 6109 §5.5.2, and mail protection as extended usage.
pub(super) fn signing_extensions(
    issuer_id: &[u8],
    own_id: &[u8],
    service_address: &str,
    deviations: &[Deviation],
) -> Vec<Vec<u8>> {
    let is = |deviation| deviations.contains(&deviation);
    let mut extensions = Vec::new();
    let bits = if is(Deviation::NoDigitalSignature) {
        usage(5, 0b0010_0000)
    } else {
        usage(7, 0b1000_0000)
    };
    if !is(Deviation::NoKeyUsage) {
        let is_critical = !is(Deviation::KeyUsageNotCritical);
        extensions.push(name::extension(&oid::KEY_USAGE, is_critical, &bits));
    }
    if !is(Deviation::NoAuthorityKeyIdentifier) {
        let is_critical = is(Deviation::AuthorityKeyIdentifierCritical);
        extensions.push(authority_key_identifier(issuer_id, is_critical));
    }
    if !is(Deviation::NoSubjectKeyIdentifier) {
        let is_critical = is(Deviation::SubjectKeyIdentifierCritical);
        let id = der::element(tag::OCTET_STRING, own_id);
        extensions.push(name::extension(
            &oid::SUBJECT_KEY_IDENTIFIER,
            is_critical,
            &id,
        ));
    }
    if !is(Deviation::NoMailAddress) {
        let other = format!("other-{service_address}");
        let address = if is(Deviation::OtherMailAddress) {
            &other
        } else {
            service_address
        };
        let is_critical = is(Deviation::MailAddressCritical);
        let names = name::mail_name(address);
        extensions.push(name::extension(&oid::SUBJECT_ALT_NAME, is_critical, &names));
    }
    if is(Deviation::BasicConstraints) {
        let none = der::sequence(&[]);
        extensions.push(name::extension(&oid::BASIC_CONSTRAINTS, false, &none));
    }
    let purposes = der::sequence(&[&der::oid(&oid::EMAIL_PROTECTION)]);
    let is_critical = is(Deviation::OtherCritical);
    extensions.push(name::extension(
        &oid::EXTENDED_KEY_USAGE,
        is_critical,
        &purposes,
    ));
    extensions
}

/// A TLS server's.
pub(super) fn server_extensions(
    issuer_id: &[u8],
    own_id: &[u8],
    host_names: &[&str],
    addresses: &[IpAddr],
) -> Vec<Vec<u8>> {
    const DNS_NAME: u8 = tag::context_primitive(2);
    const IP_ADDRESS: u8 = tag::context_primitive(7);
    let hosts = host_names.iter();
    let mut names: Vec<Vec<u8>> = hosts
        .map(|host| der::element(DNS_NAME, host.as_bytes()))
        .collect();
    names.extend(addresses.iter().map(|address| match address {
        IpAddr::V4(v4) => der::element(IP_ADDRESS, &v4.octets()),
        IpAddr::V6(v6) => der::element(IP_ADDRESS, &v6.octets()),
    }));
    let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
    let purposes = der::sequence(&[&der::oid(&oid::SERVER_AUTH)]);
    let id = der::element(tag::OCTET_STRING, own_id);
    vec![
        name::extension(&oid::KEY_USAGE, true, &usage(7, 0b1000_0000)),
        authority_key_identifier(issuer_id, false),
        name::extension(&oid::SUBJECT_KEY_IDENTIFIER, false, &id),
        name::extension(&oid::SUBJECT_ALT_NAME, false, &der::sequence(&names)),
        name::extension(&oid::EXTENDED_KEY_USAGE, false, &purposes),
    ]
}

pub(super) fn authority_key_identifier(issuer_id: &[u8], is_critical: bool) -> Vec<u8> {
    let id = der::sequence(&[&der::element(tag::context_primitive(0), issuer_id)]);
    name::extension(&oid::AUTHORITY_KEY_IDENTIFIER, is_critical, &id)
}

/// KeyUsage: how many low bits are unused, and the bits.
pub(super) fn usage(unused: u8, bits: u8) -> Vec<u8> {
    der::element(tag::BIT_STRING, &[unused, bits])
}

/// SG-09, and its deviations.
pub(super) fn provider_subject(
    provider_name: &str,
    service_address: &str,
    deviations: &[Deviation],
) -> Vec<u8> {
    let provider = if deviations.contains(&Deviation::OtherProviderName) {
        "Somebody Else"
    } else {
        provider_name
    };
    if !deviations.contains(&Deviation::MailAddressInSubject) {
        return name::provider_name(provider);
    }
    name::name(&[
        (oid::COUNTRY, "IT"),
        (oid::ORGANIZATION, provider),
        (oid::COMMON_NAME, provider),
        (oid::EMAIL_ADDRESS, service_address),
    ])
}
