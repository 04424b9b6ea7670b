//! One message of 20 kB and what is known of it, the same in every build.

use std::path::Path;
use std::sync::Arc;

use ceralacca_core::address::{Address, Domain};
use ceralacca_core::blob::{BlobRef, BlobStore};
use ceralacca_core::certification::{DeliveryDetail, OriginalFacts, Recipient, RecipientType};
use ceralacca_core::disk::SimDisk;
use ceralacca_core::envelope::{EnvelopeFacts, Issuer, Seed, Step};
use ceralacca_core::instant::Instant;
use ceralacca_core::journal::Partition;
use ceralacca_core::message_id::Identifier;
use ceralacca_core::rope::Rope;
use ceralacca_core::wording::SERVICE_LOCAL_PART;

use super::of;
use crate::sums::Trouble;

/// Of the message.
pub const OCTETS: usize = 20_000;
/// Who writes.
pub const FROM: &str = "a@pec.test";
/// To whom.
pub const TO: &str = "b@pec.test";

/// The moment at which all happens.
pub fn now() -> Instant {
    Instant::from_millis(1_795_000_000_000)
}

/// A message with an attachment.
pub fn message() -> Vec<u8> {
    let mut message = format!(
        "From: {FROM}\r\nTo: {TO}\r\nSubject: Prova\r\nMessage-ID: <1@client.test>\r\n\
         Date: Sun, 22 Nov 2026 05:19:00 +0100\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"x\"\r\n\r\n--x\r\n\r\nTesto.\r\n--x\r\n\
         Content-Type: application/pdf; name=\"a.pdf\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n"
    )
    .into_bytes();
    while message.len() < OCTETS {
        message.extend_from_slice(&[b'Q'; 76]);
        message.extend_from_slice(b"\r\n");
    }
    message.extend_from_slice(b"--x--\r\n");
    message
}

/// The message in a store of blobs.
pub struct Sample {
    /// The store.
    pub blobs: Arc<BlobStore>,
    /// The message.
    pub body: BlobRef,
    /// Who issues.
    pub issuer: Issuer,
    /// What every message about it says.
    pub original: OriginalFacts,
}

impl Sample {
    /// On a disk in memory.
    pub fn new() -> Result<Self, Trouble> {
        let blobs = BlobStore::open(Arc::new(SimDisk::new()), Path::new("/blobs")).map_err(of)?;
        let body = blobs.append(Partition(1), &message()).map_err(of)?;
        let domain = Domain::parse("pec.test").map_err(of)?;
        Ok(Self {
            blobs,
            body,
            original: OriginalFacts {
                sender: address(FROM)?,
                recipients: vec![Recipient {
                    address: address(TO)?,
                    kind: RecipientType::Certified,
                }],
                replies: FROM.to_owned(),
                subject: Some("Prova".to_owned()),
                identifier: Identifier::mint(1, now(), [7; 10], &domain),
                client_id: None,
            },
            issuer: Issuer {
                provider: "Prova S.p.A.".to_owned(),
                service_address: Address::of(SERVICE_LOCAL_PART, &domain).map_err(of)?,
                domain,
                zone_with_colon: false,
            },
        })
    }

    /// What its envelope keeps, with the receipt that it asks for.
    pub fn facts(&self, detail: DeliveryDetail) -> EnvelopeFacts {
        EnvelopeFacts {
            original: self.original.clone(),
            raw_subject: Some("Prova".to_owned()),
            detail,
            to: vec![TO.to_owned()],
            cc: Vec::new(),
            enclosed: Rope::whole(self.body),
            eight_bit: false,
        }
    }
}

/// The step in which a message is made.
pub fn step() -> Step {
    Step {
        at: now(),
        seed: Seed([3; 32]),
    }
}

/// An address.
pub fn address(text: &str) -> Result<Address, Trouble> {
    Address::parse(text).map_err(of)
}
