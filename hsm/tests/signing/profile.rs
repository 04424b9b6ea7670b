//! SG-11: each broken point of RFC 6109 §5.5 is refused, and named.

use ceralacca_core::smime::profile::{self, expiry_alarm};
use ceralacca_hsm::authority::Deviation;
use proptest::prelude::*;

use crate::parts::{PROVIDER, SERVICE, authority, now, openssl, software_key};

fn judge(deviations: &[Deviation]) -> Result<Vec<String>, Vec<String>> {
    let key = software_key();
    let leaf = authority()
        .issue_for(key.public(), PROVIDER, SERVICE, 365, now(), deviations)
        .unwrap();
    profile::check(&leaf, Some(PROVIDER), Some(SERVICE)).map_err(|error| error.points)
}

#[test]
fn sg_10_a_certificate_of_the_profile_passes_without_a_warning() {
    assert_eq!(judge(&[]), Ok(vec![]));
}

#[test]
fn sg_11_each_broken_point_is_named_and_nothing_else() {
    let cases = [
        (Deviation::NoKeyUsage, "no key usage"),
        (
            Deviation::KeyUsageNotCritical,
            "key usage extension is not critical",
        ),
        (Deviation::NoDigitalSignature, "digitalSignature"),
        (
            Deviation::NoAuthorityKeyIdentifier,
            "no authority key identifier",
        ),
        (
            Deviation::AuthorityKeyIdentifierCritical,
            "authority key identifier extension is critical",
        ),
        (
            Deviation::NoSubjectKeyIdentifier,
            "no subject key identifier",
        ),
        (
            Deviation::SubjectKeyIdentifierCritical,
            "subject key identifier extension is critical",
        ),
        (Deviation::NoMailAddress, "holds no mail address"),
        (
            Deviation::MailAddressCritical,
            "subject alternative name extension is critical",
        ),
        (Deviation::OtherMailAddress, "not the service address"),
        (Deviation::BasicConstraints, "basic constraints"),
        (Deviation::OtherCritical, "2.5.29.37 is critical"),
        (Deviation::OtherProviderName, "provider's name"),
    ];
    for (deviation, words) in cases {
        let points = judge(&[deviation]).unwrap_err();
        assert_eq!(points.len(), 1, "{deviation:?}: {points:?}");
        assert!(points[0].contains(words), "{deviation:?}: {points:?}");
    }
}

#[test]
fn sg_11_all_broken_points_are_named_together() {
    let points = judge(&[Deviation::NoKeyUsage, Deviation::OtherMailAddress]).unwrap_err();
    assert_eq!(points.len(), 2, "{points:?}");
}

#[test]
fn sg_10_a_mail_address_in_the_subject_is_only_a_warning() {
    let warnings = judge(&[Deviation::MailAddressInSubject]).unwrap();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains(SERVICE), "{warnings:?}");
}

#[test]
fn sg_05_sg_09_names_compare_without_regard_to_case() {
    let key = software_key();
    let leaf = authority()
        .issue_for(key.public(), PROVIDER, SERVICE, 365, now(), &[])
        .unwrap();
    let provider = PROVIDER.to_uppercase();
    let service = SERVICE.to_uppercase();
    assert!(profile::check(&leaf, Some(&provider), Some(&service)).is_ok());
    assert!(profile::check(&leaf, None, None).is_ok());
    assert!(profile::check(&leaf, Some(""), None).is_err());
}

#[test]
fn sg_04_a_key_of_1024_bits_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let made = openssl(
        folder.path(),
        &[
            "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=weak", "-days", "1",
            "-outform", "DER", "-keyout", "k.pem", "-out", "c.der",
        ],
    );
    assert!(made.status.success());
    let leaf = std::fs::read(folder.path().join("c.der")).unwrap();
    let points = profile::check(&leaf, None, None).unwrap_err().points;
    assert!(
        points.iter().any(|point| point.contains("1024 bits")),
        "{points:?}"
    );
}

#[test]
fn sg_12_expiry_is_announced_at_90_30_and_7_days() {
    let key = software_key();
    let at = now();
    let leaf = authority()
        .issue_for(key.public(), PROVIDER, SERVICE, 100, at, &[])
        .unwrap();
    let days = |later: i64| {
        let moment = at.plus_millis(later * 86_400_000 + 60_000);
        profile::days_left(&leaf, moment).unwrap()
    };
    assert_eq!((days(0), days(99), days(100), days(101)), (99, 0, -1, -2));
    let alarms = [91, 90, 31, 30, 8, 7, 0, -5].map(expiry_alarm);
    let expected = [
        None,
        Some(90),
        Some(90),
        Some(30),
        Some(30),
        Some(7),
        Some(7),
        Some(7),
    ];
    assert_eq!(alarms, expected);
}

proptest! {
    #[test]
    fn a_spoiled_certificate_is_judged_without_panic(
        place in any::<prop::sample::Index>(),
        octet in any::<u8>(),
    ) {
        static LEAF: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let mut leaf = LEAF
            .get_or_init(|| {
                let key = software_key();
                let made = authority().issue_for(key.public(), PROVIDER, SERVICE, 9, now(), &[]);
                made.unwrap()
            })
            .clone();
        let place = place.index(leaf.len());
        leaf[place] = octet;
        let _ = profile::check(&leaf, Some(PROVIDER), Some(SERVICE));
        let _ = profile::days_left(&leaf, now());
        leaf.truncate(place);
        prop_assert!(profile::check(&leaf, None, None).is_err());
    }
}
