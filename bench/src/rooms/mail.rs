//! The two ends of a message: octets that come in over SMTP, and what IMAP tells of those that lie stored.

use std::hint::black_box;

use ceralacca_core::mime::Scan;
use ceralacca_core::mime::fields::header_end;
use ceralacca_core::rope::{self, Rope};
use ceralacca_core::view::marks::Marks;
use ceralacca_net::imap::codec::decode;
use ceralacca_net::imap::codec::output::Output;
use ceralacca_net::imap::message::{Octets, ReadError, Structure, bodystructure, envelope};
use ceralacca_net::smtp::codec::DotReader;

use super::sample::{Sample, message};
use super::{Room, Work, of};
use crate::sums::Trouble;

pub(super) fn submission() -> Vec<Room> {
    vec![
        Room::new("SMTP text of 20 kB", smtp),
        Room::new("intake scan of 20 kB", scan),
        Room::new("digest of 20 kB", digest),
    ]
}

pub(super) fn reading() -> Vec<Room> {
    vec![
        Room::new("marks of a header", marks),
        Room::new("IMAP command", command),
        Room::new("IMAP structure of 20 kB", structure),
        Room::new("IMAP ENVELOPE", imap_envelope),
        Room::new("IMAP BODYSTRUCTURE", body_structure),
    ]
}

fn smtp() -> Result<Work, Trouble> {
    let mut text = message();
    text.extend_from_slice(b".\r\n");
    Ok(Box::new(move || {
        let (mut reader, mut at) = (DotReader::default(), 0);
        while at < text.len() {
            let run = black_box(reader.read(&text[at..]));
            at += run.taken.max(1);
        }
    }))
}

fn scan() -> Result<Work, Trouble> {
    let message = message();
    Ok(Box::new(move || {
        black_box(Scan::of_bytes(black_box(&message)));
    }))
}

fn digest() -> Result<Work, Trouble> {
    let sample = Sample::new()?;
    let rope = Rope::whole(sample.body);
    rope::sha256(&rope, &*sample.blobs).map_err(of)?;
    Ok(Box::new(move || {
        drop(black_box(rope::sha256(&rope, &*sample.blobs)));
    }))
}

fn header() -> Result<Vec<u8>, Trouble> {
    let mut message = message();
    let end = header_end(&message).ok_or("a message without a header")?;
    message.truncate(end);
    Ok(message)
}

fn marks() -> Result<Work, Trouble> {
    let header = header()?;
    Ok(Box::new(move || {
        black_box(Marks::of(black_box(&header)));
    }))
}

fn command() -> Result<Work, Trouble> {
    let line =
        b"a7 UID FETCH 1:* (UID FLAGS RFC822.SIZE BODY.PEEK[HEADER.FIELDS (SUBJECT FROM)])\r\n";
    if decode::decode(line).is_err() {
        return Err(Trouble::from("a command that is not understood"));
    }
    Ok(Box::new(move || {
        drop(black_box(decode::decode(black_box(line))));
    }))
}

struct Stored(Vec<u8>);

impl Octets for Stored {
    fn read_at(&self, at: u64, into: &mut [u8]) -> Result<usize, ReadError> {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let rest = self.0.get(at..).unwrap_or_default();
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

fn structure() -> Result<Work, Trouble> {
    let stored = Stored(message());
    Structure::read(&stored, stored.0.len() as u64).map_err(of)?;
    Ok(Box::new(move || {
        drop(black_box(Structure::read(&stored, stored.0.len() as u64)));
    }))
}

fn imap_envelope() -> Result<Work, Trouble> {
    let header = header()?;
    Ok(Box::new(move || {
        let mut out = Output::default();
        envelope::write(&mut out, black_box(&header));
        black_box(out.take());
    }))
}

fn body_structure() -> Result<Work, Trouble> {
    let stored = Stored(message());
    let structure = Structure::read(&stored, stored.0.len() as u64).map_err(of)?;
    Ok(Box::new(move || {
        let mut out = Output::default();
        drop(black_box(bodystructure::write(
            &mut out, &structure, &stored, true,
        )));
        black_box(out.take());
    }))
}
