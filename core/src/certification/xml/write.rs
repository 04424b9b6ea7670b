//! Writes certification data: UTF-8, the order of RFC 6109 §4.4, `errore` always there (CD-04), no
//! document type and no namespace (CD-01). Characters that XML 1.0 forbids are replaced (CD-08).

use crate::certification::CertificationData;
use crate::wording::words::xml as word;

/// The octets of `daticert.xml`.
pub fn write(data: &CertificationData) -> Vec<u8> {
    let mut out = Writer(String::with_capacity(1024));
    out.0
        .push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let attributes = [
        (word::KIND, data.kind.word()),
        (word::ERROR, data.error.word()),
    ];
    out.open(word::ROOT, &attributes);
    out.newline();
    heading(&mut out, data);
    facts(&mut out, data);
    out.close(word::ROOT);
    out.0.into_bytes()
}

fn heading(out: &mut Writer, data: &CertificationData) {
    out.open(word::HEADING, &[]);
    out.newline();
    out.leaf(word::SENDER, data.original.sender.as_str());
    for recipient in &data.original.recipients {
        let kind = [(word::KIND, recipient.kind.word())];
        out.leaf_with(word::RECIPIENT, &kind, recipient.address.as_str());
    }
    out.leaf(word::REPLIES, &data.original.replies);
    out.optional(word::SUBJECT, data.original.subject.as_deref());
    out.close(word::HEADING);
}

fn facts(out: &mut Writer, data: &CertificationData) {
    let legal = data.at.legal();
    out.open(word::FACTS, &[]);
    out.newline();
    out.leaf(word::ISSUER, &data.issuer);
    out.open(word::DATE, &[(word::ZONE, &legal.zone)]);
    out.newline();
    out.leaf(word::DAY, &legal.day);
    out.leaf(word::TIME, &legal.time);
    out.close(word::DATE);
    out.leaf(word::IDENTIFIER, data.original.identifier.as_str());
    let client_id = data.original.client_id.as_ref();
    out.optional(word::CLIENT_ID, client_id.map(|id| id.as_str()));
    if let Some(detail) = data.receipt {
        out.tag(word::RECEIPT, &[(word::KIND, detail.word())], "/>");
        out.newline();
    }
    let delivery = data.delivery.as_ref();
    out.optional(word::DELIVERY, delivery.map(|a| a.as_str()));
    for address in &data.taken_in_charge {
        out.leaf(word::TAKEN_IN_CHARGE, address.as_str());
    }
    out.optional(word::EXTENDED_ERROR, data.extended_error.as_deref());
    out.close(word::FACTS);
}

struct Writer(String);

impl Writer {
    fn tag(&mut self, name: &str, attributes: &[(&str, &str)], end: &str) {
        self.0.push('<');
        self.0.push_str(name);
        for (key, value) in attributes {
            self.0.push(' ');
            self.0.push_str(key);
            self.0.push_str("=\"");
            self.escaped(value);
            self.0.push('"');
        }
        self.0.push_str(end);
    }

    fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.tag(name, attributes, ">");
    }

    fn close(&mut self, name: &str) {
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
        self.newline();
    }

    fn leaf(&mut self, name: &str, text: &str) {
        self.leaf_with(name, &[], text);
    }

    fn leaf_with(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.open(name, attributes);
        self.escaped(text);
        self.close(name);
    }

    fn optional(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.leaf(name, text);
        }
    }

    fn newline(&mut self) {
        self.0.push('\n');
    }

    fn escaped(&mut self, text: &str) {
        let is_plain = |octet: u8| {
            (b' '..0x7f).contains(&octet) && !matches!(octet, b'&' | b'<' | b'>' | b'"')
        };
        if text.bytes().all(is_plain) {
            return self.0.push_str(text);
        }
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                // As references they survive the reader's treatment of line ends.
                '\t' | '\n' | '\r' => self.0.push_str(&format!("&#{};", u32::from(c))),
                c if is_allowed(c) => self.0.push(c),
                _ => self.0.push(char::REPLACEMENT_CHARACTER),
            }
        }
    }
}

/// `Char` of XML 1.0 §2.2.
pub(super) fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}
