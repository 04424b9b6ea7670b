//! What becomes of ordinary mail (RFC 6109 §2.2.2): per recipient by the policy of the mailbox, and one
//! answer for the transaction. It decides on facts alone; nothing certified ever follows from it (DP-03,
//! DP-05), and no report goes to a sender who may not be the one named (MX-05, ND-07).

use crate::address::Address;
use crate::limits;
use crate::policy::Policy;
use crate::registry::{DomainState, MailboxRow, MailboxState, OrdinaryPolicy};
use crate::srs::SrsError;

/// What the reverse path's domain says of the host that sends (SPF).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenderCheck {
    /// The host may send for it.
    Passed,
    /// The host may not.
    Failed,
    /// It says nothing, or nothing that can be read.
    Unknown,
}

/// Whom an address of the forward path means.
#[derive(Debug, Clone)]
pub enum Addressee<'a> {
    /// A mailbox of ours.
    Mailbox {
        /// Its row.
        row: &'a MailboxRow,
        /// State of its domain.
        domain: DomainState,
        /// Octets it holds.
        used: u64,
        /// It reaches the mailbox whatever its policy: a delivery report about what this mailbox sent in
        /// the last `limits::REPORTS_DAYS_MAX` days (MX-07), or mail of a provider that is malformed or
        /// for somebody else (IP-09, IP-19).
        is_due: bool,
    },
    /// A service address, or the postmaster of a domain of ours (RFC 5321 §4.5.1): what comes to either
    /// is set aside for the operator (TC-08, TC-10).
    House {
        /// The service mailbox, where there is room for it.
        has_room: bool,
    },
    /// A sender that we rewrote, as read back (MX-06).
    Rewritten(Result<Address, SrsError>),
    /// Nobody.
    Unknown,
}

/// One message at the incoming point.
#[derive(Debug, Clone)]
pub struct Arrival<'a> {
    /// `None`: null.
    pub reverse_path: Option<&'a Address>,
    /// The reverse path is a service address of a provider in the index (ND-07).
    pub is_from_service: bool,
    /// SPF.
    pub sender_check: SenderCheck,
    /// Octets.
    pub size: u64,
    /// `Received:` fields of its header.
    pub hops: usize,
    /// Its form is beyond what is read (SE-07).
    pub is_out_of_bounds: bool,
    /// The forward path, each address once, with whom it means.
    pub recipients: Vec<(&'a Address, Addressee<'a>)>,
}

/// What becomes of the message for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Into the mailbox, in an anomaly envelope (MX-04, MX-07).
    Place,
    /// To the ordinary address, its octets unchanged, its sender rewritten (MX-03, MX-06).
    Forward(Address),
    /// A report about a forward: to the sender whose address was rewritten, with a null reverse path.
    Return(Address),
    /// Into the service mailbox's second folder.
    SetAside,
    /// Nothing; it was told that it was taken, and ends here.
    Drop,
    /// Refused.
    Refuse(Refusal),
}

impl Fate {
    fn is_taken(&self) -> bool {
        !matches!(self, Self::Refuse(_))
    }
}

/// Why ordinary mail is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// MX-02
    Policy,
    /// DP-06
    UnknownMailbox,
    /// The mailbox or its domain is out of service.
    Suspended,
    /// It does not fit the mailbox.
    Full,
    /// MX-06: too many servers had it.
    Loop,
    /// SE-07
    OutOfBounds,
    /// A rewritten sender, addressed by what is no report.
    NotAReport,
    /// Each recipient has another reason.
    Several,
}

impl Refusal {
    /// Code, enhanced status, and text of the answer.
    pub const fn reply(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Policy => (550, "5.7.1", "this mailbox takes certified mail only"),
            Self::UnknownMailbox => (550, "5.1.1", "no such mailbox here"),
            Self::Suspended => (550, "5.2.1", "the mailbox is out of service"),
            Self::Full => (552, "5.2.2", "the mailbox is full"),
            Self::Loop => (554, "5.4.6", "too many hops: the message is in a loop"),
            Self::OutOfBounds => (
                550,
                "5.6.0",
                "the form of the message is beyond what is read",
            ),
            Self::NotAReport => (550, "5.7.1", "this address takes delivery reports only"),
            Self::Several => (550, "5.7.1", "no recipient takes this message"),
        }
    }
}

/// The decision on a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// One fate per recipient, in the order of the forward path.
    pub fates: Vec<Fate>,
    /// `None`: 250, for at least one recipient took it; else why all refuse.
    pub refusal: Option<Refusal>,
    /// Those who refuse are told by a report with a null reverse path (MX-05).
    pub owes_report: bool,
}

