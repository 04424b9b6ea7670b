//! A message as a judge reads it: fields, parts and certification data by their exact octets. Nothing
//! here trusts a message, nothing panics on one, and nothing is read with code that writes messages.

use ceralacca_core::certification::xml::tree;
use ceralacca_core::mime::content::{Parameters, TransferEncoding, parse_parameters, parse_type};
use ceralacca_core::mime::words::{decode, unfolded};
use ceralacca_core::mime::{ContentField, Part, Scan, Shape, Span};
use ceralacca_core::wording::annex;
use ceralacca_core::wording::words::MessageKind;

use super::data::Data;

/// A message, sent or found.
#[derive(Debug, Clone)]
pub struct Letter {
    name: String,
    octets: Vec<u8>,
    scan: Scan,
}

impl Letter {
    /// Reads `octets`; `name` is what evidence calls it, as in `brief/sender-2.eml`.
    pub fn new(name: impl Into<String>, octets: Vec<u8>) -> Self {
        Self {
            name: name.into(),
            scan: Scan::of_bytes(&octets),
            octets,
        }
    }

    /// What evidence calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All of it.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Its fields and parts.
    pub fn scan(&self) -> &Scan {
        &self.scan
    }

    /// Values of the outer fields called `name`, each unfolded and trimmed.
    pub fn values(&self, name: &str) -> Vec<String> {
        let fields = self.scan.fields_named(name);
        fields.map(|field| one_line(field.value)).collect()
    }

    /// The value of an outer field that stands once.
    pub fn value(&self, name: &str) -> Option<String> {
        let mut values = self.values(name);
        (values.len() == 1).then(|| values.remove(0))
    }

    /// Values of the outer fields called `name`, octet by octet.
    pub fn exact(&self, name: &str) -> Vec<Vec<u8>> {
        let fields = self.scan.fields_named(name);
        fields.map(|field| field.value.to_vec()).collect()
    }

    /// The subject in characters; empty where there is none.
    pub fn subject(&self) -> String {
        let field = self.scan.field("Subject");
        field.map(|field| decode(field.value)).unwrap_or_default()
    }

    /// Which of the messages of the protocol its outer header says it is.
    pub fn kind(&self) -> Option<MessageKind> {
        let is = |mark: &&annex::Mark| {
            let values = self.values(mark.field);
            values.iter().any(|v| v.eq_ignore_ascii_case(mark.value))
        };
        annex::MARKS.iter().find(is).map(|mark| mark.kind)
    }

    /// Octets of the message.
    pub fn at(&self, span: Span) -> &[u8] {
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        let range = place(span.start)..place(span.end);
        self.octets.get(range).unwrap_or_default()
    }

    /// A part as it stands: header and body, without the line end of the boundary after it.
    pub fn raw(&self, part: &Part) -> &[u8] {
        self.at(Span {
            start: part.header.start,
            end: part.body.end,
        })
    }

    /// The body of a part, as transmitted.
    pub fn body(&self, part: &Part) -> &[u8] {
        self.at(part.body)
    }

    /// The body of a part with its transfer encoding undone; `None` where that cannot be.
    pub fn decoded(&self, part: &Part) -> Option<Vec<u8>> {
        let body = self.body(part);
        match part.encoding {
            TransferEncoding::Base64 => {
                let text: Vec<u8> = body
                    .iter()
                    .copied()
                    .filter(|b| !b.is_ascii_whitespace())
                    .collect();
                data_encoding::BASE64.decode(&text).ok()
            }
            TransferEncoding::QuotedPrintable => Some(unquoted(body)),
            encoding => encoding.is_identity().then(|| body.to_vec()),
        }
    }

    /// Parameters of the first field of a kind in the header of a part.
    pub fn parameters(&self, part: &Part, field: ContentField) -> Parameters {
        let span = part.fields_of(field).next();
        span.map(|span| parse_parameters(value_of(self.at(span))))
            .unwrap_or_default()
    }

    /// The children of `part`, by their index.
    pub fn children(&self, parent: usize) -> Vec<&Part> {
        let parts = self.scan.parts();
        self.scan
            .children(parent)
            .filter_map(|i| parts.get(i))
            .collect()
    }

    /// The signed content and the signature, where the message is `multipart/signed` of two parts.
    pub fn signed(&self) -> Option<(&Part, &Part)> {
        let root = self.scan.root();
        let is_signed = root.media.is("multipart", "signed") && root.shape == Shape::Multipart;
        match self.children(0).as_slice() {
            [content, signature] if is_signed => Some((content, signature)),
            _ => None,
        }
    }

    /// The parts of the signed content.
    pub fn content_parts(&self) -> Vec<&Part> {
        match self.scan.children(0).next() {
            Some(content) if self.signed().is_some() => self.children(content),
            _ => Vec::new(),
        }
    }

    /// The parts of the signed content with this file name, case aside.
    pub fn files(&self, name: &str) -> Vec<&Part> {
        let is = |part: &&Part| {
            part.name
                .as_deref()
                .is_some_and(|n| n.eq_ignore_ascii_case(name))
        };
        self.content_parts().into_iter().filter(is).collect()
    }

