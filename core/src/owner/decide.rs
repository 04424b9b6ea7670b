//! One command, decided: a pure step from (newest state, command, time, randomness) to records and an
//! outcome. Who decides what: registry orders in [`crate::registry`], mailbox orders in
//! [`crate::mailbox`], steps of certified mail in [`super::message`].

use super::message::Desk;
use super::{Command, CommandError, Outcome};
use crate::instant::Instant;
use crate::journal::Partition;
use crate::journal::record::Record;
use crate::policy::Policy;
use crate::view::View;
use crate::{mailbox, registry};

/// What a command leads to.
pub struct Decision {
    /// Whose order the records join.
    pub partition: Partition,
    /// Facts with final values; empty when nothing changes.
    pub records: Vec<Record>,
    /// Told once the records are durable.
    pub outcome: Outcome,
}

/// Time, randomness and policy of one decision.
pub struct Circumstances<'a> {
    /// The time.
    pub now: Instant,
    /// Drawn for this command alone.
    pub random: [u8; 16],
    /// Values in force.
    pub policy: &'a Policy,
}

/// Decides `command`.
pub fn decide(
    newest: &View,
    command: Command,
    given: Circumstances<'_>,
) -> Result<Decision, CommandError> {
    let desk = Desk {
        newest,
        now: given.now,
        random: given.random,
    };
    let (partition, records, outcome) = match command {
        Command::Submit(submission, paths) => desk.submit(submission, paths)?,
        Command::Accept(accepted, receipt, leaving) => desk.accept(*accepted, receipt, leaving)?,
        Command::Refuse(refused, notice) => desk.refuse(*refused, notice)?,
        Command::Store(order) => desk.store(*order)?,
        Command::Certify(certified) => desk.certify(*certified)?,
        Command::Land {
            identifier,
            recipient,
        } => desk.land(&identifier, recipient)?,
        Command::Strike {
            identifier,
            recipient,
        } => desk.strike(identifier, recipient)?,
        Command::Receive(received, leaving) => desk.receive(*received, leaving)?,
        Command::Answer(answered, leaving) => desk.answer(*answered, leaving)?,
        Command::Match(order) => desk.match_receipt(*order)?,
        Command::Place(key) => desk.place(&key)?,
        Command::Dispatched(outcomes) => desk.dispatched(outcomes)?,
        Command::Queue(order) => desk.queue(order)?,
        Command::Fail(order) => desk.fail(*order)?,
        Command::Report(reported, leaving) => desk.report(*reported, leaving)?,
        Command::FireTimer(fired, notice) => desk.fire(*fired, notice)?,
        Command::Dispatch(entry) => desk.dispatch(*entry)?,
        Command::Warn(order) => desk.warn(*order)?,
        Command::SettleTask(key, author, note) => desk.settle_task(key, author, note)?,
        Command::OpenTask(key, words) => desk.open_task(key, &words),
        Command::NoteSignatures(order) => desk.note_signatures(&order),
        Command::Forget(forgotten) => desk.forget(*forgotten)?,
        Command::Registry(order, author) => {
            // Partitions 1 to 255 hold mail; drawn at birth, never computed again.
            let partition = Partition(given.random[15] % 255 + 1);
            let policy = given.policy;
            let desk = registry::Desk {
                newest,
                policy,
                now: given.now,
                author,
                partition,
            };
            let (records, outcome) = desk.decide(order)?;
            (Partition::REGISTRY, records, outcome)
        }
        Command::Mailbox(id, order) => {
            let row = newest.mailbox(id);
            let row = row.ok_or_else(|| CommandError::NotFound("the mailbox".to_owned()))?;
            let keeping = given.policy.keeping();
            let (records, outcome) =
                mailbox::decide_keeping(newest, id, order, given.now, keeping)?;
            (row.partition, records, outcome)
        }
    };
    Ok(Decision {
        partition,
        records,
        outcome,
    })
}
