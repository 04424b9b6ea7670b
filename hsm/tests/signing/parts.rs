//! What the tests share: a provider with its authority, a signed message built by hand, OpenSSL.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest;
use ceralacca_core::instant::Instant;
use ceralacca_core::ports::{Clock, Signature, Signer, SigningRequest, SystemClock};
use ceralacca_core::smime::{SigningCertificate, cms};
use ceralacca_hsm::{Authority, SoftwareKey};

pub const PROVIDER: &str = "Gestore di Prova S.p.A.";
pub const SERVICE: &str = "posta-certificata@pec.example";
pub const CONTENT: &[u8] = b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\nRicevuta\r\n";

pub fn now() -> Instant {
    SystemClock.now()
}

/// One authority and one key for all tests of this process: keys are slow to make.
pub fn authority() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(|| Authority::create("Autorita di prova", now()).unwrap())
}

pub fn software_key() -> Arc<SoftwareKey> {
    static KEY: OnceLock<Arc<SoftwareKey>> = OnceLock::new();
    Arc::clone(KEY.get_or_init(|| Arc::new(SoftwareKey::generate(2048).unwrap())))
}

pub fn certificate_of(key: &SoftwareKey) -> Arc<SigningCertificate> {
    let certificate = authority().signing_certificate(key.public(), PROVIDER, SERVICE, 365, now());
    Arc::new(certificate.unwrap())
}

pub fn request(content: &[u8]) -> SigningRequest {
    let hash = digest::digest(&digest::SHA256, content);
    SigningRequest::of(hash.as_ref().try_into().unwrap(), now())
}

pub fn sign_one(signer: &dyn Signer, content: &[u8]) -> Signature {
    let mut answers = signer.sign(&[request(content)]);
    assert_eq!(answers.len(), 1);
    answers.remove(0).unwrap()
}

/// `multipart/signed` around `content` (SG-01).
pub fn message(content: &[u8], signature: &Signature) -> Vec<u8> {
    let p7s = cms::signed_data(signature).unwrap();
    let encoded = data_encoding::BASE64_MIME.encode(&p7s);
    let head = "From: posta-certificata@pec.example\r\nSubject: prova\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\";\r\n \
        micalg=\"sha-256\"; boundary=\"b1\"\r\n\r\n--b1\r\n";
    let middle = "\r\n--b1\r\nContent-Type: application/pkcs7-signature; name=\"smime.p7s\"\r\n\
        Content-Transfer-Encoding: base64\r\n\
        Content-Disposition: attachment; filename=\"smime.p7s\"\r\n\r\n";
    [
        head.as_bytes(),
        content,
        middle.as_bytes(),
        encoded.as_bytes(),
        b"\r\n--b1--\r\n",
    ]
    .concat()
}

pub fn openssl(folder: &Path, arguments: &[&str]) -> Output {
    let ran = Command::new("openssl")
        .current_dir(folder)
        .args(arguments)
        .output();
    ran.expect("`openssl` is needed for these tests: run `make setup`")
}

/// The strictest check that OpenSSL has for such a message.
pub fn openssl_accepts(content: &[u8], signature: &Signature) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("m.eml"), message(content, signature)).unwrap();
    std::fs::write(folder.path().join("ca.pem"), authority().certificate_pem()).unwrap();
    let answer = openssl(
        folder.path(),
        &[
            "cms",
            "-verify",
            "-cades",
            "-purpose",
            "smimesign",
            "-x509_strict",
            "-in",
            "m.eml",
            "-CAfile",
            "ca.pem",
            "-out",
            "/dev/null",
        ],
    );
    if answer.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&answer.stderr).into_owned())
    }
}