    /// The octets of the enclosed original.
    pub fn enclosed(&self) -> Option<&[u8]> {
        let [_, file, _] = annex::FILES;
        match self.files(file).as_slice() {
            [part] => Some(self.body(part)),
            _ => None,
        }
    }

    /// The enclosed original as a message of its own.
    pub fn original(&self) -> Option<Letter> {
        let octets = self.enclosed()?.to_vec();
        Some(Letter::new(
            format!("the original in {}", self.name),
            octets,
        ))
    }

    /// The octets of the certification data.
    pub fn xml(&self) -> Option<Vec<u8>> {
        let [file, ..] = annex::FILES;
        match self.files(file).as_slice() {
            [part] => self.decoded(part),
            _ => None,
        }
    }

    /// The certification data; where they cannot be read, why.
    pub fn data(&self) -> Result<Data, String> {
        let [file, ..] = annex::FILES;
        let octets = self
            .xml()
            .ok_or_else(|| format!("{} holds no readable {file}", self.name))?;
        let root = tree::parse(&octets).map_err(|fault| format!("{}: {fault}", self.name))?;
        Ok(Data::new(root))
    }

    /// The part with the readable text, and the one with its HTML twin.
    pub fn readable(&self) -> (Option<&Part>, Option<&Part>) {
        let content = self.scan.children(0).next();
        let first = content.and_then(|content| self.scan.children(content).next());
        let Some(first) = first.filter(|_| self.signed().is_some()) else {
            return (None, None);
        };
        let part = &self.scan.parts()[first];
        if part.media.is("multipart", "alternative") {
            let parts = self.children(first);
            let of = |subtype| parts.iter().copied().find(|p| p.media.is("text", subtype));
            return (of("plain"), of("html"));
        }
        (Some(part).filter(|p| p.media.is("text", "plain")), None)
    }

    /// The readable text, from ISO-8859-1, with bare line feeds.
    pub fn text(&self) -> Option<String> {
        self.readable().0.and_then(|part| self.latin1(part))
    }

    /// The HTML twin of the text.
    pub fn html(&self) -> Option<String> {
        self.readable().1.and_then(|part| self.latin1(part))
    }

    fn latin1(&self, part: &Part) -> Option<String> {
        let octets = self.decoded(part)?;
        let text: String = octets.iter().map(|b| char::from(*b)).collect();
        Some(text.replace("\r\n", "\n"))
    }

    /// Media type of the whole message, and its parameters.
    pub fn media(&self) -> Option<(String, Parameters)> {
        let value = self.scan.field("Content-Type")?.value;
        let (media, parameters) = parse_type(value)?;
        Some((format!("{}/{}", media.kind, media.subtype), parameters))
    }

    /// Does the outer header name this mark of ours, in clear or in an encoded subject?
    pub fn bears(&self, mark: &str) -> bool {
        let header = self.at(self.scan.root().header);
        let clear = String::from_utf8_lossy(&unfolded(header)).contains(mark);
        clear || self.subject().contains(mark)
    }
}

/// A field's value on one line, without blanks around it.
pub fn one_line(value: &[u8]) -> String {
    let line = unfolded(value);
    String::from_utf8_lossy(&line).trim().replace('\t', " ")
}

/// What follows the colon of a whole field.
fn value_of(field: &[u8]) -> &[u8] {
    let colon = field.iter().position(|b| *b == b':');
    colon.and_then(|at| field.get(at + 1..)).unwrap_or_default()
}

/// Quoted-printable undone (RFC 2045 §6.7); what is no code stays as it is.
fn unquoted(text: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((&first, after)) = rest.split_first() {
        if first != b'=' {
            out.push(first);
            rest = after;
        } else if let Some(next) = after.strip_prefix(b"\r\n").or(after.strip_prefix(b"\n")) {
            rest = next;
        } else {
            let code = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
            let octet = code.and_then(|two| u8::from_str_radix(two, 16).ok());
            out.push(octet.unwrap_or(first));
            rest = octet.map_or(after, |_| &after[2..]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = "Subject: =?UTF-8?Q?perch=C3=A9?= [m7]\r\n\
        X-Ricevuta: accettazione\r\n\
        Content-Type: multipart/signed; boundary=a\r\n\r\n\
        --a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
        --b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\
        Content-Transfer-Encoding: quoted-printable\r\n\r\nuno =E8=\r\n due\r\n\
        --b\r\nContent-Type: message/rfc822; name=\"postacert.eml\"\r\n\r\nA: 1\r\n\r\nx\r\n\
        --b--\r\n\r\n--a\r\nContent-Type: application/pkcs7-signature\r\n\r\nx\r\n--a--\r\n";

    #[test]
    fn a_letter_is_taken_apart() {
        let letter = Letter::new("x", MESSAGE.as_bytes().to_vec());
        assert_eq!(letter.subject(), "perché [m7]");
        assert!(letter.bears("m7") && !letter.bears("m8"));
        assert_eq!(letter.kind(), Some(MessageKind::Acceptance));
        assert_eq!(letter.text().as_deref(), Some("uno è due"));
        assert_eq!(letter.enclosed(), Some(&b"A: 1\r\n\r\nx"[..]));
        assert!(letter.data().is_err() && letter.html().is_none());
        assert_eq!(letter.content_parts().len(), 2);
    }
}
