//! Takes a message apart for the verdict: the octets under the signature, the signature, and the
//! certification data. Says precisely what is missing or cut.

use crate::certification::CertificationData;
use crate::certification::xml::{self, XmlFault};
use crate::limits;
use crate::mime::content::TransferEncoding;
use crate::mime::{ContentField, Part, Scan, Shape, Span};
use crate::wording::words;

/// Why a message is no signed message, or not a whole one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum StructureFault {
    #[error("the message has {0} octets, more than the {most} that are examined", most = limits::EXAMINED_BYTES_MAX)]
    TooLarge(usize),
    #[error("the form of the message goes beyond the bounds of what is read")]
    OutOfBounds,
    #[error("no signature: the message is {0}")]
    NotSigned(String),
    #[error("the signature is not detached: the message is {0}")]
    Opaque(String),
    #[error("the message has several \"{0}:\" fields, of which programs may follow another")]
    Repeated(&'static str),
    #[error("the message says that it is encoded as a whole, which no signed message can be")]
    Encoded,
    #[error("the message is cut: the closing boundary \"--{0}--\" is missing")]
    Cut(String),
    #[error("something was added after the closing boundary of the signed message")]
    Added,
    #[error("the message is multipart/signed with {0} parts, and two belong there")]
    OtherParts(usize),
    #[error("the second part is {0}, not a detached signature")]
    OtherSignature(String),
    #[error("the signature part cannot be decoded")]
    BadEncoding,
}

/// What says how the whole message is read: a program that follows another of them shows what nobody
/// signed.
const CONTENT_FIELDS: [(ContentField, &str); 2] = [
    (ContentField::Type, "Content-Type"),
    (ContentField::TransferEncoding, "Content-Transfer-Encoding"),
];

/// A `multipart/signed` message.
#[derive(Debug)]
pub(super) struct SignedMessage<'a> {
    message: &'a [u8],
    scan: &'a Scan,
    content: usize,
    /// DER of the signature.
    pub signature: Vec<u8>,
}

impl<'a> SignedMessage<'a> {
    pub(super) fn take_apart(message: &'a [u8], scan: &'a Scan) -> Result<Self, StructureFault> {
        if scan.faults().iter().any(|fault| fault.is_bound()) {
            return Err(StructureFault::OutOfBounds);
        }
        let root = scan.root();
        if root.media.kind == "application" && root.media.subtype.ends_with("pkcs7-mime") {
            return Err(StructureFault::Opaque(media(root)));
        }
        let boundary = root.boundary.as_ref();
        let is_signed = root.media.is("multipart", "signed") && root.shape == Shape::Multipart;
        let Some(boundary) = boundary.filter(|_| is_signed) else {
            return Err(StructureFault::NotSigned(media(root)));
        };
        for (kind, name) in CONTENT_FIELDS {
            if root.fields_of(kind).nth(1).is_some() {
                return Err(StructureFault::Repeated(name));
            }
        }
        if !root.encoding.is_identity() {
            return Err(StructureFault::Encoded);
        }
        let children: Vec<usize> = scan.children(0).collect();
        match epilogue(message, scan, &children, boundary) {
            None => {
                let boundary = String::from_utf8_lossy(boundary).into_owned();
                return Err(StructureFault::Cut(boundary));
            }
            Some(rest) if !rest.trim_ascii().is_empty() => return Err(StructureFault::Added),
            Some(_) => {}
        }
        let &[content, signature] = children.as_slice() else {
            return Err(StructureFault::OtherParts(children.len()));
        };
        let part = &scan.parts()[signature];
        if part.media.kind != "application" || !part.media.subtype.ends_with("pkcs7-signature") {
            return Err(StructureFault::OtherSignature(media(part)));
        }
        let signature = decoded(message, part).ok_or(StructureFault::BadEncoding)?;
        Ok(Self {
            message,
            scan,
            content,
            signature,
        })
    }

    /// The octets under the signature: the first part with its header, without the line end that
    /// belongs to the boundary.
    pub(super) fn content(&self) -> &'a [u8] {
        let part = &self.scan.parts()[self.content];
        octets(
            self.message,
            Span {
                start: part.header.start,
                end: part.body.end,
            },
        )
    }

    /// The certification data among the parts of the signed content; those of enclosed messages are
    /// not looked at. `Ok(None)` where there is none.
    pub(super) fn certification(&self) -> Result<Option<CertificationData>, CertificationFault> {
        let mut found = self.scan.children(self.content).filter(|&index| {
            let name = self.scan.parts()[index].name.as_deref();
            name.is_some_and(|name| name.eq_ignore_ascii_case(words::CERTIFICATION_FILE))
        });
        let Some(index) = found.next() else {
            return Ok(None);
        };
        if found.next().is_some() {
            return Err(CertificationFault::Several);
        }
        let part = &self.scan.parts()[index];
        let octets = decoded(self.message, part).ok_or(CertificationFault::BadEncoding)?;
        Ok(Some(xml::read(&octets)?))
    }

    /// Some part of the signed content is an enclosed message.
    pub(super) fn has_enclosed(&self) -> bool {
        let parts = self.scan.parts();
        let mut children = self.scan.children(self.content);
        children.any(|index| parts[index].media.is("message", "rfc822"))
    }
}

/// Why the certification data cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum CertificationFault {
    #[error("the signed content holds certification data more than once")]
    Several,
    #[error("the part with the certification data cannot be decoded")]
    BadEncoding,
    #[error(transparent)]
    Xml(#[from] XmlFault),
}

fn media(part: &Part) -> String {
    format!("{}/{}", part.media.kind, part.media.subtype)
}

fn octets(message: &[u8], span: Span) -> &[u8] {
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    message
        .get(place(span.start)..place(span.end))
        .unwrap_or_default()
}

/// What stands after the closing boundary; `None` where there is no such boundary.
fn epilogue<'a>(
    message: &'a [u8],
    scan: &Scan,
    children: &[usize],
    boundary: &[u8],
) -> Option<&'a [u8]> {
    let last = children.last()?;
    let place = Span {
        start: scan.parts()[*last].body.end,
        end: message.len() as u64,
    };
    let rest = octets(message, place);
    let rest = rest.strip_prefix(b"\r\n").unwrap_or(rest);
    let rest = rest.strip_prefix(b"\n").unwrap_or(rest);
    rest.strip_prefix(&*[b"--", boundary, b"--"].concat())
}

fn decoded(message: &[u8], part: &Part) -> Option<Vec<u8>> {
    let body = octets(message, part.body);
    match part.encoding {
        TransferEncoding::Base64 => {
            let text: Vec<u8> = body
                .iter()
                .copied()
                .filter(|b| !b.is_ascii_whitespace())
                .collect();
            data_encoding::BASE64.decode(&text).ok()
        }
        TransferEncoding::QuotedPrintable => {
            mail_parser::decoders::quoted_printable::quoted_printable_decode(body)
        }
        encoding => encoding.is_identity().then(|| body.to_vec()),
    }
}
