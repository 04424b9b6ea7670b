//! The software key.

use ceralacca_core::ports::Signer;
use ceralacca_hsm::operations::KeyHolder;
use ceralacca_hsm::{HsmError, Operations, SoftwareKey, SoftwareSigner};

use crate::parts::{
    CONTENT, PROVIDER, SERVICE, authority, certificate_of, now, openssl_accepts, request, sign_one,
    software_key,
};

#[test]
fn sg_01_sg_16_openssl_accepts_a_message_signed_in_software() {
    let key = software_key();
    let signer = SoftwareSigner::start(key.clone(), certificate_of(&key)).unwrap();
    let signature = sign_one(&signer, CONTENT);
    openssl_accepts(CONTENT, &signature).unwrap();
    let refused = openssl_accepts(b"Content-Type: text/plain\r\n\r\nAltro\r\n", &signature);
    assert!(
        refused.unwrap_err().contains("verif"),
        "an altered message was accepted"
    );
}

#[test]
fn sg_04_keys_of_3072_bits_work_and_short_ones_are_refused() {
    let key = std::sync::Arc::new(SoftwareKey::generate(3072).unwrap());
    let signer = SoftwareSigner::start(key.clone(), certificate_of(&key)).unwrap();
    openssl_accepts(CONTENT, &sign_one(&signer, CONTENT)).unwrap();
    assert_eq!(
        SoftwareKey::generate(1024).unwrap_err(),
        HsmError::KeySize(1024)
    );
}

#[test]
fn hs_01_a_software_key_is_shown_as_such() {
    let key = software_key();
    let signer = SoftwareSigner::start(key.clone(), certificate_of(&key)).unwrap();
    let words = signer.describe();
    assert_eq!(words.name, "software key (evaluation only)");
    assert!(words.is_software && words.is_available);
}

#[test]
fn a_certificate_of_another_key_is_refused_at_start() {
    let other = SoftwareKey::generate(2048).unwrap();
    let started = SoftwareSigner::start(software_key(), certificate_of(&other));
    assert_eq!(started.err(), Some(HsmError::OtherKey));
}

#[test]
fn a_batch_is_answered_in_order_and_in_number() {
    let key = software_key();
    let signer = SoftwareSigner::start(key.clone(), certificate_of(&key)).unwrap();
    let requests: Vec<_> = (0..40_u8).map(|n| request(&[n])).collect();
    let answers = signer.sign(&requests);
    assert_eq!(answers.len(), requests.len());
    for (asked, answer) in requests.iter().zip(answers) {
        let attributes = answer.unwrap().signed_attributes;
        let digest = asked.content_digest.as_slice();
        assert!(attributes.windows(32).any(|found| found == digest));
    }
    assert!(signer.sign(&[]).is_empty());
}

#[test]
fn the_way_from_keygen_to_signer_is_walked_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    let operations = Operations::new(KeyHolder::Software { folder: keys });
    operations.init(None).unwrap();
    let made = operations.keygen("pec-1", 2048).unwrap();
    assert_eq!(
        (made.bits, made.is_software, made.has_certificate),
        (2048, true, false)
    );
    assert_eq!(
        operations.keygen("pec-1", 2048).unwrap_err(),
        HsmError::KeyExists("pec-1".to_owned())
    );
    assert!(operations.keygen("../pec", 2048).is_err());
    let csr = operations.csr("pec-1", PROVIDER, SERVICE).unwrap();
    let issued = authority()
        .issue(&csr, PROVIDER, SERVICE, 365, now())
        .unwrap();
    // Chain first: the order in the file does not matter.
    let file = authority().certificate_pem() + &issued;
    let imported = operations
        .import_certificate("pec-1", file.as_bytes(), PROVIDER, SERVICE)
        .unwrap();
    assert_eq!(imported.certificate.chain, [authority().certificate()]);
    assert!(imported.warnings.is_empty());
    let certificate = std::sync::Arc::new(imported.certificate);
    let listed = operations
        .list(std::slice::from_ref(&certificate.certificate))
        .unwrap();
    assert!(listed.len() == 1 && listed[0].has_certificate && listed[0].label == "pec-1");
    let signer = operations.signer("pec-1", certificate).unwrap();
    openssl_accepts(CONTENT, &sign_one(signer.as_ref(), CONTENT)).unwrap();
}

