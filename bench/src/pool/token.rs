//! SoftHSM's token behind the pool, and behind a bare loop. Both run in processes of their own, for the module
//! finds its configuration by the environment.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ceralacca_core::ports::{Clock, Signer, SigningRequest, SystemClock};
use ceralacca_hsm::operations::KeyHolder;
use ceralacca_hsm::{Authority, Operations, Pkcs11Settings};
use tempfile::TempDir;

use crate::sums::Trouble;
use crate::token::{self, Token};

/// The first argument that makes this program the pool alone.
pub const INSIDE: &str = "inside-pool";
const KEY: &str = "key";
/// Requests of one call, as the certifier makes them: two calls are always under way.
const BATCH: usize = 64;
const CALLERS: usize = 2;
/// Before it counts.
const WARM: Duration = Duration::from_millis(300);
/// The PIN that [`Token`] writes.
const PIN: &str = "123456";
const SOURCE: &str = include_str!("bare.c");

/// A token with a key.
pub struct Made {
    folder: TempDir,
    token: Token,
}

/// The loop in C, built.
pub struct Bare(PathBuf);

/// What one process did.
pub struct Turn {
    signatures: f64,
    seconds: f64,
    cpu_seconds: f64,
}

impl Turn {
    /// Signatures in a second.
    pub fn rate(&self) -> f64 {
        self.signatures / self.seconds.max(1e-9)
    }

    /// CPU microseconds of each.
    pub fn cpu_us(&self) -> f64 {
        self.cpu_seconds * 1e6 / self.signatures.max(1.0)
    }

    fn read(command: &mut Command) -> Result<Self, Trouble> {
        let output = command.output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let numbers: Vec<f64> = text
            .split_whitespace()
            .filter_map(|w| w.parse().ok())
            .collect();
        match numbers[..] {
            [signatures, seconds, cpu_seconds] if output.status.success() => Ok(Self {
                signatures,
                seconds,
                cpu_seconds,
            }),
            _ => {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                Err(Trouble::from(format!("no numbers of a turn: {text}{said}")))
            }
        }
    }
}

/// Sessions of the pool, and threads of the loop.
pub fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

impl Made {
    /// Makes the token and its key.
    pub fn new() -> Result<Self, Trouble> {
        token::module()?;
        let folder = TempDir::new()?;
        let token = Token::make(folder.path())?;
        let made = Self { folder, token };
        made.command("make").map(drop)?;
        Ok(made)
    }

    /// The pool signs for so long.
    pub fn ours(&self, seconds: f64) -> Result<Turn, Trouble> {
        Turn::read(&mut self.ready(&seconds.to_string()))
    }

    /// Builds the loop in C.
    pub fn bare_loop(&self) -> Result<Bare, Trouble> {
        let (source, program) = (
            self.folder.path().join("bare.c"),
            self.folder.path().join("bare"),
        );
        std::fs::write(&source, SOURCE)?;
        let built = Command::new("cc")
            .args(["-O2", "-o"])
            .arg(&program)
            .arg(&source)
            .args(["-ldl", "-lpthread"])
            .output()
            .map_err(|_| Trouble::from("no C compiler is here: apt-get install build-essential"))?;
        if built.status.success() {
            return Ok(Bare(program));
        }
        Err(Trouble::from(
            String::from_utf8_lossy(&built.stderr).into_owned(),
        ))
    }

    fn ready(&self, what: &str) -> Command {
        let mut command = Command::new("/proc/self/exe");
        command.arg(INSIDE).arg(&self.token.pin).arg(what);
        self.token.seen_by(&mut command);
        command
    }

    fn command(&self, what: &str) -> Result<String, Trouble> {
        let output = self.ready(what).output()?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(Trouble::from(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ))
    }
}

impl Bare {
    /// It signs for so long.
    pub fn run(&self, made: &Made, seconds: f64) -> Result<Turn, Trouble> {
        let mut command = Command::new(&self.0);
        command.args([
            token::module()?,
            PIN,
            &threads().to_string(),
            &seconds.to_string(),
        ]);
        Turn::read(made.token.seen_by(&mut command))
    }
}

/// In the child: makes the key, or signs for some seconds and prints what came of it.
pub fn inside(arguments: &[String]) -> Result<(), Trouble> {
    let [pin_file, what] = arguments else {
        return Err(Trouble::from("called by the bench alone"));
    };
    let pin_file = PathBuf::from(pin_file);
    let settings = Pkcs11Settings {
        module: PathBuf::from(token::module()?),
        token: token::LABEL.to_owned(),
        pin_file: pin_file.clone(),
        key_label: KEY.to_owned(),
        sessions: threads(),
    };
    let operations = Operations::new(KeyHolder::Token(settings));
    if what == "make" {
        operations.init(Some(&pin_file))?;
        operations.keygen(KEY, 2048)?;
        return Ok(());
    }
    let seconds: f64 = what.parse().map_err(|_| "seconds are a number")?;
    let now = SystemClock.now();
    let certificate = Authority::create("Prova", now)?.signing_certificate(
        &operations.public_key(KEY)?,
        "Prova S.p.A.",
        "posta-certificata@pec.test",
        365,
        now,
    )?;
    let signer = operations.signer(KEY, Arc::new(certificate))?;
    sign_for(&*signer, WARM)?;
    let (cpu, begun) = (process_cpu_seconds(), Instant::now());
    let count = sign_for(&*signer, Duration::from_secs_f64(seconds))?;
    println!(
        "{count} {:.6} {:.6}",
        begun.elapsed().as_secs_f64(),
        process_cpu_seconds() - cpu
    );
    Ok(())
}

/// Always two batches under way.
fn sign_for(signer: &dyn Signer, time: Duration) -> Result<u64, Trouble> {
    let (begun, count, next) = (Instant::now(), AtomicU64::new(0), AtomicU64::new(0));
    let at = SystemClock.now();
    let call = || {
        while begun.elapsed() < time {
            let digest = next.fetch_add(1, Ordering::Relaxed).to_be_bytes();
            let request = SigningRequest::of(std::array::from_fn(|n| digest[n % 8]), at);
            for answer in signer.sign(&[request; BATCH]) {
                answer.map_err(|error| Trouble::from(error.to_string()))?;
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok::<(), Trouble>(())
    };
    let ends = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(call)).collect();
        callers.into_iter().map(|c| c.join()).collect::<Vec<_>>()
    });
    for end in ends {
        end.map_err(|_| Trouble::from("a caller's thread failed"))??;
    }
    Ok(count.into_inner())
}

fn process_cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
