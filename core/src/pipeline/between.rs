//! Drafts of what lies between providers: what an arrival is owed, the notices of clocks that ran out, and
//! what the sender of an entry given up is told. As in [`super::draft`], nothing is decided here.

use super::draft::{Drafted, Drafter, Finish, Setback, step};
use super::work::Work;
use crate::address::Address;
use crate::certification::ErrorKind;
use crate::delivery_report::{self, Action, DeliveryReport, FailedRecipient};
use crate::envelope::{AnomalyFacts, EnvelopeFacts, Issuer, SignedDraft, anomaly};
use crate::instant::Instant;
use crate::journal::record::{
    Answered, Evidence, GivenUp, Placement, Received, Reported, Shelf, TimerFired,
};
use crate::limits;
use crate::mailbox::{Content, MailboxId};
use crate::message_id::Identifier;
use crate::mime::Scan;
use crate::notice::{self, Delay, Failure};
use crate::owner::{Command, FailOrder, MatchOrder, ReceiptContent};
use crate::queue::{Dispatch, DispatchClass, DispatchKey, DispatchRow, Purpose};
use crate::receipt;
use crate::rope::Rope;
use crate::timer;
use crate::view::row::RecipientKey;
use crate::wording::anomalies::AnomalyReason;
use crate::wording::failures;

/// What one of the messages made for an arrival is for.
pub(super) enum Role {
    /// Our take-charge receipt, to the sender's provider.
    Charge(Address),
    /// An anomaly envelope, for these mailboxes.
    Anomaly(Vec<Address>),
    /// A virus detection, to the sender's provider.
    Detection(Address),
    /// A delivery report, to the reverse path.
    Report(Address),
}

/// What is committed of an arrival; `roles` in the order of the messages.
pub(super) struct AnswerPlan {
    identifier: Identifier,
    evidence: Evidence,
    roles: Vec<Role>,
    service_address: Address,
    eight_bit: Vec<bool>,
}

/// What is committed of an entry given up.
pub(super) struct ReportPlan {
    key: DispatchKey,
    at: Instant,
    /// The sender's mailbox, where the sender is ours; else where the report is sent.
    to: Address,
    is_ours: bool,
}

/// All of [`TimerFired`] that is known before signing.
pub(super) struct TimerPlan {
    fired: TimerFired,
    mailbox: MailboxId,
}

impl Drafter {
    /// The incoming point's answers (RFC 6109 §3.2): take-charge, anomaly, detections, reports.
    pub(super) fn arrival(&self, work: &Work, row: &Received) -> Result<Drafted, Setback> {
        let issuer = self.issuer()?;
        let at = self.shared.clock.now();
        let mut made = Made::default();
        self.charge(row, &issuer, at, &mut made)?;
        self.detections(row, &issuer, at, &mut made)?;
        self.anomaly(row, &issuer, at, &mut made)?;
        let loose = self.declined(row, &issuer, at, &mut made)?;
        let mut evidence = row.evidence.clone();
        evidence.salt = crate::random::bytes();
        evidence.at = at;
        evidence.made = made.messages.iter().map(|m| m.message_id.clone()).collect();
        let mut eight_bit: Vec<bool> = made.messages.iter().map(|m| m.eight_bit).collect();
        eight_bit.resize(made.roles.len(), false);
        let plan = AnswerPlan {
            identifier: row.identifier.clone(),
            evidence,
            roles: made.roles,
            service_address: issuer.service_address,
            eight_bit,
        };
        let finish = Finish::Answer(Box::new(plan));
        let mut drafted = self.settle(work, made.messages, at, finish)?;
        drafted.loose = loose;
        Ok(drafted)
    }

    /// TC-01, TC-03: one receipt for the recipients of the transaction.
    fn charge(
        &self,
        row: &Received,
        issuer: &Issuer,
        at: Instant,
        made: &mut Made,
    ) -> Result<(), Setback> {
        let Some(envelope) = &row.envelope else {
            return Ok(());
        };
        let counts = row.infected.is_none() || self.shared.policy.infected_is_charged;
        let Some(to) = envelope.mail_receipt.as_ref().filter(|_| counts) else {
            return Ok(());
        };
        if envelope.recipients.is_empty() {
            return Ok(());
        }
        let facts = self.facts(envelope.facts)?;
        let of = |index: &u16| facts.original.recipients.get(usize::from(*index));
        let charged = envelope.recipients.iter().filter_map(of);
        let charged: Vec<Address> = charged.map(|r| r.address.clone()).collect();
        let raw = facts.raw_subject.as_deref();
        let draft = receipt::take_charge(issuer, &facts.original, raw, &charged, to, step(at));
        made.add(draft, Role::Charge(to.clone()));
        Ok(())
    }

