//! A small blocking mail client over TLS, apart from the server's library: the demo, the bench and the
//! conformance command talk to a provider as anybody would.

mod imap;
mod smtp;
mod tls;

pub use imap::{Fetched, ImapReader};
pub use smtp::{Security, SmtpSession, SubmitReply, Submitter};
pub use tls::Trust;

/// What went wrong with the server at the other end.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The connection.
    #[error("the connection failed: {0}")]
    Io(#[from] std::io::Error),
    /// The certificates to trust, or the server's name.
    #[error("TLS: {0}")]
    Tls(String),
    /// An answer other than the one hoped for.
    #[error("the server answered `{0}`")]
    Unexpected(String),
}

/// A line or literal that no server of ours sends.
const LINE_BYTES_MAX: u64 = 64 * 1024;
/// Longer than the server may think.
const ANSWER_WAIT: std::time::Duration = std::time::Duration::from_secs(60);

/// Reads a line without its CRLF.
fn read_line(reader: &mut impl std::io::BufRead) -> Result<String, ClientError> {
    use std::io::{BufRead, Read};
    let mut line = Vec::new();
    reader.take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    if line.last() != Some(&b'\n') {
        return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
    }
    let text = String::from_utf8_lossy(&line);
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
