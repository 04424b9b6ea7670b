//! Cuts the stream: command lines, the dotted text of DATA, the chunks of BDAT. Only CRLF ends a line
//! and only CRLF `.` CRLF a message; bare CR, bare LF and NUL are found and told (SE-04), and the cutting
//! goes on, so that what follows is never taken for commands. However the octets are split on their way,
//! the cuts are the same.

use std::ops::Range;

use ceralacca_core::limits;
use memchr::{memchr, memchr3};

/// What stands at the start of the input of a session that waits for a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cut {
    /// No whole line yet; so many octets are done with.
    More(usize),
    /// A line, without its CRLF, and the octets that it took.
    Line(Range<usize>, usize),
    /// A line that is none, and the octets that it took.
    Bad(LineFault, usize),
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineFault {
    /// Longer than [`limits::SMTP_LINE_BYTES_MAX`].
    TooLong,
    /// It ended without CR, or holds a CR or a NUL.
    NotALine,
}

/// Cuts command lines.
#[derive(Debug, Clone, Default)]
pub struct LineCutter {
    is_skipping: bool,
}

impl LineCutter {
    /// The next cut of `input`.
    pub fn cut(&mut self, input: &[u8]) -> Cut {
        let most = limits::SMTP_LINE_BYTES_MAX;
        let end = memchr(b'\n', input).map(|at| at + 1);
        let is_too_long = self.is_skipping || end.unwrap_or(input.len()) > most;
        match end {
            Some(end) if is_too_long => {
                self.is_skipping = false;
                Cut::Bad(LineFault::TooLong, end)
            }
            Some(end) => line(input, end),
            None if is_too_long => {
                self.is_skipping = true;
                Cut::More(input.len())
            }
            None => Cut::More(0),
        }
    }
}

fn line(input: &[u8], end: usize) -> Cut {
    let text = input.get(..end.saturating_sub(2)).unwrap_or_default();
    let is_ended = input.get(..end).is_some_and(|line| line.ends_with(b"\r\n"));
    if is_ended && memchr3(b'\r', b'\n', 0, text).is_none() {
        Cut::Line(0..text.len(), end)
    } else {
        Cut::Bad(LineFault::NotALine, end)
    }
}

/// A run of a body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Run {
    /// Octets done with.
    pub taken: usize,
    /// Those of them that belong to the message.
    pub body: Range<usize>,
    /// The message ended.
    pub is_end: bool,
    /// No bare CR, bare LF or NUL in this run.
    pub is_clean: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    LineStart,
    /// After a dot at the start of a line.
    Dot,
    /// After a dot and a CR at the start of a line.
    DotCr,
    Text,
    /// After a CR in a text.
    Cr,
}

/// Reads the text of DATA: takes the doubled dots away, finds the end.
#[derive(Debug, Clone)]
pub struct DotReader {
    at: At,
}

impl Default for DotReader {
    fn default() -> Self {
        // The CRLF of the DATA command counts as the one before the text.
        Self { at: At::LineStart }
    }
}

impl DotReader {
    /// The next run of `input`; one run takes everything but where a dot is left out.
    pub fn read(&mut self, input: &[u8]) -> Run {
        let mut run = Run {
            is_clean: true,
            ..Run::default()
        };
        while let Some(&octet) = input.get(run.taken) {
            match (self.at, octet) {
                (At::LineStart, b'.') if run.taken > 0 => break,
                (At::LineStart, b'.') => return self.leave_out(At::Dot),
                (At::Dot, b'\r') => return self.leave_out(At::DotCr),
                (At::DotCr, b'\n') => {
                    run.taken += 1;
                    run.is_end = true;
                    return run;
                }
                (At::DotCr, _) | (At::Cr, _) if octet != b'\n' => {
                    run.is_clean = false;
                    self.at = At::Text;
                }
                (At::Cr, _) => {
                    self.at = At::LineStart;
                    run.taken += 1;
                }
                _ => self.text(input, &mut run),
            }
        }
        run.body = 0..run.taken;
        run
    }

    fn leave_out(&mut self, next: At) -> Run {
        self.at = next;
        Run {
            taken: 1,
            is_clean: true,
            ..Run::default()
        }
    }

    /// Goes over text up to what may end a line.
    fn text(&mut self, input: &[u8], run: &mut Run) {
        let rest = input.get(run.taken..).unwrap_or_default();
        self.at = At::Text;
        let Some(found) = memchr3(b'\r', b'\n', 0, rest) else {
            run.taken = input.len();
            return;
        };
        if rest.get(found) == Some(&b'\r') {
            self.at = At::Cr;
        } else {
            run.is_clean = false;
        }
        run.taken += found + 1;
    }
}

/// Looks at the octets of BDAT chunks, which are taken as they are.
#[derive(Debug, Clone, Default)]
pub struct ChunkCheck {
    after_cr: bool,
}

