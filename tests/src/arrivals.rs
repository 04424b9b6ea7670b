//! Arrivals at the incoming point of an appliance inside the test's process, without threads, sockets or
//! waiting: two providers as steppers, a real index and real revocation lists between them. One writes
//! genuine envelopes and receipts, the test doctors, seals and hands them in, and looks at what became of
//! them: the answer, mailboxes, the relay's queue.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use ceralacca_core::address::{Address, Domain};
use ceralacca_core::directory::{DirectoryShelf, ProviderRecord, ShelfOptions, signed, write};
use ceralacca_core::disk::sim::{Loss, SimDisk};
use ceralacca_core::disk::{DataFolder, Disk};
use ceralacca_core::encrypted::MasterKey;
use ceralacca_core::instant::Instant;
use ceralacca_core::intake::{Arrival, Spf, TakenIn};
use ceralacca_core::journal::lane::Lane;
use ceralacca_core::journal::{LaneStore, Partition, Position, Record};
use ceralacca_core::mailbox::{Content, SpecialUse};
use ceralacca_core::owner::{Command, Outcome, RegistryOrder, Submission};
use ceralacca_core::policy::Policy;
use ceralacca_core::ports::{Clock, Signer, SigningRequest};
use ceralacca_core::quarantine::Quarantine;
use ceralacca_core::queue::{DispatchKey, DispatchOutcome, Purpose};
use ceralacca_core::registry::{Holder, HolderKind, OrdinaryPolicy};
use ceralacca_core::rope::RopeReader;
use ceralacca_core::smime::certificate::Certificate;
use ceralacca_core::smime::cms;
use ceralacca_core::srs::Rewriter;
use ceralacca_core::state::Options;
use ceralacca_core::stepper::Stepper;
use ceralacca_core::task::TaskKey;
use ceralacca_core::trust::TrustRoom;
use ceralacca_hsm::{Authority, SoftwareKey, SoftwareSigner};

use crate::message::{Part, find, split};
use crate::sealed::Sealed;
use crate::world::ports::{Scanner, WorldClock, service_of};

/// The provider that writes.
pub const ALFA: &str = "alfa.test";
/// The provider at whose incoming point all arrives.
pub const BETA: &str = "beta.test";
/// When every scene begins.
pub const START_MS: i64 = 1_795_000_000_000;
/// A stranger of the Internet.
pub const STRANGER: &str = "qualcuno@internet.example";
const REWRITER_KEY: [u8; 32] = [7; 32];
const MASTER_KEY: [u8; 32] = [8; 32];

/// A key, and the certificate that signs with it.
pub struct Seal {
    key: Arc<SoftwareKey>,
    signer: Arc<SoftwareSigner>,
}

impl Seal {
    /// Certified by `authority` for the provider of `domain`, for so many days from `from`.
    pub fn of(authority: &Authority, domain: &str, days: u32, from: Instant) -> Self {
        let key = Arc::new(SoftwareKey::generate(2048).expect("a key"));
        let (name, service) = (format!("Gestore {domain}"), service_of(domain));
        let made = authority.signing_certificate(key.public(), &name, &service, days, from);
        let certificate = Arc::new(made.expect("a certificate"));
        let signer = SoftwareSigner::start(key.clone(), certificate).expect("a signer");
        let signer = Arc::new(signer);
        Self { key, signer }
    }

    /// DER of its certificate.
    pub fn certificate(&self) -> Vec<u8> {
        self.signer.certificate().certificate.clone()
    }

    /// Its private key, for another signing program.
    pub fn key(&self) -> &SoftwareKey {
        &self.key
    }

    /// DER of a detached signature over `content`.
    pub fn sign(&self, content: &[u8], instant: Instant) -> Vec<u8> {
        let digest = digest(&SHA256, content).as_ref().try_into().expect("32");
        let request = SigningRequest::of(digest, instant);
        let signature = self.signer.sign(&[request]).remove(0).expect("a signature");
        cms::signed_data(&signature).expect("a CMS")
    }

