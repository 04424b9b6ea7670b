//! `appliance.toml` as types: unknown keys are refused, every key has one meaning and one unit.
//! [`Settings::load`] gives only settings whose every value was checked.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use ceralacca_core::address::Domain;
use ceralacca_core::policy::Policy;
use serde::{Deserialize, Serialize};

use crate::error::Fault;
use crate::{DirectorySettings, PolicySettings, RelaySettings, ScannerSettings};

/// All of `appliance.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The decision about virus scanning; no default.
    pub scanner: ScannerSettings,
    /// Who runs this.
    pub provider: ProviderSettings,
    /// Where it answers.
    #[serde(default)]
    pub listen: ListenSettings,
    /// The server's certificate.
    pub tls: TlsSettings,
    /// What holds the signing key.
    pub signer: SignerSettings,
    /// The index of providers.
    #[serde(default)]
    pub directory: DirectorySettings,
    /// Policy values.
    #[serde(default)]
    pub policy: PolicySettings,
    /// How mail leaves for other servers.
    #[serde(default)]
    pub relay: RelaySettings,
    /// Numbers of threads.
    #[serde(default)]
    pub threads: ThreadSettings,
}

/// `[provider]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderSettings {
    /// `providerName`: stands in the certificate and in all certification data.
    pub name: String,
    /// The provider's own domain: service address and identifiers use it.
    pub domain: String,
    /// Name of the server in greetings and `Received:` fields.
    pub host: String,
}

/// `[listen]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListenSettings {
    /// Address to listen on; `0.0.0.0` or `::` for all.
    pub bind: IpAddr,
    /// Every listener is this plus its usual port.
    pub port_base: u16,
    /// Mail of other servers; port base plus 25 when left out, 0: the system picks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incoming: Option<u16>,
    /// Submission over TLS; port base plus 465 when left out, 0: the system picks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submission_tls: Option<u16>,
    /// Submission with STARTTLS; port base plus 587 when left out, 0: the system picks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submission: Option<u16>,
    /// IMAPS; port base plus 993 when left out, 0: the system picks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imaps: Option<u16>,
    /// POP3S; port base plus 995 when left out, 0: the system picks. Nothing listens on 110 (AC-04).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pop3s: Option<u16>,
    /// HTTPS, where our part of the index is published; port base plus 443 when left out, 0: the system
    /// picks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub https: Option<u16>,
}

/// The ports in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// Mail of other servers (IP-01).
    pub incoming: u16,
    /// Submission over TLS (AC-01).
    pub submission_tls: u16,
    /// Submission with STARTTLS.
    pub submission: u16,
    /// IMAPS (AC-02).
    pub imaps: u16,
    /// POP3S (AC-03).
    pub pop3s: u16,
    /// HTTPS (DI-08).
    pub https: u16,
}

/// `[tls]`; relative paths start at the data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// PEM, the server's certificate first, then its issuers.
    pub certificate: PathBuf,
    /// PEM, PKCS#8.
    pub key: PathBuf,
}

/// `[signer]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum SignerSettings {
    /// A key in software: for tests and evaluation only (HS-01).
    Soft {},
    /// A key in the appliance itself, sealed with a PIN and signed with eight at a time: fast, and no certified
    /// HSM.
    Vector {
        /// What opens the sealed key, in a file that only its owner may read.
        pin_file: PathBuf,
        /// Label of the key.
        #[serde(default = "default_key_label")]
        key_label: String,
    },
    /// A PKCS#11 module.
    Pkcs11 {
        /// The vendor's library.
        module: PathBuf,
        /// Label of the token.
        token: String,
        /// The PIN, in a file that only its owner may read (HS-09).
        pin_file: PathBuf,
        /// Label of the key pair on the token.
        #[serde(default = "default_key_label")]
        key_label: String,
        /// Sessions that sign at the same time; 0: one per core.
        #[serde(default)]
        sessions: u16,
        /// `[[signer.further]]`: other tokens that sign beside this one (HS-04).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        further: Vec<FurtherToken>,
    },
}

/// `[[signer.further]]`: a token beside the first, of the same vendor or another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FurtherToken {
    /// The vendor's library.
    pub module: PathBuf,
    /// Label of the token.
    pub token: String,
    /// The PIN, in a file that only its owner may read (HS-09).
    pub pin_file: PathBuf,
    /// Label of the key pair on the token; that of the key in use when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_label: Option<String>,
    /// Sessions that sign at the same time; 0: one per core.
    #[serde(default)]
    pub sessions: u16,
    /// PEM, the certificate of its key first, then its issuers; left out: the token holds the same key as the
    /// first, and signs with the same certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
}

