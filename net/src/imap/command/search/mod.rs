//! SEARCH (RFC 9051 §6.4.4) with ESEARCH, SEARCHRES, WITHIN and MODSEQ, SORT and THREAD (RFC 5256).
//! Exact: what neither the row nor the marks of the folder tell is looked for in the stored octets, the
//! cheap keys first, and only in messages that can match where sets or marks say which those are. Works
//! in rounds of bounded work, off the ring where octets are read, so that others run meanwhile.
//!
//! BODY and TEXT look through the octets: there is no index of words, which would cost each message
//! more than all else that is kept of it, for a search that few make. A round ends after
//! `limits::IMAP_SEARCH_ROUND_MESSAGES` messages or `limits::IMAP_SEARCH_ROUND_BYTES` octets and gives its
//! place to others; texts are compared as they stand where their charset allows, else decoded part by
//! part. `bench/README.md` tells messages per second.

mod answer;
mod criterion;
mod sort;
mod thread;

use std::hash::RandomState;

use ceralacca_core::limits;
use ceralacca_core::mailbox::Uid;
use ceralacca_core::view::marks::FolderMarks;

use self::answer::{Hit, Tally};
use self::criterion::{Cost, Criterion, Looked, Looking, Maker, Unfit};
use self::sort::Sortable;
use self::thread::Threadable;
use super::{NO_SUCH_MESSAGE, UNREADABLE};
use crate::imap::codec::{Returns, SearchRequest, SortKey, Threading, Verb};
use crate::imap::message::ReadError;
use crate::imap::selected::{Selected, Target};
use crate::imap::session::{Answer, Pace, Session, Step, Telling, Work};

/// What more than `limits::IMAP_SORT_MESSAGES_MAX` messages are answered.
const TOO_MANY: &str = "[LIMIT] too many messages to sort; search for fewer";

/// SEARCH, SORT or THREAD
pub fn start(session: &mut Session, tag: String, request: SearchRequest) -> Step {
    let known: [&[u8]; 2] = [b"US-ASCII", b"UTF-8"];
    let is_known = |c: &Vec<u8>| known.iter().any(|k| c.eq_ignore_ascii_case(k));
    if !request.charset.as_ref().is_none_or(is_known) {
        forget(session, &request);
        return session.no(&tag, "[BADCHARSET (US-ASCII UTF-8)] not this charset");
    }
    let Some(selected) = &session.selected else {
        return session.bad(&tag, "select a folder first");
    };
    let marks = session
        .store
        .view()
        .marks(selected.mailbox(), selected.folder);
    let marks = marks.as_ref().map(|marks| marks.read());
    // A folder without marks is searched as one where no message is marked yet: with one answer.
    let none = FolderMarks::default();
    let mut maker = Maker {
        selected,
        marks: marks.as_deref().unwrap_or(&none),
        now: session.store.now(),
        left: limits::IMAP_SEARCH_KEYS_MAX,
        has_modseq: false,
    };
    let criterion = match maker.all_of(&request.keys) {
        Ok(criterion) => criterion,
        Err(Unfit::TooMany) => return session.bad(&tag, "too many keys"),
        Err(Unfit::NoSuchMessage) => return session.bad(&tag, NO_SUCH_MESSAGE),
    };
    let keys = limits::IMAP_SEARCH_KEYS_MAX.saturating_sub(maker.left);
    let has_modseq = maker.has_modseq;
    drop(marks);
    if has_modseq {
        session.enable_condstore();
    }
    let found = Found::new(&request.verb, is_extended(session, &request));
    let cost = found.cost().max(criterion.cost());
    let work = Searching {
        tag,
        by_uid: request.by_uid,
        returns: request.returns.unwrap_or(Returns {
            all: true,
            ..Returns::default()
        }),
        has_modseq,
        criterion,
        cost,
        rows: limits::IMAP_SEARCH_ROUND_STEPS / keys.max(1),
        plan: None,
        found,
        failed: false,
    };
    work.found.begin(session);
    let pace = work.pace();
    session.wait(work, Step::Produce(pace))
}

/// Whether SEARCH answers as ESEARCH. In IMAP4rev2 it always does (RFC 9051 §6.4.4).
fn is_extended(session: &Session, request: &SearchRequest) -> bool {
    request.returns.is_some() || (session.enabled.rev2 && matches!(request.verb, Verb::Search))
}

/// A SEARCH with SAVE that fails leaves nothing saved (RFC 5182 §2.1).
fn forget(session: &mut Session, request: &SearchRequest) {
    let saves = request.returns.is_some_and(|returns| returns.save);
    if let Some(selected) = session.selected.as_mut().filter(|_| saves) {
        selected.save(Vec::new());
    }
}

