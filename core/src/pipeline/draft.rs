//! From a row to drafts: what the access point says of a submission, and what the delivery point says
//! of a delivery. Reads bodies, decides nothing about state; the same row drafts to the same messages
//! but for instant, salt and boundaries, which are settled here and kept until the commit.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::Held;
use super::between::{AnswerPlan, ReportPlan, TimerPlan};
use super::signature::Templates;
use super::stages::RETRY;
use super::work::Work;
use crate::address::{Address, Domain};
use crate::blob::{BlobError, BlobRead, BlobRef, BodyAtHand};
use crate::certification::{OriginalFacts, Recipient, RecipientType};
use crate::envelope::{self, EnvelopeFacts, EnvelopeHeader, Issuer, Seed, SignedDraft, Step};
use crate::instant::Instant;
use crate::journal::record::{
    Accepted, Certified, Evidence, Paths, RecipientErrand, Refused, Submitted,
};
use crate::limits;
use crate::mailbox::{Content, MailboxId};
use crate::message_id::Identifier;
use crate::mime::{self, Marks, Scan};
use crate::notice::{self, Failure, NonAcceptance};
use crate::owner::{Command, StoreOrder};
use crate::point::access::{self, Described};
use crate::point::forbidden::{self, Hit};
use crate::ports::{ScanVerdict, SigningRequest, VirusScanner};
use crate::quarantine::{FoundAt, QuarantineFacts};
use crate::queue::{Dispatch, DispatchClass, DispatchKey, DispatchRow, Purpose};
use crate::receipt;
use crate::rope::{Piece, Rope, RopeReader};
use crate::state::Shared;
use crate::view::row::{DeliveryRow, RecipientKey};
use crate::wording::{SERVICE_LOCAL_PART, faults};

/// Messages that are settled and wait for their signatures.
pub(super) struct Drafted {
    /// The row it came from.
    pub(super) work: Work,
    /// In the order of `requests`.
    pub(super) messages: Vec<SignedDraft>,
    /// One per message.
    pub(super) requests: Vec<SigningRequest>,
    /// Messages that nobody signs, kept after the signed ones.
    pub(super) loose: Vec<Rope>,
    /// What the commit makes of them.
    pub(super) finish: Finish,
}

impl Drafted {
    /// Octets of generated text that it holds in memory.
    pub(super) fn octets(&self) -> usize {
        let text = |piece: &Piece| match piece {
            Piece::Text(text) => text.len(),
            Piece::Slice { .. } => 0,
        };
        let message = |message: &SignedDraft| {
            message.header.len() + message.content.pieces().iter().map(text).sum::<usize>()
        };
        self.messages.iter().map(message).sum()
    }
}

/// What is committed once the messages are signed.
pub(super) enum Finish {
    /// Messages: acceptance receipt, transport envelope.
    Accept(Box<AcceptPlan>),
    /// Messages: the notice.
    Refuse(Box<RefusePlan>),
    /// Messages: the receipt or notice.
    Certify(Box<CertifyPlan>),
    /// Messages: what an arrival is owed.
    Answer(Box<AnswerPlan>),
    /// Messages: the delivery report, or the anomaly envelope around it.
    Report(Box<ReportPlan>),
    /// Messages: the time-out notice.
    Fire(Box<TimerPlan>),
}

/// All of [`Accepted`] but what is known after signing.
pub(super) struct AcceptPlan {
    pub(super) evidence: Evidence,
    pub(super) facts: EnvelopeFacts,
    pub(super) errands: Vec<RecipientErrand>,
    pub(super) mailbox: MailboxId,
}

/// All of [`Refused`] but the notice.
pub(super) struct RefusePlan {
    pub(super) refused: Refused,
    pub(super) mailbox: MailboxId,
}

