//! A Postfix of its own on loopback, with its own configuration, queue and log: as a host of the Internet
//! that takes mail into maildirs, and as a client that sends to others. Whatever ends the test process
//! ends it too: its wrapper waits for the end of its own input. Needs root, as Postfix does.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::program;
use crate::workspace;

/// How long Postfix may take to start, and a message to arrive.
const WAIT: Duration = Duration::from_secs(60);

/// Services of `master.cf` besides the listener.
const SERVICES: &str = "\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";

/// How it is set up.
#[derive(Debug, Clone, Default)]
pub struct PostfixSettings<'a> {
    /// Its name in greetings.
    pub host: &'a str,
    /// Mailboxes that it has; everything in their domains besides is refused.
    pub mailboxes: &'a [&'a str],
    /// Where it sends mail for other domains: domain and address.
    pub routes: &'a [(&'a str, SocketAddr)],
    /// Offers STARTTLS with a certificate of its own making.
    pub tls: bool,
    /// Lines of `main.cf` besides.
    pub more: &'a [&'a str],
}

/// A Postfix that runs; dropped, it ends.
pub struct Postfix {
    folder: tempfile::TempDir,
    address: SocketAddr,
    wrapper: Child,
}

impl Postfix {
    /// Starts it on `address`, whose port must be free.
    pub fn start(address: SocketAddr, settings: &PostfixSettings) -> Self {
        let folder = workspace::scratch();
        for name in ["conf", "queue", "data", "mail"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        open(folder.path(), 0o755);
        program::run_well(
            "chown",
            &["postfix", program::arg(&folder.path().join("data"))],
        );
        program::run_well(
            "chown",
            &["nobody", program::arg(&folder.path().join("mail"))],
        );
        let conf = folder.path().join("conf");
        let main = main_cf(folder.path(), settings);
        std::fs::write(conf.join("main.cf"), main).expect("written");
        let master = format!("{address} inet n - n - - smtpd\n{SERVICES}");
        std::fs::write(conf.join("master.cf"), master).expect("written");
        let wrapper = start(&conf, &folder.path().join("out"));
        let postfix = Self {
            folder,
            address,
            wrapper,
        };
        postfix.await_port();
        postfix
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Hands in a message as a program on its machine would; `text` with CRLF or LF.
    pub fn submit(&self, from: &str, to: &[&str], text: &str) {
        let conf = self.folder.path().join("conf");
        let mut arguments = vec!["-C", program::arg(&conf), "-i", "-f", from, "--"];
        arguments.extend(to);
        let text = text.replace("\r\n", "\n");
        let done = program::run_with_input("/usr/sbin/sendmail", &arguments, text.as_bytes());
        assert!(done.status.success(), "{}", program::said(&done));
    }

    /// The messages of a mailbox, as its maildir holds them (lines end in LF).
    pub fn mailbox(&self, address: &str) -> Vec<String> {
        let new = self.folder.path().join("mail").join(address).join("new");
        let Ok(files) = std::fs::read_dir(new) else {
            return Vec::new();
        };
        let mut paths: Vec<PathBuf> = files.map(|file| file.expect("an entry").path()).collect();
        paths.sort();
        let read = |path: &PathBuf| {
            String::from_utf8_lossy(&std::fs::read(path).expect("a message")).into_owned()
        };
        paths.iter().map(read).collect()
    }

    /// Waits until a mailbox holds `count` messages.
    pub fn wait_for(&self, address: &str, count: usize) -> Vec<String> {
        let deadline = Instant::now() + WAIT;
        loop {
            let messages = self.mailbox(address);
            if messages.len() >= count {
                return messages;
            }
            assert!(
                Instant::now() < deadline,
                "{} of {count} messages for {address}:\n{}",
                messages.len(),
                self.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn await_port(&self) {
        let deadline = Instant::now() + WAIT;
        while TcpStream::connect(self.address).is_err() {
            let out = std::fs::read_to_string(self.folder.path().join("out"));
            assert!(
                Instant::now() < deadline,
                "postfix does not answer at {}: {out:?}\n{}",
                self.address,
                self.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // The wrapper's input ends, it stops Postfix and ends too.
        drop(self.wrapper.stdin.take());
        let _ = self.wrapper.wait();
    }
}

fn start(conf: &Path, out: &Path) -> Child {
    let script = "postfix -c \"$1\" start-fg & read -r _; postfix -c \"$1\" stop; wait";
    let out = std::fs::File::create(out).expect("a file");
    let child = Command::new("sh")
        .args(["-c", script, "sh", program::arg(conf)])
        .stdin(Stdio::piped())
        .stdout(out.try_clone().expect("a handle"))
        .stderr(out)
        .spawn();
    child.expect("sh runs")
}

fn main_cf(folder: &Path, settings: &PostfixSettings) -> String {
    let at = |name: &str| program::arg(&folder.join(name)).to_owned();
    let mut text = format!(
        "compatibility_level = 3.6\nqueue_directory = {}\ndata_directory = {}\n\
         command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\n\
         mail_owner = postfix\nsetgid_group = postdrop\nmaillog_file = {}\n\
         maillog_file_prefixes = {}\nmyhostname = {}\ninet_interfaces = 127.0.0.1\n\
         inet_protocols = ipv4\nmynetworks = 127.0.0.0/8\nmydestination =\nalias_maps =\n\
         append_dot_mydomain = no\nsmtputf8_enable = no\nsmtp_dns_support_level = disabled\n\
         message_size_limit = 60000000\nmailbox_size_limit = 0\nvirtual_mailbox_limit = 0\n",
        at("queue"),
        at("data"),
        at("log"),
        folder.display(),
        settings.host,
    );
    let domains = settings
        .mailboxes
        .iter()
        .filter_map(|box_| box_.split('@').nth(1));
    let domains: std::collections::BTreeSet<&str> = domains.collect();
    let maildirs = settings
        .mailboxes
        .iter()
        .map(|name| format!("{{{name} = {name}/}}"));
    let _ = writeln!(
        text,
        "virtual_mailbox_domains = {}",
        Vec::from_iter(domains).join(" ")
    );
    let _ = writeln!(text, "virtual_mailbox_base = {}", at("mail"));
    if !settings.mailboxes.is_empty() {
        let maildirs: Vec<String> = maildirs.collect();
        let _ = writeln!(
            text,
            "virtual_mailbox_maps = inline:{{ {} }}",
            maildirs.join(", ")
        );
    }
    text.push_str("virtual_minimum_uid = 1\nvirtual_uid_maps = static:65534\n");
    text.push_str("virtual_gid_maps = static:65534\n");
    if !settings.routes.is_empty() {
        let route = |(domain, to): &(&str, SocketAddr)| {
            format!("{{{domain} = smtp:[{}]:{}}}", to.ip(), to.port())
        };
        let routes: Vec<String> = settings.routes.iter().map(route).collect();
        let _ = writeln!(text, "transport_maps = inline:{{ {} }}", routes.join(", "));
        text.push_str("smtp_tls_security_level = may\n");
    }
    if settings.tls {
        let (key, chain) = (at("key"), at("chain"));
        let subject = format!("/CN={}", settings.host);
        program::run_well(
            "openssl",
            &[
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", &subject,
                "-keyout", &key, "-out", &chain,
            ],
        );
        let _ = writeln!(
            text,
            "smtpd_tls_security_level = may\nsmtpd_tls_cert_file = {chain}"
        );
        let _ = writeln!(text, "smtpd_tls_key_file = {key}");
    }
    for line in settings.more {
        let _ = writeln!(text, "{line}");
    }
    text
}

fn open(folder: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode)).expect("a mode");
}
