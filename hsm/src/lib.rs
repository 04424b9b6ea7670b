//! How a signature is made: keys behind PKCS#11 that never leave their module (HS-01), and a software
//! key for evaluation that is always shown as such. Fills [`ceralacca_core::ports::Signer`].
//!
//! One [`pool`] stands behind every signer: tokens that take from one bounded queue; a session that is lost is
//! opened again, a token that is lost leaves its work to the others, each signature is checked with the
//! public key before it is handed out (SG-16). `serve` keeps each token in a process of its own
//! ([`child`]); tests and commands keep theirs in this one. [`software`], [`vector`], [`pkcs11`] and [`sim`]
//! only say how a session opens and signs.
//! [`operations`] are the commands of `ceralacca hsm`, for which an appliance that serves starts a child each,
//! [`authority`] is a certification authority for evaluation and tests; at a [`ceremony`] a key is made among
//! witnesses (HS-08).

pub mod authority;
pub mod ceremony;
pub mod child;
pub mod csr;
pub mod error;
mod holder;
pub mod limits;
pub mod measure;
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
pub use child::ChildProgram;
pub use error::HsmError;
pub use operations::Operations;
pub use pkcs11::{Pkcs11Settings, Pkcs11Signer};
pub use pool::{SigningPool, TokenPlan};
pub use public_key::{KeyType, PublicKey};
pub use sim::SimSigner;
pub use software::{SoftwareKey, SoftwareSigner};
pub use vector::{VectorKey, VectorSigner};
