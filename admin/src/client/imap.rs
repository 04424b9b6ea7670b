//! Reading over IMAPS (port 993): sign in, wait for messages, fetch them whole.

use std::io::{Read, Write};
use std::net::SocketAddr;

use super::tls::Stream;
use super::{ClientError, Trust, read_line};

/// A message that we could not have sent.
const LITERAL_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Lines of one answer.
const ANSWER_LINES_MAX: usize = 1_000_000;
/// UIDs in one command: a line that every server reads.
const UIDS_PER_COMMAND_MAX: usize = 100;

/// A signed-in connection with INBOX selected.
pub struct ImapReader {
    stream: Stream,
    tags: u32,
    /// What the last EXISTS said.
    messages: u32,
    /// What SELECT said the next message's UID will be.
    uid_next: u32,
}

/// A message as it lies in the mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Its UID.
    pub uid: u32,
    /// All of it.
    pub octets: Vec<u8>,
}

impl ImapReader {
    /// Connects, signs in and selects INBOX.
    pub fn connect(
        server: SocketAddr,
        trust: &Trust,
        user: &str,
        password: &str,
    ) -> Result<Self, ClientError> {
        let mut stream = trust.connect(server)?;
        let greeting = read_line(&mut stream)?;
        if !greeting.starts_with("* OK") {
            return Err(ClientError::Unexpected(greeting));
        }
        let mut reader = Self {
            stream,
            tags: 0,
            messages: 0,
            uid_next: 1,
        };
        let (user, password) = (quoted(user), quoted(password));
        reader.command(&format!("LOGIN {user} {password}"))?;
        reader.command("SELECT INBOX")?;
        Ok(reader)
    }

    /// All messages from this UID on, in the order of the server's answer.
    pub fn fetch_from(&mut self, uid: u32) -> Result<Vec<Fetched>, ClientError> {
        let mut found = self.command(&format!("UID FETCH {uid}:* (UID BODY.PEEK[])"))?;
        // `n:*` names the last message even when it is below n.
        found.retain(|message| message.uid >= uid);
        Ok(found)
    }

    /// The UID that the next message was to get when INBOX was selected.
    pub fn uid_next(&self) -> u32 {
        self.uid_next
    }

    /// UIDs of the messages that `criteria` (RFC 3501 §6.4.4) name, as in `HEADER Subject "x"`.
    pub fn search(&mut self, criteria: &str) -> Result<Vec<u32>, ClientError> {
        let tag = self.send(&format!("UID SEARCH {criteria}"))?;
        let mut found = Vec::new();
        self.read_answer(&tag, |line| found.extend(searched(line)))?;
        Ok(found)
    }

    /// These messages.
    pub fn fetch(&mut self, uids: &[u32]) -> Result<Vec<Fetched>, ClientError> {
        let mut found = Vec::new();
        for some in uids.chunks(UIDS_PER_COMMAND_MAX) {
            let list: Vec<String> = some.iter().map(u32::to_string).collect();
            let command = format!("UID FETCH {} (UID BODY.PEEK[])", list.join(","));
            found.extend(self.command(&command)?);
        }
        Ok(found)
    }

    /// Waits with IDLE until INBOX has at least `count` messages; the connection's silence bounds it.
    pub fn wait_for(&mut self, count: u32) -> Result<(), ClientError> {
        let tag = self.send("IDLE")?;
        let mut is_idle = false;
        while !is_idle || self.messages < count {
            let line = self.line()?;
            is_idle |= line.starts_with('+');
            if line.starts_with(&tag) {
                return Err(ClientError::Unexpected(line));
            }
        }
        let stream = self.stream.get_mut();
        stream.write_all(b"DONE\r\n")?;
        stream.flush()?;
        self.answer(&tag).map(drop)
    }

    /// Says goodbye.
    pub fn logout(mut self) -> Result<(), ClientError> {
        self.command("LOGOUT").map(drop)
    }

    /// Reads a line and takes note of EXISTS.
    fn line(&mut self) -> Result<String, ClientError> {
        let line = read_line(&mut self.stream)?;
        if let Some(messages) = exists(&line) {
            self.messages = messages;
        }
        if let Some(next) = uid_next(&line) {
            self.uid_next = next;
        }
        Ok(line)
    }

