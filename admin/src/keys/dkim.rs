//! The DKIM key of mail to the Internet (TE-19): a file of its own, made where it is first needed. It
//! proves only that a domain has sent what it says: it is no key of certified mail.

use ceralacca_core::disk::DataFolder;
use ceralacca_firmware::Settings;
use ceralacca_hsm::protected::read_secret;
use ceralacca_hsm::{KeyType, SoftwareKey};
use ceralacca_net::relay::Dkim;

use crate::report::Failure;

/// RFC 8301 §3.2: what every verifier takes.
const BITS: usize = 2048;
/// A key in PEM.
const KEY_BYTES_MAX: usize = 64 * 1024;

/// What signs.
pub fn signer(data: &DataFolder, settings: &Settings) -> Result<Dkim, Failure> {
    key(data, settings)?;
    let file = data.0.join(&settings.relay.dkim_key);
    let pem = read_secret(&file, KEY_BYTES_MAX).map_err(Failure::refused)?;
    Dkim::new(&settings.relay.dkim_selector, &pem).map_err(Failure::refused)
}

/// The name and the text of the TXT record with which `domain` publishes the key.
pub fn record(
    data: &DataFolder,
    settings: &Settings,
    domain: &str,
) -> Result<(String, String), Failure> {
    let key = key(data, settings)?;
    let public = data_encoding::BASE64.encode(key.public().info());
    let name = format!("{}._domainkey.{domain}", settings.relay.dkim_selector);
    Ok((name, format!("v=DKIM1; k=rsa; p={public}")))
}

fn key(data: &DataFolder, settings: &Settings) -> Result<SoftwareKey, Failure> {
    let file = data.0.join(&settings.relay.dkim_key);
    if !file.exists() {
        let key = SoftwareKey::generate(BITS).map_err(Failure::refused)?;
        key.save(&file).map_err(Failure::refused)?;
    }
    let key = SoftwareKey::load(&file).map_err(Failure::refused)?;
    match key.public().key_type() {
        KeyType::Rsa(_) => Ok(key),
        // RFC 8463 knows Ed25519 beside RSA, and no key on P-256.
        KeyType::P256 => {
            let sentence = "DKIM knows no key on P-256; put an RSA key in its place";
            Err(Failure::Refused(format!("{}: {sentence}", file.display())))
        }
    }
}
