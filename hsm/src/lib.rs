//! How a signature is made: keys behind PKCS#11 that never leave their module (HS-01), and a software
//! key for evaluation that is always shown as such. Fills [`ceralacca_core::ports::Signer`].
//!
//! One [`pool`] stands behind every signer: workers with a session each, fed by one bounded queue; a
//! session that is lost is opened again, each signature is checked with the public key before it is
//! handed out (SG-16). [`software`], [`pkcs11`] and [`sim`] only say how a session opens and signs.
//! [`operations`] are the commands of `ceralacca hsm`, [`authority`] is a certification authority for
//! evaluation and tests; at a [`ceremony`] a key is made among witnesses (HS-08).

pub mod authority;
pub mod ceremony;
pub mod csr;
pub mod error;
pub mod limits;
mod name;
pub mod operations;
pub mod pkcs11;
pub mod pool;
pub mod protected;
pub mod public_key;
pub mod sim;
pub mod software;
pub mod vector;

pub use authority::{Authority, Permitted};
pub use error::HsmError;
pub use operations::Operations;
pub use pkcs11::{Pkcs11Settings, Pkcs11Signer};
pub use public_key::{KeyType, PublicKey};
pub use sim::SimSigner;
pub use software::{SoftwareKey, SoftwareSigner};
pub use vector::{VectorKey, VectorSigner};
