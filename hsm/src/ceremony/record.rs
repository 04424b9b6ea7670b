//! The record of a ceremony: a text for people, and a detached CMS signature over it by the key that was made.
//! That key has no certificate yet: it vouches for itself with one that serves this signature alone, and the
//! record names the public key's hash, by which the certificate of an authority is compared later.

use aws_lc_rs::digest::{SHA256, digest};
use ceralacca_core::instant::Instant;
use ceralacca_core::ports::Signature;
use ceralacca_core::smime::certificate::pem;
use ceralacca_core::smime::{SigningCertificate, cms};
use data_encoding::HEXLOWER;

use super::{CERTIFICATE_FILE, Ceremony, CeremonyError, CeremonyId, RECORD_FILE, SIGNATURE_FILE};
use crate::authority::self_signed;
use crate::error::HsmError;
use crate::operations::{KeyObject, Operations};
use crate::protected::write_secret;
use crate::public_key::PublicKey;

/// What a record tells.
pub(super) struct Record<'a> {
    pub(super) ceremony: &'a Ceremony,
    pub(super) id: CeremonyId,
    pub(super) at: Instant,
    pub(super) pin_is_drawn: bool,
    pub(super) made: &'a KeyObject,
    /// The PKCS#11 library, where there is one.
    pub(super) module: Option<String>,
    pub(super) public: PublicKey,
    /// SHA-256 of each share's file.
    pub(super) shares: &'a [String],
}

impl Record<'_> {
    /// For people, in lines of `name: value`.
    pub(super) fn text(&self) -> String {
        let Ceremony {
            provider,
            operator,
            custodians,
            quorum,
            witnesses,
            label,
            ..
        } = self.ceremony;
        let mut text = String::from("Record of the ceremony of a signing key\n\n");
        let mut say = |name: &str, value: &str| text.push_str(&format!("{name}: {value}\n"));
        say("Ceremony", &self.id.to_string());
        say("Held at", &self.at.rfc3339());
        say("Provider", provider);
        say("Operator", operator);
        for witness in witnesses {
            say("Witness", witness);
        }
        for (at, (custodian, hash)) in custodians.iter().zip(self.shares).enumerate() {
            let place = at + 1;
            say(&format!("Custodian {place}"), custodian);
            say(&format!("SHA-256 of share {place}"), hash);
        }
        let count = custodians.len();
        say(
            "Quorum",
            &format!("any {quorum} of {count} shares open the key"),
        );
        say("Key", label);
        say(
            "Kind",
            &format!("{} of {} bits", self.made.kind, self.made.bits),
        );
        let hash = digest(&SHA256, self.public.info());
        say("SHA-256 of the public key", &HEXLOWER.encode(hash.as_ref()));
        say("Held by", &self.made.held_by);
        if self.made.is_software {
            say(
                "Note",
                "held in software, for evaluation or by an explicit setting",
            );
        }
        if let Some(module) = &self.module {
            say("Module", module);
        }
        say(
            "PIN",
            match self.pin_is_drawn {
                true => "drawn by the ceremony, seen by nobody",
                false => "brought by the operator",
            },
        );
        say("Software", concat!("Ceralacca ", env!("CARGO_PKG_VERSION")));
        text
    }

    /// Has the new key sign `text`, and writes text, signature and certificate.
    pub(super) fn sign(&self, operations: &Operations, text: &str) -> Result<(), CeremonyError> {
        let label = &self.ceremony.label;
        let certificate = self_signed(
            &format!("Ceremony {}", self.id),
            &self.ceremony.service_address,
            &self.public,
            self.at,
            |octets| operations.sign(label, octets),
        )?;
        let hash = digest(&SHA256, text.as_bytes());
        let content = hash.as_ref().first_chunk().copied().unwrap_or_default();
        let unreadable = |error: cms::SmimeError| HsmError::NotPossible(error.to_string());
        let attributes =
            cms::signed_attributes(&certificate, &content, self.at).map_err(unreadable)?;
        let value = operations.sign(label, &attributes)?;
        if !self.public.verifies(&attributes, &value) {
            return Err(HsmError::Faulty.into());
        }
        let certificate_pem = pem("CERTIFICATE", &certificate);
        let signature = Signature {
            signed_attributes: attributes,
            value,
            by: std::sync::Arc::new(SigningCertificate {
                certificate,
                chain: Vec::new(),
            }),
        };
        let signed = cms::signed_data(&signature).map_err(unreadable)?;
        let folder = &self.ceremony.folder;
        write_secret(&folder.join(CERTIFICATE_FILE), certificate_pem.as_bytes())?;
        write_secret(&folder.join(SIGNATURE_FILE), &signed)?;
        // Last: a folder with a record holds all of a ceremony.
        Ok(write_secret(&folder.join(RECORD_FILE), text.as_bytes())?)
    }
}
