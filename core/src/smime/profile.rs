//! The profile of a provider's own signing certificate (RFC 6109 §5.5, with SG-04 on the key): what
//! breaks it is named, point by point, when the certificate is loaded (SG-11). Certificates of other
//! providers are never judged by it.

use super::certificate::{Certificate, Extension, PublicKey};
use super::der::{DerError, Reader, tag};
use super::oid;
use crate::instant::Instant;
use crate::limits::RSA_BITS_MIN;

/// The certificate may not be used to sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the certificate does not follow RFC 6109 §5.5: {}", .points.join("; "))]
pub struct ProfileError {
    /// Each failed point, a sentence.
    pub points: Vec<String>,
}

/// The kinds of key that may sign certified mail (SG-04).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AllowedKeys {
    /// What the rules of PEC know.
    #[default]
    Rsa,
    /// ECDSA on P-256 too, where the policy switches it on.
    RsaAndP256,
}

/// Days of validity that remain at which an alarm is raised (SG-12).
pub const EXPIRY_ALARM_DAYS: [i64; 3] = [90, 30, 7];

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// Checks the certificate against the profile (SG-04, SG-05, SG-09, SG-10), its key being RSA. `provider_name` and
/// `service_address` are compared when known. Returns warnings, each a sentence.
pub fn check(
    leaf_der: &[u8],
    provider_name: Option<&str>,
    service_address: Option<&str>,
) -> Result<Vec<String>, ProfileError> {
    check_for(leaf_der, provider_name, service_address, AllowedKeys::Rsa)
}

/// The same, with the kinds of key that the policy allows.
pub fn check_for(
    leaf_der: &[u8],
    provider_name: Option<&str>,
    service_address: Option<&str>,
    keys: AllowedKeys,
) -> Result<Vec<String>, ProfileError> {
    let certificate = read(leaf_der)?;
    let mut points = Vec::new();
    if certificate.version != 3 {
        points.push(format!("it is of version {}, not 3", certificate.version));
    }
    points.extend(key_points(&certificate, keys));
    points.extend(provider_name.and_then(|name| name_point(&certificate, name)));
    points.extend(address_points(&certificate, service_address));
    points.extend(key_usage_points(&certificate));
    points.extend(identifier_points(&certificate));
    points.extend(other_points(&certificate));
    if points.is_empty() {
        Ok(warnings(&certificate))
    } else {
        Err(ProfileError { points })
    }
}

/// The common name or the organization contains the provider's name (SG-09).
pub fn names_provider(leaf_der: &[u8], provider_name: &str) -> bool {
    read(leaf_der).is_ok_and(|certificate| name_point(&certificate, provider_name).is_none())
}

/// Whole days of validity that remain at `now`; negative once it has expired (SG-12).
pub fn days_left(leaf_der: &[u8], now: Instant) -> Result<i64, ProfileError> {
    let not_after = read(leaf_der)?.not_after;
    Ok((not_after.as_millis() - now.as_millis()).div_euclid(DAY_MILLIS))
}

/// The alarm that `days` left call for: the smallest threshold that has been reached (SG-12).
pub fn expiry_alarm(days: i64) -> Option<i64> {
    let reached = EXPIRY_ALARM_DAYS.iter().copied();
    reached.filter(|threshold| days <= *threshold).min()
}

fn read(leaf_der: &[u8]) -> Result<Certificate<'_>, ProfileError> {
    Certificate::read(leaf_der).map_err(|DerError(why)| ProfileError {
        points: vec![format!("it is not a readable X.509 certificate ({why})")],
    })
}

fn key_points(certificate: &Certificate<'_>, keys: AllowedKeys) -> Option<String> {
    match certificate.public_key() {
        Ok(key @ PublicKey::Rsa { .. }) => {
            let bits = key.rsa_bits().filter(|bits| *bits < RSA_BITS_MIN)?;
            Some(format!(
                "its RSA key has {bits} bits, fewer than {RSA_BITS_MIN}"
            ))
        }
        Ok(PublicKey::P256(_)) if keys == AllowedKeys::RsaAndP256 => None,
        Ok(PublicKey::P256(_)) => Some(
            "its key is on the curve P-256 and not RSA, which alone is allowed unless \
             `ecdsa_keys_allowed = true` is in [policy]"
                .to_owned(),
        ),
        _ => Some("its key is not RSA".to_owned()),
    }
}

fn name_point(certificate: &Certificate<'_>, provider_name: &str) -> Option<String> {
    let wanted = provider_name.trim().to_lowercase();
    let mut names = certificate.subject_attributes(&oid::COMMON_NAME);
    names.extend(certificate.subject_attributes(&oid::ORGANIZATION));
    let is_named = names
        .iter()
        .any(|name| name.to_lowercase().contains(&wanted));
    (!is_named || wanted.is_empty()).then(|| {
        format!(
            "neither its common name nor its organization contains the provider's name `{provider_name}` (found: {})",
            listed(&names)
        )
    })
}