/// What is kept of the messages that match.
enum Found {
    /// Numbers are written at once; the highest mod-sequence.
    Listed(u64),
    /// For ESEARCH.
    Tallied(Tally),
    Sorted {
        keys: Vec<SortKey>,
        messages: Vec<Sortable>,
        extended: bool,
    },
    Threaded {
        threading: Threading,
        messages: Vec<Threadable>,
        hasher: RandomState,
    },
}

impl Found {
    fn new(verb: &Verb, extended: bool) -> Self {
        match verb {
            Verb::Search if extended => Self::Tallied(Tally::default()),
            Verb::Search => Self::Listed(0),
            Verb::Sort(keys) => Self::Sorted {
                keys: keys.clone(),
                messages: Vec::new(),
                extended,
            },
            Verb::Thread(threading) => Self::Threaded {
                threading: *threading,
                messages: Vec::new(),
                hasher: RandomState::new(),
            },
        }
    }

    /// What is read of each message that matches.
    fn cost(&self) -> Cost {
        match self {
            Self::Listed(_) | Self::Tallied(_) => Cost::Row,
            Self::Sorted { .. } | Self::Threaded { .. } => Cost::Header,
        }
    }

    fn begin(&self, session: &mut Session) {
        if matches!(self, Self::Listed(_)) {
            session.out.text("* SEARCH");
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Listed(_) | Self::Tallied(_) => 0,
            Self::Sorted { messages, .. } => messages.len(),
            Self::Threaded { messages, .. } => messages.len(),
        }
    }
}

/// The messages that are looked at.
#[derive(Debug)]
enum Plan {
    /// All with numbers above this one.
    All(u32),
    /// These UIDs, from this place on.
    Some(Vec<Uid>, usize),
}

/// A SEARCH that goes on.
struct Searching {
    tag: String,
    by_uid: bool,
    returns: Returns,
    has_modseq: bool,
    criterion: Criterion,
    cost: Cost,
    /// Of one round, when nothing but rows is looked at.
    rows: usize,
    /// Made once the criterion is settled.
    plan: Option<Plan>,
    found: Found,
    failed: bool,
}

impl Work for Searching {
    fn resume(mut self: Box<Self>, session: &mut Session, answer: Answer) -> Step {
        if !matches!(answer, Answer::Go) {
            return Step::Close;
        }
        let Some(selected) = session.selected.take() else {
            return Step::Close;
        };
        let is_done = self.round(session, &selected);
        session.selected = Some(selected);
        match is_done {
            false => {
                let pace = self.pace();
                session.wait(*self, Step::Produce(pace))
            }
            true => self.end(session),
        }
    }
}

impl Searching {
    fn pace(&self) -> Pace {
        match self.cost {
            Cost::Row => Pace::Here,
            Cost::Header | Cost::Content => Pace::Aside,
        }
    }

    /// One round; `true`: all is done.
    fn round(&mut self, session: &mut Session, selected: &Selected) -> bool {
        if self.plan.is_none() && !self.settle(session, selected) {
            return self.failed;
        }
        let targets = self.next_targets(selected);
        for target in &targets {
            if self.judge(session, target).is_err() {
                self.failed = true;
            }
        }
        if self.found.len() > limits::IMAP_SORT_MESSAGES_MAX {
            return true;
        }
        match &self.plan {
            Some(Plan::All(number)) => *number as usize >= selected.exists(),
            Some(Plan::Some(uids, next)) => *next >= uids.len(),
            None => true,
        }
    }

    /// Finds out which messages are to be looked at; `false`: not yet, or it failed.
    fn settle(&mut self, session: &mut Session, selected: &Selected) -> bool {
        let mut looking = Looking {
            store: &*session.store,
            structures: &mut session.structures,
            selected,
        };
        let mut budget = limits::IMAP_SEARCH_ROUND_MESSAGES;
        match self.criterion.settle(&mut looking, &mut budget) {
            Ok(true) => {}
            Ok(false) => return false,
            Err(_) => {
                self.failed = true;
                return false;
            }
        }
        self.plan = Some(match self.criterion.within(selected) {
            Some(uids) => Plan::Some(uids, 0),
            None => Plan::All(0),
        });
        true
    }

