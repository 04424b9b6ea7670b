//! SEARCH (RFC 3501 §6.4.4). Exact: what is not in the row is looked for in the stored octets, the
//! cheap keys first. Works in rounds, so that others run meanwhile.

use std::sync::Arc;

use ceralacca_core::limits;
use ceralacca_core::mailbox::{Flags, MessageRow};
use imap_types::core::Charset;
use imap_types::datetime::NaiveDate;
use imap_types::search::SearchKey;
use mail_parser::DateTime;

use super::store::keyword_bit;
use super::{NO_SUCH_MESSAGE, UNREADABLE};
use crate::imap::codec::output::internal_date;
use crate::imap::message::cache::Structures;
use crate::imap::message::text::Needle;
use crate::imap::message::{Octets, ReadError, Store, fields, section};
use crate::imap::selected::{Selected, Target};
use crate::imap::session::{Answer, Pace, Session, Step, Telling, Work};

/// SEARCH
pub fn start(
    session: &mut Session,
    tag: String,
    charset: Option<&Charset<'_>>,
    keys: &[SearchKey<'_>],
    by_uid: bool,
) -> Step {
    let known = ["US-ASCII", "UTF-8"];
    if charset.is_some_and(|c| !known.iter().any(|k| c.as_ref().eq_ignore_ascii_case(k))) {
        return session.no(&tag, "[BADCHARSET (US-ASCII UTF-8)] not this charset");
    }
    let Some(selected) = &session.selected else {
        return session.bad(&tag, "select a folder first");
    };
    let mut keys_left = limits::IMAP_SEARCH_KEYS_MAX;
    let criterion = match all_of(selected, keys, &mut keys_left) {
        Ok(criterion) => criterion,
        Err(Unfit::TooMany) => return session.bad(&tag, "too many keys"),
        Err(Unfit::NoSuchMessage) => return session.bad(&tag, NO_SUCH_MESSAGE),
    };
    let pace = match criterion.cost() {
        Cost::Row => Pace::Here,
        Cost::Header | Cost::Content => Pace::Aside,
    };
    let targets = selected.all().collect();
    let keys = limits::IMAP_SEARCH_KEYS_MAX.saturating_sub(keys_left);
    session.out.text("* SEARCH");
    let work = Searching {
        tag,
        criterion,
        targets,
        next: 0,
        by_uid,
        pace,
        rows: limits::IMAP_SEARCH_ROUND_STEPS / keys.max(1),
        failed: false,
    };
    session.wait(work, Step::Produce(pace))
}

/// A key made ready: sets as ranges, names as bits, texts in lower case, dates as numbers.
#[derive(Debug)]
enum Criterion {
    All(Vec<Criterion>),
    Any(Vec<Criterion>),
    Not(Box<Criterion>),
    Numbers(Vec<(u32, u32)>),
    Uids(Vec<(u32, u32)>),
    Has(Flags),
    Never,
    ChangedFrom(u64),
    Larger(u64),
    Smaller(u64),
    Arrived(std::ops::Range<u32>),
    Sent(std::ops::Range<u32>),
    Header(Vec<u8>, Needle),
    Text { needle: Needle, with_header: bool },
}

/// What a criterion has to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cost {
    Row,
    Header,
    Content,
}

enum Unfit {
    TooMany,
    NoSuchMessage,
}

impl Criterion {
    fn cost(&self) -> Cost {
        match self {
            Criterion::All(inner) | Criterion::Any(inner) => {
                inner.iter().map(Criterion::cost).max().unwrap_or(Cost::Row)
            }
            Criterion::Not(inner) => inner.cost(),
            Criterion::Sent(_) | Criterion::Header(..) => Cost::Header,
            Criterion::Text { .. } => Cost::Content,
            _ => Cost::Row,
        }
    }

