//! The operator's decision about virus scanning: there is no default, because a silent one would be
//! a lie to the users. `none` is a decision, said aloud wherever the scanner is shown.

use std::fmt;
use std::str::FromStr;

use ceralacca_net::scanner::ClamdAddresses;
use serde::{Deserialize, Serialize};

/// `scanner` in `appliance.toml` and `--scanner`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ScannerSettings {
    /// No message is scanned.
    None,
    /// clamd, on one server or several.
    Clamd(ClamdAddresses),
}

impl FromStr for ScannerSettings {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            clamd if clamd.starts_with("clamd:") => clamd.parse().map(Self::Clamd),
            other => Err(format!(
                "`{other}` is no scanner; say `clamd:/path/of/the/socket`, `clamd:host:port`, or \
                 `none`, and know that then no message is scanned"
            )),
        }
    }
}

impl TryFrom<String> for ScannerSettings {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ScannerSettings> for String {
    fn from(scanner: ScannerSettings) -> Self {
        scanner.to_string()
    }
}

impl fmt::Display for ScannerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Clamd(addresses) => addresses.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_decision_is_read_and_written_the_same_and_nothing_else_is_one() {
        for text in [
            "none",
            "clamd:/run/clamav/clamd.ctl",
            "clamd:10.0.0.1:3310,[::1]:3310",
        ] {
            let read: ScannerSettings = text.parse().unwrap();
            assert_eq!(read.to_string(), text);
        }
        for text in ["", "None", "clamd", "clamd:", "clamd:x", "sophos:1"] {
            assert!(text.parse::<ScannerSettings>().is_err(), "{text}");
        }
    }
}