    /// `letter` with a signature of this seal over what its first part is now.
    pub fn seal(&self, letter: &[u8]) -> Vec<u8> {
        let der = self.sign(&signed_part(letter), Instant::from_millis(START_MS));
        with_signature(letter, &der)
    }
}

/// The signed part of a letter, octet by octet.
pub fn signed_part(letter: &[u8]) -> Vec<u8> {
    outer_parts(letter).swap_remove(0)
}

/// The letter with another signature.
pub fn with_signature(letter: &[u8], der: &[u8]) -> Vec<u8> {
    let old = Part::parse(&outer_parts(letter)[1]).body().to_vec();
    let fresh = data_encoding::BASE64_MIME.encode(der);
    replaced(letter, &old, fresh.trim_end().as_bytes())
}

fn outer_parts(letter: &[u8]) -> Vec<Vec<u8>> {
    let message = Part::parse(letter);
    let boundary = message.parameter("boundary").expect("a boundary");
    let parts = split(message.body(), &boundary);
    assert!(parts.len() > 1, "content and signature");
    parts
}

/// Puts `to` in the place of the last `from`, which must be there.
pub fn replaced(letter: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut windows = letter.windows(from.len());
    let at = windows.rposition(|window| window == from);
    let at = at.unwrap_or_else(|| panic!("no {:?}", String::from_utf8_lossy(from)));
    [&letter[..at], to, &letter[at + from.len()..]].concat()
}

/// Puts `to` in the place of the first `from`, which must be there.
pub fn edited(letter: &[u8], from: &str, to: &str) -> Vec<u8> {
    let at = find(letter, from.as_bytes()).unwrap_or_else(|| panic!("no {from:?}"));
    let end = at + from.len();
    [&letter[..at], to.as_bytes(), &letter[end..]].concat()
}

/// The letter with other certification data, unsigned as yet.
pub fn with_data(letter: &[u8], edit: impl Fn(&str) -> String) -> Vec<u8> {
    let sealed = Sealed::parse(letter);
    let part = sealed.named("daticert.xml").expect("certification data");
    let data = String::from_utf8(part.decoded()).expect("UTF-8");
    let fresh = edit(&data);
    assert_ne!(fresh, data, "nothing is changed");
    let encoded = data_encoding::BASE64_MIME.encode(fresh.as_bytes());
    edited(
        letter,
        std::str::from_utf8(part.body()).expect("base64"),
        encoded.trim_end(),
    )
}

/// What is handed in at the incoming point.
#[derive(Debug, Clone)]
pub struct Handed {
    /// Reverse path; empty: `<>`.
    pub from: String,
    /// Forward path.
    pub to: Vec<String>,
    /// The message.
    pub octets: Vec<u8>,
    /// What the sender's domain says of the host.
    pub spf: Spf,
    /// In clear.
    pub in_clear: bool,
}

impl Handed {
    /// A transaction.
    pub fn new(from: &str, to: &[&str], octets: &[u8]) -> Self {
        Self {
            from: from.to_owned(),
            to: to.iter().map(|to| (*to).to_owned()).collect(),
            octets: octets.to_vec(),
            spf: Spf::Unknown,
            in_clear: false,
        }
    }
}

/// An entry of the relay's queue.
#[derive(Debug, Clone)]
pub struct Leaving {
    /// Why it leaves.
    pub purpose: Purpose,
    /// Reverse path; empty: `<>`.
    pub from: String,
    /// Forward path.
    pub to: String,
    /// The message.
    pub octets: Vec<u8>,
}

/// What is different from a usual scene.
#[derive(Default)]
pub struct Settings {
    /// The policy of [`BETA`].
    pub policy: Policy,
}

