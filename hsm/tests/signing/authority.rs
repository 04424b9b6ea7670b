//! The evaluation authority, judged by OpenSSL.

use std::net::IpAddr;

use ceralacca_hsm::operations::KeyHolder;
use ceralacca_hsm::{Authority, HsmError, Operations};

use crate::parts::{PROVIDER, SERVICE, authority, now, openssl};

#[test]
fn openssl_reads_our_request_and_accepts_our_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let operations = Operations::new(KeyHolder::Software {
        folder: folder.path().to_owned(),
    });
    operations.keygen("pec", 2048).unwrap();
    let csr = operations.csr("pec", PROVIDER, SERVICE).unwrap();
    std::fs::write(at("r.pem"), &csr).unwrap();
    let read = openssl(
        folder.path(),
        &["req", "-in", "r.pem", "-verify", "-noout", "-text"],
    );
    let text = String::from_utf8_lossy(&read.stdout).into_owned();
    assert!(
        read.status.success() && text.contains(SERVICE) && text.contains(PROVIDER),
        "{text}"
    );
    std::fs::write(at("ca.pem"), authority().certificate_pem()).unwrap();
    let leaf = authority()
        .issue(&csr, PROVIDER, SERVICE, 30, now())
        .unwrap();
    std::fs::write(at("leaf.pem"), leaf).unwrap();
    let mail = [
        "verify",
        "-x509_strict",
        "-purpose",
        "smimesign",
        "-CAfile",
        "ca.pem",
        "leaf.pem",
    ];
    let verified = openssl(folder.path(), &mail);
    assert!(
        verified.status.success(),
        "{}",
        String::from_utf8_lossy(&verified.stderr)
    );
    let addresses: [IpAddr; 2] = ["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
    let server = authority()
        .server_identity(&["mail.pec.example"], &addresses, 30, now())
        .unwrap();
    std::fs::write(at("server.pem"), &server.certificate_pem).unwrap();
    let tls = [
        "verify",
        "-x509_strict",
        "-purpose",
        "sslserver",
        "-verify_hostname",
        "mail.pec.example",
        "-CAfile",
        "ca.pem",
        "server.pem",
    ];
    let verified = openssl(folder.path(), &tls);
    assert!(
        verified.status.success(),
        "{}",
        String::from_utf8_lossy(&verified.stderr)
    );
    std::fs::write(at("k.pem"), server.key_pem.as_bytes()).unwrap();
    let key = openssl(folder.path(), &["pkey", "-in", "k.pem", "-noout", "-check"]);
    assert!(key.status.success());
}

#[test]
fn a_request_made_by_openssl_is_read_and_a_spoiled_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let made = openssl(
        folder.path(),
        &[
            "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-keyout", "k.pem",
            "-out", "r.pem",
        ],
    );
    assert!(made.status.success());
    let csr = std::fs::read_to_string(folder.path().join("r.pem")).unwrap();
    authority()
        .issue(&csr, PROVIDER, SERVICE, 30, now())
        .unwrap();
    let middle = csr.len() / 2;
    let other = if csr.as_bytes()[middle] == b'A' {
        "B"
    } else {
        "A"
    };
    let spoiled = format!("{}{other}{}", &csr[..middle], &csr[middle + 1..]);
    assert!(
        authority()
            .issue(&spoiled, PROVIDER, SERVICE, 30, now())
            .is_err()
    );
    let nothing = authority().issue("nothing", PROVIDER, SERVICE, 30, now());
    assert!(matches!(nothing, Err(HsmError::Request(_))));
}

#[test]
fn an_authority_is_saved_once_and_loaded() {
    let folder = tempfile::tempdir().unwrap();
    authority().save(folder.path()).unwrap();
    assert!(authority().save(folder.path()).is_err());
    let loaded = Authority::load(folder.path()).unwrap();
    assert_eq!(loaded.certificate(), authority().certificate());
}
