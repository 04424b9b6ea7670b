//! Keys and certificates of a data directory, and the commands on them:
//!
//! ```text
//! keys/authority.pem .key   the evaluation authority that `init` makes
//! keys/tls.pem tls-key.pem  the server's certificate, when `init` was given none
//! keys/soft/LABEL.key       the signing key in software, for evaluation (HS-01)
//! keys/sealed/LABEL.key     the key of the vector signer, sealed with a PIN
//! keys/quarantine.key       encrypts the infected mail that is kept (VI-09)
//! keys/signing.pem          the signing certificate with its issuers, for any kind of key
//! keys/signing-next.pem     the one that waits to be used (DI-09)
//! keys/signing-previous.pem the one before, published for a while
//! keys/dkim.pem             signs mail to the Internet (TE-19)
//! keys/srs.key              rewrites the senders of forwarded mail (MX-06)
//! ```
//!
//! The signing certificate is judged by the profile of RFC 6109 §5.5 each time it is loaded (SG-11).

mod ceremony;
mod commands;
pub mod dkim;
mod rotation;
mod signing;
mod srs;
mod tokens;

pub use rotation::{Changeover, ChangingSigner};
pub use srs::rewriter;
pub use tokens::{SIGNER_CHILD, Tokens, Workplace};

use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ceralacca_core::disk::DataFolder;
use ceralacca_core::encrypted::{KEY_BYTES, MasterKey};
use ceralacca_core::ports::{Clock, Signer, SystemClock};
use ceralacca_core::smime::{SigningCertificate, certificate, profile};
use ceralacca_core::wording::SERVICE_LOCAL_PART;
use ceralacca_firmware::os::Finding;
use ceralacca_firmware::{Settings, SignerSettings, TlsSettings, or_one_per_core};
use ceralacca_hsm::limits::OPERATION_WAIT_MAX;
use ceralacca_hsm::operations::KeyHolder;
use ceralacca_hsm::protected::{read_secret, write_secret};
use ceralacca_hsm::software::SOFTWARE_KEY_WORDS;
use ceralacca_hsm::{Authority, ChildProgram, HsmError, Operations, Pkcs11Settings};

use self::signing::SigningFile;
use crate::report::Failure;

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

/// Where `init` puts the evaluation authority's certificate, relative to the data directory.
pub const AUTHORITY_FILE: &str = "keys/authority.pem";

/// The evaluation authority's certificate, which mail programs are told to trust.
pub fn authority_file(data: &DataFolder) -> PathBuf {
    data.0.join(AUTHORITY_FILE)
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
    let file = signing_file(data);
    let read = SigningFile::read(&file)?;
    let absent = || Failure::Refused(format!("{} is missing", file.display()));
    let chain = read.ok_or_else(absent)?.chain;
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
    /// What to start for each question about keys; they are asked in this process when `None`.
    children: Option<&'a ChildProgram>,
}

impl<'a> Keys<'a> {
    /// As the settings say.
    pub const fn of(data: &'a DataFolder, settings: &'a Settings) -> Self {
        Self {
            data,
            settings,
            children: None,
        }
    }

    /// The same, asked where the tokens work.
    #[must_use]
    pub const fn at(mut self, place: &'a Workplace) -> Self {
        self.children = match place {
            Workplace::Here => None,
            Workplace::Children(program) => Some(program),
        };
        self
    }

    /// What `init` makes: a software key with its certificate, or only what TLS needs. The authority is a
    /// shared one from its folder, of which the certificate alone is copied, or one made here.
    pub fn make(self, with_tls: bool, shared: Option<&Path>) -> Result<(), Failure> {
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(self.data.keys())
            .map_err(|error| told(&self.data.keys(), &error))?;
        let is_soft = !matches!(self.settings.signer, SignerSettings::Pkcs11 { .. });
        if !is_soft && !with_tls {
            return Ok(());
        }
        let authority = self.authority(shared)?;
        if with_tls {
            self.make_tls(&authority)?;
        }
        if is_soft {
            self.make_evaluation_key(&authority)?;
        }
        Ok(())
    }

