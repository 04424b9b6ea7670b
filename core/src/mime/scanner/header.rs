//! One header, once it is complete: its fields, and what they say of the part (RFC 5322 §2.2, RFC 2045).

use crate::limits;
use crate::mime::content::{self, MediaType, TransferEncoding};
use crate::mime::scan::{ContentField, FieldPlace, Part, Shape, Span, without_line_end};

/// The fields of a header, and whether each of its lines belongs to one.
pub(super) fn fields_of(header: &[u8]) -> (Vec<FieldPlace>, bool) {
    let mut fields: Vec<FieldPlace> = Vec::new();
    let mut is_clean = true;
    let mut continues = false;
    let mut start = 0;
    while start < header.len() {
        let end = memchr::memchr(b'\n', &header[start..]).map_or(header.len(), |at| start + at + 1);
        let line = &header[start..end];
        if without_line_end(line).is_empty() {
            // The blank line that ends the header.
        } else if matches!(line[0], b' ' | b'\t') {
            is_clean &= continues || !fields.is_empty();
            if let Some(last) = fields.last_mut().filter(|_| continues) {
                last.end = end;
            }
        } else if let Some((name, value)) = name_of(line) {
            continues = true;
            fields.push(FieldPlace {
                start,
                name_end: start + name,
                value: start + value,
                end,
            });
        } else {
            continues = false;
            is_clean = false;
        }
        start = end;
    }
    (fields, is_clean)
}

/// Where the name of a field ends and where its value starts (RFC 5322 §2.2; obsolete syntax: blanks
/// before the colon).
fn name_of(line: &[u8]) -> Option<(usize, usize)> {
    let colon = memchr::memchr(b':', line)?;
    let name = line[..colon].trim_ascii_end();
    let is_name = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    is_name.then_some((name.len(), colon + 1))
}

/// Reads the content fields of a part; the first of a kind counts.
pub(super) fn describe(part: &mut Part, header: &[u8], fields: &[FieldPlace]) {
    let mut file_name = None;
    let mut type_name = None;
    let mut seen = Vec::with_capacity(4);
    for place in fields {
        let Some(kind) = content_field(&header[place.start..place.name_end]) else {
            continue;
        };
        let start = part.header.start + place.start as u64;
        let end = part.header.start + place.end as u64;
        part.content_fields.push((kind, Span { start, end }));
        if seen.contains(&kind) {
            continue;
        }
        seen.push(kind);
        let value = without_line_end(&header[place.value..place.end]);
        match kind {
            ContentField::Type => {
                type_name = content::parse_parameters(value).text("name");
                if let Some((media, parameters)) = content::parse_type(value) {
                    part.boundary = boundary_of(&media, &parameters);
                    part.media = media;
                }
            }
            ContentField::Disposition => {
                file_name = content::parse_parameters(value).text("filename");
            }
            ContentField::TransferEncoding => part.encoding = TransferEncoding::parse(value),
            ContentField::Md5 => {}
        }
    }
    let name = file_name.or(type_name);
    part.name = name.map(|name| {
        name.chars()
            .take(limits::ATTACHMENT_NAME_CHARS_MAX)
            .collect()
    });
    part.shape = if part.boundary.is_some() {
        Shape::Multipart
    } else if part.media.is("message", "rfc822") && part.encoding.is_identity() {
        Shape::Message
    } else {
        Shape::Leaf
    };
}

fn content_field(name: &[u8]) -> Option<ContentField> {
    const NAMES: [(&[u8], ContentField); 4] = [
        (b"content-type", ContentField::Type),
        (b"content-disposition", ContentField::Disposition),
        (b"content-transfer-encoding", ContentField::TransferEncoding),
        (b"content-md5", ContentField::Md5),
    ];
    let found = NAMES
        .iter()
        .find(|(known, _)| name.eq_ignore_ascii_case(known));
    found.map(|(_, kind)| *kind)
}

fn boundary_of(media: &MediaType, parameters: &content::Parameters) -> Option<Vec<u8>> {
    if media.kind != "multipart" {
        return None;
    }
    // A boundary cannot end in a blank (RFC 2046 §5.1.1): one that does is written without it.
    let boundary = parameters.octets("boundary")?;
    let boundary = boundary.trim_ascii_end();
    let fits = !boundary.is_empty() && boundary.len() <= limits::BOUNDARY_BYTES_MAX;
    fits.then(|| boundary.to_vec())
}
