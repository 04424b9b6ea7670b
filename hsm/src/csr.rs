//! Certificate requests (PKCS#10, RFC 2986) for the provider's key: what an authority is given, and
//! what our evaluation authority reads.

use ceralacca_core::smime::certificate::pem;
use ceralacca_core::smime::der::{self, Reader, tag};
use ceralacca_core::smime::oid;

use crate::error::HsmError;
use crate::limits::CERTIFICATE_FILE_BYTES_MAX;
use crate::name;
use crate::public_key::PublicKey;

const LABEL: &str = "CERTIFICATE REQUEST";

/// A request in PEM: subject C, O and CN with the provider's name, the service address as `rfc822Name`
/// (SG-05, SG-09). `sign` is asked once, for what the key signs with, over SHA-256.
pub fn request(
    public: &PublicKey,
    provider_name: &str,
    service_address: &str,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, HsmError>,
) -> Result<String, HsmError> {
    let mail = name::mail_name(service_address);
    let wanted = der::sequence(&[&name::extension(&oid::SUBJECT_ALT_NAME, false, &mail)]);
    let attribute = der::sequence(&[
        &der::oid(&oid::EXTENSION_REQUEST),
        &der::element(tag::SET, &wanted),
    ]);
    let info = der::sequence(&[
        &der::unsigned(&[0]),
        &name::provider_name(provider_name),
        public.info(),
        &der::element(tag::context(0), &attribute),
    ]);
    let value = sign(&info)?;
    if !public.verifies(&info, &value) {
        return Err(HsmError::Faulty);
    }
    let whole = der::sequence(&[
        &info,
        &name::signature_algorithm(public.key_type()),
        &der::bits(&value),
    ]);
    Ok(pem(LABEL, &whole))
}

/// The key that a request in PEM asks a certificate for, once its own signature was checked.
pub fn requested_key(request_pem: &str) -> Result<PublicKey, HsmError> {
    if request_pem.len() > CERTIFICATE_FILE_BYTES_MAX {
        return Err(refused("it is too large"));
    }
    let octets = pem_body(request_pem).ok_or_else(|| refused("it is not PEM"))?;
    let mut parts = Reader::new(&octets).expect(tag::SEQUENCE)?.reader();
    let info = parts.expect(tag::SEQUENCE)?;
    let algorithm = parts.expect(tag::SEQUENCE)?.raw;
    let value = der::bit_string(&parts.expect(tag::BIT_STRING)?)?;
    let mut fields = info.reader();
    fields.expect(tag::INTEGER)?;
    fields.expect(tag::SEQUENCE)?;
    let public = PublicKey::from_info(fields.expect(tag::SEQUENCE)?.raw)?;
    if algorithm != name::signature_algorithm(public.key_type()) {
        return Err(refused("it is not signed with RSA or ECDSA and SHA-256"));
    }
    if public.verifies(info.raw, value) {
        Ok(public)
    } else {
        Err(refused("its signature is not of the key inside"))
    }
}

fn refused(why: &str) -> HsmError {
    HsmError::Request(why.to_owned())
}

/// The first request of a PEM text; OpenSSL also writes `NEW CERTIFICATE REQUEST`.
fn pem_body(text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once("CERTIFICATE REQUEST-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    let body: String = body.split_whitespace().collect();
    data_encoding::BASE64.decode(body.as_bytes()).ok()
}
