//! LIST and LSUB (RFC 3501 §6.3.8, §6.3.9) with CHILDREN, LIST-EXTENDED (RFC 5258), LIST-STATUS
//! (RFC 5819) and SPECIAL-USE (RFC 6154). `/` stands between levels; a level that only folders below
//! it speak of is shown as not existing.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use ceralacca_core::limits;
use ceralacca_core::mailbox::{MailboxId, SpecialUse};
use ceralacca_core::view::FolderView;
use imap_types::mailbox::{ListMailbox, Mailbox};

use super::{name_spelled, status};
use crate::imap::codec::ListRequest;
use crate::imap::session::{Answer, Pace, Session, Step, Telling, Work};

/// LIST
pub fn list(session: &mut Session, tag: &str, mailbox: MailboxId, request: &ListRequest) -> Step {
    if let [pattern] = request.patterns.as_slice()
        && pattern.is_empty()
    {
        // RFC 3501 §6.3.8: asks for the separator.
        session.out.text("* LIST (\\Noselect) \"/\" \"\"").end();
        return session.ok(tag, "done", Telling::All);
    }
    let whole = |wire: &Vec<u8>| pattern(session, &request.reference, wire);
    let patterns = request.patterns.iter().map(whole).collect();
    let Some(patterns) = patterns else {
        return session.no(tag, NOT_A_PATTERN);
    };
    status::note(session, &request.returns.status);
    let asked = Asked::List(request.clone());
    go_through(session, tag, mailbox, asked, patterns)
}

/// LSUB
pub fn lsub(
    session: &mut Session,
    tag: &str,
    mailbox: MailboxId,
    reference: &Mailbox<'_>,
    wildcard: &ListMailbox<'_>,
) -> Step {
    let wildcard = match wildcard {
        ListMailbox::Token(token) => token.as_ref(),
        ListMailbox::String(string) => string.as_ref(),
    };
    let reference = match reference {
        Mailbox::Inbox => b"INBOX",
        Mailbox::Other(other) => other.as_ref(),
    };
    let Some(pattern) = pattern(session, reference, wildcard) else {
        return session.no(tag, NOT_A_PATTERN);
    };
    go_through(session, tag, mailbox, Asked::Lsub, vec![pattern])
}

/// What is told of the folders that match.
enum Asked {
    List(ListRequest),
    Lsub,
}

/// A LIST or LSUB that goes on.
struct Listing {
    tag: String,
    mailbox: MailboxId,
    asked: Asked,
    patterns: Vec<String>,
    levels: Levels,
    /// The name that was looked at last.
    after: Option<String>,
}

fn go_through(
    session: &mut Session,
    tag: &str,
    mailbox: MailboxId,
    asked: Asked,
    patterns: Vec<String>,
) -> Step {
    let work = Listing {
        tag: tag.to_owned(),
        mailbox,
        asked,
        patterns,
        levels: Levels::of(session, mailbox),
        after: None,
    };
    session.wait(work, Step::Produce(Pace::Here))
}

impl Work for Listing {
    fn resume(mut self: Box<Self>, session: &mut Session, answer: Answer) -> Step {
        if !matches!(answer, Answer::Go) {
            return Step::Close;
        }
        let from = self.after.take().map_or(Bound::Unbounded, Bound::Excluded);
        let mut steps = 0;
        for (name, folder) in self.levels.all.range((from, Bound::Unbounded)) {
            let cost = |pattern: &String| (pattern.len() + 1) * (name.len() + 1);
            steps += self.patterns.iter().map(cost).sum::<usize>();
            self.tell(session, name, folder.as_ref());
            if steps >= limits::IMAP_LIST_ROUND_STEPS {
                self.after = Some(name.clone());
                break;
            }
        }
        match self.after.is_some() {
            true => session.wait(*self, Step::Produce(Pace::Here)),
            false => session.ok(&self.tag, "done", Telling::All),
        }
    }
}

impl Listing {
    fn tell(&self, session: &mut Session, name: &str, folder: Option<&Arc<FolderView>>) {
        if !self.patterns.iter().any(|pattern| matches(pattern, name)) {
            return;
        }
        match &self.asked {
            Asked::List(request) if self.levels.is_selected(request, name, folder) => {
                line(session, &self.levels, request, name, folder);
                let items = &request.returns.status;
                if let (Some(folder), false) = (folder, items.is_empty()) {
                    status::write(session, self.mailbox, folder, items);
                }
            }
            Asked::Lsub if folder.is_some_and(|folder| folder.row.subscribed) => {
                session.out.text("* LSUB () \"/\" ").folder(name).end();
            }
            Asked::Lsub if self.levels.is_kept(name, folder) => {
                session
                    .out
                    .text("* LSUB (\\Noselect) \"/\" ")
                    .folder(name)
                    .end();
            }
            _ => {}
        }
    }
}

/// Folders by name, with the levels above them that are no folders.
struct Levels {
    all: BTreeMap<String, Option<Arc<FolderView>>>,
    /// Names that stay subscribed although their folder is gone.
    kept: BTreeSet<String>,
}

impl Levels {
    fn of(session: &Session, mailbox: MailboxId) -> Self {
        let (mut all, mut kept) = (BTreeMap::new(), BTreeSet::new());
        for folder in session.store.view().folders(mailbox) {
            for (at, _) in folder.row.name.match_indices('/') {
                all.entry(folder.row.name[..at].to_owned()).or_insert(None);
            }
            kept.extend(folder.row.subscribed_names.iter().cloned());
            all.insert(folder.row.name.clone(), Some(folder));
        }
        for name in &kept {
            all.entry(name.clone()).or_insert(None);
        }
        Self { all, kept }
    }

