//! The last stage: signed messages become blobs, one sync makes them durable, then the owner is told.
//! Nothing signed leaves before its commit.

use std::sync::Arc;

use super::between;
use super::draft::{self, Drafted, Drafter, Finish};
use super::sabotage;
use super::stages::give_signed;
use super::work::Work;
use crate::blob::{BlobError, BlobRef};
use crate::journal::Partition;
use crate::mailbox::Content;
use crate::owner::{Command, ReceiptContent};
use crate::ports::Signature;
use crate::proof::Signed;
use crate::reconciliation::KeyMark;
use crate::rope::Rope;
use crate::smime::cms;
use crate::state::Shared;

/// Writes a batch, syncs once, sends the commands.
pub(super) fn commit(
    shared: &Arc<Shared>,
    drafter: &Drafter,
    batch: Vec<(Drafted, Vec<Signature>)>,
) {
    let mut commands = Vec::with_capacity(batch.len());
    for (drafted, signatures) in batch {
        let work = drafted.work.clone();
        let marks = shared.uses.marks(&signatures);
        match assemble(shared, drafter, drafted, &signatures) {
            Ok(mut command) => {
                say_who_signed(&mut command, &marks);
                commands.push((command, work, (marks, signatures.len())));
            }
            Err(setback) => {
                shared.uses.dropped(&marks, signatures.len());
                drafter.set_back(work, setback);
            }
        }
    }
    // Crash here: blobs that nobody names; the rows are still open and are drafted anew.
    if sync(shared) {
        commands
            .into_iter()
            .for_each(|(command, work, signed)| give_signed(shared, command, work, signed));
    }
}

/// Each signed message counts for its key in the record of its step (LG-14).
fn say_who_signed(command: &mut Command, marks: &[KeyMark]) {
    let evidence = match command {
        Command::Accept(accepted, ..) => &mut accepted.evidence,
        Command::Refuse(refused, _) => &mut refused.evidence,
        Command::Certify(certified) => &mut certified.evidence,
        Command::Answer(answered, _) => &mut answered.evidence,
        Command::FireTimer(fired, _) => &mut fired.evidence,
        // A delivery report is signed by nobody.
        _ => return,
    };
    evidence.signed_by = marks.to_vec();
}

fn assemble(
    shared: &Shared,
    drafter: &Drafter,
    drafted: Drafted,
    signatures: &[Signature],
) -> Result<Command, draft::Setback> {
    let home = home_of(&drafted.work);
    let mut contents = Vec::with_capacity(drafted.messages.len() + drafted.loose.len());
    for (message, signature) in drafted.messages.into_iter().zip(signatures) {
        let der = cms::signed_data(signature)
            .map_err(|e| draft::Setback::Held(format!("the signature cannot be written: {e}")))?;
        // The signer handed this out only after its check with the public key (SG-16).
        let message = Signed::new(sabotage::after_signing(shared, message.finish(&der)));
        contents.push(keep(shared, home, &message)?);
    }
    for message in &drafted.loose {
        contents.push(keep_rope(shared, home, message)?);
    }
    let first = contents.first().copied();
    let first = first.ok_or_else(|| draft::Setback::Held("no message was made".to_owned()));
    Ok(match drafted.finish {
        Finish::Accept(plan) => {
            let first = first?;
            let octets = minicbor::to_vec(&plan.facts).unwrap_or_default();
            let facts = append(shared, home, &octets)?;
            drafter.remember(facts, plan.facts.clone());
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

/// Only what is signed is kept as a message of ours.
fn keep(
    shared: &Shared,
    home: Partition,
    message: &Signed<Rope>,
) -> Result<(Content, u64), draft::Setback> {
    keep_rope(shared, home, message)
}

fn keep_rope(
    shared: &Shared,
    home: Partition,
    message: &Rope,
) -> Result<(Content, u64), draft::Setback> {
    let blob = append(shared, home, &message.to_bytes())?;
    Ok((Content::Rope(blob), message.len()))
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

/// Appends; waits while the disk is full, since accepted work must end. Any other failure stops the
/// process (see *Commit*).
fn append(shared: &Shared, home: Partition, octets: &[u8]) -> Result<BlobRef, draft::Setback> {
    match shared.blobs.append(home, octets) {
        Ok(blob) => Ok(blob),
        Err(error @ BlobError::NoSpace(_)) => Err(draft::Setback::Later(error.to_string())),
        Err(error) => {
            shared.fatal(&error.to_string());
            Err(draft::Setback::Held(error.to_string()))
        }
    }
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
