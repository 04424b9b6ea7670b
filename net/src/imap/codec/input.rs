//! Cuts a client's octets into commands before anything is parsed. A line and its literals are
//! gathered up to a limit; the literal of APPEND passes through without being gathered; what is too
//! long is thrown away as it comes and reported once (RFC 3501 §4.3, RFC 7888).

use ceralacca_core::limits;
use zeroize::Zeroizing;

/// What was found in the octets that were consumed.
#[derive(Debug, PartialEq, Eq)]
pub enum Input {
    /// Nothing whole yet: more octets are needed.
    More,
    /// The client waits for `+`, then sends a literal that will be gathered.
    Continue,
    /// A command with its literals, up to its last CRLF. It may hold a password.
    Command(Zeroizing<Vec<u8>>),
    /// An APPEND up to its message. Say [`Reader::accept`] or [`Reader::refuse`] before more octets.
    Append {
        /// The command without the literal's announcement.
        head: Zeroizing<Vec<u8>>,
        /// Octets of the message.
        size: u64,
        /// The client waits for `+`.
        waits: bool,
    },
    /// All octets consumed are of the message of an accepted APPEND.
    Body(usize),
    /// The line after the message ended.
    BodyEnd {
        /// It was as it must be: empty, or `)` where `UTF8 (` stood before the message.
        clean: bool,
    },
    /// A command was longer than allowed; it has been thrown away.
    TooLong {
        /// Its tag, when it had one.
        tag: Option<String>,
    },
    /// The client sends more than will be read: end the connection.
    Hopeless,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Line,
    Literal(u64),
    /// An APPEND waits for a decision.
    Announced {
        size: u64,
        waits: bool,
    },
    Body(u64),
    BodyLine,
    SkipOctets(u64),
    SkipLine,
}

/// Cuts input. Holds at most one command.
#[derive(Debug)]
pub struct Reader {
    command: Zeroizing<Vec<u8>>,
    /// Where in `command` the line that is being gathered starts.
    line: usize,
    state: State,
    bytes_max: usize,
    plain: bool,
    /// What is thrown away is reported at its end.
    report: bool,
    /// What ends the line after the message of an APPEND.
    after: &'static [u8],
}

/// Octets of a line's end that a literal's announcement can take: `{`, 20 digits, `+`, `}`, CRLF.
const ANNOUNCEMENT_BYTES_MAX: usize = 25;

/// A first word that long is no tag.
const TAG_BYTES_MAX: usize = 64;

impl Default for Reader {
    fn default() -> Self {
        Self {
            command: Zeroizing::default(),
            line: 0,
            state: State::Line,
            bytes_max: limits::IMAP_STRANGER_COMMAND_BYTES_MAX,
            plain: false,
            report: false,
            after: b"\r\n",
        }
    }
}

impl Reader {
    /// The client has logged in: commands may be longer.
    pub fn trust(&mut self) {
        self.bytes_max = limits::IMAP_COMMAND_BYTES_MAX;
    }

    /// Whether the next line stands alone (`DONE`, a SASL response) and announces no literal.
    pub fn expect_line(&mut self, plain: bool) {
        self.plain = plain;
    }

    /// Whether the next line stands alone.
    pub fn expects_line(&self) -> bool {
        self.plain
    }

    /// The message of the announced APPEND will be read.
    pub fn accept(&mut self) {
        if let State::Announced { size, .. } = self.state {
            self.state = match size {
                0 => State::BodyLine,
                size => State::Body(size),
            };
        }
    }

    /// The announced APPEND was answered; its message, when it comes unasked, is thrown away.
    pub fn refuse(&mut self) {
        if let State::Announced { size, waits } = self.state {
            self.throw_away(size, waits, false);
        }
    }

