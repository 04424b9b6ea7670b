//! THREAD (RFC 5256): ORDEREDSUBJECT and REFERENCES. Message identifiers are compared by a keyed hash of
//! their own search, so that memory per message is bounded and nobody can make two meet. Neither
//! recursion nor a walk is deeper than `limits::IMAP_THREAD_DEPTH_MAX`.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use ceralacca_core::limits;

use super::answer::Hit;
use super::criterion::Looked;
use super::sort::{self, sent_ms};
use crate::imap::codec::output::Output;
use crate::imap::message::{ReadError, fields};
use crate::imap::selected::Target;

/// A message to be threaded.
#[derive(Debug)]
pub struct Threadable {
    number: u32,
    sent: i64,
    order: u32,
    subject: u64,
    has_subject: bool,
    is_reply: bool,
    id: Option<u64>,
    references: Vec<u64>,
}

impl Threadable {
    /// Reads what threading needs of a message.
    pub fn read(
        target: &Target,
        hit: Hit,
        hasher: &RandomState,
        looked: &mut Looked<'_>,
    ) -> Result<Self, ReadError> {
        let sent = sent_ms(target, looked)?;
        let header = looked.header()?;
        let (subject, is_reply) = sort::subject(header);
        let ids = |name: &[u8]| {
            let line = fields::first(header, name).unwrap_or_default();
            identifiers(&line)
                .map(|id| hasher.hash_one(id))
                .collect::<Vec<u64>>()
        };
        let mut references = ids(b"references");
        if references.is_empty() {
            references = ids(b"in-reply-to").into_iter().take(1).collect();
        }
        // The last ones are the nearest.
        let beyond = references
            .len()
            .saturating_sub(limits::IMAP_THREAD_REFERENCES_MAX);
        references.drain(..beyond);
        references.shrink_to_fit();
        Ok(Self {
            number: hit.number,
            sent,
            order: target.number,
            subject: hasher.hash_one(&subject),
            has_subject: !subject.is_empty(),
            is_reply,
            id: ids(b"message-id").first().copied(),
            references,
        })
    }
}

/// What stands in `<` and `>`.
fn identifiers(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let parts = line.split(|b| *b == b'<').skip(1);
    parts.filter_map(|part| {
        let end = memchr::memchr(b'>', part)?;
        part.get(..end).filter(|id| !id.is_empty())
    })
}

/// Writes `(…)` for each group of messages with one base subject, in the order of their first.
pub fn write_by_subject(out: &mut Output, mut messages: Vec<Threadable>) {
    messages.sort_by_key(|m| (m.sent, m.order));
    let mut groups: Vec<Vec<u32>> = Vec::new();
    let mut by_subject: HashMap<u64, usize> = HashMap::new();
    for message in &messages {
        let at = *by_subject.entry(message.subject).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.push(message.number),
            None => groups.push(vec![message.number]),
        }
    }
    for group in groups {
        out.text("(");
        for (at, number) in group.iter().enumerate() {
            match (at, group.len()) {
                (0, _) => out.number((*number).into()),
                (_, 2) => out.text(" ").number((*number).into()),
                (1, _) => out.text(" (").number((*number).into()).text(")"),
                _ => out.text("(").number((*number).into()).text(")"),
            };
        }
        out.text(")");
    }
}

/// Writes the threads that references make.
pub fn write_by_references(out: &mut Output, messages: &[Threadable]) {
    let mut forest = Forest::of(messages);
    let roots = forest.prune();
    let roots = forest.merge_subjects(roots);
    forest.write(out, roots);
}

/// A message, or the place of one that is not here.
#[derive(Debug, Default)]
struct Node {
    message: Option<usize>,
    parent: Option<usize>,
    children: Vec<usize>,
}

struct Forest<'a> {
    messages: &'a [Threadable],
    nodes: Vec<Node>,
}

impl<'a> Forest<'a> {
    /// RFC 5256 §3, REFERENCES, step 1.
    fn of(messages: &'a [Threadable]) -> Self {
        let mut forest = Self {
            messages,
            nodes: Vec::new(),
        };
        let mut places: HashMap<u64, usize> = HashMap::new();
        for (at, message) in messages.iter().enumerate() {
            let place = match message.id {
                Some(id) => *places.entry(id).or_insert_with(|| forest.add(None)),
                None => forest.add(None),
            };
            // A second message with this identifier stands alone.
            let place = match forest.nodes[place].message {
                Some(_) => forest.add(None),
                None => place,
            };
            forest.nodes[place].message = Some(at);
            let mut parent: Option<usize> = None;
            for id in &message.references {
                let next = *places.entry(*id).or_insert_with(|| forest.add(None));
                if let Some(parent) = parent.filter(|_| forest.nodes[next].parent.is_none()) {
                    forest.link(parent, next);
                }
                parent = Some(next);
            }
            if let Some(parent) = parent {
                // Its own references are better than what others said of it.
                forest.nodes[place].parent = None;
                forest.link(parent, place);
            }
        }
        for at in 0..forest.nodes.len() {
            if let Some(parent) = forest.nodes[at].parent {
                forest.nodes[parent].children.push(at);
            }
        }
        forest
    }