    /// The messages of this round: others wait for our place meanwhile.
    fn next_targets(&mut self, selected: &Selected) -> Vec<Target> {
        let most = match self.cost {
            Cost::Row => self.rows.max(1),
            Cost::Header | Cost::Content => limits::IMAP_SEARCH_ROUND_MESSAGES,
        };
        let (cost, mut octets) = (self.cost, 0);
        let mut fits = |target: &Target| {
            let is_first = octets == 0;
            octets += match cost {
                Cost::Row => 0,
                Cost::Header => target.row.size.min(limits::HEADER_BYTES_MAX as u64),
                Cost::Content => target.row.size,
            };
            is_first || octets <= limits::IMAP_SEARCH_ROUND_BYTES
        };
        match &mut self.plan {
            Some(Plan::All(number)) => {
                let targets = selected.after(*number, most).take_while(&mut fits);
                let targets: Vec<Target> = targets.collect();
                // Nothing left, whatever the client was told: the end.
                *number = targets.last().map_or(u32::MAX, |target| target.number);
                targets
            }
            Some(Plan::Some(uids, next)) => {
                let mut targets = Vec::new();
                while let Some(uid) = uids.get(*next).filter(|_| targets.len() < most) {
                    if let Some(target) = selected.numbered(*uid) {
                        if !fits(&target) {
                            break;
                        }
                        targets.push(target);
                    }
                    *next += 1;
                }
                targets
            }
            None => Vec::new(),
        }
    }

    fn judge(&mut self, session: &mut Session, target: &Target) -> Result<(), ReadError> {
        let mut looked = Looked::new(&*session.store, &mut session.structures, target);
        if !self.criterion.matches(&mut looked)? {
            return Ok(());
        }
        let hit = Hit::of(target, self.by_uid);
        match &mut self.found {
            Found::Listed(modseq) => {
                *modseq = hit.modseq.max(*modseq);
                session.out.text(" ").number(hit.number.into());
            }
            Found::Tallied(tally) => tally.take(hit, self.returns),
            Found::Sorted { keys, messages, .. } => {
                messages.push(Sortable::read(target, hit, keys, &mut looked)?);
            }
            Found::Threaded {
                messages, hasher, ..
            } => messages.push(Threadable::read(target, hit, hasher, &mut looked)?),
        }
        Ok(())
    }

    fn end(mut self, session: &mut Session) -> Step {
        let is_beyond = self.found.len() > limits::IMAP_SORT_MESSAGES_MAX;
        let is_well = !self.failed && !is_beyond;
        let tally = self.write(session, is_well);
        if let Some(selected) = session.selected.as_mut().filter(|_| self.returns.save) {
            let saved = tally.filter(|_| is_well).map(|t| t.saved(self.returns));
            selected.save(saved.unwrap_or_default());
        }
        let telling = match self.by_uid {
            true => Telling::All,
            false => Telling::NoExpunge,
        };
        if is_well {
            return session.ok(&self.tag, "done", telling);
        }
        session.tell(telling);
        session.no(&self.tag, if is_beyond { TOO_MANY } else { UNREADABLE })
    }

    /// Writes the answer, where there is one, and gives what is to be saved.
    fn write(&mut self, session: &mut Session, is_well: bool) -> Option<Tally> {
        let out = &mut session.out;
        let found = std::mem::replace(&mut self.found, Found::Listed(0));
        match found {
            Found::Listed(modseq) => {
                if self.has_modseq && modseq > 0 {
                    out.text(" (MODSEQ ").number(modseq).text(")");
                }
                out.end();
                None
            }
            _ if !is_well => None,
            Found::Tallied(tally) => {
                self.write_extended(session, &tally);
                Some(tally)
            }
            Found::Sorted {
                keys,
                mut messages,
                extended,
            } => {
                messages.sort_by(|a, b| a.compare(b, &keys));
                if extended {
                    let mut tally = Tally::default();
                    messages
                        .iter()
                        .for_each(|m| tally.take(m.hit, self.returns));
                    self.write_extended(session, &tally);
                    return Some(tally);
                }
                out.text("* SORT");
                messages.iter().for_each(|m| {
                    out.text(" ").number(m.hit.number.into());
                });
                if self.has_modseq && !messages.is_empty() {
                    let highest = messages.iter().map(|m| m.hit.modseq).max();
                    out.text(" (MODSEQ ").number(highest.unwrap_or(0)).text(")");
                }
                out.end();
                None
            }
            Found::Threaded {
                threading,
                messages,
                ..
            } => {
                out.text(if messages.is_empty() {
                    "* THREAD"
                } else {
                    "* THREAD "
                });
                match threading {
                    Threading::References => thread::write_by_references(out, &messages),
                    Threading::OrderedSubject => thread::write_by_subject(out, messages),
                }
                out.end();
                None
            }
        }
    }

    fn write_extended(&self, session: &mut Session, tally: &Tally) {
        let returns = self.returns;
        let is_only_save = returns
            == Returns {
                save: true,
                ..Returns::default()
            };
        if !is_only_save {
            let out = &mut session.out;
            tally.write(out, &self.tag, self.by_uid, returns, self.has_modseq);
        }
    }
}