/// Two providers, the index and the authority above them.
pub struct Scene {
    /// The time of everybody.
    pub clock: Arc<WorldClock>,
    /// Above both signing certificates.
    pub authority: Authority,
    /// Of [`ALFA`].
    pub seal: Seal,
    /// It writes.
    pub alfa: Station,
    /// It receives.
    pub beta: Station,
    index: Seal,
    records: Vec<ProviderRecord>,
    shelf: Arc<DirectoryShelf>,
    room: Arc<TrustRoom>,
}

impl Scene {
    /// Both as they should be.
    pub fn new() -> Self {
        Self::with(Settings::default())
    }

    /// As `settings` say.
    pub fn with(settings: Settings) -> Self {
        let start = Instant::from_millis(START_MS);
        let clock = Arc::new(WorldClock::default());
        clock.set(START_MS);
        let authority = Authority::create("Autorita di Prova", start).expect("an authority");
        let [seal, own, index] =
            [ALFA, BETA, "indice.test"].map(|d| Seal::of(&authority, d, 365, start));
        let options = ShelfOptions {
            pinned: vec![index.certificate()],
            // Two providers may well lose half of their domains.
            lost_domains_percent: 100,
        };
        let disk: Arc<dyn Disk> = Arc::new(SimDisk::new());
        let shelf = Arc::new(DirectoryShelf::open(disk, "/directory".into(), options));
        let anchors = vec![authority.certificate().to_vec()];
        let tolerated = settings.policy.tolerated_providers.clone();
        let room = Arc::new(TrustRoom::new(shelf.clone(), anchors, tolerated));
        let records = vec![
            record(ALFA, &[ALFA, "comune.alfa.test"], &seal),
            record(BETA, &[BETA], &own),
        ];
        let station = |domain, signer: &Seal, policy| {
            let signer = signer.signer.clone();
            Station::founded(domain, signer, clock.clone(), room.clone(), policy)
        };
        let alfa = station(ALFA, &seal, Policy::default());
        let beta = station(BETA, &own, settings.policy);
        let mut scene = Self {
            clock,
            authority,
            alfa,
            beta,
            seal,
            index,
            records,
            shelf,
            room,
        };
        scene.publish(|_| {});
        scene.revoke(&[]);
        scene.alfa.mailbox("anna");
        scene
    }

    /// Now.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Time passes for both.
    pub fn pass(&mut self, millis: i64) {
        let now = self.now().plus_millis(millis);
        self.clock.set(now.as_millis());
        for station in [&mut self.alfa, &mut self.beta] {
            station.stepper().time_passed();
            station.settle();
        }
    }

    /// The index as it is from now on.
    pub fn publish(&mut self, edit: impl FnOnce(&mut Vec<ProviderRecord>)) {
        edit(&mut self.records);
        let text = write(None, &self.records).expect("an index");
        let now = self.now();
        let sealed = signed::seal(&*self.index.signer, &text, now).expect("a signed index");
        self.shelf.take(&sealed, now).expect("an index in use");
    }

    /// A new revocation list, good for a day, that names these certificates.
    pub fn revoke(&mut self, certificates: &[&[u8]]) {
        // A list of the same instant would not be a newer one.
        self.pass(1000);
        let now = self.now();
        let day = now.plus_millis(24 * 60 * 60 * 1000);
        let named: Vec<(&[u8], Instant)> = certificates
            .iter()
            .map(|c| (Certificate::read(c).expect("a certificate").serial, now))
            .collect();
        let list = self.authority.crl(&named, now, day).expect("a list");
        let put = self.room.revocation().put(&list, &[], now);
        put.expect("the list is taken");
    }

    /// From now on no index is at hand at [`BETA`].
    pub fn forget_index(&mut self) {
        let disk: Arc<dyn Disk> = Arc::new(SimDisk::new());
        // One is expected: without a signer to go by the appliance would work alone.
        let options = ShelfOptions {
            pinned: vec![self.index.certificate()],
            ..ShelfOptions::default()
        };
        let shelf = DirectoryShelf::open(disk, "/directory".into(), options);
        let anchors = vec![self.authority.certificate().to_vec()];
        self.beta.room = Arc::new(TrustRoom::new(Arc::new(shelf), anchors, Vec::new()));
        self.beta.crash(None);
    }

