//! A throw-away provider in a child process: made, filled with mailboxes, served, measured, ended.

use std::net::SocketAddr;
use std::path::Path;
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
const HOST: &str = "pec.test";
const START_WAIT: Duration = Duration::from_secs(60);

/// The running provider; ended when dropped.
pub struct Provider {
    folder: TempDir,
    serve: Child,
    submissions: SocketAddr,
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
    pub fn start(mailboxes: usize) -> Result<Self, Trouble> {
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
        appliance(&data)
            .arg("init")
            .args(names)
            .args(listening)
            .quiet()?;
        lift_rates(&data)?;
        for number in 0..mailboxes {
            let mut add = appliance(&data);
            add.args(["mailbox", "add", &address(number), "--password-file"])
                .arg(&password);
            add.quiet()?;
        }
        let log = std::fs::File::create(folder.path().join("serve.log"))?;
        let serve = appliance(&data)
            .arg("serve")
            .stdout(Stdio::null())
            .stderr(Stdio::from(log))
            .spawn()?;
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut provider = Self {
            folder,
            serve,
            submissions: unknown,
        };
        provider.submissions = provider.wait_for_submissions()?;
        Ok(provider)
    }

    /// Where messages are submitted over implicit TLS.
    pub fn submissions(&self) -> SocketAddr {
        self.submissions
    }

    /// Trusts the provider's evaluation authority.
    pub fn trust(&self) -> Result<Trust, Trouble> {
        Ok(Trust::from_pem_file(
            &self.data().0.join("keys/authority.pem"),
            HOST,
        )?)
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

    fn wait_for_submissions(&mut self) -> Result<SocketAddr, Trouble> {
        let deadline = Instant::now() + START_WAIT;
        while Instant::now() < deadline {
            if let Some(end) = self.serve.try_wait()? {
                let log = std::fs::read_to_string(self.folder.path().join("serve.log"))?;
                return Err(Trouble::from(format!("serve ended ({end}): {log}")));
            }
            if let Ok(status) = self.link().and_then(|mut l| ask(&mut l, &Request::Status))
                && let Some(address) = submissions_of(&status)
            {
                return Ok(address);
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

fn submissions_of(status: &Value) -> Option<SocketAddr> {
    status["listens"]["submission_tls"][0]
        .as_str()?
        .parse()
        .ok()
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
