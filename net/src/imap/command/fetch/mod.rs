//! FETCH (RFC 3501 §6.4.5) with mod-sequences (RFC 7162), BINARY (RFC 3516), identifiers (RFC 8474),
//! SAVEDATE (RFC 8514) and PREVIEW (RFC 8970). Answers are made in pieces of about
//! `limits::IMAP_CHUNK_BYTES`, so that a large message to a slow client holds little memory; octets of
//! messages are written as they are stored (DP-01).

mod item;
mod piece;

use std::collections::VecDeque;
use std::sync::Arc;

use ceralacca_core::limits;
use ceralacca_core::mailbox::{FlagAction, FlagName, Flags, Uid};
use ceralacca_core::owner::MailboxOrder;
use imap_types::command::FetchModifier;
use imap_types::fetch::MacroOrMessageDataItemNames;
use imap_types::sequence::SequenceSet;

use self::item::{Depth, Item, items, numbers_label};
use self::piece::{Literal, write_binary, write_row_item};
use super::{NO_SUCH_MESSAGE, UNREADABLE};
use crate::imap::codec::MoreItem;
use crate::imap::codec::output::Output;
use crate::imap::message::binary::{self, Content};
use crate::imap::message::preview;
use crate::imap::message::section::{self, Found};
use crate::imap::message::{Octets, ReadError, Structure, bodystructure, envelope, read_range};
use crate::imap::selected::Target;
use crate::imap::session::{Answer, Pace, Session, Step, Telling, Work};

/// What is asked.
pub struct Fetch<'a> {
    /// Of which messages.
    pub set: &'a SequenceSet,
    /// The set is of UIDs.
    pub by_uid: bool,
    /// Which items.
    pub names: MacroOrMessageDataItemNames<'static>,
    /// Items that imap-codec does not know.
    pub more: &'a [MoreItem],
    /// CHANGEDSINCE and VANISHED.
    pub modifiers: &'a [FetchModifier],
}

/// FETCH
pub fn start(session: &mut Session, tag: String, fetch: Fetch<'_>) -> Step {
    let (set, by_uid) = (fetch.set, fetch.by_uid);
    let since = fetch.modifiers.iter().find_map(|modifier| match modifier {
        FetchModifier::ChangedSince(modseq) => Some(modseq.get()),
        FetchModifier::Vanished => None,
    });
    let wants_vanished = fetch.modifiers.contains(&FetchModifier::Vanished);
    if wants_vanished && !(by_uid && since.is_some() && session.enabled.qresync) {
        return session.bad(
            &tag,
            "VANISHED is for UID FETCH with CHANGEDSINCE and QRESYNC",
        );
    }
    let Some(mut items) = items(fetch.names, fetch.more, by_uid) else {
        return session.bad(&tag, "these items are not offered, or too many");
    };
    if since.is_some() && !items.iter().any(|item| matches!(item, Item::Modseq)) {
        items.push(Item::Modseq);
    }
    if items.iter().any(|item| matches!(item, Item::Modseq)) {
        session.enable_condstore();
    }
    let Some(selected) = &session.selected else {
        return session.bad(&tag, "select a folder first");
    };
    let Some(mut targets) = selected.targets(set, by_uid) else {
        return session.bad(&tag, NO_SUCH_MESSAGE);
    };
    let mut vanished = Vec::new();
    if let Some(since) = since {
        targets.retain(|target| target.row.modseq > since);
        if wants_vanished {
            vanished = selected.vanished(since, &selected.ranges(set, true));
        }
    }
    let telling = match by_uid {
        true => Telling::All,
        false => Telling::NoExpunge,
    };
    let marks = items.iter().any(Item::sets_seen) && !selected.read_only;
    let is_unseen = |target: &&Target| marks && !target.row.flags.contains(Flags::SEEN);
    let unseen: Vec<Uid> = targets
        .iter()
        .filter(is_unseen)
        .map(|t| t.row.uid)
        .collect();
    let folder = selected.folder;
    let depth = items.iter().map(Item::depth).max().unwrap_or(Depth::Row);
    let work = Fetching {
        vanished: vanished.into(),
        ..Fetching::new(tag, targets, items, depth, Ending::Fetch(telling))
    };
    if unseen.is_empty() {
        return work.go_on(session);
    }
    let order = MailboxOrder::Flag {
        folder,
        uids: unseen,
        action: FlagAction::Add,
        flags: vec![FlagName::System(Flags::SEEN)],
        unchanged_since: None,
    };
    session.order(order, work)
}

