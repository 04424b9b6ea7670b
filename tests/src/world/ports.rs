//! What the world puts into the ports of its appliances: a clock, a token, a scanner and an index of
//! providers, each with the switches that the seed turns.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ceralacca_core::address::{Address, Domain};
use ceralacca_core::instant::Instant;
use ceralacca_core::ports::{
    Clock, ScanVerdict, ScannerAway, ScannerHealth, Signature, Signer, SignerDescription,
    SignerError, SigningRequest, VirusScanner,
};
use ceralacca_core::smime::verify::SignerFacts;
use ceralacca_core::smime::{SigningCertificate, chain};
use ceralacca_core::trust::{ChainTrouble, Trust};
use ceralacca_hsm::sim::SimSettings;
use ceralacca_hsm::{Authority, SimSigner, SoftwareKey};

/// Before every instant of a world: certificates are valid from here on.
pub const EPOCH_MS: i64 = 1_767_225_600_000; // 2026-01-01T00:00Z
const VALID_DAYS: u32 = 1500;

/// The providers of the world.
pub const DOMAINS: [&str; 2] = ["alfa.test", "beta.test"];

/// The service address of a provider.
pub fn service_of(domain: &str) -> String {
    format!("posta-certificata@{domain}")
}

/// The world's time, as one provider's clock shows it.
#[derive(Debug, Default)]
pub struct WorldClock {
    now: AtomicI64,
    skew: AtomicI64,
}

impl WorldClock {
    /// Sets the true time.
    pub fn set(&self, now: i64) {
        self.now.store(now, Ordering::SeqCst);
    }

    /// How far it is wrong.
    pub fn be_wrong_by(&self, skew: i64) {
        self.skew.store(skew, Ordering::SeqCst);
    }

    /// How far it is wrong.
    pub fn skew(&self) -> i64 {
        self.skew.load(Ordering::SeqCst)
    }
}

impl Clock for WorldClock {
    fn now(&self) -> Instant {
        Instant::from_millis(self.now.load(Ordering::SeqCst) + self.skew())
    }
}

/// A token that can be away, at once or after so many signatures.
pub struct Token {
    signer: Arc<SimSigner>,
    away: AtomicBool,
    left: AtomicUsize,
}

impl Token {
    fn new(signer: Arc<SimSigner>) -> Self {
        Self {
            signer,
            away: AtomicBool::new(false),
            left: AtomicUsize::new(0),
        }
    }

    /// Signs so many more, and then none until it is back.
    pub fn leave_after(&self, signatures: usize) {
        self.left.store(signatures, Ordering::SeqCst);
        self.away.store(true, Ordering::SeqCst);
    }

    /// Back.
    pub fn come_back(&self) {
        self.away.store(false, Ordering::SeqCst);
    }
}

impl Signer for Token {
    fn sign(&self, requests: &[SigningRequest]) -> Vec<Result<Signature, SignerError>> {
        if !self.away.load(Ordering::SeqCst) {
            return self.signer.sign(requests);
        }
        let able = self.left.load(Ordering::SeqCst).min(requests.len());
        self.left.fetch_sub(able, Ordering::SeqCst);
        let mut answers = self.signer.sign(&requests[..able]);
        let away = || Err(SignerError::Unavailable("the world says so".to_owned()));
        answers.resize_with(requests.len(), away);
        answers
    }

    fn certificate(&self) -> Arc<SigningCertificate> {
        self.signer.certificate()
    }

    fn describe(&self) -> SignerDescription {
        self.signer.describe()
    }
}

/// A scanner that knows one mark, and can be away.
#[derive(Debug)]
pub struct Scanner {
    mark: String,
    away: AtomicBool,
}

impl Scanner {
    /// Finds what [`mark_of`] says of `domain`.
    pub fn new(domain: &str) -> Self {
        Self {
            mark: mark_of(domain),
            away: AtomicBool::new(false),
        }
    }

    /// Goes away or comes back.
    pub fn be_away(&self, is_away: bool) {
        self.away.store(is_away, Ordering::SeqCst);
    }
}

/// What the scanner of a provider takes for a virus, and the other's does not.
pub fn mark_of(domain: &str) -> String {
    format!("VIRUS-KNOWN-AT-{}", domain.to_ascii_uppercase())
}

