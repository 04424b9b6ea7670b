//! Keys and certificates of a data directory, and the commands on them:
//!
//! ```text
//! keys/authority.pem .key   the evaluation authority that `init` makes
//! keys/tls.pem tls-key.pem  the server's certificate, when `init` was given none
//! keys/soft/LABEL.key       the signing key in software, for evaluation (HS-01)
//! keys/signing.pem          the signing certificate with its issuers, for any kind of key
//! ```
//!
//! The signing certificate is judged by the profile of RFC 6109 §5.5 each time it is loaded (SG-11).

use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ceralacca_core::disk::DataFolder;
use ceralacca_core::ports::{Clock, Signer, SystemClock};
use ceralacca_core::smime::{SigningCertificate, certificate, profile};
use ceralacca_core::wording::SERVICE_LOCAL_PART;
use ceralacca_firmware::os::Finding;
use ceralacca_firmware::{Settings, SignerSettings, TlsSettings, or_one_per_core};
use ceralacca_hsm::operations::KeyHolder;
use ceralacca_hsm::protected::write_secret;
use ceralacca_hsm::software::SOFTWARE_KEY_WORDS;
use ceralacca_hsm::{Authority, HsmError, Operations, Pkcs11Settings};
use serde_json::{Value, json};

use crate::control::HsmRequest;
use crate::report::{Failure, Report};

/// Name of the authority that `init` makes.
const AUTHORITY_NAME: &str = "Ceralacca evaluation authority";
/// Validity of what it signs: longer than any evaluation.
const EVALUATION_DAYS: u32 = 730;
/// Bits of the evaluation key.
const EVALUATION_BITS: usize = 2048;
/// A chain of certificates.
const CHAIN_BYTES_MAX: u64 = 256 * 1024;

/// `posta-certificata@` the provider's own domain (SG-05).
pub fn service_address(settings: &Settings) -> String {
    format!("{SERVICE_LOCAL_PART}@{}", settings.provider.domain)
}

/// The evaluation authority's certificate, which mail programs are told to trust.
pub fn authority_file(data: &DataFolder) -> PathBuf {
    data.keys().join("authority.pem")
}

/// Where `init` puts the server's certificate, relative to the data directory.
pub fn tls_files() -> TlsSettings {
    TlsSettings {
        certificate: "keys/tls.pem".into(),
        key: "keys/tls-key.pem".into(),
    }
}

/// What this provider's own messages are judged by: the last issuer of its signing certificate.
pub fn anchors(data: &DataFolder) -> Result<Vec<Vec<u8>>, Failure> {
    let chain = read_chain(&signing_file(data))?;
    Ok(chain.into_iter().skip(1).next_back().into_iter().collect())
}

fn signing_file(data: &DataFolder) -> PathBuf {
    data.keys().join("signing.pem")
}

/// The keys of one data directory.
#[derive(Debug, Clone, Copy)]
pub struct Keys<'a> {
    data: &'a DataFolder,
    settings: &'a Settings,
}

impl<'a> Keys<'a> {
    /// As the settings say.
    pub const fn of(data: &'a DataFolder, settings: &'a Settings) -> Self {
        Self { data, settings }
    }

    /// Carries out a request about keys.
    pub fn perform(self, request: HsmRequest) -> Result<Report, Failure> {
        match request {
            HsmRequest::Init { so_pin_file } => self.init(so_pin_file.as_deref()),
            HsmRequest::Keygen { label, bits } => self.keygen(label.as_deref(), bits),
            HsmRequest::Csr { label } => self.csr(label.as_deref()),
            HsmRequest::ImportCert { label, chain } => self.import_cert(label.as_deref(), &chain),
            HsmRequest::List => self.list(),
        }
    }

    /// What `init` makes: a software key with its certificate, or only what TLS needs.
    pub fn make(self, with_tls: bool) -> Result<(), Failure> {
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(self.data.keys())
            .map_err(|error| told(&self.data.keys(), &error))?;
        let is_soft = matches!(self.settings.signer, SignerSettings::Soft {});
        if !is_soft && !with_tls {
            return Ok(());
        }
        let authority =
            Authority::create(AUTHORITY_NAME, SystemClock.now()).map_err(Failure::refused)?;
        authority
            .save(&self.data.keys())
            .map_err(Failure::refused)?;
        if with_tls {
            self.make_tls(&authority)?;
        }
        if is_soft {
            self.make_evaluation_key(&authority)?;
        }
        Ok(())
    }

    fn make_tls(self, authority: &Authority) -> Result<(), Failure> {
        let mut addresses = vec![IpAddr::from([127, 0, 0, 1])];
        let bind = self.settings.listen.bind;
        if !bind.is_unspecified() && !addresses.contains(&bind) {
            addresses.push(bind);
        }
        let names = [self.settings.provider.host.as_str(), "localhost"];
        let made = authority
            .server_identity(&names, &addresses, EVALUATION_DAYS, SystemClock.now())
            .map_err(Failure::refused)?;
        let files = tls_files();
        write_secret(&self.data.0.join(files.key), made.key_pem.as_bytes())
            .map_err(Failure::refused)?;
        replace(
            &self.data.0.join(files.certificate),
            made.certificate_pem.as_bytes(),
        )
    }

