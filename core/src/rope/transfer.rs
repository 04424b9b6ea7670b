//! The two encoders of AP-25, as streams: the same octets give the same text whatever the chunks, so a
//! length counted once holds for every reading. Output lines end in CRLF and keep to 76 characters
//! (RFC 2045 §6.7, §6.8).

use super::Transfer;
use crate::blob::{BlobError, BlobRead, BlobRef};
use crate::rope::reader::read_exactly;

/// Octets that `length` octets of `blob` from `start` have when written through `transfer`.
pub fn encoded_length(
    blobs: &dyn BlobRead,
    blob: BlobRef,
    start: u64,
    length: u64,
    transfer: Transfer,
) -> Result<u64, BlobError> {
    match transfer {
        Transfer::Identity => Ok(length),
        Transfer::Base64 => Ok(base64_length(length)),
        Transfer::QuotedPrintable => {
            let mut encoder = Encoder::new(transfer);
            let mut chunk = vec![0; CHUNK_BYTES];
            let mut text = Vec::new();
            let (mut at, mut written) = (0, 0);
            while at < length {
                let take = usize::try_from(length - at).map_or(CHUNK_BYTES, |n| n.min(CHUNK_BYTES));
                read_exactly(blobs, blob, start + at, &mut chunk[..take])?;
                at += take as u64;
                text.clear();
                encoder.push(&chunk[..take], &mut text);
                written += text.len() as u64;
            }
            text.clear();
            encoder.finish(&mut text);
            Ok(written + text.len() as u64)
        }
    }
}

/// Octets read at a time.
pub(super) const CHUNK_BYTES: usize = 64 * 1024;

/// One slice on its way through its encoder.
#[derive(Debug)]
pub(super) enum Encoder {
    Identity,
    QuotedPrintable(QuotedPrintable),
    Base64(Base64),
}

impl Encoder {
    pub(super) fn new(transfer: Transfer) -> Self {
        match transfer {
            Transfer::Identity => Self::Identity,
            Transfer::QuotedPrintable => Self::QuotedPrintable(QuotedPrintable::default()),
            Transfer::Base64 => Self::Base64(Base64::default()),
        }
    }

    pub(super) fn push(&mut self, octets: &[u8], text: &mut Vec<u8>) {
        match self {
            Self::Identity => text.extend_from_slice(octets),
            Self::QuotedPrintable(encoder) => encoder.push(octets, text),
            Self::Base64(encoder) => encoder.push(octets, text),
        }
    }

    /// Passes over as much of the first `text` octets of output as needs no input: how many octets of
    /// input and of output that are. Only for an encoder that has taken nothing yet.
    pub(super) fn pass_over(&mut self, text: u64) -> (u64, u64) {
        match self {
            Self::Identity => (text, text),
            Self::QuotedPrintable(_) => (0, 0),
            Self::Base64(encoder) => encoder.pass_over(text),
        }
    }

    pub(super) fn finish(&mut self, text: &mut Vec<u8>) {
        match self {
            Self::Identity => {}
            Self::QuotedPrintable(encoder) => encoder.finish(text),
            Self::Base64(encoder) => encoder.finish(text),
        }
    }
}

/// Line ends stay line ends; a blank before one, a lone CR or LF, `=` and all that is not printable
/// ASCII become `=XX`. So does a `-` that opens a line after a soft break, or text could turn into a
/// boundary.
#[derive(Debug, Default)]
pub(super) struct QuotedPrintable {
    column: usize,
    blank: Option<u8>,
    carriage_return: bool,
}

impl QuotedPrintable {
    const LINE_CHARS_MAX: usize = 76;

    fn push(&mut self, octets: &[u8], text: &mut Vec<u8>) {
        for &octet in octets {
            self.step(octet, text);
        }
    }

    fn step(&mut self, octet: u8, text: &mut Vec<u8>) {
        if self.carriage_return {
            self.carriage_return = false;
            if octet == b'\n' {
                return self.end_line(text);
            }
            self.flush_blank(text);
            self.write_escaped(b'\r', text);
        }
        match octet {
            b'\r' => self.carriage_return = true,
            b' ' | b'\t' => {
                self.flush_blank(text);
                self.blank = Some(octet);
            }
            b'=' | ..b'!' | 0x7f.. => {
                self.flush_blank(text);
                self.write_escaped(octet, text);
            }
            _ => {
                self.flush_blank(text);
                self.write(&[octet], text);
            }
        }
    }

    fn finish(&mut self, text: &mut Vec<u8>) {
        if let Some(blank) = self.blank.take() {
            self.write_escaped(blank, text);
        }
        if std::mem::take(&mut self.carriage_return) {
            self.write_escaped(b'\r', text);
        }
    }

    fn end_line(&mut self, text: &mut Vec<u8>) {
        if let Some(blank) = self.blank.take() {
            self.write_escaped(blank, text);
        }
        text.extend_from_slice(b"\r\n");
        self.column = 0;
    }

    fn flush_blank(&mut self, text: &mut Vec<u8>) {
        if let Some(blank) = self.blank.take() {
            self.write(&[blank], text);
        }
    }

    fn write_escaped(&mut self, octet: u8, text: &mut Vec<u8>) {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        let (high, low) = (usize::from(octet >> 4), usize::from(octet & 15));
        self.write(&[b'=', HEX[high], HEX[low]], text);
    }