/// All of [`Certified`] but the receipt.
pub(super) struct CertifyPlan {
    /// As in [`Certified`].
    arrival: Option<Identifier>,
    pub(super) evidence: Evidence,
    pub(super) recipient: u16,
    pub(super) sender: Address,
    /// The receipt encloses octets above 127 (SG-08).
    pub(super) eight_bit: bool,
}

/// Why there is no draft.
#[derive(Debug)]
pub(super) enum Setback {
    /// Try again a little later.
    Later(String),
    /// Set aside, for the operator.
    Held(String),
}

impl From<BlobError> for Setback {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Damaged { .. } | BlobError::TooLong { .. } => {
                Setback::Held(error.to_string())
            }
            // Reading may go well again; writing has its own rules.
            _ => Setback::Later(error.to_string()),
        }
    }
}

/// Drafts, with what it needs at hand.
pub(super) struct Drafter {
    pub(super) shared: Arc<Shared>,
    scanner: Arc<dyn VirusScanner>,
    held: Held,
    cache: Mutex<HashMap<BlobRef, Arc<EnvelopeFacts>>>,
    last_warning: Mutex<String>,
    /// Of the certificates that signed lately.
    pub(super) templates: Mutex<Templates>,
}

impl Drafter {
    pub(super) fn new(shared: Arc<Shared>, scanner: Arc<dyn VirusScanner>, held: Held) -> Self {
        Self {
            shared,
            scanner,
            held,
            cache: Mutex::default(),
            last_warning: Mutex::default(),
            templates: Mutex::default(),
        }
    }

    /// Puts work back, or sets it aside until the next start.
    pub(super) fn set_back(&self, work: Work, setback: Setback) {
        match setback {
            Setback::Later(reason) => {
                self.warn(reason);
                self.shared.work.put_back(work, SETBACK);
            }
            Setback::Held(reason) => self.held.note(format!("{work:?} is held: {reason}")),
        }
    }

    /// Says each trouble once, not at every try.
    fn warn(&self, reason: String) {
        let mut last = self.last_warning.lock();
        if *last != reason {
            crate::warning!("{reason}; will be tried again until it goes well");
            *last = reason;
        }
    }

    /// What the owner is told for work that needs no signature; `None` when it is done already.
    pub(super) fn command_of(&self, work: &Work) -> Result<Option<Command>, Setback> {
        match work {
            Work::Store(key) => self.store_order(key),
            Work::Land(key) => {
                let RecipientKey {
                    identifier,
                    recipient,
                } = key.clone();
                Ok(Some(Command::Land {
                    identifier,
                    recipient,
                }))
            }
            Work::Strike(key) => {
                let RecipientKey {
                    identifier,
                    recipient,
                } = key.clone();
                Ok(Some(Command::Strike {
                    identifier,
                    recipient,
                }))
            }
            Work::Place(key) => Ok(Some(Command::Place(key.clone()))),
            Work::Match(arrival) => self.match_order(arrival),
            Work::Fail(key) => self.fail_order(key),
            Work::Dispatch(key) => self.late_dispatch(key),
            Work::Submission(..)
            | Work::Delivery(_)
            | Work::Arrival(_)
            | Work::Bounce(_)
            | Work::Timer(..) => Ok(None),
        }
    }

    /// Drafts work that needs a signature; `None` when its row is gone.
    pub(super) fn draft(&self, work: &Work) -> Result<Option<Drafted>, Setback> {
        let view = &self.shared.view;
        match work {
            Work::Submission(_, identifier) => {
                let row = view.with_work(|open| open.submissions.get(identifier).cloned());
                row.map(|row| self.submission(work, &row)).transpose()
            }
            Work::Delivery(key) => {
                let row = view.with_work(|open| open.deliveries.get(key).cloned());
                row.map(|row| self.delivery(work, key, &row)).transpose()
            }
            Work::Arrival(identifier) => {
                let row = view.with_work(|open| open.arrivals.get(identifier).cloned());
                row.map(|row| self.arrival(work, &row)).transpose()
            }
            Work::Bounce(key) => {
                let row = view.with_work(|open| open.bounces.get(key).cloned());
                row.map(|row| self.bounce(work, &row)).transpose()
            }
            Work::Timer(key, delay) => self.timer(work, key, *delay),
            Work::Store(_)
            | Work::Land(_)
            | Work::Strike(_)
            | Work::Match(_)
            | Work::Place(_)
            | Work::Dispatch(_)
            | Work::Fail(_) => Ok(None),
        }
    }