    fn make_evaluation_key(self, authority: &Authority) -> Result<(), Failure> {
        let operations = self.operations();
        let label = self.settings.signer.key_label();
        operations.init(None).map_err(Failure::refused)?;
        operations
            .keygen(label, EVALUATION_BITS)
            .map_err(Failure::refused)?;
        let public = operations.public_key(label).map_err(Failure::refused)?;
        let leaf = authority
            .issue_for(
                &public,
                &self.settings.provider.name,
                &service_address(self.settings),
                EVALUATION_DAYS,
                SystemClock.now(),
                &[],
            )
            .map_err(Failure::refused)?;
        let chain = certificate::pem("CERTIFICATE", &leaf) + &authority.certificate_pem();
        replace(&signing_file(self.data), chain.as_bytes())
    }

    /// The signer of the settings, its certificate judged (SG-11).
    pub fn signer(self) -> Result<Arc<dyn Signer>, Failure> {
        let chain = Arc::new(self.certificate()?);
        self.operations()
            .signer(self.settings.signer.key_label(), chain)
            .map_err(|error| self.remedy(error))
    }

    /// The signing certificate, judged by the profile (SG-11); where it lacks, the step to take.
    pub fn certificate(self) -> Result<SigningCertificate, Failure> {
        let file = signing_file(self.data);
        if !file.exists() {
            return Err(self.missing_step());
        }
        let mut chain = read_chain(&file)?;
        let leaf = chain.remove(0);
        let provider = &self.settings.provider.name;
        profile::check(&leaf, Some(provider), Some(&service_address(self.settings)))
            .map_err(|error| Failure::Refused(format!("{}: {error}", file.display())))?;
        Ok(SigningCertificate {
            certificate: leaf,
            chain,
        })
    }

    fn missing_step(self) -> Failure {
        let label = self.settings.signer.key_label();
        match self.operations().public_key(label) {
            Ok(_) => Failure::Refused(format!(
                "the key `{label}` has no certificate yet: run `hsm csr`, have the request signed, \
                 then `hsm import-cert FILE`"
            )),
            Err(error) => self.remedy(error),
        }
    }

    fn remedy(self, error: HsmError) -> Failure {
        let step = match &error {
            HsmError::NoKey(_) => "; run `hsm keygen`, then `hsm csr` and `hsm import-cert FILE`",
            HsmError::NoToken(_) => "; insert it, or make it with `hsm init --so-pin-file F`",
            HsmError::OtherKey => {
                "; import the certificate of this key with `hsm import-cert FILE`"
            }
            _ => "",
        };
        Failure::Refused(format!("{error}{step}"))
    }

    /// What holds the key, without asking the token.
    pub fn holder(self) -> String {
        match &self.settings.signer {
            SignerSettings::Soft {} => SOFTWARE_KEY_WORDS.to_owned(),
            SignerSettings::Pkcs11 { token, .. } => format!("PKCS#11 token \"{token}\""),
        }
    }

    /// How the key in use is; asks the token.
    pub fn finding(self) -> Finding {
        let subject = "signing key";
        let label = self.settings.signer.key_label();
        let listed = self.operations().list(&[]).and_then(|keys| {
            let found = keys.into_iter().find(|key| key.label == label);
            found.ok_or_else(|| HsmError::NoKey(label.to_owned()))
        });
        match listed {
            Ok(key) if key.is_software => {
                Finding::warning(subject, marked(&key.held_by, key.is_software))
            }
            Ok(key) => Finding::good(subject, key.held_by),
            Err(error) => Finding::bad(subject, self.remedy(error).to_string()),
        }
    }

    /// `hsm init`
    fn init(self, so_pin_file: Option<&Path>) -> Result<Report, Failure> {
        self.operations()
            .init(so_pin_file)
            .map_err(Failure::refused)?;
        let holder = self.holder();
        Ok(Report::done(
            format!("{holder} is ready; next: `hsm keygen`"),
            json!({ "holder": holder }),
        ))
    }

    /// `hsm keygen`
    fn keygen(self, label: Option<&str>, bits: usize) -> Result<Report, Failure> {
        let made = self
            .operations()
            .keygen(self.label(label), bits)
            .map_err(|error| self.remedy(error))?;
        let (label, held_by) = (&made.label, &made.held_by);
        Ok(Report::done(
            format!("the key `{label}`, RSA {bits}, is in {held_by}; next: `hsm csr`"),
            json!({ "label": label, "bits": made.bits, "held_by": held_by,
                    "software": made.is_software }),
        ))
    }

