//! A throw-away provider in a child process: made, filled with mailboxes, served, measured, ended.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ceralacca_admin::client::Trust;
use ceralacca_admin::control::{Answer, Link, Request};
use ceralacca_core::disk::DataFolder;
use serde_json::Value;
use tempfile::TempDir;

use crate::load::Door;
use crate::process::Family;
use crate::sums::Trouble;
use crate::token::{self, Token};

/// The first argument that makes this program the appliance.
pub const APPLIANCE: &str = "appliance";
/// All mailboxes open with it.
pub const PASSWORD: &str = "bench password";
/// Octets of a mailbox: none fills up.
const QUOTA: &str = "1000000000000";
/// The name in its certificate.
pub const HOST: &str = "pec.test";
/// A start may have a million messages to read.
const START_WAIT: Duration = Duration::from_secs(600);

/// What holds the key of the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Holder {
    /// aws-lc-rs.
    Soft,
    /// The vector signer.
    Vector,
    /// SoftHSM 2, in a folder of its own.
    Softhsm,
}

impl Holder {
    /// Those that this machine has what they need for.
    pub fn all_here() -> Vec<Self> {
        let mut all = vec![Self::Soft];
        if ceralacca_hsm::vector::is_supported() {
            all.insert(0, Self::Vector);
        }
        if token::module().is_ok() {
            all.push(Self::Softhsm);
        }
        all
    }

    /// As the command line writes it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Soft => "soft",
            Self::Vector => "vector",
            Self::Softhsm => "softhsm",
        }
    }
}

/// A provider with its mailboxes that is not served yet.
pub struct Made {
    folder: TempDir,
    token: Token,
}

/// The running provider; ended when dropped.
pub struct Provider {
    folder: TempDir,
    token: Token,
    serve: Child,
    submissions: SocketAddr,
    imap: SocketAddr,
    pop3: SocketAddr,
}

/// What is measured is the appliance, not its policy against abuse (SE-10): one address sends everything.
fn lift_rates(data: &Path) -> Result<(), Trouble> {
    let file = data.join("appliance.toml");
    let mut text = std::fs::read_to_string(&file)?;
    for key in ["submissions", "source_submissions", "sign_ins"] {
        let comment = format!("\n# {key}_per_minute_max = ");
        let (before, rest) = text
            .split_once(&comment)
            .ok_or("a rate is not in the settings")?;
        let after = rest.split_once('\n').map_or("", |(_, after)| after);
        text = format!("{before}\n{key}_per_minute_max = 4000000000\n{after}");
    }
    Ok(std::fs::write(&file, text)?)
}

impl Made {
    /// Makes the provider with mailboxes `m0` to `m<n-1>` of the domain `pec.test`.
    pub fn new(mailboxes: usize, holder: Holder) -> Result<Self, Trouble> {
        let folder = TempDir::new()?;
        let data = folder.path().join("data");
        let password = folder.path().join("password");
        std::fs::write(&password, PASSWORD)?;
        let token = Token::make(folder.path())?;
        init(&data, holder, &token)?;
        lift_rates(&data)?;
        for number in 0..mailboxes {
            let mut add = appliance(&data);
            add.args(["mailbox", "add", &address(number), "--quota", QUOTA])
                .arg("--password-file")
                .arg(&password);
            add.quiet()?;
        }
        Ok(Self { folder, token })
    }

    /// Its data folder, which no process has open.
    pub fn data(&self) -> DataFolder {
        DataFolder(self.folder.path().join("data"))
    }

    /// Starts the server.
    pub fn serve(self) -> Result<Provider, Trouble> {
        let log = std::fs::File::create(self.folder.path().join("serve.log"))?;
        let serve = self
            .token
            .seen_by(&mut appliance(&self.data().0))
            .arg("serve")
            .stdout(Stdio::null())
            .stderr(Stdio::from(log))
            .spawn()?;
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut provider = Provider {
            folder: self.folder,
            token: self.token,
            serve,
            submissions: unknown,
            imap: unknown,
            pop3: unknown,
        };
        [provider.submissions, provider.imap, provider.pop3] = provider.wait_for_listeners()?;
        Ok(provider)
    }
}

