//! Replies of an SMTP server (RFC 5321 §4.2): cuts them out of the stream, however it is torn. Guarantees
//! bounds on lines and on their number, and one code for all lines of a reply.

use ceralacca_core::limits;
use ceralacca_core::queue::neutral;
use memchr::memchr;

/// A whole reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Three digits.
    pub code: u16,
    /// The texts of its lines.
    pub lines: Vec<String>,
}

/// What stands at the start of the input.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// Not yet whole; so many octets are done with.
    More(usize),
    /// A reply, and the octets that it took.
    Reply(Reply, usize),
    /// Not SMTP, or too much of it.
    Fault(&'static str),
}

/// Reads replies.
#[derive(Debug, Default)]
pub struct ReplyReader {
    code: Option<u16>,
    lines: Vec<String>,
}

impl Reply {
    /// 2xx.
    pub fn is_done(&self) -> bool {
        self.code / 100 == 2
    }

    /// 5xx: for good.
    pub fn is_refusal(&self) -> bool {
        self.code / 100 == 5
    }

    /// Code and texts on one harmless line.
    pub fn text(&self) -> String {
        neutral(&format!("{} {}", self.code, self.lines.join(" ")))
    }

    /// The enhanced status code (RFC 3463) of a refusal; `5.0.0` where the server gives none that
    /// belongs to its code.
    pub fn status(&self) -> String {
        let class = self.code / 100;
        self.enhanced().unwrap_or_else(|| format!("{class}.0.0"))
    }

    /// The enhanced status code, if given.
    pub fn enhanced(&self) -> Option<String> {
        let word = self.lines.first()?.split(' ').next()?;
        let parts: Vec<&str> = word.split('.').collect();
        let is_number =
            |p: &&str| (1..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit());
        let is_status = parts.len() == 3 && parts.iter().all(is_number);
        let fits = parts.first()? == &(self.code / 100).to_string();
        (is_status && fits).then(|| word.to_owned())
    }
}

impl ReplyReader {
    /// The next reply of `input`.
    pub fn read(&mut self, input: &[u8]) -> Heard {
        let mut taken = 0;
        loop {
            let rest = input.get(taken..).unwrap_or_default();
            let most = limits::RELAY_REPLY_LINE_BYTES_MAX;
            let Some(end) = memchr(b'\n', rest) else {
                if rest.len() > most {
                    return Heard::Fault("a reply's line is too long");
                }
                return Heard::More(taken);
            };
            if end > most {
                return Heard::Fault("a reply's line is too long");
            }
            taken += end + 1;
            match self.line(rest.get(..end).unwrap_or_default()) {
                Ok(false) => {}
                Ok(true) => {
                    let code = self.code.take().unwrap_or_default();
                    let lines = std::mem::take(&mut self.lines);
                    return Heard::Reply(Reply { code, lines }, taken);
                }
                Err(fault) => return Heard::Fault(fault),
            }
        }
    }

    /// Takes one line; true: it was the last of its reply.
    fn line(&mut self, line: &[u8]) -> Result<bool, &'static str> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = String::from_utf8_lossy(line);
        let digits = text
            .get(..3)
            .filter(|d| d.bytes().all(|b| b.is_ascii_digit()));
        let code = digits.and_then(|d| d.parse().ok());
        let code: u16 = code
            .filter(|c| (200..600).contains(c))
            .ok_or("what came is no reply")?;
        if self.code.is_some_and(|before| before != code) {
            return Err("a reply's lines have different codes");
        }
        if self.lines.len() >= limits::RELAY_REPLY_LINES_MAX {
            return Err("a reply has too many lines");
        }
        let is_last = match text.as_bytes().get(3) {
            None | Some(b' ') => true,
            Some(b'-') => false,
            Some(_) => return Err("what came is no reply"),
        };
        self.code = Some(code);
        self.lines
            .push(text.get(4..).unwrap_or_default().to_owned());
        Ok(is_last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(text: &str) -> Reply {
        match ReplyReader::default().read(text.as_bytes()) {
            Heard::Reply(reply, taken) if taken == text.len() => reply,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn replies_are_the_same_however_they_are_torn() {
        let text = b"250-mx.test\r\n250-SIZE 1000\r\n250 HELP\r\n354\r\n";
        let mut whole = ReplyReader::default();
        let Heard::Reply(first, taken) = whole.read(text) else {
            panic!("a reply");
        };
        assert_eq!((first.code, first.lines.len(), taken), (250, 3, 38));
        let mut torn = ReplyReader::default();
        let (mut input, mut heard) = (Vec::new(), Vec::new());
        for octet in text {
            input.push(*octet);
            match torn.read(&input) {
                Heard::More(taken) => drop(input.drain(..taken)),
                Heard::Reply(reply, taken) => {
                    input.drain(..taken);
                    heard.push(reply);
                }
                Heard::Fault(fault) => panic!("{fault}"),
            }
        }
        assert_eq!(heard[0], first);
        assert_eq!(
            (heard[1].code, heard[1].lines.as_slice()),
            (354, &[String::new()][..])
        );
    }

    #[test]
    fn what_is_no_reply_or_too_much_is_a_fault() {
        for bad in [
            "HTTP/1.1 400\r\n",
            "99 x\r\n",
            "250_x\r\n",
            "600 x\r\n",
            "250-a\r\n251 b\r\n",
            "\r\n",
        ] {
            let heard = ReplyReader::default().read(bad.as_bytes());
            assert!(matches!(heard, Heard::Fault(_)), "{bad}");
        }
        let long = "2".repeat(limits::RELAY_REPLY_LINE_BYTES_MAX + 1);
        assert!(matches!(
            ReplyReader::default().read(long.as_bytes()),
            Heard::Fault(_)
        ));
        let many = "250-x\r\n".repeat(limits::RELAY_REPLY_LINES_MAX + 1);
        assert!(matches!(
            ReplyReader::default().read(many.as_bytes()),
            Heard::Fault(_)
        ));
    }

    #[test]
    fn the_status_is_the_servers_where_it_belongs_to_the_code() {
        assert_eq!(reply("550 5.1.1 no\r\n").status(), "5.1.1");
        assert_eq!(reply("550 no\r\n").status(), "5.0.0");
        assert_eq!(reply("550 2.1.1 no\r\n").status(), "5.0.0");
        assert_eq!(reply("550 5.1.1.1 no\r\n").status(), "5.0.0");
        assert_eq!(
            reply("550-5.7.1 a\r\n550 5.7.1 b\u{1b}\r\n").text(),
            "550 5.7.1 a 5.7.1 b?"
        );
    }
}
