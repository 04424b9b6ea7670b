//! The Italian texts of all messages (RFC 6109 §3.1.2 to §3.3.3), each with all the data of its model
//! (SG-20). A text is filled line by line: no value can make a line of its own (SE-06). The HTML twin
//! is made from the same lines, so both say the same (SG-07).

use crate::address::Address;
use crate::certification::{DeliveryDetail, Recipient};
use crate::instant::{Instant, LegalTime};
use crate::message_id::Identifier;

/// Raised whenever the wording of any template changes.
pub const TEXTS_VERSION: u16 = 1;

/// Which text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Text {
    /// Refused for form.
    NonAcceptance,
    /// Refused for a virus.
    VirusNonAcceptance,
    /// Accepted.
    Acceptance,
    /// In a transport envelope.
    TransportEnvelope,
    /// No answer in twelve hours.
    FirstDelay,
    /// No answer in twenty-four hours.
    FinalDelay,
    /// Taken over from another provider.
    TakeCharge,
    /// In an anomaly envelope.
    Anomaly,
    /// Virus seen on arrival.
    VirusDetection,
    /// Not delivered for a virus.
    VirusNonDelivery,
    /// Delivered, with as much of the original as the variant has.
    Delivery(DeliveryDetail),
    /// Not delivered.
    NonDelivery,
}

/// What the placeholders of a text stand for.
#[derive(Debug, Clone, Copy)]
pub struct TextFacts<'a> {
    /// The subject, decoded.
    pub subject: Option<&'a str>,
    /// The original sender.
    pub sender: &'a str,
    /// Whom the original goes to.
    pub recipients: &'a [Recipient],
    /// The PEC identifier, which only mail that nobody certified lacks.
    pub identifier: Option<&'a Identifier>,
    /// The instant of the step (TM-01).
    pub at: Instant,
    /// Write `(+01:00)` (TM-02).
    pub zone_with_colon: bool,
    /// The one recipient, where the text speaks of one.
    pub recipient: Option<&'a Address>,
    /// Why, where the text gives a reason.
    pub reason: Option<&'a str>,
}

impl Text {
    /// The lines of the text, title first, filled with `facts`; no line holds a control character.
    pub fn lines(self, facts: &TextFacts<'_>) -> Vec<String> {
        let mut lines = Vec::with_capacity(16);
        let legal = facts.at.legal();
        for line in self.template().lines() {
            match line {
                "{recipients}" => lines.extend(recipients(facts, false)),
                "{typed recipients}" => lines.extend(recipients(facts, true)),
                _ => lines.push(fill(line, facts, &legal)),
            }
        }
        lines
    }

    /// The text with its placeholders in braces.
    pub const fn template(self) -> &'static str {
        match self {
            Self::NonAcceptance => NON_ACCEPTANCE,
            Self::VirusNonAcceptance => VIRUS_NON_ACCEPTANCE,
            Self::Acceptance => ACCEPTANCE,
            Self::TransportEnvelope => TRANSPORT_ENVELOPE,
            Self::FirstDelay => FIRST_DELAY,
            Self::FinalDelay => FINAL_DELAY,
            Self::TakeCharge => TAKE_CHARGE,
            Self::Anomaly => ANOMALY,
            Self::VirusDetection => VIRUS_DETECTION,
            Self::VirusNonDelivery => VIRUS_NON_DELIVERY,
            Self::Delivery(DeliveryDetail::Complete) => COMPLETE_DELIVERY,
            Self::Delivery(DeliveryDetail::Brief) => BRIEF_DELIVERY,
            Self::Delivery(DeliveryDetail::Concise) => CONCISE_DELIVERY,
            Self::NonDelivery => NON_DELIVERY,
        }
    }
}

fn recipients(facts: &TextFacts<'_>, typed: bool) -> Vec<String> {
    let line = |r: &Recipient| {
        if typed {
            format!("{} (\"{}\")", r.address, r.kind.in_text())
        } else {
            r.address.to_string()
        }
    };
    facts.recipients.iter().map(line).collect()
}

