//! Words of the wire: header names and values, subject prefixes, attribute values of certification
//! data, file names (RFC 6109 §3, §4, appendix A). Both directions live here, so that what is written
//! is what is recognised.

use crate::certification::{CertificationKind, DeliveryDetail, ErrorKind, RecipientType};

/// Field that marks envelopes.
pub const TRANSPORT_FIELD: &str = "X-Trasporto";
/// Field that marks receipts and notices.
pub const RECEIPT_FIELD: &str = "X-Ricevuta";
/// Field that tells a notice for a virus from one for another reason.
pub const SECURITY_FIELD: &str = "X-VerificaSicurezza";
/// Value of [`SECURITY_FIELD`], and of [`TRANSPORT_FIELD`] in an anomaly envelope.
pub const ERROR_VALUE: &str = "errore";
/// Field with the client's own `Message-ID:` (TM-07).
pub const REFERENCE_FIELD: &str = "X-Riferimento-Message-ID";
/// Field in which a sender asks for a kind of delivery receipt (TE-08).
pub const DETAIL_FIELD: &str = "X-TipoRicevuta";
/// Field of a virus detection that names the original sender.
pub const SENDER_FIELD: &str = "X-Mittente";
/// Before the sender's address in the display name of an envelope's `From:` (TE-04).
pub const ON_BEHALF_OF: &str = "Per conto di: ";
/// File name of certification data (CD-01).
pub const CERTIFICATION_FILE: &str = "daticert.xml";
/// File name of the enclosed original.
pub const ENCLOSED_FILE: &str = "postacert.eml";
/// File name of the signature (SG-01).
pub const SIGNATURE_FILE: &str = "smime.p7s";
/// Element and attribute names of `daticert.xml` (RFC 6109 §4.4).
pub mod xml {
    /// Root.
    pub const ROOT: &str = "postacert";
    /// Attribute: kind of message, of recipient, of receipt.
    pub const KIND: &str = "tipo";
    /// Attribute: kind of error.
    pub const ERROR: &str = "errore";
    /// Attribute: offset from UTC.
    pub const ZONE: &str = "zona";
    /// What the header of the original says.
    pub const HEADING: &str = "intestazione";
    /// Original sender.
    pub const SENDER: &str = "mittente";
    /// One recipient.
    pub const RECIPIENT: &str = "destinatari";
    /// Where replies go.
    pub const REPLIES: &str = "risposte";
    /// Subject.
    pub const SUBJECT: &str = "oggetto";
    /// What this step says.
    pub const FACTS: &str = "dati";
    /// Who certifies.
    pub const ISSUER: &str = "gestore-emittente";
    /// When.
    pub const DATE: &str = "data";
    /// Day in legal time.
    pub const DAY: &str = "giorno";
    /// Time of day in legal time.
    pub const TIME: &str = "ora";
    /// The PEC identifier.
    pub const IDENTIFIER: &str = "identificativo";
    /// The client's identifier.
    pub const CLIENT_ID: &str = "msgid";
    /// Kind of delivery receipt asked.
    pub const RECEIPT: &str = "ricevuta";
    /// Recipient of a delivery, done or tried.
    pub const DELIVERY: &str = "consegna";
    /// One recipient taken in charge.
    pub const TAKEN_IN_CHARGE: &str = "ricezione";
    /// The error in words.
    pub const EXTENDED_ERROR: &str = "errore-esteso";
}

macro_rules! wire_words {
    ($type:ident { $($variant:ident = $word:literal)* }) => {
        impl $type {
            /// All values.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word that stands for it on the wire.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// What a word of the wire stands for; case and blanks around it do not matter.
            pub fn from_word(word: &str) -> Option<Self> {
                let word = word.trim();
                Self::ALL.iter().copied().find(|v| v.word().eq_ignore_ascii_case(word))
            }
        }
    };
}

wire_words! { CertificationKind {
    Acceptance = "accettazione"
    NonAcceptance = "non-accettazione"
    TakeCharge = "presa-in-carico"
    Delivery = "avvenuta-consegna"
    TransportEnvelope = "posta-certificata"
    NonDelivery = "errore-consegna"
    Delay = "preavviso-errore-consegna"
    VirusDetection = "rilevazione-virus"
} }

