//! The vector signer: eight RSA signatures at once, one in each 64-bit lane of AVX-512 IFMA. For keys that are
//! held in the appliance itself; it is no certified HSM and is shown as what it is.
//!
//! *Problem.* One core makes some 4,000 RSA-2048 signatures a second one after another; most of the time goes
//! into multiplications of 64-bit words whose carries wait for each other. *Known approaches:* splitting one
//! number over the lanes, which spends instructions on moving carries between them; or a number per lane.
//! *Rejected:* the first, as messages come by the dozen anyway.
//!
//! *Algorithm.* Numbers are in radix 2^52, limb by limb: one vector holds the same limb of eight numbers. All
//! eight share the key, so the modulus and the exponent are scalars, broadcast. RSA-CRT (RFC 8017 §5.1.2):
//! modulo each prime one exponentiation with fixed windows of five bits in Montgomery form, products column by
//! column (`lanes`), then Garner's recombination (`crt`). Sums of products stay far below 2^64 and are
//! carried once at the end; numbers stay below twice the modulus, as R exceeds it by 2^16 or more.
//!
//! *Constant time.* No branch and no address depends on a secret: windows of the exponent choose from the table
//! by masks over all of it, the last subtraction by a mask. Keys and everything derived from them live in
//! locked pages that no core dump has and that are wiped (`locked`). Every signature is checked with the
//! public key before it is released ([`crate::pool`]): a fault in here costs a signature, never the key.
//!
//! The lanes check signatures of any signer too, eight at a time (`check`).

#[cfg_attr(not(target_arch = "x86_64"), path = "uncheck.rs")]
mod check;
#[cfg(target_arch = "x86_64")]
mod crt;
mod encoding;
mod key;
#[cfg(target_arch = "x86_64")]
mod lanes;
mod locked;
mod numbers;
mod signer;
#[cfg(test)]
mod tests;

pub(crate) use check::{Claim, VectorCheck};
pub use key::VectorKey;
pub(crate) use signer::source;
pub use signer::{VectorSigner, words};

/// Signatures made at once.
pub const LANES: usize = 8;

/// The processor has what it takes.
pub fn is_supported() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512ifma")
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}
