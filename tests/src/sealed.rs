//! A certified message taken apart: `multipart/signed` of `multipart/mixed` and a CMS part.

use crate::daticert::Daticert;
use crate::message::{Part, find};

/// A message that the appliance emitted.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// The whole message.
    pub message: Part,
    /// The signed `multipart/mixed`, exactly as it stands between the boundaries.
    pub content: Part,
    /// The signature part.
    pub signature: Part,
    /// The children of the signed content.
    pub parts: Vec<Part>,
}

impl Sealed {
    /// Takes `raw` apart; anything but the shape of SG-01 and SG-02 fails the test.
    pub fn parse(raw: &[u8]) -> Self {
        let message = Part::parse(raw);
        let subject = message.all("Subject").join("|");
        assert_eq!(message.media_type(), "multipart/signed", "{subject}");
        let mut parts = message.children();
        assert_eq!(parts.len(), 2, "content and signature: {subject}");
        let signature = parts.remove(1);
        let content = parts.remove(0);
        assert_eq!(content.media_type(), "multipart/mixed", "{subject}");
        let parts = content.children();
        Self {
            message,
            content,
            signature,
            parts,
        }
    }

    /// An outer field that must stand once.
    pub fn field(&self, name: &str) -> String {
        self.message.field(name)
    }

    /// An outer field.
    pub fn get(&self, name: &str) -> Option<String> {
        self.message.get(name)
    }

    /// The subject, decoded by an independent reader.
    pub fn subject(&self) -> String {
        let parsed = mail_parser::MessageParser::default().parse_headers(&self.message.raw[..]);
        parsed
            .and_then(|m| m.subject().map(str::to_owned))
            .unwrap_or_default()
    }

    /// The child called `name` in its type or disposition.
    pub fn named(&self, name: &str) -> Option<&Part> {
        let is = |p: &&Part| {
            p.parameter("name").as_deref() == Some(name)
                || p.disposition("filename").as_deref() == Some(name)
        };
        self.parts.iter().find(is)
    }

    /// The certification data.
    pub fn data(&self) -> Daticert {
        let part = self.named("daticert.xml").expect("daticert.xml");
        Daticert(String::from_utf8(part.decoded()).expect("UTF-8"))
    }

    /// The enclosed original, if there is one.
    pub fn original(&self) -> Option<Part> {
        self.named("postacert.eml").map(|p| Part::parse(p.body()))
    }

    /// The readable text: the first part, or the plain one of its alternatives, from ISO-8859-1.
    pub fn text(&self) -> String {
        latin1(&self.plain().decoded()).replace("\r\n", "\n")
    }

    /// The part that holds the readable text.
    pub fn plain(&self) -> Part {
        let first = &self.parts[0];
        match first.media_type().as_str() {
            "text/plain" => first.clone(),
            "multipart/alternative" => first.children().remove(0),
            other => panic!("the first part is {other}"),
        }
    }

    /// The HTML alternative, if there is one, from ISO-8859-1.
    pub fn html(&self) -> Option<String> {
        let first = &self.parts[0];
        let alternatives = match first.media_type().as_str() {
            "multipart/alternative" => first.children(),
            _ => Vec::new(),
        };
        let html = alternatives
            .into_iter()
            .find(|p| p.media_type() == "text/html")?;
        Some(latin1(&html.decoded()))
    }

    /// The value of `X-Ricevuta:`, or `X-Trasporto:`.
    pub fn type_field(&self) -> String {
        let receipt = self.get("X-Ricevuta");
        receipt
            .or(self.get("X-Trasporto"))
            .expect("X-Ricevuta or X-Trasporto")
    }

    /// Is there `text` anywhere in the octets?
    pub fn holds(&self, text: &[u8]) -> bool {
        find(&self.message.raw, text).is_some()
    }
}

/// ISO-8859-1 as text.
pub fn latin1(octets: &[u8]) -> String {
    octets.iter().map(|b| char::from(*b)).collect()
}
