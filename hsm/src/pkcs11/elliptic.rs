//! Keys on P-256 in a token. The point is asked of the private half first, and of the public half with the
//! same identifier where that does not tell it; `CKM_ECDSA` gives two numbers side by side, which CMS and
//! certificates have as DER (RFC 3279 §2.2.3).

use ceralacca_core::smime::der::{self, Reader, tag};
use ceralacca_core::smime::oid;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use super::token::{PrivateKey, away};
use crate::error::HsmError;
use crate::public_key::{P256_NUMBER_BYTES, PublicKey};

/// `CKA_EC_PARAMS` of P-256: its identifier.
pub(super) fn parameters() -> Attribute {
    Attribute::EcParams(der::oid(&oid::P256))
}

/// What objects with a key on P-256 have.
pub(super) fn kind() -> [Attribute; 2] {
    [Attribute::KeyType(KeyType::EC), parameters()]
}

/// A private key with its point.
pub(super) fn read_key(session: &Session, handle: ObjectHandle) -> Result<PrivateKey, HsmError> {
    let wanted = [AttributeType::Label, AttributeType::Id];
    let (mut label, mut id) = (String::new(), Vec::new());
    for attribute in session
        .get_attributes(handle, &wanted)
        .map_err(|e| away(&e))?
    {
        match attribute {
            Attribute::Label(octets) => label = String::from_utf8_lossy(&octets).into_owned(),
            Attribute::Id(octets) => id = octets,
            _ => {}
        }
    }
    let point = match point(session, handle)? {
        Some(own) => Some(own),
        None => public_half(session, id)?,
    };
    let point = point.ok_or_else(|| {
        let words = "its public half is not on the token, or has another identifier";
        HsmError::NotPossible(format!("the key `{label}` cannot be used: {words}"))
    })?;
    Ok(PrivateKey {
        handle,
        label,
        public: PublicKey::from_point(&point)?,
    })
}

/// The point of the public key with this identifier.
fn public_half(session: &Session, id: Vec<u8>) -> Result<Option<Vec<u8>>, HsmError> {
    if id.is_empty() {
        return Ok(None);
    }
    let public = [Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::Id(id)];
    let template: Vec<Attribute> = public.into_iter().chain(kind()).collect();
    let found = session.find_objects(&template).map_err(|e| away(&e))?;
    match found.as_slice() {
        [one] => point(session, *one),
        _ => Ok(None),
    }
}

/// `CKA_EC_POINT`: an OCTET STRING around the point (PKCS#11 §2.3.3); some modules leave the string out.
fn point(session: &Session, handle: ObjectHandle) -> Result<Option<Vec<u8>>, HsmError> {
    let found = session
        .get_attributes(handle, &[AttributeType::EcPoint])
        .map_err(|e| away(&e))?;
    let Some(Attribute::EcPoint(octets)) = found.into_iter().next() else {
        return Ok(None);
    };
    // The length tells them apart: a bare point begins as such a string does.
    let bare = 1 + 2 * P256_NUMBER_BYTES;
    let string = Reader::new(&octets).expect(tag::OCTET_STRING);
    Ok(match string {
        Ok(string) if octets.len() > bare => Some(string.content.to_vec()),
        _ => Some(octets).filter(|octets| !octets.is_empty()),
    })
}

/// Two numbers of the same length as the DER of an ECDSA signature.
pub(super) fn as_der(value: &[u8]) -> Vec<u8> {
    let (r, s) = value.split_at(value.len() / 2);
    der::sequence(&[&der::unsigned(r), &der::unsigned(s)])
}
