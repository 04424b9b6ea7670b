//! Forward targets that fail (MX-09): noted after the relay's record, in partition 0, as several mailboxes may
//! share a target. *Crash in between: one failure or success less is counted, never a wrong one.*

use super::decide::{Decided, Desk};
use super::{MailboxRow, MailboxState, OrdinaryPolicy};
use crate::address::Address;
use crate::instant::Instant;
use crate::journal::record::{ForwardTargetChanged, HolderTold, Placement, Record};
use crate::limits;
use crate::message_id::Identifier;
use crate::owner::{Command, Outcome, RegistryOrder};
use crate::queue::{DispatchKey, DispatchOutcome, Purpose};
use crate::view::View;
use crate::view::memory::OpenWork;

/// A target to which nothing could be delivered since its first failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct ForwardTargetRow {
    /// The first failure.
    #[n(0)]
    pub since: Instant,
    /// The newest.
    #[n(1)]
    pub last: Instant,
}

impl ForwardTargetRow {
    /// It has failed for long enough to be given up.
    pub fn is_over(&self) -> bool {
        let days = limits::FORWARD_FAILING_DAYS;
        self.last >= self.since.plus_millis(days * 24 * 60 * 60 * 1000)
    }
}

/// Who orders what follows from the relay's tries.
const AUTHOR: &str = "relay";

/// What tries of the relay, before they are recorded, say about forward targets.
pub(crate) fn orders(view: &View, outcomes: &[(DispatchKey, DispatchOutcome)]) -> Vec<Command> {
    let is_forward = |key: &DispatchKey| key.number >> 16 == Purpose::Forward.number(0) >> 16;
    let told = outcomes.iter().filter_map(|(key, outcome)| {
        let delivered = match outcome {
            DispatchOutcome::Sent { .. } => true,
            DispatchOutcome::Refused { .. } | DispatchOutcome::Expired { .. } => false,
            DispatchOutcome::Deferred { .. } => return None,
        };
        let target = view.with_work(|work| {
            let row = work.dispatches.get(key).filter(|_| is_forward(key))?;
            let concerns = !delivered || work.forward_targets.contains_key(&row.to.key());
            concerns.then(|| row.to.clone())
        });
        let order = RegistryOrder::ForwardTried(target?, delivered);
        Some(Command::Registry(order, AUTHOR.to_owned()))
    });
    told.collect()
}

/// Targets that are given up, or that nobody forwards to any more, with mailboxes that do.
pub(crate) fn ended(view: &View) -> Vec<(Address, Vec<Address>)> {
    let failing = view.with_work(|work: &OpenWork| {
        let targets = work.forward_targets.values();
        targets.cloned().collect::<Vec<_>>()
    });
    if failing.is_empty() {
        return Vec::new();
    }
    let mailboxes = view.mailboxes();
    let ended = failing.into_iter().filter_map(|(target, row)| {
        let is_served = |row: &MailboxRow| row.state != MailboxState::Closed && !row.service;
        let served = mailboxes.iter().filter(|mailbox| is_served(mailbox));
        let forwarding = served.filter(|mailbox| {
            matches!(&mailbox.ordinary, OrdinaryPolicy::Forward(to) if to.key() == target.key())
        });
        let most = limits::HOLDERS_TOLD_PER_RECORD_MAX;
        let holders: Vec<_> = forwarding.map(|m| m.address.clone()).take(most).collect();
        (row.is_over() || holders.is_empty()).then_some((target, holders))
    });
    ended.collect()
}

impl Desk<'_> {
    pub(super) fn forward_tried(&self, target: Address, delivered: bool) -> Decided {
        let known = self
            .newest
            .with_work(|work| work.forward_targets.get(&target.key()).cloned());
        let row = match (known, delivered) {
            (None, true) => return Ok((Vec::new(), Outcome::Already)),
            (Some(_), true) => None,
            (known, false) => {
                let since = known.map_or(self.now, |(_, row)| row.since);
                let last = self.now;
                Some(ForwardTargetRow { since, last })
            }
        };
        let changed = ForwardTargetChanged { target, row };
        Ok((vec![changed.into()], Outcome::Done))
    }

    /// Those of `told` that still forward to a target that is given up are told, and forward no more.
    pub(super) fn end_forward(
        &self,
        target: Address,
        identifier: Identifier,
        told: Vec<Placement>,
    ) -> Decided {
        let known = self
            .newest
            .with_work(|work| work.forward_targets.get(&target.key()).cloned());
        let Some((_, row)) = known else {
            return Ok((Vec::new(), Outcome::Already));
        };
        let mut records: Vec<Record> = Vec::new();
        let mut placements = Vec::new();
        for placement in told.into_iter().filter(|_| row.is_over()) {
            let Ok(mailbox) = self.holders_mailbox(&placement.address) else {
                continue;
            };
            if matches!(&mailbox.ordinary, OrdinaryPolicy::Forward(to) if to.key() == target.key())
            {
                let days = limits::FORWARD_FAILING_DAYS;
                let what = format!("ordinary mail: reject, as {target} failed for {days} days");
                let edit = |row: &mut MailboxRow| row.ordinary = OrdinaryPolicy::Reject;
                records.extend(self.edit(&placement.address, &what, edit)?.0);
                placements.push(placement);
            }
        }
        // With more than one record tells of, the rest is next.
        if placements.len() < limits::HOLDERS_TOLD_PER_RECORD_MAX {
            records.push(ForwardTargetChanged { target, row: None }.into());
        }
        if !placements.is_empty() {
            let at = self.now;
            records.push(
                HolderTold {
                    identifier,
                    at,
                    placements,
                }
                .into(),
            );
        }
        Ok((records, Outcome::Done))
    }
}
