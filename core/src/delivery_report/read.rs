//! Reads a delivery report of any server: which recipients it names, and by the returned header, or the
//! envelope identifier that we gave, which message it speaks of. Only bounded pieces of it are looked
//! at, and whoever wrote it may lie: it identifies nothing by itself.

use super::Action;
use crate::address::Address;
use crate::blob::{BlobError, BlobRead};
use crate::instant::Instant;
use crate::limits;
use crate::message_id::ClientMessageId;
use crate::mime::content::TransferEncoding;
use crate::mime::words::unfolded;
use crate::mime::{Part, Scan, Shape, Span};
use crate::rope::Rope;

/// What a report says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// `Message-ID:` of the returned header: of an envelope of ours it is the PEC identifier.
    pub message_id: Option<ClientMessageId>,
    /// `Original-Envelope-Id:` (RFC 3464 §2.2.1): what `ENVID` of the transaction was.
    pub envelope_id: Option<String>,
    /// Recipients and what became of each, as many as are looked at.
    pub recipients: Vec<(Address, Action, String)>,
}

impl Report {
    /// The identifier of the message, without brackets, by what was returned, else by `ENVID`.
    pub fn refers_to(&self) -> Option<&str> {
        let returned = self.message_id.as_ref().map(|id| id.as_str());
        let returned = returned.map(|id| id.trim_start_matches('<').trim_end_matches('>'));
        returned.or(self.envelope_id.as_deref())
    }

    /// A report that comes `now` about a message sent then is expected (MX-07).
    pub fn is_in_time(sent: Instant, now: Instant) -> bool {
        let age = now.as_millis().saturating_sub(sent.as_millis());
        age <= limits::REPORTS_DAYS_MAX * 24 * 60 * 60 * 1000
    }

    /// Recipients that were given up.
    pub fn failed(&self) -> impl Iterator<Item = &Address> {
        let failed = self.recipients.iter().filter(|r| r.1 == Action::Failed);
        failed.map(|(address, _, _)| address)
    }
}

/// The report that `message`, of which `scan` is the scan, is; `None` where it is none.
pub fn read(
    scan: &Scan,
    message: &Rope,
    blobs: &dyn BlobRead,
) -> Result<Option<Report>, BlobError> {
    let root = scan.root();
    if !root.media.is("multipart", "report") || root.shape != Shape::Multipart {
        return Ok(None);
    }
    let parts = scan.parts();
    let children: Vec<usize> = scan.children(0).take(limits::REPORT_PARTS_MAX).collect();
    let of = |kind: &str, subtype: &str| {
        let mut found = children.iter().copied();
        found.find(|&index| parts[index].media.is(kind, subtype))
    };
    let Some(status) = of("message", "delivery-status") else {
        return Ok(None);
    };
    let mut report = Report::default();
    facts(&content(&parts[status], message, blobs)?, &mut report);
    if let Some(index) = of("text", "rfc822-headers") {
        report.message_id = message_id(&content(&parts[index], message, blobs)?);
    } else if let Some(index) = of("message", "rfc822") {
        let enclosed = scan.children(index).next().map(|child| parts[child].header);
        // A message that is encoded as a whole has no part of its own.
        let octets = match enclosed {
            Some(header) => piece(header, message, blobs)?,
            None => content(&parts[index], message, blobs)?,
        };
        report.message_id = message_id(&octets);
    }
    Ok(Some(report))
}

/// The first octets of a part's body, decoded.
fn content(part: &Part, message: &Rope, blobs: &dyn BlobRead) -> Result<Vec<u8>, BlobError> {
    let octets = piece(part.body, message, blobs)?;
    Ok(match part.encoding {
        TransferEncoding::QuotedPrintable => {
            mail_parser::decoders::quoted_printable::quoted_printable_decode(&octets)
                .unwrap_or_default()
        }
        TransferEncoding::Base64 => {
            let mut text: Vec<u8> = octets;
            text.retain(|b| !b.is_ascii_whitespace());
            // What the bound cut off may have ended a group of four.
            text.truncate(text.len() - text.len() % 4);
            data_encoding::BASE64.decode(&text).unwrap_or_default()
        }
        _ => octets,
    })
}

fn piece(span: Span, message: &Rope, blobs: &dyn BlobRead) -> Result<Vec<u8>, BlobError> {
    let length = usize::try_from(span.len()).unwrap_or(usize::MAX);
    message.read_range(
        blobs,
        span.start,
        length.min(limits::REPORT_HEADER_BYTES_MAX),
    )
}

/// Fields of a header-like text, each unfolded, groups apart by blank lines.
fn groups(text: &[u8]) -> Vec<Vec<(String, String)>> {
    let mut groups = vec![Vec::new()];
    let mut field: Vec<u8> = Vec::new();
    for line in text.split(|b| *b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let continues = matches!(line.first(), Some(b' ' | b'\t'));
        if continues && !line.trim_ascii().is_empty() {
            field.extend_from_slice(line);
            continue;
        }
        take_field(&mut field, &mut groups);
        if line.trim_ascii().is_empty() {
            groups.push(Vec::new());
        } else {
            field.extend_from_slice(line);
        }
    }
    take_field(&mut field, &mut groups);
    groups.retain(|group| !group.is_empty());
    groups
}

fn take_field(field: &mut Vec<u8>, groups: &mut [Vec<(String, String)>]) {
    let line = unfolded(&std::mem::take(field));
    let text = String::from_utf8_lossy(&line);
    if let (Some((name, value)), Some(group)) = (text.split_once(':'), groups.last_mut()) {
        group.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn named<'a>(group: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = group.iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value.as_str())
}

/// The value after `rfc822;` and the like.
fn untyped(value: &str) -> &str {
    value.split_once(';').map_or(value, |(_, rest)| rest).trim()
}

fn facts(text: &[u8], report: &mut Report) {
    for group in groups(text) {
        if let Some(id) = named(&group, "original-envelope-id") {
            let clean: String = id.chars().filter(char::is_ascii_graphic).collect();
            let fits = !clean.is_empty() && clean.len() <= limits::MESSAGE_ID_BYTES_MAX;
            report.envelope_id = report.envelope_id.take().or(fits.then_some(clean));
        }
        let address = named(&group, "original-recipient")
            .and_then(recipient)
            .or_else(|| named(&group, "final-recipient").and_then(recipient));
        let action = named(&group, "action").and_then(Action::from_word);
        let (Some(address), Some(action)) = (address, action) else {
            continue;
        };
        let status = named(&group, "status").unwrap_or_default();
        let status = status.split([' ', '(']).next().unwrap_or_default();
        let is_code = status.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let status = if is_code && status.len() <= STATUS_BYTES_MAX {
            status.to_owned()
        } else {
            String::new()
        };
        if report.recipients.len() < limits::RECIPIENTS_PER_TRANSACTION_MAX {
            report.recipients.push((address, action, status));
        }
    }
}

/// `5.123.456`, RFC 3463 §2.
const STATUS_BYTES_MAX: usize = 9;

fn recipient(value: &str) -> Option<Address> {
    let text = untyped(value).trim_start_matches('<').trim_end_matches('>');
    Address::parse(text).ok()
}

fn message_id(header: &[u8]) -> Option<ClientMessageId> {
    let first = groups(header).into_iter().next()?;
    ClientMessageId::from_field(named(&first, "message-id")?)
}
