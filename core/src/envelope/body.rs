//! The signed content of every message: readable text first, then `daticert.xml`, and `postacert.eml`
//! where the kind has one (SG-02, RFC 6109 §4.3); an anomaly envelope has no data (AN-04). All that is
//! generated is 7-bit (SG-08).

use crate::certification::{CertificationData, xml};
use crate::envelope::draft::{Issuer, Seed, SignedDraft, Step};
use crate::envelope::header::Header;
use crate::rope::{Rope, push_base64};
use crate::wording::texts::{Text, TextFacts};
use crate::wording::words;

/// Octets that the generated parts of usual messages fit in.
const TEXT_ROOM: usize = 6 * 1024;

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
        boundary: step.seed.boundary("signed"),
        message_id,
        eight_bit,
    }
}

fn mixed((lines, data, enclosed): Parts<'_>, eight_bit: bool, seed: &Seed) -> Rope {
    let boundary = seed.boundary("mixed");
    let mut start = Vec::with_capacity(TEXT_ROOM);
    let field = format!("Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n");
    start.extend_from_slice(field.as_bytes());
    let mut rope = Rope::text(start);
    if eight_bit {
        rope.push_text("Content-Transfer-Encoding: 8bit\r\n");
    }
    rope.push_text(format!("\r\n--{boundary}\r\n"));
    rope.push_text(readable(lines, seed));
    if let Some(data) = data {
        rope.push_text(format!("\r\n--{boundary}\r\n"));
        rope.push_text(certification_part(data));
    }
    if let Some(enclosed) = enclosed {
        let (file, label) = (
            words::ENCLOSED_FILE,
            if enclosed.eight_bit { "8bit" } else { "7bit" },
        );
        rope.push_text(format!(
            "\r\n--{boundary}\r\n\
             Content-Type: message/rfc822; name=\"{file}\"\r\n\
             Content-Transfer-Encoding: {label}\r\n\
             Content-Disposition: inline; filename=\"{file}\"\r\n\r\n"
        ));
        rope.append(enclosed.message);
    }
    rope.push_text(format!("\r\n--{boundary}--\r\n"));
    rope
}

fn certification_part(data: &CertificationData) -> Vec<u8> {
    let file = words::CERTIFICATION_FILE;
    let mut part = format!(
        "Content-Type: application/xml; name=\"{file}\"\r\n\
         Content-Transfer-Encoding: base64\r\n\
         Content-Disposition: inline; filename=\"{file}\"\r\n\r\n"
    )
    .into_bytes();
    push_base64(&xml::write(data), &mut part);
    part
}

fn readable(lines: &[String], seed: &Seed) -> Vec<u8> {
    let boundary = seed.boundary("alternative");
    let mut part = Vec::with_capacity(4096);
    let first = format!("Content-Type: multipart/alternative; boundary=\"{boundary}\"\r\n\r\n");
    part.extend_from_slice(first.as_bytes());
    for (subtype, lines) in [("plain", plain(lines)), ("html", html(lines))] {
        let header = format!(
            "--{boundary}\r\n\
             Content-Type: text/{subtype}; charset=\"iso-8859-1\"\r\n\
             Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        );
        part.extend_from_slice(header.as_bytes());
        lines.for_each(|line| quoted_printable(&line, &mut part));
        part.extend_from_slice(b"\r\n");
    }
    part.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    part
}

/// The lines of a part, one after the other.
pub(crate) type Lines<'a> = Box<dyn Iterator<Item = Vec<u8>> + 'a>;

/// Each line in ISO 8859-1, `?` for what is not in it.
pub(crate) fn plain(lines: &[String]) -> Lines<'_> {
    let octet = |c: char| u8::try_from(u32::from(c)).unwrap_or(b'?');
    Box::new(lines.iter().map(move |line| match line.is_ascii() {
        true => line.as_bytes().to_vec(),
        false => line.chars().map(octet).collect(),
    }))
}

/// The same lines, title first, with nothing that refers to anything (SG-07).
fn html(lines: &[String]) -> Lines<'_> {
    let title = lines.first().map(|line| escaped(line)).unwrap_or_default();
    let head = [
        b"<!DOCTYPE html>".to_vec(),
        [b"<html><head><title>", &*title, b"</title></head><body>"].concat(),
        [b"<h3>", &*title, b"</h3>"].concat(),
        b"<p>".to_vec(),
    ];
    let rest = lines.iter().skip(1).map(|line| {
        let mut line = escaped(line);
        line.extend_from_slice(b"<br>");
        line
    });
    let end = std::iter::once(b"</p></body></html>".to_vec());
    Box::new(head.into_iter().chain(rest).chain(end))
}

fn escaped(line: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len() + 16);
    for c in line.chars() {
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
    out
}

/// A line and its end (RFC 2045 §6.7), in lines of 76 at most.
pub(crate) fn quoted_printable(line: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let is_literal = |octet: &u8| *octet == b' ' || octet.is_ascii_graphic() && *octet != b'=';
    if line.len() <= 75 && !line.ends_with(b" ") && line.iter().all(is_literal) {
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
