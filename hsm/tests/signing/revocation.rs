//! Revocation lists and constrained authorities of the evaluation authority, judged by our shelf and by
//! OpenSSL; and chains that OpenSSL signs in other ways.

use ceralacca_core::smime::certificate::{Certificate, pem, read_file};
use ceralacca_core::smime::chain::{self, Allowance, ChainError};
use ceralacca_core::smime::crl::{RevocationList, distribution_points};
use ceralacca_core::smime::oid;
use ceralacca_core::smime::revocation::{Asked, Revocation, RevocationError};
use ceralacca_hsm::{Authority, Permitted};

use crate::parts::{PROVIDER, SERVICE, authority, now, openssl, software_key};

const HOUR: i64 = 3_600_000;
const URL: &str = "http://crl.example/prova.crl";

#[test]
fn ip_04_a_certificate_of_the_authority_is_good_until_its_list_revokes_it() {
    let key = software_key();
    let root = Authority::create("Autorita con liste", now()).unwrap();
    let root = root.publishing_at(URL);
    let leaf = root.issue_for(key.public(), PROVIDER, SERVICE, 30, now(), &[]);
    let leaf = leaf.unwrap();
    let certificate = Certificate::read(&leaf).unwrap();
    assert_eq!(distribution_points(&certificate), [URL]);
    let profile = ceralacca_core::smime::profile::check(&leaf, Some(PROVIDER), Some(SERVICE));
    assert_eq!(profile, Ok(vec![]));
    let shelf = Revocation::new(vec![root.certificate().to_vec()], Allowance::default());
    let verdict = || {
        shelf
            .walk(&leaf, &[], Asked::Now(now()))
            .map(|(_, facts)| facts)
    };
    assert!(matches!(
        verdict(),
        Err(ChainError::NoRevocationInformation { .. })
    ));
    let made = now().plus_millis(-HOUR);
    let until = now().plus_millis(HOUR);
    let empty = root.crl(&[], made, until).unwrap();
    shelf.put(&empty, &[], now()).unwrap();
    assert!(verdict().is_ok());
    let revoking = root
        .crl(&[(certificate.serial, made)], now(), until)
        .unwrap();
    let (older, newer) = (
        RevocationList::read(&empty).unwrap(),
        RevocationList::read(&revoking).unwrap(),
    );
    assert!(older.number() < newer.number(), "numbers grow with time");
    shelf.put(&revoking, &[], now()).unwrap();
    assert!(matches!(verdict(), Err(ChainError::Revoked { .. })));
    let past = made.plus_millis(-HOUR);
    let path = chain::walk(
        &leaf,
        &[],
        &[root.certificate().to_vec()],
        now(),
        Allowance::default(),
    );
    let path = path.unwrap();
    assert!(shelf.status(&path, Asked::Then(past)).is_ok());
    let since = shelf.status(&path, Asked::Then(now()));
    assert!(matches!(since, Err(RevocationError::Revoked { .. })));
    // OpenSSL says the same.
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, octets: &[u8]| std::fs::write(folder.path().join(name), octets);
    write("ca.pem", root.certificate_pem().as_bytes()).unwrap();
    write("leaf.pem", pem("CERTIFICATE", &leaf).as_bytes()).unwrap();
    for (list, is_good) in [(&empty, true), (&revoking, false)] {
        write("list.pem", pem("X509 CRL", list).as_bytes()).unwrap();
        let arguments = [
            "verify",
            "-x509_strict",
            "-crl_check",
            "-CRLfile",
            "list.pem",
            "-CAfile",
            "ca.pem",
            "leaf.pem",
        ];
        let answer = openssl(folder.path(), &arguments);
        let told = String::from_utf8_lossy(&answer.stderr).into_owned();
        assert_eq!(answer.status.success(), is_good, "{told}");
        assert!(is_good || told.contains("certificate revoked"), "{told}");
    }
}

#[test]
fn serial_numbers_are_long_random_and_never_the_same() {
    let key = software_key();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let leaf = authority().issue_for(key.public(), PROVIDER, SERVICE, 30, now(), &[]);
        let leaf = leaf.unwrap();
        let serial = Certificate::read(&leaf).unwrap().serial.to_vec();
        assert!(serial.len() == 18 && serial[2] < 0x80, "{serial:?}");
        assert!(seen.insert(serial));
    }
}

