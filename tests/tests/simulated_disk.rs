//! OP-08 and AP-22 on a simulated disk: the real owner, journal, blobs and certifier over a disk that
//! loses every unsynced write, tears the last group, fails a sync or is full. After each end the
//! appliance is opened again; at last every message that was answered has exactly one acceptance
//! receipt, one envelope and one delivery receipt.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "simulated_disk/room.rs"]
mod room;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ceralacca_core::address::{Address, Domain};
use ceralacca_core::blob::BlobError;
use ceralacca_core::certification::{CertificationKind, xml};
use ceralacca_core::disk::sim::{Failure, Loss, SimDisk};
use ceralacca_core::disk::{DataFolder, Disk};
use ceralacca_core::journal::Partition;
use ceralacca_core::mailbox::{FolderId, MailboxId};
use ceralacca_core::mime::Scan;
use ceralacca_core::owner::{Command, CommandError, Outcome, RegistryOrder, Submission};
use ceralacca_core::ports::{Clock, NoScanner, Signer, SystemClock};
use ceralacca_core::registry::{Holder, HolderKind};
use ceralacca_core::state::{Options, State};
use ceralacca_hsm::authority::Authority;
use ceralacca_hsm::{SoftwareKey, SoftwareSigner};

const SENDER: &str = "anna@pec.test";
const RECIPIENTS: [&str; 2] = ["bruno@pec.test", "carla@pec.test"];

/// One run of the appliance on a disk.
struct Run {
    disk: SimDisk,
    state: Arc<State>,
    fatal: Arc<AtomicBool>,
}

impl Run {
    fn open(disk: &SimDisk, signer: &Arc<dyn Signer>) -> Result<Self, String> {
        let fatal = Arc::new(AtomicBool::new(false));
        let seen = fatal.clone();
        let folder = DataFolder(PathBuf::from("/data"));
        let on_fatal = Arc::new(move |_: &str| seen.store(true, Ordering::SeqCst));
        let mut options = Options::new(
            Arc::new(disk.clone()),
            folder,
            Arc::new(SystemClock),
            on_fatal,
        );
        options.keep_views = false;
        options.disk_reserve_bytes = 1;
        let state = State::open(options).map_err(|e| e.to_string())?;
        state
            .start_pipeline(signer.clone(), Arc::new(NoScanner))
            .map_err(|e| e.to_string())?;
        Ok(Self {
            disk: disk.clone(),
            state,
            fatal,
        })
    }

