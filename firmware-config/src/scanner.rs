//! The operator's decision about virus scanning: there is no default, because a silent one would be
//! a lie to the users. `none` is a decision; `clamd:SOCKET` is known and refused by this version.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `scanner` in `appliance.toml` and `--scanner`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ScannerSettings {
    /// No message is scanned.
    None,
}

impl FromStr for ScannerSettings {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            clamd if clamd.starts_with("clamd:") => Err(format!(
                "`{clamd}`: this version cannot talk to clamd yet, the next one will; \
                 say `none`, and know that no message is scanned"
            )),
            other => Err(format!("`{other}` is no scanner; say `none`")),
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
        }
    }
}
