//! Folder names on the wire: modified UTF-7 (RFC 3501 §5.1.3). Inside the house names are UTF-8.

use data_encoding::{Encoding, Specification};
use std::sync::LazyLock;

/// Base64 with `,` for `/` and no padding.
static MODIFIED: LazyLock<Option<Encoding>> = LazyLock::new(|| {
    let mut spec = Specification::new();
    let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";
    spec.symbols.push_str(digits);
    spec.encoding().ok()
});

/// The spelling on the wire.
pub fn encode(name: &str) -> String {
    let mut wire = String::with_capacity(name.len());
    let mut shifted: Vec<u8> = Vec::new();
    for c in name.chars() {
        if (' '..='~').contains(&c) {
            unshift(&mut wire, &mut shifted);
            wire.push(c);
            if c == '&' {
                wire.push('-');
            }
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                shifted.extend_from_slice(&unit.to_be_bytes());
            }
        }
    }
    unshift(&mut wire, &mut shifted);
    wire
}

fn unshift(wire: &mut String, shifted: &mut Vec<u8>) {
    if let Some(encoding) = MODIFIED.as_ref()
        && !shifted.is_empty()
    {
        wire.push('&');
        encoding.encode_append(shifted, wire);
        wire.push('-');
        shifted.clear();
    }
}

/// The name that `wire` spells; `None` when it spells none. Octets that are UTF-8 as they stand are
/// taken so: clients that should write UTF-7 and do not exist.
pub fn decode(wire: &[u8]) -> Option<String> {
    let wire = std::str::from_utf8(wire).ok()?;
    let mut name = String::with_capacity(wire.len());
    let mut rest = wire;
    while let Some(at) = rest.find('&') {
        name.push_str(&rest[..at]);
        let (shifted, after) = rest[at + 1..].split_once('-')?;
        match shifted {
            "" => name.push('&'),
            shifted => name.push_str(&decode_shifted(shifted)?),
        }
        rest = after;
    }
    name.push_str(rest);
    Some(name)
}

fn decode_shifted(shifted: &str) -> Option<String> {
    let octets = MODIFIED.as_ref()?.decode(shifted.as_bytes()).ok()?;
    if octets.len() % 2 != 0 {
        return None;
    }
    let units = octets.chunks_exact(2);
    let units: Vec<u16> = units.map(|u| u16::from_be_bytes([u[0], u[1]])).collect();
    String::from_utf16(&units).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_spelled_as_rfc_3501_shows() {
        for (name, wire) in [
            ("INBOX", "INBOX"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("R&D", "R&-D"),
            ("Attività", "Attivit&AOA-"),
            ("😀", "&2D3eAA-"),
        ] {
            assert_eq!(encode(name), wire);
            assert_eq!(decode(wire.as_bytes()).as_deref(), Some(name));
        }
    }

    #[test]
    fn broken_spellings_are_refused() {
        for wire in ["&", "&AOA", "&A-", "&2D0-", "a&!!-"] {
            assert_eq!(decode(wire.as_bytes()), None, "{wire}");
        }
        assert_eq!(decode(b"\xff"), None);
    }

    proptest! {
        #[test]
        fn every_name_comes_back(name in "\\PC{0,40}") {
            let wire = encode(&name);
            prop_assert!(wire.is_ascii());
            prop_assert_eq!(decode(wire.as_bytes()), Some(name));
        }

        #[test]
        fn no_octets_make_decoding_panic(wire in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = decode(&wire);
        }
    }
}
