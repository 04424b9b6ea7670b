//! Submission over implicit TLS (port 465), on a connection that may be kept for many messages.

use std::io::Write;
use std::net::SocketAddr;

use data_encoding::BASE64;

use super::tls::Stream;
use super::{ClientError, Trust, read_line};

/// Lines of one reply.
const REPLY_LINES_MAX: usize = 100;

/// A signed-in connection.
pub struct Submitter {
    stream: Stream,
}

/// The reply to the final dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmitReply {
    /// `250` when the message is in.
    pub code: u16,
    /// What follows the code.
    pub text: String,
}

impl Submitter {
    /// Connects and signs in.
    pub fn connect(
        server: SocketAddr,
        trust: &Trust,
        user: &str,
        password: &str,
    ) -> Result<Self, ClientError> {
        let stream = trust.connect(server)?;
        let mut submitter = Self { stream };
        submitter.expect(220)?;
        submitter.send(b"EHLO client.example\r\n")?;
        submitter.expect(250)?;
        let token = BASE64.encode(format!("\0{user}\0{password}").as_bytes());
        submitter.send(format!("AUTH PLAIN {token}\r\n").as_bytes())?;
        submitter.expect(235)?;
        Ok(submitter)
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
        self.send(opening.as_bytes())?;
        for _ in 0..=to.len() {
            self.expect(250)?;
        }
        self.expect(354)?;
        self.send(&stuffed(message))?;
        self.reply()
    }

    /// Says goodbye.
    pub fn quit(mut self) -> Result<(), ClientError> {
        self.send(b"QUIT\r\n")?;
        self.expect(221).map(drop)
    }

    fn send(&mut self, octets: &[u8]) -> Result<(), ClientError> {
        let stream = self.stream.get_mut();
        stream.write_all(octets)?;
        stream.flush()?;
        Ok(())
    }

    fn expect(&mut self, code: u16) -> Result<SubmitReply, ClientError> {
        let reply = self.reply()?;
        if reply.code == code {
            return Ok(reply);
        }
        Err(ClientError::Unexpected(format!(
            "{} {}",
            reply.code, reply.text
        )))
    }

    fn reply(&mut self) -> Result<SubmitReply, ClientError> {
        let mut text = String::new();
        for _ in 0..REPLY_LINES_MAX {
            let line = read_line(&mut self.stream)?;
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
}
