//! A message as RETR and TOP send it (RFC 1939 §3): its octets as they are stored (DP-01), read in pieces
//! that bound the memory, a dot before each dot that begins a line, and a lone dot after the last line.
//! A line begins after any LF: a program that takes a bare one for a line's end is not misled by a dot.

use std::sync::Arc;

use ceralacca_core::limits;
use memchr::memmem;

use crate::imap::message::{Octets, ReadError};

/// A message on its way.
pub struct Sending {
    octets: Arc<dyn Octets>,
    at: u64,
    size: u64,
    top: Option<Top>,
    dots: Dots,
}

/// How far TOP goes.
struct Top {
    /// Lines of the body that are still to be sent.
    lines: u64,
    in_header: bool,
    /// Nothing but CR so far in this line.
    is_blank: bool,
}

/// Dots at line starts, wherever the pieces are cut.
struct Dots {
    at_start: bool,
    last: [u8; 2],
}

impl Sending {
    /// The whole message (RETR).
    pub fn whole(octets: Arc<dyn Octets>, size: u64) -> Self {
        Self {
            octets,
            at: 0,
            size,
            top: None,
            dots: Dots {
                at_start: true,
                last: *b"\r\n",
            },
        }
    }

    /// The header, the empty line and so many lines of the body (TOP).
    pub fn top(octets: Arc<dyn Octets>, size: u64, lines: u64) -> Self {
        let top = Top {
            lines,
            in_header: true,
            is_blank: true,
        };
        Self {
            top: Some(top),
            ..Self::whole(octets, size)
        }
    }

    /// Adds the next piece; true when the last line is out.
    pub fn piece(&mut self, out: &mut Vec<u8>) -> Result<bool, ReadError> {
        let chunk = limits::POP3_CHUNK_BYTES as u64;
        let length = usize::try_from(self.size.saturating_sub(self.at).min(chunk));
        let mut piece = vec![0; length.unwrap_or_default()];
        let mut read = 0;
        while read < piece.len() {
            let at = self.at + read as u64;
            match self.octets.read_at(at, &mut piece[read..])? {
                0 => return Err(ReadError::Short(at)),
                n => read += n,
            }
        }
        self.at += read as u64;
        let cut = self.top.as_mut().and_then(|top| top.end_in(&piece));
        let piece = piece.get(..cut.unwrap_or(read)).unwrap_or_default();
        self.dots.put(piece, out);
        let is_done = cut.is_some() || self.at >= self.size;
        if is_done {
            self.dots.end(out);
        }
        Ok(is_done)
    }
}

impl Top {
    /// Where in `piece` it ends, if it does.
    fn end_in(&mut self, piece: &[u8]) -> Option<usize> {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', piece) {
            let line = piece.get(start..end).unwrap_or_default();
            let is_blank = self.is_blank && line.iter().all(|octet| *octet == b'\r');
            start = end + 1;
            self.is_blank = true;
            match self.in_header {
                true => self.in_header = !is_blank,
                false => self.lines = self.lines.saturating_sub(1),
            }
            if !self.in_header && self.lines == 0 {
                return Some(start);
            }
        }
        let rest = piece.get(start..).unwrap_or_default();
        self.is_blank &= rest.iter().all(|octet| *octet == b'\r');
        None
    }
}

impl Dots {
    fn put(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let Some(first) = piece.first() else {
            return;
        };
        out.reserve(piece.len() + 64);
        if self.at_start && *first == b'.' {
            out.push(b'.');
        }
        let mut start = 0;
        for at in memmem::find_iter(piece, b"\n.") {
            out.extend_from_slice(piece.get(start..=at).unwrap_or_default());
            out.push(b'.');
            start = at + 1;
        }
        out.extend_from_slice(piece.get(start..).unwrap_or_default());
        for octet in piece.iter().rev().take(2).rev() {
            self.last = [self.last[1], *octet];
        }
        self.at_start = self.last[1] == b'\n';
    }

    /// A last line without its end gets one.
    fn end(&self, out: &mut Vec<u8>) {
        if self.last != *b"\r\n" {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(message: &[u8], lines: Option<u64>) -> Vec<u8> {
        let octets: Arc<dyn Octets> = Arc::new(message.to_vec());
        let size = message.len() as u64;
        let mut sending = match lines {
            Some(lines) => Sending::top(octets, size, lines),
            None => Sending::whole(octets, size),
        };
        let mut out = Vec::new();
        while !sending.piece(&mut out).expect("read") {}
        out
    }

    #[test]
    fn dots_that_begin_a_line_are_doubled_and_nothing_else_is_changed() {
        for (stored, wanted) in [
            ("", ".\r\n"),
            (".", "..\r\n.\r\n"),
            ("a\r\n.\r\nb.\r\n..c\r\n", "a\r\n..\r\nb.\r\n...c\r\n.\r\n"),
            ("a\n.b", "a\n..b\r\n.\r\n"),
            ("a\n", "a\n\r\n.\r\n"),
        ] {
            let out = sent(stored.as_bytes(), None);
            assert_eq!(String::from_utf8_lossy(&out), wanted, "{stored:?}");
        }
    }

    #[test]
    fn dots_at_the_cuts_between_pieces_are_doubled_too() {
        let size = limits::POP3_CHUNK_BYTES;
        for before in [size - 2, size - 1, size, size + 1] {
            let mut message = vec![b'x'; before];
            message.extend_from_slice(b"\r\n.\r\n.y");
            let mut wanted = vec![b'x'; before];
            wanted.extend_from_slice(b"\r\n..\r\n..y\r\n.\r\n");
            assert!(sent(&message, None) == wanted, "{before}");
        }
    }

    #[test]
    fn top_ends_after_its_lines() {
        let message = b"A: b\r\n c\r\n\r\n1\r\n.2\r\n\r\n4";
        for (lines, wanted) in [
            (0, "A: b\r\n c\r\n\r\n.\r\n"),
            (1, "A: b\r\n c\r\n\r\n1\r\n.\r\n"),
            (2, "A: b\r\n c\r\n\r\n1\r\n..2\r\n.\r\n"),
            (9, "A: b\r\n c\r\n\r\n1\r\n..2\r\n\r\n4\r\n.\r\n"),
        ] {
            let out = sent(message, Some(lines));
            assert_eq!(String::from_utf8_lossy(&out), wanted, "{lines}");
        }
        assert_eq!(sent(b"A: b\r\n", Some(0)), b"A: b\r\n.\r\n", "no body");
    }

    #[test]
    fn top_finds_its_end_across_pieces() {
        let size = limits::POP3_CHUNK_BYTES;
        for header in [size - 4, size - 3, size - 2, size - 1, size] {
            let mut message = vec![b'x'; header];
            message.extend_from_slice(b"\r\n\r\nbody\r\nmore\r\n");
            let wanted = [&message[..header + 4 + 6], b".\r\n"].concat();
            assert!(sent(&message, Some(1)) == wanted, "{header}");
        }
    }
}
