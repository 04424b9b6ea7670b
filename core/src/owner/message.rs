//! The steps of certified mail, decided: each acts once per key (identifier, recipient, step), so that
//! asking again after a crash, or asking twice, changes nothing.

use super::command::{ReceiptContent, StoreOrder};
use super::repeat::Keyed;
use super::{CommandError, Outcome, Submission};
use crate::address::Address;
use crate::certification::ErrorKind;
use crate::instant::Instant;
use crate::journal::Partition;
use crate::journal::record::{
    Accepted, Certified, DeliveryOutcome, Dispatched, Evidence, Filing, Landed, Paths, Record,
    Refused, Stored, Struck, Submitted,
};
use crate::limits;
use crate::mailbox::{Flags, FolderId, MailboxId, filing_after};
use crate::message_id::Identifier;
use crate::queue::Dispatch;
use crate::registry::{DomainState, MailboxRow, MailboxState};
use crate::view::View;
use crate::view::row::RecipientKey;
use crate::wording::{SERVICE_LOCAL_PART, failures};

/// Records of one partition, and the answer once they are durable.
pub type Decided = Result<(Partition, Vec<Record>, Outcome), CommandError>;

/// What a decision may look at.
pub struct Desk<'a> {
    /// State, undurable records included.
    pub newest: &'a View,
    /// The time.
    pub now: Instant,
    /// Drawn for this command alone.
    pub random: [u8; 16],
}

