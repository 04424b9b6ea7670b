//! The national index as tests make it: LDIF written by hand, with hashes and base64 of its own, and a
//! signer whom an appliance pins.

use std::path::PathBuf;
use std::process::Output;
use std::sync::Arc;

use aws_lc_rs::digest;
use ceralacca_core::directory::signed;
use ceralacca_core::ports::{Clock, SystemClock};
use ceralacca_hsm::{Authority, SoftwareKey, SoftwareSigner};
use data_encoding::{BASE64, HEXLOWER};

use crate::appliance::Appliance;
use crate::program::arg;
use crate::workspace;

/// The head of an index: its root.
pub const ROOT: &str = "version: 1\n\ndn: o=postacert\nobjectClass: top\n\
    objectClass: organization\nobjectClass: LDIFLocationURLObject\no: postacert\n\
    LDIFLocationURL: https://index.test/index.p7m\n";

/// Who signs the index.
pub struct Index {
    folder: tempfile::TempDir,
    authority: Authority,
    signer: SoftwareSigner,
}

impl Default for Index {
    fn default() -> Self {
        Self::new()
    }
}

impl Index {
    /// With keys of its own.
    pub fn new() -> Self {
        let now = SystemClock.now();
        let authority = Authority::create("Indice di Prova", now).expect("an authority");
        let key = Arc::new(SoftwareKey::generate(2048).expect("a key"));
        let certificate =
            authority.signing_certificate(key.public(), "Indice", "indice@index.test", 365, now);
        let certificate = Arc::new(certificate.expect("a certificate"));
        let folder = workspace::scratch();
        let pem = authority.certificate_pem();
        std::fs::write(folder.path().join("signer.pem"), pem).expect("written");
        let signer = SoftwareSigner::start(key, certificate).expect("a signer");
        Self {
            folder,
            authority,
            signer,
        }
    }

    /// A file of it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The appliance trusts it from now on.
    pub fn pin(&self, appliance: &Appliance) {
        appliance.set("directory", "signer", arg(&self.path("signer.pem")));
    }

    /// A text, signed (`.p7m`).
    pub fn sealed(&self, text: &str) -> Vec<u8> {
        signed::seal(&self.signer, text.as_bytes(), SystemClock.now()).expect("a signature")
    }

    /// What `directory import` says of a text that is signed for it.
    pub fn import(&self, appliance: &Appliance, text: &str) -> Output {
        let file = self.path("import.p7m");
        std::fs::write(&file, self.sealed(text)).expect("written");
        appliance.command(&["directory", "import", arg(&file)])
    }

    /// A new signing certificate of a provider (DER).
    pub fn certificate(&self, provider: &str) -> Vec<u8> {
        let key = SoftwareKey::generate(2048).expect("a key");
        let address = "posta-certificata@other.test";
        let issued =
            self.authority
                .issue_for(key.public(), provider, address, 365, SystemClock.now(), &[]);
        issued.expect("a certificate")
    }
}

/// SHA-1 in hexadecimal.
pub fn hash(der: &[u8]) -> String {
    HEXLOWER.encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, der).as_ref())
}

/// A record of a provider as it stands in an index.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// `providerName`.
    pub name: &'a str,
    /// `providerUnit`.
    pub unit: Option<&'a str>,
    /// `mailReceipt`.
    pub receipt: &'a str,
    /// `managedDomains`.
    pub domains: Vec<String>,
    /// `providerCertificate`, DER.
    pub certificates: Vec<&'a [u8]>,
}

impl Entry<'_> {
    /// Its text, an empty line before it.
    pub fn text(&self) -> String {
        let name = self.name;
        let mut text = match self.unit {
            None => format!("\ndn: providerName={name},o=postacert\n"),
            Some(unit) => {
                format!(
                    "\ndn: providerUnit={unit},providerName={name},o=postacert\nproviderUnit: {unit}\n"
                )
            }
        };
        text += &format!("objectClass: top\nobjectClass: provider\nproviderName: {name}\n");
        for der in &self.certificates {
            text += &format!("providerCertificateHash: {}\n", hash(der));
            text += "providerCertificate;binary::\n";
            let base64 = BASE64.encode(der);
            for line in base64.as_bytes().chunks(60) {
                text += &format!(" {}\n", String::from_utf8_lossy(line));
            }
        }
        text += &format!("mailReceipt: {}\n", self.receipt);
        if self.unit.is_none() {
            text += &format!("LDIFLocationURL: https://{}/own.p7m\n", self.domains[0]);
        }
        for domain in &self.domains {
            text += &format!("managedDomains: {domain}\n");
        }
        text
    }
}

/// An index of these.
pub fn index(entries: &[Entry<'_>]) -> String {
    let entries: String = entries.iter().map(Entry::text).collect();
    format!("{ROOT}{entries}")
}

/// A provider with these domains and one certificate.
pub fn entry<'a>(name: &'a str, domains: &[&str], certificate: &'a [u8]) -> Entry<'a> {
    Entry {
        name,
        unit: None,
        receipt: "ricevute@other.test",
        domains: domains.iter().map(ToString::to_string).collect(),
        certificates: vec![certificate],
    }
}