    /// RFC 9051 §6.3.7: the name is subscribed, and no folder has it.
    fn is_kept(&self, name: &str, folder: Option<&Arc<FolderView>>) -> bool {
        folder.is_none() && self.kept.contains(name)
    }

    /// The folders below `name`.
    fn below<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Arc<FolderView>> {
        let prefix = format!("{name}/");
        let from = self.all.range(prefix.clone()..);
        from.take_while(move |(below, _)| below.starts_with(&prefix))
            .filter_map(|(_, f)| f.as_ref())
    }

    fn is_selected(
        &self,
        request: &ListRequest,
        name: &str,
        folder: Option<&Arc<FolderView>>,
    ) -> bool {
        let fits = |folder: &Arc<FolderView>| {
            (!request.selection.subscribed || folder.row.subscribed)
                && (!request.selection.special_use || folder.row.special_use.is_some())
        };
        let is_level = || !is_narrowed(request) && self.below(name).next().is_some();
        let is_kept = request.selection.subscribed
            && !request.selection.special_use
            && self.is_kept(name, folder);
        folder.map_or_else(is_level, fits)
            || is_kept
            || (request.selection.recursive && self.below(name).any(fits))
    }
}

fn is_narrowed(request: &ListRequest) -> bool {
    request.selection.subscribed || request.selection.special_use
}

/// Tells of one folder unasked, with the name that it had before.
pub fn tell_one(
    session: &mut Session,
    mailbox: MailboxId,
    folder: &Arc<FolderView>,
    old_name: Option<&str>,
) {
    let levels = Levels::of(session, mailbox);
    let request = ListRequest::default();
    line_with(
        session,
        &levels,
        &request,
        (&folder.row.name, Some(folder)),
        old_name,
    );
}

fn line(
    session: &mut Session,
    levels: &Levels,
    request: &ListRequest,
    name: &str,
    folder: Option<&Arc<FolderView>>,
) {
    line_with(session, levels, request, (name, folder), None);
}

fn line_with(
    session: &mut Session,
    levels: &Levels,
    request: &ListRequest,
    (name, folder): (&str, Option<&Arc<FolderView>>),
    old_name: Option<&str>,
) {
    let mut words = Vec::new();
    words.push(match levels.below(name).next() {
        Some(_) => "\\HasChildren",
        None => "\\HasNoChildren",
    });
    match folder {
        None => words.extend(["\\NonExistent", "\\Noselect"]),
        Some(folder) => words.extend(folder.row.special_use.map(special_use)),
    }
    let tells_subscribed = request.selection.subscribed || request.returns.subscribed;
    let is_subscribed = folder.is_some_and(|folder| folder.row.subscribed);
    if tells_subscribed && (is_subscribed || levels.is_kept(name, folder)) {
        words.push("\\Subscribed");
    }
    let words = words.join(" ");
    session
        .out
        .text("* LIST (")
        .text(&words)
        .text(") \"/\" ")
        .folder(name);
    if let Some(old_name) = old_name {
        session
            .out
            .text(" (\"OLDNAME\" (")
            .folder(old_name)
            .text("))");
    }
    let is_above = |f: &Arc<FolderView>| !request.selection.subscribed || f.row.subscribed;
    if request.selection.recursive && levels.below(name).any(is_above) {
        session.out.text(" (\"CHILDINFO\" (\"SUBSCRIBED\"))");
    }
    session.out.end();
}

fn special_use(special_use: SpecialUse) -> &'static str {
    match special_use {
        SpecialUse::Sent => "\\Sent",
        SpecialUse::Drafts => "\\Drafts",
        SpecialUse::Trash => "\\Trash",
        SpecialUse::Junk => "\\Junk",
        SpecialUse::Archive => "\\Archive",
    }
}

/// A pattern in UTF-8 after its reference; much longer than any name is no pattern.
fn pattern(session: &Session, reference: &[u8], wire: &[u8]) -> Option<String> {
    if reference.len() + wire.len() > 2 * limits::FOLDER_NAME_BYTES_MAX {
        return None;
    }
    let reference = name_spelled(session, reference)?;
    name_spelled(session, wire).map(|pattern| format!("{reference}{pattern}"))
}

const NOT_A_PATTERN: &str = "[CANNOT] the name is in no spelling that is known, or too long";

/// `*` stands for anything, `%` for anything without `/`; INBOX is known in any case. The time is
/// at most the product of the lengths, which are bounded.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let is_inbox = name.iter().collect::<String>() == "INBOX";
    let same = |p: char, c: char| p == c || (is_inbox && p.eq_ignore_ascii_case(&c));
    // reach[i]: the pattern so far can match the first i characters.
    let mut reach = vec![false; name.len() + 1];
    reach[0] = true;
    for p in pattern {
        let mut next = vec![false; name.len() + 1];
        for i in 0..=name.len() {
            let stays = matches!(p, '*' | '%') && reach[i];
            let moves = i > 0
                && match p {
                    '*' => next[i - 1],
                    '%' => next[i - 1] && name[i - 1] != '/',
                    p => reach[i - 1] && same(p, name[i - 1]),
                };
            next[i] = stays || moves;
        }
        reach = next;
        if !reach.contains(&true) {
            return false;
        }
    }
    reach[name.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_rfc_3501_says() {
        for (pattern, name, is_match) in [
            ("*", "a/b/c", true),
            ("%", "a", true),
            ("%", "a/b", false),
            ("a/%", "a/b", true),
            ("a/%", "a/b/c", false),
            ("a*c", "a/b/c", true),
            ("inbox", "INBOX", true),
            ("sent", "Sent", false),
            ("%/%", "a/b", true),
            ("", "a", false),
            ("*%*%*", "abc", true),
        ] {
            assert_eq!(matches(pattern, name), is_match, "{pattern} {name}");
        }
    }
}
