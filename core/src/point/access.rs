//! The formal checks of the access point (RFC 6109 §3.1.1): a message passes all of them, or nobody
//! receives anything (AP-12). They come before the virus check (AP-26), and the identifier was minted
//! before them (AP-17), so that a notice can quote it.

use std::collections::HashSet;

use super::described::list;
pub use super::described::{Described, describe};
use crate::address::Address;
use crate::limits;
use crate::mime::{Part, Scan, ScanFault, enclose::is_recodable};
use crate::policy::Policy;
use crate::proof::Checked;
use crate::wording::faults;

/// A message that may be certified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// What its header says.
    pub described: Described,
    /// The one address of `From:`, equal to the reverse path (AP-06).
    pub from: Address,
    /// The forward path, each address once, in order (AP-23).
    pub recipients: Vec<Address>,
}

/// The formal check that a message failed. The first one found is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormalFault {
    /// AP-03: a line of the header is no field.
    NotAField,
    /// AP-03: a line is over 998 octets.
    LineTooLong,
    /// AP-03: octets above 127 in a header.
    EightBitHeader,
    /// AP-03: this field stands more than once.
    RepeatedField(&'static str),
    /// AP-03: no `Date:`.
    NoDate,
    /// AP-04: no `From:`.
    NoFrom,
    /// AP-04: `From:` holds no valid address.
    FromInvalid,
    /// AP-04: `From:` holds more than one address.
    FromSeveral,
    /// AP-05: no `To:`.
    NoTo,
    /// AP-05: `To:` holds no valid address.
    ToInvalid,
    /// AP-06: the reverse path is another address than `From:`.
    SenderDiffers {
        /// Reverse path.
        sender: Address,
        /// Of the header.
        from: Address,
    },
    /// AP-07: an address of the forward path stands neither in `To:` nor in `Cc:`.
    RecipientNotListed(Address),
    /// AP-08: `Bcc:` holds something.
    Bcc,
    /// AP-09: larger than the policy allows.
    TooLarge {
        /// Octets.
        size: u64,
        /// The policy's maximum.
        most: u64,
    },
    /// AP-10: size times recipients is over the policy's product.
    ProductTooLarge {
        /// Octets.
        size: u64,
        /// Distinct recipients.
        recipients: usize,
        /// The policy's maximum.
        most: u64,
    },
    /// AP-11: more distinct recipients than the policy allows.
    TooManyRecipients {
        /// Distinct recipients.
        recipients: usize,
        /// The policy's maximum.
        most: u32,
    },
    /// AP-25: octets above 127 inside what the user signed or encrypted.
    EightBitSealed,
    /// AP-25: octets above 127 in a part that is encoded already, or around the parts of a multipart.
    EightBitUnencodable,
    /// SE-07: the header is over `limits::HEADER_BYTES_MAX`.
    HeaderTooLarge,
    /// SE-07: nested over `limits::MIME_DEPTH_MAX`.
    TooDeep,
    /// SE-07: more parts than `limits::MIME_PARTS_MAX`.
    TooManyParts,
}

impl FormalFault {
    /// Only the size is wrong (AP-15).
    pub fn is_size(&self) -> bool {
        matches!(self, Self::TooLarge { .. } | Self::ProductTooLarge { .. })
    }

    /// The *descrizione errore* of the notice, in Italian, one line.
    pub fn reason(&self) -> String {
        match self {
            Self::NotAField => faults::NOT_A_FIELD.to_owned(),
            Self::LineTooLong => faults::LINE_TOO_LONG.to_owned(),
            Self::EightBitHeader => faults::EIGHT_BIT_HEADER.to_owned(),
            Self::RepeatedField(name) => faults::repeated_field(name),
            Self::NoDate => faults::NO_DATE.to_owned(),
            Self::NoFrom => faults::NO_FROM.to_owned(),
            Self::FromInvalid => faults::FROM_INVALID.to_owned(),
            Self::FromSeveral => faults::FROM_SEVERAL.to_owned(),
            Self::NoTo => faults::NO_TO.to_owned(),
            Self::ToInvalid => faults::TO_INVALID.to_owned(),
            Self::SenderDiffers { sender, from } => faults::sender_differs(sender, from),
            Self::RecipientNotListed(recipient) => faults::recipient_not_listed(recipient),
            Self::Bcc => faults::BCC.to_owned(),
            Self::TooLarge { size, most } => faults::too_large(*size, *most),
            &Self::ProductTooLarge {
                size,
                recipients,
                most,
            } => faults::product_too_large(size, recipients, most),
            &Self::TooManyRecipients { recipients, most } => {
                faults::too_many_recipients(recipients, most)
            }
            Self::EightBitSealed => faults::EIGHT_BIT_SEALED.to_owned(),
            Self::EightBitUnencodable => faults::EIGHT_BIT_UNENCODABLE.to_owned(),
            Self::HeaderTooLarge => faults::HEADER_TOO_LARGE.to_owned(),
            Self::TooDeep => faults::TOO_DEEP.to_owned(),
            Self::TooManyParts => faults::TOO_MANY_PARTS.to_owned(),
        }
    }
}

