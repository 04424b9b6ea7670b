//! What can be read of any original, well formed or not: notices of non-acceptance, receipts and
//! envelopes speak of it (RFC 6109 §3.1). No text in here can open a line or a node in what is written
//! from it (SE-06).

use crate::address::Address;
use crate::certification::DeliveryDetail;
use crate::message_id::ClientMessageId;
use crate::mime::addresses::AddressList;
use crate::mime::{Scan, words};
use crate::wording::words::{
    DETAIL_FIELD, RECEIPT_FIELD, SECURITY_FIELD, SENDER_FIELD, TRANSPORT_FIELD,
};

/// The readable part of a message's header.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Described {
    /// The subject on one line of ASCII, RFC 2047 words kept (TE-05); `None` without the field.
    pub raw_subject: Option<String>,
    /// The subject decoded (CD-08).
    pub subject: Option<String>,
    /// The client's `Message-ID:` (TM-07).
    pub client_id: Option<ClientMessageId>,
    /// Valid addresses of `Reply-To:`.
    pub reply_to: Vec<Address>,
    /// Valid addresses of `From:`.
    pub from: Vec<Address>,
    /// Valid addresses of `To:`.
    pub to: Vec<Address>,
    /// Valid addresses of `Cc:`.
    pub cc: Vec<Address>,
    /// The receipt asked for; `None` when no known one is (TE-08).
    pub detail: Option<DeliveryDetail>,
    /// Fields of our own messages that the client wrote, to be logged (SE-03).
    pub forged_fields: Vec<&'static str>,
}

impl Described {
    /// `risposte`: the addresses of `Reply-To:` joined by comma and blank, else the sender (CD-07).
    pub fn replies(&self, sender: &Address) -> String {
        if self.reply_to.is_empty() {
            return sender.as_str().to_owned();
        }
        let texts: Vec<&str> = self.reply_to.iter().map(Address::as_str).collect();
        texts.join(", ")
    }
}

/// Reads what can be read. The first of repeated fields counts, except for address lists, which add up.
pub fn describe(scan: &Scan) -> Described {
    let subject = scan.field("Subject").map(|field| field.value);
    Described {
        raw_subject: subject.map(|raw| words::as_header_text(raw).into_owned()),
        subject: subject.map(|value| words::neutralised(&words::decode(value))),
        client_id: client_id(scan),
        reply_to: list(scan, "Reply-To").addresses,
        from: list(scan, "From").addresses,
        to: list(scan, "To").addresses,
        cc: list(scan, "Cc").addresses,
        detail: scan
            .field(DETAIL_FIELD)
            .and_then(|field| detail(field.value)),
        forged_fields: forged_fields(scan),
    }
}

/// All addresses of the fields of that name.
pub(super) fn list(scan: &Scan, name: &str) -> AddressList {
    AddressList::of_fields(scan.fields_named(name).map(|field| field.value))
}

fn client_id(scan: &Scan) -> Option<ClientMessageId> {
    let value = words::unfolded(scan.field("Message-ID")?.value);
    ClientMessageId::from_field(&String::from_utf8_lossy(&value))
}

fn detail(value: &[u8]) -> Option<DeliveryDetail> {
    let word = words::unfolded(value);
    DeliveryDetail::from_word(std::str::from_utf8(&word).ok()?)
}

/// SE-03
const RESERVED_FIELDS: [&str; 4] = [RECEIPT_FIELD, TRANSPORT_FIELD, SECURITY_FIELD, SENDER_FIELD];

fn forged_fields(scan: &Scan) -> Vec<&'static str> {
    let reserved = RESERVED_FIELDS.into_iter();
    reserved.filter(|name| scan.field(name).is_some()).collect()
}
