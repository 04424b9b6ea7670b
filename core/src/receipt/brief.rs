//! The original of a brief receipt (RFC 6109 §3.3.2.2): every named part, and every attached message,
//! gives way to a text that holds the SHA-1 of its body as it was transmitted; all else is identical.
//! DR-10 to DR-17.

use aws_lc_rs::digest;

use crate::blob::{BlobError, BlobRead};
use crate::mime::{Edit, Part, Scan, Shape, apply, file_name_parameter};
use crate::rope::{Cutter, Rope, RopeReader};

/// `enclosed`, the content of `postacert.eml`, with its attachments replaced.
pub fn brief(enclosed: &Rope, blobs: &dyn BlobRead) -> Result<Rope, BlobError> {
    let scan = Scan::of_rope(enclosed, blobs)?;
    let mut edits = Vec::new();
    let mut cutter = Cutter::new(enclosed, blobs);
    for part in replaced_parts(&scan) {
        let mut body = Rope::default();
        cutter.cut_into(&mut body, part.body.start, part.body.len())?;
        replace(&scan, part, sha1_hex(&body, blobs)?, &mut edits);
    }
    if edits.is_empty() {
        return Ok(enclosed.clone());
    }
    let mut cutter = Cutter::new(enclosed, blobs);
    apply(scan.size(), edits, |rope, span| {
        cutter.cut_into(rope, span.start, span.len())
    })
}

/// The parts that give way, none inside another.
fn replaced_parts(scan: &Scan) -> Vec<&Part> {
    let root = scan.root();
    if root.media.kind == "application" && is_pkcs7_mime(&root.media.subtype) {
        return Vec::new();
    }
    let is_signed = root.media.is("multipart", "signed") && root.shape == Shape::Multipart;
    let first = is_signed.then(|| scan.children(0).next()).flatten();
    let parts = scan.parts();
    // A part is kept from replacement when one that holds it is replaced, or lies where DR-15 forbids.
    let mut closed = vec![false; parts.len()];
    let mut replaced = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let above = part.parent;
        let is_after_first = is_signed && above == Some(0) && first != Some(index);
        closed[index] = above.is_some_and(|above| closed[above]) || is_after_first;
        if !closed[index] && is_attachment(part) {
            closed[index] = true;
            replaced.push(part);
        }
    }
    replaced
}

fn is_pkcs7_mime(subtype: &str) -> bool {
    matches!(subtype, "pkcs7-mime" | "x-pkcs7-mime")
}

/// A multipart is structure, which stays (DR-17), whatever its name.
fn is_attachment(part: &Part) -> bool {
    let is_message = part.media.is("message", "rfc822");
    let is_named = part.name.is_some() && part.shape == Shape::Leaf;
    part.has_blank_line && (is_message || is_named)
}

fn replace(scan: &Scan, part: &Part, hash: String, edits: &mut Vec<Edit>) {
    let mut text = hash;
    if part.glued && part.body.end < scan.size() {
        text.push_str("\r\n");
    }
    edits.push(Edit::replace(part.body, text));

    let name = part.name.as_deref().unwrap_or("message.eml");
    let mut fields = part.content_fields.iter().map(|(_, span)| *span);
    match fields.next() {
        Some(first) => edits.push(Edit::replace(first, hash_fields(name))),
        None => edits.push(Edit::insert(part.header.start, hash_fields(name))),
    }
    edits.extend(fields.map(Edit::remove));
}

/// The fields that describe the text in place of the part.
fn hash_fields(name: &str) -> String {
    let name = format!("{name}.hash");
    let type_name = file_name_parameter("name", &name);
    let file_name = file_name_parameter("filename", &name);
    format!(
        "Content-Type: text/plain; charset=us-ascii{type_name}\r\n\
         Content-Disposition: attachment{file_name}\r\n\
         Content-Transfer-Encoding: 7bit\r\n"
    )
}

/// DR-11: 40 digits in lower case.
fn sha1_hex(body: &Rope, blobs: &dyn BlobRead) -> Result<String, BlobError> {
    let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    RopeReader::new(body, blobs).for_each_chunk(|chunk| context.update(chunk))?;
    Ok(data_encoding::HEXLOWER.encode(context.finish().as_ref()))
}

#[cfg(test)]
mod tests;
