//! What header search knows of the messages of a folder (TM-09, AC-12): of each, a *mark* per value of
//! `Message-ID`, `X-Riferimento-Message-ID` and `X-Ricevuta`, so that a whole value leads to its messages
//! without looking at the others. Marks are read from the stored octets after a message was placed, in
//! the order of UIDs: what is not marked yet has to be read by who searches, and nothing depends on it.
//!
//! A mark is two bits for the field and thirty of a hash: it names messages that *may* hold the value.
//! The words of the protocol have numbers instead of hashes: these are sure. Eight octets in memory for
//! each mark, two marks for most messages, [`limits::MARKS_PER_MESSAGE_MAX`] at most.

use std::collections::BTreeSet;

use crate::limits;
use crate::mailbox::Uid;
use crate::mime::{fields, words};
use crate::wording::annex::KINDS;
use crate::wording::words::{RECEIPT_FIELD, REFERENCE_FIELD};

/// A field whose values are marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MarkedField {
    /// `Message-ID`
    MessageId,
    /// `X-Riferimento-Message-ID`
    Reference,
    /// `X-Ricevuta`
    Receipt,
}

const FIELDS: [(MarkedField, &str); 3] = [
    (MarkedField::MessageId, "Message-ID"),
    (MarkedField::Reference, REFERENCE_FIELD),
    (MarkedField::Receipt, RECEIPT_FIELD),
];
/// The bits of a mark below the field's.
const VALUE_BITS: u32 = 30;
/// Set in every hash: numbers of words are below.
const HASHED: u32 = 1 << 29;

impl MarkedField {
    /// The field of this name, without regard to case.
    pub fn named(name: &[u8]) -> Option<Self> {
        let is_it = |(_, own): &&(Self, &str)| own.as_bytes().eq_ignore_ascii_case(name);
        FIELDS.iter().find(is_it).map(|(field, _)| *field)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        let own = FIELDS.iter().find(|(field, _)| *field == self);
        own.map_or("", |(_, name)| name)
    }

    fn first_mark(self) -> u32 {
        (self as u32) << VALUE_BITS
    }

    /// The mark of a value in lower case.
    fn mark(self, value: &str) -> u32 {
        let word = || (0u32..).zip(KINDS).find(|(_, kind)| *kind == value);
        let number = match self {
            Self::Receipt => word().map(|(number, _)| number),
            Self::MessageId | Self::Reference => None,
        };
        let hashed = || HASHED | (crc32c::crc32c(value.as_bytes()) & (HASHED - 1));
        self.first_mark() | number.unwrap_or_else(hashed)
    }
}

/// The values of a field as they are marked, in lower case: what stands in `<` and `>`, and the whole
/// where it is not just that. Encoded words are values decoded and as they stand.
fn values(line: &[u8], mut take: impl FnMut(&str)) {
    let raw = String::from_utf8_lossy(line).to_lowercase();
    values_of_text(&raw, &mut take);
    if raw.contains("=?") {
        values_of_text(&words::decode(line).to_lowercase(), &mut take);
    }
}

fn values_of_text(text: &str, take: &mut impl FnMut(&str)) {
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        match rest.find(['<', '>']) {
            Some(end) if rest[end..].starts_with('>') => {
                take(&rest[..end]);
                rest = &rest[end + 1..];
            }
            Some(_) => {}
            None => break,
        }
    }
    let whole = text.trim();
    if bracketed(whole).is_none() {
        take(whole);
    }
}

/// What is between `<` and `>`, when the text is that and nothing more.
pub fn bracketed(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('<')?.strip_suffix('>')?;
    (!inner.contains(['<', '>'])).then_some(inner)
}

/// Whether a text in lower case is a kind of receipt, whole.
pub fn is_word(text: &str) -> bool {
    KINDS.contains(&text)
}

/// Whether one of the field's values in `header` is `value`, which is in lower case.
pub fn has_value(header: &[u8], field: MarkedField, value: &str) -> bool {
    let mut found = false;
    for own in fields::fields(header).filter(|f| f.is(field.name().as_bytes())) {
        values(&own.unfolded(), |held| found |= held == value);
    }
    found
}

/// The marks of one message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marks {
    marks: Vec<u32>,
    /// It has more values than are kept, or could not be read: it may hold anything.
    is_open: bool,
}

impl Marks {
    /// Of a message with this header.
    pub fn of(header: &[u8]) -> Self {
        let mut marks = BTreeSet::new();
        for field in fields::fields(header) {
            if let Some(marked) = MarkedField::named(field.name) {
                values(&field.unfolded(), |value| {
                    marks.insert(marked.mark(value));
                });
            }
        }
        match marks.len() <= limits::MARKS_PER_MESSAGE_MAX {
            true => Self {
                marks: marks.into_iter().collect(),
                is_open: false,
            },
            false => Self::open(),
        }
    }

