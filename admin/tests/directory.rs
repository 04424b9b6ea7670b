//! Two providers and a national index on loopback: each publishes its part over HTTPS, the centre
//! verifies and merges them, each fetches the whole with its client certificate. What is signed by a
//! stranger, claims another's name, or loses a provider changes nothing.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ceralacca_admin::appliance::{Appliance, Serving};
use ceralacca_admin::cli::Arguments;
use ceralacca_admin::command;
use ceralacca_admin::directory::authority::{IndexAuthority, IndexOptions, ServingIndex};
use ceralacca_admin::directory::fetch::{Access, Fetcher};
use ceralacca_admin::directory::refresh::RefreshError;
use ceralacca_admin::directory::{certificates, read_file};
use ceralacca_admin::report::{Failure, Report, Voice};
use ceralacca_core::address::Domain;
use ceralacca_core::directory::{Directory, Taken, signed};
use ceralacca_core::disk::DataFolder;
use ceralacca_core::ports::{Clock, Signer, SystemClock};
use ceralacca_core::smime::SigningCertificate;
use ceralacca_hsm::{Authority, SoftwareKey, SoftwareSigner};
use clap::Parser;

fn run(words: &[&str]) -> Result<Report, Failure> {
    let line = std::iter::once("ceralacca").chain(words.iter().copied());
    let arguments = Arguments::try_parse_from(line).unwrap();
    command::run(arguments, Voice { json: true })
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A folder with a test authority that certifies all providers.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = Self { folder };
        run(&[
            "sandbox",
            "authority",
            "create",
            "--folder",
            text(&world.mail()),
        ])
        .unwrap();
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn mail(&self) -> PathBuf {
        self.path("mail-authority")
    }

    fn anchors(&self) -> Vec<Vec<u8>> {
        let here = DataFolder(self.mail());
        certificates(&here, Path::new("authority.pem")).unwrap()
    }

    fn provider(&self, name: &str, domain: &str) -> DataFolder {
        let data = DataFolder(self.path(domain));
        let mail = self.mail();
        run(&[
            "--data",
            text(&data.0),
            "init",
            "--provider",
            name,
            "--domain",
            domain,
            "--scanner",
            "none",
            "--free-ports",
            "--authority",
            text(&mail),
        ])
        .unwrap();
        data
    }

    fn index(&self, providers: &[String]) -> ServingIndex {
        let options = IndexOptions {
            folder: self.path("index"),
            bind: [127, 0, 0, 1].into(),
            port: 0,
            http_port: 0,
            host: None,
            providers: providers.to_vec(),
            anchors: self.anchors(),
            server_authorities: self.anchors(),
            every: Duration::from_secs(3600),
        };
        IndexAuthority::open(options).unwrap().serve().unwrap()
    }

    /// The lines of `[directory]` for a client of the index.
    fn settings(&self, url: &str) -> String {
        let file = |name: &str| self.path("index").join(name).display().to_string();
        format!(
            "url = \"{url}\"\nsigner = \"{}\"\nserver_authority = \"{}\"\n\
             client_certificate = \"{}\"\nclient_key = \"{}\"\n",
            file("index.pem"),
            file("authority.pem"),
            file("client.pem"),
            file("client.key"),
        )
    }
}

/// Adds lines to a table of `appliance.toml`.
fn set(data: &DataFolder, table: &str, lines: &str) {
    let text = std::fs::read_to_string(data.settings()).unwrap();
    let head = format!("[{table}]\n");
    assert!(text.contains(&head));
    let changed = text.replacen(&head, &format!("{head}{lines}"), 1);
    std::fs::write(data.settings(), changed).unwrap();
}

fn serve(data: &DataFolder) -> Serving {
    Appliance::open(data).unwrap().serve().unwrap()
}

fn own_url(serving: &Serving) -> String {
    format!("https://{}/directory/own.p7m", serving.https().unwrap())
}

