//! Requests about infected messages that are kept (VI-09). Who reads whose mail, and why, is committed
//! to the journal before a word of it is given out; a removal before it happens.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use ceralacca_core::limits;
use ceralacca_core::owner::RegistryOrder;
use ceralacca_core::quarantine::{Quarantine, QuarantineFacts, QuarantineName};
use serde_json::{Value, json};

use super::Desk;
use crate::control::QuarantineRequest;
use crate::report::{Failure, Report};

impl Desk<'_> {
    /// Carries out a request about kept messages.
    pub fn quarantine(&self, request: QuarantineRequest) -> Result<Report, Failure> {
        let store = self.state.quarantine();
        let store = store.ok_or_else(|| Failure::Refused("nothing is kept here".to_owned()))?;
        match request {
            QuarantineRequest::List => list(store),
            QuarantineRequest::Show { name, reason } => self.show_kept(store, &name, &reason),
            QuarantineRequest::Export { name, out, reason } => {
                self.export_kept(store, (&name, &reason), &out)
            }
            QuarantineRequest::Expire => self.expire_kept(store),
        }
    }

    fn show_kept(
        &self,
        store: &Arc<Quarantine>,
        name: &str,
        reason: &str,
    ) -> Result<Report, Failure> {
        let (name, facts) = self.logged(store, name, ("facts", reason))?;
        let words = format!(
            "{name}\nidentifier  {}\nfound       {}, {}\ndetection   {}\nfrom        {}\n\
             to          {}\nsize        {} octets\nkept until  {}\n",
            facts.identifier,
            facts.at.rfc3339(),
            facts.found_at.as_str(),
            facts.detection,
            facts.sender.as_deref().unwrap_or("-"),
            facts.recipients.join(", "),
            facts.size,
            facts.kept_until().rfc3339(),
        );
        let mut object = outline(&name, &facts);
        object["identifier"] = facts.identifier.into();
        object["sender"] = facts.sender.into();
        object["recipients"] = facts.recipients.into();
        Ok(Report::done(words, object))
    }

    fn export_kept(
        &self,
        store: &Arc<Quarantine>,
        (name, reason): (&str, &str),
        out: &Path,
    ) -> Result<Report, Failure> {
        // The file first: what cannot be written is not read.
        let file = new_file(out)?;
        let given = self
            .logged(store, name, ("content", reason))
            .and_then(|(name, _)| give_out(store, &name, file));
        let octets = given.inspect_err(|_| {
            // Whatever is in it is not the message.
            let _ = std::fs::remove_file(out);
        })?;
        Ok(Report::done(
            format!(
                "{octets} octets written to {}: they are infected",
                out.display()
            ),
            json!({ "name": name, "file": out, "octets": octets }),
        ))
    }

    fn expire_kept(&self, store: &Arc<Quarantine>) -> Result<Report, Failure> {
        let expired = store.expired(self.state.clock().now());
        let mut removed = Vec::new();
        for (name, facts) in expired.map_err(Failure::refused)? {
            // Crash from here to the removal: logged, and still there; the next `expire` does both.
            self.order(RegistryOrder::RemoveQuarantine {
                name: name.to_string(),
                identifier: facts.identifier,
            })?;
            store.remove(&name).map_err(Failure::refused)?;
            removed.push(name.to_string());
        }
        Ok(Report::done(
            format!("{} removed", removed.len()),
            json!({ "removed": removed }),
        ))
    }

    /// Logs the reading, then gives the facts.
    fn logged(
        &self,
        store: &Arc<Quarantine>,
        name: &str,
        (what, reason): (&'static str, &str),
    ) -> Result<(QuarantineName, QuarantineFacts), Failure> {
        let reason = reason.trim();
        if reason.is_empty() || reason.chars().count() > limits::REASON_CHARS_MAX {
            return Err(Failure::Refused(format!(
                "say why, in up to {} characters",
                limits::REASON_CHARS_MAX
            )));
        }
        let parsed = QuarantineName::parse(name);
        let name = parsed.ok_or_else(|| Failure::Refused(format!("`{name}` is no such name")))?;
        let facts = store.facts(&name).map_err(Failure::refused)?;
        self.order(RegistryOrder::ReadQuarantine {
            name: name.to_string(),
            identifier: facts.identifier.clone(),
            what,
            reason: reason.to_owned(),
        })?;
        Ok((name, facts))
    }
}

fn list(store: &Arc<Quarantine>) -> Result<Report, Failure> {
    let mut words = String::new();
    let mut objects = Vec::new();
    for (name, facts) in store.list().map_err(Failure::refused)? {
        match facts {
            Ok(facts) => {
                words.push_str(&format!(
                    "{name}  {}, {} octets, {}\n",
                    facts.detection,
                    facts.size,
                    facts.found_at.as_str()
                ));
                objects.push(outline(&name, &facts));
            }
            Err(error) => {
                words.push_str(&format!("{error}\n"));
                objects.push(json!({ "name": name.as_str(), "error": error.to_string() }));
            }
        }
    }
    Ok(Report::done(words, json!({ "messages": objects })))
}

fn outline(name: &QuarantineName, facts: &QuarantineFacts) -> Value {
    json!({
        "name": name.as_str(),
        "at": facts.at.rfc3339(),
        "detection": facts.detection,
        "found_at": facts.found_at.as_str(),
        "size": facts.size,
        "kept_until": facts.kept_until().rfc3339(),
    })
}

/// Never over another, and for its owner alone.
fn new_file(out: &Path) -> Result<File, Failure> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(out)
        .map_err(|error| Failure::Refused(format!("{}: {error}", out.display())))
}

fn give_out(store: &Quarantine, name: &QuarantineName, file: File) -> Result<u64, Failure> {
    let mut writer = BufWriter::new(file);
    let octets = store.read(name, &mut writer).map_err(Failure::refused)?;
    writer.flush().map_err(Failure::refused)?;
    writer.get_ref().sync_all().map_err(Failure::refused)?;
    Ok(octets)
}
