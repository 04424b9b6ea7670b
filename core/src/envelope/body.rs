//! The signed content of every message: readable text first, then `daticert.xml`, and `postacert.eml`
//! where the kind has one (SG-02, RFC 6109 §4.3); an anomaly envelope has no data (AN-04). All that is
//! generated is 7-bit (SG-08).

use crate::certification::{CertificationData, xml};
use crate::envelope::draft::{Boundary, Issuer, Seed, SignedDraft, Step};
use crate::envelope::header::Header;
use crate::rope::{Rope, push_base64};
use crate::wording::texts::{Text, TextFacts};
use crate::wording::words;

/// Octets that the generated parts of usual messages fit in.
const TEXT_ROOM: usize = 6 * 1024;

/// Octets that a usual line of them fits in.
const LINE_ROOM: usize = 256;

/// What a message holds besides its header.
pub(crate) struct Content<'a> {
    /// Which text.
    pub text: Text,
    /// What it certifies; the text takes its facts from here (CD-13).
    pub data: &'a CertificationData,
    /// The original, whole or brief, where the kind encloses one.
    pub enclosed: Option<Enclosed>,
}

/// An enclosed message.
pub(crate) struct Enclosed {
    /// Its octets.
    pub message: Rope,
    /// It holds octets above 127 that may not be re-encoded.
    pub eight_bit: bool,
}

/// Puts header and content together.
pub(crate) fn draft(
    header: Header,
    message_id: String,
    content: Content<'_>,
    issuer: &Issuer,
    step: &Step,
) -> SignedDraft {
    let Content {
        text,
        data,
        enclosed,
    } = content;
    let original = &data.original;
    let lines = text.lines(&TextFacts {
        subject: original.subject.as_deref(),
        sender: original.sender.as_str(),
        recipients: &original.recipients,
        identifier: Some(&original.identifier),
        at: data.at,
        zone_with_colon: issuer.zone_with_colon,
        recipient: data.delivery.as_ref(),
        reason: data.extended_error.as_deref(),
    });
    sealed(header, message_id, (&lines, Some(data), enclosed), step)
}

/// The same for a message about which nothing is certified: its lines and `enclosed`, no other part.
pub(crate) fn uncertified(
    header: Header,
    message_id: String,
    lines: &[String],
    enclosed: Enclosed,
    step: &Step,
) -> SignedDraft {
    sealed(header, message_id, (lines, None, Some(enclosed)), step)
}

/// Lines of the text, certification data, enclosed message.
type Parts<'a> = (
    &'a [String],
    Option<&'a CertificationData>,
    Option<Enclosed>,
);

fn sealed(header: Header, message_id: String, parts: Parts<'_>, step: &Step) -> SignedDraft {
    let eight_bit = parts.2.as_ref().is_some_and(|e| e.eight_bit);
    SignedDraft {
        header: header.into_bytes(),
        content: mixed(parts, eight_bit, &step.seed),
        boundary: step.seed.boundary(Boundary::Signed),
        message_id,
        eight_bit,
    }
}

fn mixed((lines, data, enclosed): Parts<'_>, eight_bit: bool, seed: &Seed) -> Rope {
    let boundary = &*seed.boundary(Boundary::Mixed);
    let mut text = Vec::with_capacity(TEXT_ROOM);
    let head = [
        "Content-Type: multipart/mixed; boundary=\"",
        boundary,
        "\"\r\n",
    ];
    push_all(&mut text, &head);
    if eight_bit {
        push_all(&mut text, &["Content-Transfer-Encoding: 8bit\r\n"]);
    }
    let between = ["\r\n--", boundary, "\r\n"];
    push_all(&mut text, &between);
    readable(lines, seed, &mut text);
    if let Some(data) = data {
        push_all(&mut text, &between);
        certification_part(data, &mut text);
    }
    let Some(enclosed) = enclosed else {
        push_all(&mut text, &["\r\n--", boundary, "--\r\n"]);
        return Rope::text(text);
    };
    push_all(&mut text, &between);
    let label = if enclosed.eight_bit { "8bit" } else { "7bit" };
    let file = words::ENCLOSED_FILE;
    push_part_head(&mut text, "message/rfc822", label, file);
    let mut rope = Rope::text(text);
    rope.append(enclosed.message);
    rope.push_text("\r\n--");
    rope.push_text(boundary);
    rope.push_text("--\r\n");
    rope
}

fn push_all(text: &mut Vec<u8>, parts: &[&str]) {
    parts
        .iter()
        .for_each(|part| text.extend_from_slice(part.as_bytes()));
}