/// `[threads]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ThreadSettings {
    /// Threads that talk to the network; 0: one per core.
    pub rings: u16,
}

/// Threads or sessions of one kind: more than any machine of today has cores.
const THREADS_MAX: u16 = 256;
/// Tokens beside the first: more than any provider has had.
const FURTHER_MAX: usize = 15;
/// `providerName` is a directory string (RFC 5280 `ub-organization-name`).
const PROVIDER_NAME_CHARS_MAX: usize = 64;
/// PKCS#11 pads labels to this.
const TOKEN_LABEL_BYTES_MAX: usize = 32;
/// A PIN file open to others protects nothing.
const OTHERS: u32 = 0o077;

fn default_key_label() -> String {
    SignerSettings::KEY_LABEL.to_owned()
}

impl SignerSettings {
    /// The label under which `hsm keygen` makes the signing key.
    pub const KEY_LABEL: &str = "ceralacca-signing";

    /// The tokens beside the first.
    pub fn further(&self) -> &[FurtherToken] {
        match self {
            Self::Pkcs11 { further, .. } => further,
            Self::Soft {} | Self::Vector { .. } => &[],
        }
    }

    /// The label of the key that signs.
    pub fn key_label(&self) -> &str {
        match self {
            Self::Soft {} => Self::KEY_LABEL,
            Self::Vector { key_label, .. } | Self::Pkcs11 { key_label, .. } => key_label,
        }
    }
}

/// Threads or sessions where 0 stands for one per core.
pub fn or_one_per_core(threads: u16) -> usize {
    match threads {
        0 => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
        n => n.into(),
    }
}

impl Default for ListenSettings {
    fn default() -> Self {
        Self {
            bind: IpAddr::from([127, 0, 0, 1]),
            port_base: 0,
            incoming: None,
            submission_tls: None,
            submission: None,
            imaps: None,
            pop3s: None,
            https: None,
        }
    }
}

impl ListenSettings {
    /// The system picks every port.
    pub fn free_ports(bind: IpAddr) -> Self {
        Self {
            bind,
            incoming: Some(0),
            submission_tls: Some(0),
            submission: Some(0),
            imaps: Some(0),
            pop3s: Some(0),
            ..Self::default()
        }
    }

    fn port(&self, explicit: Option<u16>, usual: u16) -> Option<u16> {
        explicit.or_else(|| self.port_base.checked_add(usual))
    }

    fn try_ports(&self) -> Option<Ports> {
        Some(Ports {
            incoming: self.port(self.incoming, 25)?,
            submission_tls: self.port(self.submission_tls, 465)?,
            submission: self.port(self.submission, 587)?,
            imaps: self.port(self.imaps, 993)?,
            pop3s: self.port(self.pop3s, 995)?,
            https: self.port(self.https, 443)?,
        })
    }

    /// The ports to listen on; 0: the system picks.
    pub fn ports(&self) -> Ports {
        // `check` refused a base that overflows; 0 is a free port.
        self.try_ports().unwrap_or(Ports {
            incoming: 0,
            submission_tls: 0,
            submission: 0,
            imaps: 0,
            pop3s: 0,
            https: 0,
        })
    }
}

impl Settings {
    /// The policy that these settings ask for.
    pub fn policy(&self) -> Policy {
        // `check` refused what `checked` refuses.
        self.policy.checked().unwrap_or_default()
    }

    /// Something is published over HTTPS: there is a location for it, or a port was named.
    pub const fn publishes(&self) -> bool {
        self.directory.publish_url.is_some() || self.listen.https.is_some()
    }

    /// Threads that talk to the network.
    pub fn rings(&self) -> usize {
        or_one_per_core(self.threads.rings)
    }

    /// Checks every value; `data` is where relative paths start.
    pub(crate) fn check(&self, data: &Path) -> Result<(), Fault> {
        self.provider.check()?;
        if self.listen.try_ports().is_none() {
            return Err(Fault::new(
                "listen.port_base",
                format!(
                    "{} leaves no room for port 995 above it",
                    self.listen.port_base
                ),
                format!("take {} or less", u16::MAX - 995),
            ));
        }
        for (key, file) in [
            ("tls.certificate", &self.tls.certificate),
            ("tls.key", &self.tls.key),
        ] {
            readable(key, &data.join(file))?;
        }
        self.signer.check(data)?;
        self.directory.check(data)?;
        self.policy.checked()?;
        self.relay.check(data)?;
        bounded("threads.rings", self.threads.rings)
    }
}