#[test]
fn an_authority_below_issues_only_what_it_may() {
    let key = software_key();
    let permitted = Permitted {
        mail: &["pec.example"],
        directory: &[&[(oid::COUNTRY, "IT")]],
    };
    let below = authority()
        .constrained("Autorita per la PEC", &permitted, now())
        .unwrap();
    let anchors = [authority().certificate().to_vec()];
    let verdict = |address| {
        let made = below.signing_certificate(key.public(), PROVIDER, address, 30, now());
        let made = made.unwrap();
        assert_eq!(made.chain.len(), 2, "its own certificate and the one above");
        (
            chain::check(&made.certificate, &made.chain, &anchors, now()),
            made,
        )
    };
    let (good, made) = verdict(SERVICE);
    assert_eq!(good, Ok(()));
    let (refused, outside) = verdict("posta-certificata@altro.test");
    assert!(
        matches!(refused, Err(ChainError::NameConstraint { .. })),
        "{refused:?}"
    );
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("ca.pem", &authority().certificate_pem());
    write("below.pem", &below.certificate_pem());
    for (leaf, is_good) in [(&made.certificate, true), (&outside.certificate, false)] {
        write("leaf.pem", &pem("CERTIFICATE", leaf));
        let arguments = [
            "verify",
            "-x509_strict",
            "-purpose",
            "smimesign",
            "-CAfile",
            "ca.pem",
            "-untrusted",
            "below.pem",
            "leaf.pem",
        ];
        let answer = openssl(folder.path(), &arguments);
        let told = String::from_utf8_lossy(&answer.stderr).into_owned();
        assert_eq!(answer.status.success(), is_good, "{told}");
        assert!(
            is_good || told.contains("permitted subtree violation"),
            "{told}"
        );
    }
}

/// A leaf below a root, both signed by OpenSSL with these arguments.
fn by_openssl(arguments: &[&str]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let folder = tempfile::tempdir().unwrap();
    let run = |fixed: &[&str]| {
        let made = openssl(folder.path(), &[fixed, arguments].concat());
        let told = String::from_utf8_lossy(&made.stderr).into_owned();
        assert!(made.status.success(), "{told}");
    };
    run(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/O=Radice",
        "-days",
        "2",
        "-keyout",
        "root.key",
        "-out",
        "root.pem",
    ]);
    run(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/O=Gestore",
        "-days",
        "2",
        "-keyout",
        "leaf.key",
        "-out",
        "leaf.pem",
        "-CA",
        "root.pem",
        "-CAkey",
        "root.key",
    ]);
    let read = |name: &str| {
        let octets = std::fs::read(folder.path().join(name)).unwrap();
        read_file(&octets).unwrap()
    };
    (read("leaf.pem").remove(0), read("root.pem"))
}

#[test]
fn ip_14_each_digest_and_pss_hold_in_certificates_and_sha_1_only_where_allowed() {
    // Certificates have just begun to be valid.
    let soon = || now().plus_millis(1000);
    let pss = [
        "-sigopt",
        "rsa_padding_mode:pss",
        "-sigopt",
        "rsa_pss_saltlen:digest",
    ];
    let cases: [&[&str]; 4] = [
        &["-sha256"],
        &["-sha384"],
        &["-sha512"],
        &["-sha256", pss[0], pss[1], pss[2], pss[3]],
    ];
    for arguments in cases {
        let (leaf, anchors) = by_openssl(arguments);
        let verdict = chain::check(&leaf, &[], &anchors, soon());
        assert_eq!(verdict, Ok(()), "{arguments:?}");
    }
    let (leaf, anchors) = by_openssl(&["-sha1"]);
    let refused = chain::check(&leaf, &[], &anchors, soon());
    assert!(
        matches!(refused, Err(ChainError::SignatureRefused { .. })),
        "{refused:?}"
    );
    let allowance = Allowance {
        sha1_in_certificates: true,
    };
    let allowed = chain::walk(&leaf, &[], &anchors, soon(), allowance);
    assert_eq!(allowed.map(|path| path.certificates().len()), Ok(2));
    // Allowed is not believed: another root of the same name.
    let (_, others) = by_openssl(&["-sha1"]);
    let wrong = chain::walk(&leaf, &[], &others, soon(), allowance);
    assert!(
        matches!(wrong, Err(ChainError::SignatureWrong { .. })),
        "{wrong:?}"
    );
}
