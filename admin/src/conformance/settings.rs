//! What a run of the check list needs to know: servers, mailboxes, whom to trust, what the provider
//! promises. From a TOML file, or from flags for the common case. Passwords are read from files, print
//! as dots and never stand in a report.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ceralacca_core::address::Address;
use ceralacca_core::limits;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::observed::Promises;
use crate::client::Security;
use crate::report::Failure;

/// A file of settings.
const SETTINGS_BYTES_MAX: u64 = 1024 * 1024;
/// Within which a receipt of acceptance comes, where the contract says nothing (AP-27).
const ACCEPTANCE_S: u64 = 60;
/// How long answers are waited for before they count as missing.
const PATIENCE_S: u64 = 180;
/// Where Debian keeps the authorities of servers.
const SYSTEM_TRUST: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// Where mail is handed in.
    pub submission: Server,
    /// Where it is read.
    pub imap: Server,
    /// The sender's and the recipient's, in this order.
    #[serde(rename = "mailbox", default)]
    pub mailboxes: Vec<Mailbox>,
    /// One at another provider.
    pub remote: Option<Remote>,
    /// An address without certified mail.
    pub external: Option<External>,
    /// Authorities of signing certificates (PEM).
    pub anchors: PathBuf,
    /// The index of providers (LDIF).
    pub directory: Option<PathBuf>,
    /// Authorities of the servers' certificates (PEM); those of the system when left out.
    #[serde(default = "system_trust")]
    pub trust: PathBuf,
    /// Time and size.
    #[serde(default)]
    pub limits: Limits,
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Server {
    /// Its name, which its certificate must show.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How TLS begins.
    #[serde(default)]
    pub tls: Tls,
}

/// How TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// From the first octet.
    #[default]
    Implicit,
    /// After `STARTTLS`.
    Starttls,
}

/// One mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Mailbox {
    /// Its address.
    pub address: String,
    /// The name to sign in with; the address when left out.
    pub user: Option<String>,
    /// The file with its password.
    pub password_file: PathBuf,
}

/// A mailbox at another provider, with its own server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Remote {
    /// Its address.
    pub address: String,
    /// The name to sign in with; the address when left out.
    pub user: Option<String>,
    /// The file with its password.
    pub password_file: PathBuf,
    /// Where it is read.
    pub imap: Server,
}

/// An ordinary address.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct External {
    /// The address.
    pub address: String,
}

/// Time and size.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Limits {
    /// Seconds within which a receipt of acceptance comes.
    pub acceptance_s: u64,
    /// Seconds that answers are waited for.
    pub patience_s: u64,
    /// Largest message, in octets.
    pub message_octets: u64,
    /// Largest product of size and recipients, in octets.
    pub product_octets: u64,
    /// Most recipients of one message.
    pub recipients: usize,
    /// Send the messages of the size limits, some 50 MB.
    pub large: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            acceptance_s: ACCEPTANCE_S,
            patience_s: PATIENCE_S,
            message_octets: limits::MESSAGE_BYTES_FLOOR,
            product_octets: limits::MESSAGE_PRODUCT_FLOOR,
            recipients: limits::RECIPIENTS_FLOOR as usize,
            large: true,
        }
    }
}

impl Limits {
    /// What the provider is held to.
    pub fn promises(&self) -> Promises {
        Promises {
            acceptance: Duration::from_secs(self.acceptance_s),
            message_octets: self.message_octets,
            product_octets: self.product_octets,
            recipients: self.recipients,
        }
    }

    /// How long answers are waited for.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.patience_s)
    }
}

/// Where the system keeps the authorities of servers.
pub fn system_trust() -> PathBuf {
    SYSTEM_TRUST.into()
}

impl Settings {
    /// Reads a file; relative paths in it start at its folder.
    pub fn load(file: &Path) -> Result<Self, Failure> {
        let told = |why: &dyn fmt::Display| Failure::Refused(format!("{}: {why}", file.display()));
        let size = std::fs::metadata(file).map_err(|e| told(&e))?.len();
        if size > SETTINGS_BYTES_MAX {
            return Err(told(&"it is too large"));
        }
        let text = std::fs::read_to_string(file).map_err(|e| told(&e))?;
        let mut settings: Self = toml::from_str(&text).map_err(|e| told(&e.message()))?;
        let folder = file.parent().unwrap_or(Path::new(""));
        settings.start_paths_at(folder);
        Ok(settings)
    }

    fn start_paths_at(&mut self, folder: &Path) {
        let mut paths = vec![&mut self.anchors, &mut self.trust];
        paths.extend(self.directory.as_mut());
        paths.extend(self.mailboxes.iter_mut().map(|m| &mut m.password_file));
        paths.extend(self.remote.as_mut().map(|r| &mut r.password_file));
        for path in paths {
            *path = folder.join(&*path);
        }
    }

