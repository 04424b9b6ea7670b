//! What crosses the socket between parent and child: a length, a kind, and what it says. Hot frames have a
//! fixed layout, the others are CBOR. Lengths are bounded before anything is read.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use minicbor::{Decode, Encode};

use crate::error::HsmError;
use crate::holder::KeyHolder;
use crate::limits::CHILD_FRAME_BYTES_MAX;
use crate::pkcs11::Pkcs11Settings;

/// Kinds of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// In: [`Start`].
    Start = 1,
    /// In: requests, as entries of number and attributes.
    Sign = 2,
    /// Out: nanoseconds of CPU, then entries of number and signature value.
    Signed = 3,
    /// Out: [`Ready`].
    Ready = 4,
    /// Out: [`Ailment`], and nothing after it.
    Out = 5,
    /// In: an errand with its holder, and nothing after it.
    Ask = 6,
    /// Out: what came of the errand, and nothing after it.
    Told = 7,
}

/// Octets before what a frame says.
const HEAD: usize = 5;

/// Which key, and where.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct Start {
    #[n(0)]
    kind: u8,
    /// The folder of keys, or the module.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    place: Vec<u8>,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pin_file: Vec<u8>,
    #[n(3)]
    token: String,
    #[n(4)]
    pub(super) label: String,
    #[n(5)]
    sessions: u32,
    /// DER.
    #[n(6)]
    #[cbor(with = "minicbor::bytes")]
    pub(super) certificate: Vec<u8>,
    /// A signature is tried before it is ready, and what lacks now may come.
    #[n(7)]
    pub(super) was_ready: bool,
}

/// The child signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(super) struct Ready {
    /// Requests that it wants to hold.
    #[n(0)]
    pub(super) capacity: u32,
    /// HS-01.
    #[n(1)]
    pub(super) is_software: bool,
    /// Requests that it signs side by side.
    #[n(2)]
    pub(super) at_once: u32,
}

/// Why the child ends.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct Ailment {
    #[n(0)]
    kind: u8,
    #[n(1)]
    words: String,
    #[n(2)]
    more: String,
}

const SOFTWARE: u8 = 0;
const SEALED: u8 = 1;
const TOKEN: u8 = 2;

impl Start {
    pub(super) fn new(holder: &KeyHolder, label: &str, certificate: &[u8]) -> Self {
        let octets = |path: &Path| path.as_os_str().as_bytes().to_vec();
        let mut start = Self {
            kind: SOFTWARE,
            place: Vec::new(),
            pin_file: Vec::new(),
            token: String::new(),
            label: label.to_owned(),
            sessions: 0,
            certificate: certificate.to_vec(),
            was_ready: false,
        };
        match holder {
            KeyHolder::Software { folder } => start.place = octets(folder),
            KeyHolder::Sealed { folder, pin_file } => {
                start.kind = SEALED;
                start.place = octets(folder);
                start.pin_file = octets(pin_file);
            }
            KeyHolder::Token(settings) => {
                start.kind = TOKEN;
                start.place = octets(&settings.module);
                start.pin_file = octets(&settings.pin_file);
                start.token.clone_from(&settings.token);
                start.sessions = u32::try_from(settings.sessions).unwrap_or(u32::MAX);
            }
        }
        start
    }

    /// The same for a child that follows one that was ready.
    pub(super) fn after(mut self, was_ready: bool) -> Self {
        self.was_ready = was_ready;
        self
    }

    pub(super) fn holder(&self) -> KeyHolder {
        let path = |octets: &[u8]| PathBuf::from(OsStr::from_bytes(octets));
        let (place, pin_file) = (path(&self.place), path(&self.pin_file));
        match self.kind {
            SOFTWARE => KeyHolder::Software { folder: place },
            SEALED => KeyHolder::Sealed {
                folder: place,
                pin_file,
            },
            _ => KeyHolder::Token(Pkcs11Settings {
                module: place,
                token: self.token.clone(),
                pin_file,
                key_label: self.label.clone(),
                sessions: usize::try_from(self.sessions).unwrap_or(1),
            }),
        }
    }
}

impl Ailment {
    pub(super) fn of(error: &HsmError) -> Self {
        let (kind, words, more) = match error {
            HsmError::Away(words) => (0, words.clone(), ""),
            HsmError::NoToken(label) => (1, label.clone(), ""),
            HsmError::Faulty => (2, String::new(), ""),
            HsmError::NoKey(label) => (3, label.clone(), ""),
            HsmError::OtherKey => (4, String::new(), ""),
            HsmError::PinRefused { token, reason } => (5, token.clone(), reason.as_str()),
            HsmError::AlwaysAuthenticate(label) => (6, label.clone(), ""),
            HsmError::File { path, reason } => (8, path.display().to_string(), reason.as_str()),
            HsmError::Module { module, reason } => {
                (9, module.display().to_string(), reason.as_str())
            }
            other => (7, other.to_string(), ""),
        };
        Self {
            kind,
            words,
            more: more.to_owned(),
        }
    }

    pub(super) fn error(self) -> HsmError {
        match self.kind {
            0 => HsmError::Away(self.words),
            1 => HsmError::NoToken(self.words),
            2 => HsmError::Faulty,
            3 => HsmError::NoKey(self.words),
            4 => HsmError::OtherKey,
            5 => HsmError::PinRefused {
                token: self.words,
                reason: self.more,
            },
            6 => HsmError::AlwaysAuthenticate(self.words),
            8 => HsmError::File {
                path: self.words.into(),
                reason: self.more,
            },
            9 => HsmError::Module {
                module: self.words.into(),
                reason: self.more,
            },
            _ => HsmError::NotPossible(self.words),
        }
    }
}

