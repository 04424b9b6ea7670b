//! What RSA signs: EMSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §9.2).

use aws_lc_rs::digest::{SHA256, digest};

/// `DigestInfo` of SHA-256 before the digest itself (RFC 8017 §9.2, note 1).
const SHA256_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// The encoded `message` for a modulus of `length` octets, 256 or more.
pub(super) fn encoded(message: &[u8], length: usize) -> Vec<u8> {
    let hash = digest(&SHA256, message);
    let tail = SHA256_INFO.len() + hash.as_ref().len();
    let mut encoded = vec![0xff; length];
    encoded[0] = 0;
    encoded[1] = 1;
    let separator = length - tail - 1;
    encoded[separator] = 0;
    let info = separator + 1;
    encoded[info..info + SHA256_INFO.len()].copy_from_slice(&SHA256_INFO);
    encoded[info + SHA256_INFO.len()..].copy_from_slice(hash.as_ref());
    encoded
}
