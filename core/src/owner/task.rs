//! Tasks opened with the event that they are about, and settled once.

use super::message::{Decided, Desk, partition_of_identifier};
use super::{CommandError, Outcome};
use crate::journal::Partition;
use crate::journal::record::{
    ArrivalKind, Change, Received, Record, SeenMark, SignaturesNoted, TaskOpened, TaskSettled,
};
use crate::limits;
use crate::message_id::Identifier;
use crate::mime::words::neutralised;
use crate::reconciliation::NoteOrder;
use crate::task::{TaskKey, TaskKind, TaskRow};

impl Desk<'_> {
    /// What an arrival gives an operator to do; `is_other` as its marks said before they were passed over.
    pub(super) fn tasks_of(&self, received: &Received, is_other: bool) -> Vec<Record> {
        if received.kind == ArrivalKind::Duplicate {
            return Vec::new();
        }
        let verdict = received.verdict.as_ref().filter(|v| v.failed.is_none());
        let Some(provider) = verdict.and_then(|verdict| verdict.provider.as_deref()) else {
            return Vec::new();
        };
        let about = &received.evidence.identifier;
        let sender = received.evidence.sender.as_ref();
        let sender = sender.map_or("<>", |sender| sender.as_str());
        let mut found = Vec::new();
        if let Some(detection) = &received.infected {
            let words = format!(
                "the scanner of {provider} missed {detection} in a message of {sender}, which came \
                 from {}; it is in the quarantine",
                received.peer.address
            );
            found.push((TaskKind::VirusMissedElsewhere, words));
        }
        if is_other {
            let words = format!(
                "{provider} sent {about} of {sender} again with other content; both were handled"
            );
            found.push((TaskKind::OtherContent, words));
        }
        let opened = found.into_iter().filter_map(|(kind, words)| {
            let identifier = received.identifier.clone();
            let key = TaskKey { identifier, kind };
            self.task(key, about, Some(provider), &words)
        });
        opened.collect()
    }

    /// IP-18: the identificativo is known for this recipient, its content is not.
    pub(super) fn comes_with_other_content(&self, received: &Received) -> bool {
        self.newest.with_work(|work| {
            let knows = |mark: &SeenMark| work.seen.contains_key(mark);
            let mut both = received.named.iter().zip(&received.seen);
            both.any(|(named, seen)| knows(named) && !knows(seen))
        })
    }

    /// The record that opens a task, unless it is open already or too many are.
    pub(super) fn task(
        &self,
        key: TaskKey,
        about: &Identifier,
        provider: Option<&str>,
        words: &str,
    ) -> Option<Record> {
        let words = neutralised(words);
        let words: String = words.chars().take(limits::TASK_CHARS_MAX).collect();
        crate::warning!("{about}: {words} (see `ceralacca task list`)");
        let (is_open, open) = self
            .newest
            .with_work(|work| (work.tasks.contains_key(&key), work.tasks.len()));
        if is_open || open >= limits::TASKS_OPEN_MAX {
            return None;
        }
        let row = TaskRow {
            at: self.now,
            about: about.clone(),
            provider: provider.map(neutralised),
            words,
        };
        Some(TaskOpened { key, row }.into())
    }

    /// A task that is about no message.
    pub fn open_task(&self, key: TaskKey, words: &str) -> (Partition, Vec<Record>, Outcome) {
        let partition = partition_of_identifier(&key.identifier);
        let about = key.identifier.clone();
        let opened = self.task(key, &about, None, words);
        (partition, opened.into_iter().collect(), Outcome::Done)
    }

    /// LG-14: what the keys have signed until now. Nothing is noted where nothing was signed.
    pub fn note_signatures(&self, order: &NoteOrder) -> (Partition, Vec<Record>, Outcome) {
        let keys = order.read();
        let note = SignaturesNoted {
            at: self.now,
            keys,
            closes: order.closes,
        };
        let records = match note.keys.is_empty() {
            true => Vec::new(),
            false => vec![note.into()],
        };
        (Partition::REGISTRY, records, Outcome::Done)
    }

    /// An operator has looked into it.
    pub fn settle_task(&self, key: TaskKey, author: String, note: String) -> Decided {
        if !self.newest.with_work(|work| work.tasks.contains_key(&key)) {
            return Err(CommandError::NotFound(format!("an open task {key}")));
        }
        let partition = partition_of_identifier(&key.identifier);
        let change = Change {
            at: self.now,
            author,
            what: note,
        };
        let settled = TaskSettled { key, change };
        Ok((partition, vec![settled.into()], Outcome::Done))
    }
}