/// The header of a part that has a file's name, and the blank line after it.
fn push_part_head(text: &mut Vec<u8>, content_type: &str, encoding: &str, file: &str) {
    let head = [
        "Content-Type: ",
        content_type,
        "; name=\"",
        file,
        "\"\r\nContent-Transfer-Encoding: ",
        encoding,
        "\r\nContent-Disposition: inline; filename=\"",
        file,
        "\"\r\n\r\n",
    ];
    push_all(text, &head);
}

fn certification_part(data: &CertificationData, text: &mut Vec<u8>) {
    push_part_head(text, "application/xml", "base64", words::CERTIFICATION_FILE);
    push_base64(&xml::write(data), text);
}

fn readable(lines: &[String], seed: &Seed, text: &mut Vec<u8>) {
    let boundary = &*seed.boundary(Boundary::Alternative);
    let head = [
        "Content-Type: multipart/alternative; boundary=\"",
        boundary,
        "\"\r\n\r\n",
    ];
    push_all(text, &head);
    let part = |subtype, text: &mut Vec<u8>| {
        let head = [
            "--",
            boundary,
            "\r\nContent-Type: text/",
            subtype,
            "; charset=\"iso-8859-1\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
        ];
        push_all(text, &head);
    };
    part("plain", text);
    plain(lines, text);
    push_all(text, &["\r\n"]);
    part("html", text);
    html(lines, text);
    push_all(text, &["\r\n--", boundary, "--\r\n"]);
}

/// Each line in ISO 8859-1, `?` for what is not in it, in quoted-printable.
pub(crate) fn plain(lines: &[String], text: &mut Vec<u8>) {
    let octet = |c: char| u8::try_from(u32::from(c)).unwrap_or(b'?');
    let mut other = Vec::new();
    for line in lines {
        if line.is_ascii() {
            quoted_printable(line.as_bytes(), text);
        } else {
            other.clear();
            other.extend(line.chars().map(octet));
            quoted_printable(&other, text);
        }
    }
}

/// The same lines, title first, with nothing that refers to anything (SG-07).
fn html(lines: &[String], text: &mut Vec<u8>) {
    let title = lines.first().map(String::as_str).unwrap_or_default();
    let mut line = Vec::with_capacity(LINE_ROOM);
    let mut put = |before: &str, words: &str, after: &str| {
        line.clear();
        push_all(&mut line, &[before]);
        push_escaped(&mut line, words);
        push_all(&mut line, &[after]);
        quoted_printable(&line, text);
    };
    put("<!DOCTYPE html>", "", "");
    put("<html><head><title>", title, "</title></head><body>");
    put("<h3>", title, "</h3>");
    put("<p>", "", "");
    for words in lines.iter().skip(1) {
        put("", words, "<br>");
    }
    put("</p></body></html>", "", "");
}

fn push_escaped(out: &mut Vec<u8>, words: &str) {
    let is_special = |octet: u8| !octet.is_ascii() || matches!(octet, b'&' | b'<' | b'>' | b'"');
    // All octets are looked at, which the compiler makes of many at once.
    if !words
        .bytes()
        .fold(false, |found, octet| found | is_special(octet))
    {
        return out.extend_from_slice(words.as_bytes());
    }
    for c in words.chars() {
        match c {
            '&' => out.extend_from_slice(b"&amp;"),
            '<' => out.extend_from_slice(b"&lt;"),
            '>' => out.extend_from_slice(b"&gt;"),
            '"' => out.extend_from_slice(b"&quot;"),
            c => match u8::try_from(u32::from(c)) {
                Ok(octet) => out.push(octet),
                Err(_) => out.extend_from_slice(format!("&#{};", u32::from(c)).as_bytes()),
            },
        }
    }
}

/// A line and its end (RFC 2045 §6.7), in lines of 76 at most.
pub(crate) fn quoted_printable(line: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let is_literal = |octet: &u8| *octet == b' ' || octet.is_ascii_graphic() && *octet != b'=';
    let all_literal = || line.iter().fold(true, |all, octet| all & is_literal(octet));
    if line.len() <= 75 && !line.ends_with(b" ") && all_literal() {
        out.extend_from_slice(line);
        return out.extend_from_slice(b"\r\n");
    }
    let mut column = 0;
    for (at, octet) in line.iter().enumerate() {
        let is_last = at + 1 == line.len();
        let as_it_is = is_literal(octet) && !(*octet == b' ' && is_last);
        let width = if as_it_is { 1 } else { 3 };
        if column + width > 75 {
            out.extend_from_slice(b"=\r\n");
            column = 0;
        }
        if as_it_is {
            out.push(*octet);
        } else {
            let (high, low) = (usize::from(octet >> 4), usize::from(octet & 15));
            out.extend_from_slice(&[b'=', HEX[high], HEX[low]]);
        }
        column += width;
    }
    out.extend_from_slice(b"\r\n");
}
