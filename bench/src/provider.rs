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

use crate::sums::Trouble;

/// The first argument that makes this program the appliance.
pub const APPLIANCE: &str = "appliance";
/// All mailboxes open with it.
pub const PASSWORD: &str = "bench password";
/// The name in its certificate.
pub const HOST: &str = "pec.test";
const START_WAIT: Duration = Duration::from_secs(60);

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
    /// As the command line writes it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Soft => "soft",
            Self::Vector => "vector",
            Self::Softhsm => "softhsm",
        }
    }
}

/// Where Debian has the module.
const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// The running provider; ended when dropped.
pub struct Provider {
    folder: TempDir,
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

impl Provider {
    /// Makes the provider with mailboxes `m0` to `m<n-1>` of the domain `pec.test`, and serves it.
    pub fn start(mailboxes: usize, holder: Holder) -> Result<Self, Trouble> {
        let folder = TempDir::new()?;
        let data = folder.path().join("data");
        let password = folder.path().join("password");
        std::fs::write(&password, PASSWORD)?;
        let listening = [
            "--bind",
            "127.0.0.1",
            "--host",
            HOST,
            "--scanner",
            "none",
            "--free-ports",
        ];
        let names = ["--provider", "Prova S.p.A.", "--domain", "pec.test"];
        let token = Token::make(folder.path())?;
        let mut init = appliance(&data);
        init.arg("init").args(names).args(listening);
        match holder {
            Holder::Soft => init.quiet()?,
            Holder::Vector => {
                init.args(["--signer", "vector", "--pin-file"])
                    .arg(&token.pin);
                init.quiet()?;
            }
            Holder::Softhsm => {
                init.args([
                    "--signer", "pkcs11", "--module", SOFTHSM, "--token", "bench",
                ]);
                init.arg("--pin-file").arg(&token.pin);
                token.seen_by(&mut init).quiet()?;
                token.certify(&data)?;
            }
        }
        lift_rates(&data)?;
        for number in 0..mailboxes {
            let mut add = appliance(&data);
            add.args(["mailbox", "add", &address(number), "--password-file"])
                .arg(&password);
            add.quiet()?;
        }
        let log = std::fs::File::create(folder.path().join("serve.log"))?;
        let serve = token
            .seen_by(&mut appliance(&data))
            .arg("serve")
            .stdout(Stdio::null())
            .stderr(Stdio::from(log))
            .spawn()?;
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut provider = Self {
            folder,
            serve,
            submissions: unknown,
            imap: unknown,
            pop3: unknown,
        };
        [provider.submissions, provider.imap, provider.pop3] = provider.wait_for_listeners()?;
        Ok(provider)
    }

    /// Where messages are submitted over implicit TLS.
    pub fn submissions(&self) -> SocketAddr {
        self.submissions
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

    /// CPU seconds of the server until now, children that ended included (`/proc/[pid]/stat`).
    pub fn cpu_seconds(&self) -> Result<f64, Trouble> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.serve.id()))?;
        let fields = stat.rsplit(')').next().unwrap_or_default();
        // After the name: state is field 3; utime, stime, cutime, cstime are 14 to 17.
        let ticks: u64 = fields
            .split_whitespace()
            .skip(11)
            .take(4)
            .flat_map(str::parse::<u64>)
            .sum();
        Ok(ticks as f64 / 100.0)
    }

    /// The largest resident size until now, in octets (`VmHWM`).
    pub fn resident_bytes_max(&self) -> Result<u64, Trouble> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.serve.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok());
        kilobytes
            .map(|k| k * 1024)
            .ok_or_else(|| Trouble::from("no VmHWM in /proc"))
    }

    fn data(&self) -> DataFolder {
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

fn appliance(data: &Path) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.args([APPLIANCE, "--data"]).arg(data);
    command
}

trait Quiet {
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

/// Files that a token, or a sealed key, needs.
struct Token {
    pin: std::path::PathBuf,
    conf: std::path::PathBuf,
}

impl Token {
    fn make(folder: &Path) -> Result<Self, Trouble> {
        use std::os::unix::fs::OpenOptionsExt;
        let (pin, conf, tokens) = (
            folder.join("pin"),
            folder.join("conf"),
            folder.join("tokens"),
        );
        std::fs::create_dir(&tokens)?;
        std::fs::write(
            &conf,
            format!("directories.tokendir = {}\n", tokens.display()),
        )?;
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&pin)?;
        std::io::Write::write_all(&mut file, b"123456\n")?;
        Ok(Self { pin, conf })
    }

    fn seen_by<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("SOFTHSM2_CONF", &self.conf)
    }

    /// Token, key and certificate.
    fn certify(&self, data: &Path) -> Result<(), Trouble> {
        let (request, pem) = (data.join("bench.csr"), data.join("bench.pem"));
        let steps: [&[&std::ffi::OsStr]; 5] = [
            &[
                "hsm".as_ref(),
                "init".as_ref(),
                "--so-pin-file".as_ref(),
                self.pin.as_ref(),
            ],
            &["hsm".as_ref(), "keygen".as_ref()],
            &[
                "hsm".as_ref(),
                "csr".as_ref(),
                "--out".as_ref(),
                request.as_ref(),
            ],
            &[
                "sandbox".as_ref(),
                "authority".as_ref(),
                "sign".as_ref(),
                request.as_ref(),
                "--out".as_ref(),
                pem.as_ref(),
            ],
            &["hsm".as_ref(), "import-cert".as_ref(), pem.as_ref()],
        ];
        for step in steps {
            self.seen_by(appliance(data).args(step)).quiet()?;
        }
        Ok(())
    }
}
