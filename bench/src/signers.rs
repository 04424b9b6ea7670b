//! The vector signer beside aws-lc-rs and OpenSSL: CPU time of one signature on one thread, taken in turns in one
//! run; that its signatures are the same; and whether its time depends on what is signed.

use std::process::Command;
use std::time::{Duration, Instant};

use ceralacca_hsm::SoftwareKey;
use ceralacca_hsm::vector::{LANES, is_supported};
use serde_json::{Value, json};

use crate::rows::Row;
use crate::sums::Trouble;

/// What to run.
#[derive(clap::Args)]
pub struct Settings {
    /// Sizes of keys.
    #[arg(long, value_delimiter = ',', default_values_t = [2048, 3072, 4096])]
    bits: Vec<usize>,
    /// Seconds for each of the three, in turns.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Instead: compare so many signatures of random messages and fresh keys with those of aws-lc-rs.
    #[arg(long, value_name = "N")]
    check: Option<usize>,
    /// Instead: measure so many batches for whether their time depends on the messages.
    #[arg(long, value_name = "N", conflicts_with = "check")]
    timing: Option<usize>,
    /// One JSON object instead of the table.
    #[arg(long)]
    json: bool,
}

/// A new key after so many messages, when comparing.
const MESSAGES_PER_KEY: usize = 4096;
/// Length of a turn.
const TURN: Duration = Duration::from_millis(250);
/// Above it two classes of times differ more than chance explains (dudect: Reparaz, Balasch, Verbauwhede 2017).
const T_MAX: f64 = 4.5;
/// Signatures of a core, over the others'.
const RATIO_MIN: f64 = 2.5;

/// Runs what the settings say.
pub fn run(settings: &Settings) -> Result<(), Trouble> {
    if !is_supported() {
        return Err(Trouble::from("this processor has no AVX-512 IFMA"));
    }
    if let Some(count) = settings.check {
        return check(&settings.bits, count);
    }
    if let Some(batches) = settings.timing {
        return timing(&settings.bits, batches);
    }
    let mut rows = Vec::new();
    for &bits in &settings.bits {
        rows.push(compare(bits, Duration::from_secs(settings.seconds))?);
    }
    if settings.json {
        println!("{}", json!({ "signers": rows }));
        return Ok(());
    }
    println!("CPU microseconds per signature on one thread, and their ratios");
    println!(
        "{:>5} {:>9} {:>10} {:>9} {:>12} {:>12}",
        "RSA", "vector", "aws-lc-rs", "openssl", "x aws-lc-rs", "x openssl"
    );
    for row in &rows {
        let number = |key: &str| row[key].as_f64().unwrap_or(f64::NAN);
        println!(
            "{:>5} {:>9.1} {:>10.1} {:>9.1} {:>12.2} {:>12.2}",
            row["bits"].as_u64().unwrap_or(0),
            number("vector_us"),
            number("aws_lc_us"),
            number("openssl_us"),
            number("over_aws_lc"),
            number("over_openssl"),
        );
    }
    Ok(())
}

/// The row of RSA-2048, `seconds` for each of the three.
pub fn measure(seconds: u64) -> Result<Vec<Row>, Trouble> {
    if !is_supported() {
        return Err(Trouble::from("this processor has no AVX-512 IFMA"));
    }
    let found = compare(2048, Duration::from_secs(seconds))?;
    let over = |key: &str| found[key].as_f64().unwrap_or(0.0);
    let row = |what: &str, value| Row::new("signers", what, "times", value).at_least(RATIO_MIN);
    Ok(vec![
        row("RSA-2048: vector over aws-lc-rs", over("over_aws_lc")).from(found.clone()),
        row("RSA-2048: vector over openssl speed", over("over_openssl")),
    ])
}

/// Turn by turn, so that all meet the same machine.
fn compare(bits: usize, time: Duration) -> Result<Value, Trouble> {
    let key = SoftwareKey::generate(bits)?;
    let vector = key.for_vectors()?;
    let mut work = vector.work()?;
    let messages: [&[u8]; LANES] = [b"what a signature covers"; LANES];
    let (mut by_vector, mut by_aws_lc) = (Spent::default(), Spent::default());
    let begun = Instant::now();
    while begun.elapsed() < time * 2 {
        by_vector.turn(LANES, || drop(vector.sign(&mut work, &messages)));
        by_aws_lc.turn(1, || drop(key.sign(messages[0])));
    }
    let openssl = openssl_us(bits, time)?;
    let (vector_us, aws_lc_us) = (by_vector.us(), by_aws_lc.us());
    Ok(json!({
        "bits": bits,
        "vector_us": vector_us,
        "aws_lc_us": aws_lc_us,
        "openssl_us": openssl,
        "over_aws_lc": aws_lc_us / vector_us,
        "over_openssl": openssl / vector_us,
    }))
}

