//! The content of a part without its transfer encoding (RFC 3516), in pieces: a first pass counts what a
//! second one writes, and no part is in memory whole. Lenient: what is no base64 or quoted-printable is
//! passed over or left as it stands, the same in both passes.

use std::num::NonZeroU32;
use std::ops::Range;

use ceralacca_core::limits;
use ceralacca_core::mime::content::TransferEncoding;

use super::section;
use super::store::{Octets, ReadError, read_range};
use super::structure::{Kind, Structure};

/// A part that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// There is no such part.
    Nothing,
    /// It stands in the message as it is.
    Plain(Range<u64>),
    /// It has to be decoded.
    Coded(Range<u64>, Coding),
    /// Nobody knows how it is encoded.
    Unknown,
}

/// A transfer encoding that changes octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// `base64`
    Base64,
    /// `quoted-printable`
    QuotedPrintable,
}

/// Finds a part in a message of `size` octets; no number means the whole of it.
pub fn find(numbers: &[NonZeroU32], structure: &Structure, size: u64) -> Content {
    if numbers.is_empty() {
        return Content::Plain(0..size);
    }
    let index = section::numbered(structure, numbers);
    let Some(part) = index.and_then(|index| structure.parts.get(index)) else {
        return Content::Nothing;
    };
    let range = part.body.clone();
    match (&part.kind, part.encoding) {
        (Kind::Multipart(_) | Kind::Message(_), _) => Content::Plain(range),
        (Kind::Leaf, TransferEncoding::Base64) => Content::Coded(range, Coding::Base64),
        (Kind::Leaf, TransferEncoding::QuotedPrintable) => {
            Content::Coded(range, Coding::QuotedPrintable)
        }
        (Kind::Leaf, TransferEncoding::Unknown) => Content::Unknown,
        (Kind::Leaf, _) => Content::Plain(range),
    }
}

/// How long a decoded part is, and whether it holds a NUL.
pub fn measure(
    octets: &dyn Octets,
    range: Range<u64>,
    coding: Coding,
) -> Result<(u64, bool), ReadError> {
    let mut decoder = Decoder::new(coding);
    let (mut length, mut has_nul, mut start) = (0, false, range.start);
    let mut piece = Vec::new();
    while start < range.end {
        let end = range.end.min(start + limits::IMAP_CHUNK_BYTES as u64);
        decoder.push(&read_range(octets, start..end)?, &mut piece);
        start = end;
        if start == range.end {
            decoder.finish(&mut piece);
        }
        length += piece.len() as u64;
        has_nul |= memchr::memchr(0, &piece).is_some();
        piece.clear();
    }
    Ok((length, has_nul))
}

/// Decodes octets as they come.
#[derive(Debug)]
pub struct Decoder {
    coding: Coding,
    /// Base64: sextets of the group so far. Quoted-printable: `=` and what follows it, or blanks that count
    /// only when the line does not end after them.
    held: Vec<u8>,
}

/// Blanks held at most; more are no line that anybody folds.
const HELD_BYTES_MAX: usize = 1000;

impl Decoder {
    /// At the start of a part.
    pub fn new(coding: Coding) -> Self {
        Self {
            coding,
            held: Vec::new(),
        }
    }

    /// Decodes what came; adds it to `out`.
    pub fn push(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        for b in octets {
            match self.coding {
                Coding::Base64 => self.base64(*b, out),
                Coding::QuotedPrintable => self.quoted(*b, out),
            }
        }
    }