#[test]
fn sg_11_a_certificate_is_refused_on_import_with_the_point_named() {
    let folder = tempfile::tempdir().unwrap();
    let operations = Operations::new(KeyHolder::Software {
        folder: folder.path().to_owned(),
    });
    operations.keygen("pec-1", 2048).unwrap();
    operations.keygen("pec-2", 2048).unwrap();
    let csr = operations.csr("pec-1", PROVIDER, SERVICE).unwrap();
    let issued = authority()
        .issue(&csr, PROVIDER, SERVICE, 365, now())
        .unwrap();
    let import = |label: &str, provider: &str, service: &str| {
        operations
            .import_certificate(label, issued.as_bytes(), provider, service)
            .map(|_| ())
    };
    import("pec-1", PROVIDER, SERVICE).unwrap();
    assert_eq!(import("pec-2", PROVIDER, SERVICE), Err(HsmError::OtherKey));
    let other_name = import("pec-1", "Altro Gestore", SERVICE)
        .unwrap_err()
        .to_string();
    assert!(
        other_name.contains("provider's name `Altro Gestore`"),
        "{other_name}"
    );
    let other_mail = import("pec-1", PROVIDER, "altro@pec.example")
        .unwrap_err()
        .to_string();
    assert!(
        other_mail.contains("not the service address"),
        "{other_mail}"
    );
}

#[test]
fn a_key_file_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.key");
    software_key().save(&path).unwrap();
    SoftwareKey::load(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = SoftwareKey::load(&path).unwrap_err().to_string();
    assert!(refused.contains("others may read it"), "{refused}");
}

/// A key of the vector signer never lies open on the disk; `openssl` opens it with the PIN too.
#[test]
fn a_sealed_key_opens_with_its_pin_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let secret = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        file
    };
    let keys = folder.path().join("keys");
    let sealed = |pin_file| {
        Operations::new(KeyHolder::Sealed {
            folder: keys.clone(),
            pin_file,
        })
    };
    let operations = sealed(secret("pin", "una frase lunga\n"));
    operations.init(None).unwrap();
    operations.keygen("pec-1", 2048).unwrap();
    let file = keys.join("pec-1.key");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(
        text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"),
        "{text}"
    );
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let opened = |password: &str| {
        let command = ["pkey", "-in", file.to_str().unwrap(), "-noout", "-passin"];
        let mut openssl = std::process::Command::new("openssl");
        let status = openssl
            .args(command)
            .arg(format!("pass:{password}"))
            .output();
        status.unwrap().status.success()
    };
    assert!(opened("una frase lunga") && !opened("un'altra"));
    let csr = operations.csr("pec-1", PROVIDER, SERVICE).unwrap();
    let issued = authority()
        .issue(&csr, PROVIDER, SERVICE, 365, now())
        .unwrap();
    let imported = operations.import_certificate("pec-1", issued.as_bytes(), PROVIDER, SERVICE);
    let certificate = std::sync::Arc::new(imported.unwrap().certificate);
    let signer = operations.signer("pec-1", certificate.clone()).unwrap();
    openssl_accepts(CONTENT, &sign_one(signer.as_ref(), CONTENT)).unwrap();
    assert!(signer.describe().is_software, "shown as what it is");
    assert!(signer.describe().name.contains("not a certified HSM"));

    let other = sealed(secret("other", "un'altra\n"));
    let refused = other
        .signer("pec-1", certificate.clone())
        .err()
        .unwrap()
        .to_string();
    assert!(refused.contains("another PIN"), "{refused}");
    // One that was kept open before is not taken for a sealed one.
    let plain = Operations::new(KeyHolder::Software {
        folder: keys.clone(),
    });
    plain.keygen("pec-2", 2048).unwrap();
    assert!(operations.signer("pec-2", certificate).is_err());
}
