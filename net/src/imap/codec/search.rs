//! SEARCH (RFC 9051 §6.4.4), SORT and THREAD (RFC 5256) with what imap-codec does not know: RETURN
//! (RFC 4731, RFC 5267), `$` (RFC 5182), OLDER and YOUNGER (RFC 5032), MODSEQ (RFC 7162).

use ceralacca_core::limits;
use ceralacca_core::mailbox::Flags;
use imap_types::sequence::SequenceSet;

/// SEARCH, SORT or THREAD as it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchRequest {
    /// UIDs are wanted.
    pub by_uid: bool,
    /// Which of the three.
    pub verb: Verb,
    /// RETURN; `None`: the old answer.
    pub returns: Option<Returns>,
    /// Of the strings.
    pub charset: Option<Vec<u8>>,
    /// All must hold.
    pub keys: Vec<Key>,
}

/// What is done with what is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// SEARCH
    Search,
    /// SORT
    Sort(Vec<SortKey>),
    /// THREAD
    Thread(Threading),
}

/// Result options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Returns {
    /// MIN
    pub min: bool,
    /// MAX
    pub max: bool,
    /// ALL
    pub all: bool,
    /// COUNT
    pub count: bool,
    /// SAVE
    pub save: bool,
}

/// A sort criterion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortKey {
    /// By.
    pub by: SortBy,
    /// REVERSE
    pub reverse: bool,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortBy {
    /// INTERNALDATE
    Arrival,
    /// The first address's local part.
    Cc,
    /// When it was sent.
    Date,
    /// The first address's local part.
    From,
    /// Octets.
    Size,
    /// The base subject.
    Subject,
    /// The first address's local part.
    To,
}

/// How messages are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threading {
    /// REFERENCES
    References,
    /// ORDEREDSUBJECT
    OrderedSubject,
}

/// A search key. Days are numbers as 20260131.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// ALL
    All,
    /// Nothing is: RECENT and NEW (RFC 9051 dropped `\Recent`).
    Never,
    /// In parentheses.
    And(Vec<Key>),
    /// OR
    Or(Box<Key>, Box<Key>),
    /// NOT
    Not(Box<Key>),
    /// Sequence numbers.
    Numbers(SequenceSet),
    /// UID
    Uids(SequenceSet),
    /// `$`
    Saved,
    /// A system flag.
    Flag(Flags),
    /// KEYWORD
    Keyword(String),
    /// LARGER
    Larger(u64),
    /// SMALLER
    Smaller(u64),
    /// BEFORE, ON, SINCE
    Arrived(std::ops::Range<u32>),
    /// SAVEDBEFORE, SAVEDON, SAVEDSINCE (RFC 8514)
    Kept(std::ops::Range<u32>),
    /// SENTBEFORE, SENTON, SENTSINCE
    Sent(std::ops::Range<u32>),
    /// OLDER, seconds
    Older(u32),
    /// YOUNGER, seconds
    Younger(u32),
    /// MODSEQ
    Modseq(u64),
    /// HEADER and its short forms.
    Header(Vec<u8>, Vec<u8>),
    /// BODY
    Body(Vec<u8>),
    /// TEXT
    Text(Vec<u8>),
}

/// The tag and, when it can be read, the command, if this is one of the three.
pub(super) fn recognise(octets: &[u8]) -> Option<(String, Option<SearchRequest>)> {
    let tag = super::decode::tag(octets)?;
    let mut at = Cursor {
        rest: octets.get(tag.len()..)?,
    };
    at.expect(b" ")?;
    let by_uid = at.take(b"UID ");
    let verbs: [(&[u8], Decode<'_>); 3] = [
        (b"SEARCH ", Cursor::search),
        (b"SORT ", Cursor::sort),
        (b"THREAD ", Cursor::thread),
    ];
    let (_, decode) = verbs.into_iter().find(|(verb, _)| at.take(verb))?;
    let request = decode(&mut at, by_uid).filter(|_| at.rest == b"\r\n");
    Some((tag, request))
}

type Decode<'a> = fn(&mut Cursor<'a>, bool) -> Option<SearchRequest>;

struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn search(&mut self, by_uid: bool) -> Option<SearchRequest> {
        let returns = self.returns()?;
        let charset = match self.take(b"CHARSET ") {
            true => {
                let charset = self.string()?;
                self.expect(b" ")?;
                Some(charset)
            }
            false => None,
        };
        Some(SearchRequest {
            by_uid,
            verb: Verb::Search,
            returns,
            charset,
            keys: self.keys(0)?,
        })
    }

    fn sort(&mut self, by_uid: bool) -> Option<SearchRequest> {
        let returns = self.returns()?;
        self.expect(b"(")?;
        let mut sort = Vec::new();
        loop {
            let reverse = self.take(b"REVERSE ");
            let by = match self.word()?.as_str() {
                "ARRIVAL" => SortBy::Arrival,
                "CC" => SortBy::Cc,
                "DATE" => SortBy::Date,
                "FROM" => SortBy::From,
                "SIZE" => SortBy::Size,
                "SUBJECT" => SortBy::Subject,
                "TO" => SortBy::To,
                _ => return None,
            };
            sort.push(SortKey { by, reverse });
            if sort.len() > limits::IMAP_SORT_KEYS_MAX {
                return None;
            }
            if self.take(b")") {
                break;
            }
            self.expect(b" ")?;
        }
        self.expect(b" ")?;
        let charset = Some(self.string()?);
        self.expect(b" ")?;
        Some(SearchRequest {
            by_uid,
            verb: Verb::Sort(sort),
            returns,
            charset,
            keys: self.keys(0)?,
        })
    }

    fn thread(&mut self, by_uid: bool) -> Option<SearchRequest> {
        let threading = match self.word()?.as_str() {
            "REFERENCES" => Threading::References,
            "ORDEREDSUBJECT" => Threading::OrderedSubject,
            _ => return None,
        };
        self.expect(b" ")?;
        let charset = Some(self.string()?);
        self.expect(b" ")?;
        Some(SearchRequest {
            by_uid,
            verb: Verb::Thread(threading),
            returns: None,
            charset,
            keys: self.keys(0)?,
        })
    }

    /// RETURN with the blank after it, where it is there.
    fn returns(&mut self) -> Option<Option<Returns>> {
        if !self.take(b"RETURN (") {
            return Some(None);
        }
        let mut returns = Returns::default();
        while !self.take(b")") {
            match self.word()?.as_str() {
                "MIN" => returns.min = true,
                "MAX" => returns.max = true,
                "ALL" => returns.all = true,
                "COUNT" => returns.count = true,
                "SAVE" => returns.save = true,
                _ => return None,
            }
            let _ = self.take(b" ");
        }
        if returns == Returns::default() {
            // RFC 4731 §3.1: nothing named is ALL.
            returns.all = true;
        }
        self.expect(b" ")?;
        Some(Some(returns))
    }

    fn keys(&mut self, depth: usize) -> Option<Vec<Key>> {
        let mut keys = vec![self.key(depth)?];
        while self.take(b" ") {
            keys.push(self.key(depth)?);
        }
        Some(keys)
    }

    /// Recursion is bounded by `limits::IMAP_SEARCH_DEPTH_MAX`.
    fn key(&mut self, depth: usize) -> Option<Key> {
        if depth > limits::IMAP_SEARCH_DEPTH_MAX {
            return None;
        }
        match self.rest.first()? {
            b'(' => {
                self.expect(b"(")?;
                let keys = self.keys(depth + 1)?;
                self.expect(b")")?;
                return Some(Key::And(keys));
            }
            b'$' => return self.expect(b"$").map(|()| Key::Saved),
            b'0'..=b'9' | b'*' => return self.set().map(Key::Numbers),
            _ => {}
        }
        let word = self.word()?;
        if let Some(key) = plain(&word) {
            return Some(key);
        }
        self.expect(b" ")?;
        self.key_with_argument(&word, depth)
    }

    fn key_with_argument(&mut self, word: &str, depth: usize) -> Option<Key> {
        Some(match word {
            "NOT" => not(self.key(depth + 1)?),
            "OR" => {
                let one = self.key(depth + 1)?;
                self.expect(b" ")?;
                Key::Or(Box::new(one), Box::new(self.key(depth + 1)?))
            }
            "UID" if self.take(b"$") => Key::Saved,
            "UID" => Key::Uids(self.set()?),
            "KEYWORD" => Key::Keyword(self.atom()?),
            "UNKEYWORD" => not(Key::Keyword(self.atom()?)),
            "LARGER" => Key::Larger(self.number()?),
            "SMALLER" => Key::Smaller(self.number()?),
            "OLDER" => Key::Older(self.seconds()?),
            "YOUNGER" => Key::Younger(self.seconds()?),
            "MODSEQ" => Key::Modseq(self.modseq()?),
            "BEFORE" => Key::Arrived(0..self.day()?),
            "ON" => Key::Arrived(self.one_day()?),
            "SINCE" => Key::Arrived(self.day()?..u32::MAX),
            "SAVEDBEFORE" => Key::Kept(0..self.day()?),
            "SAVEDON" => Key::Kept(self.one_day()?),
            "SAVEDSINCE" => Key::Kept(self.day()?..u32::MAX),
            "SENTBEFORE" => Key::Sent(0..self.day()?),
            "SENTON" => Key::Sent(self.one_day()?),
            "SENTSINCE" => Key::Sent(self.day()?..u32::MAX),
            "BCC" | "CC" | "FROM" | "SUBJECT" | "TO" => {
                Key::Header(word.to_lowercase().into_bytes(), self.string()?)
            }
            "HEADER" => {
                let name = self.string()?;
                self.expect(b" ")?;
                Key::Header(name, self.string()?)
            }
            "BODY" => Key::Body(self.string()?),
            "TEXT" => Key::Text(self.string()?),
            _ => return None,
        })
    }

    /// Takes `word` without regard to case, when it comes next.
    fn take(&mut self, word: &[u8]) -> bool {
        match self.rest.split_at_checked(word.len()) {
            Some((head, rest)) if head.eq_ignore_ascii_case(word) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn expect(&mut self, word: &[u8]) -> Option<()> {
        self.take(word).then_some(())
    }

    fn while_(&mut self, is_in: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|b| !is_in(*b));
        let (head, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        head
    }

    /// Letters, as capitals.
    fn word(&mut self) -> Option<String> {
        let word = self.while_(|b| b.is_ascii_alphabetic());
        let word = std::str::from_utf8(word).ok()?;
        (!word.is_empty()).then(|| word.to_ascii_uppercase())
    }

    fn atom(&mut self) -> Option<String> {
        let atom = self.while_(is_atom_char);
        let atom = std::str::from_utf8(atom).ok()?;
        (!atom.is_empty()).then(|| atom.to_owned())
    }

    fn number(&mut self) -> Option<u64> {
        let digits = self.while_(|b| b.is_ascii_digit());
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// A number that is not 0 (RFC 5032 §3).
    fn seconds(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok().filter(|n| *n > 0)
    }

    /// The entry names that may come before are all the same here: flags have one mod-sequence.
    fn modseq(&mut self) -> Option<u64> {
        if self.rest.first() == Some(&b'"') {
            self.string()?;
            self.expect(b" ")?;
            let kind = self.word()?;
            ["PRIV", "SHARED", "ALL"]
                .contains(&kind.as_str())
                .then_some(())?;
            self.expect(b" ")?;
        }
        // RFC 7162 §7: 63 bits.
        self.number().filter(|n| *n <= i64::MAX as u64)
    }

    fn set(&mut self) -> Option<SequenceSet> {
        let set = self.while_(|b| b.is_ascii_digit() || b":,*".contains(&b));
        SequenceSet::try_from(std::str::from_utf8(set).ok()?).ok()
    }

    fn one_day(&mut self) -> Option<std::ops::Range<u32>> {
        self.day().map(|day| day..day + 1)
    }

    /// `1-Feb-1994`, quoted or not.
    fn day(&mut self) -> Option<u32> {
        let is_quoted = self.take(b"\"");
        let day = u32::try_from(self.number()?).ok()?;
        self.expect(b"-")?;
        let name = self.word()?;
        let months = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC";
        let at = months
            .find(&name)
            .filter(|at| at % 3 == 0 && name.len() == 3)?;
        let month = u32::try_from(at).ok()? / 3 + 1;
        self.expect(b"-")?;
        let year = u32::try_from(self.number()?).ok()?;
        if is_quoted {
            self.expect(b"\"")?;
        }
        let is_day = (1..=31).contains(&day) && (1..=9999).contains(&year);
        is_day.then(|| year * 10_000 + month * 100 + day)
    }

    /// An astring.
    fn string(&mut self) -> Option<Vec<u8>> {
        match self.rest.first()? {
            b'"' => self.quoted(),
            b'{' => self.literal(),
            _ => {
                let atom = self.while_(|b| is_atom_char(b) || b == b']');
                (!atom.is_empty()).then(|| atom.to_vec())
            }
        }
    }

    fn quoted(&mut self) -> Option<Vec<u8>> {
        self.expect(b"\"")?;
        let mut text = Vec::new();
        loop {
            let (first, rest) = self.rest.split_first()?;
            self.rest = rest;
            match first {
                b'"' => return Some(text),
                b'\r' | b'\n' | 0 => return None,
                b'\\' => {
                    let (escaped, rest) = self.rest.split_first()?;
                    self.rest = rest;
                    text.extend(b"\"\\".contains(escaped).then_some(*escaped));
                }
                other => text.push(*other),
            }
        }
    }

    fn literal(&mut self) -> Option<Vec<u8>> {
        self.expect(b"{")?;
        let length = usize::try_from(self.number()?).ok()?;
        let _ = self.take(b"+") || self.take(b"-");
        self.expect(b"}\r\n")?;
        let (octets, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(octets.to_vec())
    }
}

fn not(key: Key) -> Key {
    Key::Not(Box::new(key))
}

/// Keys without an argument.
fn plain(word: &str) -> Option<Key> {
    Some(match word {
        "ALL" | "OLD" | "SAVEDATESUPPORTED" => Key::All,
        "RECENT" | "NEW" => Key::Never,
        "ANSWERED" => Key::Flag(Flags::ANSWERED),
        "DELETED" => Key::Flag(Flags::DELETED),
        "DRAFT" => Key::Flag(Flags::DRAFT),
        "FLAGGED" => Key::Flag(Flags::FLAGGED),
        "SEEN" => Key::Flag(Flags::SEEN),
        "UNANSWERED" => not(Key::Flag(Flags::ANSWERED)),
        "UNDELETED" => not(Key::Flag(Flags::DELETED)),
        "UNDRAFT" => not(Key::Flag(Flags::DRAFT)),
        "UNFLAGGED" => not(Key::Flag(Flags::FLAGGED)),
        "UNSEEN" => not(Key::Flag(Flags::SEEN)),
        _ => return None,
    })
}

fn is_atom_char(b: u8) -> bool {
    b.is_ascii_graphic() && !b"(){%*\"\\]".contains(&b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<SearchRequest> {
        recognise(format!("a {text}\r\n").as_bytes())?.1
    }

    #[test]
    fn examples_of_the_rfcs_are_read() {
        for text in [
            "SEARCH FLAGGED SINCE 1-Feb-1994 NOT FROM \"Smith\"",
            "SEARCH CHARSET UTF-8 TEXT {12+}\r\nabcdefghijkl",
            "SEARCH RETURN (MIN COUNT) FLAGGED SINCE 1-Feb-1994 NOT FROM \"Smith\"",
            "SEARCH RETURN () FLAGGED",
            "UID SEARCH RETURN (SAVE) UID $ SMALLER 4096",
            "SEARCH RETURN (SAVE MIN) OR $ 1,3000:3021",
            "SEARCH CHARSET UTF-8 (OR $ 1,3000:3021) TEXT x",
            "SEARCH UNSEEN YOUNGER 259200",
            "SEARCH MODSEQ \"/flags/\\\\draft\" all 620162338",
            "SEARCH OR NOT MODSEQ 720162338 LARGER 50000",
            "SORT (SUBJECT) UTF-8 SINCE 1-Feb-1994",
            "UID SORT (SUBJECT REVERSE DATE) UTF-8 ALL",
            "SORT RETURN (MIN) (REVERSE DATE) UTF-8 UNDELETED",
            "THREAD ORDEREDSUBJECT UTF-8 SINCE 5-MAR-2000",
            "UID THREAD references UTF-8 \"all\"",
        ] {
            assert_eq!(read(text).is_some(), !text.ends_with("\"all\""), "{text}");
        }
    }

    #[test]
    fn what_is_no_search_is_refused_with_its_tag() {
        for text in [
            "SEARCH",
            "SEARCH ",
            "SEARCH OLDER 0",
            "SEARCH RETURN (MINI) ALL",
            "SEARCH ON 32-Jan-2020",
            "SEARCH SINCE 1-Jan-4000000000",
            "SEARCH ON 1-Anf-2020",
            "SEARCH 0",
            "SEARCH ALL ",
            "SEARCH (ALL",
            "SORT () UTF-8 ALL",
            "THREAD JWZ UTF-8 ALL",
            "SEARCH HEADER x",
            "SEARCH TEXT {9}\r\nab",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        let deep = "(".repeat(limits::IMAP_SEARCH_DEPTH_MAX + 2);
        assert_eq!(read(&format!("SEARCH {deep}ALL")), None);
        assert_eq!(read(&format!("SEARCH {}ALL", "NOT ".repeat(99))), None);
        assert!(recognise(b"a SEARCHES x\r\n").is_none());
    }
}
