//! Debian's Postfix in a folder of its own (configuration, queue, data, log, mailboxes), on free ports of
//! loopback, ended when dropped: SMTP under TLS in, a virtual maildir out, with all the syncs of its
//! defaults. Nothing of the machine's own Postfix is read or touched. It needs root, as Postfix does.

mod conf;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use ceralacca_admin::client::Trust;
use tempfile::TempDir;

use crate::chain::Other;
use crate::load::{self, Door, Load};
use crate::process::Family;
use crate::provider::address;
use crate::sums::Trouble;

const START_WAIT: Duration = Duration::from_secs(30);
/// Without a delivery for so long, something is wrong.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How often mailboxes are counted: seldom, for it costs the machine something.
const POLL: Duration = Duration::from_millis(50);
const HOW_TO: &str = "Postfix is not here: apt-get install postfix";
const DAEMONS: &str = "/usr/lib/postfix/sbin/master";

/// The running server.
pub struct Postfix {
    folder: TempDir,
    wrapper: Child,
    door: Door,
    which: Other,
}

/// What one load cost.
pub struct PostfixTurn {
    /// From the first submission until the last message was in its maildir.
    pub messages_per_s: f64,
    /// CPU of all its processes for each message.
    pub cpu_us: f64,
}

impl Postfix {
    /// Writes a configuration, starts it, and warms it with a message for each connection.
    pub fn start(which: Other, load: Load) -> Result<Self, Trouble> {
        if !Path::new(DAEMONS).exists() {
            return Err(Trouble::from(HOW_TO));
        }
        if !rustix::process::geteuid().is_root() {
            return Err(Trouble::from(
                "Postfix starts as root only: run this as root",
            ));
        }
        let folder = TempDir::new()?;
        let free = [
            TcpListener::bind("127.0.0.1:0")?,
            TcpListener::bind("127.0.0.1:0")?,
        ];
        let [entrance, back] = [free[0].local_addr()?, free[1].local_addr()?];
        conf::write(folder.path(), which, entrance, back)?;
        let trust = Trust::from_pem_file(&folder.path().join("certificate.pem"), conf::HOST)?;
        drop(free);
        let door = Door {
            address: entrance,
            trust,
            password: None,
        };
        let mut postfix = Self {
            wrapper: start(folder.path())?,
            folder,
            door,
            which,
        };
        postfix.wait_for_port(entrance)?;
        postfix.turn(Load {
            messages: load.connections,
            ..load
        })?;
        Ok(postfix)
    }

    /// In the table.
    pub fn name(&self) -> &'static str {
        match self.which {
            Other::Postfix => "postfix",
            Other::Filter => "filter",
        }
    }

    /// Gives it a load, and waits for the last delivery.
    pub fn turn(&mut self, load: Load) -> Result<PostfixTurn, Trouble> {
        let mailboxes: Vec<PathBuf> = (0..load.recipients)
            .map(|r| address(load.connections + r))
            .map(|mailbox| self.folder.path().join("mail").join(mailbox).join("new"))
            .collect();
        let before = delivered(&mailboxes);
        let family = Family::of(self.wrapper.id());
        let begin = || Ok((family.cpu_seconds()?, SystemTime::now()));
        let ((cpu, begun), _) = load::run(&self.door, load, begin)?;
        let wanted = before + load.messages * load.recipients;
        let (mut last, mut last_news) = (0, Instant::now());
        loop {
            let now = delivered(&mailboxes);
            if now >= wanted {
                break;
            }
            if now != last {
                (last, last_news) = (now, Instant::now());
            }
            if last_news.elapsed() > SILENCE_MAX {
                let words = format!("Postfix delivered {now} of {wanted}:\n{}", self.log());
                return Err(Trouble::from(words));
            }
            std::thread::sleep(POLL);
        }
        // To the last file's own time, not to that at which it was counted.
        let taken = newest(&mailboxes)?.duration_since(begun);
        let seconds = taken.map_err(|_| "the clock went back")?.as_secs_f64();
        let messages = load.messages as f64;
        Ok(PostfixTurn {
            messages_per_s: messages / seconds,
            cpu_us: (family.cpu_seconds()? - cpu) * 1e6 / messages,
        })
    }

    /// The end of its log.
    fn log(&self) -> String {
        let text = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }

    fn wait_for_port(&mut self, port: SocketAddr) -> Result<(), Trouble> {
        let deadline = Instant::now() + START_WAIT;
        while TcpStream::connect(port).is_err() {
            if Instant::now() > deadline || self.wrapper.try_wait()?.is_some() {
                let out = std::fs::read_to_string(self.folder.path().join("out"));
                let (out, log) = (out.unwrap_or_default(), self.log());
                return Err(Trouble::from(format!(
                    "Postfix does not start: {out}\n{log}"
                )));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // The wrapper's input ends, it stops Postfix and ends too.
        drop(self.wrapper.stdin.take());
        drop(self.wrapper.wait());
    }
}

/// Whatever ends this process ends Postfix too: its wrapper waits for the end of its own input.
fn start(folder: &Path) -> Result<Child, Trouble> {
    let script = "postfix -c \"$1\" start-fg & read -r _; postfix -c \"$1\" stop; wait";
    let out = std::fs::File::create(folder.join("out"))?;
    let child = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(folder.join("conf"))
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::piped())
        .stdout(out.try_clone()?)
        .stderr(out)
        .spawn();
    Ok(child?)
}

/// Messages in these maildirs.
/// When the last message was written.
fn newest(mailboxes: &[PathBuf]) -> Result<SystemTime, Trouble> {
    let mut newest = SystemTime::UNIX_EPOCH;
    for entry in mailboxes
        .iter()
        .filter_map(|new| std::fs::read_dir(new).ok())
    {
        for file in entry {
            newest = newest.max(file?.metadata()?.modified()?);
        }
    }
    Ok(newest)
}

fn delivered(mailboxes: &[PathBuf]) -> usize {
    let count = |folder: &PathBuf| std::fs::read_dir(folder).map_or(0, Iterator::count);
    mailboxes.iter().map(count).sum()
}