/// Replaces each placeholder once; what a value holds is never looked at again.
fn fill(line: &str, facts: &TextFacts<'_>, legal: &LegalTime) -> String {
    let mut filled = String::with_capacity(2 * line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        filled.push_str(before);
        if name == "zone" && facts.zone_with_colon && legal.zone.len() == 5 {
            filled.push_str(&legal.zone[..3]);
            filled.push(':');
            filled.push_str(&legal.zone[3..]);
        } else {
            push_printable(value(name, facts, legal), &mut filled);
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

fn value<'a>(placeholder: &str, facts: &TextFacts<'a>, legal: &'a LegalTime) -> &'a str {
    let value = match placeholder {
        "day" => Some(legal.day.as_str()),
        "time" => Some(legal.time.as_str()),
        "zone" => Some(legal.zone.as_str()),
        "subject" => facts.subject,
        "sender" => Some(facts.sender),
        "identifier" => facts.identifier.map(Identifier::as_str),
        "recipient" => facts.recipient.map(Address::as_str),
        "reason" => facts.reason,
        _ => None,
    };
    value.unwrap_or_default()
}

fn push_printable(value: &str, filled: &mut String) {
    if value.bytes().all(|octet| (b' '..0x7f).contains(&octet)) {
        filled.push_str(value);
    } else {
        filled.extend(value.chars().map(printable));
    }
}

/// SE-06: what could end a line becomes a blank.
fn printable(c: char) -> char {
    if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
        ' '
    } else {
        c
    }
}

const NON_ACCEPTANCE: &str = "\
Errore nell'accettazione del messaggio
Il giorno {day} alle ore {time} ({zone}) nel messaggio
\"{subject}\" proveniente da \"{sender}\"
ed indirizzato a:
{recipients}
è stato rilevato un problema che ne impedisce l'accettazione
a causa di {reason}.
Il messaggio non è stato accettato.
Identificativo messaggio: {identifier}";

const VIRUS_NON_ACCEPTANCE: &str = "\
Errore nell'accettazione del messaggio per presenza virus
Il giorno {day} alle ore {time} ({zone}) nel messaggio
\"{subject}\" proveniente da \"{sender}\"
ed indirizzato a:
{recipients}
è stato rilevato un problema di sicurezza {reason}.
Il messaggio non è stato accettato.
Identificativo messaggio: {identifier}";

const ACCEPTANCE: &str = "\
Ricevuta di accettazione
Il giorno {day} alle ore {time} ({zone}) il messaggio
\"{subject}\" proveniente da \"{sender}\"
ed indirizzato a:
{typed recipients}
Il messaggio è stato accettato dal sistema ed inoltrato.
Identificativo messaggio: {identifier}";

const TRANSPORT_ENVELOPE: &str = "\
Messaggio di posta certificata
Il giorno {day} alle ore {time} ({zone}) il messaggio
\"{subject}\" è stato inviato da \"{sender}\"
indirizzato a:
{recipients}
Il messaggio originale è incluso in allegato.
Identificativo messaggio: {identifier}";

const FIRST_DELAY: &str = "\
Avviso di mancata consegna
Il giorno {day} alle ore {time} ({zone}) il messaggio
\"{subject}\" proveniente da \"{sender}\"
e destinato all'utente \"{recipient}\"
non è stato consegnato nelle prime dodici ore dal suo invio.
Non escludendo che questo possa avvenire in seguito, si ritiene utile
considerare che l'invio potrebbe non andare a buon fine.
Il sistema provvederà comunque ad inviare un ulteriore avviso di mancata consegna
se nelle prossime dodici ore non vi sarà la conferma della ricezione da parte del destinatario.
Identificativo messaggio: {identifier}";

const FINAL_DELAY: &str = "\
Avviso di mancata consegna
Il giorno {day} alle ore {time} ({zone}) il messaggio
\"{subject}\" proveniente da \"{sender}\"
e destinato all'utente \"{recipient}\"
non è stato consegnato nelle ventiquattro ore successive al suo invio.
Si ritiene che la spedizione debba considerarsi non andata a buon fine.
Identificativo messaggio: {identifier}";

const TAKE_CHARGE: &str = "\
Ricevuta di presa in carico
Il giorno {day} alle ore {time} ({zone}) il messaggio
\"{subject}\" proveniente da \"{sender}\"
ed indirizzato a:
{recipients}
è stato accettato dal sistema.
Identificativo messaggio: {identifier}";

const ANOMALY: &str = "\
Anomalia nel messaggio
Il giorno {day} alle ore {time} ({zone}) è stato ricevuto
il messaggio \"{subject}\" proveniente da \"{sender}\"
ed indirizzato a:
{recipients}
Tali dati non sono stati certificati per il seguente errore:
{reason}
Il messaggio originale è incluso in allegato.";

const VIRUS_DETECTION: &str = "\
Avviso di rilevazione virus informatico
Il giorno {day} alle ore {time} ({zone}) nel messaggio
\"{subject}\" proveniente da \"{sender}\"
e destinato all'utente \"{recipient}\"
è stato rilevato un problema di sicurezza {reason}.
Identificativo messaggio: {identifier}";

const VIRUS_NON_DELIVERY: &str = "\
Avviso di mancata consegna per virus
Il giorno {day} alle ore {time} ({zone}) nel messaggio
\"{subject}\" proveniente da \"{sender}\"
e destinato all'utente \"{recipient}\"
è stato rilevato un problema di sicurezza {reason}.
Il messaggio non è stato consegnato.
Identificativo messaggio: {identifier}";

macro_rules! delivery {
    ($title:literal) => {
        concat!(
            $title,
            "
Il giorno {day} alle ore {time} ({zone}) il messaggio
\"{subject}\" proveniente da \"{sender}\"
ed indirizzato a \"{recipient}\"
è stato consegnato nella casella di destinazione.
Identificativo messaggio: {identifier}
La consegna attesta che il messaggio è a disposizione nella casella del destinatario, non che sia stato letto."
        )
    };
}

const COMPLETE_DELIVERY: &str = delivery!("Ricevuta di avvenuta consegna");
const BRIEF_DELIVERY: &str = delivery!("Ricevuta breve di avvenuta consegna");
const CONCISE_DELIVERY: &str = delivery!("Ricevuta sintetica di avvenuta consegna");

const NON_DELIVERY: &str = "\
Avviso di mancata consegna
Il giorno {day} alle ore {time} ({zone}) nel messaggio
\"{subject}\" proveniente da \"{sender}\"
e destinato all'utente \"{recipient}\"
è stato rilevato un errore: {reason}
Il messaggio è stato rifiutato dal sistema.
Identificativo messaggio: {identifier}";

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Text; 14] = [
        Text::NonAcceptance,
        Text::VirusNonAcceptance,
        Text::Acceptance,
        Text::TransportEnvelope,
        Text::FirstDelay,
        Text::FinalDelay,
        Text::TakeCharge,
        Text::Anomaly,
        Text::VirusDetection,
        Text::VirusNonDelivery,
        Text::Delivery(DeliveryDetail::Complete),
        Text::Delivery(DeliveryDetail::Brief),
        Text::Delivery(DeliveryDetail::Concise),
        Text::NonDelivery,
    ];

    #[test]
    fn sg_20_every_text_has_the_data_of_its_model() {
        for text in ALL {
            let template = text.template();
            for wanted in ["day", "time", "zone", "subject", "sender"] {
                assert!(
                    template.contains(&format!("{{{wanted}}}")),
                    "{text:?} {wanted}"
                );
            }
            let names_someone = ["{recipient}", "{recipients}", "{typed recipients}"];
            assert!(names_someone.iter().any(|name| template.contains(name)));
            let has_identifier = template.contains("{identifier}");
            assert_eq!(has_identifier, text != Text::Anomaly, "{text:?}");
        }
    }

    #[test]
    fn sg_20_every_placeholder_is_known_and_every_text_fits_its_charset() {
        let known = [
            "day",
            "time",
            "zone",
            "subject",
            "sender",
            "recipient",
            "recipients",
            "typed recipients",
            "reason",
            "identifier",
        ];
        for text in ALL {
            for piece in text.template().split('{').skip(1) {
                let name = piece.split('}').next().unwrap_or_default();
                assert!(known.contains(&name), "{text:?} {name}");
            }
            assert!(
                text.template().chars().all(|c| u32::from(c) < 0x100),
                "{text:?}"
            );
        }
    }

    #[test]
    fn sg_20_the_wording_changes_only_with_its_version() {
        let all: Vec<&str> = ALL.iter().map(|text| text.template()).collect();
        let checksum = crc32c::crc32c(all.join("\n\n").as_bytes());
        assert_eq!((TEXTS_VERSION, checksum), (1, 512_498_120));
    }

    #[test]
    fn se_06_a_value_that_looks_like_a_placeholder_is_left_alone() {
        let identifier = Identifier::parse("c@b.test").expect("one");
        let lines = Text::Acceptance.lines(&TextFacts {
            subject: Some("{identifier} {"),
            sender: "a@b.test",
            recipients: &[],
            identifier: Some(&identifier),
            at: Instant::from_millis(0),
            zone_with_colon: false,
            recipient: None,
            reason: None,
        });
        assert_eq!(lines[2], "\"{identifier} {\" proveniente da \"a@b.test\"");
    }
}
