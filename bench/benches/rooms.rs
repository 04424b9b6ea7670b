//! The rooms of one message, each alone: scan and draft, digest, CMS assembly, journal commit. A change
//! that doubles one of these numbers wants a reason.
#![allow(missing_docs)]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use ceralacca_core::address::{Address, Domain};
use ceralacca_core::blob::BlobStore;
use ceralacca_core::certification::{OriginalFacts, Recipient, RecipientType};
use ceralacca_core::directory::{Directory, ProviderRecord};
use ceralacca_core::disk::Disk;
use ceralacca_core::disk::RealDisk;
use ceralacca_core::disk::sim::SimDisk;
use ceralacca_core::envelope::{Issuer, Seed, SignedDraft, Step};
use ceralacca_core::instant::Instant;
use ceralacca_core::journal::lane::Lane;
use ceralacca_core::journal::record::Started;
use ceralacca_core::journal::{Batch, LaneStore, Partition};
use ceralacca_core::message_id::Identifier;
use ceralacca_core::mime::Scan;
use ceralacca_core::ports::{Signer, SigningRequest};
use ceralacca_core::receipt;
use ceralacca_core::rope::{self, Rope};
use ceralacca_core::smime::cms;
use ceralacca_core::view::marks::{FolderMarks, MarkedField, Marks};
use ceralacca_core::wording::SERVICE_LOCAL_PART;
use ceralacca_hsm::authority::Authority;
use ceralacca_hsm::{SoftwareKey, SoftwareSigner};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

const OCTETS: usize = 20_000;

fn message() -> Vec<u8> {
    let mut message = b"From: a@pec.test\r\nTo: b@pec.test\r\nSubject: Prova\r\n\
        Date: Sun, 22 Nov 2026 05:19:00 +0100\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=\"x\"\r\n\r\n--x\r\n\r\nTesto.\r\n--x\r\n\
        Content-Type: application/pdf; name=\"a.pdf\"\r\n\
        Content-Transfer-Encoding: base64\r\n\r\n"
        .to_vec();
    while message.len() < OCTETS {
        message.extend_from_slice(&[b'Q'; 76]);
        message.extend_from_slice(b"\r\n");
    }
    message.extend_from_slice(b"--x--\r\n");
    message
}

fn original() -> OriginalFacts {
    let address = |text: &str| Address::parse(text).expect("an address");
    let domain = Domain::parse("pec.test").expect("a domain");
    OriginalFacts {
        sender: address("a@pec.test"),
        recipients: vec![Recipient {
            address: address("b@pec.test"),
            kind: RecipientType::Certified,
        }],
        replies: "a@pec.test".to_owned(),
        subject: Some("Prova".to_owned()),
        identifier: Identifier::mint(1, now(), [7; 10], &domain),
        client_id: None,
    }
}

fn now() -> Instant {
    Instant::from_millis(1_795_000_000_000)
}

fn acceptance() -> SignedDraft {
    let domain = Domain::parse("pec.test").expect("a domain");
    let issuer = Issuer {
        provider: "Prova S.p.A.".to_owned(),
        service_address: Address::of(SERVICE_LOCAL_PART, &domain).expect("an address"),
        domain,
        zone_with_colon: false,
    };
    let step = Step {
        at: now(),
        seed: Seed([3; 32]),
    };
    receipt::acceptance(&issuer, &original(), Some("Prova"), step)
}

fn signer() -> SoftwareSigner {
    let authority = Authority::create("Prova", now()).expect("an authority");
    let key = Arc::new(SoftwareKey::generate(2048).expect("a key"));
    let certificate = authority
        .signing_certificate(
            key.public(),
            "Prova S.p.A.",
            &format!("{SERVICE_LOCAL_PART}@pec.test"),
            365,
            now(),
        )
        .expect("a certificate");
    let certificate = Arc::new(certificate);
    SoftwareSigner::start(key, certificate).expect("a signer")
}

