//! Removed messages that are still kept (AC-13): which there are, and back into their folders with them.
//! Nothing of what they say is shown.

use ceralacca_core::limits;
use ceralacca_core::mailbox::{FolderId, MailboxId, SetAside};
use ceralacca_core::owner::{Command, MailboxOrder, Outcome};
use serde_json::json;

use super::Desk;
use crate::report::{Failure, Report};

/// One of them: where it was, its UID there, what is kept.
struct Kept {
    folder: FolderId,
    name: String,
    message: SetAside,
}

impl Kept {
    /// What names it on the command line.
    fn key(&self) -> String {
        format!("{}.{}", self.folder.0, self.message.row.uid)
    }
}

impl Desk<'_> {
    pub(super) fn deleted(&self, text: &str) -> Result<Report, Failure> {
        let row = self.find(text)?;
        let days = self.state.policy().deleted_kept_days;
        let mut words = String::new();
        let mut objects = Vec::new();
        for kept in self.kept(row.id) {
            let (key, message) = (kept.key(), &kept.message);
            let at = message.at.rfc3339();
            let until = message.at.plus_millis(i64::from(days) * DAY_MS).rfc3339();
            let (size, name) = (message.row.size, &kept.name);
            words.push_str(&format!("{key}  {at}  {size} octets  {name}\n"));
            objects.push(json!({
                "key": key, "deleted": at, "until": until, "size": size, "folder": name,
            }));
        }
        words.push_str(&match days {
            0 => "the policy keeps nothing that is removed\n".to_owned(),
            days => format!("{} kept, each for {days} days\n", objects.len()),
        });
        let address = row.address.as_str();
        Ok(Report::done(
            words,
            json!({ "address": address, "deleted": objects }),
        ))
    }

    /// All or, by a full mailbox or a wrong key, nothing.
    pub(super) fn restore(&self, text: &str, keys: &[String]) -> Result<Report, Failure> {
        let row = self.find(text)?;
        let kept = self.kept(row.id);
        let messages = match keys {
            [] => kept.iter().map(named).collect(),
            keys => keys
                .iter()
                .map(|key| {
                    let found = kept.iter().find(|kept| kept.key() == *key);
                    let none = || format!("no removed message of {text} has the key `{key}`");
                    found.map(named).ok_or_else(|| Failure::Refused(none()))
                })
                .collect::<Result<Vec<_>, _>>()?,
        };
        let mut restored = Vec::new();
        for messages in messages.chunks(limits::MESSAGES_PER_RESTORE_MAX) {
            let order = MailboxOrder::Restore {
                messages: messages.to_vec(),
                author: self.author.to_owned(),
            };
            let command = Command::Mailbox(row.id, order);
            match self.state.ask(command).map_err(Failure::refused)? {
                Outcome::Restored(done) => restored.extend(done),
                _ => return Err(Failure::Refused("the order was not understood".to_owned())),
            }
        }
        let keys: Vec<String> = restored
            .iter()
            .map(|(folder, uid)| format!("{}.{uid}", folder.0))
            .collect();
        Ok(Report::done(
            format!("{} restored", keys.len()),
            json!({ "address": row.address.as_str(), "restored": keys }),
        ))
    }

    fn kept(&self, mailbox: MailboxId) -> Vec<Kept> {
        let folders = self.state.view().folders(mailbox);
        let of_folder = folders.iter().flat_map(|folder| {
            folder.set_aside.values().map(|message| Kept {
                folder: folder.id,
                name: folder.row.name.clone(),
                message: message.clone(),
            })
        });
        of_folder.collect()
    }
}

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn named(kept: &Kept) -> (FolderId, u32) {
    (kept.folder, kept.message.row.uid)
}