    /// Recursion is bounded: imap-codec refuses keys nested deeper than eight.
    fn matches(&self, message: &mut Looked<'_>) -> Result<bool, ReadError> {
        let row = Arc::clone(&message.target.row);
        Ok(match self {
            Criterion::All(inner) => {
                for one in inner {
                    if !one.matches(message)? {
                        return Ok(false);
                    }
                }
                true
            }
            Criterion::Any(inner) => {
                for one in inner {
                    if one.matches(message)? {
                        return Ok(true);
                    }
                }
                false
            }
            Criterion::Not(inner) => !inner.matches(message)?,
            Criterion::Numbers(ranges) => is_in(ranges, message.target.number),
            Criterion::Uids(ranges) => is_in(ranges, row.uid),
            Criterion::Has(flags) => row.flags.contains(*flags),
            Criterion::Never => false,
            Criterion::ChangedFrom(modseq) => row.modseq >= *modseq,
            Criterion::Larger(size) => row.size > *size,
            Criterion::Smaller(size) => row.size < *size,
            Criterion::Arrived(days) => days.contains(&arrival_day(&row)),
            Criterion::Sent(days) => message.sent_day()?.is_some_and(|day| days.contains(&day)),
            Criterion::Header(name, needle) => needle.is_in_header(message.header()?, name),
            Criterion::Text {
                needle,
                with_header,
            } => message.holds(needle, *with_header)?,
        })
    }
}