impl ProviderSettings {
    fn check(&self) -> Result<(), Fault> {
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > PROVIDER_NAME_CHARS_MAX {
            return Err(Fault::new(
                "provider.name",
                "the name is empty or too long",
                format!("write the provider's name in 1 to {PROVIDER_NAME_CHARS_MAX} characters"),
            ));
        }
        if name.chars().any(char::is_control) {
            return Err(Fault::new(
                "provider.name",
                "the name holds control characters",
                "write it on one line",
            ));
        }
        for (key, value) in [
            ("provider.domain", &self.domain),
            ("provider.host", &self.host),
        ] {
            Domain::parse(value).map_err(|error| {
                Fault::new(
                    key,
                    format!("`{value}`: {error}"),
                    "write a full name such as pec.example",
                )
            })?;
        }
        Ok(())
    }
}

impl SignerSettings {
    fn check(&self, data: &Path) -> Result<(), Fault> {
        if let Self::Vector {
            pin_file,
            key_label,
        } = self
        {
            pin(&data.join(pin_file))?;
            return labelled(key_label);
        }
        let Self::Pkcs11 {
            module,
            token,
            pin_file,
            key_label,
            sessions,
            further,
        } = self
        else {
            return Ok(());
        };
        readable("signer.module", &data.join(module))?;
        pin(&data.join(pin_file))?;
        token_labelled("signer.token", token)?;
        labelled(key_label)?;
        bounded("signer.sessions", *sessions)?;
        if further.len() > FURTHER_MAX {
            return Err(Fault::new(
                "signer.further",
                format!("{} tokens are more than {FURTHER_MAX}", further.len()),
                "leave some out",
            ));
        }
        let taken = (module, token);
        let mut seen = vec![taken];
        for other in further {
            other.check(data)?;
            let place = (&other.module, &other.token);
            if seen.contains(&place) {
                return Err(Fault::new(
                    "signer.further.token",
                    format!("the token `{}` is there twice", other.token),
                    "name each token of a module once",
                ));
            }
            seen.push(place);
        }
        Ok(())
    }
}

impl FurtherToken {
    fn check(&self, data: &Path) -> Result<(), Fault> {
        readable("signer.further.module", &data.join(&self.module))?;
        protected("signer.further.pin_file", &data.join(&self.pin_file))?;
        token_labelled("signer.further.token", &self.token)?;
        if let Some(key_label) = &self.key_label {
            labelled(key_label)?;
        }
        if let Some(certificate) = &self.certificate {
            readable("signer.further.certificate", &data.join(certificate))?;
        }
        bounded("signer.further.sessions", self.sessions)
    }
}

fn token_labelled(key: &'static str, label: &str) -> Result<(), Fault> {
    if label.is_empty() || label.len() > TOKEN_LABEL_BYTES_MAX {
        return Err(Fault::new(
            key,
            "the label is empty or too long",
            format!("write the token's label in 1 to {TOKEN_LABEL_BYTES_MAX} octets"),
        ));
    }
    Ok(())
}

fn labelled(key_label: &str) -> Result<(), Fault> {
    if key_label.is_empty() {
        return Err(Fault::new(
            "signer.key_label",
            "the label is empty",
            "write the label of the key pair",
        ));
    }
    Ok(())
}

fn bounded(key: &'static str, threads: u16) -> Result<(), Fault> {
    if threads > THREADS_MAX {
        return Err(Fault::new(
            key,
            format!("{threads} is more than {THREADS_MAX}"),
            "write 0 for one per core",
        ));
    }
    Ok(())
}

pub(crate) fn readable(key: &'static str, file: &Path) -> Result<(), Fault> {
    std::fs::File::open(file).map(drop).map_err(|error| {
        Fault::new(
            key,
            format!("{}: {error}", file.display()),
            "put a readable file there or change the key",
        )
    })
}

/// A PIN file may not be there yet, or no more: a ceremony makes it (HS-08).
fn pin(file: &Path) -> Result<(), Fault> {
    let is_absent = std::fs::symlink_metadata(file)
        .is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
    let has_place = file.parent().is_some_and(Path::is_dir);
    match is_absent && has_place {
        true => Ok(()),
        false => protected("signer.pin_file", file),
    }
}

pub(crate) fn protected(key: &'static str, file: &Path) -> Result<(), Fault> {
    use std::os::unix::fs::PermissionsExt;
    readable(key, file)?;
    let mode = std::fs::metadata(file).map_or(OTHERS, |found| found.permissions().mode());
    if mode & OTHERS != 0 {
        return Err(Fault::new(
            key,
            format!(
                "{} is open to others (mode {:o})",
                file.display(),
                mode & 0o777
            ),
            format!("run `chmod 600 {}`", file.display()),
        ));
    }
    Ok(())
}
