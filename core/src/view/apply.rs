//! What a record changes in the views (design §5). A record holds final values, so this reads nothing,
//! does nothing, and gives the same rows at each replay; what remains to be done is itself a row.

use super::row::{AnswerRow, DeliveryRow, FolderCounter, JourneyRow, RecipientKey, Row};
use crate::journal::Record;
use crate::journal::record::{
    Accepted, Certified, DeliveryOutcome, DomainChanged, Evidence, Expunged, Filing, Flagged,
    FolderChanged, Landed, MailboxChanged, Refused, Stored, Struck,
};

/// The rows of `record`, in the order in which they are published.
pub fn apply(record: &Record) -> Vec<Row> {
    match record {
        Record::Submitted(r) => vec![Row::Submission(r.identifier.clone(), Some(r.clone()))],
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
        Record::ProviderChanged(r) => vec![Row::Provider(r.row.clone())],
        Record::DomainChanged(r) => domain_changed(r),
        Record::MailboxChanged(r) => mailbox_changed(r),
        Record::Started(_) => Vec::new(),
    }
}

fn key(evidence: &Evidence, recipient: u16) -> RecipientKey {
    RecipientKey {
        identifier: evidence.identifier.clone(),
        recipient,
    }
}

/// A message in a folder: itself, the folder's counters, the mailbox's usage.
fn filing(filing: &Filing) -> [Row; 3] {
    let (mailbox, folder) = (filing.mailbox, filing.folder);
    let message = crate::mailbox::MessageRow {
        uid: filing.uid,
        modseq: filing.modseq,
        flags: crate::mailbox::Flags(filing.flags),
        content: filing.content,
        size: filing.size,
        internal_date: filing.internal_date,
    };
    let counter = FolderCounter {
        uid_next: filing.uid.saturating_add(1),
        highest_modseq: filing.modseq,
    };
    [
        Row::Message(mailbox, folder, message),
        Row::Counter(mailbox, folder, counter),
        Row::Usage(mailbox, filing.usage),
    ]
}

fn filed(placed: Option<&Filing>) -> impl Iterator<Item = Row> {
    placed.into_iter().flat_map(filing)
}

fn accepted(r: &Accepted) -> Vec<Row> {
    let identifier = &r.evidence.identifier;
    let journey = JourneyRow {
        at: r.evidence.at,
        envelope: r.envelope,
        size: r.envelope_size,
        facts: r.facts,
        mailbox: r.mailbox,
    };
    let mut rows = vec![
        Row::Submission(identifier.clone(), None),
        Row::Journey(identifier.clone(), Some(journey)),
    ];
    for errand in &r.errands {
        let key = key(&r.evidence, errand.recipient);
        rows.push(Row::Errand(key, Some(*errand)));
    }
    rows.extend(filed(r.receipt.as_ref()));
    rows
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
    let key = key(&r.evidence, r.recipient);
    let mut rows = vec![Row::Delivery(key, Some(Box::new(delivery)))];
    rows.extend(filed(placed));
    rows
}

fn certified(r: &Certified) -> Vec<Row> {
    let answer = AnswerRow {
        sender: r.sender.clone(),
        receipt: r.receipt,
        size: r.size,
        evidence: r.evidence.clone(),
    };
    vec![Row::Answer(
        key(&r.evidence, r.recipient),
        Some(Box::new(answer)),
    )]
}

fn landed(r: &Landed) -> Vec<Row> {
    let mut rows = vec![Row::Errand(key(&r.evidence, r.recipient), None)];
    rows.extend(filed(r.filing.as_ref()));
    if r.last {
        rows.push(Row::Journey(r.evidence.identifier.clone(), None));
    }
    rows
}

fn struck(r: &Struck) -> Vec<Row> {
    let key = RecipientKey {
        identifier: r.identifier.clone(),
        recipient: r.recipient,
    };
    vec![Row::Delivery(key.clone(), None), Row::Answer(key, None)]
}

fn flagged(r: &Flagged) -> Vec<Row> {
    let change = |change| Row::Flags(r.mailbox, r.folder, change, r.modseq);
    let mut rows: Vec<Row> = r.changes.iter().copied().map(change).collect();
    rows.push(Row::Modseq(r.mailbox, r.folder, r.modseq));
    rows
}

fn expunged(r: &Expunged) -> Vec<Row> {
    let gone = |uid| Row::Gone(r.mailbox, r.folder, uid);
    let mut rows: Vec<Row> = r.uids.iter().copied().map(gone).collect();
    rows.push(Row::Modseq(r.mailbox, r.folder, r.modseq));
    rows.push(Row::Usage(r.mailbox, r.usage));
    rows
}

fn folder_changed(r: &FolderChanged) -> Vec<Row> {
    let mut rows = vec![Row::Folder(r.mailbox, r.folder, r.row.clone())];
    rows.extend(r.usage.map(|usage| Row::Usage(r.mailbox, usage)));
    rows
}

fn domain_changed(r: &DomainChanged) -> Vec<Row> {
    vec![Row::Domain(r.domain.clone(), r.row.clone())]
}

/// The first change of a mailbox is its birth, and makes its folders.
fn mailbox_changed(r: &MailboxChanged) -> Vec<Row> {
    let id = r.row.id;
    let mut rows = vec![
        Row::Mailbox(Box::new(r.row.clone())),
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
