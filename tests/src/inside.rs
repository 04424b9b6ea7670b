//! An appliance inside the test's process, without sockets: the real state and certifier on a simulated
//! disk, for what does not show on the wire.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ceralacca_core::address::{Address, Domain};
use ceralacca_core::disk::{DataFolder, Disk};
use ceralacca_core::mailbox::MailboxId;
use ceralacca_core::owner::{Command, Outcome, RegistryOrder, Submission};
use ceralacca_core::ports::{Clock, Signer, SystemClock, VirusScanner};
use ceralacca_core::registry::{Holder, HolderKind};
use ceralacca_core::smime::SigningCertificate;
use ceralacca_core::state::{Options, State};
use ceralacca_hsm::sim::{SimFaults, SimSettings};
use ceralacca_hsm::{Authority, SimSigner, SoftwareKey, SoftwareSigner};

use crate::appliance::{DOMAIN, HOST, PROVIDER, SERVICE_ADDRESS};
use crate::mailbox::ARRIVAL_WAIT;

/// The state, opened, with its certifier.
pub struct Inside {
    state: Arc<State>,
}

impl Inside {
    /// A provider on `disk`, its mail scanned by `scanner`.
    pub fn start(disk: Arc<dyn Disk>, scanner: Arc<dyn VirusScanner>) -> Self {
        Self::with_signer(disk, scanner, software_signer())
    }

    /// As [`Self::start`], signed by `signer`.
    pub fn with_signer(
        disk: Arc<dyn Disk>,
        scanner: Arc<dyn VirusScanner>,
        signer: Arc<dyn Signer>,
    ) -> Self {
        let fatal = Arc::new(|sentence: &str| panic!("{sentence}"));
        let folder = DataFolder(PathBuf::from("/simulated"));
        let mut options = Options::new(disk, folder, Arc::new(SystemClock), fatal);
        options.keep_views = false;
        let state = State::open(options).expect("the state opens");
        let inside = Self { state };
        inside.order(RegistryOrder::SetProvider {
            name: PROVIDER.to_owned(),
            domain: Domain::parse(DOMAIN).expect("a domain"),
            host: HOST.to_owned(),
        });
        let started = inside.state.start_pipeline(signer, scanner);
        started.expect("the certifier starts");
        inside
    }

    /// The state itself.
    pub fn state(&self) -> &Arc<State> {
        &self.state
    }

    fn order(&self, order: RegistryOrder) -> Outcome {
        let done = self.state.ask(Command::Registry(order, "test".to_owned()));
        done.expect("an order that can be done")
    }

    /// Makes a mailbox.
    pub fn mailbox(&self, address: &str) -> MailboxId {
        let order = RegistryOrder::AddMailbox {
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
        };
        match self.order(order) {
            Outcome::Mailbox(id) => id,
            other => panic!("{other:?}"),
        }
    }

    /// Takes `message` in, as the submission port does.
    pub fn submit(&self, from: (MailboxId, &str), to: &str, message: &[u8]) {
        let row = self.state.view().mailbox(from.0).expect("the sender");
        let body = self.state.blobs().store(row.partition, &mut &message[..]);
        let submission = Submission {
            mailbox: from.0,
            sender: Address::parse(from.1).expect("an address"),
            recipients: vec![Address::parse(to).expect("an address")],
            body: body.expect("a durable body"),
            key: None,
            received_from: "from client.example ([127.0.0.1]) by mail.pec.test with ESMTPSA"
                .to_owned(),
        };
        let (told, wait) = std::sync::mpsc::channel();
        let place = self.state.reserve().expect("a place");
        let reply = Box::new(move |outcome| drop(told.send(outcome)));
        self.state.submit(place, submission, reply);
        let outcome = wait.recv().expect("an answer");
        assert!(matches!(outcome, Ok(Outcome::Submitted(_))), "{outcome:?}");
    }

    /// Messages in all folders of a mailbox.
    pub fn held(&self, mailbox: MailboxId) -> usize {
        let folders = self.state.view().folders(mailbox);
        folders.iter().map(|f| f.messages.size()).sum()
    }

    /// Waits until the mailbox holds `count` messages in all its folders.
    pub fn wait_for(&self, mailbox: MailboxId, count: usize) {
        let end = Instant::now() + ARRIVAL_WAIT;
        while self.held(mailbox) < count {
            assert!(
                Instant::now() < end,
                "{} of {count} messages came",
                self.held(mailbox)
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.state.stop();
    }
}

/// A signer in software.
pub fn software_signer() -> Arc<dyn Signer> {
    let (key, certificate) = evaluation_key();
    Arc::new(SoftwareSigner::start(key, certificate).expect("a signer"))
}

/// A signer that behaves as a token, with the switches that take it away.
pub fn simulated_signer() -> (Arc<dyn Signer>, Arc<SimFaults>) {
    let (key, certificate) = evaluation_key();
    let settings = SimSettings {
        delay: Duration::ZERO,
        parallelism: 2,
        ..SimSettings::default()
    };
    let signer = SimSigner::start(key, certificate, settings).expect("a signer");
    let faults = signer.faults();
    (Arc::new(signer), faults)
}

fn evaluation_key() -> (Arc<SoftwareKey>, Arc<SigningCertificate>) {
    let now = SystemClock.now();
    let authority = Authority::create("Autorita di Prova", now).expect("an authority");
    let key = Arc::new(SoftwareKey::generate(2048).expect("a key"));
    let certificate =
        authority.signing_certificate(key.public(), PROVIDER, SERVICE_ADDRESS, 365, now);
    (key, Arc::new(certificate.expect("a certificate")))
}