fn domain(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

fn is_managed(serving: &Serving, name: &str) -> bool {
    let current = serving.appliance().state().directory().current();
    current.is_some_and(|current| current.directory.is_managed(&domain(name)))
}

/// A signer whom nobody trusts.
fn stranger() -> Arc<dyn Signer> {
    let now = SystemClock.now();
    let authority = Authority::create("Stranger", now).unwrap();
    let key = Arc::new(SoftwareKey::generate(2048).unwrap());
    let certificate: SigningCertificate = authority
        .signing_certificate(key.public(), "Stranger", "a@stranger.test", 30, now)
        .unwrap();
    Arc::new(SoftwareSigner::start(key, Arc::new(certificate)).unwrap())
}

#[test]
fn di_01_di_08_two_providers_publish_and_fetch_the_index_of_both() {
    let world = World::new();
    let (uno, due) = (
        world.provider("Gestore Uno", "uno.test"),
        world.provider("Gestore Due", "due.test"),
    );
    for data in [&uno, &due] {
        set(data, "listen", "https = 0\n");
    }
    let (first, second) = (serve(&uno), serve(&due));
    let providers = [own_url(&first), own_url(&second)];
    let index = world.index(&providers);
    let round = index.collect().unwrap();
    assert_eq!((round.records, round.troubles.len()), (2, 0), "{round:?}");
    first.stop();
    second.stop();
    // The ports are the system's: the second start publishes elsewhere, and the index keeps what it has.
    for data in [&uno, &due] {
        set(data, "directory", &world.settings(index.url()));
    }
    for data in [&uno, &due] {
        let report = run(&["--data", text(&data.0), "directory", "fetch"]).unwrap();
        assert_eq!(report.object["taken"], "in use", "{report:?}");
    }
    let serving = serve(&uno);
    assert!(is_managed(&serving, "due.test") && is_managed(&serving, "uno.test"));
    assert!(!is_managed(&serving, "tre.test"));
    let show = ["--data", text(&uno.0), "directory", "show"];
    let shown = run(&[&show[..], &["due.test"]].concat()).unwrap();
    assert_eq!(shown.object["records"][0]["provider"], "Gestore Due");
    assert_eq!(
        shown.object["records"][0]["mail_receipt"],
        "posta-certificata@due.test"
    );
    assert!(!run(&[&show[..], &["tre.test"]].concat()).unwrap().held);
    let again = run(&["--data", text(&uno.0), "directory", "fetch"]).unwrap();
    assert_eq!(again.object["taken"], "unchanged", "{again:?}");
    let check = run(&["--data", text(&uno.0), "check"]).unwrap();
    assert!(
        check
            .words
            .contains("index of providers: 2 records, 2 domains"),
        "{}",
        check.words
    );
    serving.stop();
}

#[test]
fn di_08_our_part_is_signed_anew_when_a_domain_changes() {
    let world = World::new();
    let data = world.provider("Gestore Uno", "uno.test");
    set(&data, "listen", "https = 0\n");
    let serving = serve(&data);
    let url = own_url(&serving);
    let mut fetcher = Fetcher::new(&Access {
        authorities: world.anchors(),
        client: None,
    })
    .unwrap();
    fetcher.allow(&url).unwrap();
    let fetch = || fetcher.fetch(&url, 1_000_000).unwrap();
    let before = fetch();
    assert_eq!(before, fetch(), "nothing has changed");
    run(&["--data", text(&data.0), "domain", "add", "altra.test"]).unwrap();
    let now = SystemClock.now();
    let (text_now, facts) = signed::open(&fetch(), &world.anchors(), now).unwrap();
    let (part, remarks) = Directory::read(&text_now).unwrap();
    assert!(part.is_managed(&domain("altra.test")) && part.is_managed(&domain("uno.test")));
    assert_eq!(part.by_certificate(&facts.certificate).len(), 1);
    assert_eq!(remarks, []);
    let file = world.path("own.ldif");
    run(&[
        "--data",
        text(&data.0),
        "directory",
        "export",
        text(&file),
        "--ldif",
    ])
    .unwrap();
    assert_eq!(read_file(&file, 1_000_000).unwrap(), text_now);
    let published = run(&["--data", text(&data.0), "directory", "publish"]).unwrap();
    assert!(
        published.words.contains("/directory/own.p7m"),
        "{published:?}"
    );
    serving.stop();
}

#[test]
fn di_01_who_shows_no_certificate_or_trusts_another_server_gets_nothing() {
    let world = World::new();
    let index = world.index(&["https://127.0.0.1:9/own.p7m".to_owned()]);
    let here = DataFolder(world.path("index"));
    let ours = certificates(&here, Path::new("authority.pem")).unwrap();
    let secret = |name: &str| read_file(&here.0.join(name), 100_000).unwrap();
    let shown = || Some((secret("client.pem"), secret("client.key").into()));
    let fetch = |authorities: Vec<Vec<u8>>, client| {
        let mut fetcher = Fetcher::new(&Access {
            authorities,
            client,
        })
        .unwrap();
        fetcher.allow(index.url()).unwrap();
        fetcher
            .fetch(index.url(), 1_000_000)
            .unwrap_err()
            .to_string()
    };
    // Nothing was collected: 503 is the answer to who is let in.
    assert!(fetch(ours.clone(), shown()).contains("503"));
    let refused = fetch(ours.clone(), None);
    assert!(!refused.contains("503"), "{refused}");
    let (certificate, key) = index
        .index()
        .issue_client("altro", &world.path("altro"))
        .unwrap();
    let another = Some((
        read_file(&certificate, 100_000).unwrap(),
        read_file(&key, 100_000).unwrap().into(),
    ));
    assert!(fetch(ours.clone(), another).contains("503"));
    // The mail authority vouches for signatures, not for clients or servers of the index.
    let refused = fetch(world.anchors(), shown());
    assert!(!refused.contains("503"), "{refused}");
}

#[test]
fn lists_of_the_folder_go_out_over_plain_http_and_nothing_else() {
    let world = World::new();
    let index = world.index(&["https://127.0.0.1:9/own.p7m".to_owned()]);
    std::fs::write(world.path("index").join("mail.crl"), b"list").unwrap();
    let base = format!("http://{}", index.http());
    let mut fetcher = Fetcher::new(&Access::default()).unwrap();
    fetcher.allow(&base).unwrap();
    assert_eq!(
        fetcher.fetch(&format!("{base}/mail.crl"), 100).unwrap(),
        b"list"
    );
    for other in [
        "index.key",
        "absent.crl",
        "..%2Fmail.crl",
        "%2e%2e/index/mail.crl",
        ".crl",
        "",
    ] {
        let refused = fetcher
            .fetch(&format!("{base}/{other}"), 10_000)
            .unwrap_err()
            .to_string();
        assert!(refused.contains("404"), "{other}: {refused}");
    }
}

#[test]
fn many_silent_connections_are_closed_and_others_are_served_when_they_go() {
    use std::io::Read;
    let world = World::new();
    let index = world.index(&["https://127.0.0.1:9/own.p7m".to_owned()]);
    std::fs::write(world.path("index").join("mail.crl"), b"list").unwrap();
    let connect = |_| std::net::TcpStream::connect(index.http()).unwrap();
    let mut silent: Vec<_> = (0..65).map(connect).collect();
    let is_closed = |peer: &mut std::net::TcpStream| {
        peer.set_nonblocking(true).unwrap();
        let read = peer.read(&mut [0; 1]);
        !matches!(read, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    };
    let begun = std::time::Instant::now();
    // Well before a silent one is closed for its silence.
    while !silent.iter_mut().any(is_closed) {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "one too many is kept"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(silent);
    let url = format!("http://{}/mail.crl", index.http());
    let mut fetcher = Fetcher::new(&Access::default()).unwrap();
    fetcher.allow(&url).unwrap();
    let end = std::time::Instant::now() + Duration::from_secs(30);
    while fetcher.fetch(&url, 100).is_err() {
        assert!(std::time::Instant::now() < end, "room is not given back");
    }
}

#[test]
fn di_02_a_part_signed_by_a_stranger_or_for_another_is_not_merged() {
    let world = World::new();
    let (uno, due) = (
        world.provider("Gestore Uno", "uno.test"),
        // The same name: the second part is refused, the first one stays.
        world.provider("GESTORE  uno", "due.test"),
    );
    for data in [&uno, &due] {
        set(data, "listen", "https = 0\n");
    }
    let (first, second) = (serve(&uno), serve(&due));
    let index = world.index(&[own_url(&first), own_url(&second)]);
    let round = index.collect().unwrap();
    assert_eq!(round.records, 1);
    assert!(round.troubles[0].contains("has that name"), "{round:?}");
    // A provider that is away keeps its last part; one that was never seen has none.
    first.stop();
    second.stop();
    let round = index.collect().unwrap();
    assert_eq!(round.records, 1);
    assert!(
        round.troubles[0].contains("its last part stays"),
        "{round:?}"
    );
}

#[test]
fn di_02_di_11_a_forged_index_is_discarded_and_a_poorer_one_is_held() {
    let world = World::new();
    let (uno, due) = (
        world.provider("Gestore Uno", "uno.test"),
        world.provider("Gestore Due", "due.test"),
    );
    for data in [&uno, &due] {
        set(data, "listen", "https = 0\n");
    }
    let (first, second) = (serve(&uno), serve(&due));
    let both = world.index(&[own_url(&first), own_url(&second)]);
    both.collect().unwrap();
    let whole = read_file(&world.path("index/index.p7m"), 1_000_000).unwrap();
    drop(both);
    let one = world.index(&[own_url(&first)]);
    one.collect().unwrap();
    first.stop();
    set(&uno, "directory", &world.settings(one.url()));
    let serving = serve(&uno);
    let state = serving.appliance().state();
    let shelf = state.directory();
    let now = || SystemClock.now();
    // The thread of the appliance fetches at the start too; who comes first does not matter.
    let source = ceralacca_admin::directory::refresh::Source::of(
        serving.appliance().data(),
        serving.appliance().settings(),
    );
    let source = source.unwrap().unwrap();
    source.refresh(state).unwrap();
    assert!(!is_managed(&serving, "due.test"));
    let (text_whole, _) = signed::open(&whole, &anchors_of(&world), now()).unwrap();
    let forged = signed::seal(&*stranger(), &text_whole, now()).unwrap();
    let file = world.path("forged.p7m");
    std::fs::write(&file, forged).unwrap();
    let import = ["--data", text(&uno.0), "directory", "import", text(&file)];
    let refused = run(&import).unwrap_err().to_string();
    assert!(refused.contains("pinned"), "{refused}");
    assert!(!is_managed(&serving, "due.test"));
    drop(one);
    let both = world.index(&[own_url(&second), format!("{}x", own_url(&second))]);
    let round = both.collect().unwrap();
    assert_eq!(
        round.records, 1,
        "only the second provider is left: {round:?}"
    );
    let poorer = read_file(&world.path("index/index.p7m"), 1_000_000).unwrap();
    let taken = shelf.take(&poorer, now()).unwrap();
    assert!(matches!(taken, Taken::Held(_)), "{taken:?}");
    assert!(is_managed(&serving, "uno.test") && !is_managed(&serving, "due.test"));
    let check = run(&["--data", text(&uno.0), "check"]).unwrap();
    assert!(check.words.contains("directory confirm"), "{}", check.words);
    run(&["--data", text(&uno.0), "directory", "confirm"]).unwrap();
    assert!(!is_managed(&serving, "uno.test") && is_managed(&serving, "due.test"));
    let gone = source.refresh(state).unwrap_err();
    assert!(
        matches!(gone, RefreshError::Fetch(_)),
        "that index is no more: {gone}"
    );
    assert!(
        is_managed(&serving, "due.test"),
        "the last good copy is used"
    );
    second.stop();
    serving.stop();
}

/// Who signs the index.
fn anchors_of(world: &World) -> Vec<Vec<u8>> {
    certificates(&DataFolder(world.path("index")), Path::new("index.pem")).unwrap()
}

#[test]
fn the_index_is_made_once_by_the_command_line() {
    let world = World::new();
    let data = world.provider("Gestore Uno", "uno.test");
    set(&data, "listen", "https = 0\n");
    let serving = serve(&data);
    let (index, anchors) = (world.path("index"), world.mail().join("authority.pem"));
    let url = own_url(&serving);
    let line = [
        "directory",
        "authority",
        "--folder",
        text(&index),
        "--port",
        "4443",
        "--provider",
        &url,
        "--anchors",
        text(&anchors),
    ];
    let once = run(&[&line[..], &["--once"]].concat()).unwrap();
    assert!(once.held, "{once:?}");
    let p7m = read_file(&index.join("index.p7m"), 1_000_000).unwrap();
    let (whole, _) = signed::open(&p7m, &anchors_of(&world), SystemClock.now()).unwrap();
    let (directory, remarks) = Directory::read(&whole).unwrap();
    assert_eq!(
        directory.location(),
        Some("https://127.0.0.1:4443/index.p7m")
    );
    assert_eq!((directory.records().len(), remarks), (1, Vec::new()));
    let out = world.path("clients");
    let client = [
        "directory",
        "authority",
        "--folder",
        text(&index),
        "issue-client",
        "uno",
        "--out",
    ];
    run(&[&client[..], &[text(&out)]].concat()).unwrap();
    assert!(out.join("uno.pem").exists() && out.join("uno.key").exists());
    // Offline, an index is taken by hand, and our own part is exported.
    serving.stop();
    set(
        &data,
        "directory",
        &world.settings("https://127.0.0.1:9/index.p7m"),
    );
    let file = index.join("index.p7m");
    run(&["--data", text(&data.0), "directory", "import", text(&file)]).unwrap();
    let shown = run(&["--data", text(&data.0), "directory", "show", "uno.test"]).unwrap();
    assert!(
        shown.held && shown.words.contains("Gestore Uno"),
        "{shown:?}"
    );
    let export = world.path("own.p7m");
    run(&[
        "--data",
        text(&data.0),
        "directory",
        "export",
        text(&export),
    ])
    .unwrap();
    let own = read_file(&export, 1_000_000).unwrap();
    assert!(signed::open(&own, &world.anchors(), SystemClock.now()).is_ok());
}
