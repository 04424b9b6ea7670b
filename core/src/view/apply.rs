//! What a record changes in the views (see *Commit*). A record holds final values, so this reads nothing,
//! does nothing, and gives the same rows at each replay; what remains to be done is itself a row.

use std::sync::Arc;

use super::row::{AnswerRow, DeliveryRow, ErrandRow, FolderCounter, JourneyRow, RecipientKey, Row};
use crate::certification::RecipientType;
use crate::instant::Instant;
use crate::journal::Record;
use crate::journal::record::{
    Accepted, Answered, Certified, DeliveryOutcome, DomainChanged, Evidence, Expunged, Filing,
    Flagged, FolderChanged, Forgotten, GivenUp, Landed, MailboxChanged, Matched, Placed, Placement,
    Purged, QuotaWarned, Received, RecipientErrand, Refused, Relayed, Reported, Restored, SentRow,
    Stored, Struck, Submitted, TakenInCharge, TimerFired,
};
use crate::message_id::Identifier;

/// The rows of `record`, in the order in which they are published.
pub fn apply(record: &Record) -> Vec<Row> {
    match record {
        Record::Submitted(r) => submitted(r),
        Record::Accepted(r) => accepted(r),
        Record::Refused(r) => refused(r),
        Record::Stored(r) => stored(r),
        Record::Certified(r) => certified(r),
        Record::Landed(r) => landed(r),
        Record::Struck(r) => struck(r),
        Record::Appended(r) => filing(&r.filing).into(),
        Record::Flagged(r) => flagged(r),
        Record::Expunged(r) => expunged(r),
        Record::FolderChanged(r) => folder_changed(r),
        Record::Purged(r) => purged(r),
        Record::Restored(r) => restored(r),
        Record::ProviderChanged(r) => vec![Row::Provider(r.row.clone())],
        Record::DomainChanged(r) => domain_changed(r),
        Record::MailboxChanged(r) => mailbox_changed(r),
        Record::MailboxTouched(r) => vec![Row::Mailbox(Arc::new(r.row.clone()))],
        Record::QuotaWarned(r) => quota_warned(r),
        Record::Received(r) => received(r),
        Record::Answered(r) => answered(r),
        Record::Matched(r) => matched(r),
        Record::Placed(r) => placed(r),
        Record::Dispatched(r) => {
            let row = |entry: &crate::queue::Dispatch| {
                Row::Dispatch(entry.key.clone(), Some(Arc::new(entry.row.clone())))
            };
            r.entries.iter().map(row).collect()
        }
        Record::Relayed(r) => relayed(r),
        Record::GivenUp(r) => given_up(r),
        Record::Reported(r) => reported(r),
        Record::TakenInCharge(r) => taken_in_charge(r),
        Record::TimerFired(r) => timer_fired(r),
        Record::Forgotten(r) => forgotten(r),
        Record::ForwardTargetChanged(r) => vec![Row::ForwardTarget(r.target.clone(), r.row)],
        Record::HolderTold(r) => placements(&r.identifier, &r.placements).collect(),
        Record::TaskOpened(r) => vec![Row::Task(r.key.clone(), Some(Arc::new(r.row.clone())))],
        Record::TaskSettled(r) => vec![Row::Task(r.key.clone(), None)],
        Record::Started(_)
        | Record::QuarantineRead(_)
        | Record::QuarantineRemoved(_)
        | Record::SignaturesNoted(_) => Vec::new(),
    }
}

fn key(evidence: &Evidence, recipient: u16) -> RecipientKey {
    RecipientKey {
        identifier: evidence.identifier.clone(),
        recipient,
    }
}

/// A message in a folder: itself, the folder's counters, the mailbox's usage.
/// What the mailbox files keep of an instant.
fn in_seconds(at: Instant) -> Instant {
    Instant::from_millis(at.as_millis().div_euclid(1000) * 1000)
}

fn filing(filing: &Filing) -> [Row; 3] {
    let (mailbox, folder) = (filing.mailbox, filing.folder);
    let message = crate::mailbox::MessageRow {
        uid: filing.uid,
        modseq: filing.modseq,
        flags: crate::mailbox::Flags(filing.flags),
        content: filing.content,
        size: filing.size,
        internal_date: filing.internal_date,
        saved: filing.saved.map(in_seconds),
    };
    let counter = FolderCounter {
        uid_next: filing.uid.saturating_add(1),
        highest_modseq: filing.modseq,
    };
    [
        Row::Message(mailbox, folder, Arc::new(message)),
        Row::Counter(mailbox, folder, counter),
        Row::Usage(mailbox, filing.usage),
    ]
}

