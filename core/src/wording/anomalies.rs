//! Why a received message is not certified, as an anomaly envelope says it (RFC 6109 §3.2.2): one code
//! per failed check, so that the same fault always gives the same text (AN-08), and whether the origin
//! was verified (AN-09).

/// The closed list of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum AnomalyReason {
    /// Check 1: no signature, as in all ordinary mail.
    #[n(0)]
    NoSignature,
    /// Check 2: no provider of the index has the signer's certificate.
    #[n(1)]
    UnknownSigner,
    /// Check 3: the signature is not one over this content.
    #[n(2)]
    BadSignature,
    /// Check 3: the certificate's path or dates do not hold.
    #[n(3)]
    BadCertificate,
    /// Check 3: the certificate was revoked.
    #[n(4)]
    RevokedCertificate,
    /// Check 4: header, parts or certification data are none of the protocol's (IP-05, IP-15).
    #[n(5)]
    Malformed,
    /// Check 4: `From:` is in no domain of the signer (IP-06).
    #[n(6)]
    ForeignSender,
    /// The addressee is none of those in the signed data (IP-19).
    #[n(7)]
    NotAddressed,
    /// More parts, depth or header than is read (SE-07).
    #[n(8)]
    OutOfBounds,
}

impl AnomalyReason {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::NoSignature,
        Self::UnknownSigner,
        Self::BadSignature,
        Self::BadCertificate,
        Self::RevokedCertificate,
        Self::Malformed,
        Self::ForeignSender,
        Self::NotAddressed,
        Self::OutOfBounds,
    ];

    /// For logs and commands.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoSignature => "no-signature",
            Self::UnknownSigner => "unknown-signer",
            Self::BadSignature => "bad-signature",
            Self::BadCertificate => "bad-certificate",
            Self::RevokedCertificate => "revoked-certificate",
            Self::Malformed => "malformed",
            Self::ForeignSender => "foreign-sender",
            Self::NotAddressed => "not-addressed",
            Self::OutOfBounds => "out-of-bounds",
        }
    }

    /// Checks 1 to 3 passed: a provider signed it (AN-09).
    pub const fn is_origin_verified(self) -> bool {
        matches!(
            self,
            Self::Malformed | Self::ForeignSender | Self::NotAddressed | Self::OutOfBounds
        )
    }

    /// The error that follows in the text, one line.
    pub fn sentence(self) -> String {
        let origin = if self.is_origin_verified() {
            "la provenienza del messaggio da un gestore di posta certificata è stata verificata"
        } else {
            "la provenienza del messaggio non è stata verificata"
        };
        format!("{}; {origin}.", self.fault())
    }

    const fn fault(self) -> &'static str {
        match self {
            Self::NoSignature => {
                "la firma digitale di un gestore di posta certificata non è presente"
            }
            Self::UnknownSigner => {
                "il certificato di firma non appartiene ad alcun gestore di posta certificata"
            }
            Self::BadSignature => "la firma digitale del messaggio non risulta autentica",
            Self::BadCertificate => "il certificato di firma del messaggio non risulta attendibile",
            Self::RevokedCertificate => "il certificato di firma del messaggio è stato revocato",
            Self::Malformed => "il messaggio non è conforme al formato della posta certificata",
            Self::ForeignSender => {
                "il mittente del campo From non appartiene ai domini del gestore che ha firmato il messaggio"
            }
            Self::NotAddressed => {
                "il destinatario non è tra quelli indicati nei dati di certificazione"
            }
            Self::OutOfBounds => "la struttura del messaggio eccede i limiti ammessi",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn an_08_an_09_each_reason_has_a_text_and_a_code_of_its_own_and_tells_the_origin() {
        let codes: HashSet<_> = AnomalyReason::ALL.iter().map(|r| r.code()).collect();
        let texts: HashSet<_> = AnomalyReason::ALL.iter().map(|r| r.sentence()).collect();
        assert_eq!((codes.len(), texts.len()), (9, 9));
        for reason in AnomalyReason::ALL {
            let text = reason.sentence();
            assert!(text.chars().all(|c| u32::from(c) < 0x100), "{text}");
            assert!(!text.contains(char::is_control), "{text}");
            let is_negative = text.ends_with("non è stata verificata.");
            assert_eq!(is_negative, !reason.is_origin_verified(), "{text}");
        }
    }
}
