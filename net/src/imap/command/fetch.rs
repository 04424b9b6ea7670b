//! FETCH (RFC 3501 §6.4.5) with mod-sequences (RFC 7162), BINARY (RFC 3516), identifiers (RFC 8474),
//! SAVEDATE (RFC 8514) and PREVIEW (RFC 8970). Answers are made in pieces of about `limits::IMAP_CHUNK_BYTES`, so that a
//! large message to a slow client holds little memory; octets of messages are written as they are
//! stored (DP-01).

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;

use ceralacca_core::limits;
use ceralacca_core::mailbox::{FlagAction, FlagName, Flags, Uid};
use ceralacca_core::owner::MailboxOrder;
use imap_types::command::FetchModifier;
use imap_types::core::AString;
use imap_types::fetch::{MacroOrMessageDataItemNames, MessageDataItemName, Part, Section};
use imap_types::sequence::SequenceSet;

use super::{NO_SUCH_MESSAGE, UNREADABLE, object};
use crate::imap::codec::MoreItem;
use crate::imap::codec::output::Output;
use crate::imap::message::binary::{self, Content, Decoder};
use crate::imap::message::preview;
use crate::imap::message::section::{self, Found};
use crate::imap::message::{
    Octets, ReadError, Structure, Summary, bodystructure, envelope, read_range,
};
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

/// What is told of each message.
#[derive(Debug, Clone)]
enum Item {
    Flags,
    InternalDate,
    Size,
    Uid,
    Modseq,
    EmailId,
    ThreadId,
    SaveDate,
    Preview,
    Binary(WantedBinary),
    BinarySize(Vec<NonZeroU32>),
    Envelope,
    Structure { extended: bool },
    Section(Wanted),
}

/// A section and how the answer calls it.
#[derive(Debug, Clone)]
struct Wanted {
    label: String,
    section: Option<Section<'static>>,
    partial: Option<(u32, u32)>,
    sets_seen: bool,
}

/// The content of a part and how the answer calls it.
#[derive(Debug, Clone)]
struct WantedBinary {
    label: String,
    numbers: Vec<NonZeroU32>,
    partial: Option<(u32, u32)>,
    sets_seen: bool,
}

impl Item {
    fn sets_seen(&self) -> bool {
        match self {
            Item::Section(wanted) => wanted.sets_seen,
            Item::Binary(wanted) => wanted.sets_seen,
            _ => false,
        }
    }

    /// The part whose content is asked for.
    fn binary(&self) -> Option<&[NonZeroU32]> {
        match self {
            Item::Binary(wanted) => Some(&wanted.numbers),
            Item::BinarySize(numbers) => Some(numbers),
            _ => None,
        }
    }

    /// What may be kept of it, and what it is called.
    fn summary(&self) -> Option<(Summary, &'static str)> {
        match self {
            Item::Envelope => Some((Summary::Envelope, "ENVELOPE ")),
            Item::Structure { extended: true } => Some((Summary::BodyStructure, "BODYSTRUCTURE ")),
            Item::Structure { extended: false } => Some((Summary::Body, "BODY ")),
            _ => None,
        }
    }

    /// How far the message has to be looked into.
    fn depth(&self) -> Depth {
        match self {
            Item::Flags | Item::InternalDate | Item::Size | Item::Uid => Depth::Row,
            Item::Modseq | Item::EmailId | Item::ThreadId | Item::SaveDate => Depth::Row,
            Item::Envelope => Depth::Header,
            Item::Structure { .. } | Item::Preview => Depth::Parts,
            Item::Binary(_) | Item::BinarySize(_) => Depth::Parts,
            Item::Section(wanted) => match &wanted.section {
                None => Depth::Octets,
                Some(
                    Section::Header(None)
                    | Section::HeaderFields(None, _)
                    | Section::HeaderFieldsNot(None, _)
                    | Section::Text(None),
                ) => Depth::Header,
                Some(_) => Depth::Parts,
            },
        }
    }
}

/// See [`Item::depth`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Depth {
    Row,
    Octets,
    Header,
    Parts,
}