    /// Consumes octets up to the next finding; answers how many.
    pub fn next(&mut self, octets: &[u8]) -> (usize, Input) {
        match self.state {
            State::Line => self.gather_line(octets),
            State::Literal(left) => self.gather_literal(octets, left),
            State::Announced { .. } => (0, Input::More),
            State::Body(left) => {
                let taken = at_most(octets, left);
                self.state = match left - taken as u64 {
                    0 => State::BodyLine,
                    left => State::Body(left),
                };
                (taken, Input::Body(taken))
            }
            State::BodyLine => self.end_body(octets),
            State::SkipOctets(left) => {
                let taken = at_most(octets, left);
                self.state = match left - taken as u64 {
                    0 => State::SkipLine,
                    left => State::SkipOctets(left),
                };
                (taken, Input::More)
            }
            State::SkipLine => self.skip_line(octets),
        }
    }

    fn gather_line(&mut self, octets: &[u8]) -> (usize, Input) {
        let end = memchr::memchr(b'\n', octets).map(|at| at + 1);
        let taken = end.unwrap_or(octets.len());
        if self.command.len() + taken > self.bytes_max {
            let room = TAG_BYTES_MAX.saturating_sub(self.command.len());
            self.command.extend_from_slice(&octets[..room.min(taken)]);
            self.keep_tag();
            self.report = true;
            self.state = State::SkipLine;
            return (0, Input::More);
        }
        self.command.extend_from_slice(&octets[..taken]);
        let input = match end {
            Some(_) => self.end_line(),
            None => Input::More,
        };
        (taken, input)
    }

    fn end_line(&mut self) -> Input {
        let announcement = match self.plain {
            true => None,
            false => announcement(&self.command[self.line..]),
        };
        let Some(Announcement { size, waits, at }) = announcement else {
            return Input::Command(self.take());
        };
        if self.announces_message(self.line + at) {
            self.command.truncate(self.line + at);
            self.state = State::Announced { size, waits };
            self.after = match self.command.ends_with(b"(~") {
                true => b")\r\n",
                false => b"\r\n",
            };
            let head = self.take();
            return Input::Append { head, size, waits };
        }
        if size > (self.bytes_max - self.command.len()) as u64 {
            return self.throw_away(size, waits, true);
        }
        self.line = self.command.len();
        self.state = match size {
            0 => State::Line,
            size => State::Literal(size),
        };
        match waits {
            true => Input::Continue,
            false => Input::More,
        }
    }

    fn gather_literal(&mut self, octets: &[u8], left: u64) -> (usize, Input) {
        let taken = at_most(octets, left);
        self.command.extend_from_slice(&octets[..taken]);
        self.state = match left - taken as u64 {
            0 => {
                self.line = self.command.len();
                State::Line
            }
            left => State::Literal(left),
        };
        (taken, Input::More)
    }

    /// The command so far, up to a literal at `at`, is an APPEND whose folder has been named: the
    /// literal is the message.
    fn announces_message(&self, at: usize) -> bool {
        let head = &self.command[..at];
        let mut words = head.splitn(3, |b| *b == b' ');
        let _tag = words.next();
        let verb = words.next().unwrap_or_default();
        verb.eq_ignore_ascii_case(b"APPEND") && words.next().is_some_and(|rest| !rest.is_empty())
    }

    fn end_body(&mut self, octets: &[u8]) -> (usize, Input) {
        let end = memchr::memchr(b'\n', octets).map(|at| at + 1);
        let taken = end.unwrap_or(octets.len());
        if self.command.len() + taken > self.bytes_max {
            return (0, Input::Hopeless);
        }
        self.command.extend_from_slice(&octets[..taken]);
        if end.is_none() {
            return (taken, Input::More);
        }
        let clean = self.take().as_slice() == self.after;
        (taken, Input::BodyEnd { clean })
    }

    /// Gives up the command whose literal was announced.
    fn throw_away(&mut self, size: u64, waits: bool, report: bool) -> Input {
        if waits {
            let tag = self.tag();
            self.state = State::Line;
            self.take();
            return match report {
                true => Input::TooLong { tag },
                false => Input::More,
            };
        }
        if size > limits::IMAP_SKIPPED_BYTES_MAX {
            return Input::Hopeless;
        }
        self.report |= report;
        self.keep_tag();
        self.state = match size {
            0 => State::SkipLine,
            size => State::SkipOctets(size),
        };
        Input::More
    }

