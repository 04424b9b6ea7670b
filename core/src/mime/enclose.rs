//! The content of `postacert.eml` (TE-10): the original byte for byte, save for the access point's
//! `Received:` field before it, the identifier fields (TE-07, TM-07, TM-08) and the re-encoding of
//! 8-bit leaf parts outside `multipart/signed` and `multipart/encrypted` (AP-25).

use super::content::TransferEncoding;
use super::edit::{Edit, apply};
use super::scan::{ContentField, Part, Scan, Shape, Span};
use crate::blob::{BlobError, BlobRead, BlobRef};
use crate::message_id::{ClientMessageId, Identifier};
use crate::rope::{Rope, Transfer};
use crate::wording::words::REFERENCE_FIELD;

/// What the access point writes into the original.
#[derive(Debug, Clone, Copy)]
pub struct Marks<'a> {
    /// Its own `Received:` field with its CRLF, written before the original.
    pub received: &'a str,
    /// Takes the place of the client's `Message-ID:`.
    pub identifier: &'a Identifier,
    /// The client's own value, kept as `X-Riferimento-Message-ID:`.
    pub client_id: Option<&'a ClientMessageId>,
}

/// The content of `postacert.eml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enclosed {
    /// Its octets.
    pub rope: Rope,
    /// Octets above 127 are left in it, where they may not be re-encoded (SG-08).
    pub eight_bit: bool,
}

/// Encloses the message `body`, of which `scan` was made. `blobs` is read only to know the length of
/// what becomes quoted-printable.
pub fn enclose(
    scan: &Scan,
    body: BlobRef,
    blobs: &dyn BlobRead,
    marks: &Marks<'_>,
) -> Result<Enclosed, BlobError> {
    let mut edits = identifier_edits(scan, marks);
    let recoded: Vec<bool> = scan.parts().iter().map(is_recodable).collect();
    let left = eight_bit_left(scan, &recoded);
    let touched = holders_of(scan, &recoded);
    for (index, part) in scan.parts().iter().enumerate() {
        if recoded[index] {
            recode(scan, part, body, blobs, &mut edits)?;
        } else if touched[index] && !left[index] {
            relabel(part, &mut edits);
        }
    }
    let rope = apply(scan.size(), edits, |rope, span| {
        rope.push_slice(body, span.start, span.len());
        Ok(())
    })?;
    Ok(Enclosed {
        rope,
        eight_bit: left[0],
    })
}

/// An 8-bit body that AP-25 has re-encoded. One that says it is encoded already, and what only holds
/// other parts, has no second coding.
pub(crate) fn is_recodable(part: &Part) -> bool {
    let is_composite = matches!(part.media.kind.as_str(), "multipart" | "message");
    let may = !is_composite || part.media.is("message", "global");
    part.shape == Shape::Leaf
        && part.eight_bit_body
        && !part.sealed
        && part.encoding.is_identity()
        && may
}

fn identifier_edits(scan: &Scan, marks: &Marks<'_>) -> Vec<Edit> {
    let mut fields = format!("Message-ID: <{}>\r\n", marks.identifier);
    if let Some(client_id) = marks.client_id {
        fields.push_str(&reference_field(client_id));
    }
    let ids = scan.spans_named("Message-ID");
    let mut edits = vec![Edit::insert(0, marks.received)];
    match ids.split_first() {
        Some((first, others)) => {
            edits.push(Edit::replace(*first, fields));
            edits.extend(others.iter().copied().map(Edit::remove));
        }
        None => edits.push(Edit::insert(0, fields)),
    }
    let references = scan.spans_named(REFERENCE_FIELD);
    edits.extend(references.into_iter().map(Edit::remove));
    edits
}

/// The field on one line, or folded where the line would be too long.
fn reference_field(client_id: &ClientMessageId) -> String {
    let one_line = format!("{REFERENCE_FIELD}: {client_id}");
    if one_line.len() <= crate::limits::LINE_BYTES_MAX {
        one_line + "\r\n"
    } else {
        format!("{REFERENCE_FIELD}:\r\n {client_id}\r\n")
    }
}

/// For each part: octets above 127 that stay, in it or in what it holds.
fn eight_bit_left(scan: &Scan, recoded: &[bool]) -> Vec<bool> {
    let parts = scan.parts();
    let stays = |(part, recoded): (&Part, &bool)| {
        part.eight_bit_header || (part.eight_bit_body && !recoded)
    };
    rise(scan, parts.iter().zip(recoded).map(stays).collect())
}

/// For each part: it is, or holds, a part that is re-encoded.
fn holders_of(scan: &Scan, recoded: &[bool]) -> Vec<bool> {
    rise(scan, recoded.to_vec())
}

/// Carries a mark from every part to all that hold it; a part always comes after its parent.
fn rise(scan: &Scan, mut marks: Vec<bool>) -> Vec<bool> {
    for (index, part) in scan.parts().iter().enumerate().rev() {
        if let Some(parent) = part.parent.filter(|_| marks[index]) {
            marks[parent] = true;
        }
    }
    marks
}

fn recode(
    scan: &Scan,
    part: &Part,
    body: BlobRef,
    blobs: &dyn BlobRead,
    edits: &mut Vec<Edit>,
) -> Result<(), BlobError> {
    let (transfer, name) = if part.media.kind == "text" {
        (Transfer::QuotedPrintable, "quoted-printable")
    } else {
        (Transfer::Base64, "base64")
    };
    set_encoding(part, name, edits);
    if part.parent.is_none() && scan.field("MIME-Version").is_none() {
        edits.push(Edit::insert(part.header.start, "MIME-Version: 1.0\r\n"));
    }
    let mut with = Rope::default();
    let Span { start, .. } = part.body;
    with.push_encoded(blobs, body, start, part.body.len(), transfer)?;
    if transfer == Transfer::Base64 && part.body.end == scan.size() {
        // Base64 ends without a line end, a message should not.
        with.push_text("\r\n");
    }
    edits.push(Edit {
        span: part.body,
        with,
    });
    Ok(())
}

/// A multipart or message that said 8bit or binary and now holds neither.
fn relabel(part: &Part, edits: &mut Vec<Edit>) {
    let is_identity = part.encoding.is_identity();
    if is_identity && part.encoding != TransferEncoding::SevenBit {
        set_encoding(part, "7bit", edits);
    }
}

fn set_encoding(part: &Part, encoding: &str, edits: &mut Vec<Edit>) {
    let field = format!("Content-Transfer-Encoding: {encoding}\r\n");
    let mut spans = part.fields_of(ContentField::TransferEncoding);
    match spans.next() {
        Some(first) => edits.push(Edit::replace(first, field)),
        None => edits.push(Edit::insert(part.header.start, field)),
    }
    edits.extend(spans.map(Edit::remove));
}

#[cfg(test)]
mod tests;
