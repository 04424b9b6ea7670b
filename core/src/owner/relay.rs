//! What the relay's tries come to, decided: taken over, tried again, or given up, and then who is told.
//! All entries of one decision belong to one message, so to one partition. Asking twice changes nothing:
//! an entry that is gone was decided before.

use super::command::FailOrder;
use super::message::{Decided, Desk, already, partition_of_identifier, with_dispatches};
use super::{CommandError, Outcome};
use crate::address::Address;
use crate::instant::Instant;
use crate::journal::record::{
    DeliveryOutcome, Evidence, GivenUp, Record, Relayed, Reported, Stored,
};
use crate::limits;
use crate::queue::{
    Dispatch, DispatchClass, DispatchKey, DispatchOutcome, DispatchRow, Purpose, QueueOrder,
};
use crate::view::row::{AnswerRow, RecipientKey};

/// What was said of an entry given up.
struct Refusal {
    host: Option<String>,
    status: String,
    reply: String,
}

/// Errands that earlier outcomes of the same decision close.
#[derive(Default)]
struct Closing(Vec<u16>);

impl Desk<'_> {
    /// How tries ended; all of one message.
    pub fn dispatched(&self, outcomes: Vec<(DispatchKey, DispatchOutcome)>) -> Decided {
        let Some(identifier) = outcomes.first().map(|(key, _)| key.identifier.clone()) else {
            return already();
        };
        let mut closing = Closing::default();
        let mut records = Vec::new();
        let mut deferred = Vec::new();
        for (key, outcome) in outcomes {
            if key.identifier != identifier {
                return Err(mixed());
            }
            let Some(row) = self.entry(&key) else {
                continue;
            };
            match outcome {
                DispatchOutcome::Sent { host, reply, tls } => {
                    let closes = self.closes(&key, &row, &mut closing);
                    let relayed = Relayed {
                        last: self.is_end(&key, closes, &closing),
                        key,
                        at: self.now,
                        host,
                        reply: kept(&reply),
                        tls,
                        closes,
                    };
                    records.push(relayed.into());
                }
                DispatchOutcome::Deferred { next, reply } => {
                    deferred.push(Dispatch {
                        key,
                        row: self.deferred(row, next, &reply),
                    });
                }
                DispatchOutcome::Refused {
                    host,
                    status,
                    reply,
                } => {
                    let refusal = Refusal {
                        host: Some(host),
                        status,
                        reply,
                    };
                    records.push(self.given_up(key, row, refusal, &mut closing));
                }
                DispatchOutcome::Expired { reply } => {
                    let refusal = Refusal {
                        host: None,
                        status: EXPIRED.to_owned(),
                        reply,
                    };
                    records.push(self.given_up(key, row, refusal, &mut closing));
                }
            }
        }
        records.extend(entries(deferred));
        Ok((partition_of_identifier(&identifier), records, Outcome::Done))
    }

    /// An operator's order; all of one message.
    pub fn queue(&self, order: QueueOrder) -> Decided {
        let (keys, edit): (_, fn(&mut DispatchRow)) = match order {
            QueueOrder::Hold(keys) => (keys, |row| row.held = true),
            QueueOrder::Release(keys) => (keys, |row| row.held = false),
            QueueOrder::Retry(keys) => (keys, |_| ()),
        };
        let Some(identifier) = keys.first().map(|key| key.identifier.clone()) else {
            return already();
        };
        if keys.iter().any(|key| key.identifier != identifier) {
            return Err(mixed());
        }
        let changed = keys.into_iter().filter_map(|key| {
            let mut row = self.entry(&key)?;
            edit(&mut row);
            row.next = self.now;
            Some(Dispatch { key, row })
        });
        let changed: Vec<Dispatch> = changed.collect();
        if changed.is_empty() {
            return Err(CommandError::NotFound("the entry of the queue".to_owned()));
        }
        let partition = partition_of_identifier(&identifier);
        Ok((partition, entries(changed).collect(), Outcome::Done))
    }

    /// ND-05: another provider's server refused for good; the sender gets a notice of ours.
    pub fn fail(&self, order: FailOrder) -> Decided {
        let key = RecipientKey {
            identifier: order.key.identifier.clone(),
            recipient: order.recipient,
        };
        let (owed, open) = self.newest.with_work(|work| {
            let open = work.errands.get(&key).is_some_and(|row| !row.final_fired);
            let settled = work.deliveries.contains_key(&key);
            (work.bounces.contains_key(&order.key), open && !settled)
        });
        if !owed {
            return already();
        }
        let mut records: Vec<Record> = Vec::new();
        if open {
            let stored = Stored {
                evidence: Evidence {
                    at: self.now,
                    ..order.evidence
                },
                recipient: order.recipient,
                address: order.address,
                outcome: DeliveryOutcome::Failed {
                    error: order.failure.error,
                    status: order.failure.status,
                    reason: order.failure.reason,
                },
                facts: order.facts,
                arrival: None,
            };
            records.push(stored.into());
        }
        let partition = partition_of_identifier(&key.identifier);
        let reported = Reported {
            key: order.key,
            at: self.now,
            placement: None,
        };
        records.push(reported.into());
        Ok((partition, records, Outcome::Done))
    }

    /// ND-08: the sender of an entry given up is told.
    pub fn report(&self, reported: Reported, leaving: Vec<Dispatch>) -> Decided {
        let owed = |key| self.newest.with_work(|work| work.bounces.contains_key(key));
        if !owed(&reported.key) {
            return already();
        }
        let partition = partition_of_identifier(&reported.key.identifier);
        let records = with_dispatches(reported.into(), leaving);
        Ok((partition, records, Outcome::Done))
    }

    /// An entry for a recipient whose errand is open and which no queue holds.
    pub fn dispatch(&self, entry: Dispatch) -> Decided {
        let key = RecipientKey {
            identifier: entry.key.identifier.clone(),
            recipient: u16::try_from(entry.key.number).unwrap_or(u16::MAX),
        };
        let owed = self.newest.with_work(|work| {
            let queued = work.dispatches.contains_key(&entry.key);
            work.errands.contains_key(&key) && !queued && !work.bounces.contains_key(&entry.key)
        });
        if !owed {
            return already();
        }
        let partition = partition_of_identifier(&key.identifier);
        Ok((partition, entries(vec![entry]).collect(), Outcome::Done))
    }

    /// The receipt about another provider's message, on its way to `sender`.
    pub(super) fn receipt_to_sender(
        &self,
        key: &RecipientKey,
        answer: &AnswerRow,
        sender: Option<&Address>,
    ) -> Vec<Dispatch> {
        let entry = |to: &Address| Dispatch {
            key: DispatchKey {
                identifier: key.identifier.clone(),
                number: Purpose::Receipt.number(key.recipient),
            },
            row: DispatchRow {
                at: self.now,
                until: self.now.plus_millis(limits::RECEIPT_QUEUE_MS),
                content: answer.receipt,
                size: answer.size,
                eight_bit: answer.eight_bit,
                reverse_path: self.service_address(),
                to: to.clone(),
                class: DispatchClass::Certified,
                purpose: Purpose::Receipt,
                attempts: 0,
                next: self.now,
                last: None,
                held: false,
                answers_to: None,
            },
        };
        sender.map(entry).into_iter().collect()
    }

    /// SG-14: the reverse path of receipts and notices.
    fn service_address(&self) -> Option<Address> {
        let provider = self.newest.provider()?;
        Address::parse(&provider.service_address()).ok()
    }

    fn entry(&self, key: &DispatchKey) -> Option<DispatchRow> {
        self.newest
            .with_work(|work| work.dispatches.get(key).map(|row| (**row).clone()))
    }

    fn deferred(&self, row: DispatchRow, next: Instant, reply: &str) -> DispatchRow {
        DispatchRow {
            attempts: row.attempts.saturating_add(1),
            next,
            last: Some(kept(reply)),
            ..row
        }
    }

    fn given_up(
        &self,
        key: DispatchKey,
        row: DispatchRow,
        refusal: Refusal,
        closing: &mut Closing,
    ) -> Record {
        let is_reported = match (row.purpose, row.class) {
            // An idle recipient's error is the final time-out notice alone (ND-05).
            (Purpose::Envelope, DispatchClass::Certified) => refusal.host.is_some(),
            (Purpose::Envelope, DispatchClass::Ordinary) => true,
            (Purpose::Forward, _) => row.answers_to.is_some(),
            // ND-07
            _ => false,
        };
        let closes = self.closes(&key, &row, closing);
        GivenUp {
            last: self.is_end(&key, closes, closing),
            key,
            row,
            at: self.now,
            host: refusal.host,
            status: refusal.status,
            reply: kept(&refusal.reply),
            is_reported,
            closes,
        }
        .into()
    }

    /// TE-12: for a recipient outside certified mail nothing follows the relay.
    fn closes(&self, key: &DispatchKey, row: &DispatchRow, closing: &mut Closing) -> Option<u16> {
        let is_end = row.purpose == Purpose::Envelope && row.class == DispatchClass::Ordinary;
        let recipient = u16::try_from(key.number).ok().filter(|_| is_end)?;
        closing.0.push(recipient);
        Some(recipient)
    }

    fn is_end(&self, key: &DispatchKey, closes: Option<u16>, closing: &Closing) -> bool {
        closes.is_some() && self.is_last(&key.identifier, &closing.0)
    }
}

/// RFC 3463: delivery time expired.
const EXPIRED: &str = "4.4.7";

fn entries(changed: Vec<Dispatch>) -> impl Iterator<Item = Record> {
    let mut rest = changed;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let more = rest.split_off(rest.len().min(limits::DISPATCHES_PER_RECORD_MAX));
        let entries = std::mem::replace(&mut rest, more);
        Some(crate::journal::record::Dispatched { entries }.into())
    })
}

fn kept(reply: &str) -> String {
    crate::mime::words::neutralised(reply)
        .chars()
        .take(limits::REPLY_CHARS_KEPT_MAX)
        .collect()
}

fn mixed() -> CommandError {
    CommandError::Refused("entries of different messages cannot be decided together".to_owned())
}
