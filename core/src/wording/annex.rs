//! What RFC 6109 and its Italian annex say of the eleven messages and of `daticert.xml`, written down
//! for those who judge messages: nothing that we write is made from it. It repeats words of
//! [`super::words`] and [`super::texts`] on purpose, so that a slip there does not excuse itself here.

use super::words::MessageKind;
use crate::certification::DeliveryDetail;

/// What marks one kind of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Which.
    pub kind: MessageKind,
    /// The field that tells its kind.
    pub field: &'static str,
    /// The value of that field, which the certification data repeat.
    pub value: &'static str,
    /// Before the subject of the original.
    pub prefix: &'static str,
    /// The first line of its text.
    pub title: &'static str,
    /// What its text says of the outcome.
    pub outcome: &'static str,
}

/// RFC 6109 §3.1.2 to §3.3.3: the kinds that a user sees.
pub const MARKS: [Mark; 6] = [
    Mark {
        kind: MessageKind::NonAcceptance,
        field: "X-Ricevuta",
        value: "non-accettazione",
        prefix: "AVVISO DI NON ACCETTAZIONE: ",
        title: "Errore nell'accettazione del messaggio",
        outcome: "non è stato accettato",
    },
    Mark {
        kind: MessageKind::Acceptance,
        field: "X-Ricevuta",
        value: "accettazione",
        prefix: "ACCETTAZIONE: ",
        title: "Ricevuta di accettazione",
        outcome: "è stato accettato dal sistema",
    },
    Mark {
        kind: MessageKind::TransportEnvelope,
        field: "X-Trasporto",
        value: "posta-certificata",
        prefix: "POSTA CERTIFICATA: ",
        title: "Messaggio di posta certificata",
        outcome: "è stato inviato da",
    },
    Mark {
        kind: MessageKind::Delivery,
        field: "X-Ricevuta",
        value: "avvenuta-consegna",
        prefix: "CONSEGNA: ",
        title: "Ricevuta di avvenuta consegna",
        outcome: "è stato consegnato nella casella di destinazione",
    },
    Mark {
        kind: MessageKind::NonDelivery,
        field: "X-Ricevuta",
        value: "errore-consegna",
        prefix: "AVVISO DI MANCATA CONSEGNA: ",
        title: "Avviso di mancata consegna",
        outcome: "è stato rilevato un errore",
    },
    Mark {
        kind: MessageKind::AnomalyEnvelope,
        field: "X-Trasporto",
        value: "errore",
        prefix: "ANOMALIA MESSAGGIO: ",
        title: "Anomalia nel messaggio",
        outcome: "non sono stati certificati per il seguente errore",
    },
];

/// The mark of a kind.
pub fn mark(kind: MessageKind) -> Option<&'static Mark> {
    MARKS.iter().find(|mark| mark.kind == kind)
}

/// First lines of the three delivery receipts (§3.3.2.1 to §3.3.2.3).
pub const fn delivery_title(detail: DeliveryDetail) -> &'static str {
    match detail {
        DeliveryDetail::Complete => "Ricevuta di avvenuta consegna",
        DeliveryDetail::Brief => "Ricevuta breve di avvenuta consegna",
        DeliveryDetail::Concise => "Ricevuta sintetica di avvenuta consegna",
    }
}

/// Fields that only a provider may write.
pub const PROVIDER_FIELDS: [&str; 4] = [
    "X-Ricevuta",
    "X-Trasporto",
    "X-VerificaSicurezza",
    "X-Mittente",
];
/// The client's own identifier (§2.2.1).
pub const REFERENCE_FIELD: &str = "X-Riferimento-Message-ID";
/// The kind of receipt that is asked for (§3.1.5).
pub const DETAIL_FIELD: &str = "X-TipoRicevuta";
/// Values of [`DETAIL_FIELD`]: complete, brief, concise.
pub const DETAIL_VALUES: [&str; 3] = ["completa", "breve", "sintetica"];
/// Before the sender in the display name of an envelope (§3.1.5).
pub const ON_BEHALF_OF: &str = "Per conto di: ";
/// Local part of every `From:` (§2.2.6).
pub const SERVICE_LOCAL_PART: &str = "posta-certificata";
/// Certification data, enclosed original, signature (§4.3).
pub const FILES: [&str; 3] = ["daticert.xml", "postacert.eml", "smime.p7s"];
/// How texts call a recipient of certified mail, and any other (§3.1.4).
pub const RECIPIENT_WORDS: [(&str, &str); 2] = [
    ("certificato", "(\"posta certificata\")"),
    ("esterno", "(\"posta ordinaria\")"),
];
/// The line that names the identifier, in every text but that of the anomaly envelope.
pub const IDENTIFIER_LINE: &str = "Identificativo messaggio: ";

/// `postacert/@tipo` (§4.4).
pub const KINDS: [&str; 8] = [
    "accettazione",
    "non-accettazione",
    "presa-in-carico",
    "avvenuta-consegna",
    "posta-certificata",
    "errore-consegna",
    "preavviso-errore-consegna",
    "rilevazione-virus",
];
/// `postacert/@errore` (§4.4); the first means that there is none.
pub const ERRORS: [&str; 5] = ["nessuno", "no-dest", "no-dominio", "virus", "altro"];
/// `errore` of a mailbox that is not there, and of a failure of form.
pub const NO_MAILBOX: &str = "no-dest";
/// `errore` of anything without a value of its own.
pub const OTHER_ERROR: &str = "altro";

/// An element of the format's definition: name, fewest, most, its attributes with their values (none:
/// any text).
pub type Declared = (
    &'static str,
    usize,
    usize,
    &'static [(&'static str, &'static [&'static str])],
);

const TYPES: &[&str] = &["certificato", "esterno"];
const MANY: usize = usize::MAX;

/// `intestazione` (§4.4).
pub const HEADING: &[Declared] = &[
    ("mittente", 1, 1, &[]),
    ("destinatari", 1, MANY, &[("tipo", TYPES)]),
    ("risposte", 1, 1, &[]),
    ("oggetto", 0, 1, &[]),
];
/// `dati` (§4.4).
pub const FACTS: &[Declared] = &[
    ("gestore-emittente", 1, 1, &[]),
    ("data", 1, 1, &[("zona", &[])]),
    ("identificativo", 1, 1, &[]),
    ("msgid", 0, 1, &[]),
    ("ricevuta", 0, 1, &[("tipo", &DETAIL_VALUES)]),
    ("consegna", 0, 1, &[]),
    ("ricezione", 0, MANY, &[]),
    ("errore-esteso", 0, 1, &[]),
];
/// `data` (§4.4).
pub const DATE: &[Declared] = &[("giorno", 1, 1, &[]), ("ora", 1, 1, &[])];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wording::texts::Text;

    #[test]
    fn sg_20_what_we_write_is_what_the_annex_says() {
        for mark in MARKS {
            assert_eq!(mark.kind.marker(), (mark.field, mark.value));
            assert_eq!(mark.kind.subject_prefix(), mark.prefix);
        }
        for detail in DeliveryDetail::ALL {
            let text = Text::Delivery(*detail).template();
            assert!(text.starts_with(delivery_title(*detail)), "{text}");
        }
    }
}