impl Desk<'_> {
    /// Step 1: the message is ours from here on.
    pub fn submit(&self, submission: Submission, paths: Paths) -> Decided {
        let Some(provider) = self.newest.provider() else {
            return Err(CommandError::Refused(
                "the provider is not set; run init".to_owned(),
            ));
        };
        let mailbox = self.mailbox(submission.mailbox)?;
        if mailbox.state != MailboxState::Active {
            return Err(CommandError::NotInService(mailbox.address.to_string()));
        }
        let keyed = submission.key.as_ref();
        let keyed = keyed.map(|key| self.keyed(mailbox.id, key));
        let random = keyed.as_ref().map_or(self.random, Keyed::random);
        let random = random.first_chunk::<10>().copied().unwrap_or_default();
        let mint = |at| Identifier::mint(mailbox.partition.0, at, random, &provider.domain);
        if let Some(first) = keyed.as_ref().and_then(|keyed| keyed.first) {
            let outcome = Outcome::Submitted(mint(first));
            return Ok((mailbox.partition, Vec::new(), outcome));
        }
        let identifier = mint(self.now);
        let id = identifier.as_str().split('@').next().unwrap_or_default();
        let date = self.now.header_date();
        let received = format!(
            "Received: {}\r\n\tid {id};\r\n\t{date}\r\n",
            submission.received_from
        );
        let record = Submitted {
            identifier: identifier.clone(),
            at: self.now,
            mailbox: mailbox.id,
            sender: submission.sender,
            recipients: paths,
            body: *submission.body,
            received,
            key: keyed.map(|keyed| keyed.mark),
        };
        Ok((
            mailbox.partition,
            vec![record.into()],
            Outcome::Submitted(identifier),
        ))
    }

    /// Step 2: receipt, envelope and errands in one record; in the same batch what leaves for
    /// recipients elsewhere.
    pub fn accept(
        &self,
        mut accepted: Accepted,
        receipt: Option<ReceiptContent>,
        leaving: Vec<Dispatch>,
    ) -> Decided {
        let Some(partition) = self.home_of_submission(&accepted.evidence.identifier) else {
            return already();
        };
        accepted.receipt = receipt.and_then(|receipt| self.file_receipt(receipt));
        let records = with_dispatches(accepted.into(), leaving);
        Ok((partition, records, Outcome::Done))
    }

    /// Step 2, the other way.
    pub fn refuse(&self, mut refused: Refused, notice: Option<ReceiptContent>) -> Decided {
        let Some(partition) = self.home_of_submission(&refused.evidence.identifier) else {
            return already();
        };
        refused.notice = notice.and_then(|notice| self.file_receipt(notice));
        Ok((partition, vec![refused.into()], Outcome::Done))
    }

    /// Step 3: into the mailbox, or settled that it cannot be (DP-02, DP-06, DP-07, DP-10).
    pub fn store(&self, order: StoreOrder) -> Decided {
        let key = RecipientKey {
            identifier: order.identifier,
            recipient: order.recipient,
        };
        if self
            .newest
            .with_work(|work| work.deliveries.contains_key(&key))
        {
            return already();
        }
        let mailbox = self.newest.mailbox_of(&order.address);
        let partition = mailbox
            .as_ref()
            .map_or(Partition::REGISTRY, |row| row.partition);
        let outcome = match self.can_take(&order.address, mailbox.as_deref(), order.size) {
            Ok(mailbox) => {
                let content = (order.envelope, order.size);
                self.file(mailbox.id, content).map_or_else(
                    || failure(ErrorKind::NoRecipient, failures::UNKNOWN_MAILBOX),
                    DeliveryOutcome::Delivered,
                )
            }
            Err(failure) => failure,
        };
        let evidence = Evidence {
            at: self.now,
            ..order.evidence
        };
        let is_foreign = key.identifier != evidence.identifier;
        let record = Stored {
            evidence,
            recipient: order.recipient,
            address: order.address,
            outcome,
            facts: order.facts,
            arrival: is_foreign.then_some(key.identifier),
        };
        Ok((partition, vec![record.into()], Outcome::Done))
    }

    /// Step 4: the receipt exists, and is owed to the sender.
    pub fn certify(&self, certified: Certified) -> Decided {
        let of = certified.arrival.as_ref();
        let identifier = of.unwrap_or(&certified.evidence.identifier).clone();
        let key = RecipientKey {
            identifier,
            recipient: certified.recipient,
        };
        let (address, answered) = self.newest.with_work(|work| {
            let address = work.deliveries.get(&key).map(|row| row.address.clone());
            (address, work.answers.contains_key(&key))
        });
        match address {
            Some(address) if !answered => Ok((
                self.partition_of(&address),
                vec![certified.into()],
                Outcome::Done,
            )),
            _ => already(),
        }
    }

    /// Step 5: into the sender's mailbox, or on its way to another provider's sender.
    pub fn land(&self, identifier: &Identifier, recipient: u16) -> Decided {
        let key = RecipientKey {
            identifier: identifier.clone(),
            recipient,
        };
        let (answer, open, journey) = self.newest.with_work(|work| {
            (
                work.answers.get(&key).cloned(),
                work.errands.contains_key(&key),
                work.journeys.get(identifier).cloned(),
            )
        });
        let (Some(answer), true, Some(journey)) = (answer, open, journey) else {
            return already();
        };
        let mut record = Landed {
            evidence: Evidence {
                at: self.now,
                salt: self.random,
                ..answer.evidence.clone()
            },
            recipient,
            filing: None,
            last: self.is_last(identifier, &[recipient]),
            unplaced: None,
            arrival: (answer.evidence.identifier != *identifier).then(|| identifier.clone()),
        };
        let Some(mailbox) = journey.mailbox else {
            let leaving = self.receipt_to_sender(&key, &answer, journey.answers_to.as_ref());
            let partition = partition_of_identifier(identifier);
            return Ok((
                partition,
                with_dispatches(record.into(), leaving),
                Outcome::Done,
            ));
        };
        let sender = self.newest.mailbox(mailbox);
        let in_service = sender
            .as_ref()
            .filter(|row| row.state != MailboxState::Closed);
        record.filing = in_service.and_then(|row| self.file(row.id, (answer.receipt, answer.size)));
        record.unplaced = record.filing.is_none().then_some(answer.receipt);
        let partition = sender.map_or(Partition::REGISTRY, |row| row.partition);
        Ok((partition, vec![record.into()], Outcome::Done))
    }

    /// No recipient of the message is open besides those named.
    pub(super) fn is_last(&self, identifier: &Identifier, besides: &[u16]) -> bool {
        self.newest.with_work(|work| {
            let mut open = work.errands_of(identifier);
            !open.any(|(key, _)| !besides.contains(&key.recipient))
        })
    }

    /// The recipient's side forgets what the sender's side has done.
    pub fn strike(&self, identifier: Identifier, recipient: u16) -> Decided {
        let key = RecipientKey {
            identifier: identifier.clone(),
            recipient,
        };
        let address = self
            .newest
            .with_work(|work| work.deliveries.get(&key).map(|row| row.address.clone()));
        let Some(address) = address else {
            return already();
        };
        let record = Struck {
            identifier,
            recipient,
        };
        Ok((
            self.partition_of(&address),
            vec![record.into()],
            Outcome::Done,
        ))
    }

    fn home_of_submission(&self, identifier: &Identifier) -> Option<Partition> {
        let mailbox = self
            .newest
            .with_work(|work| work.submissions.get(identifier).map(|row| row.mailbox))?;
        Some(
            self.newest
                .mailbox(mailbox)
                .map_or(Partition::REGISTRY, |row| row.partition),
        )
    }

    fn partition_of(&self, address: &Address) -> Partition {
        self.newest
            .mailbox_of(address)
            .map_or(Partition::REGISTRY, |row| row.partition)
    }

    fn mailbox(&self, id: MailboxId) -> Result<std::sync::Arc<MailboxRow>, CommandError> {
        let found = self.newest.mailbox(id);
        found.ok_or_else(|| CommandError::NotFound("the mailbox".to_owned()))
    }

    fn can_take<'m>(
        &self,
        address: &Address,
        mailbox: Option<&'m MailboxRow>,
        size: u64,
    ) -> Result<&'m MailboxRow, DeliveryOutcome> {
        let other = |text| failure(ErrorKind::Other, text);
        let Some(domain) = self.newest.domain(&address.domain()) else {
            return Err(failure(ErrorKind::NoDomain, failures::UNKNOWN_DOMAIN));
        };
        if address
            .local_part()
            .eq_ignore_ascii_case(SERVICE_LOCAL_PART)
        {
            return Err(other(failures::SERVICE_MAILBOX));
        }
        let Some(mailbox) = mailbox.filter(|row| row.state != MailboxState::Closed) else {
            return Err(failure(ErrorKind::NoRecipient, failures::UNKNOWN_MAILBOX));
        };
        if domain.state == DomainState::Suspended || mailbox.state == MailboxState::Suspended {
            return Err(other(failures::SUSPENDED));
        }
        if self.newest.usage(mailbox.id).saturating_add(size) > mailbox.quota {
            return Err(other(failures::MAILBOX_FULL));
        }
        Ok(mailbox)
    }

    /// Receipts are stored even when the mailbox is full (DP-08); not when it is closed (DP-09).
    pub(super) fn file_receipt(&self, receipt: ReceiptContent) -> Option<Filing> {
        let row = self.newest.mailbox(receipt.mailbox)?;
        let in_service = row.state != MailboxState::Closed;
        in_service
            .then(|| self.file(row.id, (receipt.content, receipt.size)))
            .flatten()
    }

    pub(super) fn file(
        &self,
        mailbox: MailboxId,
        content: (crate::mailbox::Content, u64),
    ) -> Option<Filing> {
        let inbox = self.newest.folder(mailbox, FolderId::INBOX)?;
        let usage = self.newest.usage(mailbox);
        Some(filing_after(
            &inbox,
            mailbox,
            usage,
            content,
            (Flags::default(), self.now),
        ))
    }
}

/// Where the records of a message of ours, or of an arrival, belong.
pub(super) fn partition_of_identifier(identifier: &Identifier) -> Partition {
    identifier.home().map_or(Partition::REGISTRY, Partition)
}

/// A record and, in the same batch, what leaves because of it.
pub(super) fn with_dispatches(record: Record, leaving: Vec<Dispatch>) -> Vec<Record> {
    let mut records = vec![record];
    let chunks = leaving.chunks(limits::DISPATCHES_PER_RECORD_MAX);
    records.extend(chunks.map(|entries| {
        Record::from(Dispatched {
            entries: entries.to_vec(),
        })
    }));
    records
}

pub(super) fn already() -> Decided {
    Ok((Partition::REGISTRY, Vec::new(), Outcome::Already))
}

fn failure(error: ErrorKind, (status, reason): (&str, &str)) -> DeliveryOutcome {
    DeliveryOutcome::Failed {
        error,
        status: status.to_owned(),
        reason: reason.to_owned(),
    }
}