fn init(data: &Path, holder: Holder, token: &Token) -> Result<(), Trouble> {
    let mut init = appliance(data);
    init.args(["init", "--provider", "Prova S.p.A.", "--domain", "pec.test"]);
    init.args(["--bind", "127.0.0.1", "--host", HOST]);
    init.args(["--scanner", "none", "--free-ports"]);
    match holder {
        Holder::Soft => init.quiet(),
        Holder::Vector => {
            init.args(["--signer", "vector", "--pin-file"])
                .arg(&token.pin);
            init.quiet()
        }
        Holder::Softhsm => {
            init.args(["--signer", "pkcs11", "--module", token::module()?]);
            init.args(["--token", token::LABEL, "--pin-file"])
                .arg(&token.pin);
            token.seen_by(&mut init).quiet()?;
            token.certify(data)
        }
    }
}

impl Provider {
    /// Makes the provider with mailboxes `m0` to `m<n-1>` of the domain `pec.test`, and serves it.
    pub fn start(mailboxes: usize, holder: Holder) -> Result<Self, Trouble> {
        Made::new(mailboxes, holder)?.serve()
    }

    /// Where mailboxes are read over TLS.
    pub fn imap(&self) -> SocketAddr {
        self.imap
    }

    /// The same over POP3.
    pub fn pop3(&self) -> SocketAddr {
        self.pop3
    }

    /// The authority above the server's certificate.
    pub fn authority(&self) -> PathBuf {
        self.data().0.join("keys/authority.pem")
    }

    /// The server's process.
    pub fn process(&self) -> u32 {
        self.serve.id()
    }

    /// Trusts the provider's evaluation authority.
    pub fn trust(&self) -> Result<Trust, Trouble> {
        Ok(Trust::from_pem_file(&self.authority(), HOST)?)
    }

    /// A connection to the control socket.
    pub fn link(&self) -> Result<Link, Trouble> {
        Ok(Link::open(&self.data())?)
    }

    /// The server's process and its children.
    pub fn family(&self) -> Family {
        Family::of(self.serve.id())
    }

    /// CPU seconds of the server until now, children included.
    pub fn cpu_seconds(&self) -> Result<f64, Trouble> {
        self.family().cpu_seconds()
    }

    /// Its token, where it has one.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// Where a load submits.
    pub fn door(&self) -> Result<Door, Trouble> {
        Ok(Door {
            address: self.submissions,
            trust: self.trust()?,
            password: Some(PASSWORD),
        })
    }

    /// Its data folder.
    pub fn data(&self) -> DataFolder {
        DataFolder(self.folder.path().join("data"))
    }

    fn wait_for_listeners(&mut self) -> Result<[SocketAddr; 3], Trouble> {
        let deadline = Instant::now() + START_WAIT;
        while Instant::now() < deadline {
            if let Some(end) = self.serve.try_wait()? {
                let log = std::fs::read_to_string(self.folder.path().join("serve.log"))?;
                return Err(Trouble::from(format!("serve ended ({end}): {log}")));
            }
            if let Ok(status) = self.link().and_then(|mut l| ask(&mut l, &Request::Status))
                && let Some(submissions) = listener(&status, "submission_tls")
                && let Some(imap) = listener(&status, "imaps")
                && let Some(pop3) = listener(&status, "pop3s")
            {
                return Ok([submissions, imap, pop3]);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(Trouble::from("the provider does not start"))
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // The data is thrown away: no need for a clean end.
        drop(self.serve.kill());
        drop(self.serve.wait());
    }
}

/// Asks over the control socket; a refusal is trouble.
pub fn ask(link: &mut Link, request: &Request) -> Result<Value, Trouble> {
    match link.ask(request)? {
        Answer::Done { object, .. } => Ok(object),
        Answer::Refused(why) => Err(Trouble::from(why)),
    }
}

/// Address of mailbox number `number`.
pub fn address(number: usize) -> String {
    format!("m{number}@pec.test")
}

fn listener(status: &Value, name: &str) -> Option<SocketAddr> {
    status["listens"][name][0].as_str()?.parse().ok()
}

/// A command of the appliance on a data folder.
pub fn appliance(data: &Path) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.args([APPLIANCE, "--data"]).arg(data);
    command
}

/// A command of which only its failure is of interest.
pub trait Quiet {
    /// Runs it; what it said is the trouble.
    fn quiet(&mut self) -> Result<(), Trouble>;
}

impl Quiet for Command {
    fn quiet(&mut self) -> Result<(), Trouble> {
        let output = self.output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(Trouble::from(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ))
    }
}
