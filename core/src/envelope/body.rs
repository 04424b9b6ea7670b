//! The signed content of every message: readable text first, then `daticert.xml`, and `postacert.eml`
//! where the kind has one (SG-02, RFC 6109 §4.3); an anomaly envelope has no data (AN-04). All that is
//! generated is 7-bit (SG-08).

use crate::certification::{CertificationData, xml};
use crate::envelope::draft::{Issuer, Seed, SignedDraft, Step};
use crate::envelope::header::Header;
use crate::rope::Rope;
use crate::wording::texts::{Text, TextFacts};
use crate::wording::words;

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
    let mut rope = Rope::text(format!(
        "Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n"
    ));
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

fn certification_part(data: &CertificationData) -> String {
    let file = words::CERTIFICATION_FILE;
    let encoded = data_encoding::BASE64_MIME.encode(&xml::write(data));
    let encoded = encoded.trim_end();
    format!(
        "Content-Type: application/xml; name=\"{file}\"\r\n\
         Content-Transfer-Encoding: base64\r\n\
         Content-Disposition: inline; filename=\"{file}\"\r\n\r\n{encoded}"
    )
}

fn readable(lines: &[String], seed: &Seed) -> String {
    let boundary = seed.boundary("alternative");
    let mut part = format!("Content-Type: multipart/alternative; boundary=\"{boundary}\"\r\n\r\n");
    for (subtype, text) in [("plain", plain(lines)), ("html", html(lines))] {
        part.push_str(&format!(
            "--{boundary}\r\n\
             Content-Type: text/{subtype}; charset=\"iso-8859-1\"\r\n\
             Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        ));
        quoted_printable(&text, &mut part);
        part.push_str("\r\n");
    }
    part.push_str(&format!("--{boundary}--\r\n"));
    part
}

fn plain(lines: &[String]) -> Vec<Vec<u8>> {
    let octet = |c: char| u8::try_from(u32::from(c)).unwrap_or(b'?');
    lines
        .iter()
        .map(|line| line.chars().map(octet).collect())
        .collect()
}

/// The same lines, title first, with nothing that refers to anything (SG-07).
fn html(lines: &[String]) -> Vec<Vec<u8>> {
    let mut lines = lines.iter().map(|line| escaped(line));
    let title = lines.next().unwrap_or_default();
    let mut html = vec![
        b"<!DOCTYPE html>".to_vec(),
        [b"<html><head><title>", &*title, b"</title></head><body>"].concat(),
        [b"<h3>", &*title, b"</h3>"].concat(),
        b"<p>".to_vec(),
    ];
    html.extend(lines.map(|line| [&*line, b"<br>"].concat()));
    html.push(b"</p></body></html>".to_vec());
    html
}

fn escaped(line: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
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

/// RFC 2045 §6.7, lines of 76 at most.
pub(crate) fn quoted_printable(lines: &[Vec<u8>], out: &mut String) {
    for line in lines {
        let mut column = 0;
        for (at, octet) in line.iter().enumerate() {
            let is_last = at + 1 == line.len();
            let as_it_is = match octet {
                b'=' => false,
                b' ' => !is_last,
                octet => octet.is_ascii_graphic(),
            };
            let width = if as_it_is { 1 } else { 3 };
            if column + width > 75 {
                out.push_str("=\r\n");
                column = 0;
            }
            if as_it_is {
                out.push(char::from(*octet));
            } else {
                out.push_str(&format!("={octet:02X}"));
            }
            column += width;
        }
        out.push_str("\r\n");
    }
}
