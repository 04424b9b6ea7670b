//! A message on its way out: read on a thread that may wait for the disk, dots doubled, handed over in
//! chunks with little read ahead, so that no message lies in memory whole.

use std::io::Read;
use std::sync::Arc;

use ceralacca_core::limits;
use ceralacca_core::mailbox::Content;
use ceralacca_core::rope::{Rope, RopeReader};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::backlog::Backlog;
use super::dkim::{Dkim, DkimError};

/// Chunks read ahead of the network.
const CHUNKS_AHEAD: usize = 2;

/// A message that was found.
pub(super) struct Opened {
    rope: Rope,
    /// Stands before it: the DKIM signature.
    before: String,
}

/// Why it cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unread(String);

impl Opened {
    /// Finds the pieces of a message, and signs it for the Internet.
    pub(super) async fn find(
        backlog: Arc<dyn Backlog>,
        content: Content,
        dkim: Option<Arc<Dkim>>,
    ) -> Result<Self, Unread> {
        let find = move || {
            let rope = backlog.rope(content).map_err(|e| Unread(e.to_string()))?;
            let before = match dkim {
                Some(dkim) => sign(&dkim, &rope, &*backlog)?,
                None => String::new(),
            };
            Ok(Self { rope, before })
        };
        // A thread that failed by a bug has told so.
        let failed = |_| Err(Unread("reading failed".to_owned()));
        spawn_blocking(find).await.unwrap_or_else(failed)
    }

    /// Octets of the whole, before dots are doubled.
    pub(super) fn size(&self) -> u64 {
        self.rope.len() + self.before.len() as u64
    }

    /// Starts to read. The chunks end with the final dot; an error ends them early.
    pub(super) fn chunks(
        self,
        backlog: Arc<dyn Backlog>,
    ) -> mpsc::Receiver<Result<Vec<u8>, Unread>> {
        let (sender, chunks) = mpsc::channel(CHUNKS_AHEAD);
        spawn_blocking(move || {
            let reader = RopeReader::new(&self.rope, backlog.blobs());
            let mut reader = self.before.as_bytes().chain(reader);
            let mut dots = Dots::default();
            let mut chunk = vec![0; limits::WRITE_BYTES_MAX];
            loop {
                let (octets, is_end) = match reader.read(&mut chunk) {
                    Ok(0) => (Ok(dots.end()), true),
                    Ok(length) => (
                        Ok(dots.double(chunk.get(..length).unwrap_or_default())),
                        false,
                    ),
                    Err(error) => (Err(Unread(error.to_string())), true),
                };
                // Who asked may be gone.
                if sender.blocking_send(octets).is_err() || is_end {
                    return;
                }
            }
        });
        chunks
    }
}

fn sign(dkim: &Dkim, rope: &Rope, backlog: &dyn Backlog) -> Result<String, Unread> {
    let reader = RopeReader::new(rope, backlog.blobs());
    match dkim.sign(reader, |domain| backlog.is_our_domain(domain)) {
        Ok(field) => Ok(field),
        Err(error @ DkimError::Unsigned(_)) => {
            ceralacca_core::warning!("a message for the Internet: {error}");
            Ok(String::new())
        }
        Err(error) => Err(Unread(error.to_string())),
    }
}

/// Doubles dots at the start of lines (RFC 5321 §4.5.2), however the text is cut.
#[derive(Debug)]
struct Dots {
    /// The last two octets.
    last: [u8; 2],
}

impl Default for Dots {
    fn default() -> Self {
        // The CRLF of DATA counts as the one before the text.
        Self { last: *b"\r\n" }
    }
}

impl Dots {
    fn double(&mut self, chunk: &[u8]) -> Vec<u8> {
        let mut octets = Vec::with_capacity(chunk.len() + chunk.len() / 64 + 1);
        let mut copied = 0;
        for at in memchr::memchr_iter(b'.', chunk) {
            let before = match at {
                0 => self.last,
                1 => [self.last[1], chunk[0]],
                _ => [chunk[at - 2], chunk[at - 1]],
            };
            if before == *b"\r\n" {
                octets.extend_from_slice(&chunk[copied..at]);
                octets.push(b'.');
                copied = at;
            }
        }
        octets.extend_from_slice(&chunk[copied..]);
        match chunk {
            [.., a, b] => self.last = [*a, *b],
            [b] => self.last = [self.last[1], *b],
            [] => {}
        }
        octets
    }

    /// The final dot, on a line of its own.
    fn end(&self) -> Vec<u8> {
        if self.last == *b"\r\n" {
            b".\r\n".to_vec()
        } else {
            b"\r\n.\r\n".to_vec()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn doubled(pieces: &[&[u8]]) -> Vec<u8> {
        let mut dots = Dots::default();
        let mut octets: Vec<u8> = pieces.iter().flat_map(|piece| dots.double(piece)).collect();
        octets.extend(dots.end());
        octets
    }

    #[test]
    fn dots_at_the_start_of_lines_are_doubled() {
        assert_eq!(
            doubled(&[b".a\r\n.\r\nb.c\r\n"]),
            b"..a\r\n..\r\nb.c\r\n.\r\n"
        );
        assert_eq!(doubled(&[b"a\r", b"\n", b".", b"b"]), b"a\r\n..b\r\n.\r\n");
        assert_eq!(
            doubled(&[b"a\n.b\r\n"]),
            b"a\n.b\r\n.\r\n",
            "only CRLF ends a line"
        );
        assert_eq!(doubled(&[]), b".\r\n");
    }

    proptest! {
        #[test]
        fn the_servers_reader_gives_back_what_was_doubled(
            text in "[.\r\na]{0,60}",
            cut in 0usize..60,
        ) {
            let text = text.replace('\r', "\r\n");
            let cut = cut.min(text.len());
            let octets = doubled(&[&text.as_bytes()[..cut], &text.as_bytes()[cut..]]);
            let mut reader = crate::smtp::codec::DotReader::default();
            let (mut body, mut at) = (Vec::new(), 0);
            loop {
                let run = reader.read(&octets[at..]);
                prop_assert!(run.taken > 0, "the end is found");
                body.extend_from_slice(&octets[at..][run.body]);
                at += run.taken;
                if run.is_end {
                    break;
                }
            }
            prop_assert_eq!(at, octets.len());
            let whole = if text.ends_with("\r\n") || text.is_empty() { text } else { text + "\r\n" };
            prop_assert_eq!(String::from_utf8_lossy(&body), whole);
        }
    }
}
