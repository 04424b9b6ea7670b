//! A private key in the form that the lanes use.

use ceralacca_core::smime::der::{Element, Reader, tag};
use zeroize::Zeroize;

#[cfg(target_arch = "x86_64")]
use super::crt::{CrtKey, Parts, Workspace};
use super::encoding::encoded;
use super::locked::Locked;
use super::{LANES, is_supported};
use crate::error::HsmError;

/// A private key of RSA-2048, 3072 or 4096, with two primes of half its length.
pub struct VectorKey {
    crt: Sized,
    /// Octets of the modulus.
    length: usize,
}

enum Sized {
    #[cfg(target_arch = "x86_64")]
    Rsa2048(Locked<CrtKey<20>>),
    #[cfg(target_arch = "x86_64")]
    Rsa3072(Locked<CrtKey<30>>),
    #[cfg(target_arch = "x86_64")]
    Rsa4096(Locked<CrtKey<40>>),
}

/// One worker's room for a [`VectorKey`].
pub struct VectorWork(Room);

enum Room {
    #[cfg(target_arch = "x86_64")]
    Rsa2048(Locked<Workspace<20>>),
    #[cfg(target_arch = "x86_64")]
    Rsa3072(Locked<Workspace<30>>),
    #[cfg(target_arch = "x86_64")]
    Rsa4096(Locked<Workspace<40>>),
}

impl VectorKey {
    /// From PKCS#8 in DER. Refused where the processor lacks the instructions, and for keys of another form:
    /// more than two primes, or primes of different lengths.
    pub fn from_pkcs8(octets: &[u8]) -> Result<Self, HsmError> {
        if !is_supported() {
            let words = "this processor has no AVX-512 IFMA: keep the key as a software key";
            return Err(HsmError::NotPossible(words.to_owned()));
        }
        let numbers = numbers_of(octets).ok_or_else(other_form)?;
        let [modulus, p, q, dp, dq, q_inverse] = numbers;
        let length = modulus.len();
        let has_half = |prime: &[u8]| {
            prime.len() * 2 == length && prime.first().is_some_and(|octet| octet >> 7 == 1)
        };
        if !has_half(p) || !has_half(q) {
            return Err(other_form());
        }
        let parts = Parts {
            p,
            q,
            dp,
            dq,
            q_inverse,
        };
        let crt = match length {
            256 => Sized::Rsa2048(CrtKey::load(&parts, 1024)?),
            384 => Sized::Rsa3072(CrtKey::load(&parts, 1536)?),
            512 => Sized::Rsa4096(CrtKey::load(&parts, 2048)?),
            other => return Err(HsmError::KeySize(other * 8)),
        };
        Ok(Self { crt, length })
    }

    /// Room for a worker.
    pub fn work(&self) -> Result<VectorWork, HsmError> {
        Ok(VectorWork(match &self.crt {
            Sized::Rsa2048(_) => Room::Rsa2048(Locked::new()?),
            Sized::Rsa3072(_) => Room::Rsa3072(Locked::new()?),
            Sized::Rsa4096(_) => Room::Rsa4096(Locked::new()?),
        }))
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256 over up to [`LANES`] messages; further ones are left out. The time that
    /// it takes depends on nothing but the key's length.
    pub fn sign(&self, work: &mut VectorWork, messages: &[&[u8]]) -> Vec<Vec<u8>> {
        let messages = messages.get(..LANES).unwrap_or(messages);
        let mut encoded: [Vec<u8>; LANES] = std::array::from_fn(|lane| {
            // Idle lanes do what the first one does.
            let message = messages.get(lane).or(messages.first());
            encoded(message.copied().unwrap_or_default(), self.length)
        });
        self.apply(work, &mut encoded);
        encoded.into_iter().take(messages.len()).collect()
    }

    #[allow(unsafe_code)]
    fn apply(&self, work: &mut VectorWork, encoded: &mut [Vec<u8>; LANES]) {
        match (&self.crt, &mut work.0) {
            (Sized::Rsa2048(key), Room::Rsa2048(work)) => {
                // SAFETY: a key exists only where `is_supported` said so.
                unsafe { key.apply(work, encoded) }
            }
            (Sized::Rsa3072(key), Room::Rsa3072(work)) => {
                // SAFETY: a key exists only where `is_supported` said so.
                unsafe { key.apply(work, encoded) }
            }
            (Sized::Rsa4096(key), Room::Rsa4096(work)) => {
                // SAFETY: a key exists only where `is_supported` said so.
                unsafe { key.apply(work, encoded) }
            }
            // Room of another key: nothing is signed, and what comes out fails its check.
            _ => encoded.iter_mut().for_each(|octets| octets.zeroize()),
        }
    }
}

fn other_form() -> HsmError {
    HsmError::NotPossible("no RSA key of two primes of the same length in PKCS#8".to_owned())
}

/// Modulus, primes, exponents and coefficient of an RSAPrivateKey (RFC 8017 §A.1.2) in PKCS#8.
fn numbers_of(octets: &[u8]) -> Option<[&[u8]; 6]> {
    let mut outer = Reader::new(octets);
    let mut info = outer.expect(tag::SEQUENCE).ok()?.reader();
    info.expect(tag::INTEGER).ok()?;
    info.expect(tag::SEQUENCE).ok()?;
    let inner = info.expect(tag::OCTET_STRING).ok()?.content;
    let mut fields = Reader::new(inner).expect(tag::SEQUENCE).ok()?.reader();
    let version = fields.expect(tag::INTEGER).ok()?;
    if version.content != [0] {
        return None;
    }
    let mut next = || {
        fields
            .expect(tag::INTEGER)
            .ok()
            .map(|field| without_zero(&field))
    };
    let modulus = next()?;
    let (_, _) = (next()?, next()?);
    Some([modulus, next()?, next()?, next()?, next()?, next()?])
}

fn without_zero<'a>(element: &Element<'a>) -> &'a [u8] {
    let content = element.content;
    content.strip_prefix(&[0]).unwrap_or(content)
}
