//! The last stage: signed messages become blobs, one sync makes them durable, then the owner is told.
//! Nothing signed leaves before its commit.

use std::sync::Arc;

use super::between;
use super::draft::{self, Drafted, Drafter, Finish, Setback};
use super::sabotage;
use super::signature::Templates;
use super::stages::{SignedBy, give_signed};
use super::work::Work;
use crate::blob::{BlobError, BlobRef};
use crate::journal::Partition;
use crate::mailbox::Content;
use crate::marker;
use crate::owner::{Command, ReceiptContent};
use crate::ports::Signature;
use crate::proof::Signed;
use crate::rope::{Piece, Rope};
use crate::state::Shared;
use crate::view::marks::Marks;

/// Writes a batch, syncs once, sends the commands.
pub(super) fn commit(
    shared: &Arc<Shared>,
    drafter: &Drafter,
    batch: Vec<(Drafted, Vec<Signature>)>,
) {
    let mut templates = drafter.templates.lock();
    let mut made = Vec::with_capacity(batch.len());
    for (drafted, signatures) in batch {
        let work = drafted.work.clone();
        let by = SignedBy::of(shared, &signatures);
        match Made::of(shared, &mut templates, drafted, &signatures) {
            Ok(done) => made.push(Made { by, ..done }),
            Err(setback) => {
                by.dropped(shared);
                drafter.set_back(work, setback);
            }
        }
    }
    drop(templates);
    let commands = write(shared, drafter, made);
    // Crash here: blobs that nobody names; the rows are still open and are drafted anew.
    if sync(shared) {
        commands
            .into_iter()
            .for_each(|(command, work, by)| give_signed(shared, command, work, by));
    }
}

/// Each signed message counts for its key in the record of its step (LG-14).
fn say_who_signed(command: &mut Command, by: &SignedBy) {
    let evidence = match command {
        Command::Accept(accepted, ..) => &mut accepted.evidence,
        Command::Refuse(refused, _) => &mut refused.evidence,
        Command::Certify(certified) => &mut certified.evidence,
        Command::Answer(answered, _) => &mut answered.evidence,
        Command::FireTimer(fired, _) => &mut fired.evidence,
        // A delivery report is signed by nobody.
        _ => return,
    };
    evidence.signed_by.clone_from(&by.keys);
}

/// Messages with their signatures, in the form in which they are stored.
struct Made {
    work: Work,
    finish: Finish,
    by: SignedBy,
    messages: Vec<Stored>,
    /// Of an accepted message.
    facts: Option<Vec<u8>>,
}

/// A message as its rope is stored.
struct Stored {
    octets: Vec<u8>,
    size: u64,
    marks: Option<Marks>,
}

impl Stored {
    fn of(message: &Rope) -> Self {
        let marks = match message.pieces().first() {
            Some(Piece::Text(text)) => marker::marks_of(text),
            _ => None,
        };
        Self {
            octets: message.to_bytes(),
            size: message.len(),
            marks,
        }
    }
}

impl Made {
    fn of(
        shared: &Shared,
        templates: &mut Templates,
        drafted: Drafted,
        signatures: &[Signature],
    ) -> Result<Self, Setback> {
        let mut messages = Vec::with_capacity(drafted.messages.len() + drafted.loose.len());
        for (message, signature) in drafted.messages.into_iter().zip(signatures) {
            let p7s = templates.base64(shared, signature)?;
            // The signer handed this out only after its check with the public key (SG-16). Only what is
            // signed is kept as a message of ours.
            let message = Signed::new(sabotage::after_signing(
                shared,
                message.finish_with_base64(&p7s),
            ));
            messages.push(Stored::of(&message));
        }
        messages.extend(drafted.loose.iter().map(Stored::of));
        let facts = match &drafted.finish {
            Finish::Accept(plan) => Some(minicbor::to_vec(&plan.facts).unwrap_or_default()),
            _ => None,
        };
        Ok(Self {
            work: drafted.work,
            finish: drafted.finish,
            by: SignedBy::default(),
            messages,
            facts,
        })
    }

