//! A signed message taken apart by its scan: where the signed content lies, its signature and its
//! certification data, each read from the blob by itself and within bounds.

use std::io::Read;

use crate::blob::{BlobError, BlobRead};
use crate::certification::{CertificationData, xml};
use crate::limits;
use crate::mime::content::TransferEncoding;
use crate::mime::{Part, Scan, Shape, Span};
use crate::rope::{Rope, RopeReader};
use crate::smime::verify::{SignerFacts, VerifyError, verify_detached};
use crate::wording::words;

/// A message as the checks read it.
pub(super) struct Message<'a> {
    pub(super) scan: &'a Scan,
    pub(super) rope: &'a Rope,
    pub(super) blobs: &'a dyn BlobRead,
}

/// A `multipart/signed` message with a readable signature part (IP-02).
pub(super) struct Signed<'a> {
    message: &'a Message<'a>,
    content: usize,
    signature: Vec<u8>,
}

/// What stands where the certification data should.
pub(super) enum Certification {
    /// Readable data.
    Data(Box<CertificationData>),
    /// No part of that name.
    Missing,
    /// Something else, and why it cannot be read.
    Unreadable(String),
}

/// The boundary lines and blanks after the last part.
const EPILOGUE_BYTES_MAX: u64 = 4 * limits::BOUNDARY_BYTES_MAX as u64;

impl<'a> Message<'a> {
    /// Check 1: `None` where there is no signature to look at.
    pub(super) fn signed(&'a self) -> Result<Option<Signed<'a>>, BlobError> {
        let root = self.scan.root();
        if !root.media.is("multipart", "signed")
            || root.shape != Shape::Multipart
            || !root.encoding.is_identity()
        {
            return Ok(None);
        }
        let children: Vec<usize> = self.scan.children(0).collect();
        let &[content, signature] = children.as_slice() else {
            return Ok(None);
        };
        let part = &self.scan.parts()[signature];
        let is_signature =
            part.media.kind == "application" && part.media.subtype.ends_with("pkcs7-signature");
        if !is_signature {
            return Ok(None);
        }
        let most = limits::CMS_BYTES_MAX as u64 * 3 / 2;
        let signature = self.decoded(part, most)?;
        Ok(signature.map(|signature| Signed {
            message: self,
            content,
            signature,
        }))
    }

    /// The octets of a part without its transfer encoding; `None` where they are none or too many.
    fn decoded(&self, part: &Part, most: u64) -> Result<Option<Vec<u8>>, BlobError> {
        if part.body.len() > most {
            return Ok(None);
        }
        let body = self.octets(part.body)?;
        Ok(match part.encoding {
            TransferEncoding::Base64 => {
                let blank = |b: &u8| b.is_ascii_whitespace();
                let text: Vec<u8> = body.into_iter().filter(|b| !blank(b)).collect();
                data_encoding::BASE64.decode(&text).ok()
            }
            TransferEncoding::QuotedPrintable => {
                mail_parser::decoders::quoted_printable::quoted_printable_decode(&body)
            }
            encoding => encoding.is_identity().then_some(body),
        })
    }

    /// Octets of the message; the caller has bounded `span`.
    pub(super) fn octets(&self, span: Span) -> Result<Vec<u8>, BlobError> {
        let mut octets = Vec::new();
        self.reader(span)?
            .read_to_end(&mut octets)
            .map_err(BlobError::Source)?;
        Ok(octets)
    }

    fn reader(&self, span: Span) -> Result<std::io::Take<RopeReader<'a>>, BlobError> {
        let reader = RopeReader::starting_at(self.rope, self.blobs, span.start)?;
        Ok(reader.take(span.len()))
    }
}

impl Signed<'_> {
    /// The signature over the first part with its header, octet by octet.
    pub(super) fn verify(&self) -> Result<Result<SignerFacts, VerifyError>, BlobError> {
        let part = &self.message.scan.parts()[self.content];
        let span = Span {
            start: part.header.start,
            end: part.body.end,
        };
        let mut reader = self.message.reader(span)?;
        Ok(verify_detached(&self.signature, &mut reader))
    }

    /// SHA-256 of the signed content, as a mark of it (IP-18).
    pub(super) fn digest(&self) -> Result<[u8; 32], BlobError> {
        let part = &self.message.scan.parts()[self.content];
        let span = Span {
            start: part.header.start,
            end: part.body.end,
        };
        let mut reader = self.message.reader(span)?;
        let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        let mut chunk = vec![0; limits::SIGNED_CHUNK_BYTES];
        loop {
            match reader.read(&mut chunk).map_err(BlobError::Source)? {
                0 => break,
                read => context.update(&chunk[..read]),
            }
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        Ok(digest)
    }

    /// Nothing but blanks stands after the closing boundary, and the boundary is there.
    pub(super) fn is_whole(&self) -> Result<bool, BlobError> {
        let scan = self.message.scan;
        let Some(last) = scan.children(0).last() else {
            return Ok(false);
        };
        let rest = Span {
            start: scan.parts()[last].body.end,
            end: scan.size(),
        };
        if rest.len() > EPILOGUE_BYTES_MAX {
            return Ok(false);
        }
        let octets = self.message.octets(rest)?;
        let boundary = scan.root().boundary.as_deref().unwrap_or_default();
        let closing = [b"--", boundary, b"--"].concat();
        let after = octets.trim_ascii_start().strip_prefix(&*closing);
        Ok(after.is_some_and(|rest| rest.trim_ascii().is_empty()))
    }

    /// The certification data among the direct children of the signed `multipart/mixed` (IP-15).
    pub(super) fn certification(&self) -> Result<Certification, BlobError> {
        let scan = self.message.scan;
        let mut found = scan.children(self.content).filter(|&index| {
            let name = scan.parts()[index].name.as_deref();
            name.is_some_and(|name| name.eq_ignore_ascii_case(words::CERTIFICATION_FILE))
        });
        let Some(index) = found.next() else {
            return Ok(Certification::Missing);
        };
        if found.next().is_some() {
            let why = "certification data stand in it more than once";
            return Ok(Certification::Unreadable(why.to_owned()));
        }
        let most = limits::CERTIFICATION_BYTES_MAX as u64 * 3 / 2;
        let octets = self.message.decoded(&scan.parts()[index], most)?;
        let Some(octets) = octets else {
            let why = "the certification data cannot be decoded";
            return Ok(Certification::Unreadable(why.to_owned()));
        };
        Ok(match xml::read(&octets) {
            Ok(data) => Certification::Data(Box::new(data)),
            Err(fault) => Certification::Unreadable(fault.to_string()),
        })
    }

    /// The one enclosed message among the direct children of the signed content.
    pub(super) fn enclosed(&self) -> Option<usize> {
        let scan = self.message.scan;
        let is_message = |index: &usize| scan.parts()[*index].media.is("message", "rfc822");
        let mut enclosed = scan.children(self.content).filter(is_message);
        enclosed.next().filter(|_| enclosed.next().is_none())
    }
}