/// What a SELECT with QRESYNC tells: what vanished, then what changed; then it is `done`.
pub fn resync(
    session: &mut Session,
    tag: String,
    done: &'static str,
    vanished: Vec<(u32, u32)>,
    changed: Vec<Target>,
) -> Step {
    let items = vec![Item::Uid, Item::Flags, Item::Modseq];
    let work = Fetching {
        vanished: vanished.into(),
        ..Fetching::new(tag, changed, items, Depth::Row, Ending::Select(done))
    };
    work.go_on(session)
}

/// A FETCH that goes on.
struct Fetching {
    tag: String,
    targets: Vec<Target>,
    items: Vec<Item>,
    ending: Ending,
    depth: Depth,
    /// UIDs of what is gone, told before anything else.
    vanished: VecDeque<(u32, u32)>,
    /// The message whose answer comes next, or is in the middle.
    next: usize,
    literal: Option<Literal>,
    /// Octets looked into in this round.
    looked: u64,
    failed: bool,
    /// A part is encoded in a way that nobody knows.
    undecodable: bool,
}

/// What the answer ends with.
#[derive(Debug, Clone, Copy)]
enum Ending {
    Fetch(Telling),
    /// Of a SELECT.
    Select(&'static str),
}

impl Work for Fetching {
    fn resume(mut self: Box<Self>, session: &mut Session, answer: Answer) -> Step {
        match answer {
            // `\Seen` that could not be set keeps nobody from reading.
            Answer::Ordered(_) => self.note_seen(session),
            Answer::Go => {
                self.looked = 0;
                while !self.is_round_full(session) {
                    match self.advance(session) {
                        Ok(true) => {}
                        Ok(false) => return self.end(session),
                        // Octets were announced that cannot be sent: the line is broken.
                        Err(_) => return Step::Close,
                    }
                }
            }
            _ => return Step::Close,
        }
        self.go_on(session)
    }
}

impl Fetching {
    fn new(
        tag: String,
        targets: Vec<Target>,
        items: Vec<Item>,
        depth: Depth,
        ending: Ending,
    ) -> Self {
        Self {
            tag,
            targets,
            items,
            ending,
            depth,
            vanished: VecDeque::new(),
            next: 0,
            literal: None,
            looked: 0,
            failed: false,
            undecodable: false,
        }
    }

    fn go_on(self, session: &mut Session) -> Step {
        let pace = match self.depth {
            Depth::Row => Pace::Here,
            Depth::Octets | Depth::Header | Depth::Parts => Pace::Aside,
        };
        session.wait(self, Step::Produce(pace))
    }

    /// Enough is written, or looked into: others run, and our place is theirs.
    fn is_round_full(&self, session: &Session) -> bool {
        session.out.len() >= limits::IMAP_CHUNK_BYTES
            || self.looked >= limits::IMAP_SEARCH_ROUND_BYTES
    }

    /// The rows are taken anew after `\Seen` was set, so that FLAGS tells it.
    fn note_seen(&mut self, session: &mut Session) {
        let Some(selected) = &session.selected else {
            return;
        };
        let Some(newest) = selected.newest(session.store.view()) else {
            return;
        };
        for target in &mut self.targets {
            if let Some(row) = newest.messages.get(&target.row.uid) {
                target.row = Arc::clone(row);
            }
        }
    }

    fn end(&mut self, session: &mut Session) -> Step {
        let telling = match self.ending {
            Ending::Fetch(telling) => telling,
            Ending::Select(done) => {
                session.out.text(&self.tag).text(" OK ").text(done).end();
                return Step::Read;
            }
        };
        if self.failed || self.undecodable {
            session.tell(telling);
            return session.no(
                &self.tag,
                if self.failed { UNREADABLE } else { UNKNOWN_CTE },
            );
        }
        session.ok(&self.tag, "done", telling)
    }

    /// Writes one line about what is gone.
    fn tell_vanished(&mut self, session: &mut Session) {
        let count = self.vanished.len().min(limits::IMAP_RANGES_PER_LINE_MAX);
        let part: Vec<(u32, u32)> = self.vanished.drain(..count).collect();
        session.out.text("* VANISHED (EARLIER) ").set(&part).end();
    }

