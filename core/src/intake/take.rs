//! A message of another server on its way in: examined, scanned, judged by the mailboxes' policies, and
//! then either refused or handed to the owner; `250` only after the owner's commit. Blocks on the disk
//! and on the scanner: called off the rings.

use std::sync::Arc;

use super::arrival::{Arrival, TakenIn};
use super::envelope::{foreign_facts, placeholder_facts};
use super::ordinary;
use crate::address::Address;
use crate::blob::{BlobError, BlobRef};
use crate::certification::CertificationKind;
use crate::delivery_report;
use crate::envelope::house;
use crate::instant::Instant;
use crate::journal::Partition;
use crate::journal::record::{
    ArrivalKind, Evidence, ForeignEnvelope, ForeignReceipt, Peer, Placement, Received, SeenMark,
    Shelf, SignedVerdict,
};
use crate::limits;
use crate::mailbox::Content;
use crate::message_id::Identifier;
use crate::mime::Scan;
use crate::mime::addresses::AddressList;
use crate::owner::{CommandError, Outcome};
use crate::point::incoming::{Examined, Formed, SignedFacts, examine};
use crate::ports::ScanVerdict;
use crate::quarantine::{FoundAt, QuarantineFacts};
use crate::queue::Dispatch;
use crate::registry::ProviderRow;
use crate::rope::{Rope, RopeReader};
use crate::state::Shared;
use crate::wording::anomalies::AnomalyReason;
use crate::wording::words::{self, MessageKind};

/// In a mark, in the place of the digest: of whatever content.
const ANY_CONTENT: [u8; 32] = [0; 32];

/// What becomes of an arrival.
pub(crate) enum Judged {
    /// It is not taken.
    Refuse(TakenIn),
    /// It is, with what is forwarded of it.
    Take(Box<Received>, Vec<Dispatch>),
}

/// One arrival under judgement.
pub(super) struct Desk<'a> {
    pub(super) shared: &'a Shared,
    pub(super) arrival: &'a Arrival,
    pub(super) provider: Arc<ProviderRow>,
    pub(super) identifier: Identifier,
    pub(super) home: Partition,
    pub(super) now: Instant,
    pub(super) rope: Rope,
    pub(super) scan: Scan,
}

/// Judges `arrival`; whatever it names is durable.
pub(crate) fn judge(shared: &Shared, arrival: &Arrival) -> Judged {
    match judge_inner(shared, arrival) {
        Ok(judged) => judged,
        Err(BlobError::NoSpace(_)) => refuse(452, "4.3.1", "Insufficient storage"),
        Err(error) => {
            crate::error!("an arrival from {} cannot be judged: {error}", arrival.peer);
            refuse(451, "4.3.0", "Local error, try again later")
        }
    }
}

fn judge_inner(shared: &Shared, arrival: &Arrival) -> Result<Judged, BlobError> {
    let Some(provider) = shared.view.provider() else {
        return Ok(refuse(451, "4.3.0", "Not ready, try again later"));
    };
    shared.blobs.verify(*arrival.body)?;
    let rope = Rope::whole(*arrival.body);
    let scan = Scan::of_rope(&rope, &*shared.blobs)?;
    let now = shared.clock.now();
    let home = home_of(shared, arrival);
    let random: [u8; 10] = crate::random::bytes();
    let desk = Desk {
        identifier: Identifier::mint(home.0, now, random, &provider.domain),
        shared,
        arrival,
        provider,
        home,
        now,
        rope,
        scan,
    };
    desk.judge()
}

/// Where the records of an arrival belong: with its first recipient here.
fn home_of(shared: &Shared, arrival: &Arrival) -> Partition {
    let first = arrival.recipients.first();
    let mailbox = first.and_then(|address| shared.view.mailbox_of(address));
    mailbox.map_or(Partition::REGISTRY, |row| row.partition)
}

