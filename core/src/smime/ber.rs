//! The deliberate way in for BER (X.690): indefinite lengths and octet strings in pieces, as streaming
//! signers write them, become definite. Elements keep their order and their octets otherwise, so
//! attributes that were DER already stay exactly those that were signed.

use std::borrow::Cow;

use super::der::{DerError, header, push_header, tag};
use crate::limits::ASN1_DEPTH_MAX;

const OCTET_STRING_IN_PIECES: u8 = tag::OCTET_STRING | CONSTRUCTED;
const CONSTRUCTED: u8 = 0x20;
const END_OF_CONTENTS: [u8; 2] = [0, 0];

/// `octets` with definite lengths only; borrowed when they were so already.
pub fn definite(octets: &[u8]) -> Result<Cow<'_, [u8]>, DerError> {
    if is_definite(octets, 0)? {
        return Ok(Cow::Borrowed(octets));
    }
    let mut out = Vec::with_capacity(octets.len());
    let used = convert(octets, 0, &mut out)?;
    if used == octets.len() {
        Ok(Cow::Owned(out))
    } else {
        Err(DerError("octets follow where nothing should"))
    }
}

fn check_depth(depth: usize) -> Result<(), DerError> {
    if depth > ASN1_DEPTH_MAX {
        return Err(DerError("elements are nested too deeply"));
    }
    Ok(())
}

fn is_definite(mut octets: &[u8], depth: usize) -> Result<bool, DerError> {
    check_depth(depth)?;
    while !octets.is_empty() {
        let (tag, start, length) = header(octets)?;
        let Some(length) = length else {
            return Ok(false);
        };
        if tag == OCTET_STRING_IN_PIECES {
            return Ok(false);
        }
        let (content, rest) = split(octets, start, length)?;
        if tag & CONSTRUCTED != 0 && !is_definite(content, depth + 1)? {
            return Ok(false);
        }
        octets = rest;
    }
    Ok(true)
}

fn split(octets: &[u8], start: usize, length: usize) -> Result<(&[u8], &[u8]), DerError> {
    octets
        .get(start..)
        .and_then(|content| content.split_at_checked(length))
        .ok_or(DerError("an element is cut short"))
}

/// Writes the first element of `octets` to `out`; answers how many octets it took.
fn convert(octets: &[u8], depth: usize, out: &mut Vec<u8>) -> Result<usize, DerError> {
    check_depth(depth)?;
    let (tag, start, length) = header(octets)?;
    if tag & CONSTRUCTED == 0 {
        let length = length.ok_or(DerError("a primitive of indefinite length"))?;
        let (content, _) = split(octets, start, length)?;
        push_header(out, tag, length);
        out.extend_from_slice(content);
        return Ok(start + length);
    }
    let in_pieces = tag == OCTET_STRING_IN_PIECES;
    let mut inner = Vec::new();
    let mut at = start;
    loop {
        let rest = octets.get(at..).unwrap_or_default();
        match length {
            Some(length) if at == start + length => break,
            Some(length) if at > start + length => {
                return Err(DerError("an element is longer than its parent"));
            }
            None if rest.starts_with(&END_OF_CONTENTS) => {
                at += END_OF_CONTENTS.len();
                break;
            }
            _ => at += convert_child(rest, depth + 1, in_pieces, &mut inner)?,
        }
    }
    push_header(
        out,
        if in_pieces { tag::OCTET_STRING } else { tag },
        inner.len(),
    );
    out.extend_from_slice(&inner);
    Ok(at)
}

fn convert_child(
    octets: &[u8],
    depth: usize,
    in_pieces: bool,
    out: &mut Vec<u8>,
) -> Result<usize, DerError> {
    if !in_pieces {
        return convert(octets, depth, out);
    }
    let mut piece = Vec::new();
    let used = convert(octets, depth, &mut piece)?;
    let (tag, start, _) = header(&piece)?;
    if tag != tag::OCTET_STRING {
        return Err(DerError("a piece of an octet string is something else"));
    }
    out.extend_from_slice(piece.get(start..).unwrap_or_default());
    Ok(used)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn definite_octets_are_left_alone() {
        let octets = [0x30, 3, 2, 1, 5];
        assert!(matches!(definite(&octets), Ok(Cow::Borrowed(same)) if same == octets));
    }

    #[test]
    fn indefinite_lengths_and_pieces_become_definite() {
        // SEQUENCE(indefinite) { OCTET STRING(pieces, indefinite) { 'ab', 'c' }, INTEGER 5 }
        let octets = [
            0x30, 0x80, 0x24, 0x80, 4, 2, b'a', b'b', 4, 1, b'c', 0, 0, 2, 1, 5, 0, 0,
        ];
        let expected = [0x30, 8, 4, 3, b'a', b'b', b'c', 2, 1, 5];
        assert_eq!(definite(&octets).unwrap().as_ref(), expected);
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let octets = [0x30, 0x80].repeat(10_000);
        assert!(definite(&octets).is_err());
    }

    proptest! {
        #[test]
        fn any_octets_end_without_panic(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = definite(&octets);
        }
    }
}
