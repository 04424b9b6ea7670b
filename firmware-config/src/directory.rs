//! The `[directory]` table: where the index of providers comes from, who may sign it, and where our own
//! part of it is published. All of it may be left out: the appliance then works alone.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Fault;
use crate::settings::{protected, readable};

/// The index is fetched at least daily (DI-01).
const REFRESH_S_MAX: u32 = 24 * 60 * 60;
/// More often helps nobody.
const REFRESH_S_MIN: u32 = 60;

/// A month: longer helps nobody.
const SHOWN_HOURS_MAX: u32 = 720;

/// `[directory]`; relative paths start at the data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DirectorySettings {
    /// Where the whole index is fetched (HTTPS).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// PEM: the certificates that may sign the index, or that vouch for its signer (DI-02).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<PathBuf>,
    /// PEM: who vouches for the certificate of the index's HTTPS server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_authority: Option<PathBuf>,
    /// PEM: our certificate as a client of that server (DI-01).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<PathBuf>,
    /// PEM, PKCS#8: its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_key: Option<PathBuf>,
    /// PEM: who vouches for the signing certificates of other providers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail_authorities: Option<PathBuf>,
    /// The index is fetched again after so long.
    pub refresh_s: u32,
    /// Revocation lists are fetched again after so long (IP-11).
    pub crl_refresh_s: u32,
    /// A new index that loses more of the domains is held (DI-11).
    pub lost_domains_percent: u32,
    /// Hours for which the fetched index must have shown a new own certificate before it signs (DI-09).
    pub certificate_shown_hours: u32,
    /// Where the centre fetches our own part; stands in our record (DI-08).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_url: Option<String>,
    /// LDIF: records of our secondary environments, published with our own (DI-08).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secondary: Option<PathBuf>,
}

impl Default for DirectorySettings {
    fn default() -> Self {
        Self {
            url: None,
            signer: None,
            server_authority: None,
            client_certificate: None,
            client_key: None,
            mail_authorities: None,
            refresh_s: 20 * 60 * 60,
            crl_refresh_s: 60 * 60,
            lost_domains_percent: 5,
            certificate_shown_hours: 72,
            publish_url: None,
            secondary: None,
        }
    }
}

impl DirectorySettings {
    /// Checks every value; `data` is where relative paths start.
    pub(crate) fn check(&self, data: &Path) -> Result<(), Fault> {
        https("directory.url", self.url.as_deref())?;
        https("directory.publish_url", self.publish_url.as_deref())?;
        for (key, file) in [
            ("directory.signer", &self.signer),
            ("directory.server_authority", &self.server_authority),
            ("directory.client_certificate", &self.client_certificate),
            ("directory.mail_authorities", &self.mail_authorities),
            ("directory.secondary", &self.secondary),
        ] {
            if let Some(file) = file {
                readable(key, &data.join(file))?;
            }
        }
        if let Some(file) = &self.client_key {
            protected("directory.client_key", &data.join(file))?;
        }
        self.check_pairs()?;
        within("directory.refresh_s", self.refresh_s)?;
        within("directory.crl_refresh_s", self.crl_refresh_s)?;
        if self.lost_domains_percent > 100 {
            return Err(Fault::new(
                "directory.lost_domains_percent",
                format!("{} percent", self.lost_domains_percent),
                "write 0 to 100",
            ));
        }
        if self.certificate_shown_hours > SHOWN_HOURS_MAX {
            return Err(Fault::new(
                "directory.certificate_shown_hours",
                format!("{} hours", self.certificate_shown_hours),
                format!("write 0 to {SHOWN_HOURS_MAX}"),
            ));
        }
        Ok(())
    }

    fn check_pairs(&self) -> Result<(), Fault> {
        let lacks = |key, by: &str| Fault::new(key, "it is left out", format!("{by} needs it"));
        if self.url.is_some() {
            if self.signer.is_none() {
                return Err(lacks("directory.signer", "directory.url"));
            }
            if self.server_authority.is_none() {
                return Err(lacks("directory.server_authority", "directory.url"));
            }
        }
        match (&self.client_certificate, &self.client_key) {
            (Some(_), None) => Err(lacks(
                "directory.client_key",
                "directory.client_certificate",
            )),
            (None, Some(_)) => Err(lacks(
                "directory.client_certificate",
                "directory.client_key",
            )),
            _ => Ok(()),
        }
    }
}

fn https(key: &'static str, url: Option<&str>) -> Result<(), Fault> {
    let Some(url) = url else { return Ok(()) };
    let host = url.strip_prefix("https://").unwrap_or_default();
    let is_plain = url.bytes().all(|octet| octet.is_ascii_graphic());
    if is_plain && host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[') {
        return Ok(());
    }
    Err(Fault::new(
        key,
        format!("`{url}` is no HTTPS URL"),
        "write one such as https://index.example/index.p7m",
    ))
}

fn within(key: &'static str, seconds: u32) -> Result<(), Fault> {
    if (REFRESH_S_MIN..=REFRESH_S_MAX).contains(&seconds) {
        return Ok(());
    }
    Err(Fault::new(
        key,
        format!("{seconds} seconds"),
        format!("write {REFRESH_S_MIN} to {REFRESH_S_MAX}"),
    ))
}