    /// VI-04: one notice for each recipient of ours.
    fn detections(
        &self,
        row: &Received,
        issuer: &Issuer,
        at: Instant,
        made: &mut Made,
    ) -> Result<(), Setback> {
        let (Some(detection), Some(envelope)) = (&row.infected, &row.envelope) else {
            return Ok(());
        };
        let Some(to) = &envelope.mail_receipt else {
            return Ok(());
        };
        let facts = self.facts(envelope.facts)?;
        for recipient in &row.detected_for {
            let draft = notice::virus_detection(issuer, &facts, recipient, detection, to, step(at));
            made.add(draft, Role::Detection(to.clone()));
        }
        Ok(())
    }

    /// AN-01: one envelope for all mailboxes that take the message.
    fn anomaly(
        &self,
        row: &Received,
        issuer: &Issuer,
        at: Instant,
        made: &mut Made,
    ) -> Result<(), Setback> {
        let Some(owed) = &row.anomaly else {
            return Ok(());
        };
        let rope = self.shared.blobs.rope(row.content)?;
        let scan = Scan::of_rope(&rope, &*self.shared.blobs)?;
        let reverse_path = row.reverse_path.as_ref();
        let facts = AnomalyFacts::read(&scan, reverse_path, owed.recipients.clone());
        let draft = anomaly(issuer, &facts, rope, owed.reason, step(at));
        made.add(draft, Role::Anomaly(owed.recipients.clone()));
        Ok(())
    }

    /// MX-05: the sender is told which of several recipients did not take the message.
    fn declined(
        &self,
        row: &Received,
        issuer: &Issuer,
        at: Instant,
        made: &mut Made,
    ) -> Result<Vec<Rope>, Setback> {
        let Some(to) = row
            .reverse_path
            .as_ref()
            .filter(|_| !row.declined.is_empty())
        else {
            return Ok(Vec::new());
        };
        let recipients: Vec<FailedRecipient> = row
            .declined
            .iter()
            .map(|declined| FailedRecipient {
                address: declined.recipient.clone(),
                action: Action::Failed,
                status: declined.status.clone(),
                remote: None,
                diagnostic: Some(declined.reason.clone()),
            })
            .collect();
        let header = self.header_of(row.content)?;
        let report = DeliveryReport {
            host: &self.host()?,
            domain: &issuer.domain,
            to,
            arrived: row.evidence.at,
            recipients: &recipients,
            header: &header,
            step: step(at),
        };
        made.roles.push(Role::Report(to.clone()));
        Ok(vec![delivery_report::write(&report)])
    }

    /// A notice of §3.1.6, given when it is due or, after a stop, at once (TO-12).
    pub(super) fn timer(
        &self,
        work: &Work,
        key: &RecipientKey,
        delay: Delay,
    ) -> Result<Option<Drafted>, Setback> {
        let (errand, journey) = self.shared.view.with_work(|open| {
            let journey = open.journeys.get(&key.identifier).cloned();
            (open.errands.get(key).copied(), journey)
        });
        let (Some(errand), Some(journey)) = (errand, journey) else {
            return Ok(None);
        };
        let owed = timer::next(&errand, &self.shared.policy).filter(|(owed, _)| *owed == delay);
        let (Some((_, due)), Some(mailbox)) = (owed, journey.mailbox) else {
            return Ok(None);
        };
        let facts = self.facts(journey.facts)?;
        let address = recipient(&facts, key)?;
        let issuer = self.issuer()?;
        let at = self.shared.clock.now();
        let draft = notice::delay(&issuer, &facts, &address, delay, step(at));
        let mut evidence = self.evidence(&facts.original, at, vec![address])?;
        evidence.made = vec![draft.message_id.clone()];
        let late_ms = at.as_millis().saturating_sub(due.as_millis());
        let fired = TimerFired {
            evidence,
            recipient: key.recipient,
            delay,
            late_ms: u64::try_from(late_ms).unwrap_or(0),
            notice: None,
            errand: Some(errand),
            last: false,
        };
        let plan = TimerPlan { fired, mailbox };
        self.settle(work, vec![draft], at, Finish::Fire(Box::new(plan)))
            .map(Some)
    }