    /// Of a message that may hold anything.
    pub fn open() -> Self {
        Self {
            marks: Vec::new(),
            is_open: true,
        }
    }

    /// As they are stored: at most [`limits::MARKS_PER_MESSAGE_MAX`] of them, or `None`: open.
    pub fn stored(&self) -> Option<&[u32]> {
        (!self.is_open).then_some(&self.marks)
    }

    /// From what was stored.
    pub fn from_stored(marks: Option<Vec<u32>>) -> Self {
        match marks {
            Some(marks) if marks.len() <= limits::MARKS_PER_MESSAGE_MAX => Self {
                marks,
                is_open: false,
            },
            _ => Self::open(),
        }
    }
}

/// The marks of a folder.
#[derive(Debug, Default)]
pub struct FolderMarks {
    /// Mark above, UID below, ascending.
    sorted: Vec<u64>,
    /// Not sorted in yet.
    fresh: Vec<u64>,
    open: Vec<Uid>,
    /// Every message up to this one is marked.
    upto: Uid,
    /// Messages marked, those that went since included.
    messages: usize,
}

/// Messages that marks lead to, ascending. What lies above `upto` is not marked yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Led {
    /// They hold it.
    pub sure: Vec<Uid>,
    /// Their header says whether they do.
    pub maybe: Vec<Uid>,
    /// Messages above may hold it too.
    pub upto: Uid,
}

impl FolderMarks {
    /// Every message up to this one is marked.
    pub fn upto(&self) -> Uid {
        self.upto
    }

    /// Octets of memory.
    pub fn bytes(&self) -> usize {
        8 * (self.sorted.capacity() + self.fresh.capacity()) + 4 * self.open.capacity()
    }

    /// Takes the marks of the next message; one that was taken already is left alone.
    pub fn put(&mut self, uid: Uid, marks: &Marks) {
        if uid <= self.upto {
            return;
        }
        self.upto = uid;
        self.messages += 1;
        if marks.is_open {
            self.open.push(uid);
        }
        let entries = marks.marks.iter().map(|mark| entry(*mark, uid));
        self.fresh.extend(entries);
        if self.fresh.len() > limits::MARKS_FRESH_MAX.max(self.sorted.len() / 16) {
            self.sort();
        }
    }

    fn sort(&mut self) {
        self.fresh.sort_unstable();
        self.sorted.reserve_exact(self.fresh.len());
        self.sorted.append(&mut self.fresh);
        // Two sorted runs: this merges them.
        self.sorted.sort();
    }

    /// Lets go of messages that went, once they are more than those that are there.
    pub fn prune(&mut self, exist: usize, exists: impl Fn(Uid) -> bool) {
        if self.messages <= 2 * exist + limits::MARKS_FRESH_MAX {
            return;
        }
        self.sort();
        self.sorted.retain(|entry| exists(*entry as Uid));
        self.sorted.shrink_to_fit();
        self.fresh = Vec::new();
        self.open.retain(|uid| exists(*uid));
        self.messages = exist;
    }

    /// Messages that may have `value`, in lower case, as a value of `field`.
    pub fn with_value(&self, field: MarkedField, value: &str) -> Led {
        let mark = field.mark(value);
        let found = self.between(mark, mark);
        match mark & HASHED {
            0 => self.led(found, Vec::new()),
            _ => self.led(Vec::new(), found),
        }
    }

    /// Messages that have the field.
    pub fn with_field(&self, field: MarkedField) -> Led {
        let first = field.first_mark();
        self.led(
            self.between(first, first | ((1 << VALUE_BITS) - 1)),
            Vec::new(),
        )
    }

    /// Messages whose kind of receipt contains `part`, in lower case; only that kind where `part` is one.
    pub fn with_receipt(&self, part: &str) -> Led {
        if is_word(part) {
            return self.with_value(MarkedField::Receipt, part);
        }
        let known = KINDS.iter().filter(|kind| kind.contains(part));
        let known = known.flat_map(|kind| {
            let mark = MarkedField::Receipt.mark(kind);
            self.between(mark, mark)
        });
        let known = known.collect();
        let first = MarkedField::Receipt.first_mark();
        let others = self.between(first | HASHED, first | ((1 << VALUE_BITS) - 1));
        self.led(known, others)
    }

