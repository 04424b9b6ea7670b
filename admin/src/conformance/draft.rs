//! Test mail in the making: a sound message by default, with single faults put in by the scenarios.

/// A message to be submitted.
#[derive(Debug, Clone)]
pub struct Draft {
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Draft {
    /// A sound message; `mark` tells it and all that follows from it.
    pub fn new(mark: &str, date: &str, from: &str, to: &[&str]) -> Self {
        Self {
            fields: Vec::new(),
            body: b"A message of the conformance check list.\r\n".to_vec(),
        }
        .field("From", from)
        .field("To", to.join(", "))
        .field("Subject", format!("Conformance [{mark}]"))
        .field("Date", date)
        .field("Message-ID", format!("<{mark}@client.example>"))
    }

    /// Adds a field at the end of the header.
    pub fn field(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    /// Puts `value` in the place of the field called `name`, or adds it.
    pub fn set(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        let value = value.into();
        match self
            .fields
            .iter_mut()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
        {
            Some((_, old)) => {
                *old = value;
                self
            }
            None => self.field(name, value),
        }
    }

    /// Takes every field called `name` away.
    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self
    }

    /// Adds the field called `name` a second time.
    pub fn twice(self, name: &str) -> Self {
        let found = self
            .fields
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name));
        match found.cloned() {
            Some((name, value)) => self.field(&name, value),
            None => self,
        }
    }

    /// The body, as it will stand.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// A multipart of ready parts: header, empty line, body without its last line end.
    pub fn multipart(self, media: &str, parts: &[&str]) -> Self {
        let boundary = "=_conformance";
        let body = multipart_body(boundary, parts);
        self.set("MIME-Version", "1.0")
            .set("Content-Type", format!("{media}; boundary=\"{boundary}\""))
            .body(body)
    }

    /// The octets.
    pub fn octets(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, value) in &self.fields {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
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

/// Lines of text, of `octets` in all.
pub fn filler(octets: usize) -> Vec<u8> {
    const LINE: &[u8] =
        b"All work is proved by the octets that it leaves behind, line after line. \r\n";
    let mut body: Vec<u8> = LINE.iter().copied().cycle().take(octets).collect();
    // However it was cut, it ends with a whole line end.
    let end = body.len().saturating_sub(2);
    body.truncate(end);
    while matches!(body.last(), Some(b'\r' | b'\n')) {
        body.pop();
    }
    while body.len() < end {
        body.push(b'x');
    }
    body.extend_from_slice(b"\r\n");
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filler_has_its_length_and_ends_with_a_line() {
        for octets in [10, 74, 75, 76, 77, 150, 1000] {
            let body = filler(octets);
            assert_eq!(body.len(), octets);
            assert!(body.ends_with(b"\r\n"));
        }
    }
}
