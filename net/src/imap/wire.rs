//! A client's connection as the rim uses it: as it is or, after COMPRESS (RFC 4978), with both ways
//! compressed inside TLS. What comes is taken out of compression in pieces of
//! [`limits::IMAP_INFLATED_BYTES`], so that a little that stands for very much cannot fill the memory.

use std::io;
use std::net::IpAddr;

use ceralacca_core::limits;
use ceralacca_core::mailbox::MailboxId;
use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};
use miniz_oxide::deflate::stream::deflate;
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush};
use tokio::time::Instant;

use crate::conn::{ConnError, Connection};
use crate::ring::slots::Slot;

/// How hard it tries: text comes out at a third of its size, at some 100 MB/s.
const LEVEL: i32 = 4;
/// No header and no sum around the compressed octets (RFC 4978 §4).
const RAW: i32 = -15;

/// A connection.
pub(crate) struct Wire {
    connection: Connection,
    deflated: Option<Deflated>,
}

struct Deflated {
    out: Box<CompressorOxide>,
    back: Inflated,
    _place: Slot<MailboxId>,
}

/// What came, out of compression.
struct Inflated {
    state: Box<InflateState>,
    plain: Vec<u8>,
    /// What of `plain` was consumed.
    start: usize,
    /// What came is no compressed octets.
    is_broken: bool,
}

impl Wire {
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            connection,
            deflated: None,
        }
    }

    /// From here on all is compressed.
    pub(crate) fn compress(&mut self, place: Slot<MailboxId>) {
        let flags = create_comp_flags_from_zip_params(LEVEL, RAW, 0);
        self.deflated = Some(Deflated {
            out: Box::new(CompressorOxide::new(flags)),
            back: Inflated {
                state: InflateState::new_boxed(DataFormat::Raw),
                plain: Vec::new(),
                start: 0,
                is_broken: false,
            },
            _place: place,
        });
    }

    /// Where the client is.
    pub(crate) fn peer(&self) -> IpAddr {
        self.connection.peer().ip()
    }

    /// What came and was not consumed.
    pub(crate) fn input(&mut self) -> &[u8] {
        let Some(deflated) = &mut self.deflated else {
            return self.connection.input();
        };
        let back = &mut deflated.back;
        if back.rest().is_empty() {
            let input = self.connection.input();
            let used = back.refill(input);
            input.consume(used);
        }
        back.rest()
    }

    /// Forgets the first `length` octets of the input.
    pub(crate) fn consume(&mut self, length: usize) {
        match &mut self.deflated {
            Some(deflated) => {
                let back = &mut deflated.back;
                back.start = (back.start + length).min(back.plain.len());
            }
            None => self.connection.input().consume(length),
        }
    }

    /// As [`Connection::fill_until`]: may be given up without loss.
    pub(crate) async fn fill_until(&mut self, deadline: Instant) -> Result<usize, ConnError> {
        loop {
            if self.is_broken() {
                return Err(io::Error::from(io::ErrorKind::InvalidData).into());
            }
            let filled = self.connection.fill_until(deadline).await?;
            if self.deflated.is_none() {
                return Ok(filled);
            }
            let ready = self.input().len();
            if ready > 0 || filled == 0 {
                return Ok(ready);
            }
        }
    }

    fn is_broken(&self) -> bool {
        let deflated = self.deflated.as_ref();
        deflated.is_some_and(|deflated| deflated.back.is_broken)
    }

    /// As [`Connection::write_all`].
    pub(crate) async fn write_all(&mut self, octets: &[u8]) -> Result<(), ConnError> {
        match &mut self.deflated {
            Some(deflated) => {
                let octets = deflated_octets(&mut deflated.out, octets);
                self.connection.write_all(&octets).await
            }
            None => self.connection.write_all(octets).await,
        }
    }

    pub(crate) async fn close(self) {
        self.connection.close().await;
    }
}

/// Compresses all of `octets`, so that the other side can read it at once.
fn deflated_octets(out: &mut CompressorOxide, mut octets: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    let mut room = vec![0; octets.len() / 2 + 1024];
    loop {
        let done = deflate(out, octets, &mut room, MZFlush::Sync);
        octets = octets.get(done.bytes_consumed..).unwrap_or_default();
        whole.extend_from_slice(room.get(..done.bytes_written).unwrap_or_default());
        // A room that was filled may have been too small for the rest.
        let is_done = octets.is_empty() && done.bytes_written < room.len();
        if is_done || done.status.is_err() {
            return whole;
        }
    }
}

impl Inflated {
    fn rest(&self) -> &[u8] {
        self.plain.get(self.start..).unwrap_or_default()
    }

    /// Takes a piece out of compression; answers how many octets of `input` it used.
    fn refill(&mut self, input: &[u8]) -> usize {
        self.plain.resize(limits::IMAP_INFLATED_BYTES, 0);
        let done = inflate(&mut self.state, input, &mut self.plain, MZFlush::None);
        self.plain.truncate(done.bytes_written);
        if self.plain.is_empty() {
            self.plain.shrink_to(0);
        }
        self.start = 0;
        // `Buf`: nothing more can be done with what there is.
        self.is_broken |= matches!(done.status, Err(error) if error != MZError::Buf);
        done.bytes_consumed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn back() -> Inflated {
        Inflated {
            state: InflateState::new_boxed(DataFormat::Raw),
            plain: Vec::new(),
            start: 0,
            is_broken: false,
        }
    }

    /// All that `input` stands for, and the most that was in memory at once.
    fn inflated(back: &mut Inflated, mut input: &[u8]) -> (Vec<u8>, usize) {
        let (mut whole, mut most) = (Vec::new(), 0);
        loop {
            let used = back.refill(input);
            input = &input[used..];
            whole.extend_from_slice(back.rest());
            most = most.max(back.rest().len());
            if back.rest().is_empty() {
                return (whole, most);
            }
        }
    }

    fn out() -> CompressorOxide {
        CompressorOxide::new(create_comp_flags_from_zip_params(LEVEL, RAW, 0))
    }

    #[test]
    fn se_10_a_little_that_stands_for_very_much_is_taken_in_pieces() {
        let zeros = vec![b'0'; 10_000_000];
        let small = deflated_octets(&mut out(), &zeros);
        assert!(small.len() < zeros.len() / 200, "{}", small.len());
        let (whole, most) = inflated(&mut back(), &small);
        assert_eq!(whole.len(), zeros.len());
        assert!(most <= limits::IMAP_INFLATED_BYTES);
    }

    #[test]
    fn what_is_not_compressed_is_told() {
        let mut back = back();
        inflated(&mut back, b"a NOOP\r\nb NOOP\r\n\xff\xff\xff\xff");
        assert!(back.is_broken);
    }

    proptest! {
        #[test]
        fn each_piece_can_be_read_at_once(pieces in proptest::collection::vec(
            proptest::collection::vec(any::<u8>(), 0..3_000), 0..6,
        )) {
            let (mut out, mut back) = (out(), back());
            for piece in pieces {
                let compressed = deflated_octets(&mut out, &piece);
                prop_assert_eq!(inflated(&mut back, &compressed).0, piece);
            }
        }

        #[test]
        fn ac_02_no_octets_make_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..500)) {
            inflated(&mut back(), &octets);
        }
    }
}