wire_words! { ErrorKind {
    None = "nessuno"
    NoRecipient = "no-dest"
    NoDomain = "no-dominio"
    Virus = "virus"
    Other = "altro"
} }

wire_words! { RecipientType {
    Certified = "certificato"
    External = "esterno"
} }

wire_words! { DeliveryDetail {
    Complete = "completa"
    Brief = "breve"
    Concise = "sintetica"
} }

impl RecipientType {
    /// As texts for people call it (AP-20).
    pub const fn in_text(self) -> &'static str {
        match self {
            Self::Certified => "posta certificata",
            Self::External => "posta ordinaria",
        }
    }
}

/// The eleven messages of RFC 6109 §3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// Refused for form (§3.1.2).
    NonAcceptance,
    /// Refused for a virus (§3.1.3).
    VirusNonAcceptance,
    /// Accepted (§3.1.4).
    Acceptance,
    /// The original under way (§3.1.5).
    TransportEnvelope,
    /// No answer in time (§3.1.6).
    Delay,
    /// Taken over by the other provider (§3.2.1).
    TakeCharge,
    /// Mail that nobody certifies (§3.2.2).
    AnomalyEnvelope,
    /// Virus seen on arrival (§3.2.3).
    VirusDetection,
    /// Not delivered for a virus (§3.2.4).
    VirusNonDelivery,
    /// In the mailbox (§3.3.2).
    Delivery,
    /// Could not be delivered (§3.3.3).
    NonDelivery,
}

impl MessageKind {
    /// All eleven.
    pub const ALL: [Self; 11] = [
        Self::NonAcceptance,
        Self::VirusNonAcceptance,
        Self::Acceptance,
        Self::TransportEnvelope,
        Self::Delay,
        Self::TakeCharge,
        Self::AnomalyEnvelope,
        Self::VirusDetection,
        Self::VirusNonDelivery,
        Self::Delivery,
        Self::NonDelivery,
    ];

    /// What its certification data say; an anomaly envelope has none.
    pub const fn certification(self) -> Option<CertificationKind> {
        Some(match self {
            Self::NonAcceptance | Self::VirusNonAcceptance => CertificationKind::NonAcceptance,
            Self::Acceptance => CertificationKind::Acceptance,
            Self::TransportEnvelope => CertificationKind::TransportEnvelope,
            Self::Delay => CertificationKind::Delay,
            Self::TakeCharge => CertificationKind::TakeCharge,
            Self::AnomalyEnvelope => return None,
            Self::VirusDetection => CertificationKind::VirusDetection,
            Self::NonDelivery | Self::VirusNonDelivery => CertificationKind::NonDelivery,
            Self::Delivery => CertificationKind::Delivery,
        })
    }

    /// Name and value of the field that marks it.
    pub const fn marker(self) -> (&'static str, &'static str) {
        match (self, self.certification()) {
            (Self::TransportEnvelope, Some(kind)) => (TRANSPORT_FIELD, kind.word()),
            (_, Some(kind)) => (RECEIPT_FIELD, kind.word()),
            (_, None) => (TRANSPORT_FIELD, ERROR_VALUE),
        }
    }

    /// It carries [`SECURITY_FIELD`] too.
    pub const fn is_for_virus(self) -> bool {
        matches!(self, Self::VirusNonAcceptance | Self::VirusNonDelivery)
    }

    /// It is one of the two envelopes.
    pub const fn is_envelope(self) -> bool {
        matches!(self, Self::TransportEnvelope | Self::AnomalyEnvelope)
    }