    /// Facts just written, so that the next step need not read them; unusually long ones are read again.
    pub(super) fn remember(&self, blob: BlobRef, facts: EnvelopeFacts) {
        if blob.length > limits::FACTS_CACHED_BYTES_MAX {
            return;
        }
        let mut cache = self.cache.lock();
        if cache.len() >= limits::FACTS_CACHED_MAX {
            cache.clear();
        }
        cache.insert(blob, Arc::new(facts));
    }

    pub(super) fn facts(&self, blob: BlobRef) -> Result<Arc<EnvelopeFacts>, Setback> {
        if let Some(facts) = self.cache.lock().get(&blob) {
            return Ok(facts.clone());
        }
        let octets = self.shared.blobs.read(blob, limits::FACTS_BYTES_MAX)?;
        let facts: EnvelopeFacts =
            minicbor::decode(&octets).map_err(|e| Setback::Held(format!("facts: {e}")))?;
        Ok(Arc::new(facts))
    }

    pub(super) fn issuer(&self) -> Result<Issuer, Setback> {
        let provider = self.shared.view.provider();
        let provider = provider.ok_or_else(|| Setback::Held("no provider is set".to_owned()))?;
        let service_address = Address::of(SERVICE_LOCAL_PART, &provider.domain)
            .map_err(|e| Setback::Held(format!("the service address: {e}")))?;
        Ok(Issuer {
            provider: provider.name.clone(),
            service_address,
            domain: provider.domain.clone(),
            zone_with_colon: self.shared.policy.zone_with_colon,
        })
    }

    fn store_order(&self, key: &RecipientKey) -> Result<Option<Command>, Setback> {
        let journey = self
            .shared
            .view
            .with_work(|open| open.journeys.get(&key.identifier).cloned());
        let Some(journey) = journey else {
            return Ok(None);
        };
        let facts = self.facts(journey.facts)?;
        let recipient = facts.original.recipients.get(usize::from(key.recipient));
        let recipient = recipient
            .ok_or_else(|| Setback::Held(format!("recipient {} is unknown", key.recipient)))?;
        let at = self.shared.clock.now();
        let recipients = vec![recipient.address.clone()];
        let evidence = self.evidence(&facts.original, at, recipients)?;
        Ok(Some(Command::Store(Box::new(StoreOrder {
            identifier: key.identifier.clone(),
            recipient: key.recipient,
            address: recipient.address.clone(),
            envelope: journey.envelope,
            size: journey.size,
            facts: journey.facts,
            evidence,
        }))))
    }

    /// What an earlier version accepted and could not send.
    fn late_dispatch(&self, key: &RecipientKey) -> Result<Option<Command>, Setback> {
        let (errand, journey) = self.shared.view.with_work(|open| {
            let journey = open.journeys.get(&key.identifier).cloned();
            (open.errands.get(key).copied(), journey)
        });
        let (Some(errand), Some(journey)) = (errand, journey) else {
            return Ok(None);
        };
        let facts = self.facts(journey.facts)?;
        let envelope = (journey.envelope, journey.size);
        let of = (key.recipient, errand.kind);
        let entry = envelope_entry(&facts, of, envelope, journey.at);
        Ok(entry.map(|entry| Command::Dispatch(Box::new(entry))))
    }

