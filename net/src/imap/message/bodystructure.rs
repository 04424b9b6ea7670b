//! BODY and BODYSTRUCTURE (RFC 3501 §7.4.2).

use ceralacca_core::limits;

use super::envelope;
use super::parameters::Parameterised;
use super::section::read_header;
use super::store::{Octets, ReadError};
use super::structure::{Kind, Part, Structure};
use crate::imap::codec::output::Output;

/// Writes the structure; with extension data when `extended` (BODYSTRUCTURE).
pub fn write(
    out: &mut Output,
    structure: &Structure,
    octets: &dyn Octets,
    extended: bool,
) -> Result<(), ReadError> {
    let mut writer = Writer {
        out,
        structure,
        octets,
        extended,
        headers_left: limits::HEADER_BYTES_MAX as u64,
    };
    writer.part(0)
}

struct Writer<'a> {
    out: &'a mut Output,
    structure: &'a Structure,
    octets: &'a dyn Octets,
    extended: bool,
    /// Octets of enclosed messages' headers that may still be shown as envelopes.
    headers_left: u64,
}

impl Writer<'_> {
    /// Recursion is bounded by `limits::MIME_DEPTH_MAX`, which the scan keeps.
    fn part(&mut self, index: usize) -> Result<(), ReadError> {
        let Some(part) = self.structure.parts.get(index) else {
            return Ok(());
        };
        self.out.text("(");
        match &part.kind {
            Kind::Multipart(children) => self.multipart(part, children)?,
            Kind::Leaf | Kind::Message(_) => self.single(part)?,
        }
        self.out.text(")");
        Ok(())
    }

    fn multipart(&mut self, part: &Part, children: &[usize]) -> Result<(), ReadError> {
        for child in children {
            self.part(*child)?;
        }
        if children.is_empty() {
            // The grammar wants one part at least.
            self.out
                .text("(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0)");
        }
        self.out.text(" ").string(part.facts.media().1);
        if self.extended {
            self.out.text(" ");
            self.parameters(Some(&part.facts.content_type));
            self.extension(part);
        }
        Ok(())
    }

    fn single(&mut self, part: &Part) -> Result<(), ReadError> {
        let facts = &part.facts;
        let (kind, subtype) = facts.media();
        // A multipart or message that could not be taken apart is shown as what it is: octets.
        let opaque = facts.is_type("multipart")
            || (matches!(part.kind, Kind::Leaf) && is_rfc822(kind, subtype));
        let (kind, subtype): (&[u8], &[u8]) = match opaque {
            true => (b"application", b"octet-stream"),
            false => (kind, subtype),
        };
        self.out.string(kind).text(" ").string(subtype).text(" ");
        self.parameters(Some(&facts.content_type));
        self.out.text(" ").nstring(facts.id.as_deref());
        self.out.text(" ").nstring(facts.description.as_deref());
        let encoding = facts.encoding.as_deref().filter(|e| !e.is_empty());
        self.out.text(" ").string(encoding.unwrap_or(b"7bit"));
        self.out.text(" ").number(part.body.end - part.body.start);
        if let Kind::Message(inner) = part.kind {
            self.out.text(" ");
            self.envelope(inner)?;
            self.out.text(" ");
            self.part(inner)?;
        }
        if matches!(part.kind, Kind::Message(_)) || kind.eq_ignore_ascii_case(b"text") {
            self.out.text(" ").number(part.lines);
        }
        if self.extended {
            self.out.text(" ").nstring(facts.md5.as_deref());
            self.extension(part);
        }
        Ok(())
    }

    fn envelope(&mut self, index: usize) -> Result<(), ReadError> {
        let header = self.structure.parts[index].header.clone();
        let length = header.end - header.start;
        if length > self.headers_left {
            self.out.text("(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
            return Ok(());
        }
        self.headers_left -= length;
        envelope::write(self.out, &read_header(self.octets, header)?);
        Ok(())
    }

    fn extension(&mut self, part: &Part) {
        match &part.facts.disposition {
            Some(disposition) => {
                self.out.text(" (").string(&disposition.value).text(" ");
                self.parameters(Some(disposition));
                self.out.text(")");
            }
            None => {
                self.out.text(" NIL");
            }
        }
        self.out.text(" ").nstring(part.facts.language.as_deref());
        self.out.text(" ").nstring(part.facts.location.as_deref());
    }

    fn parameters(&mut self, of: Option<&Parameterised>) {
        let Some(of) = of.filter(|of| !of.parameters.is_empty()) else {
            self.out.text("NIL");
            return;
        };
        self.out.text("(");
        for (i, (name, value)) in of.parameters.iter().enumerate() {
            self.out.text(if i > 0 { " " } else { "" });
            self.out.string(name).text(" ").string(value);
        }
        self.out.text(")");
    }
}

fn is_rfc822(kind: &[u8], subtype: &[u8]) -> bool {
    kind.eq_ignore_ascii_case(b"message") && subtype.eq_ignore_ascii_case(b"rfc822")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(message: &str, extended: bool) -> String {
        let octets = message.as_bytes().to_vec();
        let structure = Structure::read(&octets, octets.len() as u64).expect("readable");
        let mut out = Output::default();
        write(&mut out, &structure, &octets, extended).expect("readable");
        String::from_utf8_lossy(&out.take()).into_owned()
    }

    #[test]
    fn plain_message_is_one_text_part() {
        assert_eq!(
            shown("A: b\r\n\r\none\r\ntwo\r\n", false),
            "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 10 2)"
        );
    }

    #[test]
    fn signed_envelope_shows_the_message_inside() {
        let message = "Content-Type: multipart/signed; boundary=s; micalg=sha256\r\n\r\n--s\r\n\
            Content-Type: message/rfc822; name=\"postacert.eml\"\r\n\
            Content-Disposition: attachment; filename=postacert.eml\r\n\r\n\
            Subject: in\r\n\r\nhi\r\n--s\r\nContent-Type: application/pkcs7-signature\r\n\
            Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--s--\r\n";
        let inner =
            "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 2 0 NIL NIL NIL NIL)";
        let envelope = "(NIL \"in\" NIL NIL NIL NIL NIL NIL NIL NIL)";
        assert_eq!(
            shown(message, true),
            format!(
                "((\"message\" \"rfc822\" (\"name\" \"postacert.eml\") NIL NIL \"7bit\" 17 {envelope} {inner} 2 \
                 NIL (\"attachment\" (\"filename\" \"postacert.eml\")) NIL NIL)\
                 (\"application\" \"pkcs7-signature\" NIL NIL NIL \"base64\" 4 NIL NIL NIL NIL) \
                 \"signed\" (\"boundary\" \"s\" \"micalg\" \"sha256\") NIL NIL NIL)"
            )
        );
    }

    #[test]
    fn empty_multipart_still_has_a_part() {
        let message = "Content-Type: multipart/mixed; boundary=s\r\n\r\nnothing";
        assert!(shown(message, false).starts_with("((\"text\" \"plain\""));
    }
}
