//! `ceralacca hsm …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::control::KeyKind;

/// `hsm …`
#[derive(Debug, Clone, Subcommand)]
pub enum HsmCommand {
    /// Initialise a token with the label and the PIN of the settings.
    Init {
        /// File with the security officer's PIN, mode 600.
        #[arg(long, value_name = "F")]
        so_pin_file: Option<PathBuf>,
        /// This token of the settings, `[signer]` or `[[signer.further]]`; the first when left out.
        #[arg(long, value_name = "LABEL")]
        token: Option<String>,
    },
    /// Make the signing key, inside the module.
    Keygen {
        /// `p256` only where the policy has `ecdsa_keys_allowed`.
        #[arg(long = "type", value_enum, default_value_t = KeyKind::Rsa)]
        kind: KeyKind,
        /// RSA bits: 2048 (when left out), 3072 or 4096.
        #[arg(long)]
        bits: Option<usize>,
        /// Its label; that of the settings when left out.
        #[arg(long, value_name = "LABEL")]
        label: Option<String>,
        /// On this token of the settings, `[signer]` or `[[signer.further]]`; on the first when left out.
        #[arg(long, value_name = "LABEL")]
        token: Option<String>,
    },
    /// Make a key among custodians and witnesses, or open its PIN with their shares; see
    /// firmware-config/ceremony.md.
    #[command(subcommand)]
    Ceremony(CeremonyCommand),
    /// Print the request for the key's certificate (PEM), or write it.
    Csr {
        /// Write it here instead.
        #[arg(long, value_name = "F")]
        out: Option<PathBuf>,
        /// For the key with this label.
        #[arg(long, value_name = "LABEL")]
        label: Option<String>,
        /// For a key on this token of the settings; on the first when left out.
        #[arg(long, value_name = "LABEL")]
        token: Option<String>,
    },
    /// Take the certificate that the authority gave; refused when it breaks the profile. Where the index of
    /// providers shows the one in use, the new one waits until the index has shown it too.
    ImportCert {
        /// PEM, with the certificates of the issuers.
        file: PathBuf,
        /// For the key with this label.
        #[arg(long, value_name = "LABEL")]
        label: Option<String>,
        /// Not to be used before, such as 2026-12-01T06:00:00+01:00.
        #[arg(long, value_name = "INSTANT")]
        from: Option<String>,
        /// Do not wait for the index: others may not know it yet.
        #[arg(long, conflicts_with = "from")]
        at_next_start: bool,
    },
    /// Take back the certificate that waits to be used.
    Recall,
    /// List keys, with what holds them, and how each token of a running appliance is.
    List {
        /// Keys on this token of the settings; on the first when left out.
        #[arg(long, value_name = "LABEL")]
        token: Option<String>,
    },
    /// Measure signatures per second and latency of the tokens by 1, 2, 4 … sessions; the appliance must not run.
    Bench {
        /// Seconds for each number of sessions.
        #[arg(long, value_name = "S", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=600))]
        seconds: u16,
        /// The most sessions.
        #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
        sessions_max: u16,
    },
    /// Compare what each key has signed with the signed messages in the log, as is done each night.
    Reconcile,
}

/// `hsm ceremony …`
#[derive(Debug, Clone, Subcommand)]
pub enum CeremonyCommand {
    /// Make the key, split its PIN among the custodians, and write the record that the key signs.
    Hold(CeremonyArguments),
    /// Rebuild the PIN file from the shares of a quorum.
    Open {
        /// File of a share, mode 600; once per share.
        #[arg(long = "share", value_name = "F", required = true)]
        shares: Vec<PathBuf>,
        /// Write the PIN here, not to the file of the settings.
        #[arg(long, value_name = "F")]
        pin_file: Option<PathBuf>,
    },
}

/// `hsm ceremony hold`
#[derive(Debug, Clone, Args)]
pub struct CeremonyArguments {
    /// Who types.
    #[arg(long, value_name = "NAME")]
    pub operator: String,
    /// Who gets a share; once per person.
    #[arg(long = "custodian", value_name = "NAME", required = true)]
    pub custodians: Vec<String>,
    /// So many shares open the key.
    #[arg(long, value_name = "M")]
    pub quorum: u8,
    /// Who watches; once per person.
    #[arg(long = "witness", value_name = "NAME", required = true)]
    pub witnesses: Vec<String>,
    /// A new folder for the shares and the record.
    #[arg(long, value_name = "F")]
    pub folder: PathBuf,
    /// The key's label; that of the settings when left out.
    #[arg(long, value_name = "LABEL")]
    pub label: Option<String>,
    /// On this token of the settings; on the first when left out.
    #[arg(long, value_name = "LABEL")]
    pub token: Option<String>,
    /// `p256` only where the policy has `ecdsa_keys_allowed`.
    #[arg(long = "type", value_enum, default_value_t = KeyKind::Rsa)]
    pub kind: KeyKind,
    /// RSA bits: 2048 (when left out), 3072 or 4096.
    #[arg(long)]
    pub bits: Option<usize>,
    /// Initialise the token first: file with the security officer's PIN, mode 600.
    #[arg(long, value_name = "F")]
    pub so_pin_file: Option<PathBuf>,
}
