//! A small SMTP client that says exactly what it is told to say.

use std::io;

use data_encoding::BASE64;

use crate::wire::{Place, Trust, Wire};

/// An answer of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The three digits.
    pub code: u16,
    /// The texts after the code, line by line.
    pub lines: Vec<String>,
}

impl Reply {
    /// `code` and the enhanced status, as in `530 5.7.0`.
    pub fn status(&self) -> String {
        let first = self.lines[0].split(' ').next().unwrap_or_default();
        format!("{} {first}", self.code)
    }

    /// The keyword's line in an EHLO answer.
    pub fn keyword(&self, name: &str) -> Option<&str> {
        let named = |line: &&String| {
            let word = line.split(' ').next().unwrap_or_default();
            word.eq_ignore_ascii_case(name)
        };
        self.lines.iter().skip(1).find(named).map(String::as_str)
    }
}

/// A session.
pub struct SmtpClient {
    wire: Wire,
    /// What the server said first.
    pub greeting: Reply,
}

impl SmtpClient {
    /// Port 465: TLS first.
    pub fn tls(place: impl Into<Place>, trust: &Trust) -> io::Result<Self> {
        Self::greeted(Wire::tls(place, trust)?)
    }

    /// Port 587: in clear until STARTTLS.
    pub fn plain(place: impl Into<Place>) -> io::Result<Self> {
        Self::greeted(Wire::plain(place)?)
    }

    fn greeted(wire: Wire) -> io::Result<Self> {
        let nothing = Reply {
            code: 0,
            lines: Vec::new(),
        };
        let mut client = Self {
            wire,
            greeting: nothing,
        };
        client.greeting = client.reply()?;
        Ok(client)
    }

    /// Reads one answer.
    pub fn reply(&mut self) -> io::Result<Reply> {
        let mut lines = Vec::new();
        loop {
            let line = String::from_utf8_lossy(&self.wire.line()?).into_owned();
            let code = line.get(..3).and_then(|c| c.parse().ok());
            let code = code.unwrap_or_else(|| panic!("not an SMTP answer: {line:?}"));
            lines.push(line.get(4..).unwrap_or_default().to_owned());
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(Reply { code, lines });
            }
        }
    }

    /// Sends octets as they are.
    pub fn raw(&mut self, octets: &[u8]) -> io::Result<()> {
        self.wire.send(octets)
    }

    /// Sends a line and reads the answer.
    pub fn try_command(&mut self, line: &str) -> io::Result<Reply> {
        self.raw(format!("{line}\r\n").as_bytes())?;
        self.reply()
    }

    /// Sends a line and reads the answer; a broken connection fails the test.
    pub fn command(&mut self, line: &str) -> Reply {
        self.try_command(line)
            .unwrap_or_else(|e| panic!("{line}: the connection broke: {e}"))
    }

    /// EHLO.
    pub fn ehlo(&mut self) -> Reply {
        let reply = self.command("EHLO client.example");
        assert_eq!(reply.code, 250, "{reply:?}");
        reply
    }

    /// STARTTLS and the handshake.
    pub fn starttls(mut self, trust: &Trust) -> Self {
        let reply = self.command("STARTTLS");
        assert_eq!(reply.code, 220, "{reply:?}");
        self.handshake(trust)
    }

    /// EHLO, STARTTLS and the handshake.
    pub fn starttls_after_ehlo(mut self, trust: &Trust) -> Self {
        self.ehlo();
        self.starttls(trust)
    }

    /// The handshake alone.
    pub fn handshake(self, trust: &Trust) -> Self {
        let wire = self.wire.upgrade(trust).expect("the handshake");
        Self {
            wire,
            greeting: self.greeting,
        }
    }

    /// AUTH PLAIN with an initial response.
    pub fn auth_plain(&mut self, user: &str, password: &str) -> Reply {
        let token = BASE64.encode(format!("\0{user}\0{password}").as_bytes());
        self.command(&format!("AUTH PLAIN {token}"))
    }

    /// AUTH LOGIN, question by question.
    pub fn auth_login(&mut self, user: &str, password: &str) -> Reply {
        let first = self.command("AUTH LOGIN");
        assert_eq!((first.code, first.lines[0].as_str()), (334, "VXNlcm5hbWU6"));
        let second = self.command(&BASE64.encode(user.as_bytes()));
        assert_eq!(
            (second.code, second.lines[0].as_str()),
            (334, "UGFzc3dvcmQ6")
        );
        self.command(&BASE64.encode(password.as_bytes()))
    }

    /// MAIL FROM.
    pub fn mail(&mut self, path: &str) -> Reply {
        self.command(&format!("MAIL FROM:<{path}>"))
    }

    /// RCPT TO.
    pub fn rcpt(&mut self, path: &str) -> Reply {
        self.command(&format!("RCPT TO:<{path}>"))
    }

    /// DATA, the message dot-stuffed, the final dot, the answer to it.
    pub fn try_data(&mut self, message: &[u8]) -> io::Result<Reply> {
        let go = self.try_command("DATA")?;
        if go.code != 354 {
            return Ok(go);
        }
        let mut octets = dot_stuffed(message);
        octets.extend_from_slice(b".\r\n");
        self.raw(&octets)?;
        self.reply()
    }

    /// As [`Self::try_data`]; a broken connection fails the test.
    pub fn data(&mut self, message: &[u8]) -> Reply {
        self.try_data(message).expect("an answer to the final dot")
    }

    /// A whole transaction; the answer that decided it.
    pub fn try_send(&mut self, from: &str, to: &[&str], message: &[u8]) -> io::Result<Reply> {
        let reply = self.try_command(&format!("MAIL FROM:<{from}>"))?;
        if reply.code != 250 {
            return Ok(reply);
        }
        for path in to {
            let reply = self.try_command(&format!("RCPT TO:<{path}>"))?;
            if reply.code != 250 {
                return Ok(reply);
            }
        }
        self.try_data(message)
    }

    /// As [`Self::try_send`]; a broken connection fails the test.
    pub fn send(&mut self, from: &str, to: &[&str], message: &[u8]) -> Reply {
        self.try_send(from, to, message)
            .expect("a whole transaction")
    }

    /// What the server still says before it closes.
    pub fn rest(&mut self) -> Vec<u8> {
        self.wire.rest()
    }
}

/// RFC 5321 §4.5.2; a last line without CRLF gets one.
pub fn dot_stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 64);
    for line in message.split_inclusive(|b| *b == b'\n') {
        if line.first() == Some(&b'.') {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.is_empty() && !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}