fn filed(placed: Option<&Filing>) -> impl Iterator<Item = Row> {
    placed.into_iter().flat_map(filing)
}

fn submitted(r: &Submitted) -> Vec<Row> {
    let mut rows = vec![Row::Submission(
        r.identifier.clone(),
        Some(Arc::new(r.clone())),
    )];
    rows.extend(r.key.map(|mark| Row::Seen(mark, Some(r.at))));
    rows
}

fn accepted(r: &Accepted) -> Vec<Row> {
    let identifier = &r.evidence.identifier;
    let journey = JourneyRow {
        at: r.evidence.at,
        envelope: r.envelope,
        size: r.envelope_size,
        facts: r.facts,
        mailbox: Some(r.mailbox),
        answers_to: None,
    };
    let sent = SentRow {
        mailbox: r.mailbox,
        at: r.evidence.at,
    };
    let mut rows = vec![
        Row::Submission(identifier.clone(), None),
        Row::Journey(identifier.clone(), Some(Arc::new(journey))),
        Row::Sent(identifier.clone(), Some(sent)),
    ];
    for errand in &r.errands {
        let key = key(&r.evidence, errand.recipient);
        rows.push(Row::Errand(key, Some(errand_row(errand, r.evidence.at))));
    }
    rows.extend(filed(r.receipt.as_ref()));
    rows
}

fn errand_row(errand: &RecipientErrand, at: crate::instant::Instant) -> ErrandRow {
    ErrandRow {
        local: errand.local,
        kind: errand.kind,
        at,
        taken: None,
        first_fired: false,
        final_fired: false,
        is_foreign: false,
    }
}

fn refused(r: &Refused) -> Vec<Row> {
    let mut rows = vec![Row::Submission(r.evidence.identifier.clone(), None)];
    rows.extend(filed(r.notice.as_ref()));
    rows
}

fn stored(r: &Stored) -> Vec<Row> {
    let (failure, placed) = match &r.outcome {
        DeliveryOutcome::Delivered(filing) => (None, Some(filing)),
        DeliveryOutcome::Failed {
            error,
            status,
            reason,
        } => (Some((*error, status.clone(), reason.clone())), None),
    };
    let delivery = DeliveryRow {
        evidence: r.evidence.clone(),
        address: r.address.clone(),
        failure,
        facts: r.facts,
    };
    let key = key_of_step(&r.arrival, &r.evidence, r.recipient);
    let mut rows = vec![Row::Delivery(key, Some(Arc::new(delivery)))];
    rows.extend(filed(placed));
    rows
}

fn certified(r: &Certified) -> Vec<Row> {
    let answer = AnswerRow {
        sender: r.sender.clone(),
        receipt: r.receipt,
        size: r.size,
        evidence: r.evidence.clone(),
        eight_bit: r.eight_bit,
    };
    vec![Row::Answer(
        key_of_step(&r.arrival, &r.evidence, r.recipient),
        Some(Arc::new(answer)),
    )]
}

fn landed(r: &Landed) -> Vec<Row> {
    let key = key_of_step(&r.arrival, &r.evidence, r.recipient);
    let mut rows = vec![Row::Errand(key.clone(), None)];
    rows.extend(filed(r.filing.as_ref()));
    if r.last {
        rows.push(Row::Journey(key.identifier, None));
    }
    rows
}

/// Steps of another provider's message are those of its arrival.
fn key_of_step(arrival: &Option<Identifier>, evidence: &Evidence, recipient: u16) -> RecipientKey {
    of(arrival.as_ref().unwrap_or(&evidence.identifier), recipient)
}

fn struck(r: &Struck) -> Vec<Row> {
    let key = RecipientKey {
        identifier: r.identifier.clone(),
        recipient: r.recipient,
    };
    vec![Row::Delivery(key.clone(), None), Row::Answer(key, None)]
}

fn of(identifier: &Identifier, recipient: u16) -> RecipientKey {
    RecipientKey {
        identifier: identifier.clone(),
        recipient,
    }
}

