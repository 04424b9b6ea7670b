//! The rooms of one message, each alone; then what needs a real disk or a large house. A change that doubles
//! one of these numbers wants a reason.
#![allow(missing_docs)]

use std::hint::black_box;
use std::sync::Arc;

use ceralacca_bench::rooms;
use ceralacca_core::address::{Address, Domain};
use ceralacca_core::directory::{Directory, ProviderRecord};
use ceralacca_core::disk::{Disk, RealDisk};
use ceralacca_core::instant::Instant;
use ceralacca_core::journal::lane::Lane;
use ceralacca_core::journal::record::Started;
use ceralacca_core::journal::{Batch, LaneStore, Partition};
use ceralacca_core::view::marks::{FolderMarks, MarkedField, Marks};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

/// As in the appliance.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Each room of a message's way, on one thread and without a disk.
fn message(c: &mut Criterion) {
    let mut group = c.benchmark_group("room");
    for room in rooms::all() {
        let mut work = (room.make)().expect("a room");
        group.bench_function(room.name, |b| b.iter(&mut work));
    }
    group.finish();
}

fn now() -> Instant {
    Instant::from_millis(1_795_000_000_000)
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

criterion_group!(all, message, journal, directory, marks);
criterion_main!(all);