/// CPU time and what it bought.
#[derive(Default)]
struct Spent {
    seconds: f64,
    signatures: usize,
}

impl Spent {
    fn turn(&mut self, each: usize, mut sign: impl FnMut()) {
        let (begun, cpu) = (Instant::now(), cpu_seconds());
        while begun.elapsed() < TURN {
            sign();
            self.signatures += each;
        }
        self.seconds += cpu_seconds() - cpu;
    }

    fn us(&self) -> f64 {
        self.seconds * 1e6 / self.signatures.max(1) as f64
    }
}

/// CPU time of this thread.
fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// `openssl speed` counts user CPU time by itself.
fn openssl_us(bits: usize, time: Duration) -> Result<f64, Trouble> {
    let seconds = time.as_secs().max(1).to_string();
    let output = Command::new("openssl")
        .args(["speed", "-mr", "-seconds", &seconds, &format!("rsa{bits}")])
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // `+F2:1:2048:4577.5:77519.0`: signatures and verifications per second of CPU time.
    let line = text.lines().find(|line| line.starts_with("+F2:"));
    let sign = line.and_then(|line| line.split(':').nth(3)?.parse::<f64>().ok());
    sign.filter(|rate| *rate > 0.0)
        .map(|rate| 1e6 / rate)
        .ok_or_else(|| Trouble::from(format!("openssl speed says no times: {text}")))
}

fn random(octets: &mut [u8]) -> Result<(), Trouble> {
    getrandom::fill(octets).map_err(|error| Trouble::from(error.to_string()))
}

fn check(sizes: &[usize], count: usize) -> Result<(), Trouble> {
    for &bits in sizes {
        let mut done = 0;
        while done < count {
            let key = SoftwareKey::generate(bits)?;
            let vector = key.for_vectors()?;
            let mut work = vector.work()?;
            let until = count.min(done + MESSAGES_PER_KEY);
            while done < until {
                let mut drawn = [[0; 32]; LANES];
                for message in &mut drawn {
                    random(message)?;
                }
                let messages: Vec<&[u8]> = drawn.iter().map(|m| m.as_slice()).collect();
                for (message, made) in messages.iter().zip(vector.sign(&mut work, &messages)) {
                    if made != key.sign(message)? {
                        let words = format!("RSA-{bits}: another signature for {message:02x?}");
                        return Err(Trouble::from(words));
                    }
                }
                done += LANES;
            }
        }
        println!("RSA-{bits}: {done} signatures are those of aws-lc-rs");
    }
    Ok(())
}

/// dudect's way: the same messages or random ones, by chance; Welch's t over the times below a few cuts, as
/// interrupts lie above them.
fn timing(sizes: &[usize], batches: usize) -> Result<(), Trouble> {
    for &bits in sizes {
        let key = SoftwareKey::generate(bits)?;
        let vector = key.for_vectors()?;
        let mut work = vector.work()?;
        let fixed = [[0x5a; 32]; LANES];
        let mut times: [Vec<f64>; 2] = Default::default();
        for _ in 0..batches {
            let mut drawn = [[0; 32]; LANES];
            for message in &mut drawn {
                random(message)?;
            }
            let mut coin = [0];
            random(&mut coin)?;
            let class = usize::from(coin[0] & 1);
            let octets = if class == 0 { &fixed } else { &drawn };
            let messages: Vec<&[u8]> = octets.iter().map(|m| m.as_slice()).collect();
            let begun = Instant::now();
            drop(vector.sign(&mut work, &messages));
            times[class].push(begun.elapsed().as_nanos() as f64);
        }
        let mut all: Vec<f64> = times.concat();
        all.sort_by(f64::total_cmp);
        let mut worst = 0.0_f64;
        for percent in [50, 75, 90, 99] {
            let cut = all[(all.len() - 1) * percent / 100];
            let t = welch(&times[0], &times[1], cut);
            println!(
                "RSA-{bits}: t = {t:+.2} over the times below {:.0} us ({percent} %)",
                cut / 1e3
            );
            worst = worst.max(t.abs());
        }
        let verdict = if worst > T_MAX {
            "differ: measure again on an idle machine"
        } else {
            "are alike"
        };
        println!(
            "RSA-{bits}: times of fixed and random messages {verdict} (|t| {worst:.2}, bound {T_MAX})"
        );
    }
    Ok(())
}

fn welch(a: &[f64], b: &[f64], cut: f64) -> f64 {
    let facts = |times: &[f64]| {
        let kept: Vec<f64> = times.iter().copied().filter(|t| *t <= cut).collect();
        let count = kept.len().max(2) as f64;
        let mean = kept.iter().sum::<f64>() / count;
        let variance = kept.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    };
    let ((mean_a, error_a), (mean_b, error_b)) = (facts(a), facts(b));
    (mean_a - mean_b) / (error_a + error_b).sqrt().max(f64::MIN_POSITIVE)
}