impl Desk<'_> {
    fn judge(&self) -> Result<Judged, BlobError> {
        let shared = self.shared;
        let trust = &*shared.trust;
        let examined = examine(&self.scan, &self.rope, &*shared.blobs, trust, self.now)?;
        if let Examined::Later(why) = &examined {
            crate::warning!("a signed message from {} waits: {why}", self.arrival.peer);
            return Ok(refuse(451, "4.7.5", "The signature cannot be judged now"));
        }
        let infected = match self.scanned() {
            Ok(found) => found,
            Err(refusal) => return Ok(refusal),
        };
        self.say(&examined);
        match examined {
            Examined::Verified(facts) => self.verified(*facts, infected),
            Examined::Ordinary { reason, verdict } => self.ordinary(reason, verdict, infected),
            Examined::Later(_) => Ok(refuse(451, "4.7.5", "The signature cannot be judged now")),
        }
    }

    /// Signed mail that is no correct certified mail is worth a line.
    fn say(&self, examined: &Examined) {
        let verdict = match examined {
            Examined::Verified(facts) => Some(&facts.verdict),
            Examined::Ordinary { verdict, .. } => verdict.as_ref(),
            Examined::Later(_) => None,
        };
        if let Some(why) = verdict.and_then(|verdict| verdict.reason.as_ref()) {
            let why = crate::mime::words::neutralised(why);
            crate::notice!("{} from {}: {why}", self.identifier, self.arrival.peer);
        }
    }

    /// VI-01, VI-10: what the scanner finds; a refusal while there is none that works.
    fn scanned(&self) -> Result<Option<String>, Judged> {
        let scanner = self.shared.scanner();
        let mut message = RopeReader::new(&self.rope, &*self.shared.blobs);
        match scanner.scan(&mut message) {
            Ok(ScanVerdict::Clean) => Ok(None),
            Ok(ScanVerdict::Infected(name)) => Ok(Some(name)),
            // SE-08: an archive over the bounds may pass here, where it is said aloud.
            Ok(ScanVerdict::OverBounds(bound)) => {
                crate::notice!("{} passes unscanned in part: {bound}", self.identifier);
                Ok(None)
            }
            Ok(ScanVerdict::TooLong(remedy)) => {
                crate::warning!("{} cannot be scanned: {remedy}", self.identifier);
                Err(refuse(
                    451,
                    "4.7.1",
                    "The virus scanner does not take the message",
                ))
            }
            Err(away) => {
                self.shared.scanner_gate.ring();
                crate::warning!("{away}");
                Err(refuse(451, "4.7.1", "The virus scanner does not answer"))
            }
        }
    }

    fn verified(&self, facts: SignedFacts, infected: Option<String>) -> Result<Judged, BlobError> {
        if self.arrival.tls.is_none() {
            // IP-26
            let provider = facts.verdict.provider.as_deref().unwrap_or_default();
            crate::warning!("certified mail of {provider} came without TLS");
        }
        if let Ok(Formed {
            tolerated: Some(why),
            ..
        }) = &facts.form
        {
            crate::warning!("{why}; tolerated by the policy (IP-06)");
        }
        match facts.form.clone() {
            Ok(formed) if formed.kind == MessageKind::TransportEnvelope => {
                self.envelope(&facts, &formed, infected)
            }
            Ok(formed) => self.receipt(&facts, &formed, infected),
            Err(reason) => self.malformed(&facts, reason, infected),
        }
    }

    /// IP-07: for those whom the signed data name; others get an anomaly (IP-19).
    fn envelope(
        &self,
        facts: &SignedFacts,
        formed: &Formed,
        infected: Option<String>,
    ) -> Result<Judged, BlobError> {
        let original = &formed.data.original;
        let index_of = |address: &Address| {
            let mut named = (0u16..).zip(&original.recipients);
            named
                .find(|(_, r)| r.address == *address)
                .map(|(index, _)| index)
        };
        let (mut recipients, mut strays) = (Vec::new(), Vec::new());
        for address in &self.arrival.recipients {
            match index_of(address) {
                Some(index) if !recipients.contains(&index) => recipients.push(index),
                Some(_) => {}
                None => strays.push(address.clone()),
            }
        }
        let judged = ordinary::decide_certified(self, &strays);
        if let Some(refusal) = judged.refusal.filter(|_| recipients.is_empty()) {
            let (code, status, text) = refusal.reply();
            return Ok(refuse(code, status, text));
        }
        let foreign = foreign_facts(self, formed)?;
        let addresses = recipients.iter().filter_map(|index| {
            let named = original.recipients.get(usize::from(*index))?;
            Some(named.address.clone())
        });
        let detected_for: Vec<Address> = match infected {
            Some(_) => addresses.chain(strays.clone()).collect(),
            None => Vec::new(),
        };
        let marks_of = |digest: &[u8; 32]| {
            let named = recipients.iter().map(|index| {
                let named = original.recipients.get(usize::from(*index));
                let address = named.map(|r| &r.address);
                self.mark(original.identifier.as_str(), address, facts, digest)
            });
            named.collect::<Vec<_>>()
        };
        let (seen, named) = (marks_of(&facts.digest), marks_of(&ANY_CONTENT));
        let mut received = self.received(ArrivalKind::Envelope, Some(facts.verdict.clone()))?;
        received.evidence = self.evidence_of(formed);
        received.seen = seen;
        received.named = named;
        received.envelope = Some(ForeignEnvelope {
            facts: self.keep(&minicbor::to_vec(&foreign).unwrap_or_default())?,
            recipients,
            mail_receipt: self.mail_receipt(facts, Some(&original.sender)),
            answers_to: self.answers_to(&original.sender),
        });
        received.detected_for = detected_for;
        let mut leaving = Vec::new();
        if infected.is_none() && !strays.is_empty() {
            self.report_strays(&strays);
            let reason = AnomalyReason::NotAddressed;
            leaving = ordinary::settle(self, &mut received, (&strays, judged), reason)?;
        }
        self.quarantined(&mut received, infected)?;
        received.is_owed = true;
        self.take(received, leaving)
    }

    /// ND-07: nobody is answered whose reverse path is null or a service address.
    fn answers_to(&self, sender: &Address) -> Option<Address> {
        let is_service = |address| self.shared.trust.is_service_address(address);
        let reverse_path = self.arrival.reverse_path.as_ref()?;
        let is_answered = !is_service(reverse_path) && !is_service(sender);
        is_answered.then(|| sender.clone())
    }

    /// TC-02, and ND-07 for receipts between providers too.
    fn mail_receipt(&self, facts: &SignedFacts, sender: Option<&Address>) -> Option<Address> {
        self.answers_to(sender.or(self.arrival.reverse_path.as_ref())?)?;
        let fields = self.scan.fields_named("From").map(|field| field.value);
        let from = AddressList::of_fields(fields)
            .addresses
            .into_iter()
            .next()?;
        let sender = sender.unwrap_or(&from).domain();
        let trust = &self.shared.trust;
        trust.receipts_for(&facts.certificate, &sender, &from.domain())
    }

    /// IP-18.
    fn mark(
        &self,
        identifier: &str,
        recipient: Option<&Address>,
        facts: &SignedFacts,
        content: &[u8; 32],
    ) -> SeenMark {
        let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        context.update(identifier.as_bytes());
        context.update(&[0]);
        context.update(recipient.map(Address::key).unwrap_or_default().as_bytes());
        context.update(&[0]);
        // Another provider under the same content is another message: it must not hide the true one.
        let provider = facts.verdict.provider.as_deref().unwrap_or_default();
        context.update(provider.as_bytes());
        context.update(&[0]);
        context.update(content);
        let mut mark = [0; 32];
        mark.copy_from_slice(context.finish().as_ref());
        SeenMark(mark)
    }

    /// IP-08: to its addressee, and to the clocks of the message that it speaks of.
    fn receipt(
        &self,
        facts: &SignedFacts,
        formed: &Formed,
        infected: Option<String>,
    ) -> Result<Judged, BlobError> {
        let data = &formed.data;
        let is_between_providers = matches!(
            data.kind,
            CertificationKind::TakeCharge | CertificationKind::VirusDetection
        );
        let sender = &data.original.sender;
        let (ours, strays): (Vec<Address>, Vec<Address>) = match is_between_providers {
            true => (self.arrival.recipients.clone(), Vec::new()),
            false => {
                let recipients = self.arrival.recipients.iter().cloned();
                recipients.partition(|r| r == sender || self.is_service(r))
            }
        };
        let mut received = self.received(ArrivalKind::Receipt, Some(facts.verdict.clone()))?;
        received.evidence = self.evidence_of(formed);
        let first = ours.first().or(strays.first());
        received.seen = vec![self.mark(
            data.original.identifier.as_str(),
            first,
            facts,
            &facts.digest,
        )];
        received.placements = match is_between_providers {
            true => {
                self.report_misdirected(&ours);
                self.placement(0, self.service_address(), &received, Shelf::Inbox)
                    .into_iter()
                    .collect()
            }
            false => self.placements(&ours, &received),
        };
        if !ours.is_empty() {
            received.receipt = Some(self.foreign_receipt(facts, formed));
        }
        if !strays.is_empty() {
            self.report_strays(&strays);
            if ours.is_empty() && infected.is_none() {
                return self.readdressed(received, &strays);
            }
        }
        if infected.is_some() {
            // VI-13: its data count, its octets reach nobody.
            let told = std::mem::take(&mut received.placements);
            received.placements = self.told_of_quarantine(&told, &received)?;
        }
        self.quarantined(&mut received, infected)?;
        received.is_owed = received.receipt.is_some();
        self.take(received, Vec::new())
    }

    /// A receipt for nobody but those whom it does not concern proves nothing to them.
    fn readdressed(&self, mut received: Received, strays: &[Address]) -> Result<Judged, BlobError> {
        let judged = ordinary::decide_certified(self, strays);
        if let Some(refusal) = judged.refusal {
            let (code, status, text) = refusal.reply();
            return Ok(refuse(code, status, text));
        }
        received.kind = ArrivalKind::Malformed;
        received.seen.clear();
        let reason = AnomalyReason::NotAddressed;
        let leaving = ordinary::settle(self, &mut received, (strays, judged), reason)?;
        self.take(received, leaving)
    }

    fn foreign_receipt(&self, facts: &SignedFacts, formed: &Formed) -> ForeignReceipt {
        let data = &formed.data;
        let trust = &self.shared.trust;
        let named = match data.kind {
            CertificationKind::TakeCharge => data.taken_in_charge.clone(),
            _ => data.delivery.iter().cloned().collect(),
        };
        // TO-13: nobody speaks for the domains of others.
        let may = |address: &Address| trust.manages(&facts.certificate, &address.domain());
        let stated = self.scan.field(words::SENDER_FIELD);
        let stated = stated.map(|field| AddressList::parse(field.value).addresses);
        ForeignReceipt {
            kind: data.kind,
            about: data.original.identifier.clone(),
            recipients: named.into_iter().filter(may).collect(),
            error: data.error,
            extended_error: data.extended_error.clone(),
            stated_sender: match data.kind {
                CertificationKind::VirusDetection => {
                    stated.and_then(|list| list.into_iter().next())
                }
                _ => None,
            },
        }
    }

    /// IP-09: whatever the mailbox says of ordinary mail.
    fn malformed(
        &self,
        facts: &SignedFacts,
        reason: AnomalyReason,
        infected: Option<String>,
    ) -> Result<Judged, BlobError> {
        let verdict = Some(facts.verdict.clone());
        let recipients = &self.arrival.recipients;
        let judged = ordinary::decide_certified(self, recipients);
        if let Some(refusal) = judged.refusal {
            let (code, status, text) = refusal.reply();
            return Ok(refuse(code, status, text));
        }
        let mut received = self.received(ArrivalKind::Malformed, verdict)?;
        let mut leaving = Vec::new();
        if infected.is_some() {
            if let Some(foreign) = placeholder_facts(self) {
                received.envelope = Some(ForeignEnvelope {
                    facts: self.keep(&minicbor::to_vec(&foreign).unwrap_or_default())?,
                    recipients: Vec::new(),
                    mail_receipt: self.mail_receipt(facts, None),
                    answers_to: None,
                });
            }
            received.detected_for = judged.takers(recipients).cloned().collect();
        } else {
            leaving = ordinary::settle(self, &mut received, (recipients, judged), reason)?;
        }
        self.quarantined(&mut received, infected)?;
        received.is_owed |= received.infected.is_some();
        self.take(received, leaving)
    }

    /// IP-10: by each mailbox's policy, after the scanner (VI-08).
    fn ordinary(
        &self,
        reason: AnomalyReason,
        verdict: Option<SignedVerdict>,
        infected: Option<String>,
    ) -> Result<Judged, BlobError> {
        if let Some(name) = infected {
            let name = words_for_peer(&name);
            return Ok(refuse(
                550,
                "5.7.1",
                format!("The message holds a virus: {name}"),
            ));
        }
        let is_bound = self.scan.faults().iter().any(|fault| fault.is_bound());
        let claims = [words::TRANSPORT_FIELD, words::RECEIPT_FIELD];
        let claims = claims.iter().any(|name| self.scan.field(name).is_some());
        if is_bound && !claims {
            let why = "More parts, levels or header than is read";
            return Ok(refuse(550, "5.6.0", why));
        }
        // AN-09: what could not be verified is never called so, whatever marks it bears.
        let report = delivery_report::read(&self.scan, &self.rope, &*self.shared.blobs)?;
        ordinary::judge(self, reason, verdict, report.as_ref())
    }

    /// The trace fields, then the message: content of the arrival.
    pub(super) fn received(
        &self,
        kind: ArrivalKind,
        verdict: Option<SignedVerdict>,
    ) -> Result<Received, BlobError> {
        let mut content = Rope::text(self.return_path());
        content.push_text(self.trace());
        content.append(self.rope.clone());
        let size = content.len();
        let content = Content::Rope(self.keep(&content.to_bytes())?);
        Ok(Received {
            identifier: self.identifier.clone(),
            evidence: self.evidence(),
            peer: Peer {
                address: self.arrival.peer.to_string(),
                helo: self.arrival.helo.clone(),
                tls: self.arrival.tls.clone(),
            },
            reverse_path: self.arrival.reverse_path.clone(),
            content,
            size,
            eight_bit: self.scan.has_eight_bit(),
            kind,
            verdict,
            infected: None,
            envelope: None,
            receipt: None,
            anomaly: None,
            placements: Vec::new(),
            declined: Vec::new(),
            detected_for: Vec::new(),
            seen: Vec::new(),
            named: Vec::new(),
            is_owed: false,
        })
    }

    fn return_path(&self) -> String {
        let path = self.arrival.reverse_path.as_ref();
        format!("Return-Path: <{}>\r\n", path.map_or("", Address::as_str))
    }

    /// RFC 5321 §4.4.
    pub(super) fn trace(&self) -> String {
        let id = self
            .identifier
            .as_str()
            .split('@')
            .next()
            .unwrap_or_default();
        format!(
            "Received: {}\r\n\tid {id};\r\n\t{}\r\n",
            self.arrival.received_from,
            self.now.header_date()
        )
    }

    /// Appends octets of ours; durable with the sync of [`Desk::take`].
    pub(super) fn keep(&self, octets: &[u8]) -> Result<BlobRef, BlobError> {
        self.shared.blobs.append(self.home, octets)
    }

    /// Crash up to here: blobs that nobody names, and no `250`.
    pub(super) fn take(
        &self,
        received: Received,
        leaving: Vec<Dispatch>,
    ) -> Result<Judged, BlobError> {
        if let Err(error) = self.shared.blobs.sync() {
            // Never tried again: the kernel may have dropped the pages and call them clean.
            self.shared.fatal(&error.to_string());
            return Err(error);
        }
        Ok(Judged::Take(Box::new(received), leaving))
    }

    fn evidence(&self) -> Evidence {
        let subject = self.scan.field("Subject");
        let subject = subject.map(|field| crate::mime::words::decode(field.value));
        Evidence {
            salt: crate::random::bytes(),
            at: self.now,
            identifier: self.identifier.clone(),
            client_id: None,
            sender: self.arrival.reverse_path.clone(),
            recipients: self.arrival.recipients.clone(),
            subject: subject.map(|s| s.chars().take(limits::EVIDENCE_SUBJECT_CHARS_MAX).collect()),
            made: Vec::new(),
            provider: self.provider.name.clone(),
            signed_by: Vec::new(),
        }
    }

    /// CD-12: of signed data, and never of the outer header.
    fn evidence_of(&self, formed: &Formed) -> Evidence {
        let original = &formed.data.original;
        let subject = original.subject.as_ref();
        Evidence {
            identifier: original.identifier.clone(),
            client_id: original.client_id.clone(),
            sender: Some(original.sender.clone()),
            subject: subject.map(|s| s.chars().take(limits::EVIDENCE_SUBJECT_CHARS_MAX).collect()),
            ..self.evidence()
        }
    }

    pub(super) fn service_address(&self) -> Option<Address> {
        Address::parse(&self.provider.service_address()).ok()
    }

    /// The service mailbox, under its name in any domain of ours.
    pub(super) fn is_service(&self, address: &Address) -> bool {
        let local = address.local_part();
        local.eq_ignore_ascii_case(crate::wording::SERVICE_LOCAL_PART)
    }

    fn placements(&self, addresses: &[Address], received: &Received) -> Vec<Placement> {
        let numbered = (0..).zip(addresses);
        let placed = numbered.filter_map(|(number, address)| match self.is_service(address) {
            // TC-08
            true => self.placement(number, self.service_address(), received, Shelf::Aside),
            false => self.placement(number, Some(address.clone()), received, Shelf::Inbox),
        });
        placed.collect()
    }

    pub(super) fn placement(
        &self,
        number: u16,
        address: Option<Address>,
        received: &Received,
        shelf: Shelf,
    ) -> Option<Placement> {
        Some(Placement {
            number,
            address: address?,
            content: received.content,
            size: received.size,
            shelf,
        })
    }

    /// VI-09: kept as it was, encrypted, before anything is said of it.
    fn quarantined(
        &self,
        received: &mut Received,
        infected: Option<String>,
    ) -> Result<(), BlobError> {
        let Some(name) = &infected else {
            return Ok(());
        };
        let identifier = &received.evidence.identifier;
        crate::warning!(
            "{identifier} from {} holds a virus ({}); it is kept apart",
            self.arrival.peer,
            crate::mime::words::neutralised(name)
        );
        if let Some(quarantine) = &self.shared.quarantine {
            let facts = QuarantineFacts {
                at: self.now,
                identifier: identifier.to_string(),
                sender: received.evidence.sender.as_ref().map(Address::to_string),
                recipients: self
                    .arrival
                    .recipients
                    .iter()
                    .map(Address::to_string)
                    .collect(),
                detection: name.clone(),
                found_at: FoundAt::IncomingPoint,
                size: self.rope.len(),
            };
            let mut message = RopeReader::new(&self.rope, &*self.shared.blobs);
            // Crash from here to the commit: kept already, and found again by its identifier.
            quarantine
                .keep(&facts, &mut message)
                .map_err(|error| BlobError::Source(std::io::Error::other(error)))?;
        }
        received.infected = infected;
        Ok(())
    }

    /// VI-13: a holder whose receipt reaches nobody is told how to ask for a statement.
    fn told_of_quarantine(
        &self,
        holders: &[Placement],
        received: &Received,
    ) -> Result<Vec<Placement>, BlobError> {
        let mut told = Vec::new();
        for placement in holders.iter().filter(|p| p.shelf == Shelf::Inbox) {
            let to = &placement.address;
            let notice = house::quarantined_receipt(&self.provider, to, received, self.now);
            let content = Rope::text(notice);
            told.push(Placement {
                content: Content::Rope(self.keep(&content.to_bytes())?),
                size: content.len(),
                ..placement.clone()
            });
        }
        Ok(told)
    }

    fn report_strays(&self, strays: &[Address]) {
        let list: Vec<&str> = strays.iter().map(Address::as_str).collect();
        let list = list.join(", ");
        crate::warning!(
            "{} came for {list}, whom it does not name (IP-19)",
            self.identifier
        );
    }

    /// TC-09: processed all the same.
    fn report_misdirected(&self, recipients: &[Address]) {
        for recipient in recipients.iter().filter(|r| !self.is_service(r)) {
            crate::warning!(
                "{}, meant for the service mailbox, was sent to {recipient} (TC-09)",
                self.identifier
            );
        }
    }
}

