//! Ordinary mail on its way in: what the mailboxes' policies say ([`crate::point::ordinary`]) becomes an
//! arrival: placed in an anomaly envelope, forwarded with a rewritten sender, set aside, or refused.

use super::arrival::Spf;
use super::take::{Desk, Judged, refuse};
use crate::address::Address;
use crate::blob::BlobError;
use crate::delivery_report::Report;
use crate::journal::record::{
    Anomaly, ArrivalKind, Declined, Placement, Received, Shelf, SignedVerdict,
};
use crate::limits;
use crate::mailbox::Content;
use crate::message_id::Identifier;
use crate::point::ordinary::{self, Addressee, Arrival, Decision, Fate, SenderCheck};
use crate::queue::{Dispatch, DispatchClass, DispatchKey, DispatchRow, Purpose};
use crate::registry::{DomainState, MailboxRow, is_house_address};
use crate::rope::Rope;
use crate::srs::Rewriter;
use crate::wording::anomalies::AnomalyReason;

/// Room that the service mailbox may always take.
const HOUSE_BYTES_MAX: u64 = limits::MESSAGE_BYTES_FLOOR * 1024;

/// Judges an ordinary message that the scanner has passed.
pub(super) fn judge(
    desk: &Desk<'_>,
    reason: AnomalyReason,
    verdict: Option<SignedVerdict>,
    report: Option<&Report>,
) -> Result<Judged, BlobError> {
    let recipients = &desk.arrival.recipients;
    let is_due = |row: &MailboxRow| report.is_some_and(|report| is_own(desk, row, report));
    let decision = decide(desk, recipients, &is_due);
    if let Some(refusal) = decision.refusal {
        let (code, status, text) = refusal.reply();
        return Ok(refuse(code, status, text));
    }
    let mut received = desk.received(ArrivalKind::Ordinary, verdict)?;
    let leaving = settle(desk, &mut received, (recipients, decision), reason)?;
    desk.take(received, leaving)
}

/// What becomes for `recipients` of mail whose origin is verified and which is no certified mail to them
/// (IP-09, IP-19): their policies for ordinary mail have no say.
pub(super) fn decide_certified(desk: &Desk<'_>, recipients: &[Address]) -> Decision {
    decide(desk, recipients, &|_| true)
}

/// `is_due`: it reaches the mailbox whatever its policy.
fn decide(
    desk: &Desk<'_>,
    recipients: &[Address],
    is_due: &dyn Fn(&MailboxRow) -> bool,
) -> Decision {
    let rows: Vec<_> = recipients
        .iter()
        .map(|address| desk.shared.view.mailbox_of(address))
        .collect();
    let with_rows = recipients.iter().zip(&rows);
    let addressees = with_rows.map(|(address, row)| {
        let addressee = addressee(desk, address, row.as_deref(), is_due);
        (address, addressee)
    });
    let reverse_path = desk.arrival.reverse_path.as_ref();
    let is_service = |address: &Address| desk.shared.trust.is_service_address(address);
    let question = Arrival {
        reverse_path,
        is_from_service: reverse_path.is_some_and(is_service),
        sender_check: match desk.arrival.spf {
            Spf::Pass => SenderCheck::Passed,
            Spf::Fail => SenderCheck::Failed,
            Spf::None | Spf::Unknown => SenderCheck::Unknown,
        },
        size: desk.scan.size(),
        hops: desk.scan.fields_named("Received").count(),
        is_out_of_bounds: false,
        recipients: addressees.collect(),
    };
    ordinary::decide(&question, &desk.shared.policy)
}

fn addressee<'a>(
    desk: &Desk<'_>,
    address: &Address,
    row: Option<&'a MailboxRow>,
    is_due: &dyn Fn(&MailboxRow) -> bool,
) -> Addressee<'a> {
    if is_house_address(address) {
        let service = desk.service_address();
        let service = service.and_then(|address| desk.shared.view.mailbox_of(&address));
        let used = service.map_or(0, |row| desk.shared.view.usage(row.id));
        let has_room = used < HOUSE_BYTES_MAX;
        return Addressee::House { has_room };
    }
    if let Some(row) = row {
        let domain = desk.shared.view.domain(&address.domain());
        return Addressee::Mailbox {
            row,
            domain: domain.map_or(DomainState::Suspended, |domain| domain.state),
            used: desk.shared.view.usage(row.id),
            is_due: is_due(row),
        };
    }
    match &desk.shared.rewriter {
        Some(rewriter) if Rewriter::has_form(address.local_part()) => {
            Addressee::Rewritten(rewriter.reverse(address.local_part(), desk.now))
        }
        _ => Addressee::Unknown,
    }
}

