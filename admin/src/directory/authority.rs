//! A national index for the sandbox: it fetches each provider's own part over HTTPS, verifies its
//! signature, merges all, signs the whole, and hands it to clients with a certificate (DI-01, DI-02).
//! Revocation lists of test authorities (`*.crl` of its folder) go out over plain HTTP.
//!
//! ```text
//! authority.pem .key   vouches for what follows; TLS clients trust it
//! index.pem .key       signs the index: what providers pin (`directory.signer`)
//! server.pem .key      its HTTPS server
//! client.pem .key      a client's, for a first provider; more with `issue-client`
//! parts/               what each provider published last
//! index.p7m            the index
//! ```

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::extract::Path as UrlPath;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use ceralacca_core::address::Domain;
use ceralacca_core::directory::{Directory, ProviderRecord, folded, signed, write};
use ceralacca_core::instant::Instant;
use ceralacca_core::limits::DIRECTORY_BYTES_MAX;
use ceralacca_core::ports::{Clock, Signer, SystemClock};
use ceralacca_core::smime::SigningCertificate;
use ceralacca_core::smime::certificate::{self, pem};
use ceralacca_hsm::authority::ServerIdentity;
use ceralacca_hsm::protected::{read_secret, write_secret};
use ceralacca_hsm::{Authority, SoftwareKey, SoftwareSigner};
use parking_lot::{Mutex, RwLock};

use super::fetch::{Access, Fetcher};
use super::https::{WebServer, client_checking};
use super::{publication, read_file};
use crate::keys::replace;
use crate::report::Failure;

/// Where the index is answered.
pub const PATH: &str = "/index.p7m";
/// Name of the authority and of who signs.
const NAME: &str = "Ceralacca sandbox index";
/// Longer than any trial.
const DAYS: u32 = 730;
/// Bits of the key that signs.
const BITS: usize = 2048;
/// Files of keys and certificates.
const FILE_BYTES_MAX: usize = 256 * 1024;
/// A revocation list.
const LIST_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// A round of fetches under way is waited for so long.
const STOP_WAIT: Duration = Duration::from_secs(2);

/// Where and from whom.
#[derive(Debug, Clone)]
pub struct IndexOptions {
    /// Keys, certificates, and what was fetched.
    pub folder: PathBuf,
    /// Address to listen on.
    pub bind: IpAddr,
    /// Of HTTPS; 0: the system picks.
    pub port: u16,
    /// Of HTTP, for revocation lists; 0: the system picks.
    pub http_port: u16,
    /// Name in the index's location; the address when `None`.
    pub host: Option<Domain>,
    /// Where each provider publishes its own part.
    pub providers: Vec<String>,
    /// DER: who vouches for providers' signing certificates.
    pub anchors: Vec<Vec<u8>>,
    /// DER: who vouches for providers' HTTPS servers.
    pub server_authorities: Vec<Vec<u8>>,
    /// The parts are fetched again after so long.
    pub every: Duration,
}

/// The index with its keys, made at the first start.
pub struct IndexAuthority {
    options: IndexOptions,
    authority: Authority,
    signer: Arc<dyn Signer>,
    fetcher: Fetcher,
    index: RwLock<Option<Arc<[u8]>>>,
    /// One round at a time.
    round: Mutex<()>,
}

/// What one round of fetches came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// Records in the index.
    pub records: usize,
    /// What was not taken, a sentence each; the last good part stays.
    pub troubles: Vec<String>,
}