    fn add(&mut self, message: Option<usize>) -> usize {
        self.nodes.push(Node {
            message,
            ..Node::default()
        });
        self.nodes.len() - 1
    }

    /// Puts `child` below `parent`, but never in a circle, nor under a chain that is too long.
    fn link(&mut self, parent: usize, child: usize) {
        let mut at = Some(parent);
        for _ in 0..limits::IMAP_THREAD_DEPTH_MAX {
            match at {
                Some(here) if here == child => return,
                Some(here) => at = self.nodes[here].parent,
                None => {
                    self.nodes[child].parent = Some(parent);
                    return;
                }
            }
        }
    }

    /// Steps 2 to 4: places without a message go, their children move up, siblings are sorted. Answers
    /// the roots.
    fn prune(&mut self) -> Vec<usize> {
        let roots = (0..self.nodes.len()).filter(|at| self.nodes[*at].parent.is_none());
        let roots: Vec<usize> = roots.collect();
        for node in self.bottom_up(&roots) {
            let children = std::mem::take(&mut self.nodes[node].children);
            let mut kept = Vec::with_capacity(children.len());
            for child in children {
                match self.nodes[child].message {
                    Some(_) => kept.push(child),
                    None => kept.append(&mut self.nodes[child].children),
                }
            }
            for child in &kept {
                self.nodes[*child].parent = Some(node);
            }
            kept.sort_by_key(|child| self.sent(*child));
            self.nodes[node].children = kept;
        }
        let mut kept = Vec::new();
        for root in roots {
            match (
                self.nodes[root].message,
                self.nodes[root].children.as_slice(),
            ) {
                (None, []) => {}
                (None, [only]) => kept.push(*only),
                _ => kept.push(root),
            }
        }
        kept.sort_by_key(|root| self.sent(*root));
        kept
    }

    /// Every node after its children.
    fn bottom_up(&self, roots: &[usize]) -> Vec<usize> {
        let mut order = roots.to_vec();
        let mut at = 0;
        while let Some(node) = order.get(at) {
            order.extend_from_slice(&self.nodes[*node].children);
            at += 1;
        }
        order.reverse();
        order
    }

    /// When the message of a node, or the first of its children, was sent.
    fn sent(&self, node: usize) -> (i64, u32) {
        let own = self.message(node);
        own.map_or((i64::MAX, u32::MAX), |m| (m.sent, m.order))
    }