/// Runs all formal checks: form first, then addresses, then sizes.
pub fn examine(
    scan: &Scan,
    sender: &Address,
    recipients: &[Address],
    policy: &Policy,
) -> Result<Checked<Examined>, FormalFault> {
    let recipients = distinct(recipients);
    let described = describe(scan);
    check_bounds(scan)?;
    check_form(scan)?;
    let from = check_from(scan, sender)?;
    check_recipients(scan, &described, &recipients)?;
    check_bcc(scan)?;
    check_sizes(scan.size(), recipients.len(), policy)?;
    check_eight_bit(scan, policy)?;
    Ok(Checked::new(Examined {
        described,
        from,
        recipients,
    }))
}

/// Each address once, the first spelling of each, in order (AP-23).
pub fn distinct(recipients: &[Address]) -> Vec<Address> {
    let mut seen = HashSet::with_capacity(recipients.len());
    let new = recipients
        .iter()
        .filter(|address| seen.insert(address.key()));
    new.cloned().collect()
}

/// Fields that RFC 5322 §3.6 allows once.
const SINGLE_FIELDS: [&str; 6] = ["From", "To", "Cc", "Subject", "Date", "Message-ID"];

fn check_bounds(scan: &Scan) -> Result<(), FormalFault> {
    let found = |fault| scan.faults().contains(&fault);
    if found(ScanFault::HeaderTooLarge) {
        Err(FormalFault::HeaderTooLarge)
    } else if found(ScanFault::TooDeep) {
        Err(FormalFault::TooDeep)
    } else if found(ScanFault::TooManyParts) {
        Err(FormalFault::TooManyParts)
    } else {
        Ok(())
    }
}

fn check_form(scan: &Scan) -> Result<(), FormalFault> {
    if scan.faults().contains(&ScanFault::NotAField) {
        return Err(FormalFault::NotAField);
    }
    if scan.root().eight_bit_header {
        return Err(FormalFault::EightBitHeader);
    }
    for name in SINGLE_FIELDS {
        if scan.fields_named(name).nth(1).is_some() {
            return Err(FormalFault::RepeatedField(name));
        }
    }
    if scan.field("Date").is_none() {
        return Err(FormalFault::NoDate);
    }
    if scan.longest_line() > limits::LINE_BYTES_MAX as u64 {
        return Err(FormalFault::LineTooLong);
    }
    Ok(())
}

fn check_from(scan: &Scan, sender: &Address) -> Result<Address, FormalFault> {
    if scan.field("From").is_none() {
        return Err(FormalFault::NoFrom);
    }
    let mut list = list(scan, "From");
    let entries = list.addresses.len() + list.invalid;
    match list.addresses.pop() {
        Some(_) if entries > 1 => Err(FormalFault::FromSeveral),
        Some(from) if from == *sender => Ok(from),
        Some(from) => Err(FormalFault::SenderDiffers {
            sender: sender.clone(),
            from,
        }),
        None => Err(FormalFault::FromInvalid),
    }
}

fn check_recipients(
    scan: &Scan,
    described: &Described,
    recipients: &[Address],
) -> Result<(), FormalFault> {
    if scan.field("To").is_none() {
        return Err(FormalFault::NoTo);
    }
    if described.to.is_empty() {
        return Err(FormalFault::ToInvalid);
    }
    let listed: HashSet<String> = described
        .to
        .iter()
        .chain(&described.cc)
        .map(Address::key)
        .collect();
    let missing = recipients.iter().find(|r| !listed.contains(&r.key()));
    missing.map_or(Ok(()), |recipient| {
        Err(FormalFault::RecipientNotListed(recipient.clone()))
    })
}

fn check_bcc(scan: &Scan) -> Result<(), FormalFault> {
    let mut values = scan.fields_named("Bcc").map(|field| field.value);
    if values.any(|value| !value.trim_ascii().is_empty()) {
        return Err(FormalFault::Bcc);
    }
    Ok(())
}

fn check_sizes(size: u64, recipients: usize, policy: &Policy) -> Result<(), FormalFault> {
    if size > policy.message_bytes_max {
        return Err(FormalFault::TooLarge {
            size,
            most: policy.message_bytes_max,
        });
    }
    if recipients as u64 > u64::from(policy.recipients_max) {
        return Err(FormalFault::TooManyRecipients {
            recipients,
            most: policy.recipients_max,
        });
    }
    if size.saturating_mul(recipients as u64) > policy.message_product_max {
        return Err(FormalFault::ProductTooLarge {
            size,
            recipients,
            most: policy.message_product_max,
        });
    }
    Ok(())
}

fn check_eight_bit(scan: &Scan, policy: &Policy) -> Result<(), FormalFault> {
    for part in scan.parts() {
        match eight_bit_fault(part) {
            Some(FormalFault::EightBitSealed) if policy.eight_bit_signed_passes => {}
            Some(fault) => return Err(fault),
            None => {}
        }
    }
    Ok(())
}

/// Octets above 127 in a part's own octets that the re-encoding of AP-25 does not reach.
fn eight_bit_fault(part: &Part) -> Option<FormalFault> {
    let has_any = part.eight_bit_header || part.eight_bit_body;
    if !has_any || is_recodable(part) && !part.eight_bit_header {
        None
    } else if part.sealed {
        Some(FormalFault::EightBitSealed)
    } else if part.eight_bit_header {
        Some(FormalFault::EightBitHeader)
    } else {
        Some(FormalFault::EightBitUnencodable)
    }
}

#[cfg(test)]
mod tests;
