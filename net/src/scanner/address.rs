//! Where clamd listens, as the settings write it: `clamd:/run/clamav/clamd.ctl`, `clamd:host:3310`,
//! `clamd:[::1]:3310`; several after a comma.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use ceralacca_core::limits;

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClamdAddress {
    /// A Unix socket.
    Unix(PathBuf),
    /// A host, by name or number, and its port.
    Tcp(String, u16),
}

/// At least one server, in the order of preference of none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClamdAddresses(Vec<ClamdAddress>);

/// What stands before the addresses.
const PREFIX: &str = "clamd:";
/// A Unix socket's address with its final zero.
const UNIX_PATH_BYTES_MAX: usize = 107;

impl ClamdAddresses {
    /// The servers.
    pub fn list(&self) -> &[ClamdAddress] {
        &self.0
    }

    /// The servers that messages reach over a network, where clamd reads them in clear: the operator owes
    /// that way a secure channel (SE-16).
    pub fn in_clear(&self) -> Vec<String> {
        let far = self.0.iter().filter(|address| match address {
            ClamdAddress::Unix(_) => false,
            ClamdAddress::Tcp(host, _) => {
                let number = host.parse::<std::net::IpAddr>();
                !number.map_or(host == "localhost", |number| number.is_loopback())
            }
        });
        far.map(ClamdAddress::to_string).collect()
    }

    /// Without the prefix.
    pub(super) fn joined(&self) -> String {
        let texts: Vec<String> = self.0.iter().map(ClamdAddress::to_string).collect();
        texts.join(",")
    }
}

impl FromStr for ClamdAddresses {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text
            .strip_prefix(PREFIX)
            .ok_or_else(|| format!("`{text}` does not begin with `{PREFIX}`"))?;
        let servers: Vec<ClamdAddress> =
            rest.split(',').map(str::parse).collect::<Result<_, _>>()?;
        if servers.len() > limits::CLAMD_SERVERS_MAX {
            return Err(format!(
                "name at most {} servers",
                limits::CLAMD_SERVERS_MAX
            ));
        }
        Ok(Self(servers))
    }
}

impl FromStr for ClamdAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| {
            format!("`{text}` {why}; write `/path/of/the/socket`, `host:port` or `[::1]:3310`")
        };
        if text.starts_with('/') {
            if text.len() > UNIX_PATH_BYTES_MAX {
                return Err(wrong("is longer than the address of a Unix socket may be"));
            }
            return Ok(Self::Unix(text.into()));
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(|| wrong("has no port"))?;
        let port = port.parse().ok().filter(|port| *port != 0);
        let port = port.ok_or_else(|| wrong("has no port"))?;
        let number = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let is_host = match number {
            Some(number) => number.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
                !host.is_empty() && host.len() <= limits::DOMAIN_BYTES_MAX && host.bytes().all(fits)
            }
        };
        if !is_host {
            return Err(wrong("names no host"));
        }
        Ok(Self::Tcp(number.unwrap_or(host).to_owned(), port))
    }
}

impl fmt::Display for ClamdAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.joined())
    }
}

impl fmt::Display for ClamdAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn se_16_what_leaves_the_machine_in_clear_is_known() {
        let text = "clamd:/run/c,127.0.0.1:1,[::1]:1,localhost:1,192.0.2.1:1,scan.test:2";
        let read: ClamdAddresses = text.parse().unwrap();
        assert_eq!(read.in_clear(), ["192.0.2.1:1", "scan.test:2"]);
    }

    #[test]
    fn addresses_are_read_and_written_the_same() {
        for text in [
            "clamd:/run/clamav/clamd.ctl",
            "clamd:127.0.0.1:3310",
            "clamd:[::1]:3310",
            "clamd:scan-1.pec.test:3310,/run/clamd.ctl,[fd00::2]:1",
        ] {
            let read: ClamdAddresses = text.parse().unwrap();
            assert_eq!(read.to_string(), text);
        }
        let two: ClamdAddresses = "clamd:/a,b.test:9".parse().unwrap();
        let tcp = ClamdAddress::Tcp("b.test".to_owned(), 9);
        assert_eq!(two.list(), [ClamdAddress::Unix("/a".into()), tcp]);
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_remedy() {
        let long = format!("clamd:/{}", "x".repeat(UNIX_PATH_BYTES_MAX));
        let many = format!("clamd:{}", ["/a"; limits::CLAMD_SERVERS_MAX + 1].join(","));
        for text in [
            "clamd:",
            "clamd:relative",
            "clamd:host",
            "clamd:host:0",
            "clamd:host:70000",
            "clamd::3310",
            "clamd:::1:3310",
            "clamd:[x]:3310",
            "clamd:a b:1",
            "clamd:/a,",
            "/a",
            &long,
            &many,
        ] {
            assert!(text.parse::<ClamdAddresses>().is_err(), "{text}");
        }
    }
}
