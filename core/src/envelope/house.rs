//! Plain messages of the house to its holders: not signed, they certify nothing and say so by their form.

use super::body::plain;
use super::draft::Seed;
use super::header::Header;
use crate::address::Address;
use crate::instant::Instant;
use crate::journal::record::Received;
use crate::registry::{MailboxRow, ProviderRow};
use crate::wording::house;

/// VI-13: tells `holder` that a receipt was kept apart, and how to ask for a statement.
pub(crate) fn quarantined_receipt(
    provider: &ProviderRow,
    holder: &Address,
    received: &Received,
    at: Instant,
) -> Vec<u8> {
    let receipt = received.receipt.as_ref();
    let kind = receipt.map_or("", |receipt| receipt.kind.word());
    let lines = house::quarantined_receipt(kind, received.evidence.identifier.as_str());
    letter(provider, holder, house::QUARANTINED_SUBJECT, &lines, at)
}

/// MX-09: tells `holder` that ordinary mail is forwarded to `target` no more.
pub(crate) fn forward_ended(
    provider: &ProviderRow,
    holder: &Address,
    target: &Address,
    at: Instant,
) -> Vec<u8> {
    let lines = house::forward_ended(target.as_str());
    letter(provider, holder, house::FORWARD_ENDED_SUBJECT, &lines, at)
}

/// AC-17: tells the holder that the mailbox is filling up; `percent` of it and more are in use.
pub(crate) fn quota_warning(
    provider: &ProviderRow,
    row: &MailboxRow,
    (percent, used): (u8, u64),
    at: Instant,
) -> Vec<u8> {
    let lines = house::quota_warning(row.address.as_str(), percent, used, row.quota);
    let subject = house::quota_subject(percent);
    letter(provider, &row.address, &subject, &lines, at)
}

fn letter(
    provider: &ProviderRow,
    holder: &Address,
    subject: &str,
    lines: &[String],
    at: Instant,
) -> Vec<u8> {
    let mut header = Header::default();
    header.field("Date", &at.header_date());
    header.field("From", &provider.service_address());
    header.field("To", holder.as_str());
    header.field("Subject", subject);
    let word = Seed(crate::random::bytes()).word();
    header.field("Message-ID", &format!("<n{word}@{}>", provider.domain));
    header.field("Auto-Submitted", "auto-generated");
    header.field("MIME-Version", "1.0");
    header.field("Content-Type", "text/plain; charset=\"iso-8859-1\"");
    header.field("Content-Transfer-Encoding", "quoted-printable");
    let mut message = header.into_bytes();
    message.extend_from_slice(b"\r\n");
    plain(lines, &mut message);
    message
}