    /// Writes about one piece; `false`: all is written.
    fn advance(&mut self, session: &mut Session) -> Result<bool, ReadError> {
        if !self.vanished.is_empty() {
            self.tell_vanished(session);
            return Ok(true);
        }
        if let Some(literal) = &mut self.literal {
            if literal.left.is_empty() {
                let literal = self.literal.take();
                return match literal {
                    Some(literal) => self.write_items(session, literal).map(|()| true),
                    None => Ok(true),
                };
            }
            let end = literal
                .left
                .end
                .min(literal.left.start + limits::IMAP_CHUNK_BYTES as u64);
            let piece = read_range(&*literal.octets, literal.left.start..end)?;
            literal.left.start = end;
            match &mut literal.decoding {
                Some(decoding) => {
                    let decoded = decoding.next(&piece, literal.left.is_empty());
                    self.looked = self.looked.saturating_add(piece.len() as u64);
                    session.out.octets(&decoded)
                }
                None => session.out.octets(&piece),
            };
            return Ok(true);
        }
        let Some(target) = self.targets.get(self.next).cloned() else {
            return Ok(false);
        };
        if self.depth == Depth::Row {
            self.write_light(session, &target);
            return Ok(true);
        }
        if self.write_known(session, &target) {
            return Ok(true);
        }
        match self.prepare(session, &target) {
            Ok(literal) if self.has_unknown(&literal.structure, target.row.size) => {
                self.undecodable = true;
                self.next += 1;
            }
            Ok(literal) => self.write_items(session, literal)?,
            // Nothing of this message is written yet: the others can still be told.
            Err(_) => {
                self.failed = true;
                self.next += 1;
            }
        }
        Ok(true)
    }

    fn write_light(&mut self, session: &mut Session, target: &Target) {
        let keywords = session
            .selected
            .as_ref()
            .map(|s| s.told().row.keywords.clone());
        let keywords = keywords.unwrap_or_default();
        let out = &mut session.out;
        out.text("* ").number(target.number.into()).text(" FETCH (");
        for (i, item) in self.items.iter().enumerate() {
            out.text(if i > 0 { " " } else { "" });
            write_row_item(out, item, target, &keywords);
        }
        out.text(")").end();
        self.next += 1;
    }

    /// Writes what rows and kept summaries tell; `false`: they do not tell all, and nothing is written.
    fn write_known(&mut self, session: &mut Session, target: &Target) -> bool {
        let mut kept = Vec::with_capacity(self.items.len());
        for item in &self.items {
            let text = item.summary().map(|(what, name)| {
                let text = session.store.summaries().get(target.row.content, what);
                text.map(|text| (name, text))
            });
            match text {
                Some(Some(text)) => kept.push(Some(text)),
                None if item.depth() == Depth::Row => kept.push(None),
                _ => return false,
            }
        }
        let told = session.selected.as_ref().map(|s| s.told());
        let keywords = told.map(|told| told.row.keywords.as_slice());
        let out = &mut session.out;
        out.text("* ").number(target.number.into()).text(" FETCH (");
        for (at, (item, text)) in self.items.iter().zip(&kept).enumerate() {
            out.text(if at > 0 { " " } else { "" });
            match text {
                Some((name, text)) => {
                    out.text(name).octets(text);
                }
                None => write_row_item(out, item, target, keywords.unwrap_or_default()),
            }
        }
        out.text(")").end();
        self.next += 1;
        true
    }

    /// Opens the message and reads its structure, before the first octet of the answer is written.
    fn prepare(&mut self, session: &mut Session, target: &Target) -> Result<Literal, ReadError> {
        let row = &target.row;
        let octets = session.store.open(row.content)?;
        let shallow = match self.depth {
            Depth::Row | Depth::Octets => Some(Structure::default()),
            Depth::Header => section::outline(&*octets, row.size)?,
            Depth::Parts => None,
        };
        let structure = match shallow {
            Some(structure) => Arc::new(structure),
            None => {
                self.looked = self.looked.saturating_add(row.size);
                session.structures.of(row, &*octets)?
            }
        };
        Ok(Literal {
            octets,
            structure,
            item: 0,
            left: 0..0,
            decoding: None,
        })
    }