    fn populate(&self) -> Result<(), CommandError> {
        let domain = Domain::parse("pec.test").unwrap();
        self.order(RegistryOrder::SetProvider {
            name: "Prova S.p.A.".to_owned(),
            domain,
            host: "mail.pec.test".to_owned(),
        })?;
        for address in [SENDER].iter().chain(&RECIPIENTS) {
            let holder = Holder {
                kind: HolderKind::Person,
                name: "Prova".to_owned(),
                tax_code: None,
                contacts: Vec::new(),
                documents: Vec::new(),
            };
            let address = Address::parse(address).unwrap();
            let order = RegistryOrder::AddMailbox {
                address,
                holder,
                password: None,
                quota: None,
            };
            match self.order(order) {
                Ok(_) | Err(CommandError::Exists(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn order(&self, order: RegistryOrder) -> Result<Outcome, CommandError> {
        self.state.ask(Command::Registry(order, "test".to_owned()))
    }

    fn mailbox(&self, address: &str) -> Option<MailboxId> {
        let address = Address::parse(address).unwrap();
        self.state.view().mailbox_of(&address).map(|row| row.id)
    }

    /// As the submission port does it: place, durable body, command, answer.
    fn submit(&self, number: usize) -> Option<String> {
        let place = self.state.reserve().ok()?;
        let to = RECIPIENTS.join(", ");
        let body = format!(
            "From: {SENDER}\r\nTo: {to}\r\nDate: Sun, 22 Nov 2026 05:19:00 +0100\r\n\
             Message-ID: <{number}@client.test>\r\nSubject: n. {number}\r\n\r\nUn testo.\r\n"
        );
        let home = Partition(1);
        let body = match self.state.blobs().store(home, &mut body.as_bytes()) {
            Ok(body) => body,
            Err(BlobError::NoSpace(_)) => return None,
            Err(_) => {
                // As the ring does: a body that cannot be made durable stops the process.
                self.fatal.store(true, Ordering::SeqCst);
                return None;
            }
        };
        let submission = Submission {
            mailbox: self.mailbox(SENDER)?,
            sender: Address::parse(SENDER).unwrap(),
            recipients: RECIPIENTS
                .iter()
                .map(|a| Address::parse(a).unwrap())
                .collect(),
            body,
            key: None,
            received_from: "from client.test ([127.0.0.1]) by mail.pec.test with ESMTPSA"
                .to_owned(),
        };
        let (answer, wait) = std::sync::mpsc::channel();
        let reply = Box::new(move |outcome| drop(answer.send(outcome)));
        self.state.submit(place, submission, reply);
        match wait.recv_timeout(Duration::from_secs(20)) {
            Ok(Ok(Outcome::Submitted(identifier))) => Some(identifier.to_string()),
            _ => None,
        }
    }

    /// Until no work is open; `false` when the run died or did not get there.
    fn settle(&self) -> bool {
        let root = PathBuf::from("/data");
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.fatal.load(Ordering::SeqCst) && Instant::now() < deadline {
            let status = self.state.status();
            if !status.held.is_empty() || self.disk.free_bytes(&root).is_err() {
                return false;
            }
            if status.submissions + status.journeys + status.deliveries == 0 {
                return true;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        false
    }

    /// What lies in a mailbox: (kind, identifier) of each message of ours, counted.
    fn count(&self, address: &str) -> BTreeMap<(String, String), usize> {
        let mut counts = BTreeMap::new();
        let Some(mailbox) = self.mailbox(address) else {
            return counts;
        };
        let Some(inbox) = self.state.view().folder(mailbox, FolderId::INBOX) else {
            return counts;
        };
        for row in inbox.messages.values() {
            let rope = self.state.blobs().rope(row.content).unwrap();
            let octets = rope
                .read_range(&**self.state.blobs(), 0, row.size as usize)
                .unwrap();
            assert_eq!(octets.len() as u64, row.size, "RFC822.SIZE");
            let (kind, identifier) = certified(&octets);
            *counts.entry((format!("{kind:?}"), identifier)).or_insert(0) += 1;
        }
        counts
    }
}

fn certified(message: &[u8]) -> (CertificationKind, String) {
    let scan = Scan::of_bytes(message);
    let part = scan
        .parts()
        .iter()
        .find(|part| {
            part.name
                .as_deref()
                .is_some_and(|n| n.eq_ignore_ascii_case("daticert.xml"))
        })
        .expect("certification data");
    let range = part.body.start as usize..part.body.end as usize;
    let text: Vec<u8> = message[range]
        .iter()
        .copied()
        .filter(|b| !b.is_ascii_whitespace())
        .collect();
    let octets = data_encoding::BASE64.decode(&text).unwrap();
    let data = xml::read(&octets).unwrap();
    (data.kind, data.original.identifier.to_string())
}

fn assert_complete(run: &Run, acknowledged: &[String]) {
    let sender = run.count(SENDER);
    for identifier in acknowledged {
        let count = |counts: &BTreeMap<(String, String), usize>, kind: &str| {
            counts
                .get(&(kind.to_owned(), identifier.clone()))
                .copied()
                .unwrap_or(0)
        };
        assert_eq!(
            count(&sender, "Acceptance"),
            1,
            "acceptance receipts of {identifier}"
        );
        assert_eq!(
            count(&sender, "Delivery"),
            2,
            "delivery receipts of {identifier}"
        );
        for recipient in RECIPIENTS {
            let there = run.count(recipient);
            assert_eq!(
                count(&there, "TransportEnvelope"),
                1,
                "{identifier} at {recipient}"
            );
        }
    }
    // Nothing doubled either of messages whose answer was lost.
    for ((kind, identifier), count) in &sender {
        let most = if kind == "Delivery" { 2 } else { 1 };
        assert!(*count <= most, "{count} × {kind} of {identifier}");
    }
}

/// Runs on `disk` until it dies or all is submitted; answers what was acknowledged.
fn work(disk: &SimDisk, signer: &Arc<dyn Signer>, numbers: std::ops::Range<usize>) -> Vec<String> {
    let Ok(run) = Run::open(disk, signer) else {
        return Vec::new();
    };
    let mut acknowledged = Vec::new();
    if run.populate().is_ok() {
        let answers = std::thread::scope(|scope| {
            let run = &run;
            let threads: Vec<_> = numbers
                .map(|n| scope.spawn(move || run.submit(n)))
                .collect();
            threads
                .into_iter()
                .map(|t| t.join().unwrap())
                .collect::<Vec<_>>()
        });
        acknowledged.extend(answers.into_iter().flatten());
        run.settle();
    }
    run.state.stop();
    acknowledged
}

fn runs(default: u64) -> u64 {
    let given = std::env::var("CERALACCA_CRASH_RUNS")
        .ok()
        .and_then(|n| n.parse().ok());
    given.unwrap_or(default)
}

#[test]
fn op_08_power_cuts_lose_and_double_nothing() {
    let signer = evaluation_signer();
    for seed in 0..runs(20) {
        let mut disk = SimDisk::new();
        let mut acknowledged = Vec::new();
        // Three lives, each cut at another operation, torn or clean; then one that may finish.
        for life in 0..3_u64 {
            disk.freeze_after(20 + (seed * 37 + life * 53) % 160);
            let first = usize::try_from(life).unwrap() * 6;
            acknowledged.extend(work(&disk, &signer, first..first + 6));
            let loss = if (seed + life) % 2 == 0 {
                Loss::All
            } else {
                Loss::Some
            };
            disk = disk.power_cut(seed * 7 + life, loss);
        }
        let run = Run::open(&disk, &signer).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        run.populate().unwrap();
        assert!(
            run.settle(),
            "seed {seed} does not settle: {:?}",
            run.state.status()
        );
        assert_complete(&run, &acknowledged);
        run.state.stop();
    }
}

#[test]
fn ap_22_a_failed_sync_stops_the_process_and_loses_nothing() {
    let signer = evaluation_signer();
    for failure in [Failure::NotDone, Failure::Done] {
        for nth in [1, 2, 5, 9] {
            let disk = SimDisk::new();
            let first = work(&disk, &signer, 0..2);
            assert_eq!(first.len(), 2);
            let run = Run::open(&disk, &signer).unwrap();
            disk.fail_sync(nth, failure);
            let answers: Vec<String> = (2..8).filter_map(|n| run.submit(n)).collect();
            let settled = run.settle();
            let stopped = run.fatal.load(Ordering::SeqCst);
            assert!(
                stopped || !settled,
                "a failed sync ({failure:?}, {nth}) was passed over"
            );
            run.state.stop();
            let disk = disk.power_cut(nth, Loss::All);
            let again = Run::open(&disk, &signer).unwrap();
            assert!(again.settle());
            let all: Vec<String> = first.iter().chain(&answers).cloned().collect();
            assert_complete(&again, &all);
            again.state.stop();
        }
    }
}

#[test]
fn ap_22_a_full_disk_refuses_and_loses_nothing() {
    let signer = evaluation_signer();
    let disk = SimDisk::new();
    let run = Run::open(&disk, &signer).unwrap();
    run.populate().unwrap();
    let mut acknowledged = vec![run.submit(0).expect("accepted while there is room")];
    assert!(run.settle());
    let used = disk.used_bytes();
    disk.set_capacity(Some(used + 16 * 1024));
    let refused = (1..200).map(|n| run.submit(n)).take_while(|answer| {
        acknowledged.extend(answer.clone());
        answer.is_some()
    });
    let taken = refused.count();
    assert!(
        taken < 199,
        "never full: {} used of {}",
        disk.used_bytes(),
        used + 16 * 1024
    );
    disk.set_capacity(None);
    assert!(run.settle() || run.fatal.load(Ordering::SeqCst));
    run.state.stop();
    let again = Run::open(&disk.restart(), &signer).unwrap();
    assert!(again.settle());
    assert_complete(&again, &acknowledged);
    again.state.stop();
}

fn evaluation_signer() -> Arc<dyn Signer> {
    let now = SystemClock.now();
    let authority = Authority::create("Prova", now).unwrap();
    let key = Arc::new(SoftwareKey::generate(2048).unwrap());
    let service = "posta-certificata@pec.test";
    let certificate = authority
        .signing_certificate(key.public(), "Prova S.p.A.", service, 365, now)
        .unwrap();
    Arc::new(SoftwareSigner::start(key, Arc::new(certificate)).unwrap())
}
