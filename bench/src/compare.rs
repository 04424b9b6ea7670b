//! Two builds side by side by the instructions that callgrind counts in each room: they do not depend on what
//! else the machine does, so that a change of one in a hundred shows. Callgrind's processor has no AVX-512.

use std::path::{Path, PathBuf};
use std::process::Command;

use ceralacca_bench::rooms;
use serde_json::{Value, json};

use crate::sums::Trouble;

/// What to run.
#[derive(clap::Args)]
pub struct Settings {
    /// Names of the rooms.
    #[arg(long)]
    list: bool,
    /// Instead: make this room ready and repeat its work; what callgrind counts.
    #[arg(long, value_name = "NAME")]
    once: Option<String>,
    /// Repetitions with `--once`.
    #[arg(long, default_value_t = 1, requires = "once")]
    times: usize,
    /// Another build of this program, which is the base of the ratios.
    #[arg(long, value_name = "PROGRAM")]
    against: Option<PathBuf>,
    /// Only rooms whose names hold this.
    #[arg(long, default_value = "")]
    only: String,
    /// One JSON object instead of the table.
    #[arg(long)]
    json: bool,
}

/// What a room costs is the difference between these numbers of repetitions: making it ready falls out.
const FEW: usize = 2;
const MANY: usize = 12;
/// A change that wants a reason.
const CHANGE: f64 = 0.02;

/// Runs what the settings say.
pub fn run(settings: &Settings) -> Result<(), Trouble> {
    if let Some(name) = &settings.once {
        let mut work = (rooms::named(name)?.make)()?;
        repeated(&mut work, settings.times);
        return Ok(());
    }
    let all = rooms::all();
    let wanted = all.iter().filter(|room| room.name.contains(&settings.only));
    if settings.list {
        wanted.for_each(|room| println!("{}", room.name));
        return Ok(());
    }
    let own = std::env::current_exe()?;
    let mut rows = Vec::new();
    if !settings.json {
        println!(
            "{:<40} {:>14} {:>14} {:>8}",
            "instructions", "base", "this", "ratio"
        );
    }
    for room in wanted {
        let this = count(&own, room.name)?;
        let base = match &settings.against {
            Some(program) => count(program, room.name)?,
            None => None,
        };
        let row = json!({ "room": room.name, "base": base, "this": this });
        if !settings.json {
            println!("{}", line(room.name, base, this));
        }
        rows.push(row);
    }
    if settings.json {
        println!("{}", Value::from(rows));
    }
    Ok(())
}

/// Callgrind counts in here alone, and in what is called from here.
#[inline(never)]
fn repeated(work: &mut rooms::Work, times: usize) {
    for _ in 0..times {
        work();
    }
}

fn line(name: &str, base: Option<u64>, this: Option<u64>) -> String {
    let shown = |count: Option<u64>| count.map_or("-".to_owned(), |count| count.to_string());
    let ratio = match (base, this) {
        (Some(base), Some(this)) => {
            let ratio = this as f64 / base.max(1) as f64;
            let mark = if (ratio - 1.0).abs() > CHANGE {
                " !"
            } else {
                ""
            };
            format!("{ratio:.3}{mark}")
        }
        _ => "-".to_owned(),
    };
    format!(
        "{name:<40} {:>14} {:>14} {ratio:>8}",
        shown(base),
        shown(this)
    )
}

/// Instructions of one repetition; `None` where this build has no such room.
fn count(program: &Path, room: &str) -> Result<Option<u64>, Trouble> {
    let (few, many) = (counted(program, room, FEW)?, counted(program, room, MANY)?);
    Ok(few
        .zip(many)
        .map(|(few, many)| many.saturating_sub(few) / (MANY - FEW) as u64))
}

fn counted(program: &Path, room: &str, times: usize) -> Result<Option<u64>, Trouble> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("out");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=*repeated*"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .args(["rooms", "--once", room, "--times", &times.to_string()])
        .output()
        .map_err(|_| Trouble::from("valgrind is not here: apt-get install valgrind"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        if said.contains("there is no room") || said.contains("unrecognized subcommand") {
            return Ok(None);
        }
        return Err(Trouble::from(said));
    }
    let counts = std::fs::read_to_string(&out)?;
    let line = counts.lines().find_map(|line| line.strip_prefix("totals:"));
    let total = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    match total {
        Some(0) | None => Err(Trouble::from(format!("callgrind counted nothing:\n{said}"))),
        total => Ok(total),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_that_wants_a_reason_is_marked() {
        assert!(line("x", Some(1000), Some(1001)).ends_with("1.001"));
        assert!(line("x", Some(1000), Some(1100)).ends_with("1.100 !"));
        assert!(line("x", None, Some(1100)).ends_with('-'));
    }
}