fn address_points(certificate: &Certificate<'_>, service_address: Option<&str>) -> Vec<String> {
    let addresses = certificate.mail_addresses();
    let mut points = Vec::new();
    if addresses.is_empty() {
        points.push("its subject alternative name holds no mail address (rfc822Name)".to_owned());
    } else if let Some(wanted) = service_address
        && !addresses
            .iter()
            .any(|found| found.eq_ignore_ascii_case(wanted))
    {
        points.push(format!(
            "its mail address is {}, not the service address `{wanted}`",
            listed(&addresses)
        ));
    }
    points.extend(not_critical(
        certificate.extension(&oid::SUBJECT_ALT_NAME),
        "subject alternative name",
    ));
    points
}

fn listed(values: &[String]) -> String {
    if values.is_empty() {
        return "none".to_owned();
    }
    let quoted: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
    quoted.join(", ")
}

fn not_critical(extension: Option<&Extension<'_>>, name: &str) -> Option<String> {
    extension
        .filter(|extension| extension.is_critical)
        .map(|_| format!("its {name} extension is critical and must not be"))
}

fn key_usage_points(certificate: &Certificate<'_>) -> Vec<String> {
    const DIGITAL_SIGNATURE: u8 = 0x80;
    let Some(usage) = certificate.extension(&oid::KEY_USAGE) else {
        return vec!["it has no key usage extension".to_owned()];
    };
    let mut points = Vec::new();
    if !usage.is_critical {
        points.push("its key usage extension is not critical and must be".to_owned());
    }
    // BIT STRING: the count of unused bits, then the bits.
    let bits = Reader::new(usage.value).expect(tag::BIT_STRING);
    let first = bits.ok().and_then(|bits| bits.content.get(1).copied());
    if first.unwrap_or(0) & DIGITAL_SIGNATURE == 0 {
        points.push("its key usage does not include digitalSignature".to_owned());
    }
    points
}

fn identifier_points(certificate: &Certificate<'_>) -> Vec<String> {
    let mut points = Vec::new();
    let own = certificate.extension(&oid::SUBJECT_KEY_IDENTIFIER);
    if certificate
        .subject_key_identifier()
        .is_none_or(<[u8]>::is_empty)
    {
        points.push("it has no subject key identifier".to_owned());
    }
    points.extend(not_critical(own, "subject key identifier"));
    let issuers = certificate.extension(&oid::AUTHORITY_KEY_IDENTIFIER);
    let has_identifier = issuers.is_some_and(|extension| {
        let sequence = Reader::new(extension.value).expect(tag::SEQUENCE);
        sequence.is_ok_and(|sequence| {
            let identifier = sequence.reader().optional(tag::context_primitive(0));
            identifier.is_ok_and(|found| found.is_some_and(|found| !found.content.is_empty()))
        })
    });
    if !has_identifier {
        points.push("it has no authority key identifier with a keyIdentifier".to_owned());
    }
    points.extend(not_critical(issuers, "authority key identifier"));
    points
}

fn other_points(certificate: &Certificate<'_>) -> Vec<String> {
    let mut points = Vec::new();
    if certificate.extension(&oid::BASIC_CONSTRAINTS).is_some() {
        points.push("it has a basic constraints extension, which must be absent".to_owned());
    }
    // Those have a sentence of their own.
    let judged = [
        oid::KEY_USAGE,
        oid::SUBJECT_ALT_NAME,
        oid::SUBJECT_KEY_IDENTIFIER,
        oid::AUTHORITY_KEY_IDENTIFIER,
        oid::BASIC_CONSTRAINTS,
    ];
    let others = certificate.extensions.iter().filter(|extension| {
        extension.is_critical && !judged.iter().any(|id| oid::is(extension.id, id))
    });
    points.extend(others.map(|extension| {
        let id = oid::dotted(extension.id);
        format!("its extension {id} is critical; only key usage may be")
    }));
    points
}

fn warnings(certificate: &Certificate<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    let in_subject = certificate.subject_attributes(&oid::EMAIL_ADDRESS);
    if !in_subject.is_empty() {
        warnings.push(format!(
            "the subject holds a mail address ({}), which belongs only in the alternative name",
            listed(&in_subject)
        ));
    }
    if let Some(purposes) = certificate.extension(&oid::EXTENDED_KEY_USAGE)
        && !allows_mail(purposes)
    {
        warnings.push("the extended key usage does not include mail protection".to_owned());
    }
    warnings
}

fn allows_mail(purposes: &Extension<'_>) -> bool {
    let Ok(sequence) = Reader::new(purposes.value).expect(tag::SEQUENCE) else {
        return false;
    };
    let mut reader = sequence.reader();
    while let Ok(purpose) = reader.expect(tag::OID) {
        if oid::is(purpose.content, &oid::EMAIL_PROTECTION) {
            return true;
        }
    }
    false
}
