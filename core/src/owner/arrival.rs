//! What other servers bring, decided: taken in once (IP-18), answered once, put into mailboxes once, and
//! matched to our own messages by certification data alone (CD-14, TO-13).

use super::Outcome;
use super::command::MatchOrder;
use super::message::{Decided, Desk, already, partition_of_identifier, with_dispatches};
use crate::certification::{CertificationKind, ErrorKind};
use crate::journal::Partition;
use crate::journal::record::{
    Answered, ArrivalKind, DeliveryOutcome, Evidence, ForeignReceipt, Forgotten, Landed, Matched,
    Placed, Received, Record, SeenMark, Shelf, Stored, TakenInCharge,
};
use crate::mailbox::{Flags, FolderId, SpecialUse, filing_after};
use crate::message_id::Identifier;
use crate::queue::Dispatch;
use crate::registry::MailboxState;
use crate::task::{TaskKey, TaskKind};
use crate::view::row::{ErrandRow, JourneyRow, RecipientKey};
use crate::wording::failures;

impl Desk<'_> {
    /// The message is ours from here on; recipients who have it already are passed over.
    pub fn receive(&self, mut received: Received, leaving: Vec<Dispatch>) -> Decided {
        let identifier = received.identifier.clone();
        let partition = partition_of_identifier(&identifier);
        let is_other = self.comes_with_other_content(&received);
        self.pass_over_seen(&mut received);
        let leaving = match received.kind {
            ArrivalKind::Duplicate => Vec::new(),
            _ => leaving,
        };
        let tasks = self.tasks_of(&received, is_other);
        let mut records = with_dispatches(received.into(), leaving);
        records.extend(tasks);
        Ok((partition, records, Outcome::Submitted(identifier)))
    }

    /// IP-18: the same envelope for the same recipient acts once, and so does a receipt.
    fn pass_over_seen(&self, received: &mut Received) {
        if received.receipt.is_some() {
            return self.pass_over_receipt(received);
        }
        let Some(envelope) = received.envelope.as_mut() else {
            return;
        };
        let marks = received.seen.iter().copied();
        let fresh = self.newest.with_work(|work| {
            let pairs = envelope.recipients.iter().copied().zip(marks);
            let fresh = pairs.filter(|(_, mark)| !work.seen.contains_key(mark));
            fresh.collect::<Vec<_>>()
        });
        if fresh.len() == received.seen.len() {
            return;
        }
        (envelope.recipients, received.seen) = fresh.into_iter().unzip();
        if envelope.recipients.is_empty() && received.anomaly.is_none() {
            received.kind = ArrivalKind::Duplicate;
            received.envelope = None;
            received.detected_for.clear();
            received.is_owed = false;
        }
    }

    fn pass_over_receipt(&self, received: &mut Received) {
        let known = |mark: &SeenMark| self.newest.with_work(|work| work.seen.contains_key(mark));
        if !received.seen.is_empty() && received.seen.iter().all(known) {
            received.kind = ArrivalKind::Duplicate;
            received.receipt = None;
            received.placements.clear();
            received.seen.clear();
            received.is_owed = false;
        }
    }

    /// What an arrival owed is signed.
    pub fn answer(&self, answered: Answered, leaving: Vec<Dispatch>) -> Decided {
        let identifier = answered.identifier.clone();
        if !self
            .newest
            .with_work(|work| work.arrivals.contains_key(&identifier))
        {
            return already();
        }
        let partition = partition_of_identifier(&identifier);
        let records = with_dispatches(answered.into(), leaving);
        Ok((partition, records, Outcome::Done))
    }

    /// A receipt of another provider: its effect belongs to the message's home, its end to its own;
    /// where these differ, two decisions, and the first acts once by what it finds.
    pub fn match_receipt(&self, order: MatchOrder) -> Decided {
        let arrival = self
            .newest
            .with_work(|work| work.arrivals.get(&order.arrival).cloned());
        let Some(arrival) = arrival else {
            return already();
        };
        let Some(receipt) = &arrival.receipt else {
            return already();
        };
        let own = partition_of_identifier(&order.arrival);
        let home = partition_of_identifier(&receipt.about);
        let effect = self.effect(receipt, &arrival, &order);
        let finding = match &effect {
            Some(record) => format!("{} of {}", record.name(), receipt.about),
            None => format!("nothing open of {}", receipt.about),
        };
        let task = effect
            .as_ref()
            .and_then(|_| self.task_of(receipt, &arrival, &order));
        let matched: Record = Matched {
            identifier: order.arrival,
            finding,
        }
        .into();
        Ok(match effect {
            Some(effect) if own != home => (
                home,
                [effect].into_iter().chain(task).collect(),
                Outcome::Again,
            ),
            effect => {
                let records = effect.into_iter().chain(task).chain([matched]).collect();
                (own, records, Outcome::Done)
            }
        })
    }

    fn effect(
        &self,
        receipt: &ForeignReceipt,
        arrival: &Received,
        order: &MatchOrder,
    ) -> Option<Record> {
        let about = &receipt.about;
        let open = self.open_errands(about, &order.recipients);
        let evidence = Evidence {
            at: self.now,
            salt: self.random,
            ..order.evidence.clone()
        };
        match receipt.kind {
            CertificationKind::TakeCharge => {
                let came = arrival.evidence.at;
                let fresh = open.into_iter().filter(|(_, row)| row.taken.is_none());
                let taken = |(recipient, row)| (recipient, with_charge(row, came));
                let errands: Vec<_> = fresh.map(taken).collect();
                let charged = TakenInCharge { evidence, errands };
                (!charged.errands.is_empty()).then(|| charged.into())
            }
            CertificationKind::Delivery | CertificationKind::NonDelivery => {
                let (recipient, _) = *open.first()?;
                let landed = Landed {
                    evidence,
                    recipient,
                    filing: None,
                    last: self.is_last(about, &[recipient]),
                    unplaced: None,
                    arrival: None,
                };
                Some(landed.into())
            }
            CertificationKind::VirusDetection => {
                let (recipient, _) = *open.first()?;
                self.virus_settled(receipt, recipient, evidence)
                    .map(Record::from)
            }
            _ => None,
        }
    }

    /// VI-07: our scanner missed what another provider found.
    fn task_of(
        &self,
        receipt: &ForeignReceipt,
        arrival: &Received,
        order: &MatchOrder,
    ) -> Option<Record> {
        if receipt.kind != CertificationKind::VirusDetection {
            return None;
        }
        let verdict = arrival.verdict.as_ref();
        let provider = verdict.and_then(|verdict| verdict.provider.as_deref());
        let words = format!(
            "our scanner ({}) missed {} in a message of {}, found by {}",
            order.scanner,
            receipt.extended_error.as_deref().unwrap_or("a virus"),
            order.evidence.sender.as_ref().map_or("<>", |s| s.as_str()),
            provider.unwrap_or("another provider"),
        );
        let key = TaskKey {
            identifier: receipt.about.clone(),
            kind: TaskKind::VirusMissedHere,
        };
        self.task(key, &receipt.about, provider, &words)
    }

    /// VI-06: the user's notice is made as any other of a delivery that failed.
    fn virus_settled(
        &self,
        receipt: &ForeignReceipt,
        recipient: u16,
        evidence: Evidence,
    ) -> Option<Stored> {
        let key = key(&receipt.about, recipient);
        let (settled, journey) = self.newest.with_work(|work| {
            let journey: Option<JourneyRow> =
                work.journeys.get(&receipt.about).map(|row| (**row).clone());
            (work.deliveries.contains_key(&key), journey)
        });
        let address = receipt.recipients.first()?.clone();
        let journey = journey.filter(|_| !settled)?;
        let detection = receipt.extended_error.clone().unwrap_or_default();
        Some(Stored {
            evidence,
            recipient,
            address,
            outcome: DeliveryOutcome::Failed {
                error: ErrorKind::Virus,
                status: failures::VIRUS_STATUS.to_owned(),
                reason: detection,
            },
            facts: journey.facts,
            arrival: None,
        })
    }

    /// Recipients of a message of ours, among `indexes`, that no receipt has closed.
    fn open_errands(&self, about: &Identifier, indexes: &[u16]) -> Vec<(u16, ErrandRow)> {
        self.newest.with_work(|work| {
            let of = |index: &u16| {
                work.errands
                    .get(&key(about, *index))
                    .map(|row| (*index, *row))
            };
            let found = indexes.iter().filter_map(of);
            found.filter(|(_, row)| !row.is_foreign).collect()
        })
    }

    /// Into the mailbox, or noted that it is gone (DP-09). Room was looked at before it was accepted.
    pub fn place(&self, key: &RecipientKey) -> Decided {
        let owed = self
            .newest
            .with_work(|work| work.placements.get(key).cloned());
        let Some(owed) = owed else {
            return already();
        };
        let mailbox = self.newest.mailbox_of(&owed.address);
        let partition = mailbox
            .as_ref()
            .map_or(Partition::REGISTRY, |row| row.partition);
        let in_service = mailbox.filter(|row| row.state != MailboxState::Closed);
        let filing = in_service.and_then(|row| {
            let folders = self.newest.folders(row.id);
            let aside = folders
                .iter()
                .find(|f| f.row.special_use == Some(SpecialUse::Junk));
            let inbox = folders.iter().find(|f| f.id == FolderId::INBOX);
            let folder = match owed.shelf {
                Shelf::Inbox => inbox,
                Shelf::Aside => aside.or(inbox),
            };
            let content = (owed.content, owed.size);
            let how = (Flags::default(), self.now);
            folder.map(|f| filing_after(f, row.id, self.newest.usage(row.id), content, how))
        });
        let placed = Placed {
            identifier: key.identifier.clone(),
            number: key.recipient,
            at: self.now,
            unplaced: filing.is_none().then_some(owed.content),
            filing,
        };
        Ok((partition, vec![placed.into()], Outcome::Done))
    }

    /// What was kept for a term is dropped.
    pub fn forget(&self, forgotten: Forgotten) -> Decided {
        if forgotten.sent.is_empty() && forgotten.seen.is_empty() {
            return already();
        }
        Ok((Partition::REGISTRY, vec![forgotten.into()], Outcome::Done))
    }
}

fn with_charge(row: ErrandRow, at: crate::instant::Instant) -> ErrandRow {
    ErrandRow {
        taken: Some(at),
        ..row
    }
}

fn key(identifier: &Identifier, recipient: u16) -> RecipientKey {
    RecipientKey {
        identifier: identifier.clone(),
        recipient,
    }
}