    /// The message of a node, or of its first child where it has none.
    fn message(&self, node: usize) -> Option<&'a Threadable> {
        let node = &self.nodes[node];
        let child = || self.nodes.get(*node.children.first()?)?.message;
        self.messages.get(node.message.or_else(child)?)
    }

    /// Step 5: roots with one subject are put together.
    fn merge_subjects(&mut self, roots: Vec<usize>) -> Vec<usize> {
        let mut table: HashMap<u64, usize> = HashMap::new();
        for root in &roots {
            let Some(message) = self.message(*root).filter(|m| m.has_subject) else {
                continue;
            };
            let known = table.entry(message.subject).or_insert(*root);
            let is_reply = |at: usize| self.message(at).is_some_and(|m| m.is_reply);
            let is_dummy = |at: usize| self.nodes[at].message.is_none();
            let better = is_dummy(*root) && !is_dummy(*known)
                || !is_dummy(*known) && is_reply(*known) && !is_reply(*root);
            if better {
                *known = *root;
            }
        }
        let mut kept: Vec<usize> = Vec::with_capacity(roots.len());
        let mut joined: HashMap<usize, usize> = HashMap::new();
        for root in roots {
            let known = self.message(root).filter(|m| m.has_subject);
            let known = known.and_then(|m| table.get(&m.subject)).copied();
            match known.filter(|known| *known != root) {
                Some(known) => self.join(known, root, &mut joined),
                None => kept.push(root),
            }
        }
        for root in &mut kept {
            *root = joined.get(root).copied().unwrap_or(*root);
        }
        kept.sort_by_key(|root| self.sent(*root));
        kept
    }

    /// Puts `root` to `known`, whose place another may have taken.
    fn join(&mut self, known: usize, root: usize, joined: &mut HashMap<usize, usize>) {
        let goal = joined.get(&known).copied().unwrap_or(known);
        let is_dummy = |at: usize| self.nodes[at].message.is_none();
        let is_reply = |at: usize| self.message(at).is_some_and(|m| m.is_reply);
        match (is_dummy(goal), is_dummy(root)) {
            (true, true) => {
                let mut children = std::mem::take(&mut self.nodes[root].children);
                self.nodes[goal].children.append(&mut children);
            }
            (true, false) => self.nodes[goal].children.push(root),
            _ if is_reply(root) && !is_reply(goal) => self.nodes[goal].children.push(root),
            _ => {
                let both = self.add(None);
                self.nodes[both].children = vec![goal, root];
                joined.insert(known, both);
            }
        }
        let goal = joined.get(&known).copied().unwrap_or(known);
        let mut children = std::mem::take(&mut self.nodes[goal].children);
        children.sort_by_key(|child| self.sent(*child));
        self.nodes[goal].children = children;
    }

    /// Writes without recursion: what is to come is on a stack.
    fn write(&self, out: &mut Output, roots: Vec<usize>) {
        enum Todo {
            Open(usize),
            Node(usize),
            Close,
        }
        let mut todo: Vec<Todo> = roots.into_iter().rev().map(Todo::Open).collect();
        let mut after_number = false;
        while let Some(next) = todo.pop() {
            match next {
                Todo::Open(node) => {
                    out.text(if after_number { " (" } else { "(" });
                    after_number = false;
                    todo.push(Todo::Close);
                    todo.push(Todo::Node(node));
                }
                Todo::Node(node) => {
                    let own = self.nodes[node]
                        .message
                        .and_then(|at| self.messages.get(at));
                    if let Some(message) = own {
                        out.text(if after_number { " " } else { "" });
                        out.number(message.number.into());
                        after_number = true;
                    }
                    match self.nodes[node].children.as_slice() {
                        [only] => todo.push(Todo::Node(*only)),
                        many => todo.extend(many.iter().rev().map(|child| Todo::Open(*child))),
                    }
                }
                Todo::Close => {
                    out.text(")");
                    after_number = false;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u32, subject: &str, id: u64, references: &[u64]) -> Threadable {
        let (subject, is_reply) = match subject.strip_prefix("Re: ") {
            Some(base) => (base, true),
            None => (subject, false),
        };
        Threadable {
            number,
            sent: i64::from(number),
            order: number,
            subject: subject.bytes().map(u64::from).sum(),
            has_subject: !subject.is_empty(),
            is_reply,
            id: Some(id),
            references: references.to_vec(),
        }
    }

    fn threads(messages: &[Threadable]) -> String {
        let mut out = Output::default();
        write_by_references(&mut out, messages);
        String::from_utf8_lossy(&out.take()).into_owned()
    }

    #[test]
    fn references_make_the_threads_of_rfc_5256() {
        // A chain, a fork, a lost parent, a lone one.
        let all = [
            message(1, "a", 1, &[]),
            message(2, "Re: a", 2, &[1]),
            message(3, "Re: a", 3, &[1, 2]),
            message(4, "Re: a", 4, &[1]),
            message(5, "Re: b", 5, &[99]),
            message(6, "Re: b", 6, &[99]),
            message(7, "c", 7, &[]),
        ];
        assert_eq!(threads(&all), "(1 (2 3)(4))((5)(6))(7)");
        // Two with one subject and no references are put together.
        assert_eq!(
            threads(&[message(1, "x", 1, &[]), message(2, "Re: x", 2, &[])]),
            "(1 2)"
        );
        assert_eq!(
            threads(&[message(1, "x", 1, &[]), message(2, "x", 2, &[])]),
            "((1)(2))"
        );
        assert_eq!(
            threads(&[message(1, "", 1, &[]), message(2, "", 2, &[])]),
            "(1)(2)"
        );
    }

    #[test]
    fn circles_and_doubles_end() {
        let all = [
            message(1, "", 1, &[2]),
            message(2, "", 2, &[1]),
            message(3, "", 3, &[3]),
            message(4, "", 3, &[]),
        ];
        assert_eq!(threads(&all), "(2 1)(3)(4)");
    }

    #[test]
    fn se_10_long_chains_take_bounded_work() {
        let chain = |n: u32| message(n, "", n.into(), &[u64::from(n) - 1]);
        let all: Vec<Threadable> = (1..20_000).map(chain).collect();
        let said = threads(&all);
        assert_eq!(
            said.split(|c: char| !c.is_ascii_digit())
                .filter(|w| !w.is_empty())
                .count(),
            19_999
        );
        assert_eq!(said.matches('(').count(), said.matches(')').count());
    }

    #[test]
    fn ordered_subjects_are_flat() {
        let mut out = Output::default();
        let all = ["a", "b", "Re: a", "a", "Re: b"];
        let all = (1..).zip(all).map(|(n, s)| message(n, s, n.into(), &[]));
        write_by_subject(&mut out, all.collect());
        assert_eq!(String::from_utf8_lossy(&out.take()), "(1 (3)(4))(2 5)");
    }
}