    /// What the incoming point asks.
    pub fn trust(&self) -> Arc<TrustRoom> {
        self.room.clone()
    }

    /// Somebody asked for a fresh index.
    pub fn wants_index(&self) -> bool {
        self.room.take_wanted()
    }

    /// A genuine envelope of anna@alfa.test.
    pub fn envelope(&mut self, to: &[&str]) -> Vec<u8> {
        self.envelope_of(to, &letter("anna@alfa.test", to, "Saluti", "Un testo.\r\n"))
    }

    /// A genuine envelope of anna@alfa.test around `original`.
    pub fn envelope_of(&mut self, to: &[&str], original: &[u8]) -> Vec<u8> {
        self.alfa.drain();
        self.alfa.send("anna@alfa.test", to, original);
        self.alfa.settle();
        let fresh = self.alfa.leaving(Purpose::Envelope).pop();
        fresh.expect("an envelope").octets
    }

    /// A message of bruno@beta.test to `to` at [`ALFA`], and what that leaves for us: take-charge receipt,
    /// delivery receipts or whatever else.
    pub fn answers(&mut self, to: &[&str], text: &str) -> Vec<Leaving> {
        let octets = letter("bruno@beta.test", to, "Saluti", text);
        self.beta.send("bruno@beta.test", to, &octets);
        self.beta.settle();
        let envelopes = self.beta.leaving(Purpose::Envelope);
        let envelope = envelopes.last().expect("an envelope");
        self.alfa.drain();
        let handed = Handed::new("bruno@beta.test", to, &envelope.octets);
        assert_eq!(self.alfa.take_in(&handed), "250");
        self.alfa.settle();
        self.beta.drain();
        self.alfa.queue()
    }

    /// Hands in what leaves [`ALFA`].
    pub fn carry(&mut self, leaving: &Leaving) -> String {
        self.hand(&Handed::new(&leaving.from, &[&leaving.to], &leaving.octets))
    }

    /// Hands a letter of anna@alfa.test in at [`BETA`], and lets it work.
    pub fn hand_in(&mut self, to: &[&str], octets: &[u8]) -> String {
        self.hand(&Handed::new("anna@alfa.test", to, octets))
    }

    /// Hands something in at [`BETA`], and lets it work.
    pub fn hand(&mut self, handed: &Handed) -> String {
        let said = self.beta.take_in(handed);
        self.beta.settle();
        said
    }
}

impl Default for Scene {
    fn default() -> Self {
        Self::new()
    }
}

fn record(domain: &str, domains: &[&str], seal: &Seal) -> ProviderRecord {
    ProviderRecord {
        name: format!("Gestore {domain}"),
        unit: None,
        mail_receipt: Address::parse(&service_of(domain)).ok(),
        domains: domains
            .iter()
            .map(|d| Domain::parse(d).expect("a domain"))
            .collect(),
        certificates: vec![seal.certificate()],
        ldif_url: None,
        description: None,
    }
}

/// A message as a user or a stranger writes it.
pub fn letter(from: &str, to: &[&str], subject: &str, text: &str) -> Vec<u8> {
    let to = to.join(",\r\n ");
    format!(
        "From: {from}\r\nTo: {to}\r\nDate: Wed, 18 Nov 2026 09:00:00 +0100\r\n\
         Message-ID: <uno@client.example>\r\nSubject: {subject}\r\n\r\n{text}"
    )
    .into_bytes()
}

/// Another server has it.
pub fn sent() -> DispatchOutcome {
    DispatchOutcome::Sent {
        host: "mx.test".to_owned(),
        reply: "250 2.0.0 OK".to_owned(),
        tls: Some("TLSv1.3".to_owned()),
    }
}

/// Another server refused it for good.
pub fn refused() -> DispatchOutcome {
    DispatchOutcome::Refused {
        host: "mx.test".to_owned(),
        status: "5.1.1".to_owned(),
        reply: "550 5.1.1 No such user".to_owned(),
    }
}