fn all_of(
    selected: &Selected,
    keys: &[SearchKey<'_>],
    left: &mut usize,
) -> Result<Criterion, Unfit> {
    let ready = keys.iter().map(|key| make(selected, key, left));
    let mut ready = ready.collect::<Result<Vec<_>, _>>()?;
    ready.sort_by_key(Criterion::cost);
    Ok(Criterion::All(ready))
}

fn make(selected: &Selected, key: &SearchKey<'_>, left: &mut usize) -> Result<Criterion, Unfit> {
    *left = left.checked_sub(1).ok_or(Unfit::TooMany)?;
    if matches!(key, SearchKey::Body(_) | SearchKey::Text(_)) {
        // They cost more than a key: so few of them fit.
        let most = limits::IMAP_SEARCH_KEYS_MAX / limits::IMAP_SEARCH_TEXTS_MAX;
        *left = left.checked_sub(most - 1).ok_or(Unfit::TooMany)?;
    }
    let header = |name: &str, text: &[u8]| Criterion::Header(name.into(), Needle::new(text));
    let not = |flags| Criterion::Not(Box::new(Criterion::Has(flags)));
    let keyword = |word: &str| {
        let bit = keyword_bit(&selected.told().row.keywords, word);
        bit.map_or(Criterion::Never, Criterion::Has)
    };
    Ok(match key {
        SearchKey::And(keys) => all_of(selected, keys.as_ref(), left)?,
        SearchKey::Or(a, b) => {
            let mut both = vec![make(selected, a, left)?, make(selected, b, left)?];
            both.sort_by_key(Criterion::cost);
            Criterion::Any(both)
        }
        SearchKey::Not(key) => Criterion::Not(Box::new(make(selected, key, left)?)),
        SearchKey::All => Criterion::All(Vec::new()),
        SearchKey::SequenceSet(set) => {
            selected.targets(set, false).ok_or(Unfit::NoSuchMessage)?;
            Criterion::Numbers(selected.ranges(set, false))
        }
        SearchKey::Uid(set) => Criterion::Uids(selected.ranges(set, true)),
        SearchKey::Answered => Criterion::Has(Flags::ANSWERED),
        SearchKey::Deleted => Criterion::Has(Flags::DELETED),
        SearchKey::Draft => Criterion::Has(Flags::DRAFT),
        SearchKey::Flagged => Criterion::Has(Flags::FLAGGED),
        SearchKey::Seen => Criterion::Has(Flags::SEEN),
        SearchKey::Unanswered => not(Flags::ANSWERED),
        SearchKey::Undeleted => not(Flags::DELETED),
        SearchKey::Undraft => not(Flags::DRAFT),
        SearchKey::Unflagged => not(Flags::FLAGGED),
        SearchKey::Unseen => not(Flags::SEEN),
        SearchKey::Keyword(word) => keyword(word.as_ref()),
        SearchKey::Unkeyword(word) => Criterion::Not(Box::new(keyword(word.as_ref()))),
        // No message is ever `\Recent` (RFC 9051 dropped it).
        SearchKey::Recent | SearchKey::New => Criterion::Never,
        SearchKey::Old => Criterion::All(Vec::new()),
        SearchKey::Larger(size) => Criterion::Larger((*size).into()),
        SearchKey::Smaller(size) => Criterion::Smaller((*size).into()),
        SearchKey::Before(date) => Criterion::Arrived(0..day(date)),
        SearchKey::On(date) => Criterion::Arrived(day(date)..day(date) + 1),
        SearchKey::Since(date) => Criterion::Arrived(day(date)..u32::MAX),
        SearchKey::SentBefore(date) => Criterion::Sent(0..day(date)),
        SearchKey::SentOn(date) => Criterion::Sent(day(date)..day(date) + 1),
        SearchKey::SentSince(date) => Criterion::Sent(day(date)..u32::MAX),
        SearchKey::ModSequence { modseq, .. } => Criterion::ChangedFrom(*modseq),
        SearchKey::Bcc(text) => header("bcc", text.as_ref()),
        SearchKey::Cc(text) => header("cc", text.as_ref()),
        SearchKey::From(text) => header("from", text.as_ref()),
        SearchKey::Subject(text) => header("subject", text.as_ref()),
        SearchKey::To(text) => header("to", text.as_ref()),
        SearchKey::Header(name, text) => {
            Criterion::Header(name.as_ref().to_vec(), Needle::new(text.as_ref()))
        }
        SearchKey::Body(text) => Criterion::Text {
            needle: Needle::new(text.as_ref()),
            with_header: false,
        },
        SearchKey::Text(text) => Criterion::Text {
            needle: Needle::new(text.as_ref()),
            with_header: true,
        },
    })
}

fn is_in(ranges: &[(u32, u32)], number: u32) -> bool {
    let at = ranges.partition_point(|(_, end)| *end < number);
    ranges.get(at).is_some_and(|(start, _)| *start <= number)
}

/// A day as year, month and day side by side: it grows with time.
fn day(date: &NaiveDate) -> u32 {
    // `2026-11-22`
    let digits: String = date
        .as_ref()
        .to_string()
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    digits.parse().unwrap_or(0)
}

/// The day on which a message came in, in legal time as INTERNALDATE shows it.
fn arrival_day(row: &MessageRow) -> u32 {
    // `22-Nov-2026 05:19:00 +0100`
    let date = internal_date(row.internal_date);
    let months = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let part = |range| date.get(range).unwrap_or_default();
    let month = months.find(part(3..6)).map_or(0, |at| at / 3 + 1);
    format!("{}{month:02}{}", part(7..11), part(0..2))
        .parse()
        .unwrap_or(0)
}

/// A SEARCH that goes on.
struct Searching {
    tag: String,
    criterion: Criterion,
    targets: Vec<Target>,
    next: usize,
    by_uid: bool,
    pace: Pace,
    /// Of one round, when nothing but rows is looked at.
    rows: usize,
    failed: bool,
}

impl Work for Searching {
    fn resume(mut self: Box<Self>, session: &mut Session, answer: Answer) -> Step {
        if !matches!(answer, Answer::Go) {
            return Step::Close;
        }
        let end = self.round_end();
        for target in &self.targets[self.next..end] {
            let mut looked = Looked::new(&*session.store, &mut session.structures, target);
            match self.criterion.matches(&mut looked) {
                Ok(true) => {
                    let number = match self.by_uid {
                        true => target.row.uid,
                        false => target.number,
                    };
                    session.out.text(" ").number(number.into());
                }
                Ok(false) => {}
                Err(_) => self.failed = true,
            }
        }
        self.next = end;
        match end < self.targets.len() {
            true => {
                let pace = self.pace;
                session.wait(*self, Step::Produce(pace))
            }
            false => self.end(session),
        }
    }
}

impl Searching {
    /// One past the last message of this round: others wait for our place meanwhile.
    fn round_end(&self) -> usize {
        let rest = &self.targets[self.next..];
        if self.pace == Pace::Here {
            return self.next + self.rows.max(1).min(rest.len());
        }
        let mut octets = 0;
        let fits = |target: &&Target| {
            octets += target.row.size;
            octets <= limits::IMAP_SEARCH_ROUND_BYTES
        };
        let fitting = rest
            .iter()
            .take(limits::IMAP_SEARCH_ROUND_MESSAGES)
            .take_while(fits);
        let count = fitting.count().max(1).min(rest.len());
        self.next + count
    }

    fn end(&self, session: &mut Session) -> Step {
        session.out.end();
        let telling = match self.by_uid {
            true => Telling::All,
            false => Telling::NoExpunge,
        };
        if self.failed {
            session.tell(telling);
            return session.no(&self.tag, UNREADABLE);
        }
        session.ok(&self.tag, "done", telling)
    }
}

/// A message, opened as far as the keys need.
struct Looked<'a> {
    store: &'a dyn Store,
    structures: &'a mut Structures,
    target: &'a Target,
    octets: Option<Arc<dyn Octets>>,
    header: Option<Vec<u8>>,
}

