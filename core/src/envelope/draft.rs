//! A message settled and not yet signed: its instant, identifiers and boundaries are drawn before, so
//! that whichever token signs, signs the same content (RFC 6109 §2.1, RFC 8551 §3.5.3). Outer fields
//! are not under the signature; [`SignedDraft::content`] is, octet by octet.

use data_encoding::HEXLOWER;

use crate::address::{Address, Domain};
use crate::blob::{BlobError, BlobRead};
use crate::instant::Instant;
use crate::rope::{self, Piece, Rope, push_base64};
use crate::wording::words;

/// Octets of outer boundaries and of the fields between them, at most or nearly.
const WRAPPING_ROOM: usize = 640;

/// Who issues a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// `providerName` (CD-10).
    pub provider: String,
    /// `From:` of all that we issue; the `rfc822Name` of the signing certificate (SG-05).
    pub service_address: Address,
    /// Right side of new identifiers.
    pub domain: Domain,
    /// Texts write the offset as `(+01:00)` (TM-02).
    pub zone_with_colon: bool,
}

/// Randomness of one message, from the system's generator; boundaries and the identifier come of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub [u8; 32]);

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(…)")
    }
}

impl Seed {
    /// 32 hexadecimal digits for identifiers; boundaries come of the other half.
    pub(crate) fn word(&self) -> String {
        let (_, half) = self.0.split_at(self.0.len() / 2);
        HEXLOWER.encode(half)
    }

    /// A boundary, and none is the beginning of another. `=_` stands in no quoted-printable or base64 text; no
    /// content was written by one who knew the digits.
    pub(crate) fn boundary(&self, of: Boundary) -> String {
        let (half, _) = self.0.split_at(self.0.len() / 2);
        let mut boundary = String::with_capacity(3 + 2 * half.len());
        boundary.push_str("=_");
        HEXLOWER.encode_append(half, &mut boundary);
        boundary.push(match of {
            Boundary::Signed => 's',
            Boundary::Mixed => 'm',
            Boundary::Alternative => 'a',
            Boundary::Report => 'r',
        });
        boundary
    }
}

/// What is bounded.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Boundary {
    /// Content and signature.
    Signed,
    /// The parts of the content.
    Mixed,
    /// Both forms of the text.
    Alternative,
    /// The parts of a delivery report.
    Report,
}

/// The one time value of a step (TM-01) and the randomness of the one message that it issues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Goes into header, text, XML, signature and log.
    pub at: Instant,
    /// Fresh for each message.
    pub seed: Seed,
}

/// All of a message but its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedDraft {
    /// Outer fields, each with its CRLF, without `MIME-Version:` and those on content.
    pub header: Vec<u8>,
    /// The `multipart/mixed` entity exactly as signed: its header and its body, without the CRLF that
    /// belongs to the outer boundary.
    pub content: Rope,
    /// The outer boundary.
    pub boundary: String,
    /// `Message-ID:` without its brackets.
    pub message_id: String,
    /// It encloses 8-bit octets that may not be re-encoded, and needs `BODY=8BITMIME` (SG-08).
    pub eight_bit: bool,
}

impl SignedDraft {
    /// SHA-256 of the content: what is signed.
    pub fn digest(&self, blobs: &dyn BlobRead) -> Result<[u8; 32], BlobError> {
        rope::sha256(&self.content, blobs)
    }

    /// The whole message, with the DER of its detached signature (SG-01).
    pub fn finish(self, p7s_der: &[u8]) -> Rope {
        let mut p7s = Vec::new();
        push_base64(p7s_der, &mut p7s);
        self.finish_with_base64(&Rope::text(p7s))
    }

    /// [`SignedDraft::finish`] with the signature in base64, in lines of 76 without an end of the last.
    pub fn finish_with_base64(self, p7s: &Rope) -> Rope {
        let boundary = &self.boundary;
        let mut header = self.header;
        let first = self.content.pieces().first();
        let text = first.map_or(0, |piece| match piece {
            Piece::Text(text) => text.len(),
            Piece::Slice { .. } => 0,
        });
        header.reserve(text + WRAPPING_ROOM);
        let mut message = Rope::text(header);
        message.push_text("MIME-Version: 1.0\r\n");
        if self.eight_bit {
            message.push_text("Content-Transfer-Encoding: 8bit\r\n");
        }
        message.push_text(format!(
            "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\";\r\n \
             micalg=\"sha-256\"; boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n"
        ));
        message.append(self.content);
        let file = words::SIGNATURE_FILE;
        message.push_text(format!(
            "\r\n--{boundary}\r\n\
             Content-Type: application/pkcs7-signature; name=\"{file}\"\r\n\
             Content-Transfer-Encoding: base64\r\n\
             Content-Disposition: attachment; filename=\"{file}\"\r\n\r\n"
        ));
        p7s.pieces()
            .iter()
            .for_each(|piece| message.push(piece.clone()));
        message.push_text(format!("\r\n--{boundary}--\r\n"));
        message
    }
}
