//! The program under test, running in a folder of its own on loopback. Whatever ends the test process
//! ends the server too: a guard waits for the end of its own input.

use std::ffi::OsStr;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::compose::unique;
use crate::imap::ImapClient;
use crate::mailbox::Mailbox;
use crate::ports::PortBlock;
use crate::program::{arg, said};
use crate::smtp::SmtpClient;
use crate::token::TokenFolder;
use crate::wire::Trust;
use crate::workspace;
use crate::zone::Zone;

/// The provider's name in `daticert.xml`.
pub const PROVIDER: &str = "Gestore di Prova S.p.A.";
/// The provider's own domain.
pub const DOMAIN: &str = "pec.test";
/// A second domain of the same provider.
pub const OTHER_DOMAIN: &str = "altra.test";
/// The server's name.
pub const HOST: &str = "mail.pec.test";
/// The sender of all that the appliance generates.
pub const SERVICE_ADDRESS: &str = "posta-certificata@pec.test";
/// The password of every mailbox.
pub const PASSWORD: &str = "una Parola-d'ordine 42";

/// How long the server may take to answer on its ports.
const START_WAIT: Duration = Duration::from_secs(60);

/// A data directory, its ports, and the server while it runs.
pub struct Appliance {
    folder: tempfile::TempDir,
    ports: PortBlock,
    server: Option<Server>,
    trust: OnceLock<Trust>,
    environment: Vec<(&'static str, PathBuf)>,
    serve: Vec<&'static str>,
    profile: Profile,
}

/// Who an appliance is, where tests need more than one.
#[derive(Debug, Clone)]
pub struct Profile {
    /// The provider's name.
    pub provider: &'static str,
    /// Its domains, its own first.
    pub domains: &'static [&'static str],
    /// The server's name.
    pub host: &'static str,
    /// Where it listens.
    pub bind: Ipv4Addr,
    /// `--scanner`.
    pub scanner: String,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            provider: PROVIDER,
            domains: &[DOMAIN, OTHER_DOMAIN],
            host: HOST,
            bind: Ipv4Addr::LOCALHOST,
            scanner: "none".to_owned(),
        }
    }
}

struct Server {
    child: Child,
    guard: Child,
}

impl Appliance {
    /// `init` with a software key, and `serve`.
    pub fn start() -> Self {
        let mut appliance = Self::initialised(&[]);
        appliance.serve();
        appliance
    }

    /// `init` alone; `more` are further arguments.
    pub fn initialised(more: &[&str]) -> Self {
        let appliance = Self::bare(Vec::new());
        appliance.well(&appliance.init_arguments(more));
        // No test asks a name server of the real world: nobody answers there.
        appliance.set_relay("dns", "\"127.0.0.1:1\"");
        appliance
    }

    /// `init` with this scanner, and `serve`.
    pub fn scanned_by(scanner: &str) -> Self {
        let profile = Profile {
            scanner: scanner.to_owned(),
            ..Profile::default()
        };
        let mut appliance = Self::of(profile, &[]);
        appliance.serve();
        appliance
    }

    /// `init` of another provider; `more` are further arguments.
    pub fn of(profile: Profile, more: &[&str]) -> Self {
        let mut appliance = Self::bare(Vec::new());
        appliance.profile = profile;
        appliance.well(&appliance.init_arguments(more));
        appliance
    }