    /// The two mailboxes, their addresses valid and different.
    pub fn pair(&self) -> Result<(&Mailbox, &Mailbox), Failure> {
        let [sender, recipient] = self.mailboxes.as_slice() else {
            return Err(Failure::Usage(format!(
                "the check list needs two mailboxes, a sender's and a recipient's; {} were given",
                self.mailboxes.len()
            )));
        };
        let of = |mailbox: &Mailbox| {
            Address::parse(&mailbox.address)
                .map_err(|error| Failure::Usage(format!("`{}`: {error}", mailbox.address)))
        };
        if of(sender)?.key() == of(recipient)?.key() {
            return Err(Failure::Usage("the two mailboxes are the same".to_owned()));
        }
        Ok((sender, recipient))
    }
}

impl Server {
    /// `HOST:PORT`, or `HOST:PORT/starttls`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (place, tls) = match text.strip_suffix("/starttls") {
            Some(place) => (place, Tls::Starttls),
            None => (text, Tls::Implicit),
        };
        let wrong = || "write it as HOST:PORT or HOST:PORT/starttls".to_owned();
        let (host, port) = place.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().map_err(|_| wrong())?;
        let host = host.trim_matches(['[', ']']).to_owned();
        Ok(Self { host, port, tls })
    }

    /// Where to connect.
    pub fn resolve(&self) -> Result<SocketAddr, Failure> {
        let told = |why: String| Failure::Refused(format!("{}:{}: {why}", self.host, self.port));
        let found = (self.host.as_str(), self.port).to_socket_addrs();
        let mut all: Vec<SocketAddr> = found.map_err(|e| told(e.to_string()))?.collect();
        // A server on loopback often listens in the older family alone.
        all.sort_by_key(SocketAddr::is_ipv6);
        all.into_iter()
            .next()
            .ok_or_else(|| told("no address".to_owned()))
    }

    /// For the client.
    pub const fn security(&self) -> Security {
        match self.tls {
            Tls::Implicit => Security::Implicit,
            Tls::Starttls => Security::StartTls,
        }
    }
}

/// Prints as dots.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Password {
    /// The first line of a file.
    pub fn read(file: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::Refused(format!("{}: {error}", file.display())))?;
        let text = Zeroizing::new(text);
        let line = text.lines().next().unwrap_or_default();
        Ok(Self(Zeroizing::new(line.to_owned())))
    }

    /// For the client.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        anchors = "authority.pem"
        [submission]
        host = "mail.pec.example"
        port = 587
        tls = "starttls"
        [imap]
        host = "mail.pec.example"
        port = 993
        [[mailbox]]
        address = "a@pec.example"
        password-file = "a.password"
        [[mailbox]]
        address = "b@pec.example"
        password-file = "/b.password"
    "#;

    #[test]
    fn a_file_is_read_and_its_paths_start_at_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("conformance.toml");
        std::fs::write(&file, FILE).unwrap();
        let settings = Settings::load(&file).unwrap();
        assert_eq!(settings.submission.security(), Security::StartTls);
        assert_eq!(settings.imap.security(), Security::Implicit);
        assert_eq!(settings.anchors, folder.path().join("authority.pem"));
        let (sender, recipient) = settings.pair().unwrap();
        assert_eq!(sender.password_file, folder.path().join("a.password"));
        assert_eq!(recipient.password_file, Path::new("/b.password"));
        assert_eq!(settings.trust, Path::new(SYSTEM_TRUST));
        assert!(settings.limits.large);
    }

    #[test]
    fn what_is_unknown_or_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.toml");
        std::fs::write(&file, FILE.replace("anchors", "ancors")).unwrap();
        let error = Settings::load(&file).unwrap_err().to_string();
        assert!(error.contains("ancors"), "{error}");
        std::fs::write(&file, FILE.replace("b@pec", "A@pec")).unwrap();
        let error = Settings::load(&file).unwrap().pair().unwrap_err();
        assert!(error.to_string().contains("the same"), "{error}");
    }

    #[test]
    fn a_server_is_written_in_one_word() {
        let server = Server::parse("[::1]:587/starttls").unwrap();
        assert_eq!((server.host.as_str(), server.port), ("::1", 587));
        assert_eq!(server.tls, Tls::Starttls);
        assert!(Server::parse("mail").is_err());
    }

    #[test]
    fn a_password_prints_as_dots() {
        let password = Password(Zeroizing::new("segreto".to_owned()));
        assert_eq!(format!("{password:?}"), "…");
    }
}