impl VirusScanner for Scanner {
    fn scan(&self, message: &mut dyn std::io::Read) -> Result<ScanVerdict, ScannerAway> {
        let away = |_| ScannerAway("the message cannot be read".to_owned());
        if self.away.load(Ordering::SeqCst) {
            return Err(ScannerAway("the world says so".to_owned()));
        }
        let mut octets = Vec::new();
        message.read_to_end(&mut octets).map_err(away)?;
        Ok(match crate::message::find(&octets, self.mark.as_bytes()) {
            Some(_) => ScanVerdict::Infected("Prova.Mondo".to_owned()),
            None => ScanVerdict::Clean,
        })
    }

    fn describe(&self) -> String {
        "the world's scanner".to_owned()
    }

    fn health(&self, _: Instant) -> ScannerHealth {
        ScannerHealth {
            reachable: !self.away.load(Ordering::SeqCst),
            signatures_at: None,
            version: self.describe(),
            alarm: None,
        }
    }
}

/// Keys and certificates of the world, made once for each process of tests.
pub struct Identities {
    anchor: Vec<u8>,
    providers: Vec<(Arc<SimSigner>, Vec<u8>)>,
}

impl Identities {
    /// The ones of this process.
    pub fn get() -> &'static Self {
        static ONCE: OnceLock<Identities> = OnceLock::new();
        ONCE.get_or_init(Self::make)
    }

    fn make() -> Self {
        let now = Instant::from_millis(EPOCH_MS);
        let authority = Authority::create("Autorita del Mondo", now).expect("an authority");
        let provider = |domain: &&str| {
            let key = Arc::new(SoftwareKey::generate(2048).expect("a key"));
            let (name, service) = (format!("Gestore {domain}"), service_of(domain));
            let made =
                authority.signing_certificate(key.public(), &name, &service, VALID_DAYS, now);
            let certificate = Arc::new(made.expect("a certificate"));
            let leaf = certificate.certificate.clone();
            let settings = SimSettings {
                delay: Duration::ZERO,
                parallelism: 1,
                ..SimSettings::default()
            };
            let signer = SimSigner::start(key, certificate, settings).expect("a signer");
            (Arc::new(signer), leaf)
        };
        Self {
            anchor: authority.certificate().to_vec(),
            providers: DOMAINS.iter().map(provider).collect(),
        }
    }

    /// The token of a provider.
    pub fn token(&self, provider: usize) -> Token {
        Token::new(Arc::clone(&self.providers[provider].0))
    }
}

/// The index of both providers; it can lack for a while.
#[derive(Debug, Default)]
pub struct Index {
    lacks: AtomicBool,
    fetched: AtomicI64,
}

impl Index {
    /// From now on none that proves intact is at hand, or one is, fetched at `now`.
    pub fn refresh(&self, now: i64, lacks: bool) {
        self.fetched.store(now, Ordering::SeqCst);
        self.lacks.store(lacks, Ordering::SeqCst);
    }

    fn domain_of(certificate: &[u8]) -> Option<&'static str> {
        let providers = &Identities::get().providers;
        let found = providers.iter().position(|(_, leaf)| leaf == certificate)?;
        Some(DOMAINS[found])
    }
}

impl Trust for Index {
    fn index_at(&self) -> Option<Instant> {
        let fetched = Instant::from_millis(self.fetched.load(Ordering::SeqCst));
        (!self.lacks.load(Ordering::SeqCst)).then_some(fetched)
    }

    fn providers_of(&self, certificate: &[u8]) -> Vec<String> {
        let found = Self::domain_of(certificate);
        found.map(|d| format!("Gestore {d}")).into_iter().collect()
    }

    fn manages(&self, certificate: &[u8], domain: &Domain) -> bool {
        Self::domain_of(certificate) == Some(domain.as_str())
    }

    fn is_certified(&self, domain: &Domain) -> bool {
        DOMAINS.contains(&domain.as_str())
    }

    fn is_service_address(&self, address: &Address) -> bool {
        DOMAINS.iter().any(|d| address.key() == service_of(d))
    }

    fn receipts_for(&self, certificate: &[u8], _: &Domain, _: &Domain) -> Option<Address> {
        Address::parse(&service_of(Self::domain_of(certificate)?)).ok()
    }

    fn chain(&self, signer: &SignerFacts, at: Instant) -> Result<Option<Instant>, ChainTrouble> {
        let anchors = [Identities::get().anchor.clone()];
        chain::check(&signer.certificate, &signer.certificates, &anchors, at)
            .map(|()| Some(at))
            .map_err(|error| ChainTrouble::Bad(error.to_string()))
    }

    fn is_tolerated(&self, _: &str) -> bool {
        false
    }

    fn awaits_index(&self, _: &[u8], _: Instant) -> bool {
        false
    }
}