    fn write(&mut self, token: &[u8], text: &mut Vec<u8>) {
        // One place is left for the `=` of a soft break.
        if self.column + token.len() >= Self::LINE_CHARS_MAX {
            text.extend_from_slice(b"=\r\n");
            self.column = 0;
            if token == b"-" {
                return self.write_escaped(b'-', text);
            }
        }
        self.column += token.len();
        text.extend_from_slice(token);
    }
}

/// Octets that fill a line of 76 characters of base64.
pub const BASE64_LINE_OCTETS: usize = 57;

/// Adds `octets` in base64, in lines of 76 characters with CRLF between them and none after the last
/// (RFC 2045 §6.8).
pub fn push_base64(octets: &[u8], text: &mut Vec<u8>) {
    text.reserve(usize::try_from(base64_length(octets.len() as u64)).unwrap_or(0));
    let mut encoder = Base64::default();
    encoder.push(octets, text);
    encoder.finish(text);
}

/// Lines of 76 characters with CRLF between them, none after the last.
#[derive(Debug, Default)]
pub(super) struct Base64 {
    held: Vec<u8>,
    started: bool,
}

impl Base64 {
    /// A line and the CRLF before it.
    const LINE_TEXT: u64 = 78;

    fn pass_over(&mut self, text: u64) -> (u64, u64) {
        let lines = (text + 2) / Self::LINE_TEXT;
        self.started = lines > 0;
        let written = (lines * Self::LINE_TEXT).saturating_sub(2);
        (lines * BASE64_LINE_OCTETS as u64, written)
    }

    fn push(&mut self, octets: &[u8], text: &mut Vec<u8>) {
        let mut rest = octets;
        if !self.held.is_empty() {
            let missing = (BASE64_LINE_OCTETS - self.held.len()).min(rest.len());
            self.held.extend_from_slice(&rest[..missing]);
            rest = &rest[missing..];
            if self.held.len() < BASE64_LINE_OCTETS {
                return;
            }
            let line = std::mem::take(&mut self.held);
            self.write_line(&line, text);
        }
        let mut lines = rest.chunks_exact(BASE64_LINE_OCTETS);
        for line in &mut lines {
            self.write_line(line, text);
        }
        self.held.extend_from_slice(lines.remainder());
    }

    fn finish(&mut self, text: &mut Vec<u8>) {
        let line = std::mem::take(&mut self.held);
        if !line.is_empty() {
            self.write_line(&line, text);
        }
    }

    fn write_line(&mut self, line: &[u8], text: &mut Vec<u8>) {
        if self.started {
            text.extend_from_slice(b"\r\n");
        }
        self.started = true;
        base64_simd::STANDARD.encode_append(line, text);
    }
}

fn base64_length(octets: u64) -> u64 {
    let lines = octets.div_ceil(BASE64_LINE_OCTETS as u64);
    octets.div_ceil(3) * 4 + lines.saturating_sub(1) * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(transfer: Transfer, octets: &[u8], chunk: usize) -> String {
        let mut encoder = Encoder::new(transfer);
        let mut text = Vec::new();
        octets
            .chunks(chunk.max(1))
            .for_each(|part| encoder.push(part, &mut text));
        encoder.finish(&mut text);
        String::from_utf8(text).expect("encoders write ASCII")
    }

    #[test]
    fn ap_25_quoted_printable_keeps_line_ends_and_escapes_the_rest() {
        let cases: [(&[u8], &str); 9] = [
            (b"", ""),
            (b"plain\r\n", "plain\r\n"),
            ("perch\u{e9}\r\n".as_bytes(), "perch=C3=A9\r\n"),
            (b"a=b", "a=3Db"),
            (b"end \r\nend\t\r\n", "end=20\r\nend=09\r\n"),
            (b"last ", "last=20"),
            (b"a  \r\n", "a =20\r\n"),
            (b"lone\rcr\nlf\r", "lone=0Dcr=0Alf=0D"),
            (b"blank \rcr", "blank =0Dcr"),
        ];
        for (octets, expected) in cases {
            for chunk in [1, 2, 3, 100] {
                let text = written(Transfer::QuotedPrintable, octets, chunk);
                assert_eq!(text, expected, "chunks of {chunk}");
            }
        }
    }

    #[test]
    fn ap_25_a_soft_break_never_makes_a_boundary() {
        for before in 60..90 {
            let line = format!("{}--b", "x".repeat(before));
            let text = written(Transfer::QuotedPrintable, line.as_bytes(), 7);
            assert!(!text.contains("\r\n-"), "{text}");
            assert!(text.split("\r\n").all(|line| line.len() <= 76), "{text}");
        }
    }

    #[test]
    fn ap_25_base64_fills_lines_of_76_and_its_length_is_known() {
        for length in [0usize, 1, 2, 3, 56, 57, 58, 113, 114, 115, 1000] {
            let octets = vec![0xe9; length];
            let text = written(Transfer::Base64, &octets, 10);
            assert_eq!(text.len() as u64, base64_length(length as u64), "{length}");
            assert!(text.split("\r\n").all(|line| line.len() <= 76));
            assert_eq!(text, written(Transfer::Base64, &octets, 64));
            let joined = text.replace("\r\n", "");
            let back = data_encoding::BASE64.decode(joined.as_bytes());
            assert_eq!(back.expect("base64"), octets);
        }
    }
}