/// It serves until it is dropped.
pub struct ServingIndex {
    index: Arc<IndexAuthority>,
    url: String,
    https: WebServer,
    http: WebServer,
    stop: Option<Sender<()>>,
    ended: mpsc::Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl IndexAuthority {
    /// Opens the folder; what lacks in it is made.
    pub fn open(options: IndexOptions) -> Result<Self, Failure> {
        let folder = &options.folder;
        make_folder(&folder.join("parts"))?;
        let authority = authority(folder)?;
        let now = SystemClock.now();
        let signer = signer(folder, &authority, now)?;
        let files = Files { folder, now };
        files.server(&authority, &options)?;
        files.client(&authority, "client", folder)?;
        let mut fetcher = Fetcher::new(&Access {
            authorities: options.server_authorities.clone(),
            client: None,
        })?;
        for url in &options.providers {
            fetcher.allow(url).map_err(Failure::refused)?;
        }
        let last = std::fs::read(folder.join("index.p7m")).ok();
        Ok(Self {
            authority,
            signer,
            fetcher,
            index: RwLock::new(last.map(Into::into)),
            round: Mutex::new(()),
            options,
        })
    }

    /// A certificate and key for a provider's client: `NAME.pem` and `NAME.key` in `out`.
    pub fn issue_client(&self, name: &str, out: &Path) -> Result<(PathBuf, PathBuf), Failure> {
        make_folder(out)?;
        let now = SystemClock.now();
        let folder = &self.options.folder;
        Files { folder, now }.client(&self.authority, name, out)
    }

    /// Fetches every part, merges and signs them, and puts the index in the folder.
    pub fn collect(&self, url: &str) -> Result<Round, Failure> {
        let _one = self.round.lock();
        let now = SystemClock.now();
        let mut troubles = Vec::new();
        let mut records: Vec<ProviderRecord> = Vec::new();
        for provider in &self.options.providers {
            match self.part(provider, now, &mut troubles) {
                Ok(part) if is_taken(&records, &part) => {
                    troubles.push(format!(
                        "{provider}: another provider has that name already"
                    ));
                }
                Ok(part) => records.extend(part),
                Err(why) => troubles.push(format!("{provider}: {why}")),
            }
        }
        if records.is_empty() {
            let why = troubles.join("; ");
            return Err(Failure::Refused(format!(
                "no provider's part was taken: {why}"
            )));
        }
        let text = write(Some(url), &records).map_err(Failure::refused)?;
        let p7m = signed::seal(&*self.signer, &text, now).map_err(Failure::refused)?;
        replace(&self.options.folder.join("index.p7m"), &p7m)?;
        *self.index.write() = Some(p7m.into());
        Ok(Round {
            records: records.len(),
            troubles,
        })
    }

    /// One provider's part as it is now, else as it was last.
    fn part(
        &self,
        url: &str,
        now: Instant,
        troubles: &mut Vec<String>,
    ) -> Result<Vec<ProviderRecord>, Failure> {
        let name = part_name(url);
        let file = self.options.folder.join("parts").join(name);
        let fetched = self.fetcher.fetch(url, DIRECTORY_BYTES_MAX);
        let fresh = fetched.map_err(Failure::refused).and_then(|p7m| {
            let records = self.judged(&p7m, now)?;
            replace(&file, &p7m)?;
            Ok(records)
        });
        match fresh {
            Err(why) if file.exists() => {
                troubles.push(format!("{url}: {why}; its last part stays"));
                self.judged(&read_file(&file, DIRECTORY_BYTES_MAX as u64)?, now)
            }
            fresh => fresh,
        }
    }

    /// The signature leads to an anchor, its certificate stands in a record of the part, and the part
    /// speaks of one provider.
    fn judged(&self, p7m: &[u8], now: Instant) -> Result<Vec<ProviderRecord>, Failure> {
        let opened = signed::open(p7m, &self.options.anchors, now);
        let (text, facts) = opened.map_err(Failure::refused)?;
        let (part, _) = Directory::read(&text).map_err(Failure::refused)?;
        if part.by_certificate(&facts.certificate).is_empty() {
            let why = "the certificate that signed it is not in its own records";
            return Err(Failure::Refused(why.to_owned()));
        }
        let mut names: Vec<String> = part.records().iter().map(|r| folded(&r.name)).collect();
        names.dedup();
        let mains = part.records().iter().filter(|record| record.is_main());
        if names.len() != 1 || mains.count() != 1 {
            let why = "it does not hold one main record and its secondary ones alone";
            return Err(Failure::Refused(why.to_owned()));
        }
        Ok(part.records().to_vec())
    }

    /// Starts both servers, and fetches for the first time.
    pub fn serve(self) -> Result<ServingIndex, Failure> {
        let index = Arc::new(self);
        let options = &index.options;
        let https = WebServer::start(
            SocketAddr::new(options.bind, options.port),
            Some(index.tls()?),
            index.clone().index_router(),
        )?;
        let http = WebServer::start(
            SocketAddr::new(options.bind, options.http_port),
            None,
            lists_router(options.folder.clone()),
        )?;
        let url = index.url(https.address().port());
        let (stop, stopped) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let (inside, at) = (index.clone(), url.clone());
        let thread = std::thread::Builder::new()
            .name("index".to_owned())
            .spawn(move || {
                let every = inside.options.every;
                let mut pause = Duration::ZERO;
                while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                    tell(&inside.collect(&at));
                    pause = every;
                }
                drop(end);
            })
            .map_err(Failure::refused)?;
        Ok(ServingIndex {
            index,
            url,
            https,
            http,
            stop: Some(stop),
            ended,
            thread: Some(thread),
        })
    }