    /// What is to be written, in the order of `messages`, the facts last.
    fn contents(&self) -> impl Iterator<Item = (Partition, &[u8])> {
        let home = home_of(&self.work);
        let messages = self.messages.iter().map(|stored| stored.octets.as_slice());
        messages
            .chain(self.facts.as_deref())
            .map(move |c| (home, c))
    }

    /// The command, once all lies at `blobs`.
    fn command(self, shared: &Shared, drafter: &Drafter, blobs: &[BlobRef]) -> Option<Command> {
        let mut contents = Vec::with_capacity(self.messages.len());
        for (stored, blob) in self.messages.into_iter().zip(blobs) {
            if let Some(marks) = stored.marks {
                shared.fresh_marks.note(*blob, marks);
            }
            contents.push((Content::Rope(*blob), stored.size));
        }
        let first = contents.first().copied();
        // An answer may be that nothing is said; every other step makes a message.
        Some(match self.finish {
            Finish::Accept(plan) => {
                let facts = *blobs.get(contents.len())?;
                drafter.remember(facts, plan.facts.clone());
                let first = first?;
                let envelope = contents.get(1).copied().unwrap_or(first);
                let receipt = receipt_for(plan.mailbox, first);
                let leaving = draft::leaving(&plan, envelope);
                let accepted = draft::accepted(*plan, envelope, facts);
                Command::Accept(Box::new(accepted), Some(receipt), leaving)
            }
            Finish::Refuse(plan) => Command::Refuse(
                Box::new(plan.refused),
                Some(receipt_for(plan.mailbox, first?)),
            ),
            Finish::Certify(plan) => Command::Certify(Box::new(draft::certified(*plan, first?))),
            Finish::Answer(plan) => between::answered(*plan, &contents),
            Finish::Report(plan) => between::reported(*plan, first?),
            Finish::Fire(plan) => between::fired(*plan, first?),
        })
    }
}

/// Writes all that was made in few writes. While the disk is full accepted work waits, since it must end;
/// any other failure stops the process (see *Commit*).
fn write(shared: &Shared, drafter: &Drafter, made: Vec<Made>) -> Vec<(Command, Work, SignedBy)> {
    let contents: Vec<_> = made.iter().flat_map(Made::contents).collect();
    let mut commands = Vec::with_capacity(made.len());
    match shared.blobs.append_all(&contents) {
        Ok(blobs) => {
            let mut rest = blobs.as_slice();
            for one in made {
                let (own, after) = rest.split_at(one.contents().count().min(rest.len()));
                rest = after;
                let (work, by) = (one.work.clone(), one.by.clone());
                match one.command(shared, drafter, own) {
                    Some(mut command) => {
                        say_who_signed(&mut command, &by);
                        commands.push((command, work, by));
                    }
                    None => {
                        by.dropped(shared);
                        let why = "no message was made".to_owned();
                        drafter.set_back(work, Setback::Held(why));
                    }
                }
            }
        }
        // Where there is no room for all there may be some for one.
        Err(BlobError::NoSpace(_)) if made.len() > 1 => {
            let one_by_one = made
                .into_iter()
                .map(|one| write(shared, drafter, vec![one]));
            commands.extend(one_by_one.flatten());
        }
        Err(error @ BlobError::NoSpace(_)) => {
            let setback = |one: Made| {
                one.by.dropped(shared);
                drafter.set_back(one.work, Setback::Later(error.to_string()));
            };
            made.into_iter().for_each(setback);
        }
        Err(error) => {
            shared.fatal(&error.to_string());
            let setback = |one: Made| drafter.set_back(one.work, Setback::Held(error.to_string()));
            made.into_iter().for_each(setback);
        }
    }
    commands
}

fn receipt_for(
    mailbox: crate::mailbox::MailboxId,
    (content, size): (Content, u64),
) -> ReceiptContent {
    ReceiptContent {
        mailbox,
        content,
        size,
    }
}

fn home_of(work: &Work) -> Partition {
    let identifier = work.identifier();
    identifier.home().map_or(Partition::REGISTRY, Partition)
}

/// A failed sync is never tried again: the kernel may have dropped the pages and call them clean.
fn sync(shared: &Shared) -> bool {
    match shared.blobs.sync() {
        Ok(()) => true,
        Err(error) => {
            shared.fatal(&error.to_string());
            false
        }
    }
}
