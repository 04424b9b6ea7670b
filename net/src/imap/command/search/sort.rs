//! SORT (RFC 5256): what is compared of each message, and the base subject (§2.1).

use std::cmp::Ordering;

use ceralacca_core::limits;
use ceralacca_core::mime::words;

use super::answer::Hit;
use super::criterion::Looked;
use crate::imap::codec::{SortBy, SortKey};
use crate::imap::message::{ReadError, addresses, fields};
use crate::imap::selected::Target;

/// What one criterion compares.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Number(i64),
    Text(String),
}

/// A message to be sorted.
#[derive(Debug)]
pub struct Sortable {
    /// The message.
    pub hit: Hit,
    number: u32,
    values: Vec<Value>,
}

impl Sortable {
    /// Reads of a message what `keys` compare.
    pub fn read(
        target: &Target,
        hit: Hit,
        keys: &[SortKey],
        looked: &mut Looked<'_>,
    ) -> Result<Self, ReadError> {
        let values = keys.iter().map(|key| value(target, key.by, looked));
        Ok(Self {
            hit,
            number: target.number,
            values: values.collect::<Result<_, _>>()?,
        })
    }

    /// By the keys, then by sequence number.
    pub fn compare(&self, other: &Self, keys: &[SortKey]) -> Ordering {
        let pairs = self.values.iter().zip(&other.values).zip(keys);
        let unequal = pairs.map(|((a, b), key)| match key.reverse {
            true => b.cmp(a),
            false => a.cmp(b),
        });
        let mut unequal = unequal.filter(|order| order.is_ne());
        unequal.next().unwrap_or(self.number.cmp(&other.number))
    }
}

fn value(target: &Target, by: SortBy, looked: &mut Looked<'_>) -> Result<Value, ReadError> {
    let row = &target.row;
    let arrival = row.internal_date.as_millis();
    Ok(match by {
        SortBy::Arrival => Value::Number(arrival),
        SortBy::Size => Value::Number(i64::try_from(row.size).unwrap_or(i64::MAX)),
        SortBy::Date => Value::Number(sent_ms(target, looked)?),
        SortBy::Subject => Value::Text(subject(looked.header()?).0),
        SortBy::From => Value::Text(first_local_part(looked.header()?, b"from")),
        SortBy::To => Value::Text(first_local_part(looked.header()?, b"to")),
        SortBy::Cc => Value::Text(first_local_part(looked.header()?, b"cc")),
    })
}

/// When a message was sent: its `Date`, else its INTERNALDATE.
pub fn sent_ms(target: &Target, looked: &mut Looked<'_>) -> Result<i64, ReadError> {
    let sent = looked.sent()?.map(|date| date.to_timestamp());
    let arrival = target.row.internal_date.as_millis();
    Ok(sent.map_or(arrival, |seconds| seconds.saturating_mul(1000)))
}

fn first_local_part(header: &[u8], name: &[u8]) -> String {
    let line = fields::first(header, name).unwrap_or_default();
    let first = addresses::parse(&line).into_iter().next();
    let local = first.and_then(|shown| shown.mailbox).unwrap_or_default();
    comparable(&String::from_utf8_lossy(&local))
}

/// As i;unicode-casemap compares, shortened.
fn comparable(text: &str) -> String {
    let upper = text.chars().take(limits::IMAP_SORT_CHARACTERS_MAX);
    upper.flat_map(char::to_uppercase).collect()
}

/// The base subject, and whether there was more: a reply or a forward.
pub fn subject(header: &[u8]) -> (String, bool) {
    let line = fields::first(header, b"subject").unwrap_or_default();
    base_subject(&words::decode(&line))
}

fn base_subject(decoded: &str) -> (String, bool) {
    let one_line: Vec<&str> = decoded.split_whitespace().collect();
    let joined = comparable(&one_line.join(" "));
    let (mut text, mut is_reply) = (joined.as_str(), false);
    loop {
        while let Some(rest) = text.trim_end().strip_suffix("(FWD)") {
            (text, is_reply) = (rest, true);
        }
        text = text.trim();
        loop {
            if let Some(rest) = without_leader(text) {
                (text, is_reply) = (rest, true);
            } else if let Some(rest) = without_blob(text).filter(|rest| !rest.is_empty()) {
                text = rest;
            } else {
                break;
            }
        }
        let forwarded = text.strip_prefix("[FWD:").and_then(|t| t.strip_suffix(']'));
        match forwarded {
            Some(inner) => (text, is_reply) = (inner, true),
            None => return (text.to_owned(), is_reply),
        }
    }
}

/// Without `[…] Re [x]:` before it.
fn without_leader(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some(after) = without_blob(rest) {
        rest = after;
    }
    let words = ["RE", "FWD", "FW"];
    rest = words.iter().find_map(|word| rest.strip_prefix(word))?;
    rest = rest.trim_start();
    rest = without_blob(rest).unwrap_or(rest);
    Some(rest.strip_prefix(':')?.trim_start())
}

/// Without one `[…]` before it.
fn without_blob(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('[')?;
    let end = inner.find(['[', ']'])?;
    Some(inner.get(end..)?.strip_prefix(']')?.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_subjects_are_those_of_rfc_5256() {
        for (subject, base) in [
            ("Re: Re: [blob] Hello  world (fwd)", "HELLO WORLD"),
            ("[list] Fw [3]: x", "X"),
            ("[Fwd: [Fwd: re: in\tside]]", "IN SIDE"),
            ("[only]", "[ONLY]"),
            ("Regards", "REGARDS"),
            ("re:", ""),
            ("[a] [b] c", "C"),
            ("[open c", "[OPEN C"),
            ("Fwd:Città", "CITTÀ"),
        ] {
            assert_eq!(base_subject(subject).0, base, "{subject}");
        }
        assert!(base_subject("RE: a").1 && base_subject("a (FWD)").1 && !base_subject("a").1);
    }
}
