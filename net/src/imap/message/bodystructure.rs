//! BODY and BODYSTRUCTURE (RFC 3501 §7.4.2).

use ceralacca_core::limits;
use ceralacca_core::mime::content::{MediaType, Parameters};

use super::envelope;
use super::section::read_header;
use super::store::{Octets, ReadError};
use super::structure::{Facts, Kind, Part, Structure};
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
    /// Octets of headers that may still be shown; past it parts are shown without them.
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
        self.out.text(" ").string(part.media.subtype.as_bytes());
        if self.extended {
            let facts = self.facts(part)?;
            self.out.text(" ");
            self.parameters(&facts.parameters);
            self.extension(&facts);
        }
        Ok(())
    }

    fn single(&mut self, part: &Part) -> Result<(), ReadError> {
        let facts = self.facts(part)?;
        let MediaType { kind, subtype } = shown_media(part);
        self.out
            .string(kind.as_bytes())
            .text(" ")
            .string(subtype.as_bytes())
            .text(" ");
        self.parameters(&facts.parameters);
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
        if matches!(part.kind, Kind::Message(_)) || kind == "text" {
            self.out.text(" ").number(part.lines);
        }
        if self.extended {
            self.out.text(" ").nstring(facts.md5.as_deref());
            self.extension(&facts);
        }
        Ok(())
    }

    /// What the header of `part` says, as long as the budget lasts.
    fn facts(&mut self, part: &Part) -> Result<Facts, ReadError> {
        let header = self.header(part)?;
        Ok(header
            .map(|header| Facts::read(&header))
            .unwrap_or_default())
    }

    fn header(&mut self, part: &Part) -> Result<Option<Vec<u8>>, ReadError> {
        let length = part.header.end - part.header.start;
        if length > self.headers_left {
            return Ok(None);
        }
        self.headers_left -= length;
        read_header(self.octets, part.header.clone()).map(Some)
    }

    fn envelope(&mut self, index: usize) -> Result<(), ReadError> {
        let structure = self.structure;
        let header = match structure.parts.get(index) {
            Some(part) => self.header(part)?,
            None => None,
        };
        match header {
            Some(header) => envelope::write(self.out, &header),
            None => {
                self.out.text("(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
            }
        }
        Ok(())
    }

    fn extension(&mut self, facts: &Facts) {
        match &facts.disposition {
            Some((disposition, parameters)) => {
                self.out.text(" (").string(disposition.as_bytes()).text(" ");
                self.parameters(parameters);
                self.out.text(")");
            }
            None => {
                self.out.text(" NIL");
            }
        }
        self.out.text(" ").nstring(facts.language.as_deref());
        self.out.text(" ").nstring(facts.location.as_deref());
    }

    fn parameters(&mut self, parameters: &Parameters) {
        let mut is_first = true;
        for (name, value) in parameters.iter() {
            self.out.text(if is_first { "(" } else { " " });
            self.out.string(name.as_bytes()).text(" ").string(value);
            is_first = false;
        }
        self.out.text(if is_first { "NIL" } else { ")" });
    }
}

/// The type that is told: a multipart or message that could not be taken apart is octets.
fn shown_media(part: &Part) -> MediaType {
    let is_whole = matches!(part.kind, Kind::Message(_))
        || (part.media.kind != "multipart" && !part.media.is("message", "rfc822"));
    match (is_whole, &part.kind) {
        (true, Kind::Message(_)) => media("message", "rfc822"),
        (true, _) => part.media.clone(),
        (false, _) => media("application", "octet-stream"),
    }
}

fn media(kind: &str, subtype: &str) -> MediaType {
    MediaType {
        kind: kind.to_owned(),
        subtype: subtype.to_owned(),
    }
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
            "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 10 2)"
        );
    }

    #[test]
    fn signed_envelope_shows_the_message_inside() {
        let message = "Content-Type: multipart/signed; boundary=s; micalg=sha256\r\n\r\n--s\r\n\
            Content-Type: message/rfc822; name=\"postacert.eml\"\r\n\
            Content-Disposition: attachment; filename=postacert.eml\r\n\r\n\
            Subject: in\r\n\r\nhi\r\n--s\r\nContent-Type: application/pkcs7-signature\r\n\
            Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--s--\r\n";
        let inner = "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 2 1 NIL NIL NIL NIL)";
        let envelope = "(NIL \"in\" NIL NIL NIL NIL NIL NIL NIL NIL)";
        assert_eq!(
            shown(message, true),
            format!(
                "((\"message\" \"rfc822\" (\"name\" \"postacert.eml\") NIL NIL \"7bit\" 17 {envelope} {inner} 3 \
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