    /// The access point (RFC 6109 §3.1): one instant for receipt, envelope, XML and log (TM-01).
    fn submission(&self, work: &Work, row: &Submitted) -> Result<Drafted, Setback> {
        let body = BodyAtHand::read(&self.shared.blobs, row.body)?;
        let scan = Scan::of(&body, row.body)?;
        let mut described = access::describe(&scan);
        let sender = self.shared.view.mailbox(row.mailbox);
        let usual = sender.and_then(|sender| sender.receipt_type);
        described.detail = described.detail.or(usual);
        let original = self.original_facts(row, &described)?;
        let recipients: Vec<Address> = original
            .recipients
            .iter()
            .map(|r| r.address.clone())
            .collect();
        let at = self.shared.clock.now();
        note_forged(row, &described);
        let checked = access::examine(&scan, &row.sender, &recipients, &self.shared.policy);
        if let Err(fault) = checked {
            let why = NonAcceptance::Formal(fault.reason());
            return self.refusal(work, row, &original, &described, (why, at));
        }
        if let Some(why) = self.forbidden(row, &scan, &body)? {
            let why = NonAcceptance::Formal(why);
            return self.refusal(work, row, &original, &described, (why, at));
        }
        match self.scanned(row, &body)? {
            ScanVerdict::Clean => {
                self.acceptance(work, (row, &body), &scan, original, described, at)
            }
            ScanVerdict::OverBounds(bound) if self.shared.policy.over_bounds_passes => {
                let identifier = &row.identifier;
                crate::notice!("{identifier} passes unscanned in part, as policy says: {bound}");
                self.acceptance(work, (row, &body), &scan, original, described, at)
            }
            ScanVerdict::OverBounds(_) => {
                let why = NonAcceptance::Formal(faults::ARCHIVE_OVER_BOUNDS.to_owned());
                self.refusal(work, row, &original, &described, (why, at))
            }
            ScanVerdict::TooLong(remedy) => Err(Setback::Held(remedy)),
            ScanVerdict::Infected(name) => {
                // Crash from here to the commit: kept already, and found again by its identifier.
                self.quarantine(row, &original, &name, at)?;
                let why = NonAcceptance::Virus(name);
                self.refusal(work, row, &original, &described, (why, at))
            }
        }
    }

    /// VI-15: the first attachment of a forbidden type, in the words of the notice.
    fn forbidden(
        &self,
        row: &Submitted,
        scan: &Scan,
        body: &BodyAtHand<'_>,
    ) -> Result<Option<String>, Setback> {
        let policy = &self.shared.policy;
        let rope = Rope::whole(row.body);
        Ok(
            match forbidden::find(scan, &rope, body, &policy.forbidden_types)? {
                Some(Hit::OverBounds) if policy.over_bounds_passes => None,
                found => found.map(|hit| hit.reason()),
            },
        )
    }

    /// What the scanner says of a submission; while none works it waits (VI-10).
    fn scanned(&self, row: &Submitted, body: &BodyAtHand<'_>) -> Result<ScanVerdict, Setback> {
        let gate = &self.shared.scanner_gate;
        if gate.is_closed() {
            return Err(Setback::Later("no virus scanner works".to_owned()));
        }
        let rope = Rope::whole(row.body);
        let verdict = self.scanner.scan(&mut RopeReader::new(&rope, body));
        verdict.map_err(|away| {
            gate.ring();
            Setback::Later(away.to_string())
        })
    }

    /// VI-09: the message as it was is kept before anybody is told of its virus.
    fn quarantine(
        &self,
        row: &Submitted,
        original: &OriginalFacts,
        detection: &str,
        at: Instant,
    ) -> Result<(), Setback> {
        let Some(quarantine) = &self.shared.quarantine else {
            return Ok(());
        };
        let paths = original.recipients.iter();
        let facts = QuarantineFacts {
            at,
            identifier: row.identifier.to_string(),
            sender: Some(row.sender.to_string()),
            recipients: paths.map(|r| r.address.to_string()).collect(),
            detection: detection.to_owned(),
            found_at: FoundAt::AccessPoint,
            size: row.body.length,
        };
        let rope = Rope::whole(row.body);
        let kept = quarantine.keep(&facts, &mut RopeReader::new(&rope, &*self.shared.blobs));
        kept.map(drop)
            .map_err(|error| Setback::Later(format!("infected, and cannot be kept: {error}")))
    }

