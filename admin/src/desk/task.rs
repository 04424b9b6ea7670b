//! Tasks of operators: what is open, the oldest first, and settling one with a note.

use ceralacca_core::limits::{TASK_NOTE_CHARS_MAX, TASKS_OPEN_MAX};
use ceralacca_core::owner::Command;
use ceralacca_core::task::TaskKey;
use serde_json::{Value, json};

use super::Desk;
use crate::control::TaskRequest;
use crate::report::{Failure, Report};

impl Desk<'_> {
    /// Carries out a request about tasks.
    pub fn task(&self, request: TaskRequest) -> Result<Report, Failure> {
        match request {
            TaskRequest::List => Ok(self.tasks()),
            TaskRequest::Settle { key, note } => self.settle_task(&key, note),
        }
    }

    fn tasks(&self) -> Report {
        let mut open: Vec<_> = self.state.view().with_work(|work| {
            let tasks = work.tasks.iter();
            tasks.map(|(key, row)| (key.clone(), row.clone())).collect()
        });
        open.sort_by_key(|(_, row)| row.at);
        let mut words = match open.len() {
            0 => "nothing is open\n".to_owned(),
            TASKS_OPEN_MAX.. => "no further task is opened until some are settled\n".to_owned(),
            _ => String::new(),
        };
        let line = |(key, row): &(TaskKey, std::sync::Arc<ceralacca_core::task::TaskRow>)| {
            let (at, about) = (row.at.rfc3339(), &row.about);
            format!("{key}\n  {at}  about {about}\n  {}\n", row.words)
        };
        words.extend(open.iter().map(line));
        let objects: Vec<Value> = open
            .iter()
            .map(|(key, row)| {
                json!({
                    "key": key.to_string(),
                    "kind": key.kind.word(),
                    "at": row.at.rfc3339(),
                    "about": row.about.as_str(),
                    "provider": row.provider,
                    "words": row.words,
                })
            })
            .collect();
        Report::done(words, json!({ "tasks": objects }))
    }

    fn settle_task(&self, key: &str, note: String) -> Result<Report, Failure> {
        let absent = || Failure::Refused(format!("`{key}` is no open task: see `task list`"));
        let parsed = TaskKey::parse(key).ok_or_else(absent)?;
        if note.trim().is_empty() || note.chars().count() > TASK_NOTE_CHARS_MAX {
            let words = format!("say what was found, in 1 to {TASK_NOTE_CHARS_MAX} characters");
            return Err(Failure::Refused(words));
        }
        let command = Command::SettleTask(parsed, self.author.to_owned(), note);
        self.state.ask(command).map_err(Failure::refused)?;
        let words = format!("{key} is settled");
        Ok(Report::done(words, json!({ "settled": key })))
    }
}