impl Decision {
    /// Those of `recipients`, whom it was made for, who take the message.
    pub fn takers<'a>(&'a self, recipients: &'a [Address]) -> impl Iterator<Item = &'a Address> {
        let both = recipients.iter().zip(&self.fates);
        both.filter(|(_, fate)| fate.is_taken())
            .map(|(address, _)| address)
    }
}

/// Decides on `arrival`.
pub fn decide(arrival: &Arrival<'_>, policy: &Policy) -> Decision {
    let whole = refusal_of_all(arrival);
    let fates: Vec<Fate> = arrival
        .recipients
        .iter()
        .map(|(_, addressee)| match whole {
            Some(refusal) => Fate::Refuse(refusal),
            None => fate(arrival, addressee, policy),
        })
        .collect();
    let has_taker = fates.iter().any(Fate::is_taken);
    let has_refusal = fates.iter().any(|fate| !fate.is_taken());
    Decision {
        refusal: (!has_taker).then(|| common_refusal(&fates)),
        owes_report: has_taker && has_refusal && may_report(arrival),
        fates,
    }
}

/// ND-07 and MX-05: a report goes only to a sender who exists and may be the one named.
pub fn may_report(arrival: &Arrival<'_>) -> bool {
    arrival.reverse_path.is_some()
        && !arrival.is_from_service
        && arrival.sender_check != SenderCheck::Failed
}

fn refusal_of_all(arrival: &Arrival<'_>) -> Option<Refusal> {
    if arrival.is_out_of_bounds {
        Some(Refusal::OutOfBounds)
    } else if arrival.hops > limits::HOPS_MAX {
        Some(Refusal::Loop)
    } else {
        None
    }
}

fn fate(arrival: &Arrival<'_>, addressee: &Addressee<'_>, policy: &Policy) -> Fate {
    match addressee {
        Addressee::Mailbox {
            row,
            domain,
            used,
            is_due,
        } => fate_of_mailbox(arrival, row, (*domain, *used), *is_due, policy),
        Addressee::House { has_room: true } => Fate::SetAside,
        Addressee::House { has_room: false } => Fate::Refuse(Refusal::Full),
        Addressee::Rewritten(found) => returned(arrival, found),
        Addressee::Unknown => Fate::Refuse(Refusal::UnknownMailbox),
    }
}

fn fate_of_mailbox(
    arrival: &Arrival<'_>,
    row: &MailboxRow,
    (domain, used): (DomainState, u64),
    is_due: bool,
    policy: &Policy,
) -> Fate {
    if row.state == MailboxState::Closed {
        return Fate::Refuse(Refusal::UnknownMailbox);
    }
    if domain == DomainState::Suspended || row.state == MailboxState::Suspended {
        return Fate::Refuse(Refusal::Suspended);
    }
    let wanted = match policy.ordinary_in_force(row) {
        // It comes of certified mail, which the holder must learn here.
        _ if is_due => &OrdinaryPolicy::Accept,
        wanted => wanted,
    };
    match wanted {
        OrdinaryPolicy::Reject => Fate::Refuse(Refusal::Policy),
        OrdinaryPolicy::Forward(target) => Fate::Forward(target.clone()),
        OrdinaryPolicy::Accept if used.saturating_add(arrival.size) > row.quota => {
            Fate::Refuse(Refusal::Full)
        }
        OrdinaryPolicy::Accept => Fate::Place,
    }
}

fn returned(arrival: &Arrival<'_>, found: &Result<Address, SrsError>) -> Fate {
    match found {
        Err(SrsError::Opaque) if arrival.reverse_path.is_none() => Fate::Drop,
        Ok(sender) if arrival.reverse_path.is_none() => Fate::Return(sender.clone()),
        Ok(_) | Err(SrsError::Opaque) => Fate::Refuse(Refusal::NotAReport),
        Err(_) => Fate::Refuse(Refusal::UnknownMailbox),
    }
}

/// One answer for all who refuse.
fn common_refusal(fates: &[Fate]) -> Refusal {
    let mut refusals = fates.iter().filter_map(|fate| match fate {
        Fate::Refuse(refusal) => Some(*refusal),
        _ => None,
    });
    let first = refusals.next().unwrap_or(Refusal::UnknownMailbox);
    if refusals.all(|other| other == first) {
        first
    } else {
        Refusal::Several
    }
}

#[cfg(test)]
mod tests;
