//! Names, extensions and requests as DER, shared by what asks for a certificate and what issues one.

use ceralacca_core::smime::der::{self, tag};
use ceralacca_core::smime::oid;
use const_oid::ObjectIdentifier;

use crate::public_key::KeyType;

/// A Name of one attribute per relative name.
pub(crate) fn name(attributes: &[(ObjectIdentifier, &str)]) -> Vec<u8> {
    let parts: Vec<Vec<u8>> = attributes
        .iter()
        .map(|(id, value)| {
            // RFC 5280 §4.1.2.4 and appendix A: countries are printable, mail addresses IA5.
            let kind = match *id {
                oid::COUNTRY => tag::PRINTABLE_STRING,
                oid::EMAIL_ADDRESS => tag::IA5_STRING,
                _ => tag::UTF8_STRING,
            };
            let pair = der::sequence(&[&der::oid(id), &der::element(kind, value.as_bytes())]);
            der::element(tag::SET, &pair)
        })
        .collect();
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    der::sequence(&parts)
}

/// The subject of a provider's signing certificate (SG-09): the provider's name is in O and in CN.
pub(crate) fn provider_name(provider: &str) -> Vec<u8> {
    name(&[
        (oid::COUNTRY, "IT"),
        (oid::ORGANIZATION, provider),
        (oid::COMMON_NAME, provider),
    ])
}

/// One extension.
pub(crate) fn extension(id: &ObjectIdentifier, is_critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if is_critical {
        &[tag::BOOLEAN, 1, 0xff]
    } else {
        &[]
    };
    let value = der::element(tag::OCTET_STRING, value);
    der::sequence(&[&der::oid(id), critical, &value])
}

/// GeneralNames of one mail address.
pub(crate) fn mail_name(address: &str) -> Vec<u8> {
    der::sequence(&[&der::element(tag::context_primitive(1), address.as_bytes())])
}

/// `AlgorithmIdentifier` of what a key signs with: sha256WithRSAEncryption or ecdsa-with-SHA256.
pub(crate) fn signature_algorithm(key: KeyType) -> Vec<u8> {
    match key {
        KeyType::Rsa(_) => der::sequence(&[&der::oid(&oid::SHA256_WITH_RSA), &[tag::NULL, 0]]),
        KeyType::P256 => der::sequence(&[&der::oid(&oid::ECDSA_WITH_SHA256)]),
    }
}
