//! Reads certification data of any provider: the elements of RFC 6109 §4.4 in their order and number,
//! the defaults of its attributes, blanks between elements ignored.

use super::XmlFault;
use super::tree::{self, Element};
use crate::address::Address;
use crate::certification::{
    CertificationData, CertificationKind, DeliveryDetail, ErrorKind, OriginalFacts, Recipient,
    RecipientType,
};
use crate::instant::{Instant, LegalTime};
use crate::message_id::{ClientMessageId, Identifier};
use crate::wording::words::xml as word;

/// Characters of a bad value that a fault repeats.
const VALUE_CHARS_SHOWN_MAX: usize = 80;

/// Reads the octets of a `daticert.xml`.
pub fn read(bytes: &[u8]) -> Result<CertificationData, XmlFault> {
    let root = tree::parse(bytes)?;
    if root.name != word::ROOT {
        return Err(XmlFault::Misplaced(shown(&root.name)));
    }
    let kind = attribute(&root, word::KIND, CertificationKind::from_word)?;
    let error = attribute(&root, word::ERROR, ErrorKind::from_word)?;
    let mut parts = Children::of(root);
    let heading = read_heading(Children::of(parts.one(word::HEADING)?))?;
    let facts = read_facts(Children::of(parts.one(word::FACTS)?))?;
    parts.end()?;
    Ok(CertificationData {
        kind: kind.ok_or(XmlFault::Missing(word::KIND))?,
        error: error.unwrap_or(ErrorKind::None),
        original: OriginalFacts {
            sender: heading.sender,
            recipients: heading.recipients,
            replies: heading.replies,
            subject: heading.subject,
            identifier: facts.identifier,
            client_id: facts.client_id,
        },
        issuer: facts.issuer,
        at: facts.at,
        receipt: facts.receipt,
        delivery: facts.delivery,
        taken_in_charge: facts.taken_in_charge,
        extended_error: facts.extended_error,
    })
}

struct Heading {
    sender: Address,
    recipients: Vec<Recipient>,
    replies: String,
    subject: Option<String>,
}

fn read_heading(mut parts: Children) -> Result<Heading, XmlFault> {
    let sender = address(word::SENDER, &parts.one(word::SENDER)?.text)?;
    let recipients = parts
        .all(word::RECIPIENT)
        .iter()
        .map(read_recipient)
        .collect::<Result<Vec<_>, _>>()?;
    if recipients.is_empty() {
        return Err(XmlFault::Missing(word::RECIPIENT));
    }
    let replies = parts.one(word::REPLIES)?.text;
    let subject = parts.optional(word::SUBJECT).map(|element| element.text);
    parts.end()?;
    Ok(Heading {
        sender,
        recipients,
        replies,
        subject,
    })
}

fn read_recipient(element: &Element) -> Result<Recipient, XmlFault> {
    let kind = attribute(element, word::KIND, RecipientType::from_word)?;
    Ok(Recipient {
        address: address(word::RECIPIENT, &element.text)?,
        kind: kind.unwrap_or(RecipientType::Certified),
    })
}

struct Facts {
    issuer: String,
    at: Instant,
    identifier: Identifier,
    client_id: Option<ClientMessageId>,
    receipt: Option<DeliveryDetail>,
    delivery: Option<Address>,
    taken_in_charge: Vec<Address>,
    extended_error: Option<String>,
}

fn read_facts(mut parts: Children) -> Result<Facts, XmlFault> {
    let facts = Facts {
        issuer: parts.one(word::ISSUER)?.text,
        at: read_date(parts.one(word::DATE)?)?,
        identifier: {
            let text = parts.one(word::IDENTIFIER)?.text;
            Identifier::parse(&text).ok_or_else(|| bad(word::IDENTIFIER, &text))?
        },
        client_id: parts
            .optional(word::CLIENT_ID)
            .and_then(|element| ClientMessageId::from_field(&element.text)),
        receipt: match parts.optional(word::RECEIPT) {
            // IP-16: what is not known counts as the complete one.
            Some(element) => Some(
                attribute(&element, word::KIND, |text| {
                    Some(DeliveryDetail::from_word(text).unwrap_or_default())
                })?
                .ok_or(XmlFault::Missing(word::RECEIPT))?,
            ),
            None => None,
        },
        delivery: match parts.optional(word::DELIVERY) {
            Some(element) => Some(address(word::DELIVERY, &element.text)?),
            None => None,
        },
        taken_in_charge: parts
            .all(word::TAKEN_IN_CHARGE)
            .iter()
            .map(|element| address(word::TAKEN_IN_CHARGE, &element.text))
            .collect::<Result<_, _>>()?,
        extended_error: parts.optional(word::EXTENDED_ERROR).map(|e| e.text),
    };
    parts.end()?;
    Ok(facts)
}

fn read_date(element: Element) -> Result<Instant, XmlFault> {
    let zone = attribute(&element, word::ZONE, |text| Some(text.to_owned()))?
        .ok_or(XmlFault::Missing(word::ZONE))?;
    let mut parts = Children::of(element);
    let legal = LegalTime {
        day: parts.one(word::DAY)?.text,
        time: parts.one(word::TIME)?.text,
        zone,
    };
    parts.end()?;
    Instant::from_legal(&legal)
        .ok_or_else(|| bad(word::DATE, &format!("{} {}", legal.day, legal.time)))
}

/// The children of an element, taken in order.
struct Children(std::iter::Peekable<std::vec::IntoIter<Element>>);

impl Children {
    fn of(element: Element) -> Self {
        Self(element.children.into_iter().peekable())
    }

    fn optional(&mut self, name: &str) -> Option<Element> {
        self.0.next_if(|element| element.name == name)
    }

    fn one(&mut self, name: &'static str) -> Result<Element, XmlFault> {
        self.optional(name).ok_or(XmlFault::Missing(name))
    }

    fn all(&mut self, name: &str) -> Vec<Element> {
        std::iter::from_fn(|| self.optional(name)).collect()
    }

    fn end(mut self) -> Result<(), XmlFault> {
        match self.0.next() {
            Some(extra) => Err(XmlFault::Misplaced(shown(&extra.name))),
            None => Ok(()),
        }
    }
}

fn attribute<T>(
    element: &Element,
    name: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, XmlFault> {
    let found = element.attributes.iter().find(|(key, _)| key == name);
    found
        .map(|(_, value)| read(value).ok_or_else(|| bad(name, value)))
        .transpose()
}

fn address(element: &'static str, text: &str) -> Result<Address, XmlFault> {
    Address::parse(text.trim()).map_err(|_| bad(element, text))
}

fn bad(element: &'static str, value: &str) -> XmlFault {
    XmlFault::BadValue {
        element,
        value: shown(value),
    }
}

fn shown(text: &str) -> String {
    text.chars().take(VALUE_CHARS_SHOWN_MAX).collect()
}