    fn acceptance(
        &self,
        work: &Work,
        (row, body): (&Submitted, &BodyAtHand<'_>),
        scan: &Scan,
        original: OriginalFacts,
        described: Described,
        at: Instant,
    ) -> Result<Drafted, Setback> {
        let issuer = self.issuer()?;
        let marks = Marks {
            received: &row.received,
            identifier: &row.identifier,
            client_id: original.client_id.as_ref(),
        };
        let enclosed = mime::enclose(scan, row.body, body, &marks)?;
        let header = inherited(scan, row, &described);
        let raw_subject = described.raw_subject.clone();
        let receipt = receipt::acceptance(&issuer, &original, raw_subject.as_deref(), step(at));
        let errands = self.errands(&original);
        let recipients: Vec<Address> = original
            .recipients
            .iter()
            .map(|r| r.address.clone())
            .collect();
        let mut evidence = self.evidence(&original, at, recipients)?;
        evidence.made = vec![receipt.message_id.clone(), row.identifier.to_string()];
        let facts = EnvelopeFacts {
            original,
            raw_subject,
            detail: described.detail.unwrap_or_default(),
            to: described.to.iter().map(Address::key).collect(),
            cc: described.cc.iter().map(Address::key).collect(),
            enclosed: enclosed.rope,
            eight_bit: enclosed.eight_bit,
        };
        let envelope = envelope::transport(&issuer, &facts, &header, step(at));
        let mailbox = row.mailbox;
        let plan = AcceptPlan {
            evidence,
            facts,
            errands,
            mailbox,
        };
        let finish = Finish::Accept(Box::new(plan));
        settle_from(body, work, vec![receipt, envelope], at, finish)
    }

    fn refusal(
        &self,
        work: &Work,
        row: &Submitted,
        original: &OriginalFacts,
        described: &Described,
        (why, at): (NonAcceptance, Instant),
    ) -> Result<Drafted, Setback> {
        let issuer = self.issuer()?;
        let subject = described.raw_subject.as_deref();
        let notice = notice::non_acceptance(&issuer, original, subject, &why, step(at));
        let recipients: Vec<Address> = original
            .recipients
            .iter()
            .map(|r| r.address.clone())
            .collect();
        let mut evidence = self.evidence(original, at, recipients)?;
        evidence.made = vec![notice.message_id.clone()];
        let (NonAcceptance::Formal(reason) | NonAcceptance::Virus(reason)) = why;
        let refused = Refused {
            evidence,
            notice: None,
            reason,
        };
        let plan = RefusePlan {
            refused,
            mailbox: row.mailbox,
        };
        self.settle(work, vec![notice], at, Finish::Refuse(Box::new(plan)))
    }

    /// The delivery point (RFC 6109 §3.3): certifies the instant of [`crate::journal::record::Stored`].
    fn delivery(
        &self,
        work: &Work,
        key: &RecipientKey,
        row: &DeliveryRow,
    ) -> Result<Drafted, Setback> {
        let facts = self.facts(row.facts)?;
        let issuer = self.issuer()?;
        let at = row.evidence.at;
        let body = match &row.failure {
            None => BodyAtHand::enclosed(&self.shared.blobs, &facts.enclosed)?,
            Some(_) => None,
        };
        let blobs: &dyn BlobRead = match &body {
            Some(body) => body,
            None => &*self.shared.blobs,
        };
        let message = match &row.failure {
            None => receipt::delivery(&issuer, &facts, &row.address, blobs, step(at))?,
            Some((error, status, reason)) => {
                let failure = Failure {
                    error: *error,
                    status: status.clone(),
                    reason: reason.clone(),
                };
                notice::non_delivery(&issuer, &facts, &row.address, &failure, step(at))
            }
        };
        let mut evidence = row.evidence.clone();
        evidence.salt = crate::random::bytes();
        evidence.made = vec![message.message_id.clone()];
        let sender = facts.original.sender.clone();
        let is_foreign = key.identifier != evidence.identifier;
        let plan = CertifyPlan {
            arrival: is_foreign.then(|| key.identifier.clone()),
            evidence,
            recipient: key.recipient,
            sender,
            eight_bit: message.eight_bit,
        };
        settle_from(
            blobs,
            work,
            vec![message],
            at,
            Finish::Certify(Box::new(plan)),
        )
    }

    pub(super) fn settle(
        &self,
        work: &Work,
        messages: Vec<SignedDraft>,
        instant: Instant,
        finish: Finish,
    ) -> Result<Drafted, Setback> {
        settle_from(&*self.shared.blobs, work, messages, instant, finish)
    }

    fn original_facts(
        &self,
        row: &Submitted,
        described: &Described,
    ) -> Result<OriginalFacts, Setback> {
        let recipients = self.recipients(&row.recipients)?;
        let recipients = recipients.into_iter().map(|address| {
            let domain = address.domain();
            let kind = if self.is_ours(&domain) || self.shared.trust.is_certified(&domain) {
                RecipientType::Certified
            } else {
                RecipientType::External
            };
            Recipient { address, kind }
        });
        Ok(OriginalFacts {
            sender: row.sender.clone(),
            recipients: recipients.collect(),
            replies: described.replies(&row.sender),
            subject: described.subject.clone(),
            identifier: row.identifier.clone(),
            client_id: described.client_id.clone(),
        })
    }

    fn recipients(&self, paths: &Paths) -> Result<Vec<Address>, Setback> {
        match paths {
            Paths::Inline(recipients) => Ok(recipients.clone()),
            Paths::Blob(blob) => {
                let octets = self.shared.blobs.read(*blob, limits::FACTS_BYTES_MAX)?;
                minicbor::decode(&octets).map_err(|e| Setback::Held(format!("paths: {e}")))
            }
        }
    }

    fn is_ours(&self, domain: &Domain) -> bool {
        self.shared.view.domain(domain).is_some()
    }

    fn errands(&self, original: &OriginalFacts) -> Vec<RecipientErrand> {
        let errand = |(index, recipient): (u16, &Recipient)| RecipientErrand {
            recipient: index,
            local: self.is_ours(&recipient.address.domain()),
            kind: recipient.kind,
        };
        (0..).zip(&original.recipients).map(errand).collect()
    }

    pub(super) fn evidence(
        &self,
        original: &OriginalFacts,
        at: Instant,
        mut recipients: Vec<Address>,
    ) -> Result<Evidence, Setback> {
        if recipients.len() > limits::RECIPIENTS_IN_RECORD_MAX {
            recipients.clear();
        }
        let subject = original.subject.as_ref();
        Ok(Evidence {
            salt: crate::random::bytes(),
            at,
            identifier: original.identifier.clone(),
            client_id: original.client_id.clone(),
            sender: Some(original.sender.clone()),
            recipients,
            subject: subject.map(|s| s.chars().take(limits::EVIDENCE_SUBJECT_CHARS_MAX).collect()),
            made: Vec::new(),
            provider: self.issuer()?.provider,
            signed_by: Vec::new(),
        })
    }
}

/// Digests what is to be signed, reading bodies from `blobs`.
fn settle_from(
    blobs: &dyn BlobRead,
    work: &Work,
    messages: Vec<SignedDraft>,
    instant: Instant,
    finish: Finish,
) -> Result<Drafted, Setback> {
    let request = |message: &SignedDraft| {
        let request = SigningRequest::of(message.digest(blobs)?, instant);
        Ok(match work {
            Work::Timer(..) => request.due(instant.plus_millis(limits::NOTICE_DUE_MS)),
            _ => request,
        })
    };
    let requests = messages
        .iter()
        .map(request)
        .collect::<Result<_, BlobError>>()?;
    Ok(Drafted {
        work: work.clone(),
        messages,
        requests,
        loose: Vec::new(),
        finish,
    })
}

/// Between two tries while the scanner is away.
const SETBACK: Duration = Duration::from_secs(5);
const _: () = assert!(SETBACK.as_millis() > RETRY.as_millis());

pub(super) fn step(at: Instant) -> Step {
    Step {
        at,
        seed: Seed(crate::random::bytes()),
    }
}

/// TE-02, TE-03: our own `Received:` field first, then those of the original.
fn inherited(scan: &Scan, row: &Submitted, described: &Described) -> EnvelopeHeader {
    let mut copied = row.received.clone().into_bytes();
    let names = ["Return-Path", "Received", "To", "Cc", "Reply-To"];
    copied.extend(scan.copied_fields(&names));
    EnvelopeHeader {
        copied,
        has_reply_to: scan.field("Reply-To").is_some(),
        asked: described.detail,
    }
}

/// SE-03: fields of ours in a user's message stay where they are, and are logged.
fn note_forged(row: &Submitted, described: &Described) {
    if !described.forged_fields.is_empty() {
        let fields = described.forged_fields.join(", ");
        let identifier: &Identifier = &row.identifier;
        crate::notice!(
            "{identifier} from {} came with {fields} in its header",
            row.sender
        );
    }
}

/// What leaves for recipients elsewhere: the one envelope, with the paths of the original (TE-11).
pub(super) fn leaving(plan: &AcceptPlan, envelope: (Content, u64)) -> Vec<Dispatch> {
    let elsewhere = plan.errands.iter().filter(|errand| !errand.local);
    let entry = |errand: &RecipientErrand| {
        let of = (errand.recipient, errand.kind);
        envelope_entry(&plan.facts, of, envelope, plan.evidence.at)
    };
    elsewhere.filter_map(entry).collect()
}

/// The envelope of a message accepted at `at`, for one recipient; tried for a day (TE-15).
fn envelope_entry(
    facts: &EnvelopeFacts,
    (recipient, kind): (u16, RecipientType),
    (content, size): (Content, u64),
    at: Instant,
) -> Option<Dispatch> {
    let original = &facts.original;
    let to = original.recipients.get(usize::from(recipient))?;
    let row = DispatchRow {
        at,
        until: at.plus_millis(limits::ENVELOPE_QUEUE_MS),
        content,
        size,
        eight_bit: facts.eight_bit,
        reverse_path: Some(original.sender.clone()),
        to: to.address.clone(),
        class: match kind {
            RecipientType::Certified => DispatchClass::Certified,
            RecipientType::External => DispatchClass::Ordinary,
        },
        purpose: Purpose::Envelope,
        attempts: 0,
        next: at,
        last: None,
        held: false,
        answers_to: None,
    };
    let key = DispatchKey {
        identifier: original.identifier.clone(),
        number: Purpose::Envelope.number(recipient),
    };
    Some(Dispatch { key, row })
}

/// The record of an acceptance.
pub(super) fn accepted(plan: AcceptPlan, envelope: (Content, u64), facts: BlobRef) -> Accepted {
    Accepted {
        evidence: plan.evidence,
        receipt: None,
        envelope: envelope.0,
        envelope_size: envelope.1,
        facts,
        errands: plan.errands,
        mailbox: plan.mailbox,
    }
}

/// The record of a certified delivery.
pub(super) fn certified(plan: CertifyPlan, receipt: (Content, u64)) -> Certified {
    Certified {
        arrival: plan.arrival,
        evidence: plan.evidence,
        recipient: plan.recipient,
        receipt: receipt.0,
        size: receipt.1,
        sender: plan.sender,
        eight_bit: plan.eight_bit,
    }
}
