//! Finds the key under which a program may repeat a submission (AP-28) in a message that streams by,
//! holding one line of its header at most.

use ceralacca_core::limits;
use ceralacca_core::owner::SUBMISSION_KEY_FIELD;

/// The finder, at some place of the message.
#[derive(Debug, Default)]
pub(super) struct KeyFinder {
    line: Vec<u8>,
    /// The key is found, or the header is over.
    is_done: bool,
    key: Option<Vec<u8>>,
}

impl KeyFinder {
    /// Looks at the next octets of the message.
    pub(super) fn look(&mut self, octets: &[u8]) {
        let mut rest = octets;
        while !self.is_done && !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest);
            let (line, after) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
            let room = (limits::LINE_BYTES_MAX + 2).saturating_sub(self.line.len());
            let kept = line.get(..room).unwrap_or(line);
            self.line.extend_from_slice(kept);
            rest = after;
            if end.is_some() {
                self.end_line();
            }
        }
    }

    /// The key; the value is the program's own, without blanks around it.
    pub(super) fn found(self) -> Option<Vec<u8>> {
        self.key
    }

    fn end_line(&mut self) {
        let line = self.line.trim_ascii_end();
        let name = SUBMISSION_KEY_FIELD.as_bytes();
        let value = line.split_at_checked(name.len()).and_then(|(start, rest)| {
            let is_it = start.eq_ignore_ascii_case(name);
            rest.trim_ascii_start().strip_prefix(b":").filter(|_| is_it)
        });
        let key = value.map(<[u8]>::trim_ascii).filter(|key| !key.is_empty());
        self.key = key.map(<[u8]>::to_vec);
        self.is_done = self.key.is_some() || line.is_empty();
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(message: &str, piece: usize) -> Option<String> {
        let mut finder = KeyFinder::default();
        let pieces = message.as_bytes().chunks(piece);
        pieces.for_each(|octets| finder.look(octets));
        let key = finder.found();
        key.map(|key| String::from_utf8(key).expect("text"))
    }

    #[test]
    fn ap_28_the_key_is_found_in_the_header_alone_wherever_the_reads_cut_it() {
        let long = format!("A: {}\r\nX-Idempotency-Key: 1\r\n", "x".repeat(5000));
        for (message, key) in [
            ("x-idempotency-key: a b \r\nTo: x\r\n\r\n", Some("a b")),
            ("A: b\r\nX-Idempotency-Key:7\r\n", Some("7")),
            ("X-Idempotency-Key: \r\n\r\n", None),
            ("X-Idempotency-Keys: 1\r\n\r\n", None),
            ("A: b\r\n\r\nX-Idempotency-Key: 1\r\n", None),
            (&long, Some("1")),
        ] {
            for piece in [1, 7, 10_000] {
                assert_eq!(found(message, piece).as_deref(), key, "{message:?}");
            }
        }
    }
}
