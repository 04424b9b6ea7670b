//! STORE (RFC 3501 §6.4.6). The owner changes flags one after another in one place, so that several
//! clients lose and double none (AC-11).

use ceralacca_core::limits;
use ceralacca_core::mailbox::{FlagAction, FlagName, Flags, Uid};
use ceralacca_core::owner::{CommandError, MailboxOrder, Outcome};
use ceralacca_core::view::FolderView;
use imap_types::flag::{Flag, StoreResponse, StoreType};
use imap_types::sequence::SequenceSet;

use super::{NO_SUCH_MESSAGE, READ_ONLY};
use crate::imap::codec::output::{runs, set};
use crate::imap::selected::Selected;
use crate::imap::session::{Answer, Session, Step, Telling, Work};

/// What is to be changed.
pub struct Change<'a> {
    /// How.
    pub kind: StoreType,
    /// Whether the client wants to be told.
    pub response: StoreResponse,
    /// What.
    pub flags: &'a [Flag<'a>],
    /// Not where something changed after this mod-sequence (RFC 7162 §3.1.3).
    pub unchanged_since: Option<u64>,
}

/// STORE
pub fn start(
    session: &mut Session,
    tag: String,
    set: &SequenceSet,
    change: Change<'_>,
    by_uid: bool,
) -> Step {
    if change.unchanged_since.is_some() {
        session.enable_condstore();
    }
    let Some(selected) = &session.selected else {
        return session.bad(&tag, "select a folder first");
    };
    if selected.read_only {
        return session.no(&tag, READ_ONLY);
    }
    let Some(targets) = selected.targets(set, by_uid) else {
        return session.bad(&tag, NO_SUCH_MESSAGE);
    };
    let telling = match by_uid {
        true => Telling::All,
        false => Telling::NoExpunge,
    };
    if targets.is_empty() {
        return session.ok(&tag, "nothing to do", telling);
    }
    let flags = flag_names(change.flags);
    let action = match change.kind {
        StoreType::Replace => FlagAction::Replace,
        StoreType::Add => FlagAction::Add,
        StoreType::Remove => FlagAction::Remove,
    };
    let uids: Vec<Uid> = targets.iter().map(|t| t.row.uid).collect();
    let order = MailboxOrder::Flag {
        folder: selected.folder,
        uids,
        action,
        flags: flags.clone(),
        unchanged_since: change.unchanged_since,
    };
    let is_silent = change.response == StoreResponse::Silent;
    session.order(
        order,
        Ordered {
            tag,
            action,
            flags,
            is_silent,
            by_uid,
            telling,
        },
    )
}

/// Flags as the owner takes them. `\Recent` and unknown system flags are nobody's to set.
pub fn flag_names(flags: &[Flag<'_>]) -> Vec<FlagName> {
    let name = |flag: &Flag<'_>| match flag {
        Flag::Answered => Some(FlagName::System(Flags::ANSWERED)),
        Flag::Deleted => Some(FlagName::System(Flags::DELETED)),
        Flag::Draft => Some(FlagName::System(Flags::DRAFT)),
        Flag::Flagged => Some(FlagName::System(Flags::FLAGGED)),
        Flag::Seen => Some(FlagName::System(Flags::SEEN)),
        Flag::Keyword(word) => Some(FlagName::Keyword(word.as_ref().to_owned())),
        Flag::Extension(_) => None,
    };
    flags.iter().filter_map(name).collect()
}

struct Ordered {
    tag: String,
    action: FlagAction,
    flags: Vec<FlagName>,
    is_silent: bool,
    by_uid: bool,
    telling: Telling,
}

impl Work for Ordered {
    fn resume(self: Box<Self>, session: &mut Session, answer: Answer) -> Step {
        let (done, left) = match answer {
            Answer::Ordered(Ok(Outcome::Flagged(done, left))) => (done, left),
            Answer::Ordered(Ok(_)) => (Vec::new(), Vec::new()),
            Answer::Ordered(Err(error)) => return session.refused(&self.tag, &error),
            _ => return session.refused(&self.tag, &CommandError::Stopping),
        };
        if let Some(selected) = &mut session.selected
            && let Some(newest) = selected.newest(session.store.view())
        {
            let (enabled, silent) = (session.enabled, self.is_silent);
            if silent {
                self.assume(selected, &newest, &done);
            }
            if !silent || enabled.condstore {
                // What did not change is told too: the client asked for the values.
                selected.repeat_unchanged(&newest, &done, silent, enabled, &mut session.out);
            }
        }
        match self.modified(session, left) {
            Some(modified) => {
                let text = format!("[MODIFIED {modified}] others changed these before");
                session.ok(&self.tag, &text, self.telling)
            }
            None => session.ok(&self.tag, "done", self.telling),
        }
    }
}

impl Ordered {
    /// The messages that were left alone, as the client named them.
    fn modified(&self, session: &Session, left: Vec<Uid>) -> Option<String> {
        let selected = session.selected.as_ref()?;
        let mut numbers = match self.by_uid {
            true => left,
            false => selected.numbers_of(&left),
        };
        numbers.sort_unstable();
        (!numbers.is_empty()).then(|| set(&runs(numbers)))
    }

    /// The client computes the new flags itself, from those it was told. Where others changed them
    /// meanwhile the result differs from what is stored, and the difference is told.
    fn assume(&self, selected: &mut Selected, newest: &FolderView, done: &[Uid]) {
        let given = bits(&self.flags, &newest.row.keywords);
        for uid in done {
            let Some(old) = selected.row(*uid).map(|row| row.flags) else {
                continue;
            };
            let flags = match self.action {
                FlagAction::Replace => given,
                FlagAction::Add => old.with(given),
                FlagAction::Remove => old.without(given),
            };
            selected.assume(*uid, flags);
        }
    }
}

fn bits(names: &[FlagName], keywords: &[String]) -> Flags {
    let one = |name: &FlagName| match name {
        FlagName::System(flags) => *flags,
        FlagName::Keyword(word) => keyword_bit(keywords, word).unwrap_or_default(),
    };
    names
        .iter()
        .fold(Flags::default(), |all, name| all.with(one(name)))
}

/// The bit of a folder's keyword.
pub fn keyword_bit(keywords: &[String], word: &str) -> Option<Flags> {
    let at = keywords
        .iter()
        .take(limits::KEYWORDS_PER_FOLDER_MAX)
        .position(|k| k.eq_ignore_ascii_case(word))?;
    u32::try_from(at).ok().map(Flags::keyword)
}