fn pure(c: &mut Criterion) {
    let message = message();
    let mut group = c.benchmark_group("message of 20 kB");
    group.throughput(Throughput::Bytes(message.len() as u64));
    group.bench_function("scan", |b| b.iter(|| Scan::of_bytes(black_box(&message))));
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new());
    let blobs = BlobStore::open(disk, Path::new("/blobs")).expect("a store");
    let blob = blobs.append(Partition(1), &message).expect("appended");
    let rope = Rope::whole(blob);
    group.bench_function("digest", |b| {
        b.iter(|| rope::sha256(black_box(&rope), &*blobs))
    });
    group.finish();
    c.bench_function("draft of an acceptance receipt", |b| b.iter(acceptance));
    let signer = signer();
    let request = SigningRequest::of([9; 32], now());
    let signature = signer.sign(&[request]).remove(0).expect("a signature");
    c.bench_function("CMS assembly", |b| {
        b.iter(|| cms::signed_data(black_box(&signature)))
    });
    c.bench_function("signature with its check", |b| {
        b.iter(|| signer.sign(&[request]))
    });
}

fn journal(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let (mut lane, _) = Lane::open(disk, folder.path()).expect("a lane");
    let epoch = lane.begin_epoch();
    let record = |_: usize| {
        Started {
            at: now(),
            version: "x".repeat(400),
            epoch,
        }
        .into()
    };
    for records in [1, 64] {
        c.bench_function(&format!("journal commit of {records} records"), |b| {
            b.iter_batched(
                || (0..records).map(record).collect::<Vec<_>>(),
                |records| {
                    let partition = Partition(1);
                    let expected_sequence = lane.next_sequence(partition);
                    let batch = Batch {
                        partition,
                        epoch,
                        expected_sequence,
                        records,
                    };
                    let appended = lane.append(&[batch]);
                    lane.tend().expect("segments ahead");
                    appended
                },
                BatchSize::SmallInput,
            );
        });
    }
}

/// DI-06 asks for less than 10 µs on 300,000 domains.
fn directory(c: &mut Criterion) {
    let domain = |n: usize| Domain::parse(&format!("ufficio{n}.comune.test")).expect("a domain");
    let record = ProviderRecord {
        name: "Uno".to_owned(),
        unit: None,
        mail_receipt: Address::parse("a@pec.test").ok(),
        domains: (0..300_000).map(domain).collect(),
        certificates: vec![b"certificate".to_vec()],
        ldif_url: None,
        description: None,
    };
    let text = ceralacca_core::directory::write(None, &[record]).expect("an index");
    let (index, _) = Directory::read(&text).expect("an index");
    let mut group = c.benchmark_group("index of 300,000 domains");
    group.sample_size(10);
    group.bench_function("read", |b| b.iter(|| Directory::read(black_box(&text))));
    let wanted: Vec<Domain> = (0..1000).map(|n| domain(n * 331)).collect();
    let mut at = 0;
    group.bench_function("search of a domain", |b| {
        b.iter(|| {
            at = (at + 1) % wanted.len();
            index.is_managed(black_box(&wanted[at]))
        })
    });
    group.bench_function("search of a certificate", |b| {
        b.iter(|| index.by_certificate(black_box(b"certificate")).len())
    });
    group.finish();
}

/// TM-09, AC-12: less than a millisecond on 100,000 messages, what the disk takes apart.
fn marks(c: &mut Criterion) {
    let header = |n: u32| {
        format!(
            "Message-ID: <opec{n}@pec.test>\r\nX-Ricevuta: {}\r\n\
             X-Riferimento-Message-ID: <ref{}@client.test>\r\n\r\n",
            ["accettazione", "avvenuta-consegna"][n as usize % 2],
            n / 2
        )
    };
    let mut folder = FolderMarks::default();
    for uid in 1..=100_000 {
        folder.put(uid, &Marks::of(header(uid).as_bytes()));
    }
    eprintln!(
        "marks: {} octets for each message",
        folder.bytes() / 100_000
    );
    let mut group = c.benchmark_group("marks of 100,000 messages");
    let text = header(7);
    group.bench_function("of one header", |b| {
        b.iter(|| Marks::of(black_box(text.as_bytes())))
    });
    let mut at = 0;
    group.bench_function("search of a reference", |b| {
        b.iter(|| {
            at = (at + 7919) % 50_000;
            let value = format!("ref{at}@client.test");
            folder
                .with_value(MarkedField::Reference, &value)
                .maybe
                .len()
        })
    });
    group.bench_function("search of a kind of receipt", |b| {
        b.iter(|| folder.with_receipt(black_box("accettazione")).sure.len())
    });
    group.finish();
}

criterion_group!(rooms, pure, journal, directory, marks);
criterion_main!(rooms);
