//! Two providers and all that lies between them, as separate processes on loopback: a common authority with
//! its revocation list, the national index over HTTPS, a name server, and two appliances that find each
//! other by them. Their clocks can be put ahead together.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::appliance::{Appliance, Profile};
use crate::mailbox::{ARRIVAL_WAIT, Mailbox};
use crate::program::{arg, said};
use crate::sealed::Sealed;
use crate::workspace;
use crate::zone::Zone;

/// The first provider.
pub const ALFA: Profile = Profile {
    provider: "Gestore Alfa S.p.A.",
    domains: &["alfa.test", "comune.alfa.test"],
    host: "mail.alfa.test",
    bind: Ipv4Addr::new(127, 0, 0, 2),
    scanner: String::new(),
};
/// The second.
pub const BETA: Profile = Profile {
    provider: "Gestore Beta S.p.A.",
    domains: &["beta.test"],
    host: "mail.beta.test",
    bind: Ipv4Addr::new(127, 0, 0, 3),
    scanner: String::new(),
};
/// Where the ordinary Internet answers.
pub const INTERNET: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 4);

/// All of it. Dropped, everything ends.
pub struct Federation {
    /// `alfa.test`
    pub alfa: Appliance,
    /// `beta.test`
    pub beta: Appliance,
    /// Names of all hosts; more can be put into it.
    pub zone: Zone,
    /// The port on which every server takes mail of others.
    pub smtp_port: u16,
    folder: tempfile::TempDir,
    index: Option<Child>,
}

/// What is different from a usual one.
#[derive(Debug, Clone)]
pub struct FederationSettings {
    /// `--scanner` of each.
    pub scanners: [String; 2],
    /// Clocks that can be put ahead.
    pub sandbox_clock: bool,
}

impl Default for FederationSettings {
    fn default() -> Self {
        Self {
            scanners: ["none".to_owned(), "none".to_owned()],
            sandbox_clock: true,
        }
    }
}

impl Federation {
    /// Starts it: both have the index and the revocation list.
    pub fn start(settings: &FederationSettings) -> Self {
        let folder = workspace::scratch();
        let [http, https] = free_ports();
        let authority = folder.path().join("authority");
        let url = format!("http://127.0.0.1:{http}/authority.crl");
        ceralacca(&[
            "sandbox",
            "authority",
            "create",
            arg(&authority),
            "--name",
            "Autorita di Prova",
            "--crl-url",
            &url,
        ]);
        let index_folder = folder.path().join("index");
        std::fs::create_dir(&index_folder).expect("a folder");
        let this = |profile: &Profile, scanner: &str| {
            let profile = Profile {
                scanner: scanner.to_owned(),
                ..profile.clone()
            };
            let mut more = vec!["--authority", arg(&authority)];
            more.extend(settings.sandbox_clock.then_some("--sandbox-clock"));
            Appliance::of(profile, &more)
        };
        let alfa = this(&ALFA, &settings.scanners[0]);
        let beta = this(&BETA, &settings.scanners[1]);
        let zone = Zone::start();
        let smtp_port = alfa.port(25);
        let mut federation = Self {
            alfa,
            beta,
            zone,
            smtp_port,
            folder,
            index: None,
        };
        federation.revoke(&[]);
        federation.settle(https);
        federation.start_index(https, http);
        federation.alfa.serve();
        federation.beta.serve();
        federation.publish();
        federation
    }

    /// Both sides.
    pub fn sides(&self) -> [&Appliance; 2] {
        [&self.alfa, &self.beta]
    }

