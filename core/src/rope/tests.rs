//! Reading and cutting ropes.

use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

use super::memory::MemoryBlobs;
use super::{Piece, Rope, RopeReader, Transfer, sha256};
use crate::blob::{BlobError, BlobRef};

fn sample(blobs: &MemoryBlobs, blob: BlobRef) -> Rope {
    let mut rope = Rope::text("head\r\n");
    rope.push_slice(blob, 2, blob.length - 4);
    for transfer in [Transfer::QuotedPrintable, Transfer::Base64] {
        rope.push_text("\r\nnext\r\n");
        rope.push_encoded(blobs, blob, 0, blob.length, transfer)
            .expect("the blob is there");
    }
    rope
}

#[test]
fn a_rope_is_read_whole_whatever_the_size_of_the_reads() {
    let content: Vec<u8> = (0..200_000u32).map(|i| (i % 251) as u8).collect();
    let (blobs, blob) = MemoryBlobs::of(content);
    let rope = sample(&blobs, blob);
    let whole = blobs.written(&rope);
    assert_eq!(whole.len() as u64, rope.len());
    let blobs = blobs.reading_at_most(97);
    let mut slow = Vec::new();
    let mut reader = RopeReader::new(&rope, &blobs);
    let mut small = [0; 13];
    loop {
        match reader.read(&mut small).expect("reads") {
            0 => break,
            n => slow.extend_from_slice(&small[..n]),
        }
    }
    assert_eq!(slow, whole);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &whole);
    let hash = sha256(&rope, &blobs).expect("reads");
    assert_eq!(hash, digest.as_ref());
}

#[test]
fn a_slice_past_the_end_of_its_blob_is_damage_and_not_a_loop() {
    let (blobs, blob) = MemoryBlobs::of("short");
    let mut rope = Rope::default();
    for transfer in [Transfer::Identity, Transfer::Base64] {
        rope.push(Piece::Slice {
            blob,
            start: 3,
            length: 10,
            transfer,
            written: 10,
        });
        let error = RopeReader::new(&rope, &blobs).read_to_end(&mut Vec::new());
        let error = error.expect_err("the blob is too short");
        let inner = error.get_ref().and_then(|e| e.downcast_ref::<BlobError>());
        assert!(matches!(inner, Some(BlobError::Damaged { .. })), "{error}");
        rope = Rope::default();
    }
}

#[test]
fn a_range_past_the_end_is_cut_and_asks_for_no_memory() {
    let (blobs, blob) = MemoryBlobs::of("0123456789");
    let rope = Rope::whole(blob);
    let read = |start, length| rope.read_range(&blobs, start, length).expect("reads");
    assert_eq!(read(8, usize::MAX), b"89");
    assert_eq!(read(3, 2), b"34");
    assert!(read(10, 5).is_empty());
    assert!(read(u64::MAX, 5).is_empty());
}

#[test]
fn ranges_one_after_the_other_read_each_octet_once() {
    struct Counting(MemoryBlobs, AtomicUsize);
    impl crate::blob::BlobRead for Counting {
        fn read_at(&self, blob: BlobRef, at: u64, into: &mut [u8]) -> Result<usize, BlobError> {
            let read = self.0.read_at(blob, at, into)?;
            self.1.fetch_add(read, Ordering::Relaxed);
            Ok(read)
        }
    }
    let (blobs, blob) = MemoryBlobs::of("perch\u{e9} no\r\n".repeat(50_000));
    let mut rope = Rope::text("head\r\n");
    rope.push_encoded(&blobs, blob, 0, blob.length, Transfer::QuotedPrintable)
        .expect("the blob is there");
    let whole = blobs.written(&rope);
    let blobs = Counting(blobs, AtomicUsize::new(0));
    let (mut read, mut bookmark) = (Vec::new(), None);
    while (read.len() as u64) < rope.len() {
        let start = read.len() as u64;
        let range = rope.read_on(&blobs, &mut bookmark, start, 5_000);
        read.extend(range.expect("reads"));
    }
    assert_eq!(read, whole);
    assert_eq!(blobs.1.load(Ordering::Relaxed) as u64, blob.length);
    // Elsewhere than at the bookmark is as if there were none.
    let there = rope.read_on(&blobs, &mut bookmark, 100, 50).expect("reads");
    assert_eq!(there, &whole[100..150]);
}

#[test]
fn cutting_at_piece_borders_reads_nothing() {
    let (blobs, blob) = MemoryBlobs::of("perch\u{e9} no\r\n");
    let mut rope = Rope::text("a");
    rope.push_encoded(&blobs, blob, 0, blob.length, Transfer::QuotedPrintable)
        .expect("the blob is there");
    let cut = rope.slice(&blobs, 1, rope.len() - 1).expect("cuts");
    assert_eq!(cut.pieces(), &rope.pieces()[1..]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_cut_and_every_range_is_that_part_of_the_whole(
        content in proptest::collection::vec(any::<u8>(), 4..400),
        start in 0u64..1500,
        length in 0u64..1500,
    ) {
        let (blobs, blob) = MemoryBlobs::of(content);
        let rope = sample(&blobs, blob);
        let whole = blobs.written(&rope);
        prop_assert_eq!(whole.len() as u64, rope.len());
        let from = (start as usize).min(whole.len());
        let to = (from + length as usize).min(whole.len());
        let cut = rope.slice(&blobs, start, length).expect("cuts");
        prop_assert_eq!(cut.len(), (to - from) as u64);
        prop_assert_eq!(blobs.written(&cut), &whole[from..to]);
        let range = rope.read_range(&blobs, start, length as usize).expect("reads");
        prop_assert_eq!(range, &whole[from..to]);
    }
}
