//! S/MIME (RFC 5652, RFC 8551): detached CMS signatures assembled and verified over exact octets, the
//! chain of certificates above them (RFC 5280), and its revocation lists.

pub mod ber;
pub mod certificate;
pub mod chain;
pub mod cms;
pub mod crl;
pub mod der;
pub mod extensions;
pub mod name;
pub mod oid;
pub mod profile;
pub mod revocation;
pub mod signature;
pub mod time;
pub mod verify;

use std::sync::Arc;

/// A signing certificate with its issuer, as it goes into each CMS (SG-03).
#[derive(Clone, PartialEq, Eq)]
pub struct SigningCertificate {
    /// DER of the signer's certificate.
    pub certificate: Vec<u8>,
    /// DER of the issuing authorities' certificates, nearest first; added to the CMS.
    pub chain: Vec<Vec<u8>>,
}

impl std::fmt::Debug for SigningCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningCertificate({} octets)", self.certificate.len())
    }
}

/// Shared by the pool and every signature.
pub type SharedCertificate = Arc<SigningCertificate>;
