//! Submission over implicit TLS (port 465) or STARTTLS (port 587): [`SmtpSession`] speaks command by
//! command, [`Submitter`] hands in messages on a connection that may be kept for many.

use std::io::Write;
use std::net::SocketAddr;

use data_encoding::BASE64;

use super::tls::Stream;
use super::{ClientError, Trust, read_line};

/// Lines of one reply.
const REPLY_LINES_MAX: usize = 100;
/// What we call ourselves.
const EHLO: &str = "EHLO client.example";

/// How a connection becomes TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// From the first octet.
    Implicit,
    /// After `STARTTLS`.
    StartTls,
}

/// A connection under TLS, greeted and not signed in.
pub struct SmtpSession {
    stream: Stream,
}

/// A signed-in connection.
pub struct Submitter {
    session: SmtpSession,
}

/// A reply; for a message, that to its final dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmitReply {
    /// `250` when the message is in.
    pub code: u16,
    /// What follows the code.
    pub text: String,
}

impl SubmitReply {
    /// The code and the enhanced status that follows it, as in `553 5.7.1`.
    pub fn status(&self) -> String {
        let word = self.text.split([' ', '\n']).next().unwrap_or_default();
        let is_status = word.split('.').filter(|n| n.parse::<u16>().is_ok()).count() == 3;
        let status = if is_status { word } else { "" };
        format!("{} {status}", self.code).trim_end().to_owned()
    }

    fn or_unexpected(self, code: u16) -> Result<Self, ClientError> {
        if self.code == code {
            return Ok(self);
        }
        let Self { code, text } = self;
        Err(ClientError::Unexpected(format!("{code} {text}")))
    }
}

impl SmtpSession {
    /// Connects; with [`Security::StartTls`] says EHLO in clear and begins TLS.
    pub fn open(
        server: SocketAddr,
        trust: &Trust,
        security: Security,
    ) -> Result<Self, ClientError> {
        let stream = match security {
            Security::Implicit => trust.connect(server)?,
            Security::StartTls => {
                let mut clear = trust.connect_clear(server)?;
                reply(&mut clear)?.or_unexpected(220)?;
                for (line, code) in [(EHLO, 250), ("STARTTLS", 220)] {
                    let socket = clear.get_mut();
                    socket.write_all(format!("{line}\r\n").as_bytes())?;
                    reply(&mut clear)?.or_unexpected(code)?;
                }
                trust.handshake(clear.into_inner())?
            }
        };
        let mut session = Self { stream };
        if security == Security::Implicit {
            session.reply()?.or_unexpected(220)?;
        }
        Ok(session)
    }

    /// `EHLO`; the reply's first line is the server's name.
    pub fn ehlo(&mut self) -> Result<SubmitReply, ClientError> {
        self.command(EHLO)
    }

    /// Signs in; anything but success is an error, which holds no secret.
    pub fn authenticate(&mut self, user: &str, password: &str) -> Result<(), ClientError> {
        let token = BASE64.encode(format!("\0{user}\0{password}").as_bytes());
        self.command(&format!("AUTH PLAIN {token}"))?
            .or_unexpected(235)
            .map(drop)
    }

    /// One command and its reply.
    pub fn command(&mut self, line: &str) -> Result<SubmitReply, ClientError> {
        self.send(format!("{line}\r\n").as_bytes())?;
        self.reply()
    }

    /// Many commands at once, with their replies in order (RFC 2920).
    pub fn pipelined(&mut self, lines: &[String]) -> Result<Vec<SubmitReply>, ClientError> {
        let mut replies = Vec::with_capacity(lines.len());
        for some in lines.chunks(PIPELINED_MAX) {
            let text: String = some.iter().map(|line| format!("{line}\r\n")).collect();
            self.send(text.as_bytes())?;
            for _ in some {
                replies.push(self.reply()?);
            }
        }
        Ok(replies)
    }

    /// A message after `354`, dots doubled, and the reply to its final dot.
    pub fn message(&mut self, octets: &[u8]) -> Result<SubmitReply, ClientError> {
        self.send(&stuffed(octets))?;
        self.reply()
    }

    /// Octets as they are, with no reply awaited.
    pub fn send(&mut self, octets: &[u8]) -> Result<(), ClientError> {
        let stream = self.stream.get_mut();
        stream.write_all(octets)?;
        stream.flush()?;
        Ok(())
    }

    /// The next reply.
    pub fn reply(&mut self) -> Result<SubmitReply, ClientError> {
        reply(&mut self.stream)
    }
}

/// Commands that are sent before their replies are read: their octets fit any socket's buffer.
const PIPELINED_MAX: usize = 100;

impl Submitter {
    /// Connects and signs in.
    pub fn connect(
        server: SocketAddr,
        trust: &Trust,
        user: &str,
        password: &str,
    ) -> Result<Self, ClientError> {
        let mut session = SmtpSession::open(server, trust, Security::Implicit)?;
        session.ehlo()?.or_unexpected(250)?;
        session.authenticate(user, password)?;
        Ok(Self { session })
    }

    /// Hands in one message with CRLF line ends; envelope commands are pipelined. A refusal of a path is
    /// an error, the reply to the final dot is the answer whatever it says.
    pub fn submit(
        &mut self,
        from: &str,
        to: &[&str],
        message: &[u8],
    ) -> Result<SubmitReply, ClientError> {
        let mut opening = format!("MAIL FROM:<{from}>\r\n");
        for recipient in to {
            opening.push_str(&format!("RCPT TO:<{recipient}>\r\n"));
        }
        opening.push_str("DATA\r\n");
        self.session.send(opening.as_bytes())?;
        for _ in 0..=to.len() {
            self.session.reply()?.or_unexpected(250)?;
        }
        self.session.reply()?.or_unexpected(354)?;
        self.session.message(message)
    }

    /// Says goodbye.
    pub fn quit(mut self) -> Result<(), ClientError> {
        self.session.command("QUIT")?.or_unexpected(221).map(drop)
    }
}

fn reply(reader: &mut impl std::io::BufRead) -> Result<SubmitReply, ClientError> {
    let mut text = String::new();
    for _ in 0..REPLY_LINES_MAX {
        let line = read_line(reader)?;
        let code = line.get(..3).and_then(|code| code.parse().ok());
        let Some(code) = code else {
            return Err(ClientError::Unexpected(line));
        };
        text.push_str(line.get(4..).unwrap_or_default());
        if line.as_bytes().get(3) != Some(&b'-') {
            return Ok(SubmitReply { code, text });
        }
        text.push('\n');
    }
    Err(ClientError::Unexpected(text))
}

/// With doubled dots and the final dot (RFC 5321 §4.5.2).
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 64);
    for line in message.split_inclusive(|&b| b == b'\n') {
        if line.first() == Some(&b'.') {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_doubled_at_the_start_of_lines_only() {
        assert_eq!(stuffed(b".a\r\nb.\r\n..\r\n"), b"..a\r\nb.\r\n...\r\n.\r\n");
        assert_eq!(stuffed(b"no end"), b"no end\r\n.\r\n");
    }

    #[test]
    fn a_reply_gives_its_status_in_short() {
        let of = |code, text: &str| {
            SubmitReply {
                code,
                text: text.to_owned(),
            }
            .status()
        };
        assert_eq!(of(553, "5.7.1 not yours"), "553 5.7.1");
        assert_eq!(of(250, "ok"), "250");
    }
}