impl<'a> Looked<'a> {
    fn new(store: &'a dyn Store, structures: &'a mut Structures, target: &'a Target) -> Self {
        Self {
            store,
            structures,
            target,
            octets: None,
            header: None,
        }
    }

    fn octets(&mut self) -> Result<Arc<dyn Octets>, ReadError> {
        if let Some(octets) = &self.octets {
            return Ok(Arc::clone(octets));
        }
        let octets = self.store.open(self.target.row.content)?;
        self.octets = Some(Arc::clone(&octets));
        Ok(octets)
    }

    fn header(&mut self) -> Result<&[u8], ReadError> {
        if self.header.is_none() {
            let octets = self.octets()?;
            self.header = Some(section::leading_header(&*octets, self.target.row.size)?);
        }
        Ok(self.header.as_deref().unwrap_or_default())
    }

    fn holds(&mut self, needle: &Needle, with_header: bool) -> Result<bool, ReadError> {
        let octets = self.octets()?;
        let structure = self.structures.of(&self.target.row, &*octets)?;
        needle.is_in_message(&structure, &*octets, with_header)
    }

    /// The day of the `Date` field, without regard to its time and zone.
    fn sent_day(&mut self) -> Result<Option<u32>, ReadError> {
        let line = fields::first(self.header()?, b"date");
        let text = line.map(|line| String::from_utf8_lossy(&line).into_owned());
        let date = text.and_then(|text| DateTime::parse_rfc822(&text));
        Ok(date.map(|d| u32::from(d.year) * 10_000 + u32::from(d.month) * 100 + u32::from(d.day)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ceralacca_core::instant::Instant;

    #[test]
    fn days_grow_with_time() {
        let row = |millis| MessageRow {
            uid: 1,
            modseq: 1,
            flags: Flags::default(),
            content: ceralacca_core::mailbox::Content::Whole(ceralacca_core::blob::BlobRef {
                segment: 0,
                offset: 0,
                length: 0,
            }),
            size: 0,
            internal_date: Instant::from_millis(millis),
        };
        assert_eq!(arrival_day(&row(0)), 19_700_101);
        // 2026-06-30T22:30Z is the first of July in Rome.
        assert_eq!(arrival_day(&row(1_782_858_600_000)), 20_260_701);
    }

    #[test]
    fn numbers_are_found_in_ranges() {
        let ranges = [(2, 4), (9, 9)];
        let found: Vec<u32> = (1..=10).filter(|n| is_in(&ranges, *n)).collect();
        assert_eq!(found, [2, 3, 4, 9]);
    }
}