fn placements<'a>(
    identifier: &'a Identifier,
    owed: &'a [Placement],
) -> impl Iterator<Item = Row> + 'a {
    owed.iter().map(move |placement| {
        let key = of(identifier, placement.number);
        Row::Placement(key, Some(Arc::new(placement.clone())))
    })
}

fn received(r: &Received) -> Vec<Row> {
    let mut rows = Vec::new();
    let identifier = &r.identifier;
    if r.is_owed {
        let row = Some(Arc::new(r.clone()));
        rows.push(Row::Arrival(identifier.clone(), row));
    }
    // An infected envelope reaches nobody (VI-05).
    let envelope = r.envelope.as_ref().filter(|_| r.infected.is_none());
    if let Some(envelope) = envelope.filter(|envelope| !envelope.recipients.is_empty()) {
        let journey = JourneyRow {
            at: r.evidence.at,
            envelope: r.content,
            size: r.size,
            facts: envelope.facts,
            mailbox: None,
            answers_to: envelope.answers_to.clone(),
        };
        rows.push(Row::Journey(identifier.clone(), Some(Arc::new(journey))));
        for &recipient in &envelope.recipients {
            let errand = ErrandRow {
                local: true,
                kind: RecipientType::Certified,
                at: r.evidence.at,
                taken: None,
                first_fired: false,
                final_fired: false,
                is_foreign: true,
            };
            rows.push(Row::Errand(of(identifier, recipient), Some(errand)));
        }
    }
    rows.extend(placements(identifier, &r.placements));
    let seen = r.seen.iter().chain(&r.named);
    rows.extend(seen.map(|mark| Row::Seen(*mark, Some(r.evidence.at))));
    rows
}

fn answered(r: &Answered) -> Vec<Row> {
    let mut rows = vec![Row::Arrival(r.identifier.clone(), None)];
    rows.extend(placements(&r.identifier, &r.placements));
    rows
}

fn matched(r: &Matched) -> Vec<Row> {
    vec![Row::Arrival(r.identifier.clone(), None)]
}

fn placed(r: &Placed) -> Vec<Row> {
    let mut rows = vec![Row::Placement(of(&r.identifier, r.number), None)];
    rows.extend(filed(r.filing.as_ref()));
    rows
}

/// A recipient at the end of its way; the message too, where it was the last.
fn closing(identifier: &Identifier, closes: Option<u16>, last: bool) -> Vec<Row> {
    let mut rows = Vec::new();
    if let Some(recipient) = closes {
        rows.push(Row::Errand(of(identifier, recipient), None));
        if last {
            rows.push(Row::Journey(identifier.clone(), None));
        }
    }
    rows
}

fn relayed(r: &Relayed) -> Vec<Row> {
    let mut rows = vec![Row::Dispatch(r.key.clone(), None)];
    rows.extend(closing(&r.key.identifier, r.closes, r.last));
    rows
}

fn given_up(r: &GivenUp) -> Vec<Row> {
    let mut rows = vec![Row::Dispatch(r.key.clone(), None)];
    if r.is_reported {
        rows.push(Row::Bounce(r.key.clone(), Some(Arc::new(r.clone()))));
    }
    rows.extend(closing(&r.key.identifier, r.closes, r.last));
    rows
}

fn reported(r: &Reported) -> Vec<Row> {
    let mut rows = vec![Row::Bounce(r.key.clone(), None)];
    rows.extend(placements(&r.key.identifier, r.placement.as_slice()));
    rows
}

fn taken_in_charge(r: &TakenInCharge) -> Vec<Row> {
    let row =
        |(recipient, row): &(u16, ErrandRow)| Row::Errand(key(&r.evidence, *recipient), Some(*row));
    r.errands.iter().map(row).collect()
}

fn timer_fired(r: &TimerFired) -> Vec<Row> {
    let mut rows = vec![Row::Errand(key(&r.evidence, r.recipient), r.errand)];
    rows.extend(filed(r.notice.as_ref()));
    if r.last {
        rows.push(Row::Journey(r.evidence.identifier.clone(), None));
    }
    rows
}