    fn between(&self, first: u32, last: u32) -> Vec<Uid> {
        let (first, last) = (entry(first, 0), entry(last, Uid::MAX));
        let start = self.sorted.partition_point(|entry| *entry < first);
        let rest = self.sorted.get(start..).unwrap_or_default();
        let sorted = rest.iter().take_while(|entry| **entry <= last);
        let fresh = self.fresh.iter();
        let fresh = fresh.filter(|entry| (first..=last).contains(*entry));
        sorted.chain(fresh).map(|entry| *entry as Uid).collect()
    }

    fn led(&self, mut sure: Vec<Uid>, mut maybe: Vec<Uid>) -> Led {
        maybe.extend_from_slice(&self.open);
        for list in [&mut sure, &mut maybe] {
            list.sort_unstable();
            list.dedup();
        }
        Led {
            sure,
            maybe,
            upto: self.upto,
        }
    }
}

fn entry(mark: u32, uid: Uid) -> u64 {
    (u64::from(mark) << 32) | u64::from(uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(id: u32, receipt: &str) -> Vec<u8> {
        format!(
            "Subject: s\r\nMessage-Id: <{id}@A.test>\r\nX-RICEVUTA: {receipt}\r\n\
             X-Riferimento-Message-ID:\r\n <ref{}@b.test>\r\n\r\n",
            id / 3
        )
        .into_bytes()
    }

    fn folder(messages: u32) -> FolderMarks {
        let mut folder = FolderMarks::default();
        for uid in 1..=messages {
            let receipt = KINDS[uid as usize % 3];
            folder.put(uid, &Marks::of(&header(uid, receipt)));
        }
        folder
    }

    #[test]
    fn tm_09_a_whole_value_leads_to_its_messages() {
        let folder = folder(5000);
        let led = folder.with_value(MarkedField::MessageId, "77@a.test");
        assert_eq!((led.sure, led.maybe, led.upto), (vec![], vec![77], 5000));
        let led = folder.with_value(MarkedField::Reference, "ref30@b.test");
        assert_eq!(led.maybe, [90, 91, 92]);
        let led = folder.with_value(MarkedField::Receipt, "accettazione");
        assert_eq!(led.sure.len(), 1666);
        assert!(led.maybe.is_empty() && led.sure.is_sorted());
        assert_eq!(folder.with_field(MarkedField::Reference).sure.len(), 5000);
        // Three marks a message.
        assert!(folder.bytes() <= 5000 * 3 * 8 * 5 / 4, "{}", folder.bytes());
    }

    #[test]
    fn ac_12_parts_of_a_receipt_kind_lead_to_every_kind_that_has_them() {
        let mut folder = folder(3);
        let other = header(9, "mai-vista");
        folder.put(4, &Marks::of(&other));
        let led = folder.with_receipt("accettaz");
        assert_eq!((led.sure, led.maybe), (vec![1, 3], vec![4]));
    }

    #[test]
    fn every_form_of_a_value_has_its_mark() {
        let header = b"Message-ID: =?utf-8?q?<X@y.test>?= (no) <z@y.test>\r\n\r\n";
        for value in ["x@y.test", "z@y.test"] {
            assert!(has_value(header, MarkedField::MessageId, value), "{value}");
        }
        assert!(!has_value(header, MarkedField::MessageId, "y.test"));
        assert!(!has_value(header, MarkedField::Reference, "z@y.test"));
        let bare = b"Message-ID:  one@y.test \r\nX-Ricevuta:\r\n\r\n";
        assert!(has_value(bare, MarkedField::MessageId, "one@y.test"));
        assert!(has_value(bare, MarkedField::Receipt, ""));
        assert_eq!(bracketed("<a>"), Some("a"));
        assert_eq!((bracketed("<a> <b>"), bracketed("a")), (None, None));
    }

    #[test]
    fn many_values_make_a_message_open() {
        let many = "Message-ID: <1> <2> <3> <4> <5> <6> <7> <8> <9> <10>\r\n\r\n";
        let marks = Marks::of(many.as_bytes());
        assert_eq!(marks.stored(), None);
        let mut folder = FolderMarks::default();
        folder.put(8, &marks);
        folder.put(3, &Marks::of(&header(1, "")));
        let led = folder.with_value(MarkedField::Receipt, KINDS[0]);
        assert_eq!((led.sure, led.maybe, led.upto), (vec![], vec![8], 8));
    }

    #[test]
    fn messages_that_went_are_let_go_of() {
        let mut folder = folder(6000);
        folder.prune(6000, |_| true);
        assert_eq!(folder.messages, 6000);
        folder.prune(10, |uid| uid > 5990);
        assert!(folder.bytes() < 4096, "{}", folder.bytes());
        let led = folder.with_value(MarkedField::MessageId, "5995@a.test");
        assert_eq!(led.maybe, [5995]);
        assert!(folder.with_field(MarkedField::MessageId).sure.len() == 10);
    }
}
