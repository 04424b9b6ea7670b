//! A provider, an original, and its blobs in memory.

use ceralacca_core::address::{Address, Domain};
use ceralacca_core::blob::{BlobError, BlobRead, BlobRef};
use ceralacca_core::certification::{
    CertificationData, DeliveryDetail, OriginalFacts, Recipient, RecipientType, xml,
};
use ceralacca_core::envelope::{
    EnvelopeFacts, EnvelopeHeader, Issuer, Seed, SignedDraft, Step, transport,
};
use ceralacca_core::instant::{Instant, LegalTime};
use ceralacca_core::message_id::{ClientMessageId, Identifier};
use ceralacca_core::rope::{Rope, RopeReader};
use mail_parser::{Message, MessageParser, MimeHeaders};

/// `From:` of all that is issued here.
pub const SERVICE: &str = "posta-certificata@prova.test";

/// What the sender's program handed in, as the access point encloses it.
pub const ORIGINAL: &str = "Received: from pc (192.0.2.1) by mx.prova.test; Thu, 5 Dec 2024 00:02:09 +0100\r\n\
From: Mario <mario@prova.test>\r\n\
To: anna@prova.test, \"Ugo, u\"\r\n <ugo@ordinaria.test>\r\n\
Cc: carla@prova.test\r\n\
Subject: Saluti\r\n\
Message-ID: <c00abc@prova.test>\r\n\
X-Riferimento-Message-ID: <x1@client>\r\n\
Content-Type: multipart/mixed; boundary=b\r\n\
\r\n\
--b\r\n\r\nciao\r\n--b\r\n\
Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n";

/// One blob: [`ORIGINAL`], or any other message.
pub struct Blob(pub Vec<u8>);

impl BlobRead for Blob {
    fn read_at(&self, _: BlobRef, at: u64, into: &mut [u8]) -> Result<usize, BlobError> {
        let rest = &self.0[usize::try_from(at).unwrap()..];
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

/// The blob of [`ORIGINAL`].
pub fn blobs() -> Blob {
    Blob(ORIGINAL.into())
}

pub fn at(utc: &str) -> Instant {
    let legal = LegalTime {
        day: format!("{}/{}/{}", &utc[8..10], &utc[5..7], &utc[..4]),
        time: utc[11..19].to_owned(),
        zone: "+0000".to_owned(),
    };
    Instant::from_legal(&legal).unwrap()
}

pub fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

pub fn issuer() -> Issuer {
    Issuer {
        provider: "Prova PEC S.p.A.".to_owned(),
        service_address: address(SERVICE),
        domain: Domain::parse("prova.test").unwrap(),
        zone_with_colon: false,
    }
}

pub fn step() -> Step {
    Step {
        at: at("2024-12-04T23:02:10Z"),
        seed: Seed([5; 32]),
    }
}

pub fn original() -> OriginalFacts {
    let recipient = |text, kind| Recipient {
        address: address(text),
        kind,
    };
    OriginalFacts {
        sender: address("mario@prova.test"),
        recipients: vec![
            recipient("anna@prova.test", RecipientType::Certified),
            recipient("carla@prova.test", RecipientType::Certified),
            recipient("ugo@ordinaria.test", RecipientType::External),
        ],
        replies: "mario@prova.test".to_owned(),
        subject: Some("Saluti".to_owned()),
        identifier: Identifier::parse("c00abc@prova.test").unwrap(),
        client_id: ClientMessageId::from_field("<x1@client>"),
    }
}

pub fn facts() -> EnvelopeFacts {
    EnvelopeFacts {
        original: original(),
        raw_subject: Some("Saluti".to_owned()),
        detail: DeliveryDetail::Complete,
        to: vec![
            "anna@prova.test".to_owned(),
            "ugo@ordinaria.test".to_owned(),
        ],
        cc: vec!["carla@prova.test".to_owned()],
        enclosed: Rope::whole(BlobRef {
            segment: 0,
            offset: 0,
            length: ORIGINAL.len() as u64,
        }),
        eight_bit: false,
    }
}

pub fn inherited() -> EnvelopeHeader {
    let end = ORIGINAL.find("Subject:").unwrap();
    EnvelopeHeader {
        copied: ORIGINAL.as_bytes()[..end].to_vec(),
        has_reply_to: false,
        asked: None,
    }
}

pub fn envelope() -> SignedDraft {
    transport(&issuer(), &facts(), &inherited(), step())
}

/// All octets of `rope`.
pub fn octets(rope: &Rope, blobs: &dyn BlobRead) -> Vec<u8> {
    let mut all = Vec::new();
    RopeReader::new(rope, blobs)
        .for_each_chunk(|chunk| all.extend_from_slice(chunk))
        .unwrap();
    all
}

/// `draft` with a signature of the trusted authority's provider.
pub fn signed(draft: SignedDraft, blobs: &dyn BlobRead) -> Vec<u8> {
    let digest = draft.digest(blobs).unwrap();
    let p7s = super::authority::trusted().sign(&digest, step().at);
    octets(&draft.finish(&p7s), blobs)
}

/// The header of a message as text.
pub fn header(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    text.split_once("\r\n\r\n").unwrap().0.to_owned() + "\r\n"
}

/// The value of an outer field, unfolded.
pub fn field(message: &[u8], name: &str) -> Option<String> {
    let header = header(message).replace("\r\n ", " ");
    let start = format!("{}:", name.to_lowercase());
    header
        .lines()
        .find(|line| line.to_lowercase().starts_with(&start))
        .map(|line| line[start.len()..].trim().to_owned())
}

/// Read by an independent parser.
pub struct Parsed {
    pub plain: String,
    pub html: String,
    pub data: CertificationData,
    pub enclosed: Option<Vec<u8>>,
    /// Type and file name of each leaf part, in order.
    pub parts: Vec<String>,
}

pub fn parsed(message: &[u8]) -> Parsed {
    let message: Message<'_> = MessageParser::default().parse(message).unwrap();
    let part = |name: &str| {
        let mut parts = message.parts.iter();
        parts.find(|part| part.attachment_name() == Some(name))
    };
    let body = |subtype: &str| {
        let mut parts = message.parts.iter();
        let part = parts.find(|part| {
            let kind = part.content_type();
            kind.is_some_and(|kind| kind.subtype() == Some(subtype) && kind.ctype() == "text")
        });
        part.and_then(|part| part.text_contents())
            .unwrap()
            .to_owned()
    };
    let enclosed = part("postacert.eml").map(|part| {
        let raw = message.raw_message.as_ref();
        raw[part.offset_body as usize..part.offset_end as usize].to_vec()
    });
    let leaves = message.parts.iter().filter_map(|part| {
        let kind = part.content_type()?;
        let name = part.attachment_name().unwrap_or_default();
        Some(format!("{}/{} {name}", kind.ctype(), kind.subtype()?))
    });
    Parsed {
        plain: body("plain").replace("\r\n", "\n"),
        html: body("html").replace("\r\n", "\n"),
        data: xml::read(part("daticert.xml").unwrap().contents()).unwrap(),
        enclosed,
        parts: leaves.collect(),
    }
}