/// MX-07: the report speaks of a message that this mailbox sent in the last days.
fn is_own(desk: &Desk<'_>, row: &MailboxRow, report: &Report) -> bool {
    let Some(about) = report.refers_to().and_then(Identifier::parse) else {
        return false;
    };
    let sent = desk
        .shared
        .view
        .with_work(|work| work.sent.get(&about).copied());
    let days = limits::REPORTS_DAYS_MAX * 24 * 60 * 60 * 1000;
    sent.is_some_and(|sent| sent.mailbox == row.id && sent.at.plus_millis(days) >= desk.now)
}

/// Writes what was decided into the record of the arrival; answers what leaves.
pub(super) fn settle(
    desk: &Desk<'_>,
    received: &mut Received,
    (recipients, decision): (&[Address], Decision),
    reason: AnomalyReason,
) -> Result<Vec<Dispatch>, BlobError> {
    let mut placed = Vec::new();
    let mut leaving = Vec::new();
    let fates = recipients.iter().zip(decision.fates);
    for (number, (address, fate)) in (0u16..).zip(fates) {
        match fate {
            Fate::Place => placed.push(address.clone()),
            Fate::Forward(target) => leaving.push(forward(desk, number, target)?),
            Fate::Return(sender) => leaving.push(returned(desk, number, sender)?),
            Fate::SetAside => {
                let placement = aside(desk, number, received);
                received.placements.extend(placement);
            }
            Fate::Drop => {}
            Fate::Refuse(refusal) if decision.owes_report => received.declined.push(Declined {
                recipient: address.clone(),
                status: refusal.reply().1.to_owned(),
                reason: refusal.reply().2.to_owned(),
            }),
            Fate::Refuse(_) => {}
        }
    }
    if !placed.is_empty() {
        let recipients = placed;
        received.anomaly = Some(Anomaly { reason, recipients });
    }
    received.is_owed |= received.anomaly.is_some() || !received.declined.is_empty();
    Ok(leaving)
}

/// TC-08, TC-10.
fn aside(desk: &Desk<'_>, number: u16, received: &Received) -> Option<Placement> {
    // Numbers above those of anomaly envelopes, which are made later.
    let number = number.saturating_add(limits::RECIPIENTS_PER_TRANSACTION_MAX as u16);
    desk.placement(number, desk.service_address(), received, Shelf::Aside)
}

/// MX-03, MX-06: the octets as they came, under a `Received:` of ours, from a rewritten sender.
fn forward(desk: &Desk<'_>, number: u16, target: Address) -> Result<Dispatch, BlobError> {
    let sender = desk.arrival.reverse_path.as_ref();
    let rewriter = desk.shared.rewriter.as_deref();
    let own = &desk.provider.domain;
    let rewritten = sender.zip(rewriter);
    let reverse_path = rewritten.map(|(sender, rewriter)| rewriter.forward(sender, own, desk.now));
    let mut entry = entry(desk, number, target, Purpose::Forward)?;
    entry.row.reverse_path = reverse_path;
    entry.row.answers_to = sender.cloned();
    Ok(entry)
}

/// A report about a forward goes back to the sender whose address was rewritten.
fn returned(desk: &Desk<'_>, number: u16, sender: Address) -> Result<Dispatch, BlobError> {
    entry(desk, number, sender, Purpose::Report)
}

fn entry(
    desk: &Desk<'_>,
    number: u16,
    to: Address,
    purpose: Purpose,
) -> Result<Dispatch, BlobError> {
    let mut content = Rope::text(desk.trace());
    content.append(desk.rope.clone());
    let size = content.len();
    let content = Content::Rope(desk.keep(&content.to_bytes())?);
    Ok(Dispatch {
        key: DispatchKey {
            identifier: desk.identifier.clone(),
            number: purpose.number(number),
        },
        row: DispatchRow {
            at: desk.now,
            until: desk.now.plus_millis(limits::RECEIPT_QUEUE_MS),
            content,
            size,
            eight_bit: desk.scan.has_eight_bit(),
            reverse_path: None,
            to,
            class: DispatchClass::Ordinary,
            purpose,
            attempts: 0,
            next: desk.now,
            last: None,
            held: false,
            answers_to: None,
        },
    })
}
