//! The first words of a message for a list of messages (RFC 8970): of its first text part, decoded, blanks
//! joined. A certified message shows the text that its provider wrote, which comes first.

use ceralacca_core::limits;
use mail_parser::MessageParser;

use super::section::read_header;
use super::store::{Octets, ReadError, read_range};
use super::structure::{Kind, Part, Structure};
use super::text::mime_only;

/// At most [`limits::IMAP_PREVIEW_CHARACTERS_MAX`] characters; empty where there is no text.
pub fn of(structure: &Structure, octets: &dyn Octets) -> Result<String, ReadError> {
    let is_text = |part: &&Part| part.kind == Kind::Leaf && part.media.kind == "text";
    let texts = || structure.parts.iter().filter(is_text);
    let shown = |part: &&Part| matches!(part.media.subtype.as_str(), "plain" | "html");
    let Some(part) = texts().find(shown) else {
        return Ok(String::new());
    };
    let header = read_header(octets, part.header.clone())?;
    let end = part.body.start + limits::IMAP_PREVIEW_OCTETS_MAX;
    let body = read_range(octets, part.body.start..part.body.end.min(end))?;
    let alone = mime_only(&header, &body);
    let parsed = MessageParser::default().parse(&alone);
    let text = parsed.as_ref().and_then(|message| message.body_text(0));
    Ok(shortened(text.as_deref().unwrap_or_default()))
}

fn shortened(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // A control character would be told as it stands.
    let seen = words.chars().filter(|c| !c.is_control());
    seen.take(limits::IMAP_PREVIEW_CHARACTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preview(message: &str) -> String {
        let octets = message.as_bytes().to_vec();
        let structure = Structure::read(&octets, octets.len() as u64).expect("readable");
        of(&structure, &octets).expect("readable")
    }

    #[test]
    fn the_first_text_is_shown_decoded_and_short() {
        assert_eq!(preview("A: b\r\n\r\nuno\r\n\r\n  due\r\n"), "uno due");
        assert_eq!(
            preview(
                "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\
                 Content-Type: application/pdf\r\n\r\nxx\r\n--a\r\n\
                 Content-Type: text/plain; charset=iso-8859-1\r\n\
                 Content-Transfer-Encoding: quoted-printable\r\n\r\nperch=E9\r\n--a--\r\n"
            ),
            "perché"
        );
        let html = "Content-Type: text/html\r\n\r\n<p>ciao <b>a tutti</b></p>\r\n";
        assert_eq!(preview(html), "ciao a tutti");
        assert_eq!(preview("Content-Type: image/png\r\n\r\nx\r\n"), "");
        let long = format!("A: b\r\n\r\n{}", "parola ".repeat(4_000));
        assert_eq!(
            preview(&long).chars().count(),
            limits::IMAP_PREVIEW_CHARACTERS_MAX
        );
    }
}
