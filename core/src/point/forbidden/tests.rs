//! Names, contents, archives in archives, and what is not one.
#![allow(clippy::unwrap_used)]

use super::*;

fn zip(entries: &[(&str, &[u8], bool)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, plain, deflated) in entries {
        let packed = if *deflated {
            miniz_oxide::deflate::compress_to_vec(plain, 6)
        } else {
            plain.to_vec()
        };
        let mut shared = vec![20, 0, 0, 0, if *deflated { 8 } else { 0 }, 0, 0, 0, 0x21, 0];
        for field in [0, packed.len() as u32, plain.len() as u32] {
            shared.extend_from_slice(&field.to_le_bytes());
        }
        shared.extend_from_slice(&(name.len() as u16).to_le_bytes());
        let offset = out.len() as u32;
        out.extend_from_slice(b"PK\x03\x04");
        out.extend_from_slice(&shared);
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(&packed);
        directory.extend_from_slice(b"PK\x01\x02\x14\x00");
        directory.extend_from_slice(&shared);
        directory.extend_from_slice(&[0; 12]);
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
    }
    let (offset, size) = (out.len() as u32, directory.len() as u32);
    let number = entries.len() as u16;
    out.extend_from_slice(&directory);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    for _ in 0..2 {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(&size.to_le_bytes());
    out.extend_from_slice(&offset.to_le_bytes());
    out.extend_from_slice(&[0, 0]);
    out
}

/// What is found in a message with one attachment.
fn found(name: &str, content: &[u8], forbidden: &[&str]) -> Option<Hit> {
    let encoded = base64_simd::STANDARD.encode_to_string(content);
    let lines: Vec<String> = encoded
        .as_bytes()
        .chunks(76)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    let message = format!(
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n\r\nSalve.\r\n\
         --q\r\nContent-Type: application/octet-stream; name=\"{name}\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}\r\n--q--\r\n",
        lines.join("\r\n")
    );
    let rope = Rope::text(message.as_bytes());
    let blobs = NoBlobs;
    let forbidden: Vec<String> = forbidden.iter().map(|one| (*one).to_owned()).collect();
    let scan = Scan::of_bytes(message.as_bytes());
    find(&scan, &rope, &blobs, &forbidden).unwrap()
}

/// The message is text alone.
struct NoBlobs;

impl BlobRead for NoBlobs {
    fn read_at(&self, _: crate::blob::BlobRef, _: u64, _: &mut [u8]) -> Result<usize, BlobError> {
        unreachable!("the rope names no blob")
    }
}

fn extension(hit: Option<Hit>) -> Option<String> {
    match hit? {
        Hit::Type { extension, .. } => Some(extension),
        Hit::OverBounds => Some("over bounds".to_owned()),
    }
}

#[test]
fn vi_15_a_forbidden_type_is_known_by_its_name_and_by_its_first_octets() {
    let list = ["exe", "js"];
    for (name, content) in [
        ("a.exe", &b"niente"[..]),
        ("a.EXE", b"niente"),
        ("fattura.pdf.exe ", b"niente"),
        ("a.exe.", b"niente"),
        ("a.txt", b"MZ\x90\x00 e il resto"),
        ("", b"MZ\x90\x00 e il resto"),
    ] {
        let hit = extension(found(name, content, &list));
        assert_eq!(hit.as_deref(), Some("exe"), "{name}");
    }
    for (name, content) in [
        ("exe", &b"niente"[..]),
        ("a.exec", b"x"),
        ("a.pdf", b"%PDF-1.4 MZ"),
    ] {
        assert_eq!(found(name, content, &list), None, "{name}");
    }
    assert_eq!(found("a.exe", b"MZ", &[]), None, "off by default");
}

#[test]
fn vi_15_archives_are_looked_through_to_the_depth_of_the_bounds() {
    let program = b"MZ\x90\x00 programma".repeat(50);
    let list = ["exe"];
    for deflated in [false, true] {
        let inner = zip(&[
            ("leggimi.txt", b"ciao", deflated),
            ("b.txt", &program, deflated),
        ]);
        let by_name = zip(&[("dir/b.exe", b"niente", deflated)]);
        for archive in [inner, by_name] {
            let nested = zip(&[("uno.dat", &archive, deflated), ("due.txt", b"", false)]);
            for content in [&archive, &nested, &zip(&[("tre.zip", &nested, true)])] {
                let hit = extension(found("a.zip", content, &list));
                assert_eq!(hit.as_deref(), Some("exe"), "deflated {deflated}");
            }
        }
    }
    let clean = zip(&[("a.txt", b"ciao", true), ("b.pdf", b"%PDF-1.4", false)]);
    assert_eq!(found("a.zip", &clean, &list), None);
    let hit = extension(found("a.zip", &clean, &["zip"]));
    assert_eq!(
        hit.as_deref(),
        Some("zip"),
        "the archive itself is on the list"
    );
}

#[test]
fn se_08_what_is_over_the_bounds_is_told_and_what_is_no_archive_is_left_alone() {
    let list = ["exe"];
    let deep = (0..limits::ARCHIVE_DEPTH_MAX + 1)
        .fold(zip(&[("a.txt", b"x", false)]), |inner, _| {
            zip(&[("a.zip", &inner, false)])
        });
    assert_eq!(found("a.zip", &deep, &list), Some(Hit::OverBounds));
    let large = [b"PK\x03\x04", &vec![0; limits::ARCHIVE_BYTES_MAX + 1][..]].concat();
    let bomb = zip(&[("a.zip", &large, true)]);
    assert_eq!(found("a.zip", &bomb, &list), Some(Hit::OverBounds));
    assert_eq!(found("a.zip", b"PK\x03\x04 e poi niente", &list), None);
    // Every octet changed in turn: no panic, whatever is found.
    let sound = zip(&[("a.txt", b"ciao ciao ciao", true)]);
    for at in 0..sound.len() {
        let mut changed = sound.clone();
        changed[at] ^= 0xff;
        let _ = found("a.zip", &changed, &list);
    }
}
