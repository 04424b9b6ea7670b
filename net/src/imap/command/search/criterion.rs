//! A search key made ready: sets as ranges, names as bits, texts in lower case, dates as numbers, and
//! what the marks of the folder know of header values.

use std::ops::Range;
use std::sync::Arc;

use ceralacca_core::instant::Instant;
use ceralacca_core::limits;
use ceralacca_core::mailbox::{Flags, Uid};
use ceralacca_core::view::marks::{FolderMarks, Led, MarkedField, bracketed, has_value, is_word};
use mail_parser::DateTime;

use crate::imap::codec::Key;
use crate::imap::codec::output::internal_date;
use crate::imap::command::store::keyword_bit;
use crate::imap::message::cache::Structures;
use crate::imap::message::text::Needle;
use crate::imap::message::{Octets, ReadError, Store, fields, section};
use crate::imap::selected::{Selected, Target};

/// What must hold of a message.
#[derive(Debug)]
pub enum Criterion {
    All(Vec<Criterion>),
    Any(Vec<Criterion>),
    Not(Box<Criterion>),
    Numbers(Vec<(u32, u32)>),
    Uids(Vec<(u32, u32)>),
    Has(Flags),
    Never,
    Larger(u64),
    Smaller(u64),
    Changed(u64),
    Arrived(Range<u32>),
    Kept(Range<u32>),
    /// INTERNALDATE, in milliseconds.
    At(std::ops::RangeInclusive<i64>),
    Sent(Range<u32>),
    Header(Vec<u8>, Needle),
    Marked(Box<Marked>),
    Text {
        needle: Needle,
        with_header: bool,
    },
}

/// A header key that marks answer, all but a few messages.
#[derive(Debug)]
pub struct Marked {
    field: MarkedField,
    needle: Needle,
    led: Led,
    test: Test,
}

/// What is looked for in the headers that have to be read.
#[derive(Debug)]
enum Test {
    /// The text, anywhere in the value.
    Part,
    /// This value and no other.
    Whole(String),
    /// This value if there is one in the folder, else any that holds the text: to be found out, the
    /// first so many messages being looked at already.
    Either(String, usize),
}

/// What a criterion has to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cost {
    Row,
    Header,
    Content,
}

/// Why a key cannot be made ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    TooMany,
    NoSuchMessage,
}

/// Makes keys ready.
pub struct Maker<'a> {
    pub selected: &'a Selected,
    pub marks: &'a FolderMarks,
    pub now: Instant,
    /// Keys that may still come.
    pub left: usize,
    /// MODSEQ was among them.
    pub has_modseq: bool,
}

impl Maker<'_> {
    /// A criterion that holds where all keys hold, the cheap ones first.
    pub fn all_of(&mut self, keys: &[Key]) -> Result<Criterion, Unfit> {
        let ready = keys.iter().map(|key| self.make(key));
        let mut ready = ready.collect::<Result<Vec<_>, _>>()?;
        ready.sort_by_key(Criterion::cost);
        Ok(Criterion::All(ready))
    }

    /// Recursion is bounded by `limits::IMAP_SEARCH_DEPTH_MAX`.
    fn make(&mut self, key: &Key) -> Result<Criterion, Unfit> {
        self.left = self.left.checked_sub(1).ok_or(Unfit::TooMany)?;
        let ago = |seconds: u32| {
            self.now
                .as_millis()
                .saturating_sub(i64::from(seconds) * 1000)
        };
        Ok(match key {
            Key::All => Criterion::All(Vec::new()),
            Key::Never => Criterion::Never,
            Key::And(keys) => self.all_of(keys)?,
            Key::Or(a, b) => {
                let mut both = vec![self.make(a)?, self.make(b)?];
                both.sort_by_key(Criterion::cost);
                Criterion::Any(both)
            }
            Key::Not(key) => Criterion::Not(Box::new(self.make(key)?)),
            Key::Numbers(set) => {
                let ranges = self.selected.ranges(set, false);
                let exists = self.selected.exists();
                if exists > 0 && ranges.iter().any(|(_, end)| *end as usize > exists) {
                    return Err(Unfit::NoSuchMessage);
                }
                Criterion::Numbers(ranges)
            }
            Key::Uids(set) => Criterion::Uids(self.selected.ranges(set, true)),
            Key::Saved => Criterion::Uids(self.selected.saved().to_vec()),
            Key::Flag(flag) => Criterion::Has(*flag),
            Key::Keyword(word) => {
                let bit = keyword_bit(&self.selected.told().row.keywords, word);
                bit.map_or(Criterion::Never, Criterion::Has)
            }
            Key::Larger(size) => Criterion::Larger(*size),
            Key::Smaller(size) => Criterion::Smaller(*size),
            Key::Arrived(days) => Criterion::Arrived(days.clone()),
            Key::Kept(days) => Criterion::Kept(days.clone()),
            Key::Sent(days) => Criterion::Sent(days.clone()),
            Key::Older(seconds) => Criterion::At(i64::MIN..=ago(*seconds)),
            Key::Younger(seconds) => Criterion::At(ago(*seconds)..=i64::MAX),
            Key::Modseq(modseq) => {
                self.has_modseq = true;
                Criterion::Changed(*modseq)
            }
            Key::Header(name, text) => self.header(name, text),
            Key::Body(text) => self.text(text, false)?,
            Key::Text(text) => self.text(text, true)?,
        })
    }

    fn text(&mut self, text: &[u8], with_header: bool) -> Result<Criterion, Unfit> {
        // They cost more than a key: so few of them fit.
        let most = limits::IMAP_SEARCH_KEYS_MAX / limits::IMAP_SEARCH_TEXTS_MAX;
        self.left = self.left.checked_sub(most - 1).ok_or(Unfit::TooMany)?;
        let needle = Needle::new(text);
        Ok(Criterion::Text {
            needle,
            with_header,
        })
    }

    fn header(&self, name: &[u8], text: &[u8]) -> Criterion {
        let needle = Needle::new(text);
        let field = MarkedField::named(name);
        let led = field.and_then(|field| Some((field, led(self.marks, field, needle.text())?)));
        match led {
            Some((field, (led, test))) => Criterion::Marked(Box::new(Marked {
                field,
                needle,
                led,
                test,
            })),
            None => Criterion::Header(name.to_vec(), needle),
        }
    }
}