/// One provider.
pub struct Station {
    /// Its domain.
    pub domain: &'static str,
    /// Its disk.
    pub disk: SimDisk,
    /// What is kept of infected mail.
    pub quarantine: Arc<Quarantine>,
    stepper: Option<Stepper>,
    signer: Arc<SoftwareSigner>,
    clock: Arc<WorldClock>,
    room: Arc<TrustRoom>,
    /// The policy with which it opens.
    pub policy: Policy,
    has_died: Arc<AtomicBool>,
}

impl Station {
    fn founded(
        domain: &'static str,
        signer: Arc<SoftwareSigner>,
        clock: Arc<WorldClock>,
        room: Arc<TrustRoom>,
        policy: Policy,
    ) -> Self {
        let key = MasterKey::from_bytes(&MASTER_KEY).expect("a key");
        let apart: Arc<dyn Disk> = Arc::new(SimDisk::new());
        let quarantine = Quarantine::open(apart, "/quarantine".into(), key);
        let mut station = Self {
            domain,
            disk: SimDisk::new(),
            quarantine: Arc::new(quarantine.expect("a quarantine")),
            stepper: None,
            signer,
            clock,
            room,
            policy,
            has_died: Arc::new(AtomicBool::new(false)),
        };
        station.open();
        station.order(RegistryOrder::SetProvider {
            name: format!("Gestore {domain}"),
            domain: Domain::parse(domain).expect("a domain"),
            host: format!("mail.{domain}"),
        });
        station.order(RegistryOrder::SettleServiceMailbox);
        station
    }

    /// Opens the appliance from its disk.
    pub fn open(&mut self) {
        self.has_died = Arc::new(AtomicBool::new(false));
        let (died, frozen) = (self.has_died.clone(), self.disk.clone());
        let on_fatal = Arc::new(move |_: &str| {
            died.store(true, Ordering::SeqCst);
            frozen.freeze();
        });
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let folder = DataFolder(PathBuf::from("/data"));
        let mut options = Options::new(disk, folder, self.clock.clone(), on_fatal);
        options.disk_reserve_bytes = 1;
        options.trust = Some(self.room.clone());
        options.policy = self.policy.clone();
        options.rewriter = Some(Arc::new(Rewriter::new(&REWRITER_KEY)));
        options.quarantine = Some(self.quarantine.clone());
        let scanner = Arc::new(Scanner::new(self.domain));
        let opened = Stepper::open(options, self.signer.clone(), scanner);
        self.stepper = Some(opened.expect("the appliance opens"));
    }

    /// The process dies, the machine with it where `loss` says so, and comes back.
    pub fn crash(&mut self, loss: Option<(u64, Loss)>) {
        self.stepper = None;
        self.disk = match loss {
            Some((seed, loss)) => self.disk.power_cut(seed, loss),
            None => self.disk.restart(),
        };
        self.open();
        self.settle();
    }

    /// It ended by a failure of its disk.
    pub fn has_died(&self) -> bool {
        self.has_died.load(Ordering::SeqCst)
    }

    /// The appliance.
    pub fn stepper(&mut self) -> &mut Stepper {
        self.stepper.as_mut().expect("it lives")
    }

    /// Everything that can be done is done.
    pub fn settle(&mut self) {
        for _ in 0..1_000_000 {
            if !self.stepper().work_once(&mut |_| 0) {
                return;
            }
        }
        panic!("{} works without end", self.domain);
    }

    /// An order that must be done.
    pub fn order(&mut self, order: RegistryOrder) -> Outcome {
        let done = self
            .stepper()
            .ask(Command::Registry(order, "test".to_owned()));
        done.expect("an order that can be done")
    }

    /// A new mailbox; answers its address.
    pub fn mailbox(&mut self, local: &str) -> String {
        self.mailbox_at(&format!("{local}@{}", self.domain))
    }