    /// A part is asked for that nobody can decode.
    fn has_unknown(&self, structure: &Structure, size: u64) -> bool {
        let mut parts = self.items.iter().filter_map(Item::binary);
        parts.any(|numbers| binary::find(numbers, structure, size) == Content::Unknown)
    }

    /// What an item tells; envelope and structure as the text that will be written.
    fn find(
        item: &Item,
        structure: &Structure,
        octets: &Arc<dyn Octets>,
        size: u64,
    ) -> Result<Found, ReadError> {
        let mut text = Output::default();
        match item {
            Item::Envelope => {
                let header = structure
                    .parts
                    .first()
                    .map_or(0..0, |part| part.header.clone());
                envelope::write(&mut text, &section::read_header(&**octets, header)?);
            }
            Item::Structure { extended } => {
                bodystructure::write(&mut text, structure, &**octets, *extended)?;
            }
            Item::Section(wanted) => {
                let found = section::find(wanted.section.as_ref(), structure, &**octets, size)?;
                return Ok(match wanted.partial {
                    Some((origin, length)) => found.partial(origin, length),
                    None => found,
                });
            }
            Item::Preview => {
                text.text("PREVIEW ");
                text.string(preview::of(structure, &**octets)?.as_bytes());
            }
            Item::BinarySize(numbers) => {
                let length = match binary::find(numbers, structure, size) {
                    Content::Coded(range, coding) => binary::measure(&**octets, range, coding)?.0,
                    Content::Plain(range) => range.end - range.start,
                    Content::Nothing | Content::Unknown => 0,
                };
                let label = numbers_label(numbers);
                text.text(&format!("BINARY.SIZE[{label}] {length}"));
            }
            // Binary content is written by `write_binary`, the others by `write_row_item`.
            _ => return Ok(Found::Nothing),
        }
        Ok(Found::Picked(text.take()))
    }

    /// Writes items up to the next one whose octets have to be read, or the end of the answer.
    fn write_items(&mut self, session: &mut Session, mut at: Literal) -> Result<(), ReadError> {
        let Some(target) = self.targets.get(self.next) else {
            return Ok(());
        };
        let keywords = session
            .selected
            .as_ref()
            .map(|s| s.told().row.keywords.clone());
        let keywords = keywords.unwrap_or_default();
        if at.item == 0 {
            let out = &mut session.out;
            out.text("* ").number(target.number.into()).text(" FETCH (");
        }
        let header = at.structure.parts.first().map_or(0, |part| part.header.end);
        while let Some(item) = self.items.get(at.item) {
            if at.item > 0 && self.is_round_full(session) {
                self.literal = Some(at);
                return Ok(());
            }
            let out = &mut session.out;
            out.text(if at.item > 0 { " " } else { "" });
            if let Item::Binary(wanted) = item {
                at.item += 1;
                if write_binary(out, wanted, &mut at, target.row.size)? {
                    self.literal = Some(at);
                    return Ok(());
                }
                continue;
            }
            let found = Self::find(item, &at.structure, &at.octets, target.row.size)?;
            self.looked = self.looked.saturating_add(header);
            at.item += 1;
            if let (Found::Picked(text), Some((what, _))) = (&found, item.summary()) {
                let content = target.row.content;
                session.store.summaries().put(content, what, text);
            }
            match item {
                Item::Envelope => out.text("ENVELOPE "),
                Item::Structure { extended: true } => out.text("BODYSTRUCTURE "),
                Item::Structure { extended: false } => out.text("BODY "),
                Item::Section(wanted) => out.text(&wanted.label).text(" "),
                Item::Preview | Item::BinarySize(_) => out,
                plain => {
                    write_row_item(out, plain, target, &keywords);
                    continue;
                }
            };
            let is_literal = matches!(item, Item::Section(_));
            match found {
                Found::Nothing => out.text("NIL"),
                Found::Picked(octets) if is_literal => {
                    out.announce(octets.len() as u64).octets(&octets)
                }
                Found::Picked(octets) => out.octets(&octets),
                Found::Range(range) => {
                    out.announce(range.end - range.start);
                    at.left = range;
                    at.decoding = None;
                    self.literal = Some(at);
                    return Ok(());
                }
            };
        }
        session.out.text(")").end();
        self.next += 1;
        Ok(())
    }
}

/// What a FETCH says when a part cannot be decoded (RFC 3516 §4.3).
const UNKNOWN_CTE: &str = "[UNKNOWN-CTE] a part is encoded in a way that is not known";
