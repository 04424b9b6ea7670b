//! How the box is set up: [`Settings`] is `appliance.toml`, typed and checked; [`os`] looks at what the
//! machine must offer. Every refusal is a sentence that names the file, the key and the remedy.
//!
//! Nothing here is changed while the appliance runs: who may do what, domains and mailboxes are in the
//! registry (core), not in files.

mod directory;
mod error;
mod file;
pub mod os;
mod policy;
mod relay;
mod render;
mod scanner;
mod settings;

pub use directory::DirectorySettings;
pub use error::SettingsError;
pub use policy::PolicySettings;
pub use relay::RelaySettings;
pub use scanner::ScannerSettings;
pub use settings::{
    FurtherToken, ListenSettings, Ports, ProviderSettings, Settings, SignerSettings,
    ThreadSettings, TlsSettings, or_one_per_core,
};