    /// A new mailbox in any domain of its own; answers its address.
    pub fn mailbox_at(&mut self, address: &str) -> String {
        self.order(RegistryOrder::AddMailbox {
            address: Address::parse(address).expect("an address"),
            holder: Holder {
                kind: HolderKind::Person,
                name: "Titolare di Prova".to_owned(),
                tax_code: None,
                contacts: Vec::new(),
                documents: Vec::new(),
            },
            password: None,
            quota: None,
        });
        address.to_owned()
    }

    /// A new mailbox that takes ordinary mail.
    pub fn open_mailbox(&mut self, local: &str) -> String {
        let address = self.mailbox(local);
        self.ordinary(&address, OrdinaryPolicy::Accept);
        address
    }

    /// What a mailbox does with ordinary mail from now on.
    pub fn ordinary(&mut self, address: &str, policy: OrdinaryPolicy) {
        let address = Address::parse(address).expect("an address");
        self.order(RegistryOrder::SetOrdinary(address, policy));
    }

    /// A user hands a message in; answers its identifier.
    pub fn send(&mut self, from: &str, to: &[&str], octets: &[u8]) -> String {
        let sender = Address::parse(from).expect("an address");
        let stepper = self.stepper();
        let row = stepper.view().mailbox_of(&sender).expect("a mailbox");
        let body = stepper.blobs().store(row.partition, &mut &*octets);
        let submission = Submission {
            mailbox: row.id,
            sender,
            recipients: to
                .iter()
                .map(|to| Address::parse(to).expect("valid"))
                .collect(),
            body: body.expect("a durable body"),
            key: None,
            received_from: "from client.example ([127.0.0.1]) by mail.test with ESMTPSA".to_owned(),
        };
        match stepper.submit(submission) {
            Ok(Outcome::Submitted(identifier)) => identifier.to_string(),
            other => panic!("{other:?}"),
        }
    }

    /// The answer after the final dot: `250`, or code and enhanced status.
    pub fn take_in(&mut self, handed: &Handed) -> String {
        let address = |text: &String| Address::parse(text).expect("an address");
        let recipients: Vec<Address> = handed.to.iter().map(address).collect();
        let stepper = self.stepper();
        let mailbox = stepper.view().mailbox_of(&recipients[0]);
        let home = mailbox.map_or(Partition::REGISTRY, |row| row.partition);
        // As the network does: what cannot be stored is not taken.
        let Ok(body) = stepper.blobs().store(home, &mut &handed.octets[..]) else {
            return "452 4.3.1".to_owned();
        };
        let taken = stepper.take_in(&Arrival {
            body,
            reverse_path: (!handed.from.is_empty()).then(|| address(&handed.from)),
            recipients,
            received_from: "from mx.test ([127.0.0.9]) by mail.beta.test with ESMTPS".to_owned(),
            peer: std::net::IpAddr::from([127, 0, 0, 9]),
            helo: "mx.test".to_owned(),
            tls: (!handed.in_clear).then(|| "TLSv1.3".to_owned()),
            spf: handed.spf,
        });
        match taken {
            TakenIn::Accepted(_) => "250".to_owned(),
            TakenIn::Refused { code, status, .. } => format!("{code} {status}"),
        }
    }

    /// What lies in a mailbox: its inbox, in order.
    pub fn inbox(&mut self, address: &str) -> Vec<Vec<u8>> {
        self.letters(address, |special| special.is_none())
    }

    /// What lies in the second folder of a mailbox, for what is set aside.
    pub fn aside(&mut self, address: &str) -> Vec<Vec<u8>> {
        self.letters(address, |special| special == Some(SpecialUse::Junk))
    }

    fn letters(&mut self, address: &str, of: impl Fn(Option<SpecialUse>) -> bool) -> Vec<Vec<u8>> {
        let address = Address::parse(address).expect("an address");
        let stepper = self.stepper();
        let row = stepper.view().mailbox_of(&address).expect("a mailbox");
        let folders = stepper.view().folders(row.id);
        let chosen = folders.iter().filter(|f| of(f.row.special_use));
        let rows: Vec<Content> = chosen
            .flat_map(|f| f.messages.iter().map(|(_, row)| row.content))
            .collect();
        rows.into_iter()
            .map(|content| self.octets(content))
            .collect()
    }

