//! Lines out of a stream, under a byte limit: a longer one is thrown away and told once, wherever the
//! reads cut it.

use ceralacca_core::limits;

/// What the input begins with.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A line without its end.
    Whole(&'a [u8]),
    /// The end of a line that was longer than [`limits::POP3_LINE_BYTES_MAX`].
    TooLong,
    /// More must come.
    Unfinished,
}

/// Where in the stream we are.
#[derive(Debug, Default)]
pub struct Lines {
    skips: bool,
}

impl Lines {
    /// The first line of `input`, and how many octets to consume.
    pub fn next<'a>(&mut self, input: &'a [u8]) -> (usize, Line<'a>) {
        let Some(end) = memchr::memchr(b'\n', input) else {
            self.skips |= input.len() >= limits::POP3_LINE_BYTES_MAX;
            let used = if self.skips { input.len() } else { 0 };
            return (used, Line::Unfinished);
        };
        let too_long = std::mem::take(&mut self.skips) || end >= limits::POP3_LINE_BYTES_MAX;
        let line = input.get(..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match too_long {
            true => (end + 1, Line::TooLong),
            false => (end + 1, Line::Whole(line)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_lf_and_lose_their_cr() {
        let mut lines = Lines::default();
        assert_eq!(lines.next(b"NOOP\r\nSTAT"), (6, Line::Whole(b"NOOP")));
        assert_eq!(lines.next(b"STAT"), (0, Line::Unfinished));
        assert_eq!(lines.next(b"STAT\n"), (5, Line::Whole(b"STAT")));
        assert_eq!(lines.next(b"\r\n"), (2, Line::Whole(b"")));
    }

    #[test]
    fn a_line_that_is_too_long_is_told_once() {
        let long = vec![b'x'; 3 * limits::POP3_LINE_BYTES_MAX];
        let mut lines = Lines::default();
        assert_eq!(lines.next(&long), (long.len(), Line::Unfinished));
        assert_eq!(lines.next(b"xx"), (2, Line::Unfinished));
        assert_eq!(lines.next(b"x\r\nNOOP\r\n"), (3, Line::TooLong));
        assert_eq!(lines.next(b"NOOP\r\n"), (6, Line::Whole(b"NOOP")));
        let at_once = [long.as_slice(), b"\r\n"].concat();
        assert_eq!(lines.next(&at_once), (at_once.len(), Line::TooLong));
    }
}
