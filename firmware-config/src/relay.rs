//! `[relay]`: how mail leaves for other servers.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Fault;
use crate::settings::protected;

/// `[relay]`; a relative path starts at the data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RelaySettings {
    /// The name server to ask, with its port; those of the system when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns: Option<SocketAddr>,
    /// The port of other servers; another one than 25 serves tests only.
    pub port: u16,
    /// Mail to PEC domains leaves from this address; the system chooses when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certified_source: Option<IpAddr>,
    /// Mail to the Internet leaves from this address (TE-18); the system chooses when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordinary_source: Option<IpAddr>,
    /// Under this name the DNS of each domain publishes the DKIM key (TE-19).
    pub dkim_selector: String,
    /// The DKIM key, RSA in PEM (PKCS#8); made where it is missing.
    pub dkim_key: PathBuf,
    /// Connections to other servers at the same time.
    pub connections_max: u16,
    /// Of those, to one destination.
    pub connections_per_destination_max: u16,
}

/// Each is a file of the process, with some 400 kB of buffers while a message leaves.
const CONNECTIONS_MAX: u16 = 1000;
/// RFC 1035 §2.3.4.
const LABEL_BYTES_MAX: usize = 63;

impl Default for RelaySettings {
    fn default() -> Self {
        Self {
            dns: None,
            port: 25,
            certified_source: None,
            ordinary_source: None,
            dkim_selector: "ceralacca".to_owned(),
            dkim_key: "keys/dkim.pem".into(),
            connections_max: 100,
            connections_per_destination_max: 10,
        }
    }
}

impl RelaySettings {
    /// Checks every value; `data` is where a relative path starts.
    pub(crate) fn check(&self, data: &Path) -> Result<(), Fault> {
        if self.port == 0 {
            return Err(Fault::new(
                "relay.port",
                "no server listens on 0",
                "write 25",
            ));
        }
        source("relay.certified_source", self.certified_source)?;
        source("relay.ordinary_source", self.ordinary_source)?;
        self.check_selector()?;
        let key = data.join(&self.dkim_key);
        if key.exists() {
            protected("relay.dkim_key", &key)?;
        }
        if !(1..=CONNECTIONS_MAX).contains(&self.connections_max) {
            return Err(Fault::new(
                "relay.connections_max",
                format!("{} is out of bounds", self.connections_max),
                format!("write 1 to {CONNECTIONS_MAX}"),
            ));
        }
        if !(1..=self.connections_max).contains(&self.connections_per_destination_max) {
            return Err(Fault::new(
                "relay.connections_per_destination_max",
                format!("{} is out of bounds", self.connections_per_destination_max),
                format!(
                    "write 1 to {}, which is connections_max",
                    self.connections_max
                ),
            ));
        }
        Ok(())
    }

    fn check_selector(&self) -> Result<(), Fault> {
        let is_part = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        let selector = self.dkim_selector.as_bytes();
        let fits = (1..=LABEL_BYTES_MAX).contains(&selector.len());
        let ends = selector.first() == Some(&b'-') || selector.last() == Some(&b'-');
        if fits && !ends && selector.iter().copied().all(is_part) {
            return Ok(());
        }
        Err(Fault::new(
            "relay.dkim_selector",
            "it is no label of the DNS",
            "write letters, digits and hyphens",
        ))
    }
}

/// A socket can be bound to it, so it is an address of this machine.
fn source(key: &'static str, address: Option<IpAddr>) -> Result<(), Fault> {
    let Some(address) = address else {
        return Ok(());
    };
    UdpSocket::bind((address, 0)).map(drop).map_err(|error| {
        Fault::new(
            key,
            format!("{address} is no address of this machine ({error})"),
            "give the machine this address or change the key",
        )
    })
}