impl ChunkCheck {
    /// No bare CR, bare LF or NUL so far.
    pub fn is_clean(&mut self, octets: &[u8]) -> bool {
        let mut rest = octets;
        while !rest.is_empty() {
            if self.after_cr {
                let Some(after) = rest.strip_prefix(b"\n") else {
                    return false;
                };
                self.after_cr = false;
                rest = after;
                continue;
            }
            let Some(found) = memchr3(b'\r', b'\n', 0, rest) else {
                return true;
            };
            if rest.get(found) != Some(&b'\r') {
                return false;
            }
            self.after_cr = true;
            rest = rest.get(found + 1..).unwrap_or_default();
        }
        true
    }

    /// The message ended here: no CR is left alone.
    pub fn is_whole(&self) -> bool {
        !self.after_cr
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a reader makes of `pieces`: the message, whether it ended and was clean, octets left over.
    fn read_dotted(pieces: &[&[u8]]) -> (Vec<u8>, bool, bool, usize) {
        let mut reader = DotReader::default();
        let (mut text, mut is_end, mut is_clean, mut left) = (Vec::new(), false, true, 0);
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() && !is_end {
                let run = reader.read(rest);
                assert!(run.taken > 0, "no progress in {rest:?}");
                text.extend_from_slice(&rest[run.body]);
                is_end = run.is_end;
                is_clean &= run.is_clean;
                rest = &rest[run.taken..];
            }
            left += rest.len();
        }
        (text, is_end, is_clean, left)
    }

    #[test]
    fn se_04_only_crlf_dot_crlf_ends_a_message() {
        let cases: [(&[u8], &[u8], bool, bool); 10] = [
            (b"a\r\n.\r\n", b"a\r\n", true, true),
            (b".\r\n", b"", true, true),
            (b"..a\r\n.\r\n", b".a\r\n", true, true),
            (b"a\r\n.b\r\n.\r\n", b"a\r\nb\r\n", true, true),
            (b"a\n.\n", b"a\n.\n", false, false),
            (b"a\n.\r\n", b"a\n.\r\n", false, false),
            (b"a\r.\r\n", b"a\r.\r\n", false, false),
            (b"a\r\n.\n", b"a\r\n\n", false, false),
            (b"a\0b\r\n.\r\n", b"a\0b\r\n", true, false),
            (b"a\rb\r\n.\r\n", b"a\rb\r\n", true, false),
        ];
        for (wire, text, is_end, is_clean) in cases {
            let read = read_dotted(&[wire]);
            let shown = String::from_utf8_lossy(wire).into_owned();
            assert_eq!(read, (text.to_vec(), is_end, is_clean, 0), "{shown:?}");
        }
        assert_eq!(
            read_dotted(&[b"a\r\n.\r\nQUIT\r\n"]).3,
            6,
            "the rest is left"
        );
    }

    #[test]
    fn se_04_chunks_are_looked_at_across_their_borders() {
        let is_clean = |pieces: &[&[u8]]| {
            let mut check = ChunkCheck::default();
            pieces.iter().all(|p| check.is_clean(p)) && check.is_whole()
        };
        assert!(is_clean(&[b"a\r", b"\nb\r\n"]));
        assert!(!is_clean(&[b"a\r", b"b"]));
        assert!(!is_clean(&[b"a\r\n", b"\nb"]));
        assert!(!is_clean(&[b"a\r"]));
        assert!(!is_clean(&[b"a\0"]));
    }

    #[test]
    fn lines_that_are_none_are_told_and_passed() {
        let mut cutter = LineCutter::default();
        assert_eq!(cutter.cut(b"NOOP\r\nX"), Cut::Line(0..4, 6));
        assert_eq!(cutter.cut(b"NOOP\nX"), Cut::Bad(LineFault::NotALine, 5));
        assert_eq!(cutter.cut(b"\n"), Cut::Bad(LineFault::NotALine, 1));
        assert_eq!(cutter.cut(b"A\rB\r\n"), Cut::Bad(LineFault::NotALine, 5));
        assert_eq!(cutter.cut(b"NOO"), Cut::More(0));
        let long = vec![b'x'; limits::SMTP_LINE_BYTES_MAX + 1];
        assert_eq!(cutter.cut(&long), Cut::More(long.len()));
        assert_eq!(
            cutter.cut(b"y\r\nNOOP\r\n"),
            Cut::Bad(LineFault::TooLong, 3)
        );
        assert_eq!(cutter.cut(b"NOOP\r\n"), Cut::Line(0..4, 6));
    }

    proptest! {
        #[test]
        fn any_splitting_reads_the_same(
            wire in proptest::collection::vec(
                prop_oneof![Just(b'.'), Just(b'\r'), Just(b'\n'), Just(b'a'), Just(0)], 0..60),
            at in 0usize..60,
        ) {
            let at = at.min(wire.len());
            let single: Vec<&[u8]> = wire.chunks(1).collect();
            let whole = read_dotted(&[&wire]);
            let same = |read: &(Vec<u8>, bool, bool, usize)| {
                // A message that is not clean is refused: its text does not matter.
                read.1 == whole.1 && read.2 == whole.2 && read.3 == whole.3
                    && (!whole.2 || read.0 == whole.0)
            };
            prop_assert!(same(&read_dotted(&[&wire[..at], &wire[at..]])));
            prop_assert!(same(&read_dotted(&single)));
        }
    }
}