    /// The authority that certifies both.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("authority")
    }

    /// The anchors for judging what both sign.
    pub fn anchors(&self) -> PathBuf {
        self.authority().join("authority.pem")
    }

    /// Signs the authority's revocation list anew, with these serial numbers on it.
    pub fn revoke(&self, serials: &[&str]) {
        let authority = self.authority();
        let out = self.folder.path().join("index/authority.crl");
        let mut arguments = vec!["sandbox", "authority", "crl", "--folder", arg(&authority)];
        arguments.extend(["--out", arg(&out)]);
        arguments.extend(serials.iter().flat_map(|serial| ["--revoke", serial]));
        ceralacca(&arguments);
    }

    /// Settings and names that let them find each other.
    fn settle(&self, https: u16) {
        for side in self.sides() {
            let profile = side.profile();
            side.set("relay", "dns", self.zone.address().to_string());
            side.set("relay", "port", i64::from(self.smtp_port));
            side.set("listen", "incoming", i64::from(self.smtp_port));
            let url = format!("https://127.0.0.1:{https}/index.p7m");
            side.set("directory", "url", url);
            let index = self.folder.path().join("index");
            let file = |name: &str| arg(&index.join(name)).to_owned();
            side.set("directory", "signer", file("index.pem"));
            side.set("directory", "server_authority", file("authority.pem"));
            side.set("directory", "client_certificate", file("client.pem"));
            side.set("directory", "client_key", file("client.key"));
            side.set("directory", "mail_authorities", arg(&self.anchors()));
            let publish = format!("https://{}/directory/own.p7m", side.place(443));
            side.set("directory", "publish_url", publish);
            for domain in profile.domains {
                self.zone.mx(domain, 10, profile.host);
            }
            self.zone.address_of(profile.host, profile.bind);
        }
    }

    fn start_index(&mut self, https: u16, http: u16) {
        let folder = self.folder.path().join("index");
        let (https, http) = (https.to_string(), http.to_string());
        let anchors = self.anchors();
        let sides = self.sides();
        let urls: Vec<String> = sides
            .iter()
            .map(|side| format!("https://{}/directory/own.p7m", side.place(443)))
            .collect();
        let mut arguments = vec!["directory", "authority", "--folder", arg(&folder)];
        arguments.extend(["--port", &https, "--http-port", &http, "--every", "1"]);
        arguments.extend(["--anchors", arg(&anchors)]);
        arguments.extend(urls.iter().flat_map(|url| ["--provider", url.as_str()]));
        let log = std::fs::File::create(self.folder.path().join("index.log")).expect("a log");
        let child = Command::new(workspace::program())
            .args(&arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a handle"))
            .stderr(log)
            .spawn()
            .expect("the program under test starts");
        self.index = Some(child);
        let files = ["index.pem", "authority.pem", "client.pem", "client.key"];
        self.wait("the index's keys", || {
            files.iter().all(|name| folder.join(name).exists())
        });
    }

    /// Waits until both know both: index fetched, revocation list at hand.
    fn publish(&self) {
        for side in self.sides() {
            self.wait("the index on both sides", || {
                side.command(&["directory", "fetch"]).status.success()
                    && ["alfa.test", "beta.test"].iter().all(|domain| {
                        side.command(&["directory", "show", domain])
                            .status
                            .success()
                    })
            });
            self.wait("the revocation list on both sides", || {
                side.data().join("crls/0.crl").exists()
            });
        }
    }

    /// Waits for something; what everybody said is shown where it does not come.
    pub fn wait(&self, what: &str, is_there: impl Fn() -> bool) {
        let end = Instant::now() + ARRIVAL_WAIT;
        while !is_there() {
            assert!(
                Instant::now() < end,
                "{what} does not come\n{}",
                self.logs()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until every message of both sides has reached its legal end.
    pub fn wait_until_at_rest(&self) {
        self.wait("the end of every message", || {
            self.sides().iter().all(|side| {
                let check = side.json(&["check"]).to_string();
                check.contains("0 to certify, 0 under way, 0 deliveries")
                    && side.json(&["queue", "list"])["entries"] == serde_json::json!([])
            })
        });
    }

    /// What everybody said.
    pub fn logs(&self) -> String {
        let mut text = String::new();
        for (name, log) in [
            ("alfa", self.alfa.log()),
            ("beta", self.beta.log()),
            (
                "index",
                std::fs::read_to_string(self.folder.path().join("index.log")).unwrap_or_default(),
            ),
        ] {
            let _ = writeln!(text, "--- {name}\n{log}");
        }
        for side in self.sides() {
            for question in [&["check"][..], &["queue", "list"]] {
                let answer = side.command(&[question, &["--json"]].concat());
                let _ = writeln!(text, "{question:?} {}", said(&answer));
            }
        }
        text
    }

    /// Puts both clocks ahead, by `12h` or the like.
    pub fn advance(&self, time: &str) {
        for side in self.sides() {
            side.well(&["sandbox", "clock", "--advance", time]);
        }
    }

    /// Writes a message into a file, for the judges.
    pub fn write(&self, name: &str, message: &Sealed) -> PathBuf {
        let file = self.folder.path().join(format!("{name}.eml"));
        std::fs::write(&file, &message.message.raw).expect("written");
        file
    }

    /// The service mailbox of a side, as its operator reads it.
    pub fn service_mailbox<'a>(&self, side: &'a Appliance) -> Mailbox<'a> {
        let address = format!("posta-certificata@{}", side.profile().domains[0]);
        let password = side.beside("password");
        side.well(&[
            "mailbox",
            "passwd",
            &address,
            "--password-file",
            arg(&password),
        ]);
        Mailbox::new(side, &address, crate::appliance::PASSWORD)
    }
}

impl Drop for Federation {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
        }
        if let Some(mut index) = self.index.take() {
            let _ = index.kill();
            let _ = index.wait();
        }
    }
}

/// Those of `messages` whose `X-Ricevuta:` or `X-Trasporto:` has this value.
pub fn of_type<'a>(messages: &'a [Sealed], value: &str) -> Vec<&'a Sealed> {
    messages
        .iter()
        .filter(|m| m.type_field() == value)
        .collect()
}

/// Runs the program under test; it must succeed.
fn ceralacca(arguments: &[&str]) {
    let output = crate::appliance::ceralacca(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
}

/// Two ports below the range that the system hands out to clients.
fn free_ports() -> [u16; 2] {
    let start = (std::process::id() % 900) as u16;
    let mut free = (0..900u16)
        .map(|step| 9000 + (start + step * 7) % 900)
        .filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    let mut next = || free.next().expect("a free port between 9000 and 9900");
    [next(), next()]
}