    /// What a receipt of another provider speaks of: the message by its identifier, recipients by their
    /// addresses, all from the signed data (CD-14).
    pub(super) fn match_order(&self, arrival: &Identifier) -> Result<Option<Command>, Setback> {
        let (row, journey) = self.shared.view.with_work(|open| {
            let row = open.arrivals.get(arrival).cloned();
            let about = row.as_ref().and_then(|row| row.receipt.as_ref());
            let journey = about.and_then(|receipt| open.journeys.get(&receipt.about).cloned());
            (row, journey)
        });
        let Some(row) = row else {
            return Ok(None);
        };
        let mut order = MatchOrder {
            arrival: arrival.clone(),
            recipients: Vec::new(),
            evidence: row.evidence.clone(),
            scanner: self.shared.scanner().describe(),
        };
        if let (Some(receipt), Some(journey)) = (&row.receipt, journey) {
            let facts = self.facts(journey.facts)?;
            let stated = receipt.stated_sender.as_ref();
            let agrees = stated.is_none_or(|sender| *sender == facts.original.sender);
            let named = |address: &Address| receipt.recipients.contains(address);
            let indexes = (0..).zip(&facts.original.recipients);
            let found = indexes.filter(|(_, r)| agrees && named(&r.address));
            order.recipients = found.map(|(index, _)| index).collect();
            order.evidence =
                self.evidence(&facts.original, row.evidence.at, receipt.recipients.clone())?;
        }
        Ok(Some(Command::Match(Box::new(order))))
    }

    /// ND-05: the other provider's server refused for good.
    pub(super) fn fail_order(&self, key: &DispatchKey) -> Result<Option<Command>, Setback> {
        let (given_up, journey) = self.shared.view.with_work(|open| {
            let journey = open.journeys.get(&key.identifier).cloned();
            (open.bounces.get(key).cloned(), journey)
        });
        let Some(given_up) = given_up else {
            return Ok(None);
        };
        let Some(journey) = journey else {
            // The message is at its end already: nothing is left to tell.
            let reported = Reported {
                key: key.clone(),
                at: self.shared.clock.now(),
                placement: None,
            };
            return Ok(Some(Command::Report(Box::new(reported), Vec::new())));
        };
        let facts = self.facts(journey.facts)?;
        let recipient = u16::try_from(key.number).unwrap_or(u16::MAX);
        let address = given_up.row.to.clone();
        let at = self.shared.clock.now();
        let evidence = self.evidence(&facts.original, at, vec![address.clone()])?;
        Ok(Some(Command::Fail(Box::new(FailOrder {
            key: key.clone(),
            recipient,
            address,
            facts: journey.facts,
            failure: failure(&given_up),
            evidence,
        }))))
    }

    /// ND-08 and the like: an ordinary delivery report; to a sender of ours in an anomaly envelope, as
    /// one from outside would come (MX-07).
    pub(super) fn bounce(&self, work: &Work, row: &GivenUp) -> Result<Drafted, Setback> {
        let issuer = self.issuer()?;
        let at = self.shared.clock.now();
        let entry = &row.row;
        let to = entry.answers_to.as_ref().or(entry.reverse_path.as_ref());
        let to = to.ok_or_else(|| Setback::Held("a report without an addressee".to_owned()))?;
        let recipients = [FailedRecipient {
            address: entry.to.clone(),
            action: Action::Failed,
            status: row.status.clone(),
            remote: row.host.clone(),
            diagnostic: Some(row.reply.clone()),
        }];
        let header = self.header_of(entry.content)?;
        let report = delivery_report::write(&DeliveryReport {
            host: &self.host()?,
            domain: &issuer.domain,
            to,
            arrived: entry.at,
            recipients: &recipients,
            header: &header,
            step: step(at),
        });
        let is_ours = entry.purpose == Purpose::Envelope;
        let plan = ReportPlan {
            key: row.key.clone(),
            at,
            to: to.clone(),
            is_ours,
        };
        let finish = Finish::Report(Box::new(plan));
        if !is_ours {
            let mut drafted = self.settle(work, Vec::new(), at, finish)?;
            drafted.loose = vec![report];
            return Ok(drafted);
        }
        let scan = Scan::of_rope(&report, &*self.shared.blobs)?;
        let facts = AnomalyFacts::read(&scan, None, vec![to.clone()]);
        let draft = anomaly(
            &issuer,
            &facts,
            report,
            AnomalyReason::NoSignature,
            step(at),
        );
        self.settle(work, vec![draft], at, finish)
    }

    /// The header of a stored message, for the report about it.
    fn header_of(&self, content: Content) -> Result<Vec<u8>, Setback> {
        use std::io::Read;
        let rope = self.shared.blobs.rope(content)?;
        let scan = Scan::of_rope(&rope, &*self.shared.blobs)?;
        let length = scan.body_start().min(limits::HEADER_BYTES_MAX as u64);
        let mut header = Vec::new();
        crate::rope::RopeReader::new(&rope, &*self.shared.blobs)
            .take(length)
            .read_to_end(&mut header)
            .map_err(|error| Setback::Later(error.to_string()))?;
        Ok(header)
    }

    fn host(&self) -> Result<String, Setback> {
        let provider = self.shared.view.provider();
        provider
            .map(|row| row.host.clone())
            .ok_or_else(|| Setback::Held("no provider is set".to_owned()))
    }
}