    fn send(&mut self, command: &str) -> Result<String, ClientError> {
        self.tags += 1;
        let tag = format!("c{}", self.tags);
        let stream = self.stream.get_mut();
        stream.write_all(format!("{tag} {command}\r\n").as_bytes())?;
        stream.flush()?;
        Ok(tag)
    }

    fn command(&mut self, command: &str) -> Result<Vec<Fetched>, ClientError> {
        let tag = self.send(command)?;
        self.answer(&tag)
    }

    fn answer(&mut self, tag: &str) -> Result<Vec<Fetched>, ClientError> {
        self.read_answer(tag, |_| {})
    }

    /// Reads to the tagged line; `see` is shown every untagged line.
    fn read_answer(
        &mut self,
        tag: &str,
        mut see: impl FnMut(&str),
    ) -> Result<Vec<Fetched>, ClientError> {
        let mut found = Vec::new();
        for _ in 0..ANSWER_LINES_MAX {
            let line = self.line()?;
            if let Some(end) = line.strip_prefix(tag).and_then(|l| l.strip_prefix(' ')) {
                if end.starts_with("OK") {
                    return Ok(found);
                }
                return Err(ClientError::Unexpected(line));
            }
            see(&line);
            if let Some(length) = literal(&line) {
                found.push(self.fetched(&line, length)?);
            }
        }
        Err(ClientError::Unexpected("an answer without end".to_owned()))
    }

    /// Reads the literal that `line` announces and the rest of the line after it.
    fn fetched(&mut self, line: &str, length: u64) -> Result<Fetched, ClientError> {
        if length > LITERAL_BYTES_MAX {
            return Err(ClientError::Unexpected(line.to_owned()));
        }
        let mut octets = Vec::new();
        (&mut self.stream).take(length).read_to_end(&mut octets)?;
        let rest = read_line(&mut self.stream)?;
        let uid = uid(line).or_else(|| uid(&rest));
        let uid = uid.ok_or_else(|| ClientError::Unexpected(line.to_owned()))?;
        Ok(Fetched { uid, octets })
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// `* 3 EXISTS`
fn exists(line: &str) -> Option<u32> {
    line.strip_prefix("* ")?
        .strip_suffix(" EXISTS")?
        .parse()
        .ok()
}

/// `* OK [UIDNEXT 4392] …`
fn uid_next(line: &str) -> Option<u32> {
    let rest = line.strip_prefix("* OK [UIDNEXT ")?;
    rest.split_once(']')?.0.parse().ok()
}

/// `* SEARCH 2 84 882`
fn searched(line: &str) -> Vec<u32> {
    let numbers = line.strip_prefix("* SEARCH").unwrap_or_default();
    numbers.split(' ').filter_map(|n| n.parse().ok()).collect()
}

/// `… {123}`
fn literal(line: &str) -> Option<u64> {
    line.strip_suffix('}')?.rsplit_once('{')?.1.parse().ok()
}

/// `… UID 7 …`
fn uid(line: &str) -> Option<u32> {
    let rest = line.split_once("UID ")?.1;
    let digits = rest.find(|c: char| !c.is_ascii_digit());
    rest.get(..digits.unwrap_or(rest.len()))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_fetch_are_understood() {
        assert_eq!(exists("* 12 EXISTS"), Some(12));
        assert_eq!(exists("* 12 RECENT"), None);
        let line = "* 1 FETCH (UID 7 BODY[] {42}";
        assert_eq!((uid(line), literal(line)), (Some(7), Some(42)));
        assert_eq!(uid(" UID 9)"), Some(9));
        assert_eq!(uid_next("* OK [UIDNEXT 43] next"), Some(43));
        assert_eq!(searched("* SEARCH 2 84"), [2, 84]);
        assert_eq!(searched("* SEARCH"), Vec::<u32>::new());
        assert_eq!(quoted("a\"\\b"), "\"a\\\"\\\\b\"");
    }
}
