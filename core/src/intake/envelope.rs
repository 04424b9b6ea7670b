//! What later steps need of another provider's envelope, from its signed data and its signed parts, never
//! from its outer header (CD-12).

use super::take::Desk;
use crate::address::Address;
use crate::blob::BlobError;
use crate::certification::{DeliveryDetail, OriginalFacts, Recipient, RecipientType};
use crate::envelope::EnvelopeFacts;
use crate::limits;
use crate::mime::addresses::AddressList;
use crate::mime::{Scan, Span, words};
use crate::point::incoming::Formed;
use crate::rope::{Rope, RopeReader};

/// The facts of a correct envelope; the enclosed original is a slice of what came.
pub(super) fn foreign_facts(desk: &Desk<'_>, formed: &Formed) -> Result<EnvelopeFacts, BlobError> {
    let data = &formed.data;
    let parts = desk.scan.parts();
    let enclosed = formed
        .enclosed
        .and_then(|index| Some((index, parts.get(index)?)));
    let mut facts = EnvelopeFacts {
        raw_subject: data.original.subject.as_deref().map(words::from_text),
        original: data.original.clone(),
        detail: data.receipt.unwrap_or_default(),
        to: Vec::new(),
        cc: Vec::new(),
        enclosed: Rope::default(),
        eight_bit: false,
    };
    let Some((index, part)) = enclosed else {
        return Ok(facts);
    };
    let header = header_of(desk, part.body)?;
    facts.to = addresses(&header, "To");
    facts.cc = addresses(&header, "Cc");
    facts
        .enclosed
        .push_slice(*desk.arrival.body, part.body.start, part.body.len());
    let inside = |at: usize| {
        let mut parent = Some(at);
        while let Some(at) = parent {
            if at == index {
                return true;
            }
            parent = parts[at].parent;
        }
        false
    };
    let eight_bit = |at: usize| parts[at].eight_bit_header || parts[at].eight_bit_body;
    facts.eight_bit = (index..parts.len()).any(|at| eight_bit(at) && inside(at));
    Ok(facts)
}

/// What a detection says of a signed message without readable data: what its header says. `None` where
/// nobody can be read as its sender.
pub(super) fn placeholder_facts(desk: &Desk<'_>) -> Option<EnvelopeFacts> {
    let from = AddressList::of_fields(desk.scan.fields_named("From").map(|f| f.value));
    let sender = from.addresses.into_iter().next();
    let sender = sender.or(desk.arrival.reverse_path.clone())?;
    let subject = desk.scan.field("Subject").map(|f| words::decode(f.value));
    let recipients = desk.arrival.recipients.iter().map(|address| Recipient {
        address: address.clone(),
        kind: RecipientType::Certified,
    });
    Some(EnvelopeFacts {
        raw_subject: subject.as_deref().map(words::from_text),
        original: OriginalFacts {
            replies: sender.to_string(),
            sender,
            recipients: recipients.collect(),
            subject,
            identifier: desk.identifier.clone(),
            client_id: None,
        },
        detail: DeliveryDetail::default(),
        to: Vec::new(),
        cc: Vec::new(),
        enclosed: Rope::default(),
        eight_bit: false,
    })
}

/// The header of the enclosed original, as far as it is read.
fn header_of(desk: &Desk<'_>, body: Span) -> Result<Scan, BlobError> {
    use std::io::Read;
    let most = body.len().min(limits::HEADER_BYTES_MAX as u64);
    let mut octets = Vec::new();
    RopeReader::starting_at(&desk.rope, &*desk.shared.blobs, body.start)?
        .take(most)
        .read_to_end(&mut octets)
        .map_err(BlobError::Source)?;
    Ok(Scan::of_bytes(&octets))
}

fn addresses(scan: &Scan, name: &str) -> Vec<String> {
    let list = AddressList::of_fields(scan.fields_named(name).map(|field| field.value));
    list.addresses.iter().map(Address::key).collect()
}