    /// `init` with a software key, and `sandbox serve --broken`.
    pub fn broken(fault: &'static str, more: &[&'static str]) -> Self {
        let mut appliance = Self::initialised(&[]);
        appliance.serve = vec!["sandbox", "serve", "--broken", fault];
        appliance.serve.extend(more);
        appliance.serve();
        appliance
    }

    fn bare(environment: Vec<(&'static str, PathBuf)>) -> Self {
        let folder = workspace::scratch();
        std::fs::write(folder.path().join("password"), PASSWORD).expect("written");
        Self {
            folder,
            ports: PortBlock::take(),
            server: None,
            trust: OnceLock::new(),
            environment,
            serve: vec!["serve"],
            profile: Profile::default(),
        }
    }

    fn init_arguments<'a>(&self, more: &[&'a str]) -> Vec<&'a str> {
        // Leaked, a few octets per appliance: the list borrows.
        let base: &'static str = self.ports.base.to_string().leak();
        let bind: &'static str = self.profile.bind.to_string().leak();
        let scanner: &'static str = self.profile.scanner.clone().leak();
        let mut arguments = vec!["init", "--provider", self.profile.provider];
        let domains = self.profile.domains.iter();
        arguments.extend(domains.flat_map(|domain| ["--domain", domain]));
        arguments.extend(["--host", self.profile.host, "--bind", bind]);
        arguments.extend(["--port-base", base, "--scanner", scanner]);
        arguments.extend(more);
        arguments
    }

    /// Label of the token in [`Self::with_token`].
    pub const TOKEN_LABEL: &'static str = "prova";

    /// `init` for a SoftHSM token, and `hsm init`; the key is not made yet.
    pub fn with_token(token: &TokenFolder) -> Self {
        let appliance = Self::bare(vec![("SOFTHSM2_CONF", token.conf())]);
        let (module, pin) = (crate::token::module(), token.pin_file());
        let more = [
            "--signer",
            "pkcs11",
            "--module",
            arg(&module),
            "--token",
            Self::TOKEN_LABEL,
        ];
        let mut arguments = appliance.init_arguments(&more);
        arguments.extend(["--pin-file", arg(&pin)]);
        appliance.well(&arguments);
        let so_pin = token.so_pin_file();
        appliance.well(&["hsm", "init", "--so-pin-file", arg(&so_pin)]);
        appliance
    }

    /// `init` and `hsm init` for a token that must be refused; all that was said.
    pub fn refused_with_token(token: &TokenFolder) -> String {
        let appliance = Self::bare(vec![("SOFTHSM2_CONF", token.conf())]);
        let (module, pin) = (crate::token::module(), token.pin_file());
        let more = [
            "--signer",
            "pkcs11",
            "--module",
            arg(&module),
            "--token",
            Self::TOKEN_LABEL,
        ];
        let mut arguments = appliance.init_arguments(&more);
        arguments.extend(["--pin-file", arg(&pin)]);
        let output = appliance.command(&arguments);
        if !output.status.success() {
            return said(&output);
        }
        let so_pin = token.so_pin_file();
        appliance.refused(&["hsm", "init", "--so-pin-file", arg(&so_pin)])
    }

    /// Makes the key in the module, has the data folder's evaluation authority sign it, and takes the
    /// certificate.
    pub fn keygen_and_certificate(&self) {
        self.well(&["hsm", "keygen"]);
        self.certify_key();
    }

    /// Has the data folder's evaluation authority sign the key that is there.
    pub fn certify_key(&self) {
        self.certify_label(None);
    }

    /// The same for the key with a label.
    pub fn certify_label(&self, label: Option<&str>) {
        let label: Vec<&str> = label
            .into_iter()
            .flat_map(|label| ["--label", label])
            .collect();
        let (csr, chain) = (self.beside("request.pem"), self.beside("chain.pem"));
        self.well(&[&["hsm", "csr", "--out", arg(&csr)], label.as_slice()].concat());
        self.well(&[
            "sandbox",
            "authority",
            "sign",
            arg(&csr),
            "--out",
            arg(&chain),
        ]);
        self.well(&[&["hsm", "import-cert", arg(&chain)], label.as_slice()].concat());
    }

    /// The one appliance that the tests of this process share; it ends with the process.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Appliance> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Sets a key of `[relay]` in `appliance.toml`, a string or a number as TOML writes it; the next start
    /// reads it.
    pub fn set_relay(&self, key: &str, value: &str) {
        let file = self.data().join("appliance.toml");
        let text = std::fs::read_to_string(&file).expect("the settings");
        let (before, relay) = text.split_once("[relay]\n").expect("[relay] is written");
        let is_it = |line: &&str| {
            line.trim_start_matches("# ")
                .starts_with(&format!("{key} = "))
        };
        let old = relay.lines().find(is_it).expect("each key is written");
        let relay = relay.replacen(old, &format!("{key} = {value}"), 1);
        std::fs::write(&file, format!("{before}[relay]\n{relay}")).expect("written");
    }

    /// The relay asks this name server and finds other servers at this port.
    pub fn relay_to(&self, zone: &Zone, port: u16) {
        self.set_relay("dns", &format!("\"{}\"", zone.address()));
        self.set_relay("port", &port.to_string());
    }

    /// The relay's queue, as `queue list` shows it.
    pub fn queue(&self) -> serde_json::Value {
        self.json(&["queue", "list"])
    }

    /// Sets a key of `[policy]` in `appliance.toml`; the next start reads it.
    pub fn set_policy(&self, key: &str, value: impl Into<toml::Value>) {
        self.set("policy", key, value);
    }

    /// Sets a key of a table in `appliance.toml`; the next start reads it.
    pub fn set(&self, table: &str, key: &str, value: impl Into<toml::Value>) {
        let file = self.data().join("appliance.toml");
        let text = std::fs::read_to_string(&file).expect("the settings");
        let mut all: toml::Table = text.parse().expect("the settings are TOML");
        let entry = all.entry(table).or_insert(toml::Table::new().into());
        let entry = entry.as_table_mut().expect("it is a table");
        entry.insert(key.to_owned(), value.into());
        std::fs::write(&file, all.to_string()).expect("written");
    }

    /// `serve` ends with a sentence that names the key of a policy that the law forbids.
    pub fn refuses_policy(key: &str, value: i64) {
        let mut appliance = Self::initialised(&[]);
        appliance.set_policy(key, value);
        let said = appliance.try_serve().expect_err("a policy below the law");
        assert!(said.contains(key), "{said}");
    }

    /// A file beside the data directory.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file beside the data directory.
    pub fn write_beside(&self, name: &str, octets: &[u8]) -> PathBuf {
        let path = self.beside(name);
        std::fs::write(&path, octets).expect("the scratch folder takes files");
        path
    }

    /// The port that stands for the usual one.
    pub fn port(&self, usual: u16) -> u16 {
        self.ports.port(usual)
    }

    /// Where it listens for what the usual port stands for.
    pub fn place(&self, usual: u16) -> SocketAddr {
        (self.profile.bind, self.port(usual)).into()
    }

    /// Who it is.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Starts the server and waits until it greets on its ports.
    pub fn serve(&mut self) {
        self.try_serve()
            .unwrap_or_else(|why| panic!("serve: {why}"));
    }

    /// Starts the server and kills it `after` that, most likely in the middle of its recovery.
    pub fn serve_and_kill(&mut self, after: Duration) {
        assert!(self.server.is_none(), "it runs already");
        let server = Server::start(
            self.program(),
            &self.serve,
            &self.data(),
            &self.beside("serve.log"),
        );
        std::thread::sleep(after);
        server.end();
    }

    /// As [`Self::serve`]; when the server ends instead, what it said.
    pub fn try_serve(&mut self) -> Result<(), String> {
        assert!(self.server.is_none(), "it runs already");
        let server = Server::start(
            self.program(),
            &self.serve,
            &self.data(),
            &self.beside("serve.log"),
        );
        self.server = Some(server);
        let end = Instant::now() + START_WAIT;
        while !self.greets() {
            let server = self.server.as_mut().expect("just started");
            if let Some(status) = server.child.try_wait().expect("a child of ours") {
                self.kill();
                return Err(format!("{status}\n{}", self.log()));
            }
            if Instant::now() > end {
                self.kill();
                return Err(format!("no greeting in {START_WAIT:?}\n{}", self.log()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn greets(&self) -> bool {
        let smtp = SmtpClient::plain(self.place(587)).is_ok_and(|c| c.greeting.code == 220);
        // The control socket comes last.
        smtp && ImapClient::tls(self.place(993), self.trust()).is_ok()
            && UnixStream::connect(self.data().join("control.sock")).is_ok()
    }

    /// What the server wrote on its output.
    pub fn log(&self) -> String {
        let octets = std::fs::read(self.beside("serve.log")).unwrap_or_default();
        String::from_utf8_lossy(&octets).into_owned()
    }

    /// The server's process.
    pub fn pid(&self) -> u32 {
        self.server.as_ref().expect("it runs").child.id()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            server.end();
        }
    }

    /// SIGTERM, and waits for the end.
    pub fn stop(&mut self) {
        let Some(mut server) = self.server.take() else {
            return;
        };
        let pid = server.child.id().to_string();
        crate::program::run_well("kill", &["-TERM", &pid]);
        let end = Instant::now() + START_WAIT;
        while server.child.try_wait().expect("a child of ours").is_none() {
            assert!(
                Instant::now() < end,
                "SIGTERM does not stop it:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        server.end();
    }

    /// Runs `ceralacca --data DIR` with `arguments`.
    pub fn command(&self, arguments: &[&str]) -> Output {
        let data = self.data();
        let mut command = self.program();
        command.args(["--data", arg(&data)]).args(arguments);
        command
            .stdin(Stdio::null())
            .output()
            .expect("the program under test starts")
    }

    fn program(&self) -> Command {
        let mut command = Command::new(workspace::program());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command that must be done; its standard output.
    pub fn well(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments);
        assert!(
            output.status.success(),
            "ceralacca {arguments:?}: {}",
            said(&output)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a command that must be refused; all that it said.
    pub fn refused(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments);
        assert_eq!(
            output.status.code(),
            Some(1),
            "{arguments:?}: {}",
            said(&output)
        );
        said(&output)
    }

    /// Runs a command that may be done or not; all that it said.
    pub fn said_by(&self, arguments: &[&str]) -> String {
        said(&self.command(arguments))
    }

    /// Runs a command with `--json`: the object on its standard output.
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let mut all = arguments.to_vec();
        all.push("--json");
        let text = self.well(&all);
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{arguments:?}: {e}: {text}"))
    }

    /// The evaluation authority, and the server's name.
    pub fn trust(&self) -> &Trust {
        self.trust.get_or_init(|| Trust {
            anchors_pem: std::fs::read(self.anchors()).expect("the evaluation authority"),
            host: self.profile.host.to_owned(),
        })
    }

    /// The file with the evaluation authority's certificate.
    pub fn anchors(&self) -> PathBuf {
        self.data().join("keys/authority.pem")
    }

    /// A new mailbox in the provider's own domain.
    pub fn mailbox(&self, name: &str) -> Mailbox<'_> {
        self.mailbox_in(name, self.profile.domains[0])
    }

    /// A new mailbox; `name` is made unique.
    pub fn mailbox_in(&self, name: &str, domain: &str) -> Mailbox<'_> {
        let address = format!("{name}.{}@{domain}", unique());
        self.add(&address, &[]);
        Mailbox::new(self, &address, PASSWORD)
    }

    /// `mailbox add` with further arguments.
    pub fn add(&self, address: &str, more: &[&str]) -> String {
        let password = self.beside("password");
        let mut all = vec!["mailbox", "add", address, "--password-file", arg(&password)];
        if !more.contains(&"--holder") {
            all.extend(["--holder", "Titolare di Prova"]);
        }
        all.extend(more);
        self.well(&all)
    }

    /// Submission over implicit TLS.
    pub fn submission(&self) -> SmtpClient {
        SmtpClient::tls(self.place(465), self.trust()).expect("port 465 answers")
    }

    /// What other servers meet, before STARTTLS.
    pub fn incoming(&self) -> SmtpClient {
        SmtpClient::plain(self.port(25)).expect("port 25 answers")
    }

    /// Submission in clear, before STARTTLS.
    pub fn submission_plain(&self) -> SmtpClient {
        SmtpClient::plain(self.place(587)).expect("port 587 answers")
    }

    /// IMAP over implicit TLS.
    pub fn imap(&self) -> ImapClient {
        ImapClient::tls(self.place(993), self.trust()).expect("port 993 answers")
    }
}

impl Drop for Appliance {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the server said:\n{}", self.log());
        }
        self.kill();
    }
}

impl Server {
    fn start(mut program: Command, serve: &[&str], data: &Path, log: &Path) -> Self {
        let log = File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("a log file");
        let child = program
            .args(serve)
            .args([OsStr::new("--data"), data.as_os_str()])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("the program under test starts");
        let guard = guard(child.id(), data.parent().expect("a folder around it"));
        Self { child, guard }
    }

    fn end(mut self) {
        // The guard first: it must not kill a number that the system may have given to another.
        drop(self.guard.kill());
        drop(self.guard.wait());
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A shell that waits for the end of its input, that is of this process, then ends the server and
/// removes its folder.
pub(crate) fn guard(pid: u32, folder: &Path) -> Child {
    Command::new("sh")
        .args([
            "-c",
            "read -r _; kill -9 \"$1\"; sleep 1; rm -rf \"$2\"",
            "guard",
        ])
        .arg(pid.to_string())
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh runs")
}

/// Runs the program under test.
pub fn ceralacca(arguments: &[&str]) -> Output {
    Command::new(workspace::program())
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the program under test starts")
}
