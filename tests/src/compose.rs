//! Writing mail for the tests: a sound message by default, with single faults put in.

use std::sync::atomic::{AtomicU64, Ordering};

/// A message in the making.
#[derive(Debug, Clone)]
pub struct Draft {
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

/// A word that no other test of this run uses.
pub fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nanos = now.map_or(0, |d| d.as_nanos());
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!(
        "{:x}{:x}{number}",
        std::process::id(),
        nanos & 0xff_ffff_ffff
    )
}

impl Draft {
    /// A sound message.
    pub fn new(from: &str, to: &[&str]) -> Self {
        Self {
            fields: Vec::new(),
            body: b"Testo di prova.\r\n".to_vec(),
        }
        .field("From", from)
        .field("To", &to.join(", "))
        .field("Subject", "Prova")
        .field("Date", "Sun, 22 Nov 2026 10:00:00 +0100")
        .field("Message-ID", &format!("<{}@client.example>", unique()))
    }

    /// Adds a field at the end of the header.
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Takes every field called `name` away.
    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self
    }

    /// Puts `value` in the place of the field called `name`.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        match self
            .fields
            .iter_mut()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
        {
            Some((_, old)) => {
                value.clone_into(old);
                self
            }
            None => self.field(name, value),
        }
    }

    /// `Subject:`
    pub fn subject(self, text: &str) -> Self {
        self.set("Subject", text)
    }

    /// `Cc:`
    pub fn cc(self, to: &[&str]) -> Self {
        self.set("Cc", &to.join(", "))
    }

    /// The value of a field of ours.
    pub fn value(&self, name: &str) -> String {
        let found = self
            .fields
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.expect("the field").1.clone()
    }

    /// The body, as it will stand.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// A `multipart/mixed` of ready parts.
    pub fn mixed(self, parts: &[&str]) -> Self {
        self.multipart("multipart/mixed", parts)
    }

    /// A multipart of ready parts (header, empty line, body; no final CRLF).
    pub fn multipart(self, media: &str, parts: &[&str]) -> Self {
        let body = multipart_body("=_confine", parts);
        self.set("MIME-Version", "1.0")
            .set("Content-Type", &format!("{media}; boundary=\"=_confine\""))
            .body(body)
    }

    /// The octets.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, value) in &self.fields {
            out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body);
        out
    }
}

/// Parts between boundaries.
pub fn multipart_body(boundary: &str, parts: &[&str]) -> String {
    let mut body = String::new();
    for part in parts {
        body.push_str(&format!("--{boundary}\r\n{part}\r\n"));
    }
    body.push_str(&format!("--{boundary}--\r\n"));
    body
}

/// A body of lines of 76 characters, `octets` long at least.
pub fn filler(octets: usize) -> Vec<u8> {
    let line = b"Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod te\r\n";
    line.iter()
        .copied()
        .cycle()
        .take(octets.div_ceil(line.len()) * line.len())
        .collect()
}