/// The items, `UID` first when the command is by UID. `None`: one that is not offered, or too many.
fn items(
    names: MacroOrMessageDataItemNames<'static>,
    more: &[MoreItem],
    by_uid: bool,
) -> Option<Vec<Item>> {
    let names = match names {
        MacroOrMessageDataItemNames::Macro(short) => short
            .expand()
            .into_iter()
            .map(imap_types::IntoStatic::into_static)
            .collect(),
        MacroOrMessageDataItemNames::MessageDataItemNames(names) => names,
    };
    let has_uid = names.contains(&MessageDataItemName::Uid);
    let mut items = Vec::new();
    if by_uid && !has_uid {
        items.push(Item::Uid);
    }
    for name in names {
        items.push(item(name));
    }
    items.extend(more.iter().map(|item| match item {
        MoreItem::EmailId => Item::EmailId,
        MoreItem::ThreadId => Item::ThreadId,
        MoreItem::SaveDate => Item::SaveDate,
        MoreItem::Preview => Item::Preview,
    }));
    (items.len() <= limits::IMAP_FETCH_ITEMS_MAX).then_some(items)
}

fn item(name: MessageDataItemName<'static>) -> Item {
    let rfc822 = |label: &str, section, sets_seen| {
        let label = label.to_owned();
        Item::Section(Wanted {
            label,
            section,
            partial: None,
            sets_seen,
        })
    };
    match name {
        MessageDataItemName::Flags => Item::Flags,
        MessageDataItemName::ModSeq => Item::Modseq,
        MessageDataItemName::InternalDate => Item::InternalDate,
        MessageDataItemName::Rfc822Size => Item::Size,
        MessageDataItemName::Uid => Item::Uid,
        MessageDataItemName::Envelope => Item::Envelope,
        MessageDataItemName::Body => Item::Structure { extended: false },
        MessageDataItemName::BodyStructure => Item::Structure { extended: true },
        MessageDataItemName::Rfc822 => rfc822("RFC822", None, true),
        MessageDataItemName::Rfc822Header => {
            rfc822("RFC822.HEADER", Some(Section::Header(None)), false)
        }
        MessageDataItemName::Rfc822Text => rfc822("RFC822.TEXT", Some(Section::Text(None)), true),
        MessageDataItemName::BodyExt {
            section,
            partial,
            peek,
        } => {
            let (partial, origin) = part_of(partial);
            let label = format!("BODY[{}]{origin}", section_label(section.as_ref()));
            Item::Section(Wanted {
                label,
                section,
                partial,
                sets_seen: !peek,
            })
        }
        MessageDataItemName::Binary {
            section: numbers,
            partial,
            peek,
        } => {
            let (partial, origin) = part_of(partial);
            let label = format!("BINARY[{}]{origin}", numbers_label(&numbers));
            Item::Binary(WantedBinary {
                label,
                numbers,
                partial,
                sets_seen: !peek,
            })
        }
        MessageDataItemName::BinarySize { section } => Item::BinarySize(section),
    }
}

/// `<origin.length>` as numbers, and as the answer repeats it.
fn part_of(partial: Option<(u32, NonZeroU32)>) -> (Option<(u32, u32)>, String) {
    match partial {
        Some((origin, length)) => (Some((origin, length.get())), format!("<{origin}>")),
        None => (None, String::new()),
    }
}

fn numbers_label(numbers: &[NonZeroU32]) -> String {
    let numbers = numbers.iter().map(ToString::to_string);
    numbers.collect::<Vec<_>>().join(".")
}

fn section_label(section: Option<&Section<'_>>) -> String {
    let Some(section) = section else {
        return String::new();
    };
    let numbers = |part: &Part| numbers_label(part.0.as_ref());
    let after = |part: &Option<Part>, word: &str| match part {
        Some(part) => format!("{}.{word}", numbers(part)),
        None => word.to_owned(),
    };
    match section {
        Section::Part(part) => numbers(part),
        Section::Mime(part) => format!("{}.MIME", numbers(part)),
        Section::Header(part) => after(part, "HEADER"),
        Section::Text(part) => after(part, "TEXT"),
        Section::HeaderFields(part, names) => {
            format!(
                "{} ({})",
                after(part, "HEADER.FIELDS"),
                field_names(names.as_ref())
            )
        }
        Section::HeaderFieldsNot(part, names) => {
            format!(
                "{} ({})",
                after(part, "HEADER.FIELDS.NOT"),
                field_names(names.as_ref())
            )
        }
    }
}