/// A frame that is being written.
#[derive(Debug)]
pub(super) struct Draft(Vec<u8>);

impl Draft {
    pub(super) fn new(kind: Kind) -> Self {
        let mut octets = Vec::with_capacity(1024);
        octets.extend([0, 0, 0, 0, kind as u8]);
        Self(octets)
    }

    /// A whole frame around a value.
    pub(super) fn of(kind: Kind, value: impl Encode<()>) -> Self {
        let mut draft = Self::new(kind);
        // A vector takes whatever is written to it.
        let _ = minicbor::encode(value, &mut draft.0);
        draft
    }

    pub(super) fn number(&mut self, number: u64) {
        self.0.extend(number.to_be_bytes());
    }

    /// Signed attributes and signatures have some hundred octets; what is longer than its length can say
    /// would not be understood, and is left out.
    pub(super) fn entry(&mut self, number: u64, octets: &[u8]) {
        if let Ok(length) = u16::try_from(octets.len()) {
            self.number(number);
            self.0.extend(length.to_be_bytes());
            self.0.extend_from_slice(octets);
        }
    }

    /// The octets to be sent.
    pub(super) fn finished(mut self) -> Vec<u8> {
        let length = u32::try_from(self.0.len() - HEAD).unwrap_or(u32::MAX);
        if let Some(place) = self.0.first_chunk_mut::<4>() {
            *place = length.to_be_bytes();
        }
        self.0
    }
}

/// Reads a frame; `None` at the end of the stream.
pub(super) fn read(stream: &mut impl Read, into: &mut Vec<u8>) -> io::Result<Option<Kind>> {
    let mut head = [0; HEAD];
    match stream.read_exact(&mut head) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let [a, b, c, d, kind] = head;
    let length = u32::from_be_bytes([a, b, c, d]);
    let length = usize::try_from(length).map_or(usize::MAX, |length| length);
    if length > CHILD_FRAME_BYTES_MAX {
        return Err(not_a_frame());
    }
    into.resize(length, 0);
    stream.read_exact(into)?;
    let kinds = [
        Kind::Start,
        Kind::Sign,
        Kind::Signed,
        Kind::Ready,
        Kind::Out,
        Kind::Ask,
        Kind::Told,
    ];
    let kind = kinds.into_iter().find(|known| *known as u8 == kind);
    kind.map(Some).ok_or_else(not_a_frame)
}

/// What a CBOR frame says.
pub(super) fn value<'a, T: Decode<'a, ()>>(octets: &'a [u8]) -> io::Result<T> {
    minicbor::decode(octets).map_err(|_| not_a_frame())
}

/// The first eight octets as a number, and the rest.
pub(super) fn number(octets: &[u8]) -> io::Result<(u64, &[u8])> {
    let (number, rest) = octets.split_first_chunk().ok_or_else(not_a_frame)?;
    Ok((u64::from_be_bytes(*number), rest))
}

/// The entries of a frame.
pub(super) fn entries(mut octets: &[u8]) -> io::Result<Vec<(u64, &[u8])>> {
    let mut entries = Vec::new();
    while !octets.is_empty() {
        let (key, rest) = number(octets)?;
        let (length, rest) = rest.split_first_chunk().ok_or_else(not_a_frame)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, rest) = rest.split_at_checked(length).ok_or_else(not_a_frame)?;
        entries.push((key, entry));
        octets = rest;
    }
    Ok(entries)
}

fn not_a_frame() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not a frame of the signer's")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut draft = Draft::new(Kind::Sign);
        draft.entry(7, b"sette");
        draft.entry(u64::MAX, b"");
        let octets = draft.finished();
        let mut read_from = octets.as_slice();
        let mut into = Vec::new();
        assert_eq!(read(&mut read_from, &mut into).unwrap(), Some(Kind::Sign));
        let found = entries(&into).unwrap();
        assert_eq!(found, [(7, b"sette".as_slice()), (u64::MAX, b"")]);
        assert_eq!(read(&mut read_from, &mut into).unwrap(), None);
        let settings = Pkcs11Settings {
            module: "/m.so".into(),
            token: "prova".to_owned(),
            pin_file: "/pin".into(),
            key_label: "pec".to_owned(),
            sessions: 3,
        };
        let holder = KeyHolder::Token(settings);
        let start = Draft::of(Kind::Start, Start::new(&holder, "pec", b"der")).finished();
        read(&mut start.as_slice(), &mut into).unwrap();
        assert_eq!(value::<Start>(&into).unwrap().holder(), holder);
        for error in [
            HsmError::Away("via".to_owned()),
            HsmError::Faulty,
            HsmError::OtherKey,
            HsmError::File {
                path: "/pin".into(),
                reason: "r".to_owned(),
            },
            HsmError::PinRefused {
                token: "t".to_owned(),
                reason: "r".to_owned(),
            },
        ] {
            assert_eq!(Ailment::of(&error).error(), error);
        }
    }

    #[test]
    fn a_length_beyond_the_bound_or_a_torn_frame_is_refused() {
        let mut into = Vec::new();
        let huge = [0xff, 0xff, 0xff, 0xff, 2];
        assert!(read(&mut huge.as_slice(), &mut into).is_err());
        let unknown = [0, 0, 0, 0, 9];
        assert!(read(&mut unknown.as_slice(), &mut into).is_err());
        let torn = [0, 0, 0, 9, 2, 1];
        assert!(read(&mut torn.as_slice(), &mut into).is_err());
        assert!(entries(&[0; 9]).is_err());
        assert!(entries(&[0, 0, 0, 0, 0, 0, 0, 1, 0, 5, 1]).is_err());
    }
}
