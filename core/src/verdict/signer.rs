//! Who signed, and whether anybody vouches for it: signature, chain, certificate (RFC 6109 §2.1, §5.5).

use super::examination::{Examination, Finding, Question};
use super::parts::SignedMessage;
use crate::mime::addresses::AddressList;
use crate::smime::verify::{DigestAlgorithm, SignerFacts, VerifyError, verify_detached};
use crate::smime::{chain, profile};

impl Examination<'_> {
    pub(super) fn signature(
        &mut self,
        signed: &SignedMessage<'_>,
    ) -> Result<(SignerFacts, String), String> {
        let content = signed.content();
        match verify_detached(&signed.signature, &mut &*content) {
            Ok(facts) => {
                let (digest, octets) = (facts.digest.name(), content.len());
                if facts.digest == DigestAlgorithm::Sha1 {
                    let warning = "the signature uses SHA-1, which is weak";
                    self.warnings.push(warning.to_owned());
                }
                let sentence =
                    format!("the signature holds over the {octets} signed octets ({digest})");
                Ok((facts, sentence))
            }
            Err(VerifyError::DigestDiffers { stated, computed }) => Err(format!(
                "the signed content was altered: its {} is {computed}, but the signature names {stated}",
                digest_name(&computed)
            )),
            Err(error) => Err(format!("the signature does not hold: {error}")),
        }
    }

    pub(super) fn signer_checks(&mut self, signer: Option<&SignerFacts>) {
        let Some(signer) = signer else {
            self.not_reached("chain");
            self.not_reached("certificate");
            return;
        };
        let chain = self.chain(signer);
        self.say("chain", chain);
        let certificate = self.certificate(signer);
        self.say("certificate", certificate);
    }

    fn chain(&self, signer: &SignerFacts) -> Finding {
        let Question { anchors, at, .. } = self.question;
        if anchors.is_empty() {
            return Err("no anchor was given: nothing is genuine".to_owned());
        }
        chain::check(&signer.certificate, &signer.certificates, anchors, at)
            .map(|()| {
                let at = at.rfc3339();
                format!("the signer's certificate leads to a trusted authority at {at}")
            })
            .map_err(|error| error.to_string())
    }

    fn certificate(&mut self, signer: &SignerFacts) -> Finding {
        let from = self.from()?;
        let expected = self.question.expected;
        if let Some(service) = &expected.service_address
            && !service.eq_ignore_ascii_case(&from)
        {
            return Err(format!(
                "the message is from {from}, and {service} was expected"
            ));
        }
        let provider = expected.provider.as_deref();
        let warnings =
            profile::check_for(&signer.certificate, provider, Some(&from), expected.keys)
                .map_err(|error| error.to_string())?;
        self.warnings.extend(warnings);
        Ok(format!(
            "the certificate is one of a provider and names {from}, as the message does"
        ))
    }

    /// SG-09, CD-10: who issued is who signed. The index decides, where it is asked; here names may be
    /// written in more than one way.
    pub(super) fn warn_of_issuer(&mut self, signer: &SignerFacts, issuer: &str) {
        if !profile::names_provider(&signer.certificate, issuer) {
            let warning = format!(
                "the certificate does not name {issuer:?}, which the signed data say issued"
            );
            self.warnings.push(warning);
        }
    }

    /// The one address of `From:` (SG-05).
    fn from(&mut self) -> Result<String, String> {
        let mut fields = self.scan.fields_named("From");
        let (Some(field), None) = (fields.next(), fields.next()) else {
            return Err("the message has no \"From:\", or several".to_owned());
        };
        let list = AddressList::parse(field.value);
        let [from] = list.addresses.as_slice() else {
            return Err("\"From:\" does not hold one address".to_owned());
        };
        let from = from.to_string();
        if let Some(sender) = self.scan.field("Sender") {
            let list = AddressList::parse(sender.value);
            if !list
                .addresses
                .iter()
                .any(|a| a.as_str().eq_ignore_ascii_case(&from))
            {
                let warning = "\"Sender:\" differs from \"From:\"";
                self.warnings.push(warning.to_owned());
            }
        }
        Ok(from)
    }
}

fn digest_name(hex: &str) -> &'static str {
    match hex.len() {
        40 => "SHA-1",
        64 => "SHA-256",
        96 => "SHA-384",
        128 => "SHA-512",
        _ => "digest",
    }
}
