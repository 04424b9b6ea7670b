//! A real clamd in a folder of its own: its own sockets, its own database with one signature, no
//! freshclam. The test string of EICAR is put together at run time, so that no file here trips a scanner.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::workspace;

/// What clamd calls the test string; it adds `.UNOFFICIAL` to names of a house's own databases.
pub const DETECTION: &str = "Prova.Test.EICAR.UNOFFICIAL";

/// How long it may take to answer.
const START_WAIT: Duration = Duration::from_secs(60);

/// The harmless string that every scanner finds.
pub fn eicar() -> Vec<u8> {
    let halves = [
        "X5O!P%@AP[4\\PZX54(P^)7CC)7}$",
        "EICAR-STANDARD-ANTIVIRUS",
        "-TEST-FILE!$H+H*",
    ];
    halves.concat().into_bytes()
}

/// A clamd, while the value lives.
pub struct Clamd {
    folder: tempfile::TempDir,
    port: u16,
    more: String,
    running: Option<Running>,
}

struct Running {
    child: Child,
    guard: Child,
}

impl Clamd {
    /// Starts one that streams up to 40 MB and alerts on what is over its bounds.
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// As [`Self::start`]; `more` are lines before its configuration.
    pub fn start_with(more: &str) -> Self {
        let folder = workspace::scratch();
        std::fs::create_dir(folder.path().join("db")).expect("made");
        let hex = data_encoding::HEXLOWER.encode(&eicar());
        let signature = format!("Prova.Test.EICAR:0:*:{hex}\n");
        std::fs::write(folder.path().join("db/prova.ndb"), signature).expect("written");
        let mut clamd = Self {
            folder,
            port: free_port(),
            more: more.to_owned(),
            running: None,
        };
        clamd.run();
        clamd
    }

    /// The path of its Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("clamd.ctl")
    }

    /// Its Unix socket as the settings write it.
    pub fn address(&self) -> String {
        format!("clamd:{}", self.socket().display())
    }

    /// Its port as the settings write it.
    pub fn tcp_address(&self) -> String {
        format!("clamd:127.0.0.1:{}", self.port)
    }

    /// Starts it again after [`Self::kill`].
    pub fn run(&mut self) {
        assert!(self.running.is_none(), "it runs already");
        let _ = std::fs::remove_file(self.socket());
        let conf = self.folder.path().join("clamd.conf");
        std::fs::write(&conf, self.configuration()).expect("written");
        let log = std::fs::File::create(self.folder.path().join("log")).expect("a log");
        let child = Command::new(program())
            .arg("--config-file")
            .arg(&conf)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("clamd cannot run: run make setup");
        let guard = crate::appliance::guard(child.id(), self.folder.path());
        self.running = Some(Running { child, guard });
        let end = Instant::now() + START_WAIT;
        while !self.answers() {
            assert!(
                Instant::now() < end,
                "clamd does not answer:\n{}",
                self.log()
            );
            let running = self.running.as_mut().expect("just started");
            let ended = running.child.try_wait().expect("a child of ours");
            assert!(ended.is_none(), "clamd: {ended:?}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            drop(running.guard.kill());
            drop(running.guard.wait());
            drop(running.child.kill());
            drop(running.child.wait());
        }
    }

    /// `kill -STOP`, or `-CONT`: it takes connections and says nothing.
    pub fn signal(&self, name: &str) {
        let pid = self.running.as_ref().expect("it runs").child.id();
        crate::program::run_well("kill", &[name, &pid.to_string()]);
    }

    fn configuration(&self) -> String {
        let (folder, port) = (self.folder.path().display(), self.port);
        let more = &self.more;
        // The first of two lines about one thing counts.
        format!(
            "{more}\nForeground yes\nLocalSocket {folder}/clamd.ctl\nTCPSocket {port}\n\
             TCPAddr 127.0.0.1\nDatabaseDirectory {folder}/db\nTemporaryDirectory {folder}\n\
             SelfCheck 0\nStreamMaxLength 40M\nAlertExceedsMax yes\nMaxScanSize 60M\n\
             MaxFileSize 400M\n"
        )
    }

    fn answers(&self) -> bool {
        let ping = || -> std::io::Result<bool> {
            let mut stream = UnixStream::connect(self.socket())?;
            stream.write_all(b"zPING\0")?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer)?;
            Ok(answer == b"PONG\0")
        };
        ping().unwrap_or(false)
    }

    fn log(&self) -> String {
        let octets = std::fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&octets).into_owned()
    }
}

impl Drop for Clamd {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Debian keeps daemons out of the path of users.
fn program() -> PathBuf {
    let usual = PathBuf::from("/usr/sbin/clamd");
    if usual.exists() {
        usual
    } else {
        "clamd".into()
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// A zip archive of one entry, whose content is stored as `method` says (0 stored, 8 deflated).
pub fn zip(name: &str, plain: &[u8], (method, packed): (u16, &[u8]), flags: u16) -> Vec<u8> {
    let (plain_size, size) = (plain.len() as u32, packed.len() as u32);
    let crc = crc32(plain);
    let mut shared = Vec::new();
    for field in [20, flags, method, 0, 0x21] {
        shared.extend_from_slice(&u16::to_le_bytes(field));
    }
    for field in [crc, size, plain_size] {
        shared.extend_from_slice(&field.to_le_bytes());
    }
    shared.extend_from_slice(&(name.len() as u16).to_le_bytes());
    let mut out = b"PK\x03\x04".to_vec();
    out.extend_from_slice(&shared);
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(packed);
    let directory = out.len() as u32;
    out.extend_from_slice(b"PK\x01\x02\x14\x00");
    out.extend_from_slice(&shared);
    out.extend_from_slice(&[0; 16]);
    out.extend_from_slice(name.as_bytes());
    let length = out.len() as u32 - directory;
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&directory.to_le_bytes());
    out.extend_from_slice(&[0, 0]);
    out
}

/// An archive whose entry is stored.
pub fn stored_zip(name: &str, plain: &[u8]) -> Vec<u8> {
    zip(name, plain, (0, plain), 0)
}

/// `deep` archives, one in the other.
pub fn nested_zip(deep: usize) -> Vec<u8> {
    let innermost = stored_zip("a.txt", b"niente");
    (1..deep).fold(innermost, |inner, _| stored_zip("a.zip", &inner))
}

/// An archive that says it is encrypted, as old zip programs do; its content is noise.
pub fn encrypted_zip() -> Vec<u8> {
    let noise: Vec<u8> = (0..80u32).map(|n| (n * 97 % 251) as u8).collect();
    zip("segreto.txt", &noise[12..], (0, &noise), 1)
}

fn crc32(octets: &[u8]) -> u32 {
    let step = |crc: u32, octet: &u8| {
        (0..8).fold(crc ^ u32::from(*octet), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    };
    !octets.iter().fold(!0, step)
}

/// A MIME part with `octets` in base64.
pub fn attachment(name: &str, media: &str, octets: &[u8]) -> String {
    let encoded = data_encoding::BASE64.encode(octets);
    let lines: Vec<&str> = encoded
        .as_bytes()
        .chunks(76)
        .map(|line| std::str::from_utf8(line).expect("base64 is ASCII"))
        .collect();
    format!(
        "Content-Type: {media}; name=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename=\"{name}\"\r\n\r\n{}\r\n",
        lines.join("\r\n")
    )
}