    /// The one letter of an inbox.
    pub fn only(&mut self, address: &str) -> Sealed {
        let mut all = self.inbox(address);
        assert_eq!(all.len(), 1, "letters of {address}");
        Sealed::parse(&all.remove(0))
    }

    /// The relay's queue.
    pub fn queue(&mut self) -> Vec<Leaving> {
        let rows = self.stepper().view().with_work(|work| {
            let rows = work.dispatches.values();
            rows.cloned().collect::<Vec<_>>()
        });
        let mut queue = Vec::new();
        for row in rows {
            queue.push(Leaving {
                purpose: row.purpose,
                from: row
                    .reverse_path
                    .as_ref()
                    .map(Address::to_string)
                    .unwrap_or_default(),
                to: row.to.to_string(),
                octets: self.octets(row.content),
            });
        }
        queue
    }

    /// Open tasks of its operators: key, provider, words.
    pub fn tasks(&mut self) -> Vec<(TaskKey, Option<String>, String)> {
        self.stepper().view().with_work(|work| {
            let tasks = work.tasks.iter();
            tasks
                .map(|(key, row)| (key.clone(), row.provider.clone(), row.words.clone()))
                .collect()
        })
    }

    /// All that its journal says.
    pub fn journal(&self) -> Vec<Record> {
        let disk: Arc<dyn Disk> = Arc::new(self.disk.restart());
        let folder = DataFolder(PathBuf::from("/data")).journal();
        let (lane, _) = Lane::open(disk, &folder).expect("a journal");
        let mut records = Vec::new();
        let read = lane.replay(Position::default(), &mut |entry| {
            records.push(entry.record.clone());
            Ok(())
        });
        read.expect("a whole journal");
        records
    }

    /// What leaves for one purpose.
    pub fn leaving(&mut self, purpose: Purpose) -> Vec<Leaving> {
        let mut queue = self.queue();
        queue.retain(|entry| entry.purpose == purpose);
        queue
    }

    /// The relay has sent all that waits.
    pub fn drain(&mut self) {
        self.end_all(|_| sent());
    }

    /// The relay has tried all that waits, with this end each.
    pub fn end_all(&mut self, end: impl Fn(&DispatchKey) -> DispatchOutcome) {
        let keys = self.stepper().view().with_work(|work| {
            let keys = work.dispatches.keys();
            keys.cloned().collect::<Vec<_>>()
        });
        for key in keys {
            let outcome = end(&key);
            self.stepper().dispatched(vec![(key, outcome)]);
        }
        self.settle();
    }

    /// Recipients of messages of its own that no receipt has closed, and whether each is taken in charge.
    pub fn open_errands(&mut self) -> Vec<(u16, bool)> {
        self.stepper().view().with_work(|work| {
            let open = work.errands.iter().filter(|(_, row)| !row.is_foreign);
            open.map(|(key, row)| (key.recipient, row.taken.is_some()))
                .collect()
        })
    }

    /// Nothing is owed to anybody any more, but for what the relay has to send.
    pub fn is_at_rest(&mut self) -> bool {
        self.stepper().view().with_work(|work| {
            work.arrivals.is_empty()
                && work.placements.is_empty()
                && work.errands.is_empty()
                && work.deliveries.is_empty()
                && work.answers.is_empty()
        })
    }

    fn octets(&mut self, content: Content) -> Vec<u8> {
        let blobs = self.stepper().blobs().clone();
        let rope = blobs.rope(content).expect("a rope");
        let mut octets = Vec::new();
        let read = RopeReader::new(&rope, &*blobs).for_each_chunk(|c| octets.extend_from_slice(c));
        read.expect("its octets");
        octets
    }
}
