//! Keys behind PKCS#11 (v2.40 and later): they never leave the module (HS-01), and it sees only the
//! digest of the signed attributes, in single-part operations (HS-02). `CKM_RSA_PKCS` over a
//! `DigestInfo`, or `CKM_ECDSA` over the digest with a key on P-256; one `C_SignInit` and one `C_Sign` per signature, with a buffer of the right size, so
//! that a module on a network is asked no length first.

mod elliptic;
mod module;
mod raw;
mod signer;
pub(crate) mod token;

use std::path::PathBuf;

pub(crate) use module::names_software;
pub use signer::Pkcs11Signer;
pub(crate) use signer::source;

/// Which key, where, and by how many sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pkcs11Settings {
    /// The vendor's shared library.
    pub module: PathBuf,
    /// Label of the token.
    pub token: String,
    /// File with the user's PIN, readable by its owner only (HS-09).
    pub pin_file: PathBuf,
    /// Label of the private key.
    pub key_label: String,
    /// Sessions that sign side by side: what the module does in parallel; the number of cores for a
    /// software module.
    pub sessions: usize,
}