    /// `hsm csr`: the words are the request itself.
    fn csr(self, label: Option<&str>) -> Result<Report, Failure> {
        let request = self
            .operations()
            .csr(
                self.label(label),
                &self.settings.provider.name,
                &service_address(self.settings),
            )
            .map_err(|error| self.remedy(error))?;
        Ok(Report::done(request.clone(), json!({ "csr": request })))
    }

    /// `hsm import-cert`: judged (SG-11), then kept for the next start.
    fn import_cert(self, label: Option<&str>, chain: &str) -> Result<Report, Failure> {
        let imported = self
            .operations()
            .import_certificate(
                self.label(label),
                chain.as_bytes(),
                &self.settings.provider.name,
                &service_address(self.settings),
            )
            .map_err(|error| self.remedy(error))?;
        replace(&signing_file(self.data), imported.pem.as_bytes())?;
        let issuers = imported.certificate.chain.len();
        let mut words = format!(
            "the certificate is kept, with {issuers} of its issuers; used from the next start of serve\n"
        );
        if issuers == 0 {
            words.push_str("no issuer was in the file: `verify --data` has nobody to trust\n");
        }
        for warning in &imported.warnings {
            words.push_str(&format!("warning: {warning}\n"));
        }
        Ok(Report::done(
            words,
            json!({ "issuers": issuers, "warnings": imported.warnings }),
        ))
    }

    /// `hsm list`: software keys are marked (HS-01).
    fn list(self) -> Result<Report, Failure> {
        let certificates = read_chain(&signing_file(self.data)).unwrap_or_default();
        let keys = self
            .operations()
            .list(&certificates)
            .map_err(|error| self.remedy(error))?;
        let in_use = self.settings.signer.key_label();
        let mut words = String::new();
        let mut objects: Vec<Value> = Vec::new();
        for key in &keys {
            let is_used = key.label == in_use;
            words.push_str(&format!(
                "{}  {} of {} bits  {}{}\n",
                key.label,
                key.kind,
                key.bits,
                marked(&key.held_by, key.is_software),
                match (is_used, key.has_certificate) {
                    (true, true) => "  in use",
                    (true, false) => "  in use, no certificate",
                    (false, true) => "  certified",
                    (false, false) => "",
                },
            ));
            objects.push(json!({
                "label": key.label,
                "kind": key.kind,
                "bits": key.bits,
                "held_by": key.held_by,
                "software": key.is_software,
                "certificate": key.has_certificate,
                "in_use": is_used,
            }));
        }
        Ok(Report::done(words, json!({ "keys": objects })))
    }

    fn label<'b>(&'b self, label: Option<&'b str>) -> &'b str {
        label.unwrap_or(self.settings.signer.key_label())
    }

    fn operations(self) -> Operations {
        let path = |path: &Path| self.data.0.join(path);
        Operations::new(match &self.settings.signer {
            SignerSettings::Soft {} => KeyHolder::Software {
                folder: self.data.keys().join("soft"),
            },
            SignerSettings::Pkcs11 {
                module,
                token,
                pin_file,
                key_label,
                sessions,
            } => KeyHolder::Token(Pkcs11Settings {
                module: path(module),
                token: token.clone(),
                pin_file: path(pin_file),
                key_label: key_label.clone(),
                sessions: or_one_per_core(*sessions),
            }),
        })
    }
}

/// The words for what holds a key; one held in software is marked (HS-01).
pub fn marked(held_by: &str, is_software: bool) -> String {
    if is_software && held_by != SOFTWARE_KEY_WORDS {
        return format!("{held_by}, {SOFTWARE_KEY_WORDS}");
    }
    held_by.to_owned()
}

/// Certificates of a file, at least one.
fn read_chain(file: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    use std::io::Read;
    let mut octets = Vec::new();
    std::fs::File::open(file)
        .and_then(|opened| opened.take(CHAIN_BYTES_MAX).read_to_end(&mut octets))
        .map_err(|error| told(file, &error))?;
    certificate::read_file(&octets)
        .map_err(|error| Failure::Refused(format!("{}: {}", file.display(), error.0)))
}

/// Puts a whole file in the place of another, durably: a crash leaves the one or the other.
pub(crate) fn replace(file: &Path, octets: &[u8]) -> Result<(), Failure> {
    use std::io::Write;
    let named = file.parent().filter(|folder| *folder != Path::new(""));
    let folder = named.unwrap_or(Path::new("."));
    let put = || -> std::io::Result<()> {
        let mut beside = tempfile::NamedTempFile::new_in(folder)?;
        beside.write_all(octets)?;
        beside.as_file().sync_all()?;
        beside.persist(file).map_err(|error| error.error)?;
        std::fs::File::open(folder)?.sync_all()
    };
    put().map_err(|error| told(file, &error))
}

fn told(file: &Path, error: &std::io::Error) -> Failure {
    Failure::Refused(format!("{}: {error}", file.display()))
}