    fn authority(self, shared: Option<&Path>) -> Result<Authority, Failure> {
        if let Some(folder) = shared {
            let authority = Authority::load(folder).map_err(Failure::refused)?;
            replace(
                &authority_file(self.data),
                authority.certificate_pem().as_bytes(),
            )?;
            return Ok(authority);
        }
        let authority =
            Authority::create(AUTHORITY_NAME, SystemClock.now()).map_err(Failure::refused)?;
        authority
            .save(&self.data.keys())
            .map_err(Failure::refused)?;
        Ok(authority)
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

    /// The key of the quarantine; made at first use, never in the place of one that is lost.
    pub fn quarantine_key(self) -> Result<MasterKey, Failure> {
        let file = self.data.keys().join("quarantine.key");
        if !file.exists() {
            let holds_any = std::fs::read_dir(self.data.quarantine())
                .is_ok_and(|mut entries| entries.next().is_some());
            if holds_any {
                return Err(Failure::Refused(format!(
                    "{} is missing and {} holds messages that only it opens: put it back",
                    file.display(),
                    self.data.quarantine().display()
                )));
            }
            let mut text = data_encoding::HEXLOWER.encode(&*MasterKey::generate());
            text.push('\n');
            let text = zeroize::Zeroizing::new(text);
            write_secret(&file, text.as_bytes()).map_err(Failure::refused)?;
        }
        let text = read_secret(&file, 2 * KEY_BYTES + 2).map_err(Failure::refused)?;
        let octets = data_encoding::HEXLOWER.decode(text.trim_ascii());
        let octets = octets.map(zeroize::Zeroizing::new).unwrap_or_default();
        MasterKey::from_bytes(&octets)
            .map_err(|error| Failure::Refused(format!("{}: {error}", file.display())))
    }

    /// The signer of the settings in this process, its certificate judged (SG-11): for one signature of an
    /// offline command.
    pub fn signer(self) -> Result<Arc<dyn Signer>, Failure> {
        self.signer_of(&self.signing()?)
    }

    /// The signer with the certificate and the key of a file.
    fn signer_of(self, file: &SigningFile) -> Result<Arc<dyn Signer>, Failure> {
        let chain = Arc::new(self.judged(file)?);
        self.operations()
            .signer(self.label_of(file), chain)
            .map_err(|error| self.remedy(error))
    }

    fn label_of<'b>(&'b self, file: &'b SigningFile) -> &'b str {
        let label = file.key.as_deref();
        label.unwrap_or(self.settings.signer.key_label())
    }

    /// Label of the key in use.
    fn label_in_use(self) -> String {
        let file = SigningFile::read(&signing_file(self.data)).ok().flatten();
        let label = file.and_then(|file| file.key);
        label.unwrap_or_else(|| self.settings.signer.key_label().to_owned())
    }

    /// The signing certificate, judged by the profile (SG-11); where it lacks, the step to take.
    pub fn certificate(self) -> Result<SigningCertificate, Failure> {
        self.judged(&self.signing()?)
    }

    fn signing(self) -> Result<SigningFile, Failure> {
        let file = SigningFile::read(&signing_file(self.data))?;
        file.ok_or_else(|| self.missing_step())
    }

    fn judged(self, file: &SigningFile) -> Result<SigningCertificate, Failure> {
        let provider = &self.settings.provider.name;
        let service = service_address(self.settings);
        let keys = self.settings.policy().allowed_keys();
        profile::check_for(file.leaf(), Some(provider), Some(&service), keys)
            .map_err(|error| Failure::Refused(format!("the signing certificate: {error}")))?;
        let chain = file.chain.iter().skip(1).cloned().collect();
        Ok(SigningCertificate {
            certificate: file.leaf().to_vec(),
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
            HsmError::File { .. } if self.lacks_pin() => {
                "; put the PIN file back, with `hsm ceremony open` from the shares of a ceremony"
            }
            HsmError::OtherKey => {
                "; import the certificate of this key with `hsm import-cert FILE`"
            }
            HsmError::Lost { .. } => {
                "; it alone is lost: look at the token and its vendor's library, then try again (if a key \
                 was to be made, `hsm list` says whether it was)"
            }
            _ => "",
        };
        Failure::Refused(format!("{error}{step}"))
    }

    /// The settings name a PIN file that is not there.
    fn lacks_pin(self) -> bool {
        match &self.settings.signer {
            SignerSettings::Soft {} => false,
            SignerSettings::Vector { pin_file, .. } | SignerSettings::Pkcs11 { pin_file, .. } => {
                !self.data.0.join(pin_file).exists()
            }
        }
    }

    /// What holds the key, without asking the token.
    pub fn holder(self) -> String {
        self.key_holder().words()
    }

    /// How the key in use is; asks the token.
    pub fn finding(self) -> Finding {
        let subject = "signing key";
        let label = self.label_in_use();
        let listed = self.operations().list(&[]).and_then(|keys| {
            let found = keys.into_iter().find(|key| key.label == label);
            found.ok_or(HsmError::NoKey(label))
        });
        match listed {
            Ok(key) if key.is_software => {
                Finding::warning(subject, marked(&key.held_by, key.is_software))
            }
            Ok(key) => Finding::good(subject, key.held_by),
            Err(error) => Finding::bad(subject, self.remedy(error).to_string()),
        }
    }

    fn operations(self) -> Operations {
        self.operations_on(self.key_holder())
    }

    fn operations_on(self, holder: KeyHolder) -> Operations {
        let operations = Operations::new(holder).allowing(self.settings.policy().allowed_keys());
        match self.children {
            None => operations,
            Some(program) => operations.in_children(program.clone(), OPERATION_WAIT_MAX),
        }
    }

    /// Where the keys are, and of tokens the first.
    fn key_holder(self) -> KeyHolder {
        let path = |path: &Path| self.data.0.join(path);
        match &self.settings.signer {
            SignerSettings::Soft {} => KeyHolder::Software {
                folder: self.data.keys().join("soft"),
            },
            SignerSettings::Vector { pin_file, .. } => KeyHolder::Sealed {
                folder: self.data.keys().join("sealed"),
                pin_file: path(pin_file),
            },
            SignerSettings::Pkcs11 {
                module,
                token,
                pin_file,
                key_label,
                sessions,
                ..
            } => KeyHolder::Token(Pkcs11Settings {
                module: path(module),
                token: token.clone(),
                pin_file: path(pin_file),
                key_label: key_label.clone(),
                sessions: or_one_per_core(*sessions),
            }),
        }
    }
}

/// The words for what holds a key; one held in software is marked (HS-01).
pub fn marked(held_by: &str, is_software: bool) -> String {
    if is_software && !held_by.contains("software key") {
        return format!("{held_by}, {SOFTWARE_KEY_WORDS}");
    }
    held_by.to_owned()
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