/// Where the marks lead for `text` in `field`, and what the headers are asked; `None`: nowhere.
fn led(marks: &FolderMarks, field: MarkedField, text: &str) -> Option<(Led, Test)> {
    if text.is_empty() {
        return Some((marks.with_field(field), Test::Part));
    }
    if let Some(value) = bracketed(text) {
        // A value that holds `<x>` has the mark of `x`, and the other way round.
        return Some((marks.with_value(field, value), Test::Part));
    }
    match field {
        MarkedField::Receipt if is_word(text) => {
            Some((marks.with_receipt(text), Test::Whole(text.to_owned())))
        }
        MarkedField::Receipt => Some((marks.with_receipt(text), Test::Part)),
        // An identifier without its brackets.
        _ if text.contains('@') => {
            let test = Test::Either(text.to_owned(), 0);
            Some((marks.with_value(field, text), test))
        }
        _ => None,
    }
}

impl Criterion {
    /// The most that has to be read of one message.
    pub fn cost(&self) -> Cost {
        match self {
            Criterion::All(inner) | Criterion::Any(inner) => {
                inner.iter().map(Criterion::cost).max().unwrap_or(Cost::Row)
            }
            Criterion::Not(inner) => inner.cost(),
            Criterion::Sent(_) | Criterion::Header(..) | Criterion::Marked(_) => Cost::Header,
            Criterion::Text { .. } => Cost::Content,
            _ => Cost::Row,
        }
    }

    /// The only messages that can match, where they are known and few; ascending.
    pub fn within(&self, selected: &Selected) -> Option<Vec<Uid>> {
        match self {
            Criterion::All(inner) => {
                let known = inner.iter().filter_map(|one| one.within(selected));
                known.min_by_key(Vec::len)
            }
            Criterion::Any(inner) => {
                let known = inner.iter().map(|one| one.within(selected));
                let mut all = known.collect::<Option<Vec<_>>>()?.concat();
                all.sort_unstable();
                all.dedup();
                Some(all)
            }
            Criterion::Never => Some(Vec::new()),
            Criterion::Uids(ranges) => Some(selected.uids_in(ranges, true)),
            Criterion::Numbers(ranges) => Some(selected.uids_in(ranges, false)),
            Criterion::Marked(marked) => Some(marked.within(selected)),
            _ => None,
        }
    }

    /// Finds out for each [`Test::Either`] which it is, looking at up to `budget` messages. `false`: to
    /// be called again. Recursion is bounded by `limits::IMAP_SEARCH_DEPTH_MAX`.
    pub fn settle(
        &mut self,
        looking: &mut Looking<'_>,
        budget: &mut usize,
    ) -> Result<bool, ReadError> {
        match self {
            Criterion::All(inner) | Criterion::Any(inner) => {
                for one in inner {
                    if !one.settle(looking, budget)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Criterion::Not(inner) => inner.settle(looking, budget),
            Criterion::Marked(marked) => match marked.settle(looking, budget)? {
                Settled::Later => Ok(false),
                Settled::Marked => Ok(true),
                Settled::Part => {
                    let name = marked.field.name().as_bytes().to_vec();
                    *self = Criterion::Header(name, marked.needle.clone());
                    Ok(true)
                }
            },
            _ => Ok(true),
        }
    }

    /// Whether the message matches. Recursion is bounded by `limits::IMAP_SEARCH_DEPTH_MAX`.
    pub fn matches(&self, message: &mut Looked<'_>) -> Result<bool, ReadError> {
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
            Criterion::Larger(size) => row.size > *size,
            Criterion::Smaller(size) => row.size < *size,
            Criterion::Changed(modseq) => row.modseq >= *modseq,
            Criterion::Arrived(days) => days.contains(&day_of(row.internal_date)),
            // RFC 8514 §4.3: of what is not known the internal date counts.
            Criterion::Kept(days) => days.contains(&day_of(row.saved.unwrap_or(row.internal_date))),
            Criterion::At(span) => span.contains(&row.internal_date.as_millis()),
            Criterion::Sent(days) => message.sent_day()?.is_some_and(|day| days.contains(&day)),
            Criterion::Header(name, needle) => needle.is_in_header(message.header()?, name),
            Criterion::Marked(marked) => marked.matches(message)?,
            Criterion::Text {
                needle,
                with_header,
            } => message.holds(needle, *with_header)?,
        })
    }
}