    /// What stands before the subject of the original.
    pub const fn subject_prefix(self) -> &'static str {
        match self {
            Self::NonAcceptance => "AVVISO DI NON ACCETTAZIONE: ",
            Self::VirusNonAcceptance => "AVVISO DI NON ACCETTAZIONE PER VIRUS: ",
            Self::Acceptance => "ACCETTAZIONE: ",
            Self::TransportEnvelope => "POSTA CERTIFICATA: ",
            Self::Delay => "AVVISO DI MANCATA CONSEGNA PER SUP. TEMPO MASSIMO: ",
            Self::TakeCharge => "PRESA IN CARICO: ",
            Self::AnomalyEnvelope => "ANOMALIA MESSAGGIO: ",
            Self::VirusDetection => "PROBLEMA DI SICUREZZA: ",
            Self::VirusNonDelivery => "AVVISO DI MANCATA CONSEGNA PER VIRUS: ",
            Self::Delivery => "CONSEGNA: ",
            Self::NonDelivery => "AVVISO DI MANCATA CONSEGNA: ",
        }
    }

    /// Recognises a message by its outer fields alone: values of [`TRANSPORT_FIELD`],
    /// [`RECEIPT_FIELD`] and [`SECURITY_FIELD`]. `None` where none or both of the first are there, or
    /// the value is none of the protocol's.
    pub fn recognise(
        transport: Option<&str>,
        receipt: Option<&str>,
        security: Option<&str>,
    ) -> Option<Self> {
        let (field, value) = match (transport, receipt) {
            (Some(value), None) => (TRANSPORT_FIELD, value),
            (None, Some(value)) => (RECEIPT_FIELD, value),
            _ => return None,
        };
        let for_virus = security.is_some_and(|v| v.trim().eq_ignore_ascii_case(ERROR_VALUE));
        let marked = Self::ALL.into_iter().filter(|kind| {
            let (name, word) = kind.marker();
            name == field && word.eq_ignore_ascii_case(value.trim())
        });
        // Two kinds may share a marker; one kind stays itself whatever the security field says.
        let mut fallback = None;
        for kind in marked {
            if kind.is_for_virus() == for_virus {
                return Some(kind);
            }
            fallback = fallback.or(Some(kind));
        }
        fallback
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sg_20_each_kind_is_recognised_by_its_own_fields() {
        for kind in MessageKind::ALL {
            let (name, value) = kind.marker();
            let value = value.to_uppercase();
            let of = |field| (name == field).then_some(value.as_str());
            let security = kind.is_for_virus().then_some("errore");
            let seen = MessageKind::recognise(of(TRANSPORT_FIELD), of(RECEIPT_FIELD), security);
            assert_eq!(seen, Some(kind));
        }
        assert_eq!(
            MessageKind::recognise(None, Some("mancata-consegna"), None),
            None
        );
        assert_eq!(
            MessageKind::recognise(Some("errore"), Some("accettazione"), None),
            None
        );
    }

    #[test]
    fn ap_13_ap_19_te_05_markers_and_subjects_are_those_of_the_rfc() {
        let rows = [
            (
                MessageKind::NonAcceptance,
                "X-Ricevuta: non-accettazione",
                "AVVISO DI NON ACCETTAZIONE: ",
            ),
            (
                MessageKind::Acceptance,
                "X-Ricevuta: accettazione",
                "ACCETTAZIONE: ",
            ),
            (
                MessageKind::TransportEnvelope,
                "X-Trasporto: posta-certificata",
                "POSTA CERTIFICATA: ",
            ),
            (
                MessageKind::Delivery,
                "X-Ricevuta: avvenuta-consegna",
                "CONSEGNA: ",
            ),
            (
                MessageKind::NonDelivery,
                "X-Ricevuta: errore-consegna",
                "AVVISO DI MANCATA CONSEGNA: ",
            ),
            (
                MessageKind::AnomalyEnvelope,
                "X-Trasporto: errore",
                "ANOMALIA MESSAGGIO: ",
            ),
        ];
        for (kind, marker, prefix) in rows {
            let (name, value) = kind.marker();
            assert_eq!(format!("{name}: {value}"), marker);
            assert_eq!(kind.subject_prefix(), prefix);
        }
    }

    #[test]
    fn te_08_words_are_read_without_regard_to_case_and_nothing_else_is_taken() {
        assert_eq!(
            DeliveryDetail::from_word(" Breve "),
            Some(DeliveryDetail::Brief)
        );
        assert_eq!(DeliveryDetail::from_word("complet"), None);
        assert_eq!(DeliveryDetail::from_word(""), None);
    }
}