fn forgotten(r: &Forgotten) -> Vec<Row> {
    let sent = r.sent.iter().map(|id| Row::Sent(id.clone(), None));
    let seen = r.seen.iter().map(|mark| Row::Seen(*mark, None));
    sent.chain(seen).collect()
}

fn flagged(r: &Flagged) -> Vec<Row> {
    let change = |change| Row::Flags(r.mailbox, r.folder, change, r.modseq);
    let mut rows: Vec<Row> = r.changes.iter().copied().map(change).collect();
    rows.push(Row::Modseq(r.mailbox, r.folder, r.modseq));
    rows
}

fn expunged(r: &Expunged) -> Vec<Row> {
    let gone = |uid| match r.kept {
        Some(at) => Row::SetAside(r.mailbox, r.folder, uid, (at, r.modseq)),
        None => Row::Gone(r.mailbox, r.folder, uid, r.modseq),
    };
    let mut rows: Vec<Row> = r.uids.iter().copied().map(gone).collect();
    rows.push(Row::Modseq(r.mailbox, r.folder, r.modseq));
    rows.push(Row::Usage(r.mailbox, r.usage));
    rows
}

/// For clients they went when they were set aside.
fn purged(r: &Purged) -> Vec<Row> {
    let gone = |uid| Row::Gone(r.mailbox, r.folder, uid, 0);
    r.uids.iter().copied().map(gone).collect()
}

fn restored(r: &Restored) -> Vec<Row> {
    let mut rows = vec![Row::Gone(r.filing.mailbox, r.filing.folder, r.uid, 0)];
    rows.extend(filing(&r.filing));
    rows
}

fn folder_changed(r: &FolderChanged) -> Vec<Row> {
    let mut rows = vec![Row::Folder(r.mailbox, r.folder, r.row.clone())];
    rows.extend(r.usage.map(|usage| Row::Usage(r.mailbox, usage)));
    rows
}

fn quota_warned(r: &QuotaWarned) -> Vec<Row> {
    let mut rows = vec![Row::Warned(r.mailbox, r.level)];
    rows.extend(filed(r.notice.as_ref()));
    rows
}

fn domain_changed(r: &DomainChanged) -> Vec<Row> {
    vec![Row::Domain(r.domain.clone(), r.row.clone())]
}