/// What became of a [`Test::Either`].
enum Settled {
    Later,
    Marked,
    Part,
}

impl Marked {
    fn within(&self, selected: &Selected) -> Vec<Uid> {
        let mut uids = [self.led.sure.as_slice(), self.led.maybe.as_slice()].concat();
        uids.sort_unstable();
        uids.dedup();
        uids.extend(selected.uids_above(self.led.upto));
        uids
    }

    fn settle(
        &mut self,
        looking: &mut Looking<'_>,
        budget: &mut usize,
    ) -> Result<Settled, ReadError> {
        let Test::Either(value, from) = &mut self.test else {
            return Ok(Settled::Marked);
        };
        let unmarked = looking.selected.uids_above(self.led.upto);
        let doubtful = self.led.maybe.iter().chain(unmarked);
        for uid in doubtful.skip(*from) {
            let Some(left) = budget.checked_sub(1) else {
                return Ok(Settled::Later);
            };
            (*budget, *from) = (left, *from + 1);
            let Some(target) = looking.selected.numbered(*uid) else {
                continue;
            };
            let mut looked = Looked::new(looking.store, looking.structures, &target);
            if has_value(looked.header()?, self.field, value) {
                self.test = Test::Whole(std::mem::take(value));
                return Ok(Settled::Marked);
            }
        }
        Ok(Settled::Part)
    }

    fn matches(&self, message: &mut Looked<'_>) -> Result<bool, ReadError> {
        let uid = message.target.row.uid;
        if self.led.sure.binary_search(&uid).is_ok() {
            return Ok(true);
        }
        if uid <= self.led.upto && self.led.maybe.binary_search(&uid).is_err() {
            return Ok(false);
        }
        let header = message.header()?;
        Ok(match &self.test {
            Test::Whole(value) => has_value(header, self.field, value),
            Test::Part | Test::Either(..) => self
                .needle
                .is_in_header(header, self.field.name().as_bytes()),
        })
    }
}

fn is_in(ranges: &[(u32, u32)], number: u32) -> bool {
    let at = ranges.partition_point(|(_, end)| *end < number);
    ranges.get(at).is_some_and(|(start, _)| *start <= number)
}

/// The day of an instant, in legal time as INTERNALDATE shows it: a number that grows.
fn day_of(at: Instant) -> u32 {
    // `22-Nov-2026 05:19:00 +0100`
    let date = internal_date(at);
    let months = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let part = |range| date.get(range).unwrap_or_default();
    let month = months.find(part(3..6)).map_or(0, |at| at / 3 + 1);
    format!("{}{month:02}{}", part(7..11), part(0..2))
        .parse()
        .unwrap_or(0)
}

/// What messages are looked at with.
pub struct Looking<'a> {
    pub store: &'a dyn Store,
    pub structures: &'a mut Structures,
    pub selected: &'a Selected,
}

/// A message, opened as far as the keys need.
pub struct Looked<'a> {
    store: &'a dyn Store,
    structures: &'a mut Structures,
    target: &'a Target,
    octets: Option<Arc<dyn Octets>>,
    header: Option<Vec<u8>>,
}

impl<'a> Looked<'a> {
    /// Not opened yet.
    pub fn new(store: &'a dyn Store, structures: &'a mut Structures, target: &'a Target) -> Self {
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

    /// Its header.
    pub fn header(&mut self) -> Result<&[u8], ReadError> {
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

    /// The `Date` field.
    pub fn sent(&mut self) -> Result<Option<DateTime>, ReadError> {
        let line = fields::first(self.header()?, b"date");
        let text = line.map(|line| String::from_utf8_lossy(&line).into_owned());
        Ok(text.and_then(|text| DateTime::parse_rfc822(&text)))
    }

    /// The day of the `Date` field, without regard to its time and zone.
    fn sent_day(&mut self) -> Result<Option<u32>, ReadError> {
        let day =
            |d: DateTime| u32::from(d.year) * 10_000 + u32::from(d.month) * 100 + u32::from(d.day);
        Ok(self.sent()?.map(day))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ceralacca_core::mailbox::MessageRow;

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
            saved: None,
        };
        let arrival_day = |row: &MessageRow| day_of(row.internal_date);
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
