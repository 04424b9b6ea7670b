//! The public corpus that ships inside the `mail-parser` crate's package, found through `cargo
//! metadata`; and what the rules say of each of its messages, decided here without the product.

use std::path::PathBuf;

use mail_parser::{HeaderName, MimeHeaders, PartType};

use crate::message::Part;

/// Each file with its name, line ends made CRLF.
pub fn all() -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    list(&folder(), &mut files);
    files.sort();
    let read = |path: PathBuf| {
        let octets = std::fs::read(&path).expect("a file of the corpus");
        let name = path
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default()
            .to_owned();
        let group = path
            .parent()
            .and_then(|p| p.file_name())
            .and_then(|n| n.to_str());
        (
            format!("{}/{name}", group.unwrap_or_default()),
            with_crlf(&octets),
        )
    };
    files.into_iter().map(read).collect()
}

fn folder() -> PathBuf {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let manifest = crate::workspace::root().join("Cargo.toml");
    let fixed = [
        "metadata",
        "--format-version",
        "1",
        "--offline",
        "--manifest-path",
    ];
    let arguments = [&fixed[..], &[crate::program::arg(&manifest)]].concat();
    let output = crate::program::run(&cargo, &arguments);
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let found = packages
        .iter()
        .find(|p| p["name"] == "mail-parser")
        .expect("mail-parser");
    let manifest = PathBuf::from(found["manifest_path"].as_str().expect("a path"));
    manifest.parent().expect("a folder").join("resources")
}

fn list(folder: &PathBuf, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the corpus") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            list(&path, files);
        } else if path.extension().is_some_and(|e| e == "eml") {
            files.push(path);
        }
    }
}

/// Every LF that no CR precedes gets one, and the last line an end: what a client does on sending. A CR
/// that no LF follows stays.
pub fn with_crlf(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len() + octets.len() / 32);
    for (at, octet) in octets.iter().enumerate() {
        if *octet == b'\n' && (at == 0 || octets[at - 1] != b'\r') {
            out.push(b'\r');
        }
        out.push(*octet);
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// SE-04 refuses these on the wire.
pub fn has_forbidden_octets(message: &[u8]) -> bool {
    let bare = |w: &[u8]| w[0] == b'\r' && w[1] != b'\n';
    message.contains(&0) || message.windows(2).any(bare) || message.ends_with(b"\r")
}

/// The message with envelope, `From:` and `To:` of test mailboxes, a `Date:` where it lacks one, and
/// without what no message may carry (`Cc:` and `Bcc:` of others are kept out of the way).
pub fn mended(message: &[u8], from: &str, to: &str) -> Vec<u8> {
    let part = Part::parse(message);
    let mut out = Vec::new();
    let mut has_date = false;
    for field in &part.fields {
        let name = field.name.to_ascii_lowercase();
        has_date |= name == "date";
        if ["from", "to", "cc", "bcc"].contains(&name.as_str()) {
            continue;
        }
        out.extend_from_slice(field.name.as_bytes());
        if is_field(&field.name) {
            out.push(b':');
        }
        out.extend_from_slice(&field.value);
        out.extend_from_slice(b"\r\n");
    }
    let mut head = format!("From: <{from}>\r\nTo: <{to}>\r\n").into_bytes();
    if !has_date {
        head.extend_from_slice(b"Date: Sun, 22 Nov 2026 10:00:00 +0100\r\n");
    }
    head.extend(out);
    head.extend_from_slice(b"\r\n");
    head.extend_from_slice(part.body());
    head
}

fn is_field(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b':')
}

/// The faults of AP-03 that a mended message may still have, as this reading of the rules finds them.
pub fn faults(message: &[u8]) -> Vec<&'static str> {
    let part = Part::parse(message);
    let mut faults = Vec::new();
    let mut add = |is_fault: bool, name| faults.extend(is_fault.then_some(name));
    add(!part.header().is_ascii(), "octets above 127 in the header");
    let long = message
        .split(|b| *b == b'\n')
        .any(|line| line.trim_ascii_end().len() > 998);
    add(long, "a line over 998 octets");
    for name in ["From", "To", "Cc", "Subject", "Date", "Message-ID"] {
        add(part.all(name).len() > 1, "a field twice");
    }
    add(part.all("Date").is_empty(), "no Date");
    let odd = part.header().split(|b| *b == b'\n').any(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let is_fold = matches!(line.first(), None | Some(b' ' | b'\t'));
        let colon = line.iter().position(|b| *b == b':');
        let name = colon.map(|at| line[..at].trim_ascii_end());
        let is_name = |n: &[u8]| !n.is_empty() && n.iter().all(u8::is_ascii_graphic);
        !is_fold && !name.is_some_and(is_name)
    });
    add(odd, "a line that is no field");
    let lower = message.to_ascii_lowercase();
    let holds = |text: &[u8]| crate::message::find(&lower, text).is_some();
    let is_sealed = holds(b"multipart/signed") || holds(b"multipart/encrypted");
    let is_eight_bit = !part.body().is_ascii();
    add(
        is_eight_bit && is_sealed,
        "8-bit octets inside a signature, perhaps",
    );
    add(
        is_eight_bit && !all_in_leaves(message),
        "8-bit octets outside leaves, perhaps",
    );
    faults
}

/// Its octets stand for themselves: only then can they be written in another coding.
fn is_plainly_coded(part: &mail_parser::MessagePart<'_>) -> bool {
    let coding = part.content_transfer_encoding().unwrap_or("7bit");
    ["7bit", "8bit", "binary"].contains(&coding.to_ascii_lowercase().as_str())
}

/// Every octet above 127 of the body lies in the body of a leaf, as another reader cuts the parts; a part
/// with two types, or a message in a message, is not judged.
fn all_in_leaves(message: &[u8]) -> bool {
    let parsed = mail_parser::MessageParser::default().parse(message);
    let Some(parsed) = parsed else { return false };
    let high = |octets: &[u8]| octets.iter().filter(|b| !b.is_ascii()).count();
    let body_start = Part::parse(message).body_start;
    let mut in_leaves = 0;
    for part in &parsed.parts {
        let types = part
            .headers
            .iter()
            .filter(|h| h.name == HeaderName::ContentType)
            .count();
        match part.body {
            PartType::Message(_) => return false,
            _ if types > 1 => return false,
            PartType::Multipart(_) => {}
            _ => {
                let (start, end) = (part.raw_body_offset(), part.raw_end_offset());
                let range = usize::try_from(start).unwrap_or(0)..usize::try_from(end).unwrap_or(0);
                let count = high(message.get(range).unwrap_or_default());
                if count > 0 && !is_plainly_coded(part) {
                    return false;
                }
                in_leaves += count;
            }
        }
    }
    in_leaves == high(&message[body_start..])
}