    /// The index's location when it is served at `port`.
    pub fn url(&self, port: u16) -> String {
        let host = match (&self.options.host, self.options.bind) {
            (Some(host), _) => host.to_string(),
            (None, IpAddr::V4(address)) => address.to_string(),
            (None, IpAddr::V6(address)) => format!("[{address}]"),
        };
        format!("https://{host}:{port}{PATH}")
    }

    fn tls(&self) -> Result<Arc<rustls::ServerConfig>, Failure> {
        let folder = &self.options.folder;
        let chain = read_file(&folder.join("server.pem"), FILE_BYTES_MAX as u64)?;
        let key = read_secret(&folder.join("server.key"), FILE_BYTES_MAX);
        let key = key.map_err(Failure::refused)?;
        client_checking(&chain, &key, &[self.authority.certificate().to_vec()])
    }

    fn index_router(self: Arc<Self>) -> Router {
        let answer = move || {
            let now = self.index.read().clone();
            async move {
                match now {
                    Some(p7m) => publication::file(&p7m),
                    None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
                }
            }
        };
        Router::new().route(PATH, get(answer))
    }
}

impl ServingIndex {
    /// Where the index is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where HTTPS is answered.
    pub const fn https(&self) -> SocketAddr {
        self.https.address()
    }

    /// Where revocation lists are answered.
    pub const fn http(&self) -> SocketAddr {
        self.http.address()
    }

    /// The index itself.
    pub fn index(&self) -> &IndexAuthority {
        &self.index
    }

    /// One more round now.
    pub fn collect(&self) -> Result<Round, Failure> {
        self.index.collect(&self.url)
    }
}