/// What a scanner or a stranger called something, fit for one line of a reply.
fn words_for_peer(text: &str) -> String {
    let clean = crate::mime::words::neutralised(text);
    let fits = |c: &char| c.is_ascii_graphic() || *c == ' ';
    clean
        .chars()
        .filter(fits)
        .take(limits::REPLY_CHARS_KEPT_MAX)
        .collect()
}

pub(super) fn refuse(code: u16, status: &str, text: impl Into<String>) -> Judged {
    Judged::Refuse(TakenIn::refused(code, status, text))
}

/// The reply for what came of [`crate::owner::Command::Receive`].
pub(crate) fn answer(outcome: Result<Outcome, CommandError>) -> TakenIn {
    match outcome {
        Ok(Outcome::Submitted(identifier)) => TakenIn::Accepted(identifier),
        Ok(_) => refusal(&CommandError::Stopping),
        Err(error) => refusal(&error),
    }
}

/// The reply for a command that was not done.
pub(crate) fn refusal(error: &CommandError) -> TakenIn {
    match error {
        CommandError::Busy => TakenIn::refused(451, "4.3.2", "Too much waiting work"),
        CommandError::DiskFull => TakenIn::refused(451, "4.3.1", "Insufficient storage"),
        CommandError::Stopping => TakenIn::refused(451, "4.3.2", "Service shutting down"),
        _ => TakenIn::refused(451, "4.3.0", "Local error, try again later"),
    }
}