fn field_names(names: &[AString<'_>]) -> String {
    let one = |name: &AString<'_>| {
        let name = String::from_utf8_lossy(name.as_ref()).into_owned();
        let is_atom = !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_graphic() && !b"(){%*\"\\]".contains(&b));
        // A name with other octets is no field's: it is told back as blanks.
        let safe = |c: char| {
            if (' '..='~').contains(&c) && !"\"\\".contains(c) {
                c
            } else {
                ' '
            }
        };
        match is_atom {
            true => name,
            false => format!("\"{}\"", name.chars().map(safe).collect::<String>()),
        }
    };
    names.iter().map(one).collect::<Vec<_>>().join(" ")
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

/// A message in the middle of its answer.
struct Literal {
    octets: Arc<dyn Octets>,
    structure: Arc<Structure>,
    /// The item that comes next: what an item picks is in memory only while it is written.
    item: usize,
    /// What is left of its octets in the message.
    left: std::ops::Range<u64>,
    /// They are decoded on their way.
    decoding: Option<Decoding>,
}

/// A part that is decoded while it is written.
struct Decoding {
    decoder: Decoder,
    /// Decoded octets that are not wanted before those that are.
    skip: u64,
    /// Decoded octets that are wanted still.
    most: u64,
}

impl Decoding {
    /// The next decoded octets that are wanted; `is_last`: nothing comes after `piece`.
    fn next(&mut self, piece: &[u8], is_last: bool) -> Vec<u8> {
        let mut decoded = Vec::new();
        self.decoder.push(piece, &mut decoded);
        if is_last {
            self.decoder.finish(&mut decoded);
        }
        let length = decoded.len() as u64;
        // Both are at most the vector's length.
        let start = self.skip.min(length);
        let end = length.min(start.saturating_add(self.most));
        self.skip -= start;
        self.most -= end - start;
        decoded.truncate(end as usize);
        decoded.drain(..start as usize);
        decoded
    }
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

fn write_row_item(out: &mut Output, item: &Item, target: &Target, keywords: &[String]) {
    let row = &target.row;
    match item {
        Item::Flags => out.text("FLAGS ").flags(row.flags, keywords),
        Item::InternalDate => out.text("INTERNALDATE ").internal_date(row.internal_date),
        Item::Size => out.text("RFC822.SIZE ").number(row.size),
        Item::Uid => out.text("UID ").number(row.uid.into()),
        Item::Modseq => out.text("MODSEQ (").number(row.modseq).text(")"),
        Item::EmailId => {
            let id = object::message_id(row.content);
            out.text("EMAILID (").text(&id).text(")")
        }
        Item::ThreadId => out.text("THREADID NIL"),
        Item::SaveDate => match row.saved {
            Some(at) => out.text("SAVEDATE ").internal_date(at),
            None => out.text("SAVEDATE NIL"),
        },
        _ => out,
    };
}

/// Announces the content of a part and sets `at` to write it; `false`: there is nothing to write.
fn write_binary(
    out: &mut Output,
    wanted: &WantedBinary,
    at: &mut Literal,
    size: u64,
) -> Result<bool, ReadError> {
    out.text(&wanted.label).text(" ");
    let (range, coding) = match binary::find(&wanted.numbers, &at.structure, size) {
        Content::Plain(range) => (range, None),
        Content::Coded(range, coding) => (range, Some(coding)),
        Content::Nothing | Content::Unknown => {
            out.text("NIL");
            return Ok(false);
        }
    };
    let Some(coding) = coding else {
        let found = match wanted.partial {
            Some((origin, length)) => Found::Range(range).partial(origin, length),
            None => Found::Range(range),
        };
        if let Found::Range(range) = found {
            out.announce(range.end - range.start);
            (at.left, at.decoding) = (range, None);
        }
        return Ok(true);
    };
    let (length, has_nul) = binary::measure(&*at.octets, range.clone(), coding)?;
    let (origin, most) = wanted.partial.unwrap_or((0, u32::MAX));
    let skip = length.min(origin.into());
    let most = match wanted.partial {
        Some(_) => (length - skip).min(most.into()),
        None => length,
    };
    // RFC 3516 §4.2: what holds a NUL cannot be a plain literal.
    out.text(if has_nul { "~" } else { "" }).announce(most);
    at.left = range;
    at.decoding = Some(Decoding {
        decoder: Decoder::new(coding),
        skip,
        most,
    });
    Ok(true)
}

/// What a FETCH says when a part cannot be decoded (RFC 3516 §4.3).
const UNKNOWN_CTE: &str = "[UNKNOWN-CTE] a part is encoded in a way that is not known";