impl Drop for ServingIndex {
    fn drop(&mut self) {
        drop(self.stop.take());
        let waited = self.ended.recv_timeout(STOP_WAIT);
        if waited == Err(RecvTimeoutError::Disconnected)
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

fn tell(round: &Result<Round, Failure>) {
    match round {
        Ok(round) => {
            for trouble in &round.troubles {
                ceralacca_core::warning!("{trouble}");
            }
        }
        Err(failure) => ceralacca_core::warning!("{failure}"),
    }
}

fn is_taken(records: &[ProviderRecord], part: &[ProviderRecord]) -> bool {
    let same = |a: &ProviderRecord, b: &ProviderRecord| folded(&a.name) == folded(&b.name);
    records.iter().any(|a| part.iter().any(|b| same(a, b)))
}

/// A file name for what a URL answered.
fn part_name(url: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let mut name: String = url.chars().map(plain).collect();
    name.push_str(".p7m");
    name
}

/// Answers with the `*.crl` files of a folder.
fn lists_router(folder: PathBuf) -> Router {
    let answer = move |UrlPath(name): UrlPath<String>| {
        let file = folder.join(&name);
        async move {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            let is_list = name.ends_with(".crl") && !name.starts_with('.');
            if !is_list || !name.chars().all(is_plain) {
                return StatusCode::NOT_FOUND.into_response();
            }
            let read = tokio::task::spawn_blocking(move || read_file(&file, LIST_BYTES_MAX)).await;
            match read {
                Ok(Ok(list)) => {
                    ([(header::CONTENT_TYPE, "application/pkix-crl")], list).into_response()
                }
                _ => StatusCode::NOT_FOUND.into_response(),
            }
        }
    };
    Router::new().route("/{name}", get(answer))
}

fn make_folder(folder: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| Failure::Refused(format!("{}: {error}", folder.display())))
}

fn authority(folder: &Path) -> Result<Authority, Failure> {
    if folder.join("authority.pem").exists() {
        return Authority::load(folder).map_err(Failure::refused);
    }
    let made = Authority::create(NAME, SystemClock.now()).map_err(Failure::refused)?;
    made.save(folder).map_err(Failure::refused)?;
    Ok(made)
}

/// Who signs the index.
fn signer(folder: &Path, authority: &Authority, now: Instant) -> Result<Arc<dyn Signer>, Failure> {
    let (key_file, file) = (folder.join("index.key"), folder.join("index.pem"));
    if !file.exists() {
        let key = SoftwareKey::generate(BITS).map_err(Failure::refused)?;
        let address = "index@sandbox.invalid";
        let leaf = authority.issue_for(key.public(), NAME, address, DAYS, now, &[]);
        let leaf = leaf.map_err(Failure::refused)?;
        key.save(&key_file).map_err(Failure::refused)?;
        replace(&file, pem("CERTIFICATE", &leaf).as_bytes())?;
    }
    let key = SoftwareKey::load(&key_file).map_err(Failure::refused)?;
    let leaf = read_file(&file, FILE_BYTES_MAX as u64)?;
    let leaf = certificate::read_file(&leaf).map_err(Failure::refused)?;
    let certificate = SigningCertificate {
        certificate: leaf.into_iter().next().unwrap_or_default(),
        chain: vec![authority.certificate().to_vec()],
    };
    let signer = SoftwareSigner::start(Arc::new(key), Arc::new(certificate));
    Ok(Arc::new(signer.map_err(Failure::refused)?))
}

struct Files<'a> {
    folder: &'a Path,
    now: Instant,
}

impl Files<'_> {
    fn server(&self, authority: &Authority, options: &IndexOptions) -> Result<(), Failure> {
        let file = self.folder.join("server.pem");
        if file.exists() {
            return Ok(());
        }
        let host = options.host.as_ref().map(Domain::as_str);
        let names: Vec<&str> = host.into_iter().chain(["localhost"]).collect();
        let mut addresses = vec![IpAddr::from([127, 0, 0, 1])];
        if !options.bind.is_unspecified() && !addresses.contains(&options.bind) {
            addresses.push(options.bind);
        }
        let made = authority.server_identity(&names, &addresses, DAYS, self.now);
        let made = made.map_err(Failure::refused)?;
        keep(&made, &file, &self.folder.join("server.key"))
    }

    fn client(
        &self,
        authority: &Authority,
        name: &str,
        out: &Path,
    ) -> Result<(PathBuf, PathBuf), Failure> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
            let why = format!("`{name}`: write the client's name in letters, digits, - and _");
            return Err(Failure::Refused(why));
        }
        let files = (
            out.join(format!("{name}.pem")),
            out.join(format!("{name}.key")),
        );
        if !files.0.exists() {
            let made = authority.client_identity(name, DAYS, self.now);
            keep(&made.map_err(Failure::refused)?, &files.0, &files.1)?;
        }
        Ok(files)
    }
}

fn keep(made: &ServerIdentity, certificate: &Path, key: &Path) -> Result<(), Failure> {
    write_secret(key, made.key_pem.as_bytes()).map_err(Failure::refused)?;
    replace(certificate, made.certificate_pem.as_bytes())
}