    fn skip_line(&mut self, octets: &[u8]) -> (usize, Input) {
        let end = memchr::memchr(b'\n', octets).map(|at| at + 1);
        let taken = end.unwrap_or(octets.len());
        self.keep_tail(&octets[..taken]);
        if end.is_none() {
            return (taken, Input::More);
        }
        let announced = announcement(&self.command[self.line..]).filter(|_| !self.plain);
        if let Some(Announcement { size, waits, .. }) = announced {
            self.command.truncate(self.line);
            let report = self.report;
            return (taken, self.throw_away(size, waits, report));
        }
        let tag = self.tag();
        let report = self.report;
        self.take();
        let input = match report {
            true => Input::TooLong { tag },
            false => Input::More,
        };
        (taken, input)
    }

    /// Forgets all of the command but its first word, so that it can be named in the answer.
    fn keep_tag(&mut self) {
        let end = memchr::memchr(b' ', &self.command).unwrap_or(self.command.len());
        self.command.truncate(end.min(TAG_BYTES_MAX));
        self.command.push(b' ');
        self.line = self.command.len();
    }

    /// Keeps the last octets of a line that is thrown away: they may announce a literal.
    fn keep_tail(&mut self, octets: &[u8]) {
        let from = octets.len().saturating_sub(ANNOUNCEMENT_BYTES_MAX);
        self.command.extend_from_slice(&octets[from..]);
        let surplus = (self.command.len() - self.line).saturating_sub(ANNOUNCEMENT_BYTES_MAX);
        self.command.drain(self.line..self.line + surplus);
    }

    fn tag(&self) -> Option<String> {
        let word = self.command.split(|b| *b == b' ').next()?;
        let is_tag =
            !word.is_empty() && word.len() < TAG_BYTES_MAX && word.iter().all(u8::is_ascii_graphic);
        let tag = std::str::from_utf8(word).ok()?;
        let is_tag = is_tag && !tag.contains(['+', '{', '(', ')', '%', '*', '"', '\\']);
        is_tag.then(|| tag.to_owned())
    }

    /// The command, and ready for the next; what an APPEND announced stays.
    fn take(&mut self) -> Zeroizing<Vec<u8>> {
        self.line = 0;
        self.report = false;
        if !matches!(self.state, State::Announced { .. }) {
            self.state = State::Line;
        }
        std::mem::take(&mut self.command)
    }
}

struct Announcement {
    size: u64,
    waits: bool,
    /// Where the brace stands.
    at: usize,
}

/// The literal that a line announces at its end.
fn announcement(line: &[u8]) -> Option<Announcement> {
    let text = line.strip_suffix(b"}\r\n")?;
    let (text, waits) = match text.strip_suffix(b"+") {
        Some(text) => (text, false),
        None => (text, true),
    };
    let at = memchr::memrchr(b'{', text)?;
    let digits = std::str::from_utf8(&text[at + 1..]).ok()?;
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // More digits than fit announce more than anybody takes.
    let size = digits.parse().unwrap_or(u64::MAX / 2);
    Some(Announcement { size, waits, at })
}