#[derive(Default)]
struct Made {
    messages: Vec<SignedDraft>,
    roles: Vec<Role>,
}

impl Made {
    fn add(&mut self, draft: SignedDraft, role: Role) {
        self.messages.push(draft);
        self.roles.push(role);
    }
}

fn recipient(facts: &EnvelopeFacts, key: &RecipientKey) -> Result<Address, Setback> {
    let found = facts.original.recipients.get(usize::from(key.recipient));
    let address = found.map(|recipient| recipient.address.clone());
    address.ok_or_else(|| Setback::Held(format!("recipient {} is unknown", key.recipient)))
}

/// ND-03: an unknown mailbox has its own word.
fn failure(given_up: &GivenUp) -> Failure {
    let error = match given_up.status.as_str() {
        "5.1.1" | "5.1.6" => ErrorKind::NoRecipient,
        _ => ErrorKind::Other,
    };
    let host = given_up.host.as_deref().unwrap_or_default();
    Failure {
        error,
        status: given_up.status.clone(),
        reason: failures::refused_by(host, &given_up.reply),
    }
}

/// The command of an arrival's answers, once they are kept.
pub(super) fn answered(plan: AnswerPlan, contents: &[(Content, u64)]) -> Command {
    let mut answered = Answered {
        identifier: plan.identifier,
        evidence: plan.evidence,
        placements: Vec::new(),
        charge: None,
    };
    let mut leaving = Vec::new();
    let at = answered.evidence.at;
    let made = plan.roles.into_iter().zip(contents).zip(plan.eight_bit);
    // Above the numbers of recipients, which name what is forwarded.
    let first = limits::RECIPIENTS_PER_TRANSACTION_MAX as u16;
    for (number, ((role, &(content, size)), eight_bit)) in (first..).zip(made) {
        let mut leave = |purpose: Purpose, class, to: Address, reverse_path| {
            leaving.push(Dispatch {
                key: DispatchKey {
                    identifier: answered.identifier.clone(),
                    number: purpose.number(number),
                },
                row: DispatchRow {
                    at,
                    until: at.plus_millis(limits::RECEIPT_QUEUE_MS),
                    content,
                    size,
                    eight_bit,
                    reverse_path,
                    to,
                    class,
                    purpose,
                    attempts: 0,
                    next: at,
                    last: None,
                    held: false,
                    answers_to: None,
                },
            });
        };
        let service = Some(plan.service_address.clone());
        match role {
            Role::Charge(to) => {
                answered.charge = Some(content);
                leave(Purpose::TakeCharge, DispatchClass::Certified, to, service);
            }
            Role::Detection(to) => {
                leave(
                    Purpose::VirusDetection,
                    DispatchClass::Certified,
                    to,
                    service,
                );
            }
            Role::Report(to) => leave(Purpose::Report, DispatchClass::Ordinary, to, None),
            Role::Anomaly(recipients) => {
                answered.placements = placements(recipients, content, size);
            }
        }
    }
    Command::Answer(Box::new(answered), leaving)
}

fn placements(recipients: Vec<Address>, content: Content, size: u64) -> Vec<Placement> {
    let placement = |(number, address)| Placement {
        number,
        address,
        content,
        size,
        shelf: Shelf::Inbox,
    };
    (0..).zip(recipients).map(placement).collect()
}

/// The command of a report, once it is kept.
pub(super) fn reported(plan: ReportPlan, (content, size): (Content, u64)) -> Command {
    let mut reported = Reported {
        key: plan.key,
        at: plan.at,
        placement: None,
    };
    let number = u16::try_from(reported.key.number & 0xffff).unwrap_or(0);
    if plan.is_ours {
        reported.placement = Some(Placement {
            number,
            address: plan.to,
            content,
            size,
            shelf: Shelf::Inbox,
        });
        return Command::Report(Box::new(reported), Vec::new());
    }
    let leaving = Dispatch {
        key: DispatchKey {
            identifier: reported.key.identifier.clone(),
            number: Purpose::Report.number(number),
        },
        row: DispatchRow {
            at: plan.at,
            until: plan.at.plus_millis(limits::RECEIPT_QUEUE_MS),
            content,
            size,
            eight_bit: false,
            reverse_path: None,
            to: plan.to,
            class: DispatchClass::Ordinary,
            purpose: Purpose::Report,
            attempts: 0,
            next: plan.at,
            last: None,
            held: false,
            answers_to: None,
        },
    };
    Command::Report(Box::new(reported), vec![leaving])
}

/// The command of a time-out notice, once it is kept.
pub(super) fn fired(plan: TimerPlan, (content, size): (Content, u64)) -> Command {
    let receipt = ReceiptContent {
        mailbox: plan.mailbox,
        content,
        size,
    };
    Command::FireTimer(Box::new(plan.fired), Some(receipt))
}
