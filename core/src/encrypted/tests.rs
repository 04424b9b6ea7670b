//! What is written is read back, and whatever is done to a file shows.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::disk::{Disk, DiskFile, SimDisk};

const CHUNK: usize = limits::ENCRYPTED_CHUNK_BYTES;

fn file() -> Arc<dyn DiskFile> {
    SimDisk::new().open(Path::new("/one"), true).unwrap()
}

fn master() -> MasterKey {
    MasterKey::from_bytes(&*MasterKey::generate()).unwrap()
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n % 251) as u8).collect()
}

fn read(file: &dyn DiskFile, master: &MasterKey) -> Result<(Vec<u8>, Vec<u8>), EncryptedError> {
    let opened = Opened::open(file, master)?;
    let mut out = Vec::new();
    opened.copy_to(&mut out)?;
    Ok((opened.facts().to_vec(), out))
}

fn octets(file: &dyn DiskFile) -> Vec<u8> {
    let mut all = vec![0; file.len().unwrap() as usize];
    file.read_at(&mut all, 0).unwrap();
    all
}

fn holding(octets: &[u8]) -> Arc<dyn DiskFile> {
    let other = file();
    other.write_all_at(octets, 0).unwrap();
    other
}

#[test]
fn vi_09_every_length_comes_back_and_no_octet_of_it_stands_in_the_file() {
    let master = master();
    for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 7] {
        let file = file();
        let plain = content(length);
        let written = write(&*file, &master, b"facts of it", &mut &plain[..]).unwrap();
        assert_eq!(written, length as u64);
        let back = read(&*file, &master).unwrap();
        assert_eq!(back, (b"facts of it".to_vec(), plain), "{length}");
        let stored = octets(&*file);
        assert!(!stored.windows(11).any(|w| w == b"facts of it"));
        let run = content(16);
        assert!(!stored.windows(16).any(|w| w == run));
    }
}

#[test]
fn vi_09_a_changed_cut_or_moved_file_does_not_open() {
    let master = master();
    let file = file();
    let plain = content(2 * CHUNK + 100);
    write(&*file, &master, b"facts", &mut &plain[..]).unwrap();
    let whole = octets(&*file);
    let first = HEADER_BYTES + 5 + TAG_BYTES;
    for at in [
        0,
        9,
        13,
        17,
        30,
        70,
        77,
        first,
        first + SEALED_CHUNK_BYTES,
        whole.len() - 1,
    ] {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        assert!(read(&*holding(&changed), &master).is_err(), "octet {at}");
    }
    let second = first + SEALED_CHUNK_BYTES;
    for end in [
        0,
        50,
        first - 1,
        first,
        first + 5,
        second,
        second + 1,
        whole.len() - 1,
    ] {
        assert!(
            read(&*holding(&whole[..end]), &master).is_err(),
            "cut at {end}"
        );
    }
    let last = second + SEALED_CHUNK_BYTES;
    let moved = [
        &whole[..first],
        &whole[second..last],
        &whole[first..second],
        &whole[last..],
    ];
    assert!(
        read(&*holding(&moved.concat()), &master).is_err(),
        "two chunks changed places"
    );
    let longer = [&whole[..], &[0; 40]].concat();
    assert!(
        read(&*holding(&longer), &master).is_err(),
        "something added"
    );
}

#[test]
fn a_chunk_of_another_file_and_another_key_do_not_fit() {
    let master = master();
    let (one, other) = (file(), file());
    for file in [&one, &other] {
        write(&**file, &master, b"facts", &mut &content(CHUNK + 1)[..]).unwrap();
    }
    let first = HEADER_BYTES + 5 + TAG_BYTES;
    let mixed = [&octets(&*one)[..first], &octets(&*other)[first..]].concat();
    assert!(read(&*holding(&mixed), &master).is_err());
    assert!(read(&*one, &super::tests::master()).is_err());
    assert!(MasterKey::from_bytes(&[1; 31]).is_err());
    assert_eq!(format!("{master:?}"), "MasterKey(…)");
}

#[test]
fn facts_have_a_bound_and_a_content_that_breaks_off_is_an_error() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("gone"))
        }
    }
    let master = master();
    let long = vec![0; limits::ENCRYPTED_FACTS_BYTES_MAX + 1];
    let too_long = write(&*file(), &master, &long, &mut &b""[..]);
    assert!(matches!(too_long, Err(EncryptedError::TooLong(_))));
    let broken = write(&*file(), &master, b"", &mut Broken);
    assert!(matches!(broken, Err(EncryptedError::Content(_))));
}
