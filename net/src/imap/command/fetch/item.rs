//! Items of FETCH: which there are, how far each has to look into a message, and what its answer is called.

use std::num::NonZeroU32;

use ceralacca_core::limits;
use imap_types::core::AString;
use imap_types::fetch::{MacroOrMessageDataItemNames, MessageDataItemName, Part, Section};

use crate::imap::codec::MoreItem;
use crate::imap::message::Summary;

/// What is told of each message.
#[derive(Debug, Clone)]
pub enum Item {
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
pub struct Wanted {
    pub label: String,
    pub section: Option<Section<'static>>,
    pub partial: Option<(u32, u32)>,
    pub sets_seen: bool,
}

/// The content of a part and how the answer calls it.
#[derive(Debug, Clone)]
pub struct WantedBinary {
    pub label: String,
    pub numbers: Vec<NonZeroU32>,
    pub partial: Option<(u32, u32)>,
    pub sets_seen: bool,
}

impl Item {
    pub fn sets_seen(&self) -> bool {
        match self {
            Item::Section(wanted) => wanted.sets_seen,
            Item::Binary(wanted) => wanted.sets_seen,
            _ => false,
        }
    }

    /// The part whose content is asked for.
    pub fn binary(&self) -> Option<&[NonZeroU32]> {
        match self {
            Item::Binary(wanted) => Some(&wanted.numbers),
            Item::BinarySize(numbers) => Some(numbers),
            _ => None,
        }
    }

    /// What may be kept of it, and what it is called.
    pub fn summary(&self) -> Option<(Summary, &'static str)> {
        match self {
            Item::Envelope => Some((Summary::Envelope, "ENVELOPE ")),
            Item::Structure { extended: true } => Some((Summary::BodyStructure, "BODYSTRUCTURE ")),
            Item::Structure { extended: false } => Some((Summary::Body, "BODY ")),
            _ => None,
        }
    }

    /// How far the message has to be looked into.
    pub fn depth(&self) -> Depth {
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
pub enum Depth {
    Row,
    Octets,
    Header,
    Parts,
}

/// The items, `UID` first when the command is by UID. `None`: one that is not offered, or too many.
pub fn items(
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

pub fn numbers_label(numbers: &[NonZeroU32]) -> String {
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
