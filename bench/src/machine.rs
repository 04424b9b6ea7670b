//! What a run was made on: processor, memory, disk, versions, load before it began.

use std::io::{Seek, SeekFrom, Write};
use std::process::Command;
use std::time::{Duration, Instant};

use ceralacca_core::ports::{Clock, SystemClock};
use serde_json::{Map, Value, json};

use crate::sums::Trouble;

/// What our code, or its libraries, choose their ways by.
const FLAGS: [&str; 9] = [
    "adx",
    "aes",
    "avx2",
    "avx512f",
    "avx512ifma",
    "bmi2",
    "sha_ni",
    "vaes",
    "vpclmulqdq",
];
/// Who is measured beside us: a name, its program, how it tells its version.
const PEERS: [(&str, &str, &[&str]); 6] = [
    ("openssl", "openssl", &["version"]),
    ("postfix", "/usr/sbin/postconf", &["-hd", "mail_version"]),
    ("softhsm", "softhsm2-util", &["--version"]),
    ("dovecot", "dovecot", &["--version"]),
    ("cc", "cc", &["-dumpfullversion"]),
    ("rustc", "rustc", &["--version"]),
];
/// How long the disk is looked at.
const SYNC_TIME: Duration = Duration::from_secs(1);

/// The facts, as they are now.
pub fn facts() -> Result<Value, Trouble> {
    // First: what follows is a load too.
    let load = read("/proc/loadavg");
    let cpu = read("/proc/cpuinfo");
    let model = field(&cpu, "model name").unwrap_or("unknown").to_owned();
    let family = field(&cpu, "cpu family").and_then(|f| f.parse::<u32>().ok());
    let has: Vec<&str> = field(&cpu, "flags")
        .unwrap_or_default()
        .split(' ')
        .collect();
    let flags: Vec<&str> = FLAGS.into_iter().filter(|f| has.contains(f)).collect();
    let memory = read("/proc/meminfo");
    let memory = field(&memory, "MemTotal").and_then(|m| m.split(' ').next()?.parse::<u64>().ok());
    let folder = tempfile::tempdir()?;
    let peers: Map<String, Value> = PEERS
        .iter()
        .map(|(name, program, arguments)| ((*name).to_owned(), json!(said(program, arguments))))
        .collect();
    Ok(json!({
        "date": SystemClock.now().rfc3339(),
        "version": said("git", &["describe", "--always", "--dirty"]),
        "build": if cfg!(debug_assertions) { "dev" } else { "release" },
        "cpu": model,
        "cpu_family": family,
        "cores": std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        "flags": flags,
        "memory_mb": memory.map(|kilobytes| kilobytes / 1024),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "load_before": load.split(' ').next().and_then(|l| l.parse::<f64>().ok()),
        "fdatasync_per_s": syncs_per_s(folder.path(), SYNC_TIME)?.round(),
        "peers": peers,
    }))
}

/// How often in a second one thread writes a page of a file that is there already, and makes it durable.
pub fn syncs_per_s(folder: &std::path::Path, time: Duration) -> Result<f64, Trouble> {
    let mut file = std::fs::File::create(folder.join("synced"))?;
    let page = [0x5a; 4096];
    for _ in 0..256 {
        file.write_all(&page)?;
    }
    file.sync_all()?;
    let (begun, mut count) = (Instant::now(), 0_u32);
    while begun.elapsed() < time {
        file.seek(SeekFrom::Start(u64::from(count % 256) * 4096))?;
        file.write_all(&page)?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / begun.elapsed().as_secs_f64())
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim())
}

/// The first line that a program prints; `None` where it is not here.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().next().unwrap_or_default().trim().to_owned();
    (output.status.success() && !line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;

    #[test]
    fn the_facts_name_processor_and_disk() {
        let facts = facts().expect("facts");
        assert!(facts["cores"].as_u64() >= Some(1), "{facts}");
        assert!(facts["fdatasync_per_s"].as_f64() > Some(0.0), "{facts}");
        assert!(facts["memory_mb"].as_u64() > Some(100), "{facts}");
    }
}