    /// The part ends.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        match self.coding {
            Coding::Base64 => self.group(out),
            Coding::QuotedPrintable => {
                // A soft line break at the very end stands for nothing.
                let is_break = self.held.first() == Some(&b'=') && self.held.len() == 1;
                if !is_break {
                    out.append(&mut self.held);
                }
                self.held.clear();
            }
        }
    }

    fn base64(&mut self, b: u8, out: &mut Vec<u8>) {
        let sextet = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => return self.group(out),
            _ => return,
        };
        self.held.push(sextet);
        if self.held.len() == 4 {
            self.group(out);
        }
    }

    /// Ends a group of up to four sextets.
    fn group(&mut self, out: &mut Vec<u8>) {
        let sextet = |at: usize| u32::from(self.held.get(at).copied().unwrap_or(0));
        let bits = sextet(0) << 26 | sextet(1) << 20 | sextet(2) << 14 | sextet(3) << 8;
        let octets = self.held.len().saturating_sub(1).min(3);
        out.extend_from_slice(&bits.to_be_bytes()[..octets]);
        self.held.clear();
    }

    fn quoted(&mut self, b: u8, out: &mut Vec<u8>) {
        if self.held.first() == Some(&b'=') {
            return self.escaped(b, out);
        }
        match b {
            b'\n' => {
                // Blanks at the end of a line were put there on the way (RFC 2045 §6.7).
                let is_crlf = self.held.last() == Some(&b'\r');
                self.held.clear();
                out.extend_from_slice(if is_crlf { b"\r\n" } else { b"\n" });
            }
            b' ' | b'\t' | b'\r' if self.held.len() < HELD_BYTES_MAX => self.held.push(b),
            b'=' => {
                out.append(&mut self.held);
                self.held.push(b);
            }
            _ => {
                out.append(&mut self.held);
                out.push(b);
            }
        }
    }

    /// After `=`: two digits, or the end of the line.
    fn escaped(&mut self, b: u8, out: &mut Vec<u8>) {
        let digit = |b: u8| {
            char::from(b)
                .to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
        };
        match (self.held.as_slice(), digit(b)) {
            ([_], Some(_)) => self.held.push(b),
            ([_, first], Some(low)) if digit(*first).is_some() => {
                out.push(digit(*first).unwrap_or(0) << 4 | low);
                self.held.clear();
            }
            ([.., last], _) if digit(*last).is_none() && b" \t\r\n".contains(&b) => match b {
                b'\n' => self.held.clear(),
                _ if self.held.len() < HELD_BYTES_MAX => self.held.push(b),
                _ => out.append(&mut self.held),
            },
            _ => {
                out.append(&mut self.held);
                self.quoted(b, out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoded(coding: Coding, text: &[u8], piece: usize) -> Vec<u8> {
        let mut decoder = Decoder::new(coding);
        let mut out = Vec::new();
        text.chunks(piece)
            .for_each(|part| decoder.push(part, &mut out));
        decoder.finish(&mut out);
        out
    }

    #[test]
    fn both_encodings_are_decoded_however_they_are_cut() {
        for piece in 1..9 {
            let base64 = |text: &[u8]| decoded(Coding::Base64, text, piece);
            assert_eq!(base64(b"AAEC\r\nAwQ=\r\n"), [0, 1, 2, 3, 4]);
            assert_eq!(base64(b"Y2lh bw=="), b"ciao");
            assert_eq!(base64(b"Y2lhbw"), b"ciao");
            assert_eq!(base64(b""), b"");
            let quoted = |text: &str| {
                String::from_utf8(decoded(Coding::QuotedPrintable, text.as_bytes(), piece))
            };
            for (text, plain) in [
                ("perch=C3=A9 no  \r\ndue\r\n", "perché no\r\ndue\r\n"),
                ("una riga =\r\nsola=  \r\n!", "una riga sola!"),
                ("a=3Db = c =zz=4", "a=b = c =zz=4"),
                ("fine=", "fine"),
                ("a \tb\rc", "a \tb\rc"),
            ] {
                assert_eq!(quoted(text).as_deref(), Ok(plain));
            }
        }
    }

    proptest! {
        #[test]
        fn what_was_encoded_comes_back(octets in proptest::collection::vec(any::<u8>(), 0..200), piece in 1usize..50) {
            let text = data_encoding::BASE64_MIME.encode(&octets);
            prop_assert_eq!(decoded(Coding::Base64, text.as_bytes(), piece), octets);
        }

        #[test]
        fn both_passes_agree(octets in proptest::collection::vec(prop_oneof![
            Just(b'='), Just(b' '), Just(b'\r'), Just(b'\n'), Just(b'A'), Just(b'4'), any::<u8>(),
        ], 0..200), piece in 1usize..50) {
            for coding in [Coding::Base64, Coding::QuotedPrintable] {
                let (length, has_nul) = measure(&octets, 0..octets.len() as u64, coding).expect("readable");
                let out = decoded(coding, &octets, piece);
                prop_assert_eq!(out.len() as u64, length);
                prop_assert_eq!(out.contains(&0), has_nul);
            }
        }
    }
}