fn at_most(octets: &[u8], left: u64) -> usize {
    usize::try_from(left).map_or(octets.len(), |left| left.min(octets.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All findings but `More`, bodies joined; every APPEND is accepted when `accept`.
    fn cut(octets: &[u8], piece: usize, accept: bool) -> Vec<String> {
        let mut reader = Reader::default();
        let (mut found, mut body) = (Vec::new(), String::new());
        for mut chunk in octets.chunks(piece) {
            while !chunk.is_empty() {
                let (used, input) = reader.next(chunk);
                let consumed = &chunk[..used];
                chunk = &chunk[used..];
                match input {
                    Input::More => {}
                    Input::Body(_) => body += &String::from_utf8_lossy(consumed),
                    Input::Command(c) => found.push(String::from_utf8_lossy(&c).into_owned()),
                    Input::Append { head, size, waits } => {
                        let head = String::from_utf8_lossy(&head).into_owned();
                        found.push(format!("append {head}|{size} {waits}"));
                        if accept {
                            reader.accept();
                        } else {
                            reader.refuse();
                        }
                    }
                    Input::BodyEnd { clean } => {
                        found.push(format!("body {} {clean}", std::mem::take(&mut body)));
                    }
                    Input::Hopeless => {
                        found.push("hopeless".to_owned());
                        return found;
                    }
                    other => found.push(format!("{other:?}")),
                }
            }
        }
        found
    }

    #[test]
    fn commands_are_cut_alike_however_they_come() {
        let text = b"a NOOP\r\nb LOGIN {3}\r\nbob {2+}\r\npw\r\nc APPEND {5}\r\nINBOX (\\Seen) {4}\r\nabcd\r\nd NOOP\r\n\
            e APPEND x UTF8 (~{2+}\r\nab)\r\nf APPEND x UTF8 (~{2+}\r\nab\r\n";
        let whole = cut(text, text.len(), true);
        let expected = [
            "a NOOP\r\n",
            "Continue",
            "b LOGIN {3}\r\nbob {2+}\r\npw\r\n",
            "Continue",
            "append c APPEND {5}\r\nINBOX (\\Seen) |4 true",
            "body abcd true",
            "d NOOP\r\n",
            "append e APPEND x UTF8 (~|2 false",
            "body ab true",
            "append f APPEND x UTF8 (~|2 false",
            "body ab false",
        ];
        assert_eq!(whole, expected);
        for piece in 1..text.len() {
            assert_eq!(cut(text, piece, true), whole, "pieces of {piece}");
        }
    }

    #[test]
    fn refused_message_that_comes_unasked_is_thrown_away() {
        let text = b"a APPEND x {4+}\r\nab\r\n (\\Seen) {2+}\r\nzz\r\nb NOOP\r\n";
        for piece in [1, 3, 1000] {
            let found = cut(text, piece, false);
            assert_eq!(found, ["append a APPEND x |4 false", "b NOOP\r\n"]);
        }
    }

    #[test]
    fn refused_message_that_was_asked_for_never_comes() {
        let text = b"a APPEND x {4}\r\nb NOOP\r\n";
        let found = cut(text, 1, false);
        assert_eq!(found, ["append a APPEND x |4 true", "b NOOP\r\n"]);
    }

    #[test]
    fn too_long_line_is_reported_with_its_tag_and_the_next_is_read() {
        let mut text = b"tag LOGIN ".to_vec();
        text.extend(vec![b'x'; 3 * limits::IMAP_STRANGER_COMMAND_BYTES_MAX]);
        text.extend(b"\r\nb NOOP\r\n");
        for piece in [1, 999, text.len()] {
            let found = cut(&text, piece, true);
            assert_eq!(found, ["TooLong { tag: Some(\"tag\") }", "b NOOP\r\n"]);
        }
    }

    #[test]
    fn too_large_literal_is_refused_before_it_is_sent() {
        let found = cut(b"t LOGIN {99999}\r\nb NOOP\r\n", 4, true);
        assert_eq!(found, ["TooLong { tag: Some(\"t\") }", "b NOOP\r\n"]);
        let endless = b"t LOGIN {99999999999999999999999+}\r\nb NOOP\r\n";
        assert_eq!(cut(endless, 4, true), ["hopeless"]);
    }

    proptest! {
        #[test]
        fn ac_02_any_octets_are_cut_in_bounded_memory(
            octets in proptest::collection::vec(prop_oneof![
                Just(b"a APPEND x {3+}\r\n".to_vec()), Just(b"{9}\r\n".to_vec()),
                Just(b"{99999+}\r\n".to_vec()), Just(b"\r\n".to_vec()), Just(vec![b'y'; 5000]),
                proptest::collection::vec(any::<u8>(), 0..40),
            ], 0..40).prop_map(|v| v.concat()),
            piece in 1usize..5000,
        ) {
            let mut reader = Reader::default();
            'all: for mut chunk in octets.chunks(piece) {
                while !chunk.is_empty() {
                    let (used, input) = reader.next(chunk);
                    prop_assert!(reader.command.len() <= limits::IMAP_STRANGER_COMMAND_BYTES_MAX);
                    match input {
                        Input::Append { .. } => reader.accept(),
                        Input::Hopeless => break 'all,
                        _ => {}
                    }
                    chunk = &chunk[used..];
                }
            }
        }
    }
}
