//! What can go wrong around keys, sorted by who can mend it: the operator's settings and files, or the
//! token, which may come back by itself.

use std::path::PathBuf;

use ceralacca_core::smime::der::DerError;
use ceralacca_core::smime::profile::ProfileError;

/// A key operation failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HsmError {
    /// Operator: the shared library.
    #[error("the PKCS#11 module {} cannot be used: {reason}", .module.display())]
    Module {
        /// Its path.
        module: PathBuf,
        /// What the loader or the module said.
        reason: String,
    },
    /// Operator, or a token that is away.
    #[error("no token labelled `{0}` is present")]
    NoToken(String),
    /// Operator: labels must tell tokens apart.
    #[error("several tokens are labelled `{0}`")]
    SeveralTokens(String),
    /// Operator: initialising would destroy what is there.
    #[error("a token labelled `{0}` exists already")]
    TokenExists(String),
    /// Operator: nothing to initialise.
    #[error("the module has no free slot with an uninitialised token")]
    NoFreeSlot,
    /// Operator: PIN or key file.
    #[error("the file {} cannot be used: {reason}", .path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Operator: never tried again by itself, a few more tries would lock the token.
    #[error(
        "the token `{token}` refuses the PIN ({reason}); it is not tried again before a restart"
    )]
    PinRefused {
        /// Its label.
        token: String,
        /// What the token said.
        reason: String,
    },
    /// Operator: the key's label.
    #[error("no private key labelled `{0}` is there")]
    NoKey(String),
    /// Operator: labels must tell keys apart.
    #[error("several private keys are labelled `{0}`")]
    SeveralKeys(String),
    /// Operator: keys are never written over.
    #[error("a key labelled `{0}` exists already")]
    KeyExists(String),
    /// Operator: a label that cannot be kept.
    #[error("`{0}` cannot be a label: use 1 to {max} letters, digits, `-`, `_` or `.`", max = crate::limits::KEY_LABEL_BYTES_MAX)]
    BadLabel(String),
    /// Operator: such a key would ask for the PIN at each signature.
    #[error(
        "the key `{0}` demands a login for each signature (CKA_ALWAYS_AUTHENTICATE) and cannot certify mail unattended; make one without it"
    )]
    AlwaysAuthenticate(String),
    /// Operator: SG-04.
    #[error("a key of {0} bits is not allowed: RSA 2048, 3072 or 4096")]
    KeySize(usize),
    /// Operator: SG-04, unless the policy says otherwise.
    #[error(
        "certified mail is signed with RSA keys; a key on P-256 is used only where `ecdsa_keys_allowed = true` is in [policy]"
    )]
    CurveNotAllowed,
    /// Operator: a certificate for something else.
    #[error("the certificate was made for another key")]
    OtherKey,
    /// Operator: SG-11.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// Operator: not a certificate, or not a request.
    #[error("not readable: {0}")]
    Unreadable(#[from] DerError),
    /// Operator: the request's own signature, or its content.
    #[error("the certificate request is refused: {0}")]
    Request(String),
    /// Operator: not possible for this kind of key.
    #[error("{0}")]
    NotPossible(String),
    /// Token: it may work later.
    #[error("the token does not work now: {0}")]
    Away(String),
    /// Operator, and the vendor: a child that did one errand crashed, or was not done in time.
    #[error("{holder}: the process that was started for this {how}")]
    Lost {
        /// What holds the keys.
        holder: String,
        /// What became of it.
        how: String,
    },
    /// Token: it signed wrongly.
    #[error("the token returned a signature that does not verify with its public key")]
    Faulty,
}

impl HsmError {
    /// It may pass by itself, so it is tried again.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Away(_) | Self::NoToken(_) | Self::Faulty)
    }

    /// It may pass by itself. Of a token that `was_ready` before nearly all may: on its way out or back it shows
    /// itself without its objects, its library or its files. A PIN that was refused is never tried again.
    pub(crate) const fn mends(&self, was_ready: bool) -> bool {
        let is_settled = matches!(
            self,
            Self::PinRefused { .. } | Self::OtherKey | Self::AlwaysAuthenticate(_)
        );
        self.is_transient() || (was_ready && !is_settled)
    }
}
