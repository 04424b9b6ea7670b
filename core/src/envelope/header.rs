//! Header fields of what we issue: folded within 78 octets where there is a blank to fold at and always
//! within 998 (RFC 5322 §2.1.1), and no value can end its field (SE-06). Fields inherited unchanged are
//! copied only as far as they are those fields (TE-02).

use crate::address::Address;
use crate::certification::OriginalFacts;
use crate::envelope::draft::{Issuer, Step};
use crate::limits;
use crate::mime::words::as_header_text;
use crate::wording::words::{self, MessageKind};

/// RFC 5322 §2.1.1: lines should not be longer.
const LINE_BYTES_WANTED: usize = 78;
/// Octets that a usual header fits in.
const HEADER_ROOM: usize = 640;
/// Blanks between two words of a subject that are kept; more would be a line of blanks.
const BLANKS_KEPT_MAX: usize = 64;

/// The fields of an outer header, in the order in which they are added.
#[derive(Debug, Default)]
pub(crate) struct Header(Vec<u8>);

impl Header {
    /// Adds `name: value`. Line ends and control characters of `value` become blanks, characters
    /// outside ASCII become encoded words.
    pub(crate) fn field(&mut self, name: &str, value: &str) {
        let clean = as_header_text(value.as_bytes());
        // The usual value fits one line as it is.
        let is_short = !clean.is_empty() && clean.len() <= BLANKS_KEPT_MAX;
        if is_short && name.len() + 2 + clean.len() <= LINE_BYTES_WANTED {
            for part in [name, ": ", &clean, "\r\n"] {
                self.0.extend_from_slice(part.as_bytes());
            }
            return;
        }
        let mut line = format!("{name}:");
        let mut has_word = false;
        for (blanks, word) in words_of(&clean) {
            let mut blanks = blanks;
            for chunk in chunks(word) {
                let grown = line.len() + blanks.len() + chunk.len();
                let fold = grown > LINE_BYTES_WANTED && has_word || grown > limits::LINE_BYTES_MAX;
                if fold {
                    self.line(&line);
                    line.clear();
                    let fits = blanks.len() + chunk.len() <= limits::LINE_BYTES_MAX;
                    blanks = if fits { blanks } else { " " };
                }
                line.push_str(blanks);
                line.push_str(chunk);
                (blanks, has_word) = (" ", true);
            }
        }
        self.line(&line);
    }

    /// Adds the lines of `raw` that are fields called `name` or their continuations, as they are, and
    /// says whether there were any.
    pub(crate) fn copied(&mut self, names: &[&str], raw: &[u8]) -> bool {
        let before = self.0.len();
        let mut keeps = false;
        for line in raw.split_inclusive(|b| *b == b'\n') {
            let Some(line) = line.strip_suffix(b"\r\n") else {
                keeps = false;
                continue;
            };
            keeps = match line.first() {
                Some(b' ' | b'\t') => keeps,
                _ => names.iter().any(|name| is_field(line, name)),
            };
            if keeps {
                self.0.extend_from_slice(line);
                self.0.extend_from_slice(b"\r\n");
            }
        }
        self.0.len() > before
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn line(&mut self, line: &str) {
        self.0.extend_from_slice(line.as_bytes());
        self.0.extend_from_slice(b"\r\n");
    }
}

/// The subject of a message of ours (TE-05); blank where the original has none.
pub(crate) fn subject(kind: MessageKind, raw_subject: Option<&str>) -> String {
    let raw = raw_subject.unwrap_or_default().trim();
    format!("{}{raw}", kind.subject_prefix())
}

/// `Message-ID:` of a receipt or notice, without brackets: new, and never of the form of an
/// identificativo of ours (SG-13).
pub(crate) fn receipt_id(issuer: &Issuer, step: &Step) -> String {
    format!("r{}@{}", step.seed.word(), issuer.domain)
}

/// The whole header of a receipt or notice to the original sender, with no field besides those of
/// SG-18 and SG-19.
pub(crate) fn receipt_header(
    kind: MessageKind,
    issuer: &Issuer,
    original: &OriginalFacts,
    raw_subject: Option<&str>,
    step: &Step,
) -> Header {
    header_to(&original.sender, kind, issuer, original, raw_subject, step)
}

/// The same to `to`: what providers tell each other goes to a service mailbox (TC-02, VI-04).
pub(crate) fn header_to(
    to: &Address,
    kind: MessageKind,
    issuer: &Issuer,
    original: &OriginalFacts,
    raw_subject: Option<&str>,
    step: &Step,
) -> Header {
    let mut header = Header(Vec::with_capacity(HEADER_ROOM));
    let (name, value) = kind.marker();
    header.field(name, value);
    if kind.is_for_virus() {
        header.field(words::SECURITY_FIELD, words::ERROR_VALUE);
    }
    if kind == MessageKind::VirusDetection {
        header.field(words::SENDER_FIELD, original.sender.as_str());
    }
    header.field("Date", &step.at.header_date());
    header.field("Subject", &subject(kind, raw_subject));
    header.field("From", issuer.service_address.as_str());
    header.field("To", to.as_str());
    header.field("Message-ID", &format!("<{}>", receipt_id(issuer, step)));
    if let Some(client_id) = &original.client_id {
        header.field(words::REFERENCE_FIELD, client_id.as_str());
    }
    header
}

/// TE-04, AN-03: the display name is quoted, with `"` and `\` in it escaped.
pub(crate) fn on_behalf_of(issuer: &Issuer, sender: &str) -> String {
    let escaped = sender.replace('\\', "\\\\").replace('"', "\\\"");
    let display = words::ON_BEHALF_OF;
    format!("\"{display}{escaped}\" <{}>", issuer.service_address)
}

/// The words of `text`, each with the blanks before it.
fn words_of(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text.trim();
    let mut first = true;
    std::iter::from_fn(move || {
        let word_at = rest.find(|c| !is_blank(c))?;
        let end = rest[word_at..]
            .find(is_blank)
            .map_or(rest.len(), |n| word_at + n);
        let blanks = if first {
            " "
        } else {
            &rest[..word_at.min(BLANKS_KEPT_MAX)]
        };
        let word = &rest[word_at..end];
        (rest, first) = (&rest[end..], false);
        Some((blanks, word))
    })
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

/// A word in pieces that fit a line; only what no message may hold is longer than one.
fn chunks(word: &str) -> impl Iterator<Item = &str> {
    // One blank stands before it.
    let longest = limits::LINE_BYTES_MAX - 1;
    let mut rest = word;
    std::iter::from_fn(move || {
        let (chunk, after) = rest.split_at(rest.floor_char_boundary(longest));
        rest = after;
        (!chunk.is_empty()).then_some(chunk)
    })
}

fn is_field(line: &[u8], name: &str) -> bool {
    let Some((start, rest)) = line.split_at_checked(name.len()) else {
        return false;
    };
    // RFC 5322 §4.5 lets old messages put blanks before the colon.
    start.eq_ignore_ascii_case(name.as_bytes()) && rest.trim_ascii_start().starts_with(b":")
}
