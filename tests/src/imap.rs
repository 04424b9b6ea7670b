//! A small IMAP client: commands as they are given, answers as lines with their literals.

use std::io;

use crate::wire::{Place, Trust, Wire};

/// One response line with its literals taken out.
#[derive(Debug, Clone)]
pub struct ResponseLine {
    /// The text; a literal stands as `{n}`.
    pub text: String,
    /// The literals in order.
    pub literals: Vec<Vec<u8>>,
}

/// All that a command brought.
#[derive(Debug, Clone)]
pub struct Answer {
    /// `OK`, `NO` or `BAD` with the text after it.
    pub status: String,
    /// Untagged lines.
    pub untagged: Vec<ResponseLine>,
}

impl Answer {
    /// The command was done.
    pub fn is_ok(&self) -> bool {
        self.status.starts_with("OK")
    }

    /// The untagged lines that hold `word`.
    pub fn lines_with(&self, word: &str) -> Vec<&ResponseLine> {
        let holds = |line: &&ResponseLine| line.text.contains(word);
        self.untagged.iter().filter(holds).collect()
    }

    /// The number in `* n EXISTS`.
    pub fn exists(&self) -> Option<usize> {
        let line = self.lines_with(" EXISTS").last().map(|l| l.text.clone())?;
        line.split(' ').nth(1)?.parse().ok()
    }
}

/// A session.
pub struct ImapClient {
    wire: Wire,
    tag: u32,
    /// What the server said first.
    pub greeting: String,
}

impl ImapClient {
    /// Port 993.
    pub fn tls(place: impl Into<Place>, trust: &Trust) -> io::Result<Self> {
        let mut wire = Wire::tls(place, trust)?;
        let greeting = String::from_utf8_lossy(&wire.line()?).into_owned();
        Ok(Self {
            wire,
            tag: 0,
            greeting,
        })
    }

    /// A response with its literals.
    pub fn response(&mut self) -> io::Result<ResponseLine> {
        let mut text = String::new();
        let mut literals = Vec::new();
        loop {
            let line = self.wire.line()?;
            text.push_str(&String::from_utf8_lossy(&line));
            let Some(count) = literal_size(&line) else {
                return Ok(ResponseLine { text, literals });
            };
            literals.push(self.wire.octets(count)?);
        }
    }

    /// Sends a command and reads to its tagged answer.
    pub fn try_command(&mut self, command: &str) -> io::Result<Answer> {
        let tag = self.begin(command)?;
        self.finish(&tag)
    }

    /// As [`Self::try_command`]; a broken connection fails the test.
    pub fn command(&mut self, command: &str) -> Answer {
        self.try_command(command)
            .unwrap_or_else(|e| panic!("{command}: the connection broke: {e}"))
    }

    /// A command that must be done.
    pub fn ok(&mut self, command: &str) -> Answer {
        let answer = self.command(command);
        assert!(answer.is_ok(), "{command}: {answer:?}");
        answer
    }

    /// Sends a command and does not wait.
    pub fn begin(&mut self, command: &str) -> io::Result<String> {
        self.tag += 1;
        let tag = format!("a{}", self.tag);
        self.wire.send(format!("{tag} {command}\r\n").as_bytes())?;
        Ok(tag)
    }

    /// Sends octets as they are.
    pub fn raw(&mut self, octets: &[u8]) -> io::Result<()> {
        self.wire.send(octets)
    }

    /// Reads to the tagged answer.
    pub fn finish(&mut self, tag: &str) -> io::Result<Answer> {
        let mut untagged = Vec::new();
        loop {
            let line = self.response()?;
            if let Some(status) = line.text.strip_prefix(&format!("{tag} ")) {
                let status = status.to_owned();
                return Ok(Answer { status, untagged });
            }
            untagged.push(line);
        }
    }

    /// LOGIN with quoted strings.
    pub fn login(&mut self, user: &str, password: &str) -> Answer {
        self.command(&format!("LOGIN \"{user}\" \"{password}\""))
    }

    /// APPEND with a synchronising literal; refused before or after the message.
    pub fn append(&mut self, folder: &str, message: &[u8]) -> Answer {
        let tag = self
            .begin(&format!("APPEND {folder} {{{}}}", message.len()))
            .expect("sent");
        let go = self.response().expect("an answer");
        if !go.text.starts_with('+') {
            let status = go.text.trim_start_matches(&format!("{tag} ")).to_owned();
            return Answer {
                status,
                untagged: Vec::new(),
            };
        }
        self.wire.send(message).expect("sent");
        self.wire.send(b"\r\n").expect("sent");
        self.finish(&tag).expect("an answer")
    }

    /// Whole messages with UID `first` and above, with their UIDs, from the selected folder.
    pub fn messages_from(&mut self, first: u32) -> io::Result<Vec<(u32, Vec<u8>)>> {
        let answer = self.try_command(&format!("UID FETCH {first}:* (UID BODY.PEEK[])"))?;
        let mut messages = Vec::new();
        for line in &answer.untagged {
            let (Some(uid), Some(octets)) = (uid_of(&line.text), line.literals.first()) else {
                continue;
            };
            if uid >= first {
                messages.push((uid, octets.clone()));
            }
        }
        messages.sort_by_key(|(uid, _)| *uid);
        Ok(messages)
    }
}

/// The UID named in a FETCH response.
pub fn uid_of(text: &str) -> Option<u32> {
    let after = text.split("UID ").nth(1)?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn literal_size(line: &[u8]) -> Option<usize> {
    let inner = line.strip_suffix(b"}")?;
    let open = inner.iter().rposition(|b| *b == b'{')?;
    std::str::from_utf8(&inner[open + 1..]).ok()?.parse().ok()
}
