//! DKIM signatures for what leaves for the Internet (TE-19, RFC 6376): RSA-2048 with SHA-256, relaxed on
//! both sides, `d=` the domain in `From:` and only where that domain is ours. The message streams through
//! the hash, its header alone is held in memory, at most [`limits::HEADER_BYTES_MAX`]; the signature
//! stands before the message, which is not changed by an octet.

use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

use ceralacca_core::address::{Address, Domain};
use ceralacca_core::limits;
use mail_auth::common::crypto::{RsaKey, Sha256};
use mail_auth::common::headers::HeaderWriter;
use mail_auth::dkim::{Canonicalization, DkimSigner, Done};
use mail_parser::MessageParser;
use memchr::memmem;
use parking_lot::Mutex;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;

use crate::NetError;

/// Fields under the signature, those that are there; `Received` and `Return-Path` change on the way.
const SIGNED: [&str; 10] = [
    "From",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
];

type Signer = DkimSigner<RsaKey<Sha256>, Done>;

/// Signs.
pub struct Dkim {
    selector: String,
    key: PrivateKeyDer<'static>,
    /// One per domain of ours that writes to the Internet.
    signers: Mutex<HashMap<Domain, Arc<Signer>>>,
}

/// Why a message has no signature.
#[derive(Debug, thiserror::Error)]
pub enum DkimError {
    /// The message is at fault; it leaves unsigned, and that is told.
    #[error("it leaves without DKIM signature: {0}")]
    Unsigned(&'static str),
    /// It cannot be read now.
    #[error("the message cannot be read: {0}")]
    Unread(#[from] std::io::Error),
    /// The key does not sign.
    #[error("the DKIM key does not sign: {0}")]
    Key(String),
}

impl Dkim {
    /// With the key of a PEM text, published under `selector`.
    pub fn new(selector: &str, pem: &[u8]) -> Result<Self, NetError> {
        let told = |e: &dyn std::fmt::Display| NetError::OperatorTls(format!("the DKIM key: {e}"));
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|e| told(&e))?;
        RsaKey::<Sha256>::from_key_der(key.clone_key()).map_err(|e| told(&e))?;
        Ok(Self {
            selector: selector.to_owned(),
            key,
            signers: Mutex::default(),
        })
    }

    /// The field that makes `message` signed, with its CRLF. Reads the message to its end; may wait for
    /// the disk.
    pub fn sign(
        &self,
        mut message: impl Read,
        is_ours: impl Fn(&Domain) -> bool,
    ) -> Result<String, DkimError> {
        let start = read_header(&mut message)?;
        let domain = author(&start).ok_or(DkimError::Unsigned("From holds no single address"))?;
        if !is_ours(&domain) {
            return Err(DkimError::Unsigned("From is not in a domain of ours"));
        }
        let signer = self.signer(domain)?;
        let mut stream = signer.sign_streaming();
        stream.write(&start);
        let mut chunk = vec![0; limits::READ_BYTES_MAX];
        loop {
            match message.read(&mut chunk)? {
                0 => break,
                length => stream.write(chunk.get(..length).unwrap_or_default()),
            }
        }
        let signature = stream.finish().map_err(|e| DkimError::Key(e.to_string()))?;
        let field = signature.to_header();
        Ok(format!("{}\r\n", field.trim_end()))
    }

    fn signer(&self, domain: Domain) -> Result<Arc<Signer>, DkimError> {
        if let Some(signer) = self.signers.lock().get(&domain) {
            return Ok(Arc::clone(signer));
        }
        let key = RsaKey::<Sha256>::from_key_der(self.key.clone_key());
        let key = key.map_err(|e| DkimError::Key(e.to_string()))?;
        let signer = DkimSigner::from_key(key)
            .domain(domain.as_str())
            .selector(&self.selector)
            .headers(SIGNED)
            .header_canonicalization(Canonicalization::Relaxed)
            .body_canonicalization(Canonicalization::Relaxed);
        let signer = Arc::new(signer);
        self.signers.lock().insert(domain, Arc::clone(&signer));
        Ok(signer)
    }
}

/// The message up to the end of its header at least.
fn read_header(message: &mut impl Read) -> Result<Vec<u8>, DkimError> {
    let mut start = Vec::new();
    loop {
        let from = start.len();
        start.resize(from + limits::READ_BYTES_MIN, 0);
        let length = message.read(start.get_mut(from..).unwrap_or_default())?;
        start.truncate(from + length);
        let scanned = start.get(from.saturating_sub(3)..).unwrap_or_default();
        if length == 0 || memmem::find(scanned, b"\r\n\r\n").is_some() {
            return Ok(start);
        }
        if start.len() > limits::HEADER_BYTES_MAX {
            return Err(DkimError::Unsigned("its header is too large"));
        }
    }
}

/// The domain of the one address in `From:`.
fn author(header: &[u8]) -> Option<Domain> {
    let message = MessageParser::default().parse_headers(header)?;
    let from = message.from()?;
    let mut addresses = from.iter();
    let address = addresses.next()?.address()?;
    let domain = Address::parse(address).ok()?.domain();
    addresses.next().is_none().then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    const MESSAGE: &str = "Received: by mail.pec.example\r\nFrom: \"Per conto di: a\" <posta@pec.example>\r\n\
        To: r@a.test\r\nSubject: uno\r\nDate: Sun, 22 Nov 2026 05:19:00 +0100\r\n\r\nCiao\r\n\r\n";

    fn key() -> Vec<u8> {
        let made = Command::new("openssl")
            .args(["genrsa", "2048"])
            .output()
            .expect("openssl");
        assert!(made.status.success());
        made.stdout
    }

    #[test]
    fn te_19_the_signature_is_aligned_with_from_and_covers_what_readers_see() {
        let dkim = Dkim::new("s2026", &key()).expect("a key");
        let ours = |domain: &Domain| domain.as_str() == "pec.example";
        let field = dkim.sign(MESSAGE.as_bytes(), ours).expect("signed");
        assert!(field.starts_with("DKIM-Signature: ") && field.ends_with("\r\n"));
        let flat: String = field.split_whitespace().collect();
        for part in [
            "a=rsa-sha256",
            "c=relaxed/relaxed",
            "d=pec.example",
            "s=s2026",
            "From",
            "Subject",
        ] {
            assert!(flat.contains(part), "{part}: {field}");
        }
        assert!(
            field
                .lines()
                .all(|line| line.len() <= limits::LINE_BYTES_MAX)
        );
    }

    #[test]
    fn te_19_what_cannot_be_aligned_is_told_and_never_signed_for_another() {
        let dkim = Dkim::new("s", &key()).expect("a key");
        let unsigned = |message: &str| {
            let signed = dkim.sign(message.as_bytes(), |d| d.as_str() == "pec.example");
            matches!(signed, Err(DkimError::Unsigned(_)))
        };
        assert!(unsigned("From: a@other.test\r\n\r\nx\r\n"));
        assert!(unsigned("From: a@pec.example, b@pec.example\r\n\r\nx\r\n"));
        assert!(unsigned("Subject: nobody\r\n\r\nx\r\n"));
        let long = format!("X: {}\r\n", "x".repeat(900)).repeat(1200);
        assert!(unsigned(&format!("{long}From: a@pec.example\r\n\r\n")));
        assert!(!unsigned(MESSAGE));
        assert!(Dkim::new("s", b"nothing").is_err());
    }
}
