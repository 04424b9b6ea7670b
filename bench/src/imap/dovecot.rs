//! Debian's Dovecot in a folder of its own, with mdbox, TLS on a free port, and the password hashes of
//! ours; ended when dropped.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::client::Trusted;
use super::{Server, work};
use crate::process::Family;
use crate::provider::{PASSWORD, address};
use crate::sums::Trouble;

const START_WAIT: Duration = Duration::from_secs(20);
const HOW_TO: &str = "Dovecot is not here: apt-get install dovecot-imapd dovecot-pop3d";

/// The running server.
pub struct Dovecot {
    _folder: TempDir,
    master: Child,
    address: SocketAddr,
    pop3: SocketAddr,
    trusted: Trusted,
}

impl Dovecot {
    /// Makes a configuration and starts the server; needs root, as Dovecot does.
    pub fn start() -> Result<Self, Trouble> {
        let folder = TempDir::new()?;
        let root = folder.path();
        // Both held until both are known.
        let free = [
            TcpListener::bind("127.0.0.1:0")?,
            TcpListener::bind("127.0.0.1:0")?,
        ];
        let [address, pop3] = [free[0].local_addr()?, free[1].local_addr()?];
        drop(free);
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
            .args(["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=localhost", "-addext"])
            .args(["subjectAltName=DNS:localhost", "-addext"])
            .args(["basicConstraints=critical,CA:FALSE", "-keyout"])
            .arg(root.join("key.pem"))
            .arg("-out")
            .arg(root.join("certificate.pem"))
            .output()?;
        if !made.status.success() {
            return Err(Trouble::from("openssl made no certificate"));
        }
        let hash = ceralacca_core::registry::hash(PASSWORD.as_bytes());
        let hash = hash.map_err(|error| Trouble::from(error.to_string()))?;
        let user = |number| format!("{}:{{ARGON2ID}}{hash}\n", address_of(number));
        let users: String = (0..work::MAILBOXES).map(user).collect();
        std::fs::write(root.join("users"), users)?;
        std::fs::create_dir(root.join("mail"))?;
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(root.join("mail"), open)?;
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(root, open)?;
        let text = configuration(
            &root.display().to_string(),
            [address, pop3].map(|at| at.port()),
        );
        std::fs::write(root.join("dovecot.conf"), text)?;
        let master = Command::new("dovecot")
            .arg("-F")
            .arg("-c")
            .arg(root.join("dovecot.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|_| Trouble::from(HOW_TO))?;
        let trusted = Trusted::new(&root.join("certificate.pem"), "localhost")?;
        let mut server = Self {
            _folder: folder,
            master,
            address,
            pop3,
            trusted,
        };
        server.wait()?;
        Ok(server)
    }

    fn wait(&mut self) -> Result<(), Trouble> {
        let deadline = Instant::now() + START_WAIT;
        while Instant::now() < deadline {
            if let Some(end) = self.master.try_wait()? {
                return Err(Trouble::from(format!("Dovecot ended: {end}")));
            }
            if TcpStream::connect(self.address).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(Trouble::from("Dovecot does not start"))
    }
}

fn address_of(number: usize) -> String {
    address(number)
}

impl Server for Dovecot {
    fn name(&self) -> &'static str {
        "dovecot"
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn pop3(&self) -> SocketAddr {
        self.pop3
    }

    fn trusted(&self) -> &Trusted {
        &self.trusted
    }

    fn cpu_seconds(&self) -> Result<f64, Trouble> {
        Family::of(self.master.id()).cpu_seconds()
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        // SIGTERM, so that the master ends its children.
        let told = Command::new("kill")
            .arg(self.master.id().to_string())
            .status();
        if told.is_err() {
            drop(self.master.kill());
        }
        drop(self.master.wait());
    }
}

fn configuration(root: &str, [port, pop3]: [u16; 2]) -> String {
    format!(
        "protocols = imap pop3
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/log
ssl = required
ssl_cert = <{root}/certificate.pem
ssl_key = <{root}/key.pem
mail_location = mdbox:{root}/mail/%u
mail_uid = dovecot
mail_gid = dovecot
first_valid_uid = 1
mail_max_userip_connections = 1000
service imap-login {{
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = {port}
    ssl = yes
  }}
  service_count = 0
  process_min_avail = 2
}}
service pop3-login {{
  inet_listener pop3 {{
    port = 0
  }}
  inet_listener pop3s {{
    address = 127.0.0.1
    port = {pop3}
    ssl = yes
  }}
}}
service imap {{
  service_count = 100
  process_limit = 2000
}}
service auth {{
  client_limit = 4000
}}
service anvil {{
  client_limit = 4000
}}
auth_mechanisms = plain
passdb {{
  driver = passwd-file
  args = username_format=%u {root}/users
}}
userdb {{
  driver = static
  args = uid=dovecot gid=dovecot home={root}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
"
    )
}