/// The first change of a mailbox is its birth, and makes its folders.
fn mailbox_changed(r: &MailboxChanged) -> Vec<Row> {
    let id = r.row.id;
    let mut rows = vec![
        Row::Mailbox(Arc::new(r.row.clone())),
        Row::History(id, r.row.changes, r.change.clone()),
    ];
    if r.row.changes == 1 {
        let folders = crate::mailbox::birth_folders(r.row.created);
        rows.extend(
            folders
                .into_iter()
                .map(|(folder, row)| Row::Folder(id, folder, Some(row))),
        );
    }
    rows
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::blob::BlobRef;
    use crate::instant::Instant;
    use crate::journal::record::{Appended, FlagChange, RecipientErrand};
    use crate::mailbox::{Content, FolderId, FolderRow, MailboxId};
    use crate::message_id::Identifier;
    use crate::view::View;

    const MAILBOX: MailboxId = MailboxId(3);

    fn place(uid: u32) -> Filing {
        Filing {
            mailbox: MAILBOX,
            folder: FolderId::INBOX,
            uid,
            modseq: 10 + u64::from(uid),
            flags: 0,
            content: Content::Whole(BlobRef {
                segment: 1,
                offset: 32,
                length: 5,
            }),
            size: 5,
            internal_date: Instant::from_millis(0),
            usage: 5 * u64::from(uid),
            saved: Some(Instant::from_millis(1_500)),
        }
    }

    fn evidence() -> Evidence {
        Evidence {
            salt: [0; 16],
            at: Instant::from_millis(7),
            identifier: Identifier::parse("id@pec.example").unwrap(),
            client_id: None,
            sender: None,
            recipients: Vec::new(),
            subject: None,
            made: Vec::new(),
            provider: "P".to_owned(),
            signed_by: Vec::new(),
        }
    }

    fn put(view: &View, record: impl Into<Record>) {
        view.publish(apply(&record.into()));
    }

    fn with_inbox() -> View {
        let view = View::default();
        let row = FolderRow {
            name: "INBOX".to_owned(),
            uid_validity: 1,
            subscribed: true,
            special_use: None,
            keywords: Vec::new(),
            subscribed_names: Vec::new(),
        };
        view.publish([Row::Folder(MAILBOX, FolderId::INBOX, Some(row))]);
        view
    }

    #[test]
    fn a_mailbox_follows_its_records() {
        let view = with_inbox();
        for uid in [1, 2] {
            put(&view, Appended { filing: place(uid) });
        }
        put(
            &view,
            Flagged {
                mailbox: MAILBOX,
                folder: FolderId::INBOX,
                modseq: 20,
                changes: vec![FlagChange { uid: 2, flags: 1 }],
            },
        );
        put(
            &view,
            Expunged {
                mailbox: MAILBOX,
                folder: FolderId::INBOX,
                modseq: 21,
                uids: vec![1],
                usage: 5,
                kept: None,
            },
        );
        let folder = view.folder(MAILBOX, FolderId::INBOX).unwrap();
        let messages: Vec<_> = folder.messages.values().collect();
        assert_eq!(messages.len(), 1);
        assert_eq!((messages[0].uid, messages[0].modseq), (2, 20));
        assert_eq!(messages[0].flags.0, 1);
        let counter = FolderCounter {
            uid_next: 3,
            highest_modseq: 21,
        };
        assert_eq!((folder.counter, view.usage(MAILBOX)), (counter, 5));
        assert_eq!(folder.gone.since(20), Some(vec![1]));
    }

    #[test]
    fn ac_13_for_clients_a_message_is_gone_once_when_it_is_set_aside() {
        let view = with_inbox();
        put(&view, Appended { filing: place(1) });
        put(
            &view,
            Expunged {
                mailbox: MAILBOX,
                folder: FolderId::INBOX,
                modseq: 21,
                uids: vec![1],
                usage: 0,
                kept: Some(Instant::from_millis(7)),
            },
        );
        let purged = Purged {
            mailbox: MAILBOX,
            folder: FolderId::INBOX,
            uids: vec![1],
        };
        let gone = || {
            let folder = view.folder(MAILBOX, FolderId::INBOX).unwrap();
            (folder.gone.since(20), folder.set_aside.size())
        };
        assert_eq!(gone(), (Some(vec![1]), 1));
        put(&view, purged);
        assert_eq!(gone(), (Some(vec![1]), 0));
    }

    #[test]
    fn a_message_at_its_legal_end_leaves_no_open_work() {
        let view = with_inbox();
        let blob = BlobRef {
            segment: 1,
            offset: 64,
            length: 9,
        };
        let errand = RecipientErrand {
            recipient: 0,
            local: true,
            kind: crate::certification::RecipientType::Certified,
        };
        put(
            &view,
            Accepted {
                evidence: evidence(),
                receipt: Some(place(1)),
                envelope: Content::Rope(blob),
                envelope_size: 100,
                facts: blob,
                errands: vec![errand],
                mailbox: MAILBOX,
            },
        );
        view.with_work(|work| assert_eq!((work.journeys.len(), work.errands.len()), (1, 1)));
        let address = crate::address::Address::parse("b@pec.example").unwrap();
        put(
            &view,
            Stored {
                evidence: evidence(),
                recipient: 0,
                address: address.clone(),
                outcome: DeliveryOutcome::Delivered(place(2)),
                facts: blob,
                arrival: None,
            },
        );
        put(
            &view,
            Certified {
                evidence: evidence(),
                recipient: 0,
                receipt: Content::Rope(blob),
                size: 50,
                sender: address,
                eight_bit: false,
                arrival: None,
            },
        );
        view.with_work(|work| assert_eq!((work.deliveries.len(), work.answers.len()), (1, 1)));
        put(
            &view,
            Landed {
                evidence: evidence(),
                recipient: 0,
                filing: Some(place(3)),
                last: true,
                unplaced: None,
                arrival: None,
            },
        );
        put(
            &view,
            Struck {
                identifier: evidence().identifier,
                recipient: 0,
            },
        );
        view.with_work(|work| {
            assert!(work.journeys.is_empty() && work.errands.is_empty());
            assert!(work.deliveries.is_empty() && work.answers.is_empty());
        });
        let folder = view.folder(MAILBOX, FolderId::INBOX).unwrap();
        assert_eq!(folder.messages.size(), 3);
    }
}
